//! What the registry tells the matching: who may be given work, and how much of it is taken.

use crate::{Config, Event, HoldReason, Pallet, Providers, WorkerByHotKey, Workers};
use aidragon_primitives::{
	interface::{Bonds, Capabilities, CapacityExceeded, Conduct, SupplyListener, WorkerDirectory},
	matching::bucket_of,
	worker::{Candidate, Capability, Capacity, Worker, WorkerStatus, LIVENESS_BLOCKS},
	Balance, BlockNumber, WorkerId,
};
use codec::{Decode, DecodeWithMemTracking, Encode};
use frame_support::traits::{
	fungible::MutateHold,
	tokens::{Fortitude, Precision, Restriction},
	Get,
};
use scale_info::TypeInfo;

/// Why a machine gets no work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub enum Obstacle {
	/// It is not registered.
	NotRegistered,
	/// It is draining or retiring.
	NotActive,
	/// It has not shown itself lately, or missed a deadline and stayed away.
	NotLive,
	/// It proved nothing, or its proof is too old.
	NotProved,
	/// Its provider's bond does not cover its machines.
	NotBonded,
	/// Running tasks hold all that it proved.
	Full,
}

impl<T: Config> Pallet<T> {
	pub(crate) fn is_live(worker: &Worker<T::AccountId>, now: BlockNumber) -> bool {
		worker.last_seen.is_some_and(|seen| now <= seen.saturating_add(LIVENESS_BLOCKS))
	}

	fn free(worker: &Worker<T::AccountId>, capability: &Capability) -> Capacity {
		capability.proved_part(&worker.claimed).saturating_sub(&worker.reserved)
	}

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
		if !Self::is_live(&worker, now) {
			return Err(Obstacle::NotLive);
		}
		let capability = T::Capabilities::capability(id)
			.filter(|capability| capability.is_valid_at(now))
			.ok_or(Obstacle::NotProved)?;
		let provider = Providers::<T>::get(&worker.provider).ok_or(Obstacle::NotBonded)?;
		if provider.bond < Self::bond_needed(provider.workers) {
			return Err(Obstacle::NotBonded);
		}
		let free = Self::free(&worker, &capability);
		bucket_of(&free).ok_or(Obstacle::Full)?;
		Ok(Candidate {
			worker: id,
			provider: worker.provider,
			price_per_gfuel: worker.price_per_gfuel,
			free,
			throughput_mops: capability.throughput_mops,
		})
	}
}

impl<T: Config> Bonds for Pallet<T> {
	fn slash(id: WorkerId, amount: Balance) -> Balance {
		let Some(provider) = Workers::<T>::get(id).map(|worker| worker.provider) else {
			return 0;
		};
		let slashed = Providers::<T>::mutate_extant(&provider, |record| {
			let moved = T::Currency::transfer_on_hold(
				&HoldReason::ProviderBond.into(),
				&provider,
				&T::Treasury::get(),
				amount.min(record.bond),
				Precision::BestEffort,
				Restriction::Free,
				Fortitude::Force,
			);
			let moved = moved.unwrap_or_default();
			record.bond = record.bond.saturating_sub(moved);
			moved
		});
		Self::deposit_event(Event::BondSlashed { worker: id, provider, amount: slashed });
		T::Supply::supply_changed(id);
		slashed
	}
}

impl<T: Config> WorkerDirectory<T::AccountId> for Pallet<T> {
	fn worker_of(hot_key: &T::AccountId) -> Option<WorkerId> {
		WorkerByHotKey::<T>::get(hot_key)
	}

	fn candidate(id: WorkerId, now: BlockNumber) -> Option<Candidate<T::AccountId>> {
		Self::check_candidate(id, now).ok()
	}

	fn reserve(
		id: WorkerId,
		capacity: &Capacity,
		now: BlockNumber,
	) -> Result<(), CapacityExceeded> {
		let candidate = Self::check_candidate(id, now).map_err(|_| CapacityExceeded)?;
		if !candidate.free.holds(capacity) {
			return Err(CapacityExceeded);
		}
		Workers::<T>::try_mutate(id, |slot| {
			let worker = slot.as_mut().ok_or(CapacityExceeded)?;
			worker.reserved = worker.reserved.checked_add(capacity).ok_or(CapacityExceeded)?;
			worker.running = worker.running.checked_add(1).ok_or(CapacityExceeded)?;
			Ok(())
		})?;
		T::Supply::supply_changed(id);
		Ok(())
	}

	fn release(id: WorkerId, capacity: &Capacity, conduct: Conduct) {
		Workers::<T>::mutate_extant(id, |worker| {
			worker.reserved = worker.reserved.saturating_sub(capacity);
			worker.running = worker.running.saturating_sub(1);
			match conduct {
				Conduct::Accepted => worker.accepted = worker.accepted.saturating_add(1),
				Conduct::Missed => {
					worker.missed = worker.missed.saturating_add(1);
					worker.last_seen = None;
				}
				Conduct::Neutral | Conduct::Outvoted => {}
			}
		});
		if conduct == Conduct::Missed {
			Self::deposit_event(Event::DeadlineMissed { worker: id });
		}
		T::Supply::supply_changed(id);
	}
}
