//! What the calls of providers do: registering, leaving, and whether a machine takes tasks.

use crate::{
	CalledAt, Config, EncryptionKeys, Error, Event, HoldReason, NextWorkerId, Pallet, Providers,
	WorkerByHotKey, Workers,
};
use aidragon_primitives::{
	attestation::hot_key_consent,
	interface::{Capabilities, SupplyListener},
	worker::{
		Availability, Ledger, Provider, Registration, Standing, Worker, WorkerStatus,
		FREE_CALL_BLOCKS, KEY_EPOCHS_KEPT,
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

	/// Whether the machine may do for free what asks nothing else of it than to wait.
	pub(crate) fn may_call_free(worker: &Worker<T::AccountId>) -> bool {
		let earliest = |seen: BlockNumber| seen.saturating_add(FREE_CALL_BLOCKS);
		worker.last_seen.is_none_or(|seen| Self::now() >= earliest(seen))
	}

	/// Whether a sign of life is of use: a call waits for it, the machine is off line, or it could be given work and is not
	/// in the supply, as after its provider raised a bond that was short.
	pub(crate) fn heartbeat_is_due(id: WorkerId, worker: &Worker<T::AccountId>) -> bool {
		if matches!(worker.status, WorkerStatus::Retiring { .. } | WorkerStatus::Paused) {
			return false;
		}
		let is_missing = || {
			!worker.availability.is_online()
				|| (Self::find_obstacle(id, Self::now()).is_none() && !T::Supply::is_supplied(id))
		};
		Self::is_called(id) || (Self::may_call_free(worker) && is_missing())
	}

	pub(crate) fn own_worker(
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

	pub(crate) fn do_register_provider(provider: T::AccountId, bond: Balance) -> DispatchResult {
		ensure!(!Providers::<T>::contains_key(&provider), Error::<T>::ProviderExists);
		ensure!(bond >= T::BondPerWorker::get(), Error::<T>::BondTooLow);
		Self::hold(&provider, bond)?;
		let record =
			Provider { bond, workers: 0, bond_units: 0, at_stake: 0, withdrawable_at: None };
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
		record.bond_units = record.bond_units.saturating_add(Standing::default().bond_units());
		ensure!(record.is_covered(T::BondPerWorker::get()), Error::<T>::BondTooLow);
		Self::check_registration(&provider, &registration)?;
		let id = NextWorkerId::<T>::get();
		NextWorkerId::<T>::put(id.checked_add(1).ok_or(Error::<T>::Overflow)?);
		Providers::<T>::insert(&provider, record);
		let hot_key = registration.hot_key.clone();
		// The account must exist for its free calls to pass the nonce check, though it has no balance.
		frame_system::Pallet::<T>::inc_sufficients(&hot_key);
		WorkerByHotKey::<T>::insert(&hot_key, id);
		EncryptionKeys::<T>::insert((id, 0), registration.encryption_key);
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
			key_epoch: 0,
			address: registration.address,
			ledger: Ledger::new(registration.claimed),
			offer: registration.offer,
			site: registration.site,
			energy_attestor: None,
			status: WorkerStatus::Active,
			availability: Availability::new(Self::now()),
			standing: Standing::default(),
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
		Self::check_offer(&registration.offer)?;
		ensure!(registration.site.malformed_field().is_none(), Error::<T>::MalformedRegion);
		Self::check_claim(&registration.claimed)?;
		Self::check_address(&registration.address)?;
		ensure!(Self::consents(provider, registration), Error::<T>::BadConsent);
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
		Self::follow_status(id, &mut worker, is_hot_key);
		Workers::<T>::insert(id, worker);
		T::Supply::supply_changed(id);
		Self::deposit_event(Event::StatusChanged { worker: id, status });
		Ok(())
	}

	/// A machine that may be switched off is called no more; one whose daemon signed is there.
	fn follow_status(id: WorkerId, worker: &mut Worker<T::AccountId>, is_hot_key: bool) {
		let is_called = matches!(worker.status, WorkerStatus::Active | WorkerStatus::Draining);
		if !is_called {
			// Pausing is no way around a call; a daemon that signs is there.
			if CalledAt::<T>::take(id).is_some() {
				match is_hot_key {
					true => worker.availability.answer(),
					false => worker.availability.miss(),
				}
			}
			Self::go_offline(id, worker);
		}
		if is_hot_key {
			Self::note_sign_of_life(id, worker);
		}
	}

	pub(crate) fn do_retire_worker(provider: T::AccountId, id: WorkerId) -> DispatchResult {
		let mut worker = Self::own_worker(&provider, id)?;
		let retiring = matches!(worker.status, WorkerStatus::Retiring { .. });
		ensure!(!retiring, Error::<T>::WorkerRetiring);
		let removable_at = Self::now().saturating_add(T::ExitDelay::get());
		worker.status = WorkerStatus::Retiring { removable_at };
		let status = worker.status;
		Self::follow_status(id, &mut worker, false);
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
		for back in 0..KEY_EPOCHS_KEPT {
			EncryptionKeys::<T>::remove((id, worker.key_epoch.saturating_sub(back)));
		}
		Providers::<T>::mutate_extant(&provider, |record| {
			record.workers = record.workers.saturating_sub(1);
			record.bond_units = record.bond_units.saturating_sub(worker.standing.bond_units());
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
