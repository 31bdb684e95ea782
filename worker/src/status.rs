//! How far this machine is on the ladder: installed, registered, verified, online, earning.

use crate::config::format_drgn;
use aidragon_client::{
	chain::{Chain, ChainError, View},
	keys::AccountId,
	Worker,
};
use aidragon_primitives::{
	verification::Slot,
	worker::{
		Capability, Capacity, Class, ClassReport, Prospects, Provider, Thresholds, WorkerStatus,
	},
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
	/// Whether nobody has reason to doubt its proof of throughput.
	pub is_undoubted: bool,
	/// The least that each tier of a class takes.
	pub thresholds: Thresholds,
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
			is_undoubted: state.is_undoubted(id, Slot::Processor).await?,
			thresholds: state.thresholds().await?,
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

/// The tiers of a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ClassTiers {
	/// Of proved throughput.
	pub throughput: u8,
	/// Of proved memory.
	pub memory: u8,
	/// Of availability.
	pub availability: u8,
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
	/// Its tiers: throughput and memory 0 to 6, availability 0 to 4.
	pub class: ClassTiers,
	/// What keeps the tier of throughput from rising.
	pub class_limit: &'static str,
	/// Proved throughput in million int8 operations per second, while the proof is valid.
	pub throughput_mops: u32,
	/// What of that counts in its tier.
	pub counted_mops: u32,
	/// The last block of the proof of throughput.
	pub throughput_until: Option<BlockNumber>,
	/// Proved memory in MiB, while the proof is valid.
	pub proved_memory_mib: u32,
	/// The last block of the proof of memory.
	pub memory_until: Option<BlockNumber>,
	/// Share of the chain's calls and tasks that it answered, decayed, in parts per million.
	pub availability_ppm: u32,
	/// Calls and tasks that it answered in time.
	pub answered: u32,
	/// Calls and tasks that it did not answer in time.
	pub unanswered: u32,
	/// Whether the chain counts it as on line.
	pub is_online: bool,
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
	let sold = proved(record);
	if sold.vcpus == 0 || sold.memory_mib == 0 {
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

/// What is proved and sold.
fn proved(record: &Record) -> Capacity {
	let capability = record.capability.unwrap_or_default();
	capability.proved_part(&record.worker.ledger.claimed(), record.block)
}

fn missing_proof(record: &Record) -> String {
	let capability = record.capability.unwrap_or_default();
	let mops = capability.throughput_mops(record.block);
	let what = match (mops, capability.memory_mib(record.block)) {
		(0, 0) => "no valid proof of throughput and of memory",
		(0, _) => "no valid proof of throughput",
		(_, 0) => "no valid proof of memory",
		_ => {
			return format!(
				"{mops} million operations per second are too few to sell one vCPU: free the machine of other work"
			)
		}
	};
	format!("{what}: keep `aidragon-worker run` running for a minute")
}

fn missing_online(record: &Record) -> Vec<String> {
	let mut missing = Vec::new();
	match record.worker.status {
		WorkerStatus::Active => {}
		WorkerStatus::Draining => {
			missing.push("it is draining: run `aidragon-worker resume`".into());
		}
		WorkerStatus::Paused => {
			missing.push("it is paused: run `aidragon-worker resume`".into());
		}
		WorkerStatus::Retiring { removable_at } => {
			missing.push(format!("it is retiring and can be removed from block {removable_at} on"));
		}
	}
	if !record.worker.availability.is_online() && record.worker.status != WorkerStatus::Paused {
		missing.push("the chain's call was not answered: start `aidragon-worker run`".into());
	}
	let bond = record.provider.as_ref().map_or(0, |provider| provider.bond);
	let needed =
		record.provider.as_ref().map_or(0, |provider| provider.bond_needed(record.bond_per_worker));
	if bond < needed {
		let (bond, needed) = (format_drgn(bond), format_drgn(needed));
		missing.push(format!("the provider's bond is {bond} of {needed} DRGN: increase it"));
	}
	missing
}

impl Machine {
	fn of(record: &Record) -> Self {
		let worker = &record.worker;
		let sold = proved(record);
		let capability = record.capability.unwrap_or_default();
		let is_covered = record
			.provider
			.as_ref()
			.is_some_and(|provider| provider.covers_promotion(record.bond_per_worker));
		let prospects = Prospects { is_covered, is_undoubted: record.is_undoubted };
		let report =
			ClassReport::of(worker, &capability, &record.thresholds, prospects, record.block);
		let until = |slot| {
			let proof = capability.proof(slot).filter(|proof| proof.is_valid_at(record.block));
			proof.map(|proof| proof.valid_until)
		};
		let Class { throughput, memory, availability } = report.class;
		Self {
			worker: record.id,
			provider: worker.provider.to_string(),
			status: match worker.status {
				WorkerStatus::Active => "active".into(),
				WorkerStatus::Draining => "draining".into(),
				WorkerStatus::Paused => "paused".into(),
				WorkerStatus::Retiring { .. } => "retiring".into(),
			},
			price_per_gfuel: format_drgn(worker.offer.price_per_gfuel),
			class: ClassTiers { throughput, memory, availability },
			class_limit: report.limit.message(),
			throughput_mops: report.throughput_mops,
			counted_mops: report.counted_mops,
			throughput_until: until(Slot::Processor),
			proved_memory_mib: report.memory_mib,
			memory_until: until(Slot::Memory),
			availability_ppm: report.availability_ppm,
			answered: worker.availability.answered,
			unanswered: worker.availability.missed,
			is_online: worker.availability.is_online(),
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
		let ClassTiers { throughput, memory, availability } = machine.class;
		writeln!(
			formatter,
			"class      throughput {throughput}, memory {memory}, availability {availability}"
		)?;
		writeln!(formatter, "no higher  {}", machine.class_limit)?;
		if let Some(until) = machine.throughput_until {
			let (mops, counted) = (machine.throughput_mops, machine.counted_mops);
			writeln!(
				formatter,
				"proved     {mops} Mop/s until block {until}, {counted} of them count"
			)?;
		}
		if let Some(until) = machine.memory_until {
			writeln!(
				formatter,
				"proved     {} MiB until block {until}",
				machine.proved_memory_mib
			)?;
		}
		let (answered, unanswered) = (machine.answered, machine.unanswered);
		let percent = f64::from(machine.availability_ppm) / 10_000.0;
		writeln!(
			formatter,
			"available  {percent:.1} %: {answered} calls and tasks answered, {unanswered} not"
		)?;
		let Machine { running, accepted, missed, block, .. } = machine;
		writeln!(formatter, "tasks      {running} running, {accepted} accepted, {missed} missed")?;
		write!(formatter, "as of      block {block}")
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use aidragon_primitives::worker::{Availability, Ledger, Offer, Proof, Standing};

	fn record() -> Record {
		let mut availability = Availability::new(1);
		availability.come_online(1);
		let worker = Worker {
			provider: Default::default(),
			hot_key: Default::default(),
			encryption_key: [0; 32],
			key_epoch: 0,
			address: Default::default(),
			ledger: Ledger::new(Capacity::cpu(2, 1_024)),
			offer: Offer::at(10_000_000_000),
			site: Default::default(),
			energy_attestor: None,
			status: WorkerStatus::Active,
			availability,
			standing: Standing::default(),
			last_seen: Some(90),
			running: 0,
			accepted: 3,
			missed: 0,
		};
		let provider =
			Provider { bond: 100, workers: 1, bond_units: 1, at_stake: 0, withdrawable_at: None };
		Record {
			block: 100,
			id: 4,
			worker,
			capability: proved(500, 1_250),
			provider: Some(provider),
			is_undoubted: true,
			thresholds: Thresholds::default(),
			bond_per_worker: 100,
		}
	}

	fn proved(mops: u32, valid_until: BlockNumber) -> Option<Capability> {
		let proof = |amount| Some(Proof { amount, proved_at: 50, valid_until });
		Some(Capability { processor: proof(mops), memory: proof(1_024), gpus: None })
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
		let no_memory =
			proved(500, 500).map(|capability| Capability { memory: None, ..capability });
		for capability in [None, proved(500, 99), proved(100, 500), no_memory] {
			assert_eq!(rung(&Record { capability, ..record() }), Rung::Registered);
		}
	}

	#[test]
	fn what_keeps_a_verified_machine_from_tasks_is_listed() {
		let mut offline = record();
		offline.worker.availability.go_offline(99);
		offline.worker.status = WorkerStatus::Draining;
		offline.provider = offline.provider.map(|provider| Provider { bond_units: 2, ..provider });
		let status = status(Some("5Hot".into()), Some(&offline));
		assert_eq!((status.rung, status.missing.len()), (Rung::Verified, 3));
		assert!(status.to_string().contains("[x] verified\n[ ] online\n"));
	}

	#[test]
	fn the_ladder_is_shown_in_full() {
		let text = status(Some("5Hot".into()), Some(&record())).to_string();
		assert!(text.starts_with("[x] installed\n"));
		assert!(text.contains("worker     4 (active)"));
		assert!(text.contains("500 Mop/s until block 1250"), "{text}");
		assert!(text.contains("1024 MiB until block 1250"), "{text}");
		assert!(text.contains("no higher  more is proved: the tier rises by one"), "{text}");
		let json = serde_json::to_value(status(Some("5Hot".into()), Some(&record()))).unwrap();
		assert_eq!(json["rung"], "earning");
		assert_eq!(json["machine"]["accepted"], 3);
	}
}
