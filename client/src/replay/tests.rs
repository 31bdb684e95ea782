//! A market of which everything is known, without any node.

use super::{
	world::{Frame, Key, World},
	*,
};
use crate::{keys::AccountId, task::tests, Job, TaskRecord, Worker};
use aidragon_primitives::{
	drawing::{self, Budget, Cost, Group, Market, Outcome, Serving},
	matching::{Request, Verdict, View},
	state::TaskState,
	supply::{Directory, SupplyStore},
	task::Progress,
	waiting::{QueueIndex, QueueStore, Turn},
	worker::{
		Availability, Capability, Capacity, Ledger, Offer, Proof, Provider, Site, Standing,
		Thresholds, WorkerStatus,
	},
};

const NOW: BlockNumber = 20;
const BEACON: (BlockNumber, Hash32) = (NOW, [7; 32]);

fn frame() -> Frame {
	Frame {
		now: NOW,
		minute: 0,
		beacon: Some(BEACON),
		bond_per_worker: 100,
		thresholds: Thresholds::default(),
	}
}

fn machine(provider: AccountId) -> Worker {
	let mut availability = Availability::new(1);
	availability.come_online(1);
	Worker {
		provider,
		hot_key: provider,
		encryption_key: [0; 32],
		key_epoch: 0,
		address: Default::default(),
		ledger: Ledger::new(Capacity::cpu(1, 512)),
		offer: Offer::at(5),
		site: Site::default(),
		energy_attestor: None,
		status: WorkerStatus::Active,
		availability,
		standing: Standing::default(),
		last_seen: None,
		running: 0,
		accepted: 0,
		missed: 0,
	}
}

/// What a node does: it tells what the chain has, which is nothing but what was put there.
fn run<T>(world: &mut World, step: impl Fn(&mut World) -> T) -> T {
	loop {
		let mut tried = world.clone();
		let outcome = step(&mut tried);
		let missing = tried.missing();
		if missing.is_empty() {
			*world = tried;
			return outcome;
		}
		for key in missing {
			absent(world, key);
		}
	}
}

fn absent(world: &mut World, key: Key) {
	match key {
		Key::Page(bucket, number) => drop(world.pages.insert((bucket, number), Default::default())),
		Key::Place(worker) => drop(world.places.insert(worker, None)),
		Key::Worker(worker) => drop(world.workers.insert(worker, None)),
		Key::Provider(account) => drop(world.providers.insert(account, None)),
		Key::Capability(worker) => drop(world.capabilities.insert(worker, None)),
		Key::Attestor(account) => drop(world.attestors.insert(account, false)),
		Key::Task(task) => drop(world.tasks.insert(task, None)),
		Key::Job(job) => drop(world.jobs.insert(job, None)),
		Key::Queue(queue) => drop(world.queues.insert(queue, Default::default())),
		Key::Waiting(queue, number) => drop(world.waiting.insert((queue, number), None)),
		Key::FrozenLength(block) => drop(world.frozen_lengths.insert(block, 0)),
		Key::Frozen(block, position) => drop(world.frozen.insert((block, position), None)),
	}
}

/// So many machines of one core, each of a provider of its own.
fn world(machines: WorkerId) -> World {
	let mut world = World::new(frame(), Directory::default(), QueueIndex::default());
	for id in 0..machines {
		let account = AccountId([id as u8 + 1; 32]);
		let proof = |amount| Some(Proof { amount, proved_at: 1, valid_until: 100 });
		let capability = Capability { processor: proof(1_000), memory: proof(512), gpus: None };
		let provider =
			Provider { bond: 1_000, workers: 1, bond_units: 1, at_stake: 0, withdrawable_at: None };
		world.workers.insert(id, Some(machine(account)));
		world.capabilities.insert(id, Some(capability));
		world.providers.insert(account, Some(provider));
		run(&mut world, |world| world.supply_changed(id));
	}
	world
}

/// Tasks of one replica in a job of their own, from number 10 on.
fn submit(world: &mut World, tasks: u64) {
	let mut job: Job = tests::job(&vec![(0, 0); tasks as usize]);
	job.spec.replicas = 1;
	world.jobs.insert(10, Some(job));
	for id in 10..10 + tasks {
		world.put_task(id, tests::record());
	}
}

/// What is shown of a draw.
struct Shown {
	look: Look,
	considered: Vec<Considered>,
	replicas: Vec<Replica>,
}

fn drawn(world: &mut World, id: TaskId) -> Option<Shown> {
	world.watched = Some(id);
	let cost = run(world, |world| {
		let mut group = Group::new(world, BEACON);
		let cost = group.draw(id, None);
		group.finish();
		cost
	});
	let seen = world.seen.take();
	let replicas = record(world, id).replicas.to_vec();
	let shown = Shown { look: seen.look_of_task, considered: seen.considered, replicas };
	matches!(cost.outcome, Outcome::Assigned(_)).then_some(shown)
}

fn record(world: &World, id: TaskId) -> TaskRecord {
	world.tasks[&id].clone().unwrap()
}

#[test]
fn a_draw_is_that_of_the_chain_and_takes_the_machine() {
	let mut world = world(3);
	submit(&mut world, 4);
	let seed = draw_seed([7; 32], 10, 0);
	let job = world.jobs[&10].clone().unwrap();
	let request = Request {
		spec: &job.spec,
		kinds: job.spec.kinds(false),
		minute: 0,
		excluded: &[],
		taken: Vec::new(),
		count: 1,
		woken_by: None,
	};
	let mut view = View::open(&world, &request, &seed);
	let expected =
		view.draw(&request, &seed, |machine| world.find_candidate(machine), |_, _, _| {});
	let expected = expected.picks.unwrap()[0].candidate.entry.worker;
	let shown = drawn(&mut world, 10).unwrap();
	assert_eq!(shown.replicas[0].worker, expected);
	assert_eq!(shown.look, Look { task: 10, pages: 1, machines: 3 });
	assert_eq!(shown.considered.len(), 3);
	let chosen = shown.considered.iter().filter(|seen| matches!(seen.verdict, Verdict::Chosen(_)));
	assert_eq!(chosen.map(|seen| seen.entry.worker).collect::<Vec<_>>(), [expected]);
	// It has no core left, so it is not there for the next.
	assert_eq!(world.directory().machines(), 2);
	let task = record(&world, 10);
	assert_eq!((task.state, task.attempt), (TaskState::Assigned, 1));
	assert_eq!(task.excluded.to_vec(), [expected]);
	let others = [drawn(&mut world, 11).unwrap(), drawn(&mut world, 12).unwrap()];
	let others: Vec<WorkerId> = others.iter().map(|shown| shown.replicas[0].worker).collect();
	assert!(!others.contains(&expected) && others[0] != others[1]);
	assert!(drawn(&mut world, 13).is_none());
	assert!(record(&world, 13).ticket.is_some());
}

#[test]
fn a_machine_that_lapsed_is_gone_and_another_one_is_drawn() {
	let mut world = world(1);
	submit(&mut world, 1);
	if let Some(Some(worker)) = world.workers.get_mut(&0) {
		worker.status = WorkerStatus::Draining;
	}
	assert!(drawn(&mut world, 10).is_none());
	assert_eq!((world.directory().machines(), world.places[&0]), (0, None));
}

/// Who had a turn, with nothing to stop it.
#[derive(Clone, Default)]
struct Turns(Vec<(TaskId, Outcome)>);

impl Budget for Turns {
	fn allows(&mut self) -> bool {
		true
	}

	fn spend(&mut self, id: TaskId, cost: &Cost) {
		self.0.push((id, cost.outcome));
	}
}

#[test]
fn tasks_that_are_drawn_together_share_a_look() {
	let mut world = world(3);
	submit(&mut world, 2);
	world.watched = Some(11);
	run(&mut world, |world| {
		let mut group = Group::new(world, BEACON);
		group.draw(10, None);
		group.draw(11, None);
		group.finish();
	});
	let seen = world.seen.take();
	assert_eq!(seen.look_of_task, Look { task: 10, pages: 1, machines: 3 });
	// The machine that the first one got has no core left.
	let misfit = |considered: &&Considered| matches!(considered.verdict, Verdict::Misfit(_));
	let misfit = seen.considered.iter().find(misfit).unwrap();
	assert_eq!(misfit.entry.worker, record(&world, 10).replicas[0].worker);
	assert_eq!(world.directory().machines(), 1);
}

#[test]
fn a_task_that_waits_is_drawn_for_the_machine_that_comes() {
	let mut world = world(0);
	submit(&mut world, 1);
	assert!(drawn(&mut world, 10).is_none());
	assert_eq!(world.index().cells().len(), 1);
	let mut later = self::world(2);
	(later.tasks, later.jobs) = (world.tasks, world.jobs);
	(later.index, later.queues, later.waiting) = (world.index, world.queues, world.waiting);
	let mut serving = Serving::new(Turn::Machine(1), BEACON);
	let mut drawn = Turns::default();
	loop {
		let (next, look, turns) = run(&mut later, |world| {
			let (mut next, mut turns) = (serving.clone(), drawn.clone());
			let look = next.look(world, &mut turns);
			(next, look, turns)
		});
		(serving, drawn) = (next, turns);
		if look == drawing::Look::Done {
			break;
		}
	}
	assert_eq!(drawn.0, [(10, Outcome::Assigned(1))]);
	assert!(later.index().cells().is_empty() && record(&later, 10).ticket.is_none());
}

#[test]
fn what_has_no_time_left_gives_its_machines_back() {
	let mut world = world(1);
	submit(&mut world, 2);
	let shown = drawn(&mut world, 10).unwrap();
	assert_eq!(world.directory().machines(), 0);
	// As after a retry: the machine is bound to a result, and the task waits for another.
	let mut task = record(&world, 10);
	task.state = TaskState::Queued;
	task.replicas[0].progress = Progress::Committed([1; 32]);
	world.put_task(10, task);
	world.frame.now = 105;
	assert!(drawn(&mut world, 10).is_none());
	assert!(record(&world, 10).state.is_terminal());
	let freed = world.workers[&shown.replicas[0].worker].clone().unwrap();
	assert_eq!((freed.running, freed.ledger.reserved().cpu_milli), (0, 0));
}

#[test]
fn a_replay_agrees_only_with_the_same_machines_at_the_same_prices() {
	let mut world = world(2);
	submit(&mut world, 1);
	let shown = drawn(&mut world, 10).unwrap();
	let explanation = Explanation {
		task: 10,
		attempt: 0,
		block: Head { number: NOW, hash: [0; 32] },
		beacon_block: NOW - 1,
		beacon: [7; 32],
		seed: [0; 32],
		cause: Cause::Frozen(NOW - 2),
		draws_before: 0,
		look: shown.look,
		considered: shown.considered,
		computed: shown.replicas.clone(),
		recorded: shown.replicas,
	};
	assert!(explanation.agrees());
	let changed = |change: fn(&mut Replica)| {
		let mut other = explanation.clone();
		other.recorded.iter_mut().for_each(change);
		other.agrees()
	};
	// What the machine did since then is no part of the draw.
	assert!(changed(|replica| replica.progress = Progress::Committed([1; 32])));
	assert!(!changed(|replica| replica.worker += 1));
	assert!(!changed(|replica| replica.gpus = 1));
	assert!(!changed(|replica| replica.price_per_gfuel += 1));
	assert!(!Explanation { recorded: Vec::new(), ..explanation }.agrees());
}
