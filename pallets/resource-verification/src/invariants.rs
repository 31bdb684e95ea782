//! What must hold in every block.

use crate::{Beacons, Capabilities, Challenges, Config, LatestBeacon, Pallet};
use aidragon_primitives::challenge::Stage;
use frame_support::{ensure, traits::Get};
use sp_runtime::TryRuntimeError;

impl<T: Config> Pallet<T> {
	/// Checks the beacon's history and that nothing counts as proved without a passed challenge.
	pub fn do_try_state() -> Result<(), TryRuntimeError> {
		let kept = Beacons::<T>::iter_keys().count();
		ensure!(kept <= T::BeaconHistory::get() as usize, "more beacons are kept than the history");
		if let Some((block, beacon)) = LatestBeacon::<T>::get() {
			// Blocks without a beacon can push even the newest one out.
			let is_kept = block >= Self::now().saturating_sub(T::BeaconHistory::get());
			ensure!(
				!is_kept || Beacons::<T>::get(block) == Some(beacon),
				"the newest beacon is not in the history"
			);
		}
		for (worker, capability) in Capabilities::<T>::iter() {
			ensure!(capability.throughput_mops > 0, "a capability of nothing");
			ensure!(capability.proved_at <= Self::now(), "a capability from the future");
			let challenge = Challenges::<T>::get(worker);
			ensure!(
				challenge.is_some_and(|challenge| challenge.stage != Stage::Failed),
				"a capability without a passed challenge"
			);
		}
		Ok(())
	}
}
