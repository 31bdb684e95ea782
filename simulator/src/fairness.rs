//! Even shares: equal machines get equal work.

use crate::{
	chain::{Chain, Note},
	error::Result,
	progress::Progress,
	shapes,
	stats::{jain, rounded},
	workload::{specification, PRICE_DEFAULT},
};
use aidragon_primitives::{resources::Resources, task::MatchingPolicy, BlockNumber, TaskId};
use serde::Serialize;
use std::collections::BTreeMap;

/// The aim for Jain's index.
pub const TARGET_JAIN: f64 = 0.95;
/// Blocks that a task runs.
const RUN_BLOCKS: BlockNumber = 10;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options {
	/// Equal machines.
	pub machines: u32,
	/// Tasks that each can have at once.
	pub slots: u16,
	/// Tasks.
	pub tasks: u32,
	/// From what everything follows.
	pub seed: u64,
}

/// The result of `aidragon-sim fairness`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
	/// Equal machines.
	pub machines: u32,
	/// Tasks that each can have at once.
	pub slots: u16,
	/// Tasks of each run.
	pub tasks: u32,
	/// What chance alone would give: Jain's index of as many tasks thrown at the machines one by one.
	pub jain_of_chance: f64,
	/// The aim.
	pub target_jain: f64,
	/// One run for each policy and load.
	pub runs: Vec<Run>,
}

/// A run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Run {
	/// The policy.
	pub policy: String,
	/// Tasks at once, over what the machines can have at once.
	pub load: f64,
	/// Jain's index of tasks per machine.
	pub jain: f64,
	/// Fewest tasks of a machine.
	pub fewest: u64,
	/// Most tasks of a machine.
	pub most: u64,
	/// Tasks that were placed.
	pub placed: u64,
	/// Whether the aim is met.
	pub is_met: bool,
}

/// The policies, each with its name.
pub const POLICIES: [(&str, MatchingPolicy); 4] = [
	("cheapest", MatchingPolicy::Cheapest),
	("fastest", MatchingPolicy::Fastest),
	("greenest", MatchingPolicy::Greenest),
	("balanced", MatchingPolicy::Balanced),
];
/// Tasks at once, in hundredths of what the machines can have at once.
const LOADS_PERCENT: [u32; 3] = [1, 25, 75];

/// Runs every policy at every load.
pub fn run(options: &Options, progress: &mut Progress) -> Result<Report> {
	let mut runs = Vec::new();
	for (name, policy) in POLICIES {
		for percent in LOADS_PERCENT {
			progress.say(&format!("{name} at {percent} % load"));
			runs.push(run_one(name, policy, percent, options)?);
		}
	}
	// The variance of a multinomial count over its squared mean is (1 − 1/n) / mean.
	let (machines, tasks) = (f64::from(options.machines), f64::from(options.tasks));
	let jain_of_chance = 1.0 / (1.0 + (1.0 - 1.0 / machines) / (tasks / machines));
	Ok(Report {
		machines: options.machines,
		slots: options.slots,
		tasks: options.tasks,
		jain_of_chance: rounded(jain_of_chance),
		target_jain: TARGET_JAIN,
		runs,
	})
}

fn run_one(name: &str, policy: MatchingPolicy, percent: u32, options: &Options) -> Result<Run> {
	let mut chain = Chain::new(options.seed);
	for number in 0..options.machines {
		chain.add_machine(&shapes::plain(number, options.slots, PRICE_DEFAULT));
	}
	// Tasks stand on machines for as long as they run; between two blocks their number does not change.
	let slots = options.machines * u32::from(options.slots);
	let per_block = (slots * percent / 100 / RUN_BLOCKS).max(1);
	let spec = specification(Resources::cpu(1_000, 1_024), RUN_BLOCKS, policy, PRICE_DEFAULT);
	let mut counts = vec![0u64; options.machines as usize];
	let mut due: BTreeMap<BlockNumber, Vec<TaskId>> = BTreeMap::new();
	let mut left = options.tasks;
	let mut placed = 0;
	while left > 0 || placed < u64::from(options.tasks) {
		let block = chain.next_block();
		for note in block.notes {
			let Note::Assigned(task, workers) = note else { continue };
			placed += 1;
			due.entry(chain.now() + RUN_BLOCKS).or_default().push(task);
			for worker in workers {
				counts[worker as usize] += 1;
			}
		}
		for task in due.remove(&chain.now()).unwrap_or_default() {
			chain.deliver(task)?;
		}
		for _ in 0..per_block.min(left) {
			chain.submit(spec.clone())?;
		}
		left = left.saturating_sub(per_block);
	}
	chain.check()?;
	let shares: Vec<f64> = counts.iter().map(|count| *count as f64).collect();
	let jain = jain(&shares);
	Ok(Run {
		policy: name.to_owned(),
		load: rounded(f64::from(per_block * RUN_BLOCKS) / f64::from(slots)),
		jain: rounded(jain),
		fewest: counts.iter().min().copied().unwrap_or_default(),
		most: counts.iter().max().copied().unwrap_or_default(),
		placed,
		is_met: jain >= TARGET_JAIN,
	})
}
