//! Checks of the node, the chain and the machine's place on it.

use super::Check;
use crate::{
	cli::existing_keys,
	config::Config,
	executor::meter_schedule_hash,
	status::{status, Record, Rung},
};
use aidragon_client::chain::{Chain, ChainError, Head, View};
use aidragon_primitives::SLOT_DURATION_MS;
use futures::StreamExt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::timeout;

/// Time in which a chain that is alive brings a block.
const BLOCK_PATIENCE: Duration = Duration::from_millis(4 * SLOT_DURATION_MS);
/// Blocks by which finality may lag before it is worth a word.
const LAG_WARN_BLOCKS: u32 = 10;
/// Difference of the clocks that is worth a word, in seconds.
const SKEW_WARN_SECONDS: u64 = 10;

/// Everything that takes a connection.
pub(super) async fn checks(config: &Config) -> Vec<Check> {
	let chain = match Chain::connect(&config.url).await {
		Ok(chain) => chain,
		Err(error @ ChainError::Incompatible { .. }) => {
			let advice = "use the aidragon-worker of the chain's release";
			return vec![
				Check::ok("node", format!("{} answers", config.url)),
				Check::fail("runtime", error.to_string(), advice),
			];
		}
		Err(error) => {
			let advice = "start the node, or set url to one that runs";
			return vec![Check::fail("node", error.to_string(), advice)];
		}
	};
	let mut checks = vec![Check::ok("node", format!("{} answers", config.url)), runtime(&chain)];
	match newest(&chain).await {
		Ok((best, finalized, is_moving)) => {
			checks.push(sync(&best, &finalized, is_moving));
			checks.push(clock(&chain, &best).await);
		}
		Err(error) => {
			checks.push(Check::fail("sync", error.to_string(), "look at the node's log"));
		}
	}
	checks.push(registration(config, &chain).await);
	checks
}

fn runtime(chain: &Chain) -> Check {
	let found = format!(
		"has all that is used; programs are metered by schedule {}",
		hex::encode(meter_schedule_hash())
	);
	match chain.constant_u128("NodeRegistry", "BondPerWorker") {
		Ok(_) => Check::ok("runtime", found),
		Err(error) => {
			let advice = "use the aidragon-worker of the chain's release";
			Check::fail("runtime", error.to_string(), advice)
		}
	}
}

/// Best and finalized block, and whether a new best block arrived while waiting for one.
async fn newest(chain: &Chain) -> Result<(Head, Head, bool), ChainError> {
	let first = chain.head(View::Best).await?;
	let mut heads = chain.follow(View::Best);
	let newer = async {
		while let Some(head) = heads.next().await {
			if head.number > first.number {
				return true;
			}
		}
		false
	};
	let is_moving = timeout(BLOCK_PATIENCE, newer).await.unwrap_or(false);
	Ok((chain.head(View::Best).await?, chain.head(View::Finalized).await?, is_moving))
}

fn sync(best: &Head, finalized: &Head, is_moving: bool) -> Check {
	let (best, finalized) = (best.number, finalized.number);
	let found = format!("best block {best}, finalized block {finalized}");
	if !is_moving {
		let found = format!("{found}, and no new block in {} s", BLOCK_PATIENCE.as_secs());
		return Check::fail(
			"sync",
			found,
			"look at the node's log: it has no peers, or the chain stands",
		);
	}
	match best.saturating_sub(finalized) > LAG_WARN_BLOCKS {
		true => Check::warn(
			"sync",
			found,
			"wait until the node has caught up, or until enough validators are back",
		),
		false => Check::ok("sync", found),
	}
}

async fn clock(chain: &Chain, best: &Head) -> Check {
	let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| age.as_secs());
	match chain.at(best).timestamp_ms().await {
		Ok(Some(timestamp)) => clock_skew(now, timestamp / 1_000),
		Ok(None) => Check::warn("clock", "the chain shows no time yet", "wait for the first block"),
		Err(error) => Check::warn("clock", error.to_string(), "look at the node's log"),
	}
}

/// Both in seconds of Unix time. The best block is a few seconds old by itself.
fn clock_skew(here: u64, chain: u64) -> Check {
	let skew = here.abs_diff(chain);
	let direction = if here >= chain { "ahead of" } else { "behind" };
	let found = format!("{skew} s {direction} the newest block");
	match skew > SKEW_WARN_SECONDS {
		true => {
			Check::warn("clock", found, "synchronise the clock, and see that the node is in sync")
		}
		false => Check::ok("clock", found),
	}
}

async fn registration(config: &Config, chain: &Chain) -> Check {
	let keys = existing_keys(config).and_then(|keys| Ok(keys.hot_key()?.account_id()));
	let Ok(hot_key) = keys else {
		return Check::fail("registration", "there are no keys", "run `aidragon-worker init`");
	};
	match Record::read(chain, &hot_key).await {
		Ok(record) => {
			let status = status(Some(hot_key.to_string()), record.as_ref());
			let id = record.map_or(String::new(), |record| format!("worker {}, ", record.id));
			standing(id, status.rung, &status.missing)
		}
		Err(error) => Check::fail("registration", error.to_string(), "look at the node's log"),
	}
}

fn standing(id: String, rung: Rung, missing: &[String]) -> Check {
	let missing = missing.join("; ");
	match rung {
		Rung::None | Rung::Installed => {
			let advice = "run `aidragon-worker register --provider-key <file>`";
			Check::fail("registration", "the chain does not know this machine", advice)
		}
		Rung::Registered => Check::warn("registration", format!("{id}not verified"), missing),
		Rung::Verified => Check::warn("registration", format!("{id}not online"), missing),
		Rung::Online => Check::ok("registration", format!("{id}online")),
		Rung::Earning => Check::ok("registration", format!("{id}earning")),
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::doctor::Level;

	fn head(number: u32) -> Head {
		Head { number, hash: [0; 32] }
	}

	#[test]
	fn a_chain_that_stands_fails_and_one_that_lags_warns() {
		assert_eq!(sync(&head(100), &head(98), true).level, Level::Ok);
		assert_eq!(sync(&head(100), &head(80), true).level, Level::Warn);
		assert_eq!(sync(&head(100), &head(98), false).level, Level::Fail);
	}

	#[test]
	fn clocks_that_differ_are_told_in_which_direction() {
		assert_eq!(clock_skew(1_000, 996).level, Level::Ok);
		let behind = clock_skew(1_000, 1_060);
		assert_eq!(behind.level, Level::Warn);
		assert!(behind.found.starts_with("60 s behind"));
	}

	#[test]
	fn a_machine_is_healthy_once_it_is_online() {
		let level = |rung| standing("worker 1, ".into(), rung, &["x".into()]).level;
		assert_eq!(level(Rung::Installed), Level::Fail);
		assert_eq!(level(Rung::Registered), Level::Warn);
		assert_eq!(level(Rung::Verified), Level::Warn);
		assert_eq!(level(Rung::Online), Level::Ok);
	}
}
