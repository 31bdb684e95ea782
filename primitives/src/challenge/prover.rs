//! The prover's side: runs rounds, keeps every state, opens elements.

use super::{
	opening::{Opening, Position},
	prf::{mix, Matrix, MatrixKey},
	Commitment, MatrixSize, ROUNDS_MAX,
};
use crate::{
	merkle::{leaf_hash, subtree_root, MerklePath, MerkleTree, Software, LEAF_BYTES},
	Hash32,
};
use alloc::{vec, vec::Vec};
use core::ops::Range;

/// Columns of `W` that a kernel is given at once, so that what it loads of a state serves often.
const BLOCK_COLUMNS: usize = 64;

/// How a machine multiplies.
pub trait Kernel: Sync {
	/// What it is called.
	fn name(&self) -> &'static str;

	/// Writes the dot product of every row with every column, row by row for each column.
	///
	/// # Arguments
	/// * `size` - elements of a row and of a column.
	/// * `rows`, `columns` - `size` elements for each of them, one after the other.
	/// * `sums` - as many as there are pairs; `sums[column * number_of_rows + row]` is set.
	fn multiply(&self, size: usize, rows: &[i8], columns: &[i8], sums: &mut [i32]);
}

/// Plain Rust. What every other kernel is compared with.
#[derive(Clone, Copy, Debug, Default)]
pub struct Portable;

impl Kernel for Portable {
	fn name(&self) -> &'static str {
		"portable"
	}

	fn multiply(&self, size: usize, rows: &[i8], columns: &[i8], sums: &mut [i32]) {
		let number_of_rows = rows.len() / size;
		for (column, sums) in
			columns.chunks_exact(size).zip(sums.chunks_exact_mut(number_of_rows.max(1)))
		{
			for (row, sum) in rows.chunks_exact(size).zip(sums) {
				*sum = dot(row, column);
			}
		}
	}
}

#[inline]
fn dot(left: &[i8], right: &[i8]) -> i32 {
	left.iter().zip(right).map(|(a, b)| i32::from(*a) * i32::from(*b)).sum()
}

/// Neighbouring rows of the state after a round.
#[derive(Clone, Debug)]
pub struct NextRows {
	elements: Vec<i8>,
	roots: Vec<Hash32>,
}

impl NextRows {
	/// Hashes rows, whatever they hold.
	pub fn new(size: MatrixSize, elements: Vec<i8>) -> Self {
		let roots = elements.chunks_exact(size.rows()).map(row_root).collect();
		Self { elements, roots }
	}
}

/// One state with the roots of its rows.
#[derive(Clone, Debug)]
struct State {
	elements: Vec<i8>,
	row_roots: Vec<Hash32>,
}

impl State {
	fn row(&self, size: MatrixSize, row: usize) -> &[i8] {
		&self.elements[row * size.rows()..(row + 1) * size.rows()]
	}

	fn path_of_row(&self, row: usize) -> MerklePath {
		MerkleTree::new(self.row_roots.clone()).path(0, row)
	}

	/// The path of a leaf of a row: within the row, then the row's.
	fn path_of_leaf(&self, size: MatrixSize, row: usize, leaf: usize) -> MerklePath {
		let mut path = MerkleTree::new(leaf_hashes(self.row(size, row))).path(0, leaf);
		path.0.extend(self.path_of_row(row).0);
		path
	}
}

/// A run of a challenge.
#[derive(Clone, Debug)]
pub struct Prover {
	seed: Hash32,
	size: MatrixSize,
	/// `W`, column by column, so that a dot product reads two runs of memory.
	weights: Vec<i8>,
	states: Vec<State>,
	roots: Vec<Hash32>,
}

impl Prover {
	/// Expands the matrices of `seed`.
	pub fn new(seed: Hash32, size: MatrixSize) -> Self {
		let expand = |matrix| {
			let key = MatrixKey::new(&seed, size, matrix);
			let mut elements = vec![0; size.state_bytes()];
			for (line, place) in elements.chunks_exact_mut(size.rows()).enumerate() {
				key.fill_line(line, place);
			}
			elements
		};
		let first = State { elements: expand(Matrix::InitialState), row_roots: Vec::new() };
		let weights = expand(Matrix::Weights);
		Self { seed, size, weights, states: vec![first], roots: Vec::new() }
	}

	/// Rows and columns of the matrices.
	pub fn size(&self) -> MatrixSize {
		self.size
	}

	/// Rounds run so far.
	pub fn rounds(&self) -> u32 {
		self.roots.len() as u32
	}

	/// Rows `rows` of the next state, one for each of these columns of `W`. They are independent, so a caller may
	/// spread them over its cores.
	pub fn next_rows(&self, kernel: &dyn Kernel, rows: Range<usize>) -> NextRows {
		let n = self.size.rows();
		let state = self.states.last().map(|state| state.elements.as_slice()).unwrap_or_default();
		let noise = MatrixKey::new(&self.seed, self.size, Matrix::Noise(self.rounds()));
		let mut elements = vec![0i8; rows.len() * n];
		let mut sums = vec![0i32; BLOCK_COLUMNS.min(rows.len()) * n];
		for (block, next) in elements.chunks_mut(BLOCK_COLUMNS * n).enumerate() {
			let first = rows.start + block * BLOCK_COLUMNS;
			let columns = &self.weights[first * n..first * n + next.len()];
			let sums = &mut sums[..next.len()];
			kernel.multiply(n, state, columns, sums);
			for (line, (row, sums)) in
				next.chunks_exact_mut(n).zip(sums.chunks_exact(n)).enumerate()
			{
				noise.fill_line(first + line, row);
				for (element, sum) in row.iter_mut().zip(sums) {
					*element ^= mix(*sum);
				}
			}
		}
		NextRows::new(self.size, elements)
	}

	/// Completes a round from all rows of the next state, in their order.
	///
	/// Returns whether it did: not where rows are missing, nor once [`ROUNDS_MAX`] rounds are run.
	pub fn complete_round(&mut self, parts: Vec<NextRows>) -> bool {
		let rows: usize = parts.iter().map(|part| part.roots.len()).sum();
		if rows != self.size.rows() || self.rounds() >= ROUNDS_MAX {
			return false;
		}
		let mut next = State { elements: Vec::new(), row_roots: Vec::with_capacity(rows) };
		next.elements.reserve_exact(self.size.state_bytes());
		for part in parts {
			next.elements.extend(part.elements);
			next.row_roots.extend(part.roots);
		}
		self.roots.push(MerkleTree::new(next.row_roots.clone()).root());
		self.states.push(next);
		true
	}

	/// Runs one round on the calling thread.
	pub fn run_round(&mut self, kernel: &dyn Kernel) -> bool {
		let next = self.next_rows(kernel, 0..self.size.rows());
		self.complete_round(vec![next])
	}

	/// What to commit to after the rounds run so far.
	pub fn commitment(&self) -> Commitment {
		let root = MerkleTree::new(self.roots.clone()).root();
		Commitment { size: self.size, rounds: self.rounds(), root }
	}

	/// Opens the element that `position` names, or `None` where it lies outside of the run.
	pub fn open(&self, position: &Position) -> Option<Opening> {
		let (round, row) = (position.round as usize, position.row as usize);
		let column = position.column as usize;
		if row >= self.size.rows() || column >= self.size.rows() {
			return None;
		}
		let (before, after) = (self.states.get(round)?, self.states.get(round + 1)?);
		let rounds = MerkleTree::new(self.roots.clone());
		let (row_before, row_path, before_path) = match round.checked_sub(1) {
			Some(index) => {
				let bytes = to_bytes(before.row(self.size, row));
				(bytes, before.path_of_row(row), rounds.path(0, index))
			}
			// Everybody computes the first state.
			None => Default::default(),
		};
		let leaf = row / LEAF_BYTES;
		let leaf_after = &after.row(self.size, column)[leaf * LEAF_BYTES..(leaf + 1) * LEAF_BYTES];
		Some(Opening {
			row_before,
			row_path,
			before_path,
			leaf_after: to_bytes(leaf_after),
			leaf_path: after.path_of_leaf(self.size, column, leaf),
			after_path: rounds.path(0, round),
		})
	}
}

fn to_bytes(elements: &[i8]) -> Vec<u8> {
	elements.iter().map(|element| *element as u8).collect()
}

fn leaf_hashes(row: &[i8]) -> Vec<Hash32> {
	let mut bytes = [0u8; LEAF_BYTES];
	let hash = |leaf: &[i8]| {
		for (byte, element) in bytes.iter_mut().zip(leaf) {
			*byte = *element as u8;
		}
		leaf_hash(&bytes)
	};
	row.chunks_exact(LEAF_BYTES).map(hash).collect()
}

fn row_root(row: &[i8]) -> Hash32 {
	// A row has a power of two of leaves.
	subtree_root::<Software>(leaf_hashes(row)).unwrap_or_default()
}
