//! Every step of a challenge, and every way in which one is lost.

use super::*;
use aidragon_primitives::challenge::{Commitment, MatrixSize};

const SEED: Hash32 = [1; 32];
const OTHER: Hash32 = [2; 32];
const BEACON: Hash32 = [3; 32];
const RUN: Commitment = Commitment { size: MatrixSize::N1024, rounds: 40, root: [4; 32] };
const COMMITTED: Committed = Committed::Run(RUN);
const DONE: Local = Local::Done { seed: SEED, committed: Some(COMMITTED) };
const VALIDITY_BLOCKS: u32 = Slot::Processor.validity_blocks();
const LOST_INTERVAL_BLOCKS: u32 = Slot::Processor.lost_interval_blocks();

/// An idle machine without a proof, at block 100.
fn idle() -> Sight {
	Sight {
		slot: Slot::Processor,
		best_number: 100,
		proof: None,
		challenge: None,
		seed: None,
		final_challenge: None,
		final_seed: None,
		final_openings_beacon: None,
		is_idle: true,
		has_room: true,
		is_other_computing: false,
		is_audited: false,
	}
}

/// A challenge that was asked for in block 100.
fn challenge(slot: Slot, stage: Stage) -> Challenge {
	Challenge { slot, requested_at: 100, is_called: false, proof_until: 0, stage }
}

fn proof(valid_until: BlockNumber) -> Option<Proof> {
	Some(Proof { amount: 1_000, proved_at: 1, valid_until })
}

/// Asked for in block 100, so that the commitment may stand in block 106.
fn requested(best_number: BlockNumber, seed: Option<Hash32>) -> Sight {
	let challenge = Some(challenge(Slot::Processor, Stage::Requested));
	Sight { best_number, challenge, seed, ..idle() }
}

/// Committed in block 105, so that the openings may stand in block 117.
fn committed(best_number: BlockNumber, beacon: Option<Hash32>) -> Sight {
	let stage = Stage::Committed { committed: COMMITTED, committed_at: 105 };
	let challenge = Some(challenge(Slot::Processor, stage));
	Sight {
		best_number,
		challenge,
		seed: Some(SEED),
		final_challenge: challenge,
		final_seed: Some(SEED),
		final_openings_beacon: beacon,
		..idle()
	}
}

#[test]
fn an_idle_machine_without_a_lasting_proof_asks() {
	assert_eq!(next_step(&idle(), &Local::Idle), Step::Request);
	let lasting = Sight { proof: proof(100 + VALIDITY_BLOCKS / 4), ..idle() };
	assert_eq!(next_step(&lasting, &Local::Idle), Step::Wait);
	let ending = Sight { proof: proof(99 + VALIDITY_BLOCKS / 4), ..idle() };
	assert_eq!(next_step(&ending, &Local::Idle), Step::Request);
}

#[test]
fn a_machine_whose_last_proof_is_checked_by_others_does_not_ask() {
	let audited = Sight { is_audited: true, ..idle() };
	assert_eq!(next_step(&audited, &Local::Idle), Step::Wait);
}

#[test]
fn a_busy_machine_does_not_ask() {
	let busy = Sight { is_idle: false, ..idle() };
	assert_eq!(next_step(&busy, &Local::Idle), Step::Wait);
}

#[test]
fn a_lost_challenge_is_asked_for_again_after_the_interval() {
	let failed = Some(challenge(Slot::Processor, Stage::Failed));
	let at = |best_number| Sight { best_number, challenge: failed, ..idle() };
	let first = 100 + LOST_INTERVAL_BLOCKS - 1;
	assert_eq!(next_step(&at(first - 1), &Local::Idle), Step::Wait);
	assert_eq!(next_step(&at(first), &Local::Idle), Step::Request);
}

#[test]
fn a_run_begins_once_the_seed_is_known_and_while_it_can_be_a_good_one() {
	assert_eq!(next_step(&requested(101, None), &Local::Idle), Step::Wait);
	let compute = Step::Compute { seed: SEED, deadline: 106 };
	assert_eq!(next_step(&requested(102, Some(SEED)), &Local::Idle), compute);
	assert_eq!(next_step(&requested(103, Some(SEED)), &Local::Idle), compute);
	assert_eq!(next_step(&requested(104, Some(SEED)), &Local::Idle), Step::Wait);
}

#[test]
fn a_run_from_a_reorganised_seed_is_given_up() {
	let seen = requested(103, Some(OTHER));
	assert!(matches!(next_step(&seen, &Local::Computing(SEED)), Step::Discard(_)));
	assert!(matches!(next_step(&seen, &DONE), Step::Discard(_)));
	let gone = requested(103, None);
	assert!(matches!(next_step(&gone, &Local::Computing(SEED)), Step::Discard(_)));
}

#[test]
fn a_finished_run_is_committed_in_time_or_not_at_all() {
	assert_eq!(next_step(&requested(103, Some(SEED)), &Local::Computing(SEED)), Step::Wait);
	assert_eq!(next_step(&requested(105, Some(SEED)), &DONE), Step::Commit(COMMITTED));
	assert!(matches!(next_step(&requested(106, Some(SEED)), &DONE), Step::Discard(_)));
	let empty = Local::Done { seed: SEED, committed: None };
	assert!(matches!(next_step(&requested(105, Some(SEED)), &empty), Step::Discard(_)));
}

#[test]
fn openings_wait_for_finality() {
	let open = Step::Open { committed: COMMITTED, beacon: BEACON };
	assert_eq!(next_step(&committed(109, Some(BEACON)), &DONE), open);
	assert_eq!(next_step(&committed(109, None), &DONE), Step::Wait);
	let unfinal = Sight { final_challenge: None, ..committed(109, Some(BEACON)) };
	assert_eq!(next_step(&unfinal, &DONE), Step::Wait);
}

#[test]
fn openings_of_another_seed_are_never_sent() {
	let seen = Sight { final_seed: Some(OTHER), ..committed(109, Some(BEACON)) };
	assert!(matches!(next_step(&seen, &DONE), Step::Discard(_)));
	let other = Committed::Run(Commitment { rounds: 41, ..RUN });
	let done = Local::Done { seed: SEED, committed: Some(other) };
	assert!(matches!(next_step(&committed(109, Some(BEACON)), &done), Step::Discard(_)));
}

#[test]
fn a_run_that_died_with_the_process_is_computed_again() {
	let seen = committed(107, None);
	let again = Step::Recompute { seed: SEED, committed: COMMITTED };
	assert_eq!(next_step(&seen, &Local::Idle), again);
	assert_eq!(next_step(&seen, &Local::Computing(SEED)), Step::Wait);
}

#[test]
fn memory_is_freed_when_the_challenge_is_over() {
	let late = committed(117, Some(BEACON));
	assert!(matches!(next_step(&late, &DONE), Step::Discard(_)));
	let passed = Some(challenge(Slot::Processor, Stage::Passed));
	let seen = Sight { challenge: passed, proof: proof(2_000), ..idle() };
	assert!(matches!(next_step(&seen, &DONE), Step::Discard(_)));
	assert_eq!(next_step(&seen, &Local::Idle), Step::Wait);
}

#[test]
fn a_challenge_that_the_chain_called_for_is_taken_up_late_rather_than_never() {
	let called = |best_number| {
		let challenge =
			Challenge { is_called: true, ..challenge(Slot::Processor, Stage::Requested) };
		let sight = requested(best_number, Some(SEED));
		Sight { challenge: Some(challenge), proof: proof(106), ..sight }
	};
	let compute = Step::Compute { seed: SEED, deadline: 106 };
	assert_eq!(next_step(&called(104), &Local::Idle), compute);
	assert_eq!(next_step(&called(105), &Local::Idle), Step::Wait);
}

#[test]
fn a_fill_waits_for_room_and_then_has_its_longer_window() {
	let memory = |best_number, has_room| {
		let challenge = Some(challenge(Slot::Memory, Stage::Requested));
		let slot = Slot::Memory;
		Sight { slot, challenge, has_room, ..requested(best_number, Some(SEED)) }
	};
	assert_eq!(next_step(&memory(102, false), &Local::Idle), Step::Wait);
	let compute = Step::Compute { seed: SEED, deadline: 122 };
	assert_eq!(next_step(&memory(102, true), &Local::Idle), compute);
	assert_eq!(next_step(&memory(120, true), &Local::Idle), compute);
	let beside = Sight { is_other_computing: true, ..memory(102, true) };
	assert_eq!(next_step(&beside, &Local::Idle), Step::Wait);
	let without = Sight { slot: Slot::Memory, has_room: false, ..idle() };
	assert_eq!(next_step(&without, &Local::Idle), Step::Wait);
}
