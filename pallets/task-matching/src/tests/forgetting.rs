//! Forgetting: what is over can be read for a while, and then goes piece by piece.

use crate::{mock::*, Agenda, Error, Jobs, Tasks, WeightInfo};
use aidragon_primitives::{
	state::TaskState, task::TaskSpec, worker::Capacity, BlockNumber, JobId, DRGN, GFUEL,
};
use frame_support::{assert_noop, assert_ok, weights::WeightMeter};

/// Tasks that one step removes.
const STEP: u64 = 8;

fn cheap() -> TaskSpec {
	TaskSpec { fuel_limit: GFUEL, price_cap_per_gfuel: DRGN, ..spec(1) }
}

/// A job of so many tasks that are settled, and the block in which it is to be forgotten.
fn settled_job(tasks: usize) -> (JobId, BlockNumber) {
	let job = submit_job(cheap(), &vec![(0, 0); tasks]);
	run_to(now() + 2);
	(job..job + tasks as u64).for_each(settle);
	(job, now() + RETENTION)
}

fn add_host() {
	add_large_worker(0, DRGN / 2, Capacity::cpu(300, 1 << 18));
}

/// Takes one step of the agenda of a block.
fn step_in(block: BlockNumber) {
	System::set_block_number(block.into());
	let looks = <() as WeightInfo>::agenda_step().saturating_mul(2);
	let one = <() as WeightInfo>::agenda_forget().saturating_add(looks);
	TaskMatching::work_off_agenda(&mut WeightMeter::with_limit(one));
}

/// The records that are left of a job.
fn left() -> u64 {
	Tasks::<Test>::iter().count() as u64
}

#[test]
fn a_job_is_forgotten_piece_by_piece_and_last_of_all_itself() {
	for tasks in [1, 7, 8, 9, 16, 256] {
		build_and_execute(|| {
			add_host();
			let before = map_keys();
			let (job, forgotten_at) = settled_job(tasks);
			run_to(forgotten_at - 1);
			let tasks = tasks as u64;
			assert_eq!((left(), Jobs::<Test>::contains_key(job)), (tasks, true));
			for step in 1..=tasks.div_ceil(STEP) {
				step_in(forgotten_at);
				let gone = (STEP * step).min(tasks);
				assert_eq!(left(), tasks - gone);
				assert!((job..job + gone).all(|id| !Tasks::<Test>::contains_key(id)));
				assert_eq!(Jobs::<Test>::contains_key(job), gone < tasks);
				check_invariants();
			}
			run_to(forgotten_at + 1);
			assert_eq!((Agenda::<Test>::iter().count(), map_keys()), (0, before));
		});
	}
}

#[test]
fn the_time_begins_with_the_end_of_the_last_task() {
	build_and_execute(|| {
		add_host();
		let long = TaskSpec { execution_blocks: 500, deadline_blocks: 1_000, ..cheap() };
		let job = submit_job(long, &[(0, 0); 3]);
		run_to(3);
		settle(job + 2);
		run_to(3 + 2 * RETENTION);
		settle(job);
		run_to(now() + 2 * RETENTION);
		let results = || [job, job + 2].map(|id| task(id).result);
		assert_eq!(results(), [job, job + 2].map(|id| Some(result_of(id))));
		assert_eq!(TaskMatching::job(job).unwrap().open, 1);
		settle(job + 1);
		let over_at = now();
		run_to(over_at + RETENTION - 1);
		assert_eq!(results(), [job, job + 2].map(|id| Some(result_of(id))));
		run_to(over_at + RETENTION);
		assert_eq!((left(), TaskMatching::job(job)), (0, None));
	});
}

#[test]
fn a_cancellation_that_ends_the_last_task_begins_the_time() {
	build_and_execute(|| {
		add_host();
		let long = TaskSpec { execution_blocks: 500, deadline_blocks: 1_000, ..cheap() };
		let job = submit_job(long.clone(), &[(0, 0); 20]);
		let other = submit_job(long, &[(0, 0); 20]);
		run_to(3);
		(job..job + 19).chain(other..other + 3).for_each(settle);
		run_to(50);
		assert_ok!(TaskMatching::cancel_task(signed(submitter()), job + 19));
		run_to(60);
		assert_ok!(TaskMatching::cancel_job(signed(submitter()), other));
		run_to(50 + RETENTION - 1);
		assert_eq!(left(), 40);
		run_to(50 + RETENTION);
		assert_eq!((left(), TaskMatching::job(job)), (20, None));
		assert!(TaskMatching::job(other).is_some());
		run_to(60 + RETENTION);
		assert_eq!((left(), Jobs::<Test>::iter().count()), (0, 0));
	});
}

#[test]
fn what_is_being_forgotten_can_neither_be_cancelled_nor_delivered() {
	build_and_execute(|| {
		add_host();
		let (job, forgotten_at) = settled_job(12);
		let late = delivery(job, 0, result_of(job));
		run_to(forgotten_at - 1);
		step_in(forgotten_at);
		assert_eq!(left(), 4);
		let cancel = |id| TaskMatching::cancel_task(signed(submitter()), id);
		let cancel_job = || TaskMatching::cancel_job(signed(submitter()), job);
		assert_noop!(cancel(job), Error::<Test>::NoSuchTask);
		assert_noop!(cancel(job + 8), Error::<Test>::AlreadyOver);
		assert_noop!(cancel_job(), Error::<Test>::AlreadyOver);
		let who = signed(hot_key(0));
		let deliveries = vec![late].try_into().unwrap();
		assert_noop!(TaskMatching::attest_results(who, deliveries), Error::<Test>::NoSuchTask);
		let states = TaskMatching::job_states(job);
		let expected: Vec<_> = (job + 8..job + 12).map(|id| (id, TaskState::Settled)).collect();
		assert_eq!(states, expected);
		assert_eq!(TaskMatching::reason(job), None);
		step_in(forgotten_at);
		assert_noop!(cancel_job(), Error::<Test>::NoSuchJob);
	});
}

#[test]
fn jobs_that_end_in_one_block_are_forgotten_in_one() {
	build_and_execute(|| {
		add_host();
		let jobs: Vec<JobId> = (0..10u64).map(|_| submit_job(cheap(), &[(0, 0); 3])).collect();
		run_to(3);
		for job in &jobs {
			(*job..job + 3).for_each(settle);
		}
		run_to(3 + RETENTION - 1);
		assert_eq!(left(), 30);
		run_to(3 + RETENTION);
		assert_eq!((left(), Jobs::<Test>::iter().count()), (0, 0));
	});
}
