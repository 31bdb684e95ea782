//! Frozen tasks: drawn later, in an order that nobody knew, as fast as a block allows.

use crate::{
	frozen::draw_weight_max, mock::*, store::ChainStore, Event, Frozen, FrozenCursor, FrozenLength,
	Tasks, WeightInfo,
};
use aidragon_primitives::{
	drawing::Cursor,
	state::TaskState,
	supply::{self, Entry},
	task::TaskSpec,
	worker::{Capacity, Offer},
	DRGN, GFUEL,
};
use frame_support::{assert_ok, weights::Weight};
use std::collections::BTreeSet;

/// A machine with room for everything.
fn add_host() {
	add_large_worker(0, DRGN, Capacity::cpu(300, 1 << 18));
}

fn cheap() -> TaskSpec {
	TaskSpec { fuel_limit: GFUEL, execution_blocks: 60, ..spec(1) }
}

/// Tasks in the order in which machines were drawn for them, with the block of the beacon that drew them.
fn drawn() -> Vec<(u64, u32)> {
	let events = System::events().into_iter().filter_map(|record| match record.event {
		RuntimeEvent::TaskMatching(Event::TaskAssigned { task, beacon_block, .. }) => {
			Some((task, beacon_block))
		}
		_ => None,
	});
	events.collect()
}

fn order() -> Vec<u64> {
	drawn().into_iter().map(|(task, _)| task).collect()
}

/// What a group takes, apart from its draws.
fn step() -> Weight {
	<() as WeightInfo>::frozen_step().saturating_add(<() as WeightInfo>::draw_group())
}

/// What a look at the only machine takes.
fn look() -> Weight {
	<() as WeightInfo>::draw_look(1, 1)
}

/// Lets draws take so much of a block, where nothing waits.
fn allow(drawing: Weight) {
	// Three quarters, and what rounding takes of it.
	AgendaWeight::set((drawing / 3).saturating_mul(4) + Weight::from_parts(4, 4));
}

/// Lets so many draws of one machine fit into a block, each with a look of its own.
fn allow_draws(count: u64) {
	let draw = step().saturating_add(look()).saturating_add(draw_weight(1, 0));
	// A draw starts only where the dearest would fit.
	let last = step().saturating_add(draw_weight_max::<Test>());
	allow(draw.saturating_mul(count - 1).saturating_add(last));
}

/// Lets so many draws of one machine fit into a block, all with one look.
fn allow_draws_of_one_group(count: u64) {
	let draws = draw_weight(1, count - 2);
	let begun = step().saturating_add(look()).saturating_add(draw_weight_max::<Test>());
	allow(draws.saturating_add(begun));
}

/// The order in which eight tasks of one block are drawn under other beacons.
fn order_under(salt: u32) -> Vec<u64> {
	new_test_ext().execute_with(|| {
		BeaconSalt::set(salt);
		add_host();
		(0..8).for_each(|_| {
			submit(cheap());
		});
		run_to(3);
		check_invariants();
		order()
	})
}

#[test]
fn p5_the_order_differs_with_the_beacon_and_leaves_nobody_out() {
	let orders: BTreeSet<Vec<u64>> = (0..40).map(order_under).collect();
	assert!(orders.len() > 15, "{}", orders.len());
	for order in &orders {
		assert_eq!(order.iter().copied().collect::<BTreeSet<_>>(), (0..8).collect());
	}
	let firsts: BTreeSet<u64> = orders.iter().map(|order| order[0]).collect();
	assert_eq!(firsts, (0..8).collect(), "each may be first");
}

#[test]
fn the_tasks_of_a_batch_are_drawn_in_their_order() {
	build_and_execute(|| {
		add_host();
		let job = submit_job(cheap(), &[(0, 0); 5]);
		assert_eq!(FrozenLength::<Test>::get(1), 1);
		run_to(3);
		assert_eq!(order(), (job..job + 5).collect::<Vec<_>>());
		assert_eq!((Frozen::<Test>::iter().count(), FrozenLength::<Test>::iter().count()), (0, 0));
	});
}

#[test]
fn tasks_between_others_that_wait_are_frozen_in_batches_of_their_own() {
	build_and_execute(|| {
		submit_job(cheap(), &[(0, 0), (0, 1), (0, 0), (0, 0), (0, 1), (0, 1), (0, 0)]);
		let batches: BTreeSet<_> =
			Frozen::<Test>::iter_values().map(|batch| (batch.first, batch.count)).collect();
		assert_eq!(batches, [(0, 1), (2, 2), (6, 1)].into());
	});
}

#[test]
fn p3_what_does_not_fit_a_block_is_continued_in_the_middle_of_a_batch() {
	build_and_execute(|| {
		add_host();
		allow_draws_of_one_group(3);
		let job = submit_job(cheap(), &[(0, 0); 8]);
		for (block, count) in [(3, 3), (4, 6), (5, 8)] {
			run_to(block);
			assert_eq!(order(), (job..job + count).collect::<Vec<_>>());
			check_invariants();
			let cursor = FrozenCursor::<Test>::get();
			match count {
				8 => assert!(cursor.block > 1),
				_ => assert_eq!((cursor.block, cursor.batches, cursor.tasks), (1, 0, count as u16)),
			}
		}
		// Each by the beacon of its own block.
		let beacons: BTreeSet<u32> = drawn().into_iter().map(|(_, beacon)| beacon).collect();
		assert_eq!(beacons, [3, 4, 5].into());
	});
}

#[test]
fn p5_the_order_stays_the_same_however_long_the_drawing_takes() {
	let whole = new_test_ext().execute_with(|| {
		add_host();
		(0..40).for_each(|_| {
			submit(cheap());
		});
		run_to(3);
		order()
	});
	assert_eq!(whole.len(), 40);
	build_and_execute(|| {
		add_host();
		allow_draws(3);
		(0..40).for_each(|_| {
			submit(cheap());
		});
		run_to(4);
		let begun = order();
		run_to(25);
		assert_eq!(order().len(), 40);
		assert_eq!(order().into_iter().collect::<BTreeSet<_>>().len(), 40);
		assert_eq!(order()[..begun.len()], begun);
		assert_eq!(order(), whole);
		assert_eq!(Frozen::<Test>::iter().count(), 0);
	});
}

#[test]
fn p3_nobody_is_left_out_where_the_first_block_brought_no_randomness() {
	build_and_execute(|| {
		add_host();
		allow_draws(3);
		let ids: Vec<u64> = (0..20).map(|_| submit(cheap())).collect();
		// Block 2 has no beacon.
		System::set_block_number(3);
		run_to(14);
		assert_eq!(order().into_iter().collect::<BTreeSet<_>>(), ids.into_iter().collect());
		assert_eq!(Frozen::<Test>::iter().count(), 0);
	});
}

#[test]
fn blocks_are_worked_off_one_after_the_other() {
	build_and_execute(|| {
		add_host();
		allow_draws(2);
		let first: BTreeSet<u64> = (0..5).map(|_| submit(cheap())).collect();
		run_to(2);
		let second: BTreeSet<u64> = (0..5).map(|_| submit(cheap())).collect();
		run_to(12);
		let order = order();
		assert_eq!(order[..5].iter().copied().collect::<BTreeSet<_>>(), first);
		assert_eq!(order[5..].iter().copied().collect::<BTreeSet<_>>(), second);
	});
}

#[test]
fn p5_nothing_is_drawn_without_young_randomness() {
	build_and_execute(|| {
		use frame_support::traits::Hooks;
		add_host();
		run_to(10);
		let id = submit(cheap());
		for (block, beacon) in [(12, None), (13, Some((12, [3; 32]))), (14, Some((9, [3; 32])))] {
			System::set_block_number(block);
			LatestBeacon::set(beacon);
			TaskMatching::on_initialize(block);
			assert_eq!(state(id), TaskState::Queued);
			assert_eq!(FrozenCursor::<Test>::get().block, 10);
		}
		System::set_block_number(15);
		set_beacon(15, [3; 32]);
		TaskMatching::on_initialize(15);
		assert_eq!(task(id).replicas[0].beacon_block, 15);
	});
}

#[test]
fn p3_a_task_expires_though_nothing_was_ever_drawn() {
	build_and_execute(|| {
		use frame_support::traits::Hooks;
		add_host();
		let id = submit(cheap());
		let expires_at = u64::from(job(id).last_draw() + 1);
		for block in 2..=expires_at {
			System::set_block_number(block);
			TaskMatching::on_initialize(block);
		}
		assert_eq!(state(id), TaskState::Expired);
		// What is left of it is passed over.
		run_to(now() + 5);
		assert_eq!(Frozen::<Test>::iter().count(), 0);
		assert_eq!(FrozenCursor::<Test>::get(), Cursor { block: now() - 1, ..Default::default() });
	});
}

#[test]
fn a_task_that_is_over_before_its_draw_is_passed_over() {
	build_and_execute(|| {
		add_host();
		let job = submit_job(cheap(), &[(0, 0); 3]);
		assert_ok!(TaskMatching::cancel_task(signed(submitter()), job + 1));
		run_to(3);
		assert_eq!(order(), [job, job + 2]);
		assert_eq!(state(job + 1), TaskState::Cancelled);
	});
}

/// How often a task was looked at, and whether it waits, after each of so many blocks.
fn looks(id: u64, blocks: u32) -> Vec<(u8, bool)> {
	let after = |_| {
		run_to(now() + 1);
		(task(id).looks, task(id).ticket.is_some())
	};
	(0..blocks).map(after).collect()
}

#[test]
fn a_look_in_vain_is_repeated_where_not_everything_was_seen() {
	build_and_execute(|| {
		add_worker(0, 11 * DRGN);
		// Five pages, of which a draw sees four.
		crowd(150);
		let id = submit(spec(1));
		let (not, waits) = (false, true);
		assert_eq!(
			looks(id, 9),
			[
				(0, not),
				(1, not),
				(1, not),
				(2, not),
				(2, not),
				(3, not),
				(3, not),
				(4, waits),
				(4, waits)
			]
		);
		check_invariants();
		assert_eq!(Frozen::<Test>::iter().count(), 0);
	});
}

#[test]
fn a_look_that_saw_everything_is_not_repeated() {
	build_and_execute(|| {
		add_worker(0, 11 * DRGN);
		// Four pages.
		crowd(127);
		let id = submit(spec(1));
		assert_eq!(looks(id, 4), [(0, false), (1, true), (1, true), (1, true)]);
	});
}

#[test]
fn a_task_that_was_missed_by_the_sample_is_found_by_a_later_one() {
	build_and_execute(|| {
		add_worker(0, DRGN);
		crowd(150);
		// One page of five has the machine: each look misses it now and then, four in a row hardly ever.
		let mut repeated = 0;
		for _ in 0..20 {
			let id = submit_and_draw(spec(1));
			repeated += u32::from(state(id) == TaskState::Queued);
			run_to(now() + 6);
			settle(id);
		}
		assert!(repeated > 0);
	});
}

#[test]
fn looks_are_counted_anew_for_a_retry() {
	build_and_execute(|| {
		add_worker(0, DRGN);
		let id = submit(TaskSpec { deadline_blocks: 200, ..spec(1) });
		Tasks::<Test>::mutate_extant(id, |task| task.looks = 3);
		run_to(3);
		assert_eq!((workers_of(id), task(id).looks), (vec![0], 0));
		crowd(150);
		let reason = aidragon_primitives::task::DeclineReason::HostFault;
		assert_ok!(TaskMatching::decline_task(signed(hot_key(0)), id, reason));
		let counts: Vec<u8> = looks(id, 8).into_iter().map(|(count, _)| count).collect();
		assert_eq!(counts, [0, 1, 1, 2, 2, 3, 3, 4]);
	});
}

#[test]
fn p4_machines_of_which_the_registry_knows_nothing_leave_the_supply_when_they_are_drawn() {
	build_and_execute(|| {
		add_worker(0, 10 * DRGN);
		for worker in 1_000..1_002 {
			let shown = TaskMatching::supplied(0).unwrap();
			let entry = Entry { worker, offer: Offer::at(DRGN), provider: [9; 8], ..shown };
			supply::insert(&mut ChainStore::<Test>::new(), entry);
		}
		assert_eq!(crate::SupplyDirectory::<Test>::get().machines(), 3);
		let id = submit_and_draw(spec(1));
		assert_eq!(workers_of(id), vec![0]);
		assert_eq!(crate::SupplyDirectory::<Test>::get().machines(), 1);
	});
}

#[test]
fn p6_draws_of_a_block_take_no_more_than_their_part() {
	build_and_execute(|| {
		add_host();
		allow_draws_of_one_group(4);
		submit_job(cheap(), &[(0, 0); 60]);
		for block in 2..30 {
			run_to(block - 1);
			System::set_block_number(u64::from(block));
			set_beacon(block, beacon_of(block));
			let part: Weight = AgendaWeight::get() - AgendaWeight::get() / 4;
			let mut meter = frame_support::weights::WeightMeter::with_limit(part);
			TaskMatching::draw_frozen(&mut meter);
			assert!(meter.consumed().all_lte(part));
		}
		assert_eq!(order().len(), 60);
	});
}
