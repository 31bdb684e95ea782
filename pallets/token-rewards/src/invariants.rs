//! What must hold in every block.

use crate::{Config, EraMinted, EraPoints, Pallet, ProviderPoints};
use frame_support::{ensure, traits::Get};
use sp_runtime::TryRuntimeError;

impl<T: Config> Pallet<T> {
	/// Checks what was minted, and the points. What is on hold has to be what live tasks need, which the pallet of tasks checks.
	pub fn do_try_state() -> Result<(), TryRuntimeError> {
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
