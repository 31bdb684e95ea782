//! Runs a task's program where it can do no harm, and says what came of it.
//!
//! One [`Executor`] per kind of task. The first, [`WasmExecutor`], runs WASI preview-1 command
//! modules: the daemon starts a child process (its own binary, hidden subcommand `sandbox`), the
//! child locks itself in before it looks at the program, compiles and runs it under settings that
//! leave nothing to chance, and answers with one line of JSON.
//!
//! An ending is one of two things, and the difference decides who pays:
//!
//! * an [`Outcome`] is a function of program, input, seed and limits alone. Every honest machine
//!   arrives at the same one, so it is what a worker attests.
//! * a [`HostFault`] says something about this machine (time ran out, memory ran out, the stack of
//!   this processor's code was too small). It is inconclusive: never attested, never held against
//!   anyone.
//!
//! [`mod@meter`] holds the published price list of instructions, and which failures count as what.

mod engine;
mod jail;
mod job;
pub mod meter;
mod probe;
mod run;
mod sandbox;
mod seccomp;
mod wasi;
mod wasm;

use futures::future::BoxFuture;

pub use self::{
	job::{
		ExitStatus, HostFault, Job, Outcome, TrapKind, MAX_FUEL, MAX_LOG_BYTES, MAX_MEMORY_MIB,
		MAX_PROGRAM_BYTES,
	},
	meter::{meter_schedule_hash, METER_SCHEDULE_VERSION},
	probe::{JailReport, Layer, Probe},
	sandbox::{sandbox_main, SANDBOX_SUBCOMMAND},
	wasm::WasmExecutor,
};

/// Something that can run one kind of task.
pub trait Executor: Send + Sync {
	/// Runs `job` to its end.
	///
	/// Dropping the future stops the job at once; nothing of it outlives the future or this process.
	/// On an outcome the file at [`Job::output`] holds exactly the output (empty unless the program
	/// completed); on a fault its content means nothing.
	fn run<'a>(&'a self, job: &'a Job) -> BoxFuture<'a, Result<Outcome, HostFault>>;
}
