//! What is stored of the supply: entries, pages, places, and the directory of the buckets.

use super::{Bucket, Shape};
use crate::{
	resources::Free,
	worker::{Offer, Site},
	WorkerId,
};
use alloc::vec::Vec;
use bounded_collections::{BoundedVec, ConstU32};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;

/// Machines of one page.
pub const PAGE_MACHINES: u32 = 32;
/// Most buckets that are not empty.
pub const DIRECTORY_MAX: u32 = 2_048;
/// Buckets beyond which machines are put into the coarse bucket of their graphics processors, of which there are 273.
const FINE_MAX: usize = 1_700;
/// Buckets from which on a coarse bucket may hold machines of any cores and memory: fewer than it takes to put one there, as
/// such a machine stays until it changes.
const CROWDED_MIN: usize = FINE_MAX / 2;

/// The first bytes of a provider's account: enough to tell providers apart without reading their records.
pub type ProviderTag = [u8; 8];

/// A machine in the supply, with all that a draw needs to know of it.
#[derive(
	Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
pub struct Entry {
	/// The machine.
	pub worker: WorkerId,
	/// Its provider.
	pub provider: ProviderTag,
	/// What it asks, and which tasks it takes.
	pub offer: Offer,
	/// Where it stands, and what it runs on as far as that is attested.
	pub site: Site,
	/// Proved capacity that no task holds.
	pub free: Free,
	/// Proved throughput as far as its tier counts it, in million int8 operations per second.
	pub throughput_mops: u32,
}

/// Machines of one bucket, by position.
pub type Page = BoundedVec<Entry, ConstU32<PAGE_MACHINES>>;

/// Where a machine stands.
#[derive(
	Clone,
	Copy,
	Debug,
	PartialEq,
	Eq,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
)]
pub struct Place {
	/// The bucket.
	pub bucket: Bucket,
	/// The position in it, from 0 on.
	pub position: u32,
}

impl Place {
	/// The page of the position.
	pub fn page(&self) -> u32 {
		self.position / PAGE_MACHINES
	}

	/// The position within the page.
	pub fn slot(&self) -> usize {
		(self.position % PAGE_MACHINES) as usize
	}
}

/// How many machines each bucket has that has any, in ascending order of buckets.
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
pub struct Directory(BoundedVec<(Bucket, u32), ConstU32<DIRECTORY_MAX>>);

impl Directory {
	/// The buckets that are not empty, with their lengths.
	pub fn buckets(&self) -> &[(Bucket, u32)] {
		&self.0
	}

	/// Machines in a bucket.
	pub fn length(&self, bucket: Bucket) -> u32 {
		let found = self.0.binary_search_by_key(&bucket, |(bucket, _)| *bucket);
		found.ok().and_then(|index| self.0.get(index)).map_or(0, |(_, length)| *length)
	}

	/// Machines in all buckets.
	pub fn machines(&self) -> u32 {
		self.0.iter().fold(0, |sum, (_, length)| sum.saturating_add(*length))
	}

	/// Sets how many machines a bucket has.
	pub(super) fn set_length(&mut self, bucket: Bucket, length: u32) {
		match (self.0.binary_search_by_key(&bucket, |(bucket, _)| *bucket), length) {
			(Ok(index), 0) => {
				self.0.remove(index);
			}
			(Ok(index), _) => {
				if let Some(slot) = self.0.get_mut(index) {
					slot.1 = length;
				}
			}
			(Err(_), 0) => {}
			// `bucket_for` leaves room for every coarse bucket.
			(Err(index), _) => {
				let _ = self.0.try_insert(index, (bucket, length));
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
		match self.0.len() < FINE_MAX || self.length(bucket) > 0 {
			true => bucket,
			false => shape.coarse().bucket(),
		}
	}

	/// A directory of these buckets, for what reads it from elsewhere.
	pub fn from_buckets(buckets: Vec<(Bucket, u32)>) -> Option<Self> {
		buckets.try_into().ok().map(Self)
	}
}
