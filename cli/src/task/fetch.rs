//! Getting the result of a task.

use crate::{
	agent::fetch_from,
	context::Context,
	exit::{Exit, Failure},
	output::{self, hex, Format, Report},
};
use aidragon_client::{
	blobs::{BlobFetcher, BlobStore, BlobTransport},
	chain::{Chain, Snapshot, View},
	Task,
};
use aidragon_primitives::{state::TaskState, task::BlobRef, TaskId, WorkerId};
use serde_json::json;
use std::{
	fs,
	path::{Path, PathBuf},
};

/// Runs `task fetch`.
pub async fn run(context: &Context, id: TaskId, to: Option<&Path>) -> Result<(), Failure> {
	if to.is_none() && (context.output == Format::Json || output::stdout_is_terminal()) {
		return Err(Failure::usage("name a file for the result with --to FILE"));
	}
	let chain = context.connect().await?;
	let head = chain.head(View::Finalized).await?;
	let task = super::find(&chain.at(&head), id).await?;
	super::require_result(&task)?;
	let blob = result_blob(&task)?;
	let stored = fetch(&chain, &context.store()?, &task).await?;
	let Some(to) = to else {
		let bytes = fs::read(&stored).map_err(|error| unreadable(&stored, &error))?;
		return output::raw(&bytes);
	};
	copy(&stored, to)?;
	let text = format!("{}, {} bytes", to.display(), blob.size_bytes);
	let json = json!({
		"id": id,
		"file": to,
		"bytes": blob.size_bytes,
		"hash": hex(&blob.hash),
	});
	Report { text, json }.print(context.output)
}

/// Fetches the result of a settled task into the store, from any machine that agreed on it.
pub async fn fetch(chain: &Chain, store: &BlobStore, task: &Task) -> Result<PathBuf, Failure> {
	let head = chain.head(View::Finalized).await?;
	let fetcher = BlobFetcher::bind(store.clone(), fetch_from()).await?;
	let fetched = fetch_with(&chain.at(&head), &fetcher, task).await;
	fetcher.close().await;
	fetched
}

/// Fetches the result of a settled task, from any machine that agreed on it.
pub async fn fetch_with(
	at: &Snapshot,
	fetcher: &BlobFetcher,
	task: &Task,
) -> Result<PathBuf, Failure> {
	let machines: Vec<WorkerId> = task.agreeing().collect();
	from_any(at, fetcher, &machines, &result_blob(task)?).await
}

/// Copies a blob to where the user wants it.
pub fn copy(stored: &Path, to: &Path) -> Result<(), Failure> {
	fs::copy(stored, to).map(|_| ()).map_err(|error| {
		Failure::usage(format!("{}: cannot write the result: {error}", to.display()))
	})
}

async fn from_any(
	at: &Snapshot,
	fetcher: &BlobFetcher,
	machines: &[WorkerId],
	blob: &BlobRef,
) -> Result<PathBuf, Failure> {
	let mut reasons = Vec::new();
	for machine in machines {
		let Some(worker) = at.worker(*machine).await? else {
			reasons.push(format!("machine {machine} was removed"));
			continue;
		};
		match fetcher.fetch(&worker.address, blob, blob.size_bytes).await {
			Ok(path) => return Ok(path),
			Err(error) => reasons.push(format!("machine {machine}: {error}")),
		}
	}
	let reasons = reasons.join("; ");
	let message =
		format!("no machine that agreed on the result serves it now, try again later: {reasons}");
	Err(Failure::new(Exit::Network, message))
}

fn result_blob(task: &Task) -> Result<BlobRef, Failure> {
	match (&task.state, task.result) {
		(TaskState::Settled, Some(result)) => {
			Ok(BlobRef { hash: result.output_root, size_bytes: result.output_bytes })
		}
		_ => {
			let (id, state) = (task.id, super::state::name(&task.state));
			let message =
				format!("task {id} is {state} and has no result yet: `dragon task wait {id}`");
			Err(Failure::new(Exit::NoResult, message))
		}
	}
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
	Failure::usage(format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::task::tests::{assigned, settled};

	#[test]
	fn the_result_is_what_the_machines_agreed_on() {
		let task = settled();
		assert_eq!(task.agreeing().collect::<Vec<_>>(), [0, 1]);
		assert_eq!(result_blob(&task).unwrap().hash, [5; 32]);
	}

	#[test]
	fn a_live_task_has_no_result() {
		let failure = result_blob(&assigned()).unwrap_err();
		assert_eq!(failure.exit, Exit::NoResult);
		assert!(failure.message.contains("task wait 7"));
	}
}
