//! What a machine may try instead of computing a challenge, against the verifier that the chain runs.

use aidragon_primitives::{
	challenge::{
		positions, verify, Commitment, Kernel, MatrixSize, NextRows, Opening, Portable, Position,
		Prover,
	},
	merkle::Software,
	Hash32,
};

const SIZE: MatrixSize = MatrixSize::N512;
const SEED: Hash32 = [7; 32];
/// Draws of elements over which a chance is measured.
const DRAWS: u32 = 400;

/// The beacon of draw `draw`.
fn beacon(draw: u32) -> Hash32 {
	let mut beacon = [draw as u8; 32];
	beacon[..4].copy_from_slice(&draw.to_le_bytes());
	beacon
}

fn honest(seed: Hash32, rounds: u32) -> Prover {
	let mut prover = Prover::new(seed, SIZE);
	for _ in 0..rounds {
		assert!(prover.run_round(&Portable));
	}
	prover
}

/// Noise that follows from nothing the verifier knows.
fn noise(rows: usize, salt: u32) -> NextRows {
	let mut state = u64::from(salt) + 1;
	let elements = (0..rows * SIZE.rows()).map(|_| {
		state =
			state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
		(state >> 56) as i8
	});
	NextRows::new(SIZE, elements.collect())
}

/// Whether all elements that `beacon` draws verify.
fn passes(prover: &Prover, commitment: &Commitment, beacon: &Hash32) -> bool {
	positions(beacon, commitment).iter().all(|position| {
		let opening = prover.open(position).unwrap_or_default();
		verify::<Software>(&SEED, commitment, position, &opening).is_ok()
	})
}

/// How many of [`DRAWS`] draws catch a run.
fn times_caught(prover: &Prover, commitment: &Commitment) -> u32 {
	(0..DRAWS).filter(|draw| !passes(prover, commitment, &beacon(*draw))).count() as u32
}

/// Fails unless a run of which a part `wrong` is false is caught as often as `1 − (1 − wrong)^q` says, within four
/// standard deviations.
fn assert_caught_as_often_as_the_formula_says(caught: u32, wrong: f64) {
	let chance = 1.0 - (1.0 - wrong).powi(SIZE.openings() as i32);
	let (expected, draws) = (chance * f64::from(DRAWS), f64::from(DRAWS));
	let deviation = (draws * chance * (1.0 - chance)).sqrt().max(0.5);
	let off = (f64::from(caught) - expected).abs();
	assert!(
		off <= 4.0 * deviation,
		"caught {caught} of {DRAWS}, expected {expected:.1} ± {deviation:.1}"
	);
	eprintln!(
		"{:4.1} % false: caught {caught} of {DRAWS}, expected {expected:.1} ± {deviation:.1}",
		100.0 * wrong
	);
}

#[test]
fn p7_random_entries_are_caught_as_often_as_the_formula_says() {
	let rows = SIZE.rows();
	for percent in [2, 5, 10, 25] {
		let forged = rows * percent / 100;
		let mut prover = Prover::new(SEED, SIZE);
		for round in 0..4 {
			let rest = prover.next_rows(&Portable, forged..rows);
			assert!(prover.complete_round(vec![noise(forged, round), rest]));
		}
		let caught = times_caught(&prover, &prover.commitment());
		// One random element in 256 is right.
		let wrong = forged as f64 / rows as f64 * 255.0 / 256.0;
		assert_caught_as_often_as_the_formula_says(caught, wrong);
	}
}

/// A multiplication that saves work by a shortcut.
struct Shortcut(fn(size: usize, row: &[i8], column: &[i8]) -> i32);

impl Kernel for Shortcut {
	fn name(&self) -> &'static str {
		"shortcut"
	}

	fn multiply(&self, size: usize, rows: &[i8], columns: &[i8], sums: &mut [i32]) {
		let pairs = columns
			.chunks_exact(size)
			.flat_map(|column| rows.chunks_exact(size).map(move |row| (row, column)));
		for (sum, (row, column)) in sums.iter_mut().zip(pairs) {
			*sum = (self.0)(size, row, column);
		}
	}
}

fn dot(row: &[i8], column: &[i8]) -> i32 {
	row.iter().zip(column).map(|(a, b)| i32::from(*a) * i32::from(*b)).sum()
}

#[test]
fn p7_structured_shortcuts_are_caught_at_once() {
	let shortcuts: [(&str, Shortcut); 3] = [
		("all but the last of the products", Shortcut(|n, row, column| dot(&row[..n - 1], column))),
		(
			"half of the products, doubled",
			Shortcut(|n, row, column| 2 * dot(&row[..n / 2], column)),
		),
		// As if `W` had rank one: the sum of the row times the first weight.
		(
			"a matrix of rank one",
			Shortcut(|_, row, column| {
				row.iter().map(|x| i32::from(*x)).sum::<i32>() * i32::from(column[0])
			}),
		),
	];
	for (name, shortcut) in shortcuts {
		let mut prover = Prover::new(SEED, SIZE);
		assert!(prover.run_round(&shortcut));
		assert!(prover.run_round(&shortcut));
		let caught = times_caught(&prover, &prover.commitment());
		assert_eq!(caught, DRAWS, "{name}");
	}
}

#[test]
fn p7_one_corrupted_round_is_found_and_makes_only_one_other_trivial() {
	let rounds = 8;
	let mut prover = honest(SEED, 3);
	let zeros = NextRows::new(SIZE, vec![0; SIZE.state_bytes()]);
	assert!(prover.complete_round(vec![zeros]));
	let products = |prover: &Prover| {
		struct Counting(std::sync::atomic::AtomicBool);
		impl Kernel for Counting {
			fn name(&self) -> &'static str {
				"counting"
			}
			fn multiply(&self, size: usize, rows: &[i8], columns: &[i8], sums: &mut [i32]) {
				Portable.multiply(size, rows, columns, sums);
				if sums.iter().any(|sum| *sum != 0) {
					self.0.store(true, std::sync::atomic::Ordering::Relaxed);
				}
			}
		}
		let kernel = Counting(Default::default());
		prover.next_rows(&kernel, 0..SIZE.rows());
		kernel.0.into_inner()
	};
	// From zeros, the next state is noise alone; the noise makes the one after that work again.
	assert!(!products(&prover));
	assert!(prover.run_round(&Portable));
	assert!(products(&prover));
	while prover.rounds() < rounds {
		assert!(prover.run_round(&Portable));
	}
	let caught = times_caught(&prover, &prover.commitment());
	assert_caught_as_often_as_the_formula_says(caught, 255.0 / 256.0 / f64::from(rounds));
}

#[test]
fn p7_more_rounds_than_were_run_are_found_even_with_states_used_twice() {
	let mut prover = honest(SEED, 4);
	let ran_less = Commitment { rounds: 8, ..prover.commitment() };
	assert_eq!(times_caught(&prover, &ran_less), DRAWS);
	let mut copy = Prover::new(SEED, SIZE);
	for _ in 0..4 {
		// The states of the four honest rounds once more, in the same order.
		let again = copy.next_rows(&Portable, 0..SIZE.rows());
		assert!(prover.complete_round(vec![again.clone()]));
		assert!(copy.complete_round(vec![again]));
	}
	let caught = times_caught(&prover, &prover.commitment());
	// One element in 256 is right by chance.
	assert_caught_as_often_as_the_formula_says(caught, 0.5 * 255.0 / 256.0);
}

#[test]
fn p7_work_from_any_other_seed_is_worthless() {
	// Another machine's run, an old one, or one prepared before the beacon: each has a seed of its own.
	let other = honest([8; 32], 4);
	assert_eq!(times_caught(&other, &other.commitment()), DRAWS);
}

#[test]
fn p7_openings_of_other_elements_are_worthless() {
	let prover = honest(SEED, 4);
	let commitment = prover.commitment();
	let size = SIZE.rows() as u32;
	let mut differing = 0;
	for draw in 0..DRAWS {
		let drawn = positions(&beacon(draw), &commitment)[0];
		let right = prover.open(&drawn);
		let near = [
			Position { round: (drawn.round + 1) % 4, ..drawn },
			Position { row: (drawn.row + 1) % size, ..drawn },
			Position { column: (drawn.column + 1) % size, ..drawn },
		];
		// Neighbours in a leaf of the first round share an opening: its state before is not sent.
		for other in near.iter().map(|other| prover.open(other)).filter(|other| *other != right) {
			let other: Opening = other.expect("it lies in the run");
			assert!(verify::<Software>(&SEED, &commitment, &drawn, &other).is_err(), "{drawn:?}");
			differing += 1;
		}
	}
	assert!(differing > 2 * DRAWS);
}

#[test]
fn p7_what_was_computed_is_what_is_paid() {
	let commitment = honest(SEED, 2).commitment();
	let larger = Commitment { size: MatrixSize::N1024, ..commitment };
	assert_eq!(larger.throughput_mops(4) / 8, commitment.throughput_mops(4));
	let prover = honest(SEED, 2);
	assert_eq!(times_caught(&prover, &larger), DRAWS);
}
