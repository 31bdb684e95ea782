//! What one state goes through costs the same however many tasks wait, and leaves nothing.

use aidragon_sim::{
	progress::Progress,
	scale::{run, Options, Row},
};

fn row(machines: u32, waiting: u32) -> Row {
	let options = Options { machines, waiting, matches: 20, seed: 1 };
	let report = run(&options, &mut Progress::new(true)).unwrap();
	report.rows.last().unwrap().clone()
}

#[test]
fn p6_a_block_spends_no_more_on_what_waits_where_ten_times_as_many_tasks_wait() {
	let (some, many) = (row(300, 500), row(300, 5_000));
	assert!(some.idle.mean_of_cap > 0.0, "the clock looks at something");
	assert_eq!(
		(some.idle.mean_of_cap, some.idle.most_of_cap),
		(many.idle.mean_of_cap, many.idle.most_of_cap)
	);
	for row in [&some, &many] {
		let hooks = [row.queueing, row.idle, row.expiry, row.pruning];
		assert!(hooks.iter().all(|hook| hook.over_cap == 0 && hook.blocks > 0));
	}
}

#[test]
fn p6_a_match_reads_as_much_among_ten_times_as_many_machines() {
	let (few, many) = (row(300, 100), row(900, 100));
	assert_eq!(few.matching.reads_with_registry.max, many.matching.reads_with_registry.max);
	assert!(many.matching.reads_with_registry.max <= 12);
}

#[test]
fn nothing_is_left_of_tasks_that_waited_were_freed_expired_and_were_forgotten() {
	let row = row(300, 500);
	assert_eq!(row.state.bytes_left, 0);
	assert!(row.state.bytes_per_waiting_task <= 512.0 && row.state.bytes_per_task_of_job <= 512.0);
	assert!(row.woken > 0 && row.freed.tasks > 0);
	assert_eq!(row.freed.drawn_again, row.freed.tasks);
}
