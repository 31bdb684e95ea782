//! How large the matrices of a run are, and how many rounds it has at most.

use super::compute::first_rows;
use aidragon_primitives::challenge::{MatrixSize, Prover, ROUNDS_MAX};
use std::time::{Duration, Instant};

/// Rows that each thread computes when a machine tries how fast it is: some milliseconds.
const TRIAL_ROWS: usize = 64;
/// How often each size is tried; the fastest counts.
const TRIALS: u32 = 3;

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
				let speeds = MatrixSize::ALL.map(|size| operations_per_second(size, threads));
				let size = best_size(speeds, time, memory_mib);
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
fn best_size(operations_per_second: [f64; 5], time: Duration, memory_mib: u32) -> MatrixSize {
	let operations = |size: MatrixSize| {
		let speed = operations_per_second[size as usize];
		let in_time = speed * time.as_secs_f64() / size.round_operations() as f64;
		// `as` stops at the largest number. One round is given away, as blocks that come early shorten the time.
		let rounds = (in_time as u32).saturating_sub(1).min(rounds_kept(size, memory_mib));
		u128::from(rounds) * u128::from(size.round_operations())
	};
	// Of equals `max_by_key` takes the last.
	MatrixSize::ALL
		.into_iter()
		.rev()
		.max_by_key(|size| operations(*size))
		.unwrap_or(MatrixSize::N512)
}

/// Tries how fast this machine is at a size, with matrices that no challenge will ask for.
fn operations_per_second(size: MatrixSize, threads: u16) -> f64 {
	// The largest matrices take long to make; their speed is taken to be that of those before.
	let tried = size.min(MatrixSize::N4096);
	let prover = Prover::new([0; 32], tried);
	let rows = (TRIAL_ROWS * usize::from(threads.max(1))).min(tried.rows());
	let part = rows as f64 / tried.rows() as f64;
	let try_once = |_| {
		let begun = Instant::now();
		let computed = first_rows(&prover, rows, threads);
		let seconds = begun.elapsed().as_secs_f64();
		computed.map_or(0.0, |_| part * tried.round_operations() as f64 / seconds)
	};
	// A trial is so short that whatever else the machine does can spoil one.
	(0..TRIALS).map(try_once).fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
	use super::*;

	const WINDOW: Duration = Duration::from_secs(9);

	#[test]
	fn a_faster_machine_takes_larger_matrices() {
		let size = |gops: f64| best_size([gops * 1e9; 5], WINDOW, 1 << 20);
		assert_eq!(size(1.0), MatrixSize::N512);
		assert_eq!(size(100.0), MatrixSize::N1024);
		assert_eq!(size(1_000.0), MatrixSize::N2048);
		assert_eq!(size(100_000.0), MatrixSize::N8192);
	}

	#[test]
	fn less_memory_takes_larger_matrices() {
		let size = |memory_mib| best_size([100e9; 5], WINDOW, memory_mib);
		assert_eq!(size(4_096), MatrixSize::N1024);
		assert_eq!(size(400), MatrixSize::N2048);
		assert_eq!(size(128), MatrixSize::N4096);
	}

	#[test]
	fn the_size_at_which_the_machine_is_faster_is_taken() {
		let gops = [60.0, 100.0, 140.0, 139.0, 139.0].map(|gops| gops * 1e9);
		assert_eq!(best_size(gops, WINDOW, 1 << 20), MatrixSize::N2048);
		assert_eq!(best_size([0.0; 5], WINDOW, 1 << 20), MatrixSize::N512);
	}

	#[test]
	fn every_size_has_a_speed() {
		for size in MatrixSize::ALL {
			assert!(operations_per_second(size, 2) > 0.0, "{size:?}");
		}
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
