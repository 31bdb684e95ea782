//! The beacon: one hash chain over the VRF outputs of all block authors.

use crate::{Beacons, Config, LatestBeacon, Pallet};
use aidragon_primitives::{beacon::accumulate, interface, BlockNumber, Hash32};
use frame_support::traits::Get;
use sp_runtime::SaturatedConversion;

impl<T: Config> Pallet<T> {
	pub(crate) fn now() -> BlockNumber {
		frame_system::Pallet::<T>::block_number().saturated_into()
	}

	/// Adds the block's own VRF output, and gives the beacon that follows. A block without one has no beacon, and
	/// nothing is drawn from it. Whoever needs the beacon first in a block has it extended; after that it stays.
	pub(crate) fn extend_beacon() -> Option<Hash32> {
		let now = Self::now();
		if let Some((_, beacon)) = LatestBeacon::<T>::get().filter(|(block, _)| *block == now) {
			return Some(beacon);
		}
		// Before the output is looked at: a block without one pushes an old beacon out as every other does.
		if let Some(oldest) = now.checked_sub(T::BeaconHistory::get()) {
			Beacons::<T>::remove(oldest);
		}
		let vrf = T::AuthorVrf::get()?;
		let previous = LatestBeacon::<T>::get().map(|(_, beacon)| beacon).unwrap_or_default();
		let beacon = accumulate(previous, now, vrf);
		LatestBeacon::<T>::put((now, beacon));
		Beacons::<T>::insert(now, beacon);
		Some(beacon)
	}
}

impl<T: Config> interface::Beacon for Pallet<T> {
	fn advance() {
		Self::extend_beacon();
	}

	fn latest() -> Option<(BlockNumber, Hash32)> {
		LatestBeacon::<T>::get()
	}
}
