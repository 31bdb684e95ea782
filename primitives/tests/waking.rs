//! Tasks that wait are drawn for the machines that come, in turns, as far as a budget goes.

#[path = "common/chain.rs"]
mod chain;
mod common;

use aidragon_primitives::{
	drawing::{turns, Look, Outcome, Serving},
	resources::Resources,
	task::{MatchingPolicy, TaskSpec},
	waiting::{QueueId, Turn, Wake, Wakes},
	worker::Capacity,
	Balance, BlockNumber, TaskId, WorkerId,
};
use chain::{Chain, Draws};
use common::{seed, spec, PRICE};
use std::collections::BTreeSet;

/// Machines that came, each in a block, and perhaps others.
fn wakes(machines: &[(WorkerId, BlockNumber)], others_at: Option<BlockNumber>) -> Wakes {
	let mut wakes = Wakes { others_at, ..Wakes::default() };
	for (worker, block) in machines {
		wakes.note(Wake { worker: *worker, bucket: 0, block: *block });
	}
	wakes
}

#[test]
fn p5_nobody_has_a_turn_before_two_blocks() {
	for came in [wakes(&[(7, 9)], None), wakes(&[], Some(9))] {
		for (now, is_due) in [(9, false), (10, false), (11, true), (500, true)] {
			assert_eq!(turns(&came, now).len(), usize::from(is_due), "{now}");
		}
	}
}

/// Turns of machines.
fn of_machines<const N: usize>(workers: [WorkerId; N]) -> Vec<Turn> {
	workers.into_iter().map(Turn::Machine).collect()
}

#[test]
fn machines_have_their_turns_in_the_order_in_which_they_came() {
	let came = wakes(&[(3, 9), (1, 8), (2, 12), (9, 9)], None);
	assert_eq!(turns(&came, 10), of_machines([1]));
	assert_eq!(turns(&came, 13), of_machines([3, 1, 9]), "one is too young");
	assert_eq!(turns(&came, 14), of_machines([3, 1, 2, 9]));
	assert_eq!(turns(&Wakes::default(), 13), []);
}

#[test]
fn nobody_in_particular_comes_first_and_last_by_turns() {
	let came = wakes(&[(3, 10), (1, 8)], Some(5));
	let machines = [Turn::Machine(3), Turn::Machine(1)];
	assert_eq!(turns(&came, 14), [&[Turn::Others][..], &machines].concat());
	assert_eq!(turns(&came, 13), [&machines[..], &[Turn::Others]].concat());
	// Too young to have one.
	let came = wakes(&[(3, 10)], Some(12));
	assert_eq!(turns(&came, 13), [Turn::Machine(3)]);
	assert_eq!(turns(&came, 14), [Turn::Others, Turn::Machine(3)]);
}

#[test]
fn the_clock_comes_first_every_five_blocks() {
	let none = Wakes::default();
	let looked_at: Vec<BlockNumber> =
		(0..30).filter(|now| turns(&none, *now) == [Turn::Clock]).collect();
	assert_eq!(looked_at, [2, 7, 12, 17, 22, 27]);
	let came = wakes(&[(3, 4)], Some(4));
	for now in [7, 12] {
		assert_eq!(turns(&came, now).first(), Some(&Turn::Clock));
	}
}

/// A task of so many processors at a price.
fn of(vcpus: u32, price_cap_per_gfuel: Balance) -> TaskSpec {
	let mut spec =
		TaskSpec { price_cap_per_gfuel, deadline_blocks: 1_000, ..spec(MatchingPolicy::Cheapest) };
	spec.requirements.resources = Resources::cpu(1_000 * vcpus, 1_024);
	spec
}

/// A task that nobody can ever do.
fn hopeless(like: TaskSpec) -> TaskSpec {
	let mut spec = like;
	spec.requirements.throughput_min_mops = u32::MAX;
	spec
}

/// A chain without machines on which jobs of these wait.
fn waiting(jobs: &[(TaskSpec, u16)]) -> Chain {
	let mut chain = Chain { now: 1, ..Chain::default() };
	jobs.iter().for_each(|(spec, tasks)| {
		chain.submit(spec, *tasks);
	});
	chain.run(&mut Draws::of(0));
	chain.run(&mut Draws::of(usize::MAX));
	assert!(chain.tasks.values().all(|task| task.ticket.is_some()));
	chain
}

/// Looks until there is nothing more, or the budget is used up.
fn serve(chain: &mut Chain, turn: Turn, budget: &mut Draws) -> (Look, u32) {
	let mut serving = Serving::new(turn, (chain.now, seed(chain.now)));
	for looks in 1.. {
		let look = serving.look(chain, budget);
		if look != Look::More {
			return (look, looks);
		}
		assert!(looks < 10_000);
	}
	unreachable!()
}

#[test]
fn a_machine_that_came_gets_what_it_can_hold_in_the_order_of_the_queue() {
	let mut chain = waiting(&[(of(1, PRICE), 5)]);
	let worker = chain.add(7, PRICE, Capacity::cpu(3, 1 << 13));
	let mut budget = Draws::of(100);
	assert_eq!(serve(&mut chain, Turn::Machine(worker), &mut budget).0, Look::Done);
	assert_eq!(chain.assigned, [0, 1, 2]);
	let outcomes: Vec<Outcome> = budget.spent.iter().map(|(_, cost)| cost.outcome).collect();
	assert_eq!(
		outcomes,
		[Outcome::Assigned(1); 3],
		"it is full, so that nothing more is looked at"
	);
	assert_eq!(chain.queues.waiting.values().copied().collect::<Vec<TaskId>>(), [3, 4]);
	assert_eq!(chain.agenda.len(), 3);
	assert!(chain.tasks.values().filter(|task| task.ticket.is_none()).all(|task| task.wake_at > 0));
}

#[test]
fn p3_a_budget_that_is_used_up_changes_nothing_and_the_next_goes_on() {
	let mut chain = waiting(&[(of(1, PRICE), 5)]);
	let worker = chain.add(7, PRICE, Capacity::cpu(8, 1 << 13));
	for (most, drawn) in [(0, 0), (2, 2), (0, 2), (1, 3)] {
		let mut budget = Draws::of(most);
		assert_eq!(serve(&mut chain, Turn::Machine(worker), &mut budget).0, Look::Full);
		assert_eq!((budget.spent.len(), chain.assigned.len()), (most, drawn));
		assert_eq!(chain.queues.waiting.len(), 5 - drawn);
	}
	assert_eq!(serve(&mut chain, Turn::Machine(worker), &mut Draws::of(9)).0, Look::Done);
	assert_eq!(chain.assigned, [0, 1, 2, 3, 4]);
}

#[test]
fn a_machine_that_is_not_in_the_supply_has_nothing_to_look_at() {
	let mut chain = waiting(&[(of(1, PRICE), 2)]);
	assert_eq!(serve(&mut chain, Turn::Machine(99), &mut Draws::of(9)), (Look::Done, 1));
	let worker = chain.add(7, PRICE, Capacity::cpu(1, 1 << 13));
	serve(&mut chain, Turn::Machine(worker), &mut Draws::of(9));
	assert_eq!(
		serve(&mut chain, Turn::Machine(worker), &mut Draws::of(9)),
		(Look::Done, 1),
		"it is full"
	);
	assert_eq!(chain.assigned, [0]);
}

#[test]
fn what_does_not_suit_the_machine_goes_to_the_end_without_a_draw() {
	let mut chain = waiting(&[(hopeless(of(1, PRICE)), 3), (of(1, PRICE), 1)]);
	let worker = chain.add(7, PRICE, Capacity::cpu(8, 1 << 13));
	let mut budget = Draws::of(1);
	serve(&mut chain, Turn::Machine(worker), &mut budget);
	assert_eq!(chain.assigned, [3]);
	let mut left: Vec<_> = chain.queues.waiting.iter().collect();
	left.sort();
	assert_eq!(left.into_iter().map(|(_, id)| *id).collect::<Vec<_>>(), [0, 1, 2]);
	assert_eq!(budget.spent.len(), 1);
}

#[test]
fn p6_one_machine_looks_at_eight_queues_and_eight_tasks_of_each_in_vain() {
	let stones: Vec<_> = (0..12).map(|n| (hopeless(of(1, PRICE << n)), 20)).collect();
	let mut chain = waiting(&stones);
	let worker = chain.add(7, PRICE, Capacity::cpu(8, 1 << 13));
	let (look, looks) = serve(&mut chain, Turn::Machine(worker), &mut Draws::of(0));
	assert_eq!((look, looks), (Look::Done, 8 * 8 + 1));
	assert_eq!(chain.queues.waiting.len(), 240);
}

#[test]
fn p6_the_clock_looks_at_eight_tasks_in_vain_however_many_wait_and_leaves_them_where_they_stand() {
	for (length, queues) in [(1, 8), (2, 4), (20, 4)] {
		let stones: Vec<_> =
			(0..24).map(|n| (hopeless(of(1 << (n / 4), PRICE << (n % 4))), length)).collect();
		let mut chain = waiting(&stones);
		chain.add(7, PRICE, Capacity::cpu(32, 1 << 13));
		let before = chain.queues.waiting.clone();
		let mut budget = Draws::of(100);
		assert_eq!(serve(&mut chain, Turn::Clock, &mut budget), (Look::Done, 9));
		let looked_at: BTreeSet<TaskId> = budget.spent.iter().map(|(id, _)| *id).collect();
		let of_queues: BTreeSet<QueueId> =
			looked_at.iter().filter_map(|id| chain.tasks[id].ticket).map(|one| one.queue).collect();
		assert_eq!((looked_at.len(), of_queues.len()), (8, queues));
		assert_eq!(chain.queues.waiting, before);
	}
}

#[test]
fn the_clock_reaches_what_stands_behind_others_that_can_never_be_met() {
	let mut chain = waiting(&[(hopeless(of(1, PRICE)), 30), (of(1, PRICE), 1)]);
	chain.add(7, PRICE, Capacity::cpu(16, 1 << 13));
	let turns = (1..1_000).find(|_| {
		chain.now += 1;
		serve(&mut chain, Turn::Clock, &mut Draws::of(9));
		!chain.assigned.is_empty()
	});
	assert!(turns.is_some() && chain.assigned == [30], "{turns:?}");
}

#[test]
fn the_clock_goes_on_in_a_queue_as_long_as_machines_are_found() {
	let mut chain = waiting(&[(of(1, PRICE), 20)]);
	chain.add(7, PRICE, Capacity::cpu(12, 1 << 15));
	let mut budget = Draws::of(100);
	assert_eq!(serve(&mut chain, Turn::Clock, &mut budget).0, Look::Done);
	assert_eq!((chain.assigned.len(), budget.spent.len()), (12, 14));
}

#[test]
fn a_machine_tries_by_turns_what_pays_most_and_whatever_comes() {
	// Twelve queues of tasks that nobody can do, three cells of four tiers, all of which pay more than the one behind them.
	let mut jobs: Vec<_> =
		(0..12).map(|n| (hopeless(of(1 + n / 4, PRICE << (1 + n))), 8)).collect();
	jobs.push((of(4, PRICE), 1));
	let mut chain = waiting(&jobs);
	let worker = chain.add(7, PRICE, Capacity::cpu(16, 1 << 13));
	let drawn = (0..7).any(|_| {
		chain.now += 1;
		serve(&mut chain, Turn::Machine(worker), &mut Draws::of(9));
		!chain.assigned.is_empty()
	});
	assert!(drawn);
}

#[test]
fn nobody_in_particular_draws_for_what_waits_wherever_machines_are() {
	let mut chain = waiting(&[(of(1, PRICE), 3), (of(2, 4 * PRICE), 3)]);
	chain.add(7, PRICE, Capacity::cpu(2, 1 << 13));
	chain.add(8, PRICE, Capacity::cpu(4, 1 << 13));
	let mut budget = Draws::of(100);
	assert_eq!(serve(&mut chain, Turn::Others, &mut budget).0, Look::Done);
	let used: u32 = chain.machines.values().map(|one| one.ledger.reserved().cpu_milli).sum();
	assert!(used >= 5_000, "as good as full: {used}");
	assert!(chain.assigned.len() >= 3 && chain.machines.values().all(|one| one.ledger.is_sound()));
}

#[test]
fn a_task_for_which_no_time_is_left_is_given_up_on_the_way() {
	let mut chain = waiting(&[(of(1, PRICE), 2)]);
	let worker = chain.add(7, PRICE, Capacity::cpu(8, 1 << 13));
	chain.now = chain.jobs[&0].last_draw() + 1;
	assert_eq!(serve(&mut chain, Turn::Machine(worker), &mut Draws::of(9)).0, Look::Done);
	assert_eq!((chain.given_up.clone(), chain.assigned.len()), (vec![0, 1], 0));
	assert!(chain.queues.waiting.is_empty() && chain.queues.index.cells().is_empty());
}
