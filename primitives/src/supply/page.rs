//! What is stored of machines in the supply: entries, pages and places.

use super::Bucket;
use crate::{
	resources::Free,
	worker::{Offer, Site, TaskKinds},
	Balance, WorkerId,
};
use bounded_collections::{BoundedVec, ConstU32};
use codec::{Decode, DecodeWithMemTracking, Encode, Input, MaxEncodedLen};
use scale_info::TypeInfo;

/// Machines of one page.
pub const PAGE_MACHINES: u32 = 32;
/// The first bytes of a provider's account: enough to tell providers apart without reading their records.
pub type ProviderTag = [u8; 8];

/// A machine in the supply, with all that a draw needs to know of it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
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

/// What is derived would read each field by itself, which took a draw more than anything else where pages are full.
impl Decode for Entry {
	fn decode<I: Input>(input: &mut I) -> Result<Self, codec::Error> {
		let mut bytes = [0; 41];
		input.read(&mut bytes)?;
		let mut fields = Fields(&bytes);
		let worker = WorkerId::from_le_bytes(fields.next());
		let provider = fields.next();
		let offer = Offer {
			price_per_gfuel: Balance::from_le_bytes(fields.next()),
			task_min_fuel: u64::from_le_bytes(fields.next()),
			task_max_blocks: u32::from_le_bytes(fields.next()),
			refuses: TaskKinds(u8::from_le_bytes(fields.next())),
			hours: Decode::decode(input)?,
		};
		let site = Site::decode(input)?;
		let mut bytes = [0; 13];
		input.read(&mut bytes)?;
		let mut fields = Fields(&bytes);
		let free = Free {
			cpu_milli: u32::from_le_bytes(fields.next()),
			memory_mib: u32::from_le_bytes(fields.next()),
			gpu_class: u8::from_le_bytes(fields.next()),
			gpu_memory_mib: u32::from_le_bytes(fields.next()),
			gpu_milli: Decode::decode(input)?,
		};
		Ok(Self { worker, provider, offer, site, free, throughput_mops: u32::decode(input)? })
	}
}

/// Fields of fixed lengths, one after the other.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
	/// The next one. There are as many bytes as fields take.
	fn next<const N: usize>(&mut self) -> [u8; N] {
		let Some((next, rest)) = self.0.split_first_chunk() else { return [0; N] };
		self.0 = rest;
		*next
	}
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

#[cfg(test)]
mod tests {
	use super::*;
	use crate::worker::{EnergySource, Hours, Region};
	use proptest::prelude::*;

	proptest! {
		#[test]
		fn an_entry_is_read_as_it_was_written(
			ids: (WorkerId, ProviderTag),
			offer: (Balance, u64, u32, u8, Option<(u16, u16)>),
			region: Option<[u8; 2]>,
			free: (u32, u32, u8, u32),
			gpu_milli in prop::collection::vec(any::<u16>(), 0..=16),
			throughput_mops: u32,
		) {
			let hours = offer.4.map(|(from_minute, until_minute)| Hours { from_minute, until_minute });
			let entry = Entry {
				worker: ids.0,
				provider: ids.1,
				offer: Offer {
					price_per_gfuel: offer.0,
					task_min_fuel: offer.1,
					task_max_blocks: offer.2,
					refuses: TaskKinds(offer.3),
					hours,
				},
				site: Site { region: region.map(Region), energy: EnergySource::Nuclear },
				free: Free {
					cpu_milli: free.0,
					memory_mib: free.1,
					gpu_class: free.2,
					gpu_memory_mib: free.3,
					gpu_milli: gpu_milli.try_into().unwrap(),
				},
				throughput_mops,
			};
			let bytes = entry.encode();
			prop_assert_eq!(Entry::decode(&mut &bytes[..]), Ok(entry));
			prop_assert!(Entry::decode(&mut &bytes[..bytes.len() - 1]).is_err());
		}
	}
}
