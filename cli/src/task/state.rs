//! Names of task states.

use aidragon_primitives::state::TaskState;
use clap::ValueEnum;

/// A state to list tasks by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum StateFilter {
	/// Waits for the results of other tasks of its job.
	Blocked,
	/// Waits for its draw or for machines that fit.
	Queued,
	/// Machines are drawn and work.
	Assigned,
	/// Enough machines are bound to a result; they reveal.
	Committed,
	/// Over: the result was accepted and paid.
	Settled,
	/// Over without a usable result.
	Failed,
	/// Over: withdrawn.
	Cancelled,
	/// Over: no machine that fits turned up.
	Expired,
	/// Not over yet.
	Live,
}

impl StateFilter {
	/// Whether a task in `state` is meant.
	pub fn matches(self, state: &TaskState) -> bool {
		match self {
			Self::Live => !state.is_terminal(),
			Self::Blocked => name(state) == "blocked",
			Self::Queued => name(state) == "queued",
			Self::Assigned => name(state) == "assigned",
			Self::Committed => name(state) == "committed",
			Self::Settled => name(state) == "settled",
			Self::Failed => name(state) == "failed",
			Self::Cancelled => name(state) == "cancelled",
			Self::Expired => name(state) == "expired",
		}
	}
}

/// The name of a state in text and in JSON.
pub fn name(state: &TaskState) -> &'static str {
	match state {
		TaskState::Blocked => "blocked",
		TaskState::Queued => "queued",
		TaskState::Assigned => "assigned",
		TaskState::Committed => "committed",
		TaskState::Revealed => "revealed",
		TaskState::Accepted => "accepted",
		TaskState::Settled => "settled",
		TaskState::Failed(_) => "failed",
		TaskState::Cancelled => "cancelled",
		TaskState::Expired => "expired",
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use aidragon_primitives::state::FailureReason;

	#[test]
	fn filters_match_by_name() {
		let failed = TaskState::Failed(FailureReason::NoAgreement);
		assert!(StateFilter::Failed.matches(&failed) && !StateFilter::Live.matches(&failed));
		assert!(StateFilter::Live.matches(&TaskState::Revealed));
		for filter in StateFilter::value_variants() {
			let states = [
				TaskState::Blocked,
				TaskState::Queued,
				TaskState::Assigned,
				TaskState::Committed,
				TaskState::Settled,
				failed,
				TaskState::Cancelled,
				TaskState::Expired,
			];
			assert!(states.iter().any(|state| filter.matches(state)), "{filter:?}");
		}
	}
}
