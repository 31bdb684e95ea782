//! How long a proof counts.

use crate::{mock::*, Capabilities, Challenges};
use aidragon_primitives::{
	audit::AUDIT_BLOCKS,
	interface::Capabilities as _,
	resources::Gpus,
	verification::{Committed, Slot, Stage, REQUEST_INTERVAL_BLOCKS},
	worker::{GpuProof, Proof},
	BlockNumber,
};
use frame_support::assert_ok;

fn proof() -> Proof {
	let capability = ResourceVerification::capability(WORKER).expect("passed");
	capability.processor.expect("passed")
}

fn request() {
	assert_ok!(ResourceVerification::request_challenge(machine(), Slot::Processor));
}

fn commit() {
	let committed = Committed::Run(honest_run().commitment());
	assert_ok!(ResourceVerification::commit_challenge(machine(), committed));
}

/// Blocks after which proofs of older hardware count no more: longer than an audit can keep the machine from new ones.
const LAPSE_BLOCKS: BlockNumber = AUDIT_BLOCKS + 40;

/// Passes a challenge in block 5.
fn pass() -> Proof {
	let run = committed_run();
	assert_ok!(ResourceVerification::submit_openings(machine(), bounded(open(&run)), archive()));
	proof()
}

fn valid_until(slot: Slot) -> Option<BlockNumber> {
	let capability = ResourceVerification::capability(WORKER).expect("proved");
	capability.proof(slot).map(|proof| proof.valid_until)
}

#[test]
fn p4_proof_ends_by_itself() {
	build_and_execute(|| {
		assert_eq!(ResourceVerification::capability(WORKER), None);
		let proof = pass();
		let last = 5 + Slot::Processor.validity_blocks();
		assert!(proof.is_valid_at(5) && proof.is_valid_at(last) && !proof.is_valid_at(last + 1));
	});
}

#[test]
fn proof_counts_on_while_the_next_challenge_runs() {
	build_and_execute(|| {
		let before = pass();
		run_to(1 + REQUEST_INTERVAL_BLOCKS);
		request();
		assert_eq!(challenge().stage, Stage::Requested);
		assert_eq!(challenge().proof_until, before.valid_until);
		assert_eq!(proof(), before);
	});
}

#[test]
fn p7_proof_ends_when_the_next_challenge_is_not_answered() {
	build_and_execute(|| {
		let before = pass();
		run_to(1 + REQUEST_INTERVAL_BLOCKS);
		request();
		run_to(3 + REQUEST_INTERVAL_BLOCKS);
		commit();
		let valid_until = challenge().answer_deadline().expect("committed");
		assert!(valid_until < before.valid_until);
		assert_eq!(proof(), Proof { valid_until, ..before });
	});
}

#[test]
fn p7_proof_is_not_prolonged_by_a_commitment() {
	build_and_execute(|| {
		pass();
		Capabilities::<Test>::mutate_extant(WORKER, |capability| {
			capability.processor = Some(Proof { valid_until: 22, ..proof() });
		});
		run_to(1 + REQUEST_INTERVAL_BLOCKS);
		request();
		run_to(3 + REQUEST_INTERVAL_BLOCKS);
		commit();
		assert_eq!(proof().valid_until, 22);
	});
}

#[test]
fn p4_proofs_lapse_soon_when_the_hardware_changed() {
	build_and_execute(|| {
		prove(WORKER, Slot::Processor, 9_000);
		prove(WORKER, Slot::Memory, 40);
		run_to(10);
		ResourceVerification::hardware_changed(WORKER);
		assert_eq!(valid_until(Slot::Processor), Some(10 + LAPSE_BLOCKS));
		assert_eq!(valid_until(Slot::Memory), Some(40), "no proof gets longer");
		// Nor does claiming more again.
		run_to(30);
		ResourceVerification::hardware_changed(WORKER);
		assert_eq!(valid_until(Slot::Processor), Some(10 + LAPSE_BLOCKS));
	});
}

#[test]
fn p4_proof_of_graphics_processors_lapses_soon_when_the_hardware_changed() {
	build_and_execute(|| {
		prove(WORKER, Slot::Processor, 9_000);
		let gpus = Gpus { class: 1, count: 2, memory_mib: 8_000 };
		for (before, after) in [(9_000, 10 + LAPSE_BLOCKS), (40, 40)] {
			let proof = |valid_until| Some(GpuProof { gpus, proved_at: 1, valid_until });
			Capabilities::<Test>::mutate_extant(WORKER, |it| it.gpus = proof(before));
			run_to(10);
			ResourceVerification::hardware_changed(WORKER);
			let capability = ResourceVerification::capability(WORKER).expect("proved");
			assert_eq!(capability.gpus, proof(after));
		}
	});
}

#[test]
fn nothing_lapses_for_a_machine_that_proved_nothing() {
	build_and_execute(|| {
		ResourceVerification::hardware_changed(WORKER);
		assert_eq!(ResourceVerification::capability(WORKER), None);
		assert_eq!(Challenges::<Test>::iter().count(), 0);
	});
}

#[test]
fn p7_running_challenge_does_not_prolong_a_proof_of_older_hardware() {
	build_and_execute(|| {
		prove(WORKER, Slot::Processor, 9_000);
		run_to(20);
		ResourceVerification::hardware_changed(WORKER);
		// Requested in time, committed in the last block of the proof.
		let last = 20 + LAPSE_BLOCKS;
		run_to(last - 5);
		request();
		run_to(last);
		commit();
		assert!(challenge().answer_deadline() > Some(last));
		assert_eq!(valid_until(Slot::Processor), Some(last));
	});
	build_and_execute(|| {
		prove(WORKER, Slot::Processor, 9_000);
		run_to(20);
		request();
		ResourceVerification::hardware_changed(WORKER);
		assert_eq!(challenge().proof_until, 20 + LAPSE_BLOCKS);
	});
}

#[test]
fn new_proof_of_new_hardware_counts_in_full() {
	build_and_execute(|| {
		prove(WORKER, Slot::Processor, 9_000);
		run_to(20);
		ResourceVerification::hardware_changed(WORKER);
		request();
		run_to(22);
		let run = honest_run();
		commit();
		run_to(24);
		assert_ok!(ResourceVerification::submit_openings(
			machine(),
			bounded(open(&run)),
			archive()
		));
		assert_eq!(proof().valid_until, 24 + Slot::Processor.validity_blocks());
	});
}
