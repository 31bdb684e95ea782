//! Transactions that keep a node's pool full, and what blocks held.

use crate::rpc::Rpc;
use aidragon_client::{
	calls::Call,
	chain::Chain,
	keys::{Account, AccountId},
};
use aidragon_primitives::BlockNumber;
use anyhow::{Context, Result};
use codec::{Compact, Decode};
use serde_json::{json, Value};
use std::{
	collections::BTreeMap,
	fmt::{self, Display, Formatter},
	fs,
	path::Path,
};

/// Weight of a whole block: one second, in picoseconds.
pub const BLOCK_PS: u64 = 1_000_000_000_000;
/// `System.BlockWeight`: the weight that each class of calls took of a block.
const BLOCK_WEIGHT: &str = "0x26aa394eea5630e07c48ae0c9558cef734abf5cb34d6244378cddbf18e849d96";

/// Transactions of one account that were signed in advance, with successive indices.
pub struct Signed {
	account: AccountId,
	first_index: u64,
	transactions: Vec<String>,
	/// The first that is not in the pool.
	next: usize,
}

impl Signed {
	/// Signs `calls` with an account that sends nothing else.
	pub async fn prepare(chain: &Chain, account: &Account, calls: &[Call]) -> Result<Self> {
		let first_index = chain.next_index(account).await?;
		let signed = chain.sign_all(account, first_index, calls).await?;
		let transactions = signed.iter().map(as_text).collect();
		Ok(Self { account: account.account_id(), first_index, transactions, next: 0 })
	}

	/// All of them, sent or not.
	pub fn transactions(&self) -> &[String] {
		&self.transactions
	}

	/// How many the node has, in blocks or ready for them.
	pub fn sent(&self) -> usize {
		self.next
	}

	/// How many are left.
	pub fn left(&self) -> usize {
		self.transactions.len() - self.next
	}

	/// Hands the next `count` transactions to the pool, up to the first that it refuses, and says why it did.
	pub async fn send(&mut self, rpc: &Rpc, count: usize) -> Result<Option<String>> {
		let end = self.transactions.len().min(self.next + count);
		for taken in rpc.hand_in(&self.transactions[self.next..end]).await? {
			match taken {
				Ok(()) => self.next += 1,
				Err(reason) => return Ok(Some(reason)),
			}
		}
		Ok(None)
	}

	/// Asks the node how many it still has: a pool may lose what it took. Those come next again. Gives how many were lost.
	pub async fn recount(&mut self, rpc: &Rpc) -> Result<usize> {
		let parameters = [json!([self.account.to_string()])];
		let index = rpc.values("system_accountNextIndex", &parameters).await?;
		let index = index.first().and_then(Value::as_u64).context("no index")?;
		let has = usize::try_from(index.saturating_sub(self.first_index))?;
		let lost = self.next.saturating_sub(has);
		self.next = has;
		Ok(lost)
	}
}

/// Hexadecimal digits, as requests have them.
pub fn as_text(bytes: &Vec<u8>) -> String {
	format!("0x{}", hex::encode(bytes))
}

/// What a block held, and what it took.
#[derive(Clone, Debug, Default)]
pub struct Block {
	/// Its height.
	pub number: BlockNumber,
	/// The time that its author claims.
	pub time_ms: u64,
	/// Its transactions, the inherent ones first.
	pub extrinsics: Vec<String>,
	/// Weight of the calls of accounts, in picoseconds.
	pub calls_ps: u64,
	/// Weight of what the chain does by itself, in picoseconds.
	pub hooks_ps: u64,
	/// What the author's log says of it, where it does.
	pub authored: Option<Authored>,
}

/// What an author's log says of a block.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Authored {
	/// Time that it took to build the block.
	pub build_ms: u64,
	/// Why the author stopped: no transactions, no weight, no time.
	pub end: String,
}

/// Reads blocks of the best chain, and what `log` says of them.
pub async fn blocks(
	rpc: &Rpc,
	chain: &Chain,
	log: &Path,
	from: BlockNumber,
	to: BlockNumber,
) -> Result<Vec<Block>> {
	let numbers: Vec<Value> = (from..=to).map(|number| json!([number])).collect();
	let hashes = rpc.values("chain_getBlockHash", &numbers).await?;
	let keyed: Vec<Value> = hashes.iter().map(|hash| json!([BLOCK_WEIGHT, hash])).collect();
	let weights = rpc.values("state_getStorage", &keyed).await?;
	let authored = authored(&String::from_utf8_lossy(&fs::read(log)?));
	let mut blocks = Vec::new();
	for ((number, hash), weight) in (from..=to).zip(&hashes).zip(&weights) {
		let (calls_ps, hooks_ps) = weights_of(weight).context("no weight of a block")?;
		let time_ms = chain.at(&chain.head_at(number).await?).timestamp_ms().await?;
		blocks.push(Block {
			number,
			time_ms: time_ms.context("no time of a block")?,
			extrinsics: extrinsics(rpc, hash).await?,
			calls_ps,
			hooks_ps,
			authored: authored.get(&number).cloned(),
		});
	}
	Ok(blocks)
}

/// The transactions of the block with this hash.
pub async fn extrinsics(rpc: &Rpc, hash: &Value) -> Result<Vec<String>> {
	let block = rpc.values("chain_getBlock", &[json!([hash])]).await?;
	let list = block.first().and_then(|block| block["block"]["extrinsics"].as_array());
	let list = list.context("a block without a list of transactions")?;
	Ok(list.iter().filter_map(|text| text.as_str().map(str::to_owned)).collect())
}

/// Time in picoseconds that normal and mandatory dispatch took, of the three classes in storage.
fn weights_of(value: &Value) -> Option<(u64, u64)> {
	let bytes = hex::decode(value.as_str()?.trim_start_matches("0x")).ok()?;
	type Weight = (Compact<u64>, Compact<u64>);
	let [normal, _, mandatory] = <[Weight; 3]>::decode(&mut bytes.as_slice()).ok()?;
	Some((normal.0 .0, mandatory.0 .0))
}

/// What a node's log says of the blocks that it built, by height.
fn authored(log: &str) -> BTreeMap<BlockNumber, Authored> {
	let entry = |line: &str| {
		let rest = line.split("Prepared block for proposing at ").nth(1)?;
		let (number, rest) = rest.split_once(" (")?;
		let (build_ms, rest) = rest.split_once(" ms)")?;
		let end = rest.split("end: ").nth(1)?.split(';').next()?;
		let authored = Authored { build_ms: build_ms.parse().ok()?, end: end.to_owned() };
		Some((number.parse().ok()?, authored))
	};
	log.lines().filter_map(entry).collect()
}

/// Seconds between the first and the last of some blocks, by their own clocks.
pub fn seconds_between(blocks: &[Block]) -> f64 {
	match (blocks.first(), blocks.last()) {
		(Some(first), Some(last)) => last.time_ms.saturating_sub(first.time_ms) as f64 / 1_000.0,
		_ => 0.0,
	}
}

/// The part of the blocks' weight that something took, on average.
pub fn share(blocks: &[Block], taken_ps: impl Fn(&Block) -> u64) -> f64 {
	let total: u64 = blocks.iter().map(taken_ps).sum();
	total as f64 / (BLOCK_PS as f64 * blocks.len().max(1) as f64)
}

/// Where the weight and the time of some blocks went, in a line.
pub fn describe(blocks: &[Block]) -> String {
	let count = blocks.len().max(1);
	let hooks_max = blocks.iter().map(|block| block.hooks_ps).max().unwrap_or(0);
	let extrinsics: usize = blocks.iter().map(|block| block.extrinsics.len()).sum();
	// The log is behind by a moment, so that it may lack the last block.
	let logged: Vec<&Authored> =
		blocks.iter().filter_map(|block| block.authored.as_ref()).collect();
	let build_ms: u64 = logged.iter().map(|authored| authored.build_ms).sum();
	let mut ends: BTreeMap<&str, u32> = BTreeMap::new();
	for authored in &logged {
		*ends.entry(&authored.end).or_default() += 1;
	}
	format!(
		"{count} blocks, each on average: calls {:.1} %, hooks {:.1} % (at most {:.1} %) of the weight, {} extrinsics, \
		 built in {} ms; ended by {ends:?}",
		100.0 * share(blocks, |block| block.calls_ps),
		100.0 * share(blocks, |block| block.hooks_ps),
		100.0 * hooks_max as f64 / BLOCK_PS as f64,
		extrinsics / count,
		build_ms / logged.len().max(1) as u64,
	)
}

impl Display for Block {
	fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
		write!(
			formatter,
			"block {} of {} extrinsics, calls {:.1} %, hooks {:.1} % of the weight",
			self.number,
			self.extrinsics.len(),
			100.0 * self.calls_ps as f64 / BLOCK_PS as f64,
			100.0 * self.hooks_ps as f64 / BLOCK_PS as f64,
		)?;
		match &self.authored {
			Some(Authored { build_ms, end }) => write!(formatter, ", {build_ms} ms, {end}"),
			None => Ok(()),
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn a_log_tells_how_long_a_block_took_and_why_it_ended() {
		let line = "2026-11-22 21:25:00 🎁 Prepared block for proposing at 7 (212 ms) hash: 0x80; parent_hash: 0x8f; \
			end: HitBlockWeightLimit; extrinsics_count: 1";
		let found = authored(&format!("other\n{line}\n"));
		let expected = Authored { build_ms: 212, end: "HitBlockWeightLimit".into() };
		assert_eq!(found, [(7, expected)].into());
	}

	#[test]
	fn weights_are_read_by_class() {
		// Normal 1 and 2, operational 0, mandatory 3 and 4, each as a compact number.
		assert_eq!(weights_of(&json!("0x040800000c10")), Some((1, 3)));
		assert_eq!(weights_of(&Value::Null), None);
	}
}
