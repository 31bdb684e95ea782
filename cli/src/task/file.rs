//! Task files: reading, checking, and what they become on the chain.

use crate::{
	exit::Failure,
	spec::{self, FilePath, Limits, Matching, Resources, Sections, Verification},
};
use aidragon_primitives::{
	job::{self, After, JobTask},
	task::{BlobRef, TaskSpec},
	worker::TransportAddress,
};
use schemars::JsonSchema;
use serde::Deserialize;
use std::path::{Path, PathBuf};

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

/// A task file whose every value was checked. Hashes and source are still missing.
#[derive(Clone, Debug)]
pub struct Checked {
	/// The program's file.
	pub program: PathBuf,
	/// The input's file.
	pub input: PathBuf,
	/// What the chain would get, with a hash of zeros and a placeholder for the source.
	pub spec: TaskSpec,
	/// The input as the chain would get it, with a hash of zeros.
	pub input_blob: BlobRef,
	/// What is allowed, but likely a mistake.
	pub warnings: Vec<String>,
}

impl TaskFile {
	/// Reads a task file. Errors name the file, the line and the key.
	pub fn read(path: &Path) -> Result<Self, Failure> {
		spec::read(path, "task")
	}

	/// Checks every bound and both files. Needs no network.
	pub fn check(&self, path: &Path) -> Result<Checked, Failure> {
		let wrong = |reason: String| Failure::usage(format!("{}: {reason}", path.display()));
		let (program, program_blob) = spec::sized(path, "program.path", &self.program.path)?;
		let (input, input_blob) = spec::sized(path, "input.path", &self.input.path)?;
		let spec = self.spec(program_blob, spec::placeholder()).map_err(wrong)?;
		let task = JobTask { input: input_blob, after: After::default() };
		job::validate(&[task]).map_err(|error| wrong(error.message().to_owned()))?;
		let warnings = spec::program_warning(&program).into_iter().collect();
		Ok(Checked { program, input, spec, input_blob, warnings })
	}

	/// The specification for the chain. Errors name the field and its bounds.
	pub fn spec(&self, program: BlobRef, source: TransportAddress) -> Result<TaskSpec, String> {
		let Self { resources, limits, verification, matching, .. } = self;
		Sections { resources, limits, verification, matching }.spec(program, source)
	}
}

#[cfg(test)]
mod tests;
