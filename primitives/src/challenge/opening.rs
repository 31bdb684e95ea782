//! Openings: which elements, what is sent for them, and the check that the chain runs.

use super::{
	prf::{mix, Matrix, MatrixKey},
	rounds_height, Commitment, LEAF_BYTES, LEAVES_PER_ROW, MATRIX_SIZE, OPENINGS, ROWS_HEIGHT,
	ROW_HEIGHT,
};
use crate::{
	beacon::SeedStream,
	merkle::{leaf_hash, root_from_path, subtree_root, MerklePath},
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
pub type Openings = BoundedVec<Opening, ConstU32<OPENINGS>>;

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

/// The elements to open, drawn from randomness that is younger than the commitment.
pub fn positions(beacon: &Hash32, commitment: &Commitment) -> Vec<Position> {
	if commitment.rounds == 0 {
		return Vec::new();
	}
	let mut stream = SeedStream::new(*beacon);
	let size = MATRIX_SIZE as u32;
	let draw = |_| Position {
		round: stream.below(commitment.rounds),
		row: stream.below(size),
		column: stream.below(size),
	};
	(0..OPENINGS).map(draw).collect()
}

/// Checks one opening against the commitment.
pub fn verify(
	seed: &Hash32,
	commitment: &Commitment,
	position: &Position,
	opening: &Opening,
) -> Result<(), OpeningError> {
	let row = row_before(seed, commitment, position, opening)?;
	let expected = expected_element(seed, position, &row);
	if opening.leaf_after.len() != LEAF_BYTES {
		return Err(OpeningError::Malformed);
	}
	let row_index = position.row as usize;
	let leaf_index =
		u64::from(position.column) * LEAVES_PER_ROW as u64 + (row_index / LEAF_BYTES) as u64;
	let depth = ROWS_HEIGHT + ROW_HEIGHT;
	let state =
		root_from_path(leaf_hash(&opening.leaf_after), leaf_index, depth, &opening.leaf_path)
			.ok_or(OpeningError::StateAfter)?;
	let height = rounds_height(commitment.rounds);
	if root_from_path(state, u64::from(position.round), height, &opening.after_path)
		!= Some(commitment.root)
	{
		return Err(OpeningError::StateAfter);
	}
	match opening.leaf_after.get(row_index % LEAF_BYTES) {
		Some(found) if *found == expected as u8 => Ok(()),
		_ => Err(OpeningError::Element),
	}
}

fn row_before(
	seed: &Hash32,
	commitment: &Commitment,
	position: &Position,
	opening: &Opening,
) -> Result<Vec<i8>, OpeningError> {
	let Some(state_index) = position.round.checked_sub(1) else {
		let initial = MatrixKey::new(seed, Matrix::InitialState);
		return Ok(initial.row(position.row as usize).to_vec());
	};
	if opening.row_before.len() != MATRIX_SIZE {
		return Err(OpeningError::Malformed);
	}
	let leaves = opening.row_before.chunks_exact(LEAF_BYTES).map(leaf_hash).collect();
	let row_root = subtree_root(leaves).ok_or(OpeningError::Malformed)?;
	let state = root_from_path(row_root, u64::from(position.row), ROWS_HEIGHT, &opening.row_path)
		.ok_or(OpeningError::StateBefore)?;
	let height = rounds_height(commitment.rounds);
	if root_from_path(state, u64::from(state_index), height, &opening.before_path)
		!= Some(commitment.root)
	{
		return Err(OpeningError::StateBefore);
	}
	Ok(opening.row_before.iter().map(|byte| *byte as i8).collect())
}

fn expected_element(seed: &Hash32, position: &Position, row: &[i8]) -> i8 {
	let weights = MatrixKey::new(seed, Matrix::Weights);
	let column = position.column as usize;
	let sum = row
		.iter()
		.enumerate()
		.map(|(k, x)| i32::from(*x) * i32::from(weights.element(k, column)))
		.sum();
	let noise = MatrixKey::new(seed, Matrix::Noise(position.round));
	mix(sum) ^ noise.element(position.row as usize, column)
}
