//! Work that nobody did, and that holds wherever it is opened: what benchmarks of the longest openings need.

use crate::dispatch::Host;
use aidragon_primitives::{
	audit::Entry,
	beacon::call_seed,
	challenge::{
		draw, positions, verify, Commitment, MatrixSize, Opening, OpeningError, Openings, Position,
		ROUNDS_MAX,
	},
	memory::{
		self, Block, MemoryCommitment, MemoryInput, MemoryOpening, MemoryOpenings, Rule,
		BLOCK_BYTES, BLOCK_WORDS, PART_BYTES, PART_WORDS, REFERENCES,
	},
	merkle::{leaf_hash, root_from_path, subtree_root, Hasher, MerklePath, MerkleTree, LEAF_BYTES},
	Hash32,
};
use alloc::{collections::BTreeMap, vec, vec::Vec};
use frame_benchmarking::BenchmarkError;

/// The size at which the openings of a challenge take most hashing: they are as many as at any, and longest of those.
pub(super) const WORST_SIZE: MatrixSize = MatrixSize::N2048;

/// A run of the most rounds, so with the longest paths, that holds wherever it is opened though
/// nobody computed it: every state is zero but for the elements at `positions`.
pub(super) struct ThinRun {
	size: MatrixSize,
	pub(super) positions: Vec<Position>,
	pub(super) elements: Vec<u8>,
	/// Of a state of zeros: the hash of a leaf, of two leaves, and so on up to its root.
	zero_hashes: Vec<Hash32>,
}

impl ThinRun {
	/// A beacon that draws elements of rounds that do not touch each other, and the run for them.
	pub(super) fn new(seed: &Hash32, size: MatrixSize) -> Result<(Hash32, Self), BenchmarkError> {
		let longest = Commitment { size, rounds: ROUNDS_MAX, root: [0; 32] };
		let (beacon, positions) = (0..=u8::MAX)
			.map(|n| [n; 32])
			.map(|beacon| (beacon, positions(&beacon, &longest)))
			.find(|(_, positions)| Self::are_apart(positions))
			.ok_or("one of so many beacons draws rounds that are apart")?;
		let mut run = Self::over(size, positions)?;
		run.find_elements(seed)?;
		Ok((beacon, run))
	}

	/// A run of zeros, but for the elements at `positions`.
	fn over(size: MatrixSize, positions: Vec<Position>) -> Result<Self, BenchmarkError> {
		let mut zero_hashes = vec![leaf_hash(&[0; LEAF_BYTES])];
		for _ in 0..size.rows_height() + size.row_height() {
			let below = *zero_hashes.last().ok_or("there is the leaf")?;
			zero_hashes.push(subtree_root::<Host>(vec![below; 2]).ok_or("two is a power of two")?);
		}
		let elements = vec![0; positions.len()];
		Ok(Self { size, positions, elements, zero_hashes })
	}

	/// The first entry of an archive of the largest run, which leads to the root and is false.
	pub(super) fn false_entry(
		seed: &Hash32,
		beacon: &Hash32,
	) -> Result<(Commitment, Entry), BenchmarkError> {
		let size = MatrixSize::N8192;
		let longest = Commitment { size, rounds: ROUNDS_MAX, root: [0; 32] };
		let drawn = draw(&call_seed(*beacon, b"audit"), &longest, 1);
		let mut run = Self::over(size, drawn)?;
		run.find_elements(seed)?;
		run.elements[0] = run.elements[0].wrapping_add(1);
		let (commitment, mut openings) = run.answer()?;
		Ok((commitment, Entry::Run(openings.remove(0))))
	}

	/// Whether no round is the first, and no state comes after one drawn round and before another.
	fn are_apart(positions: &[Position]) -> bool {
		positions.iter().all(|a| {
			let touching = positions.iter().filter(|b| a.round.abs_diff(b.round) <= 1);
			a.round > 0 && touching.count() == 1
		})
	}

	/// Raises each element until it verifies: 256 attempts reach every byte.
	fn find_elements(&mut self, seed: &Hash32) -> Result<(), BenchmarkError> {
		for _ in 0..=u8::MAX {
			let (commitment, openings) = self.answer()?;
			let mut is_right = true;
			for (index, opening) in openings.iter().enumerate() {
				match verify::<Host>(seed, &commitment, &self.positions[index], opening) {
					Ok(()) => {}
					Err(OpeningError::Element) => {
						is_right = false;
						self.elements[index] = self.elements[index].wrapping_add(1);
					}
					Err(_) => return Err("the paths lead to the root".into()),
				}
			}
			if is_right {
				return Ok(());
			}
		}
		Err("one of 256 bytes is right".into())
	}

	fn leaf(&self, index: usize) -> ([u8; LEAF_BYTES], usize) {
		let (row, column) = (self.positions[index].row, self.positions[index].column);
		let mut leaf = [0; LEAF_BYTES];
		leaf[row as usize % LEAF_BYTES] = self.elements[index];
		(leaf, column as usize * self.size.leaves_per_row() + row as usize / LEAF_BYTES)
	}

	/// From a node of a state of zeros up to the state's root.
	fn zero_path(&self, height: u32) -> MerklePath {
		let levels = self.zero_hashes.len() - 1;
		MerklePath(self.zero_hashes[height as usize..levels].to_vec())
	}

	/// What the machine commits to, and all openings.
	pub(super) fn answer(&self) -> Result<(Commitment, Openings), BenchmarkError> {
		let zero_root = *self.zero_hashes.last().ok_or("there is the root")?;
		let mut roots = vec![zero_root; ROUNDS_MAX as usize];
		for (index, position) in self.positions.iter().enumerate() {
			let (leaf, at) = self.leaf(index);
			let depth = self.size.rows_height() + self.size.row_height();
			let root =
				root_from_path::<Host>(leaf_hash(&leaf), at as u64, depth, &self.zero_path(0));
			roots[position.round as usize] = root.ok_or("the leaf lies in the state")?;
		}
		let rounds = MerkleTree::new(roots);
		let openings: Vec<_> =
			(0..self.positions.len()).map(|index| self.open(index, &rounds)).collect();
		let commitment = Commitment { size: self.size, rounds: ROUNDS_MAX, root: rounds.root() };
		let openings = Openings::try_from(openings).map_err(|_| "as many as are drawn")?;
		Ok((commitment, openings))
	}

	fn open(&self, index: usize, rounds: &MerkleTree) -> Opening {
		let round = self.positions[index].round as usize;
		Opening {
			row_before: vec![0; self.size.rows()],
			row_path: self.zero_path(self.size.row_height()),
			before_path: rounds.path(0, round - 1),
			leaf_after: self.leaf(index).0.to_vec(),
			leaf_path: self.zero_path(0),
			after_path: rounds.path(0, round),
		}
	}
}

/// A fill of zeros but for the blocks that are drawn, which follow from the zeros before them.
pub(super) struct ThinFill {
	rule: Rule,
	memory_mib: u32,
	pub(super) drawn: Vec<u32>,
	/// The nodes that are not those of zeros, level by level from the blocks on.
	levels: Vec<BTreeMap<u64, Hash32>>,
	/// Of zeros: the hash of a part, of a block, and so on up to the root.
	zero_hashes: Vec<Hash32>,
}

const ZEROS: Block = Block([0; BLOCK_WORDS]);

impl ThinFill {
	/// A beacon that draws blocks that do not depend on each other, and the fill for them.
	pub(super) fn new(seed: &Hash32, memory_mib: u32) -> Result<(Hash32, Self), BenchmarkError> {
		let rule = Rule::new(seed, memory_mib).ok_or("a fill can have that size")?;
		let claimed = MemoryCommitment { memory_mib, root: [0; 32] };
		let (beacon, drawn) = (0..=u8::MAX)
			.map(|n| [n; 32])
			.map(|beacon| (beacon, memory::positions(&beacon, &claimed)))
			.find(|(_, drawn)| Self::are_apart(&rule, drawn))
			.ok_or("one of so many beacons draws blocks that are apart")?;
		let mut zero_hashes = vec![Host::hash(&[0; PART_BYTES])];
		for _ in 0..=rule.layout().height() {
			let below = *zero_hashes.last().ok_or("there is the part")?;
			zero_hashes.push(subtree_root::<Host>(vec![below; 2]).ok_or("two is a power of two")?);
		}
		let mut blocks = BTreeMap::new();
		for index in &drawn {
			blocks.insert(u64::from(*index), Self::follow(&rule, *index)?);
		}
		let mut fill = Self { rule, memory_mib, drawn, levels: vec![blocks], zero_hashes };
		fill.hash_levels()?;
		Ok((beacon, fill))
	}

	/// Whether each drawn block has a previous one, which is not drawn.
	fn are_apart(rule: &Rule, drawn: &[u32]) -> bool {
		drawn.iter().all(|index| {
			let previous = rule.layout().previous(*index);
			previous.is_some_and(|previous| !drawn.contains(&previous)) && *index > 1
		})
	}

	/// The hash of the block that follows from zeros.
	fn follow(rule: &Rule, index: u32) -> Result<Hash32, BenchmarkError> {
		let zeros = [0u64; PART_WORDS];
		let block = rule.next(index, &ZEROS, [zeros.as_slice(); REFERENCES]);
		let parts = block.to_bytes().chunks_exact(PART_BYTES).map(Host::hash).collect();
		subtree_root::<Host>(parts).ok_or("two is a power of two".into())
	}

	fn hash_levels(&mut self) -> Result<(), BenchmarkError> {
		for level in 0..self.rule.layout().height() as usize {
			let mut above = BTreeMap::new();
			for index in self.levels[level].keys() {
				let pair = vec![self.node(level, index & !1), self.node(level, index | 1)];
				let parent = subtree_root::<Host>(pair).ok_or("two is a power of two")?;
				above.insert(index >> 1, parent);
			}
			self.levels.push(above);
		}
		Ok(())
	}

	/// The node at `level` above the blocks.
	fn node(&self, level: usize, index: u64) -> Hash32 {
		self.levels[level].get(&index).copied().unwrap_or(self.zero_hashes[level + 1])
	}

	fn path(&self, block: u32) -> MerklePath {
		let level = |level| self.node(level, (u64::from(block) >> level) ^ 1);
		MerklePath((0..self.rule.layout().height() as usize).map(level).collect())
	}

	/// What the machine commits to, and all openings.
	pub(super) fn answer(&self) -> Result<(MemoryCommitment, MemoryOpenings), BenchmarkError> {
		let root = self.node(self.rule.layout().height() as usize, 0);
		let openings: Vec<_> = self.drawn.iter().map(|index| self.open(*index)).collect();
		let openings = MemoryOpenings::try_from(openings).map_err(|_| "as many as are drawn")?;
		Ok((MemoryCommitment { memory_mib: self.memory_mib, root }, openings))
	}

	fn open(&self, index: u32) -> MemoryOpening {
		let previous = self.rule.layout().previous(index).unwrap_or_default();
		let references = self.rule.references(index, &ZEROS).map(|reference| {
			let mut path = vec![self.zero_hashes[0]];
			path.extend(self.path(reference.block).0);
			MemoryInput { bytes: vec![0; PART_BYTES], path: MerklePath(path) }
		});
		MemoryOpening {
			previous: MemoryInput { bytes: vec![0; BLOCK_BYTES], path: self.path(previous) },
			references,
			block_hash: self.node(0, index.into()),
			path: self.path(index),
		}
	}
}
