//! Taking capacity and giving it back.

use crate::{mock::*, Event, Workers};
use aidragon_primitives::{
	interface::{CapacityExceeded, Conduct, Reservation, WorkerDirectory},
	worker::{Capacity, Worker, MOPS_PER_VCPU},
	WorkerId,
};
use frame_support::{assert_ok, assert_storage_noop};
use sp_runtime::AccountId32;

const HALF: Capacity = Capacity { vcpus: 2, memory_mib: 4_096 };

fn stored(worker: WorkerId) -> Worker<AccountId32> {
	Workers::<Test>::get(worker).expect("registered")
}

#[test]
fn p4_reservations_add_up_and_reduce_what_is_free() {
	build_and_execute(|| {
		let worker = machine_is_candidate();
		Heard::set(Vec::new());
		assert_ok!(NodeRegistry::reserve(worker, &reservation(HALF), 1));
		assert_eq!((stored(worker).ledger.reserved(), stored(worker).running), (HALF, 1));
		let free = NodeRegistry::candidate(worker, 1).map(|candidate| candidate.free);
		assert_eq!(free, Some(HALF));
		assert_ok!(NodeRegistry::reserve(worker, &reservation(HALF), 1));
		assert_eq!((stored(worker).ledger.reserved(), stored(worker).running), (CLAIMED, 2));
		assert_eq!(Heard::get(), vec![worker, worker]);
	});
}

#[test]
fn p4_reservation_is_refused_without_change_when_it_does_not_fit() {
	build_and_execute(|| {
		let worker = machine_is_candidate();
		assert_ok!(NodeRegistry::reserve(worker, &reservation(HALF), 1));
		for capacity in [
			Capacity { vcpus: HALF.vcpus + 1, memory_mib: 1 },
			Capacity { vcpus: 1, memory_mib: HALF.memory_mib + 1 },
			Capacity { vcpus: u16::MAX, memory_mib: u32::MAX },
		] {
			assert_storage_noop!(assert_eq!(
				NodeRegistry::reserve(worker, &reservation(capacity), 1),
				Err(CapacityExceeded)
			));
		}
	});
}

#[test]
fn p4_reservation_is_refused_without_change_when_machine_is_no_candidate() {
	build_and_execute(|| {
		let worker = machine_is_candidate();
		let refused = |worker, now| {
			assert_storage_noop!(assert_eq!(
				NodeRegistry::reserve(worker, &reservation(HALF), now),
				Err(CapacityExceeded)
			));
		};
		refused(worker + 1, 1);
		refused(worker, 1_001);
		prove(worker, MOPS_PER_VCPU);
		refused(worker, 1);
		prove(worker, 10_000);
		assert_ok!(NodeRegistry::drain(RuntimeOrigin::signed(PROVIDER), worker));
		refused(worker, 1);
	});
}

#[test]
fn release_counts_accepted_results() {
	build_and_execute(|| {
		let worker = machine_is_candidate();
		assert_ok!(NodeRegistry::reserve(worker, &reservation(HALF), 1));
		Heard::set(Vec::new());
		NodeRegistry::release(worker, &reservation(HALF), Conduct::Accepted);
		let after = stored(worker);
		assert_eq!((after.ledger.reserved(), after.running), (Capacity::default(), 0));
		assert_eq!((after.accepted, after.missed, after.last_seen), (1, 0, Some(1)));
		assert_eq!((after.availability.answered, after.availability.score_ppm), (1, 15_625));
		assert_eq!(Heard::get(), vec![worker]);
	});
}

#[test]
fn p8_release_leaves_no_mark_when_nobody_is_to_blame() {
	build_and_execute(|| {
		let worker = machine_is_candidate();
		let before = stored(worker);
		for conduct in [Conduct::Neutral, Conduct::Outvoted] {
			assert_ok!(NodeRegistry::reserve(worker, &reservation(HALF), 1));
			NodeRegistry::release(worker, &reservation(HALF), conduct);
			assert_eq!(stored(worker), before);
		}
	});
}

#[test]
fn p4_machine_is_out_until_it_shows_itself_when_it_missed_a_deadline() {
	build_and_execute(|| {
		let worker = machine_is_candidate();
		assert_ok!(NodeRegistry::reserve(worker, &reservation(HALF), 1));
		NodeRegistry::release(worker, &reservation(HALF), Conduct::Missed);
		let after = stored(worker);
		assert_eq!((after.ledger.reserved(), after.running), (Capacity::default(), 0));
		assert_eq!((after.accepted, after.missed, after.last_seen), (0, 1, Some(1)));
		assert_eq!((after.availability.missed, after.availability.offline_since), (1, Some(1)));
		System::assert_has_event(Event::WorkerOffline { worker }.into());
		System::assert_last_event(Event::DeadlineMissed { worker }.into());
		assert_eq!(NodeRegistry::candidate(worker, 1), None);
		assert_eq!(Heard::get().last(), Some(&worker));
	});
}

#[test]
fn p4_release_of_what_was_not_reserved_changes_nothing() {
	build_and_execute(|| {
		let worker = machine_is_candidate();
		let nothing_changes = |worker, capacity, conduct| {
			let given_back = Reservation { capacity, stake: 7 };
			assert_storage_noop!(NodeRegistry::release(worker, &given_back, conduct));
		};
		for conduct in [Conduct::Accepted, Conduct::Neutral, Conduct::Missed, Conduct::Outvoted] {
			nothing_changes(worker, HALF, conduct);
			nothing_changes(worker + 1, HALF, conduct);
		}
		assert_ok!(NodeRegistry::reserve(worker, &reservation(HALF), 1));
		nothing_changes(worker, CLAIMED, Conduct::Accepted);
		assert_eq!(stored(worker).running, 1);
	});
}

#[test]
fn p4_capacity_returns_when_machine_is_draining() {
	build_and_execute(|| {
		let worker = machine_is_candidate();
		assert_ok!(NodeRegistry::reserve(worker, &reservation(HALF), 1));
		assert_ok!(NodeRegistry::drain(RuntimeOrigin::signed(PROVIDER), worker));
		NodeRegistry::release(worker, &reservation(HALF), Conduct::Accepted);
		assert_eq!(stored(worker).ledger.reserved(), Capacity::default());
	});
}
