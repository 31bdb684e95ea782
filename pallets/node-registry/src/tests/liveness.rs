//! Signs of life.

use crate::{mock::*, Call, Event, Workers};
use aidragon_primitives::{
	interface::{Conduct, WorkerDirectory},
	worker::{Capacity, LIVENESS_BLOCKS},
	BlockNumber,
};
use frame_support::assert_ok;
use sp_runtime::traits::Dispatchable;

fn heartbeat() {
	assert_ok!(NodeRegistry::heartbeat(RuntimeOrigin::signed(hot_key(10))));
}

fn online_events() -> usize {
	let online = Event::<Test>::WorkerOnline { worker: 0 };
	System::events().iter().filter(|record| record.event == online.clone().into()).count()
}

#[test]
fn machine_is_online_when_it_first_shows_itself() {
	build_and_execute(|| {
		let worker = machine_exists();
		Heard::set(Vec::new());
		heartbeat();
		assert_eq!(Workers::<Test>::get(worker).and_then(|worker| worker.last_seen), Some(1));
		assert_eq!(Heard::get(), vec![worker]);
		System::assert_last_event(Event::WorkerOnline { worker }.into());
	});
}

#[test]
fn heartbeat_is_silent_when_machine_is_live() {
	build_and_execute(|| {
		machine_exists();
		heartbeat();
		heartbeat();
		go_to(1 + LIVENESS_BLOCKS);
		heartbeat();
		assert_eq!(online_events(), 1);
		assert_eq!(Workers::<Test>::get(0).and_then(|worker| worker.last_seen), Some(41));
	});
}

#[test]
fn whatever_a_hot_key_signs_is_a_sign_of_life() {
	build_and_execute(|| {
		machine_exists();
		let machine = || RuntimeOrigin::signed(hot_key(10));
		let calls: [(BlockNumber, RuntimeCall); 3] = [
			(1, Call::update_endpoint { encryption_key: [9; 32], address: address(1) }.into()),
			(50, Call::drain { worker: 0 }.into()),
			(100, Call::resume { worker: 0 }.into()),
		];
		for (online, (block, call)) in calls.into_iter().enumerate() {
			go_to(block);
			assert_eq!(online_events(), online);
			assert_ok!(call.dispatch(machine()));
			assert_eq!(online_events(), online + 1);
			assert_eq!(Workers::<Test>::get(0).and_then(|worker| worker.last_seen), Some(block));
		}
	});
}

#[test]
fn a_provider_speaks_for_itself_only() {
	build_and_execute(|| {
		let worker = machine_exists();
		assert_ok!(NodeRegistry::drain(RuntimeOrigin::signed(PROVIDER), worker));
		assert_eq!(online_events(), 0);
		assert_eq!(Workers::<Test>::get(worker).map(|worker| worker.last_seen), Some(None));
	});
}

#[test]
fn machine_is_online_again_when_it_returns_after_silence() {
	build_and_execute(|| {
		machine_exists();
		heartbeat();
		go_to(2 + LIVENESS_BLOCKS);
		heartbeat();
		assert_eq!(online_events(), 2);
	});
}

#[test]
fn machine_is_online_again_when_it_returns_after_a_missed_deadline() {
	build_and_execute(|| {
		let worker = machine_is_candidate();
		let taken = Capacity { vcpus: 1, memory_mib: 1 };
		assert_ok!(NodeRegistry::reserve(worker, &taken, 1));
		NodeRegistry::release(worker, &taken, Conduct::Missed);
		assert!(NodeRegistry::candidate(worker, 1).is_none());
		heartbeat();
		assert!(NodeRegistry::candidate(worker, 1).is_some());
		assert_eq!(online_events(), 2);
	});
}
