//! Honest runs pass, forged ones do not.

use super::*;
use codec::Encode;

fn run(rounds: u32) -> Prover {
	let mut prover = Prover::new([7; 32]);
	for _ in 0..rounds {
		prover.run_round();
	}
	prover
}

#[test]
fn every_opening_of_an_honest_run_verifies() {
	for rounds in [1, 2, 5] {
		let prover = run(rounds);
		let commitment = prover.commitment();
		assert_eq!(commitment.rounds, rounds);
		for position in positions(&[1; 32], &commitment) {
			let opening = prover.open(&position).unwrap();
			assert_eq!(verify(&[7; 32], &commitment, &position, &opening), Ok(()), "{position:?}");
		}
	}
}

#[test]
fn a_changed_element_is_refused() {
	let prover = run(3);
	let commitment = prover.commitment();
	let position = Position { round: 2, row: 70, column: 9 };
	let mut opening = prover.open(&position).unwrap();
	opening.leaf_after[70 % LEAF_BYTES] ^= 1;
	assert_eq!(verify(&[7; 32], &commitment, &position, &opening), Err(OpeningError::StateAfter));
}

#[test]
fn a_run_with_a_skipped_round_is_refused() {
	// The forger commits to a state that it did not compute, with a tree that is consistent.
	let mut prover = run(1);
	prover.complete_round(&vec![0; MATRIX_SIZE * MATRIX_SIZE]);
	let commitment = prover.commitment();
	let caught = positions(&[3; 32], &commitment)
		.into_iter()
		.filter(|position| position.round == 1)
		.map(|position| verify(&[7; 32], &commitment, &position, &prover.open(&position).unwrap()))
		.filter(|outcome| *outcome == Err(OpeningError::Element))
		.count();
	assert!(caught > 0);
}

#[test]
fn an_opening_does_not_serve_another_place_seed_or_root() {
	let prover = run(3);
	let commitment = prover.commitment();
	let position = Position { round: 1, row: 5, column: 6 };
	let opening = prover.open(&position).unwrap();
	let check = |seed: [u8; 32], commitment: &Commitment, position: Position| {
		verify(&seed, commitment, &position, &opening)
	};
	assert_eq!(check([7; 32], &commitment, position), Ok(()));
	assert!(check([8; 32], &commitment, position).is_err());
	assert!(check([7; 32], &commitment, Position { row: 4, ..position }).is_err());
	assert!(check([7; 32], &commitment, Position { column: 7, ..position }).is_err());
	assert!(check([7; 32], &commitment, Position { round: 2, ..position }).is_err());
	assert!(check([7; 32], &Commitment { root: [0; 32], ..commitment }, position).is_err());
	assert!(check([7; 32], &Commitment { rounds: 9, ..commitment }, position).is_err());
}

#[test]
fn malformed_openings_are_errors_and_not_panics() {
	let prover = run(2);
	let commitment = prover.commitment();
	let position = Position { round: 1, row: 0, column: 0 };
	let good = prover.open(&position).unwrap();
	let short_row = Opening { row_before: vec![0; 3], ..good.clone() };
	let short_leaf = Opening { leaf_after: vec![], ..good.clone() };
	let no_path = Opening { leaf_path: Default::default(), ..good };
	for (opening, error) in [
		(short_row, OpeningError::Malformed),
		(short_leaf, OpeningError::Malformed),
		(no_path, OpeningError::StateAfter),
		(Opening::default(), OpeningError::Malformed),
	] {
		assert_eq!(verify(&[7; 32], &commitment, &position, &opening), Err(error));
	}
	assert_eq!(prover.open(&Position { round: 2, ..position }), None);
}

#[test]
fn all_openings_of_the_longest_run_fit_64_kib() {
	let longest = Opening {
		row_before: vec![0; MATRIX_SIZE],
		row_path: crate::merkle::MerklePath(vec![[0; 32]; ROWS_HEIGHT as usize]),
		before_path: crate::merkle::MerklePath(vec![[0; 32]; rounds_height(ROUNDS_MAX) as usize]),
		leaf_after: vec![0; LEAF_BYTES],
		leaf_path: crate::merkle::MerklePath(vec![[0; 32]; (ROWS_HEIGHT + ROW_HEIGHT) as usize]),
		after_path: crate::merkle::MerklePath(vec![[0; 32]; rounds_height(ROUNDS_MAX) as usize]),
	};
	assert!(longest.encoded_size() * OPENINGS as usize <= 64 << 10);
}

#[test]
fn score_is_operations_over_the_chains_time() {
	assert_eq!(throughput_mops(0, 4), 0);
	// 100 rounds of 2·512³ operations in 4 blocks of 3 s.
	assert_eq!(throughput_mops(100, 4), 2_236);
	assert_eq!(positions(&[0; 32], &Commitment { rounds: 0, root: [0; 32] }), vec![]);
}
