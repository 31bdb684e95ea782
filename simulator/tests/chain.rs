//! The chain in one process: what it counts, and that what it runs is sound.

use aidragon_primitives::{
	resources::Resources,
	state::TaskState,
	task::{MatchingPolicy, TaskSpec},
	worker::{Capacity, Site},
	TaskId, WorkerId,
};
use aidragon_sim::{
	chain::{Chain, Note, Step},
	workload::{specification, Node},
};

fn node(number: u32) -> Node {
	Node {
		name: format!("machine-{number}"),
		provider: format!("provider-{number}"),
		// Eight shapes.
		capacity: Capacity::cpu(4 << (number % 4), 4_096 << (number / 4 % 2)),
		throughput_mops: 1_000,
		price_per_gfuel: 1_000 + u128::from(number),
		site: Site::default(),
	}
}

fn chain(machines: u32) -> Chain {
	let mut chain = Chain::new(5);
	(0..machines).for_each(|number| {
		chain.add_machine(&node(number));
	});
	chain
}

fn spec(policy: MatchingPolicy) -> TaskSpec {
	specification(Resources::cpu(1_000, 512), 10, policy, 1_000_000)
}

/// Goes on to the draw of a task.
fn drawn(chain: &mut Chain, task: TaskId) -> Vec<WorkerId> {
	for _ in 0..3 {
		for note in chain.next_block().notes {
			match note {
				Note::Assigned(id, workers) if id == task => return workers,
				_ => {}
			}
		}
	}
	Vec::new()
}

#[test]
fn a_task_is_drawn_two_blocks_later_and_settled_by_its_attestation() {
	let mut chain = chain(50);
	chain.next_block();
	let task = chain.submit(spec(MatchingPolicy::Cheapest)).unwrap();
	assert!(chain.next_block().notes.is_empty());
	let block = chain.next_block();
	let Note::Assigned(id, workers) = &block.notes[0] else { panic!("{:?}", block.notes) };
	assert_eq!((*id, workers.len(), chain.busy_machines()), (task, 1, 1));
	assert!(
		matches!(block.steps[..], [Step { worker, is_taken: true, .. }] if worker == workers[0])
	);
	chain.check().unwrap();
	chain.deliver(task).unwrap();
	assert_eq!(chain.task(task).unwrap().state, TaskState::Settled);
	assert!(chain.task(task).unwrap().paid > 0 && chain.busy_machines() == 0);
	assert!(chain.deliver(task).is_err());
	chain.check().unwrap();
}

#[test]
fn replicas_commit_and_reveal() {
	let mut chain = chain(50);
	let task = chain.submit(TaskSpec { replicas: 3, ..spec(MatchingPolicy::Balanced) }).unwrap();
	assert_eq!(drawn(&mut chain, task).len(), 3);
	chain.deliver(task).unwrap();
	assert_eq!(chain.task(task).unwrap().state, TaskState::Settled);
	chain.check().unwrap();
}

#[test]
fn p6_a_match_reads_as_much_among_many_machines_as_among_some() {
	let cost = |machines| {
		let mut chain = chain(machines);
		let mut costs = Vec::new();
		for number in 0..20 {
			let policy = [MatchingPolicy::Cheapest, MatchingPolicy::Balanced][number % 2];
			chain.submit(spec(policy)).unwrap();
			costs.extend(chain.next_block().draws);
		}
		costs
			.into_iter()
			.map(|draw| (draw.reads_to_choose, draw.pages, draw.lookups))
			.max()
			.unwrap()
	};
	// The batch, the task, the job, the directory and four pages; one machine is looked up.
	assert_eq!(cost(2_000), (8, 4, 1));
	assert_eq!(cost(8_000), (8, 4, 1));
}

#[test]
fn filling_the_supply_at_once_gives_the_same_state_as_one_by_one() {
	let mut one_by_one = chain(500);
	let state = one_by_one.state();
	let directory = one_by_one.directory();
	one_by_one.check().unwrap();
	let task = one_by_one.submit(spec(MatchingPolicy::Balanced)).unwrap();
	let workers = drawn(&mut one_by_one, task);
	let mut at_once = Chain::new(5);
	let nodes: Vec<Node> = (0..500).map(node).collect();
	at_once.add_machines_at_once(nodes.iter());
	assert_eq!((at_once.state(), at_once.directory()), (state, directory));
	at_once.check().unwrap();
	let task = at_once.submit(spec(MatchingPolicy::Balanced)).unwrap();
	assert_eq!(drawn(&mut at_once, task), workers);
}

#[test]
fn what_waits_is_woken_by_supply_and_what_goes_silent_is_drawn_again() {
	let mut chain = chain(5);
	let spec = TaskSpec {
		retries: 1,
		..specification(Resources::cpu(40_000, 4_096), 100, MatchingPolicy::Cheapest, 1_000_000)
	};
	let task = chain.submit(spec).unwrap();
	let notes: Vec<Note> = (0..6).flat_map(|_| chain.next_block().notes).collect();
	assert_eq!(notes, [Note::Waits(task)]);
	let large = Node { capacity: Capacity::cpu(64, 8_192), ..node(77) };
	let first = chain.add_machine(&large);
	assert_eq!(drawn(&mut chain, task), [first]);
	let second = chain.add_machine(&Node { provider: "another".to_owned(), ..large });
	chain.go_silent(first);
	let notes: Vec<Note> = (0..20).flat_map(|_| chain.next_block().notes).collect();
	assert_eq!(notes, [Note::Assigned(task, vec![second])]);
	chain.set_draining(second, true);
	chain.cancel(task).unwrap();
	chain.check().unwrap();
}

#[test]
fn nothing_is_left_of_tasks_that_are_over() {
	let mut chain = chain(10);
	let empty = chain.state().task_bytes();
	let blocks = specification(Resources::cpu(1_000, 512), 10, MatchingPolicy::Cheapest, 1_000_000);
	let tasks: Vec<TaskId> = (0..10)
		.map(|_| chain.submit(TaskSpec { deadline_blocks: 50, ..blocks.clone() }).unwrap())
		.collect();
	chain.next_block();
	chain.next_block();
	assert!(chain.state().task_bytes() > 10 * 100);
	for task in tasks {
		chain.deliver(task).unwrap();
	}
	(0..160).for_each(|_| {
		chain.next_block();
	});
	assert_eq!((empty, chain.state().task_bytes()), (0, 0));
	chain.check().unwrap();
}
