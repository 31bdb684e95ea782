//! The randomness that draws and challenges use.
//!
//! Every block's author reveals a VRF output that it could not choose. The beacon of a block hashes that
//! output onto the beacon of the block before, so that foreseeing the beacon of block `n + 1` at the time
//! block `n` is built takes the authorship of both blocks, and bending it takes giving up a block, which
//! buys one bit.

use crate::{verification::Slot, BlockNumber, Hash32, TaskId, WorkerId};
use codec::Encode;
use sp_crypto_hashing::blake2_256;

/// The beacon of `block`, whose author's VRF output is `vrf_output`.
pub fn accumulate(previous: Hash32, block: BlockNumber, vrf_output: Hash32) -> Hash32 {
	(b"aidragon/beacon/1", previous, block, vrf_output).using_encoded(blake2_256)
}

/// The seed of one draw: bound to the task and to the attempt, so that no two draws share it.
pub fn draw_seed(beacon: Hash32, task: TaskId, attempt: u8) -> Hash32 {
	(b"aidragon/draw/1", beacon, task, attempt).using_encoded(blake2_256)
}

/// The seed of the order in which the tasks that were frozen in one block are drawn.
pub fn order_seed(beacon: Hash32) -> Hash32 {
	(b"aidragon/order/1", beacon).using_encoded(blake2_256)
}

/// The seed of a challenge: bound to the chain, to the machine and to the part of it, so that work cannot be shared.
pub fn challenge_seed(beacon: Hash32, genesis: Hash32, worker: WorkerId, slot: Slot) -> Hash32 {
	(b"aidragon/challenge/2", beacon, genesis, worker, slot).using_encoded(blake2_256)
}

/// The seed of what the chain draws by itself in a block: whom it calls, and whom it challenges.
pub fn call_seed(beacon: Hash32, purpose: &[u8]) -> Hash32 {
	(b"aidragon/call/1", beacon, purpose).using_encoded(blake2_256)
}

/// A stream of numbers drawn from a seed, the same on every machine.
#[derive(Clone, Debug)]
pub struct SeedStream {
	seed: Hash32,
	counter: u32,
}

impl SeedStream {
	/// Starts the stream of `seed`.
	pub fn new(seed: Hash32) -> Self {
		Self { seed, counter: 0 }
	}

	/// The next 64 bits.
	pub fn next_u64(&mut self) -> u64 {
		let hash = (self.seed, self.counter).using_encoded(blake2_256);
		self.counter = self.counter.wrapping_add(1);
		u64::from_le_bytes([hash[0], hash[1], hash[2], hash[3], hash[4], hash[5], hash[6], hash[7]])
	}

	/// A number below `bound`, or 0 where `bound` is 0.
	///
	/// The bias of scaling 64 bits down to a bound of at most 32 is below 2⁻³².
	pub fn below(&mut self, bound: u32) -> u32 {
		((u128::from(self.next_u64()) * u128::from(bound)) >> 64) as u32
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn every_input_changes_the_beacon() {
		let base = accumulate([1; 32], 7, [2; 32]);
		assert_ne!(base, accumulate([3; 32], 7, [2; 32]));
		assert_ne!(base, accumulate([1; 32], 8, [2; 32]));
		assert_ne!(base, accumulate([1; 32], 7, [4; 32]));
	}

	#[test]
	fn stream_stays_below_its_bound_and_reaches_every_value() {
		let mut stream = SeedStream::new([9; 32]);
		let mut seen = [false; 5];
		for _ in 0..200 {
			seen[stream.below(5) as usize] = true;
		}
		assert_eq!(seen, [true; 5]);
		assert_eq!(stream.below(0), 0);
	}
}
