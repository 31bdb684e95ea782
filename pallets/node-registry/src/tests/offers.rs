//! What machines ask, when they take tasks, and where their results are fetched.

use crate::{mock::*, Error, Event, Workers};
use aidragon_primitives::{
	interface::WorkerDirectory,
	worker::{Hours, Offer, TaskKinds, TransportAddress, DAY_MINUTES},
	Balance, WorkerId,
};
use frame_support::{assert_noop, assert_ok};

fn update(worker: WorkerId, offer: Offer) -> sp_runtime::DispatchResult {
	NodeRegistry::update_offer(RuntimeOrigin::signed(PROVIDER), worker, offer)
}

fn within(from_minute: u16, until_minute: u16) -> Offer {
	Offer { hours: Some(Hours { from_minute, until_minute }), ..Offer::at(5) }
}

#[test]
fn offer_is_stored_when_provider_updates_it() {
	build_and_execute(|| {
		let worker = machine_is_candidate();
		let choosy = Offer {
			task_min_fuel: u64::MAX,
			task_max_blocks: 1,
			refuses: TaskKinds::SINGLE.with(TaskKinds::DEPENDENT),
			..within(1_439, 0)
		};
		for offer in [Offer::at(1), Offer::at(1), Offer::at(Balance::MAX), choosy] {
			Heard::set(Vec::new());
			assert_ok!(update(worker, offer));
			assert_eq!(Workers::<Test>::get(worker).map(|worker| worker.offer), Some(offer));
			// The supply shows the offer, so it has to hear of another one.
			assert_eq!(Heard::get(), vec![worker]);
			let candidate = NodeRegistry::candidate(worker, 1).expect("a candidate as before");
			assert_eq!(candidate.entry.offer, offer);
			System::assert_last_event(Event::OfferUpdated { worker, offer }.into());
		}
	});
}

#[test]
fn offer_is_refused_when_it_asks_nothing_or_for_no_machine() {
	build_and_execute(|| {
		let worker = machine_exists();
		assert_noop!(update(worker, Offer::at(0)), Error::<Test>::PriceIsZero);
		assert_noop!(update(worker + 1, Offer::at(1)), Error::<Test>::NoSuchWorker);
	});
}

#[test]
fn offer_is_refused_when_its_hours_are_no_part_of_a_day() {
	build_and_execute(|| {
		let worker = machine_exists();
		for (from, until) in [(7, 7), (DAY_MINUTES, 7), (7, DAY_MINUTES), (u16::MAX, 0)] {
			assert_noop!(update(worker, within(from, until)), Error::<Test>::MalformedHours);
		}
		for (from, until) in [(0, 1_439), (1_439, 0)] {
			assert_ok!(update(worker, within(from, until)));
		}
	});
}

#[test]
fn offer_is_refused_when_it_refuses_everything_or_what_is_no_kind_of_task() {
	build_and_execute(|| {
		let worker = machine_exists();
		let refusing = |kinds| Offer { refuses: kinds, ..Offer::at(5) };
		for kinds in [TaskKinds::ALL, TaskKinds(8), TaskKinds(9), TaskKinds(u8::MAX)] {
			assert_noop!(update(worker, refusing(kinds)), Error::<Test>::MalformedRefusal);
		}
		// All but one kind.
		for kinds in [3, 5, 6].map(TaskKinds) {
			assert_ok!(update(worker, refusing(kinds)));
		}
	});
}

#[test]
fn offer_is_stored_for_tasks_of_any_length() {
	build_and_execute(|| {
		let worker = machine_exists();
		for task_max_blocks in [0, 1, u32::MAX] {
			let offer = Offer { task_max_blocks, ..Offer::at(5) };
			assert_ok!(update(worker, offer));
			assert_eq!(Workers::<Test>::get(worker).map(|worker| worker.offer), Some(offer));
		}
	});
}

#[test]
fn offer_says_nothing_about_the_machine_being_there() {
	build_and_execute(|| {
		let worker = machine_exists();
		assert_ok!(update(worker, Offer::at(6)));
		let stored = Workers::<Test>::get(worker).expect("registered");
		assert_eq!((stored.last_seen, stored.availability.is_online()), (None, false));
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
