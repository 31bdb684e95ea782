//! Work for a challenge, under way on threads of its own.

use super::Pace;
use aidragon_primitives::{verification::Work, BlockNumber, Hash32};
use std::{
	sync::{
		atomic::{AtomicBool, AtomicU32, Ordering},
		Arc, Mutex, MutexGuard, PoisonError,
	},
	time::Instant,
};
use tokio::task::JoinHandle;

/// What the threads of some work see of the outside, and let it see.
pub(super) struct Progress {
	stop: Arc<AtomicBool>,
	pace: Arc<Mutex<Pace>>,
	done: Arc<AtomicU32>,
}

impl Progress {
	/// The time at which the work has to be done.
	pub(super) fn stop_at(&self) -> Instant {
		lock(&self.pace).stop_at()
	}

	/// Whether nobody wants the work any more.
	pub(super) fn is_stopped(&self) -> bool {
		self.stop.load(Ordering::Relaxed)
	}

	/// Shows how much is done: rounds, or MiB.
	pub(super) fn set_done(&self, done: u32) {
		self.done.store(done, Ordering::Relaxed);
	}
}

/// Work under way. Dropping it stops it soon.
pub struct Doing {
	/// The seed that it computes from.
	pub seed: Hash32,
	stop: Arc<AtomicBool>,
	pace: Arc<Mutex<Pace>>,
	done: Arc<AtomicU32>,
	/// Resolves to the finished work; to `None` where it could not be done.
	pub handle: JoinHandle<Option<Work>>,
}

impl Doing {
	pub(super) fn start(
		seed: Hash32,
		pace: Pace,
		work: impl FnOnce(&Progress) -> Option<Work> + Send + 'static,
	) -> Self {
		let progress = Progress {
			stop: Arc::default(),
			pace: Arc::new(Mutex::new(pace)),
			done: Arc::default(),
		};
		let (stop, pace, done) =
			(progress.stop.clone(), progress.pace.clone(), progress.done.clone());
		let handle = tokio::task::spawn_blocking(move || work(&progress));
		Self { seed, stop, pace, done, handle }
	}

	/// How much is done: rounds, or MiB.
	pub fn done(&self) -> u32 {
		self.done.load(Ordering::Relaxed)
	}

	/// Notes the arrival of a block, which may bring the end forward.
	pub fn block_arrived(&self, best: BlockNumber, now: Instant) {
		lock(&self.pace).block_arrived(best, now);
	}

	#[cfg(test)]
	pub(super) fn stop_flag(&self) -> Arc<AtomicBool> {
		self.stop.clone()
	}
}

impl Drop for Doing {
	fn drop(&mut self) {
		self.stop.store(true, Ordering::Relaxed);
	}
}

fn lock(pace: &Mutex<Pace>) -> MutexGuard<'_, Pace> {
	pace.lock().unwrap_or_else(PoisonError::into_inner)
}
