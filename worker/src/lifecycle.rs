//! Draining, pausing, resuming and retiring the machine by hand, and changing its encryption key.

use crate::{cli::existing_keys, config::Config, register::ask};
use aidragon_client::{
	calls,
	chain::{Chain, Head, SubmitError, View},
	keys::Account,
	Worker,
};
use aidragon_primitives::{
	worker::{WorkerStatus, FREE_CALL_BLOCKS},
	BlockNumber, WorkerId,
};
use anyhow::{bail, Context};
use futures::StreamExt;

/// Times that resuming is tried.
const RESUME_TRIES: u32 = 5;

/// Lets the machine finish what it has and take nothing new.
pub async fn drain(config: &Config) -> anyhow::Result<()> {
	let (chain, account) = hot(config).await?;
	let (_, id, worker) = own_record(&chain, &account).await?;
	match worker.status {
		WorkerStatus::Active => {}
		WorkerStatus::Draining => return already(id, "draining"),
		WorkerStatus::Paused => return already(id, "paused"),
		WorkerStatus::Retiring { .. } => return already(id, "retiring"),
	}
	let included = chain.submit(&calls::drain(id), &account, View::Finalized).await?;
	let (block, running) = (included.block.number, worker.running);
	tracing::info!(
		worker = id,
		block,
		running,
		"draining: what runs is finished, nothing new comes"
	);
	Ok(())
}

/// Lets the machine finish what it has, take nothing new and be called no more.
pub async fn pause(config: &Config) -> anyhow::Result<()> {
	let (chain, account) = hot(config).await?;
	let (_, id, worker) = own_record(&chain, &account).await?;
	match worker.status {
		WorkerStatus::Active | WorkerStatus::Draining => {}
		WorkerStatus::Paused => return already(id, "paused"),
		WorkerStatus::Retiring { .. } => return already(id, "retiring"),
	}
	let included = chain.submit(&calls::pause(id), &account, View::Finalized).await?;
	let (block, running) = (included.block.number, worker.running);
	tracing::info!(worker = id, block, running, "paused: it may be switched off once nothing runs");
	Ok(())
}

/// Begins a new epoch of the encryption key, and gives its number.
pub async fn rotate_key(config: &Config) -> anyhow::Result<u32> {
	let keys = existing_keys(config)?;
	let (chain, account) = hot(config).await?;
	let (head, id, worker) = own_record(&chain, &account).await?;
	let wait = blocks_until_free(worker.last_seen, head.number);
	if wait > 0 {
		bail!("the chain takes this for free in {wait} blocks; try again then");
	}
	let epoch = worker.key_epoch.checked_add(1).context("the last epoch is reached")?;
	let call = calls::update_endpoint(&keys.encryption_key(epoch), &worker.address);
	let included = chain.submit(&call, &account, View::Finalized).await?;
	tracing::info!(
		worker = id,
		block = included.block.number,
		epoch,
		"the encryption key is changed"
	);
	Ok(epoch)
}

/// Lets a draining or paused machine take tasks again.
pub async fn resume(config: &Config) -> anyhow::Result<()> {
	let (chain, account) = hot(config).await?;
	let mut heads = chain.follow(View::Best);
	let mut tries = 0;
	loop {
		let (head, id, worker) = own_record(&chain, &account).await?;
		match worker.status {
			WorkerStatus::Active => return already(id, "active"),
			WorkerStatus::Draining | WorkerStatus::Paused => {}
			WorkerStatus::Retiring { .. } => {
				bail!("worker {id} is retiring; register another machine")
			}
		}
		let wait = blocks_until_free(worker.last_seen, head.number);
		if wait > 0 {
			tracing::info!(
				worker = id,
				wait,
				"waiting: the chain takes this for free once in a while"
			);
		} else {
			tries += 1;
			match chain.submit(&calls::resume(id), &account, View::Finalized).await {
				Ok(included) => {
					let block = included.block.number;
					tracing::info!(worker = id, block, "takes tasks again");
					return Ok(());
				}
				// A sign of life of the running daemon may have come first, and the wait begins anew.
				Err(error @ (SubmitError::Rejected { .. } | SubmitError::Dropped { .. }))
					if tries < RESUME_TRIES =>
				{
					tracing::info!(worker = id, "not taken, trying again: {error}");
				}
				Err(error) => return Err(error.into()),
			}
		}
		heads.next().await;
		heads.next().await;
	}
}

/// Takes the machine out for good.
pub async fn retire(config: &Config, provider: &Account, yes: bool) -> anyhow::Result<()> {
	let (chain, account) = hot(config).await?;
	let (_, id, worker) = own_record(&chain, &account).await?;
	if let WorkerStatus::Retiring { removable_at } = worker.status {
		tracing::info!(worker = id, removable_at, "is retiring already");
		return Ok(());
	}
	if worker.provider != provider.account_id() {
		bail!("worker {id} belongs to {}, not to {}", worker.provider, provider.account_id());
	}
	let question = format!("Retire worker {id}? It takes no tasks any more and cannot come back.");
	if !yes && !ask(&question)? {
		bail!("not retired");
	}
	let included = chain.submit(&calls::retire_worker(id), provider, View::Finalized).await?;
	let delay = chain.constant_u32("NodeRegistry", "ExitDelay")?;
	let removable_at = included.block.number.saturating_add(delay);
	tracing::info!(worker = id, block = included.block.number, removable_at, "retiring");
	Ok(())
}

async fn hot(config: &Config) -> anyhow::Result<(Chain, Account)> {
	let account = existing_keys(config)?.hot_key()?;
	Ok((Chain::connect(&config.url).await?, account))
}

async fn own_record(chain: &Chain, account: &Account) -> anyhow::Result<(Head, WorkerId, Worker)> {
	let head = chain.head(View::Best).await?;
	let state = chain.at(&head);
	let id = state
		.worker_of(&account.account_id())
		.await?
		.context("this machine is not registered; run `aidragon-worker register` first")?;
	let worker = state.worker(id).await?.context("the machine was just removed")?;
	Ok((head, id, worker))
}

fn already(id: WorkerId, what: &str) -> anyhow::Result<()> {
	tracing::info!(worker = id, "is {what} already");
	Ok(())
}

/// Blocks until the chain takes a call of the hot key for free that it takes only once in a while.
fn blocks_until_free(last_seen: Option<BlockNumber>, best: BlockNumber) -> u32 {
	let free_at = last_seen.map_or(0, |seen| seen.saturating_add(FREE_CALL_BLOCKS));
	free_at.saturating_sub(best.saturating_add(1))
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn the_wait_is_counted_from_the_last_sign_of_life() {
		assert_eq!(blocks_until_free(None, 100), 0);
		assert_eq!(blocks_until_free(Some(100), 100), 5);
		assert_eq!(blocks_until_free(Some(95), 100), 0);
		assert_eq!(blocks_until_free(Some(50), 100), 0);
	}
}
