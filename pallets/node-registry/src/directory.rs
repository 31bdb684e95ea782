//! What the registry tells the matching: who may be given work, and how much of it is taken.

use crate::{
	Attestors, ClassThresholds, Config, Event, HoldReason, OnlinePosition, Pallet, Providers,
	WorkerByHotKey, Workers,
};
use aidragon_primitives::{
	interface::{
		Bonds, Capabilities, CapacityExceeded, Conduct, Reservation, SupplyListener,
		WorkerDirectory,
	},
	worker::{Candidate, Capability, Obstacle, Provider, Registry, Thresholds, Worker},
	Balance, BlockNumber, WorkerId,
};
use frame_support::{
	ensure,
	traits::{
		fungible::MutateHold,
		tokens::{Fortitude, Precision, Restriction},
		Get,
	},
};

/// The state that decides who may be given work.
pub(crate) struct ChainRegistry<T>(core::marker::PhantomData<T>);

impl<T> ChainRegistry<T> {
	pub(crate) const fn new() -> Self {
		Self(core::marker::PhantomData)
	}
}

impl<T: Config> Registry for ChainRegistry<T> {
	type AccountId = T::AccountId;

	fn worker(&self, id: WorkerId) -> Option<Worker<T::AccountId>> {
		Workers::<T>::get(id)
	}

	fn capability(&self, id: WorkerId) -> Option<Capability> {
		T::Capabilities::capability(id)
	}

	fn provider(&self, account: &T::AccountId) -> Option<Provider> {
		Providers::<T>::get(account)
	}

	fn is_attestor(&self, account: &T::AccountId) -> bool {
		Attestors::<T>::contains_key(account)
	}

	fn thresholds(&self) -> Thresholds {
		ClassThresholds::<T>::get()
	}

	fn bond_per_worker(&self) -> Balance {
		T::BondPerWorker::get()
	}
}

impl<T: Config> Pallet<T> {
	/// The first reason for which a machine gets no work at block `now`.
	pub(crate) fn find_obstacle(id: WorkerId, now: BlockNumber) -> Option<Obstacle> {
		ChainRegistry::<T>::new().check_candidate(id, now).err()
	}
}

impl<T: Config> Pallet<T> {
	/// Moves `amount` of a provider's bond to `to`, and gives what was moved.
	fn take_bond(provider: &T::AccountId, to: &T::AccountId, amount: Balance) -> Balance {
		let moved = T::Currency::transfer_on_hold(
			&HoldReason::ProviderBond.into(),
			provider,
			to,
			amount,
			Precision::BestEffort,
			Restriction::Free,
			Fortitude::Force,
		);
		moved.unwrap_or_default()
	}
}

impl<T: Config> Bonds<T::AccountId> for Pallet<T> {
	fn slash(id: WorkerId, amount: Balance, shown_by: Option<&T::AccountId>) -> Balance {
		let Some(provider) = Workers::<T>::get(id).map(|worker| worker.provider) else {
			return 0;
		};
		let mut rewarded = 0;
		let slashed = Providers::<T>::mutate_extant(&provider, |record| {
			let amount = amount.min(record.bond);
			// Whoever stands behind the machine gains nothing by showing it.
			if let Some(shown_by) = shown_by.filter(|account| **account != provider) {
				rewarded = Self::take_bond(&provider, shown_by, amount / 2);
			}
			let rest = amount.saturating_sub(rewarded);
			let moved = Self::take_bond(&provider, &T::Treasury::get(), rest);
			let slashed = moved.saturating_add(rewarded);
			record.bond = record.bond.saturating_sub(slashed);
			slashed
		});
		Self::deposit_event(Event::BondSlashed { worker: id, provider, amount: slashed, rewarded });
		T::Supply::supply_changed(id);
		slashed
	}
}

impl<T: Config> WorkerDirectory<T::AccountId> for Pallet<T> {
	fn worker_of(hot_key: &T::AccountId) -> Option<WorkerId> {
		WorkerByHotKey::<T>::get(hot_key)
	}

	fn provider_of(id: WorkerId) -> Option<T::AccountId> {
		Workers::<T>::get(id).map(|worker| worker.provider)
	}

	fn is_online(id: WorkerId) -> bool {
		OnlinePosition::<T>::contains_key(id)
	}

	fn candidate(id: WorkerId, now: BlockNumber) -> Option<Candidate<T::AccountId>> {
		ChainRegistry::<T>::new().check_candidate(id, now).ok()
	}

	fn reserve(
		id: WorkerId,
		reservation: &Reservation,
		now: BlockNumber,
	) -> Result<(), CapacityExceeded> {
		let Reservation { grant, stake } = reservation;
		let candidate =
			ChainRegistry::<T>::new().check_candidate(id, now).map_err(|_| CapacityExceeded)?;
		let gpus = candidate.entry.free.place(&grant.resources).map_err(|_| CapacityExceeded)?;
		ensure!(gpus == grant.gpus, CapacityExceeded);
		ensure!(*stake <= candidate.stake_free, CapacityExceeded);
		Workers::<T>::try_mutate(id, |slot| {
			let worker = slot.as_mut().ok_or(CapacityExceeded)?;
			worker.take_task(grant).map_err(|_| CapacityExceeded)
		})?;
		Providers::<T>::mutate_extant(&candidate.provider, |provider| {
			provider.take_task(*stake);
		});
		Ok(())
	}

	fn release(id: WorkerId, reservation: &Reservation, conduct: Conduct) {
		let Some(mut worker) = Workers::<T>::get(id) else { return };
		if worker.end_task(&reservation.grant).is_err() {
			// Nothing is changed by a release of what was not taken.
			log::error!(target: "runtime::node-registry", "machine {id} holds less than is given back");
			return;
		}
		let was_online = worker.availability.is_online();
		match conduct {
			Conduct::Accepted => {
				worker.accepted = worker.accepted.saturating_add(1);
				worker.availability.answer();
			}
			Conduct::Missed => {
				worker.missed = worker.missed.saturating_add(1);
				worker.availability.miss();
				Self::go_offline(id, &mut worker);
				Self::deposit_event(Event::DeadlineMissed { worker: id });
			}
			Conduct::ReturnedLate => {
				worker.missed = worker.missed.saturating_add(1);
				worker.availability.miss();
			}
			Conduct::Neutral | Conduct::Outvoted => {}
		}
		Providers::<T>::mutate_extant(&worker.provider, |provider| {
			provider.end_task(reservation.stake);
		});
		let went_silent = was_online && !worker.availability.is_online();
		Workers::<T>::insert(id, worker);
		if went_silent {
			T::Supply::went_silent(id);
		}
	}
}
