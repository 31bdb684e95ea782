//! The order in which the tasks that were frozen in one block are drawn.

use crate::{beacon::SeedStream, Hash32};

/// The position at which the `index`th of `length` tasks that were frozen in one block stands in the order in which they are
/// drawn, or rather the task that is drawn `index`th.
///
/// A line through the positions with a random start and a random step that shares no divisor with the length: each task is as
/// likely as any other to be drawn at each point, and nobody knows before the beacon.
pub fn order_of(seed: &Hash32, length: u32, index: u32) -> u32 {
	if length <= 1 {
		return 0;
	}
	let mut stream = SeedStream::new(*seed);
	let start = u64::from(stream.below(length));
	let mut step = u64::from(stream.below(length)).max(1);
	while divisor(step, u64::from(length)) != 1 {
		step += 1;
	}
	// Below `length`.
	((start + step * u64::from(index)) % u64::from(length)) as u32
}

fn divisor(mut left: u64, mut right: u64) -> u64 {
	while right != 0 {
		(left, right) = (right, left % right);
	}
	left
}
