//! The class of a machine: how much it proved, and how reliably it is there.
//!
//! A class has three tiers. Those of throughput and memory follow from proofs: they fall at once with a lower proof or a
//! lost challenge, and rise by one step at a time, not more often than every [`PROMOTION_BLOCKS`]. The tier of
//! availability follows from the score. The thresholds are one table, which governance may change.

use super::{Availability, Capability, Worker};
use crate::{verification::Slot, BlockNumber};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;

/// Tiers of throughput and of memory above 0.
pub const PROOF_TIERS: usize = 6;
/// Tiers of availability above 0.
pub const AVAILABILITY_TIERS: usize = 4;
/// Fewest blocks between two steps up: a quarter of an hour.
pub const PROMOTION_BLOCKS: u32 = 300;

/// The least that each tier takes, from tier 1 on. Below the first is tier 0.
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
pub struct Thresholds {
	/// Proved throughput, in million int8 operations per second.
	pub throughput_mops: [u32; PROOF_TIERS],
	/// Proved memory, in MiB.
	pub memory_mib: [u32; PROOF_TIERS],
	/// Score of availability, in parts per million.
	pub availability_ppm: [u32; AVAILABILITY_TIERS],
}

impl Default for Thresholds {
	fn default() -> Self {
		Self {
			throughput_mops: [200, 2_000, 20_000, 200_000, 2_000_000, 20_000_000],
			memory_mib: [256, 2_048, 8_192, 32_768, 131_072, 524_288],
			availability_ppm: [500_000, 900_000, 980_000, 998_000],
		}
	}
}

fn tier(thresholds: &[u32], value: u32) -> u8 {
	// There are no more than six.
	thresholds.iter().take_while(|least| value >= **least).count() as u8
}

impl Thresholds {
	/// The first row that does not rise from tier to tier, if any.
	pub fn malformed_field(&self) -> Option<&'static str> {
		let rises = |row: &[u32]| row[0] > 0 && row.windows(2).all(|pair| pair[0] < pair[1]);
		if !rises(&self.throughput_mops) {
			Some("throughput_mops")
		} else if !rises(&self.memory_mib) {
			Some("memory_mib")
		} else if !rises(&self.availability_ppm) {
			Some("availability_ppm")
		} else {
			None
		}
	}

	/// What of a proved throughput counts for a machine of this tier: less than the next tier takes.
	pub fn counted_mops(&self, throughput_tier: u8, proved_mops: u32) -> u32 {
		let next = self.throughput_mops.get(usize::from(throughput_tier));
		next.map_or(proved_mops, |next| proved_mops.min(next.saturating_sub(1)))
	}

	/// The class of a machine at block `now`.
	pub fn class(
		&self,
		standing: &Standing,
		capability: &Capability,
		availability: &Availability,
		now: BlockNumber,
	) -> Class {
		let throughput = tier(&self.throughput_mops, capability.throughput_mops(now));
		let memory = tier(&self.memory_mib, capability.memory_mib(now));
		Class {
			throughput: standing.throughput.tier.min(throughput),
			memory: standing.memory.tier.min(memory),
			availability: tier(&self.availability_ppm, availability.score_ppm_at(now)),
		}
	}
}

/// A machine's class.
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
pub struct Class {
	/// Tier of proved throughput, 0 to 6.
	pub throughput: u8,
	/// Tier of proved memory, 0 to 6.
	pub memory: u8,
	/// Tier of availability, 0 to 4.
	pub availability: u8,
}

/// A tier that rises step by step.
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
pub struct Rank {
	/// The tier.
	pub tier: u8,
	/// The block of its last change.
	pub since: BlockNumber,
}

impl Rank {
	/// The rank after a proof of `proved`: at once where that is lower, one step where it is higher and it is time.
	fn after_proof(self, proved: u8, now: BlockNumber) -> Self {
		let may_rise = self.tier == 0 || now >= self.since.saturating_add(PROMOTION_BLOCKS);
		if proved < self.tier {
			Self { tier: proved, since: now }
		} else if proved > self.tier && may_rise {
			Self { tier: self.tier.saturating_add(1), since: now }
		} else {
			self
		}
	}
}

/// What a rise takes besides a proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prospects {
	/// Whether the bond covers one more tier.
	pub is_covered: bool,
	/// Whether the proof before was confirmed by a machine that was drawn to check it, or none could be drawn.
	pub is_undoubted: bool,
}

/// The tiers that a machine's proofs have earned it so far.
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
pub struct Standing {
	/// Of throughput.
	pub throughput: Rank,
	/// Of memory.
	pub memory: Rank,
}

impl Standing {
	/// The standing after a proof of one slot, whose tier rises only where nothing stands against it.
	pub fn after_proof(
		self,
		slot: Slot,
		thresholds: &Thresholds,
		capability: &Capability,
		now: BlockNumber,
		prospects: Prospects,
	) -> Self {
		let may_rise = match slot {
			Slot::Processor => prospects.is_covered && prospects.is_undoubted,
			Slot::Memory => prospects.is_undoubted,
		};
		// The first tier takes no more bond than none, and comes before anybody could have confirmed anything.
		let limited = |proved: u8, rank: Rank| match may_rise {
			true => proved,
			false => proved.min(rank.tier.max(1)),
		};
		match slot {
			Slot::Processor => {
				let proved = tier(&thresholds.throughput_mops, capability.throughput_mops(now));
				let rank = self.throughput;
				Self { throughput: rank.after_proof(limited(proved, rank), now), ..self }
			}
			Slot::Memory => {
				let proved = tier(&thresholds.memory_mib, capability.memory_mib(now));
				let rank = self.memory;
				Self { memory: rank.after_proof(limited(proved, rank), now), ..self }
			}
		}
	}

	/// The standing after a lost challenge of one slot.
	pub fn after_failure(self, slot: Slot, now: BlockNumber) -> Self {
		let lost = Rank { tier: 0, since: now };
		match slot {
			Slot::Processor => Self { throughput: lost, ..self },
			Slot::Memory => Self { memory: lost, ..self },
		}
	}

	/// Machines' bonds that must stand behind this machine: one, and one more for each tier above the first.
	pub fn bond_units(&self) -> u32 {
		u32::from(self.throughput.tier).max(1)
	}
}

/// What keeps a machine from a higher tier of throughput.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub enum TierLimit {
	/// It has no valid proof of throughput.
	NotProved,
	/// It proved no more.
	Proved,
	/// It proved more; its tier rises with a proof at least so many blocks after the last rise.
	TooSoon,
	/// It proved more, and the provider's bond does not cover the next tier.
	Bond,
	/// It proved more, and no machine that was drawn to check the proof has confirmed it.
	NotConfirmed,
}

/// A machine's class, and why it is no higher.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub struct ClassReport {
	/// The class.
	pub class: Class,
	/// Proved throughput, in million int8 operations per second.
	pub throughput_mops: u32,
	/// What of that counts in this tier.
	pub counted_mops: u32,
	/// Proved memory, in MiB.
	pub memory_mib: u32,
	/// Score of availability, in parts per million.
	pub availability_ppm: u32,
	/// What keeps the tier of throughput from rising.
	pub limit: TierLimit,
}

impl ClassReport {
	/// The report on a machine at block `now`.
	pub fn of<AccountId>(
		worker: &Worker<AccountId>,
		capability: &Capability,
		thresholds: &Thresholds,
		prospects: Prospects,
		now: BlockNumber,
	) -> Self {
		let class = thresholds.class(&worker.standing, capability, &worker.availability, now);
		let throughput_mops = capability.throughput_mops(now);
		let counted_mops = thresholds.counted_mops(class.throughput, throughput_mops);
		let limit = match counted_mops < throughput_mops {
			_ if throughput_mops == 0 => TierLimit::NotProved,
			false => TierLimit::Proved,
			// The first tier takes neither.
			true if class.throughput == 0 => TierLimit::TooSoon,
			true if !prospects.is_covered => TierLimit::Bond,
			true if !prospects.is_undoubted => TierLimit::NotConfirmed,
			true => TierLimit::TooSoon,
		};
		Self {
			class,
			throughput_mops,
			counted_mops,
			memory_mib: capability.memory_mib(now),
			availability_ppm: worker.availability.score_ppm_at(now),
			limit,
		}
	}
}

impl TierLimit {
	/// The sentence for a person.
	pub fn message(self) -> &'static str {
		match self {
			Self::NotProved => "no valid proof of throughput: the daemon renews it when it runs",
			Self::Proved => "the next tier takes more throughput than was proved",
			Self::TooSoon => "more is proved: the tier rises by one with each proof, a quarter of an hour apart",
			Self::NotConfirmed => "more is proved, and no drawn machine has confirmed it: see that others can fetch from this one",
			Self::Bond => "more is proved, and the provider's bond does not cover the next tier: increase it",
		}
	}
}

#[cfg(test)]
mod tests {
	use super::super::Proof;
	use super::*;

	fn capability(mops: u32, mib: u32) -> Capability {
		let proof = |amount| Some(Proof { amount, proved_at: 1, valid_until: u32::MAX });
		Capability { processor: proof(mops), memory: proof(mib), gpus: None }
	}

	const FREE: Prospects = Prospects { is_covered: true, is_undoubted: true };

	/// After proofs of both slots.
	fn after(
		standing: Standing,
		capability: &Capability,
		now: BlockNumber,
		prospects: Prospects,
	) -> Standing {
		let thresholds = Thresholds::default();
		Slot::ALL.into_iter().fold(standing, |standing, slot| {
			standing.after_proof(slot, &thresholds, capability, now, prospects)
		})
	}

	#[test]
	fn tiers_rise_step_by_step_and_fall_at_once() {
		let fast = capability(30_000, 10_000);
		let mut standing = Standing::default();
		for (now, expected) in [(10, 1), (11, 1), (310, 2), (609, 2), (610, 3), (2_000, 3)] {
			standing = after(standing, &fast, now, FREE);
			assert_eq!(standing.throughput.tier, expected, "at {now}");
			assert_eq!(standing.memory.tier, expected, "at {now}");
		}
		let slow = after(standing, &capability(250, 300), 2_001, FREE);
		assert_eq!((slow.throughput.tier, slow.memory.tier), (1, 1));
		let lost = standing.after_failure(Slot::Processor, 2_001);
		assert_eq!((lost.throughput.tier, lost.memory.tier), (0, 3));
		assert_eq!(standing.after_failure(Slot::Memory, 2_001).memory.tier, 0);
	}

	#[test]
	fn without_bond_throughput_does_not_rise_above_the_first_tier() {
		let fast = capability(30_000, 10_000);
		let short = Prospects { is_covered: false, ..FREE };
		let first = after(Standing::default(), &fast, 10, short);
		assert_eq!((first.throughput.tier, first.bond_units()), (1, 1));
		let later = after(first, &fast, 1_000, short);
		assert_eq!((later.throughput.tier, later.memory.tier), (1, 2));
		let covered = after(first, &fast, 1_000, FREE);
		assert_eq!((covered.throughput.tier, covered.bond_units()), (2, 2));
	}

	#[test]
	fn p7_a_doubted_proof_raises_nothing_and_another_slots_proof_neither() {
		let thresholds = Thresholds::default();
		let fast = capability(30_000, 10_000);
		let first = after(Standing::default(), &fast, 10, FREE);
		let doubted = Prospects { is_undoubted: false, ..FREE };
		let later = after(first, &fast, 1_000, doubted);
		assert_eq!((later.throughput.tier, later.memory.tier), (1, 1));
		let memory = first.after_proof(Slot::Memory, &thresholds, &fast, 1_000, FREE);
		assert_eq!((memory.throughput.tier, memory.memory.tier), (1, 2));
	}

	#[test]
	fn p4_a_class_is_what_is_proved_now() {
		let thresholds = Thresholds::default();
		let top = Rank { tier: 6, since: 1 };
		let standing = Standing { throughput: top, memory: top };
		let mut there = Availability::new(1);
		there.come_online(1);
		let class = thresholds.class(&standing, &capability(3_000, 2_048), &there, 9);
		assert_eq!(class, Class { throughput: 2, memory: 2, availability: 0 });
		let nothing = thresholds.class(&standing, &Capability::default(), &there, 9);
		assert_eq!(nothing, Class::default());
	}

	#[test]
	fn throughput_beyond_the_tier_does_not_count() {
		let thresholds = Thresholds::default();
		assert_eq!(thresholds.counted_mops(1, 90_000), 1_999);
		assert_eq!(thresholds.counted_mops(1, 900), 900);
		assert_eq!(thresholds.counted_mops(6, u32::MAX), u32::MAX);
	}

	#[test]
	fn rows_that_do_not_rise_are_named() {
		let good = Thresholds::default();
		assert_eq!(good.malformed_field(), None);
		let mut flat = good;
		flat.throughput_mops[1] = 200;
		assert_eq!(flat.malformed_field(), Some("throughput_mops"));
		let mut zero = good;
		zero.memory_mib[0] = 0;
		assert_eq!(zero.malformed_field(), Some("memory_mib"));
		let mut falling = good;
		falling.availability_ppm[3] = 1;
		assert_eq!(falling.malformed_field(), Some("availability_ppm"));
	}
}
