//! Fragmentation: free graphics processors that the next task could not use.
//!
//! It is the expectation, over the workload's own tasks that take graphics processors, each as likely as another, of the
//! thousandths that are free on machines which cannot hold that task, over those of the whole cluster. A machine that lacks the
//! cores or the memory for a task counts with all that is free of its graphics processors.

use crate::{
	cluster::Host,
	stats::ratio,
	workload::{Work, Workload},
};
use aidragon_primitives::resources::Resources;

/// The different tasks of a workload that take graphics processors, and how many there are of each.
pub struct Typical(Vec<(Resources, u64)>);

impl Typical {
	/// Of a workload.
	pub fn of(workload: &Workload) -> Self {
		let mut kinds: Vec<(Resources, u64)> = Vec::new();
		let mut tasks: Vec<&Work> =
			workload.tasks.iter().filter(|task| task.resources.gpu.count > 0).collect();
		let key = |task: &Work| {
			let Resources { cpu_milli, memory_mib, gpu } = task.resources;
			(gpu.count, gpu.milli, gpu.classes, cpu_milli, memory_mib)
		};
		tasks.sort_by_key(|task| key(task));
		for task in tasks {
			match kinds.last_mut().filter(|(kind, _)| *kind == task.resources) {
				Some((_, count)) => *count += 1,
				None => kinds.push((task.resources, 1)),
			}
		}
		Self(kinds)
	}

	/// The fragmentation of a cluster: over all its graphics processors, and over the free ones.
	pub fn fragmentation(&self, hosts: &[Host]) -> Fragmentation {
		let tasks: u64 = self.0.iter().map(|(_, count)| count).sum();
		let free: u64 = hosts.iter().map(|host| u64::from(host.entry.free.total_gpu_milli())).sum();
		let all: u64 = hosts.iter().map(|host| u64::from(host.capacity().gpus.count) * 1_000).sum();
		let with_free = hosts.iter().filter(|host| host.entry.free.total_gpu_milli() > 0);
		let useless: u128 = with_free
			.map(|host| {
				let free = u128::from(host.entry.free.total_gpu_milli());
				let cannot = self.0.iter().filter(|(kind, _)| host.place(kind).is_none());
				free * cannot.map(|(_, count)| u128::from(*count)).sum::<u128>()
			})
			.sum();
		let expected = ratio(useless as f64, tasks as f64);
		Fragmentation { of_all: ratio(expected, all as f64), of_free: ratio(expected, free as f64) }
	}
}

/// How much of the graphics processors the next task could not use.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fragmentation {
	/// Over all of the cluster.
	pub of_all: f64,
	/// Over those that are free.
	pub of_free: f64,
}
