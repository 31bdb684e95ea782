//! What goes into a run and what comes out of it.

use std::{path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};

/// The largest module that is accepted, in bytes.
pub const MAX_PROGRAM_BYTES: u64 = 16 << 20;

/// The most linear memory that a job may be given, in MiB: all that 32-bit wasm can address.
pub const MAX_MEMORY_MIB: u32 = 4096;

/// The most fuel that a job may be given; the engine counts in 63 bits.
pub const MAX_FUEL: u64 = (1 << 62) - 1;

/// How much of a program's standard error is kept, in bytes. The end is kept, not the beginning:
/// that is where a program says why it gave up.
pub const MAX_LOG_BYTES: usize = 64 << 10;

/// One program to run on one input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
	/// The program: a WASI preview-1 command module in the binary format.
	pub program: PathBuf,
	/// What the program reads from its standard input. Must not change during the run.
	pub input: PathBuf,
	/// Where the program's standard output goes; created or emptied first.
	pub output: PathBuf,
	/// The most fuel that the program may use, at most [`MAX_FUEL`]. Using all of it is allowed.
	pub fuel_limit: u64,
	/// The most linear memory that the program may hold, 1 to [`MAX_MEMORY_MIB`].
	pub memory_mib: u32,
	/// What the program's random numbers are drawn from.
	pub task_seed: [u8; 32],
	/// How long the run may take by the clock on the wall, compilation included.
	pub wall_limit: Duration,
	/// The most that the program may write to its standard output, in bytes.
	pub output_limit_bytes: u64,
}

impl Job {
	/// Refuses limits that no run could honour.
	pub(super) fn check(&self) -> Result<(), HostFault> {
		let refuse = |what: String| Err(HostFault::Job(what));
		if self.memory_mib == 0 || self.memory_mib > MAX_MEMORY_MIB {
			return refuse(format!("memory_mib is {}, use 1 to {MAX_MEMORY_MIB}", self.memory_mib));
		}
		if self.fuel_limit > MAX_FUEL {
			return refuse(format!("fuel_limit is {}, use at most {MAX_FUEL}", self.fuel_limit));
		}
		if self.wall_limit.is_zero() {
			return refuse("wall_limit is zero, use at least one second".into());
		}
		if [&self.program, &self.input, &self.output].iter().any(|path| path.to_str().is_none()) {
			return refuse("program, input and output must be UTF-8 paths".into());
		}
		Ok(())
	}
}

/// How a program ended. Every machine sees the same end, so this is what gets attested.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ExitStatus {
	/// It returned, or exited with code 0. The only end with an output.
	Completed,
	/// It needed more than the fuel limit.
	OutOfFuel,
	/// It did something that wasm forbids.
	Trapped(TrapKind),
	/// It asked for more memory, or larger tables, than the job allows.
	MemoryLimit,
	/// It wrote more than the output limit.
	OutputLimit,
	/// It is not a module that a task may be; nothing of it was run.
	InvalidProgram,
	/// It exited with this code, which is not 0.
	ExitCode(i32),
}

/// What a program did that wasm forbids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TrapKind {
	/// It reached an `unreachable` instruction: how a panic or `abort` ends.
	Unreachable,
	/// It touched memory outside its linear memory.
	MemoryOutOfBounds,
	/// It used a table entry that does not exist.
	TableOutOfBounds,
	/// It called through an empty table entry.
	IndirectCallToNull,
	/// It called a function through a table with the wrong signature.
	BadSignature,
	/// A division's result does not fit.
	IntegerOverflow,
	/// It divided an integer by zero.
	IntegerDivisionByZero,
	/// It converted a float that no integer of that type can hold.
	BadConversionToInteger,
}

/// What came of a run.
///
/// `status`, `fuel_used`, `output_len` and the bytes of the output file are the same on every
/// machine. `reason` and `log` are for people and never attested.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
	/// How the program ended.
	pub status: ExitStatus,
	/// The fuel to pay for. See [`super::meter`] for what each ending is charged.
	pub fuel_used: u64,
	/// The length of the output, in bytes.
	pub output_len: u64,
	/// In words: which import is unknown, which trap it was. Empty where the status says it all.
	pub reason: String,
	/// The end of what the program wrote to standard error, at most [`MAX_LOG_BYTES`]
	/// before bytes that are not UTF-8 were replaced.
	pub log: String,
}

/// Why a run came to nothing. Says something about this machine, not about the program, so it is
/// never a result: the task is tried again, here or elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum HostFault {
	/// The run took too long. Depends on the machine's speed.
	#[error(
		"the run was stopped after {limit_seconds} s; raise the wall limit or use a faster machine"
	)]
	WallClock {
		/// The limit that was passed, in seconds, rounded up.
		limit_seconds: u64,
	},
	/// The call stack was exhausted. How deep a program may recurse depends on how much stack this
	/// processor's code uses per call.
	#[error("the program exhausted the call stack, whose depth differs between machines")]
	StackOverflow,
	/// The operating system refused memory that the job's limit allows.
	#[error("this machine could not provide the memory that the job allows: {0}")]
	HostMemory(String),
	/// A valid module that the compiler could not translate.
	#[error("the program could not be compiled: {0}")]
	Compile(String),
	/// The engine failed in a way that is not known to be the program's doing.
	#[error("the engine failed: {0}")]
	Engine(String),
	/// The child process ended without an answer, or with one that makes no sense.
	#[error("the sandbox process failed: {0}")]
	Crashed(String),
	/// A file could not be read or written, or the child could not be started.
	#[error("{0}")]
	Io(String),
	/// A part of the sandbox without which nothing is run could not be put up.
	#[error("the sandbox could not be closed: {0}")]
	Jail(String),
	/// The job itself cannot be run as asked.
	#[error("the job is not valid: {0}")]
	Job(String),
}

impl HostFault {
	/// An I/O error with what was being done.
	pub(super) fn io(doing: impl std::fmt::Display, error: impl std::fmt::Display) -> Self {
		Self::Io(format!("{doing}: {error}"))
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn impossible_limits_are_refused() {
		let job = Job {
			program: "/p".into(),
			input: "/i".into(),
			output: "/o".into(),
			fuel_limit: MAX_FUEL,
			memory_mib: MAX_MEMORY_MIB,
			task_seed: [0; 32],
			wall_limit: Duration::from_secs(1),
			output_limit_bytes: 0,
		};
		assert_eq!(job.check(), Ok(()));
		let bad = [
			Job { memory_mib: 0, ..job.clone() },
			Job { memory_mib: MAX_MEMORY_MIB + 1, ..job.clone() },
			Job { fuel_limit: MAX_FUEL + 1, ..job.clone() },
			Job { wall_limit: Duration::ZERO, ..job },
		];
		for job in bad {
			assert!(matches!(job.check(), Err(HostFault::Job(_))), "{job:?}");
		}
	}
}
