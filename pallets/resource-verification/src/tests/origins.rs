//! P9: only a machine's own hot key takes part in its challenge.

use crate::{mock::*, Call, Error};
use aidragon_primitives::challenge::{Commitment, MatrixSize};
use frame_support::{assert_noop, assert_ok, traits::GetCallName};
use sp_runtime::{traits::Dispatchable, DispatchError};

fn calls() -> Vec<Call<Test>> {
	vec![
		Call::request_challenge {},
		Call::commit_challenge {
			commitment: Commitment { size: MatrixSize::N512, rounds: 1, root: [0; 32] },
		},
		Call::submit_openings { openings: Default::default() },
	]
}

#[test]
fn p9_every_call_refuses_no_signer_and_root() {
	build_and_execute(|| {
		seed_is_known();
		let names: Vec<_> = calls().iter().map(|call| call.get_call_name()).collect();
		assert_eq!(names, Call::<Test>::get_call_names());
		for call in calls() {
			for origin in [RuntimeOrigin::none(), RuntimeOrigin::root()] {
				assert_noop!(
					RuntimeCall::from(call.clone()).dispatch(origin),
					DispatchError::BadOrigin
				);
			}
		}
	});
}

#[test]
fn p9_every_call_refuses_who_is_no_hot_key() {
	build_and_execute(|| {
		seed_is_known();
		for call in calls() {
			assert_noop!(
				RuntimeCall::from(call).dispatch(RuntimeOrigin::signed(STRANGER)),
				Error::<Test>::NotAHotKey
			);
		}
	});
}

#[test]
fn p9_another_machine_cannot_answer_a_challenge() {
	build_and_execute(|| {
		seed_is_known();
		let run = honest_run();
		let other = || RuntimeOrigin::signed(OTHER_HOT_KEY);
		assert_noop!(
			ResourceVerification::commit_challenge(other(), run.commitment()),
			Error::<Test>::NoChallenge
		);
		assert_ok!(ResourceVerification::commit_challenge(machine(), run.commitment()));
		run_to(5);
		assert_noop!(
			ResourceVerification::submit_openings(other(), bounded(open(&run))),
			Error::<Test>::NoChallenge
		);
	});
}
