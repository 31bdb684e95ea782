//! Machines as a matching sees them, and why they are passed over.

use aidragon_client::{
	chain::{ChainError, Snapshot},
	keys::AccountId,
	Worker,
};
use aidragon_primitives::{
	matching::{bucket_of, check_fit, Misfit},
	task::TaskSpec,
	worker::{Candidate, Capability, Capacity, WorkerStatus, LIVENESS_BLOCKS},
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
	/// Whether its provider's bond covers all of the provider's machines.
	pub bonded: bool,
}

/// Why a machine gets no work at all, whatever the task. The first that applies counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Obstacle {
	/// It finishes what it has and takes nothing new.
	Draining,
	/// It is on its way out.
	Retiring,
	/// Its daemon did not show itself for a while.
	NotLive,
	/// It never proved what it has, or the proof is too old.
	NotProved,
	/// Its provider's bond does not cover it.
	NotBonded,
	/// All it proved is taken, or it proved less than one vCPU.
	Full,
}

impl Obstacle {
	/// The sentence for a person.
	pub fn message(self) -> &'static str {
		match self {
			Self::Draining => "it is draining: it takes nothing new until its provider resumes it",
			Self::Retiring => "it is retiring: it takes nothing new any more",
			Self::NotLive => "its daemon has not shown itself lately: start it, or look at its log",
			Self::NotProved => {
				"it has no valid proof of its resources: its daemon renews it when it runs"
			}
			Self::NotBonded => "its provider's bond does not cover all machines: increase the bond",
			Self::Full => "all that it proved is taken, or it proved less than one vCPU",
		}
	}

	/// The name in JSON.
	pub fn name(self) -> &'static str {
		match self {
			Self::Draining => "draining",
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
			Self::Retiring => "retiring",
		})
	}
}

impl Machine {
	/// Whether its daemon showed itself lately.
	pub fn is_live(&self, now: BlockNumber) -> bool {
		self.worker.last_seen.is_some_and(|seen| now <= seen.saturating_add(LIVENESS_BLOCKS))
	}

	/// What it proved, if that still counts.
	pub fn proof(&self, now: BlockNumber) -> Option<&Capability> {
		self.capability.as_ref().filter(|capability| capability.is_valid_at(now))
	}

	/// Proved capacity that no task holds.
	pub fn free(&self, now: BlockNumber) -> Capacity {
		self.proof(now).map_or_else(Capacity::default, |proof| {
			proof.proved_part(&self.worker.claimed).saturating_sub(&self.worker.reserved)
		})
	}

	/// Why it gets no work at block `now`, if it does not.
	pub fn obstacle(&self, now: BlockNumber) -> Option<Obstacle> {
		match self.worker.status {
			WorkerStatus::Draining => Some(Obstacle::Draining),
			WorkerStatus::Retiring { .. } => Some(Obstacle::Retiring),
			WorkerStatus::Active if !self.is_live(now) => Some(Obstacle::NotLive),
			WorkerStatus::Active if self.proof(now).is_none() => Some(Obstacle::NotProved),
			WorkerStatus::Active if !self.bonded => Some(Obstacle::NotBonded),
			WorkerStatus::Active => bucket_of(&self.free(now)).is_none().then_some(Obstacle::Full),
		}
	}

	/// Where it stands at block `now`.
	pub fn rung(&self, now: BlockNumber) -> Rung {
		match self.worker.status {
			WorkerStatus::Retiring { .. } => Rung::Retiring,
			WorkerStatus::Draining => Rung::Draining,
			WorkerStatus::Active if self.proof(now).is_none() => Rung::Registered,
			WorkerStatus::Active if !self.is_live(now) || !self.bonded => Rung::Verified,
			WorkerStatus::Active if self.worker.running > 0 => Rung::Busy,
			WorkerStatus::Active => Rung::Online,
		}
	}

	fn candidate(&self, now: BlockNumber) -> Candidate<AccountId> {
		Candidate {
			worker: self.id,
			provider: self.worker.provider,
			price_per_gfuel: self.worker.price_per_gfuel,
			free: self.free(now),
			throughput_mops: self.proof(now).map_or(0, |proof| proof.throughput_mops),
		}
	}
}

/// All machines at one block.
pub async fn machines(at: &Snapshot, bond_per_worker: Balance) -> Result<Vec<Machine>, ChainError> {
	let workers = at.workers().await?;
	let capabilities: BTreeMap<WorkerId, Capability> =
		at.capabilities().await?.into_iter().collect();
	let providers: BTreeSet<AccountId> =
		workers.iter().map(|(_, worker)| worker.provider).collect();
	let mut bonded = BTreeMap::new();
	for account in providers {
		bonded.insert(account, is_bonded(at, &account, bond_per_worker).await?);
	}
	let machine = |(id, worker): (WorkerId, Worker)| Machine {
		id,
		bonded: bonded.get(&worker.provider).copied().unwrap_or(false),
		worker,
		capability: capabilities.get(&id).copied(),
	};
	Ok(workers.into_iter().map(machine).collect())
}

/// One machine at one block.
pub async fn machine(
	at: &Snapshot,
	id: WorkerId,
	bond_per_worker: Balance,
) -> Result<Option<Machine>, ChainError> {
	let Some(worker) = at.worker(id).await? else { return Ok(None) };
	let capability = at.capability(id).await?;
	let bonded = is_bonded(at, &worker.provider, bond_per_worker).await?;
	Ok(Some(Machine { id, worker, capability, bonded }))
}

async fn is_bonded(
	at: &Snapshot,
	provider: &AccountId,
	bond_per_worker: Balance,
) -> Result<bool, ChainError> {
	let provider = at.provider(provider).await?;
	Ok(provider.is_some_and(|provider| {
		provider.bond >= bond_per_worker.saturating_mul(Balance::from(provider.workers))
	}))
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
	/// Those whose daemon has not shown itself lately.
	pub not_live: u32,
	/// Those without a valid proof.
	pub not_proved: u32,
	/// Those that drain, retire, or are not covered by a bond.
	pub not_offered: u32,
}

impl Supply {
	/// Looks at every machine the way a draw at block `now` would.
	pub fn of(
		machines: &[Machine],
		spec: &TaskSpec,
		excluded: &[WorkerId],
		now: BlockNumber,
	) -> Self {
		let mut supply = Self { machines: machines.len() as u32, ..Self::default() };
		let mut providers = BTreeSet::new();
		for machine in machines {
			let candidate = machine.candidate(now);
			let fit = check_fit(&candidate, &spec.requirements, spec.price_cap_per_gfuel, excluded);
			let counter = match (machine.obstacle(now), fit) {
				(Some(Obstacle::Draining | Obstacle::Retiring | Obstacle::NotBonded), _) => {
					&mut supply.not_offered
				}
				(Some(Obstacle::NotLive), _) => &mut supply.not_live,
				(Some(Obstacle::NotProved), _) => &mut supply.not_proved,
				(_, Err(Misfit::HadItBefore)) => &mut supply.had_it_before,
				(Some(Obstacle::Full), _) | (_, Err(Misfit::TooSmall)) => &mut supply.too_small,
				(_, Err(Misfit::TooSlow)) => &mut supply.too_slow,
				(_, Err(Misfit::TooExpensive)) => &mut supply.above_cap,
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
			(self.not_live, "not live"),
			(self.not_proved, "without a valid proof of resources"),
			(self.not_offered, "draining, retiring or short of bond"),
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
