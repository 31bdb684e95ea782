//! What must hold in every block.

use crate::{Config, EraMinted, EraPoints, Escrowed, HoldReason, Pallet, ProviderPoints};
use frame_support::{
	ensure,
	traits::{fungible::InspectHold, Get},
};
use sp_runtime::TryRuntimeError;

impl<T: Config> Pallet<T> {
	/// Checks P1 and the points.
	pub fn do_try_state() -> Result<(), TryRuntimeError> {
		for (account, escrowed) in Escrowed::<T>::iter() {
			let held = T::Currency::balance_on_hold(&HoldReason::TaskEscrow.into(), &account);
			ensure!(held == escrowed, "escrow on hold differs from what is recorded");
			ensure!(escrowed > 0, "an empty escrow is recorded");
		}
		for (era, minted) in EraMinted::<T>::iter() {
			ensure!(
				minted <= T::EraEmission::get(),
				"more was minted for an era than its emission"
			);
			ensure!(minted <= EraPoints::<T>::get(era), "a reward exceeds what earned it");
		}
		for era in EraPoints::<T>::iter_keys() {
			let unclaimed = ProviderPoints::<T>::iter_prefix_values(era)
				.fold(0u128, |sum, points| sum.saturating_add(points));
			ensure!(
				unclaimed <= EraPoints::<T>::get(era),
				"providers have more points than their era"
			);
		}
		Ok(())
	}
}
