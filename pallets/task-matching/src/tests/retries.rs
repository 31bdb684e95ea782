//! Machines that miss, decline or disagree, and what becomes of the task.

use crate::{mock::*, Event};
use aidragon_primitives::{
	state::{FailureReason, TaskState},
	task::DeclineReason,
	worker::{Capacity, Offer},
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
		(DeclineReason::DependencyUnavailable, FailureReason::DependencyUnavailable),
		(DeclineReason::BundleTooLarge, FailureReason::BundleTooLarge),
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
fn p8_whoever_did_not_reveal_missed_a_deadline_and_nobody_else_did() {
	build_and_execute(|| {
		for worker in 0..2 {
			add_worker(worker, DRGN);
		}
		let id = submit_and_draw(spec(2));
		for worker in 0..2 {
			commit(id, worker, digest(1, GFUEL));
		}
		// Twelve blocks for the reveals.
		assert_eq!(task(id).wake_at, now() + 12);
		reveal(id, 0, digest(1, GFUEL));
		run_to(task(id).wake_at);
		assert_eq!((state(id), task(id).wake_at), (TaskState::Queued, 0));
		assert_eq!([0, 1].map(|machine| worker(machine).missed), [0, 1]);
	});
}

#[test]
fn p8_whoever_did_not_reveal_missed_a_deadline_though_the_others_agreed() {
	build_and_execute(|| {
		for worker in 0..3 {
			add_worker(worker, DRGN);
		}
		let before = free(&provider(2));
		let id = submit_and_draw(spec(3));
		for worker in 0..3 {
			commit(id, worker, digest(1, GFUEL));
		}
		for worker in 0..2 {
			reveal(id, worker, digest(1, GFUEL));
		}
		run_to(task(id).wake_at);
		assert_eq!(state(id), TaskState::Settled);
		let counts = [0, 1, 2].map(|machine| (worker(machine).accepted, worker(machine).missed));
		assert_eq!(counts, [(1, 0), (1, 0), (0, 1)]);
		assert_eq!(free(&provider(2)), before);
	});
}

#[test]
fn p5_a_machine_of_a_provider_that_is_bound_already_replaces_nobody() {
	build_and_execute(|| {
		for worker in 0..2 {
			add_worker(worker, DRGN);
		}
		// The cheapest of all, which comes too late for the first draw.
		let id = submit_and_draw(spec(2));
		add_machine(2, provider(0), Offer::at(1), Capacity::cpu(4, 4_096));
		prove(2, proved(2_000, 100_000));
		commit(id, 0, digest(1, GFUEL));
		let reason = DeclineReason::HostFault;
		assert_ok!(TaskMatching::decline_task(signed(hot_key(1)), id, reason));
		run_to(now() + 3);
		assert_eq!((state(id), workers_of(id)), (TaskState::Queued, vec![0]));
		let report = TaskMatching::why_waiting(id).unwrap();
		assert_eq!((report.fitting, report.providers), (0, 0));
		// Nor does it where it comes with more than before.
		assert_ok!(NodeRegistry::update_offer(signed(provider(0)), 2, Offer::at(2)));
		run_to(now() + 3);
		assert_eq!(workers_of(id), vec![0]);
		add_worker(3, DRGN);
		run_to(now() + 2);
		assert_eq!(workers_of(id), vec![0, 3]);
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
			run_to(job(id).last_draw() - blocks_before);
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
