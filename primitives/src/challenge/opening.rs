//! Openings: which elements, what is sent for them, and the check that the chain runs.

use super::{
	prf::{mix, Matrix, MatrixKey},
	rounds_height, Commitment, OPENINGS_MAX,
};
use crate::{
	beacon::SeedStream,
	merkle::{root_from_path, subtree_root, Hasher, MerklePath, LEAF_BYTES},
	Hash32,
};
use alloc::vec::Vec;
use bounded_collections::{BoundedVec, ConstU32};
use codec::{Decode, DecodeWithMemTracking, Encode};
use scale_info::TypeInfo;

/// One element of the run: how row `row` of the state before round `round` and column `column` of `W` give
/// element `(column, row)` of the state after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
	/// The round, from 0.
	pub round: u32,
	/// Row of the state before.
	pub row: u32,
	/// Column of `W`.
	pub column: u32,
}

/// What proves one element.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub struct Opening {
	/// The row of the state before; empty for round 0, whose state everybody computes.
	pub row_before: Vec<u8>,
	/// From that row to the root of its state.
	pub row_path: MerklePath,
	/// From that state to the root of the run.
	pub before_path: MerklePath,
	/// The leaf of the state after that holds the element.
	pub leaf_after: Vec<u8>,
	/// From that leaf to the root of its state.
	pub leaf_path: MerklePath,
	/// From that state to the root of the run.
	pub after_path: MerklePath,
}

/// The openings of one challenge.
pub type Openings = BoundedVec<Opening, ConstU32<OPENINGS_MAX>>;

/// Why an opening was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpeningError {
	/// There are not as many openings as positions.
	Count,
	/// A part of the opening has the wrong length.
	Malformed,
	/// The state before does not belong to the committed run.
	StateBefore,
	/// The state after does not belong to the committed run.
	StateAfter,
	/// The element is not what the round computes: the run was not run.
	Element,
}

/// The elements that the chain opens, drawn from randomness that is younger than the commitment.
pub fn positions(beacon: &Hash32, commitment: &Commitment) -> Vec<Position> {
	draw(beacon, commitment, commitment.size.openings())
}

/// `count` elements, drawn by `seed`. None of a run without rounds.
pub fn draw(seed: &Hash32, commitment: &Commitment, count: u32) -> Vec<Position> {
	if commitment.rounds == 0 {
		return Vec::new();
	}
	let mut stream = SeedStream::new(*seed);
	let size = commitment.size.rows() as u32;
	let draw = |_| Position {
		round: stream.below(commitment.rounds),
		row: stream.below(size),
		column: stream.below(size),
	};
	(0..count).map(draw).collect()
}

/// Checks one opening against the commitment.
pub fn verify<H: Hasher>(
	seed: &Hash32,
	commitment: &Commitment,
	position: &Position,
	opening: &Opening,
) -> Result<(), OpeningError> {
	let row = row_before::<H>(seed, commitment, position, opening)?;
	let size = commitment.size;
	let expected = expected_element(seed, commitment, position, &row);
	let leaf: &[u8; LEAF_BYTES] =
		opening.leaf_after.as_slice().try_into().map_err(|_| OpeningError::Malformed)?;
	let row_index = position.row as usize;
	let leaf_index =
		u64::from(position.column) * size.leaves_per_row() as u64 + (row_index / LEAF_BYTES) as u64;
	let depth = size.rows_height() + size.row_height();
	let state = root_from_path::<H>(H::hash(leaf), leaf_index, depth, &opening.leaf_path)
		.ok_or(OpeningError::StateAfter)?;
	let height = rounds_height(commitment.rounds);
	if root_from_path::<H>(state, u64::from(position.round), height, &opening.after_path)
		!= Some(commitment.root)
	{
		return Err(OpeningError::StateAfter);
	}
	match leaf[row_index % LEAF_BYTES] == expected as u8 {
		true => Ok(()),
		false => Err(OpeningError::Element),
	}
}

fn row_before<H: Hasher>(
	seed: &Hash32,
	commitment: &Commitment,
	position: &Position,
	opening: &Opening,
) -> Result<Vec<i8>, OpeningError> {
	let size = commitment.size;
	let Some(state_index) = position.round.checked_sub(1) else {
		let initial = MatrixKey::new(seed, size, Matrix::InitialState);
		return Ok(initial.line(size, position.row as usize));
	};
	if opening.row_before.len() != size.rows() {
		return Err(OpeningError::Malformed);
	}
	let leaves = opening.row_before.chunks_exact(LEAF_BYTES).map(H::hash).collect();
	let row_root = subtree_root::<H>(leaves).ok_or(OpeningError::Malformed)?;
	let state = root_from_path::<H>(
		row_root,
		u64::from(position.row),
		size.rows_height(),
		&opening.row_path,
	)
	.ok_or(OpeningError::StateBefore)?;
	let height = rounds_height(commitment.rounds);
	if root_from_path::<H>(state, u64::from(state_index), height, &opening.before_path)
		!= Some(commitment.root)
	{
		return Err(OpeningError::StateBefore);
	}
	Ok(opening.row_before.iter().map(|byte| *byte as i8).collect())
}

fn expected_element(seed: &Hash32, commitment: &Commitment, position: &Position, row: &[i8]) -> i8 {
	let size = commitment.size;
	let column = position.column as usize;
	let weights = MatrixKey::new(seed, size, Matrix::Weights).line(size, column);
	let sum = row.iter().zip(weights).map(|(x, w)| i32::from(*x) * i32::from(w)).sum();
	let noise = MatrixKey::new(seed, size, Matrix::Noise(position.round));
	mix(sum) ^ noise.element(size, column, position.row as usize)
}
