//! Fills the memory that is sold, on all processors that are sold.

use super::{Doing, Pace};
use crate::machine::available_memory_mib;
use aidragon_primitives::{
	memory::{opening_bytes_max, Fill, Segment, MEMORY_SLICES, MEMORY_STEP_MIB},
	verification::Work,
	Hash32,
};
use serde::Serialize;
use std::{
	fmt,
	sync::Mutex,
	thread,
	time::{Duration, Instant},
};

/// Memory that a fill leaves to everything else, in MiB.
const RESERVE_MIB: u64 = 256;
/// Memory with which a machine tries how fast it fills, in MiB: more than its caches hold.
const TRIAL_MIB: u32 = 64;
/// The part of the time that is planned with: a large fill is slower than the trial.
const TIME_PART: f64 = 0.6;

/// How much of `sold_mib` a fill can take now. What is not there cannot be proved.
pub fn fillable_mib(sold_mib: u32) -> u32 {
	let available = available_memory_mib().unwrap_or(0).saturating_sub(RESERVE_MIB);
	let most = u32::try_from(available).unwrap_or(u32::MAX).min(sold_mib);
	most - most % MEMORY_STEP_MIB
}

/// How much a fill takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
	/// As much as there is time for, up to so many MiB.
	Most(u32),
	/// So many MiB, as for a fill that is computed again.
	Exactly(u32),
}

impl Amount {
	fn plan(self, threads: u16, time: Duration) -> Option<u32> {
		match self {
			Self::Exactly(memory_mib) => Some(memory_mib),
			Self::Most(memory_mib) => {
				let in_time = mib_per_second(memory_mib, threads)? * time.as_secs_f64() * TIME_PART;
				// `as` stops at the largest number.
				let planned = memory_mib.min(in_time as u32);
				Some(planned - planned % MEMORY_STEP_MIB)
			}
		}
	}
}

/// Tries how fast this machine fills, with a seed that no challenge will give.
fn mib_per_second(memory_mib: u32, threads: u16) -> Option<f64> {
	try_fill(threads, TRIAL_MIB.min(memory_mib)).map(|trial| trial.mib_per_second)
}

/// The outcome of a trial.
#[derive(Clone, Debug, Serialize)]
pub struct FillTrial {
	/// Threads that took part.
	pub threads: u16,
	/// Memory that was filled, in MiB.
	pub memory_mib: u32,
	/// How long it took.
	pub seconds: f64,
	/// MiB that were filled and hashed in a second.
	pub mib_per_second: f64,
	/// Bytes of one opening at the most.
	pub opening_bytes: u32,
}

impl fmt::Display for FillTrial {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		let Self { threads, memory_mib, seconds, mib_per_second, opening_bytes } = self;
		writeln!(f, "filled      {memory_mib} MiB in {seconds:.1} s, {mib_per_second:.0} MiB/s")?;
		writeln!(f, "threads     {threads}")?;
		write!(f, "openings    of up to {opening_bytes} bytes")
	}
}

/// Fills `memory_mib` MiB as in a challenge. `None` where no fill has that size, or where the machine refuses.
pub fn try_fill(threads: u16, memory_mib: u32) -> Option<FillTrial> {
	let begun = Instant::now();
	let mut fill = Fill::new([0; 32], memory_mib)?;
	while let Some(segments) = fill.next_slice() {
		run_segments(segments, threads)?;
	}
	fill.finish()?;
	let seconds = begun.elapsed().as_secs_f64();
	Some(FillTrial {
		threads,
		memory_mib,
		seconds,
		mib_per_second: f64::from(memory_mib) / seconds,
		opening_bytes: opening_bytes_max(memory_mib),
	})
}

/// Starts a fill from `seed`. Dropping it stops it after the slice that it is in.
pub fn start_fill(seed: Hash32, amount: Amount, threads: u16, pace: Pace) -> Doing {
	Doing::start(seed, pace, move |progress| {
		let time = progress.stop_at().saturating_duration_since(Instant::now());
		let memory_mib = amount.plan(threads, time)?;
		let mut fill = Fill::new(seed, memory_mib)?;
		let mut filled = 0;
		while let Some(segments) = fill.next_slice() {
			if progress.is_stopped() || Instant::now() >= progress.stop_at() {
				return None;
			}
			run_segments(segments, threads)?;
			filled += memory_mib / MEMORY_SLICES;
			progress.set_done(filled);
		}
		fill.finish().map(|filled| Work::Fill(Box::new(filled)))
	})
}

/// Spreads the lanes of a slice over threads. `None` where one of them failed.
fn run_segments(segments: Vec<Segment<'_>>, threads: u16) -> Option<()> {
	let queue = Mutex::new(segments);
	let next = || queue.lock().ok()?.pop();
	thread::scope(|scope| {
		let work = || {
			while let Some(segment) = next() {
				segment.run();
			}
		};
		let workers: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(work)).collect();
		workers.into_iter().try_for_each(|worker| worker.join().ok())
	})
}

#[cfg(test)]
mod tests {
	use super::*;
	use aidragon_primitives::{
		merkle::Software,
		verification::{check, Committed},
	};

	fn in_time() -> Pace {
		Pace::new(1_000, 0, Instant::now())
	}

	#[tokio::test]
	async fn threads_share_a_fill_without_changing_it() {
		let alone = Fill::new([7; 32], 16).unwrap().run().unwrap().commitment();
		for threads in [1, 2, 3] {
			let mut fill = start_fill([7; 32], Amount::Most(16), threads, in_time());
			let work = (&mut fill.handle).await.unwrap().unwrap();
			let committed = work.committed().unwrap();
			assert_eq!(committed, Committed::Fill(alone), "{threads} threads");
			let answer = work.answer(&[5; 32]).unwrap();
			assert_eq!(check::<Software>(&[7; 32], &committed, &[5; 32], &answer), Ok(()));
			assert_eq!(fill.done(), 16);
		}
	}

	#[tokio::test]
	async fn a_fill_that_is_late_or_too_large_comes_to_nothing() {
		let mut late = start_fill([7; 32], Amount::Exactly(16), 2, Pace::new(3, 2, Instant::now()));
		assert!((&mut late.handle).await.unwrap().is_none());
		let mut odd = start_fill([7; 32], Amount::Exactly(17), 2, in_time());
		assert!((&mut odd.handle).await.unwrap().is_none());
	}

	#[test]
	fn a_fill_is_planned_for_the_time_there_is() {
		assert_eq!(Amount::Exactly(4_096).plan(2, Duration::ZERO), Some(4_096));
		assert_eq!(Amount::Most(32).plan(2, Duration::from_secs(60)), Some(32));
		assert_eq!(Amount::Most(64).plan(2, Duration::ZERO), Some(0));
	}

	#[test]
	fn a_trial_says_what_was_filled() {
		let trial = try_fill(2, 16).unwrap();
		assert!(trial.mib_per_second > 0.0 && trial.opening_bytes == opening_bytes_max(16));
		assert!(trial.to_string().starts_with("filled      16 MiB in"));
		assert!(try_fill(2, 17).is_none());
	}

	#[test]
	fn only_memory_that_is_there_is_filled() {
		let most = fillable_mib(u32::MAX);
		assert!(most > 0 && most.is_multiple_of(MEMORY_STEP_MIB));
		assert_eq!(fillable_mib(100), 96);
		assert_eq!(fillable_mib(15), 0);
	}
}
