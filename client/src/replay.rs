//! Recomputing which machines a task got, and why: anyone can, from chain state alone.
//!
//! A block draws first of all, so the state of the block before and the beacon say everything. [`explain`] reads that state at a
//! node, takes the steps that the chain takes ([`aidragon_primitives::drawing`]) up to the task that was asked for, and tells what
//! became of each machine that was looked at. It believes nothing that the chain recorded about the result: that is compared at
//! the end ([`Explanation::agrees`]). [`audit`] does so for all draws of a block.
//!
//! What the chain draws in a block is bounded by weight. How many frozen tasks it came to is read from its cursor; of the tasks
//! that machines woke, those that were drawn stand before the bound, so that the asked one is reached without knowing it.
//!
//! ## Properties
//!
//! * **P5** A draw is a function of the beacon and of the state before it.
//! * **P12** Every machine that was looked at gets a verdict.

mod audit;
mod fill;
mod market;
mod registry;
mod steps;
mod world;

pub use audit::{audit, Audit, Mismatch};
pub use world::Look;

use crate::{
	chain::{Chain, ChainError, Head, View},
	Replica,
};
use aidragon_primitives::{
	beacon::draw_seed, matching::Considered, BlockNumber, Hash32, TaskId, WorkerId,
};
use steps::Replay;

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
	/// The look at the supply from which it was drawn.
	pub look: Look,
	/// Every machine that was looked at, by replica, with what the tasks before it left.
	pub considered: Vec<Considered>,
	/// The machines that follow from all that.
	pub computed: Vec<Replica>,
	/// The machines that the chain recorded.
	pub recorded: Vec<Replica>,
}

impl Explanation {
	/// Whether the chain did what it should have done: the same machines, the same parts of them, the same prices.
	pub fn agrees(&self) -> bool {
		are_equal(&self.computed, &self.recorded)
	}
}

/// Whether these are the same machines, the same parts of them, at the same prices. What they did since then does not matter.
fn are_equal(computed: &[Replica], recorded: &[Replica]) -> bool {
	let same = |(one, other): (&Replica, &Replica)| {
		(one.worker, one.provider, one.gpus) == (other.worker, other.provider, other.gpus)
			&& one.price_per_gfuel == other.price_per_gfuel
			&& one.beacon_block == other.beacon_block
	};
	computed.len() == recorded.len() && computed.iter().zip(recorded).all(same)
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
	replay.watch(id);
	let not_due = || ReplayError::NotDue { task: id, block: block.number };
	let mut draws_before = 0u32;
	let drawn = loop {
		let drawn = replay.next().await?.ok_or_else(not_due)?;
		if drawn.task == id && !drawn.replicas.is_empty() {
			break drawn;
		}
		draws_before = draws_before.saturating_add(u32::from(!drawn.replicas.is_empty()));
	};
	let beacon = replay.beacon().ok_or_else(not_due)?;
	let (look, considered) = replay.seen();
	let task = after.task(id).await?.ok_or(ReplayError::NoSuchTask(id))?;
	let of_draw = |replica: &&Replica| replica.attempt == drawn.attempt;
	Ok(Explanation {
		task: id,
		attempt: drawn.attempt,
		block,
		beacon_block: beacon.0,
		beacon: beacon.1,
		seed: draw_seed(beacon.1, id, drawn.attempt),
		cause: drawn.cause,
		draws_before,
		look,
		considered,
		recorded: task.replicas.iter().filter(of_draw).cloned().collect(),
		computed: drawn.replicas,
	})
}

/// The block in which a task was drawn: the first, from that of the beacon on, whose state shows a machine of that draw.
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
	let first = replica.beacon_block;
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

#[cfg(test)]
mod tests;
