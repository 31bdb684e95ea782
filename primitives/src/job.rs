//! Jobs: tasks that share a specification and an escrow, and how they depend on each other's results.
//!
//! A task may take the results of earlier tasks of its job as input: a range of them, so that a reduction over many tasks takes
//! as few bytes as one over two. As a task depends only on earlier ones, nothing can wait for itself.

use crate::{
	task::{BlobRef, TaskSpec, INPUT_BYTES_MAX},
	BlockNumber, Hash32,
};
use alloc::vec::Vec;
use bounded_collections::{BoundedVec, ConstU32};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use sp_crypto_hashing::blake2_256;

/// Most tasks of one job.
pub const JOB_TASKS_MAX: u32 = 256;

/// The earlier tasks of a job whose results a task takes, in this order.
#[derive(
	Clone,
	Copy,
	Debug,
	Default,
	PartialEq,
	Eq,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
)]
pub struct After {
	/// The first of them, by its position in the job.
	pub first: u8,
	/// How many there are; 0 for none.
	pub count: u8,
}

impl After {
	/// The positions of the tasks.
	pub fn positions(&self) -> impl Iterator<Item = u8> {
		let first = u16::from(self.first);
		// What lies beyond a job's tasks is refused on submission.
		(first..first.saturating_add(u16::from(self.count)))
			.filter_map(|position| u8::try_from(position).ok())
	}

	/// Whether every one of them stands before `position`.
	pub fn is_before(&self, position: usize) -> bool {
		usize::from(self.first) + usize::from(self.count) <= position
	}
}

/// One task of a job as its submitter describes it.
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
pub struct JobTask {
	/// On what it runs.
	pub input: BlobRef,
	/// The tasks whose results it takes, too.
	pub after: After,
}

/// The tasks of a job as its submitter describes them.
pub type JobTasks = BoundedVec<JobTask, ConstU32<JOB_TASKS_MAX>>;

/// What is wrong with the tasks of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobError {
	/// There are none.
	Empty,
	/// An input is larger than [`INPUT_BYTES_MAX`].
	InputSize,
	/// A task takes the result of a task that does not stand before it.
	NotBefore,
}

impl JobError {
	/// The message for a person: the field, its bounds, what to do.
	pub fn message(&self) -> &'static str {
		match self {
			Self::Empty => "tasks: a job needs at least one",
			Self::InputSize => {
				"input: size must be at most 1 GiB; split the input over several tasks"
			}
			Self::NotBefore => {
				"after: a task can take the results only of tasks that stand before it"
			}
		}
	}
}

/// Checks the tasks of a job.
pub fn validate(tasks: &[JobTask]) -> Result<(), JobError> {
	let within = |inside: bool, error: JobError| if inside { Ok(()) } else { Err(error) };
	within(!tasks.is_empty(), JobError::Empty)?;
	within(tasks.iter().all(|task| task.input.size_bytes <= INPUT_BYTES_MAX), JobError::InputSize)?;
	let in_order = tasks
		.iter()
		.enumerate()
		.all(|(position, task)| task.after.count == 0 || task.after.is_before(position));
	within(in_order, JobError::NotBefore)
}

/// A set of tasks of a job, by position.
#[derive(
	Clone,
	Copy,
	Debug,
	Default,
	PartialEq,
	Eq,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
)]
pub struct TaskSet([u8; 32]);

impl TaskSet {
	/// Whether it holds `position`.
	pub fn contains(&self, position: u8) -> bool {
		self.0.get(usize::from(position / 8)).is_some_and(|byte| byte & (1 << (position % 8)) != 0)
	}

	/// How many it holds.
	pub fn len(&self) -> u32 {
		self.0.iter().map(|byte| byte.count_ones()).sum()
	}

	/// Whether it holds none.
	pub fn is_empty(&self) -> bool {
		self.len() == 0
	}

	/// Adds `position`.
	pub fn insert(&mut self, position: u8) {
		if let Some(byte) = self.0.get_mut(usize::from(position / 8)) {
			*byte |= 1 << (position % 8);
		}
	}
}

/// How far a job is whose tasks depend on each other.
#[derive(
	Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
pub struct Flow {
	/// What each task takes, by position.
	pub after: BoundedVec<After, ConstU32<JOB_TASKS_MAX>>,
	/// Tasks that have a result.
	pub settled: TaskSet,
	/// Tasks that are over.
	pub over: TaskSet,
	/// Tasks that wait for no other any more.
	pub released: TaskSet,
}

/// What is to be done about a task that waits for others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlowStep {
	/// Its inputs are there.
	Release(u8),
	/// One of its inputs will never be there.
	Fail(u8),
}

impl Flow {
	/// The flow of `tasks`, or `None` where no task depends on another.
	pub fn new(tasks: &[JobTask]) -> Option<Self> {
		if tasks.iter().all(|task| task.after.count == 0) {
			return None;
		}
		let after: Vec<After> = tasks.iter().map(|task| task.after).collect();
		let mut flow = Self {
			after: BoundedVec::truncate_from(after),
			settled: TaskSet::default(),
			over: TaskSet::default(),
			released: TaskSet::default(),
		};
		for (position, task) in (0u8..=u8::MAX).zip(tasks) {
			if task.after.count == 0 {
				flow.released.insert(position);
			}
		}
		Some(flow)
	}

	/// The next task about which something is to be done.
	pub fn next_step(&self) -> Option<FlowStep> {
		let waiting = (0u8..=u8::MAX).zip(&self.after).filter(|(position, _)| {
			!self.released.contains(*position) && !self.over.contains(*position)
		});
		let mut steps = waiting.filter_map(|(position, after)| {
			let failed = |other: u8| self.over.contains(other) && !self.settled.contains(other);
			if after.positions().any(failed) {
				Some(FlowStep::Fail(position))
			} else if after.positions().all(|other| self.settled.contains(other)) {
				Some(FlowStep::Release(position))
			} else {
				None
			}
		});
		steps.next()
	}
}

/// What the tasks of a job have in common.
#[derive(
	Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
pub struct Job<AccountId> {
	/// Who pays.
	pub submitter: AccountId,
	/// What is to be done with each input.
	pub spec: TaskSpec,
	/// The block of submission.
	#[codec(compact)]
	pub submitted_at: BlockNumber,
	/// The block by which all of it is over whatever happens.
	#[codec(compact)]
	pub deadline: BlockNumber,
	/// Tasks, numbered from the job's own number on.
	pub tasks: u16,
	/// Tasks that are not over.
	pub open: u16,
	/// How its tasks depend on each other, where they do.
	pub flow: Option<Flow>,
}

impl<AccountId> Job<AccountId> {
	/// The last block in which a task of it can be drawn.
	pub fn last_draw(&self) -> BlockNumber {
		self.deadline.saturating_sub(self.spec.attempt_blocks())
	}
}

/// What an attestation names as the input of a task that takes the results of others: its own input, then their outputs in order.
pub fn bundle_root(input: Hash32, outputs: &[Hash32]) -> Hash32 {
	(b"aidragon/bundle/1", input, outputs).using_encoded(blake2_256)
}

#[cfg(test)]
mod tests {
	use super::*;

	fn task(first: u8, count: u8) -> JobTask {
		JobTask { input: BlobRef { hash: [1; 32], size_bytes: 1 }, after: After { first, count } }
	}

	/// Two maps, a reduction, two maps on its result, a reduction.
	fn rounds() -> Vec<JobTask> {
		vec![task(0, 0), task(0, 0), task(0, 2), task(2, 1), task(2, 1), task(3, 2)]
	}

	#[test]
	fn tasks_are_released_when_their_inputs_are_there() {
		let mut flow = Flow::new(&rounds()).unwrap();
		assert!(
			flow.released.contains(0) && flow.released.contains(1) && !flow.released.contains(2)
		);
		assert_eq!(flow.next_step(), None);
		let settle = |flow: &mut Flow, position| {
			flow.settled.insert(position);
			flow.over.insert(position);
		};
		settle(&mut flow, 1);
		assert_eq!(flow.next_step(), None);
		settle(&mut flow, 0);
		assert_eq!(flow.next_step(), Some(FlowStep::Release(2)));
		flow.released.insert(2);
		settle(&mut flow, 2);
		assert_eq!(flow.next_step(), Some(FlowStep::Release(3)));
		flow.released.insert(3);
		assert_eq!(flow.next_step(), Some(FlowStep::Release(4)));
	}

	#[test]
	fn a_task_fails_with_what_it_waits_for_and_takes_its_own_followers_along() {
		let mut flow = Flow::new(&rounds()).unwrap();
		flow.over.insert(0);
		for expected in [2, 3, 4, 5] {
			assert_eq!(flow.next_step(), Some(FlowStep::Fail(expected)));
			flow.over.insert(expected);
		}
		assert_eq!(flow.next_step(), None);
	}

	#[test]
	fn malformed_jobs_are_refused() {
		assert_eq!(validate(&rounds()), Ok(()));
		assert_eq!(validate(&[]), Err(JobError::Empty));
		for wrong in [task(0, 1), task(1, 1), task(255, 255)] {
			assert_eq!(validate(&[wrong]), Err(JobError::NotBefore));
		}
		let mut large = task(0, 0);
		large.input.size_bytes = INPUT_BYTES_MAX + 1;
		assert_eq!(validate(&[large]), Err(JobError::InputSize));
		assert_eq!(Flow::new(&[task(0, 0)]), None);
		let many: Vec<JobTask> = (0..255).map(|_| task(0, 0)).chain([task(0, 255)]).collect();
		assert_eq!(validate(&many), Ok(()));
		assert_eq!(Flow::new(&many).unwrap().after.len(), 256);
	}

	#[test]
	fn every_part_of_a_bundle_counts() {
		let root = bundle_root([1; 32], &[[2; 32], [3; 32]]);
		assert_ne!(root, bundle_root([1; 32], &[[3; 32], [2; 32]]));
		assert_ne!(root, bundle_root([2; 32], &[[2; 32], [3; 32]]));
		assert_ne!(root, bundle_root([1; 32], &[[2; 32]]));
	}
}
