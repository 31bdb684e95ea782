//! Tasks that wait are drawn for the machines that come, in turns, as far as a budget goes.

#[path = "common/chain.rs"]
mod chain;
mod common;

use aidragon_primitives::{
	drawing::{turns, Look, Outcome, Serving},
	resources::Resources,
	task::{MatchingPolicy, TaskSpec},
	waiting::{Wake, Wakes},
	worker::Capacity,
	Balance, BlockNumber, TaskId, WorkerId,
};
use chain::{Chain, Draws};
use common::{seed, spec, PRICE};

/// Machines that came, each in a block, and perhaps others.
fn wakes(machines: &[(WorkerId, BlockNumber)], others_at: Option<BlockNumber>) -> Wakes {
	let mut wakes = Wakes { others_at, ..Wakes::default() };
	for (worker, block) in machines {
		wakes.note(Wake { worker: *worker, bucket: 0, block: *block });
	}
	wakes
}

#[test]
fn p5_nobody_has_a_turn_before_two_blocks_and_a_younger_beacon() {
	for came in [wakes(&[(7, 10)], None), wakes(&[], Some(10))] {
		for (now, beacon, is_due) in
			[(10, 9, false), (11, 10, false), (12, 10, false), (11, 11, false), (12, 11, true)]
		{
			assert_eq!(turns(&came, now, beacon).len(), usize::from(is_due), "{now} {beacon}");
		}
		// However late, nothing is drawn by what was known when it came.
		assert!(turns(&came, 500, 10).is_empty());
		assert_eq!(turns(&came, 500, 11).len(), 1);
	}
}

#[test]
fn machines_have_their_turns_in_the_order_in_which_they_came() {
	let came = wakes(&[(3, 10), (1, 8), (2, 11), (9, 10)], None);
	assert_eq!(turns(&came, 12, 11), [Some(3), Some(1), Some(9)], "one is too young");
	assert_eq!(turns(&came, 13, 12), [Some(3), Some(1), Some(2), Some(9)]);
	assert_eq!(turns(&Wakes::default(), 13, 12), []);
}

#[test]
fn nobody_in_particular_comes_first_and_last_by_turns() {
	let came = wakes(&[(3, 10), (1, 8)], Some(5));
	assert_eq!(turns(&came, 12, 11), [None, Some(3), Some(1)]);
	assert_eq!(turns(&came, 13, 12), [Some(3), Some(1), None]);
	// Too young to have one.
	let came = wakes(&[(3, 10)], Some(12));
	assert_eq!(turns(&came, 13, 12), [Some(3)]);
	assert_eq!(turns(&came, 14, 13), [None, Some(3)]);
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
fn serve(chain: &mut Chain, machine: Option<WorkerId>, budget: &mut Draws) -> (Look, u32) {
	let mut serving = Serving::new(machine, (chain.now, seed(chain.now)));
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
	assert_eq!(serve(&mut chain, Some(worker), &mut budget).0, Look::Done);
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
		assert_eq!(serve(&mut chain, Some(worker), &mut budget).0, Look::Full);
		assert_eq!((budget.spent.len(), chain.assigned.len()), (most, drawn));
		assert_eq!(chain.queues.waiting.len(), 5 - drawn);
	}
	assert_eq!(serve(&mut chain, Some(worker), &mut Draws::of(9)).0, Look::Done);
	assert_eq!(chain.assigned, [0, 1, 2, 3, 4]);
}

#[test]
fn a_machine_that_is_not_in_the_supply_has_nothing_to_look_at() {
	let mut chain = waiting(&[(of(1, PRICE), 2)]);
	assert_eq!(serve(&mut chain, Some(99), &mut Draws::of(9)), (Look::Done, 1));
	let worker = chain.add(7, PRICE, Capacity::cpu(1, 1 << 13));
	serve(&mut chain, Some(worker), &mut Draws::of(9));
	assert_eq!(serve(&mut chain, Some(worker), &mut Draws::of(9)), (Look::Done, 1), "it is full");
	assert_eq!(chain.assigned, [0]);
}

#[test]
fn what_does_not_suit_the_machine_goes_to_the_end_without_a_draw() {
	let mut chain = waiting(&[(hopeless(of(1, PRICE)), 3), (of(1, PRICE), 1)]);
	let worker = chain.add(7, PRICE, Capacity::cpu(8, 1 << 13));
	let mut budget = Draws::of(1);
	serve(&mut chain, Some(worker), &mut budget);
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
	let (look, looks) = serve(&mut chain, Some(worker), &mut Draws::of(0));
	assert_eq!((look, looks), (Look::Done, 8 * 8 + 1));
	assert_eq!(chain.queues.waiting.len(), 240);
}

#[test]
fn nobody_in_particular_draws_for_what_waits_wherever_machines_are() {
	let mut chain = waiting(&[(of(1, PRICE), 3), (of(2, 4 * PRICE), 3)]);
	chain.add(7, PRICE, Capacity::cpu(2, 1 << 13));
	chain.add(8, PRICE, Capacity::cpu(4, 1 << 13));
	let mut budget = Draws::of(100);
	assert_eq!(serve(&mut chain, None, &mut budget).0, Look::Done);
	let used: u32 = chain.machines.values().map(|one| one.ledger.reserved().cpu_milli).sum();
	assert!(used >= 5_000, "as good as full: {used}");
	assert!(chain.assigned.len() >= 3 && chain.machines.values().all(|one| one.ledger.is_sound()));
}

#[test]
fn a_task_for_which_no_time_is_left_is_given_up_on_the_way() {
	let mut chain = waiting(&[(of(1, PRICE), 2)]);
	let worker = chain.add(7, PRICE, Capacity::cpu(8, 1 << 13));
	chain.now = chain.jobs[&0].last_draw() + 1;
	assert_eq!(serve(&mut chain, Some(worker), &mut Draws::of(9)).0, Look::Done);
	assert_eq!((chain.given_up.clone(), chain.assigned.len()), (vec![0, 1], 0));
	assert!(chain.queues.waiting.is_empty() && chain.queues.index.cells().is_empty());
}
