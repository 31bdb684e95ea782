//! A machine that the test drives by hand, honestly or not.
//!
//! It has keys, a bond and a proof like any other machine, but no daemon: it does what the test says, when the test
//! says so.

use crate::{
	market::{http_only, task_when, Source},
	scene::Scene,
	wait::{seconds, until},
};
use aidragon_client::{
	calls::{self, Call},
	chain::{Chain, Included, Snapshot, SubmitError, View},
	keys::{Account, WorkerKeys},
	Registration, Task,
};
use aidragon_kernels::fastest;
use aidragon_primitives::{
	attestation::{Attestation, ResultDigest, ATTESTATION_VERSION, METER_SCHEDULE},
	audit::{Archive, Entries, Entry, AUDIT_OPENINGS},
	beacon::{call_seed, challenge_seed},
	challenge::{draw, MatrixSize, NextRows, Opening, Prover},
	memory::Fill,
	task::BlobRef,
	verification::{Answer, Challenge, Slot, Stage, Work},
	worker::{Capacity, Offer, TransportAddress},
	Balance, BlockNumber, Hash32, TaskId, WorkerId, DRGN,
};
use anyhow::{bail, ensure, Context, Result};
use futures::StreamExt;
use std::net::{Ipv4Addr, SocketAddr};
use tokio::task::JoinHandle;

/// Rounds that prove one vCPU. They take a fraction of a second.
const ROUNDS_PER_VCPU: u32 = 10;
/// Rounds that a liar claims.
const PRETENDED_ROUNDS: u32 = 20;
/// What is sent to the hot key, so that also calls that fail, and are charged for it, reach the chain.
const POCKET_MONEY: Balance = 10 * DRGN;
/// The salt of its commitments. A puppet has no secrets.
const SALT: Hash32 = [5; 32];
/// What a machine has of which nothing else is said.
const MODEST: Capacity = Capacity::cpu(2, 128);

/// A machine driven by hand. Only the chain's calls are answered by themselves.
pub struct Puppet {
	chain: Chain,
	hot_key: Account,
	id: WorkerId,
	/// What it claims and proves.
	has: Capacity,
	answering: JoinHandle<()>,
}

impl Drop for Puppet {
	fn drop(&mut self) {
		self.answering.abort();
	}
}

impl Puppet {
	/// Registers a machine of `provider` with two vCPUs, from which nobody can fetch anything.
	pub async fn register(
		scene: &Scene,
		chain: &Chain,
		provider: &Account,
		price_per_gfuel: Balance,
	) -> Result<Self> {
		Self::register_at(scene, chain, provider, price_per_gfuel, nowhere()).await
	}

	/// Registers a machine of `provider` that has so much, from which nobody can fetch anything.
	pub async fn register_with(
		scene: &Scene,
		chain: &Chain,
		provider: &Account,
		price_per_gfuel: Balance,
		has: Capacity,
	) -> Result<Self> {
		Self::join(scene, chain, provider, price_per_gfuel, nowhere(), has).await
	}

	/// Registers a machine of `provider` with two vCPUs and an address, whose hot key can pay for calls that fail.
	pub async fn register_at(
		scene: &Scene,
		chain: &Chain,
		provider: &Account,
		price_per_gfuel: Balance,
		address: TransportAddress,
	) -> Result<Self> {
		Self::join(scene, chain, provider, price_per_gfuel, address, MODEST).await
	}

	async fn join(
		scene: &Scene,
		chain: &Chain,
		provider: &Account,
		price_per_gfuel: Balance,
		address: TransportAddress,
		has: Capacity,
	) -> Result<Self> {
		let keys = WorkerKeys::generate();
		let hot_key = keys.hot_key()?;
		let registration = Registration {
			hot_key: hot_key.account_id(),
			consent: keys.consent(&chain.genesis(), &provider.account_id())?,
			encryption_key: keys.encryption_key(0),
			address,
			claimed: has,
			offer: Offer::at(price_per_gfuel),
			site: Default::default(),
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
		let answering = tokio::spawn(answer_calls(chain.clone(), hot_key.clone(), id));
		Ok(Self { chain: chain.clone(), hot_key, id, has, answering })
	}

	/// The machine's number.
	pub fn id(&self) -> WorkerId {
		self.id
	}

	/// The account that the machine signs with.
	pub fn hot_key(&self) -> &Account {
		&self.hot_key
	}

	/// From now on the chain's calls are answered by whoever drives the machine.
	pub fn stop_answering(&self) {
		self.answering.abort();
	}

	/// Proves the machine and shows that it is there, as a daemon does. Takes some twelve blocks.
	pub async fn prove(&self, scene: &Scene) -> Result<()> {
		let Capacity { vcpus, memory_mib, .. } = self.has;
		let run = self.commit_work(Slot::Processor, move |seed| run_rounds(seed, vcpus)).await?;
		// The memory is filled while the openings of the run are on their way.
		let fill = async {
			let fill = self.commit_work(Slot::Memory, move |seed| fill(seed, memory_mib)).await?;
			self.open(Slot::Memory, &fill).await
		};
		tokio::try_join!(self.open(Slot::Processor, &run), fill)?;
		self.send(&calls::heartbeat()).await?;
		let proved = self.state().await?.capability(self.id).await?;
		let proved = proved.context("the proofs were refused")?;
		ensure!(proved.memory.is_some(), "the proof of memory was refused");
		let mops = proved.processor.context("the proof of throughput was refused")?.amount;
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
		let work = self.commit_work(Slot::Processor, pretend_rounds).await?;
		self.open(Slot::Processor, &work).await?;
		let challenge = self.challenge(Slot::Processor).await?;
		ensure!(challenge.stage == Stage::Failed, "{challenge:?}");
		let proved = self.state().await?.capability(self.id).await?.unwrap_or_default();
		ensure!(proved.processor.is_none(), "it proved something");
		let slashed = before - bond().await?;
		ensure!(
			slashed == self.chain.constant_u128("ResourceVerification", "FalseOpeningSlash")?,
			"{slashed} was slashed"
		);
		scene.say(format_args!("worker {} claimed falsely, and lost {slashed}", self.id));
		Ok(())
	}

	/// Passes a challenge honestly, with an archive at `source` in which one opening is empty, and sees that the machines that
	/// were drawn to check it find that.
	pub async fn archive_falsely(&self, scene: &Scene, source: &Source) -> Result<()> {
		let vcpus = self.has.vcpus;
		let work = self.commit_work(Slot::Processor, move |seed| run_rounds(seed, vcpus)).await?;
		let (answer, beacon) = self.answer(Slot::Processor, &work).await?;
		let Work::Run(prover) = &work else { bail!("a run was asked for") };
		let drawn_by = call_seed(beacon, b"audit");
		let drawn = draw(&drawn_by, &prover.commitment(), AUDIT_OPENINGS);
		let mut entries: Vec<Entry> =
			drawn.iter().filter_map(|position| prover.open(position).map(Entry::Run)).collect();
		*entries.last_mut().context("something is drawn")? = Entry::Run(Opening::default());
		let entries = Entries::new(entries);
		let archive = Archive { root: entries.root(), blob: source.bytes(&entries.encode())? };
		self.send(&calls::submit_openings(&answer, &archive)).await?;
		let proved = async || {
			let proved = self.state().await?.capability(self.id).await?.unwrap_or_default();
			anyhow::Ok(proved.processor)
		};
		ensure!(proved().await?.is_some(), "the chain refused what it checks itself");
		until("another machine to find the false opening", seconds(90), async || {
			Ok(proved().await?.is_none().then_some(()))
		})
		.await?;
		ensure!(self.challenge(Slot::Processor).await?.stage == Stage::Failed);
		scene.say(format_args!("worker {} was found out by another machine", self.id));
		Ok(())
	}

	/// Goes into a challenge, and binds the machine to the work that `compute` makes for it.
	async fn commit_work(
		&self,
		slot: Slot,
		compute: impl FnOnce(Hash32) -> Option<Work> + Send + 'static,
	) -> Result<Work> {
		self.send(&calls::request_challenge(slot)).await?;
		let beacon = self.beacon(self.challenge(slot).await?.seed_block()).await?;
		let seed = challenge_seed(beacon, self.chain.genesis(), self.id, slot);
		let work = tokio::task::spawn_blocking(move || compute(seed)).await?;
		let work = work.context("the work could not be done")?;
		let committed = work.committed().context("nothing was done")?;
		self.send(&calls::commit_challenge(&committed)).await?;
		Ok(work)
	}

	/// Opens what is drawn of the work that the machine is bound to.
	async fn open(&self, slot: Slot, work: &Work) -> Result<()> {
		let (answer, _) = self.answer(slot, work).await?;
		// Nobody can fetch it, so nobody confirms it.
		let blob = BlobRef { hash: [1; 32], size_bytes: 1 };
		let archive = Archive { root: [1; 32], blob };
		self.send(&calls::submit_openings(&answer, &archive)).await?;
		Ok(())
	}

	/// The openings of the work that the machine is bound to, and the beacon that drew them.
	async fn answer(&self, slot: Slot, work: &Work) -> Result<(Answer, Hash32)> {
		let drawn_in = self.challenge(slot).await?.openings_block().context("no commitment")?;
		let beacon = self.beacon(drawn_in).await?;
		let answer = work.answer(&beacon).context("what was drawn cannot be opened")?;
		Ok((answer, beacon))
	}

	async fn challenge(&self, slot: Slot) -> Result<Challenge> {
		self.state().await?.challenge(self.id, slot).await?.context("no challenge")
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
			input_root: task.input_root(),
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

/// Answers the chain's calls, so that the machine stays on line.
async fn answer_calls(chain: Chain, hot_key: Account, id: WorkerId) {
	let mut heads = chain.follow(View::Best);
	while let Some(head) = heads.next().await {
		if let Ok(Some(_)) = chain.at(&head).called_at(id).await {
			// Where it fails, the next block tells.
			let _ = chain.submit(&calls::heartbeat(), &hot_key, View::Best).await;
		}
	}
}

/// An address at which nobody answers: the port is the one that discards.
pub fn nowhere() -> TransportAddress {
	http_only(SocketAddr::from((Ipv4Addr::LOCALHOST, 9)))
}

fn run_rounds(seed: Hash32, vcpus: u16) -> Option<Work> {
	let rounds = ROUNDS_PER_VCPU * u32::from(vcpus);
	let mut prover = Prover::new(seed, MatrixSize::N512);
	while prover.rounds() < rounds && prover.run_round(fastest()) {}
	Some(Work::Run(Box::new(prover)))
}

/// A run of which all but the first round is made up.
fn pretend_rounds(seed: Hash32) -> Option<Work> {
	let size = MatrixSize::N512;
	let mut prover = Prover::new(seed, size);
	let mut next = prover.next_rows(fastest(), 0..size.rows());
	while prover.rounds() < PRETENDED_ROUNDS && prover.complete_round(vec![next]) {
		next = NextRows::new(size, vec![0; size.state_bytes()]);
	}
	Some(Work::Run(Box::new(prover)))
}

fn fill(seed: Hash32, memory_mib: u32) -> Option<Work> {
	Fill::new(seed, memory_mib)?.run().map(Box::new).map(Work::Fill)
}
