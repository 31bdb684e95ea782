//! How large the matrices of a run are, and how many rounds it has at most.

use super::compute::run_round;
use aidragon_primitives::challenge::{MatrixSize, Prover, ROUNDS_MAX};
use std::time::{Duration, Instant};

/// For how long a machine tries how fast it is.
const TRIAL: Duration = Duration::from_millis(50);

/// How far a run goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
	/// As far as there is time, with all states in this much memory.
	Most {
		/// The memory, in MiB.
		memory_mib: u32,
	},
	/// To a given end, as for a run that is computed again.
	Exactly {
		/// Rows and columns of the matrices.
		size: MatrixSize,
		/// The rounds.
		rounds: u32,
	},
}

impl Extent {
	/// The size of the matrices, and the rounds after which the run ends.
	pub(super) fn plan(self, threads: u16, time: Duration) -> (MatrixSize, u32) {
		match self {
			Self::Exactly { size, rounds } => (size, rounds),
			Self::Most { memory_mib } => {
				let size = best_size(operations_per_second(threads), time, memory_mib);
				(size, rounds_kept(size, memory_mib))
			}
		}
	}
}

/// Rounds whose states fit the memory.
pub(super) fn rounds_kept(size: MatrixSize, memory_mib: u32) -> u32 {
	let states = (u64::from(memory_mib) << 20) / size.state_bytes() as u64;
	// The state before the first round is kept too.
	u32::try_from(states.saturating_sub(1)).unwrap_or(u32::MAX).min(ROUNDS_MAX)
}

/// The size with which most operations are done in that time and memory; the smallest where it makes no difference,
/// because a smaller round ends closer to the deadline.
fn best_size(operations_per_second: f64, time: Duration, memory_mib: u32) -> MatrixSize {
	let operations = |size: MatrixSize| {
		let in_time = operations_per_second * time.as_secs_f64() / size.round_operations() as f64;
		// `as` stops at the largest number, and a round that is not finished does not count.
		let rounds = (in_time as u32).min(rounds_kept(size, memory_mib));
		u128::from(rounds) * u128::from(size.round_operations())
	};
	// Of equals `max_by_key` takes the last.
	MatrixSize::ALL
		.into_iter()
		.rev()
		.max_by_key(|size| operations(*size))
		.unwrap_or(MatrixSize::N512)
}

/// Tries how fast this machine is, with matrices that no challenge will ask for.
fn operations_per_second(threads: u16) -> f64 {
	let size = MatrixSize::N1024;
	let mut prover = Prover::new([0; 32], size);
	let begun = Instant::now();
	while begun.elapsed() < TRIAL && run_round(&mut prover, threads) {}
	let operations = f64::from(prover.rounds()) * size.round_operations() as f64;
	operations / begun.elapsed().as_secs_f64()
}

#[cfg(test)]
mod tests {
	use super::*;

	const WINDOW: Duration = Duration::from_secs(9);

	#[test]
	fn a_faster_machine_takes_larger_matrices() {
		let size = |gops: f64| best_size(gops * 1e9, WINDOW, 1 << 20);
		assert_eq!(size(1.0), MatrixSize::N512);
		assert_eq!(size(100.0), MatrixSize::N1024);
		assert_eq!(size(1_000.0), MatrixSize::N2048);
		assert_eq!(size(100_000.0), MatrixSize::N8192);
	}

	#[test]
	fn less_memory_takes_larger_matrices() {
		let size = |memory_mib| best_size(100e9, WINDOW, memory_mib);
		assert_eq!(size(4_096), MatrixSize::N1024);
		assert_eq!(size(400), MatrixSize::N2048);
		assert_eq!(size(128), MatrixSize::N4096);
	}

	#[test]
	fn states_fit_the_memory() {
		for (size, memory_mib) in [(MatrixSize::N512, 100), (MatrixSize::N4096, 1_000)] {
			let rounds = rounds_kept(size, memory_mib) as usize;
			assert!((rounds + 1) * size.state_bytes() <= 1_048_576 * memory_mib as usize);
			assert!((rounds + 2) * size.state_bytes() > 1_048_576 * memory_mib as usize);
		}
		assert_eq!(rounds_kept(MatrixSize::N512, u32::MAX), ROUNDS_MAX);
		assert_eq!(rounds_kept(MatrixSize::N8192, 1), 0);
	}

	#[test]
	fn a_run_that_is_computed_again_ends_where_it_ended() {
		let again = Extent::Exactly { size: MatrixSize::N4096, rounds: 7 };
		assert_eq!(again.plan(2, Duration::ZERO), (MatrixSize::N4096, 7));
	}
}
