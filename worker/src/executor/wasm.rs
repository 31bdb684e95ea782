//! The daemon's side of the wasm driver: starts the child, watches the clock, judges the answer.

use std::{
	io,
	path::{Path, PathBuf},
	process::{ExitStatus as ProcessStatus, Stdio},
	sync::{mpsc, OnceLock},
	time::Duration,
};

use futures::{future::BoxFuture, FutureExt};
use tokio::{
	io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
	process::{Child, Command},
	runtime::Handle,
	sync::oneshot,
	time::timeout,
};

use super::{
	sandbox::{Reply, Request, RequestedTask, SANDBOX_SUBCOMMAND},
	Executor, ExitStatus, HostFault, JailReport, Job, Outcome,
};

/// The longest answer that is read, in bytes: a full log in which every byte had to be escaped.
const MAX_REPLY_BYTES: u64 = 1 << 20;
/// How much of the child's own error output is quoted, in bytes.
const MAX_COMPLAINT_BYTES: u64 = 4 << 10;
/// How long the probe of the sandbox may take.
const PROBE_LIMIT: Duration = Duration::from_secs(30);

/// Runs WASI preview-1 command modules, each in a sandboxed child process.
#[derive(Clone, Debug)]
pub struct WasmExecutor {
	sandbox_exe: PathBuf,
}

impl WasmExecutor {
	/// Uses `sandbox_exe`, a binary that calls [`super::sandbox_main`] for its subcommand
	/// [`SANDBOX_SUBCOMMAND`], as the child.
	pub fn new(sandbox_exe: PathBuf) -> Self {
		Self { sandbox_exe }
	}

	/// Uses the running binary as the child, also after it was replaced on disk.
	pub fn from_current_exe() -> Self {
		Self::new("/proc/self/exe".into())
	}

	/// Puts up the sandbox in a child and tries to get out of it.
	pub async fn jail_report(&self) -> Result<JailReport, HostFault> {
		match self.ask(RequestedTask::Probe, PROBE_LIMIT).await? {
			Reply::Jail(report) => Ok(report),
			Reply::Fault(fault) => Err(fault),
			Reply::Outcome(_) => Err(misplaced_answer()),
		}
	}

	async fn run_job(&self, job: &Job) -> Result<Outcome, HostFault> {
		job.check()?;
		let job = absolute(job)?;
		match self.ask(RequestedTask::Run(job.clone()), job.wall_limit).await? {
			Reply::Outcome(outcome) => checked(&job, outcome).await,
			Reply::Fault(fault) => Err(fault),
			Reply::Jail(_) => Err(misplaced_answer()),
		}
	}

	/// Starts a child, gives it `task` and returns its answer. The child is gone afterwards, also
	/// when this future is dropped.
	async fn ask(&self, task: RequestedTask, limit: Duration) -> Result<Reply, HostFault> {
		let parent = i32::try_from(std::process::id())
			.map_err(|error| HostFault::io("reading the own process id", error))?;
		let mut request = serde_json::to_vec(&Request { parent, task })
			.map_err(|error| HostFault::io("writing the request", error))?;
		request.push(b'\n');
		let mut child = spawn(self.command())
			.await
			.map_err(|error| HostFault::io("starting the sandbox process", error))?;
		let Ok(exchanged) = timeout(limit, exchange(&mut child, &request)).await else {
			child.kill().await.map_err(|error| HostFault::io("stopping the sandbox", error))?;
			return Err(wall_clock(limit));
		};
		let (status, reply, complaint) =
			exchanged.map_err(|error| HostFault::io("talking to the sandbox process", error))?;
		understand(status, &reply, &complaint, limit)
	}

	fn command(&self) -> Command {
		let mut command = Command::new(&self.sandbox_exe);
		command
			.arg(SANDBOX_SUBCOMMAND)
			.env_clear()
			.current_dir("/")
			.stdin(Stdio::piped())
			.stdout(Stdio::piped())
			.stderr(Stdio::piped())
			// A Ctrl-C is for the daemon, which then decides whether to wait for its jobs.
			.process_group(0)
			.kill_on_drop(true);
		command
	}
}

impl Executor for WasmExecutor {
	fn run<'a>(&'a self, job: &'a Job) -> BoxFuture<'a, Result<Outcome, HostFault>> {
		self.run_job(job).boxed()
	}
}

fn misplaced_answer() -> HostFault {
	HostFault::Crashed("it answered something that was not asked".into())
}

fn wall_clock(limit: Duration) -> HostFault {
	HostFault::WallClock { limit_seconds: limit.as_nanos().div_ceil(1_000_000_000) as u64 }
}

/// The same job with paths that hold in any working directory.
fn absolute(job: &Job) -> Result<Job, HostFault> {
	let absolute = |path: &Path| {
		std::path::absolute(path)
			.map_err(|error| HostFault::io(format!("resolving {}", path.display()), error))
	};
	Ok(Job {
		program: absolute(&job.program)?,
		input: absolute(&job.input)?,
		output: absolute(&job.output)?,
		..job.clone()
	})
}

struct SpawnOrder {
	command: Command,
	runtime: Handle,
	done: oneshot::Sender<io::Result<Child>>,
}

/// Starts a child from a thread that lives as long as the process.
///
/// The kernel sends a child its parent death signal when the *thread* that started it ends, and
/// the threads of a runtime come and go.
async fn spawn(command: Command) -> io::Result<Child> {
	static SPAWNER: OnceLock<mpsc::Sender<SpawnOrder>> = OnceLock::new();
	let spawner = match SPAWNER.get() {
		Some(spawner) => spawner,
		None => {
			let (orders, inbox) = mpsc::channel();
			std::thread::Builder::new()
				.name("sandbox-spawner".into())
				.spawn(move || spawn_forever(&inbox))?;
			SPAWNER.get_or_init(|| orders)
		}
	};
	let (done, child) = oneshot::channel();
	let gone = || io::Error::other("the thread that starts sandboxes is gone");
	spawner.send(SpawnOrder { command, runtime: Handle::current(), done }).map_err(|_| gone())?;
	child.await.map_err(|_| gone())?
}

fn spawn_forever(inbox: &mpsc::Receiver<SpawnOrder>) {
	while let Ok(SpawnOrder { mut command, runtime, done }) = inbox.recv() {
		let _context = runtime.enter();
		// If nobody waits any more, dropping the child ends it.
		let _ = done.send(command.spawn());
	}
}

type Exchanged = (ProcessStatus, Vec<u8>, String);

/// Hands over the request and collects everything until the child has ended.
async fn exchange(child: &mut Child, request: &[u8]) -> io::Result<Exchanged> {
	let missing = || io::Error::other("a pipe of the sandbox process is missing");
	let mut stdin = child.stdin.take().ok_or_else(missing)?;
	let stdout = child.stdout.take().ok_or_else(missing)?;
	let stderr = child.stderr.take().ok_or_else(missing)?;
	// A child that is gone already says why on its other streams.
	let _ = stdin.write_all(request).await;
	drop(stdin);
	let (reply, complaint, status) = tokio::try_join!(
		read_bounded(stdout, MAX_REPLY_BYTES),
		read_bounded(stderr, MAX_COMPLAINT_BYTES),
		child.wait(),
	)?;
	Ok((status, reply, String::from_utf8_lossy(&complaint).trim().to_owned()))
}

/// Reads to the end, keeping the first `limit` bytes.
async fn read_bounded(stream: impl AsyncRead + Unpin, limit: u64) -> io::Result<Vec<u8>> {
	let mut kept = Vec::new();
	let mut stream = stream.take(limit);
	stream.read_to_end(&mut kept).await?;
	tokio::io::copy(&mut stream.into_inner(), &mut tokio::io::sink()).await?;
	Ok(kept)
}

fn understand(
	status: ProcessStatus,
	reply: &[u8],
	complaint: &str,
	limit: Duration,
) -> Result<Reply, HostFault> {
	use std::os::unix::process::ExitStatusExt;
	if status.success() {
		return serde_json::from_slice(reply)
			.map_err(|error| HostFault::Crashed(format!("its answer makes no sense: {error}")));
	}
	if status.signal() == Some(libc::SIGXCPU) {
		return Err(wall_clock(limit));
	}
	let separator = if complaint.is_empty() { "" } else { ": " };
	Err(HostFault::Crashed(format!("{status}{separator}{complaint}")))
}

/// Holds an outcome against the job and the file that was written.
async fn checked(job: &Job, outcome: Outcome) -> Result<Outcome, HostFault> {
	let len = tokio::fs::metadata(&job.output)
		.await
		.map_err(|error| HostFault::io(format!("reading {}", job.output.display()), error))?
		.len();
	let is_consistent = outcome.fuel_used <= job.fuel_limit
		&& outcome.output_len == len
		&& len <= job.output_limit_bytes
		&& (outcome.status == ExitStatus::Completed || len == 0);
	if is_consistent {
		Ok(outcome)
	} else {
		Err(HostFault::Crashed("its answer contradicts the job or the output file".into()))
	}
}
