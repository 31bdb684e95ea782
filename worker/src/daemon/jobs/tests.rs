//! Jobs with sources and executors that behave in every way.

use super::*;
use aidragon_primitives::{
	attestation::ExitStatus,
	state::TaskState,
	task::{MatchingPolicy, Program, ProgramKind, Requirements, TaskSpec},
};
use async_trait::async_trait;
use futures::future::BoxFuture;
use std::sync::atomic::{AtomicU32, Ordering};

const KEY: Key = Key { task: 7, attempt: 1 };

/// A source that fails as often as it is told to.
struct Source {
	store: BlobStore,
	failures: AtomicU32,
	mismatch: bool,
}

#[async_trait]
impl BlobTransport for Source {
	async fn fetch(
		&self,
		_: &TransportAddress,
		blob: &BlobRef,
		_: u64,
	) -> Result<PathBuf, FetchError> {
		let (blob_name, reason) = (hex::encode(blob.hash), "told to".to_owned());
		if self.mismatch {
			return Err(FetchError::Mismatch { blob: blob_name, reason });
		}
		let failing = |left: u32| left.checked_sub(1);
		match self.failures.fetch_update(Ordering::SeqCst, Ordering::SeqCst, failing) {
			Ok(_) => Err(FetchError::Unavailable { blob: blob_name, reason }),
			Err(_) => Ok(self.store.path(&blob.hash)),
		}
	}
}

/// An engine that writes its answer, or fails.
struct Engine(Result<&'static str, HostFault>);

impl Executor for Engine {
	fn run<'a>(&'a self, job: &'a Job) -> BoxFuture<'a, Result<Outcome, HostFault>> {
		Box::pin(async move {
			let answer = self.0.clone()?;
			std::fs::write(&job.output, answer).unwrap();
			Ok(Outcome {
				status: crate::executor::ExitStatus::Completed,
				fuel_used: 42,
				output_len: answer.len() as u64,
				reason: String::new(),
				log: String::new(),
			})
		})
	}
}

struct Bench {
	_directory: tempfile::TempDir,
	jobs: Jobs,
	task: Task,
	_heights: watch::Sender<Heights>,
}

fn bench(failures: u32, mismatch: bool, engine: Result<&'static str, HostFault>) -> Bench {
	let directory = tempfile::tempdir().unwrap();
	let store = BlobStore::open(&directory.path().join("blobs")).unwrap();
	let program = store.add_bytes(b"program").unwrap();
	let input = store.add_bytes(b"input").unwrap();
	let (heights, watching) = watch::channel(Heights { best: 100, finalized: 98 });
	let source = Source { store: store.clone(), failures: AtomicU32::new(failures), mismatch };
	let tools = Tools {
		transport: Arc::new(source),
		store,
		executor: Arc::new(Engine(engine)),
		work_dir: directory.path().to_owned(),
		genesis: [1; 32],
		heights: watching,
	};
	let task = task(program, input);
	Bench { _directory: directory, jobs: Jobs::new(tools), task, _heights: heights }
}

pub(in crate::daemon) fn task(program: BlobRef, input: BlobRef) -> Task {
	let capacity = Capacity { vcpus: 1, memory_mib: 64 };
	Task {
		submitter: Default::default(),
		spec: TaskSpec {
			program: Program { kind: ProgramKind::WasiCommand, blob: program },
			input,
			source: TransportAddress::default(),
			requirements: Requirements { capacity, throughput_min_mops: 0 },
			fuel_limit: 100,
			output_limit_bytes: 100,
			execution_blocks: 20,
			deadline_blocks: 100,
			replicas: 2,
			matching: MatchingPolicy::Cheapest,
			price_cap_per_gfuel: 1,
			retries: 0,
		},
		state: TaskState::Assigned,
		escrow: 1,
		submitted_at: 90,
		deadline: 200,
		wake_at: 120,
		attempt: 2,
		retries_left: 0,
		replicas: Default::default(),
		excluded: Default::default(),
		declined: None,
		result: None,
		paid: 0,
	}
}

/// Runs the job to its end; says whether it got as far as the program.
async fn run(bench: &mut Bench, deadline: BlockNumber) -> (bool, Ending) {
	bench.jobs.start(KEY, bench.task.clone(), deadline);
	assert_eq!(bench.jobs.phase(KEY), Some(JobPhase::Fetching));
	assert_eq!(bench.jobs.reserved(), bench.task.spec.requirements.capacity);
	let mut executed = false;
	loop {
		match bench.jobs.next().await {
			JobEvent::Fetched(key) => {
				assert_eq!((key, bench.jobs.phase(key)), (KEY, Some(JobPhase::Executing)));
				executed = true;
			}
			JobEvent::Ended(key, ending) => {
				assert_eq!((key, bench.jobs.len()), (KEY, 0));
				return (executed, ending);
			}
		}
	}
}

#[tokio::test]
async fn an_output_is_kept_under_the_hash_that_is_attested() {
	let mut bench = bench(0, false, Ok("42"));
	let (_, ending) = run(&mut bench, 120).await;
	let output_root = *blake3::hash(b"42").as_bytes();
	let result =
		ResultDigest { output_root, output_bytes: 2, fuel: 42, status: ExitStatus::Completed };
	let span = Span { started_at: 98, finished_at: 98 };
	assert_eq!(ending, Ending::Done { result, span });
	assert!(bench.jobs.tools.store.has(&output_root));
	assert!(!bench.jobs.tools.work_dir.join("7-1.out").exists());
}

#[tokio::test]
async fn a_source_that_comes_back_is_used() {
	let mut bench = bench(1, false, Ok("42"));
	let (executed, ending) = run(&mut bench, 120).await;
	assert!(executed && matches!(ending, Ending::Done { .. }));
}

#[tokio::test]
async fn a_source_that_stays_away_is_given_up_after_half_of_the_time() {
	// One block is left, so a second and a half for the transfer.
	let mut bench = bench(u32::MAX, false, Ok("42"));
	let begun = Instant::now();
	let (executed, ending) = run(&mut bench, 101).await;
	assert!(!executed && begun.elapsed() < Duration::from_secs(2));
	let unavailable = DeclineReason::BlobUnavailable;
	assert!(matches!(ending, Ending::GivenUp { reason, .. } if reason == unavailable));
}

#[tokio::test]
async fn wrong_bytes_and_own_faults_are_told_apart() {
	let (_, ending) = run(&mut bench(0, true, Ok("42")), 120).await;
	let mismatch = DeclineReason::BlobMismatch;
	assert!(matches!(ending, Ending::GivenUp { reason, .. } if reason == mismatch));
	let (_, ending) = run(&mut bench(0, false, Err(HostFault::StackOverflow)), 120).await;
	let fault = DeclineReason::HostFault;
	assert!(matches!(ending, Ending::GivenUp { reason, .. } if reason == fault));
}

#[tokio::test]
async fn an_aborted_job_is_not_heard_of_again() {
	let mut bench = bench(u32::MAX, false, Ok("42"));
	bench.jobs.start(KEY, bench.task.clone(), 120);
	bench.jobs.abort(KEY);
	assert_eq!(bench.jobs.phase(KEY), None);
	assert!(timeout(Duration::from_millis(200), bench.jobs.next()).await.is_err());
}

#[test]
fn time_is_left_for_delivering() {
	assert_eq!(fetch_limit(120, 100), slots(10));
	assert_eq!(wall_limit(120, 100), slots(18));
	assert_eq!(wall_limit(102, 100), Duration::from_secs(1));
	assert_eq!(wall_limit(90, 100), Duration::from_secs(1));
}
