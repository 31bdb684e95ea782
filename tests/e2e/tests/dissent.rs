//! A machine that lies about an output, and calls that the protocol refuses.

use aidragon_client::{
	calls,
	chain::{Chain, Included, SubmitError, View},
	keys::{Account, AccountId},
	Task,
};
use aidragon_e2e::{
	daemon::Daemon,
	ledger::{account, treasury, Ledger},
	market::{over, submit, task, task_when, Source},
	node::Node,
	puppet::Puppet,
	scene::{play, Scene},
	wait::seconds,
};
use aidragon_primitives::{
	attestation::{ExitStatus, ResultDigest},
	payout::{price, split},
	state::TaskState,
	task::{Progress, TaskSpec},
	TaskId, DRGN,
};
use anyhow::{bail, ensure, Context, Result};

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
	let price_asked = DRGN / 100;
	let liar = Puppet::register(&scene, &chain, &account("Dave")?, price_asked).await?;
	let stranger = Puppet::register(&scene, &chain, &account("Eve")?, price_asked).await?;
	liar.prove(&scene).await?;
	for daemon in &mut daemons {
		daemon.ready(&scene, &chain).await?;
	}
	let source = Source::start(&scene).await?;
	let (program, input) = (source.example("adversarial/echo.wasm")?, source.bytes(TRUTH)?);
	let one = source.task(program, input);
	let three = TaskSpec { replicas: 3, execution_blocks: 30, ..one.clone() };
	let cast = Cast { chain, submitter: account("Alice")?, liar, stranger };
	let [first, second] = [cast.submit(&three).await?, cast.submit(&three).await?];
	a_liar(&scene, &cast, first).await?;
	a_latecomer(&scene, &cast, second, &one).await
}

struct Cast {
	chain: Chain,
	submitter: Account,
	/// A machine with a proof, driven by the test.
	liar: Puppet,
	/// A registered machine without a proof, which is never drawn.
	stranger: Puppet,
}

impl Cast {
	async fn submit(&self, spec: &TaskSpec) -> Result<TaskId> {
		submit(&self.chain, &self.submitter, spec).await
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
	let Cast { chain, submitter, liar, stranger } = cast;
	let drawn = liar.drawn(id).await?;
	let falsehood = liar.attestation(id, &drawn, lie());
	refused(liar.reveal(&falsehood).await, "NotCommitted")?;
	refused(liar.attest(&falsehood).await, "SeveralReplicas")?;
	refused(stranger.reveal(&falsehood).await, "NotAssigned")?;
	refused(stranger.commit(&falsehood).await, "NotAssigned")?;
	let as_submitter = calls::commit_result(id, &[1; 32]);
	refused(chain.submit(&as_submitter, submitter, View::Best).await, "NotAHotKey")?;
	liar.commit(&falsehood).await?;
	refused(liar.commit(&falsehood).await, "AlreadyDelivered")?;
	task_when(chain, id, "committed", seconds(45), |task| task.state != TaskState::Assigned)
		.await?;
	let other = liar.attestation(id, &drawn, ResultDigest { fuel: 2_000, ..lie() });
	refused(liar.reveal(&other).await, "CommitmentMismatch")?;
	let providers =
		["Bob", "Charlie", "Dave"].map(|name| account(name).map(|one| one.account_id()));
	let providers = providers.into_iter().collect::<Result<Vec<_>>>()?;
	let mut accounts = providers.clone();
	accounts.push(treasury());
	let before = Ledger::read(chain, &chain.head(View::Best).await?, &accounts).await?;
	liar.reveal(&falsehood).await?;
	let task = over(chain, id, seconds(45)).await?;
	ensure!(task.state == TaskState::Settled, "it ended as {:?}", task.state);
	let digest = task.result.context("it has no result")?;
	ensure!(digest.output_root == *blake3::hash(TRUTH).as_bytes(), "{digest:?}");
	check_payment(chain, &task, &before, &accounts).await?;
	let after = chain.head(View::Best).await?;
	let record = chain.at(&after).worker(liar.id()).await?.context("the liar is gone")?;
	ensure!(record.accepted == 0 && record.running == 0, "{record:?}");
	scene.say("the liar was outvoted and not paid, the others were");
	Ok(())
}

/// Checks that exactly those who revealed the agreed result were paid. The payments fall into blocks after `before`.
async fn check_payment(
	chain: &Chain,
	task: &Task,
	before: &Ledger,
	accounts: &[AccountId],
) -> Result<()> {
	let digest = task.result.context("it has no result")?;
	let after = Ledger::read(chain, &chain.head(View::Best).await?, accounts).await?;
	let (mut paid, mut shares) = (0, 0);
	for replica in &task.replicas {
		let agrees = matches!(
			replica.progress,
			Progress::Revealed(revealed) if revealed == digest
		);
		let gross = price(digest.fuel, replica.price_per_gfuel).context("the price overflows")?;
		let parts = split(if agrees { gross } else { 0 }, SHARE_PARTS);
		let gained = after.gain(before, &replica.provider);
		ensure!(gained == parts.provider as i128, "worker {} gained {gained}", replica.worker);
		paid += parts.provider + parts.protocol;
		shares += parts.protocol;
	}
	ensure!(after.gain(before, &treasury()) == shares as i128, "the treasury has another share");
	ensure!(task.paid == paid && paid > 0, "{} was paid, {paid} was earned", task.paid);
	Ok(())
}

/// One machine commits, and reveals when it is too late: the other two are a majority.
async fn a_latecomer(scene: &Scene, cast: &Cast, id: TaskId, one: &TaskSpec) -> Result<()> {
	let Cast { chain, liar, .. } = cast;
	let drawn = liar.drawn(id).await?;
	let falsehood = liar.attestation(id, &drawn, lie());
	liar.commit(&falsehood).await?;
	a_single_replica(scene, cast, one).await?;
	let task = over(chain, id, seconds(75)).await?;
	ensure!(task.state == TaskState::Settled, "it ended as {:?}", task.state);
	refused(liar.reveal(&falsehood).await, "WrongState")?;
	refused(liar.commit(&falsehood).await, "AlreadyDelivered")?;
	let record = chain.at(&chain.head(View::Best).await?).worker(liar.id()).await?;
	let record = record.context("the latecomer is gone")?;
	ensure!(record.missed == 1 && record.accepted == 0, "{record:?}");
	scene.say("a late reveal is refused, and the task was settled without it");
	Ok(())
}

/// A task with one replica takes its result in one step, and not from a machine that does not hold it.
async fn a_single_replica(scene: &Scene, cast: &Cast, spec: &TaskSpec) -> Result<()> {
	let Cast { chain, stranger, .. } = cast;
	let id = cast.submit(spec).await?;
	let queued = task(chain, id).await?;
	refused(stranger.attest(&stranger.attestation(id, &queued, lie())).await, "NotAssigned")?;
	let missing = stranger.attestation(id + 1, &queued, lie());
	refused(stranger.attest(&missing).await, "NoSuchTask")?;
	scene.say("a result of a machine without the task is refused");
	Ok(())
}
