//! How long a proof counts.

use crate::{mock::*, Capabilities, Challenges};
use aidragon_primitives::{
	challenge::{Stage, REQUEST_INTERVAL_BLOCKS, VALIDITY_BLOCKS},
	interface::Capabilities as _,
	worker::Capability,
};
use frame_support::assert_ok;

/// Passes a challenge in block 5.
fn pass() -> Capability {
	let run = committed_run();
	assert_ok!(ResourceVerification::submit_openings(machine(), bounded(open(&run))));
	ResourceVerification::capability(WORKER).expect("passed")
}

#[test]
fn p4_proof_ends_by_itself() {
	build_and_execute(|| {
		assert_eq!(ResourceVerification::capability(WORKER), None);
		let capability = pass();
		assert!(capability.is_valid_at(5));
		assert!(capability.is_valid_at(5 + VALIDITY_BLOCKS));
		assert!(!capability.is_valid_at(5 + VALIDITY_BLOCKS + 1));
	});
}

#[test]
fn proof_counts_on_while_the_next_challenge_runs() {
	build_and_execute(|| {
		let capability = pass();
		run_to(1 + REQUEST_INTERVAL_BLOCKS);
		assert_ok!(ResourceVerification::request_challenge(machine()));
		assert_eq!(challenge().stage, Stage::Requested);
		assert_eq!(ResourceVerification::capability(WORKER), Some(capability));
	});
}

#[test]
fn p7_proof_ends_when_the_next_challenge_is_not_answered() {
	build_and_execute(|| {
		let capability = pass();
		run_to(1 + REQUEST_INTERVAL_BLOCKS);
		assert_ok!(ResourceVerification::request_challenge(machine()));
		run_to(3 + REQUEST_INTERVAL_BLOCKS);
		assert_ok!(ResourceVerification::commit_challenge(machine(), honest_run().commitment()));
		let valid_until = challenge().answer_deadline().expect("committed");
		assert!(valid_until < capability.valid_until);
		let at_stake = Capability { valid_until, ..capability };
		assert_eq!(ResourceVerification::capability(WORKER), Some(at_stake));
	});
}

#[test]
fn p7_proof_is_not_prolonged_by_a_commitment() {
	build_and_execute(|| {
		pass();
		Capabilities::<Test>::mutate_extant(WORKER, |capability| capability.valid_until = 22);
		run_to(1 + REQUEST_INTERVAL_BLOCKS);
		assert_ok!(ResourceVerification::request_challenge(machine()));
		run_to(3 + REQUEST_INTERVAL_BLOCKS);
		assert_ok!(ResourceVerification::commit_challenge(machine(), honest_run().commitment()));
		let kept = ResourceVerification::capability(WORKER).expect("passed");
		assert_eq!(kept.valid_until, 22);
	});
}

#[test]
fn nothing_is_kept_when_a_machine_is_forgotten() {
	build_and_execute(|| {
		pass();
		ResourceVerification::forget(WORKER);
		assert_eq!(Capabilities::<Test>::get(WORKER), None);
		assert_eq!(Challenges::<Test>::get(WORKER), None);
	});
}
