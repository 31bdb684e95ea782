//! Waking tasks that wait: by the machines that came, and by nothing else.

use crate::{
	draw::provider_tag, store::ChainStore, Config, Jobs, Pallet, Tasks, WaitingIndex,
	WaitingQueues, Waking, WeightInfo,
};
use aidragon_primitives::{
	beacon::SeedStream,
	matching::check_fit,
	supply::{Entry, Shape},
	task::{DRAW_DELAY_BLOCKS, REPLICAS_MAX},
	waiting::{self, Queue, QueueId, Wakes},
	BlockNumber, TaskId, WorkerId,
};
use alloc::{collections::BTreeMap, vec::Vec};
use frame_support::weights::WeightMeter;

/// Queues that one machine tries in vain before the tasks that it woke sleep on.
const MISSES_MAX: usize = 8;
/// Tasks that one machine looks at in vain in one queue: those at its head must not stand in the way of all behind them.
const HEADS_MAX: u32 = 8;
/// Blocks between two looks at tasks that wait without anybody having come: machines open by the clock, bonds are raised.
const SWEEP_BLOCKS: BlockNumber = 20;

impl<T: Config> Pallet<T> {
	/// Draws tasks that wait for the machines that came, as far as the meter allows.
	pub(crate) fn wake_waiting(meter: &mut WeightMeter) {
		if meter.try_consume(T::WeightInfo::wake_step()).is_err() {
			return;
		}
		Self::sweep_waiting();
		let wakes = Waking::<T>::take();
		let mut left = Wakes { others_at: wakes.others_at, ..Wakes::default() };
		// Where the meter does not suffice for all of it, each comes first in some block.
		if Self::now() % 2 == 0 {
			Self::serve_others(&mut left, meter);
		}
		let mut interrupted = None;
		for wake in &wakes.machines {
			let is_due = Self::is_due(wake.block);
			if is_due && Self::serve(Some(wake.worker), wake.block, meter) {
				continue;
			}
			match interrupted {
				None if is_due => interrupted = Some(*wake),
				_ => left.note(*wake),
			}
		}
		interrupted.into_iter().for_each(|wake| left.note(wake));
		Self::serve_others(&mut left, meter);
		Self::keep_waking(left);
	}

	/// Draws for some of all tasks that wait, where that is due.
	fn serve_others(left: &mut Wakes, meter: &mut WeightMeter) {
		if let Some(block) = left.others_at.filter(|block| Self::is_due(*block)) {
			if Self::serve(None, block, meter) {
				left.others_at = None;
			}
		}
	}

	/// Puts back what is not worked off, beside what came in the meantime.
	fn keep_waking(left: Wakes) {
		if left == Wakes::default() {
			return;
		}
		Waking::<T>::mutate(|wakes| {
			let came = core::mem::replace(wakes, left);
			came.machines.into_iter().for_each(|wake| wakes.note(wake));
			wakes.others_at = wakes.others_at.or(came.others_at);
		});
	}

	fn is_due(block: BlockNumber) -> bool {
		Self::now() >= block.saturating_add(DRAW_DELAY_BLOCKS)
	}

	/// Has some of what waits looked at from time to time.
	pub(crate) fn sweep_waiting() {
		let now = Self::now();
		if now.is_multiple_of(SWEEP_BLOCKS) && !WaitingIndex::<T>::get().cells().is_empty() {
			Waking::<T>::mutate(|wakes| {
				wakes.others_at.get_or_insert(now);
			});
		}
	}

	/// Draws for the tasks that a machine may serve, or for some of all, and says whether that is done: nothing more is to be found.
	fn serve(machine: Option<WorkerId>, since: BlockNumber, meter: &mut WeightMeter) -> bool {
		let Some(beacon) = Self::young_beacon(since) else { return false };
		// By chance: a number that goes up evenly would pass some queues over whenever it has a divisor in common with theirs.
		let turn = SeedStream::new(beacon.1).below(u32::MAX);
		let mut tried: Vec<QueueId> = Vec::new();
		let mut heads = BTreeMap::<QueueId, u32>::new();
		while tried.len() < MISSES_MAX {
			if meter.try_consume(T::WeightInfo::wake_step()).is_err() {
				return false;
			}
			let entry = machine.and_then(Self::supplied);
			if machine.is_some() && entry.is_none() {
				return true;
			}
			let Some(queue) = Self::next_queue(entry.as_ref(), &tried, turn) else { return true };
			let found = waiting::first(&mut ChainStore::<T>::new(), queue);
			let Queue { head, tail, length } = WaitingQueues::<T>::get(queue);
			let Some((_, id)) = found else {
				// Only places that tasks have left: the next look goes on behind them.
				if head >= tail {
					tried.push(queue);
				}
				continue;
			};
			if entry.is_some_and(|entry| !Self::suits(id, &entry)) {
				Self::to_the_end(id);
			} else {
				if !meter.can_consume(T::WeightInfo::draw(REPLICAS_MAX)) {
					return false;
				}
				let drawn = Self::draw(id, beacon, machine);
				meter.consume(T::WeightInfo::draw(drawn.machines()));
				if drawn.machines() > 0 {
					continue;
				}
			}
			let looked = heads.entry(queue).or_default();
			*looked = looked.saturating_add(1);
			if *looked >= HEADS_MAX.min(length) {
				tried.push(queue);
			}
		}
		true
	}

	/// The queue to try next: the one that pays most and, every other time, whichever comes in turn, so that what pays well and
	/// never fits stands in nobody's way.
	fn next_queue(machine: Option<&Entry>, tried: &[QueueId], turn: u32) -> Option<QueueId> {
		let tries = tried.len() as u32;
		let bucket = machine.map(|entry| Shape::of(&entry.free).bucket());
		let mut queues = WaitingIndex::<T>::get().served_by(bucket, turn.wrapping_add(tries));
		queues.retain(|queue| !tried.contains(queue));
		match machine.is_some() && tries.is_multiple_of(2) {
			true => queues.into_iter().rev().max_by_key(|queue| queue.price_tier),
			false => queues.into_iter().next(),
		}
	}

	/// Whether a machine and a task that waits suit each other, as far as the supply shows.
	fn suits(id: TaskId, entry: &Entry) -> bool {
		let Some(task) = Tasks::<T>::get(id) else { return false };
		let Some(job) = Jobs::<T>::get(task.job) else { return false };
		let kinds = job.spec.kinds(task.bundle.is_some());
		let fit = check_fit(entry, &job.spec, kinds, Self::minute_of_day(), &task.excluded);
		fit.is_ok()
			&& !task
				.replicas
				.iter()
				.any(|replica| provider_tag(&replica.provider) == entry.provider)
	}

	/// Puts a task that waits at the end of its queue.
	fn to_the_end(id: TaskId) {
		let Some(mut task) = Tasks::<T>::get(id) else { return };
		let Some(job) = Jobs::<T>::get(task.job) else { return };
		Self::enqueue(id, &mut task, &job);
		Tasks::<T>::insert(id, task);
	}
}
