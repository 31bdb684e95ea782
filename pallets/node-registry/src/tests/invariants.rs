//! The invariants see what they are there to see.

use crate::{mock::*, NextWorkerId, Providers, WorkerByHotKey, Workers};
use aidragon_primitives::worker::Capacity;
use frame_support::assert_ok;
use sp_runtime::TryRuntimeError;

/// Breaks the storage of a chain with one machine and expects `message`.
fn assert_caught(corrupt: impl FnOnce(), message: &'static str) {
	new_test_ext().execute_with(|| {
		machine_is_candidate();
		assert_ok!(NodeRegistry::do_try_state());
		corrupt();
		assert_eq!(NodeRegistry::do_try_state(), Err(TryRuntimeError::Other(message)));
	});
}

#[test]
fn p1_try_state_catches_a_bond_that_is_not_on_hold() {
	assert_caught(
		|| Providers::<Test>::mutate_extant(PROVIDER, |record| record.bond += 1),
		"bond on hold differs from the registered bond",
	);
}

#[test]
fn try_state_catches_a_leaving_provider_with_machines() {
	assert_caught(
		|| Providers::<Test>::mutate_extant(PROVIDER, |record| record.withdrawable_at = Some(9)),
		"a leaving provider has machines",
	);
}

#[test]
fn try_state_catches_a_number_that_was_not_given_out() {
	assert_caught(|| NextWorkerId::<Test>::put(0), "a machine has a number that was not given out");
}

#[test]
fn try_state_catches_a_hot_key_that_leads_elsewhere() {
	assert_caught(
		|| WorkerByHotKey::<Test>::insert(hot_key(10), 1),
		"a machine's hot key leads elsewhere",
	);
}

#[test]
fn p3_try_state_catches_capacity_that_no_task_holds() {
	let reserved = Capacity { vcpus: 1, memory_mib: 0 };
	assert_caught(
		|| Workers::<Test>::mutate_extant(0, |worker| worker.reserved = reserved),
		"capacity is reserved without a task",
	);
}

#[test]
fn p4_try_state_catches_more_reserved_than_there_is() {
	assert_caught(
		|| {
			Workers::<Test>::mutate_extant(0, |worker| {
				worker.running = 1;
				worker.reserved = Capacity { vcpus: CLAIMED.vcpus + 1, memory_mib: 0 };
			});
		},
		"more is reserved than there is",
	);
}

#[test]
fn try_state_catches_a_machine_without_a_provider() {
	assert_caught(|| Providers::<Test>::remove(PROVIDER), "a machine has no provider");
}

#[test]
fn try_state_catches_a_wrong_count_of_machines() {
	assert_caught(
		|| Providers::<Test>::mutate_extant(PROVIDER, |record| record.workers = 2),
		"a provider's count of machines is wrong",
	);
}

#[test]
fn try_state_catches_a_hot_key_without_a_machine() {
	assert_caught(|| WorkerByHotKey::<Test>::insert(hot_key(11), 7), "a hot key has no machine");
}
