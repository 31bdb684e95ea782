//! What the registry tells of its machines: kept in the supply, and heard by the tasks that wait.

use crate::{
	agenda::Item, store::ChainStore, Assignments, Config, Pallet, SupplyPlaces, WaitingIndex,
	Waking,
};
use aidragon_primitives::{
	interface::{SupplyListener, WorkerDirectory},
	resources::Free,
	supply::{self, Bucket, Entry, Shape, SupplyStore},
	waiting::{may_serve, Wake},
	BlockNumber, WorkerId,
};

/// Blocks after which a machine that went off line loses what it has not delivered: time for a restart.
const SILENCE_BLOCKS: BlockNumber = 10;

impl<T: Config> Pallet<T> {
	/// What the supply shows of a machine.
	pub(crate) fn supplied(worker: WorkerId) -> Option<Entry> {
		let store = ChainStore::<T>::new();
		let place = store.place(worker)?;
		store.page(place.bucket, place.page()).get(place.slot()).cloned()
	}

	/// Wakes the tasks that wait for a machine such as this, if there are any. `bucket` is the machine's own: it may stand in a
	/// coarser one.
	fn wake_for(worker: WorkerId, bucket: Bucket) {
		let waiting = WaitingIndex::<T>::get();
		if waiting.cells().iter().any(|(cell, _)| may_serve(bucket, *cell)) {
			let wake = Wake { worker, bucket, block: Self::now() };
			Waking::<T>::mutate(|wakes| wakes.note(wake));
		}
	}
}

/// Whether a machine has nothing to offer now that it did not offer before.
fn is_less(before: &Entry, now: &Entry) -> bool {
	let without_free = |entry: &Entry| Entry { free: Default::default(), ..entry.clone() };
	let (old, new) = (&before.free, &now.free);
	without_free(before) == without_free(now)
		&& new.cpu_milli <= old.cpu_milli
		&& new.memory_mib <= old.memory_mib
		&& has_less_gpus(old, new)
}

fn has_less_gpus(old: &Free, new: &Free) -> bool {
	let same_kind = new.gpu_class == old.gpu_class && new.gpu_memory_mib <= old.gpu_memory_mib;
	new.gpu_milli.is_empty()
		|| same_kind
			&& new.gpu_milli.len() <= old.gpu_milli.len()
			&& new.gpu_milli.iter().zip(&old.gpu_milli).all(|(new, old)| new <= old)
}

impl<T: Config> SupplyListener for Pallet<T> {
	fn is_supplied(worker: WorkerId) -> bool {
		SupplyPlaces::<T>::contains_key(worker)
	}

	fn went_silent(worker: WorkerId) {
		if Assignments::<T>::iter_key_prefix(worker).next().is_some() {
			let at = Self::now().saturating_add(SILENCE_BLOCKS);
			Self::put_once_on_agenda(Item::Silent(worker), at);
		}
	}

	fn supply_changed(worker: WorkerId) {
		let mut store = ChainStore::<T>::new();
		let Some(candidate) = T::Directory::candidate(worker, Self::now()) else {
			supply::remove(&mut store, worker);
			return;
		};
		let entry = candidate.entry;
		// What was offered before matters only where somebody waits to hear of it.
		let is_heard = !WaitingIndex::<T>::get().cells().is_empty();
		let before = if is_heard { Self::supplied(worker) } else { None };
		let is_news = is_heard && before.as_ref().is_none_or(|before| !is_less(before, &entry));
		let bucket = Shape::of(&entry.free).bucket();
		supply::update(&mut store, entry);
		if is_news {
			Self::wake_for(worker, bucket);
		}
	}
}
