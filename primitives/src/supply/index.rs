//! Putting machines into the supply, moving and removing them, over any storage.

use super::{Bucket, Directory, Entry, Page, Place, Shape, PAGE_MACHINES};
use crate::WorkerId;

/// Where the supply is kept: the chain's storage, a simulator's memory, or a client's copy of the chain's state.
pub trait SupplyStore {
	/// The directory; empty where nothing is stored.
	fn directory(&self) -> Directory;
	/// A page; empty where nothing is stored.
	fn page(&self, bucket: Bucket, number: u32) -> Page;
	/// Where a machine stands.
	fn place(&self, worker: WorkerId) -> Option<Place>;
	/// Stores the directory.
	fn put_directory(&mut self, directory: Directory);
	/// Stores a page, or removes it where it is empty.
	fn put_page(&mut self, bucket: Bucket, number: u32, page: Page);
	/// Stores or removes a place.
	fn put_place(&mut self, worker: WorkerId, place: Option<Place>);
}

/// Puts a machine into the supply that is not in it.
pub fn insert<S: SupplyStore>(store: &mut S, entry: Entry) {
	let mut directory = store.directory();
	append(store, &mut directory, entry);
	store.put_directory(directory);
}

/// Takes a machine out of the supply, and says whether it was in it.
pub fn remove<S: SupplyStore>(store: &mut S, worker: WorkerId) -> bool {
	let Some(place) = store.place(worker) else { return false };
	let mut directory = store.directory();
	let page = store.page(place.bucket, place.page());
	take(store, &mut directory, place, page);
	store.put_place(worker, None);
	store.put_directory(directory);
	true
}

/// Brings what the supply says of a machine up to date, and says whether anything changed.
pub fn update<S: SupplyStore>(store: &mut S, entry: Entry) -> bool {
	let Some(place) = store.place(entry.worker) else {
		insert(store, entry);
		return true;
	};
	let page = store.page(place.bucket, place.page());
	replace_or_move(store, place, page, entry)
}

/// As [`update`], of a machine that stood at `place` a moment ago, which saves looking for it.
pub fn update_at<S: SupplyStore>(store: &mut S, place: Place, entry: Entry) -> bool {
	let page = store.page(place.bucket, place.page());
	match page.get(place.slot()).is_some_and(|known| known.worker == entry.worker) {
		true => replace_or_move(store, place, page, entry),
		false => update(store, entry),
	}
}

fn replace_or_move<S: SupplyStore>(
	store: &mut S,
	place: Place,
	mut page: Page,
	entry: Entry,
) -> bool {
	let shape = Shape::of(&entry.free);
	if place.bucket != shape.bucket() {
		let mut directory = store.directory();
		// A machine in a coarse bucket stays there until there is room.
		if place.bucket != directory.bucket_for(&shape) {
			take(store, &mut directory, place, page);
			append(store, &mut directory, entry);
			store.put_directory(directory);
			return true;
		}
	}
	let Some(slot) = page.get_mut(place.slot()) else { return false };
	if *slot == entry {
		return false;
	}
	*slot = entry;
	store.put_page(place.bucket, place.page(), page);
	true
}

fn append<S: SupplyStore>(store: &mut S, directory: &mut Directory, entry: Entry) {
	let bucket = directory.bucket_for(&Shape::of(&entry.free));
	let place = Place { bucket, position: directory.length(bucket) };
	let worker = entry.worker;
	let mut page = store.page(bucket, place.page());
	// The last page of a bucket has room, or is a new one.
	if page.try_push(entry).is_err() {
		return;
	}
	store.put_page(bucket, place.page(), page);
	store.put_place(worker, Some(place));
	directory.set_length(bucket, place.position.saturating_add(1));
}

/// Takes out what stands at `place`, on `page`. The place of the machine itself is stored by the caller.
fn take<S: SupplyStore>(store: &mut S, directory: &mut Directory, place: Place, mut page: Page) {
	let Some(last) = directory.length(place.bucket).checked_sub(1) else { return };
	let last = Place { bucket: place.bucket, position: last };
	if place.page() == last.page() {
		let Some(moved) = page.pop() else { return };
		put_moved(store, &mut page, place, last, moved);
		store.put_page(last.bucket, last.page(), page);
	} else {
		let mut last_page = store.page(last.bucket, last.page());
		let Some(moved) = last_page.pop() else { return };
		put_moved(store, &mut page, place, last, moved);
		store.put_page(place.bucket, place.page(), page);
		store.put_page(last.bucket, last.page(), last_page);
	}
	directory.set_length(place.bucket, last.position);
}

/// Puts the last machine of a bucket into the place that another one leaves, unless it is that one.
fn put_moved<S: SupplyStore>(
	store: &mut S,
	page: &mut Page,
	place: Place,
	last: Place,
	moved: Entry,
) {
	if place.position != last.position {
		let worker = moved.worker;
		replace(page, place, moved);
		store.put_place(worker, Some(place));
	}
}

fn replace(page: &mut Page, place: Place, entry: Entry) {
	if let Some(slot) = page.get_mut(place.slot()) {
		*slot = entry;
	}
}

/// Pages of a bucket of so many machines.
pub(crate) fn pages_of(length: u32) -> u32 {
	length.div_ceil(PAGE_MACHINES)
}
