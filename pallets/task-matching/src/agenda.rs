//! The agenda: what the chain looks at by itself, and when.

use crate::{Agenda, AgendaCursor, AgendaLength, Config, Jobs, Pallet, Tasks, WeightInfo};
use aidragon_primitives::{
	interface::WorkerDirectory, state::TaskState, task::Task, worker::minute_of_day, BlockNumber,
	JobId, TaskId, WorkerId,
};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use frame_support::{
	traits::Get,
	weights::{Weight, WeightMeter},
};
use scale_info::TypeInfo;
use sp_runtime::SaturatedConversion;

/// What is looked at.
#[derive(
	Clone,
	Copy,
	Debug,
	PartialEq,
	Eq,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
)]
pub enum Item {
	/// A task whose step ends, or that is forgotten. Passed over where it moved on in the meantime.
	#[codec(index = 0)]
	Task(TaskId),
	/// A job of which a task ended that others may wait for.
	#[codec(index = 1)]
	Advance(JobId),
	/// A job whose tasks can be drawn no more, from one of them on.
	#[codec(index = 2)]
	Expire(JobId, u16),
	/// A machine that went off line without being asked to.
	#[codec(index = 3)]
	Silent(WorkerId),
	/// As [`Item::Silent`], of the machine's tasks behind one of them.
	#[codec(index = 4)]
	SilentBehind(WorkerId, TaskId),
}

impl<T: Config> Pallet<T> {
	pub(crate) fn now() -> BlockNumber {
		frame_system::Pallet::<T>::block_number().saturated_into()
	}

	/// The minute of the day at the last block, in Coordinated Universal Time.
	pub(crate) fn minute_of_day() -> u16 {
		minute_of_day(T::UnixMs::get())
	}

	/// Puts `item` on the agenda of `block`, or of the next one where that is over, and gives that block.
	pub(crate) fn put_on_agenda(item: Item, block: BlockNumber) -> BlockNumber {
		// A block that is worked off already would never be looked at again.
		let block = block.max(Self::now().saturating_add(1));
		let position = AgendaLength::<T>::mutate(block, |length| {
			let position = *length;
			*length = length.saturating_add(1);
			position
		});
		Agenda::<T>::insert((block, position), item);
		block
	}

	/// Puts `item` on the agenda of a later block unless it is the last thing on it: many of a job's or a machine's tasks may end in
	/// one block, and one look serves them all.
	pub(crate) fn put_once_on_agenda(item: Item, block: BlockNumber) {
		let last = AgendaLength::<T>::get(block).checked_sub(1);
		let is_listed = last.is_some_and(|last| Agenda::<T>::get((block, last)) == Some(item));
		if !is_listed {
			Self::put_on_agenda(item, block);
		}
	}

	/// Puts the task on the agenda of block `wake_at` and stores it. Earlier entries of it no longer count.
	pub(crate) fn schedule(id: TaskId, mut task: Task<T::AccountId>, wake_at: BlockNumber) {
		task.wake_at = Self::put_on_agenda(Item::Task(id), wake_at);
		Tasks::<T>::insert(id, task);
	}

	/// Works off what is due, entry by entry, as far as the meter allows. The rest is first in the next block.
	pub(crate) fn work_off_agenda(meter: &mut WeightMeter) {
		let now = Self::now();
		let (mut block, mut position) = AgendaCursor::<T>::get();
		let started_at = (block, position);
		while block <= now && meter.try_consume(T::WeightInfo::agenda_step()).is_ok() {
			if position >= AgendaLength::<T>::get(block) {
				AgendaLength::<T>::remove(block);
				(block, position) = (block.saturating_add(1), 0);
				continue;
			}
			if let Some(item) = Agenda::<T>::get((block, position)) {
				if meter.try_consume(Self::item_weight(&item, block)).is_err() {
					break;
				}
				if let Some(rest) = Self::work_off(item, block) {
					// As far as the meter allows in this block: a job's end must not take longer than its deadline is away.
					Agenda::<T>::insert((block, position), rest);
					continue;
				}
				Agenda::<T>::remove((block, position));
			}
			position = position.saturating_add(1);
		}
		if (block, position) != started_at {
			AgendaCursor::<T>::put((block, position));
		}
	}

	/// The task of an entry, unless it moved on in the meantime.
	fn due_task(id: TaskId, entry_of: BlockNumber) -> Option<Task<T::AccountId>> {
		Tasks::<T>::get(id).filter(|task| task.wake_at == entry_of)
	}

	/// What one entry takes, apart from looking at it. One of which nothing is left to do takes what it took to see that.
	fn item_weight(item: &Item, entry_of: BlockNumber) -> Weight {
		let looks = |count| T::DbWeight::get().reads(count);
		match item {
			Item::Task(id) => match Self::due_task(*id, entry_of).map(|task| task.state) {
				None => Weight::zero(),
				Some(TaskState::Assigned) => T::WeightInfo::agenda_close(),
				Some(TaskState::Committed) => T::WeightInfo::agenda_settle(),
				Some(_) => T::WeightInfo::agenda_prune(),
			},
			Item::Advance(job) if !Self::can_advance(*job) => looks(1),
			Item::Advance(_) => T::WeightInfo::agenda_advance(),
			Item::Expire(job, from) if Self::expiring(*job, *from).is_empty() => {
				let tasks = Self::positions_to_expire(*job, *from).len() as u64;
				looks(tasks.saturating_add(1))
			}
			Item::Expire(..) => T::WeightInfo::agenda_expire(),
			Item::Silent(worker) | Item::SilentBehind(worker, _)
				if T::Directory::is_online(*worker) =>
			{
				looks(1)
			}
			Item::Silent(_) | Item::SilentBehind(..) => T::WeightInfo::agenda_silent(),
		}
	}

	/// What the dearest entry takes.
	pub(crate) fn item_weight_max() -> Weight {
		let weights = [
			T::WeightInfo::agenda_close(),
			T::WeightInfo::agenda_settle(),
			T::WeightInfo::agenda_prune(),
			T::WeightInfo::agenda_advance(),
			T::WeightInfo::agenda_expire(),
			T::WeightInfo::agenda_silent(),
		];
		let dearest =
			weights.into_iter().fold(Weight::zero(), |dearest, weight| dearest.max(weight));
		dearest.saturating_add(T::WeightInfo::agenda_step())
	}

	/// Does what an entry says, and gives what is left over of it.
	fn work_off(item: Item, entry_of: BlockNumber) -> Option<Item> {
		match item {
			Item::Advance(job) => Self::advance_job(job),
			Item::Expire(job, from) => Self::expire_job(job, from),
			Item::Silent(worker) => Self::free_tasks_of(worker),
			Item::SilentBehind(worker, task) => Self::free_tasks_behind(worker, Some(task)),
			Item::Task(id) => {
				if let Some(task) = Self::due_task(id, entry_of) {
					Self::wake(id, task);
				}
				None
			}
		}
	}

	fn wake(id: TaskId, task: Task<T::AccountId>) {
		match task.state {
			TaskState::Assigned => Self::close_commits(id, task),
			TaskState::Committed => Self::close_reveals(id, task),
			state if state.is_terminal() => Self::forget(id, task),
			// Tasks without machines stand on their job's entry; `Revealed` and `Accepted` last no longer than the call that
			// brings them about.
			_ => {
				log::error!(target: "runtime::task-matching", "task {id} rests in {:?}", task.state)
			}
		}
	}

	/// Removes the record of a task that is over, and with the last one its job's. Others of the job may still take its result.
	fn forget(id: TaskId, task: Task<T::AccountId>) {
		let Some(mut job) = Jobs::<T>::get(task.job) else {
			Tasks::<T>::remove(id);
			return;
		};
		if job.flow.as_ref().is_some_and(|flow| !flow.is_over()) {
			let later = job.deadline.saturating_add(T::Retention::get());
			return Self::schedule(id, task, later);
		}
		Tasks::<T>::remove(id);
		job.kept = job.kept.saturating_sub(1);
		match job.kept {
			0 => Jobs::<T>::remove(task.job),
			_ => Jobs::<T>::insert(task.job, job),
		}
	}
}
