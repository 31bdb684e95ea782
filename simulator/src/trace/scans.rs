//! The baselines over a trace: what waits is tried again, in the order of its coming, on every machine that gets something back.

use super::{Arrival, Board, Outcome, Plan};
use crate::{
	baseline::{Baseline, Scale},
	dice::Dice,
	workload::Workload,
};
use aidragon_primitives::{
	resources::GpuMask, supply::ProviderTag, worker::Grant, BlockNumber, WorkerId,
};
use std::collections::BTreeMap;

/// A run of a baseline.
struct Scanner<'a> {
	baseline: Baseline,
	board: Board<'a>,
	scale: Scale,
	dice: Dice,
	/// What is given back, by block.
	leaving: BTreeMap<BlockNumber, Vec<(WorkerId, Grant)>>,
	waiting: Vec<&'a Arrival>,
}

/// Runs a baseline over a plan.
pub fn scan(workload: &Workload, plan: &Plan, baseline: Baseline, seed: u64) -> Outcome {
	let board = Board::new(workload);
	let mut scanner = Scanner {
		baseline,
		scale: Scale::of(&board.hosts),
		board,
		dice: Dice::new(seed, "baseline"),
		leaving: BTreeMap::new(),
		waiting: Vec::new(),
	};
	let mut arrivals = plan.arrivals.iter().peekable();
	let last = plan.last_block();
	let mut now = 0;
	while now < last || !scanner.leaving.is_empty() {
		now += 1;
		scanner.free(now);
		while let Some(arrival) = arrivals.next_if(|arrival| arrival.block <= now) {
			scanner.board.arrive(arrival);
			if !scanner.place(arrival, now) {
				scanner.waiting.push(arrival);
			}
		}
		if now <= last {
			scanner.board.end_block();
		}
		if now == last {
			scanner.board.end_arrivals(last);
		}
	}
	scanner.board.outcome(plan.block_seconds)
}

impl<'a> Scanner<'a> {
	/// Gives back what is due, and tries what waits where one of these machines suits it.
	fn free(&mut self, now: BlockNumber) {
		let Some(due) = self.leaving.remove(&now) else { return };
		for (worker, grant) in &due {
			self.board.give_back(*worker, grant);
		}
		let waiting = std::mem::take(&mut self.waiting);
		for arrival in waiting {
			let hosts = &self.board.hosts;
			let mut freed = due.iter().filter_map(|(worker, _)| hosts.get(*worker as usize));
			let may_fit = freed.any(|host| host.suits(&arrival.spec, &[]));
			if !may_fit || !self.place(arrival, now) {
				self.waiting.push(arrival);
			}
		}
	}

	/// Places a task on as many machines of different providers as it wants, or on none.
	fn place(&mut self, arrival: &Arrival, now: BlockNumber) -> bool {
		let resources = arrival.spec.requirements.resources;
		let mut chosen: Vec<(WorkerId, GpuMask)> = Vec::new();
		let mut taken: Vec<ProviderTag> = Vec::new();
		for _ in 0..arrival.spec.replicas {
			let hosts = &self.board.hosts;
			let index =
				self.baseline.choose(hosts, &arrival.spec, &taken, &self.scale, &mut self.dice);
			let Some(host) = index.and_then(|index| hosts.get(index)) else { return false };
			let Some(gpus) = host.place(&resources) else { return false };
			taken.push(host.entry.provider);
			chosen.push((host.entry.worker, gpus));
		}
		self.board.place(arrival, &chosen, now);
		if let Some(blocks) = arrival.run_blocks {
			let due = self.leaving.entry(now.saturating_add(blocks)).or_default();
			due.extend(
				chosen.into_iter().map(|(worker, gpus)| (worker, Grant { resources, gpus })),
			);
		}
		true
	}
}
