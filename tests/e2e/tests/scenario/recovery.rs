//! Workers that are killed, that die for good, and that are asked to end, each in the middle of a task.

use aidragon_client::{
	chain::{Chain, View},
	keys::{Account, AccountId},
	Task,
};
use aidragon_e2e::{
	daemon::Daemon,
	ledger::{account, treasury, Ledger},
	market::{drawn, over, submit, task, task_when, Source},
	node::Node,
	scene::{play, Scene},
	wait::{seconds, until},
};
use aidragon_primitives::{
	attestation::ExitStatus,
	payout::{price, split},
	state::TaskState,
	task::{BlobRef, TaskSpec},
	worker::WorkerStatus,
	TaskId, WorkerId, GFUEL,
};
use anyhow::{bail, ensure, Context, Result};

/// Most fuel of the burning program: what the fastest core burns in eight blocks at most.
const FUEL_LIMIT: u64 = 240 * GFUEL;
/// Turns of the burning program, in millions: long enough to be hit in the middle, short enough to wait for.
const MILLION_TURNS: &str = "2000";
/// The protocol's share of every payment, in parts per million.
const SHARE_PARTS: u32 = 50_000;

#[test]
fn p2_p3_workers_that_go_away() {
	play("recovery", story);
}

async fn story(scene: Scene) -> Result<()> {
	let (node, chain) = Node::dev(&scene).await?;
	let mut workers = Vec::new();
	for provider in ["Bob", "Charlie"] {
		workers.push(Daemon::start(&scene, provider, "0.01", &node.url())?);
	}
	let mut market = Market::open(&scene, chain, workers).await?;
	killed_and_restarted(&scene, &mut market).await?;
	dead_for_good(&scene, &mut market).await?;
	asked_to_end(&scene, &mut market).await
}

/// A chain with workers, and a task that keeps one of them busy for a while.
struct Market {
	chain: Chain,
	workers: Vec<(WorkerId, Daemon)>,
	spec: TaskSpec,
	input: BlobRef,
	submitter: Account,
	_source: Source,
}

impl Market {
	async fn open(scene: &Scene, chain: Chain, daemons: Vec<Daemon>) -> Result<Self> {
		let source = Source::start(scene).await?;
		let program = source.example("adversarial/burn.wasm")?;
		let input = source.bytes(MILLION_TURNS.as_bytes())?;
		let spec = TaskSpec { fuel_limit: FUEL_LIMIT, ..source.spec(program) };
		let mut workers = Vec::new();
		for mut daemon in daemons {
			workers.push((daemon.ready(scene, &chain).await?, daemon));
		}
		let submitter = account("Alice")?;
		Ok(Self { chain, workers, spec, input, submitter, _source: source })
	}

	fn daemon(&mut self, id: WorkerId) -> Result<&mut Daemon> {
		let found = self.workers.iter_mut().find(|(worker, _)| *worker == id);
		Ok(&mut found.with_context(|| format!("worker {id} is none of ours"))?.1)
	}

	/// Submits the task and waits until its machine is at it: the sandbox is a process of its own.
	async fn under_way(&mut self, scene: &Scene) -> Result<(TaskId, WorkerId)> {
		let id = submit(&self.chain, &self.submitter, &self.spec, &self.input).await?;
		let worker = drawn(&self.chain, id).await?;
		let process = self.daemon(worker)?.process();
		let runs = async || {
			process.ensure_running()?;
			Ok((process.children() > 0).then_some(()))
		};
		until(format_args!("worker {worker} to run task {id}"), seconds(20), runs).await?;
		scene.say(format_args!("worker {worker} runs task {id}"));
		Ok((id, worker))
	}

	async fn ledger(&self) -> Result<Ledger> {
		let head = self.chain.head(View::Best).await?;
		let mut accounts = vec![treasury()];
		for name in ["Alice", "Alice//stash", "Bob", "Charlie"] {
			accounts.push(account(name)?.account_id());
		}
		Ok(Ledger::read(&self.chain, &head, &accounts).await?)
	}

	/// Checks that a task was settled and paid once, and nothing else.
	async fn check_paid_once(&self, before: &Ledger, task: &Task) -> Result<()> {
		ensure!(task.state == TaskState::Settled, "it ended as {:?}", task.state);
		let digest = task.result.context("it has no result")?;
		ensure!(digest.status == ExitStatus::Completed, "{:?}", digest.status);
		let [replica] = task.replicas.as_slice() else { bail!("{:?}", task.replicas) };
		let gross = price(digest.fuel, replica.price_per_gfuel).context("the price overflows")?;
		let parts = split(gross, SHARE_PARTS);
		ensure!(task.paid == gross && gross > 0, "{} was paid for {gross}", task.paid);
		let after = self.ledger().await?;
		let gained = |account: &AccountId| after.gain(before, account);
		ensure!(gained(&replica.provider) == parts.provider as i128);
		ensure!(gained(&treasury()) == parts.protocol as i128);
		let others = [account("Bob")?.account_id(), account("Charlie")?.account_id()];
		for other in others.iter().filter(|other| **other != replica.provider) {
			ensure!(gained(other) == 0, "{other} gained {}", gained(other));
		}
		// What the submitter lost beyond the price is the fee, which the block's author gained.
		ensure!(after.total_gain(before) == 0, "money came or went: {}", after.total_gain(before));
		ensure!(after.held(&self.submitter.account_id()) == 0, "money is still on hold");
		Ok(())
	}
}

async fn killed_and_restarted(scene: &Scene, market: &mut Market) -> Result<()> {
	let before = market.ledger().await?;
	let (id, worker) = market.under_way(scene).await?;
	market.daemon(worker)?.process().kill()?;
	scene.say(format_args!("killed worker {worker}"));
	let state = task(&market.chain, id).await?.state;
	ensure!(
		state == TaskState::Assigned,
		"the task was already {state:?} when its worker was killed"
	);
	market.daemon(worker)?.set("--memory-mib", "768");
	market.daemon(worker)?.restart(scene)?;
	let task = over(&market.chain, id, seconds(90)).await?;
	ensure!(task.replicas.first().is_some_and(|replica| replica.worker == worker));
	market.check_paid_once(&before, &task).await?;
	scene.say("the restarted worker delivered, and was paid once");
	until("the restarted worker to sell less memory", seconds(60), async || {
		let head = market.chain.head(View::Best).await?;
		let record = market.chain.at(&head).worker(worker).await?.context("the worker is gone")?;
		Ok((record.ledger.claimed().memory_mib == 768).then_some(()))
	})
	.await?;
	scene.say("what it sells was changed with its settings");
	Ok(())
}

async fn dead_for_good(scene: &Scene, market: &mut Market) -> Result<()> {
	market.spec.execution_blocks = 8;
	market.spec.retries = 1;
	let before = market.ledger().await?;
	let (id, dead) = market.under_way(scene).await?;
	market.daemon(dead)?.process().kill()?;
	scene.say(format_args!("killed worker {dead} for good"));
	let taken_over = |task: &Task| task.replicas.first().is_some_and(|heir| heir.worker != dead);
	task_when(&market.chain, id, "drawn to another machine", seconds(75), taken_over).await?;
	let task = over(&market.chain, id, seconds(60)).await?;
	market.check_paid_once(&before, &task).await?;
	let head = market.chain.head(View::Best).await?;
	let record = market.chain.at(&head).worker(dead).await?.context("the dead worker is gone")?;
	ensure!(
		record.missed == 1 && record.running == 0 && !record.availability.is_online(),
		"{record:?}"
	);
	ensure!(record.ledger.reserved().cpu_milli == 0, "the dead worker's capacity is still taken");
	market.workers.retain(|(worker, _)| *worker != dead);
	scene.say("the other worker took over, and nothing was lost");
	Ok(())
}

async fn asked_to_end(scene: &Scene, market: &mut Market) -> Result<()> {
	let before = market.ledger().await?;
	let (id, worker) = market.under_way(scene).await?;
	market.daemon(worker)?.process().terminate()?;
	let status = market.daemon(worker)?.process().ended(seconds(75)).await?;
	ensure!(status.success(), "the worker ended with {status}");
	let task = task(&market.chain, id).await?;
	market.check_paid_once(&before, &task).await?;
	let head = market.chain.head(View::Best).await?;
	let record = market.chain.at(&head).worker(worker).await?.context("the worker is gone")?;
	ensure!(record.status == WorkerStatus::Paused, "{record:?}");
	scene.say("asked to end, the worker delivered, was paused, and ended with code 0");
	Ok(())
}
