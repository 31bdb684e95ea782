//! Typed reading of the chain's state at one block.

mod drawing;
mod supply;
mod tasks;

pub use supply::all_pages;

use super::{
	layout::{self, Entry},
	Chain, ChainError, Head,
};
use crate::{keys::AccountId, Worker};
use aidragon_primitives::{
	audit::Audit,
	verification::{Challenge, Slot},
	worker::{Capability, Provider, Thresholds},
	Balance, BlockNumber, EraIndex, Hash32, WorkerId,
};
use codec::{Decode, DecodeAll, Encode};
use std::collections::{BTreeMap, HashMap};

/// Entries that are asked for at once while a map is read.
const PAGE: u32 = 256;

/// The state of the chain right after one block.
#[derive(Clone, Debug)]
pub struct Snapshot {
	chain: Chain,
	head: Head,
}

/// What an account has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Balances {
	/// At its disposal, apart from what is frozen.
	pub free: Balance,
	/// On hold for bonds and tasks. Not part of `free`.
	pub held: Balance,
	/// The part of the whole that may not be spent, for instance because it is staked.
	pub frozen: Balance,
}

/// The record of an account in the system pallet.
#[derive(Decode)]
struct AccountInfo {
	_nonce: u32,
	_references: [u32; 3],
	free: Balance,
	reserved: Balance,
	frozen: Balance,
	_flags: u128,
}

impl Snapshot {
	pub(super) fn new(chain: Chain, head: Head) -> Self {
		Self { chain, head }
	}

	/// The block.
	pub fn head(&self) -> Head {
		self.head
	}

	/// The time that the block's author claimed, in milliseconds of Unix time. `None` in the first block.
	pub async fn timestamp_ms(&self) -> Result<Option<u64>, ChainError> {
		self.value(&layout::TIMESTAMP, &[]).await
	}

	/// A machine.
	pub async fn worker(&self, worker: WorkerId) -> Result<Option<Worker>, ChainError> {
		self.value(&layout::WORKERS, &[&worker.encode()]).await
	}

	/// All machines, ordered by id.
	pub async fn workers(&self) -> Result<Vec<(WorkerId, Worker)>, ChainError> {
		self.entries(&layout::WORKERS, &[]).await
	}

	/// Those of the machines that are registered, ordered by number.
	pub async fn workers_of(
		&self,
		ids: &[WorkerId],
	) -> Result<BTreeMap<WorkerId, Worker>, ChainError> {
		let found: Vec<Option<Worker>> = self.many(&layout::WORKERS, ids).await?;
		Ok(ids.iter().zip(found).filter_map(|(id, worker)| Some((*id, worker?))).collect())
	}

	/// The machine that signs with `hot_key`.
	pub async fn worker_of(&self, hot_key: &AccountId) -> Result<Option<WorkerId>, ChainError> {
		self.value(&layout::WORKER_BY_HOT_KEY, &[&hot_key.0]).await
	}

	/// A provider.
	pub async fn provider(&self, account: &AccountId) -> Result<Option<Provider>, ChainError> {
		self.value(&layout::PROVIDERS, &[&account.0]).await
	}

	/// What a machine proved last, valid or not.
	pub async fn capability(&self, worker: WorkerId) -> Result<Option<Capability>, ChainError> {
		self.value(&layout::CAPABILITIES, &[&worker.encode()]).await
	}

	/// What every machine proved last, ordered by machine.
	pub async fn capabilities(&self) -> Result<Vec<(WorkerId, Capability)>, ChainError> {
		self.entries(&layout::CAPABILITIES, &[]).await
	}

	/// The challenge that a slot of a machine is in, or was in last.
	pub async fn challenge(
		&self,
		worker: WorkerId,
		slot: Slot,
	) -> Result<Option<Challenge>, ChainError> {
		self.value(&layout::CHALLENGES, &[&(worker, slot).encode()]).await
	}

	/// The block of the call that a machine has not answered yet.
	pub async fn called_at(&self, worker: WorkerId) -> Result<Option<BlockNumber>, ChainError> {
		self.value(&layout::CALLED_AT, &[&worker.encode()]).await
	}

	/// The least that each tier of a class takes.
	pub async fn thresholds(&self) -> Result<Thresholds, ChainError> {
		Ok(self.value(&layout::CLASS_THRESHOLDS, &[]).await?.unwrap_or_default())
	}

	/// Whether governance lists an account as an attestor of energy sources.
	pub async fn is_attestor(&self, account: &AccountId) -> Result<bool, ChainError> {
		let listed: Option<()> = self.value(&layout::ATTESTORS, &[&account.0]).await?;
		Ok(listed.is_some())
	}

	/// The audit of what a slot of a machine proved last.
	pub async fn audit(&self, worker: WorkerId, slot: Slot) -> Result<Option<Audit>, ChainError> {
		self.value(&layout::AUDITS, &[&(worker, slot).encode()]).await
	}

	/// Whether nobody has reason to doubt what a slot of a machine proved last: an auditor confirmed it, or none could be
	/// drawn.
	pub async fn is_undoubted(&self, worker: WorkerId, slot: Slot) -> Result<bool, ChainError> {
		let audit = self.audit(worker, slot).await?;
		Ok(audit.is_none_or(|audit| audit.drawn == 0 || audit.confirmed > 0))
	}

	/// What a machine was drawn to check and has not said anything about.
	pub async fn duties(&self, auditor: WorkerId) -> Result<Vec<(WorkerId, Slot)>, ChainError> {
		Ok(self.value(&layout::DUTIES, &[&auditor.encode()]).await?.unwrap_or_default())
	}

	/// The beacon of a block, known from that block on and for 256 blocks.
	pub async fn beacon(&self, block: BlockNumber) -> Result<Option<Hash32>, ChainError> {
		self.value(&layout::BEACONS, &[&block.encode()]).await
	}

	/// The newest block whose beacon is known, and that beacon.
	pub async fn latest_beacon(&self) -> Result<Option<(BlockNumber, Hash32)>, ChainError> {
		self.value(&layout::LATEST_BEACON, &[]).await
	}

	/// What an account has. All zero where there is no such account.
	pub async fn balance(&self, account: &AccountId) -> Result<Balances, ChainError> {
		let info: Option<AccountInfo> = self.value(&layout::ACCOUNT, &[&account.0]).await?;
		Ok(info.map_or_else(Balances::default, |info| Balances {
			free: info.free,
			held: info.reserved,
			frozen: info.frozen,
		}))
	}

	/// What is on hold for an account's live tasks.
	pub async fn escrowed(&self, account: &AccountId) -> Result<Balance, ChainError> {
		// Each hold has its pallet and the number of its reason there; tasks are the only reason of that pallet.
		let holds: Option<Vec<((u8, u8), Balance)>> =
			self.value(&layout::HOLDS, &[&account.0]).await?;
		let task_escrow = (self.chain.pallet_index("TokenRewards")?, 0);
		let of_tasks =
			|(reason, amount): ((u8, u8), Balance)| (reason == task_escrow).then_some(amount);
		Ok(holds.into_iter().flatten().find_map(of_tasks).unwrap_or(0))
	}

	/// All points of an era.
	pub async fn era_points(&self, era: EraIndex) -> Result<Balance, ChainError> {
		Ok(self.value(&layout::ERA_POINTS, &[&era.encode()]).await?.unwrap_or(0))
	}

	/// A provider's points of an era that it has not claimed yet.
	pub async fn provider_points(
		&self,
		era: EraIndex,
		provider: &AccountId,
	) -> Result<Balance, ChainError> {
		let points = self.value(&layout::PROVIDER_POINTS, &[&era.encode(), &provider.0]).await?;
		Ok(points.unwrap_or(0))
	}

	async fn value<T: DecodeAll>(
		&self,
		entry: &Entry,
		parts: &[&[u8]],
	) -> Result<Option<T>, ChainError> {
		let key = entry.key(parts);
		let at = Some(self.head.hash.into());
		let key = key.as_slice();
		let bytes =
			self.chain.request(|rpc| async move { rpc.state_get_storage(key, at).await }).await?;
		bytes.map(|bytes| decode(entry, &bytes)).transpose()
	}

	/// Values of a map with one part to its key, in the order in which they are asked for.
	async fn many<K: Encode, T: DecodeAll>(
		&self,
		entry: &Entry,
		keys: &[K],
	) -> Result<Vec<Option<T>>, ChainError> {
		let mut values = Vec::with_capacity(keys.len());
		for keys in keys.chunks(PAGE as usize) {
			let keys: Vec<Vec<u8>> = keys.iter().map(|key| entry.key(&[&key.encode()])).collect();
			let found: HashMap<Vec<u8>, Vec<u8>> =
				self.values(keys.clone()).await?.into_iter().collect();
			for key in &keys {
				values.push(found.get(key).map(|bytes| decode(entry, bytes)).transpose()?);
			}
		}
		Ok(values)
	}

	/// Everything below a prefix of a map, with the last part of each key, ordered by it.
	async fn entries<K, T>(&self, entry: &Entry, parts: &[&[u8]]) -> Result<Vec<(K, T)>, ChainError>
	where
		K: DecodeAll + Ord,
		T: DecodeAll,
	{
		let prefix = entry.key(parts);
		let mut entries: Vec<(K, T)> = Vec::new();
		let mut after: Option<Vec<u8>> = None;
		loop {
			let keys = self.keys_after(&prefix, after.as_deref()).await?;
			let full = keys.len() >= PAGE as usize;
			after = keys.last().cloned();
			for (key, value) in self.values(keys).await? {
				let last = entry.last_part(&key, prefix.len()).unwrap_or_default();
				entries.push((decode(entry, last)?, decode(entry, &value)?));
			}
			if !full {
				break;
			}
		}
		entries.sort_by(|(left, _), (right, _)| left.cmp(right));
		Ok(entries)
	}

	async fn keys_after(
		&self,
		prefix: &[u8],
		after: Option<&[u8]>,
	) -> Result<Vec<Vec<u8>>, ChainError> {
		let at = Some(self.head.hash.into());
		self.chain
			.request(|rpc| async move { rpc.state_get_keys_paged(prefix, PAGE, after, at).await })
			.await
	}

	async fn values(&self, keys: Vec<Vec<u8>>) -> Result<Vec<(Vec<u8>, Vec<u8>)>, ChainError> {
		if keys.is_empty() {
			return Ok(Vec::new());
		}
		let at = Some(self.head.hash.into());
		let keys = &keys;
		let sets = self
			.chain
			.request(|rpc| async move {
				rpc.state_query_storage_at(keys.iter().map(Vec::as_slice), at).await
			})
			.await?;
		let changes = sets.into_iter().flat_map(|set| set.changes);
		Ok(changes.filter_map(|(key, value)| Some((key.0, value?.0))).collect())
	}
}

fn decode<T: DecodeAll>(entry: &Entry, mut bytes: &[u8]) -> Result<T, ChainError> {
	T::decode_all(&mut bytes)
		.map_err(|error| ChainError::Decode { what: entry.path(), reason: error.to_string() })
}
