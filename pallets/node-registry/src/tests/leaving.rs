//! Leaving with the bond.

use crate::{mock::*, Error, Event, HoldReason, Providers};
use aidragon_primitives::{worker::Provider, Balance};
use frame_support::{assert_noop, assert_ok, traits::fungible::InspectHold};

const WHOLE_BOND: Balance = BOND * WORKERS_MAX as Balance;

fn owner() -> RuntimeOrigin {
	RuntimeOrigin::signed(PROVIDER)
}

#[test]
fn exit_is_noted_with_its_delay() {
	build_and_execute(|| {
		provider_exists();
		go_to(5);
		assert_ok!(NodeRegistry::exit_provider(owner()));
		let withdrawable_at = 5 + EXIT_DELAY;
		assert_eq!(
			Providers::<Test>::get(PROVIDER),
			Some(Provider {
				bond: WHOLE_BOND,
				workers: 0,
				bond_units: 0,
				at_stake: 0,
				withdrawable_at: Some(withdrawable_at)
			})
		);
		System::assert_last_event(
			Event::ExitRequested { provider: PROVIDER, withdrawable_at }.into(),
		);
	});
}

#[test]
fn exit_is_refused_when_machines_remain_or_asked_twice() {
	build_and_execute(|| {
		let worker = machine_exists();
		assert_noop!(NodeRegistry::exit_provider(owner()), Error::<Test>::WorkersRemain);
		assert_ok!(NodeRegistry::retire_worker(owner(), worker));
		assert_noop!(NodeRegistry::exit_provider(owner()), Error::<Test>::WorkersRemain);
		go_to(1 + EXIT_DELAY);
		assert_ok!(NodeRegistry::remove_worker(owner(), worker));
		assert_ok!(NodeRegistry::exit_provider(owner()));
		assert_noop!(NodeRegistry::exit_provider(owner()), Error::<Test>::ProviderLeaving);
	});
}

#[test]
fn p1_bond_returns_exactly_when_the_delay_is_over() {
	build_and_execute(|| {
		provider_exists();
		assert_noop!(NodeRegistry::withdraw_bond(owner()), Error::<Test>::NotLeaving);
		assert_ok!(NodeRegistry::exit_provider(owner()));
		go_to(1 + EXIT_DELAY - 1);
		assert_noop!(NodeRegistry::withdraw_bond(owner()), Error::<Test>::TooEarly);
		go_to(1 + EXIT_DELAY);
		assert_ok!(NodeRegistry::withdraw_bond(owner()));
		assert_eq!(Providers::<Test>::get(PROVIDER), None);
		assert_eq!(Balances::balance_on_hold(&HoldReason::ProviderBond.into(), &PROVIDER), 0);
		assert_eq!(Balances::free_balance(&PROVIDER), ENDOWMENT);
		System::assert_last_event(
			Event::BondWithdrawn { provider: PROVIDER, bond: WHOLE_BOND }.into(),
		);
		assert_noop!(NodeRegistry::withdraw_bond(owner()), Error::<Test>::NotProvider);
	});
}

#[test]
fn provider_may_return_after_it_left() {
	build_and_execute(|| {
		provider_exists();
		assert_ok!(NodeRegistry::exit_provider(owner()));
		go_to(1 + EXIT_DELAY);
		assert_ok!(NodeRegistry::withdraw_bond(owner()));
		machine_exists();
	});
}
