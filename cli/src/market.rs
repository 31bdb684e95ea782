//! Machines with all that decides whether they get work.

use aidragon_client::{
	chain::{Chain, ChainError, Snapshot},
	keys::AccountId,
	Worker,
};
use aidragon_primitives::{
	resources::Free,
	supply::bucket_of,
	verification::Slot,
	worker::{Capability, ClassReport, Prospects, Provider, Thresholds, WorkerStatus},
	Balance, BlockNumber, WorkerId,
};
use std::{
	collections::{BTreeMap, BTreeSet},
	fmt,
};

/// A machine with all that decides whether it gets work.
#[derive(Clone, Debug)]
pub struct Machine {
	/// Its number.
	pub id: WorkerId,
	/// What the chain knows of it.
	pub worker: Worker,
	/// What it proved last, valid or not.
	pub capability: Option<Capability>,
	/// Its provider.
	pub provider: Option<Provider>,
	/// Whether an attestor that governance lists signed what it runs on.
	pub is_energy_attested: bool,
	/// Whether nobody has reason to doubt its proof of throughput.
	pub is_undoubted: bool,
}

/// What holds for all machines.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
	/// Bond that each machine takes in its first tier.
	pub bond_per_worker: Balance,
	/// The least that each tier of a class takes.
	pub thresholds: Thresholds,
	/// The block.
	pub now: BlockNumber,
}

impl Rules {
	/// Reads them at one block.
	pub async fn read(chain: &Chain, at: &Snapshot) -> Result<Self, ChainError> {
		Ok(Self {
			bond_per_worker: chain.constant_u128("NodeRegistry", "BondPerWorker")?,
			thresholds: at.thresholds().await?,
			now: at.head().number,
		})
	}
}

/// Why a machine gets no work at all, whatever the task. The first that applies counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Obstacle {
	/// It finishes what it has and takes nothing new.
	Draining,
	/// It takes nothing new and may be switched off.
	Paused,
	/// It is on its way out.
	Retiring,
	/// Its daemon did not answer a call of the chain, and has not shown itself since.
	NotLive,
	/// It never proved throughput or memory, or the proof is too old.
	NotProved,
	/// Its provider's bond does not cover it and the work in hand.
	NotBonded,
	/// All it proved is taken, or it proved less than one vCPU.
	Full,
}

impl Obstacle {
	/// The sentence for a person.
	pub fn message(self) -> &'static str {
		match self {
			Self::Draining => "it is draining: it takes nothing new until its provider resumes it",
			Self::Paused => "it is paused: it takes nothing new until it is resumed",
			Self::Retiring => "it is retiring: it takes nothing new any more",
			Self::NotLive => {
				"its daemon did not answer the chain's call: start it, or look at its log"
			}
			Self::NotProved => {
				"throughput or memory have no valid proof: its daemon renews them when it runs"
			}
			Self::NotBonded => {
				"its provider's bond does not cover all machines and their work: increase the bond"
			}
			Self::Full => "all that it proved is taken, or it proved less than one vCPU",
		}
	}

	/// The name in JSON.
	pub fn name(self) -> &'static str {
		match self {
			Self::Draining => "draining",
			Self::Paused => "paused",
			Self::Retiring => "retiring",
			Self::NotLive => "not_live",
			Self::NotProved => "not_proved",
			Self::NotBonded => "not_bonded",
			Self::Full => "full",
		}
	}
}

/// Where a machine stands between its registration and its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rung {
	/// Registered, without a valid proof of its resources.
	Registered,
	/// Proved, but its daemon does not show itself or the bond is short.
	Verified,
	/// Ready for work.
	Online,
	/// At work.
	Busy,
	/// Finishes what it has.
	Draining,
	/// Takes nothing new and may be switched off.
	Paused,
	/// On its way out.
	Retiring,
}

impl fmt::Display for Rung {
	fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
		formatter.pad(match self {
			Self::Registered => "registered",
			Self::Verified => "verified",
			Self::Online => "online",
			Self::Busy => "busy",
			Self::Draining => "draining",
			Self::Paused => "paused",
			Self::Retiring => "retiring",
		})
	}
}

impl Machine {
	/// What it proved, valid or not.
	pub fn proved(&self) -> Capability {
		self.capability.unwrap_or_default()
	}

	/// Proved capacity that no task holds.
	pub fn free(&self, now: BlockNumber) -> Free {
		let ledger = &self.worker.ledger;
		ledger.free(&self.proved().proved_part(&ledger.claimed(), now))
	}

	/// Its class, and why it is no higher.
	pub fn class(&self, rules: &Rules) -> ClassReport {
		let covers = |provider: &Provider| provider.covers_promotion(rules.bond_per_worker);
		let is_covered = self.provider.as_ref().is_some_and(covers);
		let prospects = Prospects { is_covered, is_undoubted: self.is_undoubted };
		ClassReport::of(&self.worker, &self.proved(), &rules.thresholds, prospects, rules.now)
	}

	fn is_bonded(&self, rules: &Rules) -> bool {
		self.provider.as_ref().is_some_and(|provider| provider.is_covered(rules.bond_per_worker))
	}

	/// Why it gets no work, if it does not.
	pub fn obstacle(&self, rules: &Rules) -> Option<Obstacle> {
		match self.worker.status {
			WorkerStatus::Draining => Some(Obstacle::Draining),
			WorkerStatus::Paused => Some(Obstacle::Paused),
			WorkerStatus::Retiring { .. } => Some(Obstacle::Retiring),
			WorkerStatus::Active if !self.worker.availability.is_online() => {
				Some(Obstacle::NotLive)
			}
			WorkerStatus::Active if !self.proved().is_valid_at(rules.now) => {
				Some(Obstacle::NotProved)
			}
			WorkerStatus::Active if !self.is_bonded(rules) => Some(Obstacle::NotBonded),
			WorkerStatus::Active => {
				bucket_of(&self.free(rules.now)).is_none().then_some(Obstacle::Full)
			}
		}
	}

	/// Where it stands.
	pub fn rung(&self, rules: &Rules) -> Rung {
		let is_there = self.worker.availability.is_online() && self.is_bonded(rules);
		match self.worker.status {
			WorkerStatus::Retiring { .. } => Rung::Retiring,
			WorkerStatus::Draining => Rung::Draining,
			WorkerStatus::Paused => Rung::Paused,
			WorkerStatus::Active if !self.proved().is_valid_at(rules.now) => Rung::Registered,
			WorkerStatus::Active if !is_there => Rung::Verified,
			WorkerStatus::Active if self.worker.running > 0 => Rung::Busy,
			WorkerStatus::Active => Rung::Online,
		}
	}
}

/// All machines at one block.
pub async fn machines(at: &Snapshot) -> Result<Vec<Machine>, ChainError> {
	let workers = at.workers().await?;
	let capabilities: BTreeMap<WorkerId, Capability> =
		at.capabilities().await?.into_iter().collect();
	let owners: BTreeSet<AccountId> = workers.iter().map(|(_, worker)| worker.provider).collect();
	let mut providers = BTreeMap::new();
	for account in owners {
		providers.insert(account, at.provider(&account).await?);
	}
	let mut machines = Vec::with_capacity(workers.len());
	for (id, worker) in workers {
		machines.push(Machine {
			id,
			provider: providers.get(&worker.provider).cloned().flatten(),
			capability: capabilities.get(&id).copied(),
			is_energy_attested: is_energy_attested(at, &worker).await?,
			is_undoubted: at.is_undoubted(id, Slot::Processor).await?,
			worker,
		});
	}
	Ok(machines)
}

/// One machine at one block.
pub async fn machine(at: &Snapshot, id: WorkerId) -> Result<Option<Machine>, ChainError> {
	let Some(worker) = at.worker(id).await? else { return Ok(None) };
	let capability = at.capability(id).await?;
	let provider = at.provider(&worker.provider).await?;
	let is_energy_attested = is_energy_attested(at, &worker).await?;
	let is_undoubted = at.is_undoubted(id, Slot::Processor).await?;
	Ok(Some(Machine { id, worker, capability, provider, is_energy_attested, is_undoubted }))
}

async fn is_energy_attested(at: &Snapshot, worker: &Worker) -> Result<bool, ChainError> {
	match &worker.energy_attestor {
		Some(attestor) => at.is_attestor(attestor).await,
		None => Ok(false),
	}
}

#[cfg(test)]
mod tests;
