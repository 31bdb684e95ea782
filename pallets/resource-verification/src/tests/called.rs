//! Challenges that the chain calls for, of one machine at a time and of a whole class in one window.

use crate::{called::CLASS_SAMPLE_MAX, mock::*, Capabilities, Challenges, Duties, Error, Event};
use aidragon_primitives::{
	audit::AUDIT_BLOCKS,
	interface::{Beacon, Capabilities as _},
	verification::{Challenge, Committed, Slot, Stage, REQUEST_INTERVAL_BLOCKS},
	BlockNumber, WorkerId,
};
use frame_support::{assert_noop, assert_ok, traits::Hooks};
use std::collections::BTreeSet;

/// The last block of the proofs here, beyond every test.
const UNTIL: BlockNumber = 90_000;

/// Gives `worker` every place on the roster.
fn is_alone_on_line(worker: WorkerId) {
	Online::set(vec![worker; PLACES]);
}

fn called(worker: WorkerId) -> Option<Challenge> {
	Slot::ALL
		.into_iter()
		.filter_map(|slot| Challenges::<Test>::get((worker, slot)))
		.find(|challenge| challenge.is_called)
}

fn valid_until() -> Option<BlockNumber> {
	let capability = ResourceVerification::capability(WORKER)?;
	capability.processor.map(|proof| proof.valid_until)
}

/// Lets [`WORKER`]'s processors be called, and gives the block of the call.
fn processor_is_called() -> BlockNumber {
	prove(WORKER, Slot::Processor, UNTIL);
	run_to_call()
}

#[test]
fn idle_machine_is_called_and_its_proof_ends_with_the_deadline() {
	build_and_execute(|| {
		let now = processor_is_called();
		let slot = Slot::Processor;
		let stage = Stage::Requested;
		let expected =
			Challenge { slot, requested_at: now, is_called: true, proof_until: UNTIL, stage };
		assert_eq!(challenge(), expected);
		let commit_deadline = now + 6;
		let is_called = true;
		System::assert_last_event(
			Event::ChallengeRequested { worker: WORKER, slot, is_called, commit_deadline }.into(),
		);
		assert_eq!(valid_until(), Some(commit_deadline));
		// A called challenge is taken up as one that was asked for.
		run_to(now + 2);
		assert!(ResourceVerification::challenge_seed(WORKER, slot).is_some());
	});
}

#[test]
fn p5_same_challenges_are_called_where_another_one_advanced_the_beacon_first() {
	let calls = |advances: bool| {
		let mut called = Vec::new();
		build_and_execute(|| {
			for slot in Slot::ALL {
				prove(WORKER, slot, UNTIL);
			}
			is_alone_on_line(WORKER);
			System::reset_events();
			for block in 2..40 {
				System::set_block_number(block);
				if advances {
					<ResourceVerification as Beacon>::advance();
				}
				ResourceVerification::on_initialize(block);
			}
			called = System::events();
			Online::set(Vec::new());
		});
		called
	};
	let expected = calls(false);
	assert!(!expected.is_empty());
	assert_eq!(calls(true), expected);
}

#[test]
fn single_machine_on_line_is_called_at_some_time() {
	build_and_execute(|| {
		prove(WORKER, Slot::Processor, UNTIL);
		Online::set(vec![WORKER]);
		run_to(10_000);
		assert!(challenge().is_called && challenge().requested_at > 1);
		// It did not answer, so it has nothing to lose any more, and is left alone.
		assert_eq!(valid_until(), Some(challenge().commit_deadline()));
	});
}

#[test]
fn either_slot_is_called() {
	build_and_execute(|| {
		is_alone_on_line(WORKER);
		let mut slots = Vec::new();
		while slots.len() < 2 {
			assert!(System::block_number() < 200);
			for slot in Slot::ALL {
				prove(WORKER, slot, UNTIL);
			}
			run_to(System::block_number() + 1);
			slots.extend(called(WORKER).map(|challenge| challenge.slot));
			slots.dedup();
		}
	});
}

#[test]
fn busy_machine_is_passed_over() {
	build_and_execute(|| {
		prove(WORKER, Slot::Processor, UNTIL);
		is_alone_on_line(WORKER);
		Busy::set(vec![WORKER]);
		run_to(200);
		assert_eq!((called(WORKER), valid_until()), (None, Some(UNTIL)));
		Busy::set(Vec::new());
		run_to(250);
		assert!(called(WORKER).is_some());
	});
}

#[test]
fn machine_with_nothing_to_lose_is_passed_over() {
	build_and_execute(|| {
		is_alone_on_line(WORKER);
		run_to(200);
		assert_eq!(Challenges::<Test>::iter().count(), 0, "it proved nothing");
		prove(WORKER, Slot::Processor, 199);
		run_to(400);
		assert_eq!(called(WORKER), None, "its proof is old");
	});
}

#[test]
fn p7_asking_for_a_challenge_is_no_way_around_a_call() {
	for own in Slot::ALL {
		build_and_execute(|| {
			for slot in Slot::ALL {
				prove(WORKER, slot, UNTIL);
			}
			run_to(30);
			assert_ok!(ResourceVerification::request_challenge(machine(), own));
			is_alone_on_line(WORKER);
			run_to(36);
			assert!(called(WORKER).is_some_and(|called| called.requested_at > 30));
		});
	}
}

#[test]
fn machine_that_owes_openings_is_passed_over() {
	build_and_execute(|| {
		prove(WORKER, Slot::Memory, UNTIL);
		let run = committed_run();
		is_alone_on_line(WORKER);
		run_to(challenge().answer_deadline().expect("committed"));
		assert_eq!(called(WORKER), None);
		drop(run);
		run_to(System::block_number() + 20);
		assert!(called(WORKER).is_some());
	});
}

#[test]
fn p6_nobody_is_called_again_while_a_call_runs() {
	build_and_execute(|| {
		for slot in Slot::ALL {
			prove(WORKER, slot, UNTIL);
		}
		is_alone_on_line(WORKER);
		let mut requests = Vec::new();
		for block in 2..200 {
			run_to(block);
			let open: Vec<_> = Challenges::<Test>::iter_values()
				.filter(|challenge| challenge.is_called && challenge.is_running_at(block))
				.collect();
			assert!(open.len() <= 1, "{open:?}");
			requests.extend(open.into_iter().map(|challenge| challenge.requested_at));
			requests.dedup();
		}
		assert_eq!(requests.len(), 2, "each slot had one proof to lose");
	});
}

#[test]
fn called_challenge_that_is_answered_renews_the_proof() {
	build_and_execute(|| {
		let now = processor_is_called();
		run_to(now + 3);
		let run = honest_run();
		let committed = Committed::Run(run.commitment());
		assert_ok!(ResourceVerification::commit_challenge(machine(), committed));
		// The older proof lives on until the openings are due.
		let answer_deadline = challenge().answer_deadline().expect("committed");
		assert!(answer_deadline > challenge().commit_deadline());
		assert_eq!(valid_until(), Some(answer_deadline));
		run_to(now + 5);
		assert_ok!(ResourceVerification::submit_openings(
			machine(),
			bounded(open(&run)),
			archive()
		));
		assert_eq!(valid_until(), Some(now + 5 + Slot::Processor.validity_blocks()));
		assert_eq!(Heard::get(), vec![(WORKER, Slot::Processor, Outcome::Proved)]);
	});
}

#[test]
fn p7_pending_audit_does_not_stop_a_call_and_its_pass_begins_another() {
	build_and_execute(|| {
		let first = pass(&committed_run(), archive(), 0..21);
		let request = || ResourceVerification::request_challenge(machine(), Slot::Processor);
		let now = run_to_call();
		assert_eq!(challenge().requested_at, now);
		// Nor does the call end the audit.
		assert_eq!(audit(), Some(first.clone()));
		let run = commit_honest_run();
		assert_eq!(audit(), Some(first.clone()));
		let second = pass(&run, archive(), 21..42);
		assert!(second.beacon != first.beacon && second.closes_at == now + 4 + AUDIT_BLOCKS);
		assert_eq!((second.drawn, second.confirmed), (3, 0));
		assert!(!MayRise::get(), "nobody confirmed the first");
		let obliged: BTreeSet<_> = Duties::<Test>::iter_keys().collect();
		assert_eq!(obliged, second.auditors.iter().copied().collect());
		// The wait is for the newer one.
		let confirm = |auditor| {
			ResourceVerification::confirm_audit(machine_of(auditor), WORKER, Slot::Processor)
		};
		run_to(now + REQUEST_INTERVAL_BLOCKS);
		assert_noop!(confirm(first.auditors[0]), Error::<Test>::NotAuditor);
		assert_noop!(request(), Error::<Test>::AuditPending);
		assert_ok!(confirm(second.auditors[0]));
		assert_ok!(request());
	});
}

#[test]
fn p7_call_that_is_not_taken_up_is_no_way_around_a_pending_audit() {
	build_and_execute(|| {
		let audit = pass(&committed_run(), archive(), 0..21);
		let request = || ResourceVerification::request_challenge(machine(), Slot::Processor);
		let now = run_to_call();
		run_to(now + REQUEST_INTERVAL_BLOCKS - 1);
		assert_noop!(request(), Error::<Test>::ChallengePending);
		run_to(now + REQUEST_INTERVAL_BLOCKS);
		assert_noop!(request(), Error::<Test>::AuditPending);
		run_to(audit.closes_at + 1);
		assert_ok!(request());
	});
}

#[test]
fn called_challenge_does_not_prolong_a_proof_that_ends_before() {
	build_and_execute(|| {
		let now = processor_is_called();
		run_to(now + 3);
		// As if the older proof had ended with this block anyway.
		Challenges::<Test>::mutate_extant((WORKER, Slot::Processor), |challenge| {
			challenge.proof_until = now + 3;
		});
		let committed = Committed::Run(honest_run().commitment());
		assert_ok!(ResourceVerification::commit_challenge(machine(), committed));
		assert_eq!(valid_until(), Some(now + 3));
	});
}

#[test]
fn p7_called_challenge_that_is_not_taken_up_is_lost() {
	build_and_execute(|| {
		let now = processor_is_called();
		let deadline = now + 6;
		run_to(deadline + 1);
		let capability = ResourceVerification::capability(WORKER).expect("proved once");
		assert_eq!(capability.throughput_mops(deadline), 1_000);
		assert_eq!(capability.throughput_mops(deadline + 1), 0);
		run_to(now + REQUEST_INTERVAL_BLOCKS);
		assert_eq!(Heard::get(), vec![], "nothing waits: it is noted with the next challenge");
		assert_ok!(ResourceVerification::request_challenge(machine(), Slot::Processor));
		assert_eq!(Heard::get(), vec![(WORKER, Slot::Processor, Outcome::Failed)]);
		assert_eq!(Slashed::get(), vec![]);
	});
}

#[test]
fn p7_called_challenge_that_is_committed_and_not_opened_is_lost() {
	build_and_execute(|| {
		let now = processor_is_called();
		run_to(now + 3);
		let committed = Committed::Run(honest_run().commitment());
		assert_ok!(ResourceVerification::commit_challenge(machine(), committed));
		let interval = Slot::Processor.lost_interval_blocks();
		run_to(now + interval - 1);
		assert!(ResourceVerification::request_challenge(machine(), Slot::Processor).is_err());
		run_to(now + interval);
		assert_ok!(ResourceVerification::request_challenge(machine(), Slot::Processor));
		assert_eq!(Heard::get(), vec![(WORKER, Slot::Processor, Outcome::Failed)]);
	});
}

/// Runs with `machines` machines on line, all proved, up to a window of their class, and gives those that are
/// challenged in it.
fn class_is_challenged(machines: u32) -> Vec<WorkerId> {
	Online::set((0..machines).collect());
	loop {
		// Whoever was called by itself on the way is as good as new.
		for worker in 0..machines {
			for slot in Slot::ALL {
				prove(worker, slot, UNTIL);
			}
		}
		System::reset_events();
		let now = System::block_number() + 1;
		assert!(now < 6_000, "one window in 600 blocks");
		run_to(now);
		let window = System::events().into_iter().find_map(|record| match record.event {
			RuntimeEvent::ResourceVerification(Event::ClassChallenged { tier, slot, machines }) => {
				Some((tier, slot, machines))
			}
			_ => None,
		});
		let Some((tier, slot, count)) = window else { continue };
		assert_eq!((tier, count), (1, machines.min(CLASS_SAMPLE_MAX)));
		let mut challenged: Vec<_> = Challenges::<Test>::iter()
			.filter(|(_, challenge)| challenge.is_called && challenge.requested_at == now)
			.map(|((worker, challenged), _)| {
				assert_eq!(challenged, slot);
				worker
			})
			.collect();
		challenged.sort_unstable();
		return challenged;
	}
}

#[test]
fn p6_window_of_a_class_challenges_no_more_than_sixteen_machines_in_one_block() {
	build_and_execute(|| {
		let challenged = class_is_challenged(40);
		assert_eq!(challenged.len(), CLASS_SAMPLE_MAX as usize);
		assert_eq!(CLASS_SAMPLE_MAX, 16);
	});
}

#[test]
fn window_of_a_small_class_challenges_all_of_it() {
	build_and_execute(|| {
		assert_eq!(class_is_challenged(5), vec![0, 1, 2, 3, 4]);
	});
}

#[test]
fn p7_machines_of_a_class_have_different_seeds_in_the_same_window() {
	build_and_execute(|| {
		let challenged = class_is_challenged(5);
		run_to(System::block_number() + 2);
		let mut seeds: Vec<_> = challenged
			.iter()
			.filter_map(|worker| called(*worker).map(|challenge| (*worker, challenge.slot)))
			.map(|(worker, slot)| {
				ResourceVerification::challenge_seed(worker, slot).expect("drawn")
			})
			.collect();
		seeds.sort_unstable();
		seeds.dedup();
		assert_eq!(seeds.len(), 5);
	});
}

#[test]
fn busy_machines_are_passed_over_in_a_window_of_their_class() {
	build_and_execute(|| {
		Busy::set(vec![1, 3]);
		assert_eq!(class_is_challenged(5), vec![0, 2, 4]);
	});
}

#[test]
fn p5_nobody_is_called_without_a_fresh_beacon() {
	build_and_execute(|| {
		prove(WORKER, Slot::Processor, UNTIL);
		is_alone_on_line(WORKER);
		AuthorVrf::set(None);
		run_to(300);
		assert_eq!(called(WORKER), None);
		assert_eq!(System::events(), vec![]);
		AuthorVrf::set(Some([6; 32]));
		run_to(350);
		assert!(called(WORKER).is_some());
	});
}

#[test]
fn nobody_is_called_where_nobody_is_on_line() {
	build_and_execute(|| {
		prove(WORKER, Slot::Processor, UNTIL);
		run_to(3_000);
		assert_eq!(called(WORKER), None);
		assert_eq!(Capabilities::<Test>::iter().count(), 1);
	});
}
