//! The standing of machines: tiers that their proofs earn them, and the bond that these take.

use crate::{ClassThresholds, Config, Event, Pallet, Providers, Workers};
use aidragon_primitives::{
	interface::{Capabilities, Standings, SupplyListener},
	verification::Slot,
	worker::{ClassReport, Prospects, Standing},
	WorkerId,
};
use frame_support::traits::Get;

impl<T: Config> Pallet<T> {
	fn change_standing(id: WorkerId, change: impl FnOnce(Standing, bool) -> Standing) {
		let Some(mut worker) = Workers::<T>::get(id) else { return };
		let bond_per_worker = T::BondPerWorker::get();
		let (before, mut after) = (worker.standing, worker.standing);
		Providers::<T>::mutate_extant(&worker.provider, |provider| {
			after = change(before, provider.covers_promotion(bond_per_worker));
			provider.bond_units = provider
				.bond_units
				.saturating_sub(before.bond_units())
				.saturating_add(after.bond_units());
		});
		if before != after {
			worker.standing = after;
			if before.throughput.tier != after.throughput.tier && worker.availability.is_online() {
				Self::strike(id);
				Self::enlist(id, after.throughput.tier);
			}
			Workers::<T>::insert(id, worker);
			Self::deposit_event(Event::StandingChanged { worker: id, standing: after });
		}
		T::Supply::supply_changed(id);
	}

	/// The class of a machine at this block, and why it is no higher.
	pub(crate) fn report_class(id: WorkerId) -> Option<ClassReport> {
		let now = Self::now();
		let worker = Workers::<T>::get(id)?;
		let capability = T::Capabilities::capability(id).unwrap_or_default();
		let thresholds = ClassThresholds::<T>::get();
		let is_covered = Providers::<T>::get(&worker.provider)
			.is_some_and(|provider| provider.covers_promotion(T::BondPerWorker::get()));
		let is_undoubted = T::Capabilities::is_undoubted(id, Slot::Processor);
		let prospects = Prospects { is_covered, is_undoubted };
		Some(ClassReport::of(&worker, &capability, &thresholds, prospects, now))
	}
}

impl<T: Config> Standings for Pallet<T> {
	fn proved(id: WorkerId, slot: Slot, is_undoubted: bool) {
		let capability = T::Capabilities::capability(id).unwrap_or_default();
		let thresholds = ClassThresholds::<T>::get();
		Self::change_standing(id, |standing, is_covered| {
			let prospects = Prospects { is_covered, is_undoubted };
			standing.after_proof(slot, &thresholds, &capability, Self::now(), prospects)
		});
	}

	fn failed(id: WorkerId, slot: Slot) {
		Self::change_standing(id, |standing, _| standing.after_failure(slot, Self::now()));
	}
}
