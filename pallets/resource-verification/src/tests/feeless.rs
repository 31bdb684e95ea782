//! When a machine's calls are free: exactly when they make progress.

use crate::{mock::*, Call};
use aidragon_primitives::challenge::{Commitment, MatrixSize, Opening, REQUEST_INTERVAL_BLOCKS};
use frame_support::{assert_ok, dispatch::CheckIfFeeless};

const COMMITMENT: Commitment = Commitment { size: MatrixSize::N2048, rounds: 7, root: [9; 32] };

fn is_free(call: Call<Test>) -> bool {
	RuntimeCall::from(call).is_feeless(&machine())
}

fn request() -> Call<Test> {
	Call::request_challenge {}
}

fn commit(rounds: u32) -> Call<Test> {
	Call::commit_challenge { commitment: Commitment { rounds, ..COMMITMENT } }
}

fn submit(count: usize) -> Call<Test> {
	Call::submit_openings { openings: bounded(vec![Opening::default(); count]) }
}

#[test]
fn request_is_free_only_when_it_may_be_made() {
	build_and_execute(|| {
		assert!(is_free(request()));
		assert_ok!(ResourceVerification::request_challenge(machine()));
		assert!(!is_free(request()));
		run_to(REQUEST_INTERVAL_BLOCKS);
		assert!(!is_free(request()));
		run_to(1 + REQUEST_INTERVAL_BLOCKS);
		assert!(is_free(request()));
	});
}

#[test]
fn commitment_is_free_only_when_it_is_due() {
	build_and_execute(|| {
		assert!(!is_free(commit(7)), "nothing was requested");
		assert_ok!(ResourceVerification::request_challenge(machine()));
		assert!(!is_free(commit(7)), "the seed is not known");
		run_to(3);
		assert!(!is_free(commit(0)), "rounds are out of range");
		assert!(is_free(commit(7)));
		assert_ok!(ResourceVerification::commit_challenge(machine(), COMMITMENT));
		assert!(!is_free(commit(7)), "committed already");
	});
	build_and_execute(|| {
		seed_is_known();
		run_to(8);
		assert!(!is_free(commit(7)), "too late");
	});
}

#[test]
fn openings_are_free_only_when_they_are_due() {
	build_and_execute(|| {
		seed_is_known();
		assert!(!is_free(submit(16)), "nothing is committed");
		assert_ok!(ResourceVerification::commit_challenge(machine(), COMMITMENT));
		assert!(!is_free(submit(16)), "nothing is drawn");
		run_to(5);
		assert!(!is_free(submit(15)), "too few");
		assert!(is_free(submit(16)));
		run_to(16);
		assert!(!is_free(submit(16)), "too late");
	});
}

#[test]
fn openings_are_free_once() {
	build_and_execute(|| {
		seed_is_known();
		assert_ok!(ResourceVerification::commit_challenge(machine(), COMMITMENT));
		run_to(5);
		let openings = bounded(vec![Opening::default(); 16]);
		assert_ok!(ResourceVerification::submit_openings(machine(), openings));
		assert!(!is_free(submit(16)));
	});
}

#[test]
fn p9_nothing_is_free_for_anybody_else() {
	build_and_execute(|| {
		seed_is_known();
		let others =
			[RuntimeOrigin::none(), RuntimeOrigin::root(), RuntimeOrigin::signed(STRANGER)];
		for origin in others {
			for call in [request(), commit(7), submit(16)] {
				assert!(!RuntimeCall::from(call).is_feeless(&origin));
			}
		}
		// Another machine may ask for its own challenge, but not answer this one.
		let other = RuntimeOrigin::signed(OTHER_HOT_KEY);
		assert!(RuntimeCall::from(request()).is_feeless(&other));
		assert!(!RuntimeCall::from(commit(7)).is_feeless(&other));
	});
}
