//! Reading machines and tasks from CSV files, in the columns of the public openb trace.

use crate::{
	error::Result,
	table::{Row, Table},
	workload::{
		Node, Work, Workload, GPU_MEMORY_DEFAULT_MIB, PRICE_DEFAULT, THROUGHPUT_DEFAULT_MOPS,
	},
};
use aidragon_primitives::{
	resources::{GpuShare, Gpus, Resources, GPUS_MAX, GPU_CLASSES, WHOLE_MILLI},
	task::{MEMORY_MIB_MAX, REPLICAS_MAX},
	worker::{Capacity, EnergySource, Region, Site},
	Balance,
};
use std::{
	collections::{BTreeMap, BTreeSet},
	path::Path,
};

const NODE_COLUMNS: [&str; 5] = ["sn", "cpu_milli", "memory_mib", "gpu", "model"];
const TASK_COLUMNS: [&str; 8] = [
	"name",
	"cpu_milli",
	"memory_mib",
	"num_gpu",
	"gpu_milli",
	"gpu_spec",
	"creation_time",
	"deletion_time",
];

/// Reads a cluster and its tasks. The chain's tasks have at most 4 GiB, so memory of both is counted in `memory_unit_mib`, or in
/// the smallest power of two in which every task has no more.
pub fn read(nodes: &Path, tasks: &Path, memory_unit_mib: Option<u32>) -> Result<Workload> {
	let node_table = Table::read(nodes, &NODE_COLUMNS)?;
	let task_table = Table::read(tasks, &TASK_COLUMNS)?;
	let memory_unit_mib = match memory_unit_mib {
		Some(unit) => unit.max(1),
		None => smallest_unit(&task_table)?,
	};
	let models = models(&node_table)?;
	Ok(Workload {
		nodes: read_nodes(&node_table, &models, memory_unit_mib)?,
		tasks: read_tasks(&task_table, &models, memory_unit_mib)?,
		models,
		memory_unit_mib,
	})
}

fn smallest_unit(tasks: &Table) -> Result<u32> {
	let mut most = 0u32;
	for row in tasks.rows() {
		most = most.max(row.number("memory_mib")?);
	}
	Ok(most.div_ceil(MEMORY_MIB_MAX).max(1).next_power_of_two())
}

/// The models of graphics processors that machines have, in the order of their names.
fn models(nodes: &Table) -> Result<Vec<String>> {
	let mut models = BTreeSet::new();
	for row in nodes.rows() {
		if row.number::<u32>("gpu")? == 0 {
			continue;
		}
		let model = row.text("model");
		if model.is_empty() {
			return Err(row.error("model", "name the model of the machine's graphics processors"));
		}
		models.insert(model.to_owned());
		if models.len() > usize::from(GPU_CLASSES) {
			let message = "the chain tells 16 classes of graphics processors apart: merge models";
			return Err(row.error("model", message));
		}
	}
	Ok(models.into_iter().collect())
}

fn read_nodes(table: &Table, models: &[String], unit_mib: u32) -> Result<Vec<Node>> {
	let mut names = BTreeSet::new();
	let mut nodes = Vec::new();
	for row in table.rows() {
		let node = read_node(&row, models, unit_mib)?;
		if !names.insert(node.name.clone()) {
			return Err(row.error("sn", "an earlier machine has this name: names must differ"));
		}
		nodes.push(node);
	}
	if nodes.is_empty() {
		return Err(table.error_at_end("sn", "no machine: add at least one line"));
	}
	Ok(nodes)
}

fn read_node(row: &Row<'_>, models: &[String], unit_mib: u32) -> Result<Node> {
	let name = row.text("sn").to_owned();
	let vcpus = u16::try_from(row.number::<u32>("cpu_milli")? / u32::from(WHOLE_MILLI))
		.map_err(|_| row.error("cpu_milli", "must be below 65,536,000"))?;
	let count: u32 = row.number("gpu")?;
	if count > GPUS_MAX {
		return Err(row.error("gpu", "must be at most 16: split the machine"));
	}
	let class = models.iter().position(|model| model == row.text("model")).unwrap_or_default();
	let price_per_gfuel: Balance = row.number_or("price_per_gfuel", PRICE_DEFAULT)?;
	if price_per_gfuel == 0 {
		return Err(row.error("price_per_gfuel", "must be above 0"));
	}
	let gpus = Gpus {
		// Below 16, and at most 16.
		class: if count == 0 { 0 } else { class as u8 },
		count: count as u8,
		memory_mib: row.number_or("gpu_memory_mib", GPU_MEMORY_DEFAULT_MIB)?,
	};
	let provider = row.text("provider");
	Ok(Node {
		provider: if provider.is_empty() { name.clone() } else { provider.to_owned() },
		name,
		capacity: Capacity {
			gpus,
			..Capacity::cpu(vcpus, row.number::<u32>("memory_mib")? / unit_mib)
		},
		throughput_mops: row.number_or("throughput_mops", THROUGHPUT_DEFAULT_MOPS)?,
		price_per_gfuel,
		site: Site { region: region(row)?, energy: energy(row)? },
	})
}

fn region(row: &Row<'_>) -> Result<Option<Region>> {
	match row.text("region").as_bytes() {
		[] => Ok(None),
		[first, second] if Region([*first, *second]).is_valid() => {
			Ok(Some(Region([*first, *second])))
		}
		_ => Err(row.error("region", "must be two capital letters, or empty")),
	}
}

fn energy(row: &Row<'_>) -> Result<EnergySource> {
	match row.text("energy") {
		"" | "undeclared" => Ok(EnergySource::Undeclared),
		"grid" => Ok(EnergySource::Grid),
		"renewable" => Ok(EnergySource::Renewable),
		"nuclear" => Ok(EnergySource::Nuclear),
		"fossil" => Ok(EnergySource::Fossil),
		_ => Err(row.error(
			"energy",
			"must be one of undeclared, grid, renewable, nuclear, fossil, or empty",
		)),
	}
}

fn read_tasks(table: &Table, models: &[String], unit_mib: u32) -> Result<Vec<Work>> {
	let classes: BTreeMap<&str, u8> =
		models.iter().zip(0u8..).map(|(model, class)| (model.as_str(), class)).collect();
	table.rows().map(|row| read_task(&row, &classes, unit_mib)).collect()
}

fn read_task(row: &Row<'_>, classes: &BTreeMap<&str, u8>, unit_mib: u32) -> Result<Work> {
	let memory_mib = row.number::<u32>("memory_mib")?.div_ceil(unit_mib).max(1);
	if memory_mib > MEMORY_MIB_MAX {
		let message = "more than 4,096 units: raise --memory-unit-mib, or leave it out";
		return Err(row.error("memory_mib", message));
	}
	let resources = Resources {
		cpu_milli: row.number::<u32>("cpu_milli")?.max(1),
		memory_mib,
		gpu: gpu_share(row, classes)?,
	};
	let (arrives_at, lasts) = times(row)?;
	let replicas: u8 = row.number_or("replicas", 1)?;
	if !(1..=REPLICAS_MAX).contains(&u32::from(replicas)) {
		return Err(row.error("replicas", "must be 1, 2 or 3"));
	}
	let price_cap: Balance = row.number_or("price_cap_per_gfuel", 0)?;
	Ok(Work {
		name: row.text("name").to_owned(),
		resources,
		arrives_at,
		lasts,
		price_cap: (price_cap > 0).then_some(price_cap),
		replicas,
		region: region(row)?,
	})
}

fn gpu_share(row: &Row<'_>, classes: &BTreeMap<&str, u8>) -> Result<GpuShare> {
	let count: u32 = row.number("num_gpu")?;
	if count == 0 {
		return Ok(GpuShare::default());
	}
	if count > GPUS_MAX {
		return Err(row.error("num_gpu", "must be at most 16"));
	}
	let share = GpuShare {
		count: count as u8,
		milli: row.number_or("gpu_milli", WHOLE_MILLI)?,
		memory_min_mib: 0,
		classes: accepted(row, classes)?,
	};
	match share.is_valid() {
		true => Ok(share),
		false => Err(row.error("gpu_milli", "must be 1 to 1000 of one, and 1000 of several")),
	}
}

/// The classes that a task names, 0 for any.
fn accepted(row: &Row<'_>, classes: &BTreeMap<&str, u8>) -> Result<u16> {
	let named: Vec<&str> =
		row.text("gpu_spec").split('|').map(str::trim).filter(|name| !name.is_empty()).collect();
	let mask =
		named.iter().filter_map(|name| classes.get(name)).fold(0, |mask, class| mask | 1 << class);
	match (named.is_empty(), mask) {
		(false, 0) => {
			Err(row.error("gpu_spec", "no machine has any of these models: name one that is there"))
		}
		_ => Ok(mask),
	}
}

/// When the task comes, and how long it stays.
fn times(row: &Row<'_>) -> Result<(u64, Option<u64>)> {
	let seconds = |column| -> Result<Option<f64>> {
		let seconds: f64 = row.number_or(column, -1.0)?;
		Ok((!row.text(column).is_empty()).then_some(seconds))
	};
	let created = seconds("creation_time")?
		.ok_or_else(|| row.error("creation_time", "is missing: give seconds"))?;
	let deleted = seconds("deletion_time")?;
	if !created.is_finite() || created < 0.0 || deleted.is_some_and(|at| !at.is_finite()) {
		return Err(row.error("creation_time", "must be seconds from 0 on"));
	}
	if deleted.is_some_and(|deleted| deleted < created) {
		return Err(row.error("deletion_time", "must not be before creation_time"));
	}
	// Seconds, rounded down.
	Ok((created as u64, deleted.map(|deleted| (deleted - created) as u64)))
}
