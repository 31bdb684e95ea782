//! What the chain does by itself under load.

use crate::{
	frozen::draw_weight_max, mock::*, Agenda, AgendaCursor, AgendaLength, Frozen, Tasks, Waiting,
	Waking, WeightInfo,
};
use aidragon_primitives::{
	state::TaskState,
	task::TaskSpec,
	worker::{Capacity, Offer},
	DRGN, GFUEL,
};
use frame_support::{assert_ok, traits::Hooks, weights::Weight};

/// The least weight that a runtime may allow.
fn least() -> Weight {
	let steps = <() as WeightInfo>::wake_step().saturating_mul(2);
	let steps = steps.saturating_add(<() as WeightInfo>::draw_group());
	let draw = draw_weight_max::<Test>().saturating_add(steps);
	// The quarter of it is rounded down.
	TaskMatching::item_weight_max().max(draw).saturating_mul(4) + Weight::from_parts(4, 4)
}

/// A task that costs at most 1 DRGN.
fn cheap() -> TaskSpec {
	TaskSpec { fuel_limit: GFUEL, price_cap_per_gfuel: DRGN, ..spec(1) }
}

fn states() -> Vec<TaskState> {
	Tasks::<Test>::iter_values().map(|task| task.state).collect()
}

/// More tasks than a block draws in all that the least weight allows.
fn too_many() -> usize {
	let one = draw_weight(1, 0).min(draw_weight(0, 1)).ref_time();
	let draws = least().ref_time().div_ceil(one);
	// As many as a job can have.
	usize::try_from(draws).unwrap().min(256)
}

/// Tasks that are frozen.
fn frozen() -> u32 {
	Frozen::<Test>::iter_values().map(|batch| u32::from(batch.count)).sum()
}

#[test]
fn the_least_weight_is_enough_and_less_is_refused() {
	build_and_execute(|| {
		AgendaWeight::set(least());
		TaskMatching::integrity_test();
		AgendaWeight::set(least() / 2);
		assert!(std::panic::catch_unwind(TaskMatching::integrity_test).is_err());
	});
}

#[test]
fn p3_what_does_not_fit_a_block_is_done_in_the_next() {
	build_and_execute(|| {
		add_large_worker(0, DRGN, Capacity::cpu(300, 1 << 18));
		AgendaWeight::set(least());
		let count = too_many();
		let long = TaskSpec { execution_blocks: 60, ..cheap() };
		let ids: Vec<_> = (0..count).map(|_| submit(long.clone())).collect();
		run_to(3);
		let assigned = || ids.iter().filter(|id| state(**id) == TaskState::Assigned).count();
		assert!((1..count).contains(&assigned()), "{}", assigned());
		// However little of a block a draw takes or leaves: each of the next ones draws some.
		run_to(40);
		assert_eq!(assigned(), count);
	});
}

#[test]
fn p6_a_block_takes_no_more_than_the_agendas_weight() {
	build_and_execute(|| {
		add_worker(0, DRGN);
		let limit = least();
		AgendaWeight::set(limit);
		for _ in 0..20 {
			submit(spec(1));
		}
		for block in 2..30u64 {
			System::set_block_number(block);
			set_beacon(block as u32 - 1, [1; 32]);
			let used: Weight = TaskMatching::on_initialize(block);
			assert!(used.all_lte(limit));
		}
	});
}

#[test]
fn entries_that_are_worked_off_leave_nothing_behind() {
	build_and_execute(|| {
		add_worker(0, DRGN);
		let id = submit_and_draw(spec(1));
		attest(id, 0, digest(1, 5));
		run_to(300);
		assert_eq!(Agenda::<Test>::iter().count(), 0);
		assert_eq!(AgendaLength::<Test>::iter().count(), 0);
		assert_eq!(crate::Tasks::<Test>::iter().count(), 0);
		assert_eq!(AgendaCursor::<Test>::get(), (301, 0));
	});
}

#[test]
fn p3_p6_with_everything_full_every_block_keeps_its_weight_and_all_gets_done() {
	build_and_execute(|| {
		let money = free(&submitter());
		// Machines that come, so that waking is full, too. They never deliver.
		for worker in 0..6 {
			add_worker(worker, DRGN);
		}
		let before = map_keys();
		let short = TaskSpec { deadline_blocks: 60, ..cheap() };
		let chain: Vec<_> = (0..40u8).map(|n| (n.saturating_sub(1), n.min(1))).collect();
		let never = TaskSpec { price_cap_per_gfuel: 1, ..short.clone() };
		for round in 0..4u8 {
			submit_job(never.clone(), &[(0, 0); 30]);
			submit_job(
				TaskSpec { replicas: 1 + round % 3, retries: 3, ..short.clone() },
				&[(0, 0); 30],
			);
			submit_job(short.clone(), &chain);
		}
		run_to(4);
		AgendaWeight::set(least());
		// The frozen ones, those that wait, and those that woke them.
		let mut full_at_once = false;
		for block in 5..70 {
			for worker in 0..6 {
				set_offer(worker, Offer::at(DRGN - u128::from(block % 7)));
			}
			run_to(block);
			if block % 10 == 0 {
				check_invariants();
			}
			full_at_once |= Waiting::<Test>::iter().count() > 0
				&& frozen() > 0
				&& !Waking::<Test>::get().machines.is_empty();
		}
		assert!(full_at_once);
		let mut block = 70;
		while states().iter().any(|state| !state.is_terminal()) {
			block += 10;
			assert!(block < 2_000, "{:?}", states());
			run_to(block);
		}
		check_invariants();
		assert_eq!(free(&submitter()), money, "nobody delivered anything");
		assert!((0..6).all(|machine| worker(machine).running == 0 && at_stake(machine) == 0));
		run_to(block + 1_000);
		assert_eq!((Tasks::<Test>::iter().count(), Agenda::<Test>::iter().count()), (0, 0));
		let left: Vec<_> = map_keys().difference(&before).cloned().collect();
		assert!(left.is_empty(), "{left:?}");
		assert_eq!(Waking::<Test>::get(), Default::default());
	});
}

#[test]
fn p3_draws_and_waking_leave_deadlines_their_part_of_every_block() {
	build_and_execute(|| {
		add_large_worker(0, DRGN, Capacity::cpu(300, 1 << 18));
		// Three that run out, and three that are delivered and to be forgotten.
		let job = submit_job(TaskSpec { retries: 0, ..cheap() }, &[(0, 0); 6]);
		run_to(3);
		(job..job + 3).for_each(settle);
		AgendaWeight::set(least());
		let closes_at = task(job + 3).wake_at;
		while now() < closes_at {
			let job = vec![(0, 0); too_many()];
			submit_job(cheap(), &job);
			submit_job(TaskSpec { price_cap_per_gfuel: 1, ..cheap() }, &job);
			set_offer(0, Offer::at(DRGN - u128::from(now())));
			run_to(now() + 1);
		}
		let most = too_many() as u32 * 4;
		assert!(frozen() > most, "there was no overload: {}", frozen());
		assert!(state(job + 3).is_terminal(), "the first of them, in its block");
		run_to(now() + 2);
		assert!((job + 3..job + 6).all(|id| state(id).is_terminal()));
	});
}

#[test]
fn entries_of_which_nothing_is_left_to_do_take_no_more_than_a_look() {
	build_and_execute(|| {
		add_large_worker(0, DRGN, Capacity::cpu(300, 1 << 18));
		let ids: Vec<u64> = (0..60).map(|_| submit(cheap())).collect();
		let flow = submit_job(cheap(), &[(0, 0), (0, 1)]);
		run_to(3);
		ids.iter().for_each(|id| settle(*id));
		settle(flow);
		run_to(6);
		settle(flow + 1);
		let expires_at = job(flow).last_draw() + 1;
		run_to(expires_at - 1);
		// Some 60 entries that end the jobs: each would take the block by itself if it counted as one that has something to end.
		AgendaWeight::set(least());
		System::set_block_number(u64::from(expires_at));
		set_beacon(expires_at - 1, [1; 32]);
		let mut blocks = 0;
		while AgendaCursor::<Test>::get().0 <= expires_at {
			TaskMatching::on_initialize(System::block_number());
			blocks += 1;
		}
		assert!(blocks <= 4, "{blocks}");
	});
}

#[test]
fn jobs_that_cannot_go_on_yet_take_no_more_than_a_look() {
	build_and_execute(|| {
		add_large_worker(0, DRGN, Capacity::cpu(300, 1 << 18));
		let jobs: Vec<u64> =
			(0..60).map(|_| submit_job(cheap(), &[(0, 0), (0, 0), (0, 2)])).collect();
		run_to(3);
		jobs.iter().for_each(|job| settle(*job));
		assert!(AgendaLength::<Test>::get(4) >= 60);
		AgendaWeight::set(least());
		run_to(7);
		assert!(AgendaCursor::<Test>::get().0 > 4);
	});
}

#[test]
fn p3_cancelled_flows_do_not_fill_the_agenda() {
	build_and_execute(|| {
		let chain: Vec<_> = (0..=255u8).map(|n| (n.saturating_sub(1), n.min(1))).collect();
		run_to(3);
		let length = AgendaLength::<Test>::get(4);
		for _ in 0..4 {
			let job = submit_job(cheap(), &chain);
			assert_ok!(TaskMatching::cancel_job(signed(submitter()), job));
		}
		assert!(AgendaLength::<Test>::get(4) <= length + 4);
	});
}
