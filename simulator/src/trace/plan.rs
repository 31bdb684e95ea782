//! Which task comes in which block, and for how long.

use super::Options;
use crate::{
	dice::Dice,
	error::{Error, Result},
	workload::{blocks_of, specification, Work, Workload, EXECUTION_BLOCKS_MAX},
};
use aidragon_primitives::{
	task::{TaskSpec, DEADLINE_BLOCKS_MAX},
	BlockNumber,
};

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
/// Most blocks of a trace, each of which is run even if nothing happens in it.
const BLOCKS_MAX: BlockNumber = 2_000_000;
/// Blocks of what stays: half of the longest deadline is left to wait in.
const STAY_BLOCKS: BlockNumber = EXECUTION_BLOCKS_MAX / 2;
/// Blocks beyond the arrivals until which what stays has to be there.
const MARGIN_BLOCKS: BlockNumber = 100;
/// Blocks of the longest deadline that a task has which does not stay.
const RUN_BLOCKS: BlockNumber = EXECUTION_BLOCKS_MAX - 10;

impl Plan {
	/// The plan of a workload.
	pub fn new(workload: &Workload, options: &Options) -> Result<Self> {
		let tasks =
			&workload.tasks[..options.limit.unwrap_or(usize::MAX).min(workload.tasks.len())];
		let block_seconds = block_seconds(tasks, options)?;
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

/// When the first task comes, and the seconds from then to the last.
fn span(tasks: &[Work]) -> (u64, u64) {
	let times = || tasks.iter().map(|task| task.arrives_at);
	let first = times().min().unwrap_or_default();
	(first, times().max().unwrap_or_default().saturating_sub(first))
}

/// The seconds of a block: those that are asked for, or as few as will do.
fn block_seconds(tasks: &[Work], options: &Options) -> Result<u32> {
	let fitting = match options.mode {
		Mode::Timed { .. } => fewest_seconds(tasks),
		// Times do not matter.
		Mode::Inflate { .. } => 0,
	};
	let block_seconds = options.block_seconds.unwrap_or(fitting.max(BLOCK_SECONDS));
	match block_seconds < fitting {
		true => Err(Error::Usage(format!(
			"--block-seconds {block_seconds}: a task does not end within the longest deadline, which is {DEADLINE_BLOCKS_MAX} \
			 blocks, or the trace has more than {BLOCKS_MAX} blocks: give at least {fitting}, or leave it out"
		))),
		false => Ok(block_seconds),
	}
}

/// Fewest seconds of a block with which every task ends, or stays until the last has come, within the longest deadline.
fn fewest_seconds(tasks: &[Work]) -> u32 {
	let (_, span) = span(tasks);
	let longest = tasks.iter().filter_map(|task| task.lasts).max().unwrap_or_default();
	let stays = tasks.iter().any(|task| task.lasts.is_none());
	let blocks_max = if stays { STAY_BLOCKS - MARGIN_BLOCKS } else { BLOCKS_MAX - 1 };
	blocks_of(longest, RUN_BLOCKS).max(blocks_of(span, blocks_max))
}

fn specify(
	workload: &Workload,
	task: &Work,
	options: &Options,
	run_blocks: Option<BlockNumber>,
) -> TaskSpec {
	// What stays gets all the time there is, less what it may wait.
	let run_blocks = run_blocks.unwrap_or(STAY_BLOCKS);
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
	let (first, _) = span(tasks);
	let block = |task: &Work| {
		let number = task.arrives_at.saturating_sub(first) / u64::from(block_seconds);
		// At most `BLOCKS_MAX`.
		BlockNumber::try_from(number).unwrap_or(BlockNumber::MAX - 1).saturating_add(1)
	};
	let mut by_time: Vec<usize> = (0..tasks.len()).collect();
	by_time.sort_by_key(|index| tasks[*index].arrives_at);
	let mut order: Vec<(BlockNumber, usize)> =
		by_time.into_iter().map(|index| (block(&tasks[index]), index)).collect();
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
			if arrivals.len() >= (STAY_BLOCKS - MARGIN_BLOCKS) as usize {
				let most = STAY_BLOCKS - MARGIN_BLOCKS;
				let message = format!("--inflate: {most} tasks, one a block, do not want so much");
				return Err(Error::Usage(format!("{message}: give a smaller RATIO or cluster")));
			}
			// Not as many as there are blocks.
			arrivals.push((arrivals.len() as BlockNumber + 1, index));
		}
	}
}
