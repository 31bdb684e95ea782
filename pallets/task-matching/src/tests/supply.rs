//! The supply index.

use crate::{mock::*, SupplyDirectory, SupplyPages, SupplyPlaces};
use aidragon_primitives::{supply::Bucket, DRGN};
use frame_support::assert_ok;

fn bucket_of(worker: u32) -> Bucket {
	SupplyPlaces::<Test>::get(worker).unwrap().bucket
}

fn length(bucket: Bucket) -> u32 {
	SupplyDirectory::<Test>::get().length(bucket)
}

#[test]
fn machines_move_with_their_free_capacity() {
	build_and_execute(|| {
		add_worker(0, DRGN);
		let idle = bucket_of(0);
		let id = submit_and_draw(spec(1));
		let busy = bucket_of(0);
		assert_ne!(idle, busy);
		assert_eq!((length(idle), length(busy)), (0, 1));
		attest(id, 0, digest(1, 5));
		assert_eq!(bucket_of(0), idle);
		assert_eq!((length(idle), length(busy)), (1, 0));
	});
}

#[test]
fn a_full_machine_leaves_the_supply_and_comes_back() {
	build_and_execute(|| {
		add_worker(0, DRGN);
		let mut whole = spec(1);
		whole.requirements.resources.cpu_milli = 4_000;
		let id = submit_and_draw(whole);
		assert_eq!(SupplyPlaces::<Test>::get(0), None);
		assert_eq!(SupplyDirectory::<Test>::get().machines(), 0);
		assert_eq!(SupplyPages::<Test>::iter().count(), 0);
		attest(id, 0, digest(1, 5));
		assert!(SupplyPlaces::<Test>::get(0).is_some());
	});
}

#[test]
fn removal_from_the_middle_keeps_the_bucket_dense() {
	build_and_execute(|| {
		for worker in 0..5 {
			add_worker(worker, DRGN);
		}
		for gone in [2, 4, 0] {
			assert_ok!(NodeRegistry::drain(signed(provider(gone)), gone));
			check_invariants();
		}
		let bucket = bucket_of(1);
		assert_eq!(length(bucket), 2);
		assert_ok!(NodeRegistry::resume(signed(hot_key(2)), 2));
		assert_eq!(length(bucket), 3);
	});
}
