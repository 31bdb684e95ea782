//! The pallet over a trace: submitted by its calls, drawn by its hook, delivered by signed attestations.

use super::{
	report::{Cost, Matching, Report, Scan},
	scans::scan,
	Arrival, Board, Mode, Options, Plan,
};
use crate::{
	baseline::{Baseline, BASELINES},
	chain::{Block, Chain, DrawCost, Note, Step},
	error::Result,
	progress::Progress,
	stats::{ratio, rounded},
	workload::Workload,
};
use aidragon_primitives::{
	resources::GpuMask, task::DRAW_DELAY_BLOCKS, BlockNumber, TaskId, WorkerId,
};
use std::collections::BTreeMap;

/// Blocks after the last delivery in which what did not see everything is drawn again.
const LAST_LOOKS_BLOCKS: BlockNumber = 12;

/// Blocks from the last arrival to the look at what is placed: until it is drawn and, where nothing leaves, drawn again.
fn grace(mode: Mode) -> BlockNumber {
	match mode {
		Mode::Timed { .. } => DRAW_DELAY_BLOCKS,
		Mode::Inflate { .. } => LAST_LOOKS_BLOCKS,
	}
}

/// A run of the pallet.
struct Runner<'a> {
	chain: Chain,
	board: Board<'a>,
	/// Tasks that are not over.
	live: BTreeMap<TaskId, &'a Arrival>,
	/// Tasks whose machines are done, by block.
	due: BTreeMap<BlockNumber, Vec<TaskId>>,
	draws: Vec<DrawCost>,
	hook_reads: u64,
}

/// Runs a workload by the pallet and by every baseline.
pub fn run(workload: &Workload, options: &Options, progress: &mut Progress) -> Result<Report> {
	let plan = Plan::new(workload, options)?;
	let (pallet, blocks) = run_pallet(workload, &plan, options, progress)?;
	let mut baselines = Vec::new();
	for baseline in BASELINES {
		progress.say(&format!("full scan: {baseline:?}"));
		let outcome = scan(workload, &plan, baseline, options.seed);
		baselines.push(Scan { baseline, outcome });
	}
	let placed = |scan: &&Scan| scan.outcome.gpu.placed_of_all;
	let rivals = baselines.iter().filter(|scan| scan.baseline != Baseline::Random);
	let best = rivals.map(|scan| placed(&scan)).fold(0.0, f64::max);
	let demand: u64 =
		plan.arrivals.iter().map(|arrival| workload.tasks[arrival.work].gpu_milli()).sum();
	Ok(Report {
		machines: workload.nodes.len(),
		gpus: workload.gpu_milli() / 1_000,
		tasks: plan.arrivals.len(),
		gpu_demand: rounded(ratio(demand as f64, workload.gpu_milli() as f64)),
		blocks,
		block_seconds: plan.block_seconds,
		memory_unit_mib: workload.memory_unit_mib,
		policy: format!("{:?}", options.policy).to_lowercase(),
		seed: options.seed,
		points_above_best_baseline: rounded((pallet.outcome.gpu.placed_of_all - best) * 100.0),
		pallet,
		baselines,
	})
}

fn run_pallet(
	workload: &Workload,
	plan: &Plan,
	options: &Options,
	progress: &mut Progress,
) -> Result<(Matching, BlockNumber)> {
	let mut runner = Runner {
		chain: Chain::new(options.seed),
		board: Board::new(workload),
		live: BTreeMap::new(),
		due: BTreeMap::new(),
		draws: Vec::new(),
		hook_reads: 0,
	};
	for node in &workload.nodes {
		runner.chain.add_machine(node);
	}
	let mut arrivals = plan.arrivals.iter().peekable();
	let last = plan.last_block().saturating_add(grace(options.mode));
	let mut looks_left = LAST_LOOKS_BLOCKS;
	while looks_left > 0 {
		runner.block()?;
		let now = runner.chain.now();
		while let Some(arrival) = arrivals.next_if(|arrival| arrival.block <= now) {
			runner.board.arrive(arrival);
			let task = runner.chain.submit(arrival.spec.clone())?;
			runner.live.insert(task, arrival);
		}
		let is_coming = now <= last;
		if is_coming {
			runner.board.end_block();
		}
		if now == last {
			runner.board.end_arrivals(now);
		}
		looks_left = match is_coming || !runner.due.is_empty() {
			true => LAST_LOOKS_BLOCKS,
			false => looks_left - 1,
		};
		progress.tick(|| format!("block {now} of {last}, {} tasks placed", runner.board.placed()));
	}
	runner.chain.check()?;
	Ok(runner.finish(plan.block_seconds))
}

impl Runner<'_> {
	/// Goes on by one block, and delivers what is done in it.
	fn block(&mut self) -> Result<()> {
		let block = self.chain.next_block();
		self.note(block);
		let now = self.chain.now();
		for task in self.due.remove(&now).unwrap_or_default() {
			self.live.remove(&task);
			self.chain.deliver(task)?;
			self.give_back();
		}
		Ok(())
	}

	fn give_back(&mut self) {
		for step in self.chain.steps().into_iter().filter(|step| !step.is_taken) {
			self.board.give_back(step.worker, &step.grant);
		}
	}

	/// Notes what the hook did, in the order in which it did it.
	fn note(&mut self, block: Block) {
		self.draws.extend(block.draws);
		self.hook_reads += block.reads;
		let mut steps = block.steps.into_iter();
		for note in block.notes {
			let Note::Assigned(task, workers) = note else { continue };
			let machines: Vec<(WorkerId, GpuMask)> = self.taken(&mut steps, workers.len());
			let Some(arrival) = self.live.get(&task).copied() else { continue };
			let now = self.chain.now();
			self.board.place(arrival, &machines, now);
			if let Some(blocks) = arrival.run_blocks {
				self.due.entry(now.saturating_add(blocks)).or_default().push(task);
			}
		}
		self.taken(&mut steps, usize::MAX);
	}

	/// The next machines of which something is taken. What is given back before is noted.
	fn taken(
		&mut self,
		steps: &mut impl Iterator<Item = Step>,
		count: usize,
	) -> Vec<(WorkerId, GpuMask)> {
		let mut machines = Vec::new();
		while machines.len() < count {
			let Some(step) = steps.next() else { break };
			match step.is_taken {
				true => machines.push((step.worker, step.grant.gpus)),
				false => self.board.give_back(step.worker, &step.grant),
			}
		}
		machines
	}

	fn finish(self, block_seconds: u32) -> (Matching, BlockNumber) {
		let per_placement = ratio(self.hook_reads as f64, self.board.placed() as f64);
		let cost =
			Cost { hook_reads_per_placement: rounded(per_placement), ..Cost::of(&self.draws) };
		let outcome = self.board.outcome(block_seconds);
		(Matching { outcome, cost }, self.chain.now())
	}
}
