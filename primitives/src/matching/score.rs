//! Which of the machines that fit is best.

use crate::{
	resources::{Free, Resources, WHOLE_MILLI},
	supply::Entry,
	task::MatchingPolicy,
	worker::EnergySource,
	Balance, Hash32,
};
use codec::{Decode, DecodeWithMemTracking, Encode};
use scale_info::TypeInfo;

/// How good a machine is for a task; the lowest is the best. Compared field by field.
#[derive(
	Clone,
	Copy,
	Debug,
	PartialEq,
	Eq,
	PartialOrd,
	Ord,
	Encode,
	Decode,
	DecodeWithMemTracking,
	TypeInfo,
)]
pub struct Score {
	/// What the policy goes by first: price, slowness, source of energy, or price for the throughput.
	pub first: u128,
	/// What it goes by among equals.
	pub second: u128,
	/// What the task would leave unused and hard to use.
	pub waste: u64,
	/// A number drawn for this machine and this task; lower for machines on the page that was drawn before another.
	pub chance: u64,
}

/// The score of a machine that fits, in the draw of `seed`.
pub fn score(entry: &Entry, needed: &Resources, policy: MatchingPolicy, seed: &Hash32) -> Score {
	let price = entry.offer.price_per_gfuel;
	let slowness = u128::from(u32::MAX.saturating_sub(entry.throughput_mops));
	let (first, second) = match policy {
		MatchingPolicy::Cheapest => (price, 0),
		MatchingPolicy::Fastest => (slowness, price),
		MatchingPolicy::Greenest => (greenness(entry.site.energy), price),
		MatchingPolicy::Balanced => (price_for_throughput(price, entry.throughput_mops), 0),
	};
	let waste = match needed.gpu.count {
		0 => waste_without_gpus(&entry.free, needed, seed),
		_ => waste(&entry.free, needed),
	};
	Score { first, second, waste, chance: chance(seed, entry.worker) }
}

fn greenness(energy: EnergySource) -> u128 {
	match energy {
		EnergySource::Renewable => 0,
		EnergySource::Nuclear => 1,
		EnergySource::Grid => 2,
		EnergySource::Undeclared => 3,
		EnergySource::Fossil => 4,
	}
}

/// Smallest units per 10⁹ fuel, for 10¹² operations per second.
fn price_for_throughput(price: Balance, throughput_mops: u32) -> u128 {
	price.saturating_mul(1_000_000) / u128::from(throughput_mops.max(1))
}

/// What would be left of the graphics processors that the task breaks into, and then of cores and memory: a part of a processor
/// that is left over serves small tasks only, and a machine whose processors are in use should have little else left.
fn waste(free: &Free, needed: &Resources) -> u64 {
	let left_of_part = match needed.gpu.count {
		1 if needed.gpu.milli < WHOLE_MILLI => {
			let holding = free.gpu_milli.iter().filter(|milli| **milli >= needed.gpu.milli);
			holding.min().map_or(0, |milli| milli.saturating_sub(needed.gpu.milli))
		}
		_ => 0,
	};
	let gpu_left = free.total_gpu_milli().saturating_sub(needed.gpu.total_milli());
	let cpu_left = free.cpu_milli.saturating_sub(needed.cpu_milli);
	let memory_left = free.memory_mib.saturating_sub(needed.memory_mib);
	u64::from(left_of_part) * 1_000_000
		+ u64::from(gpu_left) * 1_000
		+ u64::from(cpu_left) / 100
		+ u64::from(memory_left) / 400
}

/// What a task wastes that takes no graphics processor: those that are free, and then large machines.
///
/// How much is free of cores and memory says little of how large a machine is, and whoever has a task already must not be preferred to
/// whoever is idle. So machines are told apart only by steps of 64 times, whose limits lie elsewhere in every draw: one that could
/// hold 64 times as many such tasks is always spared, one that could hold a third more once in fifteen times.
fn waste_without_gpus(free: &Free, needed: &Resources, seed: &Hash32) -> u64 {
	let times = |has: u32, needs: u32| u64::from(has) * 256 / u64::from(needs.max(1));
	let times = times(free.cpu_milli, needed.cpu_milli)
		.min(times(free.memory_mib, needed.memory_mib))
		.max(1);
	// The logarithm to base 2 in 256ths, straight between powers.
	let whole = times.ilog2();
	let rest = (times << 8 >> whole) & 0xff;
	let logarithm = u64::from(whole) * 256 + rest;
	let [.., limit] = *seed;
	let steps = (logarithm + u64::from(limit) * 6) / (256 * 6);
	u64::from(free.total_gpu_milli()) * 1_000 + steps
}

/// Spreads the seed over machines. Each bit of the result depends on every bit of both.
fn chance(seed: &Hash32, worker: u32) -> u64 {
	let mut word = [0; 8];
	word.copy_from_slice(&seed[..8]);
	let mut mixed =
		u64::from_le_bytes(word) ^ u64::from(worker).wrapping_mul(0x9e37_79b9_7f4a_7c15);
	// The finalizer of SplitMix64.
	mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
	mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
	mixed ^ (mixed >> 31)
}
