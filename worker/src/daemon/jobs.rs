//! The work itself: fetch program and input, run, keep the output.

use crate::{
	decide::JobPhase,
	executor::{Executor, HostFault, Job, Outcome},
	journal::Key,
	outcome::{digest, task_seed, Span},
};
use aidragon_client::{
	blobs::{BlobStore, BlobTransport, FetchError},
	Task,
};
use aidragon_primitives::{
	attestation::ResultDigest,
	task::{BlobRef, DeclineReason, INPUT_BYTES_MAX, PROGRAM_BYTES_MAX},
	worker::{Capacity, TransportAddress},
	BlockNumber, Hash32, SLOT_DURATION_MS,
};
use std::{
	collections::BTreeMap,
	future,
	path::PathBuf,
	sync::Arc,
	time::{Duration, Instant},
};
use tokio::{
	sync::{mpsc, watch},
	task::{AbortHandle, Id, JoinError, JoinSet},
	time::{sleep, timeout},
};

/// Blocks that are kept for delivering: one that may stay empty, one that holds the result.
const DELIVERY_BLOCKS: u32 = 2;
/// First pause after a source did not answer.
const FETCH_PAUSE: Duration = Duration::from_millis(500);
/// Longest pause between two tries.
const FETCH_PAUSE_MAX: Duration = Duration::from_secs(8);

/// Heights of the two ends of the chain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Heights {
	/// Of the best block.
	pub(super) best: BlockNumber,
	/// Of the finalized block.
	pub(super) finalized: BlockNumber,
}

/// What every job works with.
#[derive(Clone)]
pub(super) struct Tools {
	/// Brings blobs into the store.
	pub(super) transport: Arc<dyn BlobTransport>,
	/// Where blobs are kept and served from.
	pub(super) store: BlobStore,
	/// Runs programs.
	pub(super) executor: Arc<dyn Executor>,
	/// Where outputs grow until they are whole.
	pub(super) work_dir: PathBuf,
	/// The chain that the results are for.
	pub(super) genesis: Hash32,
	/// The heights of the chain as they change.
	pub(super) heights: watch::Receiver<Heights>,
}

/// How a job ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ending {
	/// The program came to an end that every machine would see.
	Done {
		/// That end.
		result: ResultDigest,
		/// When it ran.
		span: Span,
	},
	/// This machine could not bring it to an end.
	GivenUp {
		/// What the chain is told.
		reason: DeclineReason,
		/// What the log is told.
		why: String,
	},
}

struct Running {
	handle: AbortHandle,
	phase: JobPhase,
	capacity: Capacity,
}

/// The jobs of this process.
pub(super) struct Jobs {
	tools: Tools,
	running: BTreeMap<Key, Running>,
	set: JoinSet<(Key, Ending)>,
	fetched: (mpsc::UnboundedSender<Key>, mpsc::UnboundedReceiver<Key>),
}

/// A job that is over, as the runtime reports it.
type Joined = Result<(Id, (Key, Ending)), JoinError>;

/// What came of waiting for the jobs.
pub(super) enum JobEvent {
	/// Program and input are there; the program starts.
	Fetched(Key),
	/// A job ended.
	Ended(Key, Ending),
}

impl Jobs {
	/// No jobs yet.
	pub(super) fn new(tools: Tools) -> Self {
		let fetched = mpsc::unbounded_channel();
		Self { tools, running: BTreeMap::new(), set: JoinSet::new(), fetched }
	}

	/// Starts a job whose result must be in the chain before block `deadline`.
	pub(super) fn start(&mut self, key: Key, task: Task, deadline: BlockNumber) {
		let capacity = task.spec.requirements.capacity;
		let (tools, fetched) = (self.tools.clone(), self.fetched.0.clone());
		let handle = self.set.spawn(async move {
			let ending = perform(&tools, key, &task, deadline, &fetched).await;
			(key, ending.unwrap_or_else(|given_up| given_up))
		});
		self.running.insert(key, Running { handle, phase: JobPhase::Fetching, capacity });
	}

	/// What the job of `key` does, if there is one.
	pub(super) fn phase(&self, key: Key) -> Option<JobPhase> {
		self.running.get(&key).map(|running| running.phase)
	}

	/// What all jobs hold.
	pub(super) fn reserved(&self) -> Capacity {
		let sum = |sum: Capacity, job: &Running| sum.checked_add(&job.capacity).unwrap_or(sum);
		self.running.values().fold(Capacity::default(), sum)
	}

	/// Number of jobs.
	pub(super) fn len(&self) -> usize {
		self.running.len()
	}

	/// Ends a job at once, its sandbox with it.
	pub(super) fn abort(&mut self, key: Key) {
		if let Some(running) = self.running.remove(&key) {
			running.handle.abort();
		}
	}

	/// Waits until something happens; for ever where there are no jobs. Loses nothing when dropped.
	pub(super) async fn next(&mut self) -> JobEvent {
		loop {
			let Self { set, fetched, .. } = self;
			let joined = async {
				match set.is_empty() {
					true => future::pending().await,
					false => set.join_next_with_id().await,
				}
			};
			tokio::select! {
				Some(key) = fetched.1.recv() => {
					if let Some(running) = self.running.get_mut(&key) {
						running.phase = JobPhase::Executing;
						return JobEvent::Fetched(key);
					}
				}
				joined = joined => if let Some(event) = self.joined(joined) {
					return event;
				},
			}
		}
	}

	fn joined(&mut self, joined: Option<Joined>) -> Option<JobEvent> {
		match joined? {
			// A job that was aborted after it ended is nobody's any more.
			Ok((id, (key, ending))) => {
				let is_known = self.running.get(&key).is_some_and(|job| job.handle.id() == id);
				is_known.then(|| {
					self.running.remove(&key);
					JobEvent::Ended(key, ending)
				})
			}
			Err(error) => {
				let is_it = |(_, job): &(&Key, &Running)| job.handle.id() == error.id();
				let key = self.running.iter().find(is_it).map(|(key, _)| *key)?;
				self.running.remove(&key);
				let why = format!("its job failed: {error}");
				Some(JobEvent::Ended(key, given_up(DeclineReason::HostFault, why)))
			}
		}
	}
}

fn given_up(reason: DeclineReason, why: impl Into<String>) -> Ending {
	Ending::GivenUp { reason, why: why.into() }
}

/// Does the work. The error is the ending of a job that was given up.
async fn perform(
	tools: &Tools,
	key: Key,
	task: &Task,
	deadline: BlockNumber,
	fetched: &mpsc::UnboundedSender<Key>,
) -> Result<Ending, Ending> {
	let spec = &task.spec;
	let started_at = tools.heights.borrow().finalized;
	let until = Instant::now() + fetch_limit(deadline, tools.heights.borrow().best);
	let program = fetch(tools, &spec.source, &spec.program.blob, PROGRAM_BYTES_MAX, until).await?;
	let input = fetch(tools, &spec.source, &spec.input, INPUT_BYTES_MAX, until).await?;
	// Nobody listens only where the daemon is gone.
	let _ = fetched.send(key);
	let output = tools.work_dir.join(format!("{}-{}.out", key.task, key.attempt));
	let job = Job {
		program,
		input,
		output: output.clone(),
		fuel_limit: spec.fuel_limit,
		memory_mib: spec.requirements.capacity.memory_mib,
		task_seed: task_seed(&tools.genesis, key.task),
		wall_limit: wall_limit(deadline, tools.heights.borrow().best),
		output_limit_bytes: spec.output_limit_bytes,
	};
	let ran = tools.executor.run(&job).await;
	let kept = match ran {
		Ok(outcome) => keep(tools, &job, outcome).await,
		Err(fault) => Err(given_up(DeclineReason::HostFault, fault.to_string())),
	};
	let _ = tokio::fs::remove_file(&output).await;
	let finished_at = tools.heights.borrow().finalized.max(started_at);
	kept.map(|result| Ending::Done { result, span: Span { started_at, finished_at } })
}

/// Puts the output into the store, from which it is served.
async fn keep(tools: &Tools, job: &Job, outcome: Outcome) -> Result<ResultDigest, Ending> {
	let fault = |why: String| given_up(DeclineReason::HostFault, why);
	if !outcome.log.is_empty() {
		tracing::debug!(output = %job.output.display(), "the program says:\n{}", outcome.log);
	}
	if !outcome.reason.is_empty() {
		tracing::info!(status = ?outcome.status, "{}", outcome.reason);
	}
	let (store, path) = (tools.store.clone(), job.output.clone());
	let added = tokio::task::spawn_blocking(move || store.add_file(&path)).await;
	let blob = added
		.map_err(|error| fault(HostFault::Io(error.to_string()).to_string()))?
		.map_err(|error| fault(error.to_string()))?;
	match blob.size_bytes == outcome.output_len {
		true => Ok(digest(&outcome, blob.hash)),
		false => Err(fault("the output changed after the program had ended".into())),
	}
}

/// Fetches one blob, trying again until `until` where the source does not answer.
async fn fetch(
	tools: &Tools,
	source: &TransportAddress,
	blob: &BlobRef,
	size_limit_bytes: u64,
	until: Instant,
) -> Result<PathBuf, Ending> {
	let mut pause = FETCH_PAUSE;
	loop {
		let left = until.saturating_duration_since(Instant::now());
		let fetching = tools.transport.fetch(source, blob, size_limit_bytes);
		let why = match timeout(left, fetching).await {
			Ok(Ok(path)) => return Ok(path),
			Ok(Err(error @ FetchError::Mismatch { .. })) => {
				return Err(given_up(DeclineReason::BlobMismatch, error.to_string()))
			}
			Ok(Err(error @ FetchError::Local { .. })) => {
				return Err(given_up(DeclineReason::HostFault, error.to_string()))
			}
			Ok(Err(error @ FetchError::Unavailable { .. })) => error.to_string(),
			Err(_) => "the transfer was not done in half of the task's time".into(),
		};
		if Instant::now() + pause >= until {
			return Err(given_up(DeclineReason::BlobUnavailable, why));
		}
		tracing::debug!("{why}; trying again");
		sleep(pause).await;
		pause = (pause * 2).min(FETCH_PAUSE_MAX);
	}
}

fn slots(blocks: u32) -> Duration {
	Duration::from_millis(SLOT_DURATION_MS) * blocks
}

/// How long fetching may take: half of what is left.
fn fetch_limit(deadline: BlockNumber, best: BlockNumber) -> Duration {
	slots(deadline.saturating_sub(best)) / 2
}

/// How long the program may run, so that there is time to say that it took too long.
fn wall_limit(deadline: BlockNumber, best: BlockNumber) -> Duration {
	let blocks = deadline.saturating_sub(best).saturating_sub(DELIVERY_BLOCKS);
	slots(blocks).max(Duration::from_secs(1))
}

#[cfg(test)]
pub(super) mod tests;
