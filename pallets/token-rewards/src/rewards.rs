//! Points, claims and the clearing of old eras.

use crate::{
	Config, EraMinted, EraPoints, Error, Event, OldestEra, Pallet, ProviderPoints, WeightInfo,
};
use aidragon_primitives::{payout, Balance, BlockNumber, EraIndex};
use frame_support::{
	ensure,
	traits::{fungible::Mutate, Get},
	weights::WeightMeter,
};
use sp_runtime::{DispatchResult, SaturatedConversion};

impl<T: Config> Pallet<T> {
	pub(crate) fn era_now() -> EraIndex {
		let now: BlockNumber = frame_system::Pallet::<T>::block_number().saturated_into();
		now.checked_div(T::EraBlocks::get()).unwrap_or_default()
	}

	fn oldest_claimable() -> EraIndex {
		Self::era_now().saturating_sub(T::ClaimEras::get())
	}

	pub(crate) fn add_points(provider: &T::AccountId, points: Balance) {
		if points == 0 {
			return;
		}
		let era = Self::era_now();
		EraPoints::<T>::mutate(era, |total| *total = total.saturating_add(points));
		ProviderPoints::<T>::mutate(era, provider, |own| *own = own.saturating_add(points));
	}

	pub(crate) fn reward_of(era: EraIndex, points: Balance) -> Balance {
		let total = EraPoints::<T>::get(era);
		payout::era_reward(T::EraEmission::get(), points, total, T::RewardCapParts::get())
	}

	pub(crate) fn do_claim_rewards(provider: T::AccountId, era: EraIndex) -> DispatchResult {
		ensure!(era < Self::era_now(), Error::<T>::EraNotOver);
		ensure!(era >= Self::oldest_claimable(), Error::<T>::EraExpired);
		let points = ProviderPoints::<T>::take(era, &provider);
		ensure!(points > 0, Error::<T>::NothingToClaim);
		let amount = Self::reward_of(era, points);
		if amount > 0 {
			T::Currency::mint_into(&provider, amount).map_err(|_| Error::<T>::CannotReceive)?;
		}
		EraMinted::<T>::mutate(era, |minted| *minted = minted.saturating_add(amount));
		Self::deposit_event(Event::RewardClaimed { era, provider, amount });
		Ok(())
	}

	/// Clears one entry of eras that nobody can claim any more for each step that the meter allows.
	pub(crate) fn clear_old_eras(meter: &mut WeightMeter) {
		let step = T::WeightInfo::clear_old_era_step();
		while meter.try_consume(step).is_ok() {
			let era = OldestEra::<T>::get();
			if era >= Self::oldest_claimable() {
				return;
			}
			let unclaimed = ProviderPoints::<T>::iter_key_prefix(era).next();
			match unclaimed {
				Some(provider) => ProviderPoints::<T>::remove(era, provider),
				None => {
					EraPoints::<T>::remove(era);
					EraMinted::<T>::remove(era);
					OldestEra::<T>::put(era.saturating_add(1));
				}
			}
		}
	}
}
