//! What task files and job files have in common: the program, resources, limits, verification, matching.

mod vcpus;

use crate::{amount::Amount, exit::Failure};
use aidragon_primitives::{
	resources::{GpuShare, Resources as Needed, GPU_CLASSES, WHOLE_MILLI},
	task::{BlobRef, MatchingPolicy, Program, ProgramKind, Requirements, TaskSpec},
	worker::{EnergySource, Region, SocketText, TransportAddress},
	Balance,
};
use schemars::JsonSchema;
use serde::{
	de::{DeserializeOwned, Error as _},
	Deserialize, Deserializer,
};
use std::{
	fs::{self, File},
	io::Read,
	path::{Path, PathBuf},
};

/// Longest file.
const FILE_BYTES_MAX: u64 = 64 * 1_024;
/// Fuel in one Mfuel.
const MFUEL: u64 = 1_000_000;
/// Bytes in one MiB.
const MIB: u64 = 1 << 20;
/// The first bytes of every WebAssembly module.
const WASM_MAGIC: [u8; 4] = *b"\0asm";

/// A file.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FilePath {
	/// Path of the file, relative to this one.
	pub path: PathBuf,
}

/// What a machine must have free and must have proved.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Resources {
	/// Virtual processors, to a thousandth: 0.5 shares one with another task.
	#[serde(rename = "vcpus", deserialize_with = "vcpus::thousandths")]
	#[schemars(with = "f64", range(min = 0.001, max = 65_535))]
	cpu_milli: u32,
	/// Memory in MiB.
	#[schemars(range(min = 1, max = 4096))]
	memory_mib: u32,
	/// Graphics processors; none if left out. No machine sells any yet.
	#[serde(default)]
	gpu: Option<Gpu>,
	/// Least proved throughput in million int8 operations per second; 0 for any.
	#[serde(default)]
	throughput_min_mops: u32,
	/// Country in which the machine must stand, as its provider says: two letters of ISO 3166-1. Nobody earns points then.
	#[serde(default)]
	#[schemars(regex(pattern = r"^[A-Z]{2}$"))]
	region: Option<String>,
	/// Source of energy on which the machine must run, as an attestor confirms.
	#[serde(default)]
	energy: Option<Energy>,
}

/// Graphics processors: a part of one, or some whole ones.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Gpu {
	/// How many.
	#[schemars(range(min = 1, max = 16))]
	count: u8,
	/// Thousandths of it; 1000 where several are taken.
	#[serde(default = "whole")]
	#[schemars(range(min = 1, max = 1000))]
	milli: u16,
	/// Least memory of each, in MiB.
	#[serde(default)]
	memory_min_mib: u32,
	/// Classes that will do, 0 to 15; any if empty.
	#[serde(default)]
	#[schemars(inner(range(max = 15)))]
	classes: Vec<u8>,
}

/// A source of energy.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Energy {
	/// Whatever the grid has.
	Grid,
	/// Sun, wind, water, earth heat or biomass.
	Renewable,
	/// Nuclear fission.
	Nuclear,
	/// Coal, oil or gas.
	Fossil,
}

/// Bounds of the run.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Limits {
	/// Millions of fuel after which the program is stopped. One unit is about one WebAssembly instruction.
	#[schemars(range(min = 1, max = 1_000_000_000))]
	fuel_mfuel: u64,
	/// MiB of output after which the program is stopped.
	#[serde(default = "output_mib")]
	#[schemars(range(min = 1, max = 64))]
	output_mib: u64,
	/// Blocks of 3 seconds that a machine has, from the draw, to deliver.
	#[serde(default = "execution_blocks")]
	#[schemars(range(min = 4))]
	execution_blocks: u32,
	/// Blocks of 3 seconds, from submission, after which everything is over whatever happens.
	#[serde(default = "deadline_blocks")]
	#[schemars(range(min = 18, max = 201_600))]
	deadline_blocks: u32,
}

/// How the result is checked.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Verification {
	/// Machines of different providers that run it. A majority must agree.
	#[schemars(range(min = 1, max = 3))]
	replicas: u8,
}

/// How machines are chosen, and what they may cost.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Matching {
	/// Which machine is preferred among those that fit.
	policy: Policy,
	/// Most to pay, in DRGN per 10⁹ fuel and replica, as decimal text such as "0.01".
	#[serde(deserialize_with = "amount")]
	#[schemars(with = "String", regex(pattern = r"^[0-9]+(\.[0-9]{1,12})?$"))]
	price_cap_per_gfuel: Balance,
	/// How often missing or disagreeing machines are replaced.
	#[serde(default = "retries")]
	#[schemars(range(max = 3))]
	retries: u8,
}

/// Which machine is preferred among those that fit.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Policy {
	/// The lowest price.
	Cheapest,
	/// The highest proved throughput.
	Fastest,
	/// The lowest price for the proved throughput.
	Balanced,
	/// The cleanest attested source of energy, then the lowest price.
	Greenest,
}

impl Default for Verification {
	fn default() -> Self {
		Self { replicas: 2 }
	}
}

fn whole() -> u16 {
	WHOLE_MILLI
}

fn output_mib() -> u64 {
	16
}

fn execution_blocks() -> u32 {
	20
}

fn deadline_blocks() -> u32 {
	200
}

fn retries() -> u8 {
	2
}

fn amount<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Balance, D::Error> {
	let text = String::deserialize(deserializer)?;
	text.parse::<Amount>().map(|amount| amount.0).map_err(D::Error::custom)
}

/// The sections that say what is to be done with each input.
#[derive(Clone, Copy, Debug)]
pub struct Sections<'file> {
	/// See [`Resources`].
	pub resources: &'file Resources,
	/// See [`Limits`].
	pub limits: &'file Limits,
	/// See [`Verification`].
	pub verification: &'file Verification,
	/// See [`Matching`].
	pub matching: &'file Matching,
}

impl Sections<'_> {
	/// The specification for the chain. Errors name the field and its bounds.
	pub fn spec(&self, program: BlobRef, source: TransportAddress) -> Result<TaskSpec, String> {
		let Self { resources, limits, verification, matching } = self;
		let scaled = |field: &str, value: u64, unit: u64| {
			value.checked_mul(unit).ok_or_else(|| format!("limits.{field}: {value} is too large"))
		};
		let spec = TaskSpec {
			program: Program { kind: ProgramKind::WasiCommand, blob: program },
			source,
			requirements: resources.requirements()?,
			fuel_limit: scaled("fuel_mfuel", limits.fuel_mfuel, MFUEL)?,
			output_limit_bytes: scaled("output_mib", limits.output_mib, MIB)?,
			execution_blocks: limits.execution_blocks,
			deadline_blocks: limits.deadline_blocks,
			replicas: verification.replicas,
			matching: match matching.policy {
				Policy::Cheapest => MatchingPolicy::Cheapest,
				Policy::Fastest => MatchingPolicy::Fastest,
				Policy::Balanced => MatchingPolicy::Balanced,
				Policy::Greenest => MatchingPolicy::Greenest,
			},
			price_cap_per_gfuel: matching.price_cap_per_gfuel,
			retries: matching.retries,
		};
		spec.validate().map_err(|error| error.message().to_owned())?;
		Ok(spec)
	}
}

impl Resources {
	fn requirements(&self) -> Result<Requirements, String> {
		let region = self.region.as_deref().map(|text| {
			let letters = <[u8; 2]>::try_from(text.as_bytes()).ok().map(Region);
			letters.filter(Region::is_valid).ok_or_else(|| {
				format!("resources.region: is `{text}`; use two capital letters, such as DE")
			})
		});
		let gpu = self.gpu.as_ref().map(Gpu::share).transpose()?.unwrap_or_default();
		Ok(Requirements {
			resources: Needed { cpu_milli: self.cpu_milli, memory_mib: self.memory_mib, gpu },
			throughput_min_mops: self.throughput_min_mops,
			region: region.transpose()?,
			energy: self.energy.map(|energy| match energy {
				Energy::Grid => EnergySource::Grid,
				Energy::Renewable => EnergySource::Renewable,
				Energy::Nuclear => EnergySource::Nuclear,
				Energy::Fossil => EnergySource::Fossil,
			}),
		})
	}
}

impl Gpu {
	fn share(&self) -> Result<GpuShare, String> {
		if self.count == 0 {
			return Err(
				"resources.gpu.count: must be at least 1; leave [resources.gpu] out for none"
					.into(),
			);
		}
		let mut classes = 0u16;
		for class in &self.classes {
			if *class >= GPU_CLASSES {
				return Err(format!("resources.gpu.classes: {class} is none; use 0 to 15"));
			}
			classes |= 1 << class;
		}
		let Self { count, milli, memory_min_mib, .. } = *self;
		Ok(GpuShare { count, milli, memory_min_mib, classes })
	}
}

/// Reads a file of this kind. Errors name the file, the line and the key.
pub fn read<T: DeserializeOwned>(path: &Path, kind: &str) -> Result<T, Failure> {
	let name = path.display();
	let unreadable = |error| Failure::usage(format!("{name}: cannot read it: {error}"));
	let size_bytes = fs::metadata(path).map_err(unreadable)?.len();
	if size_bytes > FILE_BYTES_MAX {
		let message = format!("{name}: {size_bytes} bytes are too long for a {kind} file");
		return Err(Failure::usage(message));
	}
	let text = fs::read_to_string(path).map_err(unreadable)?;
	toml::from_str(&text).map_err(|error| {
		let reason = error.to_string();
		let reason = reason.trim_end();
		Failure::usage(format!(
			"{name}: {reason}\nsee `dragon {kind} schema` for what a {kind} file holds"
		))
	})
}

/// The file that `field` of the file at `path` names, and its size. The hash is of zeros.
pub fn sized(path: &Path, field: &str, named: &Path) -> Result<(PathBuf, BlobRef), Failure> {
	let file = path.parent().unwrap_or(Path::new("")).join(named);
	let wrong = |reason: String| {
		Failure::usage(format!("{}: {field}: {}: {reason}", path.display(), file.display()))
	};
	match fs::metadata(&file) {
		Ok(found) if found.is_file() => {
			let blob = BlobRef { hash: [0; 32], size_bytes: found.len() };
			Ok((file, blob))
		}
		Ok(_) => Err(wrong("it is not a file; name a file".into())),
		Err(error) => {
			let kind = path.file_name().unwrap_or_default().to_string_lossy();
			Err(wrong(format!("{error}; paths are relative to {kind}")))
		}
	}
}

/// What is likely a mistake about a program, although it is allowed.
pub fn program_warning(program: &Path) -> Option<String> {
	let mut magic = [0; WASM_MAGIC.len()];
	let read = File::open(program).and_then(|mut file| file.read_exact(&mut magic));
	let is_wasm = read.is_ok() && magic == WASM_MAGIC;
	let name = program.display();
	(!is_wasm).then(|| format!("{name}: not a WebAssembly module, so the task would fail"))
}

/// A source of the usual length, for checks and quotes before there is a real one.
pub fn placeholder() -> TransportAddress {
	let socket = SocketText::truncate_from(b"127.0.0.1:30450".to_vec());
	let mut address = TransportAddress { http: Some(socket.clone()), ..Default::default() };
	// The first of four.
	let _ = address.sockets.try_push(socket);
	address
}

/// The JSON schema of a kind of file.
pub fn schema_text<T: JsonSchema>() -> String {
	let schema = schemars::schema_for!(T);
	// A schema is plain JSON, which always prints.
	format!("{:#}\n", schema.as_value())
}

#[cfg(test)]
mod tests {
	use super::*;

	fn resources(text: &str) -> Result<Resources, String> {
		toml::from_str(text).map_err(|error| error.to_string())
	}

	#[test]
	fn graphics_processors_region_and_energy_become_requirements() {
		let text = "vcpus = 1\nmemory_mib = 1\nregion = \"IS\"\nenergy = \"renewable\"\n\
			[gpu]\ncount = 1\nmilli = 250\nmemory_min_mib = 8000\nclasses = [0, 3]\n";
		let found = resources(text).unwrap().requirements().unwrap();
		let gpu = GpuShare { count: 1, milli: 250, memory_min_mib: 8_000, classes: 0b1001 };
		assert_eq!(found.resources, Needed { gpu, ..Needed::cpu(1_000, 1) });
		assert_eq!(
			(found.region, found.energy),
			(Some(Region(*b"IS")), Some(EnergySource::Renewable))
		);
		let whole = resources("vcpus = 1\nmemory_mib = 1\n[gpu]\ncount = 2").unwrap();
		let share = whole.requirements().unwrap().resources.gpu;
		assert_eq!((share.count, share.milli, share.classes), (2, 1_000, 0));
		for (extra, field) in [
			("region = \"is\"", "resources.region: is `is`"),
			("[gpu]\ncount = 0", "resources.gpu.count"),
			("[gpu]\ncount = 1\nclasses = [16]", "resources.gpu.classes: 16"),
		] {
			let text = format!("vcpus = 1\nmemory_mib = 1\n{extra}");
			let error = resources(&text).unwrap().requirements().unwrap_err();
			assert!(error.starts_with(field), "{error}");
		}
	}
}
