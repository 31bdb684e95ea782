//! The beacon: a hash chain of bounded length.

use crate::{mock::*, Beacons, LatestBeacon};
use aidragon_primitives::{beacon::accumulate, interface::Beacon};
use std::collections::BTreeSet;

#[test]
fn p5_beacon_hashes_each_output_onto_the_beacon_before() {
	build_and_execute(|| {
		let mut expected = accumulate([0; 32], 0, [5; 32]);
		assert_eq!(LatestBeacon::<Test>::get(), Some((0, expected)));
		for parent in 1..5 {
			run_to(parent + 1);
			expected = accumulate(expected, parent, [5; 32]);
			assert_eq!(ResourceVerification::latest(), Some((parent, expected)));
			assert_eq!(ResourceVerification::at(parent), Some(expected));
		}
	});
}

#[test]
fn p5_beacon_of_a_block_is_unknown_while_it_is_built() {
	build_and_execute(|| {
		run_to(9);
		assert_eq!(ResourceVerification::at(9), None);
		run_to(10);
		assert!(ResourceVerification::at(9).is_some());
	});
}

#[test]
fn block_without_output_has_no_beacon() {
	build_and_execute(|| {
		run_to(4);
		let latest = ResourceVerification::latest();
		ParentVrf::set(None);
		run_to(6);
		assert_eq!(ResourceVerification::latest(), latest);
		assert_eq!((ResourceVerification::at(4), ResourceVerification::at(5)), (None, None));
		ParentVrf::set(Some([6; 32]));
		run_to(7);
		let before = latest.map(|(_, beacon)| beacon).expect("three blocks had outputs");
		assert_eq!(ResourceVerification::latest(), Some((6, accumulate(before, 6, [6; 32]))));
	});
}

#[test]
fn p6_history_is_bounded_and_holds_the_last_blocks() {
	build_and_execute(|| {
		run_to(600);
		let kept: BTreeSet<_> = Beacons::<Test>::iter_keys().collect();
		assert_eq!(kept, (600 - HISTORY..600).collect());
	});
}

#[test]
fn p6_history_is_bounded_when_outputs_are_missing() {
	build_and_execute(|| {
		for block in 2..600 {
			ParentVrf::set((block % 3 != 0).then_some([5; 32]));
			run_to(block);
			assert_eq!(ResourceVerification::do_try_state(), Ok(()));
		}
		assert!(Beacons::<Test>::iter_keys().all(|block| block >= 599 - HISTORY));
		ParentVrf::set(None);
		run_to(599 + HISTORY);
		assert_eq!(Beacons::<Test>::iter_keys().count(), 0);
	});
}
