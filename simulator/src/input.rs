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

/// The highest price: with it a million tasks cost less than there is money.
const PRICE_MAX: Balance = 1_000_000_000_000_000_000_000_000;
/// The latest second: some 30,000 years.
const SECONDS_MAX: f64 = 1e12;

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
/// the smallest power of two in which every task has no more that some machine has the memory for.
pub fn read(nodes: &Path, tasks: &Path, memory_unit_mib: Option<u32>) -> Result<Workload> {
	let node_table = Table::read(nodes, &NODE_COLUMNS)?;
	let task_table = Table::read(tasks, &TASK_COLUMNS)?;
	let largest_mib = most(&node_table, u32::MAX)?;
	let memory_unit_mib = match memory_unit_mib {
		Some(unit) => unit.max(1),
		None => smallest_unit(most(&task_table, largest_mib)?),
	};
	let models = models(&node_table)?;
	let memory = Memory { unit_mib: memory_unit_mib, largest_mib };
	Ok(Workload {
		nodes: read_nodes(&node_table, &models, memory_unit_mib)?,
		tasks: read_tasks(&task_table, &models, memory)?,
		models,
		memory_unit_mib,
	})
}

/// How memory is counted.
#[derive(Clone, Copy)]
struct Memory {
	/// MiB that the chain's MiB stands for.
	unit_mib: u32,
	/// MiB of the machine that has the most.
	largest_mib: u32,
}

/// The most memory in a table, of what has no more than `limit_mib`.
fn most(table: &Table, limit_mib: u32) -> Result<u32> {
	let mut most = 0u32;
	for row in table.rows() {
		let memory_mib = row.number("memory_mib")?;
		most = most.max(if memory_mib > limit_mib { 0 } else { memory_mib });
	}
	Ok(most)
}

fn smallest_unit(most_mib: u32) -> u32 {
	most_mib.div_ceil(MEMORY_MIB_MAX).max(1).next_power_of_two()
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
	let price_per_gfuel = price(row, "price_per_gfuel")?.unwrap_or(PRICE_DEFAULT);
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

/// A price, where there is one.
fn price(row: &Row<'_>, column: &str) -> Result<Option<Balance>> {
	if row.text(column).is_empty() {
		return Ok(None);
	}
	match row.number(column)? {
		price @ 1..=PRICE_MAX => Ok(Some(price)),
		_ => Err(row.error(column, "must be from 1 to 10^24, or empty")),
	}
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

fn read_tasks(table: &Table, models: &[String], memory: Memory) -> Result<Vec<Work>> {
	let classes: BTreeMap<&str, u8> =
		models.iter().zip(0u8..).map(|(model, class)| (model.as_str(), class)).collect();
	table.rows().map(|row| read_task(&row, &classes, memory)).collect()
}

fn read_task(row: &Row<'_>, classes: &BTreeMap<&str, u8>, memory: Memory) -> Result<Work> {
	let cpu_milli = row.number::<u32>("cpu_milli")?.max(1);
	let (cpu_milli, memory_mib) = match row.number::<u32>("memory_mib")? {
		// It fits nothing, which the chain can say of cores only.
		mib if mib > memory.largest_mib => (u32::MAX, 1),
		mib => (cpu_milli, mib.div_ceil(memory.unit_mib).max(1)),
	};
	if memory_mib > MEMORY_MIB_MAX {
		let message = "more than 4,096 units: raise --memory-unit-mib, or leave it out";
		return Err(row.error("memory_mib", message));
	}
	let resources = Resources { cpu_milli, memory_mib, gpu: gpu_share(row, classes)? };
	let (arrives_at, lasts) = times(row)?;
	let replicas: u8 = row.number_or("replicas", 1)?;
	if !(1..=REPLICAS_MAX).contains(&u32::from(replicas)) {
		return Err(row.error("replicas", "must be 1, 2 or 3"));
	}
	Ok(Work {
		name: row.text("name").to_owned(),
		resources,
		arrives_at,
		lasts,
		price_cap: price(row, "price_cap_per_gfuel")?,
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

/// When the task comes, and how long it stays, in whole seconds.
fn times(row: &Row<'_>) -> Result<(u64, Option<u64>)> {
	let created = seconds(row, "creation_time")?
		.ok_or_else(|| row.error("creation_time", "is missing: give seconds"))?;
	let deleted = seconds(row, "deletion_time")?;
	if deleted.is_some_and(|deleted| deleted < created) {
		return Err(row.error("deletion_time", "must not be before creation_time"));
	}
	// Rounded down.
	Ok((created as u64, deleted.map(|deleted| (deleted - created) as u64)))
}

/// A time, where there is one.
fn seconds(row: &Row<'_>, column: &str) -> Result<Option<f64>> {
	if row.text(column).is_empty() {
		return Ok(None);
	}
	let seconds: f64 = row.number(column)?;
	match (0.0..=SECONDS_MAX).contains(&seconds) {
		true => Ok(Some(seconds)),
		false => Err(row.error(column, "must be seconds from 0 to 10^12")),
	}
}
