//! Work for a challenge: under way on threads of its own, and done.

use super::Pace;
use aidragon_primitives::{
	audit::Entries,
	challenge::{self, Openings, Prover},
	memory::{self, Filled, MemoryOpenings},
	verification::{Answer, Committed},
	BlockNumber, Hash32,
};
use std::{
	sync::{
		atomic::{AtomicBool, AtomicU32, Ordering},
		Arc, Mutex, MutexGuard, PoisonError,
	},
	time::Instant,
};
use tokio::task::JoinHandle;

/// What was computed, with all that openings take.
pub enum Work {
	/// A run of rounds.
	Run(Box<Prover>),
	/// A fill of memory.
	Fill(Box<Filled>),
}

impl Work {
	/// What to commit to; `None` where not a single round was finished.
	pub fn committed(&self) -> Option<Committed> {
		match self {
			Self::Run(prover) => (prover.rounds() > 0).then(|| Committed::Run(prover.commitment())),
			Self::Fill(filled) => Some(Committed::Fill(filled.commitment())),
		}
	}

	/// Opens what `beacon` draws. `None` where this is not that work.
	pub fn answer(&self, committed: &Committed, beacon: &Hash32) -> Option<Answer> {
		if self.committed().as_ref() != Some(committed) {
			return None;
		}
		match (self, committed) {
			(Self::Run(prover), Committed::Run(run)) => {
				let drawn = challenge::positions(beacon, run);
				let opened: Option<Vec<_>> =
					drawn.iter().map(|position| prover.open(position)).collect();
				Openings::try_from(opened?).ok().map(Answer::Run)
			}
			(Self::Fill(filled), Committed::Fill(fill)) => {
				let drawn = memory::positions(beacon, fill);
				let opened: Option<Vec<_>> =
					drawn.into_iter().map(|index| filled.open(index)).collect();
				MemoryOpenings::try_from(opened?).ok().map(Answer::Fill)
			}
			_ => None,
		}
	}
}

impl Work {
	/// Opens what an audit draws by `beacon`. `None` where the work does not hold it.
	pub fn archive(&self, beacon: &Hash32) -> Option<Entries> {
		match self {
			Self::Run(prover) => Entries::of_run(prover, beacon),
			Self::Fill(filled) => Entries::of_fill(filled, beacon),
		}
	}
}

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
