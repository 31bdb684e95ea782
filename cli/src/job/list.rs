//! The jobs that the chain keeps.

use crate::{
	context::Context,
	exit::Failure,
	output::{table, Report},
};
use aidragon_client::{chain::View, Job};
use aidragon_primitives::{BlockNumber, JobId};
use serde_json::json;

/// Runs `job list`.
pub async fn run(context: &Context, mine: bool) -> Result<(), Failure> {
	let owner = if mine { Some(context.account()?.account_id()) } else { None };
	let chain = context.connect().await?;
	let head = chain.head(View::Finalized).await?;
	let mut jobs = chain.at(&head).jobs().await?;
	jobs.retain(|(_, job)| owner.is_none_or(|owner| job.submitter == owner));
	report(&jobs, head.number).print(context.output)
}

/// Tasks of a job that depend on others, and those of them that settled; `None` where none depends on another.
fn settled(job: &Job) -> Option<u32> {
	job.flow.as_ref().map(|flow| flow.settled.len())
}

fn report(jobs: &[(JobId, Job)], now: BlockNumber) -> Report {
	let row = |(id, job): &(JobId, Job)| {
		vec![
			id.to_string(),
			job.tasks.to_string(),
			settled(job).map_or_else(|| "-".into(), |settled| settled.to_string()),
			job.submitted_at.to_string(),
			job.deadline.to_string(),
			job.submitter.to_string(),
		]
	};
	let heading = ["id", "tasks", "settled", "block", "deadline", "submitter"];
	let json = |(id, job): &(JobId, Job)| {
		json!({
			"id": id,
			"tasks": job.tasks,
			"open": job.open,
			"settled": settled(job),
			"submitted_at": job.submitted_at,
			"deadline": job.deadline,
			"is_late": now > job.deadline,
			"submitter": job.submitter,
		})
	};
	Report {
		text: table(&heading, &jobs.iter().map(row).collect::<Vec<_>>()),
		json: jobs.iter().map(json).collect(),
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::job::view::tests::view;

	#[test]
	fn one_line_for_each_job() {
		let report = report(&[(5, view().job), (9, view().job)], 300);
		assert_eq!(report.text.lines().count(), 3);
		assert_eq!((&report.json[1]["id"], &report.json[0]["tasks"]), (&json!(9), &json!(4)));
	}
}
