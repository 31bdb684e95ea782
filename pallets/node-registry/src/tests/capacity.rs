//! Resources that are added and withdrawn while the machine runs.

use crate::{mock::*, Call, Error, Event, Workers};
use aidragon_primitives::{
	interface::{Conduct, Reservation, WorkerDirectory},
	resources::{GpuShare, Gpus, Resources},
	worker::{Capacity, Grant, FREE_CALL_BLOCKS},
};
use frame_support::{assert_noop, assert_ok, dispatch::CheckIfFeeless};

const MORE: Capacity = Capacity::cpu(8, 16_384);
const LESS: Capacity = Capacity::cpu(2, 1_024);

fn update(claimed: Capacity) -> sp_runtime::DispatchResult {
	NodeRegistry::update_capacity(RuntimeOrigin::signed(hot_key(10)), claimed)
}

#[test]
fn claim_is_stored_and_supply_is_told() {
	build_and_execute(|| {
		let worker = machine_is_candidate();
		for claimed in [MORE, LESS] {
			Heard::set(Vec::new());
			assert_ok!(update(claimed));
			let stored = Workers::<Test>::get(worker).map(|worker| worker.ledger.claimed());
			assert_eq!(stored, Some(claimed));
			assert_eq!(Heard::get(), vec![worker]);
			System::assert_last_event(Event::CapacityUpdated { worker, claimed }.into());
		}
	});
}

#[test]
fn p4_claim_beyond_the_proof_counts_as_nothing() {
	build_and_execute(|| {
		let worker = machine_is_candidate();
		// 600 Mops are three vCPUs.
		prove(worker, 600);
		assert_ok!(update(Capacity::cpu(u16::MAX, 4_096)));
		assert_eq!(free_of(worker, 1), Some(free(Capacity::cpu(3, 4_096))));
	});
}

#[test]
fn reserved_capacity_cannot_be_withdrawn() {
	build_and_execute(|| {
		let worker = machine_is_candidate();
		let taken = Capacity::cpu(3, 512);
		assert_ok!(NodeRegistry::reserve(worker, &reservation(taken), 1));
		assert_noop!(update(LESS), Error::<Test>::CapacityReserved);
		let few = Capacity::cpu(4, 511);
		assert_noop!(update(few), Error::<Test>::CapacityReserved);
		assert_ok!(update(taken));
		NodeRegistry::release(worker, &reservation(taken), Conduct::Accepted);
		assert_ok!(update(LESS));
		assert_eq!(free_of(worker, 1), Some(free(LESS)));
	});
}

#[test]
fn p4_proofs_lapse_when_more_is_claimed_than_before() {
	build_and_execute(|| {
		let worker = machine_is_candidate();
		let lapsed_after = |claimed: Capacity| {
			Lapsed::set(Vec::new());
			assert_ok!(update(claimed));
			Lapsed::get()
		};
		assert_eq!(lapsed_after(Capacity { vcpus: 5, ..CLAIMED }), vec![worker]);
		assert_eq!(lapsed_after(Capacity::cpu(4, 8_193)), vec![worker]);
		let unchanged = Capacity::cpu(4, 8_193);
		assert!(lapsed_after(unchanged).is_empty() && lapsed_after(LESS).is_empty());
		// What was withdrawn and comes back is more than before, too.
		assert_eq!(lapsed_after(CLAIMED), vec![worker]);
	});
}

#[test]
fn refused_claim_lets_nothing_lapse() {
	build_and_execute(|| {
		let worker = machine_is_candidate();
		assert_ok!(NodeRegistry::reserve(worker, &reservation(CLAIMED), 1));
		let mixed = Capacity::cpu(3, 1 << 20);
		assert_noop!(update(mixed), Error::<Test>::CapacityReserved);
		assert!(Lapsed::get().is_empty());
	});
}

#[test]
fn claim_of_nothing_is_refused() {
	build_and_execute(|| {
		machine_exists();
		for claimed in [Capacity { vcpus: 0, ..MORE }, Capacity { memory_mib: 0, ..MORE }] {
			assert_noop!(update(claimed), Error::<Test>::NothingClaimed);
		}
	});
}

#[test]
fn claim_of_graphics_processors_is_stored_in_range_and_refused_beyond() {
	build_and_execute(|| {
		let worker = machine_is_candidate();
		for gpus in [Gpus { count: 17, ..GPUS }, Gpus { class: 16, ..GPUS }] {
			assert_noop!(update(Capacity { gpus, ..CLAIMED }), Error::<Test>::MalformedGpus);
		}
		for gpus in [Gpus { count: 16, ..GPUS }, Gpus { class: 15, ..GPUS }, Gpus::default()] {
			let claimed = Capacity { gpus, ..CLAIMED };
			assert_ok!(update(claimed));
			let stored = Workers::<Test>::get(worker).map(|worker| worker.ledger.claimed());
			assert_eq!(stored, Some(claimed));
		}
	});
}

#[test]
fn p4_proofs_lapse_when_more_graphics_processors_are_claimed_than_before() {
	build_and_execute(|| {
		let worker = machine_is_candidate();
		let lapsed_after = |gpus: Gpus| {
			Lapsed::set(Vec::new());
			assert_ok!(update(Capacity { gpus, ..CLAIMED }));
			Lapsed::get()
		};
		assert_eq!(lapsed_after(GPUS), vec![worker]);
		for more in [
			Gpus { count: 5, ..GPUS },
			Gpus { count: 1, memory_mib: 16_001, ..GPUS },
			Gpus { class: 4, count: 1, memory_mib: 1 },
		] {
			assert_ok!(update(Capacity { gpus: GPUS, ..CLAIMED }));
			assert_eq!(lapsed_after(more), vec![worker]);
		}
		assert_ok!(update(Capacity { gpus: GPUS, ..CLAIMED }));
		for less in [GPUS, Gpus { count: 1, memory_mib: 1, ..GPUS }, Gpus::default()] {
			assert!(lapsed_after(less).is_empty());
		}
	});
}

#[test]
fn reserved_graphics_processors_cannot_be_withdrawn() {
	build_and_execute(|| {
		let worker = machine_has_gpus();
		let gpu = GpuShare { count: 3, milli: 1_000, ..Default::default() };
		let resources = Resources { gpu, ..Resources::cpu(500, 64) };
		let taken = Reservation { grant: Grant { resources, gpus: 0b111 }, stake: 0 };
		assert_ok!(NodeRegistry::reserve(worker, &taken, 1));
		for gpus in [Gpus { count: 2, ..GPUS }, Gpus { class: 4, ..GPUS }, Gpus::default()] {
			let claimed = Capacity { gpus, ..CLAIMED };
			assert_noop!(update(claimed), Error::<Test>::CapacityReserved);
		}
		assert_ok!(update(Capacity { gpus: Gpus { count: 3, ..GPUS }, ..CLAIMED }));
		NodeRegistry::release(worker, &taken, Conduct::Accepted);
		assert_ok!(update(CLAIMED));
	});
}

#[test]
fn half_a_core_that_is_reserved_keeps_the_core() {
	build_and_execute(|| {
		let worker = machine_is_candidate();
		let grant = Grant { resources: Resources::cpu(1_500, 64), gpus: 0 };
		assert_ok!(NodeRegistry::reserve(worker, &Reservation { grant, stake: 0 }, 1));
		let one = Capacity { vcpus: 1, ..LESS };
		assert_noop!(update(one), Error::<Test>::CapacityReserved);
		assert_ok!(update(LESS));
	});
}

#[test]
fn claim_is_free_only_when_it_changes_fits_and_is_due() {
	build_and_execute(|| {
		let worker = machine_is_candidate();
		let machine = || RuntimeOrigin::signed(hot_key(10));
		let is_free = |claimed: Capacity, origin| {
			RuntimeCall::from(Call::update_capacity { claimed }).is_feeless(&origin)
		};
		assert!(!is_free(MORE, machine()), "too soon after the last sign of life");
		go_to(System::block_number() + FREE_CALL_BLOCKS - 1);
		assert!(!is_free(MORE, machine()), "one block too soon");
		go_to(System::block_number() + 1);
		assert!(is_free(MORE, machine()));
		assert!(!is_free(CLAIMED, machine()), "nothing changes");
		assert!(!is_free(Capacity::default(), machine()), "nothing is claimed");
		let gpus = Gpus { count: 17, ..GPUS };
		assert!(!is_free(Capacity { gpus, ..MORE }, machine()), "too many of them");
		assert!(!is_free(MORE, RuntimeOrigin::signed(STRANGER)));
		assert!(!is_free(MORE, RuntimeOrigin::none()));
		assert_ok!(NodeRegistry::reserve(worker, &reservation(CLAIMED), System::block_number()));
		assert!(!is_free(LESS, machine()), "tasks hold it");
	});
}
