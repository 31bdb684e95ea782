//! Entries of the agenda that tasks share: each task has its own fate, and what moved on costs a look.

use crate::{agenda::Item, mock::*, Agenda, Event, WeightInfo};
use aidragon_primitives::{
	drawing::{Batch, GROUP_MAX},
	state::{FailureReason, TaskState},
	task::{DeclineReason, TaskSpec},
	worker::Capacity,
	BlockNumber, TaskId, DRGN, GFUEL,
};
use frame_support::{
	assert_ok,
	weights::{Weight, WeightMeter},
};

/// A task that costs at most 1 DRGN, and fails with its only attempt.
fn cheap() -> TaskSpec {
	TaskSpec { fuel_limit: GFUEL, price_cap_per_gfuel: DRGN, retries: 0, ..spec(1) }
}

fn add_host(worker: u32) {
	add_large_worker(worker, DRGN / 2, Capacity::cpu(300, 1 << 18));
}

/// The tasks that stand on the agenda of a block.
fn entries(block: BlockNumber) -> Vec<Batch> {
	let mut all: Vec<_> = Agenda::<Test>::iter().filter(|((at, _), _)| *at == block).collect();
	all.sort_by_key(|(place, _)| *place);
	let tasks = all.into_iter().filter_map(|(_, item)| match item {
		Item::Tasks(batch) => Some(batch),
		_ => None,
	});
	tasks.collect()
}

/// Tasks that ended, in order.
fn ended() -> Vec<TaskId> {
	let events = System::events().into_iter().filter_map(|record| match record.event {
		RuntimeEvent::TaskMatching(Event::TaskFinished { task, .. }) => Some(task),
		_ => None,
	});
	events.collect()
}

/// Works off the agenda of a block as far as a weight allows.
fn work_off(block: BlockNumber, limit: Weight) -> Weight {
	System::set_block_number(block.into());
	let mut meter = WeightMeter::with_limit(limit);
	TaskMatching::work_off_agenda(&mut meter);
	meter.consumed()
}

#[test]
fn p3_of_the_tasks_of_an_entry_exactly_those_that_missed_their_time_are_closed() {
	build_and_execute(|| {
		add_host(0);
		let job = submit_job(cheap(), &[(0, 0); 12]);
		run_to(3);
		let due = task(job).wake_at;
		assert_eq!(entries(due), [Batch { first: job, count: 12 }]);
		// Every third is delivered, every third cancelled, and one is given back.
		for id in (job..job + 12).step_by(3) {
			settle(id);
			assert_ok!(TaskMatching::cancel_task(signed(submitter()), id + 1));
		}
		let reason = DeclineReason::HostFault;
		assert_ok!(TaskMatching::decline_task(signed(hot_key(0)), job + 2, reason));
		let missed = [job + 5, job + 8, job + 11];
		let before = ended();
		run_to(due - 1);
		assert!(missed.iter().all(|id| state(*id) == TaskState::Assigned));
		assert_eq!((ended(), before.len()), (before.clone(), 9));
		run_to(due);
		assert_eq!(ended()[9..], missed);
		let failed = TaskState::Failed(FailureReason::WorkersMissing);
		assert!(missed.iter().all(|id| state(*id) == failed));
		assert_eq!(state(job + 2), TaskState::Failed(FailureReason::HostFault));
		assert!((job..job + 12).all(|id| task(id).wake_at == 0));
		assert_eq!((entries(due), worker(0).running), (vec![], 0));
	});
}

#[test]
fn p3_tasks_of_an_entry_that_have_another_step_before_them_are_left_alone() {
	build_and_execute(|| {
		add_host(0);
		add_host(1);
		let job = submit_job(TaskSpec { replicas: 2, retries: 1, ..cheap() }, &[(0, 0); 4]);
		run_to(3);
		let due = task(job).wake_at;
		assert_eq!(entries(due), [Batch { first: job, count: 4 }]);
		run_to(due - 1);
		// The second is bound to its results, the third waits for one of them.
		for (id, worker) in [(job + 1, 0), (job + 1, 1), (job + 2, 0)] {
			commit(id, worker, digest(1, 5));
		}
		let reveals_until = task(job + 1).wake_at;
		assert!(reveals_until > due);
		assert_eq!(entries(reveals_until), [Batch { first: job + 1, count: 1 }]);
		run_to(due);
		assert_eq!(state(job + 1), TaskState::Committed);
		for id in [job, job + 2, job + 3] {
			assert_eq!((state(id), task(id).retries_left), (TaskState::Queued, 0));
		}
		reveal(job + 1, 0, digest(1, 5));
		reveal(job + 1, 1, digest(1, 5));
		assert_eq!(state(job + 1), TaskState::Settled);
	});
}

#[test]
fn p3_a_task_that_was_drawn_again_is_due_when_its_new_attempt_is() {
	build_and_execute(|| {
		add_host(0);
		add_host(1);
		let job = submit_job(TaskSpec { retries: 1, ..cheap() }, &[(0, 0); 3]);
		run_to(3);
		let (due, worker) = (task(job).wake_at, workers_of(job + 1)[0]);
		let reason = DeclineReason::HostFault;
		assert_ok!(TaskMatching::decline_task(signed(hot_key(worker)), job + 1, reason));
		run_to(5);
		let again = task(job + 1).wake_at;
		assert_eq!((again, entries(again)), (due + 2, vec![Batch { first: job + 1, count: 1 }]));
		run_to(due);
		assert_eq!(state(job + 1), TaskState::Assigned);
		run_to(again);
		// Of what the machine said that gave it back.
		assert_eq!(state(job + 1), TaskState::Failed(FailureReason::HostFault));
	});
}

#[test]
fn p3_what_does_not_fit_a_block_stays_on_the_entry() {
	build_and_execute(|| {
		add_host(0);
		let job = submit_job(cheap(), &[(0, 0); 6]);
		run_to(3);
		settle(job + 1);
		let due = task(job).wake_at;
		run_to(due - 1);
		let one = <() as WeightInfo>::agenda_step()
			.saturating_mul(2)
			.saturating_add(<() as WeightInfo>::agenda_close())
			.saturating_add(<Test as frame_system::Config>::DbWeight::get().reads(1));
		for (closed, first) in [(job, job + 1), (job + 2, job + 3), (job + 3, job + 4)] {
			work_off(due, one);
			assert_eq!(ended().last(), Some(&closed));
			let count = (job + 6 - first) as u16;
			assert_eq!(entries(due), [Batch { first, count }]);
			check_invariants();
		}
		work_off(due + 1, Weight::MAX);
		assert_eq!((entries(due), ended().len()), (vec![], 6));
	});
}

#[test]
fn p6_groups_share_an_entry_each() {
	build_and_execute(|| {
		add_host(0);
		let job = submit_job(cheap(), &[(0, 0); 2 * GROUP_MAX as usize + 8]);
		run_to(3);
		let group = u64::from(GROUP_MAX);
		let batch = |first, count| Batch { first, count };
		let expected =
			[batch(job, GROUP_MAX), batch(job + group, GROUP_MAX), batch(job + 2 * group, 8)];
		assert_eq!(entries(task(job).wake_at), expected);
	});
}

#[test]
fn p6_an_entry_of_which_all_moved_on_costs_only_looks() {
	build_and_execute(|| {
		add_host(0);
		let job = submit_job(cheap(), &[(0, 0); 256]);
		run_to(3);
		(job..job + 256).for_each(settle);
		let block = now() + 1;
		// As large as an entry can be.
		TaskMatching::put_on_agenda(Item::Tasks(Batch { first: job, count: 256 }), block);
		let tasks: Vec<_> = (job..job + 256).map(task).collect();
		let keys = map_keys().len();
		let used = work_off(block, Weight::MAX);
		// Eight at a time, once for the block that is over, and once for the next one.
		let looks = <() as WeightInfo>::agenda_step().saturating_mul(256 / 8 + 1);
		let reads = <Test as frame_system::Config>::DbWeight::get().reads(256);
		assert!(used.all_lte(looks.saturating_add(reads)), "{used:?}");
		assert!(used.any_lt(<() as WeightInfo>::agenda_close().saturating_mul(256 / 8)));
		assert_eq!((entries(block), ended().len()), (vec![], 256));
		assert_eq!((job..job + 256).map(task).collect::<Vec<_>>(), tasks);
		// The entry and the block's length.
		assert_eq!(map_keys().len(), keys - 2);
	});
}

#[test]
fn an_entry_of_tasks_that_are_forgotten_is_passed_over() {
	build_and_execute(|| {
		TaskMatching::put_on_agenda(Item::Tasks(Batch { first: 70, count: 20 }), 2);
		TaskMatching::put_on_agenda(Item::Tasks(Batch { first: u64::MAX - 3, count: 20 }), 2);
		TaskMatching::put_on_agenda(Item::Tasks(Batch { first: 0, count: 0 }), 2);
		run_to(3);
		assert_eq!(Agenda::<Test>::iter().count(), 0);
	});
}
