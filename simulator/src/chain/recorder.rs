//! Externalities that count: every read and write of the pallet's storage, and of each draw which keys it touched.
//!
//! A draw is counted from the moment at which the pallet reads the batch of a frozen task until it removes that batch. What it reads
//! before it first reserves or writes anything is what the choice took; a key counts once, however often it is read, as the chain keeps in memory what it
//! read in a block. Only keys of the pallet count: those of frame_system are in memory in every block.

use super::{
	runtime::Sim,
	world::{Asked, World},
};
use frame_support::storage::StoragePrefixedMap;
use pallet_task_matching as pallet;
use sp_core::storage::{ChildInfo, StateVersion, TrackedStorageKey};
use sp_externalities::{Extension, ExtensionStore, Externalities, MultiRemovalResults};
use std::{
	any::{Any, TypeId},
	collections::BTreeSet,
};

/// What one draw of a frozen task took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DrawCost {
	/// Keys read until machines were chosen.
	pub reads_to_choose: u32,
	/// Pages of the supply among them.
	pub pages: u32,
	/// Machines that were asked for at the registry until then.
	pub lookups: u32,
	/// Keys read in all.
	pub reads: u32,
	/// Keys written.
	pub writes: u32,
	/// Whether machines were found.
	pub is_match: bool,
}

/// A draw that goes on.
struct Draw {
	batch: Vec<u8>,
	read: BTreeSet<Vec<u8>>,
	written: BTreeSet<Vec<u8>>,
	before: Asked,
	is_choosing: bool,
	cost: DrawCost,
}

/// The first bytes of the keys that tell what goes on.
struct Prefixes {
	pallet: Vec<u8>,
	frozen: [u8; 32],
	pages: [u8; 32],
	assignments: [u8; 32],
}

/// What was counted.
pub(super) struct Tally {
	prefixes: Prefixes,
	draw: Option<Draw>,
	/// Reads of the pallet's storage, the same key counted each time.
	pub(super) reads: u64,
	/// Writes of it.
	pub(super) writes: u64,
	/// Draws of frozen tasks.
	pub(super) draws: Vec<DrawCost>,
}

impl Tally {
	pub(super) fn new() -> Self {
		let frozen = pallet::Frozen::<Sim>::final_prefix();
		let prefixes = Prefixes {
			pallet: frozen[..16].to_vec(),
			frozen,
			pages: pallet::SupplyPages::<Sim>::final_prefix(),
			assignments: pallet::Assignments::<Sim>::final_prefix(),
		};
		Self { prefixes, draw: None, reads: 0, writes: 0, draws: Vec::new() }
	}

	/// Ends the draw that goes on.
	fn end_draw(&mut self) {
		if let Some(mut draw) = self.draw.take() {
			draw.close_choice();
			draw.cost.reads = draw.read.len() as u32;
			draw.cost.writes = draw.written.len() as u32;
			self.draws.push(draw.cost);
		}
	}

	fn read(&mut self, key: &[u8]) {
		if !key.starts_with(&self.prefixes.pallet) {
			return;
		}
		self.reads += 1;
		if key.starts_with(&self.prefixes.frozen) {
			self.draw = Some(Draw {
				batch: key.to_vec(),
				read: BTreeSet::new(),
				written: BTreeSet::new(),
				before: World::asked(),
				is_choosing: true,
				cost: DrawCost::default(),
			});
		}
		if let Some(draw) = &mut self.draw {
			if draw.before.reservations != World::asked().reservations {
				draw.close_choice();
			}
			let is_new = draw.read.insert(key.to_vec());
			let is_page = key.starts_with(&self.prefixes.pages);
			draw.cost.pages += u32::from(is_new && draw.is_choosing && is_page);
		}
	}

	fn write(&mut self, key: &[u8]) {
		if !key.starts_with(&self.prefixes.pallet) {
			return;
		}
		self.writes += 1;
		if let Some(draw) = &mut self.draw {
			draw.close_choice();
			draw.cost.is_match |= key.starts_with(&self.prefixes.assignments);
			draw.written.insert(key.to_vec());
			if draw.batch == key {
				self.end_draw();
			}
		}
	}
}

impl Draw {
	/// Notes what was read until now, unless the choice was over already.
	fn close_choice(&mut self) {
		if self.is_choosing {
			self.is_choosing = false;
			self.cost.reads_to_choose = self.read.len() as u32;
			let asked = World::asked();
			let lookups = match asked.reservations == self.before.reservations {
				true => asked.lookups,
				false => asked.lookups_at_reservation,
			};
			// A few per draw.
			self.cost.lookups = lookups.saturating_sub(self.before.lookups) as u32;
		}
	}
}

/// Externalities that count what goes through them.
pub(super) struct Recorder<'a> {
	pub(super) inner: &'a mut dyn Externalities,
	pub(super) tally: &'a mut Tally,
}

impl ExtensionStore for Recorder<'_> {
	fn extension_by_type_id(&mut self, type_id: TypeId) -> Option<&mut dyn Any> {
		self.inner.extension_by_type_id(type_id)
	}

	fn register_extension_with_type_id(
		&mut self,
		type_id: TypeId,
		extension: Box<dyn Extension>,
	) -> Result<(), sp_externalities::Error> {
		self.inner.register_extension_with_type_id(type_id, extension)
	}

	fn deregister_extension_by_type_id(
		&mut self,
		type_id: TypeId,
	) -> Result<(), sp_externalities::Error> {
		self.inner.deregister_extension_by_type_id(type_id)
	}
}

impl Externalities for Recorder<'_> {
	fn set_offchain_storage(&mut self, key: &[u8], value: Option<&[u8]>) {
		self.inner.set_offchain_storage(key, value);
	}

	fn storage(&mut self, key: &[u8]) -> Option<Vec<u8>> {
		self.tally.read(key);
		self.inner.storage(key)
	}

	fn storage_hash(&mut self, key: &[u8]) -> Option<Vec<u8>> {
		self.tally.read(key);
		self.inner.storage_hash(key)
	}

	fn child_storage_hash(&mut self, child: &ChildInfo, key: &[u8]) -> Option<Vec<u8>> {
		self.inner.child_storage_hash(child, key)
	}

	fn child_storage(&mut self, child: &ChildInfo, key: &[u8]) -> Option<Vec<u8>> {
		self.inner.child_storage(child, key)
	}

	fn exists_storage(&mut self, key: &[u8]) -> bool {
		self.tally.read(key);
		self.inner.exists_storage(key)
	}

	fn next_storage_key(&mut self, key: &[u8]) -> Option<Vec<u8>> {
		self.tally.read(key);
		self.inner.next_storage_key(key)
	}

	fn next_child_storage_key(&mut self, child: &ChildInfo, key: &[u8]) -> Option<Vec<u8>> {
		self.inner.next_child_storage_key(child, key)
	}

	fn kill_child_storage(
		&mut self,
		child: &ChildInfo,
		limit: Option<u32>,
		cursor: Option<&[u8]>,
	) -> MultiRemovalResults {
		self.inner.kill_child_storage(child, limit, cursor)
	}

	fn clear_prefix(
		&mut self,
		prefix: &[u8],
		limit: Option<u32>,
		cursor: Option<&[u8]>,
	) -> MultiRemovalResults {
		self.inner.clear_prefix(prefix, limit, cursor)
	}

	fn clear_child_prefix(
		&mut self,
		child: &ChildInfo,
		prefix: &[u8],
		limit: Option<u32>,
		cursor: Option<&[u8]>,
	) -> MultiRemovalResults {
		self.inner.clear_child_prefix(child, prefix, limit, cursor)
	}

	fn place_storage(&mut self, key: Vec<u8>, value: Option<Vec<u8>>) {
		self.tally.write(&key);
		self.inner.place_storage(key, value);
	}

	fn place_child_storage(&mut self, child: &ChildInfo, key: Vec<u8>, value: Option<Vec<u8>>) {
		self.inner.place_child_storage(child, key, value);
	}

	fn storage_root(&mut self, version: StateVersion) -> Vec<u8> {
		self.inner.storage_root(version)
	}

	fn child_storage_root(&mut self, child: &ChildInfo, version: StateVersion) -> Vec<u8> {
		self.inner.child_storage_root(child, version)
	}

	fn storage_append(&mut self, key: Vec<u8>, value: Vec<u8>) {
		self.tally.write(&key);
		self.inner.storage_append(key, value);
	}

	fn storage_start_transaction(&mut self) {
		self.inner.storage_start_transaction();
	}

	fn storage_rollback_transaction(&mut self) -> Result<(), ()> {
		self.inner.storage_rollback_transaction()
	}

	fn storage_commit_transaction(&mut self) -> Result<(), ()> {
		self.inner.storage_commit_transaction()
	}

	fn wipe(&mut self) {
		self.inner.wipe();
	}

	fn commit(&mut self) {
		self.inner.commit();
	}

	fn read_write_count(&self) -> (u32, u32, u32, u32) {
		self.inner.read_write_count()
	}

	fn reset_read_write_count(&mut self) {
		self.inner.reset_read_write_count();
	}

	fn get_whitelist(&self) -> Vec<TrackedStorageKey> {
		self.inner.get_whitelist()
	}

	fn set_whitelist(&mut self, new: Vec<TrackedStorageKey>) {
		self.inner.set_whitelist(new);
	}

	fn get_read_and_written_keys(&self) -> Vec<(Vec<u8>, u32, u32, bool)> {
		self.inner.get_read_and_written_keys()
	}
}
