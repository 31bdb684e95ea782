//! What a task takes of a machine, and what a machine has left: fractions of cores and of graphics processors, and memory.

use bounded_collections::{BoundedVec, ConstU32};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;

/// Thousandths of a whole core or graphics processor.
pub const WHOLE_MILLI: u16 = 1_000;
/// Most graphics processors of one machine.
pub const GPUS_MAX: u32 = 16;
/// Classes of graphics processors. A machine has processors of one class.
pub const GPU_CLASSES: u8 = 16;

/// Which graphics processors of a machine: bit `i` for the one at position `i`.
pub type GpuMask = u16;

/// The graphics processors of a machine, all of one class.
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
pub struct Gpus {
	/// Their class, 0 to 15. Means nothing where there are none.
	pub class: u8,
	/// How many: 0 to 16.
	pub count: u8,
	/// Memory of each, in MiB.
	pub memory_mib: u32,
}

impl Gpus {
	/// Whether class and number are in range.
	pub fn is_valid(&self) -> bool {
		self.class < GPU_CLASSES && u32::from(self.count) <= GPUS_MAX
	}
}

/// The graphics processors that a task takes: a part of one, or some whole ones.
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
pub struct GpuShare {
	/// How many: 0 to 16.
	pub count: u8,
	/// Thousandths of each: 1 to 1,000 of one, 1,000 of several.
	pub milli: u16,
	/// Least memory of each, in MiB.
	pub memory_min_mib: u32,
	/// Classes that will do, bit `c` for class `c`; 0 for any.
	pub classes: u16,
}

impl GpuShare {
	/// Whether it is nothing at all, a part of one, or some whole ones.
	pub fn is_valid(&self) -> bool {
		match self.count {
			0 => *self == Self::default(),
			1 => (1..=WHOLE_MILLI).contains(&self.milli),
			count => u32::from(count) <= GPUS_MAX && self.milli == WHOLE_MILLI,
		}
	}

	/// Whether graphics processors of `class` will do.
	pub fn accepts(&self, class: u8) -> bool {
		self.classes == 0
			|| 1u16.checked_shl(u32::from(class)).is_some_and(|bit| self.classes & bit != 0)
	}

	/// Thousandths in all.
	pub fn total_milli(&self) -> u32 {
		u32::from(self.count).saturating_mul(u32::from(self.milli))
	}
}

/// What a task takes of a machine while it runs.
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
pub struct Resources {
	/// Thousandths of a core.
	pub cpu_milli: u32,
	/// Memory in MiB.
	pub memory_mib: u32,
	/// Graphics processors.
	pub gpu: GpuShare,
}

impl Resources {
	/// So many cores and so much memory, and no graphics processor.
	pub const fn cpu(cpu_milli: u32, memory_mib: u32) -> Self {
		let gpu = GpuShare { count: 0, milli: 0, memory_min_mib: 0, classes: 0 };
		Self { cpu_milli, memory_mib, gpu }
	}
}

/// Thousandths of each graphics processor of a machine, by position.
pub type GpuMilli = BoundedVec<u16, ConstU32<GPUS_MAX>>;

/// What a machine has left.
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
pub struct Free {
	/// Thousandths of a core.
	pub cpu_milli: u32,
	/// Memory in MiB.
	pub memory_mib: u32,
	/// Class of the graphics processors.
	pub gpu_class: u8,
	/// Memory of each graphics processor, in MiB.
	pub gpu_memory_mib: u32,
	/// What is left of each graphics processor.
	pub gpu_milli: GpuMilli,
}

/// What a machine has too little of. The first that applies counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shortage {
	/// Graphics processors of the kind and size.
	Gpu,
	/// Cores.
	Cpu,
	/// Memory.
	Memory,
}

impl Free {
	/// Graphics processors of which nothing is taken.
	pub fn whole_gpus(&self) -> u32 {
		self.gpu_milli
			.iter()
			.fold(0, |sum, milli| sum.saturating_add(u32::from(*milli >= WHOLE_MILLI)))
	}

	/// Thousandths of all graphics processors together.
	pub fn total_gpu_milli(&self) -> u32 {
		self.gpu_milli.iter().fold(0, |sum, milli| sum.saturating_add(u32::from(*milli)))
	}

	/// The graphics processors that a task would get: of those that hold its part the fullest, otherwise the first whole ones.
	/// `Err` names what is missing.
	pub fn place(&self, needed: &Resources) -> Result<GpuMask, Shortage> {
		let gpus = self.place_gpus(&needed.gpu).ok_or(Shortage::Gpu)?;
		if self.cpu_milli < needed.cpu_milli {
			return Err(Shortage::Cpu);
		}
		if self.memory_mib < needed.memory_mib {
			return Err(Shortage::Memory);
		}
		Ok(gpus)
	}

	fn place_gpus(&self, needed: &GpuShare) -> Option<GpuMask> {
		if needed.count == 0 {
			return Some(0);
		}
		if !needed.accepts(self.gpu_class) || self.gpu_memory_mib < needed.memory_min_mib {
			return None;
		}
		let holding = |(_, milli): &(u32, &u16)| **milli >= needed.milli;
		let fitting = (0u32..).zip(&self.gpu_milli).filter(holding);
		if needed.count == 1 && needed.milli < WHOLE_MILLI {
			return fitting.min_by_key(|(_, milli)| **milli).map(|(index, _)| bit(index));
		}
		let chosen = fitting.take(usize::from(needed.count));
		let (count, mask) = chosen.fold((0u8, 0), |(count, mask), (index, _)| {
			(count.saturating_add(1), mask | bit(index))
		});
		(count == needed.count).then_some(mask)
	}

	/// What is left once a task that was placed on `gpus` runs.
	pub fn without(&self, taken: &Resources, gpus: GpuMask) -> Self {
		let mut left = self.clone();
		left.cpu_milli = left.cpu_milli.saturating_sub(taken.cpu_milli);
		left.memory_mib = left.memory_mib.saturating_sub(taken.memory_mib);
		for (index, milli) in (0u32..).zip(left.gpu_milli.iter_mut()) {
			if gpus & bit(index) != 0 {
				*milli = milli.saturating_sub(taken.gpu.milli);
			}
		}
		left
	}
}

/// The mask of one graphics processor.
pub(crate) fn bit(index: u32) -> GpuMask {
	1u16.checked_shl(index).unwrap_or(0)
}

#[cfg(test)]
mod tests {
	use super::*;

	fn free(gpu_milli: &[u16]) -> Free {
		Free {
			cpu_milli: 8_000,
			memory_mib: 1_024,
			gpu_class: 3,
			gpu_memory_mib: 16_000,
			gpu_milli: gpu_milli.to_vec().try_into().unwrap(),
		}
	}

	fn part(milli: u16) -> Resources {
		let gpu = GpuShare { count: 1, milli, ..Default::default() };
		Resources { cpu_milli: 1_000, memory_mib: 512, gpu }
	}

	#[test]
	fn a_part_goes_to_the_fullest_processor_that_holds_it() {
		let machine = free(&[1_000, 300, 500]);
		assert_eq!(machine.place(&part(300)), Ok(0b010));
		assert_eq!(machine.place(&part(301)), Ok(0b100));
		assert_eq!(machine.place(&part(600)), Ok(0b001));
		let left = machine.without(&part(301), 0b100);
		assert_eq!(left.gpu_milli.to_vec(), vec![1_000, 300, 199]);
		assert_eq!((left.cpu_milli, left.memory_mib), (7_000, 512));
	}

	#[test]
	fn whole_processors_are_taken_whole() {
		let whole = |count| GpuShare { count, milli: 1_000, ..Default::default() };
		let task = |count| Resources { gpu: whole(count), ..Resources::cpu(1, 1) };
		let machine = free(&[1_000, 999, 1_000]);
		assert_eq!(machine.place(&task(2)), Ok(0b101));
		assert_eq!(machine.place(&task(3)), Err(Shortage::Gpu));
		assert_eq!((machine.whole_gpus(), machine.total_gpu_milli()), (2, 2_999));
	}

	#[test]
	fn class_memory_and_the_rest_are_named() {
		let machine = free(&[1_000]);
		let of = |classes, memory_min_mib| {
			let gpu = GpuShare { count: 1, milli: 1_000, memory_min_mib, classes };
			machine.place(&Resources { gpu, ..Resources::cpu(1, 1) })
		};
		assert_eq!(of(0b1000, 16_000), Ok(1));
		assert_eq!(of(0b0100, 0), Err(Shortage::Gpu));
		assert_eq!(of(0, 16_001), Err(Shortage::Gpu));
		assert_eq!(machine.place(&Resources::cpu(8_001, 1)), Err(Shortage::Cpu));
		assert_eq!(machine.place(&Resources::cpu(8_000, 1_025)), Err(Shortage::Memory));
		assert_eq!(machine.place(&Resources::cpu(8_000, 1_024)), Ok(0));
	}

	#[test]
	fn shares_are_parts_of_one_or_whole_ones() {
		let share = |count, milli| GpuShare { count, milli, ..Default::default() }.is_valid();
		assert!(share(0, 0) && share(1, 1) && share(1, 1_000) && share(16, 1_000));
		assert!(
			!share(0, 1) && !share(1, 0) && !share(1, 1_001) && !share(2, 999) && !share(17, 1_000)
		);
	}
}
