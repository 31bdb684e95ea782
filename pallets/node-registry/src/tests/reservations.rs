//! Taking capacity and giving it back.

use crate::{mock::*, Event, Workers};
use aidragon_primitives::{
	interface::{CapacityExceeded, Conduct, Reservation, Roster, WorkerDirectory},
	resources::{GpuMask, GpuShare, Gpus, Resources, Shortage},
	worker::{Capacity, Grant, Reserved, Worker, MOPS_PER_VCPU},
	WorkerId,
};
use frame_support::{assert_ok, assert_storage_noop};
use sp_runtime::AccountId32;

const HALF: Capacity = Capacity::cpu(2, 4_096);

fn stored(worker: WorkerId) -> Worker<AccountId32> {
	Workers::<Test>::get(worker).expect("registered")
}

#[test]
fn p4_reservations_add_up_and_reduce_what_is_free() {
	build_and_execute(|| {
		let worker = machine_is_candidate();
		Heard::set(Vec::new());
		assert_ok!(NodeRegistry::reserve(worker, &reservation(HALF), 1));
		let holds = |worker| (stored(worker).ledger.reserved().clone(), stored(worker).running);
		assert_eq!(holds(worker), (reserved(HALF), 1));
		assert_eq!(free_of(worker, 1), Some(free(HALF)));
		assert_ok!(NodeRegistry::reserve(worker, &reservation(HALF), 1));
		assert_eq!(holds(worker), (reserved(CLAIMED), 2));
		assert!(Heard::get().is_empty(), "whoever takes from it has the supply look");
	});
}

#[test]
fn p4_reservation_is_refused_without_change_when_it_does_not_fit() {
	build_and_execute(|| {
		let worker = machine_is_candidate();
		assert_ok!(NodeRegistry::reserve(worker, &reservation(HALF), 1));
		for capacity in [
			Capacity::cpu(HALF.vcpus + 1, 1),
			Capacity::cpu(1, HALF.memory_mib + 1),
			Capacity::cpu(u16::MAX, u32::MAX),
		] {
			assert_storage_noop!(assert_eq!(
				NodeRegistry::reserve(worker, &reservation(capacity), 1),
				Err(CapacityExceeded)
			));
		}
	});
}

#[test]
fn p4_reservation_is_refused_without_change_when_machine_is_no_candidate() {
	build_and_execute(|| {
		let worker = machine_is_candidate();
		let refused = |worker, now| {
			assert_storage_noop!(assert_eq!(
				NodeRegistry::reserve(worker, &reservation(HALF), now),
				Err(CapacityExceeded)
			));
		};
		refused(worker + 1, 1);
		refused(worker, 1_001);
		prove(worker, MOPS_PER_VCPU);
		refused(worker, 1);
		prove(worker, 10_000);
		assert_ok!(NodeRegistry::drain(RuntimeOrigin::signed(PROVIDER), worker));
		refused(worker, 1);
	});
}

#[test]
fn release_counts_accepted_results() {
	build_and_execute(|| {
		let worker = machine_is_candidate();
		assert_ok!(NodeRegistry::reserve(worker, &reservation(HALF), 1));
		Heard::set(Vec::new());
		NodeRegistry::release(worker, &reservation(HALF), Conduct::Accepted);
		let after = stored(worker);
		assert_eq!((after.ledger.reserved(), after.running), (&Reserved::default(), 0));
		assert_eq!((after.accepted, after.missed, after.last_seen), (1, 0, Some(1)));
		assert_eq!((after.availability.answered, after.availability.score_ppm), (1, 15_625));
		assert!(Heard::get().is_empty(), "whoever gives back has the supply look");
	});
}

#[test]
fn p8_release_leaves_no_mark_when_nobody_is_to_blame() {
	build_and_execute(|| {
		let worker = machine_is_candidate();
		let before = stored(worker);
		for conduct in [Conduct::Neutral, Conduct::Outvoted] {
			assert_ok!(NodeRegistry::reserve(worker, &reservation(HALF), 1));
			NodeRegistry::release(worker, &reservation(HALF), conduct);
			assert_eq!(stored(worker), before);
		}
	});
}

#[test]
fn p4_machine_is_out_until_it_shows_itself_when_it_missed_a_deadline() {
	build_and_execute(|| {
		let worker = machine_is_candidate();
		assert_ok!(NodeRegistry::reserve(worker, &reservation(HALF), 1));
		NodeRegistry::release(worker, &reservation(HALF), Conduct::Missed);
		let after = stored(worker);
		assert_eq!((after.ledger.reserved(), after.running), (&Reserved::default(), 0));
		assert_eq!((after.accepted, after.missed, after.last_seen), (0, 1, Some(1)));
		assert_eq!((after.availability.missed, after.availability.offline_since), (1, Some(1)));
		System::assert_has_event(Event::WorkerOffline { worker }.into());
		System::assert_last_event(Event::DeadlineMissed { worker }.into());
		assert_eq!(NodeRegistry::candidate(worker, 1), None);
		assert_eq!(Heard::get().last(), Some(&worker));
		// What else it holds must not wait for a machine that is gone.
		assert_eq!(Silent::get(), vec![worker]);
	});
}

#[test]
fn supply_hears_once_that_a_machine_which_misses_more_and_more_is_silent() {
	build_and_execute(|| {
		let worker = machine_is_candidate();
		for _ in 0..2 {
			assert_ok!(NodeRegistry::reserve(worker, &reservation(HALF), 1));
		}
		for _ in 0..2 {
			NodeRegistry::release(worker, &reservation(HALF), Conduct::Missed);
			assert_eq!(Silent::get(), vec![worker]);
		}
		assert_eq!(stored(worker).missed, 2);
	});
}

#[test]
fn p8_machine_that_returned_a_task_late_stays_on_line_and_loses_score() {
	build_and_execute(|| {
		let worker = machine_is_candidate();
		Workers::<Test>::mutate_extant(worker, |it| it.availability.score_ppm = 800_000);
		let before = stored(worker);
		assert_ok!(NodeRegistry::reserve(worker, &reservation(HALF), 1));
		System::reset_events();
		Heard::set(Vec::new());
		NodeRegistry::release(worker, &reservation(HALF), Conduct::ReturnedLate);
		let after = stored(worker);
		assert_eq!((after.ledger.reserved(), after.running), (&Reserved::default(), 0));
		assert_eq!((after.accepted, after.missed, after.last_seen), (0, 1, Some(1)));
		assert_eq!((after.availability.missed, after.availability.score_ppm), (1, 750_000));
		assert!(after.availability.is_online() && <NodeRegistry as Roster>::is_online(worker));
		assert_eq!(after.standing, before.standing);
		assert_eq!(free_of(worker, 1), Some(free(CLAIMED)));
		assert!(Heard::get().is_empty() && Silent::get().is_empty());
		assert_eq!(System::events(), vec![]);
	});
}

#[test]
fn machine_is_on_line_for_the_matching_as_for_the_draw() {
	build_and_execute(|| {
		let worker = machine_exists();
		let is_online = |worker| {
			let online = <NodeRegistry as WorkerDirectory<_>>::is_online(worker);
			assert_eq!(online, <NodeRegistry as Roster>::is_online(worker));
			online
		};
		assert!(!is_online(worker) && !is_online(worker + 1));
		assert_ok!(NodeRegistry::heartbeat(RuntimeOrigin::signed(hot_key(10))));
		assert!(is_online(worker));
		// Without a proof or new tasks it is there all the same.
		assert_ok!(NodeRegistry::drain(RuntimeOrigin::signed(PROVIDER), worker));
		assert!(is_online(worker));
		assert_ok!(NodeRegistry::pause(RuntimeOrigin::signed(PROVIDER), worker));
		assert!(!is_online(worker));
	});
}

#[test]
fn p4_fractions_of_cores_add_up_to_whole_ones() {
	build_and_execute(|| {
		let worker = machine_is_candidate();
		let part = |cpu_milli| Reservation {
			grant: Grant { resources: Resources::cpu(cpu_milli, 1), gpus: 0 },
			stake: 0,
		};
		let cpu_milli = || free_of(worker, 1).map(|free| free.cpu_milli);
		for left in [3_750, 3_500, 3_250, 3_000] {
			assert_ok!(NodeRegistry::reserve(worker, &part(250), 1));
			assert_eq!(cpu_milli(), Some(left));
		}
		assert_ok!(NodeRegistry::reserve(worker, &part(2_999), 1));
		assert_storage_noop!(assert_eq!(
			NodeRegistry::reserve(worker, &part(2), 1),
			Err(CapacityExceeded)
		));
		assert_ok!(NodeRegistry::reserve(worker, &part(1), 1));
		assert_eq!((free_of(worker, 1), stored(worker).running), (None, 6));
		NodeRegistry::release(worker, &part(1), Conduct::Accepted);
		assert_eq!(cpu_milli(), Some(1));
	});
}

/// A task that takes this of graphics processors and little else.
fn with_gpu(gpu: GpuShare) -> Resources {
	Resources { gpu, ..Resources::cpu(500, 64) }
}

/// A task that takes a part of one graphics processor.
fn part_of_one(milli: u16) -> Resources {
	with_gpu(GpuShare { count: 1, milli, ..Default::default() })
}

/// A task that takes so many whole graphics processors.
fn whole(count: u8) -> Resources {
	with_gpu(GpuShare { count, milli: 1_000, ..Default::default() })
}

fn on(resources: Resources, gpus: GpuMask) -> Reservation {
	Reservation { grant: Grant { resources, gpus }, stake: 0 }
}

/// What is left of each graphics processor.
fn gpu_milli(worker: WorkerId) -> Vec<u16> {
	free_of(worker, 1).map(|free| free.gpu_milli.to_vec()).unwrap_or_default()
}

/// Takes what a task would get, and gives the reservation.
fn place_and_reserve(worker: WorkerId, resources: Resources) -> Reservation {
	let gpus = free_of(worker, 1).expect("a candidate").place(&resources).expect("it fits");
	let taken = on(resources, gpus);
	assert_ok!(NodeRegistry::reserve(worker, &taken, 1));
	taken
}

#[test]
fn p4_graphics_processors_are_placed_reserved_and_released() {
	build_and_execute(|| {
		let worker = machine_has_gpus();
		let before = stored(worker);
		let part = place_and_reserve(worker, part_of_one(300));
		assert_eq!((part.grant.gpus, gpu_milli(worker)), (0b0001, vec![700, 1_000, 1_000, 1_000]));
		let two = place_and_reserve(worker, whole(2));
		assert_eq!((two.grant.gpus, gpu_milli(worker)), (0b0110, vec![700, 0, 0, 1_000]));
		// The fullest that holds it.
		let other = place_and_reserve(worker, part_of_one(700));
		assert_eq!((other.grant.gpus, gpu_milli(worker)), (0b0001, vec![0, 0, 0, 1_000]));
		let after = stored(worker);
		let gpu_milli_taken = vec![1_000, 1_000, 1_000].try_into().expect("three");
		let expected = Reserved { cpu_milli: 1_500, memory_mib: 192, gpu_milli: gpu_milli_taken };
		assert_eq!((after.ledger.reserved(), after.running), (&expected, 3));
		NodeRegistry::release(worker, &two, Conduct::Neutral);
		assert_eq!(gpu_milli(worker), vec![0, 1_000, 1_000, 1_000]);
		NodeRegistry::release(worker, &part, Conduct::Neutral);
		assert_eq!(gpu_milli(worker), vec![300, 1_000, 1_000, 1_000]);
		NodeRegistry::release(worker, &other, Conduct::Neutral);
		assert_eq!(stored(worker), before);
	});
}

#[test]
fn p4_reservation_is_refused_without_change_on_other_graphics_processors_than_it_would_get() {
	build_and_execute(|| {
		let worker = machine_has_gpus();
		place_and_reserve(worker, part_of_one(300));
		let refused = |resources, gpus| {
			assert_storage_noop!(assert_eq!(
				NodeRegistry::reserve(worker, &on(resources, gpus), 1),
				Err(CapacityExceeded)
			));
		};
		for gpus in [0, 0b0010, 0b0011, 0b1_0000, GpuMask::MAX] {
			refused(part_of_one(100), gpus);
		}
		for gpus in [0, 0b0011, 0b0010, 0b1100, 0b1110] {
			refused(whole(2), gpus);
		}
		// A task that takes none gets none.
		refused(Resources::cpu(500, 64), 0b0010);
		assert_ok!(NodeRegistry::reserve(worker, &on(part_of_one(100), 0b0001), 1));
		assert_ok!(NodeRegistry::reserve(worker, &on(whole(2), 0b0110), 1));
		assert_ok!(NodeRegistry::reserve(worker, &on(Resources::cpu(500, 64), 0), 1));
	});
}

#[test]
fn p4_reservation_is_refused_without_change_when_graphics_processors_are_short() {
	build_and_execute(|| {
		let worker = machine_has_gpus();
		let refused = |resources: Resources| {
			let free = free_of(worker, 1).expect("a candidate");
			assert_eq!(free.place(&resources), Err(Shortage::Gpu));
			for gpus in [0, 0b0001, 0b1111, 0b1_1111] {
				assert_storage_noop!(assert_eq!(
					NodeRegistry::reserve(worker, &on(resources, gpus), 1),
					Err(CapacityExceeded)
				));
			}
		};
		refused(whole(5));
		let one = GpuShare { count: 1, milli: 1_000, ..Default::default() };
		refused(with_gpu(GpuShare { memory_min_mib: GPUS.memory_mib + 1, ..one }));
		refused(with_gpu(GpuShare { classes: !(1 << GPUS.class), ..one }));
		place_and_reserve(worker, with_gpu(GpuShare { classes: 1 << GPUS.class, ..one }));
		place_and_reserve(worker, part_of_one(1));
		refused(whole(3));
		place_and_reserve(worker, whole(2));
		refused(whole(1));
		place_and_reserve(worker, part_of_one(999));
		refused(part_of_one(1));
	});
}

#[test]
fn p4_machine_sells_no_graphics_processor_that_it_merely_claims() {
	build_and_execute(|| {
		let worker = machine_has_gpus();
		Proved::mutate(|table| {
			table.entry(worker).and_modify(|capability| capability.gpus = None);
		});
		assert_storage_noop!(assert_eq!(
			NodeRegistry::reserve(worker, &on(part_of_one(1), 0b0001), 1),
			Err(CapacityExceeded)
		));
	});
}

#[test]
fn p4_graphics_processors_are_given_back_where_they_were_taken_and_once() {
	build_and_execute(|| {
		let worker = machine_has_gpus();
		let taken = place_and_reserve(worker, whole(2));
		let nothing_changes = |given_back| {
			assert_storage_noop!(NodeRegistry::release(worker, &given_back, Conduct::Accepted));
		};
		nothing_changes(on(whole(2), 0b0110));
		nothing_changes(on(whole(2), 0b1_0001));
		nothing_changes(on(whole(3), 0b0111));
		NodeRegistry::release(worker, &taken, Conduct::Accepted);
		nothing_changes(taken);
		assert_eq!(gpu_milli(worker), vec![1_000; 4]);
	});
}

#[test]
fn p4_tasks_keep_graphics_processors_of_which_fewer_are_proved_later() {
	build_and_execute(|| {
		let worker = machine_has_gpus();
		let taken = place_and_reserve(worker, whole(3));
		prove_gpus(worker, Gpus { count: 2, ..GPUS });
		assert_eq!(gpu_milli(worker), vec![0, 0]);
		assert_storage_noop!(assert_eq!(
			NodeRegistry::reserve(worker, &on(part_of_one(1), 0b0001), 1),
			Err(CapacityExceeded)
		));
		// What takes none of them goes on.
		assert_ok!(NodeRegistry::reserve(worker, &on(Resources::cpu(500, 64), 0), 1));
		NodeRegistry::release(worker, &taken, Conduct::Accepted);
		assert_eq!(gpu_milli(worker), vec![1_000, 1_000]);
	});
}

#[test]
fn p4_release_of_what_was_not_reserved_changes_nothing() {
	build_and_execute(|| {
		let worker = machine_is_candidate();
		let nothing_changes = |worker, capacity, conduct| {
			let given_back = Reservation { grant: grant(capacity), stake: 7 };
			assert_storage_noop!(NodeRegistry::release(worker, &given_back, conduct));
		};
		for conduct in [
			Conduct::Accepted,
			Conduct::Neutral,
			Conduct::Missed,
			Conduct::Outvoted,
			Conduct::ReturnedLate,
		] {
			nothing_changes(worker, HALF, conduct);
			nothing_changes(worker + 1, HALF, conduct);
		}
		assert_ok!(NodeRegistry::reserve(worker, &reservation(HALF), 1));
		nothing_changes(worker, CLAIMED, Conduct::Accepted);
		assert_eq!(stored(worker).running, 1);
	});
}

#[test]
fn p4_capacity_returns_when_machine_is_draining() {
	build_and_execute(|| {
		let worker = machine_is_candidate();
		assert_ok!(NodeRegistry::reserve(worker, &reservation(HALF), 1));
		assert_ok!(NodeRegistry::drain(RuntimeOrigin::signed(PROVIDER), worker));
		NodeRegistry::release(worker, &reservation(HALF), Conduct::Accepted);
		assert_eq!(stored(worker).ledger.reserved(), &Reserved::default());
	});
}
