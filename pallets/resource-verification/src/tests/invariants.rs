//! The invariants see what they are there to see.

use crate::{mock::*, Audits, Beacons, Capabilities, Challenges, Duties, LatestBeacon};
use aidragon_primitives::{
	audit::Audit,
	verification::{Challenge, Slot, Stage},
	worker::{Capability, Proof},
};
use frame_support::assert_ok;
use sp_runtime::TryRuntimeError;

/// Breaks the storage of a chain with one proved machine, which machine 1 audits, and expects `message`.
fn assert_caught(corrupt: impl FnOnce(), message: &'static str) {
	new_test_ext().execute_with(|| {
		run_to(2 * HISTORY);
		for slot in Slot::ALL {
			prove(WORKER, slot, 9_000);
			begin_audit(WORKER, slot, 1);
		}
		assert_ok!(ResourceVerification::do_try_state());
		corrupt();
		assert_eq!(ResourceVerification::do_try_state(), Err(TryRuntimeError::Other(message)));
	});
}

/// Breaks the proof of either slot in turn.
fn assert_proof_caught(corrupt: fn(&mut Proof), message: &'static str) {
	for slot in Slot::ALL {
		let corrupt = |capability: &mut Capability| {
			corrupt(capability.proof_mut(slot).as_mut().expect("proved"))
		};
		assert_caught(|| Capabilities::<Test>::mutate_extant(WORKER, corrupt), message);
	}
}

#[test]
fn p6_try_state_catches_a_beacon_that_was_not_cleared() {
	assert_caught(|| Beacons::<Test>::insert(0, [0; 32]), "more beacons are kept than the history");
}

#[test]
fn try_state_catches_a_newest_beacon_outside_of_the_history() {
	let message = "the newest beacon is not in the history";
	assert_caught(|| LatestBeacon::<Test>::put((2 * HISTORY, [0; 32])), message);
	assert_caught(|| Beacons::<Test>::remove(2 * HISTORY), message);
}

#[test]
fn p4_try_state_catches_a_proof_of_nothing() {
	assert_proof_caught(|proof| proof.amount = 0, "a proof of nothing");
}

#[test]
fn p4_try_state_catches_a_proof_from_the_future() {
	assert_proof_caught(|proof| proof.proved_at = 2 * HISTORY + 1, "a proof from the future");
}

#[test]
fn p4_try_state_catches_a_proof_without_a_passed_challenge() {
	let message = "a proof without a passed challenge";
	for slot in Slot::ALL {
		assert_caught(|| Challenges::<Test>::remove((WORKER, slot)), message);
		let fail = |challenge: &mut Challenge| challenge.stage = Stage::Failed;
		assert_caught(|| Challenges::<Test>::mutate_extant((WORKER, slot), fail), message);
	}
}

#[test]
fn try_state_catches_a_challenge_under_another_slot() {
	let swap = |challenge: &mut Challenge| challenge.slot = Slot::Processor;
	assert_caught(
		|| Challenges::<Test>::mutate_extant((WORKER, Slot::Memory), swap),
		"a challenge stands under another slot",
	);
}

/// Breaks the audit of either slot in turn.
fn assert_audit_caught(corrupt: fn(&mut Audit), message: &'static str) {
	for slot in Slot::ALL {
		assert_caught(|| Audits::<Test>::mutate_extant((WORKER, slot), corrupt), message);
	}
}

#[test]
fn try_state_catches_an_audit_under_another_slot() {
	let swap = || {
		let audit = Audits::<Test>::get((WORKER, Slot::Processor)).expect("begun");
		Audits::<Test>::insert((WORKER, Slot::Memory), audit);
	};
	assert_caught(swap, "an audit stands under another slot");
}

#[test]
fn p7_try_state_catches_a_confirmation_of_nobody_who_was_drawn() {
	let message = "more auditors confirmed than were drawn";
	// The only auditor has not said anything yet.
	assert_audit_caught(|audit| audit.confirmed = 1, message);
	assert_audit_caught(|audit| (audit.confirmed, audit.drawn) = (3, 3), message);
}

#[test]
fn try_state_catches_a_duty_without_an_audit() {
	let message = "a duty without an audit";
	for slot in Slot::ALL {
		assert_caught(|| Audits::<Test>::remove((WORKER, slot)), message);
	}
	// There is one, of which it is no auditor, or has had its word.
	assert_audit_caught(|audit| audit.auditors.clear(), message);
	let oblige_another = || {
		let duty = (WORKER, Slot::Memory);
		assert_ok!(Duties::<Test>::mutate(2, |duties| duties.try_push(duty)));
	};
	assert_caught(oblige_another, message);
}
