//! Who may be given work, and why not.

use crate::{mock::*, Obstacle};
use aidragon_primitives::{
	interface::WorkerDirectory,
	resources::{Free, Gpus},
	supply::Entry,
	worker::{Candidate, Capability, Capacity, Offer, Proof, Site, MOPS_PER_VCPU},
	BlockNumber, WorkerId,
};
use frame_support::assert_ok;

/// Candidate, directory and view function tell the same story.
fn assert_obstacle(worker: WorkerId, now: BlockNumber, obstacle: Option<Obstacle>) {
	go_to(now);
	assert_eq!(NodeRegistry::obstacle(worker), obstacle);
	assert_eq!(NodeRegistry::candidate(worker, now).is_none(), obstacle.is_some());
}

#[test]
fn p4_machine_is_a_candidate_when_active_live_proved_and_bonded() {
	build_and_execute(|| {
		let worker = machine_is_candidate();
		assert_obstacle(worker, 1, None);
		assert_eq!(
			NodeRegistry::candidate(worker, 1),
			Some(Candidate {
				entry: Entry {
					worker,
					provider: [1; 8],
					offer: Offer::at(5),
					site: Site::default(),
					free: free(CLAIMED),
					// It proved 10,000, of which tier 1 counts less than tier 2 takes.
					throughput_mops: 1_999,
				},
				provider: PROVIDER,
				stake_free: 250,
			})
		);
		assert_eq!(NodeRegistry::worker_of(&hot_key(10)), Some(worker));
		assert_eq!(NodeRegistry::worker_of(&PROVIDER), None);
	});
}

#[test]
fn p4_machine_offers_only_what_it_proved() {
	build_and_execute(|| {
		let worker = machine_is_candidate();
		prove(worker, MOPS_PER_VCPU);
		assert_eq!(free_of(worker, 1), Some(free(Capacity::cpu(1, CLAIMED.memory_mib))));
		Proved::mutate(|table| {
			let memory = Some(Proof { amount: 1_000, proved_at: 1, valid_until: 9 });
			table.entry(worker).and_modify(|capability| capability.memory = memory);
		});
		assert_eq!(free_of(worker, 1), Some(free(Capacity::cpu(1, 1_000))));
	});
}

#[test]
fn p4_machine_offers_only_the_graphics_processors_that_it_proved() {
	build_and_execute(|| {
		let worker = machine_has_gpus();
		let with = |gpus: Gpus| Free {
			gpu_class: gpus.class,
			gpu_memory_mib: gpus.memory_mib,
			gpu_milli: vec![1_000; usize::from(gpus.count)].try_into().expect("few enough"),
			..free(CLAIMED)
		};
		assert_eq!(free_of(worker, 1), Some(with(GPUS)));
		let fewer = Gpus { count: 2, memory_mib: 8_000, ..GPUS };
		prove_gpus(worker, fewer);
		assert_eq!(free_of(worker, 1), Some(with(fewer)));
		// More than it claims are not sold, and none of another class.
		prove_gpus(worker, Gpus { count: 16, memory_mib: 1 << 20, ..GPUS });
		assert_eq!(free_of(worker, 1), Some(with(GPUS)));
		prove_gpus(worker, Gpus { class: 4, ..GPUS });
		assert_eq!(free_of(worker, 1), Some(free(CLAIMED)));
	});
}

#[test]
fn p4_graphics_processors_go_with_their_proof_and_the_rest_stays() {
	build_and_execute(|| {
		let worker = machine_has_gpus();
		Proved::mutate(|table| {
			let capability = table.get_mut(&worker).expect("proved");
			capability.gpus.as_mut().expect("proved").valid_until = 9;
		});
		let gpus = |now| free_of(worker, now).map(|free| free.gpu_milli.len());
		assert_eq!((gpus(9), gpus(10)), (Some(4), Some(0)));
		assert_eq!(free_of(worker, 10), Some(free(CLAIMED)));
	});
}

#[test]
fn p4_machine_is_no_candidate_when_not_registered() {
	build_and_execute(|| {
		assert_obstacle(0, 1, Some(Obstacle::NotRegistered));
	});
}

#[test]
fn p4_machine_is_no_candidate_when_draining_paused_or_retiring() {
	build_and_execute(|| {
		let worker = machine_is_candidate();
		let owner = || RuntimeOrigin::signed(PROVIDER);
		assert_ok!(NodeRegistry::drain(owner(), worker));
		assert_obstacle(worker, 1, Some(Obstacle::NotActive));
		assert_ok!(NodeRegistry::resume(owner(), worker));
		assert_obstacle(worker, 1, None);
		assert_ok!(NodeRegistry::pause(owner(), worker));
		assert_obstacle(worker, 1, Some(Obstacle::NotActive));
		assert_ok!(NodeRegistry::resume(owner(), worker));
		assert_obstacle(worker, 1, Some(Obstacle::NotLive));
		assert_ok!(NodeRegistry::retire_worker(owner(), worker));
		assert_obstacle(worker, 1, Some(Obstacle::NotActive));
	});
}

#[test]
fn p4_machine_is_no_candidate_when_off_line() {
	build_and_execute(|| {
		let worker = machine_exists();
		prove(worker, 10_000);
		assert_obstacle(worker, 1, Some(Obstacle::NotLive));
		assert_ok!(NodeRegistry::heartbeat(RuntimeOrigin::signed(hot_key(10))));
		// Time alone does not take it off line.
		assert_obstacle(worker, 1_000, None);
		NodeRegistry::note_miss(worker);
		assert_obstacle(worker, 1_000, Some(Obstacle::NotLive));
	});
}

#[test]
fn p4_machine_is_no_candidate_when_unproved_or_its_proof_is_old() {
	build_and_execute(|| {
		let worker = machine_is_candidate();
		let proof = |valid_until| Some(Proof { amount: 10_000, proved_at: 1, valid_until });
		for capability in [
			Capability { processor: proof(8), memory: proof(9), gpus: None },
			Capability { processor: proof(9), memory: proof(8), gpus: None },
		] {
			Proved::mutate(|table| table.insert(worker, capability));
			assert_obstacle(worker, 8, None);
			assert_obstacle(worker, 9, Some(Obstacle::NotProved));
		}
		let half = Capability { processor: proof(9), ..Default::default() };
		Proved::mutate(|table| table.insert(worker, half));
		assert_obstacle(worker, 8, Some(Obstacle::NotProved));
		Proved::mutate(|table| table.remove(&worker));
		assert_obstacle(worker, 8, Some(Obstacle::NotProved));
	});
}

#[test]
fn p4_machine_is_no_candidate_when_bond_no_longer_covers_it() {
	build_and_execute(|| {
		let worker = machine_is_candidate();
		BondPerWorker::set(BOND * 3);
		assert_obstacle(worker, 1, None);
		BondPerWorker::set(BOND * 3 + 1);
		assert_obstacle(worker, 1, Some(Obstacle::NotBonded));
		assert_ok!(NodeRegistry::increase_bond(RuntimeOrigin::signed(PROVIDER), 1));
		assert_obstacle(worker, 1, None);
	});
}

#[test]
fn p4_machine_is_no_candidate_when_full_or_proved_too_little() {
	build_and_execute(|| {
		let worker = machine_is_candidate();
		assert_ok!(NodeRegistry::reserve(worker, &reservation(CLAIMED), 1));
		assert_obstacle(worker, 1, Some(Obstacle::Full));
		prove(worker, MOPS_PER_VCPU - 1);
		assert_obstacle(worker, 1, Some(Obstacle::Full));
	});
}
