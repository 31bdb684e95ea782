//! A supply written at once, where what counts is what comes after.

use super::runtime::Sim;
use aidragon_primitives::supply::{
	floor_of, Bucket, Directory, Entry, Listed, Page, Place, Shape, PAGE_MACHINES,
};
use pallet_task_matching as pallet;
use std::collections::BTreeMap;

/// Fills an empty supply with machines in this order, page by page. The same bytes as one by one, as long as there are fewer than
/// 1,700 different buckets. Within externalities only.
pub(super) fn fill(entries: Vec<Entry>) {
	let mut buckets: BTreeMap<Bucket, Vec<Entry>> = BTreeMap::new();
	for entry in entries {
		buckets.entry(Shape::of(&entry.free).bucket()).or_default().push(entry);
	}
	let floor = |entries: &[Entry]| {
		let floors = entries.iter().map(|entry| floor_of(entry.offer.price_per_gfuel));
		floors.min().unwrap_or_default()
	};
	let listed = buckets.iter().map(|(bucket, entries)| Listed {
		bucket: *bucket,
		length: entries.len() as u32,
		floor: floor(entries),
	});
	if let Some(directory) = Directory::from_buckets(listed) {
		pallet::SupplyDirectory::<Sim>::put(directory);
	}
	for (bucket, entries) in buckets {
		for (position, entry) in (0..).zip(&entries) {
			pallet::SupplyPlaces::<Sim>::insert(entry.worker, Place { bucket, position });
		}
		for (number, entries) in (0u32..).zip(entries.chunks(PAGE_MACHINES as usize)) {
			let page = Page::truncate_from(entries.to_vec());
			pallet::SupplyPages::<Sim>::insert((bucket, number), page);
		}
	}
}
