//! The work itself: fetch program and input, run, keep the output.

mod bundle;
mod fetch;
mod upstream;

pub(super) use upstream::Upstream;

use crate::{
	decide::JobPhase,
	executor::{Executor, HostFault, Job, Outcome},
	journal::Key,
	outcome::{digest, task_seed, Run, Span},
};
use aidragon_client::{
	blobs::{BlobStore, BlobTransport},
	Task,
};
use aidragon_primitives::{
	attestation::ResultDigest,
	task::{DeclineReason, PROGRAM_BYTES_MAX},
	worker::Grant,
	BlockNumber, Hash32, SLOT_DURATION_MS,
};
use bundle::Scratch;
use fetch::fetch;
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
};

/// Blocks that are kept for delivering: one that may stay empty, one that holds the result.
const DELIVERY_BLOCKS: u32 = 2;

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
	/// Knows what other tasks came to.
	pub(super) upstream: Arc<dyn Upstream>,
	/// Where blobs are kept and served from.
	pub(super) store: BlobStore,
	/// Runs programs.
	pub(super) executor: Arc<dyn Executor>,
	/// Where outputs grow until they are whole, and inputs are put together.
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
	Done(Run),
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
	grant: Grant,
}

/// What a job says before it ends.
enum Said {
	/// It fetches these blobs, besides program and own input.
	Needs(Vec<Hash32>),
	/// Program and input are there.
	Fetched(Key),
}

/// The jobs of this process.
pub(super) struct Jobs {
	tools: Tools,
	running: BTreeMap<Key, Running>,
	set: JoinSet<(Key, Ending)>,
	said: (mpsc::UnboundedSender<Said>, mpsc::UnboundedReceiver<Said>),
}

/// A job that is over, as the runtime reports it.
type Joined = Result<(Id, (Key, Ending)), JoinError>;

/// What came of waiting for the jobs.
pub(super) enum JobEvent {
	/// A job fetches these blobs, besides program and own input.
	Needs(Vec<Hash32>),
	/// Program and input are there; the program starts.
	Fetched(Key),
	/// A job ended.
	Ended(Key, Ending),
}

impl Jobs {
	/// No jobs yet.
	pub(super) fn new(tools: Tools) -> Self {
		let said = mpsc::unbounded_channel();
		Self { tools, running: BTreeMap::new(), set: JoinSet::new(), said }
	}

	/// Starts a job that holds `grant`, and whose result must be in the chain before block `deadline`.
	pub(super) fn start(&mut self, key: Key, task: Task, grant: Grant, deadline: BlockNumber) {
		let (tools, said) = (self.tools.clone(), self.said.0.clone());
		let handle = self.set.spawn(async move {
			let ending = perform(&tools, key, &task, deadline, &said).await;
			(key, ending.unwrap_or_else(|given_up| given_up))
		});
		self.running.insert(key, Running { handle, phase: JobPhase::Fetching, grant });
	}

	/// What the job of `key` does, if there is one.
	pub(super) fn phase(&self, key: Key) -> Option<JobPhase> {
		self.running.get(&key).map(|running| running.phase)
	}

	/// What each job holds.
	pub(super) fn grants(&self) -> impl Iterator<Item = &Grant> {
		self.running.values().map(|job| &job.grant)
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
			let Self { set, said, .. } = self;
			let joined = async {
				match set.is_empty() {
					true => future::pending().await,
					false => set.join_next_with_id().await,
				}
			};
			tokio::select! {
				Some(said) = said.1.recv() => match said {
					Said::Needs(blobs) => return JobEvent::Needs(blobs),
					Said::Fetched(key) => if let Some(running) = self.running.get_mut(&key) {
						running.phase = JobPhase::Executing;
						return JobEvent::Fetched(key);
					},
				},
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
	said: &mpsc::UnboundedSender<Said>,
) -> Result<Ending, Ending> {
	let spec = &task.spec;
	let started_at = tools.heights.borrow().finalized;
	let until = Instant::now() + fetch_limit(deadline, tools.heights.borrow().best);
	let source = std::slice::from_ref(&spec.source);
	let program = fetch(tools, source, &spec.program.blob, PROGRAM_BYTES_MAX, until).await?;
	let input = fetch::input(tools, key, task, until, said).await?;
	// Nobody listens only where the daemon is gone.
	let _ = said.send(Said::Fetched(key));
	let output = Scratch::at(tools.work_dir.join(format!("{}-{}.out", key.task, key.attempt)));
	let job = Job {
		program,
		input: input.path(),
		output: output.path().to_owned(),
		fuel_limit: spec.fuel_limit,
		memory_mib: spec.requirements.resources.memory_mib,
		task_seed: task_seed(&tools.genesis, key.task),
		wall_limit: wall_limit(deadline, tools.heights.borrow().best),
		output_limit_bytes: spec.output_limit_bytes,
	};
	let ran = tools.executor.run(&job).await;
	let result = match ran {
		Ok(outcome) => keep(tools, &job, outcome).await?,
		Err(fault) => return Err(given_up(DeclineReason::HostFault, fault.to_string())),
	};
	let finished_at = tools.heights.borrow().finalized.max(started_at);
	Ok(Ending::Done(Run {
		program: spec.program.blob.hash,
		input_root: task.input_root(),
		result,
		span: Span { started_at, finished_at },
	}))
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
