//! What the steps of a draw need of the state around them.

use super::{Batch, Cost};
use crate::{
	interface::{CapacityExceeded, Reservation},
	job::Job,
	matching::Verdict,
	supply::{Entry, Place, SupplyStore},
	task::Task,
	waiting::QueueStore,
	worker::Candidate,
	BlockNumber, Hash32, JobId, TaskId, WorkerId,
};
use codec::Encode;

/// The state that draws read and change: the chain's own, or a client's copy of it.
pub trait Market: SupplyStore + QueueStore {
	/// Accounts.
	type AccountId: Clone + Encode;

	/// The block in which tasks are drawn.
	fn now(&self) -> BlockNumber;
	/// The minute of the day at the block before, in Coordinated Universal Time.
	fn minute(&self) -> u16;
	/// This block and its beacon, unless it brought none. Whoever shaped the state so far did not know it.
	fn beacon(&self) -> Option<(BlockNumber, Hash32)>;

	/// Batches that were frozen in a block.
	fn frozen_length(&self, block: BlockNumber) -> u32;
	/// One of them.
	fn frozen_batch(&self, block: BlockNumber, position: u32) -> Option<Batch>;
	/// Removes a batch that is drawn.
	fn forget_batch(&mut self, block: BlockNumber, position: u32);
	/// Removes the number of batches of a block that is drawn.
	fn forget_block(&mut self, block: BlockNumber);
	/// Freezes tasks with successive numbers in this block.
	fn freeze(&mut self, batch: Batch);

	/// A task.
	fn task(&self, id: TaskId) -> Option<Task<Self::AccountId>>;
	/// Stores a task.
	fn put_task(&mut self, id: TaskId, task: Task<Self::AccountId>);
	/// What the tasks of a job have in common.
	fn job(&self, id: JobId) -> Option<Job<Self::AccountId>>;
	/// Ends a task without machines for which no time is left.
	fn give_up(&mut self, id: TaskId, task: Task<Self::AccountId>);

	/// The machine as a candidate, if it may be given work.
	fn candidate(&self, worker: WorkerId) -> Option<Candidate<Self::AccountId>>;
	/// Takes from a machine that is a candidate. Changes nothing where it does not fit. The supply hears of it by [`Self::refresh`].
	fn reserve(
		&mut self,
		worker: WorkerId,
		reservation: &Reservation,
	) -> Result<(), CapacityExceeded>;
	/// Brings the supply up to date about a machine that stood at `place` when it was looked at.
	fn refresh(&mut self, worker: WorkerId, place: Place);

	/// Stores a task that got machines, the last `count` of its replicas.
	fn assign(&mut self, id: TaskId, task: Task<Self::AccountId>, count: usize);
	/// Has tasks with successive numbers looked at in a later block: those of them that got machines are due then.
	fn schedule(&mut self, batch: Batch, at: BlockNumber);
	/// Hears that no machine was found for a task, and that it waits from now on.
	fn nothing_matched(&mut self, id: TaskId);
	/// Hears that a task gets a look at the supply, for itself and for those that are drawn with it, and how many pages that takes.
	fn looks(&self, id: TaskId, pages: u32);
	/// Hears what became of a machine that was looked at for a replica of a task.
	fn note(&self, id: TaskId, replica: u8, entry: &Entry, verdict: Verdict);
}

/// Where a block stops drawing.
pub trait Budget {
	/// Whether one more task may be drawn, whatever that takes.
	fn allows(&mut self) -> bool;
	/// A task had its turn.
	fn spend(&mut self, id: TaskId, cost: &Cost);
}
