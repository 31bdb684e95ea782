//! The beacon: a hash chain of bounded length.

use crate::{mock::*, Beacons, LatestBeacon};
use aidragon_primitives::{beacon::accumulate, interface::Beacon};
use frame_support::traits::Hooks;
use sp_runtime::{DispatchError, TransactionOutcome};
use std::collections::BTreeSet;

#[test]
fn p5_beacon_hashes_each_output_onto_the_beacon_before() {
	build_and_execute(|| {
		let mut expected = accumulate([0; 32], 1, [5; 32]);
		assert_eq!(LatestBeacon::<Test>::get(), Some((1, expected)));
		for block in 2..6 {
			run_to(block);
			expected = accumulate(expected, block, [5; 32]);
			assert_eq!(ResourceVerification::latest(), Some((block, expected)));
			assert_eq!(Beacons::<Test>::get(block), Some(expected));
		}
	});
}

#[test]
fn p5_beacon_of_a_block_is_unknown_before_its_header_is() {
	build_and_execute(|| {
		run_to(9);
		assert_eq!(Beacons::<Test>::get(10), None);
		let beacon = |vrf| {
			AuthorVrf::set(Some([vrf; 32]));
			frame_support::storage::with_transaction(|| {
				run_to(10);
				let beacon = Beacons::<Test>::get(10);
				TransactionOutcome::Rollback(Ok::<_, DispatchError>(beacon))
			})
		};
		assert_ne!(beacon(5), beacon(6), "whoever is the author of block 10 decides it");
	});
}

#[test]
fn block_without_output_has_no_beacon() {
	build_and_execute(|| {
		run_to(3);
		let latest = ResourceVerification::latest();
		AuthorVrf::set(None);
		run_to(5);
		assert_eq!(ResourceVerification::latest(), latest);
		assert_eq!((Beacons::<Test>::get(4), Beacons::<Test>::get(5)), (None, None));
		AuthorVrf::set(Some([6; 32]));
		run_to(6);
		let before = latest.map(|(_, beacon)| beacon).expect("three blocks had outputs");
		assert_eq!(ResourceVerification::latest(), Some((6, accumulate(before, 6, [6; 32]))));
	});
}

#[test]
fn p5_beacon_is_extended_once_in_a_block_whoever_asks_first() {
	build_and_execute(|| {
		run_to(4);
		let (_, before) = ResourceVerification::latest().expect("every block has an output");
		System::set_block_number(5);
		<ResourceVerification as Beacon>::advance();
		let extended = Some((5, accumulate(before, 5, [5; 32])));
		assert_eq!(ResourceVerification::latest(), extended);
		let root = sp_io::storage::root(sp_runtime::StateVersion::V1);
		<ResourceVerification as Beacon>::advance();
		assert_eq!(sp_io::storage::root(sp_runtime::StateVersion::V1), root);
		ResourceVerification::on_initialize(5);
		<ResourceVerification as Beacon>::advance();
		assert_eq!(ResourceVerification::latest(), extended);
		assert_eq!(Beacons::<Test>::get(5), extended.map(|(_, beacon)| beacon));
		assert_eq!(Beacons::<Test>::iter_keys().count(), 5);
	});
}

#[test]
fn advance_in_a_block_without_output_changes_nothing() {
	build_and_execute(|| {
		run_to(4);
		let latest = ResourceVerification::latest();
		AuthorVrf::set(None);
		System::set_block_number(5);
		for _ in 0..2 {
			<ResourceVerification as Beacon>::advance();
			assert_eq!(ResourceVerification::latest(), latest);
			assert_eq!(Beacons::<Test>::get(5), None);
		}
	});
}

#[test]
fn p6_history_is_bounded_when_another_one_advances_first() {
	build_and_execute(|| {
		for block in 2..100 {
			System::set_block_number(block);
			AuthorVrf::set((block % 3 != 0).then_some([5; 32]));
			<ResourceVerification as Beacon>::advance();
			ResourceVerification::on_initialize(block);
			assert_eq!(ResourceVerification::do_try_state(), Ok(()));
		}
		assert!(Beacons::<Test>::iter_keys().all(|block| block > 99 - HISTORY));
	});
}

#[test]
fn p6_history_is_bounded_and_holds_the_last_blocks() {
	build_and_execute(|| {
		run_to(600);
		let kept: BTreeSet<_> = Beacons::<Test>::iter_keys().collect();
		assert_eq!(kept, (601 - HISTORY..601).collect());
	});
}

#[test]
fn p6_history_is_bounded_when_outputs_are_missing() {
	build_and_execute(|| {
		for block in 2..600 {
			AuthorVrf::set((block % 3 != 0).then_some([5; 32]));
			run_to(block);
			assert_eq!(ResourceVerification::do_try_state(), Ok(()));
		}
		assert!(Beacons::<Test>::iter_keys().all(|block| block > 599 - HISTORY));
		AuthorVrf::set(None);
		run_to(599 + HISTORY);
		assert_eq!(Beacons::<Test>::iter_keys().count(), 0);
	});
}
