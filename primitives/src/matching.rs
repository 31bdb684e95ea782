//! How a task finds machines: supply buckets, sampling and scoring.
//!
//! Machines that may be given work stand in buckets by free vCPUs × free memory, each rounded down to a power
//! of two. A draw looks at a constant number of machines, tightest bucket first, and takes the best by policy
//! of those that fit: the power of k choices. A bucket that holds no more machines than are still to be looked
//! at is taken whole, so nothing that fits is overlooked in a small market.

use crate::{
	beacon::SeedStream,
	task::{MatchingPolicy, TaskSpec},
	worker::{Candidate, Capacity},
	Balance, WorkerId,
};
use alloc::vec::Vec;
use core::cmp::Ordering;

/// Tiers of free vCPUs and of free memory.
pub const TIERS: u8 = 8;
/// Buckets in all, one bit each in the bitmap of those that are not empty.
pub const BUCKETS: u8 = TIERS * TIERS;
/// Machines looked at in one draw.
pub const SAMPLES: u32 = 12;
/// MiB per unit of the memory tiers, so that tier 1 begins at 512 MiB.
const MEMORY_TIER_MIB: u32 = 256;

/// A supply bucket: `vcpu tier · TIERS + memory tier`.
pub type Bucket = u8;

fn tier(units: u32) -> u8 {
	// At least one unit, so the logarithm exists; the cast is of a number below 32.
	(units.max(1).ilog2() as u8).min(TIERS - 1)
}

/// The bucket of a machine with `free` capacity, or `None` where it has no vCPU or no memory to sell.
pub fn bucket_of(free: &Capacity) -> Option<Bucket> {
	if free.vcpus == 0 || free.memory_mib == 0 {
		return None;
	}
	Some(tier(u32::from(free.vcpus)) * TIERS + tier(free.memory_mib / MEMORY_TIER_MIB))
}

/// The non-empty buckets in which a machine that holds `needed` can stand, tightest first.
///
/// `bitmap` has bit `b` set where bucket `b` is not empty.
pub fn eligible_buckets(needed: &Capacity, bitmap: u64) -> Vec<Bucket> {
	let vcpu_tier = tier(u32::from(needed.vcpus));
	let memory_tier = tier(needed.memory_mib / MEMORY_TIER_MIB);
	let mut buckets: Vec<Bucket> = (0..BUCKETS)
		.filter(|bucket| bitmap & (1u64 << bucket) != 0)
		.filter(|bucket| bucket / TIERS >= vcpu_tier && bucket % TIERS >= memory_tier)
		.collect();
	buckets.sort_by_key(|bucket| (bucket / TIERS + bucket % TIERS, *bucket));
	buckets
}

/// Positions to look at in a bucket of `length` machines, at most `budget`.
///
/// The whole bucket where it is small enough, otherwise `budget` draws from `stream`, repeats dropped.
pub fn sample_positions(stream: &mut SeedStream, length: u32, budget: u32) -> Vec<u32> {
	if length <= budget {
		return (0..length).collect();
	}
	let mut positions: Vec<u32> = Vec::new();
	for _ in 0..budget {
		let position = stream.below(length);
		if !positions.contains(&position) {
			positions.push(position);
		}
	}
	positions
}

/// Why a machine that was looked at did not fit. The first reason that applies counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misfit {
	/// It had the task before.
	HadItBefore,
	/// Its free proved capacity is too small.
	TooSmall,
	/// Its proved throughput is too low.
	TooSlow,
	/// It asks more than the task's price cap.
	TooExpensive,
	/// The task is smaller than what it takes.
	TaskTooSmall,
	/// It closes before the task could be done.
	Closed,
	/// The bond behind it does not cover what the task may earn.
	BondTooLow,
}

/// Checks `candidate` and the task against everything that either asks of the other, at `minute` of the day.
pub fn check_fit<AccountId>(
	candidate: &Candidate<AccountId>,
	spec: &TaskSpec,
	minute: u16,
	excluded: &[WorkerId],
) -> Result<(), Misfit> {
	let offer = &candidate.offer;
	if excluded.contains(&candidate.worker) {
		Err(Misfit::HadItBefore)
	} else if !candidate.free.holds(&spec.requirements.capacity) {
		Err(Misfit::TooSmall)
	} else if candidate.throughput_mops < spec.requirements.throughput_min_mops {
		Err(Misfit::TooSlow)
	} else if offer.price_per_gfuel > spec.price_cap_per_gfuel {
		Err(Misfit::TooExpensive)
	} else if spec.fuel_limit < offer.task_min_fuel {
		Err(Misfit::TaskTooSmall)
	} else if !offer.is_open(minute, spec.execution_blocks) {
		Err(Misfit::Closed)
	} else if spec.stake(offer.price_per_gfuel) > candidate.stake_free {
		Err(Misfit::BondTooLow)
	} else {
		Ok(())
	}
}

fn compare<AccountId>(
	policy: MatchingPolicy,
	left: &Candidate<AccountId>,
	right: &Candidate<AccountId>,
) -> Ordering {
	match policy {
		MatchingPolicy::Cheapest => left.offer.price_per_gfuel.cmp(&right.offer.price_per_gfuel),
		MatchingPolicy::Fastest => right.throughput_mops.cmp(&left.throughput_mops),
		// price₁ / throughput₁ against price₂ / throughput₂, without the division.
		MatchingPolicy::Balanced => {
			let cross = |a: &Candidate<AccountId>, b: &Candidate<AccountId>| {
				a.offer.price_per_gfuel.saturating_mul(Balance::from(b.throughput_mops))
			};
			cross(left, right).cmp(&cross(right, left))
		}
	}
}

/// Picks `count` machines of different providers, none of them in `taken`, best first by `policy`.
/// Machines that the policy finds equal are ordered by chance. `None` where there are not enough.
pub fn choose<AccountId: Clone + PartialEq>(
	fitting: Vec<Candidate<AccountId>>,
	policy: MatchingPolicy,
	count: usize,
	taken: &[AccountId],
	stream: &mut SeedStream,
) -> Option<Vec<Candidate<AccountId>>> {
	let mut ordered: Vec<(u64, Candidate<AccountId>)> =
		fitting.into_iter().map(|candidate| (stream.next_u64(), candidate)).collect();
	ordered.sort_by(|(left_chance, left), (right_chance, right)| {
		compare(policy, left, right).then(left_chance.cmp(right_chance))
	});
	let mut chosen: Vec<Candidate<AccountId>> = Vec::new();
	for (_, candidate) in ordered {
		let known = |provider: &AccountId| {
			taken.contains(provider) || chosen.iter().any(|other| other.provider == *provider)
		};
		if chosen.len() < count && !known(&candidate.provider) {
			chosen.push(candidate);
		}
	}
	(chosen.len() == count).then_some(chosen)
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::{
		task::{BlobRef, Program, ProgramKind, Requirements},
		worker::{Hours, Offer},
	};
	use proptest::prelude::*;

	fn candidate(worker: WorkerId, provider: u8, price: Balance, mops: u32) -> Candidate<u8> {
		Candidate {
			worker,
			provider,
			offer: Offer::at(price),
			free: Capacity { vcpus: 4, memory_mib: 4096 },
			throughput_mops: mops,
			stake_free: 1_000,
		}
	}

	proptest! {
		#[test]
		fn a_machine_that_holds_the_task_stands_in_an_eligible_bucket(
			vcpus in 1u16..200, memory_mib in 1u32..200_000, more_vcpus in 0u16..200, more_mib in 0u32..200_000,
		) {
			let needed = Capacity { vcpus, memory_mib };
			let free = Capacity { vcpus: vcpus + more_vcpus, memory_mib: memory_mib + more_mib };
			let bucket = bucket_of(&free).unwrap();
			prop_assert!(eligible_buckets(&needed, u64::MAX).contains(&bucket));
			prop_assert!(eligible_buckets(&needed, !(1u64 << bucket)).iter().all(|b| *b != bucket));
		}

		#[test]
		fn p6_samples_are_bounded_distinct_and_inside(seed: [u8; 32], length in 0u32..2_000_000, budget in 0u32..32) {
			let positions = sample_positions(&mut SeedStream::new(seed), length, budget);
			prop_assert!(positions.len() as u32 <= budget);
			prop_assert!(positions.iter().all(|position| *position < length));
			let mut distinct = positions.clone();
			distinct.sort_unstable();
			distinct.dedup();
			prop_assert_eq!(distinct.len(), positions.len());
		}

		#[test]
		fn p5_replicas_belong_to_different_providers(
			seed: [u8; 32], providers in proptest::collection::vec(0u8..4, 0..12), count in 1usize..4,
		) {
			let fitting: Vec<_> = providers.iter().enumerate().map(|(i, p)| candidate(i as u32, *p, 5, 5)).collect();
			let mut distinct = providers.clone();
			distinct.sort_unstable();
			distinct.dedup();
			match choose(fitting, MatchingPolicy::Cheapest, count, &[], &mut SeedStream::new(seed)) {
				Some(chosen) => {
					let mut owners: Vec<u8> = chosen.iter().map(|c| c.provider).collect();
					owners.sort_unstable();
					owners.dedup();
					prop_assert_eq!(owners.len(), count);
				}
				None => prop_assert!(distinct.len() < count),
			}
		}
	}

	#[test]
	fn tightest_bucket_comes_first() {
		let needed = Capacity { vcpus: 1, memory_mib: 512 };
		let tight = bucket_of(&Capacity { vcpus: 1, memory_mib: 512 }).unwrap();
		let roomy = bucket_of(&Capacity { vcpus: 64, memory_mib: 65_536 }).unwrap();
		let buckets = eligible_buckets(&needed, (1u64 << tight) | (1u64 << roomy));
		assert_eq!(buckets, vec![tight, roomy]);
		assert_eq!(bucket_of(&Capacity { vcpus: 0, memory_mib: 1 }), None);
	}

	#[test]
	fn policies_order_by_their_criterion() {
		let all =
			vec![candidate(1, 1, 10, 100), candidate(2, 2, 20, 1000), candidate(3, 3, 12, 200)];
		let first = |policy| {
			let mut stream = SeedStream::new([0; 32]);
			choose(all.clone(), policy, 1, &[], &mut stream).unwrap()[0].worker
		};
		assert_eq!(first(MatchingPolicy::Cheapest), 1);
		assert_eq!(first(MatchingPolicy::Fastest), 2);
		assert_eq!(first(MatchingPolicy::Balanced), 2);
	}

	#[test]
	fn p5_equal_machines_are_drawn_by_chance() {
		let all = || vec![candidate(1, 1, 10, 100), candidate(2, 2, 10, 100)];
		let mut wins = [0u32; 2];
		for round in 0u8..200 {
			let mut stream = SeedStream::new([round; 32]);
			let chosen = choose(all(), MatchingPolicy::Cheapest, 1, &[], &mut stream).unwrap();
			wins[chosen[0].worker as usize - 1] += 1;
		}
		assert!(wins.iter().all(|count| (60..=140).contains(count)), "{wins:?}");
	}

	#[test]
	fn misfits_are_named() {
		let blob = BlobRef { hash: [1; 32], size_bytes: 1 };
		let mut spec = TaskSpec {
			program: Program { kind: ProgramKind::WasiCommand, blob },
			input: blob,
			source: Default::default(),
			requirements: Requirements {
				capacity: Capacity { vcpus: 2, memory_mib: 1024 },
				throughput_min_mops: 500,
			},
			fuel_limit: 1_000,
			output_limit_bytes: 1,
			execution_blocks: 20,
			deadline_blocks: 100,
			replicas: 1,
			matching: MatchingPolicy::Cheapest,
			price_cap_per_gfuel: 10,
			retries: 0,
		};
		let machine = candidate(7, 1, 10, 600);
		let check = |machine: &Candidate<u8>, spec: &TaskSpec| check_fit(machine, spec, 600, &[8]);
		assert_eq!(check(&machine, &spec), Ok(()));
		assert_eq!(check(&candidate(8, 1, 10, 600), &spec), Err(Misfit::HadItBefore));
		assert_eq!(check(&candidate(7, 1, 11, 600), &spec), Err(Misfit::TooExpensive));
		assert_eq!(check(&candidate(7, 1, 10, 400), &spec), Err(Misfit::TooSlow));
		let offering = |offer: Offer| Candidate { offer, ..machine.clone() };
		let task_min_fuel = spec.fuel_limit + 1;
		let choosy = offering(Offer { task_min_fuel, ..Offer::at(10) });
		assert_eq!(check(&choosy, &spec), Err(Misfit::TaskTooSmall));
		let hours = Some(Hours { from_minute: 0, until_minute: 600 });
		assert_eq!(check(&offering(Offer { hours, ..Offer::at(10) }), &spec), Err(Misfit::Closed));
		let short = Candidate { stake_free: 0, ..machine.clone() };
		assert_eq!(check(&short, &spec), Err(Misfit::BondTooLow));
		spec.requirements.capacity.vcpus = 5;
		assert_eq!(check(&machine, &spec), Err(Misfit::TooSmall));
	}
}
