//! Following a task to its end.

use super::{state, status};
use crate::{
	amount::Amount,
	exit::{Exit, Failure},
	output,
};
use aidragon_client::{
	chain::{Chain, Head, View},
	Task,
};
use aidragon_primitives::{state::TaskState, task::DeclineReason, TaskId, WorkerId};
use futures::StreamExt;
use std::time::Duration;
use tokio::time::timeout;

/// Time without a new block after which waiting makes no sense.
const SILENCE_MAX: Duration = Duration::from_secs(120);

/// Follows a task on the finalized chain until it is over, and tells every change on stderr.
pub async fn until_over(chain: &Chain, id: TaskId) -> Result<Task, Failure> {
	let mut heads = chain.follow(View::Finalized);
	let mut last: Option<String> = None;
	loop {
		let head = timeout(SILENCE_MAX, heads.next()).await.ok().flatten().ok_or_else(|| {
			let silence = SILENCE_MAX.as_secs();
			let message = format!(
				"no new block for {silence} s: the node is away or the chain stands still; \
				continue with `dragon task wait {id}`"
			);
			Failure::new(Exit::Network, message)
		})?;
		let task = super::find(&chain.at(&head), id).await?;
		let line = stage(&task);
		if last.as_ref() != Some(&line) {
			tell(&head, &line);
			last = Some(line);
		}
		if task.state.is_terminal() {
			return Ok(task);
		}
	}
}

fn tell(head: &Head, line: &str) {
	output::progress(&format!("block {}: {line}", head.number));
}

/// One line on how far a task is. Changes exactly when something a person wants to know changes.
fn stage(task: &Task) -> String {
	let name = state::name(&task.state);
	match &task.state {
		TaskState::Blocked => format!("{name}; waits for the results of {}", status::names(task)),
		TaskState::Queued if task.ticket.is_some() => {
			format!("{name}; no machines that fit were found, waits for one to come")
		}
		TaskState::Queued if task.attempt == 0 => {
			format!("{name}; frozen, machines are drawn by randomness of a later block")
		}
		TaskState::Queued => {
			let why = task.declined.map_or("machines were missing or disagreed", declined);
			format!("{name} again for attempt {}: {why}", u32::from(task.attempt) + 1)
		}
		TaskState::Assigned => {
			let beacon = task.replicas.iter().map(|replica| replica.beacon_block).max();
			let beacon =
				beacon.map_or_else(String::new, |block| format!(" by the beacon of block {block}"));
			let delivered = task.delivered();
			let count = task.replicas.len();
			format!("{name} to {}{beacon}; {delivered} of {count} delivered", machines(task))
		}
		TaskState::Committed => {
			let (shown, delivered) = (task.revealed(), task.delivered());
			format!("{name}; {shown} of {delivered} results revealed")
		}
		TaskState::Revealed | TaskState::Accepted => name.to_owned(),
		TaskState::Settled => {
			let fuel = task.result.map_or(0, |result| result.fuel);
			format!("{name}; {fuel} fuel, {} paid", Amount(task.paid))
		}
		TaskState::Failed(_) | TaskState::Cancelled | TaskState::Expired => {
			let reason = status::reason(&task.state).unwrap_or_default();
			format!("{name}: {reason}; {} paid", Amount(task.paid))
		}
	}
}

fn machines(task: &Task) -> String {
	let ids: Vec<WorkerId> = task.replicas.iter().map(|replica| replica.worker).collect();
	let names: Vec<String> = ids.iter().map(ToString::to_string).collect();
	match names.len() {
		1 => format!("machine {}", names[0]),
		_ => format!("machines {}", names.join(", ")),
	}
}

/// What a machine that gave the task back said, for a person.
pub fn declined(reason: DeclineReason) -> &'static str {
	match reason {
		DeclineReason::BlobUnavailable => "program or input could not be fetched",
		DeclineReason::BlobMismatch => "the source served something else than the task names",
		DeclineReason::HostFault => "a machine failed by itself",
		DeclineReason::ShuttingDown => "a machine was shut down",
		DeclineReason::DependencyUnavailable => "an output that it takes could not be fetched",
		DeclineReason::BundleTooLarge => {
			"its input and the outputs that it takes are too large together"
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::task::tests::{assigned, dependent, settled, task};
	use aidragon_primitives::state::FailureReason;

	#[test]
	fn every_stage_has_a_line_of_its_own() {
		assert!(stage(&task()).starts_with("queued; frozen"));
		assert_eq!(stage(&dependent()), "blocked; waits for the results of tasks 5 to 6");
		let line = stage(&assigned());
		assert_eq!(line, "assigned to machines 0, 1 by the beacon of block 44; 1 of 2 delivered");
		let line = stage(&settled());
		assert!(line.starts_with("settled; 10500000000 fuel, 0.21 DRGN paid"), "{line}");
		let mut failed = task();
		failed.record.state = TaskState::Failed(FailureReason::NoAgreement);
		assert!(stage(&failed).contains("results differ"), "{}", stage(&failed));
		let mut again = task();
		again.record.attempt = 1;
		again.record.declined = Some(DeclineReason::ShuttingDown);
		assert_eq!(stage(&again), "queued again for attempt 2: a machine was shut down");
	}
}
