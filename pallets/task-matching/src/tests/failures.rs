//! Machines that fall silent, give tasks back or never deliver.

use crate::{agenda::Item, deliver::SILENT_TASKS_MAX, mock::*, Agenda, Error, Event};
use aidragon_primitives::{
	state::{FailureReason, TaskState},
	task::{DeclineReason, TaskSpec},
	worker::{Capacity, Offer},
	DRGN, GFUEL,
};
use frame_support::{assert_noop, assert_ok};

/// Blocks after which a silent machine loses what it has.
const GRACE: u32 = 10;

/// A task with time enough to lose its machine, which costs at most 1 DRGN.
fn long() -> TaskSpec {
	TaskSpec {
		fuel_limit: GFUEL,
		price_cap_per_gfuel: DRGN,
		execution_blocks: 400,
		deadline_blocks: 2_000,
		..spec(1)
	}
}

/// Lets a machine fall silent, and goes on to the block in which the chain notices.
fn fall_silent(worker: u32) {
	go_offline(worker);
	// It is called once in twenty blocks on average.
	let noticed = (0..400).any(|_| {
		run_to(now() + 1);
		!is_online(worker)
	});
	assert!(noticed, "machine {worker} was never called");
}

fn decline(worker: u32, id: u64, reason: DeclineReason) {
	assert_ok!(TaskMatching::decline_task(signed(hot_key(worker)), id, reason));
}

#[test]
fn p8_a_silent_machine_loses_its_task_after_the_grace_and_not_before() {
	build_and_execute(|| {
		add_worker(0, DRGN / 2);
		let id = submit_and_draw(long());
		fall_silent(0);
		let noticed_at = now();
		add_worker(1, DRGN);
		run_to(noticed_at + GRACE - 1);
		assert_eq!((state(id), workers_of(id)), (TaskState::Assigned, vec![0]));
		run_to(noticed_at + GRACE);
		assert_eq!((state(id), task(id).retries_left), (TaskState::Queued, 0));
		assert_eq!((worker(0).running, at_stake(0), worker(0).missed), (0, 0, 1));
		System::assert_has_event(Event::TaskRetried { task: id, retries_left: 0 }.into());
		run_to(now() + 2);
		assert_eq!(workers_of(id), vec![1]);
		assert_noop!(
			TaskMatching::decline_task(signed(hot_key(0)), id, DeclineReason::HostFault),
			Error::<Test>::NotAssigned
		);
		settle(id);
		assert_eq!(state(id), TaskState::Settled);
	});
}

#[test]
fn p8_a_machine_that_comes_back_in_time_keeps_its_task() {
	build_and_execute(|| {
		add_worker(0, DRGN / 2);
		let id = submit_and_draw(long());
		fall_silent(0);
		run_to(now() + GRACE - 1);
		come_online(0);
		run_to(now() + 50);
		assert_eq!((state(id), workers_of(id)), (TaskState::Assigned, vec![0]));
		assert_eq!(worker(0).missed, 0);
		settle(id);
		assert_eq!(state(id), TaskState::Settled);
	});
}

#[test]
fn a_machine_that_has_nothing_falls_silent_without_anybody_looking_at_it_again() {
	build_and_execute(|| {
		add_worker(0, DRGN / 2);
		fall_silent(0);
		assert_eq!(Agenda::<Test>::iter().count(), 0);
	});
}

#[test]
fn a_machine_that_falls_silent_twice_has_each_time_the_whole_grace() {
	build_and_execute(|| {
		add_worker(0, DRGN / 2);
		let id = submit_and_draw(long());
		fall_silent(0);
		run_to(now() + GRACE - 2);
		come_online(0);
		fall_silent(0);
		run_to(now() + GRACE - 1);
		assert_eq!(state(id), TaskState::Assigned);
		run_to(now() + 1);
		assert_eq!(state(id), TaskState::Queued);
	});
}

#[test]
fn a_silent_machine_loses_all_its_tasks_however_many() {
	build_and_execute(|| {
		add_large_worker(0, DRGN / 2, Capacity::cpu(100, 1 << 17));
		let job = submit_job(long(), &[(0, 0); 3 * SILENT_TASKS_MAX + 1]);
		run_to(3);
		fall_silent(0);
		run_to(now() + GRACE);
		assert!((job..job + 13).all(|id| state(id) == TaskState::Queued));
		assert_eq!((worker(0).running, at_stake(0)), (0, 0));
	});
}

#[test]
fn what_a_silent_machine_delivered_stays_and_does_not_hide_what_it_owes() {
	build_and_execute(|| {
		for worker in 0..2 {
			add_large_worker(worker, DRGN / 2, Capacity::cpu(100, 1 << 17));
		}
		let job = submit_job(TaskSpec { replicas: 2, ..long() }, &[(0, 0); 24]);
		run_to(3);
		for id in job..job + 16 {
			commit(id, 0, digest(1, GFUEL));
		}
		fall_silent(0);
		run_to(now() + GRACE);
		assert_eq!(worker(0).running, 16);
		assert!((job..job + 16).all(|id| workers_of(id).contains(&0)));
		// The other machine has time left.
		assert!((job + 16..job + 24).all(|id| workers_of(id) == vec![1]));
		assert!((job..job + 24).all(|id| state(id) == TaskState::Assigned));
		let is_silent = |item: &Item| matches!(item, Item::Silent(_) | Item::SilentBehind(..));
		let silent = Agenda::<Test>::iter_values().filter(is_silent);
		assert_eq!(silent.count(), 0, "nobody looks at it block after block");
		run_to(now() + GRACE);
		assert_eq!(worker(0).running, 16);
	});
}

#[test]
fn p3_tasks_of_a_silent_machine_are_freed_as_fast_as_a_block_allows() {
	build_and_execute(|| {
		use crate::WeightInfo;
		add_large_worker(0, DRGN / 2, Capacity::cpu(100, 1 << 17));
		let job = submit_job(long(), &[(0, 0); 20]);
		run_to(3);
		fall_silent(0);
		let steps = <() as WeightInfo>::agenda_step().saturating_mul(3);
		// To see that nothing is to be drawn.
		let look = <() as WeightInfo>::frozen_step()
			.saturating_add(<() as WeightInfo>::draw_group())
			.saturating_mul(2);
		let one = <() as WeightInfo>::agenda_silent().saturating_add(steps).saturating_add(look);
		AgendaWeight::set(one);
		let noticed_at = now();
		let queued = || (job..job + 20).filter(|id| state(*id) == TaskState::Queued).count();
		run_to(noticed_at + GRACE);
		assert_eq!(queued(), SILENT_TASKS_MAX);
		run_to(noticed_at + GRACE + 1);
		assert_eq!(queued(), 2 * SILENT_TASKS_MAX);
		check_invariants();
		// It comes back, and keeps the rest.
		come_online(0);
		run_to(noticed_at + GRACE + 5);
		assert_eq!(worker(0).running, 20 - 2 * SILENT_TASKS_MAX as u32);
	});
}

#[test]
fn a_machine_that_missed_a_deadline_and_stays_away_loses_its_other_tasks_too() {
	build_and_execute(|| {
		add_worker(0, DRGN / 2);
		let other = submit_and_draw(long());
		let short = submit_and_draw(TaskSpec { execution_blocks: 4, ..long() });
		go_offline(0);
		pass_without_randomness(3);
		assert!(is_online(0), "nobody was called");
		pass_without_randomness(1);
		assert!(!is_online(0));
		pass_without_randomness(GRACE - 1);
		assert_eq!(state(other), TaskState::Assigned);
		pass_without_randomness(1);
		assert_eq!(state(short), TaskState::Queued);
		assert_eq!(state(other), TaskState::Queued);
	});
}

#[test]
fn a_machine_that_missed_a_deadline_and_comes_back_keeps_its_other_tasks() {
	build_and_execute(|| {
		add_worker(0, DRGN / 2);
		let other = submit_and_draw(long());
		let short = submit_and_draw(TaskSpec { execution_blocks: 4, ..long() });
		// It shows itself all the time.
		run_to(task(short).wake_at + 1);
		assert_eq!((worker(0).missed, is_online(0)), (1, true));
		run_to(now() + 50);
		assert_eq!(state(other), TaskState::Assigned);
	});
}

#[test]
fn p8_giving_a_task_back_in_time_counts_nothing() {
	for reason in [
		DeclineReason::HostFault,
		DeclineReason::ShuttingDown,
		DeclineReason::BlobUnavailable,
		DeclineReason::BlobMismatch,
	] {
		build_and_execute(|| {
			add_worker(0, DRGN);
			let id = submit_and_draw(spec(1));
			// Half of the time is left.
			run_to(now() + 5);
			let before = worker(0).availability.missed;
			decline(0, id, reason);
			assert_eq!((worker(0).missed, worker(0).availability.missed), (0, before));
			assert!(is_online(0));
		});
	}
}

#[test]
fn giving_a_task_back_late_counts_as_missed_but_the_machine_stays_on_line() {
	build_and_execute(|| {
		add_worker(0, DRGN);
		add_worker(1, 2 * DRGN);
		let id = submit_and_draw(spec(1));
		run_to(now() + 6);
		decline(0, id, DeclineReason::HostFault);
		assert_eq!((worker(0).missed, worker(0).availability.missed), (1, 1));
		assert!(is_online(0) && supplied(0).is_some());
		run_to(now() + 2);
		assert_eq!(workers_of(id), vec![1]);
	});
}

#[test]
fn p8_a_blob_that_is_not_there_is_nobodys_fault_but_the_submitters_however_late() {
	for reason in [DeclineReason::BlobUnavailable, DeclineReason::BlobMismatch] {
		build_and_execute(|| {
			add_worker(0, DRGN);
			let id = submit_and_draw(spec(1));
			run_to(now() + 9);
			decline(0, id, reason);
			assert_eq!(worker(0).missed, 0);
		});
	}
}

#[test]
fn a_task_that_is_given_back_twice_is_given_back_once() {
	build_and_execute(|| {
		add_worker(0, DRGN);
		let id = submit_and_draw(spec(1));
		decline(0, id, DeclineReason::HostFault);
		assert_noop!(
			TaskMatching::decline_task(signed(hot_key(0)), id, DeclineReason::HostFault),
			Error::<Test>::NotAssigned
		);
		assert_eq!((worker(0).running, at_stake(0)), (0, 0));
	});
}

#[test]
fn a_machine_that_failed_is_not_drawn_again_though_it_is_back_and_the_cheapest() {
	build_and_execute(|| {
		for worker in 0..3 {
			add_worker(worker, DRGN * u128::from(1 + worker));
		}
		let id = submit_and_draw(TaskSpec { retries: 3, ..spec(1) });
		for worker in 0..3 {
			assert_eq!(workers_of(id), vec![worker]);
			// It misses the deadline and is back at once.
			run_to(task(id).wake_at + 2);
			assert!(is_online(worker));
		}
		assert_eq!((state(id), task(id).excluded.to_vec()), (TaskState::Queued, vec![0, 1, 2]));
		assert!(task(id).ticket.is_some());
		set_offer(0, Offer::at(1));
		run_to(now() + 25);
		assert_eq!(state(id), TaskState::Queued);
	});
}

#[test]
fn p3_retries_are_bounded() {
	for retries in 0..=3u8 {
		build_and_execute(|| {
			for worker in 0..6 {
				add_worker(worker, DRGN);
			}
			let before = free(&submitter());
			let id = submit_and_draw(TaskSpec { retries, ..spec(1) });
			let mut attempts = 0u8;
			while state(id) == TaskState::Assigned {
				attempts += 1;
				assert_eq!(task(id).attempt, attempts);
				decline(workers_of(id)[0], id, DeclineReason::HostFault);
				run_to(now() + 2);
			}
			assert_eq!(attempts, retries + 1);
			assert_eq!(task(id).excluded.len(), usize::from(attempts));
			assert_eq!(state(id), TaskState::Failed(FailureReason::HostFault));
			assert_eq!(free(&submitter()), before);
		});
	}
}

#[test]
fn every_machine_of_every_attempt_of_three_has_a_place_among_the_excluded() {
	build_and_execute(|| {
		for worker in 0..14 {
			add_worker(worker, DRGN);
		}
		let id = submit_and_draw(TaskSpec { retries: 3, ..spec(3) });
		for _ in 0..4 {
			assert_eq!(workers_of(id).len(), 3);
			for worker in workers_of(id) {
				decline(worker, id, DeclineReason::HostFault);
			}
			run_to(now() + 2);
		}
		assert_eq!(task(id).excluded.len(), 12);
		assert_eq!(state(id), TaskState::Failed(FailureReason::HostFault));
	});
}

#[test]
fn a_silent_replica_is_replaced_while_the_others_go_on() {
	build_and_execute(|| {
		for worker in 0..4 {
			add_worker(worker, DRGN / 2);
		}
		let id = submit_and_draw(TaskSpec { replicas: 2, ..long() });
		let [kept, lost] = workers_of(id)[..] else { panic!("two replicas") };
		commit(id, kept, digest(1, GFUEL));
		fall_silent(lost);
		run_to(now() + GRACE + 2);
		let fresh = outstanding(id)[0];
		assert!(fresh != kept && fresh != lost);
		commit(id, fresh, digest(1, GFUEL));
		reveal(id, fresh, digest(1, GFUEL));
		reveal(id, kept, digest(1, GFUEL));
		assert_eq!(state(id), TaskState::Settled);
	});
}

#[test]
fn a_quorum_that_is_bound_goes_on_without_a_silent_third() {
	build_and_execute(|| {
		for worker in 0..3 {
			add_worker(worker, DRGN / 2);
		}
		let id = submit_and_draw(TaskSpec { replicas: 3, ..long() });
		commit(id, 0, digest(1, GFUEL));
		commit(id, 1, digest(1, GFUEL));
		fall_silent(2);
		run_to(now() + GRACE);
		assert_eq!((state(id), task(id).retries_left), (TaskState::Committed, 1));
	});
}
