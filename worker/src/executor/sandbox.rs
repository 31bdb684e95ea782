//! The child process: reads what to do, locks itself in, does it, answers.
//!
//! The binary must call [`sandbox_main`] before it starts a thread, a runtime or a logger when its
//! first argument is [`SANDBOX_SUBCOMMAND`]: name spaces can be entered, and a system call filter
//! be complete, only in a process with a single thread.

use std::{
	fs::File,
	io::{self, BufRead, Read, Write},
	os::fd::AsFd,
	process::ExitCode,
};

use rustix::process::{getppid, set_parent_process_death_signal, Pid, Signal};
use serde::{Deserialize, Serialize};

use super::{
	jail::{self, Limits},
	job::{HostFault, Job, Outcome, MAX_PROGRAM_BYTES},
	probe::{try_to_escape, JailReport},
	run::{run, Task},
};

/// The hidden subcommand under which the binary is a sandbox.
pub const SANDBOX_SUBCOMMAND: &str = "sandbox";

/// The longest request line, in bytes.
const MAX_REQUEST_BYTES: u64 = 64 << 10;

/// What the daemon asks its child for: one line of JSON on standard input.
#[derive(Serialize, Deserialize)]
pub(super) struct Request {
	/// The daemon's process id. A child that finds another parent is an orphan already.
	pub(super) parent: i32,
	/// What to do.
	pub(super) task: RequestedTask,
}

/// See [`Request`].
#[derive(Serialize, Deserialize)]
pub(super) enum RequestedTask {
	/// Run a job.
	Run(Job),
	/// Try to get out.
	Probe,
}

/// What the child answers: one line of JSON on standard output.
#[derive(Serialize, Deserialize)]
pub(super) enum Reply {
	/// The job came to an end.
	Outcome(Outcome),
	/// It did not.
	Fault(HostFault),
	/// What the sandbox is worth.
	Jail(JailReport),
}

/// Serves one request and ends. The exit code is 0 if the answer was written, whatever it says.
pub fn sandbox_main() -> ExitCode {
	close_inherited_files();
	let reply = serve().unwrap_or_else(Reply::Fault);
	let written = serde_json::to_vec(&reply).map_err(io::Error::from).and_then(|mut line| {
		line.push(b'\n');
		io::stdout().write_all(&line)?;
		io::stdout().flush()
	});
	match written {
		Ok(()) => ExitCode::SUCCESS,
		Err(_) => ExitCode::FAILURE,
	}
}

/// Closes everything but the standard streams: the daemon may have been started with open files.
fn close_inherited_files() {
	// SAFETY: this is the first thing that the process does, so nothing in it owns a descriptor yet.
	// A kernel without the call leaves them open; the filter and the limits still apply to them.
	unsafe { libc::syscall(libc::SYS_close_range, 3, u32::MAX, 0) };
}

fn serve() -> Result<Reply, HostFault> {
	set_parent_process_death_signal(Some(Signal::KILL))
		.map_err(|error| HostFault::Jail(format!("parent death signal: {error}")))?;
	let mut line = Vec::new();
	io::stdin()
		.lock()
		.take(MAX_REQUEST_BYTES)
		.read_until(b'\n', &mut line)
		.map_err(|error| HostFault::io("reading the request", error))?;
	let request: Request = serde_json::from_slice(&line)
		.map_err(|error| HostFault::io("understanding the request", error))?;
	let parent = getppid();
	if parent.map(Pid::as_raw_nonzero).map(i32::from) != Some(request.parent) {
		return Err(HostFault::Crashed("the daemon is gone".into()));
	}
	match request.task {
		RequestedTask::Run(job) => serve_job(&job),
		RequestedTask::Probe => {
			let limits = Limits { memory_mib: 64, cpu_seconds: 10, file_bytes: 0 };
			let layers = jail::enter(&limits)?;
			Ok(Reply::Jail(JailReport { layers, probes: try_to_escape(parent) }))
		}
	}
}

fn serve_job(job: &Job) -> Result<Reply, HostFault> {
	job.check()?;
	let task = open(job)?;
	jail::enter(&Limits {
		memory_mib: job.memory_mib,
		// Compilation and the program have one thread; it cannot use more than the wall clock shows.
		cpu_seconds: job.wall_limit.as_secs().saturating_add(1),
		file_bytes: job.output_limit_bytes,
	})?;
	run(task).map(Reply::Outcome)
}

/// Opens the job's files. The program's bytes are read, and not yet looked at.
fn open(job: &Job) -> Result<Task, HostFault> {
	let named = |what: &str, path: &std::path::Path| format!("{what} {}", path.display());
	let mut program = Vec::new();
	File::open(&job.program)
		.and_then(|file| file.take(MAX_PROGRAM_BYTES + 1).read_to_end(&mut program))
		.map_err(|error| HostFault::io(named("reading the program", &job.program), error))?;
	let input = File::open(&job.input)
		.and_then(|file| Ok((rustix::fs::fstat(file.as_fd())?.st_size as u64, file)))
		.map_err(|error| HostFault::io(named("opening the input", &job.input), error))?;
	let output = File::create(&job.output)
		.map_err(|error| HostFault::io(named("creating the output", &job.output), error))?;
	Ok(Task {
		program,
		input: (input.1, input.0),
		output: (output, job.output_limit_bytes),
		fuel_limit: job.fuel_limit,
		memory_mib: job.memory_mib,
		seed: job.task_seed,
	})
}
