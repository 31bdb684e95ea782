//! Graphics processors: shared in parts and whole ones, by what was proved.

use crate::{mock::*, SupplyPlaces, Waking};
use aidragon_primitives::{
	matching::Misfit,
	resources::{GpuShare, Gpus, Resources},
	state::TaskState,
	supply::Shape,
	task::{DeclineReason, TaskSpec},
	worker::{Capability, Capacity, GpuProof},
	DRGN, GFUEL,
};
use frame_support::{assert_noop, assert_ok};

const CLASS: u8 = 3;
const MEMORY_MIB: u32 = 16_000;

fn gpus(count: u8) -> Gpus {
	Gpus { class: CLASS, count, memory_mib: MEMORY_MIB }
}

/// A machine of 16 cores and so many graphics processors, all proved.
fn add_gpu_worker(worker: u32, price: u128, count: u8) {
	add_large_worker(worker, price, Capacity { gpus: gpus(count), ..Capacity::cpu(16, 32_768) });
}

fn share(count: u8, milli: u16) -> GpuShare {
	GpuShare { count, milli, ..Default::default() }
}

/// A task of one core and such a share.
fn taking(gpu: GpuShare) -> TaskSpec {
	let blocks = TaskSpec { execution_blocks: 100, deadline_blocks: 400, ..spec(1) };
	let mut spec = TaskSpec { fuel_limit: GFUEL, ..blocks };
	spec.requirements.resources = Resources { gpu, ..Resources::cpu(1_000, 512) };
	spec
}

fn part(milli: u16) -> TaskSpec {
	taking(share(1, milli))
}

fn whole(count: u8) -> TaskSpec {
	taking(share(count, 1_000))
}

/// What a machine has left of each graphics processor.
fn left(worker: u32) -> Vec<u16> {
	supplied(worker).unwrap().gpu_milli.to_vec()
}

/// Whole free processors of the bucket in which a machine stands, or tenths of the largest part.
fn gpu_state(worker: u32) -> u16 {
	Shape::of_bucket(SupplyPlaces::<Test>::get(worker).unwrap().bucket).gpu_state
}

fn mask(id: u64) -> u16 {
	task(id).replicas[0].gpus
}

/// Lets the proof of a machine's graphics processors say something else.
fn prove_gpus(worker: u32, gpus: Gpus, valid_until: u32) {
	let proof = GpuProof { gpus, proved_at: 1, valid_until };
	let capability = proved(3_200, 100_000).unwrap();
	set_capability(worker, Some(Capability { gpus: Some(proof), ..capability }));
}

#[test]
fn four_processors_are_shared_by_parts_and_whole_ones_at_once() {
	build_and_execute(|| {
		add_gpu_worker(0, DRGN, 4);
		assert_eq!((left(0), gpu_state(0)), (vec![1_000; 4], 9 + 4));
		let half = submit_and_draw(part(500));
		assert_eq!(
			(mask(half), left(0), gpu_state(0)),
			(0b0001, vec![500, 1_000, 1_000, 1_000], 9 + 3)
		);
		// Into what the first part left over, not into another whole one.
		let quarter = submit_and_draw(part(250));
		assert_eq!((mask(quarter), left(0)), (0b0001, vec![250, 1_000, 1_000, 1_000]));
		let two = submit_and_draw(whole(2));
		assert_eq!((mask(two), left(0), gpu_state(0)), (0b0110, vec![250, 0, 0, 1_000], 9 + 1));
		let large = submit_and_draw(part(600));
		assert_eq!((mask(large), left(0), gpu_state(0)), (0b1000, vec![250, 0, 0, 400], 4));
		let waits = submit_and_draw(part(401));
		assert!(task(waits).ticket.is_some());
		let last = submit_and_draw(part(400));
		assert_eq!((mask(last), left(0), gpu_state(0)), (0b1000, vec![250, 0, 0, 0], 2));
		assert_eq!(worker(0).running, 5);
		check_invariants();
	});
}

#[test]
fn p3_a_release_gives_exactly_back_in_whatever_order() {
	for order in [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1], [1, 3, 0, 2]] {
		build_and_execute(|| {
			add_gpu_worker(0, DRGN, 4);
			let before = (left(0), SupplyPlaces::<Test>::get(0), supplied(0));
			let ids = [part(700), whole(2), part(299), part(1)].map(submit_and_draw);
			assert_eq!(left(0), [0, 0, 0, 1_000]);
			let taken = ids.map(|id| (mask(id), job(id).spec.requirements.resources.gpu.milli));
			for (index, id) in order.map(|index| (index, ids[index])) {
				let (gpus, milli) = taken[index];
				let given = |gpu: u32| if gpus >> gpu & 1 == 1 { milli } else { 0 };
				let expected: Vec<u16> =
					(0..).zip(left(0)).map(|(gpu, milli)| milli + given(gpu)).collect();
				match index {
					0 => settle(id),
					1 => {
						assert_ok!(TaskMatching::cancel_task(signed(submitter()), id));
					}
					_ => {
						let reason = DeclineReason::HostFault;
						assert_ok!(TaskMatching::decline_task(signed(hot_key(0)), id, reason));
					}
				}
				assert_eq!(left(0), expected);
				check_invariants();
			}
			assert_eq!((left(0), SupplyPlaces::<Test>::get(0), supplied(0)), before);
			assert_eq!(worker(0).ledger.reserved(), &Default::default());
		});
	}
}

#[test]
fn p4_a_task_that_takes_more_than_is_left_waits_until_it_is_given_back() {
	build_and_execute(|| {
		add_gpu_worker(0, DRGN, 4);
		let three = submit_and_draw(whole(3));
		let two = submit_and_draw(whole(2));
		assert!(task(two).ticket.is_some());
		let one = submit_and_draw(whole(1));
		assert_eq!((mask(one), left(0), gpu_state(0)), (0b1000, vec![0; 4], 0));
		// No processor is left, and cores are.
		let cpu = submit_and_draw(taking(GpuShare::default()));
		assert_eq!((state(cpu), mask(cpu)), (TaskState::Assigned, 0));
		settle(one);
		run_to(now() + 2);
		assert!(task(two).ticket.is_some(), "one is free");
		settle(three);
		run_to(now() + 2);
		assert_eq!((mask(two), left(0)), (0b0011, vec![0, 0, 1_000, 1_000]));
	});
}

#[test]
fn p4_class_memory_and_number_are_respected() {
	build_and_execute(|| {
		add_gpu_worker(0, DRGN, 4);
		let whole = share(1, 1_000);
		for (gpu, fits) in [
			(GpuShare { classes: 1 << CLASS, ..whole }, true),
			(GpuShare { classes: 1 << CLASS | 1, ..whole }, true),
			(GpuShare { classes: !(1 << CLASS), ..whole }, false),
			(GpuShare { memory_min_mib: MEMORY_MIB, ..whole }, true),
			(GpuShare { memory_min_mib: MEMORY_MIB + 1, ..whole }, false),
			(share(4, 1_000), true),
			(share(5, 1_000), false),
			(share(16, 1_000), false),
		] {
			let id = submit_and_draw(taking(gpu));
			assert_eq!(state(id) == TaskState::Assigned, fits, "{gpu:?}");
			let report = TaskMatching::quote(taking(gpu)).unwrap().supply;
			assert_eq!(report.fitting, u32::from(fits && gpu.count < 4));
			assert_ok!(TaskMatching::cancel_task(signed(submitter()), id));
		}
	});
}

#[test]
fn p4_what_is_claimed_and_not_proved_is_not_sold() {
	build_and_execute(|| {
		add_gpu_worker(0, DRGN, 4);
		for (gpus, fits) in [
			(gpus(1), false),
			(Gpus { class: CLASS + 1, ..gpus(4) }, false),
			(Gpus { memory_mib: MEMORY_MIB - 1, ..gpus(4) }, false),
			(gpus(2), true),
			(gpus(16), true),
		] {
			prove_gpus(0, gpus, 100_000);
			check_invariants();
			let two = GpuShare { memory_min_mib: MEMORY_MIB, ..share(2, 1_000) };
			let id = submit_and_draw(taking(two));
			assert_eq!(state(id) == TaskState::Assigned, fits, "{gpus:?}");
			assert_ok!(TaskMatching::cancel_task(signed(submitter()), id));
		}
		assert_eq!(left(0), [1_000; 4], "no more than is claimed");
	});
}

#[test]
fn processors_that_are_proved_later_wake_what_waits_for_them() {
	build_and_execute(|| {
		add_gpu_worker(0, DRGN, 4);
		prove_gpus(0, gpus(0), 100_000);
		let id = submit_and_draw(whole(2));
		assert!(task(id).ticket.is_some());
		prove_gpus(0, gpus(1), 100_000);
		run_to(now() + 3);
		assert!(task(id).ticket.is_some());
		prove_gpus(0, gpus(2), 100_000);
		assert_eq!(Waking::<Test>::get().machines.len(), 1);
		run_to(now() + 2);
		assert_eq!(mask(id), 0b11);
	});
}

#[test]
fn processors_that_turn_out_larger_wake_what_waits_for_their_memory() {
	build_and_execute(|| {
		add_gpu_worker(0, DRGN, 1);
		prove_gpus(0, Gpus { memory_mib: 8_000, ..gpus(1) }, 100_000);
		let id =
			submit_and_draw(taking(GpuShare { memory_min_mib: MEMORY_MIB, ..share(1, 1_000) }));
		assert!(task(id).ticket.is_some());
		prove_gpus(0, gpus(1), 100_000);
		run_to(now() + 2);
		assert_eq!(mask(id), 1);
	});
}

#[test]
fn p4_processors_whose_proof_lapsed_are_not_sold_and_the_rest_of_the_machine_is() {
	build_and_execute(|| {
		add_gpu_worker(0, DRGN, 4);
		let running = submit_and_draw(part(500));
		prove_gpus(0, gpus(4), 10);
		// A machine that shows itself is looked at anew.
		go_offline(0);
		run_to(11);
		check_invariants();
		assert_eq!(left(0), [500, 1_000, 1_000, 1_000], "the supply does not know yet");
		let id = submit_and_draw(part(100));
		assert!(task(id).ticket.is_some());
		assert_eq!(left(0), [0u16; 0], "now it does");
		let cpu = submit_and_draw(taking(GpuShare::default()));
		assert_eq!(state(cpu), TaskState::Assigned);
		// What runs is not ended by it, and gives back what it took.
		settle(running);
		prove_gpus(0, gpus(4), 100_000);
		come_online(0);
		assert_eq!(left(0), [1_000; 4]);
		run_to(now() + 2);
		assert_eq!(state(id), TaskState::Assigned);
	});
}

#[test]
fn p4_fewer_processors_than_are_taken_are_none_to_sell() {
	build_and_execute(|| {
		add_gpu_worker(0, DRGN, 4);
		let id = submit_and_draw(whole(3));
		prove_gpus(0, gpus(2), 100_000);
		assert_eq!(left(0), [0, 0]);
		check_invariants();
		let other = submit_and_draw(part(1));
		assert!(task(other).ticket.is_some());
		settle(id);
		assert_eq!(left(0), [1_000, 1_000]);
		run_to(now() + 2);
		assert_eq!(state(other), TaskState::Assigned);
	});
}

#[test]
fn a_machine_cannot_withdraw_processors_that_a_task_holds() {
	build_and_execute(|| {
		add_gpu_worker(0, DRGN, 4);
		let id = submit_and_draw(whole(2));
		let claim = |gpus| {
			let claimed = Capacity { gpus, ..Capacity::cpu(16, 32_768) };
			NodeRegistry::update_capacity(signed(hot_key(0)), claimed)
		};
		let reserved = pallet_node_registry::Error::<Test>::CapacityReserved;
		assert_noop!(claim(gpus(1)), reserved);
		let reserved = pallet_node_registry::Error::<Test>::CapacityReserved;
		assert_noop!(claim(Gpus { class: CLASS + 1, ..gpus(4) }), reserved);
		assert_ok!(claim(gpus(2)));
		settle(id);
		assert_ok!(claim(gpus(0)));
		assert_eq!(left(0), [0u16; 0]);
	});
}

#[test]
fn machines_without_processors_are_kept_for_tasks_without() {
	build_and_execute(|| {
		add_gpu_worker(0, DRGN, 4);
		add_large_worker(1, DRGN, Capacity::cpu(16, 32_768));
		let ids: Vec<u64> = (0..6).map(|_| submit_and_draw(taking(GpuShare::default()))).collect();
		assert!(ids.iter().all(|id| workers_of(*id) == vec![1]));
		let id = submit_and_draw(part(300));
		assert_eq!(workers_of(id), vec![0]);
	});
}

#[test]
fn a_part_goes_where_it_breaks_into_nothing_new() {
	build_and_execute(|| {
		add_gpu_worker(0, DRGN, 2);
		add_gpu_worker(1, DRGN, 1);
		let first = submit_and_draw(part(600));
		let host = workers_of(first)[0];
		let second = submit_and_draw(part(400));
		assert_eq!((workers_of(second), mask(second)), (vec![host], mask(first)));
	});
}

#[test]
fn p12_too_few_processors_are_named() {
	build_and_execute(|| {
		add_gpu_worker(0, DRGN, 2);
		add_worker(1, DRGN);
		let report = TaskMatching::quote(whole(3)).unwrap().supply;
		let step = &report.passing[0];
		assert_eq!((step.what.as_str(), step.machines), (Misfit::Gpu.asset(), 0));
		let id = submit_and_draw(whole(3));
		assert_eq!(TaskMatching::why_waiting(id).unwrap().fitting, 0);
	});
}
