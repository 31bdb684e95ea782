//! The baselines: full scans over all machines, which know everything and cost whatever they cost.

use crate::{cluster::Host, dice::Dice};
use aidragon_primitives::{
	resources::{Free, Resources},
	supply::ProviderTag,
	task::TaskSpec,
};
use serde::Serialize;

/// A rule by which a full scan chooses a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Baseline {
	/// The first machine that fits, in the order of the file.
	FirstFit,
	/// The machine of which least is left: cores, memory and graphics processors, each over the largest of the cluster, added up.
	BestFit,
	/// The machine whose free part has the smallest dot product with what the task takes, each over the largest of the cluster.
	DotProduct,
	/// Any machine that fits: the control from below.
	Random,
}

/// All of them.
pub const BASELINES: [Baseline; 4] =
	[Baseline::FirstFit, Baseline::BestFit, Baseline::DotProduct, Baseline::Random];

/// The largest machine in every dimension.
#[derive(Clone, Copy, Debug)]
pub struct Scale([f64; 3]);

fn free_parts(free: &Free) -> [f64; 3] {
	[free.cpu_milli, free.memory_mib, free.total_gpu_milli()].map(f64::from)
}

fn taken_parts(taken: &Resources) -> [f64; 3] {
	[taken.cpu_milli, taken.memory_mib, taken.gpu.total_milli()].map(f64::from)
}

impl Scale {
	/// Of machines of which nothing is taken.
	pub fn of(hosts: &[Host]) -> Self {
		let largest = hosts.iter().map(|host| free_parts(&host.entry.free)).fold(
			[1.0; 3],
			|largest: [f64; 3], parts| {
				std::array::from_fn(|index| largest[index].max(parts[index]))
			},
		);
		Self(largest)
	}

	fn of_parts(&self, parts: [f64; 3]) -> [f64; 3] {
		std::array::from_fn(|index| parts[index] / self.0[index])
	}
}

impl Baseline {
	/// The position of the machine that the rule chooses of those that suit; the first of equals.
	pub fn choose(
		self,
		hosts: &[Host],
		spec: &TaskSpec,
		taken: &[ProviderTag],
		scale: &Scale,
		dice: &mut Dice,
	) -> Option<usize> {
		let mut suiting = hosts.iter().enumerate().filter(|(_, host)| host.suits(spec, taken));
		if self == Self::FirstFit {
			return suiting.next().map(|(index, _)| index);
		}
		if self == Self::Random {
			let all: Vec<usize> = suiting.map(|(index, _)| index).collect();
			return all.get(dice.below(all.len() as u32) as usize).copied();
		}
		let needed = scale.of_parts(taken_parts(&spec.requirements.resources));
		let scored = suiting.map(|(index, host)| {
			(self.score(scale.of_parts(free_parts(&host.entry.free)), needed), index)
		});
		scored.min_by(|(left, _), (right, _)| left.total_cmp(right)).map(|(_, index)| index)
	}

	fn score(self, free: [f64; 3], needed: [f64; 3]) -> f64 {
		let pairs = free.iter().zip(needed);
		match self {
			Self::DotProduct => pairs.map(|(free, needed)| free * needed).sum(),
			_ => pairs.map(|(free, needed)| free - needed).sum(),
		}
	}
}
