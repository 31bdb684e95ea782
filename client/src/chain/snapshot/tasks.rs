//! Reading tasks and jobs.

use super::{layout, ChainError, Snapshot};
use crate::{Job, Task, TaskRecord};
use aidragon_primitives::{JobId, TaskId, WorkerId};
use codec::Encode;
use std::collections::{BTreeMap, BTreeSet};

impl Snapshot {
	/// A task, live or finished within the last day.
	pub async fn task(&self, id: TaskId) -> Result<Option<Task>, ChainError> {
		let record: Option<TaskRecord> = self.value(&layout::TASKS, &[&id.encode()]).await?;
		let Some(record) = record else { return Ok(None) };
		match self.job(record.job).await? {
			Some(job) => Ok(Some(Task::new(id, record, &job))),
			None => Err(lacks_job(id, record.job)),
		}
	}

	/// Those of the tasks that the chain keeps, ordered by number.
	pub async fn tasks_of(&self, ids: &[TaskId]) -> Result<BTreeMap<TaskId, Task>, ChainError> {
		let records: Vec<Option<TaskRecord>> = self.many(&layout::TASKS, ids).await?;
		let records = ids.iter().zip(records).filter_map(|(id, record)| Some((*id, record?)));
		let records: Vec<(TaskId, TaskRecord)> = records.collect();
		let jobs: BTreeSet<JobId> = records.iter().map(|(_, record)| record.job).collect();
		let jobs: Vec<JobId> = jobs.into_iter().collect();
		let found: Vec<Option<Job>> = self.many(&layout::JOBS, &jobs).await?;
		let found = jobs.into_iter().zip(found).filter_map(|(id, job)| Some((id, job?)));
		join(records, &found.collect())
	}

	/// All tasks the chain keeps, ordered by number.
	pub async fn tasks(&self) -> Result<BTreeMap<TaskId, Task>, ChainError> {
		let records = self.entries(&layout::TASKS, &[]).await?;
		join(records, &self.jobs().await?.into_iter().collect())
	}

	/// What the tasks of a job have in common, for as long as the chain keeps one of them.
	pub async fn job(&self, id: JobId) -> Result<Option<Job>, ChainError> {
		self.value(&layout::JOBS, &[&id.encode()]).await
	}

	/// All jobs the chain keeps, ordered by number. A single task is a job of one.
	pub async fn jobs(&self) -> Result<Vec<(JobId, Job)>, ChainError> {
		self.entries(&layout::JOBS, &[]).await
	}

	/// The tasks of a job that the chain still keeps, ordered by number.
	pub async fn tasks_of_job(
		&self,
		id: JobId,
		job: &Job,
	) -> Result<BTreeMap<TaskId, Task>, ChainError> {
		let ids: Vec<TaskId> = (id..id.saturating_add(job.tasks.into())).collect();
		let records: Vec<Option<TaskRecord>> = self.many(&layout::TASKS, &ids).await?;
		let task =
			|(id, record): (TaskId, Option<TaskRecord>)| Some((id, Task::new(id, record?, job)));
		Ok(ids.into_iter().zip(records).filter_map(task).collect())
	}

	/// The tasks that a machine has now, ordered by number.
	pub async fn assignments(&self, worker: WorkerId) -> Result<Vec<TaskId>, ChainError> {
		let entries: Vec<(TaskId, ())> =
			self.entries(&layout::ASSIGNMENTS, &[&worker.encode()]).await?;
		Ok(entries.into_iter().map(|(task, ())| task).collect())
	}
}

fn join(
	records: Vec<(TaskId, TaskRecord)>,
	jobs: &BTreeMap<JobId, Job>,
) -> Result<BTreeMap<TaskId, Task>, ChainError> {
	let task = |(id, record): (TaskId, TaskRecord)| {
		let job = jobs.get(&record.job).ok_or_else(|| lacks_job(id, record.job))?;
		Ok((id, Task::new(id, record, job)))
	};
	records.into_iter().map(task).collect()
}

fn lacks_job(task: TaskId, job: JobId) -> ChainError {
	ChainError::Decode {
		what: layout::JOBS.path(),
		reason: format!("the chain has task {task} of job {job}, and not the job"),
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::task::tests::{job, record};

	#[test]
	fn tasks_find_their_jobs() {
		let jobs = BTreeMap::from([(10, job(&[(0, 0), (0, 1)]))]);
		let tasks = join(vec![(10, record()), (11, record())], &jobs).unwrap();
		assert!(tasks[&11].is_dependent() && tasks[&10].is_awaited);
		let error = join(vec![(10, record())], &BTreeMap::new()).unwrap_err().to_string();
		assert!(error.contains("task 10 of job 10"), "{error}");
	}
}
