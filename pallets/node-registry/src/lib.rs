//! Providers, their bonded worker machines and what those offer.
//!
//! A *provider* puts up a bond and registers *worker machines*. Each machine has a hot key of its own, with
//! which its daemon signs and which needs no balance, an encryption key, a transport address, the capacity it
//! claims and what it asks. The chain calls machines at times that nobody foresees, keeps a score of their answers,
//! and gives them a class by what they proved.
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
//! * **P4** A machine is a candidate only while it is active, on line, bonded, and its proofs are valid.
//! * **P6** What a block does for calls costs the same for a thousand machines and for a million.
//! * **P8** A missed call costs score and the place in the supply, never money.
//! * **P9** Every call names who may make it; everybody else gets an error and changes nothing.
//!
//! ## Machine states
//!
//! ```text
//! register ─▶ Active ◀─resume─ Draining, Paused ─retire─▶ Retiring(removable_at) ─remove─▶ gone
//!               └─drain, pause─▶─────┘
//! ```
//!
//! ## Presence
//!
//! ```text
//!                heartbeat                         called, and answered in two blocks
//! off line ──────────────────────▶ on line ─────────────────────────────────────────▶ on line, score up
//!     ▲                               │ called, and not answered; deadline missed; pause, retire
//!     └───────────────────────────────┘ score down, out of the supply at once
//! ```

#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

#[cfg(feature = "runtime-benchmarks")]
mod benchmarking;
mod calls;
mod directory;
mod dispatch;
mod events;
mod invariants;
#[cfg(test)]
mod mock;
mod offers;
mod roster;
mod standing;
#[cfg(test)]
mod tests;
pub mod weights;

pub use aidragon_primitives::worker::Obstacle;
#[cfg(feature = "runtime-benchmarks")]
pub use benchmarking::{register_machine, BenchmarkHelper};
pub use pallet::*;
pub use weights::WeightInfo;

use frame_support::pallet_macros::import_section;

#[import_section(events::events)]
#[frame_support::pallet]
pub mod pallet {
	use crate::weights::WeightInfo;
	use aidragon_primitives::{
		interface::{Beacon, Capabilities, SupplyListener},
		worker::{
			Capacity, ClassReport, EnergySource, Offer, Provider, Registration, Site, Standing,
			Thresholds, TransportAddress, Worker, WorkerStatus, CALLS_MAX, PROOF_TIERS,
		},
		Balance, BlockNumber, WorkerId,
	};
	use alloc::vec::Vec;
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
		/// The chain's randomness, by which machines are called.
		type Beacon: Beacon;
		/// Who sets the thresholds of the tiers and lists attestors.
		type AdminOrigin: EnsureOrigin<Self::RuntimeOrigin>;
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

	/// Encryption keys by machine and epoch: the newest, and the one before.
	#[pallet::storage]
	pub type EncryptionKeys<T: Config> = StorageMap<_, Twox64Concat, (WorkerId, u32), [u8; 32]>;

	/// How many machines each tier of throughput has on line.
	#[pallet::storage]
	pub type OnlineLengths<T: Config> = StorageValue<_, [u32; PROOF_TIERS + 1], ValueQuery>;

	/// The machines that are on line, by tier of throughput and position.
	#[pallet::storage]
	pub type Online<T: Config> = StorageMap<_, Twox64Concat, (u8, u32), WorkerId>;

	/// Where a machine stands in [`Online`].
	#[pallet::storage]
	pub type OnlinePosition<T: Config> = StorageMap<_, Twox64Concat, WorkerId, (u8, u32)>;

	/// The machines that were called in one of the last blocks.
	#[pallet::storage]
	pub type Calls<T: Config> = StorageMap<
		_,
		Twox64Concat,
		BlockNumber,
		BoundedVec<WorkerId, ConstU32<CALLS_MAX>>,
		ValueQuery,
	>;

	/// The block of the call that a machine has not answered yet.
	#[pallet::storage]
	pub type CalledAt<T: Config> = StorageMap<_, Twox64Concat, WorkerId, BlockNumber>;

	/// The least that each tier of a class takes.
	#[pallet::storage]
	pub type ClassThresholds<T: Config> = StorageValue<_, Thresholds, ValueQuery>;

	/// Accounts whose word about energy sources counts.
	#[pallet::storage]
	pub type Attestors<T: Config> = StorageMap<_, Blake2_128Concat, T::AccountId, ()>;

	/// The number that the next machine gets.
	#[pallet::storage]
	pub type NextWorkerId<T: Config> = StorageValue<_, WorkerId, ValueQuery>;

	#[pallet::hooks]
	impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
		fn on_initialize(_: BlockNumberFor<T>) -> Weight {
			Self::run_calls()
		}

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
		/// `BadConsent`, `PriceIsZero`, `MalformedRefusal`, `MalformedHours`, `MalformedRegion`, `NothingClaimed`,
		/// `MalformedGpus`, `MalformedAddress`.
		#[pallet::call_index(2)]
		#[pallet::weight(T::WeightInfo::register_worker())]
		pub fn register_worker(
			origin: OriginFor<T>,
			registration: Registration<T::AccountId>,
		) -> DispatchResult {
			let provider = ensure_signed(origin)?;
			Self::do_register_worker(provider, registration)
		}

		/// Changes what a machine asks, which tasks it takes and its hours. Tasks that are running keep their price.
		///
		/// ## Dispatch Origin
		/// Signed by the machine's provider.
		/// ## Errors
		/// `NoSuchWorker`, `NotYourWorker`, `PriceIsZero`, `MalformedRefusal`, `MalformedHours`.
		#[pallet::call_index(3)]
		#[pallet::weight(T::WeightInfo::update_offer())]
		pub fn update_offer(
			origin: OriginFor<T>,
			worker: WorkerId,
			offer: Offer,
		) -> DispatchResult {
			let provider = ensure_signed(origin)?;
			Self::do_update_offer(provider, worker, offer)
		}

		/// Sets the encryption key and the address of the caller's machine. Free where something changes. Another key
		/// begins a new epoch; the one before stays readable.
		///
		/// ## Dispatch Origin
		/// Signed by a machine's hot key.
		/// ## Errors
		/// `NotAHotKey`, `MalformedAddress`.
		#[pallet::call_index(4)]
		#[pallet::weight(T::WeightInfo::update_endpoint())]
		#[pallet::feeless_if(|origin: &OriginFor<T>, key: &[u8; 32], address: &TransportAddress| -> bool {
			Pallet::<T>::hot_worker_ref(origin).is_some_and(|(_, worker)| {
				(worker.encryption_key != *key || worker.address != *address) && Pallet::<T>::may_call_free(&worker)
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

		/// Answers the chain's call, or puts the caller's machine back on line and into the supply. Free where a call
		/// waits, and once in a while where the machine is missing from either.
		///
		/// ## Dispatch Origin
		/// Signed by a machine's hot key.
		/// ## Errors
		/// `NotAHotKey`.
		#[pallet::call_index(5)]
		#[pallet::weight(T::WeightInfo::heartbeat())]
		#[pallet::feeless_if(|origin: &OriginFor<T>| -> bool {
			Pallet::<T>::hot_worker_ref(origin).is_some_and(|(id, worker)| Pallet::<T>::heartbeat_is_due(id, &worker))
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

		/// Lets a draining or paused machine take tasks again.
		///
		/// ## Dispatch Origin
		/// Signed by the machine's provider, or by its hot key, for which it is free once in a while.
		/// ## Errors
		/// `NoSuchWorker`, `NotYourWorker`, `WorkerRetiring`, `StatusUnchanged`.
		#[pallet::call_index(7)]
		#[pallet::weight(T::WeightInfo::resume())]
		#[pallet::feeless_if(|origin: &OriginFor<T>, id: &WorkerId| -> bool {
			Pallet::<T>::hot_worker_ref(origin).is_some_and(|(own, worker)| {
				let rests = matches!(worker.status, WorkerStatus::Draining | WorkerStatus::Paused);
				own == *id && rests && Pallet::<T>::may_call_free(&worker)
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
		/// Where more is claimed than before, what was proved lapses soon.
		///
		/// ## Dispatch Origin
		/// Signed by a machine's hot key.
		/// ## Errors
		/// `NotAHotKey`, `NothingClaimed`, `MalformedGpus`, `CapacityReserved`.
		#[pallet::call_index(12)]
		#[pallet::weight(T::WeightInfo::update_capacity())]
		#[pallet::feeless_if(|origin: &OriginFor<T>, claimed: &Capacity| -> bool {
			Pallet::<T>::signer(origin).and_then(|who| Pallet::<T>::check_capacity(&who, claimed).ok()).is_some_and(|(id, worker)| {
				let before = Workers::<T>::get(id).map(|worker| worker.ledger.claimed());
				before != Some(*claimed) && Pallet::<T>::may_call_free(&worker)
			})
		})]
		pub fn update_capacity(origin: OriginFor<T>, claimed: Capacity) -> DispatchResult {
			let hot_key = ensure_signed(origin)?;
			Self::do_update_capacity(hot_key, claimed)
		}

		/// Says where a machine stands and what it runs on. An attestor's word for something else ends with it.
		///
		/// ## Dispatch Origin
		/// Signed by the machine's provider.
		/// ## Errors
		/// `NoSuchWorker`, `NotYourWorker`, `MalformedRegion`.
		#[pallet::call_index(13)]
		#[pallet::weight(T::WeightInfo::declare_site())]
		pub fn declare_site(origin: OriginFor<T>, worker: WorkerId, site: Site) -> DispatchResult {
			let provider = ensure_signed(origin)?;
			Self::do_declare_site(provider, worker, site)
		}

		/// Signs that a machine runs on what its provider declared.
		///
		/// ## Dispatch Origin
		/// Signed by an attestor that governance lists.
		/// ## Errors
		/// `NotAttestor`, `NoSuchWorker`, `OwnAttestation`, `EnergyDiffers`.
		#[pallet::call_index(14)]
		#[pallet::weight(T::WeightInfo::attest_energy())]
		pub fn attest_energy(
			origin: OriginFor<T>,
			worker: WorkerId,
			energy: EnergySource,
		) -> DispatchResult {
			let attestor = ensure_signed(origin)?;
			Self::do_attest_energy(attestor, worker, energy)
		}

		/// Lets a machine finish what it has, take nothing new and be called no more, so that it may be switched off.
		///
		/// ## Dispatch Origin
		/// Signed by the machine's provider, or by its hot key, for which it is free.
		/// ## Errors
		/// `NoSuchWorker`, `NotYourWorker`, `WorkerRetiring`, `StatusUnchanged`.
		#[pallet::call_index(15)]
		#[pallet::weight(T::WeightInfo::pause())]
		#[pallet::feeless_if(|origin: &OriginFor<T>, id: &WorkerId| -> bool {
			Pallet::<T>::hot_worker_ref(origin).is_some_and(|(own, worker)| {
				own == *id && matches!(worker.status, WorkerStatus::Active | WorkerStatus::Draining)
			})
		})]
		pub fn pause(origin: OriginFor<T>, worker: WorkerId) -> DispatchResult {
			let caller = ensure_signed(origin)?;
			Self::do_set_status(caller, worker, WorkerStatus::Paused)
		}

		/// Lists an attestor of energy sources, or takes it off the list. What it signed counts while it is listed.
		///
		/// ## Dispatch Origin
		/// `AdminOrigin`.
		/// ## Errors
		/// `BadOrigin`, `AttestorUnchanged`.
		#[pallet::call_index(16)]
		#[pallet::weight(T::WeightInfo::set_attestor())]
		pub fn set_attestor(
			origin: OriginFor<T>,
			attestor: T::AccountId,
			is_listed: bool,
		) -> DispatchResult {
			T::AdminOrigin::ensure_origin(origin)?;
			let unchanged = Attestors::<T>::contains_key(&attestor) == is_listed;
			ensure!(!unchanged, Error::<T>::AttestorUnchanged);
			match is_listed {
				true => Attestors::<T>::insert(&attestor, ()),
				false => Attestors::<T>::remove(&attestor),
			}
			Self::deposit_event(Event::AttestorChanged { attestor, is_listed });
			Ok(())
		}

		/// Sets what the tiers of classes take. A machine's tiers follow with its next proof.
		///
		/// ## Dispatch Origin
		/// `AdminOrigin`.
		/// ## Errors
		/// `BadOrigin`, `MalformedThresholds`.
		#[pallet::call_index(17)]
		#[pallet::weight(T::WeightInfo::set_thresholds())]
		pub fn set_thresholds(origin: OriginFor<T>, thresholds: Thresholds) -> DispatchResult {
			T::AdminOrigin::ensure_origin(origin)?;
			ensure!(thresholds.malformed_field().is_none(), Error::<T>::MalformedThresholds);
			ClassThresholds::<T>::put(thresholds);
			Self::deposit_event(Event::ThresholdsChanged { thresholds });
			Ok(())
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

		/// A machine's class, the proofs and the score that it follows from, and what keeps it from a higher tier.
		pub fn class(worker: WorkerId) -> Option<ClassReport> {
			Self::report_class(worker)
		}

		/// Whether an attestor that governance lists signed what a machine runs on.
		pub fn is_energy_attested(worker: WorkerId) -> bool {
			let attestor = Workers::<T>::get(worker).and_then(|worker| worker.energy_attestor);
			attestor.is_some_and(Attestors::<T>::contains_key)
		}
	}
}
