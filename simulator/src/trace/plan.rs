//! Which task comes in which block, and for how long.

use super::Options;
use crate::{
	dice::Dice,
	error::{Error, Result},
	workload::{blocks_of, specification, Work, Workload, EXECUTION_BLOCKS_MAX},
};
use aidragon_primitives::{task::TaskSpec, BlockNumber};

/// When tasks come and go.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Mode {
	/// As the trace says, until the graphics processors that tasks want at once reach this part of the cluster's, if it says so.
	Timed {
		/// The part.
		until_demand: Option<f64>,
	},
	/// In random order, one a block, and never to leave, until the graphics processors that they want reach this part of the
	/// cluster's. Where the trace has too few tasks they come again in another order.
	Inflate {
		/// The part.
		ratio: f64,
	},
}

/// A task that comes.
#[derive(Clone, Debug)]
pub struct Arrival {
	/// The block in which it is submitted.
	pub block: BlockNumber,
	/// Its position in the trace.
	pub work: usize,
	/// Blocks that it runs; `None` where it stays.
	pub run_blocks: Option<BlockNumber>,
	/// What is submitted.
	pub spec: TaskSpec,
}

/// All that come, in order.
#[derive(Clone, Debug)]
pub struct Plan {
	/// The tasks.
	pub arrivals: Vec<Arrival>,
	/// Seconds of the trace that a block stands for.
	pub block_seconds: u32,
}

/// Seconds of a block where nothing else is said: the chain's own.
const BLOCK_SECONDS: u32 = 3;

impl Plan {
	/// The plan of a workload.
	pub fn new(workload: &Workload, options: &Options) -> Result<Self> {
		let fitting = blocks_of(workload.longest(), EXECUTION_BLOCKS_MAX.saturating_sub(10));
		let block_seconds = options.block_seconds.unwrap_or(fitting.max(BLOCK_SECONDS));
		if blocks_of(workload.longest(), block_seconds) > EXECUTION_BLOCKS_MAX {
			let message = "--block-seconds: the longest task does not end within a deadline of 201,600 blocks";
			return Err(Error::Usage(format!(
				"{message}: give at least {fitting}, or leave it out"
			)));
		}
		let tasks =
			&workload.tasks[..options.limit.unwrap_or(usize::MAX).min(workload.tasks.len())];
		let order = match options.mode {
			Mode::Timed { until_demand } => timed(workload, tasks, block_seconds, until_demand),
			Mode::Inflate { ratio } => inflate(workload, tasks, ratio, options.seed)?,
		};
		let arrivals = order.into_iter().map(|(block, work)| {
			let task = &tasks[work];
			let stays = matches!(options.mode, Mode::Inflate { .. });
			let run_blocks = task
				.lasts
				.filter(|_| !stays)
				.map(|seconds| blocks_of(seconds, block_seconds).max(1));
			let spec = specify(workload, task, options, run_blocks);
			Arrival { block, work, run_blocks, spec }
		});
		Ok(Self { arrivals: arrivals.collect(), block_seconds })
	}

	/// The block of the last arrival.
	pub fn last_block(&self) -> BlockNumber {
		self.arrivals.last().map_or(0, |arrival| arrival.block)
	}
}

fn specify(
	workload: &Workload,
	task: &Work,
	options: &Options,
	run_blocks: Option<BlockNumber>,
) -> TaskSpec {
	// What stays gets all the time there is, less what it may wait.
	let run_blocks = run_blocks.unwrap_or(EXECUTION_BLOCKS_MAX / 2);
	let price_cap = task.price_cap.unwrap_or(workload.dearest());
	let mut spec = specification(task.resources, run_blocks, options.policy, price_cap);
	spec.replicas = task.replicas;
	spec.requirements.region = task.region;
	spec
}

/// Tasks in the order of their times.
fn timed(
	workload: &Workload,
	tasks: &[Work],
	block_seconds: u32,
	until_demand: Option<f64>,
) -> Vec<(BlockNumber, usize)> {
	let block = |task: &Work| {
		let number = task.arrives_at / u64::from(block_seconds);
		BlockNumber::try_from(number).unwrap_or(BlockNumber::MAX - 1).saturating_add(1)
	};
	let mut order: Vec<(BlockNumber, usize)> =
		tasks.iter().enumerate().map(|(index, task)| (block(task), index)).collect();
	order.sort();
	let Some(ratio) = until_demand else { return order };
	let goal = ratio * workload.gpu_milli() as f64;
	let mut present: Vec<(u64, u64)> = Vec::new();
	let until = order.iter().position(|(_, index)| {
		let task = &tasks[*index];
		present.retain(|(leaves, _)| *leaves > task.arrives_at);
		let leaves = task.lasts.map_or(u64::MAX, |lasts| task.arrives_at.saturating_add(lasts));
		present.push((leaves, task.gpu_milli()));
		present.iter().map(|(_, milli)| milli).sum::<u64>() as f64 >= goal
	});
	if let Some(until) = until {
		order.truncate(until + 1);
	}
	order
}

/// Tasks in random order, one a block, until they want so much.
fn inflate(
	workload: &Workload,
	tasks: &[Work],
	ratio: f64,
	seed: u64,
) -> Result<Vec<(BlockNumber, usize)>> {
	let goal = (ratio * workload.gpu_milli() as f64) as u64;
	if tasks.iter().all(|task| task.gpu_milli() == 0) || goal == 0 {
		let message = "--inflate goes by graphics processors: machines and tasks must have some";
		return Err(Error::Usage(message.to_owned()));
	}
	let mut dice = Dice::new(seed, "arrivals");
	let mut arrivals = Vec::new();
	let mut wanted = 0u64;
	loop {
		let mut order: Vec<usize> = (0..tasks.len()).collect();
		dice.shuffle(&mut order);
		for index in order {
			if wanted >= goal {
				return Ok(arrivals);
			}
			wanted = wanted.saturating_add(tasks[index].gpu_milli());
			// Far below 2³² here.
			arrivals.push((arrivals.len() as BlockNumber + 1, index));
		}
	}
}
