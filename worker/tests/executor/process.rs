//! The sandbox as a process: what holds it in, and what ends it.

use std::{
	fs,
	path::{Path, PathBuf},
	process::{Command, Stdio},
	time::{Duration, Instant},
};

use aidragon_worker::executor::{Executor, HostFault, WasmExecutor};

use crate::bench::{program, Bench, ECHO, SANDBOX};

const FOREVER: &str = "(loop $forever (br $forever))";

#[test]
fn nothing_gets_out_of_the_jail() {
	let executor = WasmExecutor::new(SANDBOX.into());
	let report = tokio::runtime::Builder::new_current_thread()
		.enable_all()
		.build()
		.unwrap()
		.block_on(executor.jail_report())
		.unwrap();
	assert!(report.is_tight(), "{report:#?}");
	assert!(report.probes.len() >= 12, "{report:#?}");
	for name in ["resource limits", "no new privileges", "seccomp"] {
		let layer = report.layers.iter().find(|layer| layer.name == name);
		assert_eq!(layer.and_then(|layer| layer.missing.clone()), None, "{name}");
	}
}

#[test]
fn faults_of_the_host_are_named() {
	let mut bench = Bench::new(ECHO);
	bench.job.input = bench.directory.path().join("nothing");
	let fault = bench.run().unwrap_err();
	assert!(matches!(&fault, HostFault::Io(text) if text.contains("nothing")), "{fault}");
	bench.executor = WasmExecutor::new("/bin/false".into());
	let fault = bench.run().unwrap_err();
	assert!(matches!(&fault, HostFault::Crashed(_)), "{fault}");
	bench.executor = WasmExecutor::new("/nonexistent".into());
	assert!(matches!(bench.run().unwrap_err(), HostFault::Io(_)));
	bench.job.memory_mib = 0;
	assert!(matches!(bench.run().unwrap_err(), HostFault::Job(_)));
}

/// The processes running the sandbox for a job whose output is `path`. The request travels on
/// standard input, so they are told apart by the file they hold open.
fn sandboxes_writing(path: &Path) -> Vec<PathBuf> {
	let mut found = Vec::new();
	for process in fs::read_dir("/proc").unwrap().flatten() {
		let Ok(command) = fs::read(process.path().join("cmdline")) else {
			continue;
		};
		if !command.ends_with(b"\0sandbox\0") {
			continue;
		}
		let files = fs::read_dir(process.path().join("fd")).into_iter().flatten().flatten();
		if files.filter_map(|file| fs::read_link(file.path()).ok()).any(|target| target == path) {
			found.push(process.path());
		}
	}
	found
}

fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
	let start = Instant::now();
	while !is_so() {
		assert!(start.elapsed() < Duration::from_secs(30), "still not: {what}");
		std::thread::sleep(Duration::from_millis(20));
	}
}

#[test]
fn dropping_the_future_ends_the_child() {
	let mut bench = Bench::new(&program(FOREVER));
	bench.job.fuel_limit = 1 << 60;
	let output = fs::canonicalize(bench.directory.path()).unwrap().join("output");
	let runtime =
		tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
	let (executor, job) = (bench.executor.clone(), bench.job.clone());
	let running = runtime.spawn(async move { executor.run(&job).await });
	eventually("running", || sandboxes_writing(&output).len() == 1);
	running.abort();
	eventually("gone", || sandboxes_writing(&output).is_empty());
}

/// Where [`runs_until_killed`] finds its directory.
const DIRECTORY: &str = "AIDRAGON_TEST_DIRECTORY";

#[test]
fn no_child_outlives_the_daemon() {
	let directory = tempfile::TempDir::new().unwrap();
	let output = fs::canonicalize(directory.path()).unwrap().join("output");
	let mut daemon = Command::new(std::env::current_exe().unwrap())
		.args(["--ignored", "--exact", "process::runs_until_killed"])
		.env(DIRECTORY, directory.path())
		.stdout(Stdio::null())
		.stderr(Stdio::null())
		.spawn()
		.unwrap();
	eventually("running", || sandboxes_writing(&output).len() == 1);
	daemon.kill().unwrap();
	daemon.wait().unwrap();
	eventually("gone", || sandboxes_writing(&output).is_empty());
}

#[test]
#[ignore = "plays the daemon that the test above kills"]
fn runs_until_killed() {
	let Some(directory) = std::env::var_os(DIRECTORY).map(PathBuf::from) else {
		return;
	};
	let mut bench = Bench::new(&program(FOREVER));
	bench.job.fuel_limit = 1 << 60;
	bench.job.output = directory.join("output");
	let _ = bench.run();
}
