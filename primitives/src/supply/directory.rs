//! The directory: which buckets there are, how long each is, and what its cheapest machine asks.

use super::{Bucket, Page, Shape};
use crate::Balance;
use alloc::vec::Vec;
use bounded_collections::{BoundedVec, ConstU32};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;

/// Most buckets that are not empty.
pub const DIRECTORY_MAX: u32 = 2_048;
/// Buckets beyond which machines are put into the coarse bucket of their graphics processors, of which there are 273.
const FINE_MAX: usize = 1_700;
/// Buckets from which on a coarse bucket may hold machines of any cores and memory: fewer than it takes to put one there, as
/// such a machine stays until it changes.
const CROWDED_MIN: usize = FINE_MAX / 2;
/// Steps of price floors from one power of two to the next, as a power of two.
const FLOOR_STEPS_LOG2: u32 = 6;

/// A price rounded down to a step: the larger, the dearer. Steps are less than two hundredths apart.
pub type Floor = u16;

/// The step of a price.
pub fn floor_of(price_per_gfuel: Balance) -> Floor {
	let Some(octave) = price_per_gfuel.checked_ilog2() else { return 0 };
	let scaled = match octave.checked_sub(FLOOR_STEPS_LOG2) {
		Some(down) => price_per_gfuel >> down,
		None => price_per_gfuel << (FLOOR_STEPS_LOG2 - octave),
	};
	// The highest bit of what is scaled says nothing new. At most 128 · 2⁶, and above what nothing gets.
	let step = scaled as u16 & ((1 << FLOOR_STEPS_LOG2) - 1);
	(((octave as u16) << FLOOR_STEPS_LOG2) | step) + 1
}

/// The lowest step among the machines of a page, or `None` where there is none.
pub fn floor_of_page(page: &Page) -> Option<Floor> {
	page.iter().map(|entry| floor_of(entry.offer.price_per_gfuel)).min()
}

/// What the directory says of a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listed {
	/// The bucket.
	pub bucket: Bucket,
	/// Its machines.
	pub length: u32,
	/// What one of its machines asks: the cheapest, where it has one page. Of longer buckets the cheapest that came since the
	/// cheapest left, or of those that stood beside that one, so that cheaper ones may be there, but never none that asks so
	/// little. Nothing but the price that draws find depends on it.
	pub floor: Floor,
}

impl Listed {
	/// In one word, in the order of buckets.
	fn pack(&self) -> u64 {
		u64::from(self.bucket) << 48 | u64::from(self.length) << 16 | u64::from(self.floor)
	}

	fn unpack(word: u64) -> Self {
		// Each takes its own bits.
		Self { bucket: bucket_in(word), length: (word >> 16) as u32, floor: word as Floor }
	}
}

/// A bucket of so many machines of which nothing else is known.
impl From<(Bucket, u32)> for Listed {
	fn from((bucket, length): (Bucket, u32)) -> Self {
		Self { bucket, length, floor: 0 }
	}
}

fn bucket_in(word: u64) -> Bucket {
	(word >> 48) as Bucket
}

/// What there is of each bucket that is not empty, in ascending order of buckets: the bucket in the highest 16 bits, its length in
/// 32, its price floor in the lowest 16. Words are read and written all at once, which is most of what a draw does with them.
#[derive(
	Clone,
	Debug,
	Default,
	PartialEq,
	Eq,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
)]
pub struct Directory(BoundedVec<u64, ConstU32<DIRECTORY_MAX>>);

impl Directory {
	/// The buckets that are not empty.
	pub fn buckets(&self) -> impl ExactSizeIterator<Item = Listed> + Clone + '_ {
		self.0.iter().map(|word| Listed::unpack(*word))
	}

	fn find(&self, bucket: Bucket) -> Result<usize, usize> {
		self.0.binary_search_by_key(&bucket, |word| bucket_in(*word))
	}

	/// What is known of a bucket that is not empty.
	pub fn get(&self, bucket: Bucket) -> Option<Listed> {
		let index = self.find(bucket).ok()?;
		self.0.get(index).map(|word| Listed::unpack(*word))
	}

	/// Machines in a bucket.
	pub fn length(&self, bucket: Bucket) -> u32 {
		self.get(bucket).map_or(0, |listed| listed.length)
	}

	/// Machines in all buckets.
	pub fn machines(&self) -> u32 {
		self.buckets().fold(0, |sum, listed| sum.saturating_add(listed.length))
	}

	/// Sets what is known of a bucket. Without machines it is not listed.
	pub(super) fn set(&mut self, listed: Listed) {
		match (self.find(listed.bucket), listed.length) {
			(Ok(index), 0) => {
				self.0.remove(index);
			}
			(Ok(index), _) => {
				if let Some(word) = self.0.get_mut(index) {
					*word = listed.pack();
				}
			}
			(Err(_), 0) => {}
			// `bucket_for` leaves room for every coarse bucket.
			(Err(index), _) => {
				let _ = self.0.try_insert(index, listed.pack());
			}
		}
	}

	/// Whether there are so many buckets that machines may stand in coarse ones.
	pub(crate) fn is_crowded(&self) -> bool {
		self.0.len() >= CROWDED_MIN
	}

	/// The bucket into which a machine of this shape goes: its own, or the coarse one where there are too many buckets. Rounding
	/// down further only makes a machine harder to find.
	pub(super) fn bucket_for(&self, shape: &Shape) -> Bucket {
		let bucket = shape.bucket();
		match self.0.len() < FINE_MAX || self.find(bucket).is_ok() {
			true => bucket,
			false => shape.coarse().bucket(),
		}
	}

	/// A directory of these buckets in ascending order, for what reads it from elsewhere.
	pub fn from_buckets<L: Into<Listed>>(buckets: impl IntoIterator<Item = L>) -> Option<Self> {
		let words: Vec<u64> = buckets.into_iter().map(|listed| listed.into().pack()).collect();
		words.try_into().ok().map(Self)
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use proptest::prelude::*;

	#[test]
	fn what_asks_nothing_is_below_all_else() {
		assert_eq!([0, 1, 2, 3, 4].map(floor_of), [0, 1, 65, 97, 129]);
		assert_eq!(floor_of(Balance::MAX), 128 * 64);
	}

	proptest! {
		#[test]
		fn steps_rise_with_prices_and_are_small(price in 64u128..1 << 100, more in 0u128..1 << 100) {
			prop_assert!(floor_of(price) <= floor_of(price + more));
			prop_assert!(floor_of(price) < floor_of(price + price / 60 + 1));
		}

		#[test]
		fn a_word_keeps_everything(bucket: Bucket, length: u32, floor: Floor) {
			let listed = Listed { bucket, length, floor };
			prop_assert_eq!(Listed::unpack(listed.pack()), listed);
		}
	}
}
