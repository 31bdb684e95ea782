//! Putting machines into the supply, moving and removing them, over any storage.

use super::{
	floor_of, floor_of_page, Bucket, Directory, Entry, Floor, Listed, Page, Place, Shape,
	PAGE_MACHINES,
};
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

fn replace_or_move<S: SupplyStore>(store: &mut S, place: Place, page: Page, entry: Entry) -> bool {
	let shape = Shape::of(&entry.free);
	let mut directory = None;
	if place.bucket != shape.bucket() {
		let mut known = store.directory();
		// A machine in a coarse bucket stays there until there is room.
		if place.bucket != known.bucket_for(&shape) {
			take(store, &mut known, place, page);
			append(store, &mut known, entry);
			store.put_directory(known);
			return true;
		}
		directory = Some(known);
	}
	put_in_place(store, directory, place, page, entry)
}

/// Changes what is said of the machine at `place`, and says whether anything changed.
fn put_in_place<S: SupplyStore>(
	store: &mut S,
	directory: Option<Directory>,
	place: Place,
	mut page: Page,
	entry: Entry,
) -> bool {
	let Some(slot) = page.get_mut(place.slot()).filter(|slot| **slot != entry) else {
		return false;
	};
	let before = floor_of(slot.offer.price_per_gfuel);
	let now = floor_of(entry.offer.price_per_gfuel);
	*slot = entry;
	if before != now {
		let mut directory = directory.unwrap_or_else(|| store.directory());
		if let Some(listed) = directory.get(place.bucket) {
			let is_known = listed.length > PAGE_MACHINES && before != listed.floor;
			let floor = match is_known {
				true => listed.floor.min(now),
				false => floor_around(store, place, &page, listed.floor),
			};
			if floor != listed.floor {
				directory.set(Listed { floor, ..listed });
				store.put_directory(directory);
			}
		}
	}
	store.put_page(place.bucket, place.page(), page);
	true
}

fn append<S: SupplyStore>(store: &mut S, directory: &mut Directory, entry: Entry) {
	let bucket = directory.bucket_for(&Shape::of(&entry.free));
	let known = directory.get(bucket);
	let place = Place { bucket, position: known.map_or(0, |listed| listed.length) };
	let (worker, floor) = (entry.worker, floor_of(entry.offer.price_per_gfuel));
	let mut page = store.page(bucket, place.page());
	// The last page of a bucket has room, or is a new one.
	if page.try_push(entry).is_err() {
		return;
	}
	store.put_page(bucket, place.page(), page);
	store.put_place(worker, Some(place));
	let floor = known.map_or(floor, |listed| listed.floor.min(floor));
	directory.set(Listed { bucket, length: place.position.saturating_add(1), floor });
}

/// Takes out what stands at `place`, on this page. The place of the machine itself is stored by the caller.
fn take<S: SupplyStore>(store: &mut S, directory: &mut Directory, place: Place, mut page: Page) {
	let bucket = place.bucket;
	let Some(listed) = directory.get(bucket) else { return };
	let Some(position) = listed.length.checked_sub(1) else { return };
	let last = Place { bucket, position };
	let mut last_page = match place.page() == last.page() {
		true => None,
		false => Some(store.page(bucket, last.page())),
	};
	let Some(moved) = last_page.as_mut().unwrap_or(&mut page).pop() else { return };
	let left = if place == last { Some(moved) } else { fill_gap(store, &mut page, place, moved) };
	let mut floor = listed.floor;
	// What becomes a bucket of one page has to be exact.
	if position == PAGE_MACHINES
		|| left.is_some_and(|entry| floor_of(entry.offer.price_per_gfuel) == floor)
	{
		floor = match &last_page {
			None => floor_around(store, place, &page, floor),
			Some(last_page) => {
				let seen = [&page, last_page].into_iter().filter_map(floor_of_page).min();
				seen.unwrap_or(floor)
			}
		};
	}
	store.put_page(bucket, place.page(), page);
	if let Some(last_page) = last_page {
		store.put_page(bucket, last.page(), last_page);
	}
	directory.set(Listed { bucket, length: position, floor });
}

/// What the cheapest machine of a page asks and, where that is more than `before`, of the page before it too: a page may have few
/// machines, or none any more.
fn floor_around<S: SupplyStore>(store: &S, place: Place, page: &Page, before: Floor) -> Floor {
	let here = floor_of_page(page);
	let above = place.page().checked_sub(1).filter(|_| here != Some(before));
	let beside = above.and_then(|number| floor_of_page(&store.page(place.bucket, number)));
	here.into_iter().chain(beside).min().unwrap_or(before)
}

/// Puts the last machine of a bucket where another one stands, which it gives.
fn fill_gap<S: SupplyStore>(
	store: &mut S,
	page: &mut Page,
	place: Place,
	last: Entry,
) -> Option<Entry> {
	let worker = last.worker;
	let left = page.get_mut(place.slot()).map(|slot| core::mem::replace(slot, last));
	store.put_place(worker, Some(place));
	left
}

/// Pages of a bucket of so many machines.
pub(crate) fn pages_of(length: u32) -> u32 {
	length.div_ceil(PAGE_MACHINES)
}
