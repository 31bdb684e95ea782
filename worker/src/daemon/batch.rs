//! Results that leave together: which of them, and in which call.
//!
//! The result of a task with one replica is delivered by one call, and the chain takes up to 32 of them in a
//! single one: all or none. Those that are ready in the same step of the daemon leave together.
//!
//! ```text
//!  ready ──▶ in company ──▶ journal: Delivering, all of them ──▶ one call ──▶ included
//!                 ▲                                                 │
//!                 ├───────────── the connection was lost ───────────┤
//!                 │                                                 │ refused, dropped, not heard of
//!                 │                                                 ▼
//!                 │                        included ◀── one call each ◀── alone, at once
//!                 │                           │               │              ▲
//!                 │                           │               └── refused ───┘ later, ever more rarely
//!                 └── another fork lacks it ──┘
//! ```
//!
//! * Why a call with several results was refused may be the fault of any of them, so from then on each of them
//!   goes alone, at once, and only the bad one is refused again. Results that are ready later know nothing of
//!   it and leave together; those that go alone leave them a place under way.
//! * A connection that is lost says nothing against the results, so they stay together.
//! * Nothing of this is on disk. A process that starts again finds results that may have been sent, looks at the
//!   best block, and sends together what that block still waits for. What the chain got twice it refuses.
//! * What is ready is decided by [`crate::decide`] in every step anew, so a task that the best block shows
//!   delivered or over, and one with several replicas, is never offered to [`fill`].

use super::outbox::{Request, Wanted};
use crate::journal::Evidence;
use aidragon_client::{
	calls::{self, Call},
	chain::{ChainError, SubmitError},
};
use aidragon_primitives::{
	attestation::{Deliveries, Delivery, DELIVERIES_MAX},
	TaskId,
};
use std::collections::BTreeSet;

/// What leaves in the next transaction: the most urgent of `free` and, where it is a result that may have
/// company, other such results, the most urgent first. Nothing where nothing is free.
pub(super) fn fill(mut free: Vec<Wanted>, is_alone: impl Fn(&Request) -> bool) -> Vec<Wanted> {
	free.sort_by_key(|wanted| wanted.due);
	let companion = |request: &Request| match request {
		Request::Attest(key) if !is_alone(request) => Some(key.task),
		_ => None,
	};
	if free.first().is_some_and(|first| companion(&first.request).is_none()) {
		free.truncate(1);
		return free;
	}
	// The chain takes no task twice in one call.
	let mut tasks: BTreeSet<TaskId> = BTreeSet::new();
	free.retain(|wanted| companion(&wanted.request).is_some_and(|task| tasks.insert(task)));
	free.truncate(DELIVERIES_MAX as usize);
	free
}

/// The call that delivers these results of tasks with one replica; `None` for none or too many.
pub(super) fn call_of(results: &[Evidence]) -> Option<Call> {
	match results {
		[] => None,
		[only] => {
			let attestation = &only.attestation;
			Some(calls::attest_result(attestation.task, attestation, &only.signature))
		}
		several => {
			let delivery = |evidence: &Evidence| Delivery {
				attestation: evidence.attestation,
				signature: evidence.signature,
			};
			let all: Vec<Delivery> = several.iter().map(delivery).collect();
			Some(calls::attest_results(&Deliveries::try_from(all).ok()?))
		}
	}
}

/// Whether what was sent together goes alone from now on. `None` where nothing was heard in time.
pub(super) fn parts(error: Option<&SubmitError>) -> bool {
	!matches!(error, Some(SubmitError::Connection(ChainError::Connection { .. })))
}

#[cfg(test)]
mod tests;
