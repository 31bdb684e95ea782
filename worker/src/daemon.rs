//! The daemon: compares what the chain shows with what it has done, and takes the next step.
//!
//! One loop owns all state. Blocks, jobs, computed challenges and answers to submissions wake it; after each
//! it looks at everything again (`Daemon::step`). What it does next is decided by pure functions
//! ([`crate::decide`], [`crate::challenge`], `upkeep`, `batch`) of two blocks and the journal, so it does not matter
//! which events were missed, or how often the process was killed.

mod audits;
mod batch;
mod challenges;
mod jobs;
mod log;
mod outbox;
mod start;
mod tasks;
mod upkeep;
mod view;

pub use start::{run, server_address, RunOptions};

use crate::{
	config::Config,
	journal::{Entry, Journal, Key},
	metrics::Metrics,
};
use aidragon_client::{
	blobs::{BlobStore, BlobTransport},
	calls,
	calls::Call,
	chain::{Chain, Head, View},
	keys::{Account, WorkerKeys},
};
use aidragon_primitives::{
	supply::bucket_of,
	verification::Slot,
	worker::{Proof, TransportAddress, WorkerStatus},
	BlockNumber, TaskId, WorkerId,
};
use anyhow::Context;
use audits::Audits;
use challenges::Challenges;
use futures::StreamExt;
use jobs::{Heights, JobEvent, Jobs};
use outbox::{Answer, Outbox, Request, Wanted};
use std::{
	collections::{BTreeMap, BTreeSet},
	sync::{atomic::Ordering, Arc},
	time::{Duration, Instant},
};
use tokio::{sync::watch, time::interval};
use upkeep::upkeep;
use view::ChainView;

/// Time between two looks for blobs that are kept no longer.
const SWEEP_INTERVAL: Duration = Duration::from_secs(600);
/// Time without a block after which a shutdown with nothing left to deliver does not wait for the chain.
const SHUTDOWN_PATIENCE: Duration = Duration::from_secs(20);

/// The daemon's state.
struct Daemon {
	config: Config,
	chain: Chain,
	account: Account,
	keys: WorkerKeys,
	address: TransportAddress,
	store: BlobStore,
	journal: Journal,
	/// What the journal holds, as this loop is the only one that writes it.
	entries: BTreeMap<Key, Entry>,
	self_paused: bool,
	/// This machine, once it is registered.
	id: Option<WorkerId>,
	best: Option<Arc<ChainView>>,
	finalized: Option<Arc<ChainView>>,
	heights: watch::Sender<Heights>,
	jobs: Jobs,
	outbox: Outbox,
	challenges: Challenges,
	audits: Audits,
	transport: Arc<dyn BlobTransport>,
	metrics: Arc<Metrics>,
	shutting_down: bool,
	last_block_at: Instant,
}

impl Daemon {
	/// Runs until `stop` says to stop and everything owed is delivered.
	async fn run(mut self, mut stop: watch::Receiver<bool>) -> anyhow::Result<()> {
		let mut best = self.chain.follow(View::Best);
		let mut finalized = self.chain.follow(View::Finalized);
		let mut sweep = interval(SWEEP_INTERVAL);
		let mut tick = interval(Duration::from_secs(1));
		loop {
			tokio::select! {
				Some(head) = best.next() => self.best_block(head).await,
				Some(head) = finalized.next() => self.finalized_block(head).await,
				event = self.jobs.next() => self.job_event(event)?,
				(requests, answer) = self.outbox.finished() => self.answered(&requests, &answer),
				(slot, work) = self.challenges.computed() => self.challenge_computed(slot, work),
				audited = self.audits.finished() => self.audited(audited)?,
				Ok(()) = stop.changed() => self.begin_shutdown(),
				_ = sweep.tick() => self.sweep(),
				_ = tick.tick() => {}
			}
			self.step()?;
			if self.shutting_down && self.is_done() {
				return Ok(());
			}
		}
	}

	async fn best_block(&mut self, head: Head) {
		self.last_block_at = Instant::now();
		self.challenges.block_arrived(head.number, self.last_block_at);
		if let Some(view) = self.read(head).await {
			self.note_changes(&view);
			self.metrics.best_block.store(view.number.into(), Ordering::Relaxed);
			self.heights.send_modify(|heights| heights.best = view.number);
			// A machine that was removed may come back under another number.
			self.id = self.id.filter(|_| view.worker.is_some());
			self.best = Some(Arc::new(view));
		}
	}

	async fn finalized_block(&mut self, head: Head) {
		if let Some(view) = self.read(head).await {
			self.metrics.finalized_block.store(view.number.into(), Ordering::Relaxed);
			self.heights.send_modify(|heights| heights.finalized = view.number);
			self.finalized = Some(Arc::new(view));
		}
	}

	/// Looks at a block. `None` where that failed, or where the machine is not registered in it.
	async fn read(&mut self, head: Head) -> Option<ChainView> {
		let read = async {
			let id = match self.id {
				Some(id) => id,
				None => match self.chain.at(&head).worker_of(&self.account.account_id()).await? {
					Some(id) => id,
					None => return Ok(None),
				},
			};
			let journaled: BTreeSet<TaskId> = self.entries.keys().map(|key| key.task).collect();
			ChainView::read(&self.chain, head, id, &journaled).await.map(|view| Some((id, view)))
		};
		let read: Result<_, aidragon_client::chain::ChainError> = read.await;
		match read {
			Ok(Some((id, view))) => {
				if self.id.replace(id).is_none() {
					tracing::info!(worker = id, block = head.number, "this machine is registered");
				}
				Some(view)
			}
			Ok(None) => None,
			Err(error) => {
				tracing::warn!(block = head.number, "cannot look at a block: {error}");
				None
			}
		}
	}

	/// Writes a line for what changed about the machine itself.
	fn note_changes(&mut self, view: &ChainView) {
		let Some(before) = &self.best else { return };
		let block = view.number;
		let status = view.status();
		if before.status() != status {
			match status {
				Some(status) => tracing::info!(block, "the machine is {status:?}"),
				None => tracing::error!(block, "the machine was removed from the chain"),
			}
		}
		for slot in Slot::ALL {
			let proof = |view: &ChainView| view.capability.and_then(|proved| proved.proof(slot));
			let is_new =
				|new: &Proof| proof(before).is_none_or(|old| old.proved_at != new.proved_at);
			if let Some(Proof { amount, valid_until, .. }) = proof(view).filter(is_new) {
				Metrics::count(&self.metrics.challenges_passed);
				match slot {
					Slot::Processor => {
						tracing::info!(block, mops = amount, valid_until, "throughput is proved");
					}
					Slot::Memory => {
						tracing::info!(block, mib = amount, valid_until, "memory is proved");
					}
				}
			}
		}
		let is_online = |view: &ChainView| {
			view.worker.as_ref().is_some_and(|worker| worker.availability.is_online())
		};
		match (is_online(before), is_online(view)) {
			(false, true) => tracing::info!(block, "the machine is on line"),
			(true, false) => tracing::warn!(block, "the machine is off line for the chain"),
			_ => {}
		}
	}

	/// Looks at everything and takes every step that is due.
	fn step(&mut self) -> anyhow::Result<()> {
		let (Some(id), Some(best), Some(finalized)) =
			(self.id, self.best.clone(), self.finalized.clone())
		else {
			return Ok(());
		};
		let mut wanted = Vec::new();
		self.step_tasks(id, &best, &finalized, &mut wanted)?;
		self.step_challenges(&best, &finalized, &mut wanted);
		self.step_audits(id, &best, &mut wanted);
		wanted.extend(self.upkeep(&best));
		self.settle_resumption(&finalized)?;
		loop {
			let chosen = self.outbox.choose(&wanted, best.number);
			if chosen.is_empty() {
				return Ok(());
			}
			wanted.retain(|other| !chosen.contains(other));
			self.send(id, &chosen)?;
		}
	}

	fn upkeep(&self, best: &ChainView) -> Option<Wanted> {
		let worker = best.worker.as_ref()?;
		let key = self.keys.encryption_key(worker.key_epoch);
		let is_elsewhere = worker.address != self.address || worker.encryption_key != key;
		// What running tasks hold cannot be withdrawn; it will be, once they are over.
		let sold = &self.config.capacity;
		let is_resized =
			worker.ledger.claimed() != *sold && worker.ledger.clone().resize(*sold).is_ok();
		// Whether the bond is what is missing, only the chain's answer tells.
		let proved = best.capability.unwrap_or_default().proved_part(sold, best.number);
		let could_work = worker.status == WorkerStatus::Active
			&& worker.running == 0
			&& bucket_of(&worker.ledger.free(&proved)).is_some();
		let is_overlooked = could_work && !best.is_supplied;
		upkeep(&upkeep::Sight {
			best_number: best.number,
			status: worker.status,
			last_seen: worker.last_seen,
			is_listed: worker.availability.is_online() && !is_overlooked,
			is_called: best.is_called,
			is_elsewhere,
			is_resized,
			shutting_down: self.shutting_down,
			self_paused: self.self_paused,
		})
	}

	/// Forgets that the daemon paused the machine once it takes tasks again for good.
	fn settle_resumption(&mut self, finalized: &ChainView) -> anyhow::Result<()> {
		let is_active = finalized.status() == Some(WorkerStatus::Active);
		if self.self_paused && is_active && !self.shutting_down {
			self.journal.set_self_paused(false)?;
			self.self_paused = false;
		}
		Ok(())
	}

	/// Sends what shares one transaction.
	fn send(&mut self, id: WorkerId, chosen: &[Wanted]) -> anyhow::Result<()> {
		let requests: Vec<Request> = chosen.iter().map(|wanted| wanted.request).collect();
		// What the machine is bound to is on disk before anybody else can know of it.
		self.prepare(&requests)?;
		let Some((requests, call)) = self.pack(id, &requests) else { return Ok(()) };
		let due = chosen.iter().map(|wanted| wanted.due).min();
		tracing::debug!(?requests, due, "sending {}", call.name());
		let (chain, account) = (self.chain.clone(), self.account.clone());
		self.outbox.send(requests, async move { chain.submit(&call, &account, View::Best).await });
		Ok(())
	}

	fn prepare(&mut self, requests: &[Request]) -> anyhow::Result<()> {
		match requests {
			[Request::Reveal(key)] => self.mark_revealed(*key),
			[Request::Pause] if !self.self_paused => {
				self.journal.set_self_paused(true)?;
				self.self_paused = true;
				Ok(())
			}
			_ => {
				let results: Vec<Key> = requests.iter().filter_map(Request::result).collect();
				self.mark_sent(&results)
			}
		}
	}

	/// The call for these requests, and which of them it holds.
	fn pack(&mut self, id: WorkerId, requests: &[Request]) -> Option<(Vec<Request>, Call)> {
		if let [only] = requests {
			return Some((vec![*only], self.call(id, only)?));
		}
		let results: Vec<Key> = requests.iter().filter_map(Request::result).collect();
		let (held, call) = self.deliveries(&results)?;
		Some((held.into_iter().map(Request::Attest).collect(), call))
	}

	fn call(&mut self, id: WorkerId, request: &Request) -> Option<Call> {
		Some(match request {
			Request::BeginChallenge(slot) => calls::request_challenge(*slot),
			Request::CommitChallenge(committed) => calls::commit_challenge(committed),
			Request::OpenChallenge { committed, beacon } => {
				let (answer, archive) = self.challenges.answer(committed, beacon, &self.store)?;
				// From now on the time runs for which the archive is kept.
				if let Err(error) = self.journal.touch([archive.blob.hash]) {
					tracing::error!("the archive cannot be noted: {error}");
					return None;
				}
				calls::submit_openings(&answer, &archive)
			}
			Request::Commit(key) => self.commitment(*key)?,
			Request::Attest(key) => self.deliveries(&[*key])?.1,
			Request::Reveal(key) => self.revelation(*key)?,
			Request::Decline(key, reason) => calls::decline_task(key.task, *reason),
			Request::ConfirmAudit(worker, slot) => calls::confirm_audit(*worker, *slot),
			Request::ReportEntry(worker, slot) => self.report(*worker, *slot)?,
			Request::Pause => calls::pause(id),
			Request::Resume => calls::resume(id),
			Request::Announce => calls::update_endpoint(&self.current_key()?, &self.address),
			Request::Claim => calls::update_capacity(&self.config.capacity),
			Request::Heartbeat => calls::heartbeat(),
		})
	}

	/// The encryption key to announce: that of the chain's epoch where it is this machine's own, else of the next.
	fn current_key(&self) -> Option<[u8; 32]> {
		let worker = self.best.as_ref()?.worker.as_ref()?;
		let own = self.keys.encryption_key(worker.key_epoch);
		Some(match worker.encryption_key == own {
			true => own,
			false => self.keys.encryption_key(worker.key_epoch.saturating_add(1)),
		})
	}

	/// Notes how a submission ended. What it changed, the next blocks show.
	fn answered(&mut self, requests: &[Request], answer: &Answer) {
		let best = self.best.as_ref().map_or(0, |best| best.number);
		self.outbox.note(requests, answer, best);
		match answer {
			Ok(included) => {
				for request in requests {
					self.included(request, included.block.number);
				}
			}
			Err(error) => log::failed(requests, error.as_ref(), best),
		}
	}

	fn included(&self, request: &Request, block: BlockNumber) {
		match request {
			Request::Decline(..) => Metrics::count(&self.metrics.tasks_declined),
			Request::CommitChallenge(_) => Metrics::count(&self.metrics.challenges_committed),
			_ => {}
		}
		log::included(request, block);
	}

	fn job_event(&mut self, event: JobEvent) -> anyhow::Result<()> {
		match event {
			// From now on the time runs for which they are kept.
			JobEvent::Needs(blobs) => Ok(self.journal.touch(blobs)?),
			JobEvent::Fetched(key) => self.fetched(key),
			JobEvent::Ended(key, ending) => self.ended(key, ending),
		}
	}

	fn begin_shutdown(&mut self) {
		if !self.shutting_down {
			self.shutting_down = true;
			tracing::info!("shutting down: the machine is paused; signal again to exit at once");
		}
	}

	/// Whether nothing is owed any more, and the chain knows that the machine takes nothing new.
	fn is_done(&self) -> bool {
		let is_silent = self.last_block_at.elapsed() > SHUTDOWN_PATIENCE;
		let (Some(id), Some(best), Some(finalized)) = (self.id, &self.best, &self.finalized) else {
			return self.entries.is_empty() || is_silent;
		};
		let owes = |view: &ChainView| {
			let is_ours = |(task, attempt, _): &(TaskId, u8, _)| {
				let key = Key { task: *task, attempt: *attempt };
				self.entries.contains_key(&key) || view.is_undelivered(*task, id)
			};
			view.owed(id).iter().any(is_ours)
		};
		if is_silent && self.entries.is_empty() {
			tracing::warn!("no blocks arrive; exiting without having paused the machine");
			return true;
		}
		let status = best.status();
		let takes_tasks = matches!(status, Some(WorkerStatus::Active | WorkerStatus::Draining));
		self.outbox.is_idle() && !takes_tasks && !owes(best) && !owes(finalized)
	}

	/// Removes blobs that nobody asked for in a long time.
	fn sweep(&mut self) {
		let swept = self.journal.stale_blobs(self.config.retention).map_err(anyhow::Error::from);
		let swept = swept.and_then(|stale| {
			for blob in &stale {
				self.store.remove(blob).context("removing a blob")?;
				self.journal.forget_blob(blob)?;
			}
			Ok(stale.len())
		});
		match swept {
			Ok(0) => {}
			Ok(count) => tracing::info!(count, "removed blobs that were kept long enough"),
			Err(error) => tracing::warn!("cannot remove old blobs: {error:#}"),
		}
	}
}
