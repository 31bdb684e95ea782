//! What a machine has, and the ledger of what running tasks hold of it.

use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;

/// What a machine has or what a task needs of it while it runs.
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
}

impl Capacity {
	/// Whether all of `needed` fits in.
	pub fn holds(&self, needed: &Capacity) -> bool {
		self.vcpus >= needed.vcpus && self.memory_mib >= needed.memory_mib
	}

	/// The sum, or `None` where a field overflows.
	pub fn checked_add(&self, other: &Capacity) -> Option<Capacity> {
		Some(Capacity {
			vcpus: self.vcpus.checked_add(other.vcpus)?,
			memory_mib: self.memory_mib.checked_add(other.memory_mib)?,
		})
	}

	/// What is left, with zero where more is taken than there is.
	pub fn saturating_sub(&self, other: &Capacity) -> Capacity {
		Capacity {
			vcpus: self.vcpus.saturating_sub(other.vcpus),
			memory_mib: self.memory_mib.saturating_sub(other.memory_mib),
		}
	}

	/// The smaller of each field.
	pub fn min(&self, other: &Capacity) -> Capacity {
		Capacity {
			vcpus: self.vcpus.min(other.vcpus),
			memory_mib: self.memory_mib.min(other.memory_mib),
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

/// What a machine claims, and what running tasks hold of it.
///
/// Capacity only moves between taken and left, so that what is taken never exceeds what is claimed, and neither falls
/// below zero.
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
pub struct Ledger {
	claimed: Capacity,
	reserved: Capacity,
}

impl Ledger {
	/// A ledger of which nothing is taken.
	pub fn new(claimed: Capacity) -> Self {
		Self { claimed, reserved: Capacity::default() }
	}

	/// What the machine says it has. Only the proved part is ever sold.
	pub fn claimed(&self) -> Capacity {
		self.claimed
	}

	/// What running tasks hold of it.
	pub fn reserved(&self) -> Capacity {
		self.reserved
	}

	/// Whether no more is taken than there is. Only bytes that were changed by hand say otherwise.
	pub fn is_sound(&self) -> bool {
		self.claimed.holds(&self.reserved)
	}

	/// Claims something else, which must hold all that is taken.
	pub fn resize(&mut self, claimed: Capacity) -> Result<(), LedgerError> {
		if !claimed.holds(&self.reserved) {
			return Err(LedgerError::Exceeded);
		}
		self.claimed = claimed;
		Ok(())
	}

	/// Takes `capacity`.
	pub fn reserve(&mut self, capacity: &Capacity) -> Result<(), LedgerError> {
		let reserved = self.reserved.checked_add(capacity).ok_or(LedgerError::Exceeded)?;
		if !self.claimed.holds(&reserved) {
			return Err(LedgerError::Exceeded);
		}
		self.reserved = reserved;
		Ok(())
	}

	/// Gives `capacity` back.
	pub fn release(&mut self, capacity: &Capacity) -> Result<(), LedgerError> {
		if !self.reserved.holds(capacity) {
			return Err(LedgerError::NotReserved);
		}
		self.reserved = self.reserved.saturating_sub(capacity);
		Ok(())
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use proptest::prelude::*;

	fn any_capacity() -> impl Strategy<Value = Capacity> {
		(any::<u16>(), any::<u32>()).prop_map(|(vcpus, memory_mib)| Capacity { vcpus, memory_mib })
	}

	proptest! {
		#[test]
		fn a_ledger_stays_sound_whatever_is_asked_of_it(
			claimed in any_capacity(), steps in prop::collection::vec((0u8..3, any_capacity()), 0..40),
		) {
			let mut ledger = Ledger::new(claimed);
			let mut held: Vec<Capacity> = Vec::new();
			for (kind, capacity) in steps {
				let before = ledger;
				let done = match kind {
					0 => ledger.reserve(&capacity).map(|()| held.push(capacity)),
					1 => ledger.release(&capacity).map(|()| held.push(Capacity::default())),
					_ => ledger.resize(capacity),
				};
				prop_assert!(ledger.is_sound());
				prop_assert!(done.is_ok() || ledger == before);
			}
		}

		#[test]
		fn what_was_taken_can_be_given_back_once(claimed in any_capacity(), part in any_capacity()) {
			let mut ledger = Ledger::new(claimed);
			prop_assert_eq!(ledger.reserve(&part).is_ok(), claimed.holds(&part));
			if claimed.holds(&part) {
				prop_assert_eq!(ledger.release(&part), Ok(()));
				let again = ledger.release(&part);
				prop_assert_eq!(again.is_ok(), part == Capacity::default());
			}
			prop_assert_eq!(ledger.reserved(), Capacity::default());
		}
	}

	#[test]
	fn a_claim_never_falls_below_what_is_taken() {
		let capacity = |vcpus, memory_mib| Capacity { vcpus, memory_mib };
		let mut ledger = Ledger::new(capacity(4, 100));
		assert_eq!(ledger.reserve(&capacity(2, 60)), Ok(()));
		assert_eq!(ledger.resize(capacity(2, 59)), Err(LedgerError::Exceeded));
		assert_eq!(ledger.resize(capacity(2, 60)), Ok(()));
		assert_eq!(ledger.reserve(&capacity(1, 0)), Err(LedgerError::Exceeded));
		assert_eq!(ledger.release(&capacity(3, 0)), Err(LedgerError::NotReserved));
		assert_eq!((ledger.claimed(), ledger.reserved()), (capacity(2, 60), capacity(2, 60)));
	}
}
