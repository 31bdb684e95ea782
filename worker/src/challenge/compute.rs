//! Runs the rounds on all processors that are sold.

use super::{extent::Extent, Pace};
use aidragon_kernels::fastest;
use aidragon_primitives::{
	challenge::{positions, Commitment, NextRows, Openings, Prover},
	BlockNumber, Hash32,
};
use std::{
	sync::{
		atomic::{AtomicBool, AtomicU32, Ordering},
		Arc, Mutex,
	},
	thread,
	time::{Duration, Instant},
};
use tokio::task::JoinHandle;

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

/// A run on threads of its own.
pub struct Run {
	/// The seed that it computes from.
	pub seed: Hash32,
	stop: Arc<AtomicBool>,
	pace: Arc<Mutex<Pace>>,
	rounds: Arc<AtomicU32>,
	/// Resolves to the finished run.
	pub handle: JoinHandle<Prover>,
}

impl Run {
	/// Rounds that are finished.
	pub fn rounds(&self) -> u32 {
		self.rounds.load(Ordering::Relaxed)
	}

	/// Notes the arrival of a block, which may bring the end forward.
	pub fn block_arrived(&self, best: BlockNumber, now: Instant) {
		lock(&self.pace).block_arrived(best, now);
	}
}

impl Drop for Run {
	fn drop(&mut self) {
		self.stop.store(true, Ordering::Relaxed);
	}
}

/// Starts a run from `seed`. Dropping it stops it after the round that it is in.
pub fn start(seed: Hash32, limits: Limits) -> Run {
	let stop = Arc::new(AtomicBool::new(false));
	let pace = Arc::new(Mutex::new(limits.pace));
	let rounds_done = Arc::new(AtomicU32::new(0));
	let (stopped, paced, counter) = (stop.clone(), pace.clone(), rounds_done.clone());
	let handle = tokio::task::spawn_blocking(move || {
		let time = lock(&paced).stop_at().saturating_duration_since(Instant::now());
		let (size, rounds) = limits.extent.plan(limits.threads, time);
		let mut prover = Prover::new(seed, size);
		let mut longest = Duration::ZERO;
		while prover.rounds() < rounds && !stopped.load(Ordering::Relaxed) {
			let begun = Instant::now();
			// A round that would end after the time is not begun.
			if begun + longest >= lock(&paced).stop_at() {
				break;
			}
			if !run_round(&mut prover, limits.threads) {
				break;
			}
			counter.store(prover.rounds(), Ordering::Relaxed);
			longest = longest.max(begun.elapsed());
		}
		prover
	});
	Run { seed, stop, pace, rounds: rounds_done, handle }
}

/// Opens the elements that `beacon` draws. `None` where `prover` does not hold that run.
pub fn open_all(prover: &Prover, commitment: &Commitment, beacon: &Hash32) -> Option<Openings> {
	if prover.commitment() != *commitment {
		return None;
	}
	let opened: Option<Vec<_>> =
		positions(beacon, commitment).iter().map(|position| prover.open(position)).collect();
	Openings::try_from(opened?).ok()
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

fn lock(pace: &Mutex<Pace>) -> std::sync::MutexGuard<'_, Pace> {
	pace.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
	use super::*;
	use aidragon_primitives::{
		challenge::{verify, MatrixSize, Portable},
		merkle::Software,
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
		for threads in [1, 2, 3, 7] {
			let mut run = start([7; 32], limits(2, threads));
			let prover = (&mut run.handle).await.unwrap();
			assert_eq!(prover.commitment(), alone.commitment(), "{threads} threads");
			assert_eq!(run.rounds(), 2);
		}
	}

	#[tokio::test]
	async fn openings_of_a_run_verify() {
		let mut run = start([7; 32], limits(3, 2));
		let prover = (&mut run.handle).await.unwrap();
		let commitment = prover.commitment();
		let openings = open_all(&prover, &commitment, &[5; 32]).unwrap();
		for (position, opening) in positions(&[5; 32], &commitment).iter().zip(&openings) {
			assert_eq!(verify::<Software>(&[7; 32], &commitment, position, opening), Ok(()));
		}
		let other = Commitment { rounds: 2, ..commitment };
		assert_eq!(open_all(&prover, &other, &[6; 32]), None);
	}

	#[tokio::test]
	async fn a_run_ends_by_its_time_and_when_it_is_dropped() {
		let mut run =
			start([7; 32], Limits { pace: Pace::new(3, 2, Instant::now()), ..limits(9, 1) });
		assert_eq!((&mut run.handle).await.unwrap().rounds(), 0);
		assert_eq!(run.rounds(), 0);
		let run = start([7; 32], limits(u32::MAX, 1));
		let stop = run.stop.clone();
		drop(run);
		assert!(stop.load(Ordering::Relaxed));
	}
}
