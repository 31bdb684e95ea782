//! The record that the chain keeps of a task.

use super::{BlobRef, TaskSpec, EXCLUDED_MAX, REPLICAS_MAX};
use crate::{
	attestation::ResultDigest, resources::GpuMask, state::TaskState, waiting::Ticket,
	worker::Grant, Balance, BlockNumber, Hash32, JobId, TaskId, WorkerId,
};
use bounded_collections::{BoundedVec, ConstU32};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;

/// Why a worker gave a task back. No claim here is evidence against anybody.
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
pub enum DeclineReason {
	/// Program or input could not be fetched from the source.
	BlobUnavailable,
	/// What the source served has another hash or size than the specification says.
	BlobMismatch,
	/// The machine failed, not the program: out of host memory, stack exhausted, watchdog.
	HostFault,
	/// The daemon is shutting down.
	ShuttingDown,
	/// An output of another task that it takes could not be fetched from any machine that revealed it.
	DependencyUnavailable,
	/// Its own input and the outputs that it takes are too large together.
	BundleTooLarge,
}

/// How far one replica is.
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
pub enum Progress {
	/// Drawn; nothing delivered yet.
	Assigned,
	/// Bound to a result that only the worker knows.
	Committed(Hash32),
	/// The result is known.
	Revealed(ResultDigest),
}

/// One replica: a machine that was drawn, by which randomness, at which price.
#[derive(
	Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
pub struct Replica<AccountId> {
	/// The machine.
	pub worker: WorkerId,
	/// Its provider, who is paid.
	pub provider: AccountId,
	/// The graphics processors of the machine that it got.
	pub gpus: GpuMask,
	/// The price it asked when it was drawn.
	#[codec(compact)]
	pub price_per_gfuel: Balance,
	/// The draw that chose it, counted from 0; its attestation names it.
	pub attempt: u8,
	/// The block whose beacon drew it.
	#[codec(compact)]
	pub beacon_block: BlockNumber,
	/// How far it is.
	pub progress: Progress,
}

/// What the chain keeps of a task, apart from what its job says.
#[derive(
	Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
pub struct Task<AccountId> {
	/// The job that it is part of.
	#[codec(compact)]
	pub job: JobId,
	/// On what it runs.
	pub input: BlobRef,
	/// What an attestation has to name as its input where the results of other tasks are part of it. Set when they are there.
	pub bundle: Option<Hash32>,
	/// Where it stands.
	pub state: TaskState,
	/// On hold for it on the submitter's account; 0 from the terminal state on.
	#[codec(compact)]
	pub escrow: Balance,
	/// The next block in which the chain looks at it by itself.
	#[codec(compact)]
	pub wake_at: BlockNumber,
	/// Draws that found machines so far, which is the number of the next one; part of its seed.
	pub attempt: u8,
	/// Draws of this attempt that found nothing although they did not see everything.
	pub looks: u8,
	/// Its place in a queue, where it found no machine.
	pub ticket: Option<Ticket>,
	/// Retries that are left.
	pub retries_left: u8,
	/// The machines that have it now, or delivered its result.
	pub replicas: BoundedVec<Replica<AccountId>, ConstU32<REPLICAS_MAX>>,
	/// Machines that had it and will not get it again.
	pub excluded: BoundedVec<WorkerId, ConstU32<EXCLUDED_MAX>>,
	/// What the last machine that gave it back said.
	pub declined: Option<DeclineReason>,
	/// The result that the quorum agreed on.
	pub result: Option<ResultDigest>,
	/// What was paid for it, protocol share included.
	#[codec(compact)]
	pub paid: Balance,
}

impl<AccountId> Replica<AccountId> {
	/// What the replica holds of its machine.
	pub fn grant(&self, spec: &TaskSpec) -> Grant {
		Grant { resources: spec.requirements.resources, gpus: self.gpus }
	}
}

impl<AccountId> Task<AccountId> {
	/// The replica that `worker` holds.
	pub fn replica_of(&self, worker: WorkerId) -> Option<&Replica<AccountId>> {
		self.replicas.iter().find(|replica| replica.worker == worker)
	}

	/// Replicas that still owe a commitment or a result.
	pub fn outstanding(&self) -> usize {
		self.replicas.len().saturating_sub(self.delivered())
	}

	/// Replicas that are bound to a result.
	pub fn delivered(&self) -> usize {
		self.replicas.iter().filter(|replica| replica.progress != Progress::Assigned).count()
	}

	/// Replicas whose result is known.
	pub fn revealed(&self) -> usize {
		let is_revealed =
			|replica: &&Replica<AccountId>| matches!(replica.progress, Progress::Revealed(_));
		self.replicas.iter().filter(is_revealed).count()
	}

	/// What an attestation has to name as its input.
	pub fn input_root(&self) -> Hash32 {
		self.bundle.unwrap_or(self.input.hash)
	}

	/// Its position among the tasks of its job, given its number.
	pub fn index(&self, id: TaskId) -> u8 {
		// A job has at most 256 tasks.
		u8::try_from(id.saturating_sub(self.job)).unwrap_or(u8::MAX)
	}

	/// Whether two revealed results differ.
	pub fn disagrees(&self) -> bool {
		let mut digests = self.replicas.iter().filter_map(|replica| match &replica.progress {
			Progress::Revealed(digest) => Some(digest),
			_ => None,
		});
		match digests.next() {
			Some(first) => digests.any(|digest| digest != first),
			None => false,
		}
	}

	/// The result that at least `quorum` revealed alike.
	pub fn agreed_result(&self, quorum: usize) -> Option<ResultDigest> {
		let revealed = |replica: &Replica<AccountId>| match replica.progress {
			Progress::Revealed(digest) => Some(digest),
			_ => None,
		};
		self.replicas.iter().filter_map(revealed).find(|digest| {
			self.replicas.iter().filter(|other| revealed(other).as_ref() == Some(digest)).count()
				>= quorum
		})
	}
}
