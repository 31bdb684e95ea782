//! Who is paid, and where the money ends.

use crate::{mock::*, Event};
use aidragon_primitives::{
	attestation::{ExitStatus, ResultDigest, TrapKind},
	state::{FailureReason, TaskState},
	DRGN, GFUEL,
};

#[test]
fn p2_single_result_is_paid_in_the_block_of_its_attestation() {
	build_and_execute(|| {
		add_worker(0, 2 * DRGN);
		let (before, provider_before) = (free(&submitter()), free(&provider(0)));
		let treasury_before = free(&account(250));
		let id = submit_and_draw(spec(1));
		attest(id, 0, digest(1, 3 * GFUEL));
		// 3 Gfuel at 2 DRGN: 6, of which the protocol keeps 5 %.
		assert_eq!(free(&provider(0)), provider_before + 6 * DRGN * 95 / 100);
		assert_eq!(free(&account(250)), treasury_before + 6 * DRGN * 5 / 100);
		assert_eq!(free(&submitter()), before - 6 * DRGN);
		let task = task(id);
		assert_eq!((task.state, task.escrow, task.paid), (TaskState::Settled, 0, 6 * DRGN));
		assert_eq!(
			finished(id),
			Some(
				Event::TaskFinished {
					task: id,
					state: TaskState::Settled,
					paid: 6 * DRGN,
					refunded: 94 * DRGN
				}
				.into()
			)
		);
	});
}

#[test]
fn p2_equal_results_are_each_paid_at_their_own_price() {
	build_and_execute(|| {
		add_worker(0, DRGN);
		add_worker(1, 3 * DRGN);
		let before = free(&submitter());
		let id = submit_and_draw(spec(2));
		for worker in [0, 1] {
			commit(id, worker, digest(1, GFUEL));
		}
		for worker in [0, 1] {
			reveal(id, worker, digest(1, GFUEL));
		}
		assert_eq!(task(id).state, TaskState::Settled);
		assert_eq!(free(&submitter()), before - 4 * DRGN);
	});
}

#[test]
fn a_liar_is_outvoted_and_not_paid() {
	build_and_execute(|| {
		for worker in 0..3 {
			add_worker(worker, DRGN);
		}
		let liar_before = free(&provider(2));
		let id = submit_and_draw(spec(3));
		for worker in 0..3 {
			commit(id, worker, digest(1 + worker as u8 / 2, GFUEL));
		}
		for worker in 0..3 {
			reveal(id, worker, digest(1 + worker as u8 / 2, GFUEL));
		}
		let task = task(id);
		assert_eq!(task.state, TaskState::Settled);
		assert_eq!(task.result, Some(digest(1, GFUEL)));
		assert_eq!(task.paid, 2 * DRGN);
		assert_eq!(free(&provider(2)), liar_before);
	});
}

#[test]
fn a_result_that_differs_in_fuel_alone_does_not_agree() {
	build_and_execute(|| {
		for worker in 0..2 {
			add_worker(worker, DRGN);
		}
		let mut once = spec(2);
		once.retries = 0;
		let before = free(&submitter());
		let id = submit_and_draw(once);
		for worker in 0..2 {
			commit(id, worker, digest(1, GFUEL + u64::from(worker)));
		}
		for worker in 0..2 {
			reveal(id, worker, digest(1, GFUEL + u64::from(worker)));
		}
		assert_eq!(task(id).state, TaskState::Failed(FailureReason::NoAgreement));
		assert_eq!(free(&submitter()), before);
	});
}

#[test]
fn machines_are_paid_for_a_program_that_fails_by_itself() {
	let endings = [
		(ExitStatus::OutOfFuel, 10 * GFUEL),
		(ExitStatus::Trapped(TrapKind::Unreachable), GFUEL),
		(ExitStatus::MemoryLimit, GFUEL),
		(ExitStatus::OutputLimit, GFUEL),
		(ExitStatus::ExitCode(3), GFUEL),
		(ExitStatus::InvalidProgram, 0),
	];
	build_and_execute(|| {
		add_worker(0, DRGN);
		for (status, fuel) in endings {
			let before = free(&submitter());
			let id = submit_and_draw(spec(1));
			attest(id, 0, ResultDigest { status, ..digest(0, fuel) });
			assert_eq!(task(id).state, TaskState::Failed(FailureReason::Program(status)));
			assert_eq!(before - free(&submitter()), u128::from(fuel / GFUEL) * DRGN);
			assert_eq!(TaskMatching::reason(id).unwrap(), status.message());
		}
	});
}

#[test]
fn p3_no_capacity_stays_reserved_after_the_end() {
	build_and_execute(|| {
		for worker in 0..2 {
			add_worker(worker, DRGN);
		}
		let id = submit_and_draw(spec(2));
		for worker in 0..2 {
			commit(id, worker, digest(1, GFUEL));
		}
		for worker in 0..2 {
			reveal(id, worker, digest(1, GFUEL));
		}
		for worker in 0..2 {
			let record = pallet_node_registry::Workers::<Test>::get(worker).unwrap();
			assert_eq!((record.running, record.ledger.reserved()), (0, &Default::default()));
			assert_eq!(record.accepted, 1);
		}
		assert_eq!(crate::Assignments::<Test>::iter().count(), 0);
	});
}
