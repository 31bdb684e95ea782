//! What wakes tasks that wait: machines that come, and the clock.

use super::waiting::{
	hopeless, is_assigned, is_waiting, lasting, nothing_waits, of, pass, paying, said_to_wait,
};
use crate::{frozen::draw_weight_max, mock::*, WaitingQueues, Waking, WeightInfo};
use aidragon_primitives::{
	resources::Resources,
	task::TaskSpec,
	waiting::{Wake, WAKES_MAX},
	worker::{Capacity, Hours, Offer},
	DRGN,
};
use frame_support::{assert_ok, weights::Weight};

#[test]
fn p5_a_new_machine_wakes_a_task_by_a_beacon_that_is_younger() {
	build_and_execute(|| {
		let id = submit_and_draw(spec(1));
		assert!(is_waiting(id));
		run_to(7);
		assert_eq!(said_to_wait(id), 1);
		add_worker(0, DRGN);
		assert_eq!(Waking::<Test>::get().machines.len(), 1);
		run_to(8);
		assert!(is_waiting(id));
		run_to(9);
		assert_eq!(workers_of(id), vec![0]);
		// The machine came in block 7, and the author of block 8 did not know this beacon either.
		assert_eq!(task(id).replicas[0].beacon_block, 9);
		assert!(nothing_waits() && task(id).ticket.is_none());
		assert_eq!(Waking::<Test>::get(), Default::default());
	});
}

#[test]
fn p5_a_wake_is_worked_off_with_no_other_than_young_randomness() {
	build_and_execute(|| {
		let id = submit_and_draw(spec(1));
		add_worker(0, DRGN);
		for (block, beacon) in [(5, None), (6, Some((5, [9; 32]))), (7, Some((2, [9; 32])))] {
			System::set_block_number(block);
			LatestBeacon::set(beacon);
			TaskMatching::wake_waiting(&mut frame_support::weights::WeightMeter::new());
			assert!(is_waiting(id));
		}
		set_beacon(7, [9; 32]);
		TaskMatching::wake_waiting(&mut frame_support::weights::WeightMeter::new());
		assert_eq!(task(id).replicas[0].beacon_block, 7);
		run_to(8);
	});
}

#[test]
fn p5_a_machine_that_comes_again_and_again_is_remembered_once_and_neither_sooner_nor_later() {
	build_and_execute(|| {
		let id = submit_and_draw(spec(1));
		add_worker(0, 20 * DRGN);
		for price in [19, 18, 17] {
			set_offer(0, Offer::at(price * DRGN));
		}
		assert_eq!(Waking::<Test>::get().machines.len(), 1);
		run_to(4);
		for price in [16, 15, 2] {
			set_offer(0, Offer::at(price * DRGN));
		}
		let [wake] = Waking::<Test>::get().machines.to_vec()[..] else { panic!("one machine") };
		assert_eq!((wake.worker, wake.block), (0, 3));
		run_to(5);
		assert_eq!(task(id).replicas[0].beacon_block, 5);
	});
}

#[test]
fn capacity_that_is_freed_wakes_what_waits_for_it() {
	build_and_execute(|| {
		add_worker(0, DRGN);
		let first = submit_and_draw(of(4_000));
		let second = submit_and_draw(of(3_000));
		assert!(is_waiting(second));
		// Between two looks by the clock.
		run_to(8);
		settle(first);
		pass(1);
		assert!(is_waiting(second));
		pass(1);
		assert_eq!(workers_of(second), vec![0]);
	});
}

#[test]
fn one_machine_that_comes_takes_as_much_as_it_holds_and_leaves_the_rest_waiting() {
	build_and_execute(|| {
		let job = submit_job(spec(1), &[(0, 0); 6]);
		pass(2);
		add_worker(0, DRGN);
		pass(2);
		assert_eq!((job..job + 6).filter(|id| is_assigned(*id)).count(), 4);
		assert_eq!((job..job + 6).filter(|id| is_waiting(*id)).count(), 2);
		check_invariants();
		(job..job + 6).filter(|id| is_assigned(*id)).for_each(settle);
		pass(2);
		assert!((job..job + 6).all(|id| !is_waiting(id)) && nothing_waits());
	});
}

#[test]
fn a_lowered_price_wakes() {
	build_and_execute(|| {
		add_worker(0, 11 * DRGN);
		let id = submit_and_draw(spec(1));
		assert!(is_waiting(id));
		set_offer(0, Offer::at(10 * DRGN));
		pass(2);
		assert_eq!(workers_of(id), vec![0]);
	});
}

#[test]
fn what_a_machine_may_not_hold_is_not_woken_by_it() {
	build_and_execute(|| {
		submit_and_draw(of(8_000));
		add_worker(0, DRGN);
		assert_eq!(Waking::<Test>::get().machines.len(), 0, "4 of 8 cores");
		// Less than before is no news.
		let id = submit_and_draw(TaskSpec { price_cap_per_gfuel: 1, ..spec(1) });
		assert!(is_waiting(id));
		let small = submit_and_draw(spec(1));
		assert!(is_assigned(small));
		assert_eq!(Waking::<Test>::get().machines.len(), 0);
		settle(small);
		assert_eq!(Waking::<Test>::get().machines.len(), 1);
	});
}

/// Tasks that nobody can do, in so many queues of cells of their own, eight in each.
fn block_queues(count: u32, price_cap: u128) {
	for n in 0..count {
		let mut stone = lasting(hopeless(paying(price_cap << n)));
		stone.requirements.resources = Resources::cpu(1_000 * (1 + n / 4), 512 << (n % 4));
		submit_job(stone, &[(0, 0); 8]);
	}
}

/// Lets waking take no more of a block than a draw and some thirty looks.
fn be_tight() {
	let draw = draw_weight_max::<Test>();
	let look = <() as WeightInfo>::wake_step().saturating_add(<() as WeightInfo>::draw_group());
	let looks = look.saturating_mul(2);
	AgendaWeight::set(
		draw.saturating_add(looks).saturating_mul(4).saturating_add(Weight::from_parts(4, 4)),
	);
}

#[test]
fn p3_a_machine_with_more_to_try_than_a_block_holds_does_not_keep_the_next_one_waiting() {
	build_and_execute(|| {
		block_queues(8, 3);
		let mut large = lasting(paying(9_000));
		large.requirements.resources = Resources::cpu(8_000, 512);
		let id = submit_and_draw(large);
		pass(8);
		be_tight();
		add_worker(0, DRGN);
		add_large_worker(1, DRGN, Capacity::cpu(8, 8_192));
		pass(2);
		let first = Waking::<Test>::get().machines.first().map(|wake| wake.worker);
		assert_eq!((is_assigned(id), first), (false, Some(1)), "the other one was interrupted");
		pass(1);
		assert!(is_assigned(id));
	});
}

#[test]
fn p3_machines_with_more_to_try_than_a_block_holds_do_not_put_off_the_look_by_the_clock() {
	build_and_execute(|| {
		UnixMs::set(0);
		block_queues(6, 30);
		let mut large = lasting(paying(2));
		large.requirements.resources = Resources::cpu(8_000, 512);
		add_large_worker(0, DRGN, Capacity::cpu(8, 8_192));
		set_offer(
			0,
			Offer { hours: Some(Hours { from_minute: 60, until_minute: 120 }), ..Offer::at(DRGN) },
		);
		let id = submit_and_draw(large);
		pass(8);
		assert!(is_waiting(id));
		be_tight();
		add_worker(1, DRGN);
		UnixMs::set(60 * 60_000);
		// Each begins with another queue.
		let drawn = (0..1_000).any(|_| {
			pass(1);
			assert_eq!(Waking::<Test>::get().machines.len(), 1, "it is never done");
			is_assigned(id)
		});
		assert!(drawn);
	});
}

#[test]
fn a_machine_that_wakes_in_the_block_of_the_last_draw_still_gets_the_task() {
	build_and_execute(|| {
		let id = submit_and_draw(spec(1));
		let last_draw = job(id).last_draw();
		run_to(last_draw - 2);
		add_worker(0, DRGN);
		run_to(last_draw);
		assert!(is_assigned(id));
	});
}

#[test]
fn a_machine_that_had_the_task_wakes_it_in_vain() {
	build_and_execute(|| {
		add_worker(0, DRGN);
		let id = submit_and_draw(TaskSpec { retries: 3, ..spec(1) });
		let reason = aidragon_primitives::task::DeclineReason::HostFault;
		assert_ok!(TaskMatching::decline_task(signed(hot_key(0)), id, reason));
		pass(2);
		assert!(is_waiting(id));
		for price in 2..8 {
			set_offer(0, Offer::at(price * DRGN));
			pass(2);
			assert!(is_waiting(id));
		}
		add_worker(1, DRGN);
		pass(2);
		assert_eq!(workers_of(id), vec![1]);
	});
}

#[test]
fn a_task_that_was_woken_goes_to_the_best_machine_not_to_the_one_that_came() {
	build_and_execute(|| {
		UnixMs::set(0);
		add_worker(0, DRGN);
		let hours = Some(Hours { from_minute: 60, until_minute: 120 });
		set_offer(0, Offer { hours, ..Offer::at(DRGN) });
		let id = submit_and_draw(spec(1));
		assert!(is_waiting(id));
		// It opened, and nobody noticed.
		UnixMs::set(60 * 60_000);
		add_worker(1, 2 * DRGN);
		pass(2);
		assert_eq!(workers_of(id), vec![0]);
	});
}

#[test]
fn a_machine_that_came_is_looked_at_however_large_the_market() {
	build_and_execute(|| {
		add_worker(0, 11 * DRGN);
		crowd(600);
		for worker in 1..6 {
			let id = submit(spec(1));
			pass(8);
			assert!(is_waiting(id));
			// One page of twenty has it, and a draw sees four.
			add_worker(worker, DRGN);
			pass(2);
			assert_eq!(workers_of(id), vec![worker]);
			assert_ok!(NodeRegistry::drain(signed(provider(worker)), worker));
		}
	});
}

#[test]
fn every_5_blocks_what_waits_is_looked_at_without_anybody_having_come() {
	build_and_execute(|| {
		UnixMs::set(0);
		add_worker(0, DRGN);
		set_offer(
			0,
			Offer { hours: Some(Hours { from_minute: 60, until_minute: 120 }), ..Offer::at(DRGN) },
		);
		let id = submit_and_draw(spec(1));
		run_to(37);
		UnixMs::set(60 * 60_000);
		run_to(41);
		assert!(is_waiting(id));
		run_to(42);
		assert_eq!(task(id).replicas[0].beacon_block, 42);
		assert_eq!(Waking::<Test>::get(), Default::default());
	});
}

#[test]
fn a_look_by_the_clock_reaches_every_queue_sooner_or_later() {
	build_and_execute(|| {
		UnixMs::set(0);
		add_large_worker(0, DRGN, Capacity::cpu(200, 1 << 20));
		set_offer(
			0,
			Offer { hours: Some(Hours { from_minute: 60, until_minute: 120 }), ..Offer::at(DRGN) },
		);
		// Twenty queues, a multiple of the blocks between two looks, of tasks that nobody can do, and one for the machine.
		for cores in [1_000, 2_000, 3_000, 4_000, 8_000] {
			for memory in [512, 1_024, 2_048, 4_096] {
				let mut stone = lasting(hopeless(spec(1)));
				stone.requirements.resources = Resources::cpu(cores, memory);
				submit(stone);
			}
		}
		let id = submit_and_draw(lasting(of(5_000)));
		assert_eq!(WaitingQueues::<Test>::iter().count(), 20);
		UnixMs::set(60 * 60_000);
		run_to(5 * 30);
		assert!(task(id).attempt > 0);
	});
}

#[test]
fn more_machines_than_are_remembered_come_and_all_that_waits_is_served() {
	build_and_execute(|| {
		let count = WAKES_MAX + 8;
		let job = submit_job(paying(10), &vec![(0, 0); count as usize]);
		pass(2);
		assert!((job..job + u64::from(count)).all(is_waiting));
		for owner in 0..5 {
			assert_ok!(NodeRegistry::register_provider(signed(provider(owner)), BOND));
		}
		for worker in 0..count {
			add_machine(worker, provider(worker / 8), Offer::at(DRGN), Capacity::cpu(1, 4_096));
			prove(worker, proved(200, 100_000));
		}
		let wakes = Waking::<Test>::get();
		assert_eq!((wakes.machines.len() as u32, wakes.others_at), (WAKES_MAX, Some(3)));
		pass(2);
		assert!((job..job + u64::from(count)).all(is_assigned));
		assert_eq!(Waking::<Test>::get(), Default::default());
	});
}

#[test]
fn machines_that_come_in_every_block_do_not_put_off_the_others() {
	build_and_execute(|| {
		let id = submit_and_draw(spec(1));
		let note = |first: u32| {
			let wakes = (first..first + WAKES_MAX + 1).map(|worker| Wake {
				worker,
				bucket: 0,
				block: now(),
			});
			Waking::<Test>::mutate(|waking| wakes.for_each(|wake| waking.note(wake)));
		};
		note(100);
		assert_eq!(Waking::<Test>::get().others_at, Some(3));
		pass(1);
		note(200);
		assert_eq!(Waking::<Test>::get().others_at, Some(3));
		UnixMs::set(0);
		pass(1);
		assert_eq!(Waking::<Test>::get().others_at, None);
		assert!(is_waiting(id));
	});
}

#[test]
fn a_machine_that_leaves_before_its_wake_is_worked_off_is_forgotten() {
	build_and_execute(|| {
		let id = submit_and_draw(spec(1));
		add_worker(0, DRGN);
		assert_ok!(NodeRegistry::drain(signed(provider(0)), 0));
		pass(2);
		assert!(is_waiting(id));
		assert_eq!(Waking::<Test>::get(), Default::default());
	});
}

#[test]
fn two_machines_that_come_in_one_block_get_one_task_once() {
	build_and_execute(|| {
		let before = free(&submitter());
		let id = submit_and_draw(spec(1));
		add_worker(0, DRGN);
		add_worker(1, DRGN);
		assert_eq!(Waking::<Test>::get().machines.len(), 2);
		pass(2);
		assert_eq!(workers_of(id).len(), 1);
		assert_eq!(worker(0).running + worker(1).running, 1);
		settle(id);
		assert_eq!(free(&submitter()), before - DRGN);
	});
}
