//! The roster: the machines that are on line, in dense lists by tier of throughput.
//!
//! A machine is added at the end of its tier's list and removed by moving the last one into its place, so every change
//! costs the same whatever the number of machines.

use crate::{
	CalledAt, Config, Event, NextWorkerId, Online, OnlineLengths, OnlinePosition, Pallet, Workers,
};
use aidragon_primitives::{
	interface::{self, SupplyListener},
	worker::{Worker, WorkerStatus},
	WorkerId,
};

impl<T: Config> Pallet<T> {
	pub(crate) fn enlist(id: WorkerId, tier: u8) {
		OnlineLengths::<T>::mutate(|lengths| {
			let Some(length) = lengths.get_mut(usize::from(tier)) else { return };
			Online::<T>::insert((tier, *length), id);
			OnlinePosition::<T>::insert(id, (tier, *length));
			*length = length.saturating_add(1);
		});
	}

	pub(crate) fn strike(id: WorkerId) {
		let Some((tier, position)) = OnlinePosition::<T>::take(id) else { return };
		OnlineLengths::<T>::mutate(|lengths| {
			let Some(length) = lengths.get_mut(usize::from(tier)) else { return };
			*length = length.saturating_sub(1);
			let moved = Online::<T>::take((tier, *length));
			if let Some(moved) = moved.filter(|_| position != *length) {
				Online::<T>::insert((tier, position), moved);
				OnlinePosition::<T>::insert(moved, (tier, position));
			}
		});
	}

	/// Whatever a machine signed, it is there. `worker` is stored by the caller.
	pub(crate) fn note_sign_of_life(id: WorkerId, worker: &mut Worker<T::AccountId>) {
		let now = Self::now();
		worker.last_seen = Some(now);
		let belongs = matches!(worker.status, WorkerStatus::Active | WorkerStatus::Draining);
		if belongs && !worker.availability.is_online() {
			worker.availability.come_online(now);
			Self::enlist(id, worker.standing.throughput.tier);
			Self::deposit_event(Event::WorkerOnline { worker: id });
		}
	}

	/// Takes a machine off the list of those that are called. `worker` is stored by the caller.
	pub(crate) fn go_offline(id: WorkerId, worker: &mut Worker<T::AccountId>) {
		if worker.availability.is_online() {
			worker.availability.go_offline(Self::now());
			// What was missed counts once.
			CalledAt::<T>::remove(id);
			Self::strike(id);
			Self::deposit_event(Event::WorkerOffline { worker: id });
		}
	}

	/// Notes that a machine owed something and did not send it: it is off line until it shows itself.
	pub(crate) fn note_miss(id: WorkerId) {
		Workers::<T>::mutate_extant(id, |worker| {
			worker.availability.miss();
			Self::go_offline(id, worker);
		});
		T::Supply::supply_changed(id);
		T::Supply::went_silent(id);
	}
}

impl<T: Config> interface::Roster for Pallet<T> {
	fn lengths() -> [u32; aidragon_primitives::worker::PROOF_TIERS + 1] {
		OnlineLengths::<T>::get()
	}

	fn online_at(tier: u8, position: u32) -> Option<WorkerId> {
		Online::<T>::get((tier, position))
	}

	fn is_online(worker: WorkerId) -> bool {
		OnlinePosition::<T>::contains_key(worker)
	}

	fn next_number() -> WorkerId {
		NextWorkerId::<T>::get()
	}

	fn is_idle(worker: WorkerId) -> bool {
		Workers::<T>::get(worker)
			.is_some_and(|worker| worker.status == WorkerStatus::Active && worker.running == 0)
	}
}
