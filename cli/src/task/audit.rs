//! Whether the chain drew what it should have: every draw of some blocks, repeated.

use super::explain::machines;
use crate::{
	context::Context,
	exit::{Exit, Failure},
	output::{fields, progress, table, Report},
};
use aidragon_client::{
	chain::View,
	replay::{audit, Mismatch},
	Replica,
};
use aidragon_primitives::{BlockNumber, WorkerId};
use serde_json::{json, Value};

/// Blocks that are looked at where no first one is named.
const BLOCKS: BlockNumber = 100;
/// Blocks after which it is said how far it is.
const PROGRESS_BLOCKS: BlockNumber = 20;

/// What was found in some blocks.
#[derive(Debug, Default)]
struct Found {
	turns: u64,
	assigned: u64,
	mismatches: Vec<(BlockNumber, Mismatch)>,
}

/// Runs `task audit`.
pub async fn run(
	context: &Context,
	from: Option<BlockNumber>,
	to: Option<BlockNumber>,
) -> Result<(), Failure> {
	let chain = context.connect().await?;
	let newest = chain.head(View::Finalized).await?.number;
	let (from, to) = range(from, to, newest)?;
	let mut found = Found::default();
	for number in from..=to {
		let audit = audit(&chain, number).await?;
		found.turns = found.turns.saturating_add(audit.turns.into());
		found.assigned = found.assigned.saturating_add(audit.assigned.into());
		found.mismatches.extend(audit.mismatches.into_iter().map(|mismatch| (number, mismatch)));
		let done = number.saturating_sub(from).saturating_add(1);
		if done.is_multiple_of(PROGRESS_BLOCKS) {
			progress(&format!("{done} blocks, {} draws so far", found.assigned));
		}
	}
	report(&found, from, to).print(context.output)?;
	match found.mismatches.len() {
		0 => Ok(()),
		count => {
			let message = format!("{count} draws do not follow from the chain's state");
			Err(Failure::new(Exit::Network, message))
		}
	}
}

/// The blocks to look at. The first block of the chain draws nothing and follows from no other.
fn range(
	from: Option<BlockNumber>,
	to: Option<BlockNumber>,
	newest: BlockNumber,
) -> Result<(BlockNumber, BlockNumber), Failure> {
	let last = to.unwrap_or(newest);
	if last > newest {
		let message = format!("--to: block {last} is not finalized; the last one is {newest}");
		return Err(Failure::usage(message));
	}
	let first = from.unwrap_or_else(|| last.saturating_sub(BLOCKS.saturating_sub(1))).max(1);
	if first > last {
		let message = format!("--from: block {first} comes after block {last}");
		return Err(Failure::usage(message));
	}
	Ok((first, last))
}

fn report(found: &Found, from: BlockNumber, to: BlockNumber) -> Report {
	let Found { turns, assigned, mismatches } = found;
	let head = fields(&[
		("blocks", format!("{from} to {to}")),
		("turns", format!("{turns} of tasks that were frozen or waited")),
		("draws", format!("{assigned} found machines")),
		("different", mismatches.len().to_string()),
	]);
	let row = |(block, mismatch): &(BlockNumber, Mismatch)| {
		vec![
			block.to_string(),
			mismatch.task.to_string(),
			mismatch.attempt.to_string(),
			machines(&mismatch.computed),
			machines(&mismatch.recorded),
		]
	};
	let rows: Vec<Vec<String>> = mismatches.iter().map(row).collect();
	let text = match rows.is_empty() {
		true => head,
		false => {
			let heading = ["block", "task", "draw", "should have been", "was"];
			format!("{head}\n\n{}", table(&heading, &rows))
		}
	};
	let mismatches: Vec<Value> = mismatches.iter().map(mismatch_json).collect();
	let json = json!({
		"from": from, "to": to, "turns": turns, "draws": assigned, "mismatches": mismatches,
	});
	Report { text, json }
}

fn mismatch_json((block, mismatch): &(BlockNumber, Mismatch)) -> Value {
	let workers = |replicas: &[Replica]| -> Vec<WorkerId> {
		replicas.iter().map(|replica| replica.worker).collect()
	};
	json!({
		"block": block,
		"task": mismatch.task,
		"attempt": mismatch.attempt,
		"computed": workers(&mismatch.computed),
		"recorded": workers(&mismatch.recorded),
	})
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::task::tests::assigned;

	#[test]
	fn the_last_hundred_blocks_are_looked_at_where_none_are_named() {
		assert_eq!(range(None, None, 500).unwrap(), (401, 500));
		assert_eq!(range(None, None, 7).unwrap(), (1, 7));
		assert_eq!(range(Some(3), Some(5), 7).unwrap(), (3, 5));
		assert_eq!(range(Some(0), Some(5), 7).unwrap(), (1, 5));
		for (from, to) in [(Some(6), Some(5)), (Some(8), None), (None, Some(8))] {
			assert_eq!(range(from, to, 7).unwrap_err().exit, Exit::Usage);
		}
	}

	#[test]
	fn what_the_chain_drew_differently_has_a_line() {
		let computed = assigned().replicas.to_vec();
		let mismatch = Mismatch { task: 7, attempt: 1, computed, recorded: Vec::new() };
		let found = Found { turns: 3, assigned: 2, mismatches: vec![(45, mismatch)] };
		let report = report(&found, 40, 50);
		let last = report.text.lines().last().unwrap();
		assert!(last.contains("machines 0, 1") && last.ends_with("no machine"), "{last}");
		assert_eq!(report.json["mismatches"][0]["computed"], json!([0, 1]));
		let none = Found { mismatches: Vec::new(), ..found };
		assert_eq!(super::report(&none, 40, 50).text.lines().count(), 4);
	}
}
