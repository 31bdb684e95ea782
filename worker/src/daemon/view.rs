//! What one block shows of everything that concerns this machine.

use crate::decide::Held;
use aidragon_client::{
	chain::{Chain, ChainError, Head, Snapshot},
	Task, Worker,
};
use aidragon_primitives::{
	audit::Audit,
	beacon::challenge_seed,
	state::TaskState,
	task::Progress,
	verification::{Challenge, Slot},
	worker::{Capability, WorkerStatus},
	BlockNumber, Hash32, TaskId, WorkerId,
};
use futures::future::try_join_all;
use std::collections::{BTreeMap, BTreeSet};

/// The challenge of one slot.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct SlotView {
	/// The challenge that it is or was in.
	pub(super) challenge: Option<Challenge>,
	/// The seed of that challenge, once known.
	pub(super) seed: Option<Hash32>,
	/// The beacon that draws what to open, once known.
	pub(super) openings_beacon: Option<Hash32>,
	/// Whether others still check what was proved last.
	pub(super) is_audited: bool,
}

impl SlotView {
	async fn read(
		snapshot: &Snapshot,
		genesis: Hash32,
		id: WorkerId,
		slot: Slot,
	) -> Result<Self, ChainError> {
		let challenge = snapshot.challenge(id, slot).await?;
		let beacon = async |block: Option<BlockNumber>| match block {
			Some(block) => snapshot.beacon(block).await,
			None => Ok(None),
		};
		let (seed_beacon, openings_beacon) = futures::try_join!(
			beacon(challenge.map(|challenge| challenge.seed_block())),
			beacon(challenge.and_then(|challenge| challenge.openings_block())),
		)?;
		let seed = seed_beacon.map(|beacon| challenge_seed(beacon, genesis, id, slot));
		let next = snapshot.head().number.saturating_add(1);
		let audit = snapshot.audit(id, slot).await?;
		let is_audited = audit.is_some_and(|audit| audit.is_pending_at(next));
		Ok(Self { challenge, seed, openings_beacon, is_audited })
	}
}

/// The machine and its tasks as of one block.
#[derive(Clone, Debug)]
pub(super) struct ChainView {
	/// The block.
	pub(super) head: Head,
	/// Its height.
	pub(super) number: BlockNumber,
	/// The machine; `None` where it was removed.
	pub(super) worker: Option<Worker>,
	/// What it proved last.
	pub(super) capability: Option<Capability>,
	/// Whether the chain called it and waits for the answer.
	pub(super) is_called: bool,
	/// Whether it stands in the supply, from which machines are drawn.
	pub(super) is_supplied: bool,
	/// What it was drawn to check.
	pub(super) duties: Vec<((WorkerId, Slot), Audit)>,
	/// The challenges of its slots, in the order of [`Slot::ALL`].
	slots: [SlotView; 2],
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
		let genesis = chain.genesis();
		let [processor, memory] = Slot::ALL;
		let (worker, capability, called_at, is_supplied, assigned) = futures::try_join!(
			snapshot.worker(id),
			snapshot.capability(id),
			snapshot.called_at(id),
			snapshot.is_supplied(id),
			snapshot.assignments(id),
		)?;
		let (processor, memory) = futures::try_join!(
			SlotView::read(&snapshot, genesis, id, processor),
			SlotView::read(&snapshot, genesis, id, memory),
		)?;
		let duty = |(worker, slot): (WorkerId, Slot)| {
			let snapshot = &snapshot;
			async move { Ok::<_, ChainError>(((worker, slot), snapshot.audit(worker, slot).await?)) }
		};
		let duties = try_join_all(snapshot.duties(id).await?.into_iter().map(duty)).await?;
		let duties = duties.into_iter().filter_map(|(key, audit)| Some((key, audit?))).collect();
		let wanted: BTreeSet<TaskId> =
			assigned.into_iter().chain(journaled.iter().copied()).collect();
		let wanted: Vec<TaskId> = wanted.into_iter().collect();
		let tasks = snapshot.tasks_of(&wanted).await?;
		Ok(Self {
			head,
			number: head.number,
			worker,
			capability,
			is_called: called_at.is_some(),
			is_supplied,
			duties,
			slots: [processor, memory],
			tasks,
		})
	}

	/// The challenge of one slot.
	pub(super) fn slot(&self, slot: Slot) -> SlotView {
		match slot {
			Slot::Processor => self.slots[0],
			Slot::Memory => self.slots[1],
		}
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
