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

	/// Adds everything whose key begins with `prefix`.
	fn add_all(&mut self, prefix: &[u8]) {
		let mut key = prefix.to_vec();
		while let Some(next) =
			sp_io::storage::next_key(&key).filter(|next| next.starts_with(prefix))
		{
			self.add(&next);
			key = next;
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
		let mut state = Self::read_tasks();
		for prefix in [
			pallet::SupplyPages::<Sim>::final_prefix(),
			pallet::SupplyPlaces::<Sim>::final_prefix(),
		] {
			state.supply.add_all(&prefix);
		}
		// Whatever is left is fixed, so that nothing is left out.
		let mut all = Fill::default();
		all.add_all(&pallet::Tasks::<Sim>::final_prefix()[..16]);
		let known = state.records.plus(state.schedules).plus(state.supply);
		state.fixed = Fill {
			entries: all.entries - known.entries,
			key_bytes: all.key_bytes - known.key_bytes,
			value_bytes: all.value_bytes - known.value_bytes,
		};
		state
	}

	/// Looks at what is there on account of tasks, and at nothing else. Within externalities only.
	pub(super) fn read_tasks() -> Self {
		let mut state = Self::default();
		for prefix in [pallet::Tasks::<Sim>::final_prefix(), pallet::Jobs::<Sim>::final_prefix()] {
			state.records.add_all(&prefix);
		}
		for prefix in [
			pallet::Frozen::<Sim>::final_prefix(),
			pallet::FrozenLength::<Sim>::final_prefix(),
			pallet::Agenda::<Sim>::final_prefix(),
			pallet::AgendaLength::<Sim>::final_prefix(),
			pallet::Assignments::<Sim>::final_prefix(),
			pallet::Waiting::<Sim>::final_prefix(),
			pallet::WaitingQueues::<Sim>::final_prefix(),
		] {
			state.schedules.add_all(&prefix);
		}
		state
	}
}
