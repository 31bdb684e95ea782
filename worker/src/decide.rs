//! What to do next about one task: a pure function of what the chain shows and what the journal holds.
//!
//! The daemon never acts on events. It compares the state of the best and of the finalized block with its
//! journal and takes the next step that is missing, so a step that was lost is simply seen to be missing.
//!
//! Two views matter. Work begins, and its commitment is sent, on sight of the best block: if that block is
//! reorganised away, only effort is lost. A result is revealed, and work is forgotten, only on the word of a
//! finalized block: a result that was shown too early can be copied, and what was forgotten cannot be redone.

use crate::journal::Stage;
use aidragon_client::Task;
use aidragon_primitives::{
	state::TaskState,
	task::{DeclineReason, Progress},
	BlockNumber, Hash32, WorkerId,
};

/// What one block shows of a replica that this machine holds in one attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
	/// Where the task stands.
	pub state: TaskState,
	/// How far the own replica is.
	pub progress: Progress,
	/// The block in which the chain acts by itself, and so the end of the present step.
	pub deadline: BlockNumber,
	/// Whether this is the only replica, which delivers in one step.
	pub single: bool,
}

impl Held {
	/// What `task` says of `worker`'s replica, if it is one of `attempt`.
	pub fn of(task: &Task, worker: WorkerId, attempt: u8) -> Option<Self> {
		let replica = task.replica_of(worker).filter(|replica| replica.attempt == attempt);
		replica.map(|replica| Self {
			state: task.state,
			progress: replica.progress,
			deadline: task.wake_at,
			single: task.spec.replicas == 1,
		})
	}
}

/// What the chain shows of one attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sight {
	/// Height of the best block.
	pub best_number: BlockNumber,
	/// What the best block shows; `None` where this machine has no replica in this attempt.
	pub best: Option<Held>,
	/// Height of the finalized block.
	pub finalized_number: BlockNumber,
	/// What the finalized block shows.
	pub finalized: Option<Held>,
}

/// What this process knows of one attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Local {
	/// Nothing.
	Absent,
	/// It is in the journal, without a result.
	Open {
		/// The best block at which it was first seen.
		noted_at: BlockNumber,
		/// Whether a job works on it in this process, and what that job does.
		job: Option<JobPhase>,
	},
	/// It is to be given back.
	GivenUp {
		/// The best block at which it was first seen.
		noted_at: BlockNumber,
		/// Why.
		reason: DeclineReason,
	},
	/// There is a result.
	Ready {
		/// The best block at which it was first seen.
		noted_at: BlockNumber,
		/// The commitment to that result.
		commitment: Hash32,
	},
}

/// What a job does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobPhase {
	/// It fetches program and input.
	Fetching,
	/// The program runs.
	Executing,
}

impl Local {
	/// What a journal entry and the job that may belong to it amount to.
	pub fn of(noted_at: BlockNumber, stage: &Stage, job: Option<JobPhase>) -> Self {
		match stage {
			Stage::Accepted | Stage::Fetched => Self::Open { noted_at, job },
			Stage::GivenUp(reason) => Self::GivenUp { noted_at, reason: *reason },
			Stage::Executed(evidence)
			| Stage::Delivering(evidence)
			| Stage::Revealing(evidence) => Self::Ready { noted_at, commitment: evidence.commitment() },
		}
	}

	fn noted_at(&self) -> Option<BlockNumber> {
		match self {
			Self::Absent => None,
			Self::Open { noted_at, .. }
			| Self::GivenUp { noted_at, .. }
			| Self::Ready { noted_at, .. } => Some(*noted_at),
		}
	}
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
	/// Nothing at the moment.
	Wait,
	/// Note the assignment, fetch and run.
	Start,
	/// Send the commitment.
	Commit,
	/// Send the attestation of the only replica.
	Attest,
	/// Send the attestation that opens the commitment.
	Reveal,
	/// Give the task back.
	Decline(DeclineReason),
	/// Stop working on it and forget it: it came to nothing.
	Drop(DropReason),
	/// Forget it: it is over, and the result was delivered.
	Finish(TaskState),
}

/// Why work is forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DropReason {
	/// The machine has no replica of this attempt any more.
	NoLongerOurs,
	/// The task was over before the result was delivered.
	TooLate(TaskState),
	/// The chain holds a commitment of this machine that the journal does not know: the data directory was
	/// lost or the hot key is used twice.
	ForeignCommitment,
}

impl DropReason {
	/// The sentence for the log.
	pub fn message(&self) -> &'static str {
		match self {
			Self::NoLongerOurs => "it is no longer assigned to this machine",
			Self::TooLate(TaskState::Cancelled) => {
				"its submitter withdrew it; what this machine had done of it is paid"
			}
			Self::TooLate(_) => "it was over before this machine delivered",
			Self::ForeignCommitment => {
				"the chain holds a commitment that this journal does not know; never share a hot key or \
				restore an old data directory"
			}
		}
	}
}

/// The next step for one attempt.
pub fn next_action(sight: &Sight, local: &Local, shutting_down: bool) -> Action {
	if let Some(action) = ending(sight, local) {
		return action;
	}
	let Some(held) = &sight.best else { return Action::Wait };
	match (held.state, held.progress) {
		(TaskState::Assigned, Progress::Assigned) => deliver(sight, held, local, shutting_down),
		// A task waits again, with this commitment kept, while another machine is drawn for a missing one.
		(
			TaskState::Queued | TaskState::Assigned | TaskState::Committed,
			Progress::Committed(on_chain),
		) => reveal(sight, held, local, &on_chain),
		_ => Action::Wait,
	}
}

/// Forgets what is over, on the word of the finalized block alone.
fn ending(sight: &Sight, local: &Local) -> Option<Action> {
	let noted_at = local.noted_at()?;
	match &sight.finalized {
		Some(held) if held.state.is_terminal() => Some(match held.progress {
			Progress::Revealed(_) => Action::Finish(held.state),
			Progress::Assigned | Progress::Committed(_) => {
				Action::Drop(DropReason::TooLate(held.state))
			}
		}),
		Some(_) => None,
		// Until finality has passed the block in which the assignment was seen, it may come back.
		None if sight.best.is_none() && sight.finalized_number >= noted_at => {
			Some(Action::Drop(DropReason::NoLongerOurs))
		}
		None => None,
	}
}

fn deliver(sight: &Sight, held: &Held, local: &Local, shutting_down: bool) -> Action {
	// The chain takes the task away in the deadline's own block, before it looks at calls.
	let is_too_late = sight.best_number.saturating_add(1) >= held.deadline;
	if is_too_late {
		return Action::Wait;
	}
	match local {
		Local::Ready { .. } if held.single => Action::Attest,
		Local::Ready { .. } => Action::Commit,
		Local::GivenUp { reason, .. } => Action::Decline(*reason),
		Local::Open { job: Some(JobPhase::Executing), .. } => Action::Wait,
		_ if shutting_down => Action::Decline(DeclineReason::ShuttingDown),
		Local::Open { job: Some(JobPhase::Fetching), .. } => Action::Wait,
		Local::Open { job: None, .. } | Local::Absent => Action::Start,
	}
}

fn reveal(sight: &Sight, held: &Held, local: &Local, on_chain: &Hash32) -> Action {
	match local {
		Local::Absent => Action::Wait,
		Local::Ready { commitment, .. } if commitment == on_chain => {
			let is_final = sight.finalized.is_some_and(|finalized| {
				finalized.state == TaskState::Committed && finalized.progress == held.progress
			});
			let is_in_time = sight.best_number.saturating_add(1) < held.deadline;
			match held.state == TaskState::Committed && is_final && is_in_time {
				true => Action::Reveal,
				false => Action::Wait,
			}
		}
		_ => Action::Drop(DropReason::ForeignCommitment),
	}
}

#[cfg(test)]
mod tests;
