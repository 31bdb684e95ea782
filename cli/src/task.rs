//! Commands about tasks.

pub mod audit;
pub mod explain;
pub mod fetch;
pub mod file;
pub mod list;
pub mod quote;
pub mod state;
pub mod status;
pub mod submit;
pub mod watch;

#[cfg(test)]
pub(crate) mod tests;

use crate::{
	amount,
	args::TaskCommand,
	context::Context,
	exit::{Exit, Failure},
	output::{self, hex, Report},
	spec,
	supply::Supply,
};
use aidragon_client::{
	calls,
	chain::{Chain, Snapshot, View},
	Task,
};
use aidragon_primitives::{state::TaskState, TaskId};
use file::TaskFile;
use serde_json::json;
use std::{collections::BTreeMap, path::Path, time::Duration};

/// Runs a command about tasks.
pub async fn run(context: &Context, command: TaskCommand) -> Result<(), Failure> {
	match command {
		TaskCommand::Validate { file } => validate(context, &file),
		TaskCommand::Quote { file } => quote::run(context, &file).await,
		TaskCommand::Submit(options) => submit::run(context, &options).await,
		TaskCommand::Status { task } => show(context, task).await,
		TaskCommand::Wait { task, timeout } => wait(context, task, timeout).await,
		TaskCommand::Cancel { task } => cancel(context, task).await,
		TaskCommand::Explain { task, attempt } => explain::run(context, task, attempt).await,
		TaskCommand::Audit { from, to } => audit::run(context, from, to).await,
		TaskCommand::Fetch { task, to } => fetch::run(context, task, to.as_deref()).await,
		TaskCommand::List { mine, state } => list::run(context, mine, state).await,
		TaskCommand::Schema => output::raw(spec::schema_text::<TaskFile>().as_bytes()),
	}
}

/// Reads a task at a block, or fails because there is none.
pub async fn find(at: &Snapshot, id: TaskId) -> Result<Task, Failure> {
	at.task(id).await?.ok_or_else(|| {
		let message = format!(
			"the chain keeps no task {id}: it was never submitted, or has been over for more than a day"
		);
		Failure::usage(message)
	})
}

/// Fails where a task is over without a result, with the sentence that says why.
pub fn require_result(task: &Task) -> Result<(), Failure> {
	match status::reason(&task.state) {
		Some(reason) if task.state != TaskState::Settled => {
			let (id, state) = (task.id, state::name(&task.state));
			Err(Failure::new(Exit::NoResult, format!("task {id} {state}: {reason}")))
		}
		_ => Ok(()),
	}
}

fn validate(context: &Context, path: &Path) -> Result<(), Failure> {
	let checked = TaskFile::read(path)?.check(path)?;
	for warning in &checked.warnings {
		output::progress(&format!("warning: {warning}"));
	}
	let escrow = checked.spec.escrow().unwrap_or_default();
	let text = format!(
		"valid; puts {} on hold, which is the most that it can cost",
		amount::Amount(escrow)
	);
	let json = json!({
		"valid": true,
		"escrow": amount::json(escrow),
		"program": { "path": checked.program, "bytes": checked.spec.program.blob.size_bytes },
		"input": { "path": checked.input, "bytes": checked.input_blob.size_bytes },
	});
	Report { text, json }.print(context.output)
}

async fn show(context: &Context, id: TaskId) -> Result<(), Failure> {
	let chain = context.connect().await?;
	report(context, &chain, id).await
}

/// Prints where a task stands at the finalized head.
async fn report(context: &Context, chain: &Chain, id: TaskId) -> Result<(), Failure> {
	let head = chain.head(View::Finalized).await?;
	let at = chain.at(&head);
	let task = find(&at, id).await?;
	let outlook = match task.state {
		TaskState::Queued => Some(Supply::read(&at).await?.outlook_for(&task)),
		_ => None,
	};
	let mut beacons = BTreeMap::new();
	for replica in &task.replicas {
		if let Some(beacon) = at.beacon(replica.beacon_block).await? {
			beacons.insert(replica.beacon_block, beacon);
		}
	}
	let around = status::Surroundings { now: head.number, outlook, beacons };
	status::report(&task, &around).print(context.output)
}

async fn wait(context: &Context, id: TaskId, timeout_s: Option<u64>) -> Result<(), Failure> {
	let chain = context.connect().await?;
	let watching = watch::until_over(&chain, id);
	let task = match timeout_s {
		None => watching.await?,
		Some(seconds) => {
			tokio::time::timeout(Duration::from_secs(seconds), watching).await.map_err(|_| {
				let message = format!("task {id} is not over after {seconds} s; it goes on");
				Failure::new(Exit::Timeout, message)
			})??
		}
	};
	report(context, &chain, id).await?;
	require_result(&task)
}

async fn cancel(context: &Context, id: TaskId) -> Result<(), Failure> {
	let account = context.account()?;
	let chain = context.connect().await?;
	let included = chain.submit(&calls::cancel_task(id), &account, View::Finalized).await?;
	let block = included.block.number;
	let text = format!(
		"task {id} was withdrawn in block {block}; machines that had it were paid for what they had done, \
		and the rest was returned"
	);
	let json = json!({ "id": id, "block": block, "extrinsic": hex(&included.extrinsic) });
	Report { text, json }.print(context.output)
}
