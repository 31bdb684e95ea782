//! A heterogeneous cluster and its tasks, with the shape that is published of such clusters.
//!
//! At 1,213 machines it has the 6,212 graphics processors of seven models of the public openb cluster, one to eight in a machine,
//! with 32 to 128 cores and 256 GiB to 1 TiB of memory; at any other size the same parts of each kind. Of the tasks 13 % take no
//! graphics processor, 47 % a part of one, 36 % a whole one, and 4 % two, four or eight.

use crate::dice::Dice;
use std::fmt::Write;

/// What is generated.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Recipe {
	/// Machines.
	pub machines: u32,
	/// Tasks.
	pub tasks: u32,
	/// From what everything follows.
	pub seed: u64,
	/// Tasks of a hundred that take several graphics processors.
	pub multi_gpu_percent: u32,
	/// Tasks of a hundred that name models.
	pub pinned_percent: u32,
	/// Whether machines ask different prices, 1 to 2 of the usual one.
	pub is_priced: bool,
}

impl Default for Recipe {
	fn default() -> Self {
		Self {
			machines: 1_213,
			tasks: 8_000,
			seed: 1,
			multi_gpu_percent: 4,
			pinned_percent: 10,
			is_priced: false,
		}
	}
}

/// A kind of machine: how many of 1,213, model, graphics processors, and what cores and GiB there are.
struct Kind {
	machines: u32,
	model: &'static str,
	gpus: u32,
	cores: &'static [u32],
	memory_gib: &'static [u32],
}

#[rustfmt::skip]
const KINDS: [Kind; 12] = [
	Kind { machines: 549, model: "G2", gpus: 8, cores: &[96], memory_gib: &[384, 768] },
	Kind { machines: 420, model: "T4", gpus: 2, cores: &[32, 64, 96], memory_gib: &[256, 384, 512] },
	Kind { machines: 131, model: "P100", gpus: 2, cores: &[64], memory_gib: &[256, 512] },
	Kind { machines: 39, model: "G3", gpus: 8, cores: &[128], memory_gib: &[768, 1_024] },
	Kind { machines: 20, model: "V100M32", gpus: 8, cores: &[96], memory_gib: &[512, 768] },
	Kind { machines: 18, model: "V100M16", gpus: 4, cores: &[64], memory_gib: &[256] },
	Kind { machines: 15, model: "V100M16", gpus: 8, cores: &[64], memory_gib: &[256, 512] },
	Kind { machines: 11, model: "V100M32", gpus: 4, cores: &[96], memory_gib: &[512] },
	Kind { machines: 3, model: "P100", gpus: 1, cores: &[32], memory_gib: &[256] },
	Kind { machines: 3, model: "V100M16", gpus: 1, cores: &[32], memory_gib: &[256] },
	Kind { machines: 2, model: "T4", gpus: 1, cores: &[32], memory_gib: &[256] },
	Kind { machines: 2, model: "A10", gpus: 1, cores: &[128], memory_gib: &[512] },
];
const KINDS_MACHINES: u32 = 1_213;

/// Parts of one graphics processor that tasks take, in thousandths, and how often.
#[rustfmt::skip]
const PARTS_MILLI: [(u32, u32); 16] = [
	(6, 100), (10, 200), (10, 250), (6, 300), (6, 330), (4, 400), (12, 460), (16, 500),
	(4, 600), (4, 650), (4, 700), (4, 750), (6, 800), (4, 810), (3, 900), (1, 950),
];
/// Several whole ones, and how often.
const SEVERAL: [(u32, u32); 3] = [(2, 2), (1, 4), (1, 8)];
/// Which models tasks name, and how often.
const PINS: [(u32, &str); 5] =
	[(5, "G2"), (2, "V100M16|V100M32"), (2, "T4|P100"), (1, "G3"), (1, "V100M32|G3|A10")];
/// How much of the cluster tasks want at once in the timed replay, in hundredths.
const LOAD_PERCENT: u32 = 90;
/// Middle of the durations, in seconds, and how far they spread.
const DURATION_MEDIAN: f64 = 7_200.0;
const DURATION_SPREAD: f64 = 1.0;
const DURATION_MAX: f64 = 86_400.0;

/// The two files: machines and tasks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
	/// `nodes.csv`.
	pub nodes: String,
	/// `tasks.csv`.
	pub tasks: String,
}

/// Makes a cluster and its tasks.
pub fn generate(recipe: &Recipe) -> Files {
	let (nodes, gpus) = generate_nodes(recipe);
	Files { nodes, tasks: generate_tasks(recipe, gpus) }
}

/// How many machines of each kind there are: parts of the whole by the largest remainder.
fn counts(machines: u32) -> Vec<u32> {
	let exact = |kind: &Kind| u64::from(kind.machines) * u64::from(machines);
	let whole = u64::from(KINDS_MACHINES);
	let mut counts: Vec<u32> = KINDS.iter().map(|kind| (exact(kind) / whole) as u32).collect();
	let mut by_rest: Vec<usize> = (0..KINDS.len()).collect();
	by_rest.sort_by_key(|index| std::cmp::Reverse(exact(&KINDS[*index]) % whole));
	let missing = machines.saturating_sub(counts.iter().sum());
	for index in by_rest.into_iter().take(missing as usize) {
		counts[index] += 1;
	}
	counts
}

fn generate_nodes(recipe: &Recipe) -> (String, u32) {
	let mut dice = Dice::new(recipe.seed, "nodes");
	let mut kinds: Vec<&Kind> = Vec::new();
	for (kind, count) in KINDS.iter().zip(counts(recipe.machines)) {
		kinds.extend(std::iter::repeat_n(kind, count as usize));
	}
	dice.shuffle(&mut kinds);
	let mut text = String::from("sn,cpu_milli,memory_mib,gpu,model");
	text.push_str(if recipe.is_priced { ",price_per_gfuel\n" } else { "\n" });
	for (index, kind) in kinds.iter().enumerate() {
		let cores = kind.cores[dice.below(kind.cores.len() as u32) as usize];
		let memory_gib = kind.memory_gib[dice.below(kind.memory_gib.len() as u32) as usize];
		// Writing to a string does not fail.
		let _ = write!(
			text,
			"node-{index:04},{},{},{},{}",
			cores * 1_000,
			memory_gib * 1_024,
			kind.gpus,
			kind.model
		);
		if recipe.is_priced {
			let price = 10_000_000_000.0 * (1.0 + dice.unit());
			let _ = write!(text, ",{}", price as u64);
		}
		text.push('\n');
	}
	(text, kinds.iter().map(|kind| kind.gpus).sum())
}

/// What one task takes.
struct Need {
	cpu_milli: u32,
	memory_mib: u32,
	gpus: u32,
	gpu_milli: u32,
	spec: &'static str,
}

fn need(dice: &mut Dice, recipe: &Recipe) -> Need {
	let several = recipe.multi_gpu_percent.min(87);
	let rest = 87 - several;
	let kinds = [(13, 'c'), (rest * 47 / 83, 'p'), (rest - rest * 47 / 83, 'w'), (several, 's')];
	let kind = dice.weighted(&kinds).copied().unwrap_or('c');
	let (gpus, gpu_milli) = match kind {
		'c' => (0, 0),
		'p' => (1, dice.weighted(&PARTS_MILLI).copied().unwrap_or(500)),
		'w' => (1, 1_000),
		_ => (dice.weighted(&SEVERAL).copied().unwrap_or(2), 1_000),
	};
	let (cores, gib) = match kind {
		'c' => (dice.between(1, 24), dice.between(2, 64)),
		'p' => (dice.between(2, 10), dice.between(4, 32)),
		'w' => (dice.between(6, 14), dice.between(8, 64)),
		_ => (gpus * dice.between(7, 11), gpus * dice.between(24, 36)),
	};
	let is_pinned = gpus > 0 && gpus < 8 && dice.below(100) < recipe.pinned_percent;
	let spec = if is_pinned { dice.weighted(&PINS).copied().unwrap_or_default() } else { "" };
	let memory_mib = gib * 1_024;
	Need { cpu_milli: cores * 1_000, memory_mib, gpus, gpu_milli, spec }
}

fn generate_tasks(recipe: &Recipe, gpus: u32) -> String {
	let mut dice = Dice::new(recipe.seed, "tasks");
	let needs: Vec<Need> = (0..recipe.tasks).map(|_| need(&mut dice, recipe)).collect();
	let mut times = Dice::new(recipe.seed, "times");
	let durations: Vec<f64> = (0..recipe.tasks)
		.map(|_| {
			(DURATION_MEDIAN * (DURATION_SPREAD * times.normal()).exp()).clamp(60.0, DURATION_MAX)
		})
		.collect();
	// What they take of graphics processors in all, over what the cluster gives in a second at that load.
	let work: f64 = needs
		.iter()
		.zip(&durations)
		.map(|(need, lasts)| f64::from(need.gpus * need.gpu_milli) * lasts)
		.sum();
	let per_second = f64::from(gpus.max(1)) * 10.0 * f64::from(LOAD_PERCENT);
	let pause = work / per_second / f64::from(recipe.tasks.max(1));
	let mut text = String::from(
		"name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,creation_time,deletion_time\n",
	);
	let mut now = 0.0;
	for (index, (need, lasts)) in needs.iter().zip(durations).enumerate() {
		now += times.exponential(pause);
		let Need { cpu_milli, memory_mib, gpus, gpu_milli, spec } = need;
		let (begins, ends) = (now as u64, (now + lasts) as u64);
		// Writing to a string does not fail.
		let _ = writeln!(
			text,
			"task-{index:05},{cpu_milli},{memory_mib},{gpus},{gpu_milli},{spec},{begins},{ends}"
		);
	}
	text
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn the_whole_cluster_has_the_published_numbers() {
		assert_eq!(counts(KINDS_MACHINES), KINDS.map(|kind| kind.machines));
		let of = |model: &str| -> u32 {
			let kinds = KINDS.iter().filter(|kind| kind.model == model);
			kinds.map(|kind| kind.machines * kind.gpus).sum()
		};
		let published = [
			("G2", 4_392),
			("T4", 842),
			("G3", 312),
			("P100", 265),
			("V100M32", 204),
			("V100M16", 195),
			("A10", 2),
		];
		assert!(published.iter().all(|(model, gpus)| of(model) == *gpus));
		assert_eq!(published.iter().map(|(_, gpus)| gpus).sum::<u32>(), 6_212);
		assert_eq!(counts(100).iter().sum::<u32>(), 100);
	}

	#[test]
	fn a_seed_gives_the_same_files_again() {
		let recipe = Recipe { machines: 20, tasks: 50, ..Recipe::default() };
		assert_eq!(generate(&recipe), generate(&recipe));
		assert_ne!(generate(&recipe).tasks, generate(&Recipe { seed: 2, ..recipe }).tasks);
		assert_eq!(generate(&recipe).nodes.lines().count(), 21);
		assert_eq!(generate(&recipe).tasks.lines().count(), 51);
	}
}
