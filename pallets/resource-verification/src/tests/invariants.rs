//! The invariants see what they are there to see.

use crate::{mock::*, Beacons, Capabilities, Challenges, LatestBeacon};
use aidragon_primitives::{
	challenge::{Challenge, Stage},
	worker::Capability,
};
use frame_support::assert_ok;
use sp_runtime::TryRuntimeError;

const PROVED: Capability = Capability { throughput_mops: 44, proved_at: 1, valid_until: 9 };

/// Breaks the storage of a chain with one proved machine and expects `message`.
fn assert_caught(corrupt: impl FnOnce(), message: &'static str) {
	new_test_ext().execute_with(|| {
		run_to(2 * HISTORY);
		Challenges::<Test>::insert(WORKER, Challenge { requested_at: 1, stage: Stage::Passed });
		Capabilities::<Test>::insert(WORKER, PROVED);
		assert_ok!(ResourceVerification::do_try_state());
		corrupt();
		assert_eq!(ResourceVerification::do_try_state(), Err(TryRuntimeError::Other(message)));
	});
}

#[test]
fn p6_try_state_catches_a_beacon_that_was_not_cleared() {
	assert_caught(|| Beacons::<Test>::insert(0, [0; 32]), "more beacons are kept than the history");
}

#[test]
fn try_state_catches_a_newest_beacon_outside_of_the_history() {
	let message = "the newest beacon is not in the history";
	assert_caught(|| LatestBeacon::<Test>::put((2 * HISTORY - 1, [0; 32])), message);
	assert_caught(|| Beacons::<Test>::remove(2 * HISTORY - 1), message);
}

#[test]
fn p4_try_state_catches_a_capability_of_nothing() {
	assert_caught(
		|| Capabilities::<Test>::insert(WORKER, Capability { throughput_mops: 0, ..PROVED }),
		"a capability of nothing",
	);
}

#[test]
fn p4_try_state_catches_a_capability_from_the_future() {
	let proved_at = 2 * HISTORY + 1;
	assert_caught(
		|| Capabilities::<Test>::insert(WORKER, Capability { proved_at, ..PROVED }),
		"a capability from the future",
	);
}

#[test]
fn p4_try_state_catches_a_capability_without_a_passed_challenge() {
	let message = "a capability without a passed challenge";
	assert_caught(|| Challenges::<Test>::remove(WORKER), message);
	assert_caught(
		|| Challenges::<Test>::insert(WORKER, Challenge { requested_at: 1, stage: Stage::Failed }),
		message,
	);
}
