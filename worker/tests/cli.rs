//! The binary as an operator meets it, where no node is needed.

use std::{
	fs,
	os::unix::fs::PermissionsExt,
	path::Path,
	process::{Command, Output},
};

/// A port on which nothing listens: the one for discarding, which needs privileges to bind.
const NO_NODE: &str = "ws://127.0.0.1:9";

fn worker(data_dir: &Path, arguments: &[&str]) -> Output {
	Command::new(env!("CARGO_BIN_EXE_aidragon-worker"))
		.args(arguments)
		.env("AIDRAGON_WORKER_DATA_DIR", data_dir)
		.env("AIDRAGON_WORKER_URL", NO_NODE)
		.output()
		.unwrap()
}

fn text(bytes: &[u8]) -> String {
	String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn init_prints_the_address_alone_and_keeps_secrets_to_the_owner() {
	let directory = tempfile::tempdir().unwrap();
	let data = directory.path().join("data");
	let first = worker(&data, &["init"]);
	assert!(first.status.success(), "{}", text(&first.stderr));
	let address = text(&first.stdout);
	assert_eq!(address.lines().count(), 1);
	assert!(address.trim().parse::<aidragon_client::keys::AccountId>().is_ok(), "{address}");
	let mode = fs::metadata(data.join("keys.json")).unwrap().permissions().mode();
	assert_eq!(mode & 0o777, 0o600);
	assert!(data.join("worker.toml").exists());
	assert_eq!(text(&worker(&data, &["init"]).stdout), address);
}

#[test]
fn status_without_keys_needs_no_node() {
	let directory = tempfile::tempdir().unwrap();
	let output = worker(directory.path(), &["status", "--output", "json"]);
	assert!(output.status.success(), "{}", text(&output.stderr));
	let status: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
	assert_eq!(status["rung"], "none");
	assert!(status["missing"][0].as_str().unwrap().contains("init"));
}

#[test]
fn benchmark_says_what_a_challenge_would_prove() {
	let directory = tempfile::tempdir().unwrap();
	let arguments =
		["benchmark", "--seconds", "1", "--threads", "1", "--rows", "512", "--output", "json"];
	let output = worker(directory.path(), &arguments);
	assert!(output.status.success(), "{}", text(&output.stderr));
	let trial: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
	assert_eq!(trial["rows"], 512);
	assert!(trial["rounds"].as_u64().unwrap() > 0);
	let mops = trial["throughput_mops"].as_f64().unwrap();
	assert_eq!(trial["vcpus_proved"].as_f64().unwrap(), (mops / 200.0).floor().min(65_535.0));
	let wrong = worker(directory.path(), &["benchmark", "--rows", "500"]);
	assert_eq!(wrong.status.code(), Some(2));
	assert!(text(&wrong.stderr).contains("512, 1024, 2048, 4096 or 8192"));
}

#[test]
fn doctor_names_what_fails_and_exits_with_1() {
	let directory = tempfile::tempdir().unwrap();
	let output = worker(directory.path(), &["doctor"]);
	assert_eq!(output.status.code(), Some(1));
	let report = text(&output.stdout);
	for line in ["FAIL  keys", "FAIL  node", "OK    sandbox"] {
		assert!(report.contains(line), "{line} is missing in\n{report}");
	}
}

#[test]
fn settings_that_cannot_be_used_are_named() {
	let directory = tempfile::tempdir().unwrap();
	fs::write(directory.path().join("worker.toml"), "vcpus = 60000\n").unwrap();
	let output = worker(directory.path(), &["status"]);
	assert_eq!(output.status.code(), Some(1));
	assert!(text(&output.stderr).contains("vcpus: is 60000"), "{}", text(&output.stderr));
	assert!(output.stdout.is_empty());
}

#[test]
fn a_registration_that_cannot_work_is_refused_before_anything_is_sent() {
	let directory = tempfile::tempdir().unwrap();
	worker(directory.path(), &["init"]);
	let arguments = ["register", "--provider-key", "//Alice", "--http-port", "0"];
	let ephemeral = worker(directory.path(), &arguments);
	assert!(text(&ephemeral.stderr).contains("http_port is 0"), "{}", text(&ephemeral.stderr));
	let no_node = worker(directory.path(), &["register", "--provider-key", "//Alice"]);
	assert!(text(&no_node.stderr).contains(NO_NODE), "{}", text(&no_node.stderr));
	assert!(!ephemeral.status.success() && !no_node.status.success());
}
