//! Every invariant notices when storage is wrong.

use crate::{agenda::Item, mock::*, *};
use aidragon_primitives::{
	drawing::{Batch, Cursor},
	job::TaskSet,
	state::TaskState,
	supply::{Directory, Listed, Page, Place},
	task::{Progress, Task},
	waiting::{Queue, Ticket},
	DRGN,
};

/// The tasks of a chain to corrupt.
#[derive(Clone, Copy)]
struct Scene {
	/// With two machines.
	running: u64,
	/// Over, with its result.
	finished: u64,
	/// In a queue.
	waiting: u64,
	/// Waits for the one before it, which runs.
	blocked: u64,
	/// Not drawn yet.
	frozen: u64,
}

fn scene() -> Scene {
	for worker in 0..3 {
		add_worker(worker, DRGN);
	}
	let finished = submit_and_draw(spec(1));
	settle(finished);
	let running = submit_and_draw(spec(2));
	let mut large = spec(1);
	large.requirements.resources.cpu_milli = 9_000;
	let waiting = submit_and_draw(large);
	let job = submit_job(spec(1), &[(0, 0), (0, 0), (0, 1), (2, 1)]);
	run_to(now() + 2);
	settle(job + 1);
	let frozen = submit(spec(1));
	Scene { running, finished, waiting, blocked: job + 2, frozen }
}

/// Corrupts a chain and expects the check to say `complaint`.
fn expect(complaint: &'static str, corrupt: impl FnOnce(Scene)) {
	build_and_execute(|| {
		let scene = scene();
		check_invariants();
		let outcome = frame_support::storage::with_transaction(|| {
			corrupt(scene);
			let outcome = TaskMatching::do_try_state();
			sp_runtime::TransactionOutcome::Rollback(Ok::<_, sp_runtime::DispatchError>(outcome))
		});
		let error = outcome.unwrap().unwrap_err();
		assert!(format!("{error:?}").contains(complaint), "{error:?}");
	});
}

fn edit(id: u64, change: impl FnOnce(&mut Task<AccountId>)) {
	Tasks::<Test>::mutate(id, |task| change(task.as_mut().unwrap()));
}

fn ticket_of(id: u64) -> Ticket {
	task(id).ticket.unwrap()
}

fn place_of(worker: u32) -> Place {
	SupplyPlaces::<Test>::get(worker).unwrap()
}

/// The block on whose agenda a job stands to be forgotten.
fn forgotten_at(job: u64) -> u32 {
	let is_it = |item: &Item| *item == Item::Forget(job, 0);
	let entry = Agenda::<Test>::iter().find(|(_, item)| is_it(item));
	entry.map(|((block, _), _)| block).unwrap()
}

/// Takes an entry off the agenda of a block.
fn strike(block: u32, item: Item) {
	let is_it = |position: &u32| Agenda::<Test>::get((block, *position)) == Some(item);
	let position = (0..AgendaLength::<Test>::get(block)).find(is_it).unwrap();
	Agenda::<Test>::remove((block, position));
}

fn edit_page(worker: u32, change: impl FnOnce(&mut Page)) {
	let place = place_of(worker);
	SupplyPages::<Test>::mutate((place.bucket, place.page()), change);
}

#[test]
fn p1_escrow_that_is_not_on_hold_is_noticed() {
	expect("escrow differs", |scene| edit(scene.running, |task| task.escrow += 1));
}

#[test]
fn p2_money_on_hold_for_a_task_that_is_over_is_noticed() {
	expect("over has money on hold", |scene| {
		edit(scene.running, |task| task.state = TaskState::Settled)
	});
}

#[test]
fn a_task_without_job_is_noticed() {
	expect("a task has no job", |scene| Jobs::<Test>::remove(scene.running));
}

#[test]
fn an_unknown_number_is_noticed() {
	expect("number that was not given out", |_| NextTaskId::<Test>::put(1));
}

#[test]
fn a_task_that_is_not_among_its_jobs_is_noticed() {
	expect("not among its job's", |scene| edit(scene.running, |task| task.job = scene.finished));
}

#[test]
fn a_task_that_waits_while_it_runs_is_noticed() {
	expect("waits that has no need to", |scene| {
		let ticket = ticket_of(scene.waiting);
		edit(scene.running, |task| task.ticket = Some(ticket));
	});
}

#[test]
fn p3_a_job_whose_end_is_not_on_the_agenda_is_noticed() {
	for task_of in [|scene: Scene| scene.blocked, |scene: Scene| scene.waiting] {
		expect("without machines is not on the agenda", |scene| {
			let id = task(task_of(scene)).job;
			strike(job(id).last_draw() + 1, Item::Expire(id, 0));
		});
	}
}

#[test]
fn p3_an_entry_that_ends_only_later_tasks_of_a_job_is_noticed() {
	expect("without machines is not on the agenda", |scene| {
		let id = task(scene.blocked).job;
		let block = job(id).last_draw() + 1;
		strike(block, Item::Expire(id, 0));
		TaskMatching::put_on_agenda(Item::Expire(id, 3), block);
	});
}

#[test]
fn p3_a_task_that_nobody_will_look_at_is_noticed() {
	expect("not on the agenda of its block", |scene| {
		let id = scene.running;
		strike(task(id).wake_at, Item::Tasks(Batch { first: id, count: 1 }));
	});
}

#[test]
fn p3_an_entry_that_names_only_other_tasks_is_noticed() {
	for (before, count) in [(1, 1), (0, 0)] {
		expect("not on the agenda of its block", |scene| {
			let id = scene.running;
			strike(task(id).wake_at, Item::Tasks(Batch { first: id, count: 1 }));
			let others = Batch { first: id - before, count };
			TaskMatching::put_on_agenda(Item::Tasks(others), task(id).wake_at);
		});
	}
}

#[test]
fn a_job_that_is_over_and_never_forgotten_is_noticed() {
	expect("over is not on the agenda", |scene| {
		strike(forgotten_at(scene.finished), Item::Forget(scene.finished, 0));
	});
}

#[test]
fn a_job_that_lost_a_task_is_noticed() {
	expect("has lost a task", |scene| Tasks::<Test>::remove(scene.finished));
	expect("has lost a task", |scene| {
		// One of a job that goes on, which owes nothing any more.
		let id = scene.blocked - 1;
		assert!(state(id).is_terminal() && job(id).open > 0);
		Tasks::<Test>::remove(id);
	});
}

#[test]
fn a_task_that_outlives_its_place_among_those_to_forget_is_noticed() {
	expect("has lost a task", |scene| {
		let block = forgotten_at(scene.finished);
		strike(block, Item::Forget(scene.finished, 0));
		TaskMatching::put_on_agenda(Item::Forget(scene.finished, 1), block);
	});
}

#[test]
fn p3_a_task_that_is_looked_at_too_late_is_noticed() {
	expect("after its deadline", |scene| {
		Jobs::<Test>::mutate_extant(scene.running, |job| job.deadline = 1)
	});
}

#[test]
fn a_job_that_miscounts_its_tasks_is_noticed() {
	expect("count of open tasks is wrong", |scene| {
		Jobs::<Test>::mutate_extant(scene.running, |job| job.open = 2)
	});
}

#[test]
fn a_job_that_does_not_know_what_is_over_is_noticed() {
	expect("does not know what is over", |scene| {
		let id = task(scene.blocked).job;
		Jobs::<Test>::mutate_extant(id, |job| job.flow.as_mut().unwrap().over = TaskSet::default());
	});
}

#[test]
fn a_job_that_does_not_know_its_results_is_noticed() {
	expect("does not know its results", |scene| {
		let id = task(scene.blocked).job;
		Jobs::<Test>::mutate_extant(id, |job| {
			job.flow.as_mut().unwrap().settled = TaskSet::default()
		});
	});
}

#[test]
fn p3_a_job_that_could_go_on_and_does_not_is_noticed() {
	expect("could go on", |scene| {
		let id = task(scene.blocked).job;
		settle(id);
		strike(now() + 1, Item::Advance(id));
	});
}

#[test]
fn p3_a_queued_task_that_nobody_draws_is_noticed() {
	expect("neither frozen nor waits", |_| Frozen::<Test>::remove((now(), 0)));
}

#[test]
fn p3_frozen_tasks_that_were_passed_over_are_noticed() {
	expect("passed over", |scene| {
		Frozen::<Test>::insert((1, 0), Batch { first: scene.frozen, count: 1 });
	});
	expect("passed over", |_| {
		FrozenLength::<Test>::insert(now(), 0);
	});
	expect("passed over", |_| {
		let cursor = Cursor { block: now(), batches: 1, tasks: 0, order: Some(Default::default()) };
		FrozenCursor::<Test>::put(cursor);
	});
}

#[test]
fn a_lost_assignment_is_noticed() {
	expect("not among its machine's assignments", |scene| {
		Assignments::<Test>::remove(workers_of(scene.running)[0], scene.running)
	});
}

#[test]
fn p5_two_replicas_of_one_provider_are_noticed() {
	expect("belong to one provider", |scene| {
		edit(scene.running, |task| task.replicas[0].provider = task.replicas[1].provider.clone())
	});
}

#[test]
fn a_task_that_rests_with_all_results_known_is_noticed() {
	expect("not evaluated", |scene| {
		edit(scene.running, |task| {
			for replica in task.replicas.iter_mut() {
				replica.progress = Progress::Revealed(digest(1, 5));
			}
		})
	});
}

#[test]
fn an_assignment_without_task_is_noticed() {
	expect("no live task", |_| Assignments::<Test>::insert(0, 77, ()));
}

#[test]
fn a_task_that_waits_and_is_gone_is_noticed() {
	expect("gone waits", |scene| {
		Waiting::<Test>::insert(Ticket { number: 9, ..ticket_of(scene.waiting) }, 999);
	});
}

#[test]
fn a_task_that_stands_in_two_places_is_noticed() {
	expect("waits elsewhere", |scene| {
		Waiting::<Test>::insert(Ticket { number: 9, ..ticket_of(scene.waiting) }, scene.waiting);
	});
}

#[test]
fn p3_a_queue_that_lost_a_task_is_noticed() {
	expect("has lost a task", |scene| {
		WaitingQueues::<Test>::mutate(ticket_of(scene.waiting).queue, |queue| {
			queue.head = queue.tail
		});
	});
}

#[test]
fn p3_a_queue_that_is_not_in_the_index_is_noticed() {
	expect("not in the index", |_| WaitingIndex::<Test>::kill());
}

#[test]
fn p3_a_task_whose_place_is_gone_is_noticed() {
	expect("a place that is not its own", |scene| {
		Waiting::<Test>::remove(ticket_of(scene.waiting));
	});
}

#[test]
fn a_wrong_length_of_a_queue_is_noticed() {
	expect("lengths of the queues", |scene| {
		WaitingQueues::<Test>::mutate(ticket_of(scene.waiting).queue, |queue| queue.length += 1);
	});
}

#[test]
fn a_queue_without_tasks_in_the_index_is_noticed() {
	expect("index of the queues", |scene| {
		let other = waiting_queue_beside(scene);
		WaitingIndex::<Test>::mutate(|index| index.set(other, true));
	});
	expect("index of the queues", |scene| {
		WaitingQueues::<Test>::insert(waiting_queue_beside(scene), Queue::default());
	});
}

/// A queue in which nothing waits.
fn waiting_queue_beside(scene: Scene) -> aidragon_primitives::waiting::QueueId {
	let queue = ticket_of(scene.waiting).queue;
	aidragon_primitives::waiting::QueueId { price_tier: queue.price_tier - 1, ..queue }
}

#[test]
fn a_gap_in_the_supply_is_noticed() {
	expect("gap", |_| {
		edit_page(0, |page| {
			page.pop();
		})
	});
	expect("gap", |_| SupplyPages::<Test>::insert((place_of(0).bucket, 1), Page::default()));
}

#[test]
fn a_wrong_place_in_the_supply_is_noticed() {
	expect("place in the supply is wrong", |_| {
		SupplyPlaces::<Test>::insert(0, Place { position: 31, ..place_of(0) });
	});
}

#[test]
fn a_machine_in_a_bucket_that_is_not_its_own_is_noticed() {
	expect("bucket that is not its own", |_| edit_page(0, |page| page[0].free.cpu_milli += 4_000));
}

#[test]
fn a_wrong_price_floor_is_noticed() {
	expect("price floor", |_| {
		let listed = SupplyDirectory::<Test>::get().buckets().collect::<Vec<_>>();
		let wrong = listed.into_iter().map(|listed| Listed { floor: listed.floor + 1, ..listed });
		SupplyDirectory::<Test>::set(Directory::from_buckets(wrong).unwrap());
	});
}

#[test]
fn a_supply_that_is_out_of_date_is_noticed() {
	expect("does not know what is left", |_| edit_page(0, |page| page[0].free.cpu_milli += 1));
}

#[test]
fn a_machine_that_stands_nowhere_is_noticed() {
	expect("twice or nowhere", |_| {
		SupplyPlaces::<Test>::insert(9, Place { bucket: 0, position: 0 })
	});
}
