//! Old eras are cleared bit by bit.

use crate::{mock::*, EraMinted, EraPoints, OldestEra, ProviderPoints, WeightInfo};
use frame_support::{assert_ok, assert_storage_noop, traits::Hooks, weights::Weight};

fn step() -> Weight {
	<() as WeightInfo>::clear_old_era_step()
}

/// Lets a block have `steps` steps' weight left, and sees that no more is used.
fn idle(steps: u64) {
	let limit = step() * steps;
	let used = TokenRewards::on_idle(System::block_number(), limit);
	assert!(used.all_lte(limit));
}

fn entries(era: u32) -> usize {
	ProviderPoints::<Test>::iter_prefix(era).count()
}

/// Three providers earn in era 0, of which one claims, and one earns in era 1.
fn work_is_done() {
	for provider in [PROVIDER, OTHER, 4] {
		earn(provider, 100);
	}
	go_to_era(1);
	earn(PROVIDER, 100);
	assert_ok!(claim(4, 0));
}

#[test]
fn p6_nothing_is_cleared_while_it_can_be_claimed() {
	build_and_execute(|| {
		work_is_done();
		go_to_era(CLAIM_ERAS);
		assert_storage_noop!(idle(100));
	});
}

#[test]
fn p6_one_entry_is_cleared_for_each_step() {
	build_and_execute(|| {
		work_is_done();
		go_to_era(CLAIM_ERAS + 1);
		for left in [1, 0] {
			idle(1);
			assert_eq!((entries(0), OldestEra::<Test>::get()), (left, 0));
			assert!(EraPoints::<Test>::contains_key(0) && EraMinted::<Test>::contains_key(0));
			assert_ok!(TokenRewards::do_try_state());
		}
		idle(1);
		assert_eq!(OldestEra::<Test>::get(), 1);
		assert!(!EraPoints::<Test>::contains_key(0) && !EraMinted::<Test>::contains_key(0));
		// Era 1 can be claimed still.
		assert_storage_noop!(idle(100));
		assert_eq!(entries(1), 1);
	});
}

#[test]
fn p6_nothing_is_cleared_without_weight() {
	build_and_execute(|| {
		work_is_done();
		go_to_era(CLAIM_ERAS + 1);
		assert_storage_noop!(idle(0));
		let almost = step().saturating_sub(Weight::from_parts(1, 0));
		assert_storage_noop!(assert_eq!(
			TokenRewards::on_idle(System::block_number(), almost),
			Weight::zero()
		));
	});
}

#[test]
fn p6_all_old_eras_go_when_there_is_weight() {
	build_and_execute(|| {
		work_is_done();
		go_to_era(100);
		idle(u64::from(u32::MAX));
		assert_eq!(OldestEra::<Test>::get(), 100 - CLAIM_ERAS);
		assert_eq!(ProviderPoints::<Test>::iter().count(), 0);
		assert_eq!(EraPoints::<Test>::iter().count(), 0);
		assert_eq!(EraMinted::<Test>::iter().count(), 0);
	});
}
