//! What the calls do.

use crate::{
	Config, Error, Event, HoldReason, NextWorkerId, Pallet, Providers, WorkerByHotKey, Workers,
};
use aidragon_primitives::{
	attestation::hot_key_consent,
	interface::{Capabilities, SupplyListener},
	worker::{
		Capacity, Provider, Registration, TransportAddress, Worker, WorkerStatus, HEARTBEAT_BLOCKS,
	},
	Balance, BlockNumber, WorkerId,
};
use codec::Encode;
use frame_support::{
	ensure,
	traits::{fungible::MutateHold, tokens::Precision, Get},
};
use frame_system::{ensure_signed, pallet_prelude::OriginFor};
use sp_runtime::{traits::Zero, DispatchError, DispatchResult, SaturatedConversion};

impl<T: Config> Pallet<T> {
	pub(crate) fn now() -> BlockNumber {
		frame_system::Pallet::<T>::block_number().saturated_into()
	}

	pub(crate) fn hot_worker(hot_key: &T::AccountId) -> Option<(WorkerId, Worker<T::AccountId>)> {
		let id = WorkerByHotKey::<T>::get(hot_key)?;
		Workers::<T>::get(id).map(|worker| (id, worker))
	}

	/// The signer, for the checks that decide whether a call is free.
	pub(crate) fn signer(origin: &OriginFor<T>) -> Option<T::AccountId> {
		ensure_signed(origin.clone()).ok()
	}

	/// The machine whose hot key signed.
	pub(crate) fn hot_worker_ref(
		origin: &OriginFor<T>,
	) -> Option<(WorkerId, Worker<T::AccountId>)> {
		Self::signer(origin).and_then(|who| Self::hot_worker(&who))
	}

	/// Half the aimed-for distance is enough: a daemon that sends early should not pay for it.
	pub(crate) fn heartbeat_is_due(worker: &Worker<T::AccountId>) -> bool {
		let earliest = |seen: BlockNumber| seen.saturating_add(HEARTBEAT_BLOCKS / 2);
		worker.last_seen.is_none_or(|seen| Self::now() >= earliest(seen))
	}

	/// Whatever a machine signed, it is there.
	fn note_sign_of_life(id: WorkerId, worker: &mut Worker<T::AccountId>) {
		let now = Self::now();
		if !Self::is_live(worker, now) {
			Self::deposit_event(Event::WorkerOnline { worker: id });
		}
		worker.last_seen = Some(now);
	}

	fn own_worker(
		provider: &T::AccountId,
		id: WorkerId,
	) -> Result<Worker<T::AccountId>, DispatchError> {
		let worker = Workers::<T>::get(id).ok_or(Error::<T>::NoSuchWorker)?;
		ensure!(worker.provider == *provider, Error::<T>::NotYourWorker);
		Ok(worker)
	}

	fn hold(provider: &T::AccountId, amount: Balance) -> DispatchResult {
		T::Currency::hold(&HoldReason::ProviderBond.into(), provider, amount)
			.map_err(|_| Error::<T>::InsufficientBalance.into())
	}

	pub(crate) fn bond_needed(workers: u32) -> Balance {
		T::BondPerWorker::get().saturating_mul(Balance::from(workers))
	}

	pub(crate) fn do_register_provider(provider: T::AccountId, bond: Balance) -> DispatchResult {
		ensure!(!Providers::<T>::contains_key(&provider), Error::<T>::ProviderExists);
		ensure!(bond >= Self::bond_needed(1), Error::<T>::BondTooLow);
		Self::hold(&provider, bond)?;
		let record = Provider { bond, workers: 0, withdrawable_at: None };
		Providers::<T>::insert(&provider, record);
		Self::deposit_event(Event::ProviderRegistered { provider, bond });
		Ok(())
	}

	pub(crate) fn do_increase_bond(provider: T::AccountId, amount: Balance) -> DispatchResult {
		let mut record = Providers::<T>::get(&provider).ok_or(Error::<T>::NotProvider)?;
		ensure!(record.withdrawable_at.is_none(), Error::<T>::ProviderLeaving);
		record.bond = record.bond.checked_add(amount).ok_or(Error::<T>::Overflow)?;
		Self::hold(&provider, amount)?;
		let bond = record.bond;
		Providers::<T>::insert(&provider, record);
		Self::deposit_event(Event::BondIncreased { provider, bond });
		Ok(())
	}

	pub(crate) fn do_register_worker(
		provider: T::AccountId,
		registration: Registration<T::AccountId>,
	) -> DispatchResult {
		let mut record = Providers::<T>::get(&provider).ok_or(Error::<T>::NotProvider)?;
		ensure!(record.withdrawable_at.is_none(), Error::<T>::ProviderLeaving);
		ensure!(record.workers < T::MaxWorkersPerProvider::get(), Error::<T>::TooManyWorkers);
		record.workers = record.workers.saturating_add(1);
		ensure!(record.bond >= Self::bond_needed(record.workers), Error::<T>::BondTooLow);
		Self::check_registration(&provider, &registration)?;
		let id = NextWorkerId::<T>::get();
		NextWorkerId::<T>::put(id.checked_add(1).ok_or(Error::<T>::Overflow)?);
		Providers::<T>::insert(&provider, record);
		let hot_key = registration.hot_key.clone();
		// The account must exist for its free calls to pass the nonce check, though it has no balance.
		frame_system::Pallet::<T>::inc_sufficients(&hot_key);
		WorkerByHotKey::<T>::insert(&hot_key, id);
		Workers::<T>::insert(id, Self::new_worker(provider.clone(), registration));
		Self::deposit_event(Event::WorkerRegistered { worker: id, provider, hot_key });
		Ok(())
	}

	fn new_worker(
		provider: T::AccountId,
		registration: Registration<T::AccountId>,
	) -> Worker<T::AccountId> {
		Worker {
			provider,
			hot_key: registration.hot_key,
			encryption_key: registration.encryption_key,
			address: registration.address,
			claimed: registration.claimed,
			reserved: Capacity::default(),
			price_per_gfuel: registration.price_per_gfuel,
			status: WorkerStatus::Active,
			last_seen: None,
			running: 0,
			accepted: 0,
			missed: 0,
		}
	}

	fn check_registration(
		provider: &T::AccountId,
		registration: &Registration<T::AccountId>,
	) -> DispatchResult {
		ensure!(registration.hot_key != *provider, Error::<T>::HotKeyIsProvider);
		ensure!(!WorkerByHotKey::<T>::contains_key(&registration.hot_key), Error::<T>::HotKeyInUse);
		ensure!(!registration.price_per_gfuel.is_zero(), Error::<T>::PriceIsZero);
		ensure!(Self::is_something(&registration.claimed), Error::<T>::NothingClaimed);
		Self::check_address(&registration.address)?;
		ensure!(Self::consents(provider, registration), Error::<T>::BadConsent);
		Ok(())
	}

	fn check_address(address: &TransportAddress) -> DispatchResult {
		let named = !address.sockets.is_empty() || address.http.is_some();
		ensure!(named && address.malformed_field().is_none(), Error::<T>::MalformedAddress);
		Ok(())
	}

	fn consents(provider: &T::AccountId, registration: &Registration<T::AccountId>) -> bool {
		let genesis = frame_system::Pallet::<T>::block_hash(
			frame_system::pallet_prelude::BlockNumberFor::<T>::zero(),
		);
		let (Ok(genesis), Ok(public)) = (
			<[u8; 32]>::try_from(genesis.as_ref()),
			<[u8; 32]>::try_from(registration.hot_key.encode().as_slice()),
		) else {
			return false;
		};
		sp_io::crypto::sr25519_verify(
			&sp_core::sr25519::Signature::from_raw(registration.consent),
			&hot_key_consent(&genesis, &provider.encode()),
			&sp_core::sr25519::Public::from_raw(public),
		)
	}

	pub(crate) fn do_update_price(
		provider: T::AccountId,
		id: WorkerId,
		price_per_gfuel: Balance,
	) -> DispatchResult {
		let mut worker = Self::own_worker(&provider, id)?;
		ensure!(price_per_gfuel > 0, Error::<T>::PriceIsZero);
		worker.price_per_gfuel = price_per_gfuel;
		Workers::<T>::insert(id, worker);
		Self::deposit_event(Event::PriceUpdated { worker: id, price_per_gfuel });
		Ok(())
	}

	pub(crate) fn do_update_endpoint(
		hot_key: T::AccountId,
		encryption_key: [u8; 32],
		address: TransportAddress,
	) -> DispatchResult {
		let (id, mut worker) = Self::hot_worker(&hot_key).ok_or(Error::<T>::NotAHotKey)?;
		Self::check_address(&address)?;
		worker.encryption_key = encryption_key;
		worker.address = address;
		Self::note_sign_of_life(id, &mut worker);
		Workers::<T>::insert(id, worker);
		T::Supply::supply_changed(id);
		Self::deposit_event(Event::EndpointUpdated { worker: id });
		Ok(())
	}

	pub(crate) fn check_capacity(
		hot_key: &T::AccountId,
		claimed: &Capacity,
	) -> Result<(WorkerId, Worker<T::AccountId>), Error<T>> {
		let (id, worker) = Self::hot_worker(hot_key).ok_or(Error::<T>::NotAHotKey)?;
		ensure!(Self::is_something(claimed), Error::<T>::NothingClaimed);
		ensure!(claimed.holds(&worker.reserved), Error::<T>::CapacityReserved);
		Ok((id, worker))
	}

	pub(crate) fn do_update_capacity(hot_key: T::AccountId, claimed: Capacity) -> DispatchResult {
		let (id, mut worker) = Self::check_capacity(&hot_key, &claimed)?;
		worker.claimed = claimed;
		Self::note_sign_of_life(id, &mut worker);
		Workers::<T>::insert(id, worker);
		T::Supply::supply_changed(id);
		Self::deposit_event(Event::CapacityUpdated { worker: id, claimed });
		Ok(())
	}

	fn is_something(claimed: &Capacity) -> bool {
		claimed.vcpus > 0 && claimed.memory_mib > 0
	}

	pub(crate) fn do_heartbeat(hot_key: T::AccountId) -> DispatchResult {
		let (id, mut worker) = Self::hot_worker(&hot_key).ok_or(Error::<T>::NotAHotKey)?;
		Self::note_sign_of_life(id, &mut worker);
		Workers::<T>::insert(id, worker);
		T::Supply::supply_changed(id);
		Ok(())
	}

	pub(crate) fn do_set_status(
		caller: T::AccountId,
		id: WorkerId,
		status: WorkerStatus,
	) -> DispatchResult {
		let mut worker = Workers::<T>::get(id).ok_or(Error::<T>::NoSuchWorker)?;
		let is_hot_key = worker.hot_key == caller;
		ensure!(is_hot_key || worker.provider == caller, Error::<T>::NotYourWorker);
		let retiring = matches!(worker.status, WorkerStatus::Retiring { .. });
		ensure!(!retiring, Error::<T>::WorkerRetiring);
		ensure!(worker.status != status, Error::<T>::StatusUnchanged);
		worker.status = status;
		if is_hot_key {
			Self::note_sign_of_life(id, &mut worker);
		}
		Workers::<T>::insert(id, worker);
		T::Supply::supply_changed(id);
		Self::deposit_event(Event::StatusChanged { worker: id, status });
		Ok(())
	}

	pub(crate) fn do_retire_worker(provider: T::AccountId, id: WorkerId) -> DispatchResult {
		let mut worker = Self::own_worker(&provider, id)?;
		let retiring = matches!(worker.status, WorkerStatus::Retiring { .. });
		ensure!(!retiring, Error::<T>::WorkerRetiring);
		let removable_at = Self::now().saturating_add(T::ExitDelay::get());
		worker.status = WorkerStatus::Retiring { removable_at };
		let status = worker.status;
		Workers::<T>::insert(id, worker);
		T::Supply::supply_changed(id);
		Self::deposit_event(Event::StatusChanged { worker: id, status });
		Ok(())
	}

	pub(crate) fn do_remove_worker(provider: T::AccountId, id: WorkerId) -> DispatchResult {
		let worker = Self::own_worker(&provider, id)?;
		let is_due = match worker.status {
			WorkerStatus::Retiring { removable_at } => Self::now() >= removable_at,
			_ => false,
		};
		ensure!(is_due, Error::<T>::TooEarly);
		ensure!(worker.running == 0, Error::<T>::WorkerBusy);
		Workers::<T>::remove(id);
		WorkerByHotKey::<T>::remove(&worker.hot_key);
		frame_system::Pallet::<T>::dec_sufficients(&worker.hot_key);
		Providers::<T>::mutate_extant(&provider, |record| {
			record.workers = record.workers.saturating_sub(1);
		});
		T::Supply::supply_changed(id);
		T::Capabilities::forget(id);
		Self::deposit_event(Event::WorkerRemoved { worker: id });
		Ok(())
	}

	pub(crate) fn do_exit_provider(provider: T::AccountId) -> DispatchResult {
		let mut record = Providers::<T>::get(&provider).ok_or(Error::<T>::NotProvider)?;
		ensure!(record.workers == 0, Error::<T>::WorkersRemain);
		ensure!(record.withdrawable_at.is_none(), Error::<T>::ProviderLeaving);
		let withdrawable_at = Self::now().saturating_add(T::ExitDelay::get());
		record.withdrawable_at = Some(withdrawable_at);
		Providers::<T>::insert(&provider, record);
		Self::deposit_event(Event::ExitRequested { provider, withdrawable_at });
		Ok(())
	}

	pub(crate) fn do_withdraw_bond(provider: T::AccountId) -> DispatchResult {
		let record = Providers::<T>::get(&provider).ok_or(Error::<T>::NotProvider)?;
		let withdrawable_at = record.withdrawable_at.ok_or(Error::<T>::NotLeaving)?;
		ensure!(Self::now() >= withdrawable_at, Error::<T>::TooEarly);
		let bond = record.bond;
		T::Currency::release(&HoldReason::ProviderBond.into(), &provider, bond, Precision::Exact)?;
		Providers::<T>::remove(&provider);
		Self::deposit_event(Event::BondWithdrawn { provider, bond });
		Ok(())
	}
}
