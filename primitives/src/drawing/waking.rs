//! Tasks that wait, and the machines that wake them.

use super::{group::enqueue, provider_tag, Budget, Group, Market, Outcome};
use crate::{
	beacon::SeedStream,
	matching::check_fit,
	supply::{Entry, Shape},
	task::DRAW_DELAY_BLOCKS,
	waiting::{self, Queue, QueueId, Ticket, Turn, Wakes},
	BlockNumber, Hash32, TaskId, WorkerId,
};
use alloc::{collections::BTreeMap, vec::Vec};

/// Blocks between two looks by the clock.
const CLOCK_BLOCKS: BlockNumber = 5;
/// Queues that are tried in vain in one turn: then the tasks that it woke sleep on.
const MISSES_MAX: usize = 8;
/// Tasks that one machine looks at in vain in one queue: those at its head must not stand in the way of all behind them.
const HEADS_MAX: u32 = 8;
/// Tasks that the clock looks at in vain in one queue: its head, and another one.
const CLOCK_HEADS_MAX: u32 = 2;

/// The way through the queues of one turn.
#[derive(Clone, Debug)]
pub struct Serving {
	turn: Turn,
	beacon: (BlockNumber, Hash32),
	start: u32,
	tried: Vec<QueueId>,
	heads: BTreeMap<QueueId, u32>,
}

/// What became of one look at a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
	/// There is nothing more to be found.
	Done,
	/// The budget does not allow another draw.
	Full,
	/// There may be more.
	More,
}

/// Who goes through the queues in block `now`, in order. The clock, whose turn is short, comes first. Where the budget does not
/// suffice for all of them, machines and nobody in particular each come before the other in some block.
pub fn turns(wakes: &Wakes, now: BlockNumber) -> Vec<Turn> {
	let is_due = |block: BlockNumber| now >= block.saturating_add(DRAW_DELAY_BLOCKS);
	let looked_at = now.checked_sub(DRAW_DELAY_BLOCKS).filter(|at| at.is_multiple_of(CLOCK_BLOCKS));
	let clock = looked_at.map(|_| Turn::Clock);
	let others = wakes.others_at.filter(|block| is_due(*block)).map(|_| Turn::Others);
	let first = others.filter(|_| now.is_multiple_of(2));
	let due = wakes.machines.iter().filter(|wake| is_due(wake.block));
	let machines = due.map(|wake| Turn::Machine(wake.worker));
	let last = others.filter(|_| !now.is_multiple_of(2));
	clock.into_iter().chain(first).chain(machines).chain(last).collect()
}

impl Serving {
	/// The beginning.
	pub fn new(turn: Turn, beacon: (BlockNumber, Hash32)) -> Self {
		// By chance: a number that goes up evenly would pass some queues over whenever it has a divisor in common with theirs.
		let start = SeedStream::new(beacon.1).below(u32::MAX);
		Self { turn, beacon, start, tried: Vec::new(), heads: BTreeMap::new() }
	}

	/// The machine whose turn it is.
	fn machine(&self) -> Option<WorkerId> {
		match self.turn {
			Turn::Machine(worker) => Some(worker),
			Turn::Others | Turn::Clock => None,
		}
	}

	/// Whether all was tried that one turn may try in vain. The clock's costs the same however many wait.
	fn is_over(&self) -> bool {
		let looks: u32 = self.heads.values().fold(0, |sum, looks| sum.saturating_add(*looks));
		self.tried.len() >= MISSES_MAX || self.turn == Turn::Clock && looks as usize >= MISSES_MAX
	}

	/// Looks at the next queue, and draws for the task at its head.
	pub fn look<M: Market>(&mut self, market: &mut M, budget: &mut impl Budget) -> Look {
		if self.is_over() {
			return Look::Done;
		}
		let machine = self.machine();
		let entry = machine.and_then(|machine| supplied(market, machine));
		if machine.is_some() && entry.is_none() {
			return Look::Done;
		}
		let Some(queue) = self.next_queue(market, entry.as_ref()) else { return Look::Done };
		let length = market.queue(queue).length;
		let Some(id) = self.task_of(market, queue) else { return Look::More };
		if entry.is_some_and(|entry| !suits(market, id, &entry)) {
			to_the_end(market, id);
		} else {
			if !budget.allows() {
				return Look::Full;
			}
			let mut group = Group::new(market, self.beacon);
			let cost = group.draw(id, Some(self.turn));
			group.finish();
			budget.spend(id, &cost);
			if matches!(cost.outcome, Outcome::Assigned(_)) {
				return Look::More;
			}
		}
		self.looked_in_vain(queue, length);
		Look::More
	}

	/// The task of a queue to look at: its head. Where that stays, because nobody came whom it does not suit, the clock looks at
	/// another one by chance.
	fn task_of<M: Market>(&mut self, market: &mut M, id: QueueId) -> Option<TaskId> {
		let found = waiting::first(market, id).map(|(_, task)| task);
		let Queue { head, tail, length } = market.queue(id);
		// Else only places that tasks have left: the next look goes on behind them.
		if found.is_none() && head >= tail {
			self.tried.push(id);
		}
		if self.turn != Turn::Clock || !self.heads.contains_key(&id) {
			return found;
		}
		let behind = tail.saturating_sub(head).saturating_sub(1).min(u64::from(u32::MAX));
		let step = SeedStream::new(self.beacon.1).below(behind as u32).saturating_add(1);
		let number = head.saturating_add(u64::from(step));
		let other = market.waiting(Ticket { queue: id, number });
		if other.is_none() {
			self.looked_in_vain(id, length);
		}
		other
	}

	/// Notes that no machine was found for a task of a queue, which had so many.
	fn looked_in_vain(&mut self, id: QueueId, length: u32) {
		let most = match self.turn {
			Turn::Machine(_) | Turn::Others => HEADS_MAX,
			Turn::Clock => CLOCK_HEADS_MAX,
		};
		let looked = self.heads.entry(id).or_default();
		*looked = looked.saturating_add(1);
		if *looked >= most.min(length) {
			self.tried.push(id);
		}
	}

	/// The queue to try next: the one that pays most and, every other time, whichever comes in turn, so that what pays well and
	/// never fits stands in nobody's way.
	fn next_queue<M: Market>(&self, market: &M, machine: Option<&Entry>) -> Option<QueueId> {
		let tries = self.tried.len() as u32;
		let bucket = machine.map(|entry| Shape::of(&entry.free).bucket());
		let mut queues = market.index().served_by(bucket, self.start.wrapping_add(tries));
		queues.retain(|queue| !self.tried.contains(queue));
		match machine.is_some() && tries.is_multiple_of(2) {
			true => queues.into_iter().rev().max_by_key(|queue| queue.price_tier),
			false => queues.into_iter().next(),
		}
	}
}

/// What the supply shows of a machine.
fn supplied<M: Market>(market: &M, worker: WorkerId) -> Option<Entry> {
	let place = market.place(worker)?;
	market.page(place.bucket, place.page()).get(place.slot()).cloned()
}

/// Whether a machine and a task that waits suit each other, as far as the supply shows.
fn suits<M: Market>(market: &M, id: TaskId, entry: &Entry) -> bool {
	let Some(task) = market.task(id) else { return false };
	let Some(job) = market.job(task.job) else { return false };
	let kinds = job.spec.kinds(task.bundle.is_some());
	let fit = check_fit(entry, &job.spec, kinds, market.minute(), &task.excluded);
	let has_it = |provider: &M::AccountId| provider_tag(provider) == entry.provider;
	fit.is_ok() && !task.replicas.iter().any(|replica| has_it(&replica.provider))
}

/// Puts a task that waits at the end of its queue.
fn to_the_end<M: Market>(market: &mut M, id: TaskId) {
	let Some(mut task) = market.task(id) else { return };
	let Some(job) = market.job(task.job) else { return };
	enqueue(market, id, &mut task, &job);
	market.put_task(id, task);
}
