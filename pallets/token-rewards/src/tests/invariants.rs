//! The invariants see what they are there to see.

use crate::{mock::*, EraMinted, EraPoints, ProviderPoints};
use aidragon_primitives::interface::Escrow;
use frame_support::assert_ok;
use sp_runtime::TryRuntimeError;

/// Breaks the storage of a chain with 500 in escrow and 100 points in era 0 and expects `message`.
fn assert_caught(corrupt: impl FnOnce(), message: &'static str) {
	new_test_ext().execute_with(|| {
		earn(PROVIDER, 100);
		assert_ok!(TokenRewards::lock(&SUBMITTER, 500));
		assert_ok!(TokenRewards::do_try_state());
		corrupt();
		assert_eq!(TokenRewards::do_try_state(), Err(TryRuntimeError::Other(message)));
	});
}

#[test]
fn p1_try_state_catches_more_than_the_emission() {
	assert_caught(
		|| EraMinted::<Test>::insert(0, EMISSION + 1),
		"more was minted for an era than its emission",
	);
}

#[test]
fn p7_try_state_catches_a_reward_above_what_earned_it() {
	assert_caught(|| EraMinted::<Test>::insert(0, 101), "a reward exceeds what earned it");
}

#[test]
fn p1_try_state_catches_points_that_nobody_paid_for() {
	assert_caught(
		|| ProviderPoints::<Test>::insert(0, OTHER, 1),
		"providers have more points than their era",
	);
	assert_caught(|| EraPoints::<Test>::insert(0, 99), "providers have more points than their era");
}
