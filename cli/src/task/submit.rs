//! Submitting a task, and staying with it.

use super::{fetch, file::TaskFile, quote::Quote, watch};
use crate::{
	agent::{self, stop_signal},
	amount::{self, Amount},
	args::SubmitOptions,
	context::Context,
	exit::{Exit, Failure},
	output::{self, hex, Report},
	source,
};
use aidragon_client::{
	blobs::BlobStore,
	calls,
	calls::Call,
	chain::{Chain, JobSubmitted, View},
	keys::Account,
};
use aidragon_primitives::{Balance, TaskId};
use serde_json::json;
use std::path::Path;

/// Runs `task submit`.
pub async fn run(context: &Context, options: &SubmitOptions) -> Result<(), Failure> {
	let file = TaskFile::read(&options.file)?;
	let checked = file.check(&options.file)?;
	for warning in &checked.warnings {
		output::progress(&format!("warning: {warning}"));
	}
	let account = context.account()?;
	let chain = context.connect().await?;
	let store = context.store()?;
	let program = source::add(&store, checked.program).await?;
	let input = source::add(&store, checked.input).await?;
	let call = |source| {
		let spec = file.spec(program, source);
		let wrong = |reason| Failure::usage(format!("{}: {reason}", options.file.display()));
		Ok::<_, Failure>(calls::submit_task(&spec.map_err(wrong)?, &input))
	};
	let agent = match options.detach {
		true => Some(agent::running(context, &program).await?),
		false => None,
	};
	let quote = Quote::of(&chain, &checked.spec, &input, &account).await?;
	output::progress(&quote.report().text);
	approve(&chain, &account, quote.needed(), "Submit the task?", options.yes).await?;
	if let Some(agent) = agent {
		return submit(context, &chain, &call(agent)?, &account).await.map(|_| ());
	}
	let server = source::serve(context, &options.serve, &store).await?;
	let attached = async {
		let submitted = submit(context, &chain, &call(server.address())?, &account).await?;
		stay(&chain, &store, submitted.job, options.result.as_deref()).await
	};
	let ended = attached.await;
	server.shutdown().await;
	ended
}

/// Checks that the account has what a submission needs, and asks.
pub async fn approve(
	chain: &Chain,
	account: &Account,
	needed: Balance,
	question: &str,
	yes: bool,
) -> Result<(), Failure> {
	let head = chain.head(View::Finalized).await?;
	let balances = chain.at(&head).balance(&account.account_id()).await?;
	if balances.free < needed {
		let message = format!(
			"not enough funds: {} has {} free, and this needs {}; send it money, or lower \
			matching.price_cap_per_gfuel, limits.fuel_mfuel or verification.replicas",
			account.account_id(),
			Amount(balances.free),
			Amount(needed),
		);
		return Err(Failure::new(Exit::Refused, message));
	}
	output::confirm(question, yes)
}

/// Signs, sends, waits for finality and prints the number.
pub async fn submit(
	context: &Context,
	chain: &Chain,
	call: &Call,
	account: &Account,
) -> Result<JobSubmitted, Failure> {
	let included = chain.submit(call, account, View::Finalized).await?;
	let submitted = included.job_submitted()?;
	let json = json!({
		"id": submitted.job,
		"tasks": submitted.tasks,
		"block": included.block.number,
		"extrinsic": hex(&included.extrinsic),
		"escrow": amount::json(submitted.escrow),
		"deadline": submitted.deadline,
	});
	Report { text: submitted.job.to_string(), json }.print(context.output)?;
	Ok(submitted)
}

/// Follows the task to its end while program and input are served, and fetches the result.
async fn stay(
	chain: &Chain,
	store: &BlobStore,
	id: TaskId,
	result: Option<&Path>,
) -> Result<(), Failure> {
	let task = tokio::select! {
		task = watch::until_over(chain, id) => task?,
		stopped = stop_signal() => return Err(interrupted(id, stopped)),
	};
	super::require_result(&task)?;
	if let Some(file) = result {
		let stored = fetch::fetch(chain, store, &task).await?;
		fetch::copy(&stored, file)?;
		output::progress(&format!("the result is in {}, and its hash is right", file.display()));
	}
	Ok(())
}

fn interrupted(id: TaskId, stopped: std::io::Result<()>) -> Failure {
	let reason = stopped.err().map_or_else(String::new, |error| format!(" ({error})"));
	let message = format!(
		"interrupted{reason}; task {id} goes on. Machines that have not fetched program and input yet \
		cannot any more. Continue with `dragon task wait {id}` and `dragon task fetch {id}`; to leave \
		at will next time, run `dragon agent` and submit with --detach"
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
		assert!(failure.message.contains("dragon task wait 7"));
	}
}
