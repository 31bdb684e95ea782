//! The prover's side: runs rounds, keeps every state, opens elements.

use super::{
	opening::{Opening, Position},
	prf::{mix, Matrix, MatrixKey},
	Commitment, LEAF_BYTES, LEAVES_PER_ROW, MATRIX_SIZE, ROUNDS_MAX, ROW_HEIGHT,
};
use crate::{
	merkle::{leaf_hash, MerkleTree},
	Hash32,
};
use alloc::{vec, vec::Vec};

/// One state, row by row.
type State = Vec<i8>;

/// A run of a challenge.
#[derive(Clone, Debug)]
pub struct Prover {
	seed: Hash32,
	/// `W`, column by column, so that a dot product reads two runs of memory.
	weights_by_column: Vec<i8>,
	states: Vec<State>,
	roots: Vec<Hash32>,
}

impl Prover {
	/// Expands the matrices of `seed`.
	pub fn new(seed: Hash32) -> Self {
		let weights = MatrixKey::new(&seed, Matrix::Weights);
		let mut weights_by_column = vec![0i8; MATRIX_SIZE * MATRIX_SIZE];
		for row in 0..MATRIX_SIZE {
			for (column, weight) in weights.row(row).into_iter().enumerate() {
				weights_by_column[column * MATRIX_SIZE + row] = weight;
			}
		}
		let initial = MatrixKey::new(&seed, Matrix::InitialState);
		let first = (0..MATRIX_SIZE).flat_map(|row| initial.row(row)).collect();
		Self { seed, weights_by_column, states: vec![first], roots: Vec::new() }
	}

	/// Rounds run so far.
	pub fn rounds(&self) -> u32 {
		self.roots.len() as u32
	}

	/// The multiplication of one round, for rows `rows` of the state: `mix`ed sums, row by row.
	/// Rows are independent, so a caller may spread them over its cores.
	pub fn multiply(&self, rows: core::ops::Range<usize>) -> Vec<i8> {
		let state = self.states.last().map(Vec::as_slice).unwrap_or_default();
		let mut mixed = Vec::with_capacity(rows.len() * MATRIX_SIZE);
		for row in state[rows.start * MATRIX_SIZE..rows.end * MATRIX_SIZE].chunks_exact(MATRIX_SIZE)
		{
			for column in self.weights_by_column.chunks_exact(MATRIX_SIZE) {
				mixed.push(mix(dot(row, column)));
			}
		}
		mixed
	}

	/// Completes a round from the products of all rows: noise, transposition and the state's root.
	/// Does nothing once [`ROUNDS_MAX`] rounds are run.
	pub fn complete_round(&mut self, mixed: &[i8]) {
		if self.rounds() >= ROUNDS_MAX {
			return;
		}
		let noise = MatrixKey::new(&self.seed, Matrix::Noise(self.rounds()));
		let mut next = vec![0i8; MATRIX_SIZE * MATRIX_SIZE];
		for (row, products) in mixed.chunks_exact(MATRIX_SIZE).enumerate() {
			for (column, (product, noise)) in products.iter().zip(noise.row(row)).enumerate() {
				next[column * MATRIX_SIZE + row] = product ^ noise;
			}
		}
		self.roots.push(state_tree(&next).root());
		self.states.push(next);
	}

	/// Runs one round on the calling thread.
	pub fn run_round(&mut self) {
		let mixed = self.multiply(0..MATRIX_SIZE);
		self.complete_round(&mixed);
	}

	/// What to commit to after the rounds run so far.
	pub fn commitment(&self) -> Commitment {
		Commitment { rounds: self.rounds(), root: MerkleTree::new(self.roots.clone()).root() }
	}

	/// Opens the element that `position` names, or `None` where it lies outside of the run.
	pub fn open(&self, position: &Position) -> Option<Opening> {
		let round = position.round as usize;
		let (row, column) = (position.row as usize, position.column as usize);
		let (before, after) = (self.states.get(round)?, self.states.get(round + 1)?);
		let rounds = MerkleTree::new(self.roots.clone());
		let leaf = column * LEAVES_PER_ROW + row / LEAF_BYTES;
		let after_tree = state_tree(after);
		let (row_path, before_path) = match round.checked_sub(1) {
			Some(index) => {
				let tree = state_tree(before);
				(tree.path(ROW_HEIGHT as usize, row), rounds.path(0, index))
			}
			None => Default::default(),
		};
		let row_before = match round {
			0 => Vec::new(),
			_ => to_bytes(&before[row * MATRIX_SIZE..(row + 1) * MATRIX_SIZE]),
		};
		Some(Opening {
			row_before,
			row_path,
			before_path,
			leaf_after: to_bytes(&after[leaf * LEAF_BYTES..(leaf + 1) * LEAF_BYTES]),
			leaf_path: after_tree.path(0, leaf),
			after_path: rounds.path(0, round),
		})
	}
}

#[inline]
fn dot(left: &[i8], right: &[i8]) -> i32 {
	left.iter().zip(right).map(|(a, b)| i32::from(*a) * i32::from(*b)).sum()
}

fn to_bytes(elements: &[i8]) -> Vec<u8> {
	elements.iter().map(|element| *element as u8).collect()
}

fn state_tree(state: &[i8]) -> MerkleTree {
	MerkleTree::new(state.chunks_exact(LEAF_BYTES).map(|leaf| leaf_hash(&to_bytes(leaf))).collect())
}
