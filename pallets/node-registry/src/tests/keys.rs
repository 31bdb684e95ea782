//! Encryption keys: another key begins a new epoch, and the one before stays readable.

use crate::{mock::*, EncryptionKeys, Error, Workers};
use aidragon_primitives::WorkerId;
use frame_support::{assert_noop, assert_ok};

fn set_key(key: u8, port: u16) -> sp_runtime::DispatchResult {
	let machine = RuntimeOrigin::signed(hot_key(10));
	NodeRegistry::update_endpoint(machine, [key; 32], address(port))
}

/// The epochs on record and the first byte of each key, in their order.
fn keys() -> Vec<(WorkerId, u32, u8)> {
	let mut keys: Vec<_> = EncryptionKeys::<Test>::iter()
		.map(|((worker, epoch), key)| (worker, epoch, key[0]))
		.collect();
	keys.sort_unstable();
	keys
}

fn epoch() -> Option<u32> {
	Workers::<Test>::get(0).map(|worker| worker.key_epoch)
}

#[test]
fn rotation_keeps_two_epochs() {
	build_and_execute(|| {
		machine_exists();
		assert_eq!(keys(), vec![(0, 0, 10)]);
		assert_ok!(set_key(21, 1));
		assert_eq!((epoch(), keys()), (Some(1), vec![(0, 0, 10), (0, 1, 21)]));
		assert_ok!(set_key(22, 1));
		assert_eq!((epoch(), keys()), (Some(2), vec![(0, 1, 21), (0, 2, 22)]));
		// A key that was used before is another key, too.
		assert_ok!(set_key(21, 1));
		assert_eq!((epoch(), keys()), (Some(3), vec![(0, 2, 22), (0, 3, 21)]));
	});
}

#[test]
fn another_address_begins_no_epoch() {
	build_and_execute(|| {
		machine_exists();
		assert_ok!(set_key(21, 1));
		assert_ok!(set_key(21, 2));
		assert_eq!((epoch(), keys()), (Some(1), vec![(0, 0, 10), (0, 1, 21)]));
	});
}

#[test]
fn rotation_is_refused_when_epochs_are_used_up() {
	build_and_execute(|| {
		machine_exists();
		Workers::<Test>::mutate_extant(0, |worker| worker.key_epoch = u32::MAX);
		EncryptionKeys::<Test>::insert((0, u32::MAX), [10; 32]);
		assert_noop!(set_key(21, 1), Error::<Test>::Overflow);
		assert_ok!(set_key(10, 1));
	});
}

#[test]
fn no_key_is_left_when_a_machine_is_removed() {
	for rotations in 0..3 {
		build_and_execute(|| {
			let worker = machine_exists();
			for n in 0..rotations {
				assert_ok!(set_key(21 + n, 1));
			}
			let owner = || RuntimeOrigin::signed(PROVIDER);
			assert_ok!(NodeRegistry::retire_worker(owner(), worker));
			go_to(1 + EXIT_DELAY);
			assert_ok!(NodeRegistry::remove_worker(owner(), worker));
			assert_eq!(keys(), vec![]);
		});
	}
}
