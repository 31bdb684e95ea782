//! The matrices of a challenge, every element on its own.
//!
//! The function has to be cheap in the runtime, unpredictable before the seed is known and free of structure
//! between elements. It hides nothing: whoever knows the seed computes every element. So it is a keyed 64-bit
//! finaliser over the element's place, with a key hashed from the seed, and not a cipher.
//!
//! One word of it is eight elements that are neighbours in the direction in which they are read, along a
//! *line*: a column of `W`, a row of every other matrix. Noise is numbered as the state that it goes into.

use super::MatrixSize;
use crate::Hash32;
use alloc::{vec, vec::Vec};
use codec::Encode;
use sp_crypto_hashing::blake2_256;

/// Elements that one word of the PRF holds.
const WORD_ELEMENTS: usize = 8;

/// Which matrix of the challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Matrix {
	/// The factor that stays the same.
	Weights,
	/// The state before the first round.
	InitialState,
	/// The noise of one round.
	Noise(u32),
}

/// The key of one matrix.
#[derive(Clone, Copy, Debug)]
pub(super) struct MatrixKey(u64, u64);

impl MatrixKey {
	pub(super) fn new(seed: &Hash32, size: MatrixSize, matrix: Matrix) -> Self {
		let tag = match matrix {
			Matrix::Weights => (0u8, 0u32),
			Matrix::InitialState => (1, 0),
			Matrix::Noise(round) => (2, round),
		};
		let hash = (b"aidragon/matrix/2", seed, size, tag).using_encoded(blake2_256);
		let word = |at: usize| {
			let mut bytes = [0u8; 8];
			bytes.copy_from_slice(&hash[at..at + 8]);
			u64::from_le_bytes(bytes)
		};
		Self(word(0), word(8))
	}

	/// Eight neighbouring elements; `index` counts words from the matrix's first element.
	#[inline]
	fn word(&self, index: u64) -> [u8; WORD_ELEMENTS] {
		let mut z = self.0.wrapping_add(index.wrapping_mul(0x9e37_79b9_7f4a_7c15));
		z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
		z = (z ^ (z >> 27) ^ self.1).wrapping_mul(0x94d0_49bb_1331_11eb);
		(z ^ (z >> 31)).to_le_bytes()
	}

	/// One element of a line.
	#[inline]
	pub(super) fn element(&self, size: MatrixSize, line: usize, place: usize) -> i8 {
		let index = line * (size.rows() / WORD_ELEMENTS) + place / WORD_ELEMENTS;
		self.word(index as u64)[place % WORD_ELEMENTS] as i8
	}

	/// Fills `elements`, which is as long as the matrix is wide, with a line.
	pub(super) fn fill_line(&self, line: usize, elements: &mut [i8]) {
		let words_per_line = elements.len() / WORD_ELEMENTS;
		for (word, chunk) in elements.chunks_exact_mut(WORD_ELEMENTS).enumerate() {
			let bytes = self.word((line * words_per_line + word) as u64);
			for (element, byte) in chunk.iter_mut().zip(bytes) {
				*element = byte as i8;
			}
		}
	}

	/// A line.
	pub(super) fn line(&self, size: MatrixSize, line: usize) -> Vec<i8> {
		let mut elements = vec![0; size.rows()];
		self.fill_line(line, &mut elements);
		elements
	}
}

/// The top byte of a mixed product: a bijection of 32 bits first, so that every bit of the sum matters.
#[inline]
pub(super) fn mix(sum: i32) -> i8 {
	let mut z = sum as u32;
	z = (z ^ (z >> 16)).wrapping_mul(0x7feb_352d);
	z = (z ^ (z >> 15)).wrapping_mul(0x846c_a68b);
	((z ^ (z >> 16)) >> 24) as i8
}
