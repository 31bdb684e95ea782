//! Draining, resuming, retiring and removing machines.

use crate::{mock::*, Error, Event, Obstacle, Providers, WorkerByHotKey, Workers};
use aidragon_primitives::{
	interface::{Conduct, WorkerDirectory},
	worker::{Capacity, Reserved, WorkerStatus},
	WorkerId,
};
use frame_support::{assert_noop, assert_ok};

fn owner() -> RuntimeOrigin {
	RuntimeOrigin::signed(PROVIDER)
}

fn machine() -> RuntimeOrigin {
	RuntimeOrigin::signed(hot_key(10))
}

fn status(worker: WorkerId) -> Option<WorkerStatus> {
	Workers::<Test>::get(worker).map(|worker| worker.status)
}

fn last_seen(worker: WorkerId) -> Option<u32> {
	Workers::<Test>::get(worker).and_then(|worker| worker.last_seen)
}

#[test]
fn machine_drains_and_resumes_when_provider_asks() {
	build_and_execute(|| {
		let worker = machine_exists();
		Heard::set(Vec::new());
		assert_ok!(NodeRegistry::drain(owner(), worker));
		assert_eq!(status(worker), Some(WorkerStatus::Draining));
		let drained = Event::StatusChanged { worker, status: WorkerStatus::Draining };
		System::assert_last_event(drained.into());
		assert_ok!(NodeRegistry::resume(owner(), worker));
		assert_eq!(status(worker), Some(WorkerStatus::Active));
		let resumed = Event::StatusChanged { worker, status: WorkerStatus::Active };
		System::assert_last_event(resumed.into());
		assert_eq!(Heard::get(), vec![worker, worker]);
		// The provider's word says nothing about the machine.
		assert_eq!(last_seen(worker), None);
	});
}

#[test]
fn machine_drains_and_resumes_when_its_hot_key_asks() {
	build_and_execute(|| {
		let worker = machine_exists();
		assert_ok!(NodeRegistry::drain(machine(), worker));
		assert_eq!(status(worker), Some(WorkerStatus::Draining));
		assert_eq!(last_seen(worker), Some(1));
		go_to(5);
		assert_ok!(NodeRegistry::resume(machine(), worker));
		assert_eq!(status(worker), Some(WorkerStatus::Active));
		assert_eq!(last_seen(worker), Some(5));
	});
}

#[test]
fn status_is_refused_when_unchanged() {
	build_and_execute(|| {
		let worker = machine_exists();
		assert_noop!(NodeRegistry::resume(owner(), worker), Error::<Test>::StatusUnchanged);
		assert_ok!(NodeRegistry::drain(owner(), worker));
		assert_noop!(NodeRegistry::drain(machine(), worker), Error::<Test>::StatusUnchanged);
		assert_ok!(NodeRegistry::pause(owner(), worker));
		assert_noop!(NodeRegistry::pause(machine(), worker), Error::<Test>::StatusUnchanged);
	});
}

#[test]
fn paused_machine_is_off_line_until_its_hot_key_resumes_it() {
	build_and_execute(|| {
		let worker = machine_is_candidate();
		let is_online =
			|| Workers::<Test>::get(worker).is_some_and(|it| it.availability.is_online());
		Heard::set(Vec::new());
		assert_ok!(NodeRegistry::pause(machine(), worker));
		assert_eq!((status(worker), is_online()), (Some(WorkerStatus::Paused), false));
		assert_eq!(Heard::get(), vec![worker]);
		System::assert_has_event(Event::WorkerOffline { worker }.into());
		let paused = Event::StatusChanged { worker, status: WorkerStatus::Paused };
		System::assert_last_event(paused.into());
		// Nothing that it signs puts it on line while it is paused.
		assert_ok!(NodeRegistry::heartbeat(machine()));
		assert!(!is_online());
		go_to(5);
		assert_ok!(NodeRegistry::resume(machine(), worker));
		assert_eq!((status(worker), is_online()), (Some(WorkerStatus::Active), true));
		assert_eq!(last_seen(worker), Some(5));
		assert_eq!(NodeRegistry::obstacle(worker), None);
	});
}

#[test]
fn machine_that_its_provider_resumes_has_to_show_itself() {
	build_and_execute(|| {
		let worker = machine_is_candidate();
		assert_ok!(NodeRegistry::pause(owner(), worker));
		assert_ok!(NodeRegistry::resume(owner(), worker));
		assert_eq!(NodeRegistry::obstacle(worker), Some(Obstacle::NotLive));
		assert_ok!(NodeRegistry::heartbeat(machine()));
		assert_eq!(NodeRegistry::obstacle(worker), None);
	});
}

#[test]
fn status_moves_between_draining_and_paused() {
	build_and_execute(|| {
		let worker = machine_is_candidate();
		let is_online =
			|| Workers::<Test>::get(worker).is_some_and(|it| it.availability.is_online());
		assert_ok!(NodeRegistry::drain(owner(), worker));
		assert!(is_online(), "a draining machine is called as before");
		assert_ok!(NodeRegistry::pause(owner(), worker));
		assert!(!is_online());
		assert_ok!(NodeRegistry::drain(machine(), worker));
		assert_eq!((status(worker), is_online()), (Some(WorkerStatus::Draining), true));
	});
}

#[test]
fn paused_machine_finishes_what_it_has() {
	build_and_execute(|| {
		let worker = machine_is_candidate();
		let taken = reservation(Capacity::cpu(1, 1));
		assert_ok!(NodeRegistry::reserve(worker, &taken, 1));
		assert_ok!(NodeRegistry::pause(machine(), worker));
		NodeRegistry::release(worker, &taken, Conduct::Accepted);
		let stored = Workers::<Test>::get(worker).expect("registered");
		assert_eq!((stored.running, stored.accepted), (0, 1));
		assert_eq!(stored.ledger.reserved(), &Reserved::default());
	});
}

#[test]
fn every_change_is_refused_when_there_is_no_such_machine() {
	build_and_execute(|| {
		provider_exists();
		for worker in [0, WorkerId::MAX] {
			assert_noop!(NodeRegistry::drain(owner(), worker), Error::<Test>::NoSuchWorker);
			assert_noop!(NodeRegistry::pause(owner(), worker), Error::<Test>::NoSuchWorker);
			assert_noop!(NodeRegistry::resume(owner(), worker), Error::<Test>::NoSuchWorker);
			assert_noop!(NodeRegistry::retire_worker(owner(), worker), Error::<Test>::NoSuchWorker);
			assert_noop!(NodeRegistry::remove_worker(owner(), worker), Error::<Test>::NoSuchWorker);
		}
	});
}

#[test]
fn machine_retires_from_every_status() {
	build_and_execute(|| {
		let worker = machine_exists();
		let request = registration(&PROVIDER, 11);
		assert_ok!(NodeRegistry::register_worker(owner(), request));
		assert_ok!(NodeRegistry::drain(owner(), 1));
		assert_ok!(NodeRegistry::register_worker(owner(), registration(&PROVIDER, 12)));
		assert_ok!(NodeRegistry::pause(owner(), 2));
		go_to(7);
		for worker in [worker, 1, 2] {
			Heard::set(Vec::new());
			assert_ok!(NodeRegistry::retire_worker(owner(), worker));
			let retiring = WorkerStatus::Retiring { removable_at: 7 + EXIT_DELAY };
			assert_eq!(status(worker), Some(retiring));
			assert_eq!(Heard::get(), vec![worker]);
			System::assert_last_event(Event::StatusChanged { worker, status: retiring }.into());
		}
	});
}

#[test]
fn every_change_is_refused_when_machine_is_retiring() {
	build_and_execute(|| {
		let worker = machine_exists();
		assert_ok!(NodeRegistry::retire_worker(owner(), worker));
		assert_noop!(NodeRegistry::drain(machine(), worker), Error::<Test>::WorkerRetiring);
		assert_noop!(NodeRegistry::pause(machine(), worker), Error::<Test>::WorkerRetiring);
		assert_noop!(NodeRegistry::resume(owner(), worker), Error::<Test>::WorkerRetiring);
		assert_noop!(NodeRegistry::retire_worker(owner(), worker), Error::<Test>::WorkerRetiring);
	});
}

#[test]
fn machine_is_gone_without_a_trace_when_removed() {
	build_and_execute(|| {
		let worker = machine_is_candidate();
		assert_ok!(NodeRegistry::retire_worker(owner(), worker));
		go_to(1 + EXIT_DELAY);
		Heard::set(Vec::new());
		assert_ok!(NodeRegistry::remove_worker(owner(), worker));
		assert_eq!(Workers::<Test>::get(worker), None);
		assert_eq!(WorkerByHotKey::<Test>::get(hot_key(10)), None);
		let counts = Providers::<Test>::get(PROVIDER).map(|it| (it.workers, it.bond_units));
		assert_eq!(counts, Some((0, 0)));
		assert!(Proved::get().is_empty());
		assert_eq!(Heard::get(), vec![worker]);
		assert_eq!(System::sufficients(&hot_key(10)), 0);
		assert!(!System::account_exists(&hot_key(10)));
		System::assert_last_event(Event::WorkerRemoved { worker }.into());
		assert_noop!(NodeRegistry::remove_worker(owner(), worker), Error::<Test>::NoSuchWorker);
	});
}

#[test]
fn removal_is_refused_one_block_before_the_delay_is_over() {
	build_and_execute(|| {
		let worker = machine_exists();
		assert_noop!(NodeRegistry::remove_worker(owner(), worker), Error::<Test>::TooEarly);
		assert_ok!(NodeRegistry::drain(owner(), worker));
		assert_noop!(NodeRegistry::remove_worker(owner(), worker), Error::<Test>::TooEarly);
		go_to(3);
		assert_ok!(NodeRegistry::retire_worker(owner(), worker));
		go_to(3 + EXIT_DELAY - 1);
		assert_noop!(NodeRegistry::remove_worker(owner(), worker), Error::<Test>::TooEarly);
		go_to(3 + EXIT_DELAY);
		assert_ok!(NodeRegistry::remove_worker(owner(), worker));
	});
}

#[test]
fn removal_is_refused_while_tasks_are_running() {
	build_and_execute(|| {
		let worker = machine_is_candidate();
		let taken = Capacity::cpu(1, 1);
		assert_ok!(NodeRegistry::reserve(worker, &reservation(taken), 1));
		assert_ok!(NodeRegistry::retire_worker(owner(), worker));
		go_to(1 + EXIT_DELAY);
		assert_noop!(NodeRegistry::remove_worker(owner(), worker), Error::<Test>::WorkerBusy);
		NodeRegistry::release(worker, &reservation(taken), Conduct::Accepted);
		assert_ok!(NodeRegistry::remove_worker(owner(), worker));
	});
}
