//! Benchmarks of claims and of clearing, in the state that costs them most.

use crate::{Call, Config, EraMinted, EraPoints, OldestEra, Pallet, ProviderPoints, WeightInfo};
use aidragon_primitives::{Balance, BlockNumber, EraIndex};
use frame_benchmarking::v2::*;
use frame_support::{
	traits::{fungible::Inspect, Get},
	weights::WeightMeter,
};
use frame_system::RawOrigin;

/// The points of a provider that had all of an era's work: more than the era's emission, so that
/// both bounds of a reward count.
fn points<T: Config>() -> Balance {
	T::EraEmission::get().saturating_mul(2)
}

fn go_to_era<T: Config>(era: EraIndex) {
	let block: BlockNumber = T::EraBlocks::get().saturating_mul(era);
	frame_system::Pallet::<T>::set_block_number(block.into());
}

#[benchmarks]
mod benchmarks {
	use super::*;

	/// The first claim of an era, by an account that it brings to life.
	#[benchmark]
	fn claim_rewards() -> Result<(), BenchmarkError> {
		let provider: T::AccountId = account("provider", 0, 0);
		go_to_era::<T>(1);
		EraPoints::<T>::insert(0, points::<T>());
		ProviderPoints::<T>::insert(0, &provider, points::<T>());
		#[extrinsic_call]
		_(RawOrigin::Signed(provider.clone()), 0);
		assert_eq!(T::Currency::balance(&provider), T::EraEmission::get());
		Ok(())
	}

	/// The step that takes away an era's totals, once no provider is left in it.
	#[benchmark]
	fn clear_old_era_step() {
		go_to_era::<T>(T::ClaimEras::get().saturating_add(1));
		EraPoints::<T>::insert(0, points::<T>());
		EraMinted::<T>::insert(0, T::EraEmission::get());
		let mut meter = WeightMeter::with_limit(T::WeightInfo::clear_old_era_step());
		#[block]
		{
			Pallet::<T>::clear_old_eras(&mut meter);
		}
		assert_eq!(OldestEra::<T>::get(), 1);
		assert!(!EraPoints::<T>::contains_key(0));
	}

	impl_benchmark_test_suite!(Pallet, crate::mock::new_test_ext(), crate::mock::Test);
}
