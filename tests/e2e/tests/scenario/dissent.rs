//! A machine that lies about an output, two that lie about themselves, and calls that the protocol refuses.

use aidragon_client::{
	calls,
	chain::{Chain, Included, SubmitError, View},
	keys::{Account, AccountId},
	Worker,
};
use aidragon_e2e::{
	daemon::Daemon,
	ledger::{account, treasury, Ledger},
	market::{over, submit, task, task_when, Source},
	node::Node,
	puppet::Puppet,
	scene::{play, Scene},
	wait::{seconds, until},
};
use aidragon_primitives::{
	attestation::{Attestation, ExitStatus, ResultDigest},
	payout::{price, split},
	state::TaskState,
	task::{BlobRef, Progress, TaskSpec},
	verification::Slot,
	Balance, TaskId, WorkerId, DRGN,
};
use anyhow::{bail, ensure, Context, Result};
use std::collections::BTreeMap;

/// What the daemons ask: 0.01 DRGN per 10⁹ fuel.
const PRICE: Balance = DRGN / 100;
/// What the tasks' program should give back.
const TRUTH: &[u8] = b"the truth";
/// The protocol's share of every payment, in parts per million.
const SHARE_PARTS: u32 = 50_000;

#[test]
fn a_liar_is_outvoted_and_wrong_steps_are_refused() {
	play("dissent", story);
}

async fn story(scene: Scene) -> Result<()> {
	let (node, chain) = Node::dev(&scene).await?;
	let mut daemons = ["Bob", "Charlie"]
		.map(|provider| Daemon::start(&scene, provider, "0.01", &node.url()))
		.into_iter()
		.collect::<Result<Vec<_>>>()?;
	// Dearer than the daemons, which keeps it from the task for one machine.
	let price_asked = 2 * PRICE;
	let [dave, eve, ferdie] = [account("Dave")?, account("Eve")?, account("Ferdie")?];
	let source = Source::start(&scene).await?;
	let (liar, stranger, forger) = tokio::try_join!(
		Puppet::register(&scene, &chain, &dave, price_asked),
		Puppet::register(&scene, &chain, &eve, price_asked),
		Puppet::register_at(&scene, &chain, &ferdie, price_asked, source.address()),
	)?;
	tokio::try_join!(
		liar.prove(&scene),
		stranger.claim_falsely(&scene, &eve),
		forger.archive_falsely(&scene, &source),
	)?;
	for daemon in &mut daemons {
		let worker = daemon.ready(&scene, &chain).await?;
		is_confirmed(&chain, worker).await?;
	}
	scene.say("the daemons' archives were confirmed by others");
	let (program, input) = (source.example("adversarial/echo.wasm")?, source.bytes(TRUTH)?);
	let three = TaskSpec { replicas: 3, execution_blocks: 30, ..source.spec(program) };
	let one = TaskSpec { replicas: 1, price_cap_per_gfuel: PRICE, ..three.clone() };
	let cast = Cast { chain, submitter: account("Alice")?, input, liar, stranger };
	let mut accounts = vec![treasury()];
	for name in ["Bob", "Charlie", "Dave", "Eve"] {
		accounts.push(account(name)?.account_id());
	}
	let before = cast.ledger(&accounts).await?;
	let (lied, late, single) =
		tokio::try_join!(cast.submit(&three), cast.submit(&three), cast.submit(&one))?;
	// The wait for this one's reveals is long, and goes on beside the rest.
	let latecomer = cast.commit_to_a_lie(late).await?;
	a_foreign_result(&cast, single).await?;
	a_liar(&scene, &cast, lied).await?;
	a_latecomer(&scene, &cast, late, &latecomer).await?;
	check_payments(&cast, &[lied, late, single], &before, &accounts).await
}

/// Waits until machines of other providers have confirmed what a daemon proved.
async fn is_confirmed(chain: &Chain, worker: WorkerId) -> Result<()> {
	until(format_args!("worker {worker}'s archives to be confirmed"), seconds(60), async || {
		let at = chain.at(&chain.head(View::Best).await?);
		for slot in Slot::ALL {
			let audit = at.audit(worker, slot).await?;
			if audit.is_none_or(|audit| audit.confirmed == 0) {
				return Ok(None);
			}
		}
		Ok(Some(()))
	})
	.await
}

struct Cast {
	chain: Chain,
	submitter: Account,
	/// What all tasks run on.
	input: BlobRef,
	/// A machine with a proof, driven by the test.
	liar: Puppet,
	/// A registered machine without a proof, which is never drawn.
	stranger: Puppet,
}

impl Cast {
	async fn submit(&self, spec: &TaskSpec) -> Result<TaskId> {
		submit(&self.chain, &self.submitter, spec, &self.input).await
	}

	/// Binds the liar to a false statement about a task that it was drawn for.
	async fn commit_to_a_lie(&self, id: TaskId) -> Result<Attestation> {
		let drawn = self.liar.drawn(id).await?;
		let falsehood = self.liar.attestation(id, &drawn, lie());
		self.liar.commit(&falsehood).await?;
		Ok(falsehood)
	}

	async fn ledger(&self, accounts: &[AccountId]) -> Result<Ledger> {
		let head = self.chain.head(View::Best).await?;
		Ok(Ledger::read(&self.chain, &head, accounts).await?)
	}

	/// What the chain has about the liar's machine.
	async fn record(&self) -> Result<Worker> {
		let head = self.chain.head(View::Best).await?;
		self.chain.at(&head).worker(self.liar.id()).await?.context("the liar's machine is gone")
	}
}

fn lie() -> ResultDigest {
	ResultDigest {
		output_root: [13; 32],
		output_bytes: 9,
		fuel: 1_000,
		status: ExitStatus::Completed,
	}
}

/// Fails unless the chain refused a call with this error of the matching, and with a sentence that explains it.
fn refused(answer: Result<Included, SubmitError>, error: &str) -> Result<()> {
	match answer {
		Err(refusal) if refusal.is("TaskMatching", error) => {
			let text = refusal.to_string();
			ensure!(text.len() > error.len() + 20, "`{text}` explains nothing");
			Ok(())
		}
		other => bail!("expected TaskMatching.{error}, got {other:?}"),
	}
}

async fn a_liar(scene: &Scene, cast: &Cast, id: TaskId) -> Result<()> {
	let Cast { chain, submitter, liar, stranger, .. } = cast;
	let drawn = liar.drawn(id).await?;
	let falsehood = liar.attestation(id, &drawn, lie());
	let as_submitter = calls::commit_result(id, &[1; 32]);
	// Side by side, so that they share a block.
	let (early, in_one_step, revealed, committed, submitted) = tokio::join!(
		liar.reveal(&falsehood),
		liar.attest(&falsehood),
		stranger.reveal(&falsehood),
		stranger.commit(&falsehood),
		chain.submit(&as_submitter, submitter, View::Best),
	);
	refused(early, "NotCommitted")?;
	refused(in_one_step, "SeveralReplicas")?;
	refused(revealed, "NotAssigned")?;
	refused(committed, "NotAssigned")?;
	refused(submitted, "NotAHotKey")?;
	liar.commit(&falsehood).await?;
	refused(liar.commit(&falsehood).await, "AlreadyDelivered")?;
	task_when(chain, id, "committed", seconds(45), |task| task.state != TaskState::Assigned)
		.await?;
	let other = liar.attestation(id, &drawn, ResultDigest { fuel: 2_000, ..lie() });
	refused(liar.reveal(&other).await, "CommitmentMismatch")?;
	liar.reveal(&falsehood).await?;
	let task = over(chain, id, seconds(45)).await?;
	ensure!(task.state == TaskState::Settled, "it ended as {:?}", task.state);
	let digest = task.result.context("it has no result")?;
	ensure!(digest.output_root == *blake3::hash(TRUTH).as_bytes(), "{digest:?}");
	ensure!(cast.record().await?.accepted == 0, "the lie was accepted");
	scene.say("the liar was outvoted, and the others agree on the truth");
	Ok(())
}

/// One machine commits, and reveals when it is too late: the other two are a majority.
async fn a_latecomer(
	scene: &Scene,
	cast: &Cast,
	id: TaskId,
	falsehood: &Attestation,
) -> Result<()> {
	let Cast { chain, liar, .. } = cast;
	let task = over(chain, id, seconds(75)).await?;
	ensure!(task.state == TaskState::Settled, "it ended as {:?}", task.state);
	let (late, again) = tokio::join!(liar.reveal(falsehood), liar.commit(falsehood));
	refused(late, "WrongState")?;
	refused(again, "AlreadyDelivered")?;
	let record = cast.record().await?;
	ensure!(record.missed == 1 && record.accepted == 0, "{record:?}");
	scene.say("a late reveal is refused, and the task was settled without it");
	Ok(())
}

/// A task with one replica takes its result in one step, and not from a machine that does not hold it.
async fn a_foreign_result(cast: &Cast, id: TaskId) -> Result<()> {
	let Cast { chain, stranger, .. } = cast;
	let queued = task(chain, id).await?;
	let there = stranger.attestation(id, &queued, lie());
	let missing = stranger.attestation(id + 1, &queued, lie());
	let (foreign, unknown) = tokio::join!(stranger.attest(&there), stranger.attest(&missing));
	refused(foreign, "NotAssigned")?;
	refused(unknown, "NoSuchTask")
}

/// Checks that of all the tasks exactly those were paid who revealed the agreed result.
async fn check_payments(
	cast: &Cast,
	tasks: &[TaskId],
	before: &Ledger,
	accounts: &[AccountId],
) -> Result<()> {
	let mut earned: BTreeMap<AccountId, Balance> = BTreeMap::new();
	for id in tasks {
		let task = over(&cast.chain, *id, seconds(60)).await?;
		let digest = task.result.context("it has no result")?;
		let mut paid = 0;
		for replica in &task.replicas {
			if replica.progress != Progress::Revealed(digest) {
				continue;
			}
			let gross =
				price(digest.fuel, replica.price_per_gfuel).context("the price overflows")?;
			let parts = split(gross, SHARE_PARTS);
			*earned.entry(replica.provider).or_default() += parts.provider;
			*earned.entry(treasury()).or_default() += parts.protocol;
			paid += gross;
		}
		ensure!(task.paid == paid && paid > 0, "{} was paid, {paid} was earned", task.paid);
	}
	let after = cast.ledger(accounts).await?;
	for account in accounts {
		let (gained, due) = (after.gain(before, account), earned.get(account).copied());
		ensure!(gained == due.unwrap_or(0) as i128, "{account} gained {gained}, not {due:?}");
	}
	Ok(())
}
