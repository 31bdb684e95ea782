//! Programs, sources and offers that are no good: each task ends with its reason, and the money where it belongs.

use aidragon_client::{
	chain::{Chain, View},
	keys::Account,
	Task,
};
use aidragon_e2e::{
	daemon::Daemon,
	dragon::Dragon,
	ledger::{account, treasury, Ledger},
	market::{http_only, over, submit, LyingSource, Source},
	node::Node,
	paths::example,
	scene::{free_port, play, Scene},
	wait::{seconds, until},
};
use aidragon_primitives::{
	attestation::ExitStatus,
	payout::price,
	state::{FailureReason, TaskState},
	task::{BlobRef, TaskSpec},
	Balance, TaskId, GFUEL,
};
use anyhow::{ensure, Context, Result};
use std::{
	fs,
	net::{Ipv4Addr, SocketAddr},
};

#[test]
fn p2_whatever_is_no_good_ends_with_its_reason() {
	play("hostile", story);
}

/// A task, and how it should end.
struct Case {
	name: &'static str,
	spec: TaskSpec,
	input: BlobRef,
	state: TaskState,
}

impl Case {
	fn program(name: &'static str, order: Order, status: ExitStatus) -> Self {
		Self::failed(name, order, FailureReason::Program(status))
	}

	fn failed(name: &'static str, (spec, input): Order, reason: FailureReason) -> Self {
		Self { name, spec, input, state: TaskState::Failed(reason) }
	}
}

/// What is to be done, and on what.
type Order = (TaskSpec, BlobRef);

async fn story(scene: Scene) -> Result<()> {
	let (node, chain) = Node::dev(&scene).await?;
	let mut workers = ["Bob", "Charlie"]
		.map(|provider| Daemon::start(&scene, provider, "0.01", &node.url()))
		.into_iter()
		.collect::<Result<Vec<_>>>()?;
	let source = Source::start(&scene).await?;
	let liar = LyingSource::start(b"not what was asked for").await?;
	let cases = cases(&source, &liar)?;
	for worker in &mut workers {
		worker.ready(&scene, &chain).await?;
	}
	let url = node.url();
	let dragon = Dragon::new(&scene, &url, "//Alice")?;
	tokio::try_join!(
		run_cases(&scene, &chain, &dragon, cases),
		a_quote_says_who_is_too_dear(&scene, &dragon),
		an_account_without_funds(&scene, &url),
	)?;
	Ok(())
}

/// Writes a task file for the echo program, with a price cap in DRGN.
fn task_file(scene: &Scene, price_cap: &str) -> Result<String> {
	let file = scene.data(&format!("capped-at-{price_cap}.toml"));
	let program = example("adversarial/echo.wasm")?;
	let text = format!(
		"[program]\npath = {program:?}\n[input]\npath = {program:?}\n\
		[resources]\nvcpus = 1\nmemory_mib = 64\n[limits]\nfuel_mfuel = 1000\n\
		[verification]\nreplicas = 1\n\
		[matching]\npolicy = \"cheapest\"\nprice_cap_per_gfuel = \"{price_cap}\"\n"
	);
	fs::write(&file, text)?;
	Ok(file.display().to_string())
}

async fn a_quote_says_who_is_too_dear(scene: &Scene, dragon: &Dragon) -> Result<()> {
	let file = task_file(scene, "0.000001")?;
	// A quote looks at the finalized chain, which lags behind the best block that the workers are ready in.
	until("a quote that finds both machines too dear", seconds(30), async || {
		let quote = dragon.ask(&["task", "quote", &file]).await?;
		let supply = &quote["supply"];
		let last = supply["passing"].as_array().and_then(|steps| steps.last()).cloned();
		let last = last.unwrap_or_default();
		let is_too_dear = last["requirement"] == "price" && last["machines"] == 0;
		Ok((is_too_dear && supply["machines"] == 2 && supply["fitting"] == 0).then_some(()))
	})
	.await?;
	scene.say("the quote says that every offer is above the price cap");
	Ok(())
}

async fn an_account_without_funds(scene: &Scene, url: &str) -> Result<()> {
	let key = scene.data("poor.json").display().to_string();
	let dragon = Dragon::new(scene, url, &key)?;
	let poor = dragon.ask(&["account", "create"]).await?;
	let file = task_file(scene, "0.05")?;
	let answer = dragon.run(&["task", "submit", &file, "--yes"]).await?;
	ensure!(answer.status.code() == Some(4) && answer.stdout.is_empty(), "{answer:?}");
	let address = poor["address"].as_str().context("no address")?;
	for part in ["not enough funds", address, "0.05"] {
		ensure!(answer.stderr.contains(part), "`{part}` is missing in {}", answer.stderr);
	}
	scene.say("an account without funds is told so");
	Ok(())
}

fn cases(source: &Source, liar: &LyingSource) -> Result<Vec<Case>> {
	let input = source.bytes(b"1")?;
	let echo = source.example("adversarial/echo.wasm")?;
	let running = |file: &str| Ok::<_, anyhow::Error>((source.spec(source.example(file)?), input));
	let unheard = |text: &str| BlobRef {
		hash: *blake3::hash(text.as_bytes()).as_bytes(),
		size_bytes: text.len() as u64,
	};
	let nowhere = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?));
	let (honest, hoard) = (source.spec(echo), source.example("adversarial/hoard.wasm")?);
	Ok(vec![
		Case::program("an endless loop", running("adversarial/spin.wasm")?, ExitStatus::OutOfFuel),
		Case::program(
			"memory without end",
			(TaskSpec { fuel_limit: 20 * GFUEL, ..source.spec(hoard) }, input),
			ExitStatus::MemoryLimit,
		),
		Case::program(
			"no program",
			running("adversarial/notwasm.txt")?,
			ExitStatus::InvalidProgram,
		),
		Case::program("a failure", running("adversarial/exit3.wasm")?, ExitStatus::ExitCode(3)),
		Case::failed(
			"a blob that its source lacks",
			(honest.clone(), unheard("never offered")),
			FailureReason::BlobUnavailable,
		),
		Case::failed(
			"a source that is not there",
			(TaskSpec { source: http_only(nowhere), ..honest.clone() }, unheard("not there")),
			FailureReason::BlobUnavailable,
		),
		Case::failed(
			"an input with another hash",
			(
				TaskSpec { source: liar.address(), ..honest.clone() },
				unheard("22 bytes, like the lie"),
			),
			FailureReason::BlobMismatch,
		),
		Case::failed(
			"an input of another size",
			(honest.clone(), BlobRef { size_bytes: 7, ..source.bytes(b"six...")? }),
			FailureReason::BlobMismatch,
		),
		Case {
			name: "a price cap below every offer",
			spec: TaskSpec {
				price_cap_per_gfuel: 1,
				execution_blocks: 4,
				deadline_blocks: 18,
				..honest
			},
			input,
			state: TaskState::Expired,
		},
	])
}

async fn run_cases(scene: &Scene, chain: &Chain, dragon: &Dragon, cases: Vec<Case>) -> Result<()> {
	let alice = account("Alice")?;
	let before = ledger(chain).await?;
	let mut submitted = Vec::new();
	for case in cases {
		let id = submit(chain, &alice, &case.spec, &case.input).await.context(case.name)?;
		submitted.push((id, case));
	}
	let mut paid = 0;
	for (id, case) in submitted {
		let task = over(chain, id, seconds(120)).await.context(case.name)?;
		paid += check(id, &case, &task).context(case.name)?;
		let reason = reason(dragon, id).await.context(case.name)?;
		scene.say(format_args!("{}: {:?}: {reason}", case.name, task.state));
	}
	let after = ledger(chain).await?;
	check_money(&before, &after, &alice, paid)
}

/// Checks how a task ended, and gives what was paid for it.
fn check(id: TaskId, case: &Case, task: &Task) -> Result<Balance> {
	ensure!(task.state == case.state, "task {id} ended as {:?}", task.state);
	ensure!(task.escrow == 0, "{} is still on hold", task.escrow);
	let earned = match (task.state, task.result, task.replicas.first()) {
		(TaskState::Failed(FailureReason::Program(status)), Some(digest), Some(replica)) => {
			if status == ExitStatus::OutOfFuel {
				ensure!(digest.fuel == case.spec.fuel_limit, "{} fuel were used", digest.fuel);
			}
			price(digest.fuel, replica.price_per_gfuel).context("the price overflows")?
		}
		_ => 0,
	};
	ensure!(task.paid == earned, "{} was paid, {earned} was earned", task.paid);
	Ok(earned)
}

/// The sentence that a submitter is told. Waiting for a task that failed ends with code 1.
async fn reason(dragon: &Dragon, id: TaskId) -> Result<String> {
	let answer = dragon.run(&["task", "wait", &id.to_string(), "--timeout", "30"]).await?;
	ensure!(answer.status.code() == Some(1), "{answer:?}");
	let status: serde_json::Value = serde_json::from_str(&answer.stdout)?;
	let reason = status["reason"].as_str().context("no reason is given")?;
	ensure!(reason.len() > 20 && answer.stderr.contains(reason), "{answer:?}");
	Ok(reason.to_owned())
}

async fn ledger(chain: &Chain) -> Result<Ledger> {
	let mut accounts = vec![treasury()];
	for name in ["Alice", "Alice//stash", "Bob", "Charlie"] {
		accounts.push(account(name)?.account_id());
	}
	Ok(Ledger::read(chain, &chain.head(View::Best).await?, &accounts).await?)
}

/// Checks that the submitter lost what was paid and the fees, which the blocks' author gained, and that nothing else
/// came or went.
fn check_money(before: &Ledger, after: &Ledger, alice: &Account, paid: Balance) -> Result<()> {
	let gained =
		|name: &str| Ok::<_, anyhow::Error>(after.gain(before, &account(name)?.account_id()));
	let earned = gained("Bob")? + gained("Charlie")? + after.gain(before, &treasury());
	ensure!(earned == paid as i128, "{earned} was earned, {paid} was paid");
	let fees = gained("Alice//stash")?;
	ensure!(gained("Alice")? == -(paid as i128) - fees, "the submitter lost something else");
	ensure!(after.held(&alice.account_id()) == 0, "money is still on hold");
	Ok(())
}
