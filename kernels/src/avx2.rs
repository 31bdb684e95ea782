//! AVX2: sixteen products at a time, widened to 16 bits so that no sum saturates.

use crate::{
	tiling::{self, Tiles},
	Kernel,
};
use std::arch::x86_64::*;

/// Proof that the processor has AVX2: there is one only where it was detected.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Avx2(());

impl Avx2 {
	pub(crate) fn detect() -> Option<&'static Self> {
		is_x86_feature_detected!("avx2").then_some(&Self(()))
	}
}

impl Kernel for Avx2 {
	fn name(&self) -> &'static str {
		"avx2"
	}

	fn multiply(&self, size: usize, rows: &[i8], columns: &[i8], sums: &mut [i32]) {
		tiling::multiply(self, size, rows, columns, sums);
	}
}

impl Tiles for Avx2 {
	const STEP_BYTES: usize = 16;

	#[inline]
	fn tile<const R: usize, const C: usize>(
		&self,
		size: usize,
		rows: &[i8],
		columns: &[i8],
	) -> [[i32; R]; C] {
		assert!(rows.len() >= R * size && columns.len() >= C * size, "the tile is not covered");
		// SAFETY: `self` exists, so AVX2 was detected.
		unsafe { tile(size, rows, columns) }
	}
}

#[target_feature(enable = "avx2")]
fn tile<const R: usize, const C: usize>(size: usize, rows: &[i8], columns: &[i8]) -> [[i32; R]; C] {
	let mut sums = [[_mm256_setzero_si256(); R]; C];
	for at in (0..size).step_by(Avx2::STEP_BYTES) {
		let mut wide_rows = [_mm256_setzero_si256(); R];
		for (row, wide) in wide_rows.iter_mut().enumerate() {
			*wide = widened(rows, row * size + at);
		}
		for (column, sums) in sums.iter_mut().enumerate() {
			let wide = widened(columns, column * size + at);
			for (sum, row) in sums.iter_mut().zip(wide_rows) {
				*sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(row, wide));
			}
		}
	}
	sums.map(|sums| sums.map(|sum| total(sum)))
}

/// Sixteen elements from `at` on, as 16-bit numbers.
#[target_feature(enable = "avx2")]
#[inline]
fn widened(elements: &[i8], at: usize) -> __m256i {
	debug_assert!(at + Avx2::STEP_BYTES <= elements.len());
	// SAFETY: the caller's tile is covered by `elements`, and `at` is a step inside of the tile.
	_mm256_cvtepi8_epi16(unsafe { _mm_loadu_si128(elements.as_ptr().add(at).cast()) })
}

#[target_feature(enable = "avx2")]
#[inline]
fn total(sums: __m256i) -> i32 {
	let four = _mm_add_epi32(_mm256_castsi256_si128(sums), _mm256_extracti128_si256::<1>(sums));
	let two = _mm_add_epi32(four, _mm_shuffle_epi32::<0b00_00_11_10>(four));
	_mm_cvtsi128_si32(_mm_add_epi32(two, _mm_shuffle_epi32::<0b00_00_00_01>(two)))
}
