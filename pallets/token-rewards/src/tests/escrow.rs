//! Money on hold for tasks, and its return.

use crate::{mock::*, HoldReason};
use aidragon_primitives::{
	interface::{Escrow, EscrowError},
	Balance,
};
use frame_support::{assert_ok, assert_storage_noop, traits::fungible::InspectHold};

fn held(who: u64) -> Balance {
	Balances::balance_on_hold(&HoldReason::TaskEscrow.into(), &who)
}

#[test]
fn p1_lock_puts_exactly_the_amount_on_hold() {
	build_and_execute(|| {
		for (amount, total) in [(1, 1), (699, 700), (0, 700)] {
			assert_ok!(TokenRewards::lock(&SUBMITTER, amount));
			assert_eq!(TokenRewards::locked(&SUBMITTER), total);
			assert_eq!(held(SUBMITTER), total);
			assert_eq!(Balances::free_balance(SUBMITTER), ENDOWMENT - total);
		}
		assert_eq!(TokenRewards::locked(&PROVIDER), 0);
	});
}

#[test]
fn lock_takes_all_but_the_existential_deposit() {
	build_and_execute(|| {
		assert_ok!(TokenRewards::lock(&SUBMITTER, ENDOWMENT - ED));
		assert_eq!(Balances::free_balance(SUBMITTER), ED);
	});
}

#[test]
fn p1_lock_changes_nothing_when_it_cannot_be_paid() {
	build_and_execute(|| {
		for (who, amount) in
			[(SUBMITTER, ENDOWMENT - ED + 1), (SUBMITTER, Balance::MAX), (NOBODY, 1)]
		{
			assert_storage_noop!(assert_eq!(
				TokenRewards::lock(&who, amount),
				Err(EscrowError::InsufficientFunds)
			));
		}
		assert_ok!(TokenRewards::lock(&SUBMITTER, 1));
		assert_storage_noop!(assert_eq!(
			TokenRewards::lock(&SUBMITTER, Balance::MAX),
			Err(EscrowError::InsufficientFunds)
		));
	});
}

#[test]
fn lock_of_nothing_changes_nothing() {
	build_and_execute(|| {
		assert_storage_noop!(assert_ok!(TokenRewards::lock(&SUBMITTER, 0)));
	});
}

#[test]
fn p1_unlock_returns_exactly_the_amount() {
	build_and_execute(|| {
		assert_ok!(TokenRewards::lock(&SUBMITTER, 700));
		for (amount, left) in [(0, 700), (1, 699), (699, 0)] {
			assert_ok!(TokenRewards::unlock(&SUBMITTER, amount));
			assert_eq!(TokenRewards::locked(&SUBMITTER), left);
			assert_eq!(held(SUBMITTER), left);
			assert_eq!(Balances::free_balance(SUBMITTER), ENDOWMENT - left);
		}
	});
}

#[test]
fn p1_unlock_changes_nothing_when_less_is_on_hold() {
	build_and_execute(|| {
		assert_ok!(TokenRewards::lock(&SUBMITTER, 700));
		for (who, amount) in [(SUBMITTER, 701), (SUBMITTER, Balance::MAX), (PROVIDER, 1)] {
			assert_storage_noop!(assert_eq!(
				TokenRewards::unlock(&who, amount),
				Err(EscrowError::InsufficientEscrow)
			));
		}
	});
}

#[test]
fn unlock_of_nothing_changes_nothing() {
	build_and_execute(|| {
		for who in [SUBMITTER, NOBODY] {
			assert_storage_noop!(assert_ok!(TokenRewards::unlock(&who, 0)));
		}
	});
}
