//! Commands about jobs.

pub mod fetch;
pub mod file;
pub mod list;
pub mod quote;
pub mod status;
pub mod submit;
pub mod view;
pub mod watch;

use crate::{
	amount,
	args::JobCommand,
	context::Context,
	exit::{Exit, Failure},
	output::{self, hex, Report},
	spec,
	supply::Supply,
};
use aidragon_client::{
	calls,
	chain::{Chain, View},
};
use aidragon_primitives::JobId;
use file::JobFile;
use serde_json::json;
use status::Waiting;
use std::{path::Path, time::Duration};
use view::JobView;

/// Runs a command about jobs.
pub async fn run(context: &Context, command: JobCommand) -> Result<(), Failure> {
	match command {
		JobCommand::Validate { file } => validate(context, &file),
		JobCommand::Quote { file } => quote::run(context, &file).await,
		JobCommand::Submit(options) => submit::run(context, &options).await,
		JobCommand::Status { job } => show(context, job).await,
		JobCommand::Wait { job, timeout } => wait(context, job, timeout).await,
		JobCommand::Cancel { job } => cancel(context, job).await,
		JobCommand::Fetch { job, to, results } => {
			fetch::run(context, job, to.as_deref(), results.as_deref()).await
		}
		JobCommand::List { mine } => list::run(context, mine).await,
		JobCommand::Schema => output::raw(spec::schema_text::<JobFile>().as_bytes()),
	}
}

fn validate(context: &Context, path: &Path) -> Result<(), Failure> {
	let checked = JobFile::read(path)?.check(path)?;
	for warning in &checked.warnings {
		output::progress(&format!("warning: {warning}"));
	}
	let (tasks, depth, escrow) = (checked.tasks.len(), checked.depth(), checked.escrow());
	let text = format!(
		"valid: {tasks} tasks, at most {depth} of them one after the other; puts {} on hold, which is the \
		most that all of it can cost",
		amount::Amount(escrow)
	);
	let json = json!({
		"valid": true,
		"tasks": tasks,
		"depth": depth,
		"escrow": amount::json(escrow),
		"program": { "path": checked.program, "bytes": checked.spec.program.blob.size_bytes },
		"inputs": checked.inputs,
	});
	Report { text, json }.print(context.output)
}

async fn show(context: &Context, id: JobId) -> Result<(), Failure> {
	let chain = context.connect().await?;
	report(context, &chain, id).await
}

/// Prints where the tasks of a job stand at the finalized head.
async fn report(context: &Context, chain: &Chain, id: JobId) -> Result<(), Failure> {
	let head = chain.head(View::Finalized).await?;
	let at = chain.at(&head);
	let view = JobView::read(&at, id).await?;
	let waiting = match view.waiting() {
		Some(task) => {
			Some(Waiting { task: task.id, outlook: Supply::read(&at).await?.outlook_for(task) })
		}
		None => None,
	};
	status::report(&view, waiting.as_ref()).print(context.output)
}

async fn wait(context: &Context, id: JobId, timeout_s: Option<u64>) -> Result<(), Failure> {
	let chain = context.connect().await?;
	let watching = watch::until_over(&chain, id);
	let view = match timeout_s {
		None => watching.await?,
		Some(seconds) => {
			tokio::time::timeout(Duration::from_secs(seconds), watching).await.map_err(|_| {
				let message = format!("job {id} is not over after {seconds} s; it goes on");
				Failure::new(Exit::Timeout, message)
			})??
		}
	};
	status::report(&view, None).print(context.output)?;
	view.require_results()
}

async fn cancel(context: &Context, id: JobId) -> Result<(), Failure> {
	let account = context.account()?;
	let chain = context.connect().await?;
	let included = chain.submit(&calls::cancel_job(id), &account, View::Finalized).await?;
	let block = included.block.number;
	let text = format!(
		"job {id} was withdrawn in block {block}; machines that had a task of it were paid for what they \
		had done, and the rest was returned"
	);
	let json = json!({ "id": id, "block": block, "extrinsic": hex(&included.extrinsic) });
	Report { text, json }.print(context.output)
}
