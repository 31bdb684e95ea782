//! What is stored of machines in the supply: entries, pages and places.

use super::Bucket;
use crate::{
	resources::Free,
	worker::{Offer, Site},
	WorkerId,
};
use bounded_collections::{BoundedVec, ConstU32};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;

/// Machines of one page.
pub const PAGE_MACHINES: u32 = 32;
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
