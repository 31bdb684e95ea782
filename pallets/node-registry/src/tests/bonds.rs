//! Becoming a provider and raising the bond.

use crate::{mock::*, Error, Event, HoldReason, Providers};
use aidragon_primitives::{worker::Provider, Balance};
use frame_support::{assert_noop, assert_ok, traits::fungible::InspectHold};
use sp_runtime::AccountId32;

fn held(who: &AccountId32) -> Balance {
	Balances::balance_on_hold(&HoldReason::ProviderBond.into(), who)
}

#[test]
fn p1_bond_is_on_hold_after_registration() {
	build_and_execute(|| {
		assert_ok!(NodeRegistry::register_provider(RuntimeOrigin::signed(PROVIDER), BOND));
		assert_eq!(
			Providers::<Test>::get(PROVIDER),
			Some(Provider {
				bond: BOND,
				workers: 0,
				bond_units: 0,
				at_stake: 0,
				withdrawable_at: None
			})
		);
		assert_eq!(held(&PROVIDER), BOND);
		assert_eq!(Balances::free_balance(&PROVIDER), ENDOWMENT - BOND);
		System::assert_last_event(
			Event::ProviderRegistered { provider: PROVIDER, bond: BOND }.into(),
		);
	});
}

#[test]
fn provider_is_refused_when_registered_twice() {
	build_and_execute(|| {
		provider_exists();
		assert_noop!(
			NodeRegistry::register_provider(RuntimeOrigin::signed(PROVIDER), BOND),
			Error::<Test>::ProviderExists
		);
	});
}

#[test]
fn provider_is_refused_when_bond_is_below_one_machine() {
	build_and_execute(|| {
		for bond in [0, BOND - 1] {
			assert_noop!(
				NodeRegistry::register_provider(RuntimeOrigin::signed(PROVIDER), bond),
				Error::<Test>::BondTooLow
			);
		}
	});
}

#[test]
fn provider_is_refused_when_it_cannot_pay_the_bond() {
	build_and_execute(|| {
		for (who, bond) in [(POOR, BOND), (PROVIDER, ENDOWMENT), (PROVIDER, Balance::MAX)] {
			assert_noop!(
				NodeRegistry::register_provider(RuntimeOrigin::signed(who), bond),
				Error::<Test>::InsufficientBalance
			);
		}
		// All but the existential deposit can be bonded.
		assert_ok!(NodeRegistry::register_provider(RuntimeOrigin::signed(PROVIDER), ENDOWMENT - 1));
	});
}

#[test]
fn p1_bond_and_hold_grow_by_the_same_amount() {
	build_and_execute(|| {
		assert_ok!(NodeRegistry::register_provider(RuntimeOrigin::signed(PROVIDER), BOND));
		for (amount, bond) in [(1, BOND + 1), (0, BOND + 1), (BOND, 2 * BOND + 1)] {
			assert_ok!(NodeRegistry::increase_bond(RuntimeOrigin::signed(PROVIDER), amount));
			assert_eq!(Providers::<Test>::get(PROVIDER).map(|record| record.bond), Some(bond));
			assert_eq!(held(&PROVIDER), bond);
			System::assert_last_event(Event::BondIncreased { provider: PROVIDER, bond }.into());
		}
	});
}

#[test]
fn increase_is_refused_when_it_cannot_be_paid() {
	build_and_execute(|| {
		provider_exists();
		let increase =
			|amount| NodeRegistry::increase_bond(RuntimeOrigin::signed(PROVIDER), amount);
		assert_noop!(increase(ENDOWMENT), Error::<Test>::InsufficientBalance);
		assert_noop!(increase(Balance::MAX), Error::<Test>::Overflow);
	});
}

#[test]
fn increase_is_refused_when_provider_is_leaving() {
	build_and_execute(|| {
		provider_exists();
		assert_ok!(NodeRegistry::exit_provider(RuntimeOrigin::signed(PROVIDER)));
		assert_noop!(
			NodeRegistry::increase_bond(RuntimeOrigin::signed(PROVIDER), 1),
			Error::<Test>::ProviderLeaving
		);
	});
}
