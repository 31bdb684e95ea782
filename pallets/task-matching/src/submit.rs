//! Submitting and cancelling.

use crate::{Config, Error, Event, NextTaskId, Pallet, Tasks};
use aidragon_primitives::{
	interface::Escrow,
	state::{TaskEvent, TaskState},
	task::{SpecError, Task, TaskSpec},
	TaskId,
};
use frame_support::ensure;
use sp_runtime::DispatchResult;

impl<T> From<SpecError> for Error<T> {
	fn from(error: SpecError) -> Self {
		match error {
			SpecError::ProgramSize => Self::ProgramSizeOutOfRange,
			SpecError::InputSize => Self::InputSizeOutOfRange,
			SpecError::Source => Self::MalformedSource,
			SpecError::Vcpus => Self::VcpusOutOfRange,
			SpecError::Memory => Self::MemoryOutOfRange,
			SpecError::FuelLimit => Self::FuelLimitOutOfRange,
			SpecError::OutputLimit => Self::OutputLimitOutOfRange,
			SpecError::ExecutionBlocks => Self::ExecutionBlocksOutOfRange,
			SpecError::DeadlineBlocks => Self::DeadlineOutOfRange,
			SpecError::Replicas => Self::ReplicasOutOfRange,
			SpecError::PriceCap => Self::PriceCapOutOfRange,
			SpecError::Retries => Self::RetriesOutOfRange,
		}
	}
}

impl<T: Config> Pallet<T> {
	pub(crate) fn do_submit_task(submitter: T::AccountId, spec: TaskSpec) -> DispatchResult {
		spec.validate().map_err(Error::<T>::from)?;
		let escrow = spec.escrow().ok_or(Error::<T>::PriceCapOutOfRange)?;
		let id = NextTaskId::<T>::get();
		let next = id.checked_add(1).ok_or(Error::<T>::Overflow)?;
		let deadline =
			Self::now().checked_add(spec.deadline_blocks).ok_or(Error::<T>::DeadlineOutOfRange)?;
		T::Escrow::lock(&submitter, escrow).map_err(|_| Error::<T>::InsufficientFunds)?;
		NextTaskId::<T>::put(next);
		let task = Task {
			submitter: submitter.clone(),
			state: TaskState::Queued,
			escrow,
			submitted_at: Self::now(),
			deadline,
			wake_at: Self::now(),
			attempt: 0,
			retries_left: spec.retries,
			replicas: Default::default(),
			excluded: Default::default(),
			declined: None,
			result: None,
			paid: 0,
			spec,
		};
		Self::schedule(id, task, Self::draw_block());
		Self::deposit_event(Event::TaskSubmitted { task: id, submitter, escrow, deadline });
		Ok(())
	}

	pub(crate) fn do_cancel_task(submitter: T::AccountId, id: TaskId) -> DispatchResult {
		let task = Tasks::<T>::get(id).ok_or(Error::<T>::NoSuchTask)?;
		ensure!(task.submitter == submitter, Error::<T>::NotYourTask);
		// A retry goes back to the queue, but machines have worked for it already.
		let untouched = task.state == TaskState::Queued && task.attempt == 0;
		ensure!(untouched, Error::<T>::TooLateToCancel);
		Self::finish(id, task, TaskEvent::Withdrawn);
		Ok(())
	}
}
