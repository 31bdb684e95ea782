//! Machines driven by hand that deliver as fast as the chain takes it.
//!
//! A machine runs nothing: the tasks are trivial, and what is measured is the chain. It looks at each new block which tasks it
//! holds, signs a statement about each, and sends as many calls as it takes, without waiting for any of them.

use crate::{load::as_text, puppet::Puppet, rpc::Rpc};
use aidragon_client::{
	calls::{self, Call},
	chain::{Chain, Head, Snapshot},
	Task,
};
use aidragon_primitives::{
	attestation::{Deliveries, Delivery, ExitStatus, ResultDigest, DELIVERIES_MAX},
	state::TaskState,
	task::Progress,
	BlockNumber, TaskId, WorkerId,
};
use anyhow::{anyhow, Result};
use std::collections::BTreeMap;

/// Blocks after which what was sent and is not in a block is sent again.
const RESEND_BLOCKS: BlockNumber = 6;
/// What every trivial task comes to.
const RESULT: ResultDigest = ResultDigest {
	output_root: [3; 32],
	output_bytes: 1,
	fuel: 1_000,
	status: ExitStatus::Completed,
};

/// A machine that delivers in bulk.
pub struct Hand {
	puppet: Puppet,
	/// What was sent, and when.
	sent: BTreeMap<TaskId, BlockNumber>,
	/// The index of its next transaction, while it knows.
	index: Option<u64>,
	/// Tasks that were sent more than once.
	pub resent: usize,
	/// Calls that the pool refused, by its words.
	pub refusals: Vec<String>,
}

impl Hand {
	/// Takes over a machine that is proved.
	pub fn new(puppet: Puppet) -> Self {
		puppet.stop_answering();
		Self { puppet, sent: BTreeMap::new(), index: None, resent: 0, refusals: Vec::new() }
	}

	/// The machine's number.
	pub fn id(&self) -> WorkerId {
		self.puppet.id()
	}

	/// Sends whatever is due after a new block.
	pub async fn step(&mut self, chain: &Chain, rpc: &Rpc, head: &Head) -> Result<()> {
		let at = chain.at(head);
		let is_called = at.called_at(self.id()).await?.is_some();
		// Nobody answered for it while the blocks were full of something else.
		let workers = at.workers_of(&[self.id()]).await?;
		let is_away = workers.values().any(|worker| !worker.availability.is_online());
		let mut calls = Vec::new();
		if is_called || is_away {
			calls.push(calls::heartbeat());
		}
		calls.extend(self.deliveries(&at, head.number).await?);
		if calls.is_empty() {
			return Ok(());
		}
		let account = self.puppet.hot_key();
		let index = match self.index {
			Some(index) => index,
			None => chain.next_index(account).await?,
		};
		let signed = chain.sign_all(account, index, &calls).await?;
		let signed: Vec<String> = signed.iter().map(as_text).collect();
		self.index = Some(index + signed.len() as u64);
		for taken in rpc.hand_in(&signed).await? {
			if let Err(reason) = taken {
				// What comes behind it waits for this index, which has to be found out anew.
				self.index = None;
				self.refusals.push(reason);
			}
		}
		Ok(())
	}

	async fn deliveries(&mut self, at: &Snapshot, now: BlockNumber) -> Result<Vec<Call>> {
		let held = at.assignments(self.id()).await?;
		self.sent.retain(|task, _| held.binary_search(task).is_ok());
		let is_due = |task: &TaskId| match self.sent.get(task) {
			Some(sent_at) => now >= sent_at.saturating_add(RESEND_BLOCKS),
			None => true,
		};
		let due: Vec<TaskId> = held.into_iter().filter(is_due).collect();
		let mut deliveries = Vec::new();
		for (id, task) in at.tasks_of(&due).await? {
			if !self.owes(&task) {
				continue;
			}
			if self.sent.insert(id, now).is_some() {
				self.resent += 1;
				self.index = None;
			}
			let attestation = self.puppet.attestation(id, &task, RESULT);
			let signature = self.puppet.hot_key().sign(&attestation.signing_payload());
			deliveries.push(Delivery { attestation, signature });
		}
		let call = |deliveries: &[Delivery]| {
			let bounded = Deliveries::try_from(deliveries.to_vec());
			Ok(calls::attest_results(&bounded.map_err(|_| anyhow!("too many at once"))?))
		};
		deliveries.chunks(DELIVERIES_MAX as usize).map(call).collect()
	}

	fn owes(&self, task: &Task) -> bool {
		let replica = task.replica_of(self.id());
		task.state == TaskState::Assigned
			&& replica.is_some_and(|replica| replica.progress == Progress::Assigned)
	}
}
