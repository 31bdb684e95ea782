//! The daemon's memory on disk: what it is bound to, written before anybody else can know of it.
//!
//! ## Properties
//!
//! * Every method returns only after its change is on disk, so a process that is killed at any instant finds
//!   on its next start what it had done, and not less.
//! * A result, once sealed, is never replaced: what was committed is what is revealed.
//! * What was written for another chain, as after a development chain was started afresh, is forgotten.
//! * One process holds the journal at a time; a second daemon on the same data directory is refused.

mod entry;

pub use entry::{Entry, Evidence, Key, Stage};

use aidragon_primitives::{BlockNumber, Hash32};
use codec::{Decode, Encode};
use redb::{
	Database, ReadableDatabase, ReadableTable, ReadableTableMetadata, TableDefinition,
	WriteTransaction,
};
use std::{
	collections::BTreeMap,
	path::Path,
	time::{Duration, SystemTime, UNIX_EPOCH},
};

/// Entries by task and attempt, SCALE encoded behind a version byte.
const ENTRIES: TableDefinition<(u64, u8), &[u8]> = TableDefinition::new("entries");
/// When each blob was last used, or will be needed last, in seconds of Unix time.
const BLOBS: TableDefinition<&[u8; 32], u64> = TableDefinition::new("blobs");
/// Single values by name.
const META: TableDefinition<&str, &[u8]> = TableDefinition::new("meta");

const GENESIS: &str = "genesis";
const SELF_PAUSED: &str = "self-paused";
/// Version of the encoding of an entry.
const ENTRY_VERSION: u8 = 1;

/// Why the journal could not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
	/// Another process has it open.
	#[error("the journal is in use: another aidragon-worker runs with this data directory")]
	InUse,
	/// The file could not be read or written.
	#[error("the journal cannot be used: {0}")]
	Store(Box<redb::Error>),
	/// An entry is not what this version writes.
	#[error(
		"the journal's entry of task {task} cannot be read; it was written by another version"
	)]
	Entry {
		/// The task.
		task: u64,
	},
	/// A step was asked for that must not follow what is there.
	#[error("task {task}, attempt {attempt}: the journal refuses to replace what it holds")]
	Conflict {
		/// The task.
		task: u64,
		/// The attempt.
		attempt: u8,
	},
}

impl<E: Into<redb::Error>> From<E> for JournalError {
	fn from(error: E) -> Self {
		match error.into() {
			redb::Error::DatabaseAlreadyOpen => Self::InUse,
			error => Self::Store(Box::new(error)),
		}
	}
}

/// The journal.
pub struct Journal {
	database: Database,
}

impl Journal {
	/// Opens or creates the journal at `path` for the chain of `genesis`.
	///
	/// Returns the number of entries of another chain that were dropped.
	pub fn open(path: &Path, genesis: Hash32) -> Result<(Self, u64), JournalError> {
		let database = Database::create(path)?;
		let transaction = database.begin_write()?;
		let dropped = match is_bound(&transaction, genesis)? {
			true => {
				transaction.abort()?;
				0
			}
			false => {
				let dropped = bind(&transaction, genesis)?;
				transaction.commit()?;
				dropped
			}
		};
		Ok((Self { database }, dropped))
	}

	/// All entries.
	pub fn entries(&self) -> Result<BTreeMap<Key, Entry>, JournalError> {
		let transaction = self.database.begin_read()?;
		let table = transaction.open_table(ENTRIES)?;
		let mut entries = BTreeMap::new();
		for row in table.iter()? {
			let (key, value) = row?;
			let (task, attempt) = key.value();
			entries.insert(Key { task, attempt }, decode(task, value.value())?);
		}
		Ok(entries)
	}

	/// Notes an assignment. Keeps what is there if there is an entry already, and returns what holds.
	pub fn note(
		&self,
		key: Key,
		noted_at: BlockNumber,
		program: Hash32,
		input: Hash32,
	) -> Result<Entry, JournalError> {
		let entry = Entry { noted_at, program, input, stage: Stage::Accepted };
		self.write(|transaction| {
			let mut table = transaction.open_table(ENTRIES)?;
			let known = table.get((key.task, key.attempt))?.map(|value| value.value().to_vec());
			match known {
				Some(bytes) => decode(key.task, &bytes),
				None => {
					table.insert((key.task, key.attempt), encode(&entry).as_slice())?;
					Ok(entry)
				}
			}
		})
	}

	/// Moves an entry to `stage`. An entry that is gone stays gone, and `None` is returned.
	pub fn advance(&self, key: Key, stage: Stage) -> Result<Option<Entry>, JournalError> {
		Ok(self.advance_all(&[(key, stage)])?.pop().map(|(_, entry)| entry))
	}

	/// Moves entries to their stages, all of them or none, and returns what holds. Entries that are gone stay
	/// gone.
	pub fn advance_all(&self, steps: &[(Key, Stage)]) -> Result<Vec<(Key, Entry)>, JournalError> {
		// A write takes the disk a while, whatever is in it.
		if steps.is_empty() {
			return Ok(Vec::new());
		}
		self.write(|transaction| {
			let mut table = transaction.open_table(ENTRIES)?;
			let mut advanced = Vec::new();
			for (key, stage) in steps {
				let known = table.get((key.task, key.attempt))?.map(|value| value.value().to_vec());
				let Some(bytes) = known else { continue };
				let known = decode(key.task, &bytes)?;
				if !known.stage.may_become(stage) {
					return Err(JournalError::Conflict { task: key.task, attempt: key.attempt });
				}
				let entry = Entry { stage: *stage, ..known };
				table.insert((key.task, key.attempt), encode(&entry).as_slice())?;
				advanced.push((*key, entry));
			}
			Ok(advanced)
		})
	}

	/// Forgets a result that never left the machine, so that the program is run again.
	pub fn reset(&self, key: Key) -> Result<(), JournalError> {
		self.write(|transaction| {
			let mut table = transaction.open_table(ENTRIES)?;
			let known = table.get((key.task, key.attempt))?.map(|value| value.value().to_vec());
			let Some(bytes) = known else { return Ok(()) };
			let known = decode(key.task, &bytes)?;
			if !matches!(known.stage, Stage::Executed(_)) {
				return Err(JournalError::Conflict { task: key.task, attempt: key.attempt });
			}
			let entry = Entry { stage: Stage::Accepted, ..known };
			table.insert((key.task, key.attempt), encode(&entry).as_slice())?;
			Ok(())
		})
	}

	/// Removes an entry whose attempt is over.
	pub fn remove(&self, key: Key) -> Result<(), JournalError> {
		self.write(|transaction| {
			transaction.open_table(ENTRIES)?.remove((key.task, key.attempt))?;
			Ok(())
		})
	}

	/// Remembers whether the machine was paused by its own shutdown.
	pub fn set_self_paused(&self, paused: bool) -> Result<(), JournalError> {
		self.write(|transaction| {
			let mut table = transaction.open_table(META)?;
			if paused {
				table.insert(SELF_PAUSED, [1].as_slice())?;
			} else {
				table.remove(SELF_PAUSED)?;
			}
			Ok(())
		})
	}

	/// Whether the machine was paused by its own shutdown.
	pub fn self_paused(&self) -> Result<bool, JournalError> {
		let transaction = self.database.begin_read()?;
		Ok(transaction.open_table(META)?.get(SELF_PAUSED)?.is_some())
	}

	/// Notes that `blobs` are used now.
	pub fn touch(&self, blobs: impl IntoIterator<Item = Hash32>) -> Result<(), JournalError> {
		self.need(blobs, Duration::ZERO)
	}

	/// Notes that `blobs` may be needed until `time` from now.
	pub fn need(
		&self,
		blobs: impl IntoIterator<Item = Hash32>,
		time: Duration,
	) -> Result<(), JournalError> {
		let until = unix_seconds().saturating_add(time.as_secs());
		self.write(|transaction| {
			let mut table = transaction.open_table(BLOBS)?;
			for blob in blobs {
				let known = table.get(&blob)?.map_or(0, |used| used.value());
				table.insert(&blob, known.max(until))?;
			}
			Ok(())
		})
	}

	/// The blobs that were last used, or needed, longer than `retention` ago and that no entry needs.
	pub fn stale_blobs(&self, retention: Duration) -> Result<Vec<Hash32>, JournalError> {
		let needed: Vec<Hash32> = self.entries()?.values().flat_map(Entry::blobs).collect();
		let oldest = unix_seconds().saturating_sub(retention.as_secs());
		let transaction = self.database.begin_read()?;
		let table = transaction.open_table(BLOBS)?;
		let mut stale = Vec::new();
		for row in table.iter()? {
			let (blob, used) = row?;
			if used.value() < oldest && !needed.contains(blob.value()) {
				stale.push(*blob.value());
			}
		}
		Ok(stale)
	}

	/// Forgets a blob that was removed.
	pub fn forget_blob(&self, blob: &Hash32) -> Result<(), JournalError> {
		self.write(|transaction| {
			transaction.open_table(BLOBS)?.remove(blob)?;
			Ok(())
		})
	}

	/// Runs `change` in a transaction that is on disk when this returns, or not at all.
	fn write<T>(
		&self,
		change: impl FnOnce(&WriteTransaction) -> Result<T, JournalError>,
	) -> Result<T, JournalError> {
		let transaction = self.database.begin_write()?;
		let value = change(&transaction)?;
		transaction.commit()?;
		Ok(value)
	}
}

/// Whether the journal is that of the chain of `genesis`.
fn is_bound(transaction: &WriteTransaction, genesis: Hash32) -> Result<bool, JournalError> {
	let meta = transaction.open_table(META)?;
	let known = meta.get(GENESIS)?;
	Ok(known.is_some_and(|known| known.value() == genesis))
}

/// Creates the tables and makes them those of the chain of `genesis`. Returns how many entries were dropped.
fn bind(transaction: &WriteTransaction, genesis: Hash32) -> Result<u64, JournalError> {
	let mut meta = transaction.open_table(META)?;
	let mut entries = transaction.open_table(ENTRIES)?;
	transaction.open_table(BLOBS)?;
	let dropped = entries.len()?;
	entries.retain(|_, _| false)?;
	meta.remove(SELF_PAUSED)?;
	meta.insert(GENESIS, genesis.as_slice())?;
	Ok(dropped)
}

fn encode(entry: &Entry) -> Vec<u8> {
	(ENTRY_VERSION, entry).encode()
}

fn decode(task: u64, bytes: &[u8]) -> Result<Entry, JournalError> {
	match <(u8, Entry)>::decode(&mut &bytes[..]) {
		Ok((ENTRY_VERSION, entry)) => Ok(entry),
		_ => Err(JournalError::Entry { task }),
	}
}

fn unix_seconds() -> u64 {
	SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| age.as_secs())
}

#[cfg(test)]
mod tests;
