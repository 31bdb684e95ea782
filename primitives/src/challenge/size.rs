//! How large the matrices of a challenge are, and what follows from that.

use super::{rounds_height, OPENINGS_BYTES_MAX, OPENINGS_MAX, ROUNDS_MAX};
use crate::merkle::LEAF_BYTES;
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;

/// Rows and columns of the matrices of a challenge.
#[derive(
	Clone,
	Copy,
	Debug,
	PartialEq,
	Eq,
	PartialOrd,
	Ord,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
)]
pub enum MatrixSize {
	/// 512 × 512: states of 256 KiB.
	#[codec(index = 0)]
	N512,
	/// 1,024 × 1,024: states of 1 MiB.
	#[codec(index = 1)]
	N1024,
	/// 2,048 × 2,048: states of 4 MiB.
	#[codec(index = 2)]
	N2048,
	/// 4,096 × 4,096: states of 16 MiB.
	#[codec(index = 3)]
	N4096,
	/// 8,192 × 8,192: states of 64 MiB.
	#[codec(index = 4)]
	N8192,
}

impl MatrixSize {
	/// All sizes, smallest first.
	pub const ALL: [Self; 5] = [Self::N512, Self::N1024, Self::N2048, Self::N4096, Self::N8192];

	/// Rows of a matrix, and elements in each.
	pub const fn rows(self) -> usize {
		512 << self as usize
	}

	/// Bytes of one state.
	pub const fn state_bytes(self) -> usize {
		self.rows() * self.rows()
	}

	/// Operations of one round. A multiplication and an addition count as two.
	pub const fn round_operations(self) -> u64 {
		2 * (self.rows() as u64).pow(3)
	}

	/// Leaves in one row.
	pub const fn leaves_per_row(self) -> usize {
		self.rows() / LEAF_BYTES
	}

	/// Levels between a leaf and the root of its row.
	pub const fn row_height(self) -> u32 {
		self.leaves_per_row().trailing_zeros()
	}

	/// Levels between a row and the root of its state.
	pub const fn rows_height(self) -> u32 {
		self.rows().trailing_zeros()
	}

	/// Bytes of one opening of a run of [`ROUNDS_MAX`] rounds, as it is sent.
	pub fn opening_bytes_max(self) -> u32 {
		// The state before, from its row on; the state after, from its leaf on; the run, from either.
		let hashes = 2 * self.rows_height() + self.row_height() + 2 * rounds_height(ROUNDS_MAX);
		let lengths = 4 + 2 + 4;
		self.rows() as u32 + LEAF_BYTES as u32 + 32 * hashes + lengths
	}

	/// Elements that are opened on chain.
	pub fn openings(self) -> u32 {
		(OPENINGS_BYTES_MAX / self.opening_bytes_max()).min(OPENINGS_MAX)
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn larger_matrices_open_less_in_the_same_bytes() {
		let openings = MatrixSize::ALL.map(MatrixSize::openings);
		assert_eq!(openings, [16, 16, 16, 10, 6]);
		assert!(MatrixSize::N8192.opening_bytes_max() <= 10 << 10);
	}

	#[test]
	fn one_round_takes_two_operations_a_product() {
		assert_eq!(MatrixSize::N512.round_operations(), 268_435_456);
		assert_eq!(MatrixSize::N8192.round_operations(), 1_099_511_627_776);
		assert_eq!(MatrixSize::N4096.state_bytes(), 16 << 20);
	}
}
