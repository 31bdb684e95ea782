//! The main job: a classifier of handwritten digits, trained on two machines, checked and paid; then the same task once
//! more through polkadot.js.

use aidragon_client::{
	chain::{Chain, View},
	keys::AccountId,
};
use aidragon_e2e::{
	daemon::Daemon,
	dragon::Dragon,
	ledger::{account, treasury, Ledger},
	node::Node,
	paths::example,
	polkadot_js,
	scene::{play, Scene},
};
use aidragon_primitives::{
	payout::{price, split},
	Balance, DRGN,
};
use anyhow::{bail, ensure, Context, Result};
use serde_json::Value;
use std::{fs, time::Instant};

/// Share of the unseen images that the classifier must read correctly.
const ACCURACY_MIN: f64 = 0.95;
/// The protocol's share of every payment, in parts per million.
const SHARE_PARTS: u32 = 50_000;

#[test]
fn p1_p2_the_digits_job_is_done_checked_and_paid() {
	play("digits", story);
}

async fn story(scene: Scene) -> Result<()> {
	let started = Instant::now();
	let (node, chain) = Node::dev(&scene).await?;
	let mut workers = Vec::new();
	for (provider, price) in [("Bob", "0.008"), ("Charlie", "0.01")] {
		workers.push(Daemon::start(&scene, provider, price, &node.url())?);
	}
	for worker in &mut workers {
		worker.ready(&scene, &chain).await?;
	}
	let before = ledger(&chain).await?;
	let dragon = Dragon::new(&scene, &node.url(), "//Alice")?;
	let submitted = Instant::now();
	let result = scene.data("result.json");
	let file = example("digits/task.toml")?.display().to_string();
	let command = ["task", "submit", &file, "--yes", "--result", &result.display().to_string()];
	let id = dragon.ask(&command).await?["id"].clone();
	scene.say(format_args!(
		"settled {:.1} s after it was submitted, {:.1} s after the node's start",
		submitted.elapsed().as_secs_f32(),
		started.elapsed().as_secs_f32(),
	));
	check_accuracy(&scene, &fs::read(&result)?)?;
	let status = dragon.ask(&["task", "status", &id.to_string()]).await?;
	check_attestations(&status)?;
	check_money(&status, &before, &ledger(&chain).await?)?;
	let draw = dragon.ask(&["task", "explain", &id.to_string()]).await?;
	ensure!(draw["agrees"] == true && draw["considered"].as_array().is_some(), "{draw}");
	if let Some(report) = polkadot_js::submit_task(&scene, &node.url()).await? {
		check_report(&report, &status)?;
	}
	Ok(())
}

fn check_accuracy(scene: &Scene, result: &[u8]) -> Result<()> {
	let result: Value = serde_json::from_slice(result)?;
	let accuracy = result["test_accuracy"].as_f64().context("the result names no accuracy")?;
	scene.say(format_args!("accuracy {accuracy}"));
	ensure!((ACCURACY_MIN..=1.0).contains(&accuracy), "an accuracy of {accuracy}");
	Ok(())
}

fn replicas(status: &Value) -> Result<[&Value; 2]> {
	let replicas = status["replicas"].as_array().context("the status lists no replicas")?;
	let [one, other] = replicas.as_slice() else { bail!("{} replicas", replicas.len()) };
	Ok([one, other])
}

fn check_attestations(status: &Value) -> Result<()> {
	ensure!(status["state"] == "settled", "it ended as {}", status["state"]);
	let [one, other] = replicas(status)?;
	ensure!(one["provider"] != other["provider"], "one provider has both replicas");
	ensure!(
		one["result"].is_object() && one["result"] == other["result"],
		"{one} differs from {other}"
	);
	ensure!(one["result"] == status["result"], "{one} is not the result {}", status["result"]);
	for name in ["output_root", "fuel"] {
		ensure!(!one["result"][name].is_null(), "a result without {name}: {one}");
	}
	Ok(())
}

/// All accounts whose money can change: author of the blocks, submitter, providers, treasury.
async fn ledger(chain: &Chain) -> Result<Ledger> {
	let mut accounts = vec![treasury()];
	for name in ["Alice", "Alice//stash", "Bob", "Charlie"] {
		accounts.push(account(name)?.account_id());
	}
	Ok(Ledger::read(chain, &chain.head(View::Finalized).await?, &accounts).await?)
}

fn check_money(status: &Value, before: &Ledger, after: &Ledger) -> Result<()> {
	let fuel = number(&status["result"]["fuel"])?;
	let (mut paid, mut shares) = (0, 0);
	for replica in replicas(status)? {
		let asked = amount(&replica["price_per_gfuel"])?;
		let parts = split(price(fuel, asked).context("the price overflows")?, SHARE_PARTS);
		let provider: AccountId = replica["provider"].as_str().unwrap_or_default().parse()?;
		let gained = after.gain(before, &provider);
		ensure!(
			gained == parts.provider as i128,
			"{provider} gained {gained}, not {}",
			parts.provider
		);
		ensure!(parts.provider > 0 && parts.protocol > 0, "nothing was earned");
		paid += parts.provider + parts.protocol;
		shares += parts.protocol;
	}
	ensure!(amount(&status["paid"])? == paid, "{} was paid for {paid}", status["paid"]);
	ensure!(after.gain(before, &treasury()) == shares as i128, "the treasury has another share");
	let (alice, author) = (account("Alice")?.account_id(), account("Alice//stash")?.account_id());
	let fees = after.gain(before, &author);
	ensure!((1..DRGN as i128 / 10).contains(&fees), "a fee of {fees}");
	let lost = -after.gain(before, &alice);
	ensure!(lost == paid as i128 + fees, "the submitter lost {lost}, not {paid} and {fees}");
	ensure!(after.held(&alice) == 0, "{} is still on hold", after.held(&alice));
	Ok(())
}

/// Checks what polkadot.js saw of the second run against the first.
fn check_report(report: &Value, first: &Value) -> Result<()> {
	let chain = &report["chain"];
	ensure!(chain["symbol"] == "DRGN" && chain["decimals"] == 12 && chain["ss58"] == 42, "{chain}");
	ensure!(chain["specName"] == "aidragon", "{chain}");
	let undocumented = report["calls"]["undocumented"].as_array().context("no list of calls")?;
	ensure!(undocumented.is_empty(), "calls without documentation: {undocumented:?}");
	ensure!(report["calls"]["documented"].as_u64() >= Some(20), "{}", report["calls"]);
	ensure!(report["state"] == "Settled", "it ended as {}", report["state"]);
	ensure!(report["task"].as_u64() > first["id"].as_u64(), "no new task: {report}");
	ensure!(report["outputRoot"] == first["result"]["output_root"], "another result: {report}");
	ensure!(number(&report["fuel"])? == number(&first["result"]["fuel"])?, "other fuel: {report}");
	ensure!(report["outputBytes"] == first["result"]["output_bytes"], "another size: {report}");
	ensure!(report["replicas"].as_array().is_some_and(|all| all.len() == 2), "{report}");
	Ok(())
}

/// A whole number, as JSON number or as text.
fn number(value: &Value) -> Result<u64> {
	let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
	text.parse().with_context(|| format!("{value} is not a number"))
}

fn amount(value: &Value) -> Result<Balance> {
	value
		.as_str()
		.and_then(|text| text.parse().ok())
		.with_context(|| format!("{value} is no amount"))
}
