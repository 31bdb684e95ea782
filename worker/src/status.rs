//! How far this machine is on the ladder: installed, registered, verified, online, earning.

use crate::config::format_drgn;
use aidragon_client::{
	chain::{Chain, ChainError, View},
	keys::AccountId,
	Worker,
};
use aidragon_primitives::{
	worker::{Capability, Capacity, Provider, WorkerStatus, LIVENESS_BLOCKS},
	Balance, BlockNumber, WorkerId,
};
use serde::Serialize;
use std::fmt;

/// A rung, from the lowest to the highest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Rung {
	/// Nothing is there yet.
	None,
	/// Keys are there.
	Installed,
	/// The chain knows the machine.
	Registered,
	/// Its proof of throughput is valid.
	Verified,
	/// It may be drawn for tasks.
	Online,
	/// Results of its were accepted and paid.
	Earning,
}

/// What the chain knows of a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
	/// Height of the block that was looked at.
	pub block: BlockNumber,
	/// Its number.
	pub id: WorkerId,
	/// The machine.
	pub worker: Worker,
	/// What it proved last.
	pub capability: Option<Capability>,
	/// Its provider.
	pub provider: Option<Provider>,
	/// The bond that the chain asks for each machine.
	pub bond_per_worker: Balance,
}

impl Record {
	/// Looks up the machine that signs with `hot_key` in the finalized state. `None` where there is none.
	pub async fn read(chain: &Chain, hot_key: &AccountId) -> Result<Option<Self>, ChainError> {
		let head = chain.head(View::Finalized).await?;
		let state = chain.at(&head);
		let Some(id) = state.worker_of(hot_key).await? else { return Ok(None) };
		let Some(worker) = state.worker(id).await? else { return Ok(None) };
		Ok(Some(Self {
			block: head.number,
			id,
			capability: state.capability(id).await?,
			provider: state.provider(&worker.provider).await?,
			worker,
			bond_per_worker: chain.constant_u128("NodeRegistry", "BondPerWorker")?,
		}))
	}
}

/// Where a machine stands, and what it takes to get further.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Status {
	/// The highest rung of which it and all below are reached.
	pub rung: Rung,
	/// What is missing for the next rung; empty at the top.
	pub missing: Vec<String>,
	/// The hot key's address, once there are keys.
	pub hot_key: Option<String>,
	/// What the chain knows, once the machine is registered.
	pub machine: Option<Machine>,
}

/// The machine in numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Machine {
	/// Its number.
	pub worker: WorkerId,
	/// Its provider's address.
	pub provider: String,
	/// Whether it takes tasks.
	pub status: String,
	/// Asked price in DRGN per 10⁹ fuel.
	pub price_per_gfuel: String,
	/// Proved throughput in million int8 operations per second, while the proof is valid.
	pub throughput_mops: Option<u32>,
	/// The last block of the proof.
	pub proved_until: Option<BlockNumber>,
	/// The last sign of life.
	pub last_seen: Option<BlockNumber>,
	/// Virtual processors that are proved and sold.
	pub vcpus: u16,
	/// Memory in MiB that is proved and sold.
	pub memory_mib: u32,
	/// Tasks that it has.
	pub running: u32,
	/// Results of its that were accepted.
	pub accepted: u32,
	/// Deadlines that it missed.
	pub missed: u32,
	/// Height of the block that was looked at.
	pub block: BlockNumber,
}

/// The status of a machine with this hot key and, where it is registered, this record.
pub fn status(hot_key: Option<String>, record: Option<&Record>) -> Status {
	let (rung, missing) = match (&hot_key, record) {
		(None, _) => (Rung::None, vec!["no keys: run `aidragon-worker init`".into()]),
		(Some(_), None) => {
			let missing = "not registered: run `aidragon-worker register --provider-key <file>`";
			(Rung::Installed, vec![missing.into()])
		}
		(Some(_), Some(record)) => registered(record),
	};
	Status { rung, missing, hot_key, machine: record.map(Machine::of) }
}

fn registered(record: &Record) -> (Rung, Vec<String>) {
	if proved(record).is_none_or(|capacity| capacity == Capacity::default()) {
		return (Rung::Registered, vec![missing_proof(record)]);
	}
	let missing = missing_online(record);
	if !missing.is_empty() {
		return (Rung::Verified, missing);
	}
	if record.worker.accepted == 0 {
		let missing =
			"no task was drawn for it yet: keep it running; a lower price or more proved \
			throughput is drawn more often";
		return (Rung::Online, vec![missing.into()]);
	}
	(Rung::Earning, Vec::new())
}

/// What is proved, while the proof is valid.
fn proved(record: &Record) -> Option<Capacity> {
	let valid = record.capability.filter(|capability| capability.is_valid_at(record.block));
	valid.map(|capability| capability.proved_part(&record.worker.claimed))
}

fn missing_proof(record: &Record) -> String {
	match record.capability {
		None => "no proof of throughput: keep `aidragon-worker run` running for a minute".into(),
		Some(capability) if !capability.is_valid_at(record.block) => format!(
			"the proof of throughput ended with block {}: keep `aidragon-worker run` running",
			capability.valid_until
		),
		Some(capability) => format!(
			"{} million operations per second are too few to sell one vCPU: free the machine of other work",
			capability.throughput_mops
		),
	}
}

fn missing_online(record: &Record) -> Vec<String> {
	let mut missing = Vec::new();
	match record.worker.status {
		WorkerStatus::Active => {}
		WorkerStatus::Draining => {
			missing.push("it is draining: run `aidragon-worker resume`".into());
		}
		WorkerStatus::Retiring { removable_at } => {
			missing.push(format!("it is retiring and can be removed from block {removable_at} on"));
		}
	}
	let is_live = record
		.worker
		.last_seen
		.is_some_and(|seen| record.block <= seen.saturating_add(LIVENESS_BLOCKS));
	if !is_live {
		missing.push("no recent sign of life: start `aidragon-worker run`".into());
	}
	let bond = record.provider.as_ref().map_or(0, |provider| provider.bond);
	let workers = record.provider.as_ref().map_or(1, |provider| provider.workers);
	let needed = record.bond_per_worker.saturating_mul(Balance::from(workers));
	if bond < needed {
		let (bond, needed) = (format_drgn(bond), format_drgn(needed));
		missing.push(format!("the provider's bond is {bond} of {needed} DRGN: increase it"));
	}
	missing
}

impl Machine {
	fn of(record: &Record) -> Self {
		let worker = &record.worker;
		let sold = proved(record).unwrap_or_default();
		let valid = record.capability.filter(|capability| capability.is_valid_at(record.block));
		Self {
			worker: record.id,
			provider: worker.provider.to_string(),
			status: match worker.status {
				WorkerStatus::Active => "active".into(),
				WorkerStatus::Draining => "draining".into(),
				WorkerStatus::Retiring { .. } => "retiring".into(),
			},
			price_per_gfuel: format_drgn(worker.price_per_gfuel),
			throughput_mops: valid.map(|capability| capability.throughput_mops),
			proved_until: valid.map(|capability| capability.valid_until),
			last_seen: worker.last_seen,
			vcpus: sold.vcpus,
			memory_mib: sold.memory_mib,
			running: worker.running,
			accepted: worker.accepted,
			missed: worker.missed,
			block: record.block,
		}
	}
}

impl fmt::Display for Status {
	fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
		let rungs = [
			(Rung::Installed, "installed"),
			(Rung::Registered, "registered"),
			(Rung::Verified, "verified"),
			(Rung::Online, "online"),
			(Rung::Earning, "earning"),
		];
		for (rung, name) in rungs {
			let mark = if rung <= self.rung { "x" } else { " " };
			writeln!(formatter, "[{mark}] {name}")?;
		}
		for missing in &self.missing {
			writeln!(formatter, "next: {missing}")?;
		}
		if let Some(hot_key) = &self.hot_key {
			writeln!(formatter, "hot key    {hot_key}")?;
		}
		let Some(machine) = &self.machine else { return Ok(()) };
		writeln!(formatter, "worker     {} ({})", machine.worker, machine.status)?;
		writeln!(formatter, "provider   {}", machine.provider)?;
		writeln!(formatter, "price      {} DRGN per Gfuel", machine.price_per_gfuel)?;
		writeln!(formatter, "sold       {} vCPU, {} MiB", machine.vcpus, machine.memory_mib)?;
		if let (Some(mops), Some(until)) = (machine.throughput_mops, machine.proved_until) {
			writeln!(formatter, "proved     {mops} Mop/s until block {until}")?;
		}
		let Machine { running, accepted, missed, block, .. } = machine;
		writeln!(formatter, "tasks      {running} running, {accepted} accepted, {missed} missed")?;
		write!(formatter, "as of      block {block}")
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	fn record() -> Record {
		let worker = Worker {
			provider: Default::default(),
			hot_key: Default::default(),
			encryption_key: [0; 32],
			address: Default::default(),
			claimed: Capacity { vcpus: 2, memory_mib: 1_024 },
			reserved: Capacity::default(),
			price_per_gfuel: 10_000_000_000,
			status: WorkerStatus::Active,
			last_seen: Some(90),
			running: 0,
			accepted: 3,
			missed: 0,
		};
		let capability =
			Some(Capability { throughput_mops: 500, proved_at: 50, valid_until: 1_250 });
		let provider = Some(Provider { bond: 100, workers: 1, withdrawable_at: None });
		Record { block: 100, id: 4, worker, capability, provider, bond_per_worker: 100 }
	}

	fn rung(record: &Record) -> Rung {
		let status = status(Some("5Hot".into()), Some(record));
		assert_eq!(status.missing.is_empty(), status.rung == Rung::Earning);
		status.rung
	}

	#[test]
	fn every_rung_says_what_is_missing_for_the_next() {
		assert_eq!(status(None, None).rung, Rung::None);
		let installed = status(Some("5Hot".into()), None);
		assert_eq!(installed.rung, Rung::Installed);
		assert!(installed.missing[0].contains("register"));
		assert_eq!(rung(&record()), Rung::Earning);
		let mut fresh = record();
		fresh.worker.accepted = 0;
		assert_eq!(rung(&fresh), Rung::Online);
	}

	#[test]
	fn a_proof_that_is_missing_old_or_small_does_not_verify() {
		let capability = |throughput_mops, valid_until| {
			Some(Capability { throughput_mops, proved_at: 1, valid_until })
		};
		for capability in [None, capability(500, 99), capability(100, 500)] {
			assert_eq!(rung(&Record { capability, ..record() }), Rung::Registered);
		}
	}

	#[test]
	fn what_keeps_a_verified_machine_from_tasks_is_listed() {
		let mut offline = record();
		offline.worker.last_seen = Some(100 - LIVENESS_BLOCKS - 1);
		offline.worker.status = WorkerStatus::Draining;
		offline.provider = Some(Provider { bond: 100, workers: 2, withdrawable_at: None });
		let status = status(Some("5Hot".into()), Some(&offline));
		assert_eq!((status.rung, status.missing.len()), (Rung::Verified, 3));
		assert!(status.to_string().contains("[x] verified\n[ ] online\n"));
	}

	#[test]
	fn the_ladder_is_shown_in_full() {
		let text = status(Some("5Hot".into()), Some(&record())).to_string();
		assert!(text.starts_with("[x] installed\n"));
		assert!(text.contains("worker     4 (active)"));
		assert!(text.contains("500 Mop/s until block 1250"));
		let json = serde_json::to_value(status(Some("5Hot".into()), Some(&record()))).unwrap();
		assert_eq!(json["rung"], "earning");
		assert_eq!(json["machine"]["accepted"], 3);
	}
}
