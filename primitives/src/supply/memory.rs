//! The supply in a process's own memory.

use super::{Bucket, Directory, Page, Place, SupplyStore};
use crate::WorkerId;
use alloc::collections::BTreeMap;

/// A supply outside of any chain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemoryStore {
	/// The directory.
	pub directory: Directory,
	/// Pages by bucket and number.
	pub pages: BTreeMap<(Bucket, u32), Page>,
	/// Places by machine.
	pub places: BTreeMap<WorkerId, Place>,
}

impl SupplyStore for MemoryStore {
	fn directory(&self) -> Directory {
		self.directory.clone()
	}

	fn page(&self, bucket: Bucket, number: u32) -> Page {
		self.pages.get(&(bucket, number)).cloned().unwrap_or_default()
	}

	fn place(&self, worker: WorkerId) -> Option<Place> {
		self.places.get(&worker).copied()
	}

	fn put_directory(&mut self, directory: Directory) {
		self.directory = directory;
	}

	fn put_page(&mut self, bucket: Bucket, number: u32, page: Page) {
		match page.is_empty() {
			true => self.pages.remove(&(bucket, number)),
			false => self.pages.insert((bucket, number), page),
		};
	}

	fn put_place(&mut self, worker: WorkerId, place: Option<Place>) {
		match place {
			Some(place) => self.places.insert(worker, place),
			None => self.places.remove(&worker),
		};
	}
}
