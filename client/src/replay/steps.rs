//! The draws of one block, one after the other.

use super::{
	fill::fill,
	world::{Frame, Look, World},
	Cause,
};
use crate::{
	chain::{Chain, ChainError, Snapshot},
	Replica,
};
use aidragon_primitives::{
	drawing::{self, draw_frozen, turns, Budget, Cost, Cursor, Market, Outcome, Serving},
	matching::Considered,
	waiting::Turn,
	worker::minute_of_day,
	BlockNumber, Hash32, TaskId,
};
use std::collections::VecDeque;

/// The turn of one task.
#[derive(Clone, Debug)]
pub(super) struct Drawn {
	pub(super) task: TaskId,
	/// The draw, counted from 0.
	pub(super) attempt: u8,
	pub(super) cause: Cause,
	/// The machines that it got; none where none were found, or where it waited for no draw any more.
	pub(super) replicas: Vec<Replica>,
}

/// How far the draws of a block are repeated.
enum Phase {
	Frozen(Cursor),
	Woken { turns: VecDeque<Turn>, serving: Option<(Turn, Serving)> },
	Over,
}

/// The draws of one block, as far as they were repeated.
pub(super) struct Replay {
	world: World,
	before: Snapshot,
	phase: Phase,
	/// Where the frozen tasks stood at the block's end.
	end: Cursor,
	/// What was drawn in steps that were taken and not given out yet.
	drawn: VecDeque<Drawn>,
}

/// What the chain drew in the block, as its cursor tells; of the tasks that machines woke, those that were drawn stand before the
/// bound.
#[derive(Clone)]
struct Left {
	tasks: Option<u16>,
	had_turns: Vec<(TaskId, Outcome)>,
}

impl Budget for Left {
	fn allows(&mut self) -> bool {
		self.tasks != Some(0)
	}

	fn spend(&mut self, id: TaskId, cost: &Cost) {
		self.tasks = self.tasks.map(|tasks| tasks.saturating_sub(1));
		self.had_turns.push((id, cost.outcome));
	}
}

impl Replay {
	/// Begins the draws of the block of `after`, whose parent is that of `before`.
	pub(super) async fn begin(
		chain: &Chain,
		before: Snapshot,
		after: Snapshot,
	) -> Result<Self, ChainError> {
		let frame = Frame {
			now: after.head().number,
			minute: minute_of_day(before.timestamp_ms().await?.unwrap_or(0)),
			beacon: after.latest_beacon().await?.filter(|(block, _)| *block == after.head().number),
			bond_per_worker: chain.constant_u128("NodeRegistry", "BondPerWorker")?,
			thresholds: before.thresholds().await?,
		};
		let (directory, index) = (before.supply_directory().await?, before.waiting_index().await?);
		let world = World::new(frame, directory, index);
		let (begin, end) = (before.frozen_cursor().await?, after.frozen_cursor().await?);
		let phase = Phase::Frozen(begin);
		Ok(Self { world, before, phase, end, drawn: VecDeque::new() })
	}

	/// Has everything noted about the draw of a task.
	pub(super) fn watch(&mut self, id: TaskId) {
		self.world.watched = Some(id);
	}

	/// What was noted about it.
	pub(super) fn seen(&self) -> (Look, Vec<Considered>) {
		let seen = self.world.seen.take();
		(seen.look_of_task, seen.considered)
	}

	/// The beacon that draws.
	pub(super) fn beacon(&self) -> Option<(BlockNumber, Hash32)> {
		self.world.frame.beacon
	}

	/// The next turn of a task, in the chain's order; `None` where there are no more.
	pub(super) async fn next(&mut self) -> Result<Option<Drawn>, ChainError> {
		loop {
			if let Some(drawn) = self.drawn.pop_front() {
				return Ok(Some(drawn));
			}
			match std::mem::replace(&mut self.phase, Phase::Over) {
				Phase::Frozen(cursor) => self.frozen(cursor).await?,
				Phase::Woken { turns, serving } => self.woken(turns, serving).await?,
				Phase::Over => return Ok(None),
			}
		}
	}

	async fn frozen(&mut self, cursor: Cursor) -> Result<(), ChainError> {
		if !is_before(&cursor, &self.end) {
			return self.begin_woken().await;
		}
		let is_last = (cursor.block, cursor.batches) == (self.end.block, self.end.batches);
		let tasks = is_last.then(|| self.end.tasks.saturating_sub(cursor.tasks));
		let cause = Cause::Frozen(cursor.block);
		let step = |world: &mut World| {
			let (mut cursor, mut left) = (cursor, Left { tasks, had_turns: Vec::new() });
			let more = draw_frozen(world, &mut cursor, &mut left);
			(cursor, more, left.had_turns)
		};
		let (cursor, more, turns) = self.step(step).await?;
		self.note(turns, cause);
		match more {
			true => self.phase = Phase::Frozen(cursor),
			false => self.begin_woken().await?,
		}
		Ok(())
	}

	async fn begin_woken(&mut self) -> Result<(), ChainError> {
		if self.world.frame.beacon.is_some() {
			let turns = turns(&self.before.waking().await?, self.world.frame.now);
			self.phase = Phase::Woken { turns: turns.into(), serving: None };
		}
		Ok(())
	}

	async fn woken(
		&mut self,
		mut turns: VecDeque<Turn>,
		serving: Option<(Turn, Serving)>,
	) -> Result<(), ChainError> {
		let Some(beacon) = self.world.frame.beacon else { return Ok(()) };
		let begin = |turn| (turn, Serving::new(turn, beacon));
		let next = serving.or_else(|| turns.pop_front().map(begin));
		let Some((turn, serving)) = next else { return Ok(()) };
		let step = |world: &mut World| {
			let (mut serving, mut left) =
				(serving.clone(), Left { tasks: None, had_turns: Vec::new() });
			let look = serving.look(world, &mut left);
			(serving, look, left.had_turns)
		};
		let (serving, look, had_turns) = self.step(step).await?;
		let cause = match turn {
			Turn::Machine(worker) => Cause::WokenBy(worker),
			Turn::Others | Turn::Clock => Cause::Swept,
		};
		self.note(had_turns, cause);
		let serving = (look == drawing::Look::More).then_some((turn, serving));
		self.phase = Phase::Woken { turns, serving };
		Ok(())
	}

	/// Notes what became of the tasks that had their turn in a step.
	fn note(&mut self, turns: Vec<(TaskId, Outcome)>, cause: Cause) {
		for (id, outcome) in turns {
			let Some(task) = self.world.task(id) else { continue };
			let assigned = matches!(outcome, Outcome::Assigned(_));
			// A draw that found machines is over, and the task counts it.
			let attempt = task.attempt.saturating_sub(u8::from(assigned));
			let of_draw = |replica: &&Replica| replica.attempt == attempt;
			let replicas = match outcome {
				Outcome::Assigned(_) => task.replicas.iter().filter(of_draw).cloned().collect(),
				Outcome::Nothing | Outcome::Passed => Vec::new(),
			};
			self.drawn.push_back(Drawn { task: id, attempt, cause, replicas });
		}
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
