//! Providers, their bonded worker machines and what those offer.
//!
//! A *provider* puts up a bond and registers *worker machines*. Each machine has a hot key of its own, with
//! which its daemon signs and which needs no balance, an encryption key, a transport address, the capacity it
//! claims and the price it asks.
//!
//! ## Design goals
//!
//! 1. **Claims are hints.** What a machine says it has is stored, but only the part that it proved is ever
//!    given out ([`Pallet::candidate`](aidragon_primitives::interface::WorkerDirectory::candidate)).
//! 2. **Consent.** A hot key is registered only with its own signature, so nobody can occupy another's key.
//! 3. **Leaving takes time.** A machine and a bond go only after [`Config::ExitDelay`], so that what they did
//!    can still be looked into.
//!
//! ## Properties
//!
//! * **P1** The sum on hold under [`HoldReason::ProviderBond`] equals the sum of registered bonds.
//! * **P4** A machine is a candidate only while it is active, live, bonded, and its proof is valid.
//! * **P9** Every call names who may make it; everybody else gets an error and changes nothing.
//!
//! ## Machine states
//!
//! ```text
//! register ─▶ Active ◀─resume─ Draining ─retire─▶ Retiring(removable_at) ─remove─▶ gone
//!               └──drain──▶──────┘  └───────────────▲
//! ```

#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

#[cfg(feature = "runtime-benchmarks")]
mod benchmarking;
mod directory;
mod dispatch;
mod invariants;
#[cfg(test)]
mod mock;
#[cfg(test)]
mod tests;
pub mod weights;

#[cfg(feature = "runtime-benchmarks")]
pub use benchmarking::{register_machine, BenchmarkHelper};
pub use directory::Obstacle;
pub use pallet::*;
pub use weights::WeightInfo;

#[frame_support::pallet]
pub mod pallet {
	use crate::weights::WeightInfo;
	use aidragon_primitives::{
		interface::{Capabilities, SupplyListener},
		worker::{Capacity, Provider, Registration, TransportAddress, Worker, WorkerStatus},
		Balance, BlockNumber, WorkerId,
	};
	use frame_support::{
		pallet_prelude::*,
		traits::fungible::{InspectHold, MutateHold},
	};
	use frame_system::pallet_prelude::*;

	/// The pallet.
	#[pallet::pallet]
	pub struct Pallet<T>(_);

	/// What the runtime provides.
	#[pallet::config]
	pub trait Config: frame_system::Config<RuntimeEvent: From<Event<Self>>> {
		/// The token that bonds are made of.
		type Currency: InspectHold<Self::AccountId, Balance = Balance>
			+ MutateHold<Self::AccountId, Reason = Self::RuntimeHoldReason>;
		/// The runtime's hold reasons.
		type RuntimeHoldReason: From<HoldReason>;
		/// Who gets what is slashed.
		type Treasury: Get<Self::AccountId>;
		/// What machines proved.
		type Capabilities: Capabilities;
		/// Who keeps the index of machines that may be given work.
		type Supply: SupplyListener;
		/// Bond that must stand behind each machine, in smallest units.
		#[pallet::constant]
		type BondPerWorker: Get<Balance>;
		/// Blocks between asking to leave and leaving.
		#[pallet::constant]
		type ExitDelay: Get<BlockNumber>;
		/// Most machines of one provider.
		#[pallet::constant]
		type MaxWorkersPerProvider: Get<u32>;
		/// Weights of the calls.
		type WeightInfo: WeightInfo;
		/// What benchmarks need of the runtime around the pallet.
		#[cfg(feature = "runtime-benchmarks")]
		type BenchmarkHelper: crate::BenchmarkHelper;
	}

	/// Why this pallet holds money.
	#[pallet::composite_enum]
	pub enum HoldReason {
		/// A provider's bond.
		#[codec(index = 0)]
		ProviderBond,
	}

	/// Providers by account.
	#[pallet::storage]
	pub type Providers<T: Config> = StorageMap<_, Blake2_128Concat, T::AccountId, Provider>;

	/// Worker machines by number. Numbers are given out by the chain, so the hasher need not resist anybody.
	#[pallet::storage]
	pub type Workers<T: Config> = StorageMap<_, Twox64Concat, WorkerId, Worker<T::AccountId>>;

	/// The machine that signs with a hot key.
	#[pallet::storage]
	pub type WorkerByHotKey<T: Config> = StorageMap<_, Blake2_128Concat, T::AccountId, WorkerId>;

	/// The number that the next machine gets.
	#[pallet::storage]
	pub type NextWorkerId<T: Config> = StorageValue<_, WorkerId, ValueQuery>;

	/// What happened.
	#[pallet::event]
	#[pallet::generate_deposit(pub(crate) fn deposit_event)]
	pub enum Event<T: Config> {
		/// An account became a provider.
		ProviderRegistered {
			/// The account.
			provider: T::AccountId,
			/// Its bond.
			bond: Balance,
		},
		/// A provider raised its bond.
		BondIncreased {
			/// The provider.
			provider: T::AccountId,
			/// The bond from now on.
			bond: Balance,
		},
		/// A machine was registered. It gets work once it proved what it can do.
		WorkerRegistered {
			/// The machine.
			worker: WorkerId,
			/// Its provider.
			provider: T::AccountId,
			/// The account its daemon signs with.
			hot_key: T::AccountId,
		},
		/// A machine asks another price.
		PriceUpdated {
			/// The machine.
			worker: WorkerId,
			/// Smallest units per 10⁹ fuel.
			price_per_gfuel: Balance,
		},
		/// A machine has other keys or another address.
		EndpointUpdated {
			/// The machine.
			worker: WorkerId,
		},
		/// A machine claims to have something else.
		CapacityUpdated {
			/// The machine.
			worker: WorkerId,
			/// What it claims from now on.
			claimed: Capacity,
		},
		/// A machine showed itself after it had been taken for gone.
		WorkerOnline {
			/// The machine.
			worker: WorkerId,
		},
		/// A machine takes nothing new, takes work again, or is on its way out.
		StatusChanged {
			/// The machine.
			worker: WorkerId,
			/// What holds from now on.
			status: WorkerStatus,
		},
		/// A machine was removed.
		WorkerRemoved {
			/// The machine.
			worker: WorkerId,
		},
		/// A machine missed a deadline and gets nothing until it shows itself.
		DeadlineMissed {
			/// The machine.
			worker: WorkerId,
		},
		/// A machine made a statement that the chain saw to be false, and its provider lost of its bond.
		BondSlashed {
			/// The machine.
			worker: WorkerId,
			/// Its provider.
			provider: T::AccountId,
			/// What went to the treasury.
			amount: Balance,
		},
		/// A provider asked to leave.
		ExitRequested {
			/// The provider.
			provider: T::AccountId,
			/// The first block in which the bond can be withdrawn.
			withdrawable_at: BlockNumber,
		},
		/// A provider left with its bond.
		BondWithdrawn {
			/// The provider.
			provider: T::AccountId,
			/// What was returned.
			bond: Balance,
		},
	}

	/// What can go wrong.
	#[pallet::error]
	pub enum Error<T> {
		/// The account is a provider already. Use `increase_bond` to raise its bond.
		ProviderExists,
		/// The account is not a provider. Call `register_provider` first.
		NotProvider,
		/// The bond does not cover the machines: `BondPerWorker` is needed for each. Call `increase_bond`.
		BondTooLow,
		/// The account has not enough free balance for the bond.
		InsufficientBalance,
		/// The provider asked to leave and cannot register or bond any more.
		ProviderLeaving,
		/// The provider has as many machines as it may have.
		TooManyWorkers,
		/// Another machine signs with this hot key. Each machine needs a key of its own.
		HotKeyInUse,
		/// A hot key must not be the provider's own account, which holds the money.
		HotKeyIsProvider,
		/// `consent` is not the hot key's signature over this chain's genesis hash and the provider's account.
		BadConsent,
		/// `price_per_gfuel` must be above 0.
		PriceIsZero,
		/// `claimed` must be at least 1 vCPU and 1 MiB.
		NothingClaimed,
		/// `address` must name at least one socket, each as `address:port`.
		MalformedAddress,
		/// There is no machine of that number.
		NoSuchWorker,
		/// The caller is neither the machine's provider nor, where that is enough, its hot key.
		NotYourWorker,
		/// The caller is not the hot key of any machine.
		NotAHotKey,
		/// The machine is on its way out.
		WorkerRetiring,
		/// The machine is in that state already.
		StatusUnchanged,
		/// The machine still has tasks. Wait until it delivered them or missed their deadlines.
		WorkerBusy,
		/// It is too early: the delay since asking to leave is not over.
		TooEarly,
		/// The provider still has machines. Retire and remove them first.
		WorkersRemain,
		/// The provider did not ask to leave. Call `exit_provider` first.
		NotLeaving,
		/// Running tasks hold more than that. Drain the machine, and lower the claim once they are over.
		CapacityReserved,
		/// A counter reached its end.
		Overflow,
	}

	#[pallet::hooks]
	impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
		fn integrity_test() {
			assert!(T::ExitDelay::get() > 0, "ExitDelay must give time to look into what happened");
			assert!(T::MaxWorkersPerProvider::get() > 0, "a provider must be allowed a machine");
		}

		#[cfg(feature = "try-runtime")]
		fn try_state(_: BlockNumberFor<T>) -> Result<(), sp_runtime::TryRuntimeError> {
			Self::do_try_state()
		}
	}

	#[pallet::call]
	impl<T: Config> Pallet<T> {
		/// Makes the caller a provider with `bond` on hold.
		///
		/// ## Dispatch Origin
		/// Signed by the account that will own the machines and be paid.
		/// ## Errors
		/// `ProviderExists`, `BondTooLow` (at least one machine's bond), `InsufficientBalance`.
		#[pallet::call_index(0)]
		#[pallet::weight(T::WeightInfo::register_provider())]
		pub fn register_provider(origin: OriginFor<T>, bond: Balance) -> DispatchResult {
			let provider = ensure_signed(origin)?;
			Self::do_register_provider(provider, bond)
		}

		/// Puts `amount` more on hold as the caller's bond.
		///
		/// ## Dispatch Origin
		/// Signed by a provider.
		/// ## Errors
		/// `NotProvider`, `ProviderLeaving`, `InsufficientBalance`.
		#[pallet::call_index(1)]
		#[pallet::weight(T::WeightInfo::increase_bond())]
		pub fn increase_bond(origin: OriginFor<T>, amount: Balance) -> DispatchResult {
			let provider = ensure_signed(origin)?;
			Self::do_increase_bond(provider, amount)
		}

		/// Registers a machine of the caller's.
		///
		/// The hot key's `consent` is its sr25519 signature over `"aidragon/hot-key"`, this chain's genesis hash
		/// and the provider's account. The hot key needs no balance: what the protocol asks of a machine is free.
		///
		/// ## Dispatch Origin
		/// Signed by a provider.
		/// ## Errors
		/// `NotProvider`, `ProviderLeaving`, `TooManyWorkers`, `BondTooLow`, `HotKeyInUse`, `HotKeyIsProvider`,
		/// `BadConsent`, `PriceIsZero`, `NothingClaimed`, `MalformedAddress`.
		#[pallet::call_index(2)]
		#[pallet::weight(T::WeightInfo::register_worker())]
		pub fn register_worker(
			origin: OriginFor<T>,
			registration: Registration<T::AccountId>,
		) -> DispatchResult {
			let provider = ensure_signed(origin)?;
			Self::do_register_worker(provider, registration)
		}

		/// Asks another price, in smallest units per 10⁹ fuel. Tasks that are running keep theirs.
		///
		/// ## Dispatch Origin
		/// Signed by the machine's provider.
		/// ## Errors
		/// `NoSuchWorker`, `NotYourWorker`, `PriceIsZero`.
		#[pallet::call_index(3)]
		#[pallet::weight(T::WeightInfo::update_price())]
		pub fn update_price(
			origin: OriginFor<T>,
			worker: WorkerId,
			price_per_gfuel: Balance,
		) -> DispatchResult {
			let provider = ensure_signed(origin)?;
			Self::do_update_price(provider, worker, price_per_gfuel)
		}

		/// Sets the encryption key and the address of the caller's machine. Free where something changes.
		///
		/// ## Dispatch Origin
		/// Signed by a machine's hot key.
		/// ## Errors
		/// `NotAHotKey`, `MalformedAddress`.
		#[pallet::call_index(4)]
		#[pallet::weight(T::WeightInfo::update_endpoint())]
		#[pallet::feeless_if(|origin: &OriginFor<T>, key: &[u8; 32], address: &TransportAddress| -> bool {
			Pallet::<T>::hot_worker_ref(origin).is_some_and(|(_, worker)| {
				(worker.encryption_key != *key || worker.address != *address) && Pallet::<T>::heartbeat_is_due(&worker)
			})
		})]
		pub fn update_endpoint(
			origin: OriginFor<T>,
			encryption_key: [u8; 32],
			address: TransportAddress,
		) -> DispatchResult {
			let hot_key = ensure_signed(origin)?;
			Self::do_update_endpoint(hot_key, encryption_key, address)
		}

		/// Shows that the caller's machine is there. Free where the last sign is old enough.
		///
		/// ## Dispatch Origin
		/// Signed by a machine's hot key.
		/// ## Errors
		/// `NotAHotKey`.
		#[pallet::call_index(5)]
		#[pallet::weight(T::WeightInfo::heartbeat())]
		#[pallet::feeless_if(|origin: &OriginFor<T>| -> bool {
			Pallet::<T>::hot_worker_ref(origin).is_some_and(|(_, worker)| Pallet::<T>::heartbeat_is_due(&worker))
		})]
		pub fn heartbeat(origin: OriginFor<T>) -> DispatchResult {
			let hot_key = ensure_signed(origin)?;
			Self::do_heartbeat(hot_key)
		}

		/// Lets a machine finish what it has and take nothing new.
		///
		/// ## Dispatch Origin
		/// Signed by the machine's provider, or by its hot key, for which it is free.
		/// ## Errors
		/// `NoSuchWorker`, `NotYourWorker`, `WorkerRetiring`, `StatusUnchanged`.
		#[pallet::call_index(6)]
		#[pallet::weight(T::WeightInfo::drain())]
		#[pallet::feeless_if(|origin: &OriginFor<T>, id: &WorkerId| -> bool {
			Pallet::<T>::hot_worker_ref(origin)
				.is_some_and(|(own, worker)| own == *id && worker.status == WorkerStatus::Active)
		})]
		pub fn drain(origin: OriginFor<T>, worker: WorkerId) -> DispatchResult {
			let caller = ensure_signed(origin)?;
			Self::do_set_status(caller, worker, WorkerStatus::Draining)
		}

		/// Lets a draining machine take tasks again.
		///
		/// ## Dispatch Origin
		/// Signed by the machine's provider, or by its hot key, for which it is free once in a while.
		/// ## Errors
		/// `NoSuchWorker`, `NotYourWorker`, `WorkerRetiring`, `StatusUnchanged`.
		#[pallet::call_index(7)]
		#[pallet::weight(T::WeightInfo::resume())]
		#[pallet::feeless_if(|origin: &OriginFor<T>, id: &WorkerId| -> bool {
			Pallet::<T>::hot_worker_ref(origin).is_some_and(|(own, worker)| {
				own == *id && worker.status == WorkerStatus::Draining && Pallet::<T>::heartbeat_is_due(&worker)
			})
		})]
		pub fn resume(origin: OriginFor<T>, worker: WorkerId) -> DispatchResult {
			let caller = ensure_signed(origin)?;
			Self::do_set_status(caller, worker, WorkerStatus::Active)
		}

		/// Takes a machine out for good. It can be removed after `ExitDelay`.
		///
		/// ## Dispatch Origin
		/// Signed by the machine's provider.
		/// ## Errors
		/// `NoSuchWorker`, `NotYourWorker`, `WorkerRetiring`.
		#[pallet::call_index(8)]
		#[pallet::weight(T::WeightInfo::retire_worker())]
		pub fn retire_worker(origin: OriginFor<T>, worker: WorkerId) -> DispatchResult {
			let provider = ensure_signed(origin)?;
			Self::do_retire_worker(provider, worker)
		}

		/// Removes a machine whose time is over.
		///
		/// ## Dispatch Origin
		/// Signed by the machine's provider.
		/// ## Errors
		/// `NoSuchWorker`, `NotYourWorker`, `TooEarly` (also where it was never retired), `WorkerBusy`.
		#[pallet::call_index(9)]
		#[pallet::weight(T::WeightInfo::remove_worker())]
		pub fn remove_worker(origin: OriginFor<T>, worker: WorkerId) -> DispatchResult {
			let provider = ensure_signed(origin)?;
			Self::do_remove_worker(provider, worker)
		}

		/// Asks to leave. The bond can be withdrawn after `ExitDelay`.
		///
		/// ## Dispatch Origin
		/// Signed by a provider without machines.
		/// ## Errors
		/// `NotProvider`, `WorkersRemain`, `ProviderLeaving`.
		#[pallet::call_index(10)]
		#[pallet::weight(T::WeightInfo::exit_provider())]
		pub fn exit_provider(origin: OriginFor<T>) -> DispatchResult {
			let provider = ensure_signed(origin)?;
			Self::do_exit_provider(provider)
		}

		/// Returns the bond of a provider that asked to leave.
		///
		/// ## Dispatch Origin
		/// Signed by that provider.
		/// ## Errors
		/// `NotProvider`, `NotLeaving`, `TooEarly`.
		#[pallet::call_index(11)]
		#[pallet::weight(T::WeightInfo::withdraw_bond())]
		pub fn withdraw_bond(origin: OriginFor<T>) -> DispatchResult {
			let provider = ensure_signed(origin)?;
			Self::do_withdraw_bond(provider)
		}

		/// Adds resources to what the caller's machine claims, or withdraws some. Free where something changes and the
		/// last sign of life is old enough. Only what the machine proves is ever sold; running tasks keep what they hold.
		///
		/// ## Dispatch Origin
		/// Signed by a machine's hot key.
		/// ## Errors
		/// `NotAHotKey`, `NothingClaimed`, `CapacityReserved`.
		#[pallet::call_index(12)]
		#[pallet::weight(T::WeightInfo::update_capacity())]
		#[pallet::feeless_if(|origin: &OriginFor<T>, claimed: &Capacity| -> bool {
			Pallet::<T>::signer(origin).and_then(|who| Pallet::<T>::check_capacity(&who, claimed).ok()).is_some_and(
				|(_, worker)| worker.claimed != *claimed && Pallet::<T>::heartbeat_is_due(&worker)
			)
		})]
		pub fn update_capacity(origin: OriginFor<T>, claimed: Capacity) -> DispatchResult {
			let hot_key = ensure_signed(origin)?;
			Self::do_update_capacity(hot_key, claimed)
		}
	}

	#[pallet::view_functions]
	impl<T: Config> Pallet<T> {
		/// A machine and its number, by the hot key that it signs with.
		pub fn worker_by_hot_key(
			hot_key: T::AccountId,
		) -> Option<(WorkerId, Worker<T::AccountId>)> {
			Self::hot_worker(&hot_key)
		}

		/// Why a machine gets no work at this block, or `None` where it may be drawn.
		pub fn obstacle(worker: WorkerId) -> Option<crate::Obstacle> {
			Self::find_obstacle(worker, Self::now())
		}
	}
}
