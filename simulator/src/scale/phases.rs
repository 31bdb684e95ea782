//! The life of one state, from the first machine to the last forgotten task.

use super::{Calls, Freed, Hook, Options, Row, StateFigures, HOOK_CAP};
use crate::{
	chain::{Block, Chain, DrawCost, Note, State},
	dice::Dice,
	error::{Error, Result},
	progress::Progress,
	shapes,
	stats::{ratio, rounded},
	trace::Cost,
	workload::{specification, Node, PRICE_DEFAULT},
};
use aidragon_primitives::{
	state::TaskState,
	task::{MatchingPolicy, TaskSpec},
	Balance, BlockNumber, TaskId, WorkerId,
};
use frame_support::weights::Weight;
use std::collections::BTreeSet;

/// Blocks that tasks here run at most.
const RUN_BLOCKS: BlockNumber = 100;
/// Tasks of a job in the measure of state.
const JOB_TASKS: u32 = 32;
/// Machines that come for tasks that wait, that drain, and that go silent.
const SOME: u32 = 100;
/// Blocks in which nothing happens.
const IDLE_BLOCKS: u32 = 100;
/// Deadline of tasks that are only there to be weighed.
const SHORT_BLOCKS: BlockNumber = 200;
/// Blocks between two looks at what is left.
const WINDOW_BLOCKS: u32 = 100;
/// What tasks that wait would pay at most: far below what any machine asks.
const LOW_PRICE: Balance = 1_000;

/// A state and what is known of it.
struct Life<'a> {
	options: &'a Options,
	chain: Chain,
	dice: Dice,
	row: Row,
	assigned: Vec<(TaskId, WorkerId)>,
	waiting: Vec<TaskId>,
}

/// A phase of it.
type Phase<'a> = fn(&mut Life<'a>) -> Result<()>;

/// Weights of blocks.
#[derive(Default)]
struct Weights(Vec<Weight>);

impl Weights {
	fn hook(&self) -> Hook {
		let share = |weight: &Weight| {
			let time = ratio(weight.ref_time() as f64, HOOK_CAP.ref_time() as f64);
			time.max(ratio(weight.proof_size() as f64, HOOK_CAP.proof_size() as f64))
		};
		let shares: Vec<f64> = self.0.iter().map(share).collect();
		Hook {
			blocks: shares.len() as u64,
			most_of_cap: rounded(shares.iter().copied().fold(0.0, f64::max)),
			mean_of_cap: rounded(ratio(shares.iter().sum(), shares.len() as f64)),
			over_cap: self.0.iter().filter(|weight| weight.any_gt(HOOK_CAP)).count() as u64,
		}
	}
}

/// One row: everything that a state of so many machines and waiting tasks goes through.
pub(super) fn run_row<'a>(
	machines: u32,
	waiting: u32,
	options: &'a Options,
	progress: &mut Progress,
) -> Result<Row> {
	let mut life = Life {
		options,
		chain: Chain::new(options.seed),
		dice: Dice::new(options.seed, "scale"),
		row: Row { machines, waiting, ..Row::default() },
		assigned: Vec::new(),
		waiting: Vec::new(),
	};
	life.chain.cap(HOOK_CAP);
	let phases: [(&str, Phase<'a>); 9] = [
		("inserting", Life::insert),
		("measuring jobs", Life::measure_jobs),
		("matching", Life::match_tasks),
		("queueing", Life::queue),
		("waking", Life::wake),
		("draining", Life::drain),
		("freeing", Life::free_silent),
		("settling and expiring", Life::expire),
		("pruning", Life::prune),
	];
	for (name, phase) in phases {
		progress.say(&format!("{machines} machines, {waiting} waiting: {name}"));
		phase(&mut life)?;
	}
	life.chain.check()?;
	Ok(life.row)
}

impl Life<'_> {
	fn insert(&mut self) -> Result<()> {
		let (reads, writes) = self.chain.counted();
		for number in 0..self.row.machines {
			let node = self.machine(number);
			self.chain.add_machine(&node);
		}
		let (reads_after, writes_after) = self.chain.counted();
		let calls = u64::from(self.row.machines);
		self.row.insert = Calls::of(calls, reads_after - reads, writes_after - writes);
		self.row.buckets = self.chain.directory().buckets().len();
		let state = self.chain.state();
		self.row.state.bytes_per_machine =
			rounded(ratio(state.supply.bytes() as f64, calls as f64));
		self.block()?;
		Ok(())
	}

	fn machine(&mut self, number: u32) -> Node {
		let price = PRICE_DEFAULT + Balance::from(self.dice.below(1_000_000_000));
		shapes::machine(&mut self.dice, number, price)
	}

	/// Goes on by one block, noting who got what.
	fn block(&mut self) -> Result<Block> {
		let block = self.chain.next_block();
		for note in &block.notes {
			if let Note::Assigned(task, workers) = note {
				self.assigned.extend(workers.first().map(|worker| (*task, *worker)));
			}
		}
		Ok(block)
	}

	/// Blocks that whoever is here at the beginning stays: enough for four draws of each task that waits, as many as fit into blocks
	/// at the worst, and for what comes after them.
	fn horizon(&self) -> BlockNumber {
		(self.row.waiting / 8).saturating_add(2_000)
	}

	/// What tasks of jobs take of the state. They are cancelled and forgotten afterwards.
	fn measure_jobs(&mut self) -> Result<()> {
		let before = self.chain.state_of_tasks();
		let spec = self.unpayable(SHORT_BLOCKS);
		let mut jobs = Vec::new();
		for _ in 0..SOME {
			jobs.push(self.chain.submit_job(spec.clone(), JOB_TASKS)?);
		}
		let (bytes, value_bytes) =
			per_task(&before, &self.chain.state_of_tasks(), SOME * JOB_TASKS);
		self.row.state.bytes_per_task_of_job = bytes;
		self.row.state.value_bytes_per_task_of_job = value_bytes;
		for job in jobs {
			for task in job..job + TaskId::from(JOB_TASKS) {
				self.chain.cancel(task)?;
			}
		}
		for _ in 0..SHORT_BLOCKS * 2 {
			self.block()?;
		}
		Ok(())
	}

	/// A task that some machines could hold and none works for.
	fn unpayable(&mut self, deadline_blocks: BlockNumber) -> TaskSpec {
		let price = LOW_PRICE << self.dice.below(8);
		let policy = MatchingPolicy::Cheapest;
		let spec = specification(shapes::needed(&mut self.dice), RUN_BLOCKS, policy, price);
		TaskSpec { deadline_blocks, ..spec }
	}

	fn match_tasks(&mut self) -> Result<()> {
		let mut draws: Vec<DrawCost> = Vec::new();
		for number in 0..self.options.matches + 4 {
			if number < self.options.matches {
				let policy =
					[MatchingPolicy::Cheapest, MatchingPolicy::Balanced][number as usize % 2];
				let needed = shapes::needed(&mut self.dice);
				let blocks = self.horizon() * 2;
				let spec = specification(needed, blocks, policy, PRICE_DEFAULT * 2);
				// Time for another attempt.
				let deadline_blocks = blocks + self.horizon();
				self.chain.submit(TaskSpec { retries: 1, deadline_blocks, ..spec })?;
			}
			draws.extend(self.block()?.draws.iter().filter(|draw| draw.is_match));
		}
		self.row.matching = Cost::of(&draws);
		Ok(())
	}

	/// Submits what will wait, and goes on until all of it stands in its queue.
	fn queue(&mut self) -> Result<()> {
		let deadline = self.horizon();
		let before = self.chain.state_of_tasks();
		for _ in 0..self.row.waiting {
			let spec = self.unpayable(deadline);
			self.waiting.push(self.chain.submit(spec)?);
		}
		let mut weights = Weights::default();
		let mut queued = 0;
		// With the empty blocks in which they were drawn, which the pallet catches up with at last.
		while queued < self.row.waiting || self.chain.draws_are_behind() {
			let block = self.block()?;
			weights.0.push(block.weight);
			queued +=
				block.notes.iter().filter(|note| matches!(note, Note::Waits(_))).count() as u32;
			if weights.0.len() as u32 > deadline {
				return Err(Error::Chain("waiting tasks are not drawn in time".to_owned()));
			}
		}
		self.row.queueing = weights.hook();
		let (bytes, value_bytes) =
			per_task(&before, &self.chain.state_of_tasks(), self.row.waiting);
		self.row.state.bytes_per_waiting_task = bytes;
		self.row.state.value_bytes_per_waiting_task = value_bytes;
		let mut weights = Weights::default();
		for _ in 0..IDLE_BLOCKS {
			weights.0.push(self.block()?.weight);
		}
		self.row.idle = weights.hook();
		Ok(())
	}

	/// Machines come that work for what waiting tasks pay, and leave when they have done what they got.
	fn wake(&mut self) -> Result<()> {
		let before = self.assigned.len();
		let mut came = Vec::new();
		for number in 0..SOME {
			let node = shapes::plain(self.row.machines + number, 4, 1);
			came.push(self.chain.add_machine(&node));
		}
		for _ in 0..RUN_BLOCKS {
			self.block()?;
		}
		self.row.woken = (self.assigned.len() - before) as u32;
		for worker in came {
			self.chain.set_draining(worker, true);
		}
		for (task, _) in self.assigned.split_off(before) {
			self.chain.deliver(task)?;
		}
		Ok(())
	}

	fn drain(&mut self) -> Result<()> {
		let free: Vec<WorkerId> = (0..self.row.machines)
			.filter(|worker| !self.assigned.iter().any(|(_, busy)| busy == worker))
			.take(SOME as usize)
			.collect();
		let (reads, writes) = self.chain.counted();
		for worker in &free {
			self.chain.set_draining(*worker, true);
		}
		let (reads_after, writes_after) = self.chain.counted();
		self.row.drain = Calls::of(free.len() as u64, reads_after - reads, writes_after - writes);
		Ok(())
	}

	/// Half of the machines that have a task go silent. It has a retry.
	fn free_silent(&mut self) -> Result<()> {
		let half = self.assigned.len() / 2;
		let silent: Vec<(TaskId, WorkerId)> = self.assigned.drain(..half).collect();
		let before = self.assigned.len();
		for (_, worker) in &silent {
			self.chain.go_silent(*worker);
		}
		for _ in 0..20 {
			self.block()?;
		}
		let drawn_again = self.assigned[before..]
			.iter()
			.filter(|(task, _)| silent.iter().any(|(freed, _)| freed == task))
			.count() as u32;
		self.row.freed = Freed { tasks: silent.len() as u32, drawn_again };
		Ok(())
	}

	/// Delivers what machines have, and goes on until the last waiting task is over.
	fn expire(&mut self) -> Result<()> {
		for (task, _) in std::mem::take(&mut self.assigned) {
			let is_live =
				self.chain.task(task).is_some_and(|task| task.state == TaskState::Assigned);
			if is_live {
				self.chain.deliver(task)?;
			}
		}
		let waiting: BTreeSet<TaskId> = std::mem::take(&mut self.waiting).into_iter().collect();
		let is_over = |task: Option<TaskState>| task.is_none_or(|state| state.is_terminal());
		let mut left = 0usize;
		for task in &waiting {
			let state = self.chain.task(*task).map(|task| task.state);
			left += usize::from(!is_over(state));
		}
		let mut weights = Weights::default();
		let latest = self.chain.now() + self.horizon() * 2;
		while left > 0 && self.chain.now() < latest {
			let block = self.block()?;
			let ends = |note: &&Note| matches!(note, Note::Over(id, _) if waiting.contains(id));
			let over = block.notes.iter().filter(ends).count();
			left = left.saturating_sub(over);
			if over > 0 || !weights.0.is_empty() {
				weights.0.push(block.weight);
			}
		}
		if left > 0 {
			return Err(Error::Chain(format!("{left} waiting tasks do not expire")));
		}
		self.row.expiry = weights.hook();
		Ok(())
	}

	/// Goes on until nothing is left of any task.
	fn prune(&mut self) -> Result<()> {
		let mut weights = Weights::default();
		// The agenda keeps what it will pass over until its block comes.
		let latest = self.chain.now() + self.horizon() * 4;
		let mut state = self.chain.state_of_tasks();
		while state.task_bytes() > 0 && self.chain.now() < latest {
			let mut window = Vec::new();
			for _ in 0..WINDOW_BLOCKS {
				window.push(self.block()?.weight);
			}
			let kept = std::mem::replace(&mut state, self.chain.state_of_tasks()).records.entries;
			if state.records.entries < kept {
				weights.0.extend(window);
			}
		}
		self.row.pruning = weights.hook();
		let (bytes_left, fixed) = (state.task_bytes(), self.chain.state().fixed);
		self.row.state = StateFigures { bytes_left, fixed, ..self.row.state };
		Ok(())
	}
}

/// Bytes that each of so many new tasks takes, with keys and without.
fn per_task(before: &State, after: &State, tasks: u32) -> (f64, f64) {
	let values = |state: &State| state.records.value_bytes + state.schedules.value_bytes;
	let bytes = after.task_bytes().saturating_sub(before.task_bytes());
	let value_bytes = values(after).saturating_sub(values(before));
	let per_task = |bytes: u64| rounded(ratio(bytes as f64, f64::from(tasks)));
	(per_task(bytes), per_task(value_bytes))
}
