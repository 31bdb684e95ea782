//! What a machine has, and the ledger of what running tasks hold of it.

use crate::resources::{bit, Free, GpuMask, GpuMilli, Gpus, Resources, WHOLE_MILLI};
use alloc::vec;
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;

/// What a machine has.
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
pub struct Capacity {
	/// Virtual processors.
	pub vcpus: u16,
	/// Memory in MiB.
	pub memory_mib: u32,
	/// Graphics processors.
	pub gpus: Gpus,
}

impl Capacity {
	/// So many virtual processors and so much memory, and no graphics processor.
	pub const fn cpu(vcpus: u16, memory_mib: u32) -> Self {
		Self { vcpus, memory_mib, gpus: Gpus { class: 0, count: 0, memory_mib: 0 } }
	}

	/// Thousandths of cores.
	pub fn cpu_milli(&self) -> u32 {
		u32::from(self.vcpus).saturating_mul(u32::from(WHOLE_MILLI))
	}

	/// Whether it has all that `other` has. Graphics processors of two kinds cannot be compared.
	pub fn holds(&self, other: &Capacity) -> bool {
		let (mine, others) = (&self.gpus, &other.gpus);
		let same_kind = mine.class == others.class && mine.memory_mib >= others.memory_mib;
		self.vcpus >= other.vcpus
			&& self.memory_mib >= other.memory_mib
			&& (others.count == 0 || same_kind && mine.count >= others.count)
	}

	/// The smaller of each field. Graphics processors of two kinds have nothing in common.
	pub fn min(&self, other: &Capacity) -> Capacity {
		let gpus = match self.gpus.class == other.gpus.class {
			true => Gpus {
				class: self.gpus.class,
				count: self.gpus.count.min(other.gpus.count),
				memory_mib: self.gpus.memory_mib.min(other.gpus.memory_mib),
			},
			false => Gpus::default(),
		};
		Capacity {
			vcpus: self.vcpus.min(other.vcpus),
			memory_mib: self.memory_mib.min(other.memory_mib),
			gpus,
		}
	}
}

/// Why a ledger refused a change. Nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LedgerError {
	/// More was asked for than is left.
	Exceeded,
	/// More was to be given back than is taken.
	NotReserved,
}

/// What one task holds of a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
	/// How much.
	pub resources: Resources,
	/// Of which graphics processors.
	pub gpus: GpuMask,
}

/// What running tasks hold of a machine in all.
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
pub struct Reserved {
	/// Thousandths of a core.
	pub cpu_milli: u32,
	/// Memory in MiB.
	pub memory_mib: u32,
	/// Thousandths of each graphics processor; as long as the last one of which something is taken.
	pub gpu_milli: GpuMilli,
}

impl Reserved {
	/// With `grant` on top, or `None` where a field overflows.
	fn plus(&self, grant: &Grant) -> Option<Self> {
		let mut sum = self.clone();
		sum.cpu_milli = sum.cpu_milli.checked_add(grant.resources.cpu_milli)?;
		sum.memory_mib = sum.memory_mib.checked_add(grant.resources.memory_mib)?;
		let length = (GpuMask::BITS.saturating_sub(grant.gpus.leading_zeros()) as usize)
			.max(sum.gpu_milli.len());
		let mut gpu_milli = sum.gpu_milli.into_inner();
		gpu_milli.resize(length, 0);
		for (index, milli) in (0u32..).zip(gpu_milli.iter_mut()) {
			if grant.gpus & bit(index) != 0 {
				*milli = milli.checked_add(grant.resources.gpu.milli)?;
			}
		}
		sum.gpu_milli = gpu_milli.try_into().ok()?;
		Some(sum)
	}

	/// Without `grant`, or `None` where it holds less.
	fn minus(&self, grant: &Grant) -> Option<Self> {
		let mut rest = self.clone();
		rest.cpu_milli = rest.cpu_milli.checked_sub(grant.resources.cpu_milli)?;
		rest.memory_mib = rest.memory_mib.checked_sub(grant.resources.memory_mib)?;
		let mut gpu_milli = rest.gpu_milli.into_inner();
		if (GpuMask::BITS.saturating_sub(grant.gpus.leading_zeros()) as usize) > gpu_milli.len() {
			return None;
		}
		for (index, milli) in (0u32..).zip(gpu_milli.iter_mut()) {
			if grant.gpus & bit(index) != 0 {
				*milli = milli.checked_sub(grant.resources.gpu.milli)?;
			}
		}
		while gpu_milli.last() == Some(&0) {
			gpu_milli.pop();
		}
		rest.gpu_milli = gpu_milli.try_into().ok()?;
		Some(rest)
	}

	/// Whether `capacity` has all of it.
	fn fits(&self, capacity: &Capacity) -> bool {
		self.cpu_milli <= capacity.cpu_milli()
			&& self.memory_mib <= capacity.memory_mib
			&& self.gpu_milli.len() <= usize::from(capacity.gpus.count)
			&& self.gpu_milli.iter().all(|milli| *milli <= WHOLE_MILLI)
	}
}

/// What a machine claims, and what running tasks hold of it.
///
/// Capacity only moves between taken and left, so that what is taken never exceeds what is claimed, and neither falls
/// below zero.
#[derive(
	Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
pub struct Ledger {
	claimed: Capacity,
	reserved: Reserved,
}

impl Ledger {
	/// A ledger of which nothing is taken.
	pub fn new(claimed: Capacity) -> Self {
		Self { claimed, reserved: Reserved::default() }
	}

	/// What the machine says it has. Only the proved part is ever sold.
	pub fn claimed(&self) -> Capacity {
		self.claimed
	}

	/// What running tasks hold of it.
	pub fn reserved(&self) -> &Reserved {
		&self.reserved
	}

	/// What is left of the part of it that is `proved`. A proof can be lower than the one before, and then than what is taken.
	pub fn free(&self, proved: &Capacity) -> Free {
		let mut gpu_milli = vec![WHOLE_MILLI; usize::from(proved.gpus.count)];
		for (left, taken) in gpu_milli.iter_mut().zip(&self.reserved.gpu_milli) {
			*left = left.saturating_sub(*taken);
		}
		Free {
			cpu_milli: proved.cpu_milli().saturating_sub(self.reserved.cpu_milli),
			memory_mib: proved.memory_mib.saturating_sub(self.reserved.memory_mib),
			gpu_class: proved.gpus.class,
			gpu_memory_mib: proved.gpus.memory_mib,
			gpu_milli: GpuMilli::truncate_from(gpu_milli),
		}
	}

	/// Whether no more is taken than there is. Only bytes that were changed by hand say otherwise.
	pub fn is_sound(&self) -> bool {
		self.reserved.fits(&self.claimed)
	}

	/// Claims something else, which must hold all that is taken, on the same kind of graphics processors.
	pub fn resize(&mut self, claimed: Capacity) -> Result<(), LedgerError> {
		let same_kind =
			claimed.gpus.class == self.claimed.gpus.class || self.reserved.gpu_milli.is_empty();
		if !same_kind || !self.reserved.fits(&claimed) {
			return Err(LedgerError::Exceeded);
		}
		self.claimed = claimed;
		Ok(())
	}

	/// Takes `grant`.
	pub fn reserve(&mut self, grant: &Grant) -> Result<(), LedgerError> {
		let reserved = self.reserved.plus(grant).ok_or(LedgerError::Exceeded)?;
		if !reserved.fits(&self.claimed) {
			return Err(LedgerError::Exceeded);
		}
		self.reserved = reserved;
		Ok(())
	}

	/// Gives `grant` back.
	pub fn release(&mut self, grant: &Grant) -> Result<(), LedgerError> {
		self.reserved = self.reserved.minus(grant).ok_or(LedgerError::NotReserved)?;
		Ok(())
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::resources::GpuShare;
	use proptest::prelude::*;

	fn any_capacity() -> impl Strategy<Value = Capacity> {
		(0u16..40, 0u32..1_000, 0u8..2, 0u8..6).prop_map(|(vcpus, memory_mib, class, count)| {
			Capacity {
				gpus: Gpus { class, count, memory_mib: 1 },
				..Capacity::cpu(vcpus, memory_mib)
			}
		})
	}

	fn any_grant() -> impl Strategy<Value = Grant> {
		(0u32..9_000, 0u32..300, 0u16..700, 0u16..8).prop_map(
			|(cpu_milli, memory_mib, milli, gpus)| {
				let gpu = GpuShare { count: 1, milli, ..Default::default() };
				Grant {
					resources: Resources { gpu, ..Resources::cpu(cpu_milli, memory_mib) },
					gpus,
				}
			},
		)
	}

	proptest! {
		#[test]
		fn a_ledger_stays_sound_whatever_is_asked_of_it(
			claimed in any_capacity(),
			steps in prop::collection::vec((0u8..3, any_grant(), any_capacity()), 0..40),
		) {
			let mut ledger = Ledger::new(claimed);
			for (kind, grant, capacity) in steps {
				let before = ledger.clone();
				let done = match kind {
					0 => ledger.reserve(&grant),
					1 => ledger.release(&grant),
					_ => ledger.resize(capacity),
				};
				prop_assert!(ledger.is_sound());
				prop_assert!(done.is_ok() || ledger == before);
			}
		}

		#[test]
		fn what_was_placed_can_be_taken_and_given_back_once(claimed in any_capacity(), milli in 1u16..=1_000) {
			let mut ledger = Ledger::new(claimed);
			let gpu = GpuShare { count: 1, milli, ..Default::default() };
			let resources = Resources { gpu, ..Resources::cpu(500, 10) };
			let Ok(gpus) = ledger.free(&claimed).place(&resources) else { return Ok(()) };
			let grant = Grant { resources, gpus };
			let before = ledger.clone();
			prop_assert_eq!(ledger.reserve(&grant), Ok(()));
			prop_assert_eq!(ledger.free(&claimed), before.free(&claimed).without(&resources, gpus));
			prop_assert_eq!(ledger.release(&grant), Ok(()));
			prop_assert_eq!(&ledger, &before);
			prop_assert_eq!(ledger.release(&grant), Err(LedgerError::NotReserved));
		}
	}

	#[test]
	fn a_claim_never_falls_below_what_is_taken() {
		let grant = |cpu_milli, memory_mib| Grant {
			resources: Resources::cpu(cpu_milli, memory_mib),
			gpus: 0,
		};
		let mut ledger = Ledger::new(Capacity::cpu(4, 100));
		assert_eq!(ledger.reserve(&grant(1_500, 60)), Ok(()));
		assert_eq!(ledger.resize(Capacity::cpu(2, 59)), Err(LedgerError::Exceeded));
		assert_eq!(ledger.resize(Capacity::cpu(1, 60)), Err(LedgerError::Exceeded));
		assert_eq!(ledger.resize(Capacity::cpu(2, 60)), Ok(()));
		assert_eq!(ledger.reserve(&grant(501, 0)), Err(LedgerError::Exceeded));
		assert_eq!(ledger.release(&grant(1_501, 0)), Err(LedgerError::NotReserved));
		assert_eq!((ledger.claimed(), ledger.reserved().cpu_milli), (Capacity::cpu(2, 60), 1_500));
	}
}
