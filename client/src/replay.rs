//! Recomputing which machines a task got, and why: anyone can, from chain state alone.
//!
//! A block draws first of all, so the state of the block before and the beacon say everything. [`explain`] reads that state at a
//! node, takes the steps that the chain took (frozen tasks in the order of the beacon, then those that machines woke) up to the
//! task that was asked for, and tells what became of each machine that was looked at. It believes nothing that the chain
//! recorded about the result: that is compared at the end ([`Explanation::agrees`]).
//!
//! What the chain draws in a block is bounded by weight. How many frozen tasks it came to is read from its cursor; of the tasks
//! that machines woke, those that were drawn stand before the bound, so that the asked one is reached without knowing it.
//!
//! ## Properties
//!
//! * **P5** A draw is a function of the beacon and of the state before it.
//! * **P12** Every machine that was looked at gets a verdict.

mod draws;
mod fill;
mod registry;
mod waking;
mod world;

pub use registry::provider_tag;

use crate::{
	chain::{Batch, Chain, ChainError, Cursor, Head, Snapshot, View},
	Replica,
};
use aidragon_primitives::{
	beacon::order_seed,
	matching::{order_of, Considered},
	task::DRAW_DELAY_BLOCKS,
	worker::minute_of_day,
	BlockNumber, Hash32, TaskId, WorkerId,
};
use draws::{Outcome, Shown};
use fill::fill;
use waking::{Look, Serving};
use world::{Frame, World};

/// Blocks after that of its beacon in which a draw is looked for.
const LATE_MAX: BlockNumber = 64;

/// What made a task's turn come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
	/// It was frozen in this block.
	Frozen(BlockNumber),
	/// This machine came while it waited.
	WokenBy(WorkerId),
	/// It waited, and all that waits was looked at.
	Swept,
}

/// How a task got its machines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
	/// The task.
	pub task: TaskId,
	/// The draw, counted from 0.
	pub attempt: u8,
	/// The block in which it happened.
	pub block: Head,
	/// The block whose beacon drew.
	pub beacon_block: BlockNumber,
	/// That beacon.
	pub beacon: Hash32,
	/// The seed of the draw.
	pub seed: Hash32,
	/// What made its turn come.
	pub cause: Cause,
	/// Draws of other tasks that were repeated before it.
	pub draws_before: u32,
	/// Machines in the supply at that moment.
	pub machines: u32,
	/// Pages of the supply that were read.
	pub pages: u32,
	/// Every machine that was looked at, by replica.
	pub considered: Vec<Considered>,
	/// The machines that follow from all that.
	pub computed: Vec<Replica>,
	/// The machines that the chain recorded.
	pub recorded: Vec<Replica>,
}

impl Explanation {
	/// Whether the chain did what it should have done: the same machines, the same parts of them, the same prices.
	pub fn agrees(&self) -> bool {
		let same = |(one, other): (&Replica, &Replica)| {
			(one.worker, one.provider, one.gpus) == (other.worker, other.provider, other.gpus)
				&& one.price_per_gfuel == other.price_per_gfuel
				&& one.beacon_block == other.beacon_block
		};
		self.computed.len() == self.recorded.len()
			&& self.computed.iter().zip(&self.recorded).all(same)
	}
}

/// Why a draw cannot be repeated.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
	/// The node cannot be asked.
	#[error("{0}")]
	Chain(#[from] ChainError),
	/// The state is not there any more.
	#[error(
		"the node does not keep the state of block {block} any more: ask one that runs with \
		`--state-pruning archive` ({reason})"
	)]
	Pruned {
		/// The block.
		block: BlockNumber,
		/// The node's words.
		reason: String,
	},
	/// There is no such task.
	#[error(
		"the chain keeps no task {0}: it was never submitted, or has been over for more than a day"
	)]
	NoSuchTask(TaskId),
	/// No machine has it from such a draw.
	#[error("task {task} has no machines{of}: there is nothing to explain; `dragon task status {task}` says where it stands")]
	NotDrawn {
		/// The task.
		task: TaskId,
		/// Which draw was asked for, as words behind the sentence.
		of: String,
	},
	/// The chain recorded a draw that does not follow from its state.
	#[error("task {task} should not have been drawn in block {block}: what the chain did does not follow from its state")]
	NotDue {
		/// The task.
		task: TaskId,
		/// The block.
		block: BlockNumber,
	},
}

/// Repeats the draw that gave a task its machines: draw `attempt`, or the last one.
pub async fn explain(
	chain: &Chain,
	id: TaskId,
	attempt: Option<u8>,
) -> Result<Explanation, ReplayError> {
	let block = block_of(chain, id, attempt).await?;
	let parent = chain.head_at(block.number.saturating_sub(1)).await?;
	let (before, after) = (chain.at(&parent), chain.at(&block));
	let begun = Replay::begin(chain, before, after.clone()).await;
	let mut replay = begun.map_err(|error| pruned(error, &parent))?;
	let beacon = replay.world.frame.beacon;
	let not_due = || ReplayError::NotDue { task: id, block: block.number };
	let (cause, shown) = replay.until(id).await?.ok_or_else(not_due)?;
	let Shown { seed, attempt, machines, pages, considered, replicas: computed } = shown;
	let task = after.task(id).await?.ok_or(ReplayError::NoSuchTask(id))?;
	let of_draw = |replica: &&Replica| replica.attempt == attempt;
	Ok(Explanation {
		task: id,
		attempt,
		block,
		beacon_block: beacon.0,
		beacon: beacon.1,
		seed,
		cause,
		draws_before: replay.draws,
		machines,
		pages,
		considered,
		computed,
		recorded: task.replicas.iter().filter(of_draw).cloned().collect(),
	})
}

/// The block in which a task was drawn: the first after that of the beacon whose state shows a machine of that draw.
async fn block_of(chain: &Chain, id: TaskId, attempt: Option<u8>) -> Result<Head, ReplayError> {
	let newest = chain.head(View::Finalized).await?;
	let task = chain.at(&newest).task(id).await?.ok_or(ReplayError::NoSuchTask(id))?;
	let last = task.replicas.iter().map(|replica| replica.attempt).max();
	let drawn = attempt.or(last);
	let replica = task.replicas.iter().find(|replica| Some(replica.attempt) == drawn);
	let replica = replica.ok_or_else(|| ReplayError::NotDrawn {
		task: id,
		of: attempt.map_or_else(String::new, |attempt| format!(" from draw {attempt}")),
	})?;
	let first = replica.beacon_block.saturating_add(1);
	let last = first.saturating_add(LATE_MAX).min(newest.number);
	let is_it =
		|other: &Replica| (other.worker, other.attempt) == (replica.worker, replica.attempt);
	for number in first..=last {
		let head = chain.head_at(number).await?;
		let task = chain.at(&head).task(id).await.map_err(|error| pruned(error, &head))?;
		if task.is_some_and(|task| task.replicas.iter().any(is_it)) {
			return Ok(head);
		}
	}
	Err(ReplayError::NotDue { task: id, block: last })
}

fn pruned(error: ChainError, head: &Head) -> ReplayError {
	match error {
		ChainError::Refused { reason } => ReplayError::Pruned { block: head.number, reason },
		error => error.into(),
	}
}

/// The draws of one block, as far as they were repeated.
struct Replay {
	before: Snapshot,
	world: World,
	/// Where the frozen tasks stood at the block's end.
	end: Cursor,
	/// The beacons that order the batches, as the block has them.
	after: Snapshot,
	draws: u32,
}

impl Replay {
	async fn begin(chain: &Chain, before: Snapshot, after: Snapshot) -> Result<Self, ChainError> {
		let frame = Frame {
			now: after.head().number,
			minute: minute_of_day(before.timestamp_ms().await?.unwrap_or(0)),
			beacon: after.latest_beacon().await?.unwrap_or_default(),
			bond_per_worker: chain.constant_u128("NodeRegistry", "BondPerWorker")?,
			thresholds: before.thresholds().await?,
		};
		let (directory, index) = (before.supply_directory().await?, before.waiting_index().await?);
		let world = World::new(frame, directory, index);
		let end = after.frozen_cursor().await?;
		Ok(Self { before, world, end, after, draws: 0 })
	}

	/// Repeats the block's draws until a task gets machines.
	async fn until(&mut self, id: TaskId) -> Result<Option<(Cause, Shown)>, ChainError> {
		if let Some((block, shown)) = self.frozen_until(id).await? {
			return Ok(Some((Cause::Frozen(block), shown)));
		}
		let woken = self.woken_until(id).await?;
		Ok(woken.map(|(machine, shown)| (machine.map_or(Cause::Swept, Cause::WokenBy), shown)))
	}

	async fn frozen_until(
		&mut self,
		id: TaskId,
	) -> Result<Option<(BlockNumber, Shown)>, ChainError> {
		let Frame { now, beacon, .. } = self.world.frame;
		let Some(last) = now.checked_sub(DRAW_DELAY_BLOCKS) else { return Ok(None) };
		let mut cursor = self.before.frozen_cursor().await?;
		while cursor.block <= last && is_before(&cursor, &self.end) {
			let length = self.before.frozen_length(cursor.block).await?;
			if cursor.batches >= length {
				cursor = Cursor { block: cursor.block.saturating_add(1), ..Default::default() };
				continue;
			}
			// A block that brought no randomness draws nothing.
			if beacon.0 <= cursor.block {
				break;
			}
			let order = self.order(&cursor).await?;
			let position = order_of(&order, length, cursor.batches);
			let batch = self.before.frozen_batch(cursor.block, position).await?;
			if let Some(shown) = self.batch_until(id, &mut cursor, batch).await? {
				return Ok(Some((cursor.block, shown)));
			}
			let batches = cursor.batches.saturating_add(1);
			cursor = Cursor { block: cursor.block, batches, tasks: 0, order: Some(order) };
		}
		Ok(None)
	}

	/// The seed of the order in which the tasks of a block are drawn.
	async fn order(&self, cursor: &Cursor) -> Result<Hash32, ChainError> {
		if let Some(order) = cursor.order {
			return Ok(order);
		}
		let first = self.after.beacon(cursor.block.saturating_add(1)).await?;
		Ok(order_seed(first.unwrap_or(self.world.frame.beacon.1)))
	}

	/// Draws for the tasks of a batch, as far as the block came.
	async fn batch_until(
		&mut self,
		id: TaskId,
		cursor: &mut Cursor,
		batch: Option<Batch>,
	) -> Result<Option<Shown>, ChainError> {
		let Some(Batch { first, count }) = batch else { return Ok(None) };
		while cursor.tasks < count && is_before(cursor, &self.end) {
			let task = first.saturating_add(cursor.tasks.into());
			match self.step(|world| world.draw(task, None)).await? {
				Outcome::Assigned(shown) if task == id => return Ok(Some(*shown)),
				Outcome::Assigned(_) => self.draws = self.draws.saturating_add(1),
				Outcome::Nothing | Outcome::Passed => {}
			}
			cursor.tasks = cursor.tasks.saturating_add(1);
		}
		Ok(None)
	}

	async fn woken_until(
		&mut self,
		id: TaskId,
	) -> Result<Option<(Option<WorkerId>, Shown)>, ChainError> {
		let (now, beacon_block) = (self.world.frame.now, self.world.frame.beacon.0);
		for machine in waking::order(&self.before.waking().await?, now, beacon_block) {
			let mut serving = Serving::new(&self.world, machine);
			loop {
				let (next, look) = self
					.step(|world| {
						let mut serving = serving.clone();
						let look = serving.look(world);
						(serving, look)
					})
					.await?;
				serving = next;
				match look {
					Look::Done => break,
					Look::Next(Some((task, shown))) if task == id => {
						return Ok(Some((machine, *shown)))
					}
					Look::Next(drawn) => {
						self.draws = self.draws.saturating_add(u32::from(drawn.is_some()));
					}
				}
			}
		}
		Ok(None)
	}

	/// Takes a step, again and again until all that it looks for was read.
	async fn step<T>(&mut self, step: impl Fn(&mut World) -> T) -> Result<T, ChainError> {
		loop {
			let mut tried = self.world.clone();
			let outcome = step(&mut tried);
			let missing = tried.missing();
			if missing.is_empty() {
				self.world = tried;
				return Ok(outcome);
			}
			fill(&mut self.world, &self.before, &missing).await?;
		}
	}
}

/// Whether there is something to be drawn between two positions.
fn is_before(cursor: &Cursor, end: &Cursor) -> bool {
	(cursor.block, cursor.batches, cursor.tasks) < (end.block, end.batches, end.tasks)
}

#[cfg(test)]
mod tests;
