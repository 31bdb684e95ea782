//! How much the pallet keeps, by what it is for.

use super::runtime::Sim;
use frame_support::storage::StoragePrefixedMap;
use pallet_task_matching as pallet;
use serde::Serialize;

/// Entries of a kind, and bytes of their keys and values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Fill {
	/// Entries.
	pub entries: u64,
	/// Bytes of their keys.
	pub key_bytes: u64,
	/// Bytes of their values.
	pub value_bytes: u64,
}

impl Fill {
	/// Bytes of keys and values.
	pub fn bytes(&self) -> u64 {
		self.key_bytes + self.value_bytes
	}

	fn plus(self, other: Self) -> Self {
		Self {
			entries: self.entries + other.entries,
			key_bytes: self.key_bytes + other.key_bytes,
			value_bytes: self.value_bytes + other.value_bytes,
		}
	}

	fn add(&mut self, key: &[u8]) {
		let value_bytes = sp_io::storage::get(key).map_or(0, |value| value.len() as u64);
		let key_bytes = key.len() as u64;
		*self = self.plus(Self { entries: 1, key_bytes, value_bytes });
	}
}

/// What the pallet keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct State {
	/// Tasks and jobs.
	pub records: Fill,
	/// What is frozen, on the agenda, assigned or waiting.
	pub schedules: Fill,
	/// Pages and places of machines.
	pub supply: Fill,
	/// Counters, cursors, directories: as many as there are, for any number of tasks.
	pub fixed: Fill,
}

impl State {
	/// Bytes that are there on account of tasks.
	pub fn task_bytes(&self) -> u64 {
		self.records.plus(self.schedules).bytes()
	}

	/// Looks at every key of the pallet. Within externalities only.
	pub(super) fn read() -> Self {
		let records = [pallet::Tasks::<Sim>::final_prefix(), pallet::Jobs::<Sim>::final_prefix()];
		let schedules = [
			pallet::Frozen::<Sim>::final_prefix(),
			pallet::FrozenLength::<Sim>::final_prefix(),
			pallet::Agenda::<Sim>::final_prefix(),
			pallet::AgendaLength::<Sim>::final_prefix(),
			pallet::Assignments::<Sim>::final_prefix(),
			pallet::Waiting::<Sim>::final_prefix(),
			pallet::WaitingQueues::<Sim>::final_prefix(),
		];
		let supply = [
			pallet::SupplyPages::<Sim>::final_prefix(),
			pallet::SupplyPlaces::<Sim>::final_prefix(),
		];
		let pallet_prefix = &records[0][..16];
		let mut state = Self::default();
		let mut key = pallet_prefix.to_vec();
		while let Some(next) = sp_io::storage::next_key(&key) {
			if !next.starts_with(pallet_prefix) {
				break;
			}
			let is_of =
				|prefixes: &[[u8; 32]]| prefixes.iter().any(|prefix| next.starts_with(prefix));
			let fill = if is_of(&records) {
				&mut state.records
			} else if is_of(&schedules) {
				&mut state.schedules
			} else if is_of(&supply) {
				&mut state.supply
			} else {
				&mut state.fixed
			};
			fill.add(&next);
			key = next;
		}
		state
	}
}
