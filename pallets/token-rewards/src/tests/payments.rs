//! Payments out of escrow, and the points they bring.

use crate::{mock::*, EraPoints, Error, Event, HoldReason, ProviderPoints};
use aidragon_primitives::{
	interface::{Escrow, EscrowError},
	Balance,
};
use frame_support::{assert_noop, assert_ok, assert_storage_noop, traits::fungible::InspectHold};

#[test]
fn p2_payment_is_divided_exactly() {
	build_and_execute(|| {
		assert_ok!(TokenRewards::lock(&SUBMITTER, 5_000));
		assert_ok!(pay(7, &SUBMITTER, &PROVIDER, 1_999));
		// A twentieth, rounded down: the rest is the provider's.
		let (net, protocol_share) = (1_900, 99);
		assert_eq!(Balances::free_balance(PROVIDER), ENDOWMENT + net);
		assert_eq!(Balances::free_balance(TREASURY), ENDOWMENT + protocol_share);
		assert_eq!(Balances::free_balance(SUBMITTER), ENDOWMENT - 5_000);
		assert_eq!(TokenRewards::locked(&SUBMITTER), 5_000 - 1_999);
		System::assert_last_event(
			Event::Paid { task: 7, provider: PROVIDER, net, protocol_share }.into(),
		);
	});
}

#[test]
fn p1_payment_of_the_whole_escrow_leaves_no_entry() {
	build_and_execute(|| {
		let issuance = Balances::total_issuance();
		assert_ok!(TokenRewards::lock(&SUBMITTER, 1_000));
		assert_ok!(pay(0, &SUBMITTER, &PROVIDER, 1_000));
		assert_eq!(TokenRewards::locked(&SUBMITTER), 0);
		assert_eq!(Balances::balance_on_hold(&HoldReason::TaskEscrow.into(), &SUBMITTER), 0);
		assert_eq!(Balances::total_issuance(), issuance);
	});
}

#[test]
fn p2_payment_changes_nothing_when_it_exceeds_the_escrow() {
	build_and_execute(|| {
		assert_ok!(TokenRewards::lock(&SUBMITTER, 1_000));
		for (from, gross) in [(SUBMITTER, 1_001), (SUBMITTER, Balance::MAX), (OTHER, 1)] {
			assert_storage_noop!(assert_eq!(
				pay(0, &from, &PROVIDER, gross),
				Err(EscrowError::InsufficientEscrow)
			));
		}
	});
}

#[test]
fn p2_payment_changes_nothing_when_payee_cannot_exist() {
	build_and_execute(|| {
		assert_ok!(TokenRewards::lock(&SUBMITTER, 1_000));
		assert_storage_noop!(assert_eq!(
			pay(0, &SUBMITTER, &NOBODY, ED - 1),
			Err(EscrowError::CannotReceive)
		));
		// What is left of the existential deposit itself after the share of 0 is enough.
		assert_ok!(pay(0, &SUBMITTER, &NOBODY, ED));
		assert_eq!(Balances::free_balance(NOBODY), ED);
	});
}

#[test]
fn p2_payment_changes_nothing_when_the_treasury_cannot_receive() {
	build_and_execute(|| {
		assert_ok!(TokenRewards::lock(&SUBMITTER, 1_000));
		assert_ok!(Balances::transfer_all(RuntimeOrigin::signed(TREASURY), OTHER, false));
		// The provider was paid before the share failed: that is undone, too.
		assert_storage_noop!(assert_eq!(
			pay(0, &SUBMITTER, &PROVIDER, 20),
			Err(EscrowError::CannotReceive)
		));
	});
}

#[test]
fn payment_of_nothing_moves_nothing_and_earns_nothing() {
	build_and_execute(|| {
		assert_ok!(pay(3, &SUBMITTER, &PROVIDER, 0));
		assert_eq!(Balances::free_balance(PROVIDER), ENDOWMENT);
		assert!(!EraPoints::<Test>::contains_key(0));
		assert!(!ProviderPoints::<Test>::contains_key(0, PROVIDER));
		System::assert_last_event(
			Event::Paid { task: 3, provider: PROVIDER, net: 0, protocol_share: 0 }.into(),
		);
	});
}

#[test]
fn p7_payment_between_parties_that_chose_each_other_pays_and_earns_nothing() {
	build_and_execute(|| {
		assert_ok!(TokenRewards::lock(&SUBMITTER, 5_000));
		assert_ok!(pay_without_points(7, &SUBMITTER, &PROVIDER, 1_999));
		// Paid as any other.
		let (net, protocol_share) = (1_900, 99);
		assert_eq!(Balances::free_balance(PROVIDER), ENDOWMENT + net);
		assert_eq!(Balances::free_balance(TREASURY), ENDOWMENT + protocol_share);
		assert_eq!(TokenRewards::locked(&SUBMITTER), 5_000 - 1_999);
		System::assert_last_event(
			Event::Paid { task: 7, provider: PROVIDER, net, protocol_share }.into(),
		);
		assert!(!EraPoints::<Test>::contains_key(0));
		assert!(!ProviderPoints::<Test>::contains_key(0, PROVIDER));
		go_to_era(1);
		assert_noop!(claim(PROVIDER, 0), Error::<Test>::NothingToClaim);
	});
}

#[test]
fn p7_payment_without_points_takes_nothing_from_those_that_earned_some() {
	build_and_execute(|| {
		earn(PROVIDER, 30);
		earn(OTHER, 8);
		assert_ok!(TokenRewards::lock(&SUBMITTER, 2_000));
		for provider in [PROVIDER, OTHER] {
			assert_ok!(pay_without_points(0, &SUBMITTER, &provider, 1_000));
		}
		assert_eq!(ProviderPoints::<Test>::get(0, PROVIDER), 30);
		assert_eq!(ProviderPoints::<Test>::get(0, OTHER), 8);
		assert_eq!(EraPoints::<Test>::get(0), 38);
	});
}

#[test]
fn p2_payment_without_points_changes_nothing_when_it_exceeds_the_escrow() {
	build_and_execute(|| {
		assert_ok!(TokenRewards::lock(&SUBMITTER, 1_000));
		assert_storage_noop!(assert_eq!(
			pay_without_points(0, &SUBMITTER, &PROVIDER, 1_001),
			Err(EscrowError::InsufficientEscrow)
		));
	});
}

#[test]
fn points_are_the_protocol_share_of_each_era() {
	build_and_execute(|| {
		earn(PROVIDER, 30);
		earn(PROVIDER, 12);
		earn(OTHER, 8);
		go_to_era(1);
		earn(PROVIDER, 5);
		assert_eq!(ProviderPoints::<Test>::get(0, PROVIDER), 42);
		assert_eq!(ProviderPoints::<Test>::get(0, OTHER), 8);
		assert_eq!(EraPoints::<Test>::get(0), 50);
		assert_eq!(ProviderPoints::<Test>::get(1, PROVIDER), 5);
		assert_eq!(EraPoints::<Test>::get(1), 5);
	});
}

#[test]
fn era_turns_with_its_last_block() {
	build_and_execute(|| {
		System::set_block_number(2 * ERA - 1);
		assert_eq!(TokenRewards::current_era(), 1);
		System::set_block_number(2 * ERA);
		assert_eq!(TokenRewards::current_era(), 2);
	});
}
