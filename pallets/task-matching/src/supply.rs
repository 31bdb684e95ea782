//! The supply index: which machines may be given work, by free capacity.
//!
//! Each bucket is a dense vector over storage: a machine is inserted at the end and removed by moving the last
//! one into its place, so every change costs the same whatever the number of machines.

use crate::{Config, Pallet, SupplyBitmap, SupplyLength, SupplyPosition, SupplySlots};
use aidragon_primitives::{
	interface::{SupplyListener, WorkerDirectory},
	matching::{bucket_of, Bucket},
	WorkerId,
};

impl<T: Config> Pallet<T> {
	fn insert_supply(worker: WorkerId, bucket: Bucket) {
		let position = SupplyLength::<T>::get(bucket);
		SupplySlots::<T>::insert((bucket, position), worker);
		SupplyPosition::<T>::insert(worker, (bucket, position));
		SupplyLength::<T>::insert(bucket, position.saturating_add(1));
		if position == 0 {
			SupplyBitmap::<T>::mutate(|bitmap| *bitmap |= 1u64 << bucket);
		}
	}

	pub(crate) fn remove_supply(worker: WorkerId) {
		let Some((bucket, position)) = SupplyPosition::<T>::take(worker) else {
			return;
		};
		let last = SupplyLength::<T>::get(bucket).saturating_sub(1);
		let moved = SupplySlots::<T>::take((bucket, last));
		if let Some(moved) = moved.filter(|_| position != last) {
			SupplySlots::<T>::insert((bucket, position), moved);
			SupplyPosition::<T>::insert(moved, (bucket, position));
		}
		if last == 0 {
			SupplyLength::<T>::remove(bucket);
			SupplyBitmap::<T>::mutate(|bitmap| *bitmap &= !(1u64 << bucket));
		} else {
			SupplyLength::<T>::insert(bucket, last);
		}
	}
}

impl<T: Config> SupplyListener for Pallet<T> {
	fn is_supplied(worker: WorkerId) -> bool {
		SupplyPosition::<T>::contains_key(worker)
	}

	fn supply_changed(worker: WorkerId) {
		let candidate = T::Directory::candidate(worker, Self::now());
		let belongs = candidate.and_then(|candidate| bucket_of(&candidate.free));
		let stands = SupplyPosition::<T>::get(worker).map(|(bucket, _)| bucket);
		if stands == belongs {
			return;
		}
		Self::remove_supply(worker);
		if let Some(bucket) = belongs {
			Self::insert_supply(worker, bucket);
		}
	}
}
