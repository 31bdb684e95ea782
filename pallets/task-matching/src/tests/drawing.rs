//! The draw.

use crate::{mock::*, store::ChainStore, Event};
use aidragon_primitives::{
	beacon::draw_seed,
	interface::WorkerDirectory,
	matching::{Misfit, Request, View, MISFITS},
	resources::Resources,
	state::TaskState,
	task::{MatchingPolicy, TaskSpec},
	worker::{Capability, PROMOTION_BLOCKS},
	Hash32, WorkerId, DRGN,
};
use frame_support::{assert_ok, traits::Hooks};
use std::collections::BTreeSet;

/// The last requirement that stops machines from getting such a task, where it stops all of them.
fn stopped_by(spec: TaskSpec) -> Option<Misfit> {
	let last = TaskMatching::quote(spec).unwrap().supply.passing.pop()?;
	let misfit = MISFITS.into_iter().find(|misfit| misfit.asset() == last.what);
	misfit.filter(|_| last.machines == 0)
}

#[test]
fn p5_task_is_drawn_by_a_beacon_that_did_not_exist_when_it_was_frozen() {
	build_and_execute(|| {
		add_worker(0, DRGN);
		run_to(5);
		let id = submit(spec(1));
		run_to(6);
		assert_eq!(task(id).state, TaskState::Queued);
		run_to(7);
		let task = task(id);
		assert_eq!(task.state, TaskState::Assigned);
		// Frozen in block 5, drawn by block 7 from the state of block 6, whose author did not know this beacon.
		assert_eq!(task.replicas[0].beacon_block, 7);
		System::assert_has_event(
			Event::TaskAssigned { task: id, attempt: 0, beacon_block: 7, workers: vec![0] }.into(),
		);
	});
}

#[test]
fn p5_draw_waits_while_the_chain_has_no_young_randomness() {
	build_and_execute(|| {
		add_worker(0, DRGN);
		let id = submit(spec(1));
		for (block, beacon) in [(3, Some((2, [9; 32]))), (4, None), (5, Some((4, [9; 32])))] {
			System::set_block_number(block);
			LatestBeacon::set(beacon);
			TaskMatching::on_initialize(block);
			assert_eq!((task(id).state, task(id).looks), (TaskState::Queued, 0));
			check_invariants();
		}
		System::set_block_number(6);
		set_beacon(6, [9; 32]);
		TaskMatching::on_initialize(6);
		assert_eq!(task(id).replicas[0].beacon_block, 6);
	});
}

/// The machines that a beacon draws for a task that had none, from what anyone reads of the chain.
fn recomputed(id: u64, beacon: Hash32) -> Vec<WorkerId> {
	let (store, spec, seed) = (ChainStore::<Test>::new(), job(id).spec, draw_seed(beacon, id, 0));
	let request = Request {
		spec: &spec,
		kinds: spec.kinds(false),
		minute: TaskMatching::minute_of_day(),
		excluded: &[],
		taken: Vec::new(),
		count: usize::from(spec.replicas),
		woken_by: None,
	};
	let vet = |worker| NodeRegistry::candidate(worker, now());
	let drawn = View::open(&store, &request, &seed).draw(&request, &seed, vet, |_, _, _| ());
	drawn.picks.unwrap().into_iter().map(|pick| pick.candidate.entry.worker).collect()
}

#[test]
fn p5_assignment_can_be_recomputed_from_the_beacon() {
	build_and_execute(|| {
		for worker in 0..8 {
			add_worker(worker, DRGN);
		}
		let id = submit(spec(3));
		run_to(2);
		// What anyone reads of the chain's state at the end of the block before the draw.
		let recomputed = recomputed(id, beacon_of(3));
		run_to(3);
		assert_eq!(task(id).replicas[0].beacon_block, 3);
		assert_eq!(recomputed, workers_of(id));
	});
}

#[test]
fn p5_replicas_go_to_different_providers() {
	build_and_execute(|| {
		for worker in 0..5 {
			add_worker(worker, DRGN);
		}
		let id = submit_and_draw(spec(3));
		let providers: BTreeSet<_> =
			task(id).replicas.iter().map(|replica| replica.provider.clone()).collect();
		assert_eq!(providers.len(), 3);
	});
}

#[test]
fn p4_only_machines_that_are_proved_live_and_active_are_drawn() {
	build_and_execute(|| {
		for worker in 0..4 {
			add_worker(worker, DRGN);
		}
		set_capability(0, None);
		set_capability(1, proved(2_000, 2));
		assert_ok!(NodeRegistry::drain(signed(provider(2)), 2));
		let id = submit_and_draw(spec(1));
		assert_eq!(workers_of(id), vec![3]);
		// Machine 1 was in the index when its proof was still valid; the draw took it out.
		assert_eq!(crate::SupplyPlaces::<Test>::get(1), None);
	});
}

#[test]
fn p4_a_machine_that_went_silent_is_not_drawn() {
	build_and_execute(|| {
		add_worker(0, DRGN);
		go_offline(0);
		// It is called once in twenty blocks on average.
		run_to(250);
		assert_eq!(crate::SupplyPlaces::<Test>::get(0), None);
		let id = submit_and_draw(spec(1));
		assert_eq!(task(id).state, TaskState::Queued);
		assert_ok!(NodeRegistry::heartbeat(signed(hot_key(0))));
		run_to(now() + 4);
		assert_eq!(workers_of(id), vec![0]);
	});
}

#[test]
fn price_cap_throughput_and_capacity_are_respected() {
	build_and_execute(|| {
		add_worker(0, 11 * DRGN);
		let id = submit_and_draw(spec(1));
		assert_eq!(task(id).state, TaskState::Queued, "too expensive");
		add_worker(1, 10 * DRGN);
		run_to(now() + 4);
		assert_eq!(workers_of(id), vec![1]);

		let mut fast = spec(1);
		fast.requirements.throughput_min_mops = 2_001;
		let id = submit_and_draw(fast);
		assert_eq!(task(id).state, TaskState::Queued, "too slow");

		let mut large = spec(1);
		large.requirements.resources = Resources::cpu(4_001, 512);
		let id = submit_and_draw(large);
		assert_eq!(task(id).state, TaskState::Queued, "too small");
	});
}

#[test]
fn p4_a_machine_is_as_fast_as_its_tier_counts() {
	build_and_execute(|| {
		add_worker(0, DRGN);
		let mut fast = spec(1);
		fast.requirements.throughput_min_mops = 2_000;
		let id = submit_and_draw(fast.clone());
		assert_eq!(task(id).state, TaskState::Queued, "tier 1 counts less than 2,000");
		assert_eq!(stopped_by(fast), Some(Misfit::Throughput));
		assert_ok!(TaskMatching::cancel_task(signed(submitter()), id));
		run_to(1 + PROMOTION_BLOCKS);
		set_capability(0, proved(2_000, 100_000));
		let mut fast = spec(1);
		fast.requirements.throughput_min_mops = 2_000;
		assert_eq!(workers_of(submit_and_draw(fast)), vec![0]);
	});
}

#[test]
fn p4_a_machine_without_proved_memory_is_not_drawn() {
	build_and_execute(|| {
		add_worker(0, DRGN);
		let processor = proved(2_000, 100_000).and_then(|capability| capability.processor);
		set_capability(0, Some(Capability { processor, memory: None, gpus: None }));
		let id = submit_and_draw(spec(1));
		assert_eq!(task(id).state, TaskState::Queued);
		set_capability(0, proved(2_000, 100_000));
		run_to(now() + 4);
		assert_eq!(workers_of(id), vec![0]);
	});
}

#[test]
fn capacity_is_taken_by_the_draw_and_bounds_what_runs_at_once() {
	build_and_execute(|| {
		add_worker(0, DRGN);
		let ids: Vec<_> = (0..5).map(|_| submit(spec(1))).collect();
		run_to(now() + 2);
		let running = ids.iter().filter(|id| task(**id).state == TaskState::Assigned).count();
		assert_eq!(running, 4, "4 vCPUs, 1 each");
	});
}

#[test]
fn cheapest_machine_wins_where_the_policy_says_so() {
	build_and_execute(|| {
		add_worker(0, 3 * DRGN);
		add_worker(1, 2 * DRGN);
		add_worker(2, 4 * DRGN);
		let mut cheap = spec(1);
		cheap.matching = MatchingPolicy::Cheapest;
		let id = submit_and_draw(cheap);
		assert_eq!(workers_of(id), vec![1]);
		assert_eq!(task(id).replicas[0].price_per_gfuel, 2 * DRGN);
	});
}

#[test]
fn p5_equal_machines_all_get_their_turn() {
	build_and_execute(|| {
		for worker in 0..3 {
			add_worker(worker, DRGN);
		}
		let mut drawn = BTreeSet::new();
		for _ in 0..12 {
			let id = submit_and_draw(spec(1));
			let worker = workers_of(id)[0];
			drawn.insert(worker);
			attest(id, worker, digest(1, 5));
		}
		assert_eq!(drawn.len(), 3);
	});
}

#[test]
fn p3_task_without_machines_expires_by_its_deadline_with_its_money() {
	build_and_execute(|| {
		let before = free(&submitter());
		let id = submit(spec(2));
		run_to(job(id).deadline);
		assert_eq!(task(id).state, TaskState::Expired);
		assert_eq!(free(&submitter()), before);
		assert!(TaskMatching::reason(id).unwrap().contains("no machines that fit"));
	});
}

#[test]
fn quote_counts_why_machines_do_not_fit() {
	build_and_execute(|| {
		add_worker(0, DRGN);
		add_worker(1, 11 * DRGN);
		let quote = TaskMatching::quote(spec(1)).unwrap();
		assert_eq!((quote.escrow, quote.price), (100 * DRGN, Some(10 * DRGN)));
		assert_eq!(quote.wait_blocks, Some(2));
		let report = quote.supply;
		assert_eq!((report.machines, report.fitting, report.providers), (2, 1, 1));
		assert_eq!(
			report.sentence,
			"2 machines may be given work, 1 of them ask no more than the price cap; 1 fit, of 1 provider, and one is needed"
		);
		let quote = TaskMatching::quote(spec(2)).unwrap();
		assert_eq!((quote.price, quote.wait_blocks), (None, None));
		let mut large = spec(1);
		large.requirements.resources.cpu_milli = 9_000;
		assert_eq!(stopped_by(large), Some(Misfit::Cpu));
		let mut bad = spec(1);
		bad.replicas = 0;
		assert!(TaskMatching::quote(bad).unwrap_err().contains("replicas"));
	});
}
