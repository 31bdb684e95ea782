//! Every way in which a task file can be wrong.

use super::*;
use crate::exit::Exit;
use std::fs;

const GOOD: &str = r#"
[program]
path = "program.wasm"
[input]
path = "input.csv"
[resources]
vcpus = 1
memory_mib = 256
[limits]
fuel_mfuel = 30000
[matching]
policy = "cheapest"
price_cap_per_gfuel = "0.01"
"#;

struct Files {
	directory: tempfile::TempDir,
}

impl Files {
	fn new() -> Self {
		let directory = tempfile::tempdir().unwrap();
		fs::write(directory.path().join("program.wasm"), b"\0asm\x01\0\0\0").unwrap();
		fs::write(directory.path().join("input.csv"), b"1,2\n").unwrap();
		Self { directory }
	}

	fn check(&self, text: &str) -> Result<Checked, Failure> {
		let path = self.directory.path().join("task.toml");
		fs::write(&path, text).unwrap();
		TaskFile::read(&path)?.check(&path)
	}

	/// The message for `text`, which must be refused as wrong usage and name the file.
	fn refusal(&self, text: &str) -> String {
		let failure = self.check(text).expect_err(text);
		assert_eq!(failure.exit, Exit::Usage);
		assert!(failure.message.contains("task.toml"), "{failure}");
		failure.message
	}
}

#[test]
fn defaults_fill_what_is_left_out() {
	let checked = Files::new().check(GOOD).unwrap();
	let spec = checked.spec;
	assert!(checked.warnings.is_empty());
	assert_eq!(
		spec.requirements.resources,
		aidragon_primitives::resources::Resources::cpu(1_000, 256)
	);
	assert_eq!((spec.requirements.region, spec.requirements.energy), (None, None));
	assert_eq!((spec.program.blob.size_bytes, checked.input_blob.size_bytes), (8, 4));
	assert_eq!((spec.replicas, spec.retries), (2, 2));
	assert_eq!((spec.execution_blocks, spec.deadline_blocks), (20, 200));
	assert_eq!((spec.fuel_limit, spec.output_limit_bytes), (30_000_000_000, 16 << 20));
	assert_eq!(spec.requirements.throughput_min_mops, 0);
	assert_eq!(spec.price_cap_per_gfuel, 10_000_000_000);
	assert_eq!(spec.escrow(), Some(2 * 30 * 10_000_000_000));
}

#[test]
fn unknown_keys_are_named() {
	let files = Files::new();
	for (section, key) in [
		("[resources]", "gpus"),
		("[limits]", "fuel"),
		("[matching]", "price"),
		("[program]", "kind"),
		("[input]", "url"),
	] {
		let text = GOOD.replace(section, &format!("{section}\n{key} = 1"));
		let message = files.refusal(&text);
		assert!(message.contains(&format!("unknown field `{key}`")), "{message}");
		assert!(message.contains("dragon task schema"), "{message}");
	}
	let message = files.refusal(&format!("{GOOD}\n[verification]\nreplica = 2"));
	assert!(message.contains("unknown field `replica`"), "{message}");
	let message = files.refusal(&format!("{GOOD}\n[network]"));
	assert!(message.contains("unknown field `network`"), "{message}");
}

#[test]
fn missing_keys_are_named() {
	let files = Files::new();
	for line in GOOD.lines().filter(|line| line.contains('=')) {
		let key = line.split(' ').next().unwrap();
		let message = files.refusal(&GOOD.replacen(line, "", 1));
		assert!(message.contains(&format!("missing field `{key}`")), "{message}");
	}
	let message = files.refusal("");
	assert!(message.contains("missing field `program`"), "{message}");
}

#[test]
fn values_of_a_wrong_kind_are_shown_in_place() {
	let files = Files::new();
	for (from, to, said) in [
		("vcpus = 1", "vcpus = \"one\"", "vcpus = \"one\""),
		("vcpus = 1", "vcpus = -1", "vcpus = -1"),
		("vcpus = 1", "vcpus = 70000", "vcpus = 70000"),
		("vcpus = 1", "vcpus = 0.0001", "finer than a thousandth"),
		("vcpus = 1", "vcpus = 1\nenergy = \"tidal\"", "unknown variant `tidal`"),
		("\"cheapest\"", "\"best\"", "unknown variant `best`"),
		("\"0.01\"", "0.01", "price_cap_per_gfuel = 0.01"),
		("\"0.01\"", "\"0,01\"", "`0,01` is not an amount"),
		("[limits]", "[limits", "[limits"),
	] {
		let message = files.refusal(&GOOD.replace(from, to));
		assert!(message.contains(said), "{message}");
		assert!(message.contains("line"), "{message}");
	}
}

#[test]
fn every_bound_names_its_field() {
	let files = Files::new();
	for (from, to, field) in [
		("vcpus = 1", "vcpus = 0", "resources.vcpus"),
		("vcpus = 1", "vcpus = 1\nregion = \"Iceland\"", "resources.region"),
		("[limits]", "[resources.gpu]\ncount = 17\n[limits]", "resources.gpu"),
		("[limits]", "[resources.gpu]\ncount = 2\nmilli = 500\n[limits]", "resources.gpu"),
		("fuel_mfuel = 30000", "fuel_mfuel = 700000", "limits.execution_blocks"),
		("memory_mib = 256", "memory_mib = 4097", "resources.memory_mib"),
		("fuel_mfuel = 30000", "fuel_mfuel = 0", "limits.fuel_mfuel"),
		("fuel_mfuel = 30000", "fuel_mfuel = 1000000001", "limits.fuel_mfuel"),
		("fuel_mfuel = 30000", "fuel_mfuel = 9223372036854775807", "limits.fuel_mfuel"),
		("fuel_mfuel = 30000", "fuel_mfuel = 1\noutput_mib = 65", "limits.output_mib"),
		("fuel_mfuel = 30000", "fuel_mfuel = 1\nexecution_blocks = 3", "limits.execution_blocks"),
		("fuel_mfuel = 30000", "fuel_mfuel = 1\ndeadline_blocks = 33", "limits.deadline_blocks"),
		("\"0.01\"", "\"0\"", "matching.price_cap_per_gfuel"),
		("\"0.01\"", "\"0.01\"\nretries = 4", "matching.retries"),
		("[matching]", "[verification]\nreplicas = 4\n[matching]", "verification.replicas"),
		("[matching]", "[verification]\nreplicas = 0\n[matching]", "verification.replicas"),
	] {
		let message = files.refusal(&GOOD.replace(from, to));
		assert!(message.contains(field), "{to}: {message}");
	}
}

#[test]
fn files_that_are_not_there_are_named() {
	let files = Files::new();
	let message = files.refusal(&GOOD.replace("program.wasm", "absent.wasm"));
	assert!(message.contains("program.path") && message.contains("absent.wasm"), "{message}");
	let message = files.refusal(&GOOD.replace("input.csv", "."));
	assert!(message.contains("input.path") && message.contains("not a file"), "{message}");
	fs::write(files.directory.path().join("program.wasm"), b"").unwrap();
	let message = files.refusal(GOOD);
	assert!(message.contains("between 1 byte and 16 MiB"), "{message}");
	let failure = TaskFile::read(&files.directory.path().join("none.toml")).unwrap_err();
	assert!(failure.message.contains("none.toml"), "{failure}");
}

#[test]
fn a_program_that_is_not_wasm_is_allowed_with_a_warning() {
	let files = Files::new();
	fs::write(files.directory.path().join("program.wasm"), b"#!/bin/sh").unwrap();
	let checked = files.check(GOOD).unwrap();
	assert!(checked.warnings[0].contains("not a WebAssembly module"));
}

#[test]
fn the_published_schema_is_the_generated_one() {
	let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema/task.schema.json");
	let json = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap_or_default();
	// As values: the order of keys depends on the features that serde_json is built with.
	assert_eq!(
		json(&fs::read_to_string(&path).unwrap_or_default()),
		json(&spec::schema_text::<TaskFile>()),
		"run `dragon task schema > cli/schema/task.schema.json` and commit the result"
	);
}

#[test]
fn the_schema_knows_every_key_and_no_other() {
	let schema: serde_json::Value = serde_json::from_str(&spec::schema_text::<TaskFile>()).unwrap();
	assert_eq!(schema["additionalProperties"], false);
	let limits = &schema["$defs"]["Limits"];
	assert_eq!(limits["additionalProperties"], false);
	assert_eq!(limits["required"], serde_json::json!(["fuel_mfuel"]));
	assert_eq!(limits["properties"]["deadline_blocks"]["default"], 200);
	let resources = &schema["$defs"]["Resources"]["properties"];
	assert_eq!(resources["vcpus"]["type"], "number");
	assert!(resources["gpu"].is_object() && resources["region"].is_object());
	assert_eq!(schema["$defs"]["Matching"]["properties"]["price_cap_per_gfuel"]["type"], "string");
}
