//! AVX-512 with VNNI: 64 products and their sum in one instruction.
//!
//! The instruction multiplies unsigned with signed bytes. A row's elements are raised by 128, and 128 times the
//! column's sum is taken off again; nothing saturates on the way.

use crate::{
	tiling::{self, Tiles},
	Kernel,
};
use std::arch::x86_64::*;

/// Proof that the processor has AVX-512 with VNNI: there is one only where it was detected.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Avx512(());

impl Avx512 {
	pub(crate) fn detect() -> Option<&'static Self> {
		let has_all = is_x86_feature_detected!("avx512f")
			&& is_x86_feature_detected!("avx512bw")
			&& is_x86_feature_detected!("avx512vnni");
		has_all.then_some(&Self(()))
	}
}

impl Kernel for Avx512 {
	fn name(&self) -> &'static str {
		"avx512-vnni"
	}

	fn multiply(&self, size: usize, rows: &[i8], columns: &[i8], sums: &mut [i32]) {
		tiling::multiply(self, size, rows, columns, sums);
		let number_of_rows = rows.len() / size;
		for (column, sums) in columns.chunks_exact(size).zip(sums.chunks_exact_mut(number_of_rows))
		{
			let raised = 128 * column.iter().map(|element| i32::from(*element)).sum::<i32>();
			for sum in sums {
				*sum -= raised;
			}
		}
	}
}

impl Tiles for Avx512 {
	const STEP_BYTES: usize = 64;

	#[inline]
	fn tile<const R: usize, const C: usize>(
		&self,
		size: usize,
		rows: &[i8],
		columns: &[i8],
	) -> [[i32; R]; C] {
		assert!(rows.len() >= R * size && columns.len() >= C * size, "the tile is not covered");
		// SAFETY: `self` exists, so the processor's features were detected.
		unsafe { tile(size, rows, columns) }
	}
}

/// The dot products with rows whose elements are raised by 128.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn tile<const R: usize, const C: usize>(size: usize, rows: &[i8], columns: &[i8]) -> [[i32; R]; C] {
	let raise = _mm512_set1_epi8(i8::MIN);
	let mut sums = [[_mm512_setzero_si512(); R]; C];
	for at in (0..size).step_by(Avx512::STEP_BYTES) {
		let mut raised_rows = [_mm512_setzero_si512(); R];
		for (row, raised) in raised_rows.iter_mut().enumerate() {
			// Turning the sign bit is raising by 128.
			*raised = _mm512_xor_si512(loaded(rows, row * size + at), raise);
		}
		for (column, sums) in sums.iter_mut().enumerate() {
			let column = loaded(columns, column * size + at);
			for (sum, row) in sums.iter_mut().zip(raised_rows) {
				*sum = _mm512_dpbusd_epi32(*sum, row, column);
			}
		}
	}
	sums.map(|sums| sums.map(|sum| _mm512_reduce_add_epi32(sum)))
}

/// 64 elements from `at` on.
#[target_feature(enable = "avx512f")]
#[inline]
fn loaded(elements: &[i8], at: usize) -> __m512i {
	debug_assert!(at + Avx512::STEP_BYTES <= elements.len());
	// SAFETY: the caller's tile is covered by `elements`, and `at` is a step inside of the tile.
	unsafe { _mm512_loadu_si512(elements.as_ptr().add(at).cast()) }
}
