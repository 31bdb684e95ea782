//! How the blocks of a fill lie, and which of them a block depends on.
//!
//! Blocks are numbered by slice, then lane, then place, so that those of earlier slices come before all others.

use super::{
	block::{Block, BLOCK_BYTES, REFERENCES},
	MEMORY_MAX_MIB, MEMORY_STEP_MIB,
};

/// Lanes: what can be computed at the same time.
pub const MEMORY_LANES: u32 = 16;
/// Slices: lanes see what the others computed once they have all reached the end of one.
pub const MEMORY_SLICES: u32 = 16;
/// Blocks whose hashes a prover keeps together: 64 KiB, of which it keeps one hash.
pub(super) const GROUP_BLOCKS: u32 = 128;
/// Levels between a part and its block.
pub(super) const PART_HEIGHT: u32 = REFERENCES.trailing_zeros();
/// Blocks at the start of each lane that follow from the seed alone.
const FIRST_BLOCKS: u32 = 2;
const BLOCKS_PER_MIB: u32 = (1 << 20) / BLOCK_BYTES as u32;

/// How the blocks of a fill lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
	/// Blocks of one lane in one slice.
	segment: u32,
}

/// A part of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reference {
	/// The block.
	pub block: u32,
	/// Which of its parts, from 0.
	pub part: u32,
}

impl Reference {
	/// The words of that part, where `block` is the one referred to.
	pub fn of<'a>(&self, block: &'a Block) -> &'a [u64] {
		block.parts().nth(self.part as usize).unwrap_or_default()
	}

	/// Its place among the leaves of the tree.
	pub fn leaf(&self) -> u64 {
		REFERENCES as u64 * u64::from(self.block) + u64::from(self.part)
	}
}

impl Layout {
	/// The layout of `memory_mib` MiB: a multiple of [`MEMORY_STEP_MIB`], not none and at most
	/// [`MEMORY_MAX_MIB`], otherwise `None`.
	pub fn new(memory_mib: u32) -> Option<Self> {
		let fits = (MEMORY_STEP_MIB..=MEMORY_MAX_MIB).contains(&memory_mib)
			&& memory_mib.is_multiple_of(MEMORY_STEP_MIB);
		let segment = memory_mib.checked_mul(BLOCKS_PER_MIB)? / (MEMORY_LANES * MEMORY_SLICES);
		fits.then_some(Self { segment })
	}

	/// All blocks.
	pub fn blocks(&self) -> u32 {
		self.segment * MEMORY_LANES * MEMORY_SLICES
	}

	/// Blocks of one lane in one slice, a multiple of 128.
	pub fn segment_blocks(&self) -> u32 {
		self.segment
	}

	/// The segment of a block, counted as the blocks are, and its place there.
	pub(super) fn split(&self, index: u32) -> (usize, usize) {
		((index / self.segment) as usize, (index % self.segment) as usize)
	}

	/// Levels between a block and the root. With two parts to a block, they lie one level below it.
	pub fn height(&self) -> u32 {
		let groups = self.blocks() / GROUP_BLOCKS;
		GROUP_BLOCKS.trailing_zeros() + groups.next_power_of_two().trailing_zeros()
	}

	/// The block before the one at `index` in its lane, or `None` where that follows from the seed alone.
	pub fn previous(&self, index: u32) -> Option<u32> {
		let slice = index / (self.segment * MEMORY_LANES);
		match (slice, index % self.segment) {
			(0, place) if place < FIRST_BLOCKS => None,
			// The last one of the lane in the slice before.
			(_, 0) => Some(index - (MEMORY_LANES - 1) * self.segment - 1),
			_ => Some(index - 1),
		}
	}

	/// The part that `word` selects for the block at `index`, evenly among the blocks of earlier slices and
	/// those of its own segment, the previous one excepted. It means nothing for a block without a previous one.
	pub fn reference(&self, index: u32, word: u64) -> Reference {
		let (place, slice_blocks) = (index % self.segment, self.segment * MEMORY_LANES);
		let earlier = index / slice_blocks * slice_blocks;
		// The previous block counts in either case: the last of the segment, or one of an earlier slice.
		let area = (earlier + place).saturating_sub(1);
		let parts = REFERENCES as u64;
		let leaf = ((u128::from(word) * u128::from(parts * u64::from(area))) >> 64) as u64;
		let (rank, part) = ((leaf / parts) as u32, (leaf % parts) as u32);
		let block = match self.previous(index) {
			_ if rank >= earlier => index - place + (rank - earlier),
			Some(previous) if place == 0 && rank >= previous => rank + 1,
			_ => rank,
		};
		Reference { block, part }
	}
}
