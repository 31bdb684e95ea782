//! Commands about machines.

use crate::{
	amount::{self, Amount},
	args::WorkerCommand,
	context::Context,
	exit::Failure,
	market::{self, Machine},
	output::{fields, hex, table, Report},
};
use aidragon_client::{blobs, chain::View};
use aidragon_primitives::{
	worker::{Capability, Capacity, WorkerStatus},
	BlockNumber, WorkerId,
};
use serde_json::{json, Value};

/// Runs a command about machines.
pub async fn run(context: &Context, command: WorkerCommand) -> Result<(), Failure> {
	let chain = context.connect().await?;
	let head = chain.head(View::Finalized).await?;
	let at = chain.at(&head);
	let bond_per_worker = chain.constant_u128("NodeRegistry", "BondPerWorker")?;
	let report = match command {
		WorkerCommand::List => list(&market::machines(&at, bond_per_worker).await?, head.number),
		WorkerCommand::Show { worker } => {
			let machine = market::machine(&at, worker, bond_per_worker).await?;
			show(&machine.ok_or_else(|| unknown(worker))?, head.number)
		}
	};
	report.print(context.output)
}

fn unknown(worker: WorkerId) -> Failure {
	Failure::usage(format!("there is no machine {worker}: see `dragon worker list`"))
}

fn list(machines: &[Machine], now: BlockNumber) -> Report {
	let row = |machine: &Machine| {
		let worker = &machine.worker;
		vec![
			machine.id.to_string(),
			machine.rung(now).to_string(),
			worker.provider.to_string(),
			Amount(worker.price_per_gfuel).to_string(),
			machine
				.proof(now)
				.map_or_else(|| "-".into(), |proof| proof.throughput_mops.to_string()),
			capacity(&machine.free(now)),
			format!("{}/{}", worker.accepted, worker.missed),
		]
	};
	let rows: Vec<Vec<String>> = machines.iter().map(row).collect();
	let heading =
		["id", "status", "provider", "price per Gfuel", "Mops", "free", "accepted/missed"];
	Report {
		text: table(&heading, &rows),
		json: machines.iter().map(|machine| machine_json(machine, now)).collect(),
	}
}

fn show(machine: &Machine, now: BlockNumber) -> Report {
	let worker = &machine.worker;
	let status = match worker.status {
		WorkerStatus::Retiring { removable_at } => {
			format!("{}, removable from block {removable_at} on", machine.rung(now))
		}
		_ => machine.rung(now).to_string(),
	};
	let work = match machine.obstacle(now) {
		None => "can get work".to_owned(),
		Some(obstacle) => format!("cannot get work: {}", obstacle.message()),
	};
	let seen =
		worker.last_seen.map_or_else(|| "not lately".into(), |block| format!("block {block}"));
	let text = fields(&[
		("machine", machine.id.to_string()),
		("status", status),
		("work", work),
		("provider", worker.provider.to_string()),
		("hot key", worker.hot_key.to_string()),
		("price", format!("{} per Gfuel", Amount(worker.price_per_gfuel))),
		("proof", proof_text(machine.capability.as_ref(), now)),
		("claimed", capacity(&worker.claimed)),
		("reserved", format!("{} by {} tasks", capacity(&worker.reserved), worker.running)),
		("free", capacity(&machine.free(now))),
		(
			"record",
			format!("{} results accepted, {} deadlines missed", worker.accepted, worker.missed),
		),
		("last seen", seen),
		("address", blobs::describe(&worker.address)),
	]);
	Report { text, json: machine_json(machine, now) }
}

fn proof_text(capability: Option<&Capability>, now: BlockNumber) -> String {
	match capability {
		None => "none yet".into(),
		Some(proof) => {
			let validity = if proof.is_valid_at(now) { "valid until" } else { "over since" };
			format!("{} Mops, {validity} block {}", proof.throughput_mops, proof.valid_until)
		}
	}
}

fn capacity(capacity: &Capacity) -> String {
	format!("{} vCPU, {} MiB", capacity.vcpus, capacity.memory_mib)
}

fn capacity_json(capacity: &Capacity) -> Value {
	json!({ "vcpus": capacity.vcpus, "memory_mib": capacity.memory_mib })
}

fn machine_json(machine: &Machine, now: BlockNumber) -> Value {
	let worker = &machine.worker;
	let removable_at = match worker.status {
		WorkerStatus::Retiring { removable_at } => Some(removable_at),
		WorkerStatus::Active | WorkerStatus::Draining => None,
	};
	let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
	json!({
		"id": machine.id,
		"status": machine.rung(now).to_string(),
		"obstacle": machine.obstacle(now).map(|obstacle| obstacle.name()),
		"provider": worker.provider,
		"hot_key": worker.hot_key,
		"price_per_gfuel": amount::json(worker.price_per_gfuel),
		"proof": machine.capability.map(|proof| json!({
			"throughput_mops": proof.throughput_mops,
			"proved_at": proof.proved_at,
			"valid_until": proof.valid_until,
		})),
		"claimed": capacity_json(&worker.claimed),
		"reserved": capacity_json(&worker.reserved),
		"free": capacity_json(&machine.free(now)),
		"running": worker.running,
		"accepted": worker.accepted,
		"missed": worker.missed,
		"last_seen": worker.last_seen,
		"removable_at": removable_at,
		"address": {
			"node_key": hex(&worker.address.node_key),
			"sockets": worker.address.sockets.iter().map(|socket| text(socket)).collect::<Vec<_>>(),
			"http": worker.address.http.as_ref().map(|socket| text(socket)),
		},
	})
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::task::tests::machine;

	#[test]
	fn a_machine_says_why_it_gets_no_work() {
		let ready = show(&machine(3), 1_000);
		assert!(ready.text.contains("can get work"), "{}", ready.text);
		assert_eq!(ready.json["obstacle"], Value::Null);
		assert_eq!(ready.json["price_per_gfuel"], "1000000");
		let mut silent = machine(3);
		silent.worker.last_seen = None;
		let report = show(&silent, 1_000);
		assert!(report.text.contains("cannot get work: its daemon"), "{}", report.text);
		assert_eq!(report.json["obstacle"], "not_live");
		assert_eq!(report.json["status"], "verified");
	}

	#[test]
	fn the_list_has_one_line_for_each_machine() {
		let report = list(&[machine(0), machine(1)], 1_000);
		assert_eq!(report.text.lines().count(), 3);
		assert_eq!(report.json[1]["id"], 1);
	}
}
