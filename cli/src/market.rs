//! Machines as a matching sees them, and why they are passed over.

use aidragon_client::{
	chain::{Chain, ChainError, Snapshot},
	keys::AccountId,
	Worker,
};
use aidragon_primitives::{
	matching::{bucket_of, check_fit, Misfit},
	task::TaskSpec,
	verification::Slot,
	worker::{
		minute_of_day, Candidate, Capability, Capacity, ClassReport, Prospects, Provider,
		Thresholds, WorkerStatus,
	},
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
	/// The minute of the day at that block, in Coordinated Universal Time.
	pub minute: u16,
}

impl Rules {
	/// Reads them at one block.
	pub async fn read(chain: &Chain, at: &Snapshot) -> Result<Self, ChainError> {
		Ok(Self {
			bond_per_worker: chain.constant_u128("NodeRegistry", "BondPerWorker")?,
			thresholds: at.thresholds().await?,
			now: at.head().number,
			minute: minute_of_day(at.timestamp_ms().await?.unwrap_or(0)),
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
	pub fn free(&self, now: BlockNumber) -> Capacity {
		let ledger = &self.worker.ledger;
		self.proved().proved_part(&ledger.claimed(), now).saturating_sub(&ledger.reserved())
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

	fn candidate(&self, rules: &Rules) -> Candidate<AccountId> {
		let proved_mops = self.proved().throughput_mops(rules.now);
		let tier = self.worker.standing.throughput.tier;
		Candidate {
			worker: self.id,
			provider: self.worker.provider,
			offer: self.worker.offer,
			free: self.free(rules.now),
			throughput_mops: rules.thresholds.counted_mops(tier, proved_mops),
			stake_free: self
				.provider
				.as_ref()
				.map_or(0, |provider| provider.stake_free(rules.bond_per_worker)),
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

/// How many machines fit a task right now, and why the others do not. Every machine counts once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Supply {
	/// Machines in all.
	pub machines: u32,
	/// Those that fit.
	pub fitting: u32,
	/// Different providers among those that fit: replicas need as many.
	pub providers: u32,
	/// Those that had this task before.
	pub had_it_before: u32,
	/// Those without enough free proved vCPUs or memory.
	pub too_small: u32,
	/// Those whose proved throughput is too low.
	pub too_slow: u32,
	/// Those that ask more than the price cap.
	pub above_cap: u32,
	/// Those that take only larger tasks.
	pub task_too_small: u32,
	/// Those that close before the task could be done.
	pub closed: u32,
	/// Those with too little bond behind them for what the task may earn.
	pub bond_too_low: u32,
	/// Those whose daemon did not answer the chain's call.
	pub not_live: u32,
	/// Those without a valid proof.
	pub not_proved: u32,
	/// Those that drain, pause, retire, or are not covered by a bond.
	pub not_offered: u32,
}

impl Supply {
	/// Looks at every machine the way a draw would.
	pub fn of(machines: &[Machine], spec: &TaskSpec, excluded: &[WorkerId], rules: &Rules) -> Self {
		let mut supply = Self { machines: machines.len() as u32, ..Self::default() };
		let mut providers = BTreeSet::new();
		for machine in machines {
			let fit = check_fit(&machine.candidate(rules), spec, rules.minute, excluded);
			let counter = match (machine.obstacle(rules), fit) {
				(
					Some(
						Obstacle::Draining
						| Obstacle::Paused
						| Obstacle::Retiring
						| Obstacle::NotBonded,
					),
					_,
				) => &mut supply.not_offered,
				(Some(Obstacle::NotLive), _) => &mut supply.not_live,
				(Some(Obstacle::NotProved), _) => &mut supply.not_proved,
				(_, Err(Misfit::HadItBefore)) => &mut supply.had_it_before,
				(Some(Obstacle::Full), _) | (_, Err(Misfit::TooSmall)) => &mut supply.too_small,
				(_, Err(Misfit::TooSlow)) => &mut supply.too_slow,
				(_, Err(Misfit::TooExpensive)) => &mut supply.above_cap,
				(_, Err(Misfit::TaskTooSmall)) => &mut supply.task_too_small,
				(_, Err(Misfit::Closed)) => &mut supply.closed,
				(_, Err(Misfit::BondTooLow)) => &mut supply.bond_too_low,
				(None, Ok(())) => {
					providers.insert(machine.worker.provider);
					&mut supply.fitting
				}
			};
			*counter += 1;
		}
		supply.providers = providers.len() as u32;
		supply
	}

	/// The sentence for a person, such as
	/// `2 of 5 machines fit, of 2 providers; passed over: 3 above the price cap`.
	pub fn message(&self) -> String {
		let reasons = [
			(self.above_cap, "above the price cap"),
			(self.too_small, "with too few vCPUs or too little memory free"),
			(self.too_slow, "with too little proved throughput"),
			(self.task_too_small, "that take only larger tasks"),
			(self.closed, "that close before the task could be done"),
			(self.bond_too_low, "with too little bond for what the task may earn"),
			(self.not_live, "off line"),
			(self.not_proved, "without a valid proof of resources"),
			(self.not_offered, "draining, paused, retiring or short of bond"),
			(self.had_it_before, "that had this task before"),
		];
		let reasons: Vec<String> = reasons
			.iter()
			.filter(|(count, _)| *count > 0)
			.map(|(count, reason)| format!("{count} {reason}"))
			.collect();
		let mut text = format!("{} of {} machines fit", self.fitting, self.machines);
		if self.fitting > 0 {
			text.push_str(&format!(", of {}", plural(self.providers, "provider")));
		}
		if !reasons.is_empty() {
			text.push_str(&format!("; passed over: {}", reasons.join(", ")));
		}
		text
	}

	/// The counts in JSON.
	pub fn json(&self) -> serde_json::Value {
		serde_json::json!({
			"machines": self.machines,
			"fitting": self.fitting,
			"fitting_providers": self.providers,
			"above_cap": self.above_cap,
			"too_small": self.too_small,
			"too_slow": self.too_slow,
			"task_too_small": self.task_too_small,
			"closed": self.closed,
			"bond_too_low": self.bond_too_low,
			"not_live": self.not_live,
			"not_proved": self.not_proved,
			"not_offered": self.not_offered,
			"had_it_before": self.had_it_before,
		})
	}
}

/// A count and its noun.
fn plural(count: u32, noun: &str) -> String {
	let ending = if count == 1 { "" } else { "s" };
	format!("{count} {noun}{ending}")
}

#[cfg(test)]
mod tests;
