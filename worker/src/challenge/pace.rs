//! When to stop computing, judged by the arrival of blocks.

use aidragon_primitives::{BlockNumber, SLOT_DURATION_MS};
use std::time::{Duration, Instant};

/// The time at which a run has to stop, moved forward by the blocks that arrive.
///
/// The commitment is aimed at the block before the last one that can hold it, and the run stops half a slot
/// before that block is due: one and a half slots are left for what can go wrong on the way. A slot that
/// stays empty only adds to that, since a block that comes late never moves the end back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
	deadline: BlockNumber,
	stop_at: Instant,
}

impl Pace {
	/// Starts on sight of block `best`, with `deadline` as the last block that can hold the commitment.
	pub fn new(deadline: BlockNumber, best: BlockNumber, now: Instant) -> Self {
		Self { deadline, stop_at: stop_at(deadline, best, now) }
	}

	/// Notes the arrival of block `best`.
	pub fn block_arrived(&mut self, best: BlockNumber, now: Instant) {
		self.stop_at = self.stop_at.min(stop_at(self.deadline, best, now));
	}

	/// When to stop.
	pub fn stop_at(&self) -> Instant {
		self.stop_at
	}
}

fn stop_at(deadline: BlockNumber, best: BlockNumber, now: Instant) -> Instant {
	let slot = Duration::from_millis(SLOT_DURATION_MS);
	let until_target = deadline.saturating_sub(1).saturating_sub(best);
	now + (slot * until_target).saturating_sub(slot / 2)
}

#[cfg(test)]
mod tests {
	use super::*;

	fn slots(half_slots: u32) -> Duration {
		Duration::from_millis(SLOT_DURATION_MS / 2) * half_slots
	}

	#[test]
	fn a_run_stops_half_a_slot_before_the_last_block_but_one() {
		let start = Instant::now();
		// Seen in block 12, the commitment can stand in block 16 and is aimed at block 15.
		let pace = Pace::new(16, 12, start);
		assert_eq!(pace.stop_at(), start + slots(5));
	}

	#[test]
	fn blocks_in_time_change_nothing_and_early_ones_bring_the_end_forward() {
		let start = Instant::now();
		let mut pace = Pace::new(16, 12, start);
		pace.block_arrived(13, start + slots(2));
		assert_eq!(pace.stop_at(), start + slots(5));
		pace.block_arrived(14, start + slots(3));
		assert_eq!(pace.stop_at(), start + slots(4));
	}

	#[test]
	fn late_blocks_never_move_the_end_back() {
		let start = Instant::now();
		let mut pace = Pace::new(16, 12, start);
		pace.block_arrived(13, start + slots(4));
		assert_eq!(pace.stop_at(), start + slots(5));
	}

	#[test]
	fn at_the_target_or_later_there_is_no_time_left() {
		let start = Instant::now();
		for best in [15, 16, 20] {
			assert_eq!(Pace::new(16, best, start).stop_at(), start);
		}
	}
}
