//! Getting the results of a job.

use super::view::JobView;
use crate::{
	agent::fetch_from,
	context::Context,
	exit::{Exit, Failure},
	output::{self, Report},
	task::fetch::{copy, fetch, fetch_with, run as fetch_task},
};
use aidragon_client::{
	blobs::{BlobFetcher, BlobStore},
	chain::{Chain, View},
	Task,
};
use aidragon_primitives::{state::TaskState, JobId};
use serde_json::json;
use std::{
	fs,
	path::{Path, PathBuf},
};

/// Runs `job fetch`.
pub async fn run(
	context: &Context,
	id: JobId,
	to: Option<&Path>,
	results: Option<&Path>,
) -> Result<(), Failure> {
	let chain = context.connect().await?;
	let head = chain.head(View::Finalized).await?;
	let view = JobView::read(&chain.at(&head), id).await?;
	let Some(directory) = results else {
		let last = view.last().ok_or_else(|| forgotten(&view))?;
		return fetch_task(context, last.id, to).await;
	};
	let files = all(&chain, &context.store()?, &view, directory).await?;
	let names: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
	let json = json!({ "id": id, "files": names });
	Report { text: names.join("\n"), json }.print(context.output)?;
	match files.len() == usize::from(view.job.tasks) {
		true => Ok(()),
		false => {
			view.require_results()?;
			let message = format!(
				"job {id} has only {} of {} results yet: `dragon job wait {id}`",
				files.len(),
				view.job.tasks
			);
			Err(Failure::new(Exit::NoResult, message))
		}
	}
}

/// Fetches the result of every settled task into a directory, and gives the files.
pub async fn all(
	chain: &Chain,
	store: &BlobStore,
	view: &JobView,
	directory: &Path,
) -> Result<Vec<PathBuf>, Failure> {
	fs::create_dir_all(directory).map_err(|error| {
		Failure::usage(format!("{}: cannot create it: {error}", directory.display()))
	})?;
	let head = chain.head(View::Finalized).await?;
	let at = chain.at(&head);
	let fetcher = BlobFetcher::bind(store.clone(), fetch_from()).await?;
	let mut files = Vec::new();
	let fetched = async {
		for task in view.tasks.values().filter(|task| task.state == TaskState::Settled) {
			let file = directory.join(name(task));
			copy(&fetch_with(&at, &fetcher, task).await?, &file)?;
			files.push(file);
		}
		Ok::<_, Failure>(())
	};
	let fetched = fetched.await;
	fetcher.close().await;
	fetched.map(|()| files)
}

/// Fetches the result of the last task into the store, and from there into a file.
pub async fn last(
	chain: &Chain,
	store: &BlobStore,
	view: &JobView,
	file: Option<&Path>,
) -> Result<(), Failure> {
	let last = view.last().ok_or_else(|| forgotten(view))?;
	let stored = fetch(chain, store, last).await?;
	match file {
		Some(file) => {
			copy(&stored, file)?;
			let name = file.display();
			output::progress(&format!("the last result is in {name}, and its hash is right"));
		}
		None => output::progress(&format!(
			"the last result is in the local store; `dragon job fetch {} --to FILE` writes it to a file",
			view.id
		)),
	}
	Ok(())
}

/// The file of a result within its directory.
fn name(task: &Task) -> String {
	format!("result-{}", task.index(task.id))
}

fn forgotten(view: &JobView) -> Failure {
	let message = format!("the last task of job {} has been over for more than a day", view.id);
	Failure::usage(message)
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::job::view::tests::view;

	#[test]
	fn results_are_named_by_position() {
		let view = view();
		assert_eq!(
			view.tasks.values().map(name).collect::<Vec<_>>(),
			["result-0", "result-1", "result-2"]
		);
		assert!(forgotten(&view).message.contains("job 5"));
	}
}
