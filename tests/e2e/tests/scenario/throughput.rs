//! How many tasks one node settles in a second, against the transfers that it takes; and every draw among them repeated.
//!
//! Both are measured in one run, on one machine, with full blocks: first transfers, then jobs of 32 trivial tasks on machines
//! that deliver as fast as the chain takes it. Ratios of one run vary less than times do.

use aidragon_client::{
	calls::{self, Call},
	chain::{Chain, Head, View},
	keys::Account,
};
use aidragon_e2e::{
	crew::Hand,
	dragon::Dragon,
	ledger::{account, Ledger},
	load::{blocks, describe, extrinsics, seconds_between, share, Block, Signed},
	market::PRICE_CAP,
	node::Node,
	puppet::{nowhere, Puppet},
	rpc::Rpc,
	scene::{play, Scene},
	wait::{seconds, until},
};
use aidragon_primitives::{
	job::{After, JobTask, JobTasks},
	resources::Resources,
	state::TaskState,
	task::{BlobRef, MatchingPolicy, Program, ProgramKind, Requirements, TaskSpec},
	worker::Capacity,
	Balance, BlockNumber, WorkerId, DRGN,
};
use anyhow::{bail, ensure, Context, Result};
use futures::{future::try_join_all, StreamExt};
use serde_json::json;
use std::{collections::HashSet, path::PathBuf, time::Instant};

/// Who has a machine each.
const PROVIDERS: [&str; 8] =
	["Alice", "Bob", "Charlie", "Dave", "Eve", "Ferdie", "Bob//stash", "Charlie//stash"];
/// What each machine has: together they hold 1,536 tasks of 1 MiB at once.
const MACHINE: Capacity = Capacity::cpu(1, 192);
/// What the machines ask: 0.01 DRGN per 10⁹ fuel. All the same, so that chance spreads the tasks.
const PRICE: Balance = DRGN / 100;

/// Accounts that transfer side by side, and how often each of them can.
const SENDERS: usize = 24;
const TRANSFERS_EACH: usize = 1_300;
/// What one transfer moves.
const AMOUNT: Balance = DRGN / 1_000;
/// Transfers that the pool is kept at: two full blocks, and half of what it holds at most.
const PENDING: usize = 4_500;
/// A pool that is not what limits the rate: the node's own holds 8,192 transactions, and a tenth of it out of order.
const POOL: [&str; 4] = ["--pool-limit", "65536", "--pool-kbytes", "262144"];
/// Full blocks of transfers that count.
const FULL_BLOCKS: BlockNumber = 10;

/// Accounts that submit jobs side by side, and how many each of them submits.
const SUBMITTERS: usize = 8;
const JOBS_EACH: usize = 20;
const JOB_TASKS: usize = 32;
const TASKS: usize = SUBMITTERS * JOBS_EACH * JOB_TASKS;
/// Tasks on their way at most. From submission to settlement a task takes four blocks, so that this is no limit below 640 tasks
/// in a block; machines hold what was drawn in two of them.
const OPEN_MAX: usize = 2_560;
/// Draws that must have been repeated.
const DRAWS_MIN: u64 = 2_000;
/// The least that the tasks per second may be of the transfers per second: more than half of the quarter that is the aim, for noise.
const RATIO_MIN: f64 = 0.15;

#[test]
fn tasks_settle_at_a_fair_part_of_the_rate_of_transfers() {
	play("throughput", story);
}

async fn story(scene: Scene) -> Result<()> {
	let (mut node, chain) = Node::dev_with(&scene, &POOL).await?;
	let stage = Stage { rpc: Rpc::new(&node.url()), chain, log: scene.log("node") };
	let (crew, senders, submitters) = tokio::try_join!(
		crew(&scene, &stage.chain),
		funded(&stage.chain, "Dave//stash", "Sender", SENDERS),
		funded(&stage.chain, "Eve//stash", "Submitter", SUBMITTERS),
	)?;
	let transfers = transfers(&scene, &stage, senders).await?;
	let tasks = tasks(&scene, &stage, crew, &submitters).await?;
	let ratio = tasks.per_s / transfers.per_s;
	scene.say(format_args!("tasks over transfers: {ratio:.3}"));
	print(&format!(
		"transfers_per_s={:.1} tasks_per_s={:.1} ratio={ratio:.3} tasks={TASKS} jobs={} {}",
		transfers.per_s,
		tasks.per_s,
		TASKS / JOB_TASKS,
		tasks.details,
	));
	everything_settled(&stage.chain, &submitters).await?;
	let (from, to) = (tasks.first, tasks.last);
	node.finalized_beyond(&stage.chain, to, seconds(60)).await?;
	let dragon = Dragon::new(&scene, &node.url(), "//Alice")?;
	every_draw_holds(&scene, &dragon, from, to).await?;
	ensure!(ratio >= RATIO_MIN, "only {ratio:.3} tasks for each transfer");
	Ok(())
}

/// The result, for `scripts/measure.sh`.
#[allow(clippy::print_stdout, reason = "stdout is for results")]
fn print(figures: &str) {
	// What the test's frame says of it stands on the same line.
	println!("\nthroughput: {figures}");
}

/// What is acted on.
struct Stage {
	chain: Chain,
	rpc: Rpc,
	/// The node's.
	log: PathBuf,
}

impl Stage {
	async fn blocks(&self, from: BlockNumber, to: BlockNumber) -> Result<Vec<Block>> {
		blocks(&self.rpc, &self.chain, &self.log, from, to).await
	}
}

/// What a phase came to.
struct Measured {
	per_s: f64,
	first: BlockNumber,
	last: BlockNumber,
	/// For the line that other programs read.
	details: String,
}

/// Machines of different providers, proved and ready.
async fn crew(scene: &Scene, chain: &Chain) -> Result<Vec<Hand>> {
	let hand = async |name: &&str| {
		let puppet = Puppet::register_with(scene, chain, &account(name)?, PRICE, MACHINE).await?;
		puppet.prove(scene).await?;
		anyhow::Ok(Hand::new(puppet))
	};
	try_join_all(PROVIDERS.iter().map(hand)).await
}

/// Accounts of their own, each with enough to send and to submit.
async fn funded(chain: &Chain, payer: &str, name: &str, count: usize) -> Result<Vec<Account>> {
	let payer = account(payer)?;
	let accounts: Result<Vec<Account>> =
		(0..count).map(|index| account(&format!("{name}//{index}"))).collect();
	let accounts = accounts?;
	try_join_all(accounts.iter().map(async |account| {
		let give = calls::transfer(&account.account_id(), 100 * DRGN);
		chain.submit(&give, &payer, View::Best).await
	}))
	.await?;
	Ok(accounts)
}

/// Signs what each account will send, side by side.
async fn signed(chain: &Chain, accounts: &[Account], calls: &[Call]) -> Result<Vec<Signed>> {
	let prepare = async |account: &Account| {
		let (chain, account, calls) = (chain.clone(), account.clone(), calls.to_vec());
		tokio::spawn(async move { Signed::prepare(&chain, &account, &calls).await }).await?
	};
	try_join_all(accounts.iter().map(prepare)).await
}

/// Fills blocks with transfers, and counts them.
async fn transfers(scene: &Scene, stage: &Stage, senders: Vec<Account>) -> Result<Measured> {
	let Stage { chain, rpc, .. } = stage;
	let receiver = account("Receiver")?.account_id();
	let calls = vec![calls::transfer(&receiver, AMOUNT); TRANSFERS_EACH];
	let mut signed = signed(chain, &senders, &calls).await?;
	scene.say(format_args!("{} transfers are signed", SENDERS * TRANSFERS_EACH));
	let mut seen = chain.head(View::Best).await?.number;
	let (mut included, mut lost) = (0, 0);
	top_up(rpc, &mut signed, PENDING).await?;
	let first = chain.head(View::Best).await?.number + 1;
	let last = first + FULL_BLOCKS;
	let mut heads = chain.follow(View::Best);
	while seen <= last {
		let head = heads.next().await.context("no more blocks")?;
		for number in seen + 1..=head.number {
			let hash = rpc.values("chain_getBlockHash", &[json!([number])]).await?;
			// The first one tells the time.
			included += extrinsics(rpc, &hash[0]).await?.len() - 1;
		}
		seen = head.number;
		let (sent, gone) = recount(rpc, &mut signed).await?;
		lost += gone;
		top_up(rpc, &mut signed, (PENDING + included).saturating_sub(sent)).await?;
	}
	scene.say(format_args!("the pool lost {lost} transfers, which were sent again"));
	until("all transfers to arrive", seconds(60), async || {
		let (sent, _) = recount(rpc, &mut signed).await?;
		let head = chain.head(View::Best).await?;
		let arrived = chain.at(&head).balance(&receiver).await?.free;
		Ok((arrived == sent as Balance * AMOUNT).then_some(()))
	})
	.await?;
	count_transfers(scene, stage, &signed, first, last).await
}

/// Hands some more transactions to the pool, as many of each account.
async fn top_up(rpc: &Rpc, signed: &mut [Signed], count: usize) -> Result<()> {
	let each = count.div_ceil(signed.len().max(1));
	let refused = try_join_all(signed.iter_mut().map(|signed| signed.send(rpc, each))).await?;
	match refused.into_iter().flatten().next() {
		Some(reason) => bail!("the pool refused a transfer: {reason}"),
		None => Ok(()),
	}
}

/// How many transactions the node has, in blocks or ready for them, and how many it lost.
async fn recount(rpc: &Rpc, signed: &mut [Signed]) -> Result<(usize, usize)> {
	let lost = try_join_all(signed.iter_mut().map(|signed| signed.recount(rpc))).await?;
	Ok((signed.iter().map(Signed::sent).sum(), lost.into_iter().sum()))
}

async fn count_transfers(
	scene: &Scene,
	stage: &Stage,
	signed: &[Signed],
	first: BlockNumber,
	last: BlockNumber,
) -> Result<Measured> {
	let blocks = stage.blocks(first, last).await?;
	let sent: HashSet<&String> = signed.iter().flat_map(Signed::transactions).collect();
	// From the first block's time to the last one's, the transfers of all but the first came.
	let counted: usize = blocks
		.iter()
		.skip(1)
		.map(|block| block.extrinsics.iter().filter(|text| sent.contains(text)).count())
		.sum();
	let per_s = counted as f64 / seconds_between(&blocks);
	scene.say(format_args!("{counted} transfers in {:.1} s", seconds_between(&blocks)));
	scene.say(format_args!("transfers: {per_s:.1} per second; {}", describe(&blocks)));
	Ok(Measured { per_s, first, last, details: String::new() })
}

/// Has jobs submitted, drawn, delivered and settled as fast as the chain can, and counts the tasks.
async fn tasks(
	scene: &Scene,
	stage: &Stage,
	mut crew: Vec<Hand>,
	submitters: &[Account],
) -> Result<Measured> {
	let Stage { chain, rpc, .. } = stage;
	let mut jobs = signed(chain, submitters, &vec![job()?; JOBS_EACH]).await?;
	let machines: Vec<WorkerId> = crew.iter().map(Hand::id).collect();
	let mut heads = chain.follow(View::Best);
	let started = Instant::now();
	let before = chain.head(View::Best).await?;
	let mut reaction_max = 0.0f32;
	let end = loop {
		let head = heads.next().await.context("no more blocks")?;
		let reacting = Instant::now();
		let (settled, _) = progress(chain, &machines, &head).await?;
		if settled == TASKS {
			break head;
		}
		ensure!(started.elapsed() < seconds(150), "only {settled} tasks are settled");
		let steps = try_join_all(crew.iter_mut().map(|hand| hand.step(chain, rpc, &head)));
		tokio::try_join!(steps, submit_more(rpc, &mut jobs, settled))?;
		reaction_max = reaction_max.max(reacting.elapsed().as_secs_f32());
	};
	let resent: usize = crew.iter().map(|hand| hand.resent).sum();
	let refusals: Vec<&String> = crew.iter().flat_map(|hand| &hand.refusals).collect();
	scene.say(format_args!(
		"at most {reaction_max:.1} s to answer a block; {resent} tasks were sent again; refusals: {refusals:?}"
	));
	count_tasks(scene, stage, &machines, before.number, end.number).await
}

/// Submits jobs up to what is on its way at most.
async fn submit_more(rpc: &Rpc, jobs: &mut [Signed], settled: usize) -> Result<()> {
	let submitted: usize = jobs.iter().map(|jobs| jobs.sent() * JOB_TASKS).sum();
	let more = (OPEN_MAX + settled).saturating_sub(submitted) / JOB_TASKS;
	for _ in 0..more {
		// The one who has most left comes next.
		let Some(next) = jobs.iter_mut().max_by_key(|jobs| jobs.left()) else { break };
		let refused = next.send(rpc, 1).await?;
		ensure!(refused.is_none(), "a job was refused: {refused:?}");
	}
	Ok(())
}

/// Tasks that the machines had accepted by the end of a block, and those that they had been drawn for.
async fn progress(chain: &Chain, machines: &[WorkerId], head: &Head) -> Result<(usize, usize)> {
	let workers = chain.at(head).workers_of(machines).await?;
	let accepted: u32 = workers.values().map(|worker| worker.accepted).sum();
	let others: u32 = workers.values().map(|worker| worker.missed + worker.running).sum();
	Ok((accepted as usize, (accepted + others) as usize))
}

async fn count_tasks(
	scene: &Scene,
	stage: &Stage,
	machines: &[WorkerId],
	before: BlockNumber,
	end: BlockNumber,
) -> Result<Measured> {
	let blocks = stage.blocks(before + 1, end).await?;
	let (mut settled, mut drawn, mut last) = (Vec::new(), Vec::new(), (0, 0));
	for block in &blocks {
		let head = stage.chain.head_at(block.number).await?;
		let so_far = progress(&stage.chain, machines, &head).await?;
		let (newly_settled, newly_drawn) = (so_far.0 - last.0, so_far.1 - last.1);
		scene.say(format_args!("{newly_drawn} drawn, {newly_settled} settled: {block}"));
		settled.push(newly_settled);
		drawn.push(newly_drawn);
		last = so_far;
	}
	// What the first block with a settlement settled was on its way before it.
	let begin = settled.iter().position(|count| *count > 0).context("nothing was settled")?;
	let counted: usize = settled.iter().skip(begin + 1).sum();
	let busy = &blocks[begin..];
	let per_s = counted as f64 / seconds_between(busy);
	scene.say(format_args!("{counted} tasks in {:.1} s", seconds_between(busy)));
	scene.say(format_args!("tasks: {per_s:.1} per second; {}", describe(busy)));
	let most = |counts: &[usize]| counts.iter().max().copied().unwrap_or(0);
	let details = format!(
		"blocks={} draws_per_block_max={} settled_per_block_max={} hooks_share={:.3} calls_share={:.3}",
		busy.len(),
		most(&drawn),
		most(&settled),
		share(busy, |block| block.hooks_ps),
		share(busy, |block| block.calls_ps),
	);
	Ok(Measured { per_s, first: before + 1, last: end, details })
}

/// A job of trivial tasks.
fn job() -> Result<Call> {
	let spec = TaskSpec {
		program: Program {
			kind: ProgramKind::WasiCommand,
			blob: BlobRef { hash: [1; 32], size_bytes: 1 },
		},
		source: nowhere(),
		requirements: Requirements {
			resources: Resources::cpu(1, 1),
			throughput_min_mops: 0,
			region: None,
			energy: None,
		},
		fuel_limit: 1_000_000,
		output_limit_bytes: 1,
		execution_blocks: 40,
		deadline_blocks: 400,
		replicas: 1,
		matching: MatchingPolicy::Cheapest,
		price_cap_per_gfuel: PRICE_CAP,
		retries: 0,
	};
	let input = BlobRef { hash: [2; 32], size_bytes: 1 };
	let tasks = vec![JobTask { input, after: After::default() }; JOB_TASKS];
	let tasks = JobTasks::try_from(tasks).ok().context("a job of too many tasks")?;
	Ok(calls::submit_job(&spec, &tasks))
}

/// Checks that every task has its result and was paid, and that no submitter has money on hold.
async fn everything_settled(chain: &Chain, submitters: &[Account]) -> Result<()> {
	let head = chain.head(View::Best).await?;
	let tasks = chain.at(&head).tasks().await?;
	ensure!(tasks.len() == TASKS, "{} tasks are kept", tasks.len());
	for (id, task) in &tasks {
		let is_paid = task.state == TaskState::Settled && task.paid > 0;
		ensure!(is_paid, "task {id} is {:?}, {} was paid", task.state, task.paid);
	}
	let submitters: Vec<_> = submitters.iter().map(Account::account_id).collect();
	let ledger = Ledger::read(chain, &head, &submitters).await?;
	for submitter in &submitters {
		let (held, escrowed) = (ledger.held(submitter), chain.at(&head).escrowed(submitter).await?);
		ensure!(held == 0 && escrowed == 0, "{submitter} has {held} on hold, {escrowed} for tasks");
	}
	Ok(())
}

/// Repeats every draw of these blocks from the state before them, as anybody can.
async fn every_draw_holds(
	scene: &Scene,
	dragon: &Dragon,
	from: BlockNumber,
	to: BlockNumber,
) -> Result<()> {
	let started = Instant::now();
	let (from, to) = (from.to_string(), to.to_string());
	let arguments = ["task", "audit", "--from", &from, "--to", &to];
	let found = dragon.ask_within(seconds(240), &arguments).await?;
	let (draws, mismatches) = (found["draws"].as_u64(), found["mismatches"].as_array());
	ensure!(mismatches.is_some_and(Vec::is_empty), "{found}");
	ensure!(draws.is_some_and(|draws| draws >= DRAWS_MIN), "{found}");
	let took = started.elapsed().as_secs();
	scene.say(format_args!("all of {} draws hold, repeated in {took} s", draws.unwrap_or(0)));
	Ok(())
}
