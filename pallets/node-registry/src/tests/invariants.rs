//! The invariants see what they are there to see.

use crate::{
	mock::*, CalledAt, Calls, EncryptionKeys, NextWorkerId, Online, OnlineLengths, OnlinePosition,
	Providers, WorkerByHotKey, Workers,
};
use aidragon_primitives::{
	worker::{Ledger, Reserved, CALLS_MAX},
	WorkerId,
};
use codec::{Decode, Encode};
use frame_support::{assert_ok, traits::ConstU32, BoundedVec};
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

/// A ledger such as only bytes that were changed by hand give.
fn ledger_with(reserved: Reserved) -> Ledger {
	let bytes = (CLAIMED, reserved).encode();
	Ledger::decode(&mut bytes.as_slice()).expect("what is claimed and what is reserved")
}

/// So many thousandths of each graphics processor.
fn gpus_reserved(milli: &[u16]) -> Reserved {
	Reserved { gpu_milli: milli.to_vec().try_into().expect("few enough"), ..Default::default() }
}

fn calls_of(workers: &[WorkerId]) -> BoundedVec<WorkerId, ConstU32<CALLS_MAX>> {
	workers.to_vec().try_into().expect("few enough")
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
	for reserved in [
		Reserved { cpu_milli: 1, ..Default::default() },
		Reserved { memory_mib: 1, ..Default::default() },
		gpus_reserved(&[1]),
	] {
		let ledger = ledger_with(reserved);
		assert_caught(
			|| Workers::<Test>::mutate_extant(0, |worker| worker.ledger = ledger),
			"capacity is reserved without a task",
		);
	}
}

#[test]
fn p4_try_state_catches_more_reserved_than_there_is() {
	for reserved in [
		Reserved { cpu_milli: CLAIMED.cpu_milli() + 1, ..Default::default() },
		Reserved { memory_mib: CLAIMED.memory_mib + 1, ..Default::default() },
		gpus_reserved(&[1]),
	] {
		assert_caught(
			|| {
				Workers::<Test>::mutate_extant(0, |worker| {
					worker.running = 1;
					worker.ledger = ledger_with(reserved);
				});
			},
			"more is reserved than there is",
		);
	}
}

#[test]
fn try_state_catches_a_newest_key_that_is_not_on_record() {
	let message = "the newest encryption key is not on record";
	assert_caught(|| EncryptionKeys::<Test>::remove((0, 0)), message);
	assert_caught(|| EncryptionKeys::<Test>::insert((0, 0), [1; 32]), message);
	assert_caught(|| Workers::<Test>::mutate_extant(0, |worker| worker.key_epoch = 1), message);
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
fn p7_try_state_catches_wrong_bond_units() {
	assert_caught(
		|| Providers::<Test>::mutate_extant(PROVIDER, |record| record.bond_units = 0),
		"a provider's bond units are wrong",
	);
}

#[test]
fn try_state_catches_a_hot_key_without_a_machine() {
	assert_caught(|| WorkerByHotKey::<Test>::insert(hot_key(11), 7), "a hot key has no machine");
}

#[test]
fn try_state_catches_a_list_that_is_longer_than_it_says() {
	let message = "a list is longer than it says";
	assert_caught(|| OnlineLengths::<Test>::put([0; 7]), message);
	assert_caught(|| Online::<Test>::insert((7, 0), 0), message);
}

#[test]
fn try_state_catches_a_machine_that_stands_elsewhere() {
	let message = "a machine on line stands elsewhere";
	assert_caught(|| OnlinePosition::<Test>::insert(0, (1, 5)), message);
	assert_caught(|| OnlinePosition::<Test>::remove(0), message);
}

#[test]
fn try_state_catches_a_machine_on_line_that_is_gone() {
	assert_caught(
		|| {
			Online::<Test>::insert((1, 0), 7);
			OnlinePosition::<Test>::insert(7, (1, 0));
		},
		"a machine that is gone is on line",
	);
}

#[test]
fn try_state_catches_a_machine_off_line_that_is_listed() {
	assert_caught(
		|| Workers::<Test>::mutate_extant(0, |worker| worker.availability.go_offline(1)),
		"a machine that is off line is listed",
	);
}

#[test]
fn try_state_catches_a_machine_in_another_tiers_list() {
	assert_caught(
		|| Workers::<Test>::mutate_extant(0, |worker| worker.standing.throughput.tier = 0),
		"a machine stands in another tier",
	);
}

#[test]
fn try_state_catches_a_machine_on_line_that_is_not_listed() {
	assert_caught(
		|| {
			Online::<Test>::remove((1, 0));
			OnlinePosition::<Test>::remove(0);
			OnlineLengths::<Test>::kill();
		},
		"a machine on line is not listed",
	);
}

#[test]
fn try_state_catches_wrong_lengths() {
	assert_caught(
		|| OnlineLengths::<Test>::mutate(|lengths| lengths[3] = 1),
		"the lengths of the lists are wrong",
	);
}

#[test]
fn try_state_catches_a_place_too_many() {
	assert_caught(|| OnlinePosition::<Test>::insert(9, (2, 0)), "a machine has a place too many");
}

#[test]
fn try_state_catches_a_call_that_is_not_on_its_blocks_list() {
	assert_caught(|| CalledAt::<Test>::insert(0, 1), "a call is not on its block's list");
}

#[test]
fn try_state_catches_a_call_of_a_machine_that_is_gone() {
	assert_caught(
		|| {
			Calls::<Test>::insert(1, calls_of(&[7]));
			CalledAt::<Test>::insert(7, 1);
		},
		"a machine that is gone is called",
	);
}

#[test]
fn p6_try_state_catches_calls_that_were_not_closed() {
	assert_caught(
		|| {
			Calls::<Test>::insert(1, calls_of(&[0]));
			go_to(4);
		},
		"the calls of an old block were not closed",
	);
}
