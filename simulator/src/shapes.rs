//! Machines and tasks of many shapes, for markets of any size.

use crate::{
	dice::Dice,
	workload::{Node, GPU_MEMORY_DEFAULT_MIB, THROUGHPUT_DEFAULT_MOPS},
};
use aidragon_primitives::{
	resources::{GpuShare, Gpus, Resources},
	worker::{Capacity, Site},
	Balance,
};

const CORES: [(u32, u16); 9] =
	[(6, 2), (14, 4), (10, 6), (18, 8), (14, 12), (16, 16), (8, 24), (8, 32), (6, 64)];
/// How many graphics processors, and how often.
const GPUS: [(u32, u8); 5] = [(40, 0), (36, 1), (12, 2), (7, 4), (5, 8)];
/// Classes of graphics processors that occur.
const CLASSES: u32 = 7;

/// A machine of any shape that asks `price_per_gfuel`, of a provider of its own.
pub(crate) fn machine(dice: &mut Dice, number: u32, price_per_gfuel: Balance) -> Node {
	let vcpus = dice.weighted(&CORES).copied().unwrap_or(4);
	let memory_mib = u32::from(vcpus) * [1_024, 2_048, 4_096, 8_192][dice.below(4) as usize];
	let count = dice.weighted(&GPUS).copied().unwrap_or(0);
	// Below 16.
	let class = if count == 0 { 0 } else { dice.below(CLASSES) as u8 };
	Node {
		name: format!("machine-{number}"),
		provider: format!("provider-{number}"),
		capacity: Capacity {
			gpus: Gpus { class, count, memory_mib: GPU_MEMORY_DEFAULT_MIB },
			..Capacity::cpu(vcpus, memory_mib)
		},
		throughput_mops: THROUGHPUT_DEFAULT_MOPS,
		price_per_gfuel,
		site: Site::default(),
	}
}

/// What a task of any shape takes: of ten, four no graphics processor, three a part of one, three one or two.
pub(crate) fn needed(dice: &mut Dice) -> Resources {
	let kind = dice.below(10);
	let (count, milli) = match kind {
		0..4 => (0, 0),
		// At most 900.
		4..7 => (1, dice.between(1, 9) as u16 * 100),
		7..9 => (1, 1_000),
		_ => (2, 1_000),
	};
	let gpu = GpuShare { count, milli, memory_min_mib: 0, classes: 0 };
	Resources { gpu, ..Resources::cpu(dice.between(1, 8) * 500, dice.between(1, 8) * 512) }
}

/// A machine of `vcpus` cores, 1 GiB for each, without graphics processors, of a provider of its own.
pub(crate) fn plain(number: u32, vcpus: u16, price_per_gfuel: Balance) -> Node {
	Node {
		name: format!("machine-{number}"),
		provider: format!("provider-{number}"),
		capacity: Capacity::cpu(vcpus, u32::from(vcpus) * 1_024),
		throughput_mops: THROUGHPUT_DEFAULT_MOPS,
		price_per_gfuel,
		site: Site::default(),
	}
}
