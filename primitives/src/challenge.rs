//! The seeded int8 challenge: fixed time, variable work.
//!
//! From a seed that nobody could foresee, [`prf`] defines two int8 matrices `W` and `X₀` of `n × n` elements.
//! Round `t` computes `X_{t+1} = transpose(topbyte(mix(X_t · W)) xor PRF(t))` in exact int32 arithmetic. The
//! mixing kills algebraic shortcuts, the transpose makes each row depend on all, the fresh noise keeps one
//! skipped round from making the rest trivial. A machine runs as many rounds as it can until the deadline,
//! commits their number and a Merkle root over all states, and only then learns which elements to open.
//!
//! Properties, each with a test:
//! * **Completeness**: every opening of an honest run verifies.
//! * **Soundness**: an opening of a wrong element, of another place or under another root is refused.
//! * **Cost**: checking one opening is one column of PRF and one dot product, whatever the number of rounds.

mod opening;
mod prf;
mod prover;

pub use opening::{positions, verify, Opening, OpeningError, Openings, Position};
pub use prover::Prover;

use crate::{BlockNumber, Hash32, SLOT_DURATION_MS};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;

/// Rows and columns of the matrices.
pub const MATRIX_SIZE: usize = 512;
/// Elements in one Merkle leaf.
pub const LEAF_BYTES: usize = 64;
/// Leaves in one row.
pub const LEAVES_PER_ROW: usize = MATRIX_SIZE / LEAF_BYTES;
/// Levels between a leaf and the root of its row.
pub const ROW_HEIGHT: u32 = LEAVES_PER_ROW.trailing_zeros();
/// Levels between a row and the root of its state.
pub const ROWS_HEIGHT: u32 = MATRIX_SIZE.trailing_zeros();
/// Most rounds that count: a prover keeps every state, 256 KiB each.
pub const ROUNDS_MAX: u32 = 2_048;
/// Elements that are opened on chain.
pub const OPENINGS: u32 = 16;

/// Blocks that a machine computes: from the block that makes the seed known to the commitment.
pub const WINDOW_BLOCKS: u32 = 4;
/// Blocks that a machine has to send its openings once they are drawn.
pub const ANSWER_BLOCKS: u32 = 10;
/// Blocks for which a proof counts: an hour.
pub const VALIDITY_BLOCKS: u32 = 1_200;
/// Fewest blocks between two requests of one machine, which bounds what it can ask of the chain for free.
pub const REQUEST_INTERVAL_BLOCKS: u32 = 20;

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
	/// An opening was wrong. A new challenge can be requested after the interval.
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
		let interval_over = now >= self.requested_at.saturating_add(REQUEST_INTERVAL_BLOCKS);
		let deadline = match self.stage {
			Stage::Requested => self.commit_deadline(),
			Stage::Committed { .. } => self.answer_deadline().unwrap_or(self.requested_at),
			Stage::Passed | Stage::Failed => self.requested_at,
		};
		interval_over && now > deadline
	}
}

/// Levels between the root of a state and the root of the run.
pub fn rounds_height(rounds: u32) -> u32 {
	rounds.max(1).next_power_of_two().trailing_zeros()
}

/// Throughput in million int8 operations per second of a run over `window_blocks` of the chain's time.
/// A multiplication and an addition count as two operations.
pub fn throughput_mops(rounds: u32, window_blocks: u32) -> u32 {
	let operations = u64::from(rounds) * 2 * (MATRIX_SIZE as u64).pow(3);
	let window_ms = u64::from(window_blocks).saturating_mul(SLOT_DURATION_MS).max(1);
	u32::try_from(operations / window_ms / 1_000).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
