//! What the registry tells the matching: who may be given work, and how much of it is taken.

use crate::{
	Attestors, ClassThresholds, Config, Event, HoldReason, OnlinePosition, Pallet, Providers,
	WorkerByHotKey, Workers,
};
use aidragon_primitives::{
	drawing::provider_tag,
	interface::{
		Bonds, Capabilities, CapacityExceeded, Conduct, Reservation, SupplyListener,
		WorkerDirectory,
	},
	resources::Free,
	supply::{bucket_of, Entry},
	worker::{Candidate, EnergySource, Site, Worker, WorkerStatus},
	Balance, BlockNumber, WorkerId,
};
use codec::{Decode, DecodeWithMemTracking, Encode};
use frame_support::{
	ensure,
	traits::{
		fungible::MutateHold,
		tokens::{Fortitude, Precision, Restriction},
		Get,
	},
};
use scale_info::TypeInfo;

/// Why a machine gets no work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub enum Obstacle {
	/// It is not registered.
	NotRegistered,
	/// It is draining, paused or retiring.
	NotActive,
	/// It did not answer a call or missed a deadline, and has not shown itself since.
	NotLive,
	/// Throughput or memory are not proved, or not any more.
	NotProved,
	/// Its provider's bond does not cover its machines and the work with them.
	NotBonded,
	/// Running tasks hold all that it proved.
	Full,
}

impl<T: Config> Pallet<T> {
	/// The first reason for which a machine gets no work at block `now`.
	pub(crate) fn find_obstacle(id: WorkerId, now: BlockNumber) -> Option<Obstacle> {
		Self::check_candidate(id, now).err()
	}

	fn check_candidate(
		id: WorkerId,
		now: BlockNumber,
	) -> Result<Candidate<T::AccountId>, Obstacle> {
		let worker = Workers::<T>::get(id).ok_or(Obstacle::NotRegistered)?;
		if worker.status != WorkerStatus::Active {
			return Err(Obstacle::NotActive);
		}
		if !worker.availability.is_online() {
			return Err(Obstacle::NotLive);
		}
		let capability = T::Capabilities::capability(id)
			.filter(|capability| capability.is_valid_at(now))
			.ok_or(Obstacle::NotProved)?;
		let provider = Providers::<T>::get(&worker.provider).ok_or(Obstacle::NotBonded)?;
		if !provider.is_covered(T::BondPerWorker::get()) {
			return Err(Obstacle::NotBonded);
		}
		let proved = capability.proved_part(&worker.ledger.claimed(), now);
		let free = worker.ledger.free(&proved);
		bucket_of(&free).ok_or(Obstacle::Full)?;
		let tier = worker.standing.throughput.tier;
		let throughput_mops =
			ClassThresholds::<T>::get().counted_mops(tier, capability.throughput_mops(now));
		Ok(Candidate {
			entry: Self::entry(id, &worker, free, throughput_mops),
			provider: worker.provider,
			stake_free: provider.stake_free(T::BondPerWorker::get()),
		})
	}

	fn entry(
		id: WorkerId,
		worker: &Worker<T::AccountId>,
		free: Free,
		throughput_mops: u32,
	) -> Entry {
		// What a provider merely says of its energy counts for nothing.
		let is_attested = worker.energy_attestor.as_ref().is_some_and(Attestors::<T>::contains_key);
		let energy = if is_attested { worker.site.energy } else { EnergySource::Undeclared };
		Entry {
			worker: id,
			provider: provider_tag(&worker.provider),
			offer: worker.offer,
			site: Site { region: worker.site.region, energy },
			free,
			throughput_mops,
		}
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
		Self::check_candidate(id, now).ok()
	}

	fn reserve(
		id: WorkerId,
		reservation: &Reservation,
		now: BlockNumber,
	) -> Result<(), CapacityExceeded> {
		let Reservation { grant, stake } = reservation;
		let candidate = Self::check_candidate(id, now).map_err(|_| CapacityExceeded)?;
		let gpus = candidate.entry.free.place(&grant.resources).map_err(|_| CapacityExceeded)?;
		ensure!(gpus == grant.gpus, CapacityExceeded);
		ensure!(*stake <= candidate.stake_free, CapacityExceeded);
		Workers::<T>::try_mutate(id, |slot| {
			let worker = slot.as_mut().ok_or(CapacityExceeded)?;
			worker.ledger.reserve(grant).map_err(|_| CapacityExceeded)?;
			worker.running = worker.running.checked_add(1).ok_or(CapacityExceeded)?;
			Ok(())
		})?;
		Providers::<T>::mutate_extant(&candidate.provider, |provider| {
			provider.at_stake = provider.at_stake.saturating_add(*stake);
		});
		Ok(())
	}

	fn release(id: WorkerId, reservation: &Reservation, conduct: Conduct) {
		let Some(mut worker) = Workers::<T>::get(id) else { return };
		if worker.ledger.release(&reservation.grant).is_err() {
			// Nothing is changed by a release of what was not taken.
			log::error!(target: "runtime::node-registry", "machine {id} holds less than is given back");
			return;
		}
		worker.running = worker.running.saturating_sub(1);
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
			provider.at_stake = provider.at_stake.saturating_sub(reservation.stake);
		});
		let went_silent = was_online && !worker.availability.is_online();
		Workers::<T>::insert(id, worker);
		if went_silent {
			T::Supply::went_silent(id);
		}
	}
}
