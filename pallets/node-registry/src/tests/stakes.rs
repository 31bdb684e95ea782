//! Bond in flight: what tasks in work may earn, the bond behind their machines has to cover.

use crate::{mock::*, Obstacle, Providers};
use aidragon_primitives::{
	interface::{Bonds, CapacityExceeded, Conduct, Reservation, WorkerDirectory},
	worker::Capacity,
	Balance, WorkerId,
};
use frame_support::{assert_ok, assert_storage_noop};

/// What one machine's provider covers: 200 beyond the machine's bond, and half of that.
const COVERED: Balance = 250;

fn stake(stake: Balance) -> Reservation {
	Reservation { grant: grant(Capacity::cpu(1, 1)), stake }
}

fn reserve(worker: WorkerId, amount: Balance) -> Result<(), CapacityExceeded> {
	NodeRegistry::reserve(worker, &stake(amount), System::block_number())
}

fn at_stake() -> Balance {
	Providers::<Test>::get(PROVIDER).map(|provider| provider.at_stake).unwrap_or_default()
}

fn stake_free(worker: WorkerId) -> Option<Balance> {
	NodeRegistry::candidate(worker, System::block_number()).map(|candidate| candidate.stake_free)
}

#[test]
fn p7_reservation_is_refused_without_change_when_the_bond_does_not_cover_its_stake() {
	build_and_execute(|| {
		let worker = machine_is_candidate();
		assert_eq!(stake_free(worker), Some(COVERED));
		for amount in [COVERED + 1, Balance::MAX] {
			assert_storage_noop!(assert_eq!(reserve(worker, amount), Err(CapacityExceeded)));
		}
		assert_ok!(reserve(worker, COVERED - 10));
		assert_eq!((at_stake(), stake_free(worker)), (COVERED - 10, Some(10)));
		assert_storage_noop!(assert_eq!(reserve(worker, 11), Err(CapacityExceeded)));
		assert_ok!(reserve(worker, 10));
		assert_eq!((at_stake(), stake_free(worker)), (COVERED, Some(0)));
		// What earns nothing needs nothing.
		assert_ok!(reserve(worker, 0));
	});
}

#[test]
fn p7_more_bond_covers_more_work() {
	build_and_execute(|| {
		let worker = machine_is_candidate();
		assert_eq!(reserve(worker, COVERED + 1), Err(CapacityExceeded));
		assert_ok!(NodeRegistry::increase_bond(RuntimeOrigin::signed(PROVIDER), 1));
		assert_ok!(reserve(worker, COVERED + 1));
	});
}

#[test]
fn stake_is_released_exactly() {
	build_and_execute(|| {
		let worker = machine_is_candidate();
		for conduct in [
			Conduct::Accepted,
			Conduct::Neutral,
			Conduct::Outvoted,
			Conduct::ReturnedLate,
			Conduct::Missed,
		] {
			assert_ok!(reserve(worker, 70));
			assert_ok!(reserve(worker, 30));
			NodeRegistry::release(worker, &stake(70), conduct);
			assert_eq!(at_stake(), 30);
			NodeRegistry::release(worker, &stake(30), conduct);
			assert_eq!(at_stake(), 0);
		}
	});
}

#[test]
fn stake_that_was_not_reserved_is_not_released() {
	build_and_execute(|| {
		let worker = machine_is_candidate();
		assert_storage_noop!(NodeRegistry::release(worker, &stake(70), Conduct::Accepted));
		assert_ok!(reserve(worker, 70));
		let larger = Reservation { grant: grant(CLAIMED), stake: 70 };
		assert_storage_noop!(NodeRegistry::release(worker, &larger, Conduct::Accepted));
		assert_eq!(at_stake(), 70);
	});
}

#[test]
fn all_machines_of_a_provider_share_what_it_covers() {
	build_and_execute(|| {
		let worker = machine_is_candidate();
		let owner = || RuntimeOrigin::signed(PROVIDER);
		assert_ok!(NodeRegistry::register_worker(owner(), registration(&PROVIDER, 11)));
		prove(1, 10_000);
		assert_ok!(NodeRegistry::heartbeat(RuntimeOrigin::signed(hot_key(11))));
		// Two machines take 200 of the 300, and half of that covers work.
		assert_eq!((stake_free(worker), stake_free(1)), (Some(200), Some(200)));
		assert_ok!(reserve(worker, 150));
		assert_eq!((stake_free(worker), stake_free(1)), (Some(50), Some(50)));
		assert_eq!(reserve(1, 51), Err(CapacityExceeded));
	});
}

#[test]
fn p4_machine_gets_nothing_more_when_a_slash_leaves_its_work_uncovered() {
	build_and_execute(|| {
		let worker = machine_is_candidate();
		assert_ok!(reserve(worker, COVERED));
		assert_eq!(NodeRegistry::obstacle(worker), None);
		NodeRegistry::slash(worker, 1, None);
		assert_eq!(NodeRegistry::obstacle(worker), Some(Obstacle::NotBonded));
		// With the work over, the rest of the bond is enough again.
		NodeRegistry::release(worker, &stake(COVERED), Conduct::Accepted);
		assert_eq!((NodeRegistry::obstacle(worker), at_stake()), (None, 0));
		assert_eq!(stake_free(worker), Some(COVERED - 1));
	});
}
