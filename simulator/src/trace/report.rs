//! What a trace run prints.

use super::Outcome;
use crate::{
	baseline::Baseline,
	chain::DrawCost,
	stats::{ratio, rounded},
};
use serde::Serialize;

/// The result of `aidragon-sim trace`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
	/// Machines.
	pub machines: usize,
	/// Graphics processors.
	pub gpus: u64,
	/// Tasks that came.
	pub tasks: usize,
	/// Graphics processors that they want, over those that there are.
	pub gpu_demand: f64,
	/// Blocks that were run.
	pub blocks: u32,
	/// Seconds of the trace that a block stands for.
	pub block_seconds: u32,
	/// MiB that the chain's MiB stands for.
	pub memory_unit_mib: u32,
	/// The policy of every task.
	pub policy: String,
	/// The seed.
	pub seed: u64,
	/// The pallet's run.
	pub pallet: Matching,
	/// The same tasks by full scans.
	pub baselines: Vec<Scan>,
	/// Percentage points of graphics processors that the pallet placed more than the best of first-fit, best-fit and dot product.
	pub points_above_best_baseline: f64,
}

/// The figures of the pallet's run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Matching {
	/// Those that a baseline has, too.
	#[serde(flatten)]
	pub outcome: Outcome,
	/// What matching took.
	pub cost: Cost,
}

/// The figures of a baseline.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Scan {
	/// Which one.
	pub baseline: Baseline,
	/// Its figures.
	#[serde(flatten)]
	pub outcome: Outcome,
}

/// Keys that the registry reads to answer for one machine: the machine, what it proved, its provider and the thresholds of classes.
/// It is not part of this runtime; see `check_candidate` in `pallets/node-registry/src/directory.rs`.
const REGISTRY_READS: u32 = 4;

/// What matching took of storage. Keys of the pallet are counted; those of the registry follow from its look-ups.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Cost {
	/// Draws of frozen tasks that found machines.
	pub matches: u64,
	/// Keys that such a draw read until it had chosen: the batch, the task, its job, the directory and pages. Mean and most.
	pub reads_to_choose: MeanMax,
	/// Pages among them.
	pub pages: MeanMax,
	/// Machines looked up at the registry until then.
	pub lookups: MeanMax,
	/// `reads_to_choose`, and four more for each look-up.
	pub reads_with_registry: MeanMax,
	/// Keys that it read in all, for what it writes included; without the registry's.
	pub reads: MeanMax,
	/// Keys that it wrote.
	pub writes: MeanMax,
	/// Draws of frozen tasks that found none.
	pub misses: u64,
	/// Reads by the hook in all blocks, for each task placed; the same key counts each time.
	pub hook_reads_per_placement: f64,
}

/// A mean and the most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct MeanMax {
	/// The mean.
	pub mean: f64,
	/// The most.
	pub max: u32,
}

impl MeanMax {
	/// Of some figure of draws.
	pub fn of(draws: &[DrawCost], figure: impl Fn(&DrawCost) -> u32) -> Self {
		let sum: u64 = draws.iter().map(|draw| u64::from(figure(draw))).sum();
		let max = draws.iter().map(figure).max().unwrap_or_default();
		Self { mean: rounded(ratio(sum as f64, draws.len() as f64)), max }
	}
}

impl Cost {
	/// Of draws, of which some found nothing.
	pub fn of(draws: &[DrawCost]) -> Self {
		let matches: Vec<DrawCost> = draws.iter().copied().filter(|draw| draw.is_match).collect();
		Self {
			matches: matches.len() as u64,
			reads_to_choose: MeanMax::of(&matches, |draw| draw.reads_to_choose),
			pages: MeanMax::of(&matches, |draw| draw.pages),
			lookups: MeanMax::of(&matches, |draw| draw.lookups),
			reads_with_registry: MeanMax::of(&matches, |draw| {
				draw.reads_to_choose + REGISTRY_READS * draw.lookups
			}),
			reads: MeanMax::of(&matches, |draw| draw.reads),
			writes: MeanMax::of(&matches, |draw| draw.writes),
			misses: (draws.len() - matches.len()) as u64,
			hook_reads_per_placement: 0.0,
		}
	}
}
