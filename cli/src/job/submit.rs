//! Submitting a job, and staying with it.

use super::{
	fetch,
	file::{Checked, JobFile},
	quote::Quote,
	watch,
};
use crate::{
	agent::{self, stop_signal},
	args::SubmitJobOptions,
	context::Context,
	exit::{Exit, Failure},
	output, source,
	task::submit::{approve, submit},
};
use aidragon_client::{blobs::BlobStore, calls, chain::Chain};
use aidragon_primitives::{task::BlobRef, JobId};

/// Runs `job submit`.
pub async fn run(context: &Context, options: &SubmitJobOptions) -> Result<(), Failure> {
	let file = JobFile::read(&options.file)?;
	let mut checked = file.check(&options.file)?;
	for warning in &checked.warnings {
		output::progress(&format!("warning: {warning}"));
	}
	let account = context.account()?;
	let chain = context.connect().await?;
	let store = context.store()?;
	let program = add_all(&store, &mut checked).await?;
	let tasks = checked.job_tasks();
	let call = |source| {
		let spec = file.spec(program, source);
		let wrong = |reason| Failure::usage(format!("{}: {reason}", options.file.display()));
		Ok::<_, Failure>(calls::submit_job(&spec.map_err(wrong)?, &tasks))
	};
	let agent = match options.detach {
		true => Some(agent::running(context, &program).await?),
		false => None,
	};
	let quote = Quote::of(&chain, &checked, &account).await?;
	output::progress(&quote.report().text);
	let question = format!("Submit the {} tasks?", tasks.len());
	approve(&chain, &account, quote.needed(), &question, options.yes).await?;
	if let Some(agent) = agent {
		return submit(context, &chain, &call(agent)?, &account).await.map(|_| ());
	}
	let server = source::serve(context, &options.serve, &store).await?;
	let attached = async {
		let submitted = submit(context, &chain, &call(server.address())?, &account).await?;
		stay(&chain, &store, submitted.job, options).await
	};
	let ended = attached.await;
	server.shutdown().await;
	ended
}

/// Puts program and inputs into the store, notes the inputs' hashes, and gives the program.
async fn add_all(store: &BlobStore, checked: &mut Checked) -> Result<BlobRef, Failure> {
	let program = source::add(store, checked.program.clone()).await?;
	let mut blobs = Vec::with_capacity(checked.inputs.len());
	for input in &checked.inputs {
		blobs.push(source::add(store, input.clone()).await?);
	}
	checked.blobs = blobs;
	Ok(program)
}

/// Follows the job to its end while program and inputs are served, and fetches what was asked for.
async fn stay(
	chain: &Chain,
	store: &BlobStore,
	id: JobId,
	options: &SubmitJobOptions,
) -> Result<(), Failure> {
	let view = tokio::select! {
		view = watch::until_over(chain, id) => view?,
		stopped = stop_signal() => return Err(interrupted(id, stopped)),
	};
	if let Some(directory) = &options.results {
		let files = fetch::all(chain, store, &view, directory).await?;
		let (count, name) = (files.len(), directory.display());
		output::progress(&format!("{count} results are in {name}, and their hashes are right"));
	}
	view.require_results()?;
	match (&options.result, &options.results) {
		(None, Some(_)) => Ok(()),
		(file, _) => fetch::last(chain, store, &view, file.as_deref()).await,
	}
}

fn interrupted(id: JobId, stopped: std::io::Result<()>) -> Failure {
	let reason = stopped.err().map_or_else(String::new, |error| format!(" ({error})"));
	let message = format!(
		"interrupted{reason}; job {id} goes on. Machines that have not fetched program and inputs yet \
		cannot any more. Continue with `dragon job wait {id}` and `dragon job fetch {id}`; to leave at \
		will next time, run `dragon agent` and submit with --detach"
	);
	Failure::new(Exit::Interrupted, message)
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn an_interruption_says_how_to_go_on() {
		let failure = interrupted(7, Ok(()));
		assert_eq!(failure.exit, Exit::Interrupted);
		assert!(failure.message.contains("dragon job wait 7"));
	}
}
