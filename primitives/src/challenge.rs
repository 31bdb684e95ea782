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

pub use opening::{draw, positions, verify, Opening, OpeningError, Openings, Position};
pub use prover::{Kernel, NextRows, Portable, Prover};
pub use size::MatrixSize;

use crate::{Hash32, SLOT_DURATION_MS};
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
