//! A job: five rounds of training on four shards and of averaging, 25 tasks of which 21 take the results of others, on four
//! machines.

use aidragon_e2e::{
	daemon::Daemon,
	dragon::Dragon,
	ledger::account,
	market::{over, submit, Source},
	node::Node,
	paths::example,
	scene::{play, Scene},
	wait::seconds,
};
use aidragon_primitives::{state::TaskState, TaskId};
use anyhow::{ensure, Context, Result};
use serde_json::Value;
use std::{fs, time::Instant};

/// Tasks of the job: four that train and one that averages, five times.
const TASKS: u64 = 25;
/// What the same training reaches on one machine.
const ACCURACY_ALONE: f64 = 0.9775;
/// How much of it may be lost.
const ACCURACY_LOSS_MAX: f64 = 0.01;
/// Ten steps of some six blocks each, and as much again for a machine that is slow.
const JOB_SECONDS_MAX: u64 = 480;

#[test]
fn tasks_that_take_the_results_of_others() {
	play("federated", story);
}

async fn story(scene: Scene) -> Result<()> {
	let (node, chain) = Node::dev(&scene).await?;
	// Four small machines: each has room for one task at a time, so that no one of them does all.
	let small = [("--vcpus", "1"), ("--memory-mib", "128")];
	let mut workers = ["Bob", "Charlie", "Dave", "Eve"]
		.map(|provider| Daemon::start_with(&scene, provider, "0.01", &node.url(), &small))
		.into_iter()
		.collect::<Result<Vec<_>>>()?;
	// Nobody can do it yet: it waits for the first machine that comes.
	let source = Source::start(&scene).await?;
	let (echo, input) = (source.example("adversarial/echo.wasm")?, source.bytes(b"early")?);
	let early = submit(&chain, &account("Alice")?, &source.spec(echo), &input).await?;
	for worker in &mut workers {
		worker.ready(&scene, &chain).await?;
	}
	let settled = over(&chain, early, seconds(60)).await?;
	ensure!(settled.state == TaskState::Settled, "task {early} ended as {:?}", settled.state);
	let dragon = Dragon::new(&scene, &node.url(), "//Alice")?;
	let file = example("federated-digits/job.toml")?.display().to_string();
	let (result, results) = (scene.data("result"), scene.data("results"));
	let (one, all) = (result.display().to_string(), results.display().to_string());
	let command = ["job", "submit", &file, "--yes", "--result", &one, "--results", &all];
	let submitted = Instant::now();
	let id = dragon.ask_within(seconds(JOB_SECONDS_MAX), &command).await?["id"].clone();
	scene.say(format_args!(
		"done {:.1} s after it was submitted",
		submitted.elapsed().as_secs_f32()
	));
	let status = dragon.ask(&["job", "status", &id.to_string()]).await?;
	check_status(&scene, &status)?;
	check_accuracy(&scene, &fs::read(&result)?)?;
	draws_can_be_repeated(&scene, &dragon, early, &status).await?;
	let files = fs::read_dir(&results)?.count() as u64;
	ensure!(files == TASKS, "{files} results were written");
	let waited = dragon.ask(&["job", "wait", &id.to_string(), "--timeout", "30"]).await?;
	ensure!(waited["over"] == true, "{waited}");
	Ok(())
}

/// Checks that every task settled, that several machines had one, and that no money is left on hold.
fn check_status(scene: &Scene, status: &Value) -> Result<()> {
	let sums = &status["sums"];
	ensure!(sums["tasks"] == TASKS && sums["settled"] == TASKS, "{sums}");
	ensure!(sums["escrow"] == "0" && sums["paid"] != "0", "{sums}");
	let machines = sums["workers"].as_array().context("no list of machines")?.len();
	ensure!(machines > 1, "one machine did all: {sums}");
	let tasks = status["tasks"].as_array().context("no list of tasks")?;
	let dependent = tasks.iter().filter(|task| task["after"] != Value::Array(Vec::new())).count();
	ensure!(dependent == 21, "{dependent} tasks take the results of others");
	let fetched = tasks.iter().any(|task| takes_from_another_machine(task, tasks));
	ensure!(fetched, "no result went from one machine to another");
	scene.say(format_args!("{TASKS} tasks settled, on {machines} machines"));
	Ok(())
}

/// Checks that anybody can recompute which machine got the task that waited, those of the first round, the first of the
/// second, and the last one.
async fn draws_can_be_repeated(
	scene: &Scene,
	dragon: &Dragon,
	early: TaskId,
	status: &Value,
) -> Result<()> {
	let draw = dragon.ask(&["task", "explain", &early.to_string()]).await?;
	// The look by the clock may fall into the block between the first machine's coming and its wake.
	let has_waited = ["woken", "swept"].iter().any(|cause| draw["cause"] == *cause);
	ensure!(draw["agrees"] == true && has_waited, "{draw}");
	let tasks = status["tasks"].as_array().context("no list of tasks")?;
	for task in tasks.iter().take(6).chain(tasks.last()) {
		let draw = dragon.ask(&["task", "explain", &task["id"].to_string()]).await?;
		ensure!(draw["agrees"] == true && draw["computed"] == task["workers"], "{draw}");
	}
	scene.say("the draws follow from the chain's state");
	Ok(())
}

/// Whether a task takes the result of one that other machines had.
fn takes_from_another_machine(task: &Value, tasks: &[Value]) -> bool {
	let inputs = task["after"].as_array().into_iter().flatten();
	let mut others = inputs.filter_map(|id| tasks.iter().find(|other| other["id"] == *id));
	others.any(|other| other["workers"] != task["workers"])
}

/// Reads the line before the last network, such as `averaged 4 shards, round 5 of 5, 1352 images, accuracy 0.9730`.
fn check_accuracy(scene: &Scene, result: &[u8]) -> Result<()> {
	let line = result.split(|byte| *byte == b'\n').next().unwrap_or_default();
	let line = String::from_utf8_lossy(line);
	scene.say(&line);
	ensure!(line.starts_with("averaged 4 shards, round 5 of 5"), "the last result says `{line}`");
	let accuracy = line.rsplit(' ').next().and_then(|word| word.parse::<f64>().ok());
	let accuracy = accuracy.with_context(|| format!("`{line}` names no accuracy"))?;
	let loss = ACCURACY_ALONE - accuracy;
	ensure!(loss.abs() <= ACCURACY_LOSS_MAX, "an accuracy of {accuracy}");
	Ok(())
}
