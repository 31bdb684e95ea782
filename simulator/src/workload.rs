//! A cluster and the tasks that come to it: what a trace says, in the terms of the market.

use aidragon_primitives::{
	resources::Resources,
	task::{
		BlobRef, MatchingPolicy, Program, ProgramKind, Requirements, TaskSpec, DEADLINE_BLOCKS_MAX,
		DRAW_DELAY_BLOCKS, EXECUTION_BLOCKS_MIN, REVEAL_BLOCKS,
	},
	worker::{Capacity, Region, Site, SocketText, TransportAddress},
	Balance, BlockNumber, DRGN, GFUEL,
};

/// The price of a machine that names none, in smallest units per 10⁹ fuel.
pub const PRICE_DEFAULT: Balance = DRGN / 100;
/// The throughput of a machine that names none, in million operations per second.
pub const THROUGHPUT_DEFAULT_MOPS: u32 = 1_000_000;
/// The memory of each graphics processor of a machine that names none, in MiB.
pub const GPU_MEMORY_DEFAULT_MIB: u32 = 16_384;
/// Longest execution in blocks that leaves a task room for its draw and its reveal within the longest deadline.
pub const EXECUTION_BLOCKS_MAX: BlockNumber =
	DEADLINE_BLOCKS_MAX - DRAW_DELAY_BLOCKS - REVEAL_BLOCKS;
/// Blocks that a task is given beyond those that it runs.
const SLACK_BLOCKS: BlockNumber = 2;
/// Most fuel of one task here, in 10⁹: what the shortest task may have of the chain's bound per block.
const TASK_GFUEL_MAX: u64 = 100;

/// A machine of a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
	/// Its name.
	pub name: String,
	/// Whoever owns it.
	pub provider: String,
	/// What it has. Memory is counted in the workload's unit.
	pub capacity: Capacity,
	/// Proved throughput, in million operations per second.
	pub throughput_mops: u32,
	/// What it asks, in smallest units per 10⁹ fuel.
	pub price_per_gfuel: Balance,
	/// Where it stands and what it runs on.
	pub site: Site,
}

/// A task of a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Work {
	/// Its name.
	pub name: String,
	/// What it takes. Memory is counted in the workload's unit.
	pub resources: Resources,
	/// When it comes, in seconds.
	pub arrives_at: u64,
	/// How long it runs, in seconds; `None` where it stays.
	pub lasts: Option<u64>,
	/// The most that it pays; `None` for whatever the dearest machine asks.
	pub price_cap: Option<Balance>,
	/// Machines that run it.
	pub replicas: u8,
	/// Where the machine has to stand.
	pub region: Option<Region>,
}

/// A cluster and its tasks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Workload {
	/// The machines, in the order of the file.
	pub nodes: Vec<Node>,
	/// The tasks, in the order of the file.
	pub tasks: Vec<Work>,
	/// The models of graphics processors, by class.
	pub models: Vec<String>,
	/// How many MiB the chain's MiB stands for.
	pub memory_unit_mib: u32,
}

impl Workload {
	/// Thousandths of all graphics processors.
	pub fn gpu_milli(&self) -> u64 {
		self.nodes.iter().map(|node| u64::from(node.capacity.gpus.count) * 1_000).sum()
	}

	/// What the dearest machine asks.
	pub fn dearest(&self) -> Balance {
		self.nodes.iter().map(|node| node.price_per_gfuel).max().unwrap_or(PRICE_DEFAULT)
	}
}

impl Work {
	/// Thousandths of graphics processors that it takes, all replicas together.
	pub fn gpu_milli(&self) -> u64 {
		u64::from(self.resources.gpu.total_milli()) * u64::from(self.replicas)
	}
}

/// Blocks that so many seconds take.
pub fn blocks_of(seconds: u64, block_seconds: u32) -> BlockNumber {
	BlockNumber::try_from(seconds.div_ceil(u64::from(block_seconds.max(1)))).unwrap_or(u32::MAX)
}

/// Where program and input of every task here lie.
fn source() -> TransportAddress {
	let socket = SocketText::truncate_from(b"127.0.0.1:4433".to_vec());
	let mut address = TransportAddress { node_key: [1; 32], ..Default::default() };
	// One of four.
	let _ = address.sockets.try_push(socket);
	address
}

/// Program of every task here.
pub const PROGRAM: BlobRef = BlobRef { hash: [11; 32], size_bytes: 1_000 };
/// Input of every task here.
pub const INPUT: BlobRef = BlobRef { hash: [12; 32], size_bytes: 1_000 };

/// The specification of a task that takes `resources` for `run_blocks`: one replica, no retries, the longest deadline.
pub fn specification(
	resources: Resources,
	run_blocks: BlockNumber,
	matching: MatchingPolicy,
	price_cap_per_gfuel: Balance,
) -> TaskSpec {
	let execution_blocks =
		run_blocks.saturating_add(SLACK_BLOCKS).clamp(EXECUTION_BLOCKS_MIN, EXECUTION_BLOCKS_MAX);
	TaskSpec {
		program: Program { kind: ProgramKind::WasiCommand, blob: PROGRAM },
		source: source(),
		requirements: Requirements {
			resources,
			throughput_min_mops: 0,
			region: None,
			energy: None,
		},
		fuel_limit: u64::from(run_blocks).clamp(1, TASK_GFUEL_MAX) * GFUEL,
		output_limit_bytes: 1_000,
		execution_blocks,
		deadline_blocks: DEADLINE_BLOCKS_MAX,
		replicas: 1,
		matching,
		price_cap_per_gfuel,
		retries: 0,
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn what_is_specified_is_what_the_chain_takes() {
		for run_blocks in [1, 2, 100, EXECUTION_BLOCKS_MAX, u32::MAX] {
			let resources = Resources::cpu(1, 1);
			let spec = specification(resources, run_blocks, MatchingPolicy::Balanced, 1);
			assert_eq!(spec.validate(), Ok(()), "{run_blocks}");
		}
		assert_eq!(
			(blocks_of(0, 3), blocks_of(1, 3), blocks_of(3, 3), blocks_of(4, 3)),
			(0, 1, 1, 2)
		);
	}
}
