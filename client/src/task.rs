//! A task together with what it shares with the other tasks of its job.

use crate::{keys::AccountId, Job, TaskRecord};
use aidragon_primitives::{
	job::After,
	task::{Progress, TaskSpec},
	BlockNumber, TaskId, WorkerId,
};
use std::ops::Deref;

/// A task as one block has it: the chain's record of it, and what its job says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
	/// Its number.
	pub id: TaskId,
	/// Who pays.
	pub submitter: AccountId,
	/// What is to be done with its input.
	pub spec: TaskSpec,
	/// The block of submission.
	pub submitted_at: BlockNumber,
	/// The block by which it is over whatever happens.
	pub deadline: BlockNumber,
	/// The tasks of its job whose results it takes.
	pub after: After,
	/// Whether other tasks of its job take its result.
	pub is_awaited: bool,
	/// What the chain keeps of it alone.
	pub record: TaskRecord,
}

impl Task {
	/// Puts a task together from its record and that of its job.
	pub fn new(id: TaskId, record: TaskRecord, job: &Job) -> Self {
		let position = record.index(id);
		let is_awaited = job
			.flow
			.iter()
			.flat_map(|flow| &flow.after)
			.any(|after| after.positions().any(|other| other == position));
		Self {
			id,
			submitter: job.submitter,
			spec: job.spec.clone(),
			submitted_at: job.submitted_at,
			deadline: job.deadline,
			after: after_of(job, position),
			is_awaited,
			record,
		}
	}

	/// Whether the results of other tasks are part of its input.
	pub fn is_dependent(&self) -> bool {
		self.after.count > 0
	}

	/// The tasks whose results it takes, in the order in which it gets them.
	pub fn inputs(&self) -> impl Iterator<Item = TaskId> {
		let job = self.record.job;
		self.after.positions().map(move |position| job.saturating_add(position.into()))
	}

	/// The machines whose result is the one that was agreed on.
	pub fn agreeing(&self) -> impl Iterator<Item = WorkerId> + '_ {
		let agreed = self.record.result;
		let agrees = move |progress: &Progress| match progress {
			Progress::Revealed(digest) => Some(*digest) == agreed,
			Progress::Assigned | Progress::Committed(_) => false,
		};
		let replicas = self.record.replicas.iter();
		replicas.filter(move |replica| agrees(&replica.progress)).map(|replica| replica.worker)
	}
}

impl Deref for Task {
	type Target = TaskRecord;

	fn deref(&self) -> &TaskRecord {
		&self.record
	}
}

/// What the task at `position` of a job takes of the others.
pub fn after_of(job: &Job, position: u8) -> After {
	let flow = job.flow.as_ref();
	flow.and_then(|flow| flow.after.get(usize::from(position))).copied().unwrap_or_default()
}

#[cfg(test)]
pub(crate) mod tests {
	use super::*;
	use aidragon_primitives::{
		attestation::{ExitStatus, ResultDigest},
		job::{Flow, JobTask},
		resources::Resources,
		state::TaskState,
		task::{BlobRef, MatchingPolicy, Program, ProgramKind, Replica, Requirements},
	};

	const INPUT: BlobRef = BlobRef { hash: [2; 32], size_bytes: 1 };

	pub(crate) fn spec() -> TaskSpec {
		TaskSpec {
			program: Program { kind: ProgramKind::WasiCommand, blob: INPUT },
			source: Default::default(),
			requirements: Requirements {
				resources: Resources::cpu(1_000, 64),
				throughput_min_mops: 0,
				region: None,
				energy: None,
			},
			fuel_limit: 1,
			output_limit_bytes: 1,
			execution_blocks: 20,
			deadline_blocks: 100,
			replicas: 2,
			matching: MatchingPolicy::Cheapest,
			price_cap_per_gfuel: 10,
			retries: 0,
		}
	}

	/// A job with the number 10 of tasks that take each other's results.
	pub(crate) fn job(after: &[(u8, u8)]) -> Job {
		let task = |(first, count): &(u8, u8)| JobTask {
			input: INPUT,
			after: After { first: *first, count: *count },
		};
		let tasks: Vec<JobTask> = after.iter().map(task).collect();
		Job {
			submitter: AccountId([9; 32]),
			spec: spec(),
			submitted_at: 5,
			deadline: 105,
			tasks: tasks.len() as u16,
			open: tasks.len() as u16,
			flow: Flow::new(&tasks),
		}
	}

	pub(crate) fn record() -> TaskRecord {
		TaskRecord {
			job: 10,
			input: INPUT,
			bundle: None,
			state: TaskState::Queued,
			escrow: 1,
			wake_at: 0,
			attempt: 0,
			looks: 0,
			ticket: None,
			retries_left: 0,
			replicas: Default::default(),
			excluded: Default::default(),
			declined: None,
			result: None,
			paid: 0,
		}
	}

	#[test]
	fn a_task_knows_whose_results_it_takes_and_who_takes_its_own() {
		let job = job(&[(0, 0), (0, 0), (0, 2), (0, 0)]);
		let task = |id| Task::new(id, record(), &job);
		assert_eq!(task(12).inputs().collect::<Vec<_>>(), [10, 11]);
		assert!(task(12).is_dependent() && !task(12).is_awaited);
		assert!(!task(10).is_dependent() && task(10).is_awaited && !task(13).is_awaited);
		assert_eq!((task(10).deadline, task(10).state), (105, TaskState::Queued));
	}

	#[test]
	fn a_task_of_its_own_takes_nothing() {
		let job = job(&[(0, 0)]);
		assert!(job.flow.is_none());
		let task = Task::new(10, record(), &job);
		assert!(!task.is_dependent() && !task.is_awaited);
	}

	#[test]
	fn only_machines_that_revealed_the_agreed_result_agree() {
		let digest = |mark| ResultDigest {
			output_root: [mark; 32],
			output_bytes: 1,
			fuel: 1,
			status: ExitStatus::Completed,
		};
		let replica = |worker, progress| Replica {
			worker,
			provider: AccountId([1; 32]),
			gpus: 0,
			price_per_gfuel: 1,
			attempt: 0,
			beacon_block: 1,
			progress,
		};
		let replicas = vec![
			replica(1, Progress::Revealed(digest(1))),
			replica(2, Progress::Revealed(digest(2))),
			replica(3, Progress::Committed([1; 32])),
		];
		let mut task = Task::new(10, record(), &job(&[(0, 0)]));
		task.record.replicas = replicas.try_into().unwrap();
		assert_eq!(task.agreeing().count(), 0);
		task.record.result = Some(digest(1));
		assert_eq!(task.agreeing().collect::<Vec<_>>(), [1]);
	}
}
