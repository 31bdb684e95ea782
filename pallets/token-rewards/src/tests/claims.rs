//! Claiming an era's reward.

use crate::{mock::*, EraMinted, Error, Event, ProviderPoints};
use frame_support::{assert_noop, assert_ok};

#[test]
fn p1_claim_mints_exactly_the_reward() {
	build_and_execute(|| {
		let issuance = Balances::total_issuance();
		earn(PROVIDER, 100);
		let before = Balances::free_balance(PROVIDER);
		assert_eq!(TokenRewards::pending_reward(0, PROVIDER), 90);
		go_to_era(1);
		assert_ok!(claim(PROVIDER, 0));
		assert_eq!(Balances::free_balance(PROVIDER), before + 90);
		assert_eq!(Balances::total_issuance(), issuance + 90);
		assert_eq!(EraMinted::<Test>::get(0), 90);
		assert_eq!(ProviderPoints::<Test>::get(0, PROVIDER), 0);
		assert_eq!(TokenRewards::pending_reward(0, PROVIDER), 0);
		System::assert_last_event(
			Event::RewardClaimed { era: 0, provider: PROVIDER, amount: 90 }.into(),
		);
	});
}

#[test]
fn claim_is_refused_when_the_era_is_not_over() {
	build_and_execute(|| {
		earn(PROVIDER, 100);
		System::set_block_number(ERA - 1);
		assert_noop!(claim(PROVIDER, 0), Error::<Test>::EraNotOver);
		assert_noop!(claim(PROVIDER, u32::MAX), Error::<Test>::EraNotOver);
		System::set_block_number(ERA);
		assert_ok!(claim(PROVIDER, 0));
	});
}

#[test]
fn claim_is_taken_in_the_last_claimable_era_and_refused_after_it() {
	build_and_execute(|| {
		earn(PROVIDER, 100);
		earn(OTHER, 100);
		System::set_block_number((CLAIM_ERAS + 1) * ERA - 1);
		assert_ok!(claim(PROVIDER, 0));
		go_to_era(CLAIM_ERAS + 1);
		assert_noop!(claim(OTHER, 0), Error::<Test>::EraExpired);
	});
}

#[test]
fn claim_is_refused_when_nothing_was_earned() {
	build_and_execute(|| {
		earn(PROVIDER, 100);
		go_to_era(2);
		assert_noop!(claim(OTHER, 0), Error::<Test>::NothingToClaim);
		assert_noop!(claim(PROVIDER, 1), Error::<Test>::NothingToClaim);
	});
}

#[test]
fn p2_claim_is_refused_when_claimed_already() {
	build_and_execute(|| {
		earn(PROVIDER, 100);
		go_to_era(1);
		assert_ok!(claim(PROVIDER, 0));
		assert_noop!(claim(PROVIDER, 0), Error::<Test>::NothingToClaim);
	});
}

#[test]
fn claim_can_be_repeated_when_the_account_could_not_receive_it() {
	build_and_execute(|| {
		earn(NOBODY, 5);
		assert_ok!(Balances::transfer_all(RuntimeOrigin::signed(NOBODY), OTHER, false));
		go_to_era(1);
		assert_noop!(claim(NOBODY, 0), Error::<Test>::CannotReceive);
		assert_eq!(ProviderPoints::<Test>::get(0, NOBODY), 5);
		assert_ok!(Balances::transfer_allow_death(RuntimeOrigin::signed(OTHER), NOBODY, ED));
		assert_ok!(claim(NOBODY, 0));
		assert_eq!(Balances::free_balance(NOBODY), ED + 4);
	});
}

#[test]
fn claim_of_a_reward_that_rounds_to_nothing_is_noted() {
	build_and_execute(|| {
		earn(PROVIDER, 1);
		go_to_era(1);
		assert_ok!(claim(PROVIDER, 0));
		System::assert_last_event(
			Event::RewardClaimed { era: 0, provider: PROVIDER, amount: 0 }.into(),
		);
		assert_noop!(claim(PROVIDER, 0), Error::<Test>::NothingToClaim);
	});
}

#[test]
fn p1_rewards_of_an_era_never_exceed_its_emission() {
	build_and_execute(|| {
		earn(PROVIDER, 2_250);
		earn(OTHER, 750);
		go_to_era(1);
		assert_ok!(claim(PROVIDER, 0));
		assert_ok!(claim(OTHER, 0));
		assert_eq!(claimed(), EMISSION);
		assert_eq!(EraMinted::<Test>::get(0), EMISSION);
	});
}

#[test]
fn p1_part_of_each_provider_does_not_depend_on_the_order_of_claims() {
	let claims = |first: u64, second: u64| {
		let mut amounts = (0, 0);
		build_and_execute(|| {
			earn(PROVIDER, 2_000);
			earn(OTHER, 999);
			go_to_era(1);
			assert_ok!(claim(first, 0));
			assert_ok!(claim(second, 0));
			amounts = (Balances::free_balance(PROVIDER), Balances::free_balance(OTHER));
		});
		amounts
	};
	assert_eq!(claims(PROVIDER, OTHER), claims(OTHER, PROVIDER));
}
