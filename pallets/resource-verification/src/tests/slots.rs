//! Processor and memory are challenged, proved and lost each by itself.

use crate::{mock::*, Capabilities, Challenges, Error};
use aidragon_primitives::{
	interface::Capabilities as _,
	memory::MemoryCommitment,
	verification::{Answer, Committed, Slot, Stage},
	worker::Proof,
};
use frame_support::{assert_noop, assert_ok};

fn proof(slot: Slot) -> Option<Proof> {
	ResourceVerification::capability(WORKER).and_then(|capability| capability.proof(slot))
}

fn commit_fill() -> sp_runtime::DispatchResult {
	let fill = MemoryCommitment { memory_mib: 64, root: [9; 32] };
	ResourceVerification::commit_challenge(machine(), Committed::Fill(fill))
}

#[test]
fn both_slots_are_challenged_at_the_same_time() {
	build_and_execute(|| {
		assert_ok!(ResourceVerification::request_challenge(machine(), Slot::Memory));
		seed_is_known();
		assert_ok!(commit_fill());
		assert_eq!(challenge().stage, Stage::Requested);
		let run = honest_run();
		let committed = Committed::Run(run.commitment());
		assert_ok!(ResourceVerification::commit_challenge(machine(), committed));
		run_to(5);
		assert_ok!(ResourceVerification::submit_openings(
			machine(),
			bounded(open(&run)),
			archive()
		));
		assert_eq!(challenge().stage, Stage::Passed);
		let memory = Challenges::<Test>::get((WORKER, Slot::Memory)).expect("requested");
		assert!(matches!(memory.stage, Stage::Committed { .. }));
		assert!(proof(Slot::Processor).is_some() && proof(Slot::Memory).is_none());
	});
}

#[test]
fn lost_processor_leaves_the_memorys_proof() {
	build_and_execute(|| {
		prove(WORKER, Slot::Memory, 9_000);
		let before = proof(Slot::Memory);
		committed_run();
		let useless = bounded(vec![Default::default(); 16]);
		assert_ok!(ResourceVerification::submit_openings(machine(), useless, archive()));
		assert_eq!((proof(Slot::Processor), proof(Slot::Memory)), (None, before));
	});
}

#[test]
fn proof_of_the_memory_is_at_stake_in_its_own_challenge_only() {
	build_and_execute(|| {
		for slot in Slot::ALL {
			prove(WORKER, slot, 9_000);
		}
		run_to(30);
		assert_ok!(ResourceVerification::request_challenge(machine(), Slot::Memory));
		run_to(32);
		assert_ok!(commit_fill());
		let until = |slot| proof(slot).map(|proof| proof.valid_until);
		assert_eq!((until(Slot::Memory), until(Slot::Processor)), (Some(40), Some(9_000)));
	});
}

#[test]
fn answer_for_one_slot_is_none_for_the_other() {
	build_and_execute(|| {
		committed_run();
		let fill = Answer::Fill(Default::default());
		assert_noop!(
			ResourceVerification::submit_openings(machine(), fill, archive()),
			Error::<Test>::NoChallenge
		);
	});
}

#[test]
fn nothing_of_either_slot_is_kept_when_a_machine_is_forgotten() {
	build_and_execute(|| {
		for worker in [WORKER, 1] {
			for slot in Slot::ALL {
				prove(worker, slot, 9_000);
			}
		}
		ResourceVerification::forget(WORKER);
		assert_eq!(Capabilities::<Test>::iter_keys().collect::<Vec<_>>(), vec![1]);
		assert!(Challenges::<Test>::iter_keys().all(|(worker, _)| worker == 1));
		assert_eq!(Challenges::<Test>::iter_keys().count(), 2);
	});
}
