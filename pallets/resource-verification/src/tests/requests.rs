//! Asking for a challenge.

use crate::{mock::*, Challenges, Error, Event};
use aidragon_primitives::{
	audit::AUDIT_BLOCKS,
	memory::MemoryCommitment,
	verification::{Challenge, Committed, Slot, Stage, REQUEST_INTERVAL_BLOCKS},
	BlockNumber,
};
use frame_support::{assert_noop, assert_ok};

fn request(slot: Slot) -> sp_runtime::DispatchResult {
	ResourceVerification::request_challenge(machine(), slot)
}

fn commit(committed: Committed) -> sp_runtime::DispatchResult {
	ResourceVerification::commit_challenge(machine(), committed)
}

fn assert_next_request_is_at(slot: Slot, block: BlockNumber) {
	run_to(block - 1);
	assert_noop!(request(slot), Error::<Test>::ChallengePending);
	run_to(block);
	assert_ok!(request(slot));
	let stored = Challenges::<Test>::get((WORKER, slot)).expect("requested");
	assert_eq!(stored.requested_at, block);
}

#[test]
fn challenge_is_stored_when_requested() {
	for (slot, commit_deadline) in [(Slot::Processor, 7), (Slot::Memory, 23)] {
		build_and_execute(|| {
			assert_ok!(request(slot));
			let stage = Stage::Requested;
			let requested =
				Challenge { slot, requested_at: 1, is_called: false, proof_until: 0, stage };
			assert_eq!(Challenges::<Test>::iter().count(), 1);
			assert_eq!(Challenges::<Test>::get((WORKER, slot)), Some(requested));
			let is_called = false;
			System::assert_last_event(
				Event::ChallengeRequested { worker: WORKER, slot, is_called, commit_deadline }
					.into(),
			);
		});
	}
}

#[test]
fn request_is_refused_until_the_interval_is_over() {
	for (slot, wait) in [(Slot::Processor, REQUEST_INTERVAL_BLOCKS), (Slot::Memory, 23)] {
		build_and_execute(|| {
			assert_ok!(request(slot));
			assert_noop!(request(slot), Error::<Test>::ChallengePending);
			// Not before the window is over: a seed cannot be exchanged for a better one.
			assert_next_request_is_at(slot, 1 + wait);
		});
	}
}

#[test]
fn p7_request_is_refused_for_longer_when_nothing_was_answered() {
	build_and_execute(|| {
		seed_is_known();
		run_to(7);
		assert_ok!(commit(Committed::Run(honest_run().commitment())));
		assert_next_request_is_at(Slot::Processor, 1 + Slot::Processor.lost_interval_blocks());
		assert_eq!(Heard::get(), vec![(WORKER, Slot::Processor, Outcome::Failed)]);
	});
	build_and_execute(|| {
		assert_ok!(request(Slot::Memory));
		run_to(3);
		assert_ok!(commit(Committed::Fill(MemoryCommitment { memory_mib: 64, root: [1; 32] })));
		assert_next_request_is_at(Slot::Memory, 1 + Slot::Memory.lost_interval_blocks());
		assert_eq!(Heard::get(), vec![(WORKER, Slot::Memory, Outcome::Failed)]);
	});
}

#[test]
fn p7_request_is_refused_for_longer_when_failed() {
	build_and_execute(|| {
		committed_run();
		let useless = vec![Default::default(); 16];
		run_to(9);
		assert_ok!(ResourceVerification::submit_openings(machine(), bounded(useless), archive()));
		// From its request on, whenever its openings came.
		assert_eq!(challenge().requested_at, 1);
		assert_next_request_is_at(Slot::Processor, 1 + Slot::Processor.lost_interval_blocks());
		// It was told when it failed, and not again.
		assert_eq!(Heard::get(), vec![(WORKER, Slot::Processor, Outcome::Failed)]);
	});
}

#[test]
fn request_is_refused_until_the_interval_is_over_when_passed() {
	build_and_execute(|| {
		let run = committed_run();
		assert_ok!(ResourceVerification::submit_openings(
			machine(),
			bounded(open(&run)),
			archive()
		));
		assert_next_request_is_at(Slot::Processor, 1 + REQUEST_INTERVAL_BLOCKS);
		assert_eq!(Heard::get(), vec![(WORKER, Slot::Processor, Outcome::Proved)]);
	});
}

/// The first block in which another challenge may be requested but for the audit.
const NEXT: BlockNumber = 1 + REQUEST_INTERVAL_BLOCKS;

#[test]
fn p7_request_is_refused_while_the_last_proof_is_audited() {
	build_and_execute(|| {
		let audit = pass(&committed_run(), archive(), 0..21);
		run_to(NEXT - 1);
		assert_noop!(request(Slot::Processor), Error::<Test>::ChallengePending);
		for block in [NEXT, audit.closes_at] {
			run_to(block);
			assert_noop!(request(Slot::Processor), Error::<Test>::AuditPending);
		}
		run_to(audit.closes_at + 1);
		assert_ok!(request(Slot::Processor));
		assert_eq!(challenge().requested_at, audit.closes_at + 1);
	});
}

#[test]
fn request_is_taken_as_soon_as_one_auditor_confirmed() {
	build_and_execute(|| {
		let audit = pass(&committed_run(), archive(), 0..21);
		run_to(NEXT + 9);
		assert_noop!(request(Slot::Processor), Error::<Test>::AuditPending);
		let auditor = machine_of(audit.auditors[2]);
		assert_ok!(ResourceVerification::confirm_audit(auditor, WORKER, Slot::Processor));
		assert_ok!(request(Slot::Processor));
	});
	// A word in time makes the interval no shorter.
	build_and_execute(|| {
		let audit = pass(&committed_run(), archive(), 0..21);
		let auditor = machine_of(audit.auditors[2]);
		assert_ok!(ResourceVerification::confirm_audit(auditor, WORKER, Slot::Processor));
		assert_next_request_is_at(Slot::Processor, NEXT);
	});
}

#[test]
fn request_waits_for_no_audit_of_another_slot_or_machine() {
	build_and_execute(|| {
		begin_audit(WORKER, Slot::Memory, 1);
		begin_audit(1, Slot::Processor, WORKER);
		assert_ok!(request(Slot::Processor));
		assert_noop!(request(Slot::Memory), Error::<Test>::AuditPending);
		run_to(5 + AUDIT_BLOCKS);
		assert_noop!(request(Slot::Memory), Error::<Test>::AuditPending);
		run_to(6 + AUDIT_BLOCKS);
		assert_ok!(request(Slot::Memory));
	});
}

#[test]
fn p8_request_that_is_not_followed_up_costs_nothing_but_time() {
	build_and_execute(|| {
		for slot in Slot::ALL {
			assert_ok!(request(slot));
		}
		run_to(100);
		for slot in Slot::ALL {
			assert_ok!(request(slot));
		}
		assert_eq!(Heard::get(), vec![]);
	});
}

#[test]
fn p5_seeds_differ_between_machines_and_slots() {
	build_and_execute(|| {
		let other = || RuntimeOrigin::signed(OTHER_HOT_KEY);
		for slot in Slot::ALL {
			assert_ok!(request(slot));
			assert_ok!(ResourceVerification::request_challenge(other(), slot));
		}
		run_to(3);
		let mut seeds: Vec<_> = [WORKER, 1]
			.into_iter()
			.flat_map(|worker| Slot::ALL.map(|slot| (worker, slot)))
			.map(|(worker, slot)| {
				ResourceVerification::challenge_seed(worker, slot).expect("drawn")
			})
			.collect();
		seeds.sort_unstable();
		seeds.dedup();
		assert_eq!(seeds.len(), 4);
	});
}

#[test]
fn p5_seed_is_unknown_until_the_next_block() {
	for slot in Slot::ALL {
		build_and_execute(|| {
			assert_eq!(ResourceVerification::challenge_seed(WORKER, slot), None);
			assert_ok!(request(slot));
			run_to(2);
			assert!(ResourceVerification::challenge_seed(WORKER, slot).is_some());
		});
	}
}
