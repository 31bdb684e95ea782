//! A machine that the test drives by hand, honestly or not.
//!
//! It has keys, a bond and a proof like any other machine, but no daemon: it does what the test says, when the test
//! says so.

use crate::{
	market::{http_only, task_when},
	scene::Scene,
	wait::{seconds, until},
};
use aidragon_client::{
	calls::{self, Call},
	chain::{Chain, Included, Snapshot, SubmitError, View},
	keys::{Account, WorkerKeys},
	Registration, Task,
};
use aidragon_primitives::{
	attestation::{Attestation, ResultDigest, ATTESTATION_VERSION, METER_SCHEDULE},
	beacon::challenge_seed,
	challenge::{positions, Commitment, MatrixSize, NextRows, Openings, Portable, Prover, Stage},
	worker::Capacity,
	Balance, BlockNumber, Hash32, TaskId, WorkerId, DRGN,
};
use anyhow::{ensure, Context, Result};
use std::net::{Ipv4Addr, SocketAddr};

/// Rounds that it runs within seconds: enough for four vCPUs.
const ROUNDS: u32 = 40;
/// What is sent to the hot key, so that also calls that fail, and are charged for it, reach the chain.
const POCKET_MONEY: Balance = 10 * DRGN;
/// The salt of its commitments. A puppet has no secrets.
const SALT: Hash32 = [5; 32];

/// A machine driven by hand.
pub struct Puppet {
	chain: Chain,
	hot_key: Account,
	id: WorkerId,
}

impl Puppet {
	/// Registers a machine of `provider` with two vCPUs, whose hot key can pay for calls that fail.
	pub async fn register(
		scene: &Scene,
		chain: &Chain,
		provider: &Account,
		price_per_gfuel: Balance,
	) -> Result<Self> {
		let keys = WorkerKeys::generate();
		let hot_key = keys.hot_key()?;
		// Nobody fetches from a puppet; the port is the one that discards.
		let nowhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 9));
		let registration = Registration {
			hot_key: hot_key.account_id(),
			consent: keys.consent(&chain.genesis(), &provider.account_id())?,
			encryption_key: keys.encryption_key(),
			address: http_only(nowhere),
			claimed: Capacity { vcpus: 2, memory_mib: 4_096 },
			price_per_gfuel,
		};
		let bond = chain.constant_u128("NodeRegistry", "BondPerWorker")?;
		let (become_provider, give) =
			(calls::register_provider(bond), calls::transfer(&hot_key.account_id(), POCKET_MONEY));
		tokio::try_join!(
			chain.submit(&become_provider, provider, View::Best),
			chain.submit(&give, provider, View::Best),
		)?;
		let register = calls::register_worker(&registration);
		let id = chain.submit(&register, provider, View::Best).await?.worker_registered()?.worker;
		scene.say(format_args!("worker {id} is a puppet"));
		Ok(Self { chain: chain.clone(), hot_key, id })
	}

	/// The machine's number.
	pub fn id(&self) -> WorkerId {
		self.id
	}

	/// Proves the machine and shows that it is there, as a daemon does. Takes some eight blocks.
	pub async fn prove(&self, scene: &Scene) -> Result<()> {
		self.answer_challenge(run_rounds).await?;
		self.send(&calls::heartbeat()).await?;
		let proof =
			self.state().await?.capability(self.id).await?.context("the proof was refused")?;
		let mops = proof.throughput_mops;
		scene.say(format_args!("worker {} proved {mops} Mop/s by hand", self.id));
		Ok(())
	}

	/// Claims rounds that it did not run, and sees that this is found out and costs of the bond.
	pub async fn claim_falsely(&self, scene: &Scene, provider: &Account) -> Result<()> {
		let bond = async || {
			let provider = self.state().await?.provider(&provider.account_id()).await?;
			anyhow::Ok(provider.context("the provider is gone")?.bond)
		};
		let before = bond().await?;
		self.answer_challenge(pretend_rounds).await?;
		let challenge = self.state().await?.challenge(self.id).await?.context("no challenge")?;
		ensure!(challenge.stage == Stage::Failed, "{challenge:?}");
		ensure!(self.state().await?.capability(self.id).await?.is_none(), "it proved something");
		let slashed = before - bond().await?;
		ensure!(
			slashed == self.chain.constant_u128("ResourceVerification", "FalseOpeningSlash")?,
			"{slashed} was slashed"
		);
		scene.say(format_args!("worker {} claimed falsely, and lost {slashed}", self.id));
		Ok(())
	}

	/// Goes through a challenge with the run that `compute` makes.
	async fn answer_challenge(&self, compute: fn(Hash32) -> Prover) -> Result<()> {
		self.send(&calls::request_challenge()).await?;
		let challenge = self.state().await?.challenge(self.id).await?.context("no challenge")?;
		let beacon = self.beacon(challenge.seed_block()).await?;
		let seed = challenge_seed(beacon, self.chain.genesis(), self.id);
		let prover = tokio::task::spawn_blocking(move || compute(seed)).await?;
		let commitment = prover.commitment();
		self.send(&calls::commit_challenge(&commitment)).await?;
		let challenge = self.state().await?.challenge(self.id).await?.context("no challenge")?;
		let beacon = self.beacon(challenge.openings_block().context("no commitment")?).await?;
		let openings = open(&prover, &beacon, &commitment)?;
		self.send(&calls::submit_openings(&openings)).await?;
		Ok(())
	}

	/// Waits until the machine is drawn for a task, and gives the task.
	pub async fn drawn(&self, task: TaskId) -> Result<Task> {
		let is_drawn = |task: &Task| task.replica_of(self.id).is_some();
		let what = format!("drawn to worker {}", self.id);
		task_when(&self.chain, task, what, seconds(45), is_drawn).await
	}

	/// A statement of this machine about a task that it holds, whatever the truth.
	pub fn attestation(&self, id: TaskId, task: &Task, result: ResultDigest) -> Attestation {
		Attestation {
			version: ATTESTATION_VERSION,
			genesis: self.chain.genesis(),
			task: id,
			attempt: task.replica_of(self.id).map_or(0, |replica| replica.attempt),
			worker: self.id,
			program: task.spec.program.blob.hash,
			meter_schedule: METER_SCHEDULE,
			input_root: task.spec.input.hash,
			result,
			started_at: task.submitted_at,
			finished_at: task.submitted_at,
		}
	}

	/// Binds the machine to a statement.
	pub async fn commit(&self, attestation: &Attestation) -> Result<Included, SubmitError> {
		let commitment = attestation.commitment(&SALT);
		self.send(&calls::commit_result(attestation.task, &commitment)).await
	}

	/// Shows the statement that the machine is bound to, or another one.
	pub async fn reveal(&self, attestation: &Attestation) -> Result<Included, SubmitError> {
		let signature = self.hot_key.sign(&attestation.signing_payload());
		let call = calls::reveal_result(attestation.task, attestation, &signature, &SALT);
		self.send(&call).await
	}

	/// Delivers a statement in one step.
	pub async fn attest(&self, attestation: &Attestation) -> Result<Included, SubmitError> {
		let signature = self.hot_key.sign(&attestation.signing_payload());
		self.send(&calls::attest_result(attestation.task, attestation, &signature)).await
	}

	/// Signs a call with the hot key and waits until it is in a block.
	pub async fn send(&self, call: &Call) -> Result<Included, SubmitError> {
		self.chain.submit(call, &self.hot_key, View::Best).await
	}

	async fn state(&self) -> Result<Snapshot> {
		Ok(self.chain.at(&self.chain.head(View::Best).await?))
	}

	async fn beacon(&self, block: BlockNumber) -> Result<Hash32> {
		until(format_args!("the beacon of block {block}"), seconds(30), async || {
			Ok(self.state().await?.beacon(block).await?)
		})
		.await
	}
}

fn run_rounds(seed: Hash32) -> Prover {
	let mut prover = Prover::new(seed, MatrixSize::N512);
	while prover.rounds() < ROUNDS && prover.run_round(&Portable) {}
	prover
}

/// A run of which all but the first round is made up.
fn pretend_rounds(seed: Hash32) -> Prover {
	let size = MatrixSize::N512;
	let mut prover = Prover::new(seed, size);
	let mut next = prover.next_rows(&Portable, 0..size.rows());
	while prover.rounds() < ROUNDS && prover.complete_round(vec![next]) {
		next = NextRows::new(size, vec![0; size.state_bytes()]);
	}
	prover
}

fn open(prover: &Prover, beacon: &Hash32, commitment: &Commitment) -> Result<Openings> {
	let drawn = positions(beacon, commitment);
	let opened: Option<Vec<_>> = drawn.iter().map(|position| prover.open(position)).collect();
	let opened = opened.context("an element outside of the run was drawn")?;
	Openings::try_from(opened).ok().context("more elements were drawn than can be sent")
}
