//! The command line: what it prints, what it says of input that cannot be used, and that it says the same again.

use std::{
	fs,
	path::Path,
	process::{Command, Output},
};

const NODES: &str = "sn,cpu_milli,memory_mib,gpu,model\nn0,8000,32768,2,T4\nn1,16000,65536,0,\n";
const TASKS: &str =
	"name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,creation_time,deletion_time,qos\n\
	t0,1000,1024,1,500,T4,0,60,LS\nt1,2000,2048,0,0,,3,,BE\n";

fn sim(args: &[&str]) -> Output {
	Command::new(env!("CARGO_BIN_EXE_aidragon-sim")).args(args).arg("--quiet").output().unwrap()
}

/// Runs a trace of these two files.
fn trace(nodes: &str, tasks: &str, more: &[&str]) -> Output {
	let folder = tempfile::tempdir().unwrap();
	let write = |name: &str, text: &str| {
		let path = folder.path().join(name);
		fs::write(&path, text).unwrap();
		path.to_str().unwrap().to_owned()
	};
	let (nodes, tasks) = (write("nodes.csv", nodes), write("tasks.csv", tasks));
	sim(&[&["trace", "--nodes", &nodes, "--tasks", &tasks], more].concat())
}

fn text(bytes: &[u8]) -> String {
	String::from_utf8(bytes.to_vec()).unwrap()
}

/// Fails unless the command says where and what, with exit code 3.
fn assert_refused(output: &Output, file: &str, line: u64, column: &str, what: &str) {
	let message = text(&output.stderr);
	assert_eq!(output.status.code(), Some(3), "{message}");
	assert!(message.contains(&format!("{file}:{line}: {column}: ")), "{message}");
	assert!(message.contains(what) && output.stdout.is_empty(), "{message}");
}

#[test]
fn a_small_trace_is_run_and_unknown_columns_are_ignored() {
	let output = trace(NODES, TASKS, &["--output", "json"]);
	assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
	let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
	assert_eq!((&report["machines"], &report["tasks"]), (&2.into(), &2.into()));
	assert_eq!(report["pallet"]["tasks_placed"], 2);
	assert_eq!(report["pallet"]["gpu"]["placed_of_all"], 0.25);
	assert_eq!(report["pallet"]["wait_blocks"]["max"], 2.0);
}

#[test]
fn errors_in_machines_name_line_and_column() {
	let refused = |line: &str, column: &str, what: &str| {
		let nodes = format!("sn,cpu_milli,memory_mib,gpu,model,region,energy,price_per_gfuel\nn0,1000,1,0,,,,\n{line}\n");
		assert_refused(&trace(&nodes, TASKS, &[]), "nodes.csv", 3, column, what);
	};
	refused("n1,many,1,0,,,,", "cpu_milli", "must be a whole number");
	refused("n1,,1,0,,,,", "cpu_milli", "is empty");
	refused("n1,65536000,1,0,,,,", "cpu_milli", "below 65,536,000");
	refused("n1,1000,-1,0,,,,", "memory_mib", "must be a whole number");
	refused("n1,1000,1,17,T4,,,", "gpu", "at most 16");
	refused("n1,1000,1,1,,,,", "model", "name the model");
	refused("n0,1000,1,0,,,,", "sn", "names must differ");
	refused("n1,1000,1,0,,de,,", "region", "two capital letters");
	refused("n1,1000,1,0,,,steam,", "energy", "must be one of");
	refused("n1,1000,1,0,,,,0", "price_per_gfuel", "from 1 to 10^24");
	refused("n1,1000", "all columns", "has 2 fields");
}

#[test]
fn errors_in_tasks_name_line_and_column() {
	let header =
		"name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,creation_time,deletion_time,replicas";
	let refused = |line: &str, column: &str, what: &str| {
		let tasks = format!("{header}\n{line}\n");
		assert_refused(&trace(NODES, &tasks, &[]), "tasks.csv", 2, column, what);
	};
	refused("t,1,1,1,0,,0,1,", "gpu_milli", "1 to 1000");
	refused("t,1,1,2,500,,0,1,", "gpu_milli", "1000 of several");
	refused("t,1,1,17,1000,,0,1,", "num_gpu", "at most 16");
	refused("t,1,1,1,100,H100|A10,0,1,", "gpu_spec", "no machine has any of these");
	refused("t,1,1,0,0,,,1,", "creation_time", "is missing");
	refused("t,1,1,0,0,,-5,1,", "creation_time", "from 0 to");
	refused("t,1,1,0,0,,5,4,", "deletion_time", "not be before");
	refused("t,1,1,0,0,,0,1,4", "replicas", "1, 2 or 3");
	let large =
		trace(NODES, &format!("{header}\nt,1,8192,0,0,,0,1,\n"), &["--memory-unit-mib", "1"]);
	assert_refused(&large, "tasks.csv", 2, "memory_mib", "raise --memory-unit-mib");
}

#[test]
fn missing_columns_and_files_are_named() {
	let nodes = "sn,cpu_milli,memory_mib,gpu\n";
	assert_refused(&trace(nodes, TASKS, &[]), "nodes.csv", 1, "model", "must name the columns");
	assert_refused(
		&trace("sn,cpu_milli,memory_mib,gpu,model\n", TASKS, &[]),
		"nodes.csv",
		2,
		"sn",
		"no machine",
	);
	let output = sim(&["trace", "--nodes", "/nowhere/n.csv", "--tasks", "/nowhere/t.csv"]);
	assert_eq!(output.status.code(), Some(4));
	assert!(text(&output.stderr).contains("/nowhere/n.csv"));
}

#[test]
fn options_that_cannot_be_used_say_what_to_do() {
	let output = trace(NODES, "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,creation_time,deletion_time\nt,1,1,0,0,,0,9000000\n", &["--block-seconds", "3"]);
	assert_eq!(output.status.code(), Some(2));
	assert!(text(&output.stderr).contains("--block-seconds"), "{}", text(&output.stderr));
	let output = trace(
		"sn,cpu_milli,memory_mib,gpu,model\nn,1000,1024,0,\n",
		TASKS.replace("1,500,T4", "0,0,").as_str(),
		&["--inflate", "1"],
	);
	assert_eq!(output.status.code(), Some(2));
	assert!(text(&output.stderr).contains("--inflate"), "{}", text(&output.stderr));
	assert_eq!(trace(NODES, TASKS, &["--inflate", "0"]).status.code(), Some(2));
}

#[test]
fn generated_files_are_read_again_and_not_overwritten() {
	let folder = tempfile::tempdir().unwrap();
	let out = folder.path().to_str().unwrap();
	let args = ["generate", "--machines", "12", "--tasks", "30", "--seed", "3", "--out", out];
	assert_eq!(sim(&args).status.code(), Some(0));
	assert_eq!(sim(&args).status.code(), Some(4));
	let path = |name| Path::new(out).join(name).to_str().unwrap().to_owned();
	let (nodes, tasks) = (path("nodes.csv"), path("tasks.csv"));
	let args = ["trace", "--nodes", &nodes, "--tasks", &tasks, "--block-seconds", "600"];
	let output = sim(&args);
	assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
	assert!(text(&output.stdout).contains("points above best baseline"));
}

#[test]
fn the_same_command_line_gives_the_same_bytes() {
	let runs: [&[&str]; 4] = [
		&["market", "--markets", "4", "--tasks", "3"],
		&["fairness", "--machines", "20", "--tasks", "100"],
		&["grinding", "--machines", "20", "--tries", "30"],
		&["scale", "--machines", "500", "--waiting", "50", "--matches", "5"],
	];
	for args in runs {
		let output = sim(args);
		assert_eq!(output.status.code(), Some(0), "{args:?}: {}", text(&output.stderr));
		assert_eq!(output.stdout, sim(args).stdout, "{args:?}");
		let other = sim(&[args, &["--seed", "2"]].concat());
		assert_ne!(output.stdout, other.stdout, "{args:?}");
	}
}
