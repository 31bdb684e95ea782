//! Machines that miss, decline or disagree, and what becomes of the task.

use crate::{mock::*, Event};
use aidragon_primitives::{
	state::{FailureReason, TaskState},
	task::DeclineReason,
	DRGN, GFUEL,
};
use frame_support::assert_ok;

#[test]
fn a_machine_that_misses_the_deadline_is_replaced() {
	build_and_execute(|| {
		add_worker(0, DRGN);
		add_worker(1, 2 * DRGN);
		let id = submit_and_draw(spec(1));
		assert_eq!(workers_of(id), vec![0]);
		go_offline(0);
		run_to(task(id).wake_at);
		assert_eq!(task(id).state, TaskState::Queued);
		System::assert_has_event(Event::TaskRetried { task: id, retries_left: 0 }.into());
		assert_eq!(pallet_node_registry::Workers::<Test>::get(0).unwrap().missed, 1);
		run_to(now() + 2);
		assert_eq!(workers_of(id), vec![1]);
		attest(id, 1, digest(1, GFUEL));
		assert_eq!(task(id).state, TaskState::Settled);
	});
}

#[test]
fn p8_a_missed_deadline_costs_a_machine_its_turn_until_it_shows_itself_and_no_more() {
	build_and_execute(|| {
		add_worker(0, DRGN);
		let bond = pallet_node_registry::Providers::<Test>::get(provider(0)).unwrap().bond;
		let id = submit_and_draw(spec(1));
		go_offline(0);
		run_to(task(id).wake_at);
		assert_eq!(crate::SupplyPlaces::<Test>::get(0), None);
		assert_ok!(NodeRegistry::heartbeat(signed(hot_key(0))));
		assert!(crate::SupplyPlaces::<Test>::get(0).is_some());
		let after = pallet_node_registry::Providers::<Test>::get(provider(0)).unwrap().bond;
		assert_eq!(bond, after);
	});
}

#[test]
fn p3_without_a_retry_left_the_task_fails_and_the_money_returns() {
	build_and_execute(|| {
		add_worker(0, DRGN);
		add_worker(1, DRGN);
		let before = free(&submitter());
		let mut once = spec(1);
		once.retries = 0;
		let id = submit_and_draw(once);
		run_to(task(id).wake_at);
		assert_eq!(task(id).state, TaskState::Failed(FailureReason::WorkersMissing));
		assert_eq!(free(&submitter()), before);
	});
}

#[test]
fn declined_blobs_give_the_reason_in_the_end() {
	for (reason, failure) in [
		(DeclineReason::BlobUnavailable, FailureReason::BlobUnavailable),
		(DeclineReason::BlobMismatch, FailureReason::BlobMismatch),
		(DeclineReason::HostFault, FailureReason::HostFault),
		(DeclineReason::ShuttingDown, FailureReason::HostFault),
	] {
		build_and_execute(|| {
			add_worker(0, DRGN);
			add_worker(1, DRGN);
			let id = submit_and_draw(spec(1));
			for _ in 0..2 {
				let worker = workers_of(id)[0];
				assert_ok!(TaskMatching::decline_task(signed(hot_key(worker)), id, reason));
				run_to(now() + 2);
			}
			assert_eq!(task(id).state, TaskState::Failed(failure));
		});
	}
}

#[test]
fn a_commitment_survives_the_replacement_of_the_other_machine() {
	build_and_execute(|| {
		for worker in 0..3 {
			add_worker(worker, DRGN);
		}
		let id = submit_and_draw(spec(2));
		let [kept, lost] = workers_of(id)[..] else { panic!("two replicas") };
		commit(id, kept, digest(1, GFUEL));
		go_offline(lost);
		run_to(task(id).wake_at + 2);
		let fresh = outstanding(id)[0];
		assert!(fresh != kept && fresh != lost);
		commit(id, fresh, digest(1, GFUEL));
		reveal(id, fresh, digest(1, GFUEL));
		reveal(id, kept, digest(1, GFUEL));
		assert_eq!(task(id).state, TaskState::Settled);
		assert_eq!(task(id).paid, 2 * DRGN);
	});
}

#[test]
fn a_quorum_goes_on_without_the_third() {
	build_and_execute(|| {
		for worker in 0..3 {
			add_worker(worker, DRGN);
		}
		let id = submit_and_draw(spec(3));
		commit(id, 0, digest(1, GFUEL));
		commit(id, 1, digest(1, GFUEL));
		run_to(task(id).wake_at);
		assert_eq!(task(id).state, TaskState::Committed);
		reveal(id, 0, digest(1, GFUEL));
		reveal(id, 1, digest(1, GFUEL));
		assert_eq!(task(id).state, TaskState::Settled);
		assert_eq!(task(id).retries_left, 1, "nothing had to be repeated");
	});
}

#[test]
fn machines_that_do_not_reveal_are_replaced_together_with_the_others() {
	build_and_execute(|| {
		for worker in 0..4 {
			add_worker(worker, DRGN);
		}
		let id = submit_and_draw(spec(2));
		let first = workers_of(id);
		for worker in &first {
			commit(id, *worker, digest(1, GFUEL));
		}
		reveal(id, first[0], digest(1, GFUEL));
		run_to(task(id).wake_at + 2);
		let second = workers_of(id);
		assert_eq!(second.len(), 2);
		// What one of them revealed is public: only machines that had no part in it may repeat it.
		assert!(second.iter().all(|worker| !first.contains(worker)));
	});
}

#[test]
fn disagreement_draws_a_fresh_panel_and_pays_only_agreement() {
	build_and_execute(|| {
		for worker in 0..4 {
			add_worker(worker, DRGN);
		}
		let before = free(&submitter());
		let id = submit_and_draw(spec(2));
		let first = workers_of(id);
		for (output, worker) in first.iter().enumerate() {
			commit(id, *worker, digest(output as u8, GFUEL));
		}
		for (output, worker) in first.iter().enumerate() {
			reveal(id, *worker, digest(output as u8, GFUEL));
		}
		assert_eq!(task(id).state, TaskState::Queued);
		run_to(now() + 2);
		let second = workers_of(id);
		assert!(second.iter().all(|worker| !first.contains(worker)));
		for worker in &second {
			commit(id, *worker, digest(1, GFUEL));
		}
		for worker in &second {
			reveal(id, *worker, digest(1, GFUEL));
		}
		assert_eq!(task(id).state, TaskState::Settled);
		assert_eq!(free(&submitter()), before - 2 * DRGN);
	});
}

#[test]
fn p3_what_could_be_drawn_again_only_too_late_fails_at_once() {
	for (blocks_before, is_repeated) in [(3, true), (2, true), (1, false), (0, false)] {
		build_and_execute(|| {
			for worker in 0..2 {
				add_worker(worker, DRGN);
			}
			let mut short = spec(1);
			short.deadline_blocks = 30;
			let id = submit_and_draw(short);
			run_to(TaskMatching::last_draw(&job(id)) - blocks_before);
			let reason = DeclineReason::HostFault;
			let worker = workers_of(id)[0];
			assert_ok!(TaskMatching::decline_task(signed(hot_key(worker)), id, reason));
			let expected = match is_repeated {
				true => TaskState::Queued,
				false => TaskState::Failed(FailureReason::HostFault),
			};
			assert_eq!(state(id), expected);
			run_to(now() + 2);
			assert_eq!(state(id) == TaskState::Assigned, is_repeated);
			assert!(!is_repeated || task(id).wake_at + 12 <= job(id).deadline);
		});
	}
}

#[test]
fn p3_retries_end_where_the_deadline_leaves_no_time() {
	build_and_execute(|| {
		for worker in 0..4 {
			add_worker(worker, DRGN);
		}
		let before = free(&submitter());
		let mut short = spec(1);
		short.deadline_blocks = 30;
		short.retries = 3;
		let id = submit_and_draw(short);
		run_to(31);
		assert_eq!(task(id).state, TaskState::Failed(FailureReason::WorkersMissing));
		assert_eq!(free(&submitter()), before);
	});
}
