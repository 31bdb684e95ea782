//! Asking for a challenge.

use crate::{mock::*, Challenges, Error, Event};
use aidragon_primitives::{
	challenge::{Challenge, Stage, LOST_INTERVAL_BLOCKS, REQUEST_INTERVAL_BLOCKS},
	BlockNumber,
};
use frame_support::{assert_noop, assert_ok};

fn request() -> sp_runtime::DispatchResult {
	ResourceVerification::request_challenge(machine())
}

fn assert_next_request_is_at(block: BlockNumber) {
	run_to(block - 1);
	assert_noop!(request(), Error::<Test>::ChallengePending);
	run_to(block);
	assert_ok!(request());
	assert_eq!(challenge().requested_at, block);
}

#[test]
fn challenge_is_stored_when_requested() {
	build_and_execute(|| {
		assert_ok!(request());
		assert_eq!(
			Challenges::<Test>::get(WORKER),
			Some(Challenge { requested_at: 1, stage: Stage::Requested })
		);
		System::assert_last_event(
			Event::ChallengeRequested { worker: WORKER, commit_deadline: 7 }.into(),
		);
	});
}

#[test]
fn request_is_refused_until_the_interval_is_over() {
	build_and_execute(|| {
		assert_ok!(request());
		assert_noop!(request(), Error::<Test>::ChallengePending);
		assert_next_request_is_at(1 + REQUEST_INTERVAL_BLOCKS);
	});
}

#[test]
fn p7_request_is_refused_for_longer_when_nothing_was_answered() {
	build_and_execute(|| {
		seed_is_known();
		run_to(7);
		assert_ok!(ResourceVerification::commit_challenge(machine(), honest_run().commitment()));
		assert_next_request_is_at(1 + LOST_INTERVAL_BLOCKS);
	});
}

#[test]
fn p7_request_is_refused_for_longer_when_failed() {
	build_and_execute(|| {
		committed_run();
		let useless = vec![Default::default(); 16];
		assert_ok!(ResourceVerification::submit_openings(machine(), bounded(useless)));
		assert_next_request_is_at(1 + LOST_INTERVAL_BLOCKS);
	});
}

#[test]
fn request_is_refused_until_the_interval_is_over_when_passed() {
	build_and_execute(|| {
		let run = committed_run();
		assert_ok!(ResourceVerification::submit_openings(machine(), bounded(open(&run))));
		assert_next_request_is_at(1 + REQUEST_INTERVAL_BLOCKS);
	});
}

#[test]
fn machines_are_challenged_independently() {
	build_and_execute(|| {
		assert_ok!(request());
		assert_ok!(ResourceVerification::request_challenge(RuntimeOrigin::signed(OTHER_HOT_KEY)));
		run_to(3);
		let seeds = [WORKER, 1].map(ResourceVerification::challenge_seed);
		assert!(seeds[0].is_some() && seeds[1].is_some());
		assert_ne!(seeds[0], seeds[1]);
	});
}

#[test]
fn p5_seed_is_unknown_until_the_block_after_the_next() {
	build_and_execute(|| {
		assert_eq!(ResourceVerification::challenge_seed(WORKER), None);
		assert_ok!(request());
		run_to(2);
		assert_eq!(ResourceVerification::challenge_seed(WORKER), None);
		run_to(3);
		assert!(ResourceVerification::challenge_seed(WORKER).is_some());
	});
}
