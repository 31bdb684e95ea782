//! What is noted of a run, by the pallet or by a full scan: who got what, when, and at which price.

use super::Arrival;
use crate::{
	cluster::{cheapest, hosts, taken_gpu_milli, Host},
	fragmentation::Typical,
	stats::{jain, ratio, rounded, Percentiles},
	workload::Workload,
};
use aidragon_primitives::{
	resources::GpuMask, supply::ProviderTag, worker::Grant, BlockNumber, WorkerId,
};
use serde::Serialize;

/// The figures of a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Outcome {
	/// Tasks that got their machines.
	pub tasks_placed: u64,
	/// Tasks that came and did not.
	pub tasks_not_placed: u64,
	/// Graphics processors.
	pub gpu: Share,
	/// Blocks from submission to placement, of tasks that were placed.
	pub wait_blocks: Percentiles,
	/// The same in seconds of the trace.
	pub wait_seconds: Percentiles,
	/// The price of each machine drawn over that of the cheapest that fitted at that moment.
	pub price_over_best: Percentiles,
	/// Jain's index of the work per machine: each task counts with the largest part that it takes of the machine's cores, memory or
	/// graphics processors, times the blocks that it runs; where tasks stay, times one.
	pub jain_of_work: f64,
}

/// How much of the graphics processors is in use, and how much of the rest could be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Share {
	/// Held by tasks at the last arrival, over all.
	pub placed_of_all: f64,
	/// Of tasks that were placed, over those of all tasks that came.
	pub placed_of_demand: f64,
	/// Held by tasks, the mean over the blocks up to the last arrival, over all.
	pub mean_of_all: f64,
	/// Free at the last arrival on machines that cannot hold the next task of the trace, in expectation, over all.
	pub fragmented_of_all: f64,
	/// The same over the free ones.
	pub fragmented_of_free: f64,
}

/// What is noted during a run.
pub struct Board<'a> {
	workload: &'a Workload,
	typical: Typical,
	/// The machines as they are now.
	pub hosts: Vec<Host>,
	work: Vec<f64>,
	waits: Vec<f64>,
	prices: Vec<f64>,
	demand_milli: u64,
	placed_milli: u64,
	arrived: u64,
	placed: u64,
	held_blocks: f64,
	at_last_arrival: Option<Share>,
}

impl<'a> Board<'a> {
	/// Nothing has happened.
	pub fn new(workload: &'a Workload) -> Self {
		let hosts = hosts(workload);
		Self {
			workload,
			typical: Typical::of(workload),
			work: vec![0.0; hosts.len()],
			hosts,
			waits: Vec::new(),
			prices: Vec::new(),
			demand_milli: 0,
			placed_milli: 0,
			arrived: 0,
			placed: 0,
			held_blocks: 0.0,
			at_last_arrival: None,
		}
	}

	fn wanted_milli(arrival: &Arrival) -> u64 {
		let spec = &arrival.spec;
		u64::from(spec.requirements.resources.gpu.total_milli()) * u64::from(spec.replicas)
	}

	/// Notes that a task came.
	pub fn arrive(&mut self, arrival: &Arrival) {
		self.arrived += 1;
		self.demand_milli += Self::wanted_milli(arrival);
	}

	/// Notes that a task was placed on machines, which were free for it until now.
	pub fn place(&mut self, arrival: &Arrival, machines: &[(WorkerId, GpuMask)], now: BlockNumber) {
		let resources = arrival.spec.requirements.resources;
		let mut taken: Vec<ProviderTag> = Vec::new();
		for (worker, gpus) in machines {
			let best = cheapest(&self.hosts, &arrival.spec, &taken);
			let Some(host) = self.hosts.get_mut(*worker as usize) else { continue };
			if let Some(best) = best {
				self.prices.push(ratio(host.entry.offer.price_per_gfuel as f64, best as f64));
			}
			// The pallet took it, or a scan found that it fits.
			let _ = host.take(&Grant { resources, gpus: *gpus });
			taken.push(host.entry.provider);
			let blocks = arrival.run_blocks.map_or(1.0, f64::from);
			if let Some(work) = self.work.get_mut(*worker as usize) {
				*work += host.dominant_share(&resources) * blocks;
			}
		}
		self.placed += 1;
		self.placed_milli += Self::wanted_milli(arrival);
		self.waits.push(f64::from(now.saturating_sub(arrival.block)));
	}

	/// Notes that a machine was given something back.
	pub fn give_back(&mut self, worker: WorkerId, grant: &Grant) {
		if let Some(host) = self.hosts.get_mut(worker as usize) {
			// What was taken is given back once.
			let _ = host.give_back(grant);
		}
	}

	/// Notes that a block is over in which tasks may still come.
	pub fn end_block(&mut self) {
		self.held_blocks += taken_gpu_milli(&self.hosts) as f64;
	}

	/// Notes that no more tasks come from now on.
	pub fn end_arrivals(&mut self, blocks: BlockNumber) {
		let all = self.workload.gpu_milli() as f64;
		let fragmentation = self.typical.fragmentation(&self.hosts);
		self.at_last_arrival = Some(Share {
			placed_of_all: rounded(ratio(taken_gpu_milli(&self.hosts) as f64, all)),
			placed_of_demand: 0.0,
			mean_of_all: rounded(ratio(self.held_blocks, all * f64::from(blocks))),
			fragmented_of_all: rounded(fragmentation.of_all),
			fragmented_of_free: rounded(fragmentation.of_free),
		});
	}

	/// The figures.
	pub fn outcome(mut self, block_seconds: u32) -> Outcome {
		if self.at_last_arrival.is_none() {
			self.end_arrivals(1);
		}
		let placed_of_demand = rounded(ratio(self.placed_milli as f64, self.demand_milli as f64));
		let wait_blocks = Percentiles::of(self.waits).rounded();
		Outcome {
			tasks_placed: self.placed,
			tasks_not_placed: self.arrived.saturating_sub(self.placed),
			gpu: Share { placed_of_demand, ..self.at_last_arrival.unwrap_or_default() },
			wait_blocks,
			wait_seconds: wait_blocks.scaled(f64::from(block_seconds)).rounded(),
			price_over_best: Percentiles::of(self.prices).rounded(),
			jain_of_work: rounded(jain(&self.work)),
		}
	}

	/// Tasks that were placed so far.
	pub fn placed(&self) -> u64 {
		self.placed
	}
}
