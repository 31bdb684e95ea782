//! Jobs: tasks that share a specification and one hold.

use crate::{mock::*, Error, Event, Jobs, NextTaskId, Tasks, WeightInfo};
use aidragon_primitives::{
	job::{JobTasks, JOB_TASKS_MAX},
	state::TaskState,
	task::{TaskSpec, INPUT_BYTES_MAX},
	worker::Capacity,
	DRGN, GFUEL,
};
use codec::{Decode, Encode};
use frame_support::{
	assert_noop, assert_ok, dispatch::GetDispatchInfo, weights::constants::ParityDbWeight,
};
use sp_runtime::DispatchError::BadOrigin;

/// A task that costs at most 1 DRGN.
fn cheap() -> TaskSpec {
	TaskSpec { fuel_limit: GFUEL, price_cap_per_gfuel: DRGN, ..spec(1) }
}

/// Tasks that wait for no other.
fn alone(count: usize) -> Vec<(u8, u8)> {
	vec![(0, 0); count]
}

fn states(job: u64) -> Vec<TaskState> {
	TaskMatching::job_states(job).into_iter().map(|(_, state)| state).collect()
}

#[test]
fn p1_one_hold_covers_all_tasks_of_a_job() {
	build_and_execute(|| {
		let before = free(&submitter());
		submit(spec(1));
		let job = submit_job(spec(2), &alone(3));
		// 10 Gfuel × 10 DRGN, once, and twice three times.
		assert_eq!(free(&submitter()), before - 700 * DRGN);
		assert!((job..job + 3).all(|id| task(id).escrow == 200 * DRGN && task(id).job == job));
		System::assert_last_event(
			Event::JobSubmitted {
				job,
				tasks: 3,
				submitter: submitter(),
				escrow: 600 * DRGN,
				deadline: 101,
			}
			.into(),
		);
	});
}

#[test]
fn numbers_are_given_out_in_succession() {
	build_and_execute(|| {
		assert_eq!(submit(spec(1)), 0);
		assert_eq!(submit_job(spec(1), &alone(4)), 1);
		assert_eq!(submit_job(spec(1), &alone(1)), 5);
		assert_eq!((submit(spec(1)), NextTaskId::<Test>::get()), (6, 7));
		let positions: Vec<u8> = (1..5).map(|id| task(id).input.hash[0]).collect();
		assert_eq!(positions, [0, 1, 2, 3]);
		assert_eq!(Jobs::<Test>::iter_keys().count(), 4);
		assert_eq!(TaskMatching::job(1).unwrap().tasks, 4);
		assert_eq!(TaskMatching::job(2), None);
	});
}

#[test]
fn a_job_says_where_each_of_its_tasks_stands() {
	build_and_execute(|| {
		add_worker(0, DRGN);
		let job = submit_job(spec(1), &[(0, 0), (0, 0), (0, 2), (2, 1), (0, 0)]);
		let queued = (TaskState::Queued, TaskState::Blocked);
		assert_eq!(states(job), [queued.0, queued.0, queued.1, queued.1, queued.0]);
		run_to(3);
		settle(job);
		assert_ok!(TaskMatching::cancel_task(signed(submitter()), job + 4));
		let numbers: Vec<u64> =
			TaskMatching::job_states(job).into_iter().map(|(id, _)| id).collect();
		assert_eq!(numbers, [0, 1, 2, 3, 4]);
		assert_eq!(
			states(job),
			[
				TaskState::Settled,
				TaskState::Assigned,
				TaskState::Blocked,
				TaskState::Blocked,
				TaskState::Cancelled
			]
		);
		assert_eq!(TaskMatching::job_states(job + 1), []);
		assert_eq!(TaskMatching::job_states(u64::MAX), []);
	});
}

#[test]
fn a_job_of_256_tasks_runs_from_one_hold_to_one_end() {
	build_and_execute(|| {
		let before = map_keys();
		add_large_worker(0, DRGN / 2, Capacity::cpu(300, 1 << 18));
		let supplied = map_keys();
		let money = free(&submitter());
		let job = submit_job(cheap(), &alone(JOB_TASKS_MAX as usize));
		assert_eq!(free(&submitter()), money - 256 * DRGN);
		assert!(states(job).iter().all(|state| *state == TaskState::Queued));
		run_to(3);
		assert!(states(job).iter().all(|state| *state == TaskState::Assigned));
		assert_eq!(worker(0).running, 256);
		// All of them end in one block, and are forgotten in one.
		(job..job + 256).for_each(settle);
		assert!(states(job).iter().all(|state| *state == TaskState::Settled));
		assert_eq!(free(&submitter()), money - 128 * DRGN);
		run_to(3 + RETENTION - 1);
		assert_eq!(TaskMatching::job(job).unwrap().open, 0);
		assert_eq!(Tasks::<Test>::iter().count(), 256);
		run_to(3 + RETENTION);
		assert_eq!((Tasks::<Test>::iter().count(), Jobs::<Test>::iter().count()), (0, 0));
		assert_eq!(map_keys(), supplied);
		assert!(before.is_subset(&supplied));
	});
}

#[test]
fn more_tasks_than_256_do_not_decode() {
	let tasks: Vec<_> = (0..257).map(|_| job_task(0, (0, 0))).collect();
	assert!(JobTasks::decode(&mut tasks.encode().as_slice()).is_err());
	assert!(JobTasks::decode(&mut tasks[1..].encode().as_slice()).is_ok());
}

#[test]
fn a_job_is_forgotten_with_its_last_task() {
	build_and_execute(|| {
		let before = map_keys();
		let job = submit_job(spec(1), &alone(3));
		for (position, block) in [(1, 5), (0, 9), (2, 13)] {
			run_to(block);
			assert_ok!(TaskMatching::cancel_task(signed(submitter()), job + position));
		}
		// The records stay until the last one's time is over, those of the others, too.
		for block in [104, 105, 109, 112] {
			run_to(block);
			assert_eq!(TaskMatching::job(job).unwrap().open, 0);
			assert_eq!(TaskMatching::job_states(job).len(), 3);
			check_invariants();
		}
		run_to(113);
		assert_eq!((TaskMatching::job(job), map_keys()), (None, before));
	});
}

#[test]
fn a_job_with_a_flow_that_waited_retried_and_failed_leaves_nothing_behind() {
	build_and_execute(|| {
		add_worker(0, 20 * DRGN);
		let before = map_keys();
		let after = [(0, 0), (0, 0), (0, 2), (0, 0), (3, 1), (4, 1)];
		let job = submit_job(TaskSpec { deadline_blocks: 60, ..spec(1) }, &after);
		run_to(10);
		assert!(task(job).ticket.is_some(), "too dear");
		set_offer(0, aidragon_primitives::worker::Offer::at(DRGN));
		run_to(13);
		settle(job);
		settle(job + 1);
		run_to(16);
		settle(job + 2);
		// Task 3 is never delivered, is repeated in vain, and fails the two behind it.
		run_to(61);
		assert!(states(job).iter().all(TaskState::is_terminal), "{:?}", states(job));
		run_to(61 + RETENTION);
		assert_eq!(TaskMatching::job(job), None);
		assert_eq!(map_keys(), before);
	});
}

#[test]
fn every_error_of_a_submission_changes_nothing() {
	build_and_execute(|| {
		let submit = |spec: TaskSpec, tasks: JobTasks| {
			TaskMatching::submit_job(signed(submitter()), spec, tasks)
		};
		assert_noop!(submit(spec(1), job_tasks(&[])), Error::<Test>::EmptyJob);
		for after in [
			vec![(0, 1)],
			vec![(0, 0), (1, 1)],
			vec![(0, 0), (0, 2)],
			vec![(0, 0), (0, 0), (1, 2)],
			vec![(0, 0), (255, 1)],
			vec![(0, 0), (255, 255)],
			vec![(0, 0), (1, 255)],
		] {
			let tasks = job_tasks(&after);
			assert_noop!(submit(spec(1), tasks), Error::<Test>::DependencyNotBefore);
		}
		let mut tasks = job_tasks(&alone(256));
		tasks[255].input.size_bytes = INPUT_BYTES_MAX + 1;
		assert_noop!(submit(spec(1), tasks), Error::<Test>::InputSizeOutOfRange);
		// One of them could be paid.
		let tasks = job_tasks(&alone(201));
		let dear = TaskSpec { price_cap_per_gfuel: 50 * DRGN, ..spec(1) };
		assert_noop!(submit(dear.clone(), tasks.clone()), Error::<Test>::InsufficientFunds);
		let poor = TaskMatching::submit_job(signed(account(99)), spec(1), job_tasks(&alone(1)));
		assert_noop!(poor, Error::<Test>::InsufficientFunds);
		// One of them is a balance, all of them are not.
		let dearest = TaskSpec { price_cap_per_gfuel: u128::MAX / 10, ..spec(1) };
		assert!(dearest.validate().is_ok());
		assert_noop!(submit(dearest, tasks), Error::<Test>::PriceCapOutOfRange);
		let malformed = TaskSpec { replicas: 4, ..spec(1) };
		assert_noop!(submit(malformed, job_tasks(&[])), Error::<Test>::ReplicasOutOfRange);
		assert_ok!(submit(dear, job_tasks(&alone(199))));
	});
}

#[test]
fn counters_at_their_end_are_refused() {
	build_and_execute(|| {
		let first = NextTaskId::<Test>::get();
		NextTaskId::<Test>::put(u64::MAX - 2);
		let submit = |count| {
			TaskMatching::submit_job(signed(submitter()), spec(1), job_tasks(&alone(count)))
		};
		assert_noop!(submit(3), Error::<Test>::Overflow);
		assert_noop!(submit(256), Error::<Test>::Overflow);
		NextTaskId::<Test>::put(first);
		System::set_block_number(u64::from(u32::MAX) - 99);
		assert_noop!(submit(1), Error::<Test>::DeadlineOutOfRange);
		System::set_block_number(1);
		assert_ok!(submit(1));
	});
}

#[test]
fn a_dependency_of_no_tasks_is_none_wherever_it_points() {
	build_and_execute(|| {
		let job = submit_job(spec(1), &[(255, 0), (7, 0)]);
		assert_eq!(TaskMatching::job(job).unwrap().flow, None);
		assert_eq!(states(job), [TaskState::Queued; 2]);
	});
}

#[test]
fn p9_jobs_are_submitted_and_cancelled_by_accounts_only() {
	build_and_execute(|| {
		let job = submit_job(spec(1), &alone(2));
		for origin in [RuntimeOrigin::none(), RuntimeOrigin::root()] {
			let tasks = job_tasks(&alone(1));
			assert_noop!(TaskMatching::submit_job(origin.clone(), spec(1), tasks), BadOrigin);
			assert_noop!(TaskMatching::cancel_job(origin, job), BadOrigin);
		}
	});
}

#[test]
fn p9_a_job_is_cancelled_by_its_submitter_and_by_its_number_only() {
	build_and_execute(|| {
		add_worker(0, DRGN);
		let job = submit_job(spec(1), &alone(2));
		let cancel = |who, id| TaskMatching::cancel_job(signed(who), id);
		for who in [account(2), provider(0), hot_key(0)] {
			assert_noop!(cancel(who.clone(), job), Error::<Test>::NotYourTask);
			assert_noop!(
				TaskMatching::cancel_task(signed(who), job + 1),
				Error::<Test>::NotYourTask
			);
		}
		// The second task is none of its own, and nothing has the next number.
		for id in [job + 1, job + 2, u64::MAX] {
			assert_noop!(cancel(submitter(), id), Error::<Test>::NoSuchJob);
		}
		assert_ok!(cancel(submitter(), job));
		assert_noop!(cancel(submitter(), job), Error::<Test>::AlreadyOver);
		run_to(1 + RETENTION);
		assert_noop!(cancel(submitter(), job), Error::<Test>::NoSuchJob);
	});
}

#[test]
fn cancelling_a_job_ends_what_is_open_and_leaves_the_rest() {
	build_and_execute(|| {
		add_large_worker(0, DRGN, Capacity::cpu(2, 4_096));
		let before = free(&submitter());
		let job = submit_job(spec(1), &alone(4));
		run_to(3);
		let running: Vec<u64> =
			(job..job + 4).filter(|id| state(*id) == TaskState::Assigned).collect();
		assert_eq!(running.len(), 2);
		settle(running[0]);
		run_to(4);
		assert_ok!(TaskMatching::cancel_job(signed(submitter()), job));
		let settled = states(job).iter().filter(|state| **state == TaskState::Settled).count();
		let cancelled = states(job).iter().filter(|state| **state == TaskState::Cancelled).count();
		assert_eq!((settled, cancelled), (1, 3));
		// One result of 1 Gfuel, and one tenth of the time for 10.
		assert_eq!(free(&submitter()), before - 2 * DRGN);
		assert_eq!(worker(0).running, 0);
		assert_eq!(crate::Waiting::<Test>::iter().count(), 0);
	});
}

#[test]
fn p6_cancelling_takes_the_weight_of_what_was_open() {
	build_and_execute(|| {
		let job = submit_job(spec(1), &alone(10));
		for id in job..job + 7 {
			assert_ok!(TaskMatching::cancel_task(signed(submitter()), id));
		}
		let call = RuntimeCall::TaskMatching(crate::Call::cancel_job { job });
		assert_eq!(
			call.get_dispatch_info().call_weight,
			<() as WeightInfo>::cancel_job(JOB_TASKS_MAX)
		);
		let done = TaskMatching::cancel_job(signed(submitter()), job).unwrap();
		let looks = ParityDbWeight::get().reads(7);
		assert!(looks.ref_time() > 0);
		let expected = <() as WeightInfo>::cancel_job(3).saturating_add(looks);
		assert_eq!(done.actual_weight, Some(expected));
	});
}

#[test]
fn p3_a_large_job_without_machines_is_over_by_its_deadline_with_its_money() {
	build_and_execute(|| {
		let before = free(&submitter());
		let short = TaskSpec { execution_blocks: 4, deadline_blocks: 18, ..cheap() };
		let waits = submit_job(short.clone(), &alone(256));
		// Each takes the result of the one before.
		let chain: Vec<_> = (0..=255u8).map(|n| (n.saturating_sub(1), n.min(1))).collect();
		let blocked = submit_job(short, &chain);
		let last_draw = job(waits).last_draw();
		assert_eq!(last_draw, 3);
		run_to(last_draw + 1);
		for job in [waits, blocked] {
			assert!(states(job).iter().all(|state| *state == TaskState::Expired));
		}
		assert_eq!(free(&submitter()), before);
	});
}
