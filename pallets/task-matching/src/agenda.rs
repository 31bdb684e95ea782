//! The agenda: what the chain looks at by itself, and when.

use crate::{settle::Freed, Agenda, AgendaCursor, AgendaLength, Config, Pallet, Tasks, WeightInfo};
use aidragon_primitives::{
	drawing::Batch, interface::WorkerDirectory, state::TaskState, task::Task,
	worker::minute_of_day, BlockNumber, JobId, TaskId, WorkerId,
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
	/// Tasks whose step ends. Those that moved on in the meantime are passed over.
	#[codec(index = 0)]
	Tasks(Batch),
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
	/// A job that is over and can no longer be read, from one of its tasks on.
	#[codec(index = 5)]
	Forget(JobId, u16),
}

/// Tasks that one look at an entry passes over.
const PASSED_MAX: u16 = 8;

/// What one look at an entry of tasks finds.
struct Due<AccountId> {
	/// Tasks that moved on.
	passed: u16,
	/// The first that did not.
	task: Option<(TaskId, Task<AccountId>)>,
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
		let alone = Item::Tasks(Batch { first: id, count: 1 });
		task.wake_at = Self::put_on_agenda(alone, wake_at);
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

	/// The first task of an entry that did not move on in the meantime, as far as one look goes.
	fn due_task(batch: &Batch, entry_of: BlockNumber) -> Due<T::AccountId> {
		let looked = batch.count.min(PASSED_MAX);
		for passed in 0..looked {
			let id = batch.first.saturating_add(passed.into());
			let due = Tasks::<T>::get(id).filter(|task| task.wake_at == entry_of);
			if let Some(task) = due {
				return Due { passed, task: Some((id, task)) };
			}
		}
		Due { passed: looked, task: None }
	}

	/// What one entry takes, apart from looking at it. One of which nothing is left to do takes what it took to see that.
	fn item_weight(item: &Item, entry_of: BlockNumber) -> Weight {
		let looks = |count| T::DbWeight::get().reads(count);
		match item {
			Item::Tasks(batch) => {
				let Due { passed, task } = Self::due_task(batch, entry_of);
				let step = match task.map(|(_, task)| task.state) {
					None => Weight::zero(),
					Some(TaskState::Committed) => T::WeightInfo::agenda_settle(),
					Some(_) => T::WeightInfo::agenda_close(),
				};
				// The first look is that of every entry.
				step.saturating_add(looks(u64::from(passed.saturating_sub(1))))
			}
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
			Item::Forget(..) => T::WeightInfo::agenda_forget(),
		}
	}

	/// What the dearest entry takes.
	pub(crate) fn item_weight_max() -> Weight {
		let weights = [
			T::WeightInfo::agenda_close(),
			T::WeightInfo::agenda_settle(),
			T::WeightInfo::agenda_forget(),
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
			Item::Forget(job, from) => Self::forget_job(job, from),
			Item::Tasks(batch) => Self::wake_due(batch, entry_of),
		}
	}

	/// Takes the step of the first task that is due, and gives the tasks behind it.
	fn wake_due(batch: Batch, entry_of: BlockNumber) -> Option<Item> {
		let Due { passed, task } = Self::due_task(&batch, entry_of);
		let done = match task {
			Some((id, task)) => {
				Self::wake(id, task).refresh::<T>();
				passed.saturating_add(1)
			}
			None => passed,
		};
		let first = batch.first.saturating_add(done.into());
		let count = batch.count.checked_sub(done).filter(|count| *count > 0)?;
		Some(Item::Tasks(Batch { first, count }))
	}

	fn wake(id: TaskId, task: Task<T::AccountId>) -> Freed {
		match task.state {
			TaskState::Assigned => Self::close_commits(id, task),
			TaskState::Committed => Self::close_reveals(id, task),
			// Tasks without machines stand on their job's entry, and so do those that are over; `Revealed` and `Accepted` last no
			// longer than the call that brings them about.
			_ => {
				log::error!(target: "runtime::task-matching", "task {id} rests in {:?}", task.state);
				Freed::default()
			}
		}
	}
}
