//! What must hold in every block, checked by `try-runtime`, by every test and by a live check.

use crate::{Config, HoldReason, NextWorkerId, Pallet, Providers, WorkerByHotKey, Workers};
use alloc::collections::BTreeMap;
use frame_support::{ensure, traits::fungible::InspectHold};
use sp_runtime::TryRuntimeError;

impl<T: Config> Pallet<T> {
	/// Checks P1 and the agreement of the maps.
	pub fn do_try_state() -> Result<(), TryRuntimeError> {
		Self::check_bonds()?;
		Self::check_workers()
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
		let mut counts = BTreeMap::<T::AccountId, u32>::new();
		for (id, worker) in Workers::<T>::iter() {
			ensure!(id < NextWorkerId::<T>::get(), "a machine has a number that was not given out");
			ensure!(
				WorkerByHotKey::<T>::get(&worker.hot_key) == Some(id),
				"a machine's hot key leads elsewhere"
			);
			ensure!(
				worker.running > 0 || worker.reserved == Default::default(),
				"capacity is reserved without a task"
			);
			ensure!(worker.claimed.holds(&worker.reserved), "more is reserved than there is");
			ensure!(Providers::<T>::contains_key(&worker.provider), "a machine has no provider");
			let count = counts.entry(worker.provider).or_default();
			*count = count.saturating_add(1);
		}
		for (account, provider) in Providers::<T>::iter() {
			let counted = counts.get(&account).copied().unwrap_or_default();
			ensure!(counted == provider.workers, "a provider's count of machines is wrong");
		}
		let keys = WorkerByHotKey::<T>::iter_values().count();
		ensure!(keys == Workers::<T>::iter_keys().count(), "a hot key has no machine");
		Ok(())
	}
}
