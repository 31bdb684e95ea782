//! The tasks that the chain keeps.

use super::state::{self, StateFilter};
use crate::{
	amount::{self, Amount},
	context::Context,
	exit::Failure,
	output::{table, Report},
};
use aidragon_client::{chain::View, Task};
use aidragon_primitives::WorkerId;
use serde_json::json;

/// Runs `task list`.
pub async fn run(context: &Context, mine: bool, state: Option<StateFilter>) -> Result<(), Failure> {
	let owner = if mine { Some(context.account()?.account_id()) } else { None };
	let chain = context.connect().await?;
	let head = chain.head(View::Finalized).await?;
	let mut tasks: Vec<Task> = chain.at(&head).tasks().await?.into_values().collect();
	tasks.retain(|task| {
		owner.is_none_or(|owner| task.submitter == owner)
			&& state.is_none_or(|state| state.matches(&task.state))
	});
	report(&tasks).print(context.output)
}

fn report(tasks: &[Task]) -> Report {
	let row = |task: &Task| {
		let machines: Vec<String> =
			task.replicas.iter().map(|replica| replica.worker.to_string()).collect();
		vec![
			task.id.to_string(),
			task.job.to_string(),
			state::name(&task.state).to_owned(),
			task.submitted_at.to_string(),
			if machines.is_empty() { "-".into() } else { machines.join(",") },
			Amount(task.escrow).to_string(),
			Amount(task.paid).to_string(),
			task.submitter.to_string(),
		]
	};
	let heading = ["id", "job", "state", "block", "machines", "on hold", "paid", "submitter"];
	let json = |task: &Task| {
		json!({
			"id": task.id,
			"job": task.job,
			"state": state::name(&task.state),
			"submitted_at": task.submitted_at,
			"workers": task.replicas.iter().map(|replica| replica.worker).collect::<Vec<WorkerId>>(),
			"escrow": amount::json(task.escrow),
			"paid": amount::json(task.paid),
			"submitter": task.submitter,
		})
	};
	Report {
		text: table(&heading, &tasks.iter().map(row).collect::<Vec<_>>()),
		json: tasks.iter().map(json).collect(),
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::task::tests::{settled, task};

	#[test]
	fn one_line_for_each_task() {
		let report = report(&[task(), settled()]);
		assert_eq!(report.text.lines().count(), 3);
		assert!(report.text.contains("settled"), "{}", report.text);
		assert_eq!(report.json[1]["workers"], json!([0, 1]));
		assert_eq!(super::report(&[]).json, json!([]));
	}
}
