//! Where the tasks of a job stand, in words and in JSON.

use super::view::{Counts, JobView};
use crate::{
	amount::{self, Amount},
	output::{fields, hex, table, Report},
	supply::Outlook,
	task::{
		state,
		status::{names, reason},
	},
};
use aidragon_client::Task;
use aidragon_primitives::{state::TaskState, Balance, TaskId, WorkerId};
use serde_json::{json, Value};

/// What the tasks of a job took and cost.
struct Sums {
	fuel: u64,
	escrow: Balance,
	paid: Balance,
}

impl Sums {
	fn of(view: &JobView) -> Self {
		let mut sums = Self { fuel: 0, escrow: 0, paid: 0 };
		for task in view.tasks.values() {
			sums.fuel = sums.fuel.saturating_add(task.result.map_or(0, |result| result.fuel));
			sums.escrow = sums.escrow.saturating_add(task.escrow);
			sums.paid = sums.paid.saturating_add(task.paid);
		}
		sums
	}
}

/// Who could run the first of the tasks that found no machine.
pub struct Waiting {
	/// That task.
	pub task: TaskId,
	/// Who could run it.
	pub outlook: Outlook,
}

/// The status of a job.
pub fn report(view: &JobView, waiting: Option<&Waiting>) -> Report {
	let (counts, sums, workers) = (view.counts(), Sums::of(view), view.workers());
	let job = &view.job;
	let left = job.deadline.saturating_sub(view.now);
	let end = match view.is_over() {
		true => format!("over, as of block {}", view.now),
		false => {
			format!("over at the latest in block {}, {left} blocks from now", job.deadline)
		}
	};
	let mut head = vec![
		("job", format!("{}, {} tasks", view.id, job.tasks)),
		("state", counts.message()),
		("submitter", job.submitter.to_string()),
		("timeline", format!("submitted in block {}\n{end}", job.submitted_at)),
		("machines", format!("{} that have or had a task", workers.len())),
		("fuel", sums.fuel.to_string()),
		("money", format!("{} paid, {} on hold", Amount(sums.paid), Amount(sums.escrow))),
	];
	head.extend(waiting.map(|waiting| {
		let Waiting { task, outlook } = waiting;
		("waiting", format!("task {task} found no machine: {}", outlook.message()))
	}));
	let heading = ["task", "state", "machines", "takes", "fuel", "paid", "why"];
	let rows: Vec<Vec<String>> = view.tasks.values().map(row).collect();
	let text = format!("{}\n\n{}", fields(&head), table(&heading, &rows));
	Report { text, json: json_of(view, waiting) }
}

fn row(task: &Task) -> Vec<String> {
	let machines: Vec<String> =
		task.replicas.iter().map(|replica| replica.worker.to_string()).collect();
	let dash = |text: String| if text.is_empty() { "-".to_owned() } else { text };
	let why = match task.state {
		TaskState::Settled => String::new(),
		state => reason(&state).unwrap_or_default(),
	};
	vec![
		task.id.to_string(),
		state::name(&task.state).to_owned(),
		dash(machines.join(",")),
		if task.is_dependent() { names(task) } else { "-".into() },
		dash(task.result.map_or_else(String::new, |result| result.fuel.to_string())),
		Amount(task.paid).to_string(),
		why,
	]
}

fn json_of(view: &JobView, waiting: Option<&Waiting>) -> Value {
	let sums = Sums::of(view);
	let Counts { tasks, blocked, queued, at_work, settled, failed, forgotten } = view.counts();
	json!({
		"id": view.id,
		"block": view.now,
		"over": view.is_over(),
		"submitter": view.job.submitter,
		"submitted_at": view.job.submitted_at,
		"deadline": view.job.deadline,
		"sums": {
			"tasks": tasks,
			"blocked": blocked,
			"queued": queued,
			"at_work": at_work,
			"settled": settled,
			"failed": failed,
			"forgotten": forgotten,
			"workers": view.workers(),
			"fuel": sums.fuel,
			"escrow": amount::json(sums.escrow),
			"paid": amount::json(sums.paid),
		},
		"waiting": waiting.map(|waiting| {
			json!({ "task": waiting.task, "supply": waiting.outlook.json() })
		}),
		"tasks": view.tasks.values().map(task_json).collect::<Vec<_>>(),
	})
}

fn task_json(task: &Task) -> Value {
	json!({
		"id": task.id,
		"position": task.index(task.id),
		"after": task.inputs().collect::<Vec<_>>(),
		"state": state::name(&task.state),
		"over": task.state.is_terminal(),
		"reason": reason(&task.state),
		"workers": task.replicas.iter().map(|replica| replica.worker).collect::<Vec<WorkerId>>(),
		"output_root": task.result.map(|result| hex(&result.output_root)),
		"output_bytes": task.result.map(|result| result.output_bytes),
		"fuel": task.result.map(|result| result.fuel),
		"escrow": amount::json(task.escrow),
		"paid": amount::json(task.paid),
	})
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::{job::view::tests::view, supply::tests::supply};

	#[test]
	fn each_task_has_a_line_and_all_are_summed_up() {
		let report = report(&view(), None);
		let (head, table) = report.text.split_once("\n\n").unwrap();
		assert!(head.contains("1 of 4 settled, 1 at work"), "{head}");
		assert!(head.contains("0.21 DRGN paid, 1.2 DRGN on hold"), "{head}");
		assert_eq!(table.lines().count(), 4);
		let blocked = table.lines().last().unwrap();
		assert!(
			blocked.starts_with("7     blocked") && blocked.contains("tasks 5 to 6"),
			"{blocked}"
		);
		assert_eq!(report.json["sums"]["workers"], json!([0, 1]));
		assert_eq!(report.json["sums"]["paid"], "210000000000");
		assert_eq!(report.json["tasks"][0]["state"], "settled");
		assert_eq!(report.json["tasks"][2]["after"], json!([5, 6]));
		assert_eq!(report.json["waiting"], Value::Null);
	}

	#[test]
	fn a_task_that_finds_no_machine_says_who_could_run_it() {
		let view = view();
		let outlook = supply(&[u128::MAX]).outlook_for(&view.tasks[&7]);
		let report = report(&view, Some(&Waiting { task: 7, outlook }));
		let said = "task 7 found no machine: 1 machine may be given work, 0 of them ask no more";
		assert!(report.text.contains(said), "{}", report.text);
		assert_eq!(report.json["waiting"]["supply"]["fitting"], 0);
	}
}
