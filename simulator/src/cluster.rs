//! Machines in plain memory: what a full scan looks at.

use crate::workload::{Node, Workload};
use aidragon_primitives::{
	matching::check_fit,
	resources::{GpuMask, Resources},
	supply::{Entry, ProviderTag},
	task::TaskSpec,
	worker::{Capacity, Grant, Ledger, LedgerError, Offer, Reserved},
	Balance, Hash32, WorkerId,
};
use codec::Encode;
use sp_crypto_hashing::blake2_256;

/// The account of a provider, by name.
pub fn provider_account(name: &str) -> Hash32 {
	(b"aidragon/sim/provider", name).using_encoded(blake2_256)
}

/// The first bytes of an account.
pub fn tag(account: &Hash32) -> ProviderTag {
	let mut tag = ProviderTag::default();
	tag.copy_from_slice(&account[..8]);
	tag
}

/// A machine.
#[derive(Clone, Debug)]
pub struct Host {
	/// As the supply shows it.
	pub entry: Entry,
	capacity: Capacity,
	ledger: Ledger,
}

impl Host {
	/// A machine of which nothing is taken.
	pub fn new(worker: WorkerId, node: &Node) -> Self {
		let ledger = Ledger::new(node.capacity);
		let entry = Entry {
			worker,
			provider: tag(&provider_account(&node.provider)),
			offer: Offer::at(node.price_per_gfuel),
			site: node.site,
			free: ledger.free(&node.capacity),
			throughput_mops: node.throughput_mops,
		};
		Self { entry, capacity: node.capacity, ledger }
	}

	/// Whether tasks hold anything of it.
	pub fn is_busy(&self) -> bool {
		self.ledger.reserved() != &Reserved::default()
	}

	/// What it has in all.
	pub fn capacity(&self) -> &Capacity {
		&self.capacity
	}

	/// Takes `grant`.
	pub fn take(&mut self, grant: &Grant) -> Result<(), LedgerError> {
		self.ledger.reserve(grant)?;
		self.entry.free = self.ledger.free(&self.capacity);
		Ok(())
	}

	/// Gives `grant` back.
	pub fn give_back(&mut self, grant: &Grant) -> Result<(), LedgerError> {
		self.ledger.release(grant)?;
		self.entry.free = self.ledger.free(&self.capacity);
		Ok(())
	}

	/// The graphics processors that a task would get, where it fits.
	pub fn place(&self, resources: &Resources) -> Option<GpuMask> {
		self.entry.free.place(resources).ok()
	}

	/// Whether a task and the machine suit each other now.
	pub fn suits(&self, spec: &TaskSpec, taken: &[ProviderTag]) -> bool {
		let kinds = spec.kinds(false);
		!taken.contains(&self.entry.provider) && check_fit(&self.entry, spec, kinds, 0, &[]).is_ok()
	}

	/// Thousandths of graphics processors that tasks hold.
	pub fn taken_gpu_milli(&self) -> u64 {
		let all = u64::from(self.capacity.gpus.count) * 1_000;
		all.saturating_sub(u64::from(self.entry.free.total_gpu_milli()))
	}

	/// The largest of the parts of its cores, memory and graphics processors that `resources` are.
	pub fn dominant_share(&self, resources: &Resources) -> f64 {
		let share = |part: u32, whole: u32| {
			if whole == 0 {
				0.0
			} else {
				f64::from(part) / f64::from(whole)
			}
		};
		let gpus = u32::from(self.capacity.gpus.count) * 1_000;
		share(resources.cpu_milli, self.capacity.cpu_milli())
			.max(share(resources.memory_mib, self.capacity.memory_mib))
			.max(share(resources.gpu.total_milli(), gpus))
	}
}

/// Every machine of a workload.
pub fn hosts(workload: &Workload) -> Vec<Host> {
	(0..).zip(&workload.nodes).map(|(worker, node)| Host::new(worker, node)).collect()
}

/// The lowest price of the machines that suit a task now, by a full scan.
pub fn cheapest(hosts: &[Host], spec: &TaskSpec, taken: &[ProviderTag]) -> Option<Balance> {
	let suiting = hosts.iter().filter(|host| host.suits(spec, taken));
	suiting.map(|host| host.entry.offer.price_per_gfuel).min()
}

/// Thousandths of graphics processors that tasks hold on all machines.
pub fn taken_gpu_milli(hosts: &[Host]) -> u64 {
	hosts.iter().map(Host::taken_gpu_milli).sum()
}
