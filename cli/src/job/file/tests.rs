//! Every way in which a job file can be right or wrong.

use super::*;
use crate::{exit::Exit, task::tests::spec as example};
use std::fs;

const COMMON: &str = r#"
[program]
path = "program.wasm"
[resources]
vcpus = 0.5
memory_mib = 64
[limits]
fuel_mfuel = 30000
[matching]
policy = "cheapest"
price_cap_per_gfuel = "0.01"
"#;
const MAP: &str = "[map]\ninputs = [\"a\", \"b\"]\n";
const REDUCE: &str = "[reduce]\ninput = \"c\"\n";

struct Files(tempfile::TempDir);

impl Files {
	fn new() -> Self {
		let directory = tempfile::tempdir().unwrap();
		fs::write(directory.path().join("program.wasm"), b"\0asm\x01\0\0\0").unwrap();
		for name in ["a", "b", "c"] {
			fs::write(directory.path().join(name), name).unwrap();
		}
		Self(directory)
	}

	fn check(&self, text: &str) -> Result<Checked, Failure> {
		let path = self.0.path().join("job.toml");
		fs::write(&path, text).unwrap();
		JobFile::read(&path)?.check(&path)
	}

	/// The message for `text`, which must be refused as wrong usage and name the file.
	fn refusal(&self, text: &str) -> String {
		let failure = self.check(text).expect_err(text);
		assert_eq!(failure.exit, Exit::Usage);
		assert!(failure.message.contains("job.toml"), "{failure}");
		failure.message
	}
}

fn shape(checked: &Checked) -> Vec<(usize, u8, u8)> {
	checked.tasks.iter().map(|task| (task.input, task.after.first, task.after.count)).collect()
}

/// Two rounds of two maps and a reduction, of the example task.
pub(crate) fn rounds() -> Checked {
	let text = format!("rounds = 2\n{COMMON}{MAP}{REDUCE}");
	Checked { spec: example(), ..Files::new().check(&text).unwrap() }
}

#[test]
fn each_round_begins_with_the_last_reduction() {
	let checked = rounds();
	let expected = [(0, 0, 0), (1, 0, 0), (2, 0, 2), (0, 2, 1), (1, 2, 1), (2, 3, 2)];
	assert_eq!(shape(&checked), expected);
	assert_eq!((checked.inputs.len(), checked.blobs.len(), checked.depth()), (3, 3, 4));
	assert_eq!(checked.escrow(), 6 * example().escrow().unwrap());
	assert_eq!(job::validate(&checked.job_tasks()), Ok(()));
}

#[test]
fn maps_stand_alone_or_before_one_reduction() {
	let files = Files::new();
	let alone = files.check(&format!("{COMMON}{MAP}")).unwrap();
	assert_eq!(shape(&alone), [(0, 0, 0), (1, 0, 0)]);
	assert_eq!((alone.depth(), alone.spec.requirements.resources.cpu_milli), (1, 500));
	let once = files.check(&format!("{COMMON}{MAP}{REDUCE}")).unwrap();
	assert_eq!(shape(&once), [(0, 0, 0), (1, 0, 0), (2, 0, 2)]);
}

#[test]
fn tasks_can_be_named_one_by_one() {
	let tasks = "[[tasks]]\ninput = \"a\"\n[[tasks]]\ninput = \"b\"\n\
		[[tasks]]\ninput = \"a\"\nafter = { first = 1, count = 1 }\n";
	let checked = Files::new().check(&format!("{COMMON}{tasks}")).unwrap();
	assert_eq!(shape(&checked), [(0, 0, 0), (1, 0, 0), (0, 1, 1)]);
	assert_eq!((checked.inputs.len(), checked.depth()), (2, 2));
}

#[test]
fn the_largest_jobs_are_of_256_tasks() {
	let files = Files::new();
	let maps = |count: usize| {
		let inputs = vec!["\"a\""; count].join(", ");
		format!("[map]\ninputs = [{inputs}]\n")
	};
	let checked = files.check(&format!("{COMMON}{}", maps(256))).unwrap();
	assert_eq!(checked.job_tasks().len(), 256);
	let checked = files.check(&format!("{COMMON}{}{REDUCE}", maps(255))).unwrap();
	let last = checked.tasks.last().unwrap().after;
	assert_eq!((last.first, last.count), (0, 255));
	let checked = files.check(&format!("rounds = 128\n{COMMON}{}{REDUCE}", maps(1))).unwrap();
	assert_eq!((checked.tasks.len(), checked.depth()), (256, 256));
	for (text, said) in [
		(format!("{COMMON}{}", maps(257)), "map.inputs: 1 times 257 are 257 tasks"),
		(format!("{COMMON}{}{REDUCE}", maps(256)), "map.inputs: 1 times 257"),
		(format!("rounds = 129\n{COMMON}{}{REDUCE}", maps(1)), "rounds: 129 times 2 are 258"),
		(
			format!("rounds = 4294967295\n{COMMON}{}{REDUCE}", maps(9)),
			"rounds: 4294967295 times 10",
		),
	] {
		let message = files.refusal(&text);
		assert!(message.contains(said) && message.contains("at most 256"), "{message}");
	}
}

#[test]
fn every_mistake_names_its_field() {
	let files = Files::new();
	let after = |range: &str| {
		format!("{COMMON}[[tasks]]\ninput = \"a\"\n[[tasks]]\ninput = \"b\"\nafter = {range}\n")
	};
	let cases = [
		(COMMON.to_owned(), "map: is missing"),
		(format!("{COMMON}{MAP}[[tasks]]\ninput = \"a\"\n"), "map, tasks: give one"),
		(format!("rounds = 2\n{COMMON}{MAP}"), "reduce: is missing; 2 rounds"),
		(format!("rounds = 0\n{COMMON}{MAP}"), "rounds: must be at least 1"),
		(format!("rounds = 2\n{COMMON}[[tasks]]\ninput = \"a\"\n"), "rounds: goes with map"),
		(format!("{COMMON}{REDUCE}[[tasks]]\ninput = \"a\"\n"), "reduce: goes with map"),
		(format!("{COMMON}[map]\ninputs = []\n"), "map.inputs: must name at least one"),
		(format!("tasks = []\n{COMMON}"), "tasks: are 0"),
		(format!("{COMMON}[map]\ninputs = [\"a\", \"x\"]\n"), "map.inputs[1]: "),
		(format!("{COMMON}{MAP}[reduce]\ninput = \".\"\n"), "reduce.input: "),
		(format!("{COMMON}[[tasks]]\ninput = \"x\"\n"), "tasks[0].input: "),
		(after("{ first = 1, count = 1 }"), "tasks[1].after: names the tasks 1 to 1"),
		(after("{ first = 0, count = 2 }"), "tasks[1].after: names the tasks 0 to 1"),
		(after("{ first = 0, count = 0 }"), "tasks[1].after.count"),
		(after("{ first = 65535, count = 65535 }"), "tasks[1].after: "),
		(after("{ first = 0 }"), "missing field `count`"),
		(format!("{COMMON}{MAP}shards = 2\n"), "unknown field `shards`"),
		(format!("{COMMON}{MAP}").replace("0.5", "0.0001"), "finer than a thousandth"),
		(
			format!("{COMMON}{MAP}").replace("memory_mib = 64", "memory_mib = 0"),
			"resources.memory_mib",
		),
	];
	for (text, said) in cases {
		let message = files.refusal(&text);
		assert!(message.contains(said), "{said}: {message}");
	}
	assert!(files.refusal("rounds = 1\n").contains("dragon job schema"));
}

#[test]
fn what_machines_would_refuse_is_warned_of() {
	let files = Files::new();
	let inputs = vec!["\"a\""; 64].join(", ");
	let maps = format!("[map]\ninputs = [{inputs}]\n");
	let checked = files.check(&format!("{COMMON}{maps}{REDUCE}")).unwrap();
	assert!(checked.warnings[0].contains("the 64 that task 64 takes"), "{:?}", checked.warnings);
	let small = COMMON.replace("fuel_mfuel = 30000", "fuel_mfuel = 30000\noutput_mib = 1");
	assert!(files.check(&format!("{small}{maps}{REDUCE}")).unwrap().warnings.is_empty());
	let many = files.check(&format!("rounds = 50\n{COMMON}{MAP}{REDUCE}")).unwrap();
	assert!(many.warnings[0].contains("100 tasks one after the other"), "{:?}", many.warnings);
}

#[test]
fn the_published_schema_is_the_generated_one() {
	let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema/job.schema.json");
	let json = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap_or_default();
	assert_eq!(
		json(&fs::read_to_string(&path).unwrap_or_default()),
		json(&spec::schema_text::<JobFile>()),
		"run `dragon job schema > cli/schema/job.schema.json` and commit the result"
	);
}

#[test]
fn the_shipped_job_has_the_shape_that_it_says() {
	let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/federated-digits/job.toml");
	let file = JobFile::read(&path).unwrap();
	let tasks = file.layout().unwrap();
	assert_eq!(tasks.len(), 25);
	let after: Vec<(u8, u8)> =
		tasks.iter().map(|task| (task.after.first, task.after.count)).collect();
	assert_eq!(after[..6], [(0, 0), (0, 0), (0, 0), (0, 0), (0, 4), (4, 1)]);
	assert_eq!(after[24], (20, 4));
}
