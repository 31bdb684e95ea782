//! Opening what was drawn: honest runs pass, others fail.

use crate::{mock::*, Capabilities, Error, Event};
use aidragon_primitives::{
	audit::AUDIT_BLOCKS,
	challenge::{
		verify, Commitment, MatrixSize, NextRows, Opening, Portable, Prover, ROUNDS_MAX,
		WINDOW_BLOCKS,
	},
	merkle::Software,
	verification::{Answer, Challenge, Committed, Slot, Stage},
	worker::{Capability, Proof},
};
use frame_support::{assert_noop, assert_ok};

fn submit(openings: Vec<Opening>) -> sp_runtime::DispatchResult {
	ResourceVerification::submit_openings(machine(), bounded(openings), archive())
}

fn commit(commitment: Commitment) -> sp_runtime::DispatchResult {
	ResourceVerification::commit_challenge(machine(), Committed::Run(commitment))
}

fn processor_proof() -> Option<Proof> {
	Capabilities::<Test>::get(WORKER).and_then(|capability| capability.processor)
}

/// The challenge of block 1, at another stage.
fn challenge_at(stage: Stage) -> Challenge {
	let slot = Slot::Processor;
	Challenge { slot, requested_at: 1, is_called: false, proof_until: 0, stage }
}

#[test]
fn p4_honest_run_proves_its_throughput() {
	build_and_execute(|| {
		let run = committed_run();
		assert_ok!(submit(open(&run)));
		let slot = Slot::Processor;
		let proof = Proof {
			amount: run.commitment().throughput_mops(WINDOW_BLOCKS),
			proved_at: 5,
			valid_until: 5 + slot.validity_blocks(),
		};
		assert_eq!(proof.amount, 44);
		let capability = Capability { processor: Some(proof), ..Default::default() };
		assert_eq!(Capabilities::<Test>::get(WORKER), Some(capability));
		assert_eq!(challenge(), challenge_at(Stage::Passed));
		assert_eq!(Heard::get(), vec![(WORKER, Slot::Processor, Outcome::Proved)]);
		System::assert_has_event(Event::ChallengePassed { worker: WORKER, slot, proof }.into());
		let (auditors, closes_at) = (vec![], 5 + AUDIT_BLOCKS);
		System::assert_last_event(
			Event::AuditBegun { worker: WORKER, slot, auditors, closes_at }.into(),
		);
	});
}

#[test]
fn p4_machine_loses_what_it_proved_when_it_changes_an_element() {
	build_and_execute(|| {
		let run = committed_run();
		let before = Proof { amount: 1_000, proved_at: 1, valid_until: 9_000 };
		let capability = Capability { processor: Some(before), ..Default::default() };
		Capabilities::<Test>::insert(WORKER, capability);
		let mut openings = open(&run);
		for opening in &mut openings[5..] {
			opening.leaf_after[0] ^= 1;
		}
		assert_ok!(submit(openings));
		assert_eq!(processor_proof(), None);
		assert_eq!(challenge(), challenge_at(Stage::Failed));
		assert_eq!(Heard::get(), vec![(WORKER, Slot::Processor, Outcome::Failed)]);
		let slot = Slot::Processor;
		let failed = Event::ChallengeFailed { worker: WORKER, slot, opening: 5, slashed: 0 };
		System::assert_last_event(failed.into());
	});
}

#[test]
fn p8_nothing_is_slashed_for_openings_that_prove_nothing() {
	let useless: [fn(&mut Opening); 4] = [
		|opening| *opening = Opening::default(),
		|opening| opening.leaf_after[0] ^= 1,
		|opening| opening.leaf_path.0.clear(),
		|opening| opening.leaf_after.truncate(64),
	];
	for spoil in useless {
		build_and_execute(|| {
			let mut openings = open(&committed_run());
			spoil(&mut openings[3]);
			assert_ok!(submit(openings));
			assert_eq!(challenge().stage, Stage::Failed);
			assert_eq!(Slashed::get(), vec![]);
		});
	}
}

#[test]
fn p7_machine_proves_nothing_when_it_skipped_a_round() {
	build_and_execute(|| {
		seed_is_known();
		let seed = ResourceVerification::challenge_seed(WORKER, Slot::Processor).expect("drawn");
		// The forger's tree is consistent, but its second state was never computed.
		let size = MatrixSize::N512;
		let mut forged = Prover::new(seed, size);
		assert!(forged.run_round(&Portable));
		let zeros = NextRows::new(size, vec![0; size.state_bytes()]);
		assert!(forged.complete_round(vec![zeros]));
		assert_ok!(commit(forged.commitment()));
		run_to(5);
		let (commitment, positions) = drawn();
		let openings = open(&forged);
		let first_wrong = positions.iter().zip(&openings).position(|(position, opening)| {
			verify::<Software>(&seed, &commitment, position, opening).is_err()
		});
		let opening =
			first_wrong.expect("one of sixteen draws falls on the second of two rounds") as u32;
		assert_ok!(submit(openings));
		assert_eq!(Capabilities::<Test>::get(WORKER), None);
		assert_eq!(Slashed::get(), vec![(WORKER, 50, None)]);
		let slot = Slot::Processor;
		let failed = Event::ChallengeFailed { worker: WORKER, slot, opening, slashed: 50 };
		System::assert_last_event(failed.into());
	});
}

#[test]
fn p7_machine_proves_nothing_when_it_says_more_rounds_than_it_ran() {
	build_and_execute(|| {
		seed_is_known();
		let run = honest_run();
		let inflated = Commitment { rounds: ROUNDS_MAX, ..run.commitment() };
		assert_ok!(commit(inflated));
		run_to(5);
		let (_, positions) = drawn();
		let open = |position| run.open(position).unwrap_or_default();
		assert_ok!(submit(positions.iter().map(open).collect()));
		assert_eq!(Capabilities::<Test>::get(WORKER), None);
		assert_eq!(challenge().stage, Stage::Failed);
	});
}

#[test]
fn p7_machine_proves_nothing_with_anothers_run() {
	build_and_execute(|| {
		let other = || RuntimeOrigin::signed(OTHER_HOT_KEY);
		assert_ok!(ResourceVerification::request_challenge(other(), Slot::Processor));
		seed_is_known();
		let run = honest_run();
		for origin in [machine(), other()] {
			let committed = Committed::Run(run.commitment());
			assert_ok!(ResourceVerification::commit_challenge(origin, committed));
		}
		run_to(5);
		// The same beacon and the same elements: only the seed tells the two machines apart.
		let openings = open(&run);
		assert_ok!(ResourceVerification::submit_openings(
			other(),
			bounded(openings.clone()),
			archive()
		));
		assert_eq!(Capabilities::<Test>::get(1), None);
		assert_ok!(submit(openings));
		assert!(Capabilities::<Test>::contains_key(WORKER));
	});
}

#[test]
fn openings_are_refused_when_nothing_is_committed() {
	build_and_execute(|| {
		let nothing = || [bounded(vec![]), Answer::Fill(Default::default())];
		for answer in nothing() {
			let refused = ResourceVerification::submit_openings(machine(), answer, archive());
			assert_noop!(refused, Error::<Test>::NoChallenge);
		}
		seed_is_known();
		assert_ok!(ResourceVerification::request_challenge(machine(), Slot::Memory));
		for answer in nothing() {
			let refused = ResourceVerification::submit_openings(machine(), answer, archive());
			assert_noop!(refused, Error::<Test>::NotCommitted);
		}
	});
}

#[test]
fn p5_openings_are_refused_when_elements_are_not_drawn() {
	build_and_execute(|| {
		seed_is_known();
		let run = honest_run();
		assert_ok!(commit(run.commitment()));
		let openings = vec![Opening::default(); 16];
		assert_noop!(submit(openings), Error::<Test>::OpeningsUnknown);
		run_to(4);
		assert_ok!(submit(open(&run)));
	});
}

#[test]
fn openings_are_refused_when_their_number_is_wrong() {
	build_and_execute(|| {
		let run = committed_run();
		let openings = open(&run);
		assert_eq!(openings.len(), 16);
		assert_noop!(submit(vec![]), Error::<Test>::WrongOpeningCount);
		assert_noop!(submit(openings[..15].to_vec()), Error::<Test>::WrongOpeningCount);
	});
}

#[test]
fn openings_are_taken_at_the_deadline_and_refused_after_it() {
	build_and_execute(|| {
		let run = committed_run();
		let openings = open(&run);
		run_to(16);
		assert_noop!(submit(openings), Error::<Test>::TooLate);
	});
	build_and_execute(|| {
		let run = committed_run();
		run_to(15);
		assert_ok!(submit(open(&run)));
		assert_eq!(challenge().stage, Stage::Passed);
	});
}

#[test]
fn openings_are_refused_when_the_challenge_is_over() {
	build_and_execute(|| {
		let run = committed_run();
		let openings = open(&run);
		assert_ok!(submit(openings.clone()));
		assert_noop!(submit(openings), Error::<Test>::NoChallenge);
	});
	build_and_execute(|| {
		committed_run();
		let openings = vec![Opening::default(); 16];
		assert_ok!(submit(openings.clone()));
		assert_eq!(challenge().stage, Stage::Failed);
		assert_noop!(submit(openings), Error::<Test>::NoChallenge);
	});
}
