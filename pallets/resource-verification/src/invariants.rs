//! What must hold in every block.

use crate::{Audits, Beacons, Capabilities, Challenges, Config, Duties, LatestBeacon, Pallet};
use aidragon_primitives::verification::{Slot, Stage};
use frame_support::{ensure, traits::Get};
use sp_runtime::TryRuntimeError;

impl<T: Config> Pallet<T> {
	/// Checks the beacon's history and that nothing counts as proved without a passed challenge.
	pub fn do_try_state() -> Result<(), TryRuntimeError> {
		let kept = Beacons::<T>::iter_keys().count();
		ensure!(kept <= T::BeaconHistory::get() as usize, "more beacons are kept than the history");
		if let Some((block, beacon)) = LatestBeacon::<T>::get() {
			// Blocks without a beacon can push even the newest one out.
			let is_kept = block > Self::now().saturating_sub(T::BeaconHistory::get());
			ensure!(
				!is_kept || Beacons::<T>::get(block) == Some(beacon),
				"the newest beacon is not in the history"
			);
		}
		for (worker, capability) in Capabilities::<T>::iter() {
			for slot in Slot::ALL {
				let Some(proof) = capability.proof(slot) else { continue };
				ensure!(proof.amount > 0, "a proof of nothing");
				ensure!(proof.proved_at <= Self::now(), "a proof from the future");
				let challenge = Challenges::<T>::get((worker, slot));
				ensure!(
					challenge.is_some_and(|challenge| challenge.stage != Stage::Failed),
					"a proof without a passed challenge"
				);
			}
		}
		for ((_, slot), challenge) in Challenges::<T>::iter() {
			ensure!(challenge.slot == slot, "a challenge stands under another slot");
		}
		for ((_, slot), audit) in Audits::<T>::iter() {
			ensure!(audit.committed.slot() == slot, "an audit stands under another slot");
			let had_their_word = audit.drawn.saturating_sub(audit.auditors.len() as u32);
			ensure!(audit.confirmed <= had_their_word, "more auditors confirmed than were drawn");
		}
		for (auditor, duties) in Duties::<T>::iter() {
			for duty in duties {
				let audit = Audits::<T>::get(duty);
				ensure!(
					audit.is_some_and(|audit| audit.auditors.contains(&auditor)),
					"a duty without an audit"
				);
			}
		}
		Ok(())
	}
}
