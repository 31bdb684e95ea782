//! Openings: which blocks, what is sent for them, and the check that the chain runs.

use super::{
	block::{read_words, Block, Rule, BLOCK_BYTES, PART_BYTES, PART_WORDS, REFERENCES},
	layout::{Layout, Reference, PART_HEIGHT},
	MemoryCommitment, MEMORY_OPENINGS,
};
use crate::{
	beacon::SeedStream,
	merkle::{root_from_path, Hasher, MerklePath},
	Hash32,
};
use alloc::vec::Vec;
use bounded_collections::{BoundedVec, ConstU32};
use codec::{Decode, DecodeWithMemTracking, Encode};
use scale_info::TypeInfo;

/// Something that a block depends on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub struct MemoryInput {
	/// A block or a part of one; empty for a block that follows from the seed alone.
	pub bytes: Vec<u8>,
	/// From those bytes to the root.
	pub path: MerklePath,
}

/// What proves one block.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub struct MemoryOpening {
	/// The block before it in its lane.
	pub previous: MemoryInput,
	/// The parts of other blocks that the previous block selects.
	pub references: [MemoryInput; REFERENCES],
	/// The hash of the block itself, which the verifier computes.
	pub block_hash: Hash32,
	/// From that hash to the root.
	pub path: MerklePath,
}

/// The openings of one proof.
pub type MemoryOpenings = BoundedVec<MemoryOpening, ConstU32<MEMORY_OPENINGS>>;

/// Why an opening was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemoryOpeningError {
	/// A part of the opening has the wrong length, no fill has the committed size, or it has no such block.
	Malformed,
	/// The previous block does not belong to the committed fill.
	Previous,
	/// A part is not the selected one of the committed fill.
	Reference,
	/// The hash of the block does not belong to the committed fill.
	Block,
	/// All of it is committed to, and yet the block does not follow from its inputs. This alone proves that the
	/// commitment is a lie; the other errors may be somebody else's forgery.
	False,
}

/// The blocks that the chain opens, drawn from randomness that is younger than the commitment.
pub fn positions(beacon: &Hash32, commitment: &MemoryCommitment) -> Vec<u32> {
	draw(beacon, commitment, MEMORY_OPENINGS)
}

/// `count` blocks, drawn by `seed`. None where no fill has the committed size.
pub fn draw(seed: &Hash32, commitment: &MemoryCommitment, count: u32) -> Vec<u32> {
	let Some(layout) = Layout::new(commitment.memory_mib) else {
		return Vec::new();
	};
	let mut stream = SeedStream::new(*seed);
	(0..count).map(|_| stream.below(layout.blocks())).collect()
}

/// Most bytes that one opening of a fill of `memory_mib` MiB takes as it is sent, or 0 where no fill has that size.
pub fn opening_bytes_max(memory_mib: u32) -> u32 {
	let Some(layout) = Layout::new(memory_mib) else {
		return 0;
	};
	// The previous block and the block itself, from their nodes on; the parts, from their leaves on.
	let (height, references) = (layout.height(), REFERENCES as u32);
	let hashes = 2 * height + references * (height + PART_HEIGHT) + 1;
	let lengths = 2 * (1 + references) + 2 + references;
	// The previous block, and parts that are together as long.
	2 * BLOCK_BYTES as u32 + 32 * hashes + lengths
}

/// Checks the opening of the block at `index` against the commitment.
pub fn verify<H: Hasher>(
	seed: &Hash32,
	commitment: &MemoryCommitment,
	index: u32,
	opening: &MemoryOpening,
) -> Result<(), MemoryOpeningError> {
	let rule = Rule::new(seed, commitment.memory_mib).ok_or(MemoryOpeningError::Malformed)?;
	let layout = rule.layout();
	if index >= layout.blocks() {
		return Err(MemoryOpeningError::Malformed);
	}
	let expected = match layout.previous(index) {
		Some(previous) => from_inputs::<H>(&rule, &commitment.root, index, previous, opening)?,
		None if opening.has_inputs() => return Err(MemoryOpeningError::Malformed),
		None => rule.first(index),
	};
	let (hash, height) = (opening.block_hash, layout.height());
	if root_from_path::<H>(hash, index.into(), height, &opening.path) != Some(commitment.root) {
		return Err(MemoryOpeningError::Block);
	}
	match expected.hash::<H>() == hash {
		true => Ok(()),
		false => Err(MemoryOpeningError::False),
	}
}

impl MemoryOpening {
	fn has_inputs(&self) -> bool {
		let none = MemoryInput::default();
		self.previous != none || self.references.iter().any(|reference| *reference != none)
	}
}

/// The block that follows from the inputs, which are checked against `root`.
fn from_inputs<H: Hasher>(
	rule: &Rule,
	root: &Hash32,
	index: u32,
	previous_index: u32,
	opening: &MemoryOpening,
) -> Result<Block, MemoryOpeningError> {
	let height = rule.layout().height();
	let MemoryInput { bytes, path } = &opening.previous;
	let previous = Block::from_bytes(bytes).ok_or(MemoryOpeningError::Malformed)?;
	let hash = previous.hash::<H>();
	if root_from_path::<H>(hash, previous_index.into(), height, path) != Some(*root) {
		return Err(MemoryOpeningError::Previous);
	}
	let mut parts = [[0; PART_WORDS]; REFERENCES];
	let references = rule.references(index, &previous).into_iter().zip(&opening.references);
	for (part, (reference, input)) in parts.iter_mut().zip(references) {
		read_part::<H>(root, height, reference, input, part)?;
	}
	Ok(rule.next(index, &previous, parts.each_ref().map(|part| part.as_slice())))
}

/// Sets `words` from a part, which is checked against `root`.
fn read_part<H: Hasher>(
	root: &Hash32,
	height: u32,
	reference: Reference,
	input: &MemoryInput,
	words: &mut [u64; PART_WORDS],
) -> Result<(), MemoryOpeningError> {
	if input.bytes.len() != PART_BYTES {
		return Err(MemoryOpeningError::Malformed);
	}
	let (hash, depth) = (H::hash(&input.bytes), height + PART_HEIGHT);
	if root_from_path::<H>(hash, reference.leaf(), depth, &input.path) != Some(*root) {
		return Err(MemoryOpeningError::Reference);
	}
	read_words(&input.bytes, words);
	Ok(())
}
