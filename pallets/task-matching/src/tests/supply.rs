//! The supply index.

use crate::{mock::*, SupplyBitmap, SupplyLength, SupplyPosition};
use aidragon_primitives::DRGN;
use frame_support::assert_ok;

#[test]
fn machines_move_with_their_free_capacity() {
	build_and_execute(|| {
		add_worker(0, DRGN);
		let idle = SupplyPosition::<Test>::get(0).unwrap().0;
		let id = submit_and_draw(spec(1));
		let busy = SupplyPosition::<Test>::get(0).unwrap().0;
		assert_ne!(idle, busy);
		attest(id, 0, digest(1, 5));
		assert_eq!(SupplyPosition::<Test>::get(0).unwrap().0, idle);
	});
}

#[test]
fn a_full_machine_leaves_the_supply_and_comes_back() {
	build_and_execute(|| {
		add_worker(0, DRGN);
		let mut whole = spec(1);
		whole.requirements.capacity.vcpus = 4;
		let id = submit_and_draw(whole);
		assert_eq!(SupplyPosition::<Test>::get(0), None);
		assert_eq!(SupplyBitmap::<Test>::get(), 0);
		attest(id, 0, digest(1, 5));
		assert!(SupplyPosition::<Test>::get(0).is_some());
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
		let bucket = SupplyPosition::<Test>::get(1).unwrap().0;
		assert_eq!(SupplyLength::<Test>::get(bucket), 2);
		assert_ok!(NodeRegistry::resume(signed(hot_key(2)), 2));
		assert_eq!(SupplyLength::<Test>::get(bucket), 3);
	});
}
