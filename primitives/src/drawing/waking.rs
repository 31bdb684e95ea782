//! Tasks that wait, and the machines that wake them.

use super::{group::enqueue, provider_tag, Budget, Group, Market, Outcome};
use crate::{
	beacon::SeedStream,
	matching::check_fit,
	supply::{Entry, Shape},
	task::DRAW_DELAY_BLOCKS,
	waiting::{self, Queue, QueueId, Wakes},
	BlockNumber, Hash32, TaskId, WorkerId,
};
use alloc::{collections::BTreeMap, vec::Vec};

/// Queues that one machine tries in vain before the tasks that it woke sleep on.
const MISSES_MAX: usize = 8;
/// Tasks that one machine looks at in vain in one queue: those at its head must not stand in the way of all behind them.
const HEADS_MAX: u32 = 8;

/// One machine's way through the queues, or that of nobody in particular where too many came.
#[derive(Clone, Debug)]
pub struct Serving {
	machine: Option<WorkerId>,
	beacon: (BlockNumber, Hash32),
	turn: u32,
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

/// Who goes through the queues in block `now`, in order. Where the budget does not suffice for all of them, machines and nobody in
/// particular each come first in some block.
pub fn turns(wakes: &Wakes, now: BlockNumber, beacon_block: BlockNumber) -> Vec<Option<WorkerId>> {
	let is_due =
		|block: BlockNumber| now >= block.saturating_add(DRAW_DELAY_BLOCKS) && beacon_block > block;
	let others = wakes.others_at.filter(|block| is_due(*block)).map(|_| None);
	let first = others.filter(|_| now.is_multiple_of(2));
	let machines =
		wakes.machines.iter().filter(|wake| is_due(wake.block)).map(|wake| Some(wake.worker));
	let last = others.filter(|_| !now.is_multiple_of(2));
	first.into_iter().chain(machines).chain(last).collect()
}

impl Serving {
	/// The beginning.
	pub fn new(machine: Option<WorkerId>, beacon: (BlockNumber, Hash32)) -> Self {
		// By chance: a number that goes up evenly would pass some queues over whenever it has a divisor in common with theirs.
		let turn = SeedStream::new(beacon.1).below(u32::MAX);
		Self { machine, beacon, turn, tried: Vec::new(), heads: BTreeMap::new() }
	}

	/// Looks at the next queue, and draws for the task at its head.
	pub fn look<M: Market>(&mut self, market: &mut M, budget: &mut impl Budget) -> Look {
		if self.tried.len() >= MISSES_MAX {
			return Look::Done;
		}
		let entry = self.machine.and_then(|machine| supplied(market, machine));
		if self.machine.is_some() && entry.is_none() {
			return Look::Done;
		}
		let Some(queue) = self.next_queue(market, entry.as_ref()) else { return Look::Done };
		let found = waiting::first(market, queue);
		let Queue { head, tail, length } = market.queue(queue);
		let Some((_, id)) = found else {
			// Only places that tasks have left: the next look goes on behind them.
			if head >= tail {
				self.tried.push(queue);
			}
			return Look::More;
		};
		if entry.is_some_and(|entry| !suits(market, id, &entry)) {
			to_the_end(market, id);
		} else {
			if !budget.allows() {
				return Look::Full;
			}
			let mut group = Group::new(market, self.beacon);
			let cost = group.draw(id, self.machine);
			group.finish();
			budget.spend(id, &cost);
			if matches!(cost.outcome, Outcome::Assigned(_)) {
				return Look::More;
			}
		}
		let looked = self.heads.entry(queue).or_default();
		*looked = looked.saturating_add(1);
		if *looked >= HEADS_MAX.min(length) {
			self.tried.push(queue);
		}
		Look::More
	}

	/// The queue to try next: the one that pays most and, every other time, whichever comes in turn, so that what pays well and
	/// never fits stands in nobody's way.
	fn next_queue<M: Market>(&self, market: &M, machine: Option<&Entry>) -> Option<QueueId> {
		let tries = self.tried.len() as u32;
		let bucket = machine.map(|entry| Shape::of(&entry.free).bucket());
		let mut queues = market.index().served_by(bucket, self.turn.wrapping_add(tries));
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
