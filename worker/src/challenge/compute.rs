//! Runs the rounds on all processors that are sold.

use super::Pace;
use aidragon_primitives::{
	challenge::{positions, Commitment, Openings, Prover, MATRIX_SIZE, ROUNDS_MAX},
	BlockNumber, Hash32,
};
use std::{
	sync::{
		atomic::{AtomicBool, Ordering},
		Arc, Mutex,
	},
	thread,
	time::{Duration, Instant},
};
use tokio::task::JoinHandle;

/// What ends a run.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
	/// Rounds after which it ends.
	pub rounds: u32,
	/// Threads that share the multiplication.
	pub threads: u16,
	/// The time at which it ends.
	pub pace: Pace,
}

impl Limits {
	/// Limits of a run for the score: as many rounds as there is time and memory for.
	pub fn for_score(threads: u16, memory_mib: u32, pace: Pace) -> Self {
		// A state takes a quarter of a MiB; half of what is sold may be filled with them.
		Self { rounds: ROUNDS_MAX.min(memory_mib.saturating_mul(2)), threads, pace }
	}
}

/// A run on threads of its own.
pub struct Run {
	/// The seed that it computes from.
	pub seed: Hash32,
	stop: Arc<AtomicBool>,
	pace: Arc<Mutex<Pace>>,
	/// Resolves to the finished run.
	pub handle: JoinHandle<Prover>,
}

impl Run {
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
	let (stopped, paced) = (stop.clone(), pace.clone());
	let handle = tokio::task::spawn_blocking(move || {
		let mut prover = Prover::new(seed);
		let mut longest = Duration::ZERO;
		while prover.rounds() < limits.rounds && !stopped.load(Ordering::Relaxed) {
			let begun = Instant::now();
			// A round that would end after the time is not begun.
			if begun + longest >= lock(&paced).stop_at() {
				break;
			}
			run_round(&mut prover, limits.threads);
			longest = longest.max(begun.elapsed());
		}
		prover
	});
	Run { seed, stop, pace, handle }
}

/// Opens the elements that `beacon` draws. `None` where `prover` does not hold that run.
pub fn open_all(prover: &Prover, commitment: &Commitment, beacon: &Hash32) -> Option<Openings> {
	let opened: Option<Vec<_>> =
		positions(beacon, commitment).iter().map(|position| prover.open(position)).collect();
	Openings::try_from(opened?).ok()
}

fn run_round(prover: &mut Prover, threads: u16) {
	let threads = usize::from(threads.max(1)).min(MATRIX_SIZE);
	if threads == 1 {
		return prover.run_round();
	}
	let rows = MATRIX_SIZE.div_ceil(threads);
	let shared = &*prover;
	let parts: Vec<Option<Vec<i8>>> = thread::scope(|scope| {
		let part = |first: usize| {
			let range = first..(first + rows).min(MATRIX_SIZE);
			scope.spawn(move || shared.multiply(range))
		};
		let workers: Vec<_> = (0..MATRIX_SIZE).step_by(rows).map(part).collect();
		workers.into_iter().map(|worker| worker.join().ok()).collect()
	});
	match parts.into_iter().collect::<Option<Vec<_>>>() {
		Some(parts) => prover.complete_round(&parts.concat()),
		// A thread that could not do its part; this one does all of it.
		None => prover.run_round(),
	}
}

fn lock(pace: &Mutex<Pace>) -> std::sync::MutexGuard<'_, Pace> {
	pace.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
	use super::*;
	use aidragon_primitives::challenge::verify;

	fn limits(rounds: u32, threads: u16) -> Limits {
		// A deadline so far away that the rounds decide.
		Limits { rounds, threads, pace: Pace::new(1_000, 0, Instant::now()) }
	}

	#[tokio::test]
	async fn threads_share_a_run_without_changing_it() {
		let mut alone = Prover::new([7; 32]);
		alone.run_round();
		alone.run_round();
		for threads in [2, 3, 7] {
			let mut run = start([7; 32], limits(2, threads));
			let prover = (&mut run.handle).await.unwrap();
			assert_eq!(prover.commitment(), alone.commitment(), "{threads} threads");
		}
	}

	#[tokio::test]
	async fn openings_of_a_run_verify() {
		let mut run = start([7; 32], limits(3, 2));
		let prover = (&mut run.handle).await.unwrap();
		let commitment = prover.commitment();
		let openings = open_all(&prover, &commitment, &[5; 32]).unwrap();
		for (position, opening) in positions(&[5; 32], &commitment).iter().zip(&openings) {
			assert_eq!(verify(&[7; 32], &commitment, position, opening), Ok(()));
		}
		let other = Commitment { rounds: 9, ..commitment };
		assert_eq!(open_all(&prover, &other, &[6; 32]), None);
	}

	#[tokio::test]
	async fn a_run_ends_by_its_time_and_when_it_is_dropped() {
		let mut run =
			start([7; 32], Limits { pace: Pace::new(3, 2, Instant::now()), ..limits(9, 1) });
		assert_eq!((&mut run.handle).await.unwrap().rounds(), 0);
		let run = start([7; 32], limits(u32::MAX, 1));
		let stop = run.stop.clone();
		drop(run);
		assert!(stop.load(Ordering::Relaxed));
	}

	#[test]
	fn memory_bounds_the_rounds_that_are_kept() {
		let pace = Pace::new(9, 0, Instant::now());
		assert_eq!(Limits::for_score(2, 8_192, pace).rounds, ROUNDS_MAX);
		assert_eq!(Limits::for_score(2, 100, pace).rounds, 200);
	}
}
