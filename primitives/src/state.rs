//! The task state machine: one enum, one function, and nothing else moves a task.
//!
//! ```text
//!            Drawn            QuorumCommitted        AllRevealed / deadline    Agreed      Paid
//!  Queued ──────────▶ Assigned ──────────▶ Committed ──────────▶ Revealed ──────▶ Accepted ──────▶ Settled
//!   ▲ │ ▲                 │  │ Attested ─────────────────────────────▲   │                └──────▶ Failed
//!   │ │ └──── Vacated ────┘  │                                         │   └─ Vacated ─▶ Queued
//!   │ └─▶ Expired            └─▶ Failed(reason) ◀──────────────────────┘
//!   └─ Released ─ Blocked ─▶ Failed(DependencyFailed), Expired
//!
//!  Withdrawn: Blocked, Queued, Assigned, Committed ─▶ Cancelled
//! ```

use crate::attestation::ExitStatus;
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;

/// Why a task ended without a usable result.
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
pub enum FailureReason {
	/// The machines agree that the program did not complete. They are paid for the fuel it used.
	Program(ExitStatus),
	/// No drawn machine delivered in time, and no retry was left.
	WorkersMissing,
	/// The machines' results differ, and no retry was left.
	NoAgreement,
	/// Program or input could not be fetched from the source.
	BlobUnavailable,
	/// What the source served was not what the specification names.
	BlobMismatch,
	/// Every drawn machine failed by itself or went away.
	HostFault,
	/// A task whose result it takes ended without one.
	DependencyFailed,
	/// A result that it takes could not be fetched from any machine that revealed it.
	DependencyUnavailable,
	/// Its own input and the results that it takes are too large together.
	BundleTooLarge,
}

impl FailureReason {
	/// The sentence for a person.
	pub fn message(&self) -> &'static str {
		match self {
			Self::Program(status) => status.message(),
			Self::WorkersMissing => {
				"no drawn machine delivered in time; the escrow was returned: allow more execution_blocks or retries"
			},
			Self::NoAgreement => {
				"the machines' results differ and no retry was left; nobody was paid and the escrow was returned"
			},
			Self::BlobUnavailable => {
				"program or input could not be fetched from the source; keep the source online until the task runs"
			},
			Self::BlobMismatch => {
				"the source served bytes of another hash or size than the specification names"
			},
			Self::HostFault => "every drawn machine failed by itself; the escrow was returned",
			Self::DependencyFailed => {
				"a task whose result it takes ended without one; the escrow was returned"
			}
			Self::DependencyUnavailable => {
				"a result that it takes could not be fetched from any machine that revealed it; the escrow was returned: submit the job again"
			}
			Self::BundleTooLarge => {
				"its own input and the results that it takes are more than 1 GiB together; the escrow was returned: take fewer results or make them smaller"
			}
		}
	}
}

/// Where a task stands.
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
pub enum TaskState {
	/// Frozen, waiting for its draw or for machines that fit.
	Queued,
	/// Machines are drawn and work.
	Assigned,
	/// Enough machines are bound to a result; they reveal.
	Committed,
	/// All results that will come are known.
	Revealed,
	/// A quorum of results is equal; payment follows in the same block.
	Accepted,
	/// The result was accepted and paid.
	Settled,
	/// Over without a usable result.
	Failed(FailureReason),
	/// Withdrawn by its submitter. Machines that had it were paid for their time.
	Cancelled,
	/// Over because no machine that fits turned up before the deadline.
	Expired,
	/// Waiting for the results of other tasks of its job.
	Blocked,
}

impl TaskState {
	/// Whether the task is over.
	pub fn is_terminal(&self) -> bool {
		matches!(self, Self::Settled | Self::Failed(_) | Self::Cancelled | Self::Expired)
	}
}

/// What can happen to a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskEvent {
	/// The draw found machines for every replica.
	Drawn,
	/// A quorum is bound to results, and no commitment is outstanding in time.
	QuorumCommitted,
	/// The only replica delivered its result in one step.
	Attested,
	/// Every committed replica revealed, or the time for it is over.
	RevealsClosed,
	/// A quorum of results is equal.
	Agreed,
	/// The machines of the quorum were paid for a program that completed.
	Paid,
	/// Replicas are missing or differ, and a retry is left.
	Vacated,
	/// The task cannot be brought to a usable result.
	Exhausted(FailureReason),
	/// The submitter withdraws it.
	Withdrawn,
	/// No machine that fits was found and no time is left.
	TimedOut,
	/// The results that it takes are there.
	Released,
}

/// An event that the state does not allow. Nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidTransition;

/// The state that `event` leads to from `state`.
pub fn transition(state: TaskState, event: TaskEvent) -> Result<TaskState, InvalidTransition> {
	use TaskEvent as E;
	use TaskState as S;
	match (state, event) {
		(S::Queued, E::Drawn) => Ok(S::Assigned),
		(S::Blocked, E::Released) => Ok(S::Queued),
		(S::Blocked | S::Queued | S::Assigned | S::Committed, E::Withdrawn) => Ok(S::Cancelled),
		(S::Blocked | S::Queued, E::TimedOut) => Ok(S::Expired),
		(S::Assigned, E::QuorumCommitted) => Ok(S::Committed),
		(S::Assigned, E::Attested) | (S::Committed, E::RevealsClosed) => Ok(S::Revealed),
		(S::Revealed, E::Agreed) => Ok(S::Accepted),
		(S::Accepted, E::Paid) => Ok(S::Settled),
		(S::Assigned | S::Revealed, E::Vacated) => Ok(S::Queued),
		(S::Accepted, E::Exhausted(reason @ FailureReason::Program(_))) => Ok(S::Failed(reason)),
		(S::Accepted, E::Exhausted(_)) => Err(InvalidTransition),
		(S::Blocked, E::Exhausted(reason @ FailureReason::DependencyFailed)) => {
			Ok(S::Failed(reason))
		}
		(S::Queued | S::Assigned | S::Revealed, E::Exhausted(reason)) => Ok(S::Failed(reason)),
		_ => Err(InvalidTransition),
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	const STATES: [TaskState; 10] = [
		TaskState::Blocked,
		TaskState::Queued,
		TaskState::Assigned,
		TaskState::Committed,
		TaskState::Revealed,
		TaskState::Accepted,
		TaskState::Settled,
		TaskState::Failed(FailureReason::NoAgreement),
		TaskState::Cancelled,
		TaskState::Expired,
	];
	const EVENTS: [TaskEvent; 12] = [
		TaskEvent::Released,
		TaskEvent::Exhausted(FailureReason::DependencyFailed),
		TaskEvent::Drawn,
		TaskEvent::QuorumCommitted,
		TaskEvent::Attested,
		TaskEvent::RevealsClosed,
		TaskEvent::Agreed,
		TaskEvent::Paid,
		TaskEvent::Vacated,
		TaskEvent::Exhausted(FailureReason::Program(ExitStatus::OutOfFuel)),
		TaskEvent::Withdrawn,
		TaskEvent::TimedOut,
	];

	#[test]
	fn p2_nothing_leaves_a_terminal_state() {
		for state in STATES.into_iter().filter(TaskState::is_terminal) {
			for event in EVENTS {
				assert_eq!(transition(state, event), Err(InvalidTransition), "{state:?} {event:?}");
			}
		}
	}

	#[test]
	fn p3_every_state_reaches_a_terminal_one() {
		let mut reaches: Vec<TaskState> =
			STATES.into_iter().filter(TaskState::is_terminal).collect();
		for _ in 0..STATES.len() {
			for state in STATES {
				let next = EVENTS.iter().filter_map(|event| transition(state, *event).ok());
				if next.into_iter().any(|next| next.is_terminal() || reaches.contains(&next)) {
					reaches.push(state);
				}
			}
		}
		assert!(STATES.iter().all(|state| reaches.contains(state)));
	}

	#[test]
	fn payment_happens_only_after_agreement() {
		for state in STATES {
			let settled = transition(state, TaskEvent::Paid).is_ok();
			assert_eq!(settled, state == TaskState::Accepted);
		}
	}

	#[test]
	fn an_accepted_task_fails_only_because_of_its_program() {
		let failed = TaskEvent::Exhausted(FailureReason::NoAgreement);
		assert_eq!(transition(TaskState::Accepted, failed), Err(InvalidTransition));
	}
}
