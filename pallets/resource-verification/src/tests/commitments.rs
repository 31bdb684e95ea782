//! Committing to a run.

use crate::{mock::*, Challenges, Error, Event};
use aidragon_primitives::{
	challenge::{Commitment, MatrixSize, ROUNDS_MAX},
	memory::MemoryCommitment,
	verification::{Committed, Slot, Stage},
};
use frame_support::{assert_noop, assert_ok};

const COMMITMENT: Commitment = Commitment { size: MatrixSize::N2048, rounds: 7, root: [9; 32] };

fn commit(commitment: Commitment) -> sp_runtime::DispatchResult {
	ResourceVerification::commit_challenge(machine(), Committed::Run(commitment))
}

fn commit_fill(memory_mib: u32) -> sp_runtime::DispatchResult {
	let fill = MemoryCommitment { memory_mib, root: [9; 32] };
	ResourceVerification::commit_challenge(machine(), Committed::Fill(fill))
}

/// Requests a memory's challenge in block 1 and goes to block 3, where its seed is known.
fn memory_seed_is_known() {
	assert_ok!(ResourceVerification::request_challenge(machine(), Slot::Memory));
	run_to(3);
}

#[test]
fn commitment_is_stored_with_its_block() {
	build_and_execute(|| {
		seed_is_known();
		assert_ok!(commit(COMMITMENT));
		assert_eq!(challenge().requested_at, 1);
		let committed = Committed::Run(COMMITMENT);
		assert_eq!(challenge().stage, Stage::Committed { committed, committed_at: 3 });
		System::assert_last_event(
			Event::ChallengeCommitted { worker: WORKER, committed, answer_deadline: 15 }.into(),
		);
	});
}

#[test]
fn commitment_of_a_fill_is_stored_with_its_block() {
	build_and_execute(|| {
		memory_seed_is_known();
		assert_ok!(commit_fill(64));
		let stored = Challenges::<Test>::get((WORKER, Slot::Memory)).expect("requested");
		let committed = Committed::Fill(MemoryCommitment { memory_mib: 64, root: [9; 32] });
		assert_eq!(stored.stage, Stage::Committed { committed, committed_at: 3 });
		assert_eq!(Challenges::<Test>::get((WORKER, Slot::Processor)), None);
		System::assert_last_event(
			Event::ChallengeCommitted { worker: WORKER, committed, answer_deadline: 11 }.into(),
		);
		assert_noop!(commit_fill(64), Error::<Test>::AlreadyCommitted);
	});
}

#[test]
fn commitment_of_a_fill_is_taken_at_the_deadline_and_refused_after_it() {
	build_and_execute(|| {
		memory_seed_is_known();
		run_to(24);
		assert_noop!(commit_fill(64), Error::<Test>::TooLate);
	});
	build_and_execute(|| {
		memory_seed_is_known();
		run_to(23);
		assert_ok!(commit_fill(64));
	});
}

#[test]
fn commitment_is_refused_when_memory_is_out_of_range() {
	build_and_execute(|| {
		memory_seed_is_known();
		for memory_mib in [0, 15] {
			assert_noop!(commit_fill(memory_mib), Error::<Test>::AmountOutOfRange);
		}
		assert_ok!(commit_fill(16));
	});
}

#[test]
fn commitment_is_refused_when_another_slot_is_challenged() {
	build_and_execute(|| {
		seed_is_known();
		assert_noop!(commit_fill(64), Error::<Test>::NoChallenge);
	});
	build_and_execute(|| {
		memory_seed_is_known();
		assert_noop!(commit(COMMITMENT), Error::<Test>::NoChallenge);
	});
}

#[test]
fn commitment_is_refused_when_no_challenge_was_requested() {
	build_and_execute(|| {
		assert_noop!(commit(COMMITMENT), Error::<Test>::NoChallenge);
	});
}

#[test]
fn p5_commitment_is_refused_when_the_seed_is_not_known() {
	build_and_execute(|| {
		assert_ok!(ResourceVerification::request_challenge(machine(), Slot::Processor));
		assert_noop!(commit(COMMITMENT), Error::<Test>::SeedUnknown);
		run_to(2);
		assert_ok!(commit(COMMITMENT));
	});
}

#[test]
fn commitment_is_refused_when_the_seed_block_has_no_beacon() {
	build_and_execute(|| {
		assert_ok!(ResourceVerification::request_challenge(machine(), Slot::Processor));
		AuthorVrf::set(None);
		run_to(7);
		assert_noop!(commit(COMMITMENT), Error::<Test>::SeedUnknown);
	});
}

#[test]
fn commitment_is_taken_at_the_deadline_and_refused_after_it() {
	build_and_execute(|| {
		seed_is_known();
		run_to(8);
		assert_noop!(commit(COMMITMENT), Error::<Test>::TooLate);
	});
	build_and_execute(|| {
		seed_is_known();
		run_to(7);
		assert_ok!(commit(COMMITMENT));
	});
}

#[test]
fn commitment_is_refused_when_rounds_are_out_of_range() {
	build_and_execute(|| {
		seed_is_known();
		for rounds in [0, ROUNDS_MAX + 1, u32::MAX] {
			assert_noop!(
				commit(Commitment { rounds, ..COMMITMENT }),
				Error::<Test>::AmountOutOfRange
			);
		}
		assert_ok!(commit(Commitment { rounds: ROUNDS_MAX, ..COMMITMENT }));
	});
}

#[test]
fn commitment_is_binding() {
	build_and_execute(|| {
		seed_is_known();
		assert_ok!(commit(COMMITMENT));
		assert_noop!(commit(COMMITMENT), Error::<Test>::AlreadyCommitted);
		let another = Commitment { rounds: 8, ..COMMITMENT };
		assert_noop!(commit(another), Error::<Test>::AlreadyCommitted);
	});
}

#[test]
fn commitment_is_refused_when_the_challenge_is_over() {
	build_and_execute(|| {
		let run = committed_run();
		assert_ok!(ResourceVerification::submit_openings(
			machine(),
			bounded(open(&run)),
			archive()
		));
		assert_noop!(commit(COMMITMENT), Error::<Test>::NoChallenge);
	});
}
