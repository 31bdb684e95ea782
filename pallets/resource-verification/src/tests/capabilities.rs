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
fn nothing_is_kept_when_a_machine_is_forgotten() {
	build_and_execute(|| {
		pass();
		ResourceVerification::forget(WORKER);
		assert_eq!(Capabilities::<Test>::get(WORKER), None);
		assert_eq!(Challenges::<Test>::get(WORKER), None);
	});
}
