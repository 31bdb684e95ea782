//! Bringing what a job needs into the store.

use super::{
	bundle::{self, BundleError, Scratch},
	given_up,
	upstream::{bundle_bytes, check, Part},
	Ending, Said, Tools,
};
use crate::journal::Key;
use aidragon_client::{blobs::FetchError, Task};
use aidragon_primitives::{
	task::{BlobRef, DeclineReason, INPUT_BYTES_MAX, OUTPUT_BYTES_MAX},
	worker::TransportAddress,
	Hash32,
};
use futures::{stream, StreamExt, TryStreamExt};
use std::{
	path::PathBuf,
	time::{Duration, Instant},
};
use tokio::{
	sync::mpsc,
	time::{sleep, timeout},
};

/// First pause after no source answered.
const FETCH_PAUSE: Duration = Duration::from_millis(500);
/// Longest pause between two tries.
const FETCH_PAUSE_MAX: Duration = Duration::from_secs(8);
/// What is said where there is nobody to ask.
const NO_SOURCE: &str = "no machine that computed it is registered any more";
/// Outputs of other tasks that are fetched at once.
const PARTS_AT_ONCE: usize = 8;

/// What a program reads.
pub(super) enum Input {
	/// A blob of the store.
	Blob(PathBuf),
	/// A file that was made for this job.
	Bundle(Scratch),
}

impl Input {
	/// Where it lies.
	pub(super) fn path(&self) -> PathBuf {
		match self {
			Self::Blob(path) => path.clone(),
			Self::Bundle(file) => file.path().to_owned(),
		}
	}
}

/// Fetches a task's input, and puts it together where the outputs of other tasks are part of it.
pub(super) async fn input(
	tools: &Tools,
	key: Key,
	task: &Task,
	until: Instant,
	said: &mpsc::UnboundedSender<Said>,
) -> Result<Input, Ending> {
	let own_source = std::slice::from_ref(&task.spec.source);
	if !task.is_dependent() {
		let own = fetch(tools, own_source, &task.input, INPUT_BYTES_MAX, until).await?;
		return Ok(Input::Blob(own));
	}
	let parts = look_up(tools, task, until).await?;
	if bundle_bytes(&task.input, &parts).is_none() {
		let why = "the outputs that it takes are more than 1 GiB together with its own input";
		return Err(given_up(DeclineReason::BundleTooLarge, why));
	}
	let outputs: Vec<Hash32> = parts.iter().map(|part| part.output.hash).collect();
	// Nobody listens only where the daemon is gone.
	let _ = said.send(Said::Needs(outputs));
	let own = fetch(tools, own_source, &task.input, INPUT_BYTES_MAX, until).await?;
	let fetching = parts.into_iter().map(|part| fetch_part(tools.clone(), part, until));
	let outputs: Vec<(PathBuf, BlobRef)> =
		stream::iter(fetching).buffered(PARTS_AT_ONCE).try_collect().await?;
	let parts = [(own, task.input)].into_iter().chain(outputs).collect();
	put_together(tools, key, parts).await.map(Input::Bundle)
}

async fn fetch_part(
	tools: Tools,
	part: Part,
	until: Instant,
) -> Result<(PathBuf, BlobRef), Ending> {
	let fetched = fetch(&tools, &part.sources, &part.output, OUTPUT_BYTES_MAX, until).await;
	fetched.map(|path| (path, part.output)).map_err(|ending| match ending {
		// These are other machines; the submitter serves none of it.
		Ending::GivenUp {
			reason: DeclineReason::BlobUnavailable | DeclineReason::BlobMismatch,
			why,
		} => given_up(DeclineReason::DependencyUnavailable, why),
		ending => ending,
	})
}

/// The outputs that a task takes, trying again until `until` where the chain does not answer as it should.
async fn look_up(tools: &Tools, task: &Task, until: Instant) -> Result<Vec<Part>, Ending> {
	let mut pause = FETCH_PAUSE;
	loop {
		let found = tools.upstream.parts(task).await;
		let why = match found.and_then(|parts| check(task, &parts).map(|()| parts)) {
			Ok(parts) => return Ok(parts),
			Err(error) => format!("cannot find out what it takes of other tasks: {error:#}"),
		};
		if Instant::now() + pause >= until {
			return Err(given_up(DeclineReason::HostFault, why));
		}
		tracing::debug!("{why}; trying again");
		sleep(pause).await;
		pause = (pause * 2).min(FETCH_PAUSE_MAX);
	}
}

async fn put_together(
	tools: &Tools,
	key: Key,
	parts: Vec<(PathBuf, BlobRef)>,
) -> Result<Scratch, Ending> {
	let fault = |why: String| given_up(DeclineReason::HostFault, why);
	let target = Scratch::at(tools.work_dir.join(format!("{}-{}.in", key.task, key.attempt)));
	let written = tokio::task::spawn_blocking(move || bundle::write(target, &parts)).await;
	written.map_err(|error| fault(error.to_string()))?.map_err(|error| {
		if let BundleError::Damaged(blob) = &error {
			let removed = tools.store.remove(&blob.hash);
			tracing::error!(?removed, "a blob of the store does not hold what its name says");
		}
		fault(error.to_string())
	})
}

/// Fetches one blob from whichever source has it, trying again until `until` while none answers.
pub(super) async fn fetch(
	tools: &Tools,
	sources: &[TransportAddress],
	blob: &BlobRef,
	size_limit_bytes: u64,
	until: Instant,
) -> Result<PathBuf, Ending> {
	let mut sources: Vec<&TransportAddress> = sources.iter().collect();
	let mut pause = FETCH_PAUSE;
	let mut failure = given_up(DeclineReason::BlobUnavailable, NO_SOURCE);
	while !sources.is_empty() {
		let mut honest = Vec::new();
		for (index, source) in sources.iter().enumerate() {
			// One that is slow leaves time for the others.
			let turns = u32::try_from(sources.len().saturating_sub(index)).unwrap_or(u32::MAX);
			let left = until.saturating_duration_since(Instant::now()) / turns;
			match try_source(tools, source, blob, size_limit_bytes, left).await {
				Ok(path) => return Ok(path),
				Err((DeclineReason::BlobUnavailable, why)) => {
					honest.push(*source);
					failure = given_up(DeclineReason::BlobUnavailable, why);
				}
				// Who sends something else is not asked again.
				Err((DeclineReason::BlobMismatch, why)) if honest.is_empty() => {
					failure = given_up(DeclineReason::BlobMismatch, why);
				}
				Err((DeclineReason::BlobMismatch, why)) => tracing::debug!("{why}"),
				Err((reason, why)) => return Err(given_up(reason, why)),
			}
		}
		sources = honest;
		if sources.is_empty() || Instant::now() + pause >= until {
			break;
		}
		tracing::debug!("{failure:?}; trying again");
		sleep(pause).await;
		pause = (pause * 2).min(FETCH_PAUSE_MAX);
	}
	Err(failure)
}

/// Asks one source once. The error is what the chain would be told, and what the log is.
async fn try_source(
	tools: &Tools,
	source: &TransportAddress,
	blob: &BlobRef,
	size_limit_bytes: u64,
	limit: Duration,
) -> Result<PathBuf, (DeclineReason, String)> {
	let fetching = tools.transport.fetch(source, blob, size_limit_bytes);
	let slow = "the transfer was not done in half of the task's time";
	let fetched = timeout(limit, fetching).await;
	let fetched = fetched.map_err(|_| (DeclineReason::BlobUnavailable, slow.to_owned()))?;
	fetched.map_err(|error| {
		let reason = match error {
			FetchError::Unavailable { .. } => DeclineReason::BlobUnavailable,
			FetchError::Mismatch { .. } => DeclineReason::BlobMismatch,
			FetchError::Local { .. } => DeclineReason::HostFault,
		};
		(reason, error.to_string())
	})
}
