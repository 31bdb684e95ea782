//! Buckets: what a machine has left, rounded down.

use crate::resources::{Free, GpuShare, Resources, GPU_CLASSES, WHOLE_MILLI};

/// A supply bucket: `(graphics key · tiers of cores + tier of cores) · tiers of memory + tier of memory`.
pub type Bucket = u16;

/// Where the tiers of free cores begin, in thousandths. Fine where one task may take all that is left, coarse above: the more buckets,
/// the fewer machines on a page, and the more a draw has to look through.
pub const CPU_TIERS_MILLI: [u32; 12] =
	[0, 1_000, 2_000, 3_000, 4_000, 8_000, 16_000, 32_000, 64_000, 128_000, 256_000, 512_000];
/// Where the tiers of free memory begin, in MiB. A task takes at most 4,096 of them.
pub const MEMORY_TIERS_MIB: [u32; 12] =
	[0, 512, 1_024, 2_048, 4_096, 16_384, 65_536, 262_144, 1 << 20, 1 << 22, 1 << 24, 1 << 26];
/// Whole free graphics processors that are told apart.
const WHOLE_TIERS: u16 = 8;
/// States of the graphics processors of one class: 1 to 9 tenths of one, 1 to 8 whole ones.
const GPU_STATES: u16 = 9 + WHOLE_TIERS;

/// What a bucket says of its machines, and a task of its needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
	/// Class of the graphics processors; 0 where none is free.
	pub gpu_class: u8,
	/// 0 for none, 1 to 9 for the tenths of the largest free part, 9 + `n` for `n` whole ones.
	pub gpu_state: u16,
	/// Tier of free cores.
	pub cpu_tier: u8,
	/// Tier of free memory.
	pub memory_tier: u8,
}

fn tier(tiers: &[u32; 12], value: u32) -> u8 {
	// At most twelve, so it fits.
	tiers.iter().filter(|begin| **begin <= value).count().saturating_sub(1) as u8
}

fn whole_state(count: u32) -> u16 {
	// At most 17.
	9 + count.min(u32::from(WHOLE_TIERS)) as u16
}

impl Shape {
	/// The shape of a machine with so much left.
	pub fn of(free: &Free) -> Self {
		let largest = free.gpu_milli.iter().copied().max().unwrap_or_default();
		let gpu_state = match free.whole_gpus() {
			0 => largest / 100,
			count => whole_state(count),
		};
		Self {
			gpu_class: if gpu_state == 0 { 0 } else { free.gpu_class },
			gpu_state,
			cpu_tier: tier(&CPU_TIERS_MILLI, free.cpu_milli),
			memory_tier: tier(&MEMORY_TIERS_MIB, free.memory_mib),
		}
	}

	/// The smallest shape in which a machine can stand that holds `needed`. Its class means nothing.
	pub fn needed(needed: &Resources) -> Self {
		let GpuShare { count, milli, .. } = needed.gpu;
		let gpu_state = match count {
			0 => 0,
			1 if milli < WHOLE_MILLI => (milli / 100).max(1),
			count => whole_state(u32::from(count)),
		};
		Self {
			gpu_class: 0,
			gpu_state,
			cpu_tier: tier(&CPU_TIERS_MILLI, needed.cpu_milli),
			memory_tier: tier(&MEMORY_TIERS_MIB, needed.memory_mib),
		}
	}

	/// The bucket's number.
	pub fn bucket(&self) -> Bucket {
		let gpu_key = match self.gpu_state {
			0 => 0,
			state => {
				u16::from(self.gpu_class.min(GPU_CLASSES - 1)) * GPU_STATES + state.min(GPU_STATES)
			}
		};
		// At most (15 · 17 + 17) · 144 + 143.
		(gpu_key * 12 + u16::from(self.cpu_tier)) * 12 + u16::from(self.memory_tier)
	}

	/// The shape of a bucket.
	pub fn of_bucket(bucket: Bucket) -> Self {
		let gpu_key = bucket / 144;
		let (gpu_class, gpu_state) = match gpu_key.checked_sub(1) {
			None => (0, 0),
			// Below 16, as a bucket is below 2¹⁶.
			Some(key) => ((key / GPU_STATES) as u8, key % GPU_STATES + 1),
		};
		// Below twelve.
		Self {
			gpu_class,
			gpu_state,
			cpu_tier: (bucket / 12 % 12) as u8,
			memory_tier: (bucket % 12) as u8,
		}
	}

	/// The same graphics processors, with cores and memory rounded down to nothing.
	pub fn coarse(&self) -> Self {
		Self { cpu_tier: 0, memory_tier: 0, ..*self }
	}

	/// Whether a machine in this bucket may hold `needed`, whose smallest shape is `least`.
	pub fn may_hold(&self, needed: &Resources, least: &Shape) -> bool {
		let gpu = needed.gpu.count == 0
			|| (self.gpu_state >= least.gpu_state && needed.gpu.accepts(self.gpu_class));
		gpu && self.cpu_tier >= least.cpu_tier && self.memory_tier >= least.memory_tier
	}

	/// How much more than `least` it has: first in graphics processors, then in cores and memory. Machines without any free
	/// graphics processor come first for a task that takes none.
	pub fn excess(&self, least: &Shape) -> (u16, u8) {
		let rest = self.cpu_tier.saturating_add(self.memory_tier);
		let least_rest = least.cpu_tier.saturating_add(least.memory_tier);
		(self.gpu_state.saturating_sub(least.gpu_state), rest.saturating_sub(least_rest))
	}

	/// Whether its machines have no whole graphics processor free, but parts that other tasks left.
	pub(crate) fn is_broken_into(&self) -> bool {
		(1..=9).contains(&self.gpu_state)
	}

	/// How many hundredths of a task of graphics processors a machine in this bucket holds beside each other at least: as many as the
	/// scarcest of graphics processors, cores and memory allows.
	pub(crate) fn times_held(&self, needed: &Resources) -> u64 {
		let gpu_milli = match self.gpu_state.checked_sub(9) {
			None | Some(0) => u64::from(self.gpu_state) * 100,
			Some(whole) => u64::from(whole) * u64::from(WHOLE_MILLI),
		};
		let begins =
			|tiers: &[u32; 12], tier: u8| tiers.get(usize::from(tier)).copied().unwrap_or(0);
		let parts = [
			(gpu_milli, needed.gpu.total_milli()),
			(begins(&CPU_TIERS_MILLI, self.cpu_tier).into(), needed.cpu_milli),
			(begins(&MEMORY_TIERS_MIB, self.memory_tier).into(), needed.memory_mib),
		];
		let hundredths = |(has, needs): (u64, u32)| has * 100 / u64::from(needs.max(1));
		parts.into_iter().map(hundredths).min().unwrap_or(0)
	}

	/// The smallest shape whose every machine holds `needed`, but for class and memory of graphics processors.
	pub(crate) fn sure(needed: &Resources) -> Self {
		let gpu_state = match needed.gpu.count {
			0 => 0,
			1 if needed.gpu.milli < WHOLE_MILLI => needed.gpu.milli.div_ceil(100),
			count => 9 + u16::from(count),
		};
		// Beyond the last tier where none begins so high.
		let from = |tiers: &[u32; 12], needs: u32| {
			tiers.iter().filter(|begin| **begin < needs).count() as u8
		};
		Self {
			gpu_class: 0,
			gpu_state,
			cpu_tier: from(&CPU_TIERS_MILLI, needed.cpu_milli),
			memory_tier: from(&MEMORY_TIERS_MIB, needed.memory_mib),
		}
	}

	/// Whether it is as large as another in everything.
	pub(crate) fn reaches(&self, other: &Self) -> bool {
		self.gpu_state >= other.gpu_state
			&& self.cpu_tier >= other.cpu_tier
			&& self.memory_tier >= other.memory_tier
	}

	/// Whether every machine in this bucket has the cores and the memory, and what graphics processors are needed, but for their
	/// class and memory.
	pub fn surely_holds(&self, needed: &Resources) -> bool {
		self.reaches(&Self::sure(needed))
	}
}

/// The bucket of a machine with `free` left, or `None` where it has no core or no memory to sell.
pub fn bucket_of(free: &Free) -> Option<Bucket> {
	(free.cpu_milli > 0 && free.memory_mib > 0).then(|| Shape::of(free).bucket())
}

#[cfg(test)]
mod tests {
	use super::*;
	use proptest::prelude::*;

	fn any_free() -> impl Strategy<Value = Free> {
		let gpus = prop::collection::vec(prop_oneof![Just(1_000u16), 0u16..1_000], 0..10);
		(1u32..200_000, 1u32..1 << 20, 0u8..16, 0u32..3, gpus).prop_map(
			|(cpu_milli, memory_mib, gpu_class, memory, gpus)| Free {
				cpu_milli,
				memory_mib,
				gpu_class,
				gpu_memory_mib: memory * 8_000,
				gpu_milli: gpus.try_into().unwrap(),
			},
		)
	}

	fn any_resources() -> impl Strategy<Value = Resources> {
		let gpu = prop_oneof![
			Just((0u8, 0u16)),
			(1u16..=1_000).prop_map(|milli| (1, milli)),
			(2u8..9).prop_map(|count| (count, 1_000)),
		];
		(1u32..100_000, 1u32..1 << 19, gpu, 0u32..2, any::<u16>()).prop_map(
			|(cpu, memory, (count, milli), gpu_memory, classes)| {
				let gpu = match count {
					0 => GpuShare::default(),
					_ => GpuShare { count, milli, memory_min_mib: gpu_memory * 8_000, classes },
				};
				Resources { gpu, ..Resources::cpu(cpu, memory) }
			},
		)
	}

	proptest! {
		#[test]
		fn what_holds_a_task_stands_where_the_task_looks(free in any_free(), needed in any_resources()) {
			let shape = Shape::of_bucket(bucket_of(&free).unwrap());
			prop_assert_eq!(shape, Shape::of(&free));
			let least = Shape::needed(&needed);
			if free.place(&needed).is_ok() && (needed.gpu.milli == 0 || needed.gpu.milli >= 100) {
				prop_assert!(shape.may_hold(&needed, &least), "{:?} {:?}", shape, least);
			}
			let only_gpu_kind = Resources { gpu: GpuShare { memory_min_mib: 0, classes: 0, ..needed.gpu }, ..needed };
			if shape.surely_holds(&needed) {
				prop_assert!(free.place(&only_gpu_kind).is_ok());
			}
		}
	}

	#[test]
	fn nothing_to_sell_is_in_no_bucket() {
		let free = |cpu_milli, memory_mib| Free { cpu_milli, memory_mib, ..Default::default() };
		assert_eq!(bucket_of(&free(0, 5)), None);
		assert_eq!(bucket_of(&free(5, 0)), None);
		assert_eq!(bucket_of(&free(999, 511)), Some(0));
		assert_eq!(bucket_of(&free(1_000, 512)), Some(13));
		assert_eq!(bucket_of(&free(u32::MAX, u32::MAX)), Some(143));
	}

	#[test]
	fn a_bucket_holds_as_many_tasks_as_its_scarcest_part_allows() {
		let gpu = GpuShare { count: 1, milli: 500, ..Default::default() };
		let needed = Resources { gpu, ..Resources::cpu(2_000, 1_024) };
		let shape = |gpu_state, cpu_tier, memory_tier| Shape {
			gpu_class: 0,
			gpu_state,
			cpu_tier,
			memory_tier,
		};
		// Two whole ones, 16 cores, 64 GiB; then half of one, 3 cores, 512 MiB.
		assert_eq!(shape(11, 6, 6).times_held(&needed), 400);
		assert_eq!(shape(5, 6, 6).times_held(&needed), 100);
		assert_eq!(shape(11, 3, 6).times_held(&needed), 150);
		assert_eq!(shape(11, 6, 1).times_held(&needed), 50);
		let broken = [0, 1, 9, 10].map(|state| shape(state, 0, 0).is_broken_into());
		assert_eq!(broken, [false, true, true, false]);
	}

	#[test]
	fn machines_without_graphics_processors_are_tightest_for_tasks_without() {
		let least = Shape::needed(&Resources::cpu(1_000, 512));
		let shape =
			|gpu_state, cpu_tier| Shape { gpu_class: 0, gpu_state, cpu_tier, memory_tier: 1 };
		assert!(shape(0, 9).excess(&least) < shape(1, 1).excess(&least));
		assert!(shape(0, 1).excess(&least) < shape(0, 2).excess(&least));
	}
}
