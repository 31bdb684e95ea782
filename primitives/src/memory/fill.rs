//! The prover's side: fills the memory, keeps the blocks, opens them.

use super::{
	block::{Block, Rule, REFERENCES},
	layout::{Layout, Reference, GROUP_BLOCKS, MEMORY_LANES, MEMORY_SLICES, PART_HEIGHT},
	opening::{MemoryInput, MemoryOpening},
	MemoryCommitment,
};
use crate::{
	merkle::{subtree_root, MerklePath, MerkleTree, Software},
	Hash32,
};
use alloc::vec::Vec;

/// One lane in one slice with the roots of its groups.
#[derive(Clone, Debug, Default)]
struct Stored {
	blocks: Vec<Block>,
	roots: Vec<Hash32>,
}

impl Stored {
	fn with_capacity(blocks: u32) -> Option<Self> {
		let mut stored = Self::default();
		stored.blocks.try_reserve_exact(blocks as usize).ok()?;
		stored.roots.try_reserve_exact((blocks / GROUP_BLOCKS) as usize).ok()?;
		Some(stored)
	}

	/// Appends a block, and the root of its group where the group is complete and still in the cache.
	fn push(&mut self, block: Block) {
		self.blocks.push(block);
		if self.blocks.len().is_multiple_of(GROUP_BLOCKS as usize) {
			let group = &self.blocks[self.blocks.len() - GROUP_BLOCKS as usize..];
			// A group has a power of two of leaves.
			self.roots.push(subtree_root::<Software>(leaf_hashes(group)).unwrap_or_default());
		}
	}
}

fn leaf_hashes(blocks: &[Block]) -> Vec<Hash32> {
	blocks.iter().flat_map(Block::leaf_hashes::<Software>).collect()
}

fn part_bytes(part: &[u64]) -> Vec<u8> {
	part.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// A fill under way.
#[derive(Debug)]
pub struct Fill {
	rule: Rule,
	memory_mib: u32,
	/// In the order of their blocks.
	segments: Vec<Stored>,
}

/// One lane in the slice that is next. It can be moved to another thread.
#[derive(Debug)]
pub struct Segment<'a> {
	rule: Rule,
	first: u32,
	done: &'a [Stored],
	own: &'a mut Stored,
}

impl Segment<'_> {
	/// Computes and hashes the blocks.
	pub fn run(self) {
		let Self { rule, first, done, own } = self;
		own.blocks.clear();
		own.roots.clear();
		for index in first..first + rule.layout().segment_blocks() {
			own.push(next_block(&rule, index, done, &own.blocks));
		}
	}
}

/// The block at `index`, from the segments of earlier slices and the blocks before it in its own.
fn next_block(rule: &Rule, index: u32, done: &[Stored], own: &[Block]) -> Block {
	let layout = rule.layout();
	let Some(previous) = layout.previous(index) else {
		return rule.first(index);
	};
	let find = |block: u32| {
		let (segment, place) = layout.split(block);
		match done.get(segment) {
			Some(stored) => &stored.blocks[place],
			None => &own[place],
		}
	};
	let previous = find(previous);
	let references = rule.references(index, previous);
	rule.next(index, previous, references.map(|reference| reference.of(find(reference.block))))
}

impl Fill {
	/// Reserves `memory_mib` MiB and about 1/2,000 more, without touching them. `None` where no fill has that size, or
	/// where the machine refuses. Many machines promise more than they have: compare with what is free before.
	pub fn new(seed: Hash32, memory_mib: u32) -> Option<Self> {
		let rule = Rule::new(&seed, memory_mib)?;
		let reserve = |_| Stored::with_capacity(rule.layout().segment_blocks());
		let segments = (0..MEMORY_LANES * MEMORY_SLICES).map(reserve).collect::<Option<_>>()?;
		Some(Self { rule, memory_mib, segments })
	}

	/// What is left to be run of the slice that is next, or `None` once the fill is complete. The segments are
	/// independent, so a caller may spread them over its cores.
	pub fn next_slice(&mut self) -> Option<Vec<Segment<'_>>> {
		let segment = self.rule.layout().segment_blocks();
		let missing = |stored: &Stored| stored.blocks.len() < segment as usize;
		let slice = self.segments.iter().position(missing)? / MEMORY_LANES as usize;
		let (done, rest) = self.segments.split_at_mut(slice * MEMORY_LANES as usize);
		let lanes = rest.iter_mut().take(MEMORY_LANES as usize).enumerate();
		let segments = lanes.filter(|(_, stored)| missing(stored)).map(|(lane, own)| Segment {
			rule: self.rule,
			first: (done.len() + lane) as u32 * segment,
			done,
			own,
		});
		Some(segments.collect())
	}

	/// Fills what is left on the calling thread.
	pub fn run(mut self) -> Option<Filled> {
		while let Some(segments) = self.next_slice() {
			segments.into_iter().for_each(Segment::run);
		}
		self.finish()
	}

	/// Hashes the rest of the tree. `None` where segments are missing: what was filled is lost then.
	pub fn finish(mut self) -> Option<Filled> {
		if self.next_slice().is_some() {
			return None;
		}
		Some(Filled::over(self.rule, self.memory_mib, self.segments))
	}
}

/// A complete fill.
#[derive(Debug)]
pub struct Filled {
	rule: Rule,
	memory_mib: u32,
	segments: Vec<Stored>,
	/// Over the roots of the groups.
	tree: MerkleTree,
}

impl Filled {
	fn over(rule: Rule, memory_mib: u32, mut segments: Vec<Stored>) -> Self {
		let mut roots = Vec::with_capacity((rule.layout().blocks() / GROUP_BLOCKS) as usize);
		for stored in &mut segments {
			roots.append(&mut core::mem::take(&mut stored.roots));
		}
		Self { rule, memory_mib, segments, tree: MerkleTree::new(roots) }
	}

	/// Hashes blocks, whatever they hold. `None` where they are not as many as `memory_mib` MiB have.
	pub fn from_blocks(seed: Hash32, memory_mib: u32, blocks: &[Block]) -> Option<Self> {
		let rule = Rule::new(&seed, memory_mib)?;
		if blocks.len() != rule.layout().blocks() as usize {
			return None;
		}
		let store = |blocks: &[Block]| {
			let mut stored = Stored::default();
			blocks.iter().for_each(|block| stored.push(*block));
			stored
		};
		let segment = rule.layout().segment_blocks() as usize;
		Some(Self::over(rule, memory_mib, blocks.chunks_exact(segment).map(store).collect()))
	}

	/// What to commit to.
	pub fn commitment(&self) -> MemoryCommitment {
		MemoryCommitment { memory_mib: self.memory_mib, root: self.tree.root() }
	}

	/// The block at `index`, or `None` where it lies outside.
	pub fn block(&self, index: u32) -> Option<&Block> {
		let (segment, place) = self.layout().split(index);
		self.segments.get(segment)?.blocks.get(place)
	}

	/// Opens the block at `index`, or `None` where it lies outside.
	pub fn open(&self, index: u32) -> Option<MemoryOpening> {
		let (block_hash, path) = self.node(index)?;
		let Some(previous_index) = self.layout().previous(index) else {
			return Some(MemoryOpening { block_hash, path, ..Default::default() });
		};
		let previous = self.block(previous_index)?;
		let mut references = <[MemoryInput; REFERENCES]>::default();
		for (input, reference) in references.iter_mut().zip(self.rule.references(index, previous)) {
			*input = self.input(reference)?;
		}
		let (_, previous_path) = self.node(previous_index)?;
		let previous = MemoryInput { bytes: previous.to_bytes().to_vec(), path: previous_path };
		Some(MemoryOpening { previous, references, block_hash, path })
	}

	fn layout(&self) -> &Layout {
		self.rule.layout()
	}

	/// The hash of a block and its path.
	fn node(&self, index: u32) -> Option<(Hash32, MerklePath)> {
		let path = self.path(PART_HEIGHT, index, index % GROUP_BLOCKS)?;
		Some((self.block(index)?.hash::<Software>(), path))
	}

	/// A part and its path.
	fn input(&self, reference: Reference) -> Option<MemoryInput> {
		let bytes = part_bytes(reference.of(self.block(reference.block)?));
		let leaf = reference.leaf() % (u64::from(GROUP_BLOCKS) << PART_HEIGHT);
		Some(MemoryInput { bytes, path: self.path(0, reference.block, leaf as u32)? })
	}

	/// The path of node `node` at `height` of the group that holds block `index`: within the group, then the
	/// group's.
	fn path(&self, height: u32, index: u32, node: u32) -> Option<MerklePath> {
		let (segment, place) = self.layout().split(index);
		let first = place - place % GROUP_BLOCKS as usize;
		let group = self.segments.get(segment)?.blocks.get(first..first + GROUP_BLOCKS as usize)?;
		let mut path = MerkleTree::new(leaf_hashes(group)).path(height as usize, node as usize);
		path.0.extend(self.tree.path(0, (index / GROUP_BLOCKS) as usize).0);
		Some(path)
	}
}
