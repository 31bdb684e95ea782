//! A binary Merkle tree over leaves of one length, with proofs for aligned runs of leaves.
//!
//! A leaf is longer than two hashes, so that a node can never pass for a leaf; a prefix would cost a block of
//! the hash function for each of them. The number of leaves is rounded up to a power of two.

use crate::Hash32;
use alloc::vec::Vec;
use codec::{Decode, DecodeWithMemTracking, Encode};
use scale_info::TypeInfo;
use sp_crypto_hashing::blake2_256;

/// The siblings from a node up to the root, lowest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub struct MerklePath(pub Vec<Hash32>);

/// Bytes of a leaf: two blocks of the hash function. Long leaves take less hashing, short ones less of a proof.
pub const LEAF_BYTES: usize = 256;

/// What fills a tree up.
const NO_LEAF: Hash32 = [0; 32];

/// BLAKE2b-256, and who computes it. In a runtime the host does it several times faster than WebAssembly.
pub trait Hasher {
	/// The hash of these bytes.
	fn hash(bytes: &[u8]) -> Hash32;
}

/// Computed by this crate.
#[derive(Clone, Copy, Debug)]
pub struct Software;

impl Hasher for Software {
	fn hash(bytes: &[u8]) -> Hash32 {
		blake2_256(bytes)
	}
}

/// The hash of a leaf.
pub fn leaf_hash(leaf: &[u8; LEAF_BYTES]) -> Hash32 {
	Software::hash(leaf)
}

fn node_hash<H: Hasher>(left: &Hash32, right: &Hash32) -> Hash32 {
	let mut data = [0u8; 64];
	data[..32].copy_from_slice(left);
	data[32..].copy_from_slice(right);
	H::hash(&data)
}

/// A tree with all its levels, as a prover keeps it.
#[derive(Clone, Debug)]
pub struct MerkleTree {
	/// `levels[0]` are the leaf hashes; the last level is the root alone.
	levels: Vec<Vec<Hash32>>,
}

impl MerkleTree {
	/// Builds the tree over leaf hashes.
	pub fn new(mut leaf_hashes: Vec<Hash32>) -> Self {
		let size = leaf_hashes.len().max(1).next_power_of_two();
		leaf_hashes.resize(size, NO_LEAF);
		let mut levels = alloc::vec![leaf_hashes];
		while levels.last().is_some_and(|level| level.len() > 1) {
			let next = match levels.last() {
				Some(level) => {
					level.chunks_exact(2).map(|pair| node_hash::<Software>(&pair[0], &pair[1]))
				}
				None => break,
			}
			.collect();
			levels.push(next);
		}
		Self { levels }
	}

	/// The root.
	pub fn root(&self) -> Hash32 {
		self.levels.last().and_then(|level| level.first()).copied().unwrap_or_default()
	}

	/// The path of the node that covers leaves `index << height` to `(index + 1) << height`.
	pub fn path(&self, height: usize, index: usize) -> MerklePath {
		let mut siblings = Vec::new();
		let mut position = index;
		for level in self.levels.iter().skip(height) {
			if let Some(sibling) = level.get(position ^ 1) {
				siblings.push(*sibling);
			}
			position >>= 1;
		}
		MerklePath(siblings)
	}
}

/// The root of a whole tree over `leaf_hashes`, whose number must be a power of two.
pub fn subtree_root<H: Hasher>(mut leaf_hashes: Vec<Hash32>) -> Option<Hash32> {
	if !leaf_hashes.len().is_power_of_two() {
		return None;
	}
	while leaf_hashes.len() > 1 {
		leaf_hashes =
			leaf_hashes.chunks_exact(2).map(|pair| node_hash::<H>(&pair[0], &pair[1])).collect();
	}
	leaf_hashes.first().copied()
}

/// The root that `path` leads to from `node` at position `index` of its level, in a tree that has `depth`
/// levels above that node. `None` where path and depth differ or the index lies outside of the tree.
pub fn root_from_path<H: Hasher>(
	node: Hash32,
	index: u64,
	depth: u32,
	path: &MerklePath,
) -> Option<Hash32> {
	let inside = depth < 64 && index < (1u64 << depth);
	if !inside || path.0.len() != depth as usize {
		return None;
	}
	let mut position = index;
	let mut hash = node;
	for sibling in &path.0 {
		hash = match position & 1 {
			0 => node_hash::<H>(&hash, sibling),
			_ => node_hash::<H>(sibling, &hash),
		};
		position >>= 1;
	}
	Some(hash)
}

#[cfg(test)]
mod tests {
	use super::*;
	use proptest::prelude::*;

	fn leaf(content: u32) -> Hash32 {
		let mut leaf = [0; LEAF_BYTES];
		leaf[..4].copy_from_slice(&content.to_le_bytes());
		leaf_hash(&leaf)
	}

	proptest! {
		#[test]
		fn every_path_leads_to_the_root(count in 1usize..70, pick in any::<prop::sample::Index>()) {
			let leaves: Vec<_> = (0..count as u32).map(leaf).collect();
			let tree = MerkleTree::new(leaves.clone());
			let depth = count.next_power_of_two().trailing_zeros();
			let index = pick.index(count);
			let path = tree.path(0, index);
			prop_assert_eq!(root_from_path::<Software>(leaves[index], index as u64, depth, &path), Some(tree.root()));
			prop_assert_ne!(root_from_path::<Software>(leaf(999), index as u64, depth, &path), Some(tree.root()));
		}
	}

	#[test]
	fn path_of_a_run_starts_at_its_own_root() {
		let leaves: Vec<_> = (0..16).map(leaf).collect();
		let tree = MerkleTree::new(leaves.clone());
		let run = subtree_root::<Software>(leaves[4..8].to_vec()).unwrap();
		assert_eq!(root_from_path::<Software>(run, 1, 2, &tree.path(2, 1)), Some(tree.root()));
	}

	#[test]
	fn path_of_the_wrong_length_or_place_is_refused() {
		let tree = MerkleTree::new((0..4).map(leaf).collect());
		let path = tree.path(0, 1);
		assert_eq!(root_from_path::<Software>(leaf(1), 1, 3, &path), None);
		assert_eq!(root_from_path::<Software>(leaf(1), 5, 2, &path), None);
		assert_eq!(subtree_root::<Software>(alloc::vec![[0; 32]; 3]), None);
	}

	#[test]
	fn a_node_does_not_pass_for_a_leaf() {
		const { assert!(LEAF_BYTES > 2 * core::mem::size_of::<Hash32>()) };
		let (a, b) = (leaf(1), leaf(2));
		let mut joined = [0; LEAF_BYTES];
		joined[..32].copy_from_slice(&a);
		joined[32..64].copy_from_slice(&b);
		assert_ne!(leaf_hash(&joined), MerkleTree::new(alloc::vec![a, b]).root());
	}
}
