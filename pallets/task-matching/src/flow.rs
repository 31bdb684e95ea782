//! Jobs on their way: tasks that others wait for, and tasks for which no time is left.

use crate::{agenda::Item, Config, Event, Jobs, Pallet, Tasks};
use aidragon_primitives::{
	drawing::Batch,
	job::{bundle_root, FlowStep, Job},
	state::{FailureReason, TaskEvent, TaskState},
	task::Task,
	Hash32, JobId, TaskId,
};
use alloc::vec::Vec;
use core::ops::Range;
use frame_support::traits::Get;

/// Tasks of a job that one entry of the agenda releases, fails, lets expire or forgets.
pub(crate) const STEPS_MAX: u16 = 8;

impl<T: Config> Pallet<T> {
	/// Notes in its job that a task is over, and has those looked at that wait for it. With the last one the job's time to be read
	/// begins.
	pub(crate) fn note_over(id: TaskId, task: &Task<T::AccountId>, mut job: Job<T::AccountId>) {
		job.open = job.open.saturating_sub(1);
		if job.open == 0 {
			let until = Self::now().saturating_add(T::Retention::get());
			Self::put_on_agenda(Item::Forget(task.job, 0), until);
		}
		if let Some(flow) = &mut job.flow {
			let position = task.index(id);
			flow.over.insert(position);
			if task.state == TaskState::Settled {
				flow.settled.insert(position);
			}
			if job.open > 0 {
				Self::put_once_on_agenda(Item::Advance(task.job), Self::now().saturating_add(1));
			}
		}
		Jobs::<T>::insert(task.job, job);
	}

	/// Removes the records of tasks of a job that is over, from `from` on, and with the last one the job's. Gives what is left over.
	pub(crate) fn forget_job(id: JobId, from: u16) -> Option<Item> {
		let tasks = Jobs::<T>::get(id)?.tasks;
		let next = from.saturating_add(STEPS_MAX);
		for position in from..next.min(tasks) {
			Tasks::<T>::remove(id.saturating_add(u64::from(position)));
		}
		if next < tasks {
			return Some(Item::Forget(id, next));
		}
		Jobs::<T>::remove(id);
		None
	}

	/// Whether a task of the job waits for nothing any more, or in vain.
	pub(crate) fn can_advance(id: JobId) -> bool {
		Jobs::<T>::get(id).and_then(|job| job.flow?.next_step()).is_some()
	}

	/// Releases or fails the tasks of a job that waited for others, and gives what is left over.
	pub(crate) fn advance_job(id: JobId) -> Option<Item> {
		for index in 0..STEPS_MAX {
			let job = Jobs::<T>::get(id)?;
			let step = job.flow.as_ref()?.next_step()?;
			let (FlowStep::Release(position) | FlowStep::Fail(position)) = step;
			let task_id = id.saturating_add(u64::from(position));
			let task = Tasks::<T>::get(task_id)?;
			match step {
				FlowStep::Fail(_) => {
					let failed = TaskEvent::Exhausted(FailureReason::DependencyFailed);
					Self::finish(task_id, task, failed).refresh::<T>();
				}
				FlowStep::Release(_) => {
					let many =
						job.flow.as_ref().and_then(|flow| flow.after.get(usize::from(position)));
					// One that takes many results is as much as an entry may do.
					let many = many.is_some_and(|after| after.count > STEPS_MAX as u8);
					if many && index > 0 {
						break;
					}
					Self::release(task_id, task, id, job, position);
					if many {
						break;
					}
				}
			}
		}
		Some(Item::Advance(id))
	}

	/// Lets a task be drawn whose inputs are all there.
	fn release(
		task_id: TaskId,
		mut task: Task<T::AccountId>,
		id: JobId,
		mut job: Job<T::AccountId>,
		position: u8,
	) {
		let Some(flow) = &mut job.flow else { return };
		let after = flow.after.get(usize::from(position)).copied().unwrap_or_default();
		let output = |other: u8| {
			let other = Tasks::<T>::get(id.saturating_add(u64::from(other)));
			other.and_then(|task| task.result).map(|result| result.output_root)
		};
		// Every one of them settled, and none is forgotten while the job has open tasks.
		let outputs: Vec<Hash32> = after.positions().filter_map(output).collect();
		task.bundle = Some(bundle_root(task.input.hash, &outputs));
		flow.released.insert(position);
		Jobs::<T>::insert(id, job);
		Self::advance(&mut task, TaskEvent::Released);
		Tasks::<T>::insert(task_id, task);
		Self::freeze(Batch { first: task_id, count: 1 });
		Self::deposit_event(Event::TaskReleased { task: task_id });
	}

	/// The tasks of a job that have no machines, of those that one entry ends from `from` on.
	pub(crate) fn expiring(id: JobId, from: u16) -> Vec<(TaskId, Task<T::AccountId>)> {
		let waits = |task: &Task<T::AccountId>| {
			matches!(task.state, TaskState::Queued | TaskState::Blocked)
		};
		Self::positions_to_expire(id, from)
			.map(|position| id.saturating_add(u64::from(position)))
			.filter_map(|task_id| Some((task_id, Tasks::<T>::get(task_id).filter(waits)?)))
			.collect()
	}

	/// The tasks that one entry looks at from `from` on.
	pub(crate) fn positions_to_expire(id: JobId, from: u16) -> Range<u16> {
		let tasks = Jobs::<T>::get(id).map_or(0, |job| job.tasks);
		from..from.saturating_add(STEPS_MAX).min(tasks)
	}

	/// Ends the tasks of a job that have no machines, from `from` on: no attempt would be over by the deadline. Gives what is left
	/// over.
	pub(crate) fn expire_job(id: JobId, from: u16) -> Option<Item> {
		let job = Jobs::<T>::get(id)?;
		for (task_id, task) in Self::expiring(id, from) {
			match task.state {
				TaskState::Queued => Self::give_up_queued(task_id, task),
				_ => Self::finish(task_id, task, TaskEvent::TimedOut).refresh::<T>(),
			}
		}
		let next = from.saturating_add(STEPS_MAX);
		(next < job.tasks).then_some(Item::Expire(id, next))
	}
}
