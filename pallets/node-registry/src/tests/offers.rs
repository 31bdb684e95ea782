//! Prices and endpoints.

use crate::{mock::*, Error, Event, Workers};
use aidragon_primitives::{worker::TransportAddress, Balance};
use frame_support::{assert_noop, assert_ok};

#[test]
fn price_is_stored_when_provider_updates_it() {
	build_and_execute(|| {
		let worker = machine_exists();
		for price_per_gfuel in [1, 1, Balance::MAX] {
			assert_ok!(NodeRegistry::update_price(
				RuntimeOrigin::signed(PROVIDER),
				worker,
				price_per_gfuel
			));
			let stored = Workers::<Test>::get(worker).expect("registered");
			assert_eq!(stored.price_per_gfuel, price_per_gfuel);
			System::assert_last_event(Event::PriceUpdated { worker, price_per_gfuel }.into());
		}
	});
}

#[test]
fn price_is_refused_when_zero_or_for_no_machine() {
	build_and_execute(|| {
		let worker = machine_exists();
		let update = |worker, price| {
			NodeRegistry::update_price(RuntimeOrigin::signed(PROVIDER), worker, price)
		};
		assert_noop!(update(worker, 0), Error::<Test>::PriceIsZero);
		assert_noop!(update(worker + 1, 1), Error::<Test>::NoSuchWorker);
	});
}

#[test]
fn endpoint_is_stored_when_hot_key_updates_it() {
	build_and_execute(|| {
		let worker = machine_exists();
		go_to(9);
		Heard::set(Vec::new());
		assert_ok!(NodeRegistry::update_endpoint(
			RuntimeOrigin::signed(hot_key(10)),
			[9; 32],
			address(5_000)
		));
		let stored = Workers::<Test>::get(worker).expect("registered");
		assert_eq!(stored.encryption_key, [9; 32]);
		assert_eq!(stored.address, address(5_000));
		assert_eq!(stored.last_seen, Some(9));
		assert_eq!(Heard::get(), vec![worker]);
		System::assert_last_event(Event::EndpointUpdated { worker }.into());
	});
}

#[test]
fn endpoint_is_refused_when_address_is_malformed() {
	build_and_execute(|| {
		machine_exists();
		assert_noop!(
			NodeRegistry::update_endpoint(
				RuntimeOrigin::signed(hot_key(10)),
				[9; 32],
				TransportAddress::default()
			),
			Error::<Test>::MalformedAddress
		);
	});
}
