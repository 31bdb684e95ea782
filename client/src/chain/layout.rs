//! Where the chain keeps what this client reads, and the check that the connected chain agrees.

use super::{ChainError, SPEC_NAME};
use crate::calls;
use sp_crypto_hashing::{blake2_128, twox_128, twox_64};
use subxt::{
	ext::frame_decode::storage::StorageHasher::{self, Blake2_128Concat, Twox64Concat},
	metadata::Metadata,
};

/// A storage entry: a value, or a map with one hasher for each part of its key.
pub(super) struct Entry {
	pallet: &'static str,
	name: &'static str,
	hashers: &'static [StorageHasher],
}

const fn entry(
	pallet: &'static str,
	name: &'static str,
	hashers: &'static [StorageHasher],
) -> Entry {
	Entry { pallet, name, hashers }
}

pub(super) const ACCOUNT: Entry = entry("System", "Account", &[Blake2_128Concat]);
pub(super) const TIMESTAMP: Entry = entry("Timestamp", "Now", &[]);
pub(super) const PROVIDERS: Entry = entry("NodeRegistry", "Providers", &[Blake2_128Concat]);
pub(super) const WORKERS: Entry = entry("NodeRegistry", "Workers", &[Twox64Concat]);
pub(super) const WORKER_BY_HOT_KEY: Entry =
	entry("NodeRegistry", "WorkerByHotKey", &[Blake2_128Concat]);
pub(super) const CALLED_AT: Entry = entry("NodeRegistry", "CalledAt", &[Twox64Concat]);
pub(super) const CLASS_THRESHOLDS: Entry = entry("NodeRegistry", "ClassThresholds", &[]);
pub(super) const ATTESTORS: Entry = entry("NodeRegistry", "Attestors", &[Blake2_128Concat]);
pub(super) const CHALLENGES: Entry = entry("ResourceVerification", "Challenges", &[Twox64Concat]);
pub(super) const CAPABILITIES: Entry =
	entry("ResourceVerification", "Capabilities", &[Twox64Concat]);
pub(super) const AUDITS: Entry = entry("ResourceVerification", "Audits", &[Twox64Concat]);
pub(super) const DUTIES: Entry = entry("ResourceVerification", "Duties", &[Twox64Concat]);
pub(super) const BEACONS: Entry = entry("ResourceVerification", "Beacons", &[Twox64Concat]);
pub(super) const LATEST_BEACON: Entry = entry("ResourceVerification", "LatestBeacon", &[]);
pub(super) const SUPPLY_DIRECTORY: Entry = entry("TaskMatching", "SupplyDirectory", &[]);
pub(super) const SUPPLY_PAGES: Entry = entry("TaskMatching", "SupplyPages", &[Twox64Concat]);
pub(super) const SUPPLY_PLACES: Entry = entry("TaskMatching", "SupplyPlaces", &[Twox64Concat]);
pub(super) const FROZEN_CURSOR: Entry = entry("TaskMatching", "FrozenCursor", &[]);
pub(super) const FROZEN_LENGTH: Entry = entry("TaskMatching", "FrozenLength", &[Twox64Concat]);
pub(super) const FROZEN: Entry = entry("TaskMatching", "Frozen", &[Twox64Concat]);
pub(super) const WAITING_INDEX: Entry = entry("TaskMatching", "WaitingIndex", &[]);
pub(super) const WAITING_QUEUES: Entry = entry("TaskMatching", "WaitingQueues", &[Twox64Concat]);
pub(super) const WAITING: Entry = entry("TaskMatching", "Waiting", &[Twox64Concat]);
pub(super) const WAKING: Entry = entry("TaskMatching", "Waking", &[]);
pub(super) const JOBS: Entry = entry("TaskMatching", "Jobs", &[Twox64Concat]);
pub(super) const TASKS: Entry = entry("TaskMatching", "Tasks", &[Twox64Concat]);
pub(super) const ASSIGNMENTS: Entry =
	entry("TaskMatching", "Assignments", &[Twox64Concat, Twox64Concat]);
pub(super) const HOLDS: Entry = entry("Balances", "Holds", &[Blake2_128Concat]);
pub(super) const ERA_POINTS: Entry = entry("TokenRewards", "EraPoints", &[Twox64Concat]);
pub(super) const PROVIDER_POINTS: Entry =
	entry("TokenRewards", "ProviderPoints", &[Twox64Concat, Blake2_128Concat]);

const ENTRIES: [&Entry; 30] = [
	&ACCOUNT,
	&TIMESTAMP,
	&PROVIDERS,
	&WORKERS,
	&WORKER_BY_HOT_KEY,
	&CALLED_AT,
	&CLASS_THRESHOLDS,
	&ATTESTORS,
	&CHALLENGES,
	&CAPABILITIES,
	&AUDITS,
	&DUTIES,
	&BEACONS,
	&LATEST_BEACON,
	&SUPPLY_DIRECTORY,
	&SUPPLY_PAGES,
	&SUPPLY_PLACES,
	&FROZEN_CURSOR,
	&FROZEN_LENGTH,
	&FROZEN,
	&WAITING_INDEX,
	&WAITING_QUEUES,
	&WAITING,
	&WAKING,
	&JOBS,
	&TASKS,
	&ASSIGNMENTS,
	&HOLDS,
	&ERA_POINTS,
	&PROVIDER_POINTS,
];

impl Entry {
	/// `Pallet.Entry`, for messages.
	pub(super) fn path(&self) -> String {
		format!("{}.{}", self.pallet, self.name)
	}

	/// The storage key below which everything with the first `parts` of the key lies: the whole key of
	/// one value where all parts are given. Parts are SCALE encoded.
	pub(super) fn key(&self, parts: &[&[u8]]) -> Vec<u8> {
		let mut key = [twox_128(self.pallet.as_bytes()), twox_128(self.name.as_bytes())].concat();
		for (hasher, part) in self.hashers.iter().zip(parts) {
			match hasher {
				Blake2_128Concat => key.extend(blake2_128(part)),
				// Every other hasher is refused by `check`, so this is the only other one in use.
				_ => key.extend(twox_64(part)),
			}
			key.extend_from_slice(part);
		}
		key
	}

	/// The last part of the full key `key`, SCALE encoded, given the length of the prefix before it.
	pub(super) fn last_part<'key>(
		&self,
		key: &'key [u8],
		prefix_bytes: usize,
	) -> Option<&'key [u8]> {
		let hash_bytes = self.hashers.last()?.len_excluding_key();
		key.get(prefix_bytes + hash_bytes..)
	}
}

/// Checks that the chain has every call and storage entry that this client uses, in the shape it expects.
pub(super) fn check(spec_name: &str, metadata: &Metadata) -> Result<(), ChainError> {
	if spec_name != SPEC_NAME {
		let reason = format!("its runtime is named `{spec_name}`, not `{SPEC_NAME}`");
		return Err(ChainError::Incompatible { reason });
	}
	let mut missing: Vec<String> = calls::REQUIRED
		.iter()
		.filter(|(pallet, call, arguments)| !has_call(metadata, pallet, call, *arguments))
		.map(|(pallet, call, arguments)| format!("call {pallet}.{call} with {arguments} arguments"))
		.collect();
	missing.extend(
		ENTRIES
			.iter()
			.filter(|entry| !has_entry(metadata, entry))
			.map(|entry| format!("storage {}", entry.path())),
	);
	if missing.is_empty() {
		Ok(())
	} else {
		Err(ChainError::Incompatible { reason: format!("it lacks {}", missing.join(", ")) })
	}
}

fn has_call(metadata: &Metadata, pallet: &str, call: &str, arguments: usize) -> bool {
	metadata
		.pallet_by_name(pallet)
		.and_then(|pallet| pallet.call_variant_by_name(call))
		.is_some_and(|variant| variant.fields.len() == arguments)
}

fn has_entry(metadata: &Metadata, entry: &Entry) -> bool {
	metadata
		.pallet_by_name(entry.pallet)
		.and_then(|pallet| pallet.storage())
		.and_then(|storage| storage.entry_by_name(entry.name))
		.is_some_and(|found| found.keys().map(|key| key.hasher).eq(entry.hashers.iter().copied()))
}

#[cfg(test)]
mod tests {
	use super::*;
	use codec::Encode;

	#[test]
	fn keys_are_those_of_the_chain() {
		// The well-known key of Alice's account on every Substrate chain.
		let alice = crate::keys::Account::from_uri("//Alice").unwrap().account_id();
		assert_eq!(
			hex::encode(ACCOUNT.key(&[&alice.0])),
			"26aa394eea5630e07c48ae0c9558cef7b99d880ec681799c0cf30e8886371da9\
			de1e86a9a8c739864cf3cc5ec2bea59f\
			d43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d"
		);
	}

	#[test]
	fn the_last_part_of_a_key_is_found_again() {
		let worker = 3u32.encode();
		let task = 9u64.encode();
		let prefix = ASSIGNMENTS.key(&[&worker]);
		let key = ASSIGNMENTS.key(&[&worker, &task]);
		assert!(key.starts_with(&prefix));
		assert_eq!(ASSIGNMENTS.last_part(&key, prefix.len()), Some(task.as_slice()));
		assert_eq!(ASSIGNMENTS.last_part(&prefix, prefix.len()), None);
	}
}
