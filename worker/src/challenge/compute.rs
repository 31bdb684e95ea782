//! Runs the rounds on all processors that are sold.

use super::{extent::Extent, Doing, Pace};
use aidragon_kernels::fastest;
use aidragon_primitives::{
	challenge::{NextRows, Prover},
	verification::Work,
	Hash32,
};
use std::{
	thread,
	time::{Duration, Instant},
};

/// What ends a run.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
	/// How far it goes.
	pub extent: Extent,
	/// Threads that share the multiplication.
	pub threads: u16,
	/// The time at which it ends.
	pub pace: Pace,
}

/// Starts a run from `seed`. Dropping it stops it after the round that it is in.
pub fn start_run(seed: Hash32, limits: Limits) -> Doing {
	Doing::start(seed, limits.pace, move |progress| {
		let time = progress.stop_at().saturating_duration_since(Instant::now());
		let (size, rounds) = limits.extent.plan(limits.threads, time);
		let mut prover = Prover::new(seed, size);
		let mut longest = Duration::ZERO;
		while prover.rounds() < rounds && !progress.is_stopped() {
			let begun = Instant::now();
			// A round that would end after the time is not begun.
			if begun + longest >= progress.stop_at() {
				break;
			}
			if !run_round(&mut prover, limits.threads) {
				break;
			}
			progress.set_done(prover.rounds());
			longest = longest.max(begun.elapsed());
		}
		Some(Work::Run(Box::new(prover)))
	})
}

/// Runs one round on so many threads; false once there are as many rounds as can count.
pub(super) fn run_round(prover: &mut Prover, threads: u16) -> bool {
	match first_rows(prover, prover.size().rows(), threads) {
		Some(parts) => prover.complete_round(parts),
		// A thread that could not do its part; this one does all of it.
		None => prover.run_round(fastest()),
	}
}

/// The first rows of the next state, computed on so many threads.
pub(super) fn first_rows(prover: &Prover, rows: usize, threads: u16) -> Option<Vec<NextRows>> {
	let rows_of_part = rows.div_ceil(usize::from(threads.max(1)).min(rows));
	thread::scope(|scope| {
		let part = |first: usize| {
			let range = first..(first + rows_of_part).min(rows);
			scope.spawn(move || prover.next_rows(fastest(), range))
		};
		let workers: Vec<_> = (0..rows).step_by(rows_of_part).map(part).collect();
		workers.into_iter().map(|worker| worker.join().ok()).collect()
	})
}

#[cfg(test)]
mod tests {
	use super::*;
	use aidragon_primitives::{
		challenge::{MatrixSize, Portable},
		merkle::Software,
		verification::{check, Committed},
	};

	fn limits(rounds: u32, threads: u16) -> Limits {
		// A deadline so far away that the rounds decide.
		let pace = Pace::new(1_000, 0, Instant::now());
		Limits { extent: Extent::Exactly { size: MatrixSize::N512, rounds }, threads, pace }
	}

	#[tokio::test]
	async fn threads_share_a_run_without_changing_it() {
		let mut alone = Prover::new([7; 32], MatrixSize::N512);
		assert!(alone.run_round(&Portable) && alone.run_round(&Portable));
		let expected = Some(Committed::Run(alone.commitment()));
		for threads in [1, 2, 3, 7] {
			let mut run = start_run([7; 32], limits(2, threads));
			let work = (&mut run.handle).await.unwrap().unwrap();
			assert_eq!(work.committed(), expected, "{threads} threads");
			assert_eq!(run.done(), 2);
		}
	}

	#[tokio::test]
	async fn openings_of_a_run_verify() {
		let mut run = start_run([7; 32], limits(3, 2));
		let work = (&mut run.handle).await.unwrap().unwrap();
		let committed = work.committed().unwrap();
		let answer = work.answer(&[5; 32]).unwrap();
		assert_eq!(check::<Software>(&[7; 32], &committed, &[5; 32], &answer), Ok(()));
	}

	#[tokio::test]
	async fn a_run_ends_by_its_time_and_when_it_is_dropped() {
		let late = Limits { pace: Pace::new(3, 2, Instant::now()), ..limits(9, 1) };
		let mut run = start_run([7; 32], late);
		let work = (&mut run.handle).await.unwrap().unwrap();
		assert_eq!((work.committed(), run.done()), (None, 0));
		let run = start_run([7; 32], limits(u32::MAX, 1));
		let stopped = run.stop_flag();
		drop(run);
		assert!(stopped.load(std::sync::atomic::Ordering::Relaxed));
	}
}
