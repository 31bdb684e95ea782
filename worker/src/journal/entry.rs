//! What the journal remembers of one attempt at one task.

use aidragon_primitives::{
	attestation::Attestation, task::DeclineReason, BlockNumber, Hash32, TaskId,
};
use codec::{Decode, Encode};

/// One attempt at one task: what everything about it is filed under.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
	/// The task.
	pub task: TaskId,
	/// The attempt, as the chain counts.
	pub attempt: u8,
}

/// A result with all that delivering it takes. Once sealed it never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Evidence {
	/// The statement.
	pub attestation: Attestation,
	/// The hot key's signature over it.
	pub signature: [u8; 64],
	/// What hides it until it is revealed.
	pub salt: Hash32,
}

impl Evidence {
	/// The commitment that this evidence opens.
	pub fn commitment(&self) -> Hash32 {
		self.attestation.commitment(&self.salt)
	}
}

/// How far the work is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Stage {
	/// The assignment was seen.
	Accepted,
	/// Program and input are in the blob store.
	Fetched,
	/// The task is to be given back.
	GivenUp(DeclineReason),
	/// The program ran. Nothing of the result has left the machine.
	Executed(Evidence),
	/// The commitment, or the attestation of a single replica, may have been sent.
	Delivering(Evidence),
	/// The result may have been revealed.
	Revealing(Evidence),
}

impl Stage {
	/// The result, once there is one.
	pub fn evidence(&self) -> Option<&Evidence> {
		match self {
			Self::Executed(evidence) | Self::Delivering(evidence) | Self::Revealing(evidence) => {
				Some(evidence)
			}
			Self::Accepted | Self::Fetched | Self::GivenUp(_) => None,
		}
	}

	/// Whether `next` may follow. A result is never replaced, and nothing goes back.
	pub fn may_become(&self, next: &Stage) -> bool {
		use Stage as S;
		match (self, next) {
			(S::Accepted, S::Fetched) => true,
			(S::Accepted | S::Fetched, S::GivenUp(_) | S::Executed(_)) => true,
			(S::Executed(own), S::Delivering(next)) | (S::Delivering(own), S::Revealing(next)) => {
				own == next
			}
			(own, next) => own == next,
		}
	}
}

/// What is remembered of one attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Entry {
	/// The best block at which the assignment was first seen.
	pub noted_at: BlockNumber,
	/// BLAKE3 hash of the program, so that it is kept as long as it is needed.
	pub program: Hash32,
	/// BLAKE3 hash of the task's own input, so that it is kept as long as it is needed.
	pub input: Hash32,
	/// How far the work is.
	pub stage: Stage,
}

impl Entry {
	/// The blobs that must not be swept away.
	pub fn blobs(&self) -> impl Iterator<Item = Hash32> {
		let output = self.stage.evidence().map(|evidence| evidence.attestation.result.output_root);
		[self.program, self.input].into_iter().chain(output)
	}
}
