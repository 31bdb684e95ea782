//! The proof of memory: a machine fills what it claims with blocks, and opens a few of them.
//!
//! From a seed that nobody could foresee and the number of MiB follows every block of 512 bytes. Blocks lie in
//! 16 lanes of 16 slices each. The first two blocks of a lane are hashed from the seed. Every other one is
//! `compress(previous, parts)`: of the block before it in its lane, and of two half blocks, which the first words
//! of that block select evenly among all blocks of earlier slices and those of its own lane in its slice. The
//! index and a key from the seed go into each compression. The machine commits a Merkle root over the half blocks,
//! and only then learns which 12 blocks to open. An opening holds the inputs of a block with their paths; the
//! verifier computes the block from them and compares its hash with the committed one.
//!
//! What was chosen, and why:
//! * **Two references, to half blocks.** Who drops a block has to bring back every input of it that was dropped
//!   too. Under one reference that ends after about two blocks where every second one is kept; under two it goes
//!   on, the further the larger the fill. Halves keep an opening short, and make a slow memory serve four reads for
//!   each KiB.
//! * **Evenly spread references.** Whatever part of the blocks a prover keeps then serves that part of the
//!   references and not more; under any other spread some blocks are worth more than others.
//! * **A key and the index in every pass.** Blocks prepared before the seed was known, or for another place, are
//!   worthless even to a prover that may choose inputs.
//! * **Slices.** Lanes of a slice do not depend on each other: up to 16 threads fill at the same time.
//! * **A leaf longer than two nodes.** No node of the tree passes for a leaf.
//!
//! Properties, each with a test:
//! * **Completeness**: every opening of an honest fill verifies.
//! * **Soundness**: an opening of another block, place, seed, size or root is refused; a fill of which a part `f`
//!   does not follow from its inputs is caught with probability `1 − (1 − f)^12`.
//! * **Blame**: [`MemoryOpeningError::False`] alone proves that the commitment is a lie, whoever sent the opening.
//! * **Memory**: to fill with half of the memory takes 1.7 times the compressions by the best attack that is
//!   tested, with 0.4 of it over ten times.
//! * **Cost**: checking one opening is one compression and some 4 paths, whatever the memory; all openings of
//!   1 TiB fit 64 KiB.
//!
//! What it does not show, so that whoever uses it has to see to it:
//! * **More than about half of the claim.** Three quarters of the memory do at 1.07 times the compressions, 0.6 at
//!   1.25 times. What a claim earns over its half has to be worth less than those compressions.
//! * **That the memory stays filled.** Half of the blocks answer at once. A quarter or an eighth of them takes over
//!   four fills' compressions to answer without more memory, but a small part of a fill's with all of it, and the
//!   seed alone one fill's: the time to answer decides.
//! * **That it is main memory.** `m` MiB take about `4,096 m` reads of 256 bytes at places that nobody knows before,
//!   and the time to fill has to be too short for a disk to serve them.
//! * **That no block was chosen.** A false block may be one that makes the next refer to what was kept, as in the
//!   attack of Dinur and Nadler on Merkle tree proofs (2017). With one false block in twelve, which 35 fills of 100
//!   survive, half of the memory takes 1.4 times the compressions: losing has to cost more than passing yields.

mod block;
mod fill;
mod layout;
mod opening;

pub use block::{Block, Rule, BLOCK_BYTES, BLOCK_WORDS, PART_BYTES, PART_WORDS, REFERENCES};
pub use fill::{Fill, Filled, Segment};
pub use layout::{Layout, Reference, MEMORY_LANES, MEMORY_SLICES};
pub use opening::{
	draw, opening_bytes_max, positions, verify, MemoryInput, MemoryOpening, MemoryOpeningError,
	MemoryOpenings,
};

use crate::Hash32;
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;

/// What the memory of a fill is a multiple of, in MiB.
pub const MEMORY_STEP_MIB: u32 = 16;
/// Most memory of a fill, in MiB. It bounds the length of a path.
pub const MEMORY_MAX_MIB: u32 = 1 << 20;
/// Blocks that are opened on chain.
pub const MEMORY_OPENINGS: u32 = 12;

/// What a machine commits to once its memory is filled.
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
pub struct MemoryCommitment {
	/// The memory that was filled, in MiB.
	pub memory_mib: u32,
	/// Merkle root over the parts of all blocks.
	pub root: Hash32,
}

impl MemoryCommitment {
	/// Whether a fill can have that size.
	pub fn is_in_range(&self) -> bool {
		Layout::new(self.memory_mib).is_some()
	}
}

#[cfg(test)]
mod tests;
