//! Payments, the protocol share and per-era reward points.
//!
//! Task money is on hold on the submitter's own account from submission to the task's end. A payment moves it
//! straight from that hold to the provider and, for the protocol's share, to the treasury. The share also
//! counts as the provider's *points* of the era, with which it claims its part of the era's emission.
//!
//! ## Design goals
//!
//! 1. **No pot in between.** Escrow never leaves the submitter's account before it is paid or returned.
//! 2. **Pull, not push.** Rewards are claimed one era at a time; nothing loops over providers.
//! 3. **Buying one's own work loses.** A reward stays below the protocol share that earned it.
//!
//! ## Properties
//!
//! * **P1** What is on hold under [`HoldReason::TaskEscrow`] is the only record of escrow; issuance
//!   grows only by claims, each with an event, and by at most [`Config::EraEmission`] per era.
//! * **P2** A payment moves its gross amount exactly once: provider's part plus protocol's share.
//! * **P6** Every event costs the same whatever the number of providers; old eras are cleared bit by bit.

#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

#[cfg(feature = "runtime-benchmarks")]
mod benchmarking;
mod escrow;
mod invariants;
#[cfg(test)]
mod mock;
mod rewards;
#[cfg(test)]
mod tests;
pub mod weights;

pub use pallet::*;
pub use weights::WeightInfo;

#[frame_support::pallet]
pub mod pallet {
	use crate::weights::WeightInfo;
	use aidragon_primitives::{Balance, BlockNumber, EraIndex, TaskId};
	use frame_support::{
		pallet_prelude::*,
		traits::fungible::{InspectHold, Mutate, MutateHold},
		weights::WeightMeter,
	};
	use frame_system::pallet_prelude::*;

	/// The pallet.
	#[pallet::pallet]
	pub struct Pallet<T>(_);

	/// What the runtime provides.
	#[pallet::config]
	pub trait Config: frame_system::Config<RuntimeEvent: From<Event<Self>>> {
		/// The token that work is paid in.
		type Currency: Mutate<Self::AccountId>
			+ InspectHold<Self::AccountId, Balance = Balance>
			+ MutateHold<Self::AccountId, Reason = Self::RuntimeHoldReason>;
		/// The runtime's hold reasons.
		type RuntimeHoldReason: From<HoldReason>;
		/// Where the protocol's share goes. The account must exist.
		#[pallet::constant]
		type Treasury: Get<Self::AccountId>;
		/// The protocol's share of each payment, in parts per million.
		#[pallet::constant]
		type ProtocolShareParts: Get<u32>;
		/// Blocks in an era.
		#[pallet::constant]
		type EraBlocks: Get<BlockNumber>;
		/// Most that is minted for the work of one era, in smallest units.
		#[pallet::constant]
		type EraEmission: Get<Balance>;
		/// Most that a reward may be of the protocol share that earned it, in parts per million, below 1,000,000.
		#[pallet::constant]
		type RewardCapParts: Get<u32>;
		/// Eras for which rewards can be claimed.
		#[pallet::constant]
		type ClaimEras: Get<EraIndex>;
		/// Weights of the calls.
		type WeightInfo: WeightInfo;
	}

	/// Why this pallet holds money.
	#[pallet::composite_enum]
	pub enum HoldReason {
		/// The most that a submitter's live tasks can cost.
		#[codec(index = 0)]
		TaskEscrow,
	}

	/// Points of all providers in an era.
	#[pallet::storage]
	pub type EraPoints<T: Config> = StorageMap<_, Twox64Concat, EraIndex, Balance, ValueQuery>;

	/// Points of one provider in an era, until claimed.
	#[pallet::storage]
	pub type ProviderPoints<T: Config> = StorageDoubleMap<
		_,
		Twox64Concat,
		EraIndex,
		Blake2_128Concat,
		T::AccountId,
		Balance,
		ValueQuery,
	>;

	/// What was minted for the work of an era so far.
	#[pallet::storage]
	pub type EraMinted<T: Config> = StorageMap<_, Twox64Concat, EraIndex, Balance, ValueQuery>;

	/// The oldest era of which anything may be stored.
	#[pallet::storage]
	pub type OldestEra<T: Config> = StorageValue<_, EraIndex, ValueQuery>;

	/// What happened.
	#[pallet::event]
	#[pallet::generate_deposit(pub(crate) fn deposit_event)]
	pub enum Event<T: Config> {
		/// A provider was paid for a task.
		Paid {
			/// The task.
			task: TaskId,
			/// The provider.
			provider: T::AccountId,
			/// What the provider got.
			net: Balance,
			/// What the treasury got.
			protocol_share: Balance,
		},
		/// A provider claimed its part of an era's emission, which was minted for it.
		RewardClaimed {
			/// The era.
			era: EraIndex,
			/// The provider.
			provider: T::AccountId,
			/// The minted amount.
			amount: Balance,
		},
	}

	/// What can go wrong.
	#[pallet::error]
	pub enum Error<T> {
		/// The era is not over. Rewards are claimed afterwards.
		EraNotOver,
		/// The era is too old to be claimed.
		EraExpired,
		/// The caller has no points in that era, or claimed them already.
		NothingToClaim,
		/// The caller's account cannot take the amount; it must exist or the amount be above the existential deposit.
		CannotReceive,
	}

	#[pallet::hooks]
	impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
		fn on_idle(_: BlockNumberFor<T>, remaining: Weight) -> Weight {
			let mut meter = WeightMeter::with_limit(remaining);
			Self::clear_old_eras(&mut meter);
			meter.consumed()
		}

		fn integrity_test() {
			use aidragon_primitives::payout::PARTS;
			assert!(T::ProtocolShareParts::get() <= PARTS, "a share is at most the whole");
			assert!(T::RewardCapParts::get() < PARTS, "buying one's own work must lose");
			assert!(T::EraBlocks::get() > 0, "an era has blocks");
			assert!(T::ClaimEras::get() > 0, "a finished era can be claimed");
		}

		#[cfg(feature = "try-runtime")]
		fn try_state(_: BlockNumberFor<T>) -> Result<(), sp_runtime::TryRuntimeError> {
			Self::do_try_state()
		}
	}

	#[pallet::call]
	impl<T: Config> Pallet<T> {
		/// Mints the caller's part of a finished era's emission to the caller.
		///
		/// ## Dispatch Origin
		/// Signed by a provider that was paid in that era.
		/// ## Errors
		/// `EraNotOver`, `EraExpired`, `NothingToClaim`, `CannotReceive`.
		#[pallet::call_index(0)]
		#[pallet::weight(T::WeightInfo::claim_rewards())]
		pub fn claim_rewards(origin: OriginFor<T>, era: EraIndex) -> DispatchResult {
			let provider = ensure_signed(origin)?;
			Self::do_claim_rewards(provider, era)
		}
	}

	#[pallet::view_functions]
	impl<T: Config> Pallet<T> {
		/// The running era.
		pub fn current_era() -> EraIndex {
			Self::era_now()
		}

		/// What a provider could claim of an era if it ended now.
		pub fn pending_reward(era: EraIndex, provider: T::AccountId) -> Balance {
			Self::reward_of(era, ProviderPoints::<T>::get(era, &provider))
		}
	}
}
