//! The table of tiers, which governance may change.

use crate::{mock::*, ClassThresholds, Error, Event, Workers};
use aidragon_primitives::worker::Thresholds;
use frame_support::{assert_noop, assert_ok};

fn set(thresholds: Thresholds) -> sp_runtime::DispatchResult {
	NodeRegistry::set_thresholds(RuntimeOrigin::root(), thresholds)
}

#[test]
fn thresholds_are_the_default_until_they_are_set() {
	build_and_execute(|| {
		assert_eq!(ClassThresholds::<Test>::get(), Thresholds::default());
		let thresholds = Thresholds { memory_mib: [1, 2, 3, 4, 5, 6], ..Thresholds::default() };
		assert_ok!(set(thresholds));
		assert_eq!(ClassThresholds::<Test>::get(), thresholds);
		System::assert_last_event(Event::ThresholdsChanged { thresholds }.into());
	});
}

#[test]
fn thresholds_are_refused_when_a_row_does_not_rise() {
	build_and_execute(|| {
		let good = Thresholds::default();
		for malformed in [
			Thresholds { throughput_mops: [1, 2, 3, 4, 5, 5], ..good },
			Thresholds { memory_mib: [0, 1, 2, 3, 4, 5], ..good },
			Thresholds { availability_ppm: [4, 3, 2, 1], ..good },
		] {
			assert_noop!(set(malformed), Error::<Test>::MalformedThresholds);
		}
	});
}

#[test]
fn tiers_follow_new_thresholds_with_the_next_proof() {
	build_and_execute(|| {
		let worker = machine_is_candidate();
		let tier = || Workers::<Test>::get(worker).map(|it| it.standing.throughput.tier);
		let class = || NodeRegistry::class(worker).map(|report| report.class.throughput);
		assert_eq!((tier(), class()), (Some(1), Some(1)));
		let throughput_mops = [20_000, 30_000, 40_000, 50_000, 60_000, 70_000];
		assert_ok!(set(Thresholds { throughput_mops, ..Thresholds::default() }));
		// The class is what is proved now, by the table of now.
		assert_eq!((tier(), class()), (Some(1), Some(0)));
		prove(worker, 10_000);
		assert_eq!((tier(), class()), (Some(0), Some(0)));
	});
}
