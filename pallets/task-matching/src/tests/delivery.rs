//! Commitments, reveals, attestations, declines: every refusal.

use crate::{mock::*, Error, Event};
use aidragon_primitives::{
	attestation::{Attestation, ExitStatus},
	state::TaskState,
	task::{DeclineReason, Progress},
	DRGN, GFUEL,
};
use frame_support::{assert_noop, assert_ok, dispatch::CheckIfFeeless};

fn two_replicas() -> u64 {
	add_worker(0, DRGN);
	add_worker(1, DRGN);
	submit_and_draw(spec(2))
}

#[test]
fn commitments_open_the_reveals_once_all_are_bound() {
	build_and_execute(|| {
		let id = two_replicas();
		commit(id, 0, digest(1, 5));
		assert_eq!(task(id).state, TaskState::Assigned);
		commit(id, 1, digest(1, 5));
		assert_eq!(task(id).state, TaskState::Committed);
	});
}

#[test]
fn second_commit_is_refused() {
	build_and_execute(|| {
		let id = two_replicas();
		commit(id, 0, digest(1, 5));
		assert_noop!(
			TaskMatching::commit_result(signed(hot_key(0)), id, [0; 32]),
			Error::<Test>::AlreadyDelivered
		);
	});
}

#[test]
fn commit_is_refused_for_a_single_replica_and_attest_for_several() {
	build_and_execute(|| {
		add_worker(0, DRGN);
		let single = submit_and_draw(spec(1));
		assert_noop!(
			TaskMatching::commit_result(signed(hot_key(0)), single, [0; 32]),
			Error::<Test>::SingleReplica
		);
		add_worker(1, DRGN);
		let double = submit_and_draw(spec(2));
		let statement = attestation(double, 0, digest(1, 5));
		assert_noop!(
			TaskMatching::attest_result(signed(hot_key(0)), double, statement, sign(0, &statement)),
			Error::<Test>::SeveralReplicas
		);
	});
}

#[test]
fn late_commit_is_refused() {
	build_and_execute(|| {
		add_worker(0, DRGN);
		add_worker(1, DRGN);
		let id = submit_and_draw(spec(2));
		let closes_at = task(id).wake_at;
		run_to(closes_at - 1);
		commit(id, 0, digest(1, 5));
		// The agenda of the closing block did not run yet, but the time is over.
		System::set_block_number(u64::from(closes_at));
		assert_noop!(
			TaskMatching::commit_result(signed(hot_key(1)), id, [0; 32]),
			Error::<Test>::TooLate
		);
		System::set_block_number(u64::from(closes_at) - 1);
		run_to(closes_at);
		assert_noop!(
			TaskMatching::commit_result(signed(hot_key(1)), id, [0; 32]),
			Error::<Test>::NotAssigned
		);
	});
}

#[test]
fn reveal_without_commit_is_refused() {
	build_and_execute(|| {
		let id = two_replicas();
		let statement = attestation(id, 0, digest(1, 5));
		let call = |worker| {
			let signature = sign(worker, &statement);
			TaskMatching::reveal_result(signed(hot_key(worker)), id, statement, signature, salt(0))
		};
		assert_noop!(call(0), Error::<Test>::NotCommitted);
	});
}

#[test]
fn early_reveal_is_refused() {
	build_and_execute(|| {
		let id = two_replicas();
		commit(id, 0, digest(1, 5));
		let statement = attestation(id, 0, digest(1, 5));
		let signature = sign(0, &statement);
		assert_noop!(
			TaskMatching::reveal_result(signed(hot_key(0)), id, statement, signature, salt(0)),
			Error::<Test>::WrongState
		);
	});
}

#[test]
fn reveal_by_another_machine_is_refused() {
	build_and_execute(|| {
		let id = two_replicas();
		add_worker(2, DRGN);
		commit(id, 0, digest(1, 5));
		commit(id, 1, digest(1, 5));
		let statement = attestation(id, 0, digest(1, 5));
		let signature = sign(0, &statement);
		let reveal_as = |worker| {
			let who = signed(hot_key(worker));
			TaskMatching::reveal_result(who, id, statement, signature, salt(0))
		};
		assert_noop!(reveal_as(2), Error::<Test>::NotAssigned);
		assert_noop!(reveal_as(1), Error::<Test>::CommitmentMismatch);
	});
}

#[test]
fn late_reveal_is_refused() {
	build_and_execute(|| {
		let id = two_replicas();
		commit(id, 0, digest(1, 5));
		commit(id, 1, digest(1, 5));
		let closes_at = task(id).wake_at;
		let statement = attestation(id, 0, digest(1, 5));
		let signature = sign(0, &statement);
		System::set_block_number(u64::from(closes_at));
		assert_noop!(
			TaskMatching::reveal_result(signed(hot_key(0)), id, statement, signature, salt(0)),
			Error::<Test>::TooLate
		);
		System::set_block_number(2);
	});
}

#[test]
fn second_reveal_is_refused() {
	build_and_execute(|| {
		let id = two_replicas();
		commit(id, 0, digest(1, 5));
		commit(id, 1, digest(1, 5));
		reveal(id, 0, digest(1, 5));
		let statement = attestation(id, 0, digest(1, 5));
		let signature = sign(0, &statement);
		assert_noop!(
			TaskMatching::reveal_result(signed(hot_key(0)), id, statement, signature, salt(0)),
			Error::<Test>::AlreadyDelivered
		);
	});
}

#[test]
fn reveal_of_anything_but_the_commitment_is_refused() {
	build_and_execute(|| {
		let id = two_replicas();
		commit(id, 0, digest(1, 5));
		commit(id, 1, digest(1, 5));
		let other = attestation(id, 0, digest(2, 5));
		let right = attestation(id, 0, digest(1, 5));
		let call = |statement: Attestation, salt| {
			let signature = sign(0, &statement);
			TaskMatching::reveal_result(signed(hot_key(0)), id, statement, signature, salt)
		};
		assert_noop!(call(other, salt(0)), Error::<Test>::CommitmentMismatch);
		assert_noop!(call(right, [99; 32]), Error::<Test>::CommitmentMismatch);
	});
}

#[test]
fn every_false_field_of_an_attestation_is_refused() {
	let changes: Vec<fn(&mut Attestation)> = vec![
		|a| a.version = 2,
		|a| a.genesis = [0; 32],
		|a| a.task += 1,
		|a| a.attempt += 1,
		|a| a.worker += 1,
		|a| a.program = [0; 32],
		|a| a.input_root = [0; 32],
		|a| a.meter_schedule = [0; 32],
		|a| a.started_at = a.finished_at + 1,
	];
	build_and_execute(|| {
		add_worker(0, DRGN);
		let id = submit_and_draw(spec(1));
		for change in changes {
			let mut statement = attestation(id, 0, digest(1, 5));
			change(&mut statement);
			let signature = sign(0, &statement);
			assert_noop!(
				TaskMatching::attest_result(signed(hot_key(0)), id, statement, signature),
				Error::<Test>::AttestationMismatch
			);
		}
	});
}

#[test]
fn results_beyond_the_limits_are_refused() {
	build_and_execute(|| {
		add_worker(0, DRGN);
		let id = submit_and_draw(spec(1));
		let attest_to = |result| {
			let statement = attestation(id, 0, result);
			let signature = sign(0, &statement);
			TaskMatching::attest_result(signed(hot_key(0)), id, statement, signature)
		};
		let error = Error::<Test>::LimitsExceeded;
		assert_noop!(attest_to(digest(1, 10 * GFUEL + 1)), error);
		let mut long = digest(1, 5);
		long.output_bytes = 1_001;
		assert_noop!(attest_to(long), Error::<Test>::LimitsExceeded);
		let mut early = digest(1, 5);
		early.status = ExitStatus::OutOfFuel;
		assert_noop!(attest_to(early), Error::<Test>::LimitsExceeded);
	});
}

#[test]
fn attestation_signed_by_somebody_else_is_refused() {
	build_and_execute(|| {
		add_worker(0, DRGN);
		let id = submit_and_draw(spec(1));
		let statement = attestation(id, 0, digest(1, 5));
		assert_noop!(
			TaskMatching::attest_result(signed(hot_key(0)), id, statement, sign(1, &statement)),
			Error::<Test>::BadSignature
		);
	});
}

#[test]
fn decline_is_possible_until_something_is_delivered() {
	build_and_execute(|| {
		let id = two_replicas();
		let reason = DeclineReason::HostFault;
		commit(id, 0, digest(1, 5));
		assert_noop!(
			TaskMatching::decline_task(signed(hot_key(0)), id, reason),
			Error::<Test>::AlreadyDelivered
		);
		assert_ok!(TaskMatching::decline_task(signed(hot_key(1)), id, reason));
		System::assert_has_event(Event::TaskDeclined { task: id, worker: 1, reason }.into());
		assert_eq!(task(id).state, TaskState::Queued);
		assert!(matches!(task(id).replicas[0].progress, Progress::Committed(_)));
		assert_noop!(
			TaskMatching::decline_task(signed(hot_key(1)), id, reason),
			Error::<Test>::NotAssigned
		);
	});
}

#[test]
fn deliveries_are_free_only_while_they_make_progress() {
	build_and_execute(|| {
		add_worker(0, DRGN);
		let id = submit_and_draw(spec(1));
		let statement = attestation(id, 0, digest(1, 5));
		let call = RuntimeCall::TaskMatching(crate::Call::attest_result {
			task: id,
			attestation: statement,
			signature: sign(0, &statement),
		});
		assert!(call.is_feeless(&signed(hot_key(0))));
		assert!(!call.is_feeless(&signed(hot_key(1))));
		assert!(!call.is_feeless(&RuntimeOrigin::none()));
		attest(id, 0, digest(1, 5));
		assert!(!call.is_feeless(&signed(hot_key(0))));
	});
}
