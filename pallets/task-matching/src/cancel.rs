//! Cancelling: what machines have done so far is paid, the rest returns.

use crate::{settle::Freed, Config, Error, Jobs, Pallet, Tasks};
use aidragon_primitives::{
	job::Job,
	payout,
	state::TaskEvent,
	task::{Progress, Replica, Task, TaskSpec},
	Balance, BlockNumber, JobId, TaskId,
};
use frame_support::ensure;
use sp_runtime::DispatchError;

/// What a replica has earned when its task is cancelled at block `now`.
///
/// A result that is known earns its fuel. A machine that is bound to a result has done the work, and as nobody can say how much it
/// was, it earns the most that the task allows; otherwise waiting for commitments would be a way to get work for less. A machine
/// that still works earns that for the part of its time that is over.
pub(crate) fn earned<AccountId>(
	spec: &TaskSpec,
	replica: &Replica<AccountId>,
	now: BlockNumber,
) -> Balance {
	let most = payout::price(spec.fuel_limit, replica.price_per_gfuel).unwrap_or_default();
	match replica.progress {
		Progress::Revealed(digest) => {
			payout::price(digest.fuel, replica.price_per_gfuel).unwrap_or_default()
		}
		Progress::Committed(_) => most,
		Progress::Assigned => {
			let since = now.saturating_sub(replica.beacon_block);
			let blocks = Balance::from(since.min(spec.execution_blocks));
			payout::mul_div(most, blocks, Balance::from(spec.execution_blocks)).unwrap_or_default()
		}
	}
}

impl<T: Config> Pallet<T> {
	fn owned(submitter: &T::AccountId, id: JobId) -> Result<Job<T::AccountId>, Error<T>> {
		let job = Jobs::<T>::get(id).ok_or(Error::<T>::NoSuchJob)?;
		ensure!(job.submitter == *submitter, Error::<T>::NotYourTask);
		Ok(job)
	}

	pub(crate) fn do_cancel_task(
		submitter: T::AccountId,
		id: TaskId,
	) -> Result<u32, DispatchError> {
		let task = Tasks::<T>::get(id).ok_or(Error::<T>::NoSuchTask)?;
		let job = Self::owned(&submitter, task.job)?;
		ensure!(!task.state.is_terminal(), Error::<T>::AlreadyOver);
		let replicas = task.replicas.len() as u32;
		Self::cancel(id, task, &job).refresh::<T>();
		Ok(replicas)
	}

	/// Cancels every task of a job that is not over, and says how many these were, and how many not.
	pub(crate) fn do_cancel_job(
		submitter: T::AccountId,
		id: JobId,
	) -> Result<(u32, u32), DispatchError> {
		let job = Self::owned(&submitter, id)?;
		let (mut cancelled, mut freed) = (0u32, Freed::default());
		for position in 0..job.tasks {
			let task_id = id.saturating_add(u64::from(position));
			let open = Tasks::<T>::get(task_id).filter(|task| !task.state.is_terminal());
			if let Some(task) = open {
				freed = freed.and(Self::cancel(task_id, task, &job));
				cancelled = cancelled.saturating_add(1);
			}
		}
		ensure!(cancelled > 0, Error::<T>::AlreadyOver);
		freed.refresh::<T>();
		Ok((cancelled, u32::from(job.tasks).saturating_sub(cancelled)))
	}

	fn cancel(id: TaskId, mut task: Task<T::AccountId>, job: &Job<T::AccountId>) -> Freed {
		for replica in task.replicas.clone() {
			let gross = earned(&job.spec, &replica, Self::now());
			Self::pay(id, &mut task, job, &replica, gross);
		}
		Self::finish(id, task, TaskEvent::Withdrawn)
	}
}
