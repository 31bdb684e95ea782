//! Why a task got the machines that it has: the draw, repeated from the chain's state.

use super::quote::policy;
use crate::{
	amount::{self, Amount},
	context::Context,
	exit::{Exit, Failure},
	output::{fields, hex, table, Report},
	supply::{lacks, name},
};
use aidragon_client::{
	chain::View,
	replay::{explain, Cause, Explanation, ReplayError},
	Replica,
};
use aidragon_primitives::{
	matching::{Considered, Score, Verdict},
	task::MatchingPolicy,
	TaskId, WorkerId,
};
use serde_json::{json, Value};

impl From<ReplayError> for Failure {
	fn from(error: ReplayError) -> Self {
		match error {
			ReplayError::Chain(error) => error.into(),
			ReplayError::Pruned { .. } | ReplayError::NotDue { .. } => {
				Self::new(Exit::Network, error)
			}
			ReplayError::NoSuchTask(_) | ReplayError::NotDrawn { .. } => Self::usage(error),
		}
	}
}

/// Runs `task explain`.
pub async fn run(context: &Context, id: TaskId, attempt: Option<u8>) -> Result<(), Failure> {
	let chain = context.connect().await?;
	let explanation = explain(&chain, id, attempt).await?;
	let head = chain.head(View::Finalized).await?;
	let task = super::find(&chain.at(&head), id).await?;
	report(&explanation, task.spec.matching).print(context.output)?;
	match explanation.agrees() {
		true => Ok(()),
		false => {
			let message = format!(
				"the chain gave task {id} to {}, and by its own rules it should have been {}",
				machines(&explanation.recorded),
				machines(&explanation.computed)
			);
			Err(Failure::new(Exit::Network, message))
		}
	}
}

fn report(explanation: &Explanation, matching: MatchingPolicy) -> Report {
	let Explanation { block, draws_before, look, .. } = explanation;
	let drawn = machines(&explanation.computed);
	let shared = match look.task {
		task if task == explanation.task => String::new(),
		task => format!(", for task {task} and those drawn with it"),
	};
	let verdict = match explanation.agrees() {
		true => "which is what the chain recorded".to_owned(),
		false => format!("but the chain recorded {}", machines(&explanation.recorded)),
	};
	let head = fields(&[
		("task", explanation.task.to_string()),
		("draw", format!("{}, in block {}", explanation.attempt, block.number)),
		("because", because(explanation)),
		("beacon", format!("of block {}: {}", explanation.beacon_block, hex(&explanation.beacon))),
		("seed", hex(&explanation.seed)),
		("before", format!("{draws_before} draws of the same block, which were repeated too")),
		(
			"supply",
			format!("{} machines; {} pages of them were read{shared}", look.machines, look.pages),
		),
		("prefers", format!("{}, of the machines that fit", policy(matching))),
		("result", format!("{drawn}, {verdict}")),
	]);
	let heading = ["replica", "machine", "provider", "price per Gfuel", "Mops", "score", "verdict"];
	let rows: Vec<Vec<String>> = explanation.considered.iter().map(row).collect();
	let text = format!("{head}\n\n{}", table(&heading, &rows));
	Report { text, json: json_of(explanation) }
}

fn because(explanation: &Explanation) -> String {
	match explanation.cause {
		Cause::Frozen(block) => {
			format!("it was frozen in block {block}, when nobody knew the beacon")
		}
		Cause::WokenBy(worker) => format!("it waited, and machine {worker} came"),
		Cause::Swept => "it waited, and the chain looked at what waits".into(),
	}
}

pub(super) fn machines(replicas: &[Replica]) -> String {
	let names: Vec<String> = replicas.iter().map(|replica| replica.worker.to_string()).collect();
	match names.as_slice() {
		[] => "no machine".into(),
		[one] => format!("machine {one}"),
		_ => format!("machines {}", names.join(", ")),
	}
}

fn score_of(verdict: &Verdict) -> Option<Score> {
	match verdict {
		Verdict::Chosen(score) | Verdict::Outbid(score) => Some(*score),
		Verdict::SameProvider | Verdict::Misfit(_) | Verdict::Gone => None,
	}
}

fn words(verdict: &Verdict) -> &'static str {
	match verdict {
		Verdict::Chosen(_) => "chosen",
		Verdict::Outbid(_) => "fits, and another one is better",
		Verdict::SameProvider => "its provider has a replica already",
		Verdict::Misfit(misfit) => lacks(*misfit),
		Verdict::Gone => "may not be given work any more",
	}
}

/// The parts of a score in the order in which they count; the lowest wins.
fn score_text(score: Score) -> String {
	let Score { first, second, waste, chance } = score;
	format!("{first} {second} {waste} {chance:016x}")
}

fn row(seen: &Considered) -> Vec<String> {
	vec![
		seen.replica.to_string(),
		seen.entry.worker.to_string(),
		hex(&seen.entry.provider),
		Amount(seen.entry.offer.price_per_gfuel).to_string(),
		seen.entry.throughput_mops.to_string(),
		score_of(&seen.verdict).map_or_else(|| "-".into(), score_text),
		words(&seen.verdict).to_owned(),
	]
}

fn seen_json(seen: &Considered) -> Value {
	let (verdict, misfit) = match &seen.verdict {
		Verdict::Chosen(_) => ("chosen", None),
		Verdict::Outbid(_) => ("outbid", None),
		Verdict::SameProvider => ("same_provider", None),
		Verdict::Misfit(misfit) => ("misfit", Some(name(*misfit))),
		Verdict::Gone => ("gone", None),
	};
	let score = score_of(&seen.verdict).map(|score| {
		json!({
			"first": score.first.to_string(),
			"second": score.second.to_string(),
			"waste": score.waste,
			"chance": hex(&score.chance.to_be_bytes()),
		})
	});
	json!({
		"replica": seen.replica,
		"worker": seen.entry.worker,
		"provider": hex(&seen.entry.provider),
		"price_per_gfuel": amount::json(seen.entry.offer.price_per_gfuel),
		"throughput_mops": seen.entry.throughput_mops,
		"verdict": verdict,
		"misfit": misfit,
		"why": words(&seen.verdict),
		"score": score,
	})
}

fn json_of(explanation: &Explanation) -> Value {
	let workers = |replicas: &[Replica]| -> Vec<WorkerId> {
		replicas.iter().map(|replica| replica.worker).collect()
	};
	let (cause, cause_block, woken_by) = match explanation.cause {
		Cause::Frozen(block) => ("frozen", Some(block), None),
		Cause::WokenBy(worker) => ("woken", None, Some(worker)),
		Cause::Swept => ("swept", None, None),
	};
	json!({
		"id": explanation.task,
		"attempt": explanation.attempt,
		"block": explanation.block.number,
		"block_hash": hex(&explanation.block.hash),
		"beacon_block": explanation.beacon_block,
		"beacon": hex(&explanation.beacon),
		"seed": hex(&explanation.seed),
		"cause": cause,
		"frozen_in": cause_block,
		"woken_by": woken_by,
		"draws_before": explanation.draws_before,
		"machines": explanation.look.machines,
		"pages": explanation.look.pages,
		"pages_read_for": explanation.look.task,
		"considered": explanation.considered.iter().map(seen_json).collect::<Vec<_>>(),
		"computed": workers(&explanation.computed),
		"recorded": workers(&explanation.recorded),
		"agrees": explanation.agrees(),
	})
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::{supply::tests::entry, task::tests::assigned};
	use aidragon_client::{chain::Head, replay::Look};
	use aidragon_primitives::matching::Misfit;

	fn explanation() -> Explanation {
		let seen = |worker, verdict| Considered { replica: 0, entry: entry(worker, 7), verdict };
		let score = Score { first: 7, second: 0, waste: 3, chance: 255 };
		let replicas = assigned().replicas.to_vec();
		Explanation {
			task: 7,
			attempt: 0,
			block: Head { number: 45, hash: [1; 32] },
			beacon_block: 44,
			beacon: [6; 32],
			seed: [2; 32],
			cause: Cause::Frozen(43),
			draws_before: 3,
			look: Look { task: 6, pages: 1, machines: 3 },
			considered: vec![
				seen(0, Verdict::Chosen(score)),
				seen(1, Verdict::Outbid(score)),
				seen(2, Verdict::Misfit(Misfit::Memory)),
			],
			computed: replicas.clone(),
			recorded: replicas,
		}
	}

	#[test]
	fn every_machine_that_was_looked_at_has_a_line() {
		let report = report(&explanation(), MatchingPolicy::Cheapest);
		let (head, table) = report.text.split_once("\n\n").unwrap();
		assert!(head.contains("machines 0, 1, which is what the chain recorded"), "{head}");
		assert!(head.contains("frozen in block 43"), "{head}");
		assert!(
			head.contains("1 pages of them were read, for task 6 and those drawn with it"),
			"{head}"
		);
		assert_eq!(table.lines().count(), 4);
		assert!(table.contains("7 0 3 00000000000000ff"), "{table}");
		assert!(table.lines().nth(3).unwrap().ends_with("too little memory free"), "{table}");
		assert_eq!(report.json["agrees"], true);
		assert_eq!(report.json["considered"][2]["misfit"], "memory");
		assert_eq!(report.json["considered"][1]["score"]["waste"], 3);
	}

	#[test]
	fn a_draw_that_does_not_follow_is_shown_as_such() {
		let mut wrong = explanation();
		wrong.recorded.pop();
		let report = report(&wrong, MatchingPolicy::Greenest);
		assert!(report.text.contains("but the chain recorded machine 0"), "{}", report.text);
		assert_eq!(report.json["agrees"], false);
		let failure = Failure::from(ReplayError::NoSuchTask(7));
		assert_eq!(failure.exit, Exit::Usage);
	}
}
