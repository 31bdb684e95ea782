//! How reliably a machine is there: the chain calls it at times that it cannot foresee, and keeps the score.
//!
//! In every block the beacon draws a few of the machines that are online. Each has two blocks to answer. How many are
//! drawn grows with the number of machines up to a limit, so that a block costs the same for a thousand and for a
//! million of them; with more machines each is called less often.

use crate::{beacon::SeedStream, BlockNumber};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;

/// Parts of a full score.
pub const SCORE_PPM: u32 = 1_000_000;
/// Most machines that are called in one block.
pub const CALLS_MAX: u32 = 32;
/// Blocks between two calls of one machine, on average and while the limit of a block is not reached.
pub const CALL_INTERVAL_BLOCKS: u32 = 20;
/// Blocks after the call that can hold the answer.
pub const CALL_ANSWER_BLOCKS: u32 = 2;
/// The part of what is missing to a full score that an answer adds: one of 64.
const GAIN_PARTS: u32 = 64;
/// The part of the score that a call without an answer takes: one of 16.
const LOSS_PARTS: u32 = 16;
/// Blocks off line in which a score falls to half: four hours.
pub const HALF_LIFE_BLOCKS: u32 = 4_800;

/// Machines to call in a block with so many on line. What is left over of a division is left to chance.
pub fn calls_in_block(online: u32, stream: &mut SeedStream) -> u32 {
	let (whole, rest) = (online / CALL_INTERVAL_BLOCKS, online % CALL_INTERVAL_BLOCKS);
	let one_more = u32::from(stream.below(CALL_INTERVAL_BLOCKS) < rest);
	whole.saturating_add(one_more).min(CALLS_MAX)
}

/// The record of a machine's answers.
#[derive(
	Clone,
	Copy,
	Debug,
	PartialEq,
	Eq,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
)]
pub struct Availability {
	/// Decayed share of answered calls, in parts per million, as of the last change.
	pub score_ppm: u32,
	/// Since when the machine is off line; `None` while it is on line.
	pub offline_since: Option<BlockNumber>,
	/// Calls and tasks that it answered in time.
	pub answered: u32,
	/// Calls and tasks that it did not answer in time.
	pub missed: u32,
}

impl Availability {
	/// A machine that has not shown itself yet.
	pub fn new(now: BlockNumber) -> Self {
		Self { score_ppm: 0, offline_since: Some(now), answered: 0, missed: 0 }
	}

	/// Whether the machine counts as on line.
	pub fn is_online(&self) -> bool {
		self.offline_since.is_none()
	}

	/// The score at block `now`, time off line counted.
	pub fn score_ppm_at(&self, now: BlockNumber) -> u32 {
		let away = self.offline_since.map_or(0, |since| now.saturating_sub(since));
		self.score_ppm.checked_shr(away / HALF_LIFE_BLOCKS).unwrap_or(0)
	}

	/// Notes an answer in time.
	pub fn answer(&mut self) {
		self.answered = self.answered.saturating_add(1);
		let missing = SCORE_PPM.saturating_sub(self.score_ppm);
		self.score_ppm = self.score_ppm.saturating_add(missing.div_ceil(GAIN_PARTS)).min(SCORE_PPM);
	}

	/// Notes that no answer came.
	pub fn miss(&mut self) {
		self.missed = self.missed.saturating_add(1);
		self.score_ppm = self.score_ppm.saturating_sub(self.score_ppm.div_ceil(LOSS_PARTS));
	}

	/// Notes that the machine is on line, with the score that its absence left.
	pub fn come_online(&mut self, now: BlockNumber) {
		self.score_ppm = self.score_ppm_at(now);
		self.offline_since = None;
	}

	/// Notes that the machine is off line.
	pub fn go_offline(&mut self, now: BlockNumber) {
		self.offline_since = Some(now);
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	fn after(answers: u32) -> Availability {
		let mut record = Availability::new(1);
		record.come_online(1);
		(0..answers).for_each(|_| record.answer());
		record
	}

	#[test]
	fn a_score_is_earned_slowly_and_lost_quickly() {
		let mut record = after(300);
		assert!((990_000..1_000_000).contains(&record.score_ppm), "{}", record.score_ppm);
		assert!(after(40).score_ppm < 500_000 && after(150).score_ppm > 900_000);
		record.miss();
		assert!(record.score_ppm < 940_000);
		let answers = (1..).find(|_| {
			record.answer();
			record.score_ppm >= 990_000
		});
		assert!(answers.is_some_and(|answers| answers > 100), "{answers:?}");
	}

	#[test]
	fn a_score_stays_within_its_bounds() {
		let mut record = after(0);
		record.miss();
		assert_eq!((record.score_ppm, record.missed), (0, 1));
		assert_eq!(after(10_000).score_ppm, SCORE_PPM);
	}

	#[test]
	fn absence_halves_a_score_every_four_hours() {
		let mut record = after(10_000);
		record.go_offline(100);
		assert!(!record.is_online());
		assert_eq!(record.score_ppm_at(100 + HALF_LIFE_BLOCKS - 1), SCORE_PPM);
		assert_eq!(record.score_ppm_at(100 + 2 * HALF_LIFE_BLOCKS), SCORE_PPM / 4);
		assert_eq!(record.score_ppm_at(u32::MAX), 0);
		record.come_online(100 + HALF_LIFE_BLOCKS);
		assert_eq!((record.score_ppm, record.is_online()), (SCORE_PPM / 2, true));
	}

	#[test]
	fn a_machine_is_called_once_in_an_interval() {
		let mut stream = SeedStream::new([1; 32]);
		let calls: u32 = (0..20_000).map(|_| calls_in_block(3, &mut stream)).sum();
		// Three machines, each in one block of twenty; four standard deviations.
		assert!((2_800..=3_200).contains(&calls), "{calls}");
		assert_eq!(calls_in_block(0, &mut stream), 0);
		assert_eq!(calls_in_block(200, &mut stream), 10);
	}

	#[test]
	fn p6_a_block_calls_no_more_than_its_limit() {
		let mut stream = SeedStream::new([1; 32]);
		for online in [1_000, 100_000, 1_000_000, u32::MAX] {
			assert_eq!(calls_in_block(online, &mut stream), CALLS_MAX);
		}
	}
}
