//! A job and its tasks as one block has them.

use crate::{
	exit::{Exit, Failure},
	task::{state, status},
};
use aidragon_client::{chain::Snapshot, Job, Task};
use aidragon_primitives::{state::TaskState, BlockNumber, JobId, TaskId, WorkerId};
use std::collections::{BTreeMap, BTreeSet};

/// A job and its tasks as one block has them.
#[derive(Clone, Debug)]
pub struct JobView {
	/// Its number.
	pub id: JobId,
	/// What its tasks have in common.
	pub job: Job,
	/// The tasks that the chain still keeps.
	pub tasks: BTreeMap<TaskId, Task>,
	/// The block.
	pub now: BlockNumber,
}

/// How many tasks of a job stand where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
	/// All.
	pub tasks: usize,
	/// Waiting for the results of others.
	pub blocked: usize,
	/// Waiting for machines.
	pub queued: usize,
	/// With machines.
	pub at_work: usize,
	/// Over with a result.
	pub settled: usize,
	/// Over without a result.
	pub failed: usize,
	/// Over for so long that the chain forgot them.
	pub forgotten: usize,
}

impl JobView {
	/// Reads a job at a block, or fails because there is none.
	pub async fn read(at: &Snapshot, id: JobId) -> Result<Self, Failure> {
		let Some(job) = at.job(id).await? else { return Err(missing(at, id).await?) };
		let tasks = at.tasks_of_job(id, &job).await?;
		Ok(Self { id, job, tasks, now: at.head().number })
	}

	/// How many tasks stand where.
	pub fn counts(&self) -> Counts {
		let mut counts = Counts { tasks: self.job.tasks.into(), ..Default::default() };
		for task in self.tasks.values() {
			*match task.state {
				TaskState::Blocked => &mut counts.blocked,
				TaskState::Queued => &mut counts.queued,
				TaskState::Assigned
				| TaskState::Committed
				| TaskState::Revealed
				| TaskState::Accepted => &mut counts.at_work,
				TaskState::Settled => &mut counts.settled,
				TaskState::Failed(_) | TaskState::Cancelled | TaskState::Expired => {
					&mut counts.failed
				}
			} += 1;
		}
		counts.forgotten = counts.tasks.saturating_sub(self.tasks.len());
		counts
	}

	/// Whether all tasks are over.
	pub fn is_over(&self) -> bool {
		self.tasks.values().all(|task| task.state.is_terminal())
	}

	/// The last task, if the chain still keeps it.
	pub fn last(&self) -> Option<&Task> {
		let last = self.id.saturating_add(self.job.tasks.into()).checked_sub(1)?;
		self.tasks.get(&last)
	}

	/// The first task that found no machine and waits for one to come.
	pub fn waiting(&self) -> Option<&Task> {
		self.tasks.values().find(|task| task.state == TaskState::Queued && task.ticket.is_some())
	}

	/// The machines that have or had a task.
	pub fn workers(&self) -> BTreeSet<WorkerId> {
		let replicas = self.tasks.values().flat_map(|task| &task.record.replicas);
		replicas.map(|replica| replica.worker).collect()
	}

	/// Fails where a task is over without a result, with the sentence that says why the first of them is.
	pub fn require_results(&self) -> Result<(), Failure> {
		let failed = self.tasks.values().find(|task| {
			// What fails with another task only follows from that.
			let follows =
				TaskState::Failed(aidragon_primitives::state::FailureReason::DependencyFailed);
			task.state.is_terminal() && task.state != TaskState::Settled && task.state != follows
		});
		let Some(task) = failed else { return Ok(()) };
		let (state, reason) = (state::name(&task.state), status::reason(&task.state));
		let counts = self.counts();
		let message = format!(
			"{} of the {} tasks of job {} ended without a result; task {} {state}: {}",
			counts.failed,
			counts.tasks,
			self.id,
			task.id,
			reason.unwrap_or_default()
		);
		Err(Failure::new(Exit::NoResult, message))
	}
}

/// Why there is no job of this number.
async fn missing(at: &Snapshot, id: JobId) -> Result<Failure, Failure> {
	let message = match at.task(id).await? {
		Some(task) => {
			format!("there is no job {id}: task {id} is part of job {}", task.job)
		}
		None => format!(
			"the chain keeps no job {id}: it was never submitted, or has been over for more than a day"
		),
	};
	Ok(Failure::usage(message))
}

impl Counts {
	/// Where the tasks stand, such as `4 of 25 settled, 4 at work, 17 wait for others`.
	pub fn message(&self) -> String {
		let mut text = format!("{} of {} settled", self.settled, self.tasks);
		for (count, what) in [
			(self.failed, "without a result"),
			(self.at_work, "at work"),
			(self.queued, "waiting for machines"),
			(self.blocked, "waiting for results of others"),
			(self.forgotten, "forgotten"),
		] {
			if count > 0 {
				text.push_str(&format!(", {count} {what}"));
			}
		}
		text
	}
}

#[cfg(test)]
pub(crate) mod tests {
	use super::*;
	use crate::task::tests::{assigned, dependent, settled, task};
	use aidragon_client::TaskRecord;
	use aidragon_primitives::{job::After, state::FailureReason};

	/// A job of a settled task, one at work, one that waits for both, and one that was forgotten.
	pub(crate) fn view() -> JobView {
		let of_job = |id: TaskId, task: Task| {
			let record = TaskRecord { job: 5, ..task.record };
			(id, Task { id, record, ..task })
		};
		let job = Job {
			submitter: task().submitter,
			spec: task().spec,
			submitted_at: 42,
			deadline: 242,
			tasks: 4,
			open: 3,
			flow: None,
		};
		let last = Task { after: After { first: 0, count: 2 }, ..dependent() };
		let tasks = [of_job(5, settled()), of_job(6, assigned()), of_job(7, last)];
		JobView { id: 5, job, tasks: tasks.into(), now: 60 }
	}

	#[test]
	fn every_task_is_counted_once() {
		let view = view();
		let expected = Counts {
			tasks: 4,
			blocked: 1,
			at_work: 1,
			settled: 1,
			forgotten: 1,
			..Default::default()
		};
		assert_eq!(view.counts(), expected);
		assert_eq!(
			view.counts().message(),
			"1 of 4 settled, 1 at work, 1 waiting for results of others, 1 forgotten"
		);
		assert!(!view.is_over() && view.require_results().is_ok() && view.last().is_none());
		assert_eq!(view.workers(), BTreeSet::from([0, 1]));
	}

	#[test]
	fn the_first_task_that_failed_by_itself_is_named() {
		let mut view = view();
		let fail = |view: &mut JobView, id: TaskId, reason| {
			if let Some(task) = view.tasks.get_mut(&id) {
				task.record.state = TaskState::Failed(reason);
			}
		};
		fail(&mut view, 5, FailureReason::DependencyFailed);
		assert!(view.require_results().is_ok());
		fail(&mut view, 6, FailureReason::NoAgreement);
		fail(&mut view, 7, FailureReason::DependencyFailed);
		let failure = view.require_results().unwrap_err();
		assert_eq!(failure.exit, Exit::NoResult);
		let expected =
			"3 of the 4 tasks of job 5 ended without a result; task 6 failed: the machines'";
		assert!(failure.message.starts_with(expected), "{failure}");
		assert!(view.is_over());
	}
}
