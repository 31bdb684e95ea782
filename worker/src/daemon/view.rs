//! What one block shows of everything that concerns this machine.

use crate::decide::Held;
use aidragon_client::{
	chain::{Chain, ChainError, Head},
	Task, Worker,
};
use aidragon_primitives::{
	beacon::challenge_seed,
	challenge::Challenge,
	state::TaskState,
	task::Progress,
	worker::{Capability, WorkerStatus},
	BlockNumber, Hash32, TaskId, WorkerId,
};
use futures::future::try_join_all;
use std::collections::{BTreeMap, BTreeSet};

/// The machine and its tasks as of one block.
#[derive(Clone, Debug)]
pub(super) struct ChainView {
	/// Height of the block.
	pub(super) number: BlockNumber,
	/// The machine; `None` where it was removed.
	pub(super) worker: Option<Worker>,
	/// What it proved last.
	pub(super) capability: Option<Capability>,
	/// The challenge that it is or was in.
	pub(super) challenge: Option<Challenge>,
	/// The seed of that challenge, once known.
	pub(super) seed: Option<Hash32>,
	/// The beacon that draws the elements to open, once known.
	pub(super) openings_beacon: Option<Hash32>,
	/// The tasks that it holds, and those that the journal knows.
	pub(super) tasks: BTreeMap<TaskId, Task>,
}

impl ChainView {
	/// Reads block `head`. `journaled` are tasks to look at even where they are assigned no more.
	pub(super) async fn read(
		chain: &Chain,
		head: Head,
		id: WorkerId,
		journaled: &BTreeSet<TaskId>,
	) -> Result<Self, ChainError> {
		let snapshot = chain.at(&head);
		let (worker, capability, challenge, assigned) = futures::try_join!(
			snapshot.worker(id),
			snapshot.capability(id),
			snapshot.challenge(id),
			snapshot.assignments(id),
		)?;
		let beacon = async |block: Option<BlockNumber>| match block {
			Some(block) => snapshot.beacon(block).await,
			None => Ok(None),
		};
		let (seed_beacon, openings_beacon) = futures::try_join!(
			beacon(challenge.map(|challenge| challenge.seed_block())),
			beacon(challenge.and_then(|challenge| challenge.openings_block())),
		)?;
		let wanted: BTreeSet<TaskId> =
			assigned.into_iter().chain(journaled.iter().copied()).collect();
		let read = |task: TaskId| {
			let snapshot = &snapshot;
			async move { Ok::<_, ChainError>((task, snapshot.task(task).await?)) }
		};
		let found = try_join_all(wanted.into_iter().map(read)).await?;
		let tasks = found.into_iter().filter_map(|(id, task)| Some((id, task?))).collect();
		let seed = seed_beacon.map(|beacon| challenge_seed(beacon, chain.genesis(), id));
		Ok(Self {
			number: head.number,
			worker,
			capability,
			challenge,
			seed,
			openings_beacon,
			tasks,
		})
	}

	/// What this block shows of one attempt.
	pub(super) fn held(&self, task: TaskId, id: WorkerId, attempt: u8) -> Option<Held> {
		Held::of(self.tasks.get(&task)?, id, attempt)
	}

	/// Whether the machine takes tasks.
	pub(super) fn status(&self) -> Option<WorkerStatus> {
		self.worker.as_ref().map(|worker| worker.status)
	}

	/// Whether the machine has not even committed to a result of this task.
	pub(super) fn is_undelivered(&self, task: TaskId, id: WorkerId) -> bool {
		let replica = self.tasks.get(&task).and_then(|task| task.replica_of(id));
		replica.is_some_and(|replica| replica.progress == Progress::Assigned)
	}

	/// The tasks for which the machine still owes a step, with the attempt that it holds.
	pub(super) fn owed(&self, id: WorkerId) -> Vec<(TaskId, u8, Progress)> {
		let owed = |(task_id, task): (&TaskId, &Task)| {
			let replica = task.replica_of(id)?;
			let is_live = matches!(
				task.state,
				TaskState::Queued | TaskState::Assigned | TaskState::Committed
			);
			let is_shown = matches!(replica.progress, Progress::Revealed(_));
			(is_live && !is_shown).then_some((*task_id, replica.attempt, replica.progress))
		};
		self.tasks.iter().filter_map(owed).collect()
	}
}
