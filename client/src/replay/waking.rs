//! Tasks that wait, and the machines that wake them, as the chain goes through them.

use super::{
	draws::{Outcome, Shown},
	registry::provider_tag,
	world::World,
};
use aidragon_primitives::{
	beacon::SeedStream,
	matching::check_fit,
	supply::{Entry, Shape},
	task::DRAW_DELAY_BLOCKS,
	waiting::{self, Queue, QueueId, QueueStore, Wakes},
	BlockNumber, TaskId, WorkerId,
};
use std::collections::BTreeMap;

/// Queues that one machine tries in vain before the tasks that it woke sleep on. The chain's number.
const MISSES_MAX: usize = 8;
/// Tasks that one machine looks at in vain in one queue. The chain's number.
const HEADS_MAX: u32 = 8;

/// One machine's way through the queues, or that of nobody in particular.
#[derive(Clone, Debug)]
pub(super) struct Serving {
	machine: Option<WorkerId>,
	turn: u32,
	tried: Vec<QueueId>,
	heads: BTreeMap<QueueId, u32>,
}

/// What became of one look at a queue.
pub(super) enum Look {
	/// There is nothing more to be found.
	Done,
	/// A task was drawn for, or none was.
	Next(Option<(TaskId, Box<Shown>)>),
}

/// Who goes through the queues in block `now`, in order. The chain stops where the block is full; what it then still drew
/// stands before that.
pub(super) fn order(
	wakes: &Wakes,
	now: BlockNumber,
	beacon_block: BlockNumber,
) -> Vec<Option<WorkerId>> {
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
	pub(super) fn new(world: &World, machine: Option<WorkerId>) -> Self {
		let turn = SeedStream::new(world.frame.beacon.1).below(u32::MAX);
		Self { machine, turn, tried: Vec::new(), heads: BTreeMap::new() }
	}

	/// Looks at the next queue.
	pub(super) fn look(&mut self, world: &mut World) -> Look {
		if self.tried.len() >= MISSES_MAX {
			return Look::Done;
		}
		let entry = self.machine.and_then(|machine| world.supplied(machine));
		if self.machine.is_some() && entry.is_none() {
			return Look::Done;
		}
		let Some(queue) = self.next_queue(world, entry.as_ref()) else { return Look::Done };
		let found = waiting::first(world, queue);
		let Queue { head, tail, length } = world.queue(queue);
		let Some((_, id)) = found else {
			if head >= tail {
				self.tried.push(queue);
			}
			return Look::Next(None);
		};
		if entry.is_some_and(|entry| !suits(world, id, &entry)) {
			to_the_end(world, id);
		} else if let Outcome::Assigned(shown) = world.draw(id, self.machine) {
			return Look::Next(Some((id, shown)));
		}
		let looked = self.heads.entry(queue).or_default();
		*looked = looked.saturating_add(1);
		if *looked >= HEADS_MAX.min(length) {
			self.tried.push(queue);
		}
		Look::Next(None)
	}

	/// The queue that pays most and, every other time, whichever comes in turn.
	fn next_queue(&self, world: &World, machine: Option<&Entry>) -> Option<QueueId> {
		let tries = self.tried.len() as u32;
		let bucket = machine.map(|entry| Shape::of(&entry.free).bucket());
		let mut queues = world.index.served_by(bucket, self.turn.wrapping_add(tries));
		queues.retain(|queue| !self.tried.contains(queue));
		match machine.is_some() && tries.is_multiple_of(2) {
			true => queues.into_iter().rev().max_by_key(|queue| queue.price_tier),
			false => queues.into_iter().next(),
		}
	}
}

/// Whether a machine and a task that waits suit each other, as far as the supply shows.
fn suits(world: &World, id: TaskId, entry: &Entry) -> bool {
	let Some(task) = world.task(id) else { return false };
	let Some(job) = world.job(task.job) else { return false };
	let kinds = job.spec.kinds(task.bundle.is_some());
	let fit = check_fit(entry, &job.spec, kinds, world.frame.minute, &task.excluded);
	let has_it = |provider| provider_tag(provider) == entry.provider;
	fit.is_ok() && !task.replicas.iter().any(|replica| has_it(&replica.provider))
}

/// Puts a task that waits at the end of its queue.
fn to_the_end(world: &mut World, id: TaskId) {
	let Some(mut task) = world.task(id) else { return };
	let Some(job) = world.job(task.job) else { return };
	world.enqueue(id, &mut task, &job);
	world.put_task(id, task);
}

#[cfg(test)]
mod tests {
	use super::*;
	use aidragon_primitives::waiting::Wake;

	#[test]
	fn machines_come_in_order_and_the_others_first_in_every_other_block() {
		let mut wakes = Wakes::default();
		for (worker, block) in [(3, 7), (1, 8), (2, 9)] {
			wakes.note(Wake { worker, bucket: 0, block });
		}
		assert_eq!(order(&wakes, 10, 9), [Some(3), Some(1)]);
		assert_eq!(order(&wakes, 11, 10), [Some(3), Some(1), Some(2)]);
		// Without a beacon that is younger than its coming, a machine waits.
		assert_eq!(order(&wakes, 10, 8), [Some(3)]);
		wakes.others_at = Some(5);
		assert_eq!(order(&wakes, 10, 9), [None, Some(3), Some(1)]);
		assert_eq!(order(&wakes, 11, 9), [Some(3), Some(1), None]);
	}
}
