//! Task files: reading, checking, and what they become on the chain.

use crate::{amount::Amount, exit::Failure};
use aidragon_primitives::{
	task::{BlobRef, MatchingPolicy, Program, ProgramKind, Requirements, TaskSpec},
	worker::{Capacity, SocketText, TransportAddress},
	Balance,
};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};
use std::{
	fs,
	fs::File,
	io::Read,
	path::{Path, PathBuf},
};

/// Longest task file.
const FILE_BYTES_MAX: u64 = 64 * 1_024;
/// Fuel in one Mfuel.
const MFUEL: u64 = 1_000_000;
/// Bytes in one MiB.
const MIB: u64 = 1 << 20;
/// The first bytes of every WebAssembly module.
const WASM_MAGIC: [u8; 4] = *b"\0asm";

/// A task as its user writes it down. Paths are relative to the file.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "AI Dragon task")]
pub struct TaskFile {
	/// What runs: a WASI preview-1 command in WebAssembly. Input on stdin, output on stdout.
	program: FilePath,
	/// On what it runs.
	input: FilePath,
	/// What a machine must have free and must have proved.
	resources: Resources,
	/// Bounds of the run.
	limits: Limits,
	/// How the result is checked.
	#[serde(default)]
	verification: Verification,
	/// How machines are chosen, and what they may cost.
	matching: Matching,
}

/// A file.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct FilePath {
	/// Path of the file, relative to the task file.
	path: PathBuf,
}

/// What a machine must have free and must have proved.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Resources {
	/// Virtual processors.
	#[schemars(range(min = 1))]
	vcpus: u16,
	/// Memory in MiB.
	#[schemars(range(min = 1, max = 4096))]
	memory_mib: u32,
	/// Least proved throughput in million int8 operations per second; 0 for any.
	#[serde(default)]
	throughput_min_mops: u32,
}

/// Bounds of the run.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Limits {
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
	/// Blocks of 3 seconds, from submission, after which the task is over whatever happens.
	#[serde(default = "deadline_blocks")]
	#[schemars(range(min = 18, max = 201_600))]
	deadline_blocks: u32,
}

/// How the result is checked.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Verification {
	/// Machines of different providers that run it. A majority must agree.
	#[schemars(range(min = 1, max = 3))]
	replicas: u8,
}

/// How machines are chosen, and what they may cost.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Matching {
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
}

impl Default for Verification {
	fn default() -> Self {
		Self { replicas: 2 }
	}
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
	text.parse::<Amount>().map(|amount| amount.0).map_err(serde::de::Error::custom)
}

/// A task file whose every value was checked. The specification still lacks hashes and source.
#[derive(Clone, Debug)]
pub struct Checked {
	/// The program's file.
	pub program: PathBuf,
	/// The input's file.
	pub input: PathBuf,
	/// What the chain would get, with hashes of zeros and a placeholder for the source.
	pub spec: TaskSpec,
	/// What is allowed, but likely a mistake.
	pub warnings: Vec<String>,
}

impl TaskFile {
	/// Reads a task file. Errors name the file, the line and the key.
	pub fn read(path: &Path) -> Result<Self, Failure> {
		let unreadable =
			|error| Failure::usage(format!("{}: cannot read it: {error}", path.display()));
		let size_bytes = fs::metadata(path).map_err(unreadable)?.len();
		if size_bytes > FILE_BYTES_MAX {
			let message =
				format!("{}: {size_bytes} bytes are too long for a task file", path.display());
			return Err(Failure::usage(message));
		}
		let text = fs::read_to_string(path).map_err(unreadable)?;
		Self::parse(&text).map_err(|reason| {
			let name = path.display();
			Failure::usage(format!(
				"{name}: {reason}\nsee `dragon task schema` for what a task file holds"
			))
		})
	}

	fn parse(text: &str) -> Result<Self, String> {
		toml::from_str(text).map_err(|error| error.to_string().trim_end().to_owned())
	}

	/// Checks every bound and both files. Needs no network.
	pub fn check(&self, path: &Path) -> Result<Checked, Failure> {
		let directory = path.parent().unwrap_or(Path::new(""));
		let program = directory.join(&self.program.path);
		let input = directory.join(&self.input.path);
		let sized = |field: &str, file: &Path| {
			let named = |reason: String| {
				Failure::usage(format!(
					"{}: {field}.path: {}: {reason}",
					path.display(),
					file.display()
				))
			};
			match fs::metadata(file) {
				Ok(found) if found.is_file() => {
					Ok(BlobRef { hash: [0; 32], size_bytes: found.len() })
				}
				Ok(_) => Err(named("it is not a file; name a file".into())),
				Err(error) => Err(named(format!("{error}; paths are relative to the task file"))),
			}
		};
		let blobs = (sized("program", &program)?, sized("input", &input)?);
		let spec = self
			.spec(blobs.0, blobs.1, placeholder())
			.map_err(|reason| Failure::usage(format!("{}: {reason}", path.display())))?;
		let mut warnings = Vec::new();
		if !is_wasm(&program) {
			warnings.push(format!(
				"{}: not a WebAssembly module, so the task would fail",
				program.display()
			));
		}
		Ok(Checked { program, input, spec, warnings })
	}

	/// The specification for the chain. Errors name the field and its bounds.
	pub fn spec(
		&self,
		program: BlobRef,
		input: BlobRef,
		source: TransportAddress,
	) -> Result<TaskSpec, String> {
		let scaled = |field: &str, value: u64, unit: u64| {
			value.checked_mul(unit).ok_or_else(|| format!("limits.{field}: {value} is too large"))
		};
		let spec = TaskSpec {
			program: Program { kind: ProgramKind::WasiCommand, blob: program },
			input,
			source,
			requirements: Requirements {
				capacity: Capacity {
					vcpus: self.resources.vcpus,
					memory_mib: self.resources.memory_mib,
				},
				throughput_min_mops: self.resources.throughput_min_mops,
			},
			fuel_limit: scaled("fuel_mfuel", self.limits.fuel_mfuel, MFUEL)?,
			output_limit_bytes: scaled("output_mib", self.limits.output_mib, MIB)?,
			execution_blocks: self.limits.execution_blocks,
			deadline_blocks: self.limits.deadline_blocks,
			replicas: self.verification.replicas,
			matching: match self.matching.policy {
				Policy::Cheapest => MatchingPolicy::Cheapest,
				Policy::Fastest => MatchingPolicy::Fastest,
				Policy::Balanced => MatchingPolicy::Balanced,
			},
			price_cap_per_gfuel: self.matching.price_cap_per_gfuel,
			retries: self.matching.retries,
		};
		spec.validate().map_err(|error| error.message().to_owned())?;
		Ok(spec)
	}
}

/// A source of the usual length, for checks and quotes before there is a real one.
fn placeholder() -> TransportAddress {
	let socket = SocketText::truncate_from(b"127.0.0.1:30450".to_vec());
	let mut address = TransportAddress { http: Some(socket.clone()), ..Default::default() };
	// The first of four.
	let _ = address.sockets.try_push(socket);
	address
}

fn is_wasm(path: &Path) -> bool {
	let mut magic = [0; WASM_MAGIC.len()];
	File::open(path).and_then(|mut file| file.read_exact(&mut magic)).is_ok() && magic == WASM_MAGIC
}

/// The JSON schema of task files.
pub fn schema_text() -> String {
	let schema = schemars::schema_for!(TaskFile);
	// A schema is plain JSON, which always prints.
	format!("{:#}\n", schema.as_value())
}

#[cfg(test)]
mod tests;
