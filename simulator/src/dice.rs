//! Random numbers that follow from a seed and a purpose, the same on every machine.

use aidragon_primitives::beacon::SeedStream;
use codec::Encode;
use sp_crypto_hashing::blake2_256;

/// A stream of random numbers.
pub struct Dice(SeedStream);

impl Dice {
	/// The stream of a seed for one purpose. Streams for different purposes have nothing in common.
	pub fn new(seed: u64, purpose: &str) -> Self {
		Self(SeedStream::new((b"aidragon/sim/1", seed, purpose).using_encoded(blake2_256)))
	}

	/// A number below `bound`, or 0 where that is 0.
	pub fn below(&mut self, bound: u32) -> u32 {
		self.0.below(bound)
	}

	/// A number from `least` to `most`, both included.
	pub fn between(&mut self, least: u32, most: u32) -> u32 {
		least.saturating_add(self.below(most.saturating_sub(least).saturating_add(1)))
	}

	/// A number from 0 to 1, 1 excluded.
	pub fn unit(&mut self) -> f64 {
		(self.0.next_u64() >> 11) as f64 / (1u64 << 53) as f64
	}

	/// A number of the standard normal distribution.
	pub fn normal(&mut self) -> f64 {
		let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
		radius * (std::f64::consts::TAU * self.unit()).cos()
	}

	/// A number of the exponential distribution of this mean.
	pub fn exponential(&mut self, mean: f64) -> f64 {
		-mean * (1.0 - self.unit()).ln()
	}

	/// One of several, each as often as its weight says.
	pub fn weighted<'a, V>(&mut self, choices: &'a [(u32, V)]) -> Option<&'a V> {
		let total = choices.iter().fold(0, |sum: u32, (weight, _)| sum.saturating_add(*weight));
		let mut left = self.below(total);
		for (weight, value) in choices {
			if left < *weight {
				return Some(value);
			}
			left -= weight;
		}
		None
	}

	/// Puts values into a random order.
	pub fn shuffle<V>(&mut self, values: &mut [V]) {
		for last in (1..values.len()).rev() {
			let other = self.below(last as u32 + 1) as usize;
			values.swap(last, other);
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn a_seed_gives_the_same_numbers_again_and_another_purpose_others() {
		let numbers = |seed, purpose| {
			let mut dice = Dice::new(seed, purpose);
			(0..8).map(|_| dice.below(1_000)).collect::<Vec<_>>()
		};
		assert_eq!(numbers(1, "a"), numbers(1, "a"));
		assert_ne!(numbers(1, "a"), numbers(2, "a"));
		assert_ne!(numbers(1, "a"), numbers(1, "b"));
	}

	#[test]
	fn numbers_are_spread_as_they_should_be() {
		let mut dice = Dice::new(3, "test");
		let normal: Vec<f64> = (0..4_000).map(|_| dice.normal()).collect();
		let mean = normal.iter().sum::<f64>() / 4_000.0;
		let variance = normal.iter().map(|value| value * value).sum::<f64>() / 4_000.0;
		assert!(mean.abs() < 0.08 && (variance - 1.0).abs() < 0.12, "{mean} {variance}");
		let choices = [(1, 'a'), (0, 'b'), (3, 'c')];
		let drawn: Vec<char> = (0..400).filter_map(|_| dice.weighted(&choices).copied()).collect();
		let share = |letter| drawn.iter().filter(|other| **other == letter).count();
		assert_eq!((drawn.len(), share('b')), (400, 0));
		assert!((70..130).contains(&share('a')), "{}", share('a'));
		let mut order: Vec<u32> = (0..50).collect();
		dice.shuffle(&mut order);
		assert_ne!(order, (0..50).collect::<Vec<_>>());
		order.sort();
		assert_eq!(order, (0..50).collect::<Vec<_>>());
	}
}
