//! What machines ask of tasks: their hours, and the least task that they take.

use crate::mock::*;
use aidragon_primitives::{
	state::TaskState,
	worker::{Hours, Offer},
	DRGN, GFUEL,
};

/// Sets the time of the last block to `minute` of some day.
fn set_minute(minute: u64) {
	UnixMs::set(20_000 * 86_400_000 + minute * 60_000 + 59_999);
}

fn within(from_minute: u16, until_minute: u16) -> Offer {
	Offer { hours: Some(Hours { from_minute, until_minute }), ..Offer::at(DRGN) }
}

/// Submits a task of `execution_blocks` at `minute` and says whether machine 0 got it.
fn is_drawn_at(minute: u64, execution_blocks: u32) -> bool {
	set_minute(minute);
	let mut spec = spec(1);
	(spec.execution_blocks, spec.deadline_blocks) = (execution_blocks, execution_blocks + 14);
	let id = submit_and_draw(spec);
	let drawn = task(id).state == TaskState::Assigned;
	if drawn {
		attest(id, 0, digest(1, 5));
	}
	drawn
}

#[test]
fn machine_is_drawn_within_its_hours_only() {
	build_and_execute(|| {
		add_worker(0, DRGN);
		set_offer(0, within(480, 1_080));
		for (minute, drawn) in
			[(0, false), (479, false), (480, true), (1_079, true), (1_080, false), (1_439, false)]
		{
			// Half a minute.
			assert_eq!(is_drawn_at(minute, 10), drawn, "at {minute}");
		}
	});
}

#[test]
fn machine_is_drawn_only_for_what_ends_before_it_closes() {
	build_and_execute(|| {
		add_worker(0, DRGN);
		set_offer(0, within(480, 1_080));
		// 20 blocks are a minute.
		assert!(is_drawn_at(1_078, 40));
		assert!(!is_drawn_at(1_078, 41));
		assert!(!is_drawn_at(1_079, 40));
	});
}

#[test]
fn hours_may_go_over_midnight() {
	build_and_execute(|| {
		add_worker(0, DRGN);
		set_offer(0, within(1_320, 360));
		for (minute, drawn) in [(1_319, false), (1_320, true), (0, true), (359, true), (360, false)]
		{
			assert_eq!(is_drawn_at(minute, 20), drawn, "at {minute}");
		}
	});
}

#[test]
fn task_waits_until_a_machine_opens() {
	build_and_execute(|| {
		add_worker(0, DRGN);
		set_offer(0, within(480, 1_080));
		set_minute(479);
		let id = submit_and_draw(spec(1));
		assert_eq!(task(id).state, TaskState::Queued);
		set_minute(480);
		run_to(now() + 4);
		assert_eq!(workers_of(id), vec![0]);
	});
}

#[test]
fn running_task_is_not_ended_by_the_hours() {
	build_and_execute(|| {
		add_worker(0, DRGN);
		set_offer(0, within(480, 1_080));
		set_minute(1_079);
		let id = submit_and_draw(spec(1));
		set_minute(1_200);
		run_to(now() + 3);
		attest(id, 0, digest(1, 5));
		assert_eq!(task(id).state, TaskState::Settled);
	});
}

#[test]
fn machine_takes_no_task_below_its_least_fuel() {
	build_and_execute(|| {
		add_worker(0, DRGN);
		set_offer(0, Offer { task_min_fuel: 10 * GFUEL + 1, ..Offer::at(DRGN) });
		let id = submit_and_draw(spec(1));
		assert_eq!(task(id).state, TaskState::Queued);
		set_offer(0, Offer { task_min_fuel: 10 * GFUEL, ..Offer::at(DRGN) });
		run_to(now() + 4);
		assert_eq!(workers_of(id), vec![0]);
	});
}

#[test]
fn running_task_keeps_the_price_that_it_was_drawn_at() {
	build_and_execute(|| {
		add_worker(0, 2 * DRGN);
		let before = free(&submitter());
		let id = submit_and_draw(spec(1));
		set_offer(0, Offer::at(9 * DRGN));
		attest(id, 0, digest(1, GFUEL));
		assert_eq!(free(&submitter()), before - 2 * DRGN);
	});
}

#[test]
fn quote_counts_what_machines_ask_of_tasks() {
	build_and_execute(|| {
		for worker in 0..4 {
			add_worker(worker, DRGN);
		}
		set_minute(600);
		// 100 Gfuel at 9 DRGN may earn more than the bond covers.
		let mut large = spec(1);
		large.fuel_limit = 100 * GFUEL;
		set_offer(1, Offer { task_min_fuel: 100 * GFUEL + 1, ..Offer::at(DRGN) });
		set_offer(2, within(0, 600));
		set_offer(3, Offer::at(9 * DRGN));
		let report = TaskMatching::quote(large).unwrap();
		assert_eq!((report.machines, report.fitting), (4, 1));
		assert_eq!((report.task_too_small, report.closed, report.bond_too_low), (1, 1, 1));
		assert_eq!((report.too_small, report.too_slow, report.too_expensive), (0, 0, 0));
	});
}
