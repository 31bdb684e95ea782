//! Job files: reading, checking, and what they become on the chain.

use crate::{
	exit::Failure,
	spec::{self, FilePath, Limits, Matching, Resources, Sections, Verification},
};
use aidragon_primitives::{
	job::{self, After, JobTask, JobTasks, JOB_TASKS_MAX},
	task::{BlobRef, TaskSpec, INPUT_BYTES_MAX},
	worker::TransportAddress,
	Balance,
};
use schemars::JsonSchema;
use serde::Deserialize;
use std::{
	collections::BTreeMap,
	path::{Path, PathBuf},
};

/// Many tasks that share a program, as their user writes them down. Paths are relative to the file.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "AI Dragon job")]
pub struct JobFile {
	/// How often map and reduce are done, each round on the result of the one before.
	#[serde(default)]
	#[schemars(range(min = 1, max = 128))]
	rounds: Option<u32>,
	/// What runs in every task: a WASI preview-1 command in WebAssembly. Input on stdin, output on stdout.
	program: FilePath,
	/// Tasks side by side, one for each input. Either this or `tasks`.
	#[serde(default)]
	map: Option<Map>,
	/// A task that takes the results of all tasks of `map`.
	#[serde(default)]
	reduce: Option<Reduce>,
	/// Tasks one by one. Either this or `map`.
	#[serde(default)]
	tasks: Option<Vec<OneTask>>,
	/// What a machine must have free and must have proved.
	resources: Resources,
	/// Bounds of each task's run.
	limits: Limits,
	/// How each result is checked.
	#[serde(default)]
	verification: Verification,
	/// How machines are chosen, and what they may cost.
	matching: Matching,
}

/// Tasks side by side.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Map {
	/// Paths of their inputs. From the second round on, the last result of `reduce` comes behind each.
	#[schemars(length(min = 1, max = 256))]
	inputs: Vec<PathBuf>,
}

/// A task that takes the results of others.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Reduce {
	/// Path of its own input, behind which the results come.
	input: PathBuf,
}

/// One task.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct OneTask {
	/// Path of its own input.
	input: PathBuf,
	/// The earlier tasks whose results come behind its own input, in their order; none if left out.
	#[serde(default)]
	after: Option<Range>,
}

/// Tasks that follow each other.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Range {
	/// Position of the first, counted from 0.
	#[schemars(range(max = 254))]
	first: u16,
	/// How many there are.
	#[schemars(range(min = 1, max = 255))]
	count: u16,
}

/// A task by the position of its input among those of the job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Planned {
	/// The input.
	pub input: usize,
	/// The tasks whose results it takes.
	pub after: After,
}

/// A task with the field that names its input.
struct Named {
	field: String,
	path: PathBuf,
	after: After,
}

/// A job file whose every value was checked. Hashes and source are still missing.
#[derive(Clone, Debug)]
pub struct Checked {
	/// The program's file.
	pub program: PathBuf,
	/// The files of the inputs, each once.
	pub inputs: Vec<PathBuf>,
	/// The inputs as the chain gets them, with hashes of zeros until they were read.
	pub blobs: Vec<BlobRef>,
	/// The tasks, in order.
	pub tasks: Vec<Planned>,
	/// What the chain would get, with a hash of zeros and a placeholder for the source.
	pub spec: TaskSpec,
	/// What is allowed, but likely a mistake.
	pub warnings: Vec<String>,
}

impl JobFile {
	/// Reads a job file. Errors name the file, the line and the key.
	pub fn read(path: &Path) -> Result<Self, Failure> {
		spec::read(path, "job")
	}

	/// Checks every bound and all files. Needs no network.
	pub fn check(&self, path: &Path) -> Result<Checked, Failure> {
		let wrong = |reason: String| Failure::usage(format!("{}: {reason}", path.display()));
		let (program, program_blob) = spec::sized(path, "program.path", &self.program.path)?;
		let spec = self.spec(program_blob, spec::placeholder()).map_err(wrong)?;
		let warnings = spec::program_warning(&program).into_iter().collect();
		let (inputs, blobs, tasks) = (Vec::new(), Vec::new(), Vec::new());
		let mut checked = Checked { program, inputs, blobs, tasks, spec, warnings };
		let mut known: BTreeMap<PathBuf, usize> = BTreeMap::new();
		for task in self.layout().map_err(wrong)? {
			let input = match known.get(&task.path) {
				Some(input) => *input,
				None => {
					let (file, blob) = spec::sized(path, &task.field, &task.path)?;
					let position = checked.inputs.len();
					let single = JobTask { input: blob, after: After::default() };
					job::validate(&[single])
						.map_err(|error| wrong(format!("{}: {}", task.field, error.message())))?;
					checked.inputs.push(file);
					checked.blobs.push(blob);
					known.insert(task.path, position);
					position
				}
			};
			checked.tasks.push(Planned { input, after: task.after });
		}
		job::validate(&checked.job_tasks()).map_err(|error| wrong(error.message().to_owned()))?;
		checked.warnings.extend(checked.size_warning());
		checked.warnings.extend(checked.time_warning());
		Ok(checked)
	}

	/// The specification for the chain. Errors name the field and its bounds.
	pub fn spec(&self, program: BlobRef, source: TransportAddress) -> Result<TaskSpec, String> {
		let Self { resources, limits, verification, matching, .. } = self;
		Sections { resources, limits, verification, matching }.spec(program, source)
	}

	/// The tasks in order, however they are written down.
	fn layout(&self) -> Result<Vec<Named>, String> {
		match (&self.map, &self.tasks) {
			(Some(map), None) => self.map_reduce(map),
			(None, Some(tasks)) if self.rounds.is_some() || self.reduce.is_some() => {
				let field = if self.rounds.is_some() { "rounds" } else { "reduce" };
				let count = tasks.len();
				Err(format!(
					"{field}: goes with map, and not with the {count} of tasks; leave it out"
				))
			}
			(None, Some(tasks)) => one_by_one(tasks),
			(Some(_), Some(_)) => Err("map, tasks: give one of the two".into()),
			(None, None) => {
				Err("map: is missing; name inputs in [map], or each task in [[tasks]]".into())
			}
		}
	}

	fn map_reduce(&self, map: &Map) -> Result<Vec<Named>, String> {
		let (rounds, maps) = (self.rounds.unwrap_or(1) as usize, map.inputs.len());
		if rounds == 0 {
			return Err("rounds: must be at least 1".into());
		}
		if rounds > 1 && self.reduce.is_none() {
			return Err(format!(
				"reduce: is missing; {rounds} rounds need it, as each begins with its result"
			));
		}
		if maps == 0 {
			return Err("map.inputs: must name at least one file".into());
		}
		let per_round = maps.saturating_add(usize::from(self.reduce.is_some()));
		let all = rounds.saturating_mul(per_round);
		if all > JOB_TASKS_MAX as usize {
			let field = if rounds > 1 { "rounds" } else { "map.inputs" };
			return Err(format!(
				"{field}: {rounds} times {per_round} are {all} tasks; a job has at most {JOB_TASKS_MAX}"
			));
		}
		let mut tasks = Vec::with_capacity(all);
		for round in 0..rounds {
			let first = round * per_round;
			let before = first.checked_sub(1).map_or(After::default(), |last| after(last, 1));
			tasks.extend(map.inputs.iter().enumerate().map(|(index, path)| Named {
				field: format!("map.inputs[{index}]"),
				path: path.clone(),
				after: before,
			}));
			tasks.extend(self.reduce.iter().map(|reduce| Named {
				field: "reduce.input".into(),
				path: reduce.input.clone(),
				after: after(first, maps),
			}));
		}
		Ok(tasks)
	}
}

fn one_by_one(tasks: &[OneTask]) -> Result<Vec<Named>, String> {
	if tasks.is_empty() || tasks.len() > JOB_TASKS_MAX as usize {
		let count = tasks.len();
		return Err(format!("tasks: are {count}; a job has 1 to {JOB_TASKS_MAX}"));
	}
	let named = |(position, task): (usize, &OneTask)| {
		let range = match task.after {
			None => After::default(),
			Some(Range { first, count }) => {
				let end = usize::from(first).saturating_add(usize::from(count));
				if count == 0 {
					return Err(format!("tasks[{position}].after.count: must be at least 1; leave after out for none"));
				}
				if end > position {
					let last = end.saturating_sub(1);
					return Err(format!(
						"tasks[{position}].after: names the tasks {first} to {last}; it can take the results only of \
						those before it, 0 to {}",
						position.saturating_sub(1)
					));
				}
				after(usize::from(first), usize::from(count))
			}
		};
		let field = format!("tasks[{position}].input");
		Ok(Named { field, path: task.input.clone(), after: range })
	};
	tasks.iter().enumerate().map(named).collect()
}

/// A range of tasks. Positions of a job's tasks are below 256, and so are numbers of tasks before another.
fn after(first: usize, count: usize) -> After {
	let small = |number: usize| u8::try_from(number).unwrap_or(u8::MAX);
	After { first: small(first), count: small(count) }
}

impl Checked {
	/// The tasks as the chain gets them.
	pub fn job_tasks(&self) -> JobTasks {
		let blank = BlobRef { hash: [0; 32], size_bytes: 0 };
		let task = |task: &Planned| JobTask {
			input: self.blobs.get(task.input).copied().unwrap_or(blank),
			after: task.after,
		};
		JobTasks::truncate_from(self.tasks.iter().map(task).collect())
	}

	/// The most that all tasks can cost.
	pub fn escrow(&self) -> Balance {
		let each = self.spec.escrow().unwrap_or_default();
		each.saturating_mul(self.tasks.len() as Balance)
	}

	/// The most tasks of which each takes the result of the one before.
	pub fn depth(&self) -> usize {
		let mut depths: Vec<usize> = Vec::with_capacity(self.tasks.len());
		for task in &self.tasks {
			let before = task.after.positions().filter_map(|other| depths.get(usize::from(other)));
			depths.push(before.max().map_or(1, |deepest| deepest.saturating_add(1)));
		}
		depths.into_iter().max().unwrap_or(0)
	}

	/// Machines refuse what is larger than an input may be.
	fn size_warning(&self) -> Option<String> {
		let most = |task: &Planned| {
			let outputs = u64::from(task.after.count).saturating_mul(self.spec.output_limit_bytes);
			let own = self.blobs.get(task.input).map_or(0, |blob| blob.size_bytes);
			outputs.saturating_add(own)
		};
		let is_large = |task: &Planned| task.after.count > 0 && most(task) > INPUT_BYTES_MAX;
		let position = self.tasks.iter().position(is_large)?;
		Some(format!(
			"limits.output_mib: if all results were as large, the {} that task {position} takes would be more than \
			1 GiB, which machines refuse",
			self.tasks.get(position).map_or(0, |task| task.after.count)
		))
	}

	/// Even where every machine delivers at once, a task takes four blocks: two to its draw, one to deliver, one to release the next.
	fn time_warning(&self) -> Option<String> {
		let (depth, deadline) = (self.depth() as u64, u64::from(self.spec.deadline_blocks));
		let draws = depth.saturating_mul(4).saturating_sub(2);
		let least = draws.saturating_add(self.spec.attempt_blocks().into());
		(depth > 1 && least > deadline).then(|| {
			format!(
				"limits.deadline_blocks: {depth} tasks one after the other need at least {least} blocks, and all of the \
				job has {deadline}"
			)
		})
	}
}

#[cfg(test)]
pub(crate) mod tests;
