//! Submitting a task, and staying with it.

use super::{fetch, file::TaskFile, quote::Quote, watch};
use crate::{
	agent::{self, server_config, stop_signal},
	amount::{self, Amount},
	args::SubmitOptions,
	context::Context,
	exit::{Exit, Failure},
	output::{self, hex, Report},
};
use aidragon_client::{
	blobs::{BlobServer, BlobStore},
	calls,
	chain::{Chain, TaskSubmitted, View},
	keys::{Account, TransportKey},
};
use aidragon_primitives::{
	task::{BlobRef, TaskSpec},
	TaskId,
};
use serde_json::json;
use std::path::{Path, PathBuf};

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
	let program = add(&store, checked.program).await?;
	let input = add(&store, checked.input).await?;
	let finish = |source| {
		file.spec(program, input, source)
			.map_err(|reason| Failure::usage(format!("{}: {reason}", options.file.display())))
	};
	if options.detach {
		let spec = finish(agent::running(context, &program).await?)?;
		approve(&chain, &spec, &account, options.yes).await?;
		return submit(context, &chain, &spec, &account).await.map(|_| ());
	}
	approve(&chain, &checked.spec, &account, options.yes).await?;
	let server = serve(context, options, &store).await?;
	let attached = async {
		let spec = finish(server.address())?;
		let submitted = submit(context, &chain, &spec, &account).await?;
		stay(&chain, &store, submitted.task, options.result.as_deref()).await
	};
	let ended = attached.await;
	server.shutdown().await;
	ended
}

/// Puts a file into the store.
async fn add(store: &BlobStore, path: PathBuf) -> Result<BlobRef, Failure> {
	let store = store.clone();
	let added = tokio::task::spawn_blocking(move || store.add_file(&path)).await;
	Ok(added.map_err(|error| Failure::usage(format!("cannot read the file: {error}")))??)
}

/// Serves the store from this process for as long as the task lives.
async fn serve(
	context: &Context,
	options: &SubmitOptions,
	store: &BlobStore,
) -> Result<BlobServer, Failure> {
	// A key for this one run: nobody needs to know the server again afterwards.
	let config = server_config(&options.serve, TransportKey::generate().seed(), 0);
	if config.announce.is_loopback() && !is_local(context.url()) {
		output::progress(
			"warning: machines elsewhere cannot reach 127.0.0.1 for program and input: pass --announce \
			with the address of this machine",
		);
	}
	Ok(BlobServer::start(store.clone(), &config).await?)
}

/// Whether the node is on this machine, and with it most likely the whole network.
fn is_local(url: &str) -> bool {
	let host = url.split("://").nth(1).unwrap_or_default();
	["127.", "localhost", "[::1]"].iter().any(|local| host.starts_with(local))
}

/// Shows the quote, checks that the account can pay, and asks.
async fn approve(
	chain: &Chain,
	spec: &TaskSpec,
	account: &Account,
	yes: bool,
) -> Result<(), Failure> {
	let quote = Quote::of(chain, spec, account).await?;
	output::progress(&quote.report().text);
	let head = chain.head(View::Finalized).await?;
	let balances = chain.at(&head).balance(&account.account_id()).await?;
	if balances.free < quote.needed() {
		let message = format!(
			"not enough funds: {} has {} free, and the task needs {}; send it money, or lower \
			matching.price_cap_per_gfuel, limits.fuel_mfuel or verification.replicas",
			account.account_id(),
			Amount(balances.free),
			Amount(quote.needed()),
		);
		return Err(Failure::new(Exit::Refused, message));
	}
	output::confirm("Submit the task?", yes)
}

/// Signs, sends, waits for finality and prints the id.
async fn submit(
	context: &Context,
	chain: &Chain,
	spec: &TaskSpec,
	account: &Account,
) -> Result<TaskSubmitted, Failure> {
	let included = chain.submit(&calls::submit_task(spec), account, View::Finalized).await?;
	let submitted = included.task_submitted()?;
	let json = json!({
		"id": submitted.task,
		"block": included.block.number,
		"extrinsic": hex(&included.extrinsic),
		"escrow": amount::json(submitted.escrow),
		"deadline": submitted.deadline,
	});
	Report { text: submitted.task.to_string(), json }.print(context.output)?;
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
	super::require_result(id, &task)?;
	if let Some(file) = result {
		let stored = fetch::fetch(chain, store, id, &task).await?;
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
	fn local_nodes_are_told_from_remote_ones() {
		for url in ["ws://127.0.0.1:9944", "ws://localhost:9944", "ws://[::1]:9944"] {
			assert!(is_local(url), "{url}");
		}
		for url in ["wss://rpc.example.org", "ws://192.0.2.1:9944", ""] {
			assert!(!is_local(url), "{url}");
		}
	}

	#[test]
	fn an_interruption_says_how_to_go_on() {
		let failure = interrupted(7, Ok(()));
		assert_eq!(failure.exit, Exit::Interrupted);
		assert!(failure.message.contains("dragon task wait 7"));
	}
}
