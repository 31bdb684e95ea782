//! Waiting: who stands where in a queue, and who stands in nobody's way.

use crate::{mock::*, Event, Waiting, WaitingIndex, WaitingQueues, Waking};
use aidragon_primitives::{
	resources::Resources,
	state::TaskState,
	task::TaskSpec,
	waiting::price_tier,
	worker::{Capacity, Offer, Region},
	DRGN, GFUEL,
};
use frame_support::assert_ok;

/// A task of so many cores.
pub(super) fn of(cpu_milli: u32) -> TaskSpec {
	let mut spec = spec(1);
	spec.requirements.resources = Resources::cpu(cpu_milli, 512);
	spec
}

/// A task that nobody can ever do, in the queue of `like`.
pub(super) fn hopeless(like: TaskSpec) -> TaskSpec {
	let mut spec = TaskSpec { fuel_limit: 1, ..like };
	spec.requirements.throughput_min_mops = u32::MAX;
	spec
}

/// With time enough.
pub(super) fn lasting(spec: TaskSpec) -> TaskSpec {
	TaskSpec { deadline_blocks: 10_000, ..spec }
}

pub(super) fn paying(price_cap: u128) -> TaskSpec {
	TaskSpec { price_cap_per_gfuel: price_cap * DRGN, fuel_limit: GFUEL, ..spec(1) }
}

pub(super) fn is_waiting(id: u64) -> bool {
	task(id).ticket.is_some()
}

pub(super) fn is_assigned(id: u64) -> bool {
	state(id) == TaskState::Assigned
}

/// Goes on for so many blocks.
pub(super) fn pass(blocks: u32) {
	run_to(now() + blocks);
}

/// How often it was said that a task waits.
pub(super) fn said_to_wait(id: u64) -> usize {
	let said = RuntimeEvent::TaskMatching(Event::NothingMatched { task: id });
	System::events().into_iter().filter(|record| record.event == said).count()
}

pub(super) fn nothing_waits() -> bool {
	Waiting::<Test>::iter().count() == 0
		&& WaitingQueues::<Test>::iter().count() == 0
		&& WaitingIndex::<Test>::get().cells().is_empty()
}

#[test]
fn the_higher_price_comes_first_whoever_came_first() {
	build_and_execute(|| {
		let ids = [2, 40, 9].map(|price| submit_and_draw(paying(price)));
		add_large_worker(0, DRGN, Capacity::cpu(1, 4_096));
		for id in [ids[1], ids[2], ids[0]] {
			pass(2);
			assert!(is_assigned(id));
			settle(id);
		}
	});
}

#[test]
fn first_come_is_first_served_within_a_queue() {
	build_and_execute(|| {
		// All but the first of one half octave of prices.
		let ids: Vec<u64> = [20, 9, 12, 11].map(|price| submit_and_draw(paying(price))).into();
		let tiers: Vec<u8> = [9, 11, 12].map(|price| price_tier(price * DRGN)).into();
		assert!(tiers.windows(2).all(|pair| pair[0] == pair[1]));
		add_large_worker(0, DRGN, Capacity::cpu(1, 4_096));
		let mut served = Vec::new();
		for _ in &ids {
			pass(2);
			let id = *ids.iter().find(|id| is_assigned(**id)).unwrap();
			served.push(id);
			settle(id);
		}
		let in_queue: Vec<u64> = served.into_iter().filter(|id| *id != ids[0]).collect();
		assert_eq!(in_queue, ids[1..]);
	});
}

#[test]
fn a_task_that_can_never_be_met_stands_in_nobodys_way_in_another_queue() {
	build_and_execute(|| {
		// Better paid: one of the same shape, and one each of six others.
		let mut stones = vec![submit(hopeless(paying(500)))];
		for (tier, memory_mib) in [513, 1_024, 2_048, 4_096].into_iter().enumerate() {
			let mut stone = hopeless(paying(100 + 50 * tier as u128));
			stone.requirements.resources.memory_mib = memory_mib;
			stones.push(submit(stone));
		}
		let other_shape = submit(of(2_000));
		let id = submit_and_draw(spec(1));
		assert!(is_waiting(id) && is_waiting(other_shape));
		add_worker(0, DRGN);
		pass(2);
		assert!(is_assigned(id) && is_assigned(other_shape));
		assert!(stones.into_iter().all(is_waiting));
	});
}

#[test]
fn better_paid_tasks_that_can_never_be_met_do_not_keep_a_cheaper_one_of_their_shape_waiting() {
	build_and_execute(|| {
		let stones: Vec<u64> =
			(0..14).map(|octave| submit(lasting(hopeless(paying(20 << octave))))).collect();
		let id = submit_and_draw(lasting(spec(1)));
		add_worker(0, DRGN);
		// Eight queues a time: with those that it wakes, and with every look by the clock.
		pass(2 + 5 * 5);
		assert!(task(id).attempt > 0, "{:?}", task(id).ticket);
		assert!(stones.into_iter().all(is_waiting));
	});
}

#[test]
fn tasks_at_the_head_that_can_never_be_met_let_those_behind_them_pass() {
	build_and_execute(|| {
		let stones: Vec<u64> = (0..7).map(|_| submit_and_draw(hopeless(spec(1)))).collect();
		let id = submit_and_draw(spec(1));
		let queue = task(id).ticket.unwrap().queue;
		assert!(stones.iter().all(|stone| task(*stone).ticket.unwrap().queue == queue));
		add_worker(0, DRGN);
		pass(2);
		assert!(is_assigned(id));
		assert!(stones.into_iter().all(is_waiting));
	});
}

#[test]
fn hundreds_at_the_head_that_can_never_be_met_are_passed_in_time() {
	build_and_execute(|| {
		let job = submit_job(lasting(hopeless(spec(1))), &[(0, 0); 200]);
		pass(2);
		let id = submit_and_draw(lasting(spec(1)));
		add_worker(0, DRGN);
		// Each time a machine has more left, eight of them go to the end.
		for _ in 0..26 {
			pass(2);
			set_offer(0, Offer::at(DRGN + u128::from(now())));
		}
		assert!(task(id).attempt > 0);
		assert!((job..job + 200).all(is_waiting));
	});
}

#[test]
fn places_that_tasks_have_left_do_not_hide_those_behind_them() {
	build_and_execute(|| {
		let job = submit_job(spec(1), &[(0, 0); 100]);
		pass(2);
		let id = submit_and_draw(spec(1));
		let first = (job..job + 100).min_by_key(|id| task(*id).ticket.unwrap().number).unwrap();
		for other in (job..job + 100).filter(|id| *id != first) {
			assert_ok!(TaskMatching::cancel_task(signed(submitter()), other));
		}
		add_large_worker(0, DRGN, Capacity::cpu(2, 4_096));
		pass(2);
		assert!(is_assigned(first) && is_assigned(id));
		assert!(nothing_waits());
	});
}

#[test]
fn a_task_that_is_cancelled_leaves_its_queue() {
	build_and_execute(|| {
		let ids: Vec<u64> = (0..3).map(|_| submit_and_draw(spec(1))).collect();
		for id in [ids[1], ids[0], ids[2]] {
			assert!(is_waiting(id));
			assert_ok!(TaskMatching::cancel_task(signed(submitter()), id));
			assert_eq!(task(id).ticket, None);
			check_invariants();
		}
		assert!(nothing_waits());
		add_worker(0, DRGN);
		assert_eq!(Waking::<Test>::get().machines.len(), 0, "nobody waits for it");
	});
}

#[test]
fn p3_a_task_that_expires_leaves_its_queue() {
	build_and_execute(|| {
		let id = submit_and_draw(spec(1));
		let last_draw = job(id).last_draw();
		run_to(last_draw - 1);
		// What a machine that comes now wakes is drawn one block too late.
		add_worker(0, DRGN);
		run_to(last_draw);
		assert!(is_waiting(id));
		run_to(last_draw + 1);
		assert_eq!(state(id), TaskState::Expired);
		assert!(nothing_waits());
		pass(5);
		assert_eq!((worker(0).running, Waking::<Test>::get()), (0, Default::default()));
	});
}

#[test]
fn a_task_of_several_replicas_waits_for_as_many_providers() {
	build_and_execute(|| {
		let id = submit_and_draw(spec(2));
		add_worker(0, DRGN);
		pass(3);
		assert!(is_waiting(id));
		// Another machine of the same provider.
		add_machine(1, provider(0), Offer::at(DRGN), Capacity::cpu(4, 4_096));
		prove(1, proved(2_000, 100_000));
		pass(3);
		assert!(is_waiting(id));
		assert_eq!(said_to_wait(id), 1);
		let report = TaskMatching::why_waiting(id).unwrap();
		assert_eq!((report.fitting, report.providers), (2, 1));
		add_worker(2, 5 * DRGN);
		pass(2);
		let providers: Vec<_> =
			task(id).replicas.iter().map(|replica| replica.provider.clone()).collect();
		assert_eq!(providers.len(), 2);
		assert!(providers.contains(&provider(0)) && providers.contains(&provider(2)));
	});
}

#[test]
fn p12_a_task_that_waits_says_what_is_missing() {
	build_and_execute(|| {
		for worker in 0..3 {
			add_worker(worker, (4 + 4 * u128::from(worker)) * DRGN);
		}
		let mut far = spec(1);
		far.requirements.region = Some(Region(*b"AQ"));
		let id = submit_and_draw(far);
		let report = TaskMatching::why_waiting(id).unwrap();
		assert_eq!((report.machines, report.looked_at, report.fitting), (3, 3, 0));
		assert!(report
			.sentence
			.contains("3 machines may be given work, 0 of them stand in the region"));
		assert_eq!(TaskMatching::why_waiting(id + 1), None);
		assert_ok!(TaskMatching::cancel_task(signed(submitter()), id));
		assert_eq!(TaskMatching::why_waiting(id), None);
	});
}
