//! Events that an included call left, and those of them that callers read.

use super::{ChainError, Included};
use crate::keys::AccountId;
use aidragon_primitives::{Balance, BlockNumber, TaskId, WorkerId};
use codec::Decode;

/// One event, with its fields as SCALE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
	/// The pallet.
	pub pallet: String,
	/// The event's name.
	pub name: String,
	/// Its fields, one after another.
	pub fields: Vec<u8>,
}

/// A task was submitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Decode)]
pub struct TaskSubmitted {
	/// The task.
	pub task: TaskId,
	/// Who pays.
	pub submitter: AccountId,
	/// On hold for it.
	pub escrow: Balance,
	/// The block by which it is over whatever happens.
	pub deadline: BlockNumber,
}

/// A machine was registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Decode)]
pub struct WorkerRegistered {
	/// The machine.
	pub worker: WorkerId,
	/// Its provider.
	pub provider: AccountId,
	/// The account that the daemon signs with.
	pub hot_key: AccountId,
}

impl Included {
	/// The task that a `submit_task` call created.
	pub fn task_submitted(&self) -> Result<TaskSubmitted, ChainError> {
		self.find("TaskMatching", "TaskSubmitted")
	}

	/// The machine that a `register_worker` call created.
	pub fn worker_registered(&self) -> Result<WorkerRegistered, ChainError> {
		self.find("NodeRegistry", "WorkerRegistered")
	}

	/// The first event of this name, decoded. Fields behind those of `T` are left unread.
	pub fn find<T: Decode>(&self, pallet: &str, name: &str) -> Result<T, ChainError> {
		let error =
			|reason: String| ChainError::Decode { what: format!("event {pallet}.{name}"), reason };
		let event = self
			.events
			.iter()
			.find(|event| event.pallet == pallet && event.name == name)
			.ok_or_else(|| error("it is missing".into()))?;
		T::decode(&mut event.fields.as_slice()).map_err(|reason| error(reason.to_string()))
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::chain::Head;
	use codec::Encode;

	#[test]
	fn the_submitted_task_is_found_among_other_events() {
		let event = |pallet: &str, name: &str, fields| Event {
			pallet: pallet.into(),
			name: name.into(),
			fields,
		};
		let fields = (7u64, [1u8; 32], 40u128, 9u32).encode();
		let included = Included {
			block: Head { number: 3, hash: [0; 32] },
			extrinsic: [0; 32],
			events: vec![
				event("Balances", "Withdraw", vec![1]),
				event("TaskMatching", "TaskSubmitted", fields),
			],
		};
		let submitted = included.task_submitted().unwrap();
		assert_eq!((submitted.task, submitted.escrow), (7, 40));
		let missing = included.worker_registered().unwrap_err().to_string();
		assert!(missing.contains("NodeRegistry.WorkerRegistered"), "{missing}");
	}
}
