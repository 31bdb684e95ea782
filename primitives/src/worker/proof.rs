//! What a machine proved.

use super::Capacity;
use crate::{resources::Gpus, verification::Slot, BlockNumber};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;

/// Proved throughput that one sold vCPU has to stand on, in million int8 operations per second.
pub const MOPS_PER_VCPU: u32 = 200;

/// One thing that a machine proved.
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
pub struct Proof {
	/// How much: million int8 operations per second of the chain's time, or MiB.
	pub amount: u32,
	/// The block in which the openings were checked.
	pub proved_at: BlockNumber,
	/// The last block at which the proof still counts.
	pub valid_until: BlockNumber,
}

impl Proof {
	/// Whether the proof counts at block `now`.
	pub fn is_valid_at(&self, now: BlockNumber) -> bool {
		now <= self.valid_until
	}
}

/// Graphics processors that a machine proved.
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
pub struct GpuProof {
	/// Class, number and memory.
	pub gpus: Gpus,
	/// The block in which the proof was complete.
	pub proved_at: BlockNumber,
	/// The last block at which the proof still counts.
	pub valid_until: BlockNumber,
}

/// What a machine proved last, valid or not.
#[derive(
	Clone,
	Copy,
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
pub struct Capability {
	/// Throughput of its processors, in million int8 operations per second.
	pub processor: Option<Proof>,
	/// Memory, in MiB.
	pub memory: Option<Proof>,
	/// Graphics processors. There is no challenge for them yet, so that no machine sells any.
	pub gpus: Option<GpuProof>,
}

impl Capability {
	/// The proof of one slot.
	pub fn proof(&self, slot: Slot) -> Option<Proof> {
		match slot {
			Slot::Processor => self.processor,
			Slot::Memory => self.memory,
		}
	}

	/// The proof of one slot, to change it.
	pub fn proof_mut(&mut self, slot: Slot) -> &mut Option<Proof> {
		match slot {
			Slot::Processor => &mut self.processor,
			Slot::Memory => &mut self.memory,
		}
	}

	/// Whether processors and memory are both proved at block `now`.
	pub fn is_valid_at(&self, now: BlockNumber) -> bool {
		self.throughput_mops(now) > 0 && self.memory_mib(now) > 0
	}

	/// Throughput that is proved at block `now`, in million int8 operations per second.
	pub fn throughput_mops(&self, now: BlockNumber) -> u32 {
		amount(self.processor, now)
	}

	/// Memory that is proved at block `now`, in MiB.
	pub fn memory_mib(&self, now: BlockNumber) -> u32 {
		amount(self.memory, now)
	}

	/// The part of `claimed` that the proofs cover at block `now`. A claim beyond it counts as nothing.
	pub fn proved_part(&self, claimed: &Capacity, now: BlockNumber) -> Capacity {
		let vcpus = u16::try_from(self.throughput_mops(now) / MOPS_PER_VCPU).unwrap_or(u16::MAX);
		let gpus = self.gpus.filter(|proof| now <= proof.valid_until).map(|proof| proof.gpus);
		claimed.min(&Capacity {
			vcpus,
			memory_mib: self.memory_mib(now),
			gpus: gpus.unwrap_or_default(),
		})
	}
}

fn amount(proof: Option<Proof>, now: BlockNumber) -> u32 {
	proof.filter(|proof| proof.is_valid_at(now)).map_or(0, |proof| proof.amount)
}

#[cfg(test)]
mod tests {
	use super::*;

	fn proof(amount: u32, valid_until: BlockNumber) -> Option<Proof> {
		Some(Proof { amount, proved_at: 1, valid_until })
	}

	#[test]
	fn p4_only_the_proved_part_of_a_claim_counts() {
		let capability =
			Capability { processor: proof(500, 9), memory: proof(4_096, 20), gpus: None };
		let claimed = Capacity::cpu(64, 1 << 20);
		let proved = capability.proved_part(&claimed, 9);
		assert_eq!(proved, Capacity::cpu(2, 4_096));
		let modest = Capacity::cpu(1, 512);
		assert_eq!(capability.proved_part(&modest, 9), modest);
		assert!(capability.is_valid_at(9) && !capability.is_valid_at(10));
		assert_eq!(capability.proved_part(&modest, 10), Capacity::cpu(0, 512));
	}

	#[test]
	fn p4_memory_that_was_not_proved_counts_as_nothing() {
		let capability = Capability { processor: proof(500, 9), ..Default::default() };
		let claimed = Capacity::cpu(2, 1_024);
		assert_eq!(capability.proved_part(&claimed, 1), Capacity::cpu(2, 0));
		assert!(!capability.is_valid_at(1));
	}

	#[test]
	fn p4_graphics_processors_count_as_far_as_they_are_proved() {
		let gpus = |count, class| Gpus { class, count, memory_mib: 8_000 };
		let proof = GpuProof { gpus: gpus(2, 1), proved_at: 1, valid_until: 9 };
		let capability = Capability { gpus: Some(proof), ..Default::default() };
		let claiming = |gpus| Capacity { gpus, ..Capacity::cpu(1, 1) };
		assert_eq!(capability.proved_part(&claiming(gpus(4, 1)), 9).gpus, gpus(2, 1));
		assert_eq!(capability.proved_part(&claiming(gpus(4, 2)), 9).gpus, Gpus::default());
		assert_eq!(capability.proved_part(&claiming(gpus(4, 1)), 10).gpus.count, 0);
	}

	#[test]
	fn a_throughput_too_small_for_one_vcpu_proves_none() {
		let capability =
			Capability { processor: proof(MOPS_PER_VCPU - 1, 9), memory: proof(1, 9), gpus: None };
		let claimed = Capacity::cpu(1, 1);
		assert_eq!(capability.proved_part(&claimed, 1), Capacity::cpu(0, 1));
	}
}
