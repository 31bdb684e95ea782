//! A challenge from its request to its end: which part of a machine, by when, and what the openings are worth.
//!
//! The processor runs rounds for a fixed time and shows how many ([`crate::challenge`]); the memory is filled as far as
//! it reaches ([`crate::memory`]). Both go the same way: a seed from a block after the request, a commitment by a
//! deadline, openings that a younger block draws.

use crate::{
	challenge::{self, Commitment, Openings, Prover, ROUNDS_MAX, WINDOW_BLOCKS},
	memory::{self, Filled, MemoryCommitment, MemoryOpenings},
	BlockNumber, Hash32,
};
use alloc::{boxed::Box, vec::Vec};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;

/// Fewest blocks between two requests of one machine for one slot, which bounds what it can ask of the chain for free.
pub const REQUEST_INTERVAL_BLOCKS: u32 = 20;

/// A part of a machine that is challenged by itself.
#[derive(
	Clone,
	Copy,
	Debug,
	PartialEq,
	Eq,
	PartialOrd,
	Ord,
	Hash,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
)]
pub enum Slot {
	/// All processors that are sold, together.
	#[codec(index = 0)]
	Processor,
	/// All memory that is sold.
	#[codec(index = 1)]
	Memory,
}

impl Slot {
	/// Every slot of a machine.
	pub const ALL: [Self; 2] = [Self::Processor, Self::Memory];

	/// Blocks from the one that makes the seed known to the last one for the commitment.
	pub const fn window_blocks(self) -> u32 {
		match self {
			Self::Processor => WINDOW_BLOCKS,
			// A fill is worth what it reaches, not how fast it went.
			Self::Memory => 20,
		}
	}

	/// Blocks that a machine has to send its openings once they are drawn.
	pub const fn answer_blocks(self) -> u32 {
		match self {
			Self::Processor => 10,
			// Less time than it takes to fill a large memory again.
			Self::Memory => 6,
		}
	}

	/// Blocks for which a proof counts: an hour, and four.
	pub const fn validity_blocks(self) -> u32 {
		match self {
			Self::Processor => 1_200,
			Self::Memory => 4_800,
		}
	}

	/// Fewest blocks from a request to the next where the machine committed and did not pass: failed or unanswered. More
	/// than the validity over the fewest openings, so that trying with less than is claimed never pays.
	pub const fn lost_interval_blocks(self) -> u32 {
		match self {
			Self::Processor => 240,
			Self::Memory => 480,
		}
	}
}

/// What a machine commits to.
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
pub enum Committed {
	/// A run of rounds.
	#[codec(index = 0)]
	Run(Commitment),
	/// A fill of memory.
	#[codec(index = 1)]
	Fill(MemoryCommitment),
}

impl Committed {
	/// The slot that it is about.
	pub fn slot(&self) -> Slot {
		match self {
			Self::Run(_) => Slot::Processor,
			Self::Fill(_) => Slot::Memory,
		}
	}

	/// What is proved if all openings hold: million int8 operations per second, or MiB.
	pub fn amount(&self) -> u32 {
		match self {
			Self::Run(run) => run.throughput_mops(WINDOW_BLOCKS),
			Self::Fill(fill) => fill.memory_mib,
		}
	}

	/// Whether rounds or MiB are in range.
	pub fn is_in_range(&self) -> bool {
		match self {
			Self::Run(run) => (1..=ROUNDS_MAX).contains(&run.rounds),
			Self::Fill(fill) => fill.is_in_range(),
		}
	}

	/// How many openings are drawn.
	pub fn openings(&self) -> u32 {
		match self {
			Self::Run(run) => run.size.openings(),
			Self::Fill(_) => memory::MEMORY_OPENINGS,
		}
	}
}

/// The openings of one challenge.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub enum Answer {
	/// Of a run.
	#[codec(index = 0)]
	Run(Openings),
	/// Of a fill.
	#[codec(index = 1)]
	Fill(MemoryOpenings),
}

impl Answer {
	/// The slot that it is about.
	pub fn slot(&self) -> Slot {
		match self {
			Self::Run(_) => Slot::Processor,
			Self::Fill(_) => Slot::Memory,
		}
	}

	/// How many openings there are.
	pub fn openings(&self) -> u32 {
		// Both are bounded far below.
		match self {
			Self::Run(openings) => openings.len() as u32,
			Self::Fill(openings) => openings.len() as u32,
		}
	}
}

/// What a machine did for a challenge, with all that openings take.
#[derive(Debug)]
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

	/// Opens what `beacon` draws on chain. `None` where the work does not hold it.
	pub fn answer(&self, beacon: &Hash32) -> Option<Answer> {
		match self {
			Self::Run(prover) => {
				let drawn = challenge::positions(beacon, &prover.commitment());
				let opened: Option<Vec<_>> =
					drawn.iter().map(|position| prover.open(position)).collect();
				Openings::try_from(opened?).ok().map(Answer::Run)
			}
			Self::Fill(filled) => {
				let drawn = memory::positions(beacon, &filled.commitment());
				let opened: Option<Vec<_>> =
					drawn.into_iter().map(|index| filled.open(index)).collect();
				MemoryOpenings::try_from(opened?).ok().map(Answer::Fill)
			}
		}
	}
}

/// Why an answer was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
	/// The first opening that does not hold, counted from 0.
	pub opening: u32,
	/// Whether it proves by itself that the committed work was not done.
	pub is_false: bool,
}

/// Checks all openings that `beacon` draws.
///
/// # Errors
/// The first that does not hold; the number of openings where those are too few, or of another slot.
pub fn check<H: crate::merkle::Hasher>(
	seed: &Hash32,
	committed: &Committed,
	beacon: &Hash32,
	answer: &Answer,
) -> Result<(), Refusal> {
	let refuse = |opening, is_false| Err(Refusal { opening, is_false });
	match (committed, answer) {
		(Committed::Run(run), Answer::Run(openings)) => {
			let drawn = challenge::positions(beacon, run);
			for (index, (position, opening)) in (0u32..).zip(drawn.iter().zip(openings)) {
				if let Err(error) = challenge::verify::<H>(seed, run, position, opening) {
					return refuse(index, error == challenge::OpeningError::Element);
				}
			}
		}
		(Committed::Fill(fill), Answer::Fill(openings)) => {
			let drawn = memory::positions(beacon, fill);
			for (index, (position, opening)) in (0u32..).zip(drawn.into_iter().zip(openings)) {
				if let Err(error) = memory::verify::<H>(seed, fill, position, opening) {
					return refuse(index, error == memory::MemoryOpeningError::False);
				}
			}
		}
		_ => return refuse(0, false),
	}
	match answer.openings() == committed.openings() {
		true => Ok(()),
		false => refuse(answer.openings(), false),
	}
}

/// The challenge that a slot of a machine is in, as the chain keeps it.
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
pub struct Challenge {
	/// The part of the machine.
	pub slot: Slot,
	/// The block of the request.
	pub requested_at: BlockNumber,
	/// Whether the chain called for it, and not the machine.
	pub is_called: bool,
	/// The last block of the older proof, which is at stake.
	pub proof_until: BlockNumber,
	/// How far it is.
	pub stage: Stage,
}

/// How far a challenge is.
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
pub enum Stage {
	/// The machine computes, or waits for the seed.
	#[codec(index = 0)]
	Requested,
	/// The machine is bound to its work and waits for what to open.
	#[codec(index = 1)]
	Committed {
		/// What it is bound to.
		committed: Committed,
		/// The block of the commitment.
		committed_at: BlockNumber,
	},
	/// The openings were checked, and hold.
	#[codec(index = 2)]
	Passed,
	/// An opening was wrong. A new challenge can be requested after the longer interval.
	#[codec(index = 3)]
	Failed,
}

impl Challenge {
	/// The block whose beacon gives the seed: nobody knew it when the request was made.
	pub fn seed_block(&self) -> BlockNumber {
		self.requested_at.saturating_add(1)
	}

	/// The last block that can hold the commitment. Whoever sees a block knows its beacon, and computes from the next block on.
	pub fn commit_deadline(&self) -> BlockNumber {
		self.seed_block().saturating_add(1).saturating_add(self.slot.window_blocks())
	}

	/// The block whose beacon draws what to open, once there is a commitment.
	pub fn openings_block(&self) -> Option<BlockNumber> {
		match self.stage {
			Stage::Committed { committed_at, .. } => Some(committed_at.saturating_add(1)),
			_ => None,
		}
	}

	/// The last block that can hold the openings, once there is a commitment.
	pub fn answer_deadline(&self) -> Option<BlockNumber> {
		let drawn = self.openings_block()?.saturating_add(1);
		Some(drawn.saturating_add(self.slot.answer_blocks()))
	}

	/// Whether the machine still has something to send at block `now`.
	pub fn is_running_at(&self, now: BlockNumber) -> bool {
		match self.stage {
			Stage::Requested => now <= self.commit_deadline(),
			Stage::Committed { .. } => self.answer_deadline().is_some_and(|last| now <= last),
			Stage::Passed | Stage::Failed => false,
		}
	}

	/// Whether it was lost: an opening was wrong, or something that was owed did not come by block `now`.
	pub fn is_lost_at(&self, now: BlockNumber) -> bool {
		match self.stage {
			Stage::Passed => false,
			Stage::Failed => true,
			// Whoever asks by itself and then does not begin has lost nothing but time.
			Stage::Requested => self.is_called && !self.is_running_at(now),
			Stage::Committed { .. } => !self.is_running_at(now),
		}
	}

	/// Whether the machine may request a new challenge at block `now`.
	pub fn is_over_at(&self, now: BlockNumber) -> bool {
		let interval = match self.stage {
			// Not before the window is over: a seed cannot be exchanged for a better one.
			Stage::Requested => REQUEST_INTERVAL_BLOCKS.max(self.slot.window_blocks() + 3),
			Stage::Passed => REQUEST_INTERVAL_BLOCKS,
			Stage::Committed { .. } | Stage::Failed => self.slot.lost_interval_blocks(),
		};
		now >= self.requested_at.saturating_add(interval)
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::challenge::MatrixSize;

	fn challenge(slot: Slot, stage: Stage) -> Challenge {
		Challenge { slot, requested_at: 100, is_called: false, proof_until: 0, stage }
	}

	fn committed(slot: Slot) -> Stage {
		let root = [0; 32];
		let committed = match slot {
			Slot::Processor => {
				Committed::Run(Commitment { size: MatrixSize::N512, rounds: 1, root })
			}
			Slot::Memory => Committed::Fill(MemoryCommitment { memory_mib: 16, root }),
		};
		Stage::Committed { committed, committed_at: 106 }
	}

	#[test]
	fn the_next_request_waits_longer_after_a_lost_challenge() {
		for slot in Slot::ALL {
			let lost = slot.lost_interval_blocks();
			let asked = REQUEST_INTERVAL_BLOCKS.max(slot.window_blocks() + 3);
			for (stage, interval) in [
				(Stage::Requested, asked),
				(Stage::Passed, REQUEST_INTERVAL_BLOCKS),
				(committed(slot), lost),
				(Stage::Failed, lost),
			] {
				let challenge = challenge(slot, stage);
				assert!(
					!challenge.is_over_at(99 + interval) && challenge.is_over_at(100 + interval)
				);
				// By then every deadline of the old one is over.
				assert!(!challenge.is_running_at(100 + interval));
			}
		}
	}

	#[test]
	fn what_is_owed_and_does_not_come_is_lost() {
		for slot in Slot::ALL {
			let requested = challenge(slot, Stage::Requested);
			let called = Challenge { is_called: true, ..requested };
			let deadline = requested.commit_deadline();
			assert!(!called.is_lost_at(deadline) && called.is_lost_at(deadline + 1));
			assert!(!requested.is_lost_at(deadline + 1));
			let bound = challenge(slot, committed(slot));
			let last = bound.answer_deadline().unwrap();
			assert!(!bound.is_lost_at(last) && bound.is_lost_at(last + 1));
			assert!(challenge(slot, Stage::Failed).is_lost_at(0));
			assert!(!challenge(slot, Stage::Passed).is_lost_at(u32::MAX));
		}
	}

	/// What a machine gains on average by claiming work of which it skips a part, against claiming what it did: the
	/// claimed amount over the time in which it holds a proof, the waits after lost challenges included.
	#[test]
	fn p7_claiming_more_than_was_done_never_pays() {
		let runs = MatrixSize::ALL.map(|size| (Slot::Processor, size.openings()));
		for (slot, openings) in runs.into_iter().chain([(Slot::Memory, memory::MEMORY_OPENINGS)]) {
			let validity = f64::from(slot.validity_blocks());
			for skipped in (1..1_000).map(|part| f64::from(part) / 1_000.0) {
				let passes = (1.0 - skipped).powi(openings as i32);
				let lost = f64::from(slot.lost_interval_blocks()) * (1.0 - passes) / passes;
				let claimed = 1.0 / (1.0 - skipped);
				let yields = claimed * validity / (validity + lost);
				assert!(yields < 1.0, "{slot:?}, {openings}: skipping {skipped} yields {yields}");
			}
		}
	}

	#[test]
	fn an_answer_of_another_slot_or_length_is_refused_and_not_false() {
		let check = |committed, answer| {
			check::<crate::merkle::Software>(&[1; 32], &committed, &[2; 32], &answer)
		};
		let Stage::Committed { committed: run, .. } = committed(Slot::Processor) else { panic!() };
		let Stage::Committed { committed: fill, .. } = committed(Slot::Memory) else { panic!() };
		let refused = Err(Refusal { opening: 0, is_false: false });
		assert_eq!(check(run, Answer::Fill(Default::default())), refused);
		assert_eq!(check(fill, Answer::Run(Default::default())), refused);
		assert_eq!(check(run, Answer::Run(Default::default())), refused);
		assert_eq!(check(fill, Answer::Fill(Default::default())), refused);
	}
}
