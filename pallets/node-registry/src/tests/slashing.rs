//! What a provider loses for a false statement of its machine.

use crate::{mock::*, Event, Obstacle, Providers};
use aidragon_primitives::{interface::Bonds, Balance};
use frame_support::{assert_ok, traits::fungible::Inspect};

fn bond() -> Balance {
	Providers::<Test>::get(PROVIDER).map(|provider| provider.bond).unwrap_or_default()
}

fn treasury() -> Balance {
	Balances::balance(&Treasury::get())
}

#[test]
fn p1_what_is_slashed_goes_to_the_treasury() {
	build_and_execute(|| {
		let worker = machine_exists();
		let (before, issuance) = (bond(), Balances::total_issuance());
		assert_eq!(NodeRegistry::slash(worker, 30, None), 30);
		assert_eq!((bond(), treasury()), (before - 30, 30));
		assert_eq!(Balances::total_issuance(), issuance);
		let slashed = Event::BondSlashed { worker, provider: PROVIDER, amount: 30, rewarded: 0 };
		System::assert_has_event(slashed.into());
		assert_eq!(Heard::get().last(), Some(&worker));
	});
}

#[test]
fn p1_no_more_than_the_bond_is_slashed() {
	build_and_execute(|| {
		let worker = machine_exists();
		let before = bond();
		assert_eq!(NodeRegistry::slash(worker, Balance::MAX, None), before);
		assert_eq!(NodeRegistry::slash(worker, 1, None), 0);
		assert_eq!((bond(), treasury()), (0, before));
	});
}

#[test]
fn p4_machine_without_its_bond_gets_no_work_until_the_bond_is_raised() {
	build_and_execute(|| {
		let worker = machine_is_candidate();
		NodeRegistry::slash(worker, Balance::MAX, None);
		assert_eq!(NodeRegistry::obstacle(worker), Some(Obstacle::NotBonded));
		assert_ok!(NodeRegistry::increase_bond(RuntimeOrigin::signed(PROVIDER), BOND));
		assert_eq!(NodeRegistry::obstacle(worker), None);
	});
}

#[test]
fn nothing_is_slashed_for_a_machine_that_is_not_there() {
	build_and_execute(|| {
		assert_eq!(NodeRegistry::slash(7, 30, Some(&OTHER)), 0);
		assert_eq!(treasury(), 0);
		assert!(System::events().is_empty());
	});
}

#[test]
fn p1_whoever_shows_a_false_statement_gets_half() {
	build_and_execute(|| {
		let worker = machine_exists();
		let (before, issuance) = (bond(), Balances::total_issuance());
		assert_eq!(NodeRegistry::slash(worker, 31, Some(&OTHER)), 31);
		assert_eq!((bond(), treasury()), (before - 31, 16));
		assert_eq!(Balances::balance(&OTHER), ENDOWMENT + 15);
		assert_eq!(Balances::total_issuance(), issuance);
		let slashed = Event::BondSlashed { worker, provider: PROVIDER, amount: 31, rewarded: 15 };
		System::assert_has_event(slashed.into());
	});
}

#[test]
fn p1_half_of_the_rest_of_a_bond_is_all_that_can_be_shown() {
	build_and_execute(|| {
		let worker = machine_exists();
		let before = bond();
		assert_eq!(NodeRegistry::slash(worker, Balance::MAX, Some(&OTHER)), before);
		assert_eq!((bond(), treasury()), (0, before / 2));
		assert_eq!(Balances::balance(&OTHER), ENDOWMENT + before / 2);
		assert_eq!(NodeRegistry::slash(worker, 1, Some(&OTHER)), 0);
	});
}

#[test]
fn p7_provider_gains_nothing_by_showing_its_own_machine() {
	build_and_execute(|| {
		let worker = machine_exists();
		let (before, free) = (bond(), Balances::balance(&PROVIDER));
		assert_eq!(NodeRegistry::slash(worker, 30, Some(&PROVIDER)), 30);
		assert_eq!((bond(), treasury()), (before - 30, 30));
		assert_eq!(Balances::balance(&PROVIDER), free);
		let slashed = Event::BondSlashed { worker, provider: PROVIDER, amount: 30, rewarded: 0 };
		System::assert_has_event(slashed.into());
	});
}
