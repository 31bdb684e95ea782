//! Honest runs pass, forged ones do not.

use super::*;
use crate::merkle::{MerklePath, Software, LEAF_BYTES};
use codec::Encode;

const SEED: Hash32 = [7; 32];
const SIZE: MatrixSize = MatrixSize::N512;

fn run(size: MatrixSize, rounds: u32) -> Prover {
	let mut prover = Prover::new(SEED, size);
	for _ in 0..rounds {
		assert!(prover.run_round(&Portable));
	}
	prover
}

#[test]
fn every_opening_of_an_honest_run_verifies() {
	for (size, rounds) in [(SIZE, 1), (SIZE, 2), (SIZE, 5), (MatrixSize::N1024, 2)] {
		let prover = run(size, rounds);
		let commitment = prover.commitment();
		assert_eq!((commitment.size, commitment.rounds), (size, rounds));
		for position in positions(&[1; 32], &commitment) {
			let opening = prover.open(&position).unwrap();
			assert_eq!(
				verify::<Software>(&SEED, &commitment, &position, &opening),
				Ok(()),
				"{position:?}"
			);
		}
	}
}

#[test]
fn a_round_may_be_computed_in_parts_of_any_length() {
	let whole = run(SIZE, 2).commitment();
	let mut prover = run(SIZE, 1);
	let bounds = [0, 1, 130, 300, 512];
	let parts = bounds.windows(2).map(|part| prover.next_rows(&Portable, part[0]..part[1]));
	let parts = parts.collect();
	assert!(prover.complete_round(parts));
	assert_eq!(prover.commitment(), whole);
	let incomplete = prover.next_rows(&Portable, 0..511);
	assert!(!prover.complete_round(vec![incomplete]));
	assert_eq!(prover.commitment(), whole);
}

#[test]
fn a_changed_element_is_refused() {
	let prover = run(SIZE, 3);
	let commitment = prover.commitment();
	let position = Position { round: 2, row: 270, column: 9 };
	let mut opening = prover.open(&position).unwrap();
	opening.leaf_after[270 % LEAF_BYTES] ^= 1;
	assert_eq!(
		verify::<Software>(&SEED, &commitment, &position, &opening),
		Err(OpeningError::StateAfter)
	);
}

#[test]
fn an_opening_does_not_serve_another_place_seed_or_root() {
	let prover = run(SIZE, 3);
	let commitment = prover.commitment();
	let position = Position { round: 1, row: 5, column: 6 };
	let opening = prover.open(&position).unwrap();
	let check = |seed: Hash32, commitment: Commitment, position: Position| {
		verify::<Software>(&seed, &commitment, &position, &opening)
	};
	assert_eq!(check(SEED, commitment, position), Ok(()));
	assert!(check([8; 32], commitment, position).is_err());
	assert!(check(SEED, commitment, Position { row: 4, ..position }).is_err());
	assert!(check(SEED, commitment, Position { column: 7, ..position }).is_err());
	assert!(check(SEED, commitment, Position { round: 2, ..position }).is_err());
	assert!(check(SEED, Commitment { root: [0; 32], ..commitment }, position).is_err());
	assert!(check(SEED, Commitment { rounds: 9, ..commitment }, position).is_err());
	let size = MatrixSize::N1024;
	assert!(check(SEED, Commitment { size, ..commitment }, position).is_err());
}

#[test]
fn malformed_openings_are_errors_and_not_panics() {
	let prover = run(SIZE, 2);
	let commitment = prover.commitment();
	let position = Position { round: 1, row: 0, column: 0 };
	let good = prover.open(&position).unwrap();
	let short_row = Opening { row_before: vec![0; 3], ..good.clone() };
	let long_row = Opening { row_before: vec![0; 1024], ..good.clone() };
	let short_leaf = Opening { leaf_after: vec![0; 64], ..good.clone() };
	let no_path = Opening { leaf_path: Default::default(), ..good };
	for (opening, error) in [
		(short_row, OpeningError::Malformed),
		(long_row, OpeningError::Malformed),
		(short_leaf, OpeningError::Malformed),
		(no_path, OpeningError::StateAfter),
		(Opening::default(), OpeningError::Malformed),
	] {
		assert_eq!(verify::<Software>(&SEED, &commitment, &position, &opening), Err(error));
	}
	for outside in [
		Position { round: 2, ..position },
		Position { row: 512, ..position },
		Position { column: 512, ..position },
	] {
		assert_eq!(prover.open(&outside), None);
	}
}

#[test]
fn all_openings_of_the_longest_run_fit_64_kib() {
	let path = |levels: u32| MerklePath(vec![[0; 32]; levels as usize]);
	for size in MatrixSize::ALL {
		let longest = Opening {
			row_before: vec![0; size.rows()],
			row_path: path(size.rows_height()),
			before_path: path(rounds_height(ROUNDS_MAX)),
			leaf_after: vec![0; LEAF_BYTES],
			leaf_path: path(size.rows_height() + size.row_height()),
			after_path: path(rounds_height(ROUNDS_MAX)),
		};
		assert!(longest.encoded_size() <= size.opening_bytes_max() as usize, "{size:?}");
		assert!(longest.encoded_size() + 4 >= size.opening_bytes_max() as usize, "{size:?}");
		assert!(size.openings() * size.opening_bytes_max() <= OPENINGS_BYTES_MAX);
	}
}

#[test]
fn score_is_operations_over_the_chains_time() {
	let commitment = |size, rounds| Commitment { size, rounds, root: [0; 32] };
	assert_eq!(commitment(SIZE, 0).throughput_mops(4), 0);
	// 100 rounds of 2·512³ operations in 4 blocks of 3 s.
	assert_eq!(commitment(SIZE, 100).throughput_mops(4), 2_236);
	assert_eq!(commitment(MatrixSize::N8192, ROUNDS_MAX).throughput_mops(4), 187_649_984);
	assert_eq!(positions(&[0; 32], &commitment(SIZE, 0)), vec![]);
}
