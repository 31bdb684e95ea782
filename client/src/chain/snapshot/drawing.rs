//! Reading what a block's draws follow from: what is frozen, what waits, and what came.

use super::{layout, ChainError, Snapshot};
use crate::{keys::AccountId, Job, TaskRecord};
use aidragon_primitives::{
	drawing::{Batch, Cursor},
	supply::Place,
	waiting::{Queue, QueueId, QueueIndex, Ticket, Wakes},
	worker::{Capability, Provider},
	BlockNumber, JobId, TaskId, WorkerId,
};

impl Snapshot {
	/// How far the frozen tasks are drawn.
	pub async fn frozen_cursor(&self) -> Result<Cursor, ChainError> {
		Ok(self.value(&layout::FROZEN_CURSOR, &[]).await?.unwrap_or_default())
	}

	/// How many batches of tasks were frozen in blocks and are not all drawn, in the order in which they are asked for.
	pub async fn frozen_lengths(&self, blocks: &[BlockNumber]) -> Result<Vec<u32>, ChainError> {
		let lengths: Vec<Option<u32>> = self.many(&layout::FROZEN_LENGTH, blocks).await?;
		Ok(lengths.into_iter().map(Option::unwrap_or_default).collect())
	}

	/// Batches of tasks that were frozen in a block, by block and position, in the order in which they are asked for.
	pub async fn frozen_batches(
		&self,
		places: &[(BlockNumber, u32)],
	) -> Result<Vec<Option<Batch>>, ChainError> {
		self.many(&layout::FROZEN, places).await
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
