//! A program, an input and a sandbox to run them in.

use std::{fs, time::Duration};

use aidragon_worker::executor::{Executor, HostFault, Job, Outcome, WasmExecutor};
use tempfile::TempDir;

pub(crate) const SANDBOX: &str = env!("CARGO_BIN_EXE_aidragon-worker");
pub(crate) const FUEL: u64 = 1_000_000_000;

/// Copies its input to its output, 4 KiB at a time.
pub(crate) const ECHO: &str = r#"(module
	(import "wasi_snapshot_preview1" "fd_read"
		(func $read (param i32 i32 i32 i32) (result i32)))
	(import "wasi_snapshot_preview1" "fd_write"
		(func $write (param i32 i32 i32 i32) (result i32)))
	(memory (export "memory") 1)
	(data (i32.const 0) "\40\00\00\00\00\10\00\00")
	(func (export "_start")
		(loop $again
			(i32.store (i32.const 4) (i32.const 4096))
			(drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
			(i32.store (i32.const 4) (i32.load (i32.const 8)))
			(drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 12)))
			(br_if $again (i32.load (i32.const 8))))))"#;

/// A program whose `_start` is `body`, with some of WASI, and writing `$len` bytes from `$from` to
/// `$fd` made easy.
pub(crate) fn program(body: &str) -> String {
	format!(
		r#"(module
			(import "wasi_snapshot_preview1" "fd_write"
				(func $fd_write (param i32 i32 i32 i32) (result i32)))
			(import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
			(import "wasi_snapshot_preview1" "random_get"
				(func $random (param i32 i32) (result i32)))
			(import "wasi_snapshot_preview1" "clock_time_get"
				(func $clock (param i32 i64 i32) (result i32)))
			(import "wasi_snapshot_preview1" "poll_oneoff"
				(func $poll (param i32 i32 i32 i32) (result i32)))
			(memory (export "memory") 1)
			(table 2 funcref)
			(func $write (param $fd i32) (param $from i32) (param $len i32)
				(i32.store (i32.const 0) (local.get $from))
				(i32.store (i32.const 4) (local.get $len))
				(drop (call $fd_write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8))))
			(func $recurse (param i64) (result i64)
				(i64.add (i64.const 1) (call $recurse (i64.add (local.get 0) (i64.const 1)))))
			(func (export "_start") {body}))"#
	)
}

/// A job in a directory of its own.
pub(crate) struct Bench {
	pub(crate) directory: TempDir,
	pub(crate) executor: WasmExecutor,
	pub(crate) job: Job,
}

impl Bench {
	pub(crate) fn new(text: &str) -> Self {
		Self::with_binary(&wat::parse_str(text).unwrap(), b"")
	}

	pub(crate) fn with_binary(program: &[u8], input: &[u8]) -> Self {
		let directory = TempDir::new().unwrap();
		let path = |name: &str| directory.path().join(name);
		fs::write(path("program"), program).unwrap();
		fs::write(path("input"), input).unwrap();
		let job = Job {
			program: path("program"),
			input: path("input"),
			output: path("output"),
			fuel_limit: FUEL,
			memory_mib: 16,
			task_seed: [7; 32],
			wall_limit: Duration::from_secs(60),
			output_limit_bytes: 1 << 20,
		};
		Self { directory, executor: WasmExecutor::new(SANDBOX.into()), job }
	}

	#[tokio::main(flavor = "current_thread")]
	pub(crate) async fn run(&self) -> Result<Outcome, HostFault> {
		self.executor.run(&self.job).await
	}

	pub(crate) fn outcome(&self) -> Outcome {
		self.run().unwrap()
	}

	pub(crate) fn output(&self) -> Vec<u8> {
		fs::read(&self.job.output).unwrap()
	}
}

/// The ending of a program whose `_start` is `body`.
pub(crate) fn end_of(body: &str) -> Outcome {
	let bench = Bench::new(&program(body));
	let outcome = bench.outcome();
	assert_eq!(bench.output().len() as u64, outcome.output_len);
	outcome
}
