//! What must hold in every block, checked by `try-runtime`, by every test and by a live check.

use crate::{
	CalledAt, Calls, Config, EncryptionKeys, HoldReason, NextWorkerId, Online, OnlineLengths,
	OnlinePosition, Pallet, Providers, WorkerByHotKey, Workers,
};
use aidragon_primitives::worker::CALL_ANSWER_BLOCKS;
use alloc::collections::BTreeMap;
use frame_support::{ensure, traits::fungible::InspectHold};
use sp_runtime::TryRuntimeError;

impl<T: Config> Pallet<T> {
	/// Checks P1 and the agreement of the maps.
	pub fn do_try_state() -> Result<(), TryRuntimeError> {
		Self::check_bonds()?;
		Self::check_workers()?;
		Self::check_roster()?;
		Self::check_calls()
	}

	fn check_roster() -> Result<(), TryRuntimeError> {
		let mut listed = 0;
		for ((tier, position), id) in Online::<T>::iter() {
			let length = OnlineLengths::<T>::get().get(usize::from(tier)).copied();
			ensure!(
				length.is_some_and(|length| position < length),
				"a list is longer than it says"
			);
			ensure!(
				OnlinePosition::<T>::get(id) == Some((tier, position)),
				"a machine on line stands elsewhere"
			);
			let worker = Workers::<T>::get(id).ok_or("a machine that is gone is on line")?;
			ensure!(worker.availability.is_online(), "a machine that is off line is listed");
			ensure!(worker.standing.throughput.tier == tier, "a machine stands in another tier");
			listed += 1;
		}
		let online =
			Workers::<T>::iter_values().filter(|worker| worker.availability.is_online()).count();
		ensure!(online == listed, "a machine on line is not listed");
		let lengths: u32 = OnlineLengths::<T>::get().iter().sum();
		ensure!(lengths as usize == listed, "the lengths of the lists are wrong");
		ensure!(OnlinePosition::<T>::iter().count() == listed, "a machine has a place too many");
		Ok(())
	}

	/// A call that waits was made in one of the last blocks, and nothing older is kept.
	fn check_calls() -> Result<(), TryRuntimeError> {
		for (worker, called_at) in CalledAt::<T>::iter() {
			ensure!(
				Calls::<T>::get(called_at).contains(&worker),
				"a call is not on its block's list"
			);
			ensure!(Workers::<T>::contains_key(worker), "a machine that is gone is called");
		}
		for (made_at, _) in Calls::<T>::iter() {
			let is_kept = made_at.saturating_add(CALL_ANSWER_BLOCKS) >= Self::now();
			ensure!(is_kept, "the calls of an old block were not closed");
		}
		Ok(())
	}

	/// P1: what is on hold is what is registered as bonded.
	fn check_bonds() -> Result<(), TryRuntimeError> {
		for (account, provider) in Providers::<T>::iter() {
			let held = T::Currency::balance_on_hold(&HoldReason::ProviderBond.into(), &account);
			ensure!(held == provider.bond, "bond on hold differs from the registered bond");
			ensure!(
				provider.withdrawable_at.is_none() || provider.workers == 0,
				"a leaving provider has machines"
			);
		}
		Ok(())
	}

	fn check_workers() -> Result<(), TryRuntimeError> {
		let mut counts = BTreeMap::<T::AccountId, (u32, u32)>::new();
		for (id, worker) in Workers::<T>::iter() {
			ensure!(id < NextWorkerId::<T>::get(), "a machine has a number that was not given out");
			ensure!(
				WorkerByHotKey::<T>::get(&worker.hot_key) == Some(id),
				"a machine's hot key leads elsewhere"
			);
			ensure!(
				worker.running > 0 || *worker.ledger.reserved() == Default::default(),
				"capacity is reserved without a task"
			);
			ensure!(worker.ledger.is_sound(), "more is reserved than there is");
			ensure!(
				EncryptionKeys::<T>::get((id, worker.key_epoch)) == Some(worker.encryption_key),
				"the newest encryption key is not on record"
			);
			ensure!(Providers::<T>::contains_key(&worker.provider), "a machine has no provider");
			let (count, units) = counts.entry(worker.provider).or_default();
			*count = count.saturating_add(1);
			*units = units.saturating_add(worker.standing.bond_units());
		}
		for (account, provider) in Providers::<T>::iter() {
			let (counted, units) = counts.get(&account).copied().unwrap_or_default();
			ensure!(counted == provider.workers, "a provider's count of machines is wrong");
			ensure!(units == provider.bond_units, "a provider's bond units are wrong");
		}
		let keys = WorkerByHotKey::<T>::iter_values().count();
		ensure!(keys == Workers::<T>::iter_keys().count(), "a hot key has no machine");
		Ok(())
	}
}
