//! Bond in flight: a machine is drawn only where the bond covers what the task may earn, and for as long as it runs.

use crate::mock::*;
use aidragon_primitives::{
	matching::Misfit,
	state::{FailureReason, TaskState},
	task::{DeclineReason, TaskSpec},
	worker::{Capacity, Offer},
	DRGN, GFUEL,
};
use frame_support::assert_ok;

/// What a provider here covers: 800 beyond the machine's 100, and half of that.
const COVERED: u128 = 850 * DRGN;

/// A task that may earn `gfuel` times the price.
fn large(gfuel: u64) -> TaskSpec {
	TaskSpec { fuel_limit: gfuel * GFUEL, ..spec(1) }
}

#[test]
fn p7_machine_is_drawn_once_its_bond_covers_what_the_task_may_earn() {
	build_and_execute(|| {
		add_worker(0, 9 * DRGN);
		// 900 at the price that it asks.
		let id = submit_and_draw(large(100));
		assert_eq!(task(id).state, TaskState::Queued);
		let quote = TaskMatching::quote(large(100)).unwrap();
		assert_eq!((quote.supply.fitting, quote.wait_blocks), (0, None));
		let last = quote.supply.passing.last().unwrap();
		assert_eq!((last.what.as_str(), last.machines), (Misfit::BondTooLow.asset(), 0));
		let increase = |amount| NodeRegistry::increase_bond(signed(provider(0)), amount);
		assert_ok!(increase(50 * DRGN - 1));
		run_to(now() + 14);
		assert_eq!(task(id).state, TaskState::Queued);
		assert_ok!(increase(1));
		// Nobody is told of a bond: the task is looked at every 5 blocks.
		run_to(now() + 7);
		assert_eq!(workers_of(id), vec![0]);
		assert_eq!(at_stake(0), 900 * DRGN);
	});
}

/// A machine with no more bond behind it than it takes to register.
fn add_poor_worker(worker: u32) {
	assert_ok!(NodeRegistry::register_provider(signed(provider(worker)), 100 * DRGN));
	add_machine(worker, provider(worker), Offer::at(DRGN), Capacity::cpu(4, 4_096));
	prove(worker, proved(2_000, 100_000));
}

#[test]
fn p7_cheap_machines_that_lack_the_bond_do_not_keep_a_task_from_one_that_has_it() {
	for poor in [2, 3, 6, 12] {
		build_and_execute(|| {
			(0..poor).for_each(add_poor_worker);
			add_worker(poor, 2 * DRGN);
			// 100 at their price, of which they cover 50; nobody comes or changes anything.
			let spec = TaskSpec { deadline_blocks: 1_000, ..large(100) };
			let quote = TaskMatching::quote(spec.clone()).unwrap();
			assert_eq!((quote.supply.fitting, quote.price), (1, Some(200 * DRGN)));
			let id = submit(spec);
			let drawn = (0..300).any(|_| {
				run_to(now() + 1);
				state(id) == TaskState::Assigned
			});
			assert!(drawn, "{poor} machines stand in the way");
			assert_eq!(workers_of(id), vec![poor]);
		});
	}
}

#[test]
fn p7_what_is_at_stake_follows_the_price_asked_and_not_the_cap() {
	build_and_execute(|| {
		add_worker(0, COVERED / 100);
		let id = submit_and_draw(large(100));
		assert_eq!(workers_of(id), vec![0]);
		assert_eq!(at_stake(0), COVERED);
	});
}

#[test]
fn p7_work_in_flight_bounds_what_else_is_drawn() {
	build_and_execute(|| {
		add_worker(0, 10 * DRGN);
		let ids: Vec<_> = (0..3).map(|_| submit(large(30))).collect();
		run_to(now() + 2);
		let running = || {
			let runs = |id: &&u64| task(**id).state == TaskState::Assigned;
			ids.iter().filter(runs).copied().collect::<Vec<_>>()
		};
		assert_eq!(running().len(), 2, "two may earn 600, three 900");
		assert_eq!(at_stake(0), 600 * DRGN);
		attest(running()[0], 0, digest(1, GFUEL));
		assert_eq!(at_stake(0), 300 * DRGN);
		run_to(now() + 4);
		assert_eq!((running().len(), at_stake(0)), (2, 600 * DRGN));
	});
}

#[test]
fn stake_returns_when_the_task_is_settled() {
	build_and_execute(|| {
		for worker in 0..3 {
			add_worker(worker, DRGN * (1 + u128::from(worker)));
		}
		let id = submit_and_draw(spec(3));
		assert_eq!([0, 1, 2].map(at_stake), [10 * DRGN, 20 * DRGN, 30 * DRGN]);
		for worker in 0..3 {
			commit(id, worker, digest(1 + worker as u8 / 2, GFUEL));
		}
		assert_eq!([0, 1, 2].map(at_stake), [10 * DRGN, 20 * DRGN, 30 * DRGN]);
		for worker in 0..3 {
			reveal(id, worker, digest(1 + worker as u8 / 2, GFUEL));
		}
		// Outvoted or not: nothing is at stake any more.
		assert_eq!((task(id).state, [0, 1, 2].map(at_stake)), (TaskState::Settled, [0; 3]));
	});
}

#[test]
fn stake_returns_when_the_task_fails_or_is_declined() {
	build_and_execute(|| {
		add_worker(0, DRGN);
		let mut once = spec(1);
		once.retries = 0;
		let id = submit_and_draw(once.clone());
		assert_eq!(at_stake(0), 10 * DRGN);
		run_to(task(id).wake_at);
		assert_eq!(task(id).state, TaskState::Failed(FailureReason::WorkersMissing));
		assert_eq!(at_stake(0), 0);
		let id = submit_and_draw(once);
		assert_eq!(at_stake(0), 10 * DRGN);
		let reason = DeclineReason::HostFault;
		assert_ok!(TaskMatching::decline_task(signed(hot_key(0)), id, reason));
		assert_eq!(at_stake(0), 0);
	});
}

#[test]
fn nothing_is_at_stake_for_a_task_that_is_cancelled() {
	build_and_execute(|| {
		add_worker(0, DRGN);
		let id = submit(spec(1));
		assert_ok!(TaskMatching::cancel_task(signed(submitter()), id));
		run_to(now() + 10);
		assert_eq!((task(id).state, at_stake(0)), (TaskState::Cancelled, 0));
	});
}

#[test]
fn stake_is_released_at_the_price_of_the_draw() {
	build_and_execute(|| {
		add_worker(0, 2 * DRGN);
		let id = submit_and_draw(spec(1));
		for price in [9 * DRGN, DRGN] {
			set_offer(0, Offer::at(price));
			check_invariants();
			assert_eq!(at_stake(0), 20 * DRGN);
		}
		attest(id, 0, digest(1, GFUEL));
		assert_eq!(at_stake(0), 0);
	});
}
