//! Blocks: what they are made of, and the compression that makes one from those it depends on.
//!
//! The compression is Argon2's in shape: a permutation of the mixed inputs, added to them so that it cannot be
//! run backwards. The state is seen as 4 × 4 × 4 words. One pass runs BLAKE2b's round, with Argon2's
//! multiplication in it, over 16 words for each of four lanes, then turns the cube, so that two passes bring
//! every word to every other. Lanes lie side by side in memory, which compilers turn into vector instructions.

use super::layout::{Layout, Reference};
use crate::{
	merkle::{subtree_root, Hasher},
	Hash32,
};
use alloc::vec::Vec;
use codec::Encode;
use sp_crypto_hashing::blake2_256;

/// Bytes of a block.
pub const BLOCK_BYTES: usize = 512;
/// Words of a block.
pub const BLOCK_WORDS: usize = BLOCK_BYTES / 8;
/// Parts of other blocks that a block depends on, and parts that a block has: together they are as long as it.
pub const REFERENCES: usize = 2;
/// Bytes of a part, which is a leaf of the tree.
pub const PART_BYTES: usize = BLOCK_BYTES / REFERENCES;
// No node of the tree, which hashes two hashes, passes for a leaf.
const _: () = assert!(PART_BYTES > 2 * core::mem::size_of::<Hash32>());
/// Words of a part.
pub const PART_WORDS: usize = PART_BYTES / 8;
/// Passes of the permutation. Two reach every word; the others keep a computation dear next to the hashing.
const PASSES: usize = 4;
/// Words side by side.
const LANES: usize = 4;

type Lanes = [u64; LANES];
type Cube = [Lanes; BLOCK_WORDS / LANES];

/// A block, sent and hashed with its words in little-endian order. Aligned so that a part of it fills whole
/// cache lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, align(64))]
pub struct Block(pub [u64; BLOCK_WORDS]);

impl Block {
	/// Its parts, each of [`PART_WORDS`] words.
	pub fn parts(&self) -> impl Iterator<Item = &[u64]> {
		self.0.chunks_exact(PART_WORDS)
	}

	/// Its bytes.
	pub fn to_bytes(&self) -> [u8; BLOCK_BYTES] {
		let mut bytes = [0; BLOCK_BYTES];
		for (place, word) in bytes.chunks_exact_mut(8).zip(self.0) {
			place.copy_from_slice(&word.to_le_bytes());
		}
		bytes
	}

	/// The hashes of its parts.
	pub(super) fn leaf_hashes<H: Hasher>(&self) -> [Hash32; REFERENCES] {
		let bytes = self.to_bytes();
		core::array::from_fn(|part| H::hash(&bytes[part * PART_BYTES..(part + 1) * PART_BYTES]))
	}

	/// The node of the tree that covers it.
	pub(super) fn hash<H: Hasher>(&self) -> Hash32 {
		// A block has a power of two of parts.
		subtree_root::<H>(Vec::from(self.leaf_hashes::<H>())).unwrap_or_default()
	}

	/// The block of these bytes, or `None` where they are not as many as a block has.
	pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
		let bytes: &[u8; BLOCK_BYTES] = bytes.try_into().ok()?;
		let mut words = [0; BLOCK_WORDS];
		read_words(bytes, &mut words);
		Some(Self(words))
	}
}

/// Sets as many words as there are from little-endian bytes.
pub(super) fn read_words(bytes: &[u8], words: &mut [u64]) {
	for (word, chunk) in words.iter_mut().zip(bytes.chunks_exact(8)) {
		let mut place = [0; 8];
		place.copy_from_slice(chunk);
		*word = u64::from_le_bytes(place);
	}
}

/// What makes the blocks of one fill: which inputs each has and what follows from them. Anybody who knows the
/// seed has it.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
	layout: Layout,
	seed: Hash32,
	key: Lanes,
}

impl Rule {
	/// The rule of a fill of `memory_mib` MiB, or `None` where no fill has that size.
	pub fn new(seed: &Hash32, memory_mib: u32) -> Option<Self> {
		let layout = Layout::new(memory_mib)?;
		let seed = (b"aidragon/memory/1", seed, memory_mib).using_encoded(blake2_256);
		let mut key = [0; LANES];
		read_words(&seed, &mut key);
		Some(Self { layout, seed, key })
	}

	/// How the blocks lie.
	pub fn layout(&self) -> &Layout {
		&self.layout
	}

	/// The block at `index` of those that have no inputs.
	pub fn first(&self, index: u32) -> Block {
		let mut block = Block([0; BLOCK_WORDS]);
		for (counter, words) in block.0.chunks_exact_mut(LANES).enumerate() {
			let hash = (b"first", self.seed, index, counter as u32).using_encoded(blake2_256);
			read_words(&hash, words);
		}
		block
	}

	/// The parts that go into the block at `index`, whose previous block is `previous`: its first words say which.
	pub fn references(&self, index: u32, previous: &Block) -> [Reference; REFERENCES] {
		core::array::from_fn(|which| self.layout.reference(index, previous.0[which]))
	}

	/// The block at `index` from the one before it and from parts of [`PART_WORDS`] words each.
	pub fn next(&self, index: u32, previous: &Block, parts: [&[u64]; REFERENCES]) -> Block {
		let input = combine(previous, parts);
		let mut cube = input;
		let tweak = self.key.map(|word| word.wrapping_add(u64::from(index)));
		for _ in 0..PASSES {
			// Before every pass, so that no choice of a false input takes the key and the place out again.
			for (word, tweak) in cube[0].iter_mut().zip(tweak) {
				*word ^= tweak;
			}
			pass(&mut cube);
			turn(&mut cube);
		}
		let mut block = Block([0; BLOCK_WORDS]);
		let words = input.as_flattened().iter().zip(cube.as_flattened());
		for (place, (before, after)) in block.0.iter_mut().zip(words) {
			*place = before ^ after;
		}
		block
	}
}

/// A sum with a rotation, so that equal inputs do not cancel.
#[inline(always)]
fn combine(previous: &Block, parts: [&[u64]; REFERENCES]) -> Cube {
	let mut input = [[0; LANES]; BLOCK_WORDS / LANES];
	let places = input.as_flattened_mut().chunks_exact_mut(PART_WORDS).zip(previous.parts());
	for ((places, left), right) in places.zip(parts) {
		for (place, (left, right)) in places.iter_mut().zip(left.iter().zip(right)) {
			*place = left.wrapping_add(right.rotate_left(17));
		}
	}
	input
}

/// One round of BLAKE2b in each lane.
#[inline(always)]
fn pass(cube: &mut Cube) {
	for column in 0..4 {
		mix(cube, column, 4 + column, 8 + column, 12 + column);
	}
	for column in 0..4 {
		mix(cube, column, 4 + (column + 1) % 4, 8 + (column + 2) % 4, 12 + (column + 3) % 4);
	}
}

/// Makes the lanes of the next pass from the quarters of this one.
#[inline(always)]
fn turn(cube: &mut Cube) {
	let before = *cube;
	for (place, lanes) in cube.iter_mut().enumerate() {
		for (lane, word) in lanes.iter_mut().enumerate() {
			*word = before[4 * lane + place % 4][place / 4];
		}
	}
}

#[inline(always)]
fn mix(cube: &mut Cube, a: usize, b: usize, c: usize, d: usize) {
	cube[a] = add(&cube[a], &cube[b]);
	cube[d] = turn_right::<32>(&cube[d], &cube[a]);
	cube[c] = add(&cube[c], &cube[d]);
	cube[b] = turn_right::<24>(&cube[b], &cube[c]);
	cube[a] = add(&cube[a], &cube[b]);
	cube[d] = turn_right::<16>(&cube[d], &cube[a]);
	cube[c] = add(&cube[c], &cube[d]);
	cube[b] = turn_right::<63>(&cube[b], &cube[c]);
}

/// A sum with twice the product of the lower halves: Argon2's answer to hardware that adds for nothing.
#[inline(always)]
fn add(left: &Lanes, right: &Lanes) -> Lanes {
	core::array::from_fn(|lane| {
		let product = u64::from(left[lane] as u32) * u64::from(right[lane] as u32);
		left[lane].wrapping_add(right[lane]).wrapping_add(product << 1)
	})
}

#[inline(always)]
fn turn_right<const BITS: u32>(left: &Lanes, right: &Lanes) -> Lanes {
	core::array::from_fn(|lane| (left[lane] ^ right[lane]).rotate_right(BITS))
}
