//! Commands about machines.

use crate::{
	amount::{self, Amount},
	args::WorkerCommand,
	context::Context,
	exit::Failure,
	market::{self, Machine, Rules},
	output::{fields, hex, table, Report},
};
use aidragon_client::{blobs, chain::View};
use aidragon_primitives::{
	worker::{
		Availability, Capacity, Class, ClassReport, EnergySource, Offer, Proof, Region, TaskKinds,
		WorkerStatus,
	},
	BlockNumber, WorkerId,
};
use serde_json::{json, Value};

/// Runs a command about machines.
pub async fn run(context: &Context, command: WorkerCommand) -> Result<(), Failure> {
	let chain = context.connect().await?;
	let head = chain.head(View::Finalized).await?;
	let at = chain.at(&head);
	let rules = Rules::read(&chain, &at).await?;
	let report = match command {
		WorkerCommand::List => list(&market::machines(&at).await?, &rules),
		WorkerCommand::Show { worker } => {
			let machine = market::machine(&at, worker).await?;
			show(&machine.ok_or_else(|| unknown(worker))?, &rules)
		}
	};
	report.print(context.output)
}

fn unknown(worker: WorkerId) -> Failure {
	Failure::usage(format!("there is no machine {worker}: see `dragon worker list`"))
}

fn list(machines: &[Machine], rules: &Rules) -> Report {
	let row = |machine: &Machine| {
		let (worker, report) = (&machine.worker, machine.class(rules));
		vec![
			machine.id.to_string(),
			machine.rung(rules).to_string(),
			worker.provider.to_string(),
			Amount(worker.offer.price_per_gfuel).to_string(),
			class_text(&report.class),
			report.throughput_mops.to_string(),
			free_text(machine, rules.now),
			percent(report.availability_ppm),
			format!("{}/{}", worker.accepted, worker.missed),
		]
	};
	let rows: Vec<Vec<String>> = machines.iter().map(row).collect();
	let heading = [
		"id",
		"status",
		"provider",
		"price per Gfuel",
		"class",
		"Mops",
		"free",
		"available",
		"accepted/missed",
	];
	Report {
		text: table(&heading, &rows),
		json: machines.iter().map(|machine| machine_json(machine, rules)).collect(),
	}
}

fn show(machine: &Machine, rules: &Rules) -> Report {
	let (worker, now) = (&machine.worker, rules.now);
	let status = match worker.status {
		WorkerStatus::Retiring { removable_at } => {
			format!("{}, removable from block {removable_at} on", machine.rung(rules))
		}
		_ => machine.rung(rules).to_string(),
	};
	let work = match machine.obstacle(rules) {
		None => "can get work".to_owned(),
		Some(obstacle) => format!("cannot get work: {}", obstacle.message()),
	};
	let seen = worker.last_seen.map_or_else(|| "never".into(), |block| format!("block {block}"));
	let report = machine.class(rules);
	let proved = machine.proved();
	let counted = format!("; {} Mops count in its tier", report.counted_mops);
	let Availability { answered, missed, .. } = worker.availability;
	let reserved = worker.ledger.reserved();
	let text = fields(&[
		("machine", machine.id.to_string()),
		("status", status),
		("work", work),
		("provider", worker.provider.to_string()),
		("hot key", worker.hot_key.to_string()),
		("price", format!("{} per Gfuel", Amount(worker.offer.price_per_gfuel))),
		("takes", offer_text(&worker.offer)),
		("class", class_text(&report.class)),
		("no higher", report.limit.message().to_owned()),
		("throughput", proof_text(proved.processor, "Mops", now) + &counted),
		("memory", proof_text(proved.memory, "MiB", now)),
		(
			"available",
			format!(
				"{}: {answered} calls and tasks answered, {missed} not",
				percent(report.availability_ppm)
			),
		),
		("claimed", claimed_text(&worker.ledger.claimed())),
		(
			"reserved",
			format!(
				"{} by {} tasks",
				amounts(reserved.cpu_milli, reserved.memory_mib),
				worker.running
			),
		),
		("free", free_text(machine, now)),
		(
			"record",
			format!("{} results accepted, {} deadlines missed", worker.accepted, worker.missed),
		),
		("site", site_text(machine)),
		("last seen", seen),
		("key epoch", worker.key_epoch.to_string()),
		("address", blobs::describe(&worker.address)),
	]);
	Report { text, json: machine_json(machine, rules) }
}

fn class_text(class: &Class) -> String {
	format!("T{} M{} A{}", class.throughput, class.memory, class.availability)
}

fn percent(ppm: u32) -> String {
	format!("{:.1} %", f64::from(ppm) / 10_000.0)
}

fn proof_text(proof: Option<Proof>, unit: &str, now: BlockNumber) -> String {
	match proof {
		None => "none yet".into(),
		Some(proof) => {
			let validity = if proof.is_valid_at(now) { "valid until" } else { "over since" };
			format!("{} {unit}, {validity} block {}", proof.amount, proof.valid_until)
		}
	}
}

fn offer_text(offer: &Offer) -> String {
	let mut text = match offer.task_min_fuel {
		0 => "any task".to_owned(),
		least => format!("tasks of {least} fuel and more"),
	};
	if offer.task_max_blocks > 0 {
		text.push_str(&format!(" and of at most {} blocks", offer.task_max_blocks));
	}
	let refused = refused(offer.refuses);
	if !refused.is_empty() {
		text.push_str(&format!(" but none that is {}", refused.join(" or ")));
	}
	match offer.hours {
		None => text.push_str(", at any time"),
		Some(hours) => {
			let time = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
			let (from, until) = (time(hours.from_minute), time(hours.until_minute));
			text.push_str(&format!(", {from} to {until} UTC"));
		}
	}
	text
}

/// The names of the kinds of tasks that a machine does not take.
fn refused(kinds: TaskKinds) -> Vec<&'static str> {
	let names = [
		(TaskKinds::SINGLE, "single"),
		(TaskKinds::RESTRICTED, "restricted"),
		(TaskKinds::DEPENDENT, "dependent"),
	];
	names.into_iter().filter(|(kind, _)| kinds.intersects(*kind)).map(|(_, name)| name).collect()
}

fn energy_name(energy: EnergySource) -> &'static str {
	match energy {
		EnergySource::Undeclared => "undeclared",
		EnergySource::Grid => "grid",
		EnergySource::Renewable => "renewable",
		EnergySource::Nuclear => "nuclear",
		EnergySource::Fossil => "fossil",
	}
}

fn region_name(region: Region) -> String {
	String::from_utf8_lossy(&region.0).into_owned()
}

fn site_text(machine: &Machine) -> String {
	let site = &machine.worker.site;
	let region = site.region.map_or_else(|| "region undeclared".into(), region_name);
	let word = if machine.is_energy_attested { "attested" } else { "as its provider says" };
	format!("{region}, energy {}, {word}", energy_name(site.energy))
}

fn claimed_text(capacity: &Capacity) -> String {
	let mut text = amounts(capacity.cpu_milli(), capacity.memory_mib);
	if capacity.gpus.count > 0 {
		let gpus = capacity.gpus;
		text.push_str(&format!(", {} GPUs of class {}", gpus.count, gpus.class));
	}
	text
}

fn free_text(machine: &Machine, now: BlockNumber) -> String {
	let free = machine.free(now);
	amounts(free.cpu_milli, free.memory_mib)
}

/// Cores and memory, such as `1.5 vCPU, 512 MiB`.
fn amounts(cpu_milli: u32, memory_mib: u32) -> String {
	let (whole, rest) = (cpu_milli / 1_000, cpu_milli % 1_000);
	let decimals = format!(".{rest:03}");
	let decimals = decimals.trim_end_matches('0').trim_end_matches('.');
	format!("{whole}{decimals} vCPU, {memory_mib} MiB")
}

fn amounts_json(cpu_milli: u32, memory_mib: u32, gpu_milli: &[u16]) -> Value {
	json!({ "cpu_milli": cpu_milli, "memory_mib": memory_mib, "gpu_milli": gpu_milli })
}

fn claimed_json(capacity: &Capacity) -> Value {
	let gpus = capacity.gpus;
	json!({
		"vcpus": capacity.vcpus,
		"memory_mib": capacity.memory_mib,
		"gpus": { "class": gpus.class, "count": gpus.count, "memory_mib": gpus.memory_mib },
	})
}

fn proof_json(proof: Option<Proof>) -> Value {
	proof.map_or(Value::Null, |proof| {
		json!({
			"amount": proof.amount,
			"proved_at": proof.proved_at,
			"valid_until": proof.valid_until,
		})
	})
}

fn class_json(report: &ClassReport) -> Value {
	json!({
		"throughput": report.class.throughput,
		"memory": report.class.memory,
		"availability": report.class.availability,
		"throughput_mops": report.throughput_mops,
		"counted_mops": report.counted_mops,
		"memory_mib": report.memory_mib,
		"availability_ppm": report.availability_ppm,
		"limit": report.limit.message(),
	})
}

fn offer_json(offer: &Offer) -> Value {
	json!({
		"price_per_gfuel": amount::json(offer.price_per_gfuel),
		"task_min_fuel": offer.task_min_fuel,
		"task_max_blocks": offer.task_max_blocks,
		"refuses": refused(offer.refuses),
		"hours": offer.hours.map(|hours| json!({
			"from_minute": hours.from_minute,
			"until_minute": hours.until_minute,
		})),
	})
}

fn machine_json(machine: &Machine, rules: &Rules) -> Value {
	let worker = &machine.worker;
	let removable_at = match worker.status {
		WorkerStatus::Retiring { removable_at } => Some(removable_at),
		WorkerStatus::Active | WorkerStatus::Draining | WorkerStatus::Paused => None,
	};
	let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
	let proved = machine.proved();
	let (reserved, free) = (worker.ledger.reserved(), machine.free(rules.now));
	json!({
		"id": machine.id,
		"status": machine.rung(rules).to_string(),
		"obstacle": machine.obstacle(rules).map(|obstacle| obstacle.name()),
		"provider": worker.provider,
		"hot_key": worker.hot_key,
		"offer": offer_json(&worker.offer),
		"class": class_json(&machine.class(rules)),
		"proofs": {
			"processor": proof_json(proved.processor),
			"memory": proof_json(proved.memory),
		},
		"availability": {
			"is_online": worker.availability.is_online(),
			"answered": worker.availability.answered,
			"missed": worker.availability.missed,
		},
		"claimed": claimed_json(&worker.ledger.claimed()),
		"reserved": amounts_json(reserved.cpu_milli, reserved.memory_mib, &reserved.gpu_milli),
		"free": amounts_json(free.cpu_milli, free.memory_mib, &free.gpu_milli),
		"running": worker.running,
		"accepted": worker.accepted,
		"missed": worker.missed,
		"site": {
			"region": worker.site.region.map(region_name),
			"energy": energy_name(worker.site.energy),
			"energy_attested": machine.is_energy_attested,
		},
		"last_seen": worker.last_seen,
		"key_epoch": worker.key_epoch,
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
	use crate::task::tests::{machine, rules};
	use aidragon_primitives::worker::{Hours, Provider};

	#[test]
	fn a_machine_says_why_it_gets_no_work() {
		let ready = show(&machine(3), &rules());
		assert!(ready.text.contains("can get work"), "{}", ready.text);
		assert_eq!(ready.json["obstacle"], Value::Null);
		assert_eq!(ready.json["offer"]["price_per_gfuel"], "1000000");
		let mut silent = machine(3);
		silent.worker.availability.go_offline(999);
		let report = show(&silent, &rules());
		assert!(report.text.contains("cannot get work: its daemon"), "{}", report.text);
		assert_eq!(report.json["obstacle"], "not_live");
		assert_eq!(report.json["status"], "verified");
	}

	#[test]
	fn a_machine_says_why_its_class_is_no_higher() {
		let modest = show(&machine(3), &rules());
		assert!(modest.text.contains("T1 M1 A0"), "{}", modest.text);
		assert!(modest.text.contains("more throughput than was proved"), "{}", modest.text);
		assert_eq!(modest.json["class"]["throughput"], 1);
		let mut fast = machine(3);
		fast.capability = fast.capability.map(|mut proved| {
			proved.processor = proved.processor.map(|proof| Proof { amount: 9_000, ..proof });
			proved
		});
		let report = show(&fast, &rules());
		assert!(report.text.contains("bond does not cover the next tier"), "{}", report.text);
		assert_eq!(report.json["class"]["counted_mops"], 1_999);
		fast.provider =
			fast.provider.map(|provider| Provider { bond: 9 * provider.bond, ..provider });
		fast.is_undoubted = false;
		let report = show(&fast, &rules());
		assert!(report.text.contains("no drawn machine has confirmed it"), "{}", report.text);
	}

	#[test]
	fn offer_and_site_are_shown_in_words() {
		let mut choosy = machine(3);
		choosy.worker.offer.task_min_fuel = 7;
		choosy.worker.offer.hours = Some(Hours { from_minute: 1_320, until_minute: 390 });
		choosy.worker.site.region = Some(Region(*b"IS"));
		choosy.worker.site.energy = EnergySource::Renewable;
		choosy.is_energy_attested = true;
		choosy.worker.offer.task_max_blocks = 40;
		choosy.worker.offer.refuses = TaskKinds::SINGLE.with(TaskKinds::DEPENDENT);
		let report = show(&choosy, &rules());
		let terms = "tasks of 7 fuel and more and of at most 40 blocks but none that is single or dependent, \
			22:00 to 06:30 UTC";
		assert!(report.text.contains(terms), "{}", report.text);
		assert_eq!(report.json["offer"]["refuses"], json!(["single", "dependent"]));
		assert!(report.text.contains("IS, energy renewable, attested"), "{}", report.text);
		assert_eq!(report.json["site"]["region"], "IS");
	}

	#[test]
	fn parts_of_cores_are_shown_in_decimals() {
		assert_eq!(amounts(1_500, 512), "1.5 vCPU, 512 MiB");
		assert_eq!(amounts(2_000, 1), "2 vCPU, 1 MiB");
		assert_eq!(amounts(1, 0), "0.001 vCPU, 0 MiB");
		assert_eq!(amounts(10_010, 0), "10.01 vCPU, 0 MiB");
	}

	#[test]
	fn the_list_has_one_line_for_each_machine() {
		let report = list(&[machine(0), machine(1)], &rules());
		assert_eq!(report.text.lines().count(), 3);
		assert_eq!(report.json[1]["id"], 1);
	}
}
