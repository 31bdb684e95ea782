//! Where a task stands, in words and in JSON.

use super::{state, watch::declined};
use crate::{
	amount::{self, Amount},
	output::{fields, hex, Report},
	supply::Outlook,
};
use aidragon_client::{Replica, Task};
use aidragon_primitives::{
	attestation::{ExitStatus, ResultDigest},
	state::{FailureReason, TaskState},
	task::{BlobRef, Progress},
	BlockNumber, Hash32,
};
use serde_json::{json, Value};
use std::collections::BTreeMap;

/// Why a task that is over ended the way it did. `None` for one that is not over.
pub fn reason(state: &TaskState) -> Option<String> {
	match state {
		TaskState::Settled => Some("the machines agreed on the result, and were paid".into()),
		TaskState::Failed(FailureReason::Program(ExitStatus::ExitCode(code))) => {
			Some(format!("the program ended with exit code {code}, which means failure"))
		}
		TaskState::Failed(reason) => Some(reason.message().into()),
		TaskState::Cancelled => Some(
			"its submitter withdrew it; machines that had it were paid for what they had done"
				.into(),
		),
		TaskState::Expired => Some(
			"no machines that fit were found before its deadline; the escrow was returned: raise \
			matching.price_cap_per_gfuel, ask for less, or allow more deadline_blocks"
				.into(),
		),
		TaskState::Blocked
		| TaskState::Queued
		| TaskState::Assigned
		| TaskState::Committed
		| TaskState::Revealed
		| TaskState::Accepted => None,
	}
}

/// What belongs to the status of a task besides its record.
#[derive(Default)]
pub struct Surroundings {
	/// The block at which the record was read.
	pub now: BlockNumber,
	/// Who could run it, for a queued task.
	pub outlook: Option<Outlook>,
	/// The beacons that drew its machines, by block, as far as the chain still keeps them.
	pub beacons: BTreeMap<BlockNumber, Hash32>,
}

/// The status of a task.
pub fn report(task: &Task, around: &Surroundings) -> Report {
	let mut lines = vec![
		("task", task.id.to_string()),
		("job", job_text(task)),
		("state", state_text(task, around.outlook.as_ref())),
		("submitter", task.submitter.to_string()),
		("timeline", timeline(task, around)),
	];
	lines.extend(task.replicas.iter().map(|replica| ("replica", replica_text(replica))));
	lines.extend(task.result.iter().map(|result| ("result", result_text(result))));
	lines.extend([
		("program", blob_text(&task.spec.program.blob)),
		("input", input_text(task)),
		("money", money(task)),
	]);
	Report { text: fields(&lines), json: json_of(task, around) }
}

fn job_text(task: &Task) -> String {
	format!("{}, of which it is number {}", task.job, task.index(task.id))
}

fn input_text(task: &Task) -> String {
	let own = blob_text(&task.input);
	match task.is_dependent() {
		false => own,
		true => format!("{own}, and the results of {}", names(task)),
	}
}

/// The tasks whose results a task takes, such as `tasks 7 to 10`.
pub fn names(task: &Task) -> String {
	let inputs: Vec<_> = task.inputs().collect();
	match (inputs.first(), inputs.last()) {
		(Some(first), Some(last)) if first < last => format!("tasks {first} to {last}"),
		(Some(only), _) => format!("task {only}"),
		_ => "no task".into(),
	}
}

fn state_text(task: &Task, outlook: Option<&Outlook>) -> String {
	let name = state::name(&task.state);
	let mut text = match reason(&task.state) {
		Some(reason) => format!("{name}: {reason}"),
		None => name.to_owned(),
	};
	if let Some(reason) = task.declined.filter(|_| task.state != TaskState::Settled) {
		text.push_str(&format!("\na machine gave it back: {}", declined(reason)));
	}
	match (task.state, task.ticket) {
		(TaskState::Blocked, _) => {
			text.push_str(&format!(": it waits for the results of {}", names(task)));
		}
		(TaskState::Queued, None) => {
			text.push_str(": frozen; the beacon of a later block draws its machines");
		}
		(TaskState::Queued, Some(_)) => {
			text.push_str(": no machines that fit were found; it is drawn again when one comes");
		}
		_ => {}
	}
	if let Some(outlook) = outlook {
		text.push_str(&format!("\n{}", outlook.message()));
	}
	text
}

fn timeline(task: &Task, around: &Surroundings) -> String {
	let now = around.now;
	let mut steps = vec![format!("submitted in block {}", task.submitted_at)];
	if let Some(block) = task.replicas.iter().map(|replica| replica.beacon_block).max() {
		let attempt = u32::from(task.attempt);
		let value = around.beacons.get(&block).map(|beacon| format!(", {}", hex(beacon)));
		let value = value.unwrap_or_default();
		steps
			.push(format!("drawn by the beacon of block {block}{value} (draws so far: {attempt})"));
	}
	if task.state.is_terminal() {
		steps.push(format!("over, as of block {now}"));
	} else {
		// What waits for machines is looked at when one comes, and not before.
		if !matches!(task.state, TaskState::Blocked | TaskState::Queued) {
			steps.push(format!("the chain looks at it again in block {}", task.wake_at));
		}
		let left = task.deadline.saturating_sub(now);
		steps
			.push(format!("over at the latest in block {}, {left} blocks from now", task.deadline));
	}
	steps.join("\n")
}

fn replica_text(replica: &Replica) -> String {
	let progress = match &replica.progress {
		Progress::Assigned => "nothing delivered yet".to_owned(),
		Progress::Committed(_) => "bound to a result that it reveals later".to_owned(),
		Progress::Revealed(result) => {
			format!("output {}, {} fuel", hex(&result.output_root), result.fuel)
		}
	};
	format!(
		"machine {} of {}, {} per Gfuel, drawn by the beacon of block {}\n{progress}",
		replica.worker,
		replica.provider,
		Amount(replica.price_per_gfuel),
		replica.beacon_block,
	)
}

fn result_text(result: &ResultDigest) -> String {
	let ResultDigest { output_root, output_bytes, fuel, status } = result;
	let root = hex(output_root);
	format!("output {root} of {output_bytes} bytes\n{fuel} fuel; {}", status.message())
}

fn blob_text(blob: &BlobRef) -> String {
	format!("{} of {} bytes", hex(&blob.hash), blob.size_bytes)
}

/// What the whole escrow was, and what became of it.
fn money(task: &Task) -> String {
	let whole = task.spec.escrow().unwrap_or_default();
	if task.state.is_terminal() {
		let returned = whole.saturating_sub(task.paid);
		format!("{} paid, {} returned", Amount(task.paid), Amount(returned))
	} else {
		format!("{} on hold, the most it can cost", Amount(task.escrow))
	}
}

fn json_of(task: &Task, around: &Surroundings) -> Value {
	let whole = task.spec.escrow().unwrap_or_default();
	let returned = task.state.is_terminal().then(|| amount::json(whole.saturating_sub(task.paid)));
	json!({
		"id": task.id,
		"job": task.job,
		"position": task.index(task.id),
		"after": task.inputs().collect::<Vec<_>>(),
		"block": around.now,
		"state": state::name(&task.state),
		"over": task.state.is_terminal(),
		"reason": reason(&task.state),
		"declined": task.declined.map(declined),
		"submitter": task.submitter,
		"submitted_at": task.submitted_at,
		"deadline": task.deadline,
		"wake_at": task.wake_at,
		"waits_for_machines": task.ticket.is_some(),
		"attempt": task.attempt,
		"retries_left": task.retries_left,
		"replicas": task.replicas.iter().map(|replica| replica_json(replica, around)).collect::<Vec<_>>(),
		"excluded": task.excluded.to_vec(),
		"result": task.result.as_ref().map(result_json),
		"program": blob_json(&task.spec.program.blob),
		"input": blob_json(&task.input),
		"input_root": hex(&task.input_root()),
		"escrow": amount::json(task.escrow),
		"paid": amount::json(task.paid),
		"returned": returned,
		"supply": around.outlook.as_ref().map(Outlook::json),
	})
}

fn replica_json(replica: &Replica, around: &Surroundings) -> Value {
	let (progress, commitment, result) = match &replica.progress {
		Progress::Assigned => ("assigned", None, None),
		Progress::Committed(commitment) => ("committed", Some(hex(commitment)), None),
		Progress::Revealed(result) => ("revealed", None, Some(result_json(result))),
	};
	json!({
		"worker": replica.worker,
		"provider": replica.provider,
		"price_per_gfuel": amount::json(replica.price_per_gfuel),
		"attempt": replica.attempt,
		"beacon_block": replica.beacon_block,
		"beacon": around.beacons.get(&replica.beacon_block).map(|beacon| hex(beacon)),
		"progress": progress,
		"commitment": commitment,
		"result": result,
	})
}

fn result_json(result: &ResultDigest) -> Value {
	json!({
		"output_root": hex(&result.output_root),
		"output_bytes": result.output_bytes,
		"fuel": result.fuel,
		"completed": result.status == ExitStatus::Completed,
		"status": result.status.message(),
	})
}

fn blob_json(blob: &BlobRef) -> Value {
	json!({ "hash": hex(&blob.hash), "bytes": blob.size_bytes })
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::{
		supply::tests::supply,
		task::tests::{assigned, dependent, settled, task},
	};
	use aidragon_primitives::attestation::TrapKind;

	#[test]
	fn a_queued_task_says_who_fits() {
		let outlook = supply(&[u128::MAX; 3]).outlook_for(&task());
		let report = report(
			&task(),
			&Surroundings { now: 42, outlook: Some(outlook), ..Default::default() },
		);
		let funnel = "3 machines may be given work, 0 of them ask no more than the price cap";
		assert!(report.text.contains(funnel), "{}", report.text);
		assert!(report.text.contains("queued: frozen"), "{}", report.text);
		assert!(report.text.contains("0.6 DRGN on hold"), "{}", report.text);
		assert!(report.text.contains("200 blocks from now"), "{}", report.text);
		assert_eq!(report.json["supply"]["passing"][0]["machines"], 0);
		assert_eq!(report.json["returned"], Value::Null);
	}

	#[test]
	fn a_blocked_task_says_what_it_waits_for() {
		let report = report(&dependent(), &Surroundings { now: 42, ..Default::default() });
		assert!(
			report.text.contains("blocked: it waits for the results of tasks 5 to 6"),
			"{}",
			report.text
		);
		assert!(report.text.contains("5, of which it is number 2"), "{}", report.text);
		assert_eq!(report.json["after"], json!([5, 6]));
	}

	#[test]
	fn an_assigned_task_shows_its_machines() {
		let around = Surroundings {
			now: 50,
			beacons: BTreeMap::from([(44, [6; 32])]),
			..Default::default()
		};
		let report = report(&assigned(), &around);
		assert!(report.text.contains(&"06".repeat(32)), "{}", report.text);
		assert_eq!(report.json["replicas"][0]["beacon"], format!("0x{}", "06".repeat(32)));
		assert!(report.text.contains("machine 0 of 5"), "{}", report.text);
		assert!(report.text.contains("drawn by the beacon of block 44"), "{}", report.text);
		assert!(report.text.contains("bound to a result"), "{}", report.text);
		assert_eq!(report.json["replicas"][0]["progress"], "committed");
		assert_eq!(report.json["replicas"][1]["progress"], "assigned");
	}

	#[test]
	fn a_settled_task_accounts_for_all_money() {
		let report = report(&settled(), &Surroundings { now: 60, ..Default::default() });
		assert!(report.text.contains("0.21 DRGN paid, 0.39 DRGN returned"), "{}", report.text);
		assert_eq!(report.json["paid"], "210000000000");
		assert_eq!(report.json["returned"], "390000000000");
		let root = format!("0x{}", "05".repeat(32));
		assert_eq!(report.json["result"]["output_root"], root);
		assert!(report.text.contains(&root));
		assert_eq!(report.json["over"], true);
	}

	#[test]
	fn every_end_has_a_reason() {
		let program = |status| TaskState::Failed(FailureReason::Program(status));
		for state in [
			TaskState::Settled,
			TaskState::Cancelled,
			TaskState::Expired,
			TaskState::Failed(FailureReason::WorkersMissing),
			program(ExitStatus::OutOfFuel),
			program(ExitStatus::Trapped(TrapKind::Unreachable)),
		] {
			assert!(reason(&state).is_some_and(|text| text.len() > 20), "{state:?}");
		}
		let text = reason(&program(ExitStatus::ExitCode(3))).unwrap();
		assert!(text.contains("exit code 3"), "{text}");
		assert_eq!(reason(&TaskState::Queued), None);
	}
}
