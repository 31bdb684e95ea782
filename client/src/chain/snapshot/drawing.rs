//! Reading what a block's draws follow from: what is frozen, what waits, and what came.

use super::{layout, ChainError, Snapshot};
use crate::{keys::AccountId, Job, TaskRecord};
use aidragon_primitives::{
	supply::Place,
	waiting::{Queue, QueueId, QueueIndex, Ticket, Wakes},
	worker::{Capability, Provider},
	BlockNumber, Hash32, JobId, TaskId, WorkerId,
};
use codec::{Decode, Encode};

/// Tasks with successive numbers that were frozen together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Decode)]
pub struct Batch {
	/// The first of them.
	pub first: TaskId,
	/// How many there are.
	pub count: u16,
}

/// How far the frozen tasks are drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Decode)]
pub struct Cursor {
	/// The block in which they were frozen.
	pub block: BlockNumber,
	/// Batches of it that are drawn.
	pub batches: u32,
	/// Tasks of the next batch that are drawn.
	pub tasks: u16,
	/// The seed of the order, from the first batch on.
	pub order: Option<Hash32>,
}

impl Snapshot {
	/// How far the frozen tasks are drawn.
	pub async fn frozen_cursor(&self) -> Result<Cursor, ChainError> {
		Ok(self.value(&layout::FROZEN_CURSOR, &[]).await?.unwrap_or_default())
	}

	/// Batches of tasks that were frozen in a block and are not all drawn.
	pub async fn frozen_length(&self, block: BlockNumber) -> Result<u32, ChainError> {
		Ok(self.value(&layout::FROZEN_LENGTH, &[&block.encode()]).await?.unwrap_or(0))
	}

	/// A batch of tasks that were frozen in a block.
	pub async fn frozen_batch(
		&self,
		block: BlockNumber,
		position: u32,
	) -> Result<Option<Batch>, ChainError> {
		self.value(&layout::FROZEN, &[&(block, position).encode()]).await
	}

	/// The queues in which tasks wait for supply.
	pub async fn waiting_index(&self) -> Result<QueueIndex, ChainError> {
		Ok(self.value(&layout::WAITING_INDEX, &[]).await?.unwrap_or_default())
	}

	/// How far queues are, in the order in which they are asked for.
	pub async fn queues(&self, ids: &[QueueId]) -> Result<Vec<Queue>, ChainError> {
		let queues: Vec<Option<Queue>> = self.many(&layout::WAITING_QUEUES, ids).await?;
		Ok(queues.into_iter().map(Option::unwrap_or_default).collect())
	}

	/// The tasks at places of queues, in the order in which they are asked for.
	pub async fn waiting_at(&self, places: &[Ticket]) -> Result<Vec<Option<TaskId>>, ChainError> {
		self.many(&layout::WAITING, places).await
	}

	/// Machines that came and for which tasks wait.
	pub async fn waking(&self) -> Result<Wakes, ChainError> {
		Ok(self.value(&layout::WAKING, &[]).await?.unwrap_or_default())
	}

	/// What the chain keeps of tasks, in the order in which they are asked for.
	pub async fn task_records(
		&self,
		ids: &[TaskId],
	) -> Result<Vec<Option<TaskRecord>>, ChainError> {
		self.many(&layout::TASKS, ids).await
	}

	/// Jobs, in the order in which they are asked for.
	pub async fn jobs_of(&self, ids: &[JobId]) -> Result<Vec<Option<Job>>, ChainError> {
		self.many(&layout::JOBS, ids).await
	}

	/// Where machines stand in the supply, in the order in which they are asked for.
	pub async fn supply_places(&self, ids: &[WorkerId]) -> Result<Vec<Option<Place>>, ChainError> {
		self.many(&layout::SUPPLY_PLACES, ids).await
	}

	/// What machines proved last, in the order in which they are asked for.
	pub async fn capabilities_of(
		&self,
		ids: &[WorkerId],
	) -> Result<Vec<Option<Capability>>, ChainError> {
		self.many(&layout::CAPABILITIES, ids).await
	}

	/// Providers, in the order in which they are asked for.
	pub async fn providers_of(
		&self,
		ids: &[AccountId],
	) -> Result<Vec<Option<Provider>>, ChainError> {
		self.many(&layout::PROVIDERS, ids).await
	}
}
