//! R4: what the policy `cheapest` pays, over the best price that a full scan finds.

use crate::{
	chain::{Chain, Note},
	cluster::{cheapest, Host},
	dice::Dice,
	error::Result,
	progress::Progress,
	shapes,
	stats::{mean, ratio, rounded, Percentiles},
	workload::{specification, Node, PRICE_DEFAULT},
};
use aidragon_primitives::{
	matching::PAGES_MAX,
	supply::PAGE_MACHINES,
	task::{MatchingPolicy, TaskSpec},
	Balance, TaskId,
};
use serde::Serialize;
use std::collections::BTreeMap;

/// The aim for the mean.
pub const TARGET_MEAN: f64 = 1.12;
/// The aim for the 99th percentile.
pub const TARGET_P99: f64 = 1.5;
/// Fewest and most machines of a market.
const MACHINES: (f64, f64) = (10.0, 10_000.0);
/// Blocks in which what did not see everything is drawn again.
const BLOCKS: u32 = 12;

/// How prices are spread.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Spread {
	/// Evenly from 1 to 2.
	Even,
	/// Their logarithm is normal, of this deviation.
	LogNormal(f64),
}

const SPREADS: [(&str, Spread); 4] = [
	("uniform_1_to_2", Spread::Even),
	("lognormal_0.10", Spread::LogNormal(0.10)),
	("lognormal_0.25", Spread::LogNormal(0.25)),
	("lognormal_0.50", Spread::LogNormal(0.50)),
];

/// Sizes of markets that are told apart, and below how many machines each ends.
const SIZES: [(&str, f64); 3] =
	[("10_to_99", 100.0), ("100_to_999", 1_000.0), ("1000_to_9999", f64::INFINITY)];

impl Spread {
	fn price(self, dice: &mut Dice) -> Balance {
		let factor = match self {
			Self::Even => 1.0 + dice.unit(),
			Self::LogNormal(deviation) => (deviation * dice.normal()).exp(),
		};
		// At least some millions.
		((PRICE_DEFAULT as f64) * factor).max(1.0) as Balance
	}
}

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options {
	/// Markets.
	pub markets: u32,
	/// Tasks of each, all in one block.
	pub tasks: u32,
	/// From what everything follows.
	pub seed: u64,
}

/// The result of `aidragon-sim market`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
	/// Markets.
	pub markets: u32,
	/// Machines of the markets, from 10 to 10,000.
	pub machines: Percentiles,
	/// The figures of each spread of prices.
	pub spreads: Vec<Figures>,
	/// Those of markets of so many machines.
	pub sizes: Vec<Figures>,
	/// Those of all markets.
	pub overall: Figures,
	/// The aims.
	pub target: Target,
}

/// What is aimed at over all markets, and whether it is met.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Target {
	/// Of the mean.
	pub mean: f64,
	/// Of the 99th percentile.
	pub p99: f64,
	/// Whether both are met.
	pub is_met: bool,
}

/// The figures of some markets.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figures {
	/// Of which markets: how their prices are spread, or how many machines they have.
	pub of: String,
	/// Tasks that some machine fits.
	pub tasks: u64,
	/// Of these, the ones for which the pallet found no machine.
	pub missed: u64,
	/// The price paid over the lowest of all machines that fitted at that moment.
	pub price_over_best: Percentiles,
	/// Control: the price of any machine that fits over the lowest, the mean.
	pub any_machine_over_best: f64,
	/// Control: the lowest price among 128 of the machines that fit, drawn at random, over the lowest of all, the mean. That is what
	/// four full pages of nothing but machines that fit would show.
	pub best_of_128_over_best: f64,
}

/// Machines on as many pages as a draw reads.
const DRAW_MACHINES: usize = PAGES_MAX * PAGE_MACHINES as usize;

#[derive(Default)]
struct Sample {
	paid: Vec<f64>,
	any: Vec<f64>,
	best_of_some: Vec<f64>,
	missed: u64,
}

impl Sample {
	fn merge(&mut self, other: &Self) {
		self.paid.extend(&other.paid);
		self.any.extend(&other.any);
		self.best_of_some.extend(&other.best_of_some);
		self.missed += other.missed;
	}

	fn figures(&self, of: &str) -> Figures {
		Figures {
			of: of.to_owned(),
			tasks: self.paid.len() as u64 + self.missed,
			missed: self.missed,
			price_over_best: Percentiles::of(self.paid.clone()).rounded(),
			any_machine_over_best: rounded(mean(&self.any)),
			best_of_128_over_best: rounded(mean(&self.best_of_some)),
		}
	}
}

/// Runs all markets, the spreads of prices in turn.
pub fn run(options: &Options, progress: &mut Progress) -> Result<Report> {
	let mut samples: [Sample; SPREADS.len()] = Default::default();
	let mut by_size: [Sample; SIZES.len()] = Default::default();
	let mut sizes = Vec::new();
	for market in 0..options.markets {
		let mut dice = Dice::new(options.seed, &format!("market {market}"));
		let size = MACHINES.0 * (MACHINES.1 / MACHINES.0).powf(dice.unit());
		sizes.push(size.floor());
		let index = market as usize % SPREADS.len();
		let sample = run_market(size as u32, SPREADS[index].1, options, &mut dice)?;
		samples[index].merge(&sample);
		let class = SIZES.iter().position(|(_, below)| size < *below).unwrap_or_default();
		by_size[class].merge(&sample);
		progress.tick(|| format!("market {market} of {}", options.markets));
	}
	let mut all = Sample::default();
	samples.iter().for_each(|sample| all.merge(sample));
	let spreads = SPREADS.iter().zip(&samples).map(|((name, _), sample)| sample.figures(name));
	let by_size = SIZES.iter().zip(&by_size).map(|((name, _), sample)| sample.figures(name));
	let overall = all.figures("all");
	let prices = overall.price_over_best;
	let is_met = prices.mean <= TARGET_MEAN && prices.p99 <= TARGET_P99;
	Ok(Report {
		markets: options.markets,
		machines: Percentiles::of(sizes).rounded(),
		spreads: spreads.collect(),
		sizes: by_size.collect(),
		overall,
		target: Target { mean: TARGET_MEAN, p99: TARGET_P99, is_met },
	})
}

fn run_market(size: u32, spread: Spread, options: &Options, dice: &mut Dice) -> Result<Sample> {
	let nodes: Vec<Node> = (0..size)
		.map(|number| {
			let price = spread.price(dice);
			shapes::machine(dice, number, price)
		})
		.collect();
	let dearest = nodes.iter().map(|node| node.price_per_gfuel).max().unwrap_or(1);
	let mut hosts: Vec<Host> =
		(0..).zip(&nodes).map(|(worker, node)| Host::new(worker, node)).collect();
	let mut chain = Chain::new(u64::from(dice.below(u32::MAX)));
	chain.add_machines_at_once(nodes.iter());
	chain.next_block();
	let mut open: BTreeMap<TaskId, TaskSpec> = BTreeMap::new();
	for _ in 0..options.tasks {
		let needed = shapes::needed(dice);
		let spec = specification(needed, 10, MatchingPolicy::Cheapest, dearest);
		open.insert(chain.submit(spec.clone())?, spec);
	}
	let mut sample = Sample::default();
	for _ in 0..BLOCKS {
		let block = chain.next_block();
		let mut steps = block.steps.iter();
		for note in &block.notes {
			let Note::Assigned(task, _) = note else { continue };
			let (Some(step), Some(spec)) = (steps.next(), open.remove(task)) else { continue };
			compare(&mut sample, &hosts, &spec, step.worker as usize);
			// The pallet took it already.
			let _ = hosts[step.worker as usize].take(&step.grant);
		}
	}
	sample.missed =
		open.values().filter(|spec| cheapest(&hosts, spec, &[]).is_some()).count() as u64;
	chain.check()?;
	Ok(sample)
}

/// Compares the price of the machine that was drawn with those of all that fit.
fn compare(sample: &mut Sample, hosts: &[Host], spec: &TaskSpec, drawn: usize) {
	let price = |host: &Host| host.entry.offer.price_per_gfuel as f64;
	let mut fitting: Vec<f64> =
		hosts.iter().filter(|host| host.suits(spec, &[])).map(price).collect();
	fitting.sort_by(f64::total_cmp);
	let best = fitting.first().copied().unwrap_or_default();
	sample.paid.push(ratio(price(&hosts[drawn]), best));
	sample.any.push(ratio(mean(&fitting), best));
	sample.best_of_some.push(ratio(lowest_of_sample(&fitting, DRAW_MACHINES), best));
}

/// The expectation of the lowest of `count` values, drawn without putting back, of values in ascending order.
fn lowest_of_sample(values: &[f64], count: usize) -> f64 {
	let count = count.min(values.len()) as f64;
	let mut left = values.len() as f64;
	let (mut none_before, mut expected) = (1.0, 0.0);
	for value in values {
		let drawn = ratio(count, left).min(1.0);
		expected += none_before * drawn * value;
		none_before *= 1.0 - drawn;
		left -= 1.0;
	}
	expected
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn the_lowest_of_a_sample_is_what_counting_gives() {
		assert_eq!(lowest_of_sample(&[1.0, 2.0, 4.0], 3), 1.0);
		assert_eq!(lowest_of_sample(&[1.0, 2.0, 6.0], 1), 3.0);
		// Of the three pairs, two have the 1 and one has the 2.
		assert!((lowest_of_sample(&[1.0, 2.0, 6.0], 2) - 4.0 / 3.0).abs() < 1e-12);
		assert_eq!(lowest_of_sample(&[], 5), 0.0);
	}
}
