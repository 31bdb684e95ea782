//! Every kernel gives the sums of plain Rust.

use super::*;
use aidragon_primitives::challenge::{MatrixSize, Prover};
use proptest::prelude::*;

fn products(kernel: &dyn Kernel, size: usize, rows: &[i8], columns: &[i8]) -> Vec<i32> {
	let mut sums = vec![i32::MAX; rows.len() / size * (columns.len() / size)];
	kernel.multiply(size, rows, columns, &mut sums);
	sums
}

fn assert_all_equal(size: usize, rows: &[i8], columns: &[i8]) {
	let expected = products(&Portable, size, rows, columns);
	for kernel in available() {
		assert_eq!(products(kernel, size, rows, columns), expected, "{}", kernel.name());
	}
}

proptest! {
	#![proptest_config(ProptestConfig::with_cases(24))]

	#[test]
	fn p10_kernels_agree_on_any_elements(
		tiles in 1usize..12,
		columns in 1usize..11,
		elements in prop::collection::vec(any::<i8>(), 512..1024),
	) {
		let fill = |count: usize, step: usize| -> Vec<i8> {
			(0..count * 512).map(|at| elements[at * step % elements.len()]).collect()
		};
		assert_all_equal(512, &fill(4 * tiles, 7), &fill(columns, 11));
	}
}

#[test]
fn p10_kernels_agree_on_the_largest_sums() {
	let size = MatrixSize::N8192.rows();
	for (row, column) in [(i8::MIN, i8::MIN), (i8::MIN, i8::MAX), (i8::MAX, i8::MIN), (-1, -1)] {
		assert_all_equal(size, &vec![row; 4 * size], &vec![column; 5 * size]);
	}
}

#[test]
fn p10_kernels_give_the_same_commitment() {
	let commitment = |kernel: &dyn Kernel| {
		let mut prover = Prover::new([3; 32], MatrixSize::N512);
		assert!(prover.run_round(kernel) && prover.run_round(kernel));
		prover.commitment()
	};
	for kernel in available() {
		assert_eq!(commitment(kernel), commitment(&Portable), "{}", kernel.name());
	}
}

#[test]
fn the_last_kernel_is_plain_rust() {
	assert_eq!(available().last().map(|kernel| kernel.name()), Some("portable"));
	assert_eq!(fastest().name(), available()[0].name());
}
