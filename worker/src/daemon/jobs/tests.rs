//! Jobs with sources and executors that behave in every way.

use super::{upstream::Part, *};
use aidragon_client::{blobs::FetchError, TaskRecord};
use aidragon_primitives::{
	attestation::ExitStatus,
	job::{bundle_root, After},
	resources::Resources,
	state::TaskState,
	task::{
		BlobRef, MatchingPolicy, Program, ProgramKind, Requirements, TaskSpec, INPUT_BYTES_MAX,
	},
	worker::TransportAddress,
};
use async_trait::async_trait;
use futures::future::BoxFuture;
use std::sync::atomic::{AtomicU32, Ordering};

const KEY: Key = Key { task: 7, attempt: 1 };

/// A source that fails as often as it is told to. What it calls its own it has; a liar lies about everything.
struct Source {
	store: BlobStore,
	failures: AtomicU32,
	mismatch: bool,
}

#[async_trait]
impl BlobTransport for Source {
	async fn fetch(
		&self,
		source: &TransportAddress,
		blob: &BlobRef,
		_: u64,
	) -> Result<PathBuf, FetchError> {
		let (blob_name, reason) = (hex::encode(blob.hash), "told to".to_owned());
		if self.mismatch || *source == liar() {
			return Err(FetchError::Mismatch { blob: blob_name, reason });
		}
		let failing = |left: u32| left.checked_sub(1);
		let fails = self.failures.fetch_update(Ordering::SeqCst, Ordering::SeqCst, failing).is_ok();
		match fails || *source == absent() {
			true => Err(FetchError::Unavailable { blob: blob_name, reason }),
			false => Ok(self.store.path(&blob.hash)),
		}
	}
}

fn machine(mark: u8) -> TransportAddress {
	TransportAddress { node_key: [mark; 32], ..Default::default() }
}

fn liar() -> TransportAddress {
	machine(1)
}

fn absent() -> TransportAddress {
	machine(2)
}

/// What other tasks came to, once the chain was asked as often as it is told to.
struct Others {
	parts: Vec<Part>,
	failures: AtomicU32,
}

impl Upstream for Others {
	fn parts<'a>(&'a self, _: &'a Task) -> BoxFuture<'a, anyhow::Result<Vec<Part>>> {
		let failing = |left: u32| left.checked_sub(1);
		let fails = self.failures.fetch_update(Ordering::SeqCst, Ordering::SeqCst, failing).is_ok();
		let answer = match fails {
			true => Err(anyhow::anyhow!("task 5 has no result")),
			false => Ok(self.parts.clone()),
		};
		Box::pin(async { answer })
	}
}

/// An engine that writes its answer, or its input, or fails.
struct Engine(Result<Option<&'static str>, HostFault>);

impl Executor for Engine {
	fn run<'a>(&'a self, job: &'a Job) -> BoxFuture<'a, Result<Outcome, HostFault>> {
		Box::pin(async move {
			let answer = match self.0.clone()? {
				Some(answer) => answer.as_bytes().to_vec(),
				None => std::fs::read(&job.input).unwrap(),
			};
			std::fs::write(&job.output, &answer).unwrap();
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
	let others = Others { parts: Vec::new(), failures: AtomicU32::new(0) };
	build(failures, mismatch, Engine(engine.map(Some)), others)
}

fn build(failures: u32, mismatch: bool, engine: Engine, others: Others) -> Bench {
	let directory = tempfile::tempdir().unwrap();
	let store = BlobStore::open(&directory.path().join("blobs")).unwrap();
	let program = store.add_bytes(b"program").unwrap();
	let input = store.add_bytes(b"input").unwrap();
	let (heights, watching) = watch::channel(Heights { best: 100, finalized: 98 });
	let source = Source { store: store.clone(), failures: AtomicU32::new(failures), mismatch };
	let tools = Tools {
		transport: Arc::new(source),
		upstream: Arc::new(others),
		store,
		executor: Arc::new(engine),
		work_dir: directory.path().to_owned(),
		genesis: [1; 32],
		heights: watching,
	};
	let task = task(program, input);
	Bench { _directory: directory, jobs: Jobs::new(tools), task, _heights: heights }
}

/// A bench for a task that takes two outputs, each of machines that these sources stand for.
fn dependent(sources: [&[TransportAddress]; 2], failures: u32) -> Bench {
	let outputs: [&[u8]; 2] = [b"one", b"other"];
	let part = |(bytes, sources): (&[u8], &[TransportAddress])| Part {
		output: BlobRef { hash: *blake3::hash(bytes).as_bytes(), size_bytes: bytes.len() as u64 },
		sources: sources.to_vec(),
	};
	let parts: Vec<Part> = outputs.into_iter().zip(sources).map(part).collect();
	let roots: Vec<Hash32> = parts.iter().map(|part| part.output.hash).collect();
	let others = Others { parts, failures: AtomicU32::new(failures) };
	let mut bench = build(0, false, Engine(Ok(None)), others);
	for bytes in outputs {
		bench.jobs.tools.store.add_bytes(bytes).unwrap();
	}
	bench.task.after = After { first: 0, count: 2 };
	bench.task.record.bundle = Some(bundle_root(bench.task.input.hash, &roots));
	bench
}

pub(in crate::daemon) fn task(program: BlobRef, input: BlobRef) -> Task {
	let resources = Resources::cpu(500, 64);
	Task {
		id: KEY.task,
		submitter: Default::default(),
		spec: TaskSpec {
			program: Program { kind: ProgramKind::WasiCommand, blob: program },
			source: TransportAddress::default(),
			requirements: Requirements {
				resources,
				throughput_min_mops: 0,
				region: None,
				energy: None,
			},
			fuel_limit: 100,
			output_limit_bytes: 100,
			execution_blocks: 20,
			deadline_blocks: 100,
			replicas: 2,
			matching: MatchingPolicy::Cheapest,
			price_cap_per_gfuel: 1,
			retries: 0,
		},
		submitted_at: 90,
		deadline: 200,
		after: After::default(),
		is_awaited: false,
		record: record(input),
	}
}

fn record(input: BlobRef) -> TaskRecord {
	TaskRecord {
		job: 5,
		input,
		bundle: None,
		state: TaskState::Assigned,
		escrow: 1,
		wake_at: 120,
		attempt: 2,
		looks: 0,
		ticket: None,
		retries_left: 0,
		replicas: Default::default(),
		excluded: Default::default(),
		declined: None,
		result: None,
		paid: 0,
	}
}

fn grant(task: &Task) -> Grant {
	Grant { resources: task.spec.requirements.resources, gpus: 0 }
}

/// Runs the job to its end; says whether it got as far as the program.
async fn run(bench: &mut Bench, deadline: BlockNumber) -> (bool, Ending) {
	let held = grant(&bench.task);
	bench.jobs.start(KEY, bench.task.clone(), held, deadline);
	assert_eq!(bench.jobs.phase(KEY), Some(JobPhase::Fetching));
	assert_eq!(bench.jobs.grants().collect::<Vec<_>>(), [&held]);
	let mut executed = false;
	loop {
		match bench.jobs.next().await {
			JobEvent::Needs(blobs) => {
				assert!(bench.task.is_dependent() && blobs.len() == 2 && !executed);
			}
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
	let (program, input_root) = (bench.task.spec.program.blob.hash, bench.task.input.hash);
	assert_eq!(ending, Ending::Done(Run { program, input_root, result, span }));
	assert!(bench.jobs.tools.store.has(&output_root));
	assert!(!bench.jobs.tools.work_dir.join("7-1.out").exists());
}

#[tokio::test]
async fn a_source_that_comes_back_is_used() {
	let mut bench = bench(1, false, Ok("42"));
	let (executed, ending) = run(&mut bench, 120).await;
	assert!(executed && matches!(ending, Ending::Done(_)));
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

/// The length and the bytes of each part.
fn bundle(parts: [&str; 3]) -> Vec<u8> {
	let part = |part: &str| [&(part.len() as u64).to_le_bytes()[..], part.as_bytes()].concat();
	parts.into_iter().flat_map(part).collect()
}

#[tokio::test]
async fn a_dependent_task_reads_its_own_input_and_then_the_outputs_in_order() {
	let mut bench = dependent([&[machine(3)], &[machine(3)]], 1);
	let (executed, ending) = run(&mut bench, 120).await;
	let Ending::Done(ended) = ending else { panic!("{ending:?}") };
	assert!(executed);
	assert_eq!(Some(ended.input_root), bench.task.bundle);
	let read = *blake3::hash(&bundle(["input", "one", "other"])).as_bytes();
	assert_eq!(ended.result.output_root, read);
	assert!(!bench.jobs.tools.work_dir.join("7-1.in").exists());
}

#[tokio::test]
async fn every_machine_that_computed_an_output_is_asked_for_it() {
	let mut bench = dependent([&[absent(), liar(), machine(3)], &[liar(), machine(3)]], 0);
	let (_, ending) = run(&mut bench, 120).await;
	assert!(matches!(ending, Ending::Done(_)), "{ending:?}");
}

#[tokio::test]
async fn an_output_that_nobody_serves_is_not_made_up() {
	let unavailable = DeclineReason::DependencyUnavailable;
	for sources in [vec![], vec![absent()], vec![liar()], vec![absent(), liar()]] {
		let mut bench = dependent([&[machine(3)], &sources], 0);
		let (executed, ending) = run(&mut bench, 101).await;
		assert!(
			!executed && matches!(ending, Ending::GivenUp { reason, .. } if reason == unavailable)
		);
	}
}

#[tokio::test]
async fn other_outputs_than_the_chain_released_it_with_are_not_used() {
	let mut bench = dependent([&[machine(3)], &[machine(3)]], 0);
	bench.task.record.bundle = Some([9; 32]);
	let (executed, ending) = run(&mut bench, 101).await;
	let Ending::GivenUp { reason, why } = ending else { panic!("{ending:?}") };
	assert!(
		!executed && reason == DeclineReason::HostFault && why.contains("other outputs"),
		"{why}"
	);
}

#[tokio::test]
async fn a_bundle_that_is_too_large_is_given_back_at_once() {
	let output = BlobRef { hash: [1; 32], size_bytes: INPUT_BYTES_MAX };
	let parts = vec![Part { output, sources: vec![machine(3)] }];
	let others = Others { parts, failures: AtomicU32::new(0) };
	let mut bench = build(0, false, Engine(Ok(None)), others);
	bench.task.after = After { first: 0, count: 1 };
	bench.task.record.bundle = Some(bundle_root(bench.task.input.hash, &[[1; 32]]));
	let begun = Instant::now();
	let (executed, ending) = run(&mut bench, 120).await;
	let Ending::GivenUp { reason, why } = ending else { panic!("{ending:?}") };
	assert!(!executed && begun.elapsed() < Duration::from_secs(1), "{why}");
	assert_eq!(reason, DeclineReason::BundleTooLarge);
}

#[tokio::test]
async fn a_damaged_blob_is_noticed_before_the_program_runs() {
	let mut bench = dependent([&[machine(3)], &[machine(3)]], 0);
	let store = &bench.jobs.tools.store;
	let other = *blake3::hash(b"other").as_bytes();
	std::fs::write(store.path(&other), b"OTHER").unwrap();
	let (executed, ending) = run(&mut bench, 120).await;
	let fault = DeclineReason::HostFault;
	assert!(!executed && matches!(ending, Ending::GivenUp { reason, .. } if reason == fault));
	assert!(!bench.jobs.tools.store.has(&other));
}

#[tokio::test]
async fn an_aborted_job_is_not_heard_of_again() {
	let mut bench = bench(u32::MAX, false, Ok("42"));
	bench.jobs.start(KEY, bench.task.clone(), grant(&bench.task), 120);
	bench.jobs.abort(KEY);
	assert_eq!(bench.jobs.phase(KEY), None);
	assert!(tokio::time::timeout(Duration::from_millis(200), bench.jobs.next()).await.is_err());
}

#[test]
fn time_is_left_for_delivering() {
	assert_eq!(fetch_limit(120, 100), slots(10));
	assert_eq!(wall_limit(120, 100), slots(18));
	assert_eq!(wall_limit(102, 100), Duration::from_secs(1));
	assert_eq!(wall_limit(90, 100), Duration::from_secs(1));
}
