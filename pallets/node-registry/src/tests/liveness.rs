//! Signs of life: what a hot key signs puts its machine on line, and time alone does not take it off.

use crate::{mock::*, Call, Event, OnlineLengths, Workers};
use aidragon_primitives::{
	interface::{Conduct, WorkerDirectory},
	worker::{Capacity, HALF_LIFE_BLOCKS},
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

fn is_online() -> bool {
	Workers::<Test>::get(0).is_some_and(|worker| worker.availability.is_online())
}

#[test]
fn machine_is_online_when_it_first_shows_itself() {
	build_and_execute(|| {
		let worker = machine_exists();
		assert!(!is_online());
		Heard::set(Vec::new());
		heartbeat();
		assert!(is_online());
		assert_eq!(Workers::<Test>::get(worker).and_then(|worker| worker.last_seen), Some(1));
		assert_eq!(Heard::get(), vec![worker]);
		System::assert_last_event(Event::WorkerOnline { worker }.into());
	});
}

#[test]
fn machine_comes_on_line_once() {
	build_and_execute(|| {
		let worker = machine_exists();
		Heard::set(Vec::new());
		heartbeat();
		heartbeat();
		go_to(1_000_000);
		heartbeat();
		// Without a call it serves to be looked at again.
		assert_eq!((online_events(), Heard::get()), (1, vec![worker; 3]));
		let last_seen = Workers::<Test>::get(worker).and_then(|worker| worker.last_seen);
		assert_eq!(last_seen, Some(1_000_000));
		assert_eq!(OnlineLengths::<Test>::get().iter().sum::<u32>(), 1);
	});
}

#[test]
fn whatever_a_hot_key_signs_is_a_sign_of_life() {
	build_and_execute(|| {
		machine_exists();
		let machine = || RuntimeOrigin::signed(hot_key(10));
		let calls: [(BlockNumber, RuntimeCall); 5] = [
			(1, Call::update_endpoint { encryption_key: [9; 32], address: address(1) }.into()),
			(50, Call::drain { worker: 0 }.into()),
			(100, Call::resume { worker: 0 }.into()),
			(150, Call::update_capacity { claimed: Capacity { vcpus: 1, ..CLAIMED } }.into()),
			(200, Call::heartbeat {}.into()),
		];
		for (online, (block, call)) in calls.into_iter().enumerate() {
			go_to(block);
			assert_eq!((online_events(), is_online()), (online, false));
			assert_ok!(call.dispatch(machine()));
			assert_eq!((online_events(), is_online()), (online + 1, true));
			assert_eq!(Workers::<Test>::get(0).and_then(|worker| worker.last_seen), Some(block));
			NodeRegistry::note_miss(0);
		}
	});
}

#[test]
fn a_provider_speaks_for_itself_only() {
	build_and_execute(|| {
		let worker = machine_exists();
		let owner = || RuntimeOrigin::signed(PROVIDER);
		assert_ok!(NodeRegistry::drain(owner(), worker));
		assert_ok!(NodeRegistry::pause(owner(), worker));
		assert_ok!(NodeRegistry::resume(owner(), worker));
		assert_eq!((online_events(), is_online()), (0, false));
		assert_eq!(Workers::<Test>::get(worker).map(|worker| worker.last_seen), Some(None));
	});
}

#[test]
fn machine_is_online_again_when_it_returns_after_a_missed_deadline() {
	build_and_execute(|| {
		let worker = machine_is_candidate();
		let taken = reservation(Capacity::cpu(1, 1));
		assert_ok!(NodeRegistry::reserve(worker, &taken, 1));
		NodeRegistry::release(worker, &taken, Conduct::Missed);
		assert!(NodeRegistry::candidate(worker, 1).is_none());
		heartbeat();
		assert!(NodeRegistry::candidate(worker, 1).is_some());
		assert_eq!(online_events(), 2);
	});
}

#[test]
fn retiring_machine_does_not_come_on_line() {
	build_and_execute(|| {
		let worker = machine_is_candidate();
		assert_ok!(NodeRegistry::retire_worker(RuntimeOrigin::signed(PROVIDER), worker));
		assert!(!is_online());
		heartbeat();
		assert_eq!((online_events(), is_online()), (1, false));
		assert_eq!(OnlineLengths::<Test>::get().iter().sum::<u32>(), 0);
	});
}

#[test]
fn absence_costs_score() {
	build_and_execute(|| {
		machine_is_candidate();
		let score = || Workers::<Test>::get(0).map(|worker| worker.availability.score_ppm);
		Workers::<Test>::mutate_extant(0, |worker| worker.availability.score_ppm = 800_000);
		assert_ok!(NodeRegistry::pause(RuntimeOrigin::signed(PROVIDER), 0));
		go_to(1 + HALF_LIFE_BLOCKS);
		assert_ok!(NodeRegistry::resume(RuntimeOrigin::signed(hot_key(10)), 0));
		assert_eq!(score(), Some(400_000));
	});
}
