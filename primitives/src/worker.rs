//! Providers, worker machines, their offers and what they proved.

mod address;
mod availability;
mod candidate;
mod capacity;
mod class;
mod offer;
mod proof;

pub use address::{SocketText, TransportAddress, SOCKETS_MAX, SOCKET_BYTES_MAX};
pub use availability::{
	calls_in_block, Availability, CALLS_MAX, CALL_ANSWER_BLOCKS, CALL_INTERVAL_BLOCKS,
	HALF_LIFE_BLOCKS, SCORE_PPM,
};
pub use candidate::{Candidate, Obstacle, Registry};
pub use capacity::{Capacity, Grant, Ledger, LedgerError, Reserved};
pub use class::{
	Class, ClassReport, Prospects, Rank, Standing, Thresholds, TierLimit, AVAILABILITY_TIERS,
	PROMOTION_BLOCKS, PROOF_TIERS,
};
pub use offer::{minute_of_day, EnergySource, Hours, Offer, Region, Site, TaskKinds, DAY_MINUTES};
pub use proof::{Capability, GpuProof, Proof, MOPS_PER_VCPU};

use crate::{Balance, BlockNumber};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;

/// Fewest blocks between two free calls of one machine that ask nothing else of it than to wait.
pub const FREE_CALL_BLOCKS: u32 = 6;
/// Encryption keys of a machine that stay readable: the newest, and the one before for work that was begun with it.
pub const KEY_EPOCHS_KEPT: u32 = 2;

/// What registers a machine.
#[derive(
	Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
pub struct Registration<AccountId> {
	/// The account that the daemon will sign with.
	pub hot_key: AccountId,
	/// The hot key's sr25519 signature under [`crate::attestation::hot_key_consent`].
	pub consent: [u8; 64],
	/// X25519 key to which inputs are encrypted.
	pub encryption_key: [u8; 32],
	/// Where results can be fetched.
	pub address: TransportAddress,
	/// What the machine says it has.
	pub claimed: Capacity,
	/// What it asks, and when it takes tasks.
	pub offer: Offer,
	/// Where it stands and what it runs on.
	pub site: Site,
}

/// Whether a machine takes tasks.
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
pub enum WorkerStatus {
	/// Takes tasks while it is on line and its proofs are valid.
	#[codec(index = 0)]
	Active,
	/// Finishes what it has and takes nothing new. It stays on line and is called as before.
	#[codec(index = 1)]
	Draining,
	/// On its way out: takes nothing, and can be removed from `removable_at` on.
	#[codec(index = 2)]
	Retiring {
		/// The first block in which the machine can be removed.
		removable_at: BlockNumber,
	},
	/// Finishes what it has, takes nothing new and is not called. It may be switched off.
	#[codec(index = 3)]
	Paused,
}

/// A worker machine as the chain knows it.
#[derive(
	Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
pub struct Worker<AccountId> {
	/// The account whose bond stands behind the machine and that is paid.
	pub provider: AccountId,
	/// The account that the daemon signs with. It needs no balance.
	pub hot_key: AccountId,
	/// X25519 key to which inputs are encrypted.
	pub encryption_key: [u8; 32],
	/// How often that key was changed.
	pub key_epoch: u32,
	/// Where results can be fetched.
	pub address: TransportAddress,
	/// What the machine says it has, and what running tasks hold of it.
	pub ledger: Ledger,
	/// What it asks, and when it takes tasks.
	pub offer: Offer,
	/// Where it stands and what it runs on, as its provider says.
	pub site: Site,
	/// The attestor that signed what it runs on. It counts while governance lists that account.
	pub energy_attestor: Option<AccountId>,
	/// Whether it takes tasks.
	pub status: WorkerStatus,
	/// How reliably it is there, and whether it is now.
	pub availability: Availability,
	/// The tiers that its proofs have earned it.
	pub standing: Standing,
	/// The last block in which the daemon showed itself.
	pub last_seen: Option<BlockNumber>,
	/// Tasks it holds at the moment.
	pub running: u32,
	/// Results of its that were accepted.
	pub accepted: u32,
	/// Deadlines that it missed.
	pub missed: u32,
}

/// Someone who puts up a bond and stands behind machines.
#[derive(
	Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
pub struct Provider {
	/// The bond, on hold on the provider's account.
	pub bond: Balance,
	/// Registered machines, retiring ones included.
	pub workers: u32,
	/// The sum of [`Standing::bond_units`] over these machines.
	pub bond_units: u32,
	/// The most that the tasks in work with these machines may earn.
	pub at_stake: Balance,
	/// Set once the provider asked to leave: the first block in which the bond can be withdrawn.
	pub withdrawable_at: Option<BlockNumber>,
}

impl Provider {
	/// The bond that these machines and the work with them take, where one machine takes `bond_per_worker`.
	///
	/// Half of what stands behind the machines covers work too; what exceeds it takes as much bond again.
	pub fn bond_needed(&self, bond_per_worker: Balance) -> Balance {
		let machines = bond_per_worker.saturating_mul(Balance::from(self.bond_units));
		machines.saturating_add(self.at_stake.saturating_sub(machines / 2))
	}

	/// Whether the bond covers these machines and the work with them.
	pub fn is_covered(&self, bond_per_worker: Balance) -> bool {
		self.bond >= self.bond_needed(bond_per_worker)
	}

	/// How much more work the bond covers.
	pub fn stake_free(&self, bond_per_worker: Balance) -> Balance {
		let machines = bond_per_worker.saturating_mul(Balance::from(self.bond_units));
		let all = self.bond.saturating_sub(machines).saturating_add(machines / 2);
		match self.is_covered(bond_per_worker) {
			true => all.saturating_sub(self.at_stake),
			false => 0,
		}
	}

	/// Whether the bond would cover one more tier of one machine.
	pub fn covers_promotion(&self, bond_per_worker: Balance) -> bool {
		let promoted = Self { bond_units: self.bond_units.saturating_add(1), ..self.clone() };
		self.bond >= promoted.bond_needed(bond_per_worker)
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	fn provider(bond: Balance, bond_units: u32, at_stake: Balance) -> Provider {
		Provider { bond, workers: 1, bond_units, at_stake, withdrawable_at: None }
	}

	#[test]
	fn p7_the_bond_grows_with_class_and_with_work() {
		assert_eq!(provider(0, 1, 0).bond_needed(100), 100);
		assert_eq!(provider(0, 3, 0).bond_needed(100), 300);
		// Half of it covers work; beyond, each unit at stake takes a unit of bond.
		assert_eq!(provider(0, 1, 50).bond_needed(100), 100);
		assert_eq!(provider(0, 1, 80).bond_needed(100), 130);
		assert_eq!(provider(100, 1, 0).stake_free(100), 50);
		assert_eq!(provider(120, 1, 60).stake_free(100), 10);
		assert_eq!(provider(99, 1, 0).stake_free(100), 0);
		assert!(provider(200, 1, 0).covers_promotion(100));
		assert!(!provider(199, 1, 0).covers_promotion(100));
		assert!(!provider(Balance::MAX - 1, u32::MAX, Balance::MAX).is_covered(Balance::MAX));
	}

	proptest::proptest! {
		#[test]
		fn what_is_free_is_covered_and_no_more(bond in 0u128..2_000, units in 0u32..6, at_stake in 0u128..900) {
			let before = provider(bond, units, at_stake);
			let free = before.stake_free(100);
			let with = |more: Balance| provider(bond, units, at_stake + more).is_covered(100);
			proptest::prop_assert_eq!(before.is_covered(100), with(free));
			proptest::prop_assert!(!with(free + 1) || units > 0 && at_stake + free < 50 * u128::from(units));
		}
	}
}
