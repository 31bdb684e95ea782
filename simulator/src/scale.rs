//! One state with many machines and many waiting tasks: what inserting, matching, waking, draining, expiring and forgetting take.

mod phases;
mod repeat;

pub use repeat::{repeat, Repeated};

use crate::{
	chain::Fill,
	error::Result,
	progress::Progress,
	stats::{ratio, rounded},
	trace::Cost,
};
use frame_support::weights::Weight;
use serde::Serialize;

/// What the hook may take of a block, as in the runtime: a fifth of a second and of 64 MiB.
pub const HOOK_CAP: Weight = Weight::from_parts(1_000_000_000_000 / 5, 64 * 1_024 * 1_024 / 5);
/// Fewest waiting tasks of a row.
const WAITING_MIN: u32 = 1_000;
/// Machines of the first row.
const MACHINES_MIN: u32 = 1_000;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options {
	/// Machines of the last row. Rows before have a tenth of the one after.
	pub machines: u32,
	/// Waiting tasks of the last row. Rows before have a tenth of the one after, and 1,000 at least.
	pub waiting: u32,
	/// Tasks that are matched, one a block.
	pub matches: u32,
	/// From what everything follows.
	pub seed: u64,
}

/// The result of `aidragon-sim scale`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
	/// What the hook may take of a block, in picoseconds.
	pub hook_cap_ref_time: u64,
	/// A row for each number of machines.
	pub rows: Vec<Row>,
	/// As many machines as in the first row, and as many tasks that wait as in the last.
	pub crowd: Row,
	/// How figures grow.
	pub growth: Growth,
}

/// Reads and writes of one call, the same key counted each time; means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Calls {
	/// How often it was called.
	pub calls: u64,
	/// Reads of the pallet's storage.
	pub reads: f64,
	/// Writes of it.
	pub writes: f64,
}

impl Calls {
	/// Means over so many calls.
	pub fn of(calls: u64, reads: u64, writes: u64) -> Self {
		let per_call = |sum: u64| rounded(ratio(sum as f64, calls as f64));
		Self { calls, reads: per_call(reads), writes: per_call(writes) }
	}
}

/// What the hook took of blocks, over its cap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Hook {
	/// Blocks that it took.
	pub blocks: u64,
	/// The most of one block, over the cap.
	pub most_of_cap: f64,
	/// The mean, over the cap.
	pub mean_of_cap: f64,
	/// Blocks in which it exceeded its cap: must be 0.
	pub over_cap: u64,
}

/// The figures at one number of machines.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Row {
	/// Machines in the supply.
	pub machines: u32,
	/// Buckets that they stand in.
	pub buckets: usize,
	/// Tasks that wait.
	pub waiting: u32,
	/// Putting a machine into the supply.
	pub insert: Calls,
	/// Draws of tasks that find a machine.
	pub matching: Cost,
	/// Blocks until all that wait have been drawn in vain and stand in their queues.
	pub queueing: Hook,
	/// A hundred blocks in which nothing happens while so many tasks wait.
	pub idle: Hook,
	/// Waiting tasks that found one of the hundred machines that came for them.
	pub woken: u32,
	/// Taking a machine out of the supply.
	pub drain: Calls,
	/// Tasks of machines that went silent, and how many of them were drawn again.
	pub freed: Freed,
	/// Blocks until all that wait are over, from the first on in which one is, all of them at the same deadline.
	pub expiry: Hook,
	/// Blocks in which tasks were forgotten, by the hundred.
	pub pruning: Hook,
	/// What tasks take of the state.
	pub state: StateFigures,
}

/// Tasks of machines that went silent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Freed {
	/// Tasks that they had.
	pub tasks: u32,
	/// Tasks that got another machine.
	pub drawn_again: u32,
}

/// Bytes of keys and values in the state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct StateFigures {
	/// For each task that waits, submitted alone.
	pub bytes_per_waiting_task: f64,
	/// The same without keys.
	pub value_bytes_per_waiting_task: f64,
	/// For each task that waits to be drawn, in jobs of 32.
	pub bytes_per_task_of_job: f64,
	/// The same without keys.
	pub value_bytes_per_task_of_job: f64,
	/// For each machine in the supply.
	pub bytes_per_machine: f64,
	/// On account of tasks when all are settled or expired and forgotten: must be 0.
	pub bytes_left: u64,
	/// Counters, cursors and directories, which do not grow with tasks.
	pub fixed: Fill,
}

/// The last row over the first; of what waiting tasks take, the crowd over the first row, which has as many machines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Growth {
	/// Machines.
	pub machines: f64,
	/// Waiting tasks.
	pub waiting: f64,
	/// Keys read until a draw has chosen.
	pub reads_to_choose: f64,
	/// Pages of a draw.
	pub pages: f64,
	/// Keys that a match reads.
	pub reads: f64,
	/// Reads of putting a machine into the supply.
	pub insert_reads: f64,
	/// The hook's weight while tasks wait.
	pub idle_weight: f64,
	/// The most of the hook's weight in any block.
	pub most_weight: f64,
	/// Bytes for each waiting task.
	pub bytes_per_waiting_task: f64,
}

/// Runs a row for every power of ten up to the number of machines that is asked for.
pub fn run(options: &Options, progress: &mut Progress) -> Result<Report> {
	let mut rows = Vec::new();
	for (machines, waiting) in sizes(options) {
		rows.push(phases::run_row(machines, waiting, options, progress)?);
	}
	let machines = rows.first().map_or(options.machines, |row| row.machines);
	let crowd = match &rows[..] {
		[only] => only.clone(),
		_ => phases::run_row(machines, options.waiting, options, progress)?,
	};
	let growth = growth(&rows, &crowd);
	Ok(Report { hook_cap_ref_time: HOOK_CAP.ref_time(), rows, crowd, growth })
}

fn sizes(options: &Options) -> Vec<(u32, u32)> {
	let mut sizes = vec![(options.machines, options.waiting)];
	while let Some((machines, waiting)) = sizes.last().copied().filter(|size| size.0 > MACHINES_MIN)
	{
		let machines = (machines / 10).max(MACHINES_MIN);
		sizes.push((machines, (waiting / 10).max(WAITING_MIN.min(options.waiting))));
	}
	sizes.reverse();
	sizes
}

fn growth(rows: &[Row], crowd: &Row) -> Growth {
	let (Some(first), Some(last)) = (rows.first(), rows.last()) else { return Growth::default() };
	let of = |figure: fn(&Row) -> f64| rounded(ratio(figure(last), figure(first)));
	let of_crowd = |figure: fn(&Row) -> f64| rounded(ratio(figure(crowd), figure(first)));
	Growth {
		machines: of(|row| f64::from(row.machines)),
		waiting: of(|row| f64::from(row.waiting)),
		reads_to_choose: of(|row| row.matching.reads_to_choose.mean),
		pages: of(|row| row.matching.pages.mean),
		reads: of(|row| row.matching.reads.mean),
		insert_reads: of(|row| row.insert.reads),
		idle_weight: of_crowd(|row| row.idle.mean_of_cap),
		most_weight: of_crowd(|row| {
			[row.queueing, row.idle, row.expiry, row.pruning]
				.iter()
				.fold(0.0, |most, hook| most.max(hook.most_of_cap))
		}),
		bytes_per_waiting_task: of_crowd(|row| row.state.bytes_per_waiting_task),
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn rows_are_a_tenth_of_the_one_after() {
		let options = Options { machines: 1_000_000, waiting: 100_000, matches: 1, seed: 1 };
		let expected = [(1_000, 1_000), (10_000, 1_000), (100_000, 10_000), (1_000_000, 100_000)];
		assert_eq!(sizes(&options), expected);
		assert_eq!(sizes(&Options { machines: 300, waiting: 50, ..options }), [(300, 50)]);
		assert_eq!(sizes(&Options { machines: 5_000, waiting: 50, ..options })[0], (1_000, 50));
	}
}
