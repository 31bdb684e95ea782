//! The seeded int8 challenge: fixed time, variable work.
//!
//! From a seed that nobody could foresee, [`prf`] defines two int8 matrices `W` and `X₀` of `n × n` elements.
//! Round `t` computes `X_{t+1} = transpose(topbyte(mix(X_t · W)) xor PRF(t))` in exact int32 arithmetic. The
//! mixing kills algebraic shortcuts, the transpose makes each row depend on all, the fresh noise keeps one
//! skipped round from making the rest trivial. A machine runs as many rounds as it can until the deadline,
//! commits their number and a Merkle root over all states, and only then learns which elements to open.
//!
//! A machine chooses `n` by what it can keep: at the same work, twice the `n` takes half the memory.
//!
//! Properties, each with a test:
//! * **Completeness**: every opening of an honest run verifies.
//! * **Soundness**: an opening of a wrong element, of another place or under another root is refused; a run
//!   of which a part `f` was not computed is caught with probability `1 − (1 − f)^q` by `q` openings.
//! * **Cost**: checking one opening is one column of PRF and one dot product, whatever the number of rounds.

mod opening;
mod prf;
mod prover;
mod size;

pub use opening::{positions, verify, Opening, OpeningError, Openings, Position};
pub use prover::{Kernel, NextRows, Portable, Prover};
pub use size::MatrixSize;

use crate::{BlockNumber, Hash32, SLOT_DURATION_MS};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;

/// Most rounds that count. It bounds the length of a path.
pub const ROUNDS_MAX: u32 = 2_048;
/// Most elements that are opened on chain; fewer where their rows are long.
pub const OPENINGS_MAX: u32 = 16;
/// Most bytes that the openings of one challenge take.
pub const OPENINGS_BYTES_MAX: u32 = 64 << 10;

/// Blocks that a machine computes: from the block that makes the seed known to the commitment.
pub const WINDOW_BLOCKS: u32 = 4;
/// Blocks that a machine has to send its openings once they are drawn.
pub const ANSWER_BLOCKS: u32 = 10;
/// Blocks for which a proof counts: an hour.
pub const VALIDITY_BLOCKS: u32 = 1_200;
/// Fewest blocks between two requests of one machine, which bounds what it can ask of the chain for free.
pub const REQUEST_INTERVAL_BLOCKS: u32 = 20;
/// Fewest blocks from a request to the next where the machine committed and did not pass: failed or unanswered. More
/// than [`VALIDITY_BLOCKS`] over the fewest openings, so that trying with less work than claimed never pays.
pub const LOST_INTERVAL_BLOCKS: u32 = 240;

/// What a machine commits to at the end of its window.
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
pub struct Commitment {
	/// Rows and columns of the matrices.
	pub size: MatrixSize,
	/// Rounds that were run.
	pub rounds: u32,
	/// Merkle root over the roots of the states 1 to `rounds`.
	pub root: Hash32,
}

/// The challenge that a machine is in, as the chain keeps it.
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
	/// The block of the request.
	pub requested_at: BlockNumber,
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
	Requested,
	/// The machine is bound to a run and waits for the elements to open.
	Committed {
		/// What it is bound to.
		commitment: Commitment,
		/// The block of the commitment.
		committed_at: BlockNumber,
	},
	/// The openings were checked, and hold.
	Passed,
	/// An opening was wrong. A new challenge can be requested after the longer interval.
	Failed,
}

impl Challenge {
	/// The block whose beacon gives the seed: nobody knew it when the request was made.
	pub fn seed_block(&self) -> BlockNumber {
		self.requested_at.saturating_add(1)
	}

	/// The last block that can hold the commitment. The beacon of a block is known from the next block on.
	pub fn commit_deadline(&self) -> BlockNumber {
		self.seed_block().saturating_add(1).saturating_add(WINDOW_BLOCKS)
	}

	/// The block whose beacon draws the elements to open, once there is a commitment.
	pub fn openings_block(&self) -> Option<BlockNumber> {
		match self.stage {
			Stage::Committed { committed_at, .. } => Some(committed_at.saturating_add(1)),
			_ => None,
		}
	}

	/// The last block that can hold the openings, once there is a commitment.
	pub fn answer_deadline(&self) -> Option<BlockNumber> {
		Some(self.openings_block()?.saturating_add(1).saturating_add(ANSWER_BLOCKS))
	}

	/// Whether the machine may request a new challenge at block `now`.
	pub fn is_over_at(&self, now: BlockNumber) -> bool {
		let interval = match self.stage {
			Stage::Requested | Stage::Passed => REQUEST_INTERVAL_BLOCKS,
			Stage::Committed { .. } | Stage::Failed => LOST_INTERVAL_BLOCKS,
		};
		now >= self.requested_at.saturating_add(interval)
	}
}

/// Levels between the root of a state and the root of the run.
pub fn rounds_height(rounds: u32) -> u32 {
	rounds.max(1).next_power_of_two().trailing_zeros()
}

impl Commitment {
	/// Throughput in million int8 operations per second that the run stands for, over `window_blocks` of the
	/// chain's time. A multiplication and an addition count as two operations.
	pub fn throughput_mops(&self, window_blocks: u32) -> u32 {
		let operations = u64::from(self.rounds).saturating_mul(self.size.round_operations());
		let window_ms = u64::from(window_blocks).saturating_mul(SLOT_DURATION_MS).max(1);
		u32::try_from(operations / window_ms / 1_000).unwrap_or(u32::MAX)
	}
}

#[cfg(test)]
mod tests;
