//! Draws that share a look at the supply: cheap, fair to each task, and never more than a machine has.

#[path = "common/chain.rs"]
mod chain;
mod common;

use aidragon_primitives::{
	drawing::{Batch, Cost, Group, Market, Outcome, GROUP_MAX},
	matching::{Misfit, Verdict, PAGES_MAX},
	resources::{GpuShare, Gpus, Resources},
	state::TaskState,
	supply::PAGE_MACHINES,
	task::{MatchingPolicy, TaskSpec},
	worker::{Candidate, Capacity},
	TaskId, WorkerId,
};
use chain::{Chain, Draws};
use common::{seed, spec, POLICIES, PRICE};
use std::collections::BTreeSet;

/// Draws for tasks in one group, and gives what each took before the supply heard of it.
fn draw_group(chain: &mut Chain, ids: impl IntoIterator<Item = TaskId>) -> Vec<Cost> {
	let beacon = (chain.now, seed(chain.now));
	let mut group = Group::new(chain, beacon);
	let costs = ids.into_iter().map(|id| group.draw(id, None)).collect();
	group.finish();
	costs
}

/// A market of machines that hold so many tasks each.
fn market_of(machines: u32, tasks: u16) -> Chain {
	let mut chain = Chain::default();
	chain.add_many(machines, PRICE, Capacity::cpu(tasks, u32::from(tasks) << 10));
	chain
}

fn with_replicas(replicas: u8) -> TaskSpec {
	TaskSpec { replicas, ..spec(MatchingPolicy::Balanced) }
}

#[test]
fn p6_tasks_of_a_group_share_one_look_where_machines_have_room() {
	for policy in POLICIES {
		for replicas in 1..=3u8 {
			let mut chain = market_of(400, 64);
			let job = chain.submit(&TaskSpec { replicas, ..spec(policy) }, GROUP_MAX);
			let _ = chain.supply.take();
			let mut group = Group::new(&mut chain, (0, seed(9)));
			let ids = job..job + u64::from(GROUP_MAX);
			let costs: Vec<Cost> = ids.map(|id| group.draw(id, None)).collect();
			let most = PAGES_MAX as u32 * u32::from(replicas);
			assert!((1..=most).contains(&costs[0].pages), "{costs:?}");
			assert!(costs[1..].iter().all(|cost| (cost.pages, cost.buckets) == (0, 0)));
			let assigned = Outcome::Assigned(replicas.into());
			assert!(costs.iter().all(|cost| (cost.outcome, cost.vain) == (assigned, 0)));
			group.tell_supply();
			group.finish();
			assert_eq!(chain.looks(), [(job, costs[0].pages)]);
			assert_eq!(chain.counts(), [usize::from(replicas); GROUP_MAX as usize]);
		}
	}
}

#[test]
fn p6_what_is_looked_at_is_read_once() {
	let mut chain = market_of(400, 64);
	let job = chain.submit(&with_replicas(1), GROUP_MAX);
	let _ = chain.supply.take();
	let mut group = Group::new(&mut chain, (0, seed(9)));
	let pages: u32 = (job..job + 16).map(|id| group.draw(id, None).pages).sum();
	// What is read without telling the supply.
	drop(group);
	let touched = chain.supply.take();
	assert_eq!((touched.page_reads, touched.directory_reads), (pages as usize, 1));
	assert_eq!((touched.place_reads, touched.page_writes), (0, 0));
	assert!(touched.page_reads <= PAGES_MAX);
}

#[test]
fn the_supply_hears_of_each_machine_once_however_many_tasks_it_got() {
	let mut chain = market_of(1, 64);
	let job = chain.submit(&with_replicas(1), 16);
	draw_group(&mut chain, job..job + 16);
	assert_eq!(chain.refreshed, [0]);
	assert_eq!(chain.agenda, [(20, Batch { first: job, count: 16 })]);
}

#[test]
fn the_first_of_a_group_gets_what_it_would_get_alone() {
	for policy in POLICIES {
		for number in 0..20 {
			let drawn = |count: u64| {
				let mut chain = market_of(300, 2 + number % 5);
				chain.now = u32::from(number);
				let job = chain.submit(&TaskSpec { replicas: 2, ..spec(policy) }, 16);
				draw_group(&mut chain, job..job + count);
				(chain.tasks[&job].clone(), chain.looks()[0])
			};
			assert_eq!(drawn(1), drawn(16));
		}
	}
}

#[test]
fn every_task_has_chance_of_its_own() {
	let mut chain = market_of(100, 64);
	let job = chain.submit(&with_replicas(1), 16);
	draw_group(&mut chain, job..job + 16);
	let machines: BTreeSet<WorkerId> =
		(job..job + 16).flat_map(|id| chain.workers_of(id)).collect();
	assert!(machines.len() > 10, "equal machines are drawn alike: {machines:?}");
}

#[test]
fn a_task_that_finds_nothing_more_gets_a_look_of_its_own() {
	// Of each page one or two machines are cheap enough, and each of these holds one task.
	let mut chain = Chain::default();
	for owner in 0..PAGE_MACHINES * 20 {
		let price = if owner % 20 == 0 { PRICE } else { 100 * PRICE };
		chain.add(owner, price, Capacity::cpu(1, 1 << 10));
	}
	let job = chain.submit(&with_replicas(1), 16);
	let costs = draw_group(&mut chain, job..job + 16);
	let looks = chain.looks();
	assert!((2..16).contains(&looks.len()), "{looks:?}");
	for (cost, id) in costs.iter().zip(job..) {
		assert_eq!(cost.pages > 0, looks.iter().any(|(other, _)| *other == id));
		assert!(cost.pages <= PAGES_MAX as u32);
		let is_assigned = matches!(cost.outcome, Outcome::Assigned(1));
		assert_eq!(chain.workers_of(id).len(), usize::from(is_assigned));
		assert!(is_assigned || cost.pages > 0, "nothing was found at its own look");
	}
	let got: Vec<WorkerId> = (job..job + 16).flat_map(|id| chain.workers_of(id)).collect();
	let shown = looks[0].1 * PAGE_MACHINES / 20 + 4;
	assert!(got.len() as u32 > shown, "more than the first look showed: {got:?}");
	assert_eq!(got.iter().collect::<BTreeSet<_>>().len(), got.len(), "each holds one");
}

#[test]
fn the_supply_knows_what_is_taken_before_it_is_looked_at_anew() {
	let mut chain = market_of(2, 1);
	let job = chain.submit(&with_replicas(1), 4);
	let costs = draw_group(&mut chain, job..job + 4);
	// The third finds both full in the shared look, and nothing in its own.
	let nothing = Outcome::Nothing;
	assert_eq!(costs[2].outcome, nothing);
	assert_eq!((costs[2].pages, costs[3].pages), (0, 0), "nobody stands in the supply any more");
	assert_eq!(chain.supply.store, Default::default());
	assert_eq!(chain.unmatched, [job + 2, job + 3]);
	let mut refreshed = chain.refreshed.clone();
	refreshed.sort_unstable();
	assert_eq!(refreshed, [0, 1], "once each");
}

#[test]
fn a_group_in_the_middle_of_which_nothing_is_found_is_looked_at_as_one() {
	let mut chain = market_of(1, 3);
	let job = chain.submit(&with_replicas(1), 16);
	let mut costs = draw_group(&mut chain, (job..job + 2).chain([job + 9, job + 12]));
	assert_eq!(costs.pop().map(|cost| cost.outcome), Some(Outcome::Nothing));
	assert_eq!(chain.agenda, [(20, Batch { first: job, count: 10 })]);
	let due = |id: &TaskId| chain.tasks[id].wake_at == 20;
	assert_eq!((job..job + 16).filter(due).collect::<Vec<_>>(), [job, job + 1, job + 9]);
}

#[test]
fn parts_of_graphics_processors_are_taken_from_the_look_too() {
	let gpus = Gpus { class: 3, count: 2, memory_mib: 16_000 };
	let mut chain = Chain::default();
	chain.add(0, PRICE, Capacity { gpus, ..Capacity::cpu(64, 1 << 16) });
	let mut part = with_replicas(1);
	part.requirements.resources.gpu = GpuShare { count: 1, milli: 300, ..Default::default() };
	let job = chain.submit(&part, 16);
	let costs = draw_group(&mut chain, job..job + 16);
	let masks: Vec<u16> =
		chain.tasks.values().flat_map(|task| task.replicas.iter().map(|one| one.gpus)).collect();
	// Three thirds of each, one after the other.
	assert_eq!(masks, [1, 1, 1, 2, 2, 2]);
	assert!(chain.machines[&0].ledger.is_sound());
	// What is left of the look cannot hold the seventh.
	assert!(costs[1..6].iter().all(|cost| cost.pages == 0));
	assert_eq!(costs[6].outcome, Outcome::Nothing);
}

#[test]
fn p4_what_the_registry_refuses_is_asked_for_once_and_leaves_the_supply() {
	let mut chain = market_of(40, 64);
	let best = chain.add(7, PRICE / 2, Capacity::cpu(64, 1 << 16));
	chain.machines.get_mut(&best).unwrap().is_gone = true;
	let cheapest = spec(MatchingPolicy::Cheapest);
	let job = chain.submit(&cheapest, 16);
	let costs = draw_group(&mut chain, job..job + 16);
	assert_eq!(costs.iter().map(|cost| cost.vain).collect::<Vec<_>>()[..2], [1, 0]);
	assert!(costs.iter().all(|cost| cost.outcome == Outcome::Assigned(1)));
	assert_eq!(costs.iter().map(|cost| cost.vain).sum::<u32>(), 1);
	assert!(!chain.supply.store.places.contains_key(&best));
	let gone = |note: &&chain::Note| (note.2, note.3) == (best, Verdict::Gone);
	assert_eq!(chain.notes.borrow().iter().filter(gone).count(), 16, "each is told why");
}

#[test]
fn p7_a_bond_is_never_at_stake_twice_within_a_group() {
	let mut chain = Chain::default();
	// Two machines of one provider whose bond suffices for three tasks, and one of another.
	chain.add(1, PRICE, Capacity::cpu(8, 1 << 13));
	chain.add(1, PRICE, Capacity::cpu(8, 1 << 13));
	chain.add(2, 2 * PRICE, Capacity::cpu(8, 1 << 13));
	let cheapest = spec(MatchingPolicy::Cheapest);
	*chain.bonds.get_mut(&common::provider(1)).unwrap() = 3 * cheapest.stake(PRICE);
	let job = chain.submit(&cheapest, 8);
	draw_group(&mut chain, job..job + 8);
	let owners: Vec<bool> = (job..job + 8).map(|id| chain.workers_of(id)[0] == 2).collect();
	assert_eq!(owners, [false, false, false, true, true, true, true, true]);
	assert_eq!(chain.bonds[&common::provider(1)], 0);
	let lacks = |note: &&chain::Note| note.3 == Verdict::Misfit(Misfit::BondTooLow);
	assert!(chain.notes.borrow().iter().any(|note| lacks(&note)));
}

#[test]
fn replicas_that_cannot_all_be_found_take_nothing() {
	let mut chain = market_of(2, 4);
	let job = chain.submit(&with_replicas(3), 2);
	let costs = draw_group(&mut chain, job..job + 2);
	// Two are asked for in vain; the second task asks at the shared look, and at its own.
	let asked: Vec<_> = costs.iter().map(|cost| (cost.outcome, cost.vain)).collect();
	assert_eq!(asked, [(Outcome::Nothing, 2), (Outcome::Nothing, 4)]);
	assert!(chain
		.machines
		.values()
		.all(|machine| *machine.ledger.reserved() == Default::default()));
	assert_eq!((chain.agenda.len(), chain.counts()), (0, vec![0, 0]));
	let open = |worker: &WorkerId| chain.candidate(*worker).is_some_and(is_whole);
	assert!([0, 1].iter().all(open));
}

fn is_whole(candidate: Candidate<[u8; 8]>) -> bool {
	candidate.entry.free.cpu_milli == 4_000
}

#[test]
fn what_is_over_or_too_late_is_passed_without_a_look() {
	let mut chain = market_of(1, 8);
	let job = chain.submit(&with_replicas(1), 4);
	chain.tasks.get_mut(&job).unwrap().state = TaskState::Cancelled;
	let costs = draw_group(&mut chain, [job, job + 99]);
	assert_eq!(costs, [Cost::default(); 2]);
	chain.now = chain.jobs[&job].last_draw();
	assert_eq!(draw_group(&mut chain, [job + 1])[0].outcome, Outcome::Assigned(1));
	chain.now += 1;
	assert_eq!(draw_group(&mut chain, job + 2..job + 4), [Cost::default(); 2]);
	assert_eq!((chain.given_up.clone(), chain.looks().len()), (vec![job + 2, job + 3], 1));
}

#[test]
fn tasks_of_another_job_do_not_see_what_was_looked_at_for_the_first() {
	let mut chain = market_of(4, 2);
	let first = chain.submit(&with_replicas(1), 2);
	let large = TaskSpec { replicas: 2, ..spec(MatchingPolicy::Cheapest) };
	let second = chain.submit(&large, 1);
	let costs = draw_group(&mut chain, [first, second, first + 1]);
	assert!(costs.iter().all(|cost| cost.pages > 0));
	assert_eq!(chain.counts(), [1, 1, 2]);
}

#[test]
fn p3_a_group_that_the_budget_cuts_goes_on_where_it_stopped() {
	for most in 1..=20 {
		let mut chain = market_of(4, 64);
		chain.now = 1;
		let job = chain.submit(&with_replicas(2), 40);
		let mut spent = Vec::new();
		while chain.assigned.len() < 40 {
			let mut budget = Draws::of(most);
			chain.run(&mut budget);
			assert!(chain.now < 60);
			assert_eq!(chain.assigned.len() + chain.ahead().len(), 40, "nothing is lost");
			spent.extend(budget.spent.into_iter().map(|(id, _)| id));
		}
		let all: Vec<TaskId> = (job..job + 40).collect();
		assert_eq!((&chain.assigned, &spent), (&all, &all), "each once, in order");
		for (id, task) in &chain.tasks {
			let holds = |(at, batch): &&(u32, Batch)| {
				*at == task.wake_at
					&& (batch.first..batch.first + u64::from(batch.count)).contains(id)
			};
			assert_eq!(chain.agenda.iter().filter(holds).count(), 1);
			assert_eq!(task.attempt, 1);
		}
		chain.run(&mut Draws::of(1));
		assert!(chain.frozen.is_empty() && chain.frozen_length.len() <= 1);
	}
}

#[test]
fn p6_a_batch_is_drawn_in_groups() {
	let most = u64::from(GROUP_MAX);
	let mut chain = market_of(4, 64);
	chain.now = 1;
	let job = chain.submit(&with_replicas(1), 2 * GROUP_MAX + 8);
	chain.run(&mut Draws::of(0));
	chain.run(&mut Draws::of(100));
	let looked: Vec<TaskId> = chain.looks().into_iter().map(|(id, _)| id).collect();
	assert_eq!(looked, [job, job + most, job + 2 * most]);
	let counts: Vec<u16> = chain.agenda.iter().map(|(_, batch)| batch.count).collect();
	assert_eq!(counts, [GROUP_MAX, GROUP_MAX, 8]);
}

#[test]
fn p5_a_budget_of_nothing_draws_nothing() {
	let mut chain = market_of(4, 64);
	chain.now = 1;
	let job = chain.submit(&with_replicas(1), 3);
	for _ in 0..5 {
		chain.run(&mut Draws::of(0));
	}
	assert_eq!((chain.cursor.block, chain.cursor.tasks, chain.ahead()), (1, 0, vec![job, 1, 2]));
	assert!(chain.looks().is_empty() && chain.agenda.is_empty());
	let needed = Resources::cpu(1_000, 1_024);
	assert_eq!(chain.jobs[&job].spec.requirements.resources, needed);
}
