//! Events that an included call left, and those of them that callers read.

use super::{ChainError, Included};
use crate::keys::AccountId;
use aidragon_primitives::{Balance, BlockNumber, JobId, WorkerId};
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

/// A task or a job was submitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Decode)]
pub struct JobSubmitted {
	/// The job, by the number of its first task. The others follow.
	pub job: JobId,
	/// How many tasks it has.
	pub tasks: u16,
	/// Who pays.
	pub submitter: AccountId,
	/// On hold for all of them.
	pub escrow: Balance,
	/// The block by which all of them are over whatever happens.
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
	/// The tasks that a `submit_task` or `submit_job` call created.
	pub fn job_submitted(&self) -> Result<JobSubmitted, ChainError> {
		self.find("TaskMatching", "JobSubmitted")
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
	fn the_submitted_job_is_found_among_other_events() {
		let event = |pallet: &str, name: &str, fields| Event {
			pallet: pallet.into(),
			name: name.into(),
			fields,
		};
		let fields = (7u64, 3u16, [1u8; 32], 40u128, 9u32).encode();
		let included = Included {
			block: Head { number: 3, hash: [0; 32] },
			extrinsic: [0; 32],
			events: vec![
				event("Balances", "Withdraw", vec![1]),
				event("TaskMatching", "JobSubmitted", fields),
			],
		};
		let submitted = included.job_submitted().unwrap();
		assert_eq!((submitted.job, submitted.tasks, submitted.escrow), (7, 3, 40));
		let missing = included.worker_registered().unwrap_err().to_string();
		assert!(missing.contains("NodeRegistry.WorkerRegistered"), "{missing}");
	}
}
