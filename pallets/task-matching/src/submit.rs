//! Submitting tasks and jobs.

use crate::{agenda::Item, Config, Error, Event, Jobs, NextTaskId, Pallet, Tasks};
use aidragon_primitives::{
	drawing::Batch,
	interface::Escrow,
	job::{self, Flow, Job, JobError, JobTask},
	state::TaskState,
	task::{SpecError, Task, TaskSpec},
	Balance, TaskId,
};
use sp_runtime::DispatchResult;

impl<T> From<SpecError> for Error<T> {
	fn from(error: SpecError) -> Self {
		match error {
			SpecError::ProgramSize => Self::ProgramSizeOutOfRange,
			SpecError::Source => Self::MalformedSource,
			SpecError::Cpu => Self::CpuOutOfRange,
			SpecError::Memory => Self::MemoryOutOfRange,
			SpecError::Gpu => Self::GpuOutOfRange,
			SpecError::Region => Self::MalformedRegion,
			SpecError::FuelLimit => Self::FuelLimitOutOfRange,
			SpecError::OutputLimit => Self::OutputLimitOutOfRange,
			SpecError::ExecutionBlocks => Self::ExecutionBlocksOutOfRange,
			SpecError::Unreachable => Self::FuelLimitUnreachable,
			SpecError::DeadlineBlocks => Self::DeadlineOutOfRange,
			SpecError::Replicas => Self::ReplicasOutOfRange,
			SpecError::PriceCap => Self::PriceCapOutOfRange,
			SpecError::Retries => Self::RetriesOutOfRange,
		}
	}
}

impl<T> From<JobError> for Error<T> {
	fn from(error: JobError) -> Self {
		match error {
			JobError::Empty => Self::EmptyJob,
			JobError::InputSize => Self::InputSizeOutOfRange,
			JobError::NotBefore => Self::DependencyNotBefore,
		}
	}
}

impl<T: Config> Pallet<T> {
	/// Submits tasks that share `spec`, with one hold for all of them.
	pub(crate) fn do_submit(
		submitter: T::AccountId,
		spec: TaskSpec,
		tasks: &[JobTask],
	) -> DispatchResult {
		spec.validate().map_err(Error::<T>::from)?;
		job::validate(tasks).map_err(Error::<T>::from)?;
		// At most 256, which `JobTasks` bounds.
		let count = u16::try_from(tasks.len()).map_err(|_| Error::<T>::Overflow)?;
		let escrow = spec.escrow().ok_or(Error::<T>::PriceCapOutOfRange)?;
		let whole =
			escrow.checked_mul(Balance::from(count)).ok_or(Error::<T>::PriceCapOutOfRange)?;
		let first = NextTaskId::<T>::get();
		let next = first.checked_add(u64::from(count)).ok_or(Error::<T>::Overflow)?;
		let now = Self::now();
		let deadline =
			now.checked_add(spec.deadline_blocks).ok_or(Error::<T>::DeadlineOutOfRange)?;
		T::Escrow::lock(&submitter, whole).map_err(|_| Error::<T>::InsufficientFunds)?;
		NextTaskId::<T>::put(next);
		let retries = spec.retries;
		let job = Job {
			submitter: submitter.clone(),
			spec,
			submitted_at: now,
			deadline,
			tasks: count,
			open: count,
			flow: Flow::new(tasks),
		};
		for (id, task) in (first..next).zip(tasks) {
			Tasks::<T>::insert(id, Self::new_task(first, task, escrow, retries));
		}
		Self::freeze_unblocked(first, tasks);
		Self::put_on_agenda(Item::Expire(first, 0), job.last_draw().saturating_add(1));
		Jobs::<T>::insert(first, job);
		Self::deposit_event(Event::JobSubmitted {
			job: first,
			tasks: count,
			submitter,
			escrow: whole,
			deadline,
		});
		Ok(())
	}

	fn new_task(
		job: TaskId,
		task: &JobTask,
		escrow: Balance,
		retries_left: u8,
	) -> Task<T::AccountId> {
		Task {
			job,
			input: task.input,
			bundle: None,
			state: if task.after.count == 0 { TaskState::Queued } else { TaskState::Blocked },
			escrow,
			wake_at: 0,
			attempt: 0,
			looks: 0,
			ticket: None,
			retries_left,
			replicas: Default::default(),
			excluded: Default::default(),
			declined: None,
			result: None,
			paid: 0,
		}
	}

	/// Freezes the tasks that wait for no other, in as few batches as their numbers allow.
	fn freeze_unblocked(first: TaskId, tasks: &[JobTask]) {
		let mut run: Option<Batch> = None;
		for (id, task) in (first..).zip(tasks) {
			run = match (task.after.count, run) {
				(0, Some(run)) => Some(Batch { count: run.count.saturating_add(1), ..run }),
				(0, None) => Some(Batch { first: id, count: 1 }),
				(_, run) => {
					run.into_iter().for_each(Self::freeze);
					None
				}
			};
		}
		run.into_iter().for_each(Self::freeze);
	}
}
