//! A small random number generator of our own (SplitMix64): no library's next version can change a task's result.

/// A stream of pseudo-random numbers that its seed determines.
pub struct Rng(u64);

impl Rng {
	/// Starts the stream of a seed.
	pub fn new(seed: u64) -> Self {
		Self(seed)
	}

	/// The next 64 bits.
	pub fn next_u64(&mut self) -> u64 {
		self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
		let mut bits = self.0;
		bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
		bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
		bits ^ (bits >> 31)
	}

	/// A number from -1 up to, but without, 1, in steps that an `f32` holds exactly.
	pub fn next_signed_unit(&mut self) -> f32 {
		(self.next_u64() >> 40) as f32 / (1u32 << 23) as f32 - 1.0
	}

	/// Puts a slice into random order.
	pub fn shuffle<T>(&mut self, items: &mut [T]) {
		for last in (1..items.len()).rev() {
			let chosen = (self.next_u64() % (last as u64 + 1)) as usize;
			items.swap(last, chosen);
		}
	}
}
