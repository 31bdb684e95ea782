//! The daemon's tasks: from the assignment to the end that finality confirms.

use super::{
	jobs::Ending,
	outbox::{Request, Wanted},
	view::ChainView,
	Daemon,
};
use crate::{
	decide::{next_action, Action, DropReason, Held, Local, Sight},
	journal::{Entry, Key, Stage},
	metrics::Metrics,
	outcome::{seal, Signer},
};
use aidragon_client::{calls, calls::Call, Task};
use aidragon_primitives::{
	state::TaskState, task::DeclineReason, worker::Capacity, BlockNumber, WorkerId,
};
use anyhow::Context;
use std::{
	collections::BTreeSet,
	sync::atomic::{AtomicU64, Ordering},
};

impl Daemon {
	/// Takes the next step of every task, and adds what has to be sent to `wanted`.
	pub(super) fn step_tasks(
		&mut self,
		id: WorkerId,
		best: &ChainView,
		finalized: &ChainView,
		wanted: &mut Vec<Wanted>,
	) -> anyhow::Result<()> {
		let held = |(task, record): (&u64, &Task)| {
			let replica = record.replica_of(id)?;
			Some(Key { task: *task, attempt: replica.attempt })
		};
		let assigned = best.tasks.iter().filter_map(held);
		let keys: BTreeSet<Key> = assigned.chain(self.entries.keys().copied()).collect();
		for key in keys {
			let sight = Sight {
				best_number: best.number,
				best: best.held(key.task, id, key.attempt),
				finalized_number: finalized.number,
				finalized: finalized.held(key.task, id, key.attempt),
			};
			let due = sight.best.map_or(best.number, |held: Held| held.deadline);
			let mut want = |request| wanted.push(Wanted { request, due });
			match next_action(&sight, &self.local(key), self.shutting_down) {
				Action::Wait => {}
				Action::Start => self.start(key, best, due)?,
				Action::Commit | Action::Attest => want(Request::Deliver(key)),
				Action::Reveal => want(Request::Reveal(key)),
				Action::Decline(reason) => {
					self.jobs.abort(key);
					want(Request::Decline(key, reason));
				}
				Action::Drop(reason) => self.drop_task(key, reason, finalized.number)?,
				Action::Finish(state) => self.finish(key, state, finalized.number)?,
			}
		}
		self.metrics.tasks_running.store(self.jobs.len() as u64, Ordering::Relaxed);
		Ok(())
	}

	fn local(&self, key: Key) -> Local {
		match self.entries.get(&key) {
			Some(entry) => Local::of(entry.noted_at, &entry.stage, self.jobs.phase(key)),
			None => Local::Absent,
		}
	}

	/// Notes the assignment and starts the work, if there is room for it now.
	fn start(&mut self, key: Key, best: &ChainView, deadline: BlockNumber) -> anyhow::Result<()> {
		let Some(task) = best.tasks.get(&key.task) else { return Ok(()) };
		let (program, input) = (task.spec.program.blob.hash, task.spec.input.hash);
		if !self.entries.contains_key(&key) {
			let entry = self.journal.note(key, best.number, program, input)?;
			self.entries.insert(key, entry);
			let (task, attempt, block) = (key.task, key.attempt, best.number);
			tracing::info!(task, attempt, block, deadline, "assigned");
		}
		match room_for(
			&task.spec.requirements.capacity,
			&self.jobs.reserved(),
			&self.config.capacity,
		) {
			Room::Now => self.jobs.start(key, task.clone(), deadline),
			Room::Later => {}
			Room::Never => {
				let why =
					"it needs more than this machine is set to sell; see vcpus and memory_mib";
				self.give_up(key, DeclineReason::HostFault, why)?;
			}
		}
		Ok(())
	}

	pub(super) fn fetched(&mut self, key: Key) -> anyhow::Result<()> {
		let Some(entry) = self.entries.get(&key) else { return Ok(()) };
		let blobs = [entry.program, entry.input];
		self.journal.touch(blobs)?;
		self.advance(key, Stage::Fetched)?;
		tracing::info!(task = key.task, attempt = key.attempt, "program and input are here");
		Ok(())
	}

	/// Signs what a job came to, and has it on disk before anything of it leaves the machine.
	pub(super) fn ended(&mut self, key: Key, ending: Ending) -> anyhow::Result<()> {
		let task = self.best.as_ref().and_then(|best| best.tasks.get(&key.task));
		let (Some(id), Some(task)) = (self.id, task) else { return Ok(()) };
		match ending {
			Ending::Done { result, span } => {
				let signer = Signer { genesis: self.chain.genesis(), worker: id };
				let evidence = seal(&signer, &self.account, key, task, result, span);
				self.metrics.fuel.fetch_add(result.fuel, Ordering::Relaxed);
				self.journal.touch([result.output_root])?;
				self.advance(key, Stage::Executed(evidence))?;
				let (task, attempt) = (key.task, key.attempt);
				let output = hex::encode(result.output_root);
				let (status, fuel) = (result.status, result.fuel);
				tracing::info!(task, attempt, ?status, fuel, output, "executed");
				Ok(())
			}
			Ending::GivenUp { reason, why } => self.give_up(key, reason, &why),
		}
	}

	fn give_up(&mut self, key: Key, reason: DeclineReason, why: &str) -> anyhow::Result<()> {
		tracing::warn!(task = key.task, attempt = key.attempt, ?reason, "given up: {why}");
		self.advance(key, Stage::GivenUp(reason))
	}

	/// Remembers that a result is about to leave the machine.
	pub(super) fn mark_sent(&mut self, key: Key, request: &Request) -> anyhow::Result<()> {
		let Some(evidence) =
			self.entries.get(&key).and_then(|entry| entry.stage.evidence().copied())
		else {
			return Ok(());
		};
		// What is further than that already stays there.
		if matches!(self.entries.get(&key), Some(Entry { stage: Stage::Revealing(_), .. })) {
			return Ok(());
		}
		self.advance(key, Stage::Delivering(evidence))?;
		match request {
			Request::Reveal(_) => self.advance(key, Stage::Revealing(evidence)),
			_ => Ok(()),
		}
	}

	/// The commitment, or the attestation of the only replica.
	pub(super) fn delivery(&self, key: Key) -> Option<Call> {
		let evidence = self.entries.get(&key)?.stage.evidence()?;
		let task = self.best.as_ref()?.tasks.get(&key.task)?;
		Some(match task.spec.replicas {
			1 => calls::attest_result(key.task, &evidence.attestation, &evidence.signature),
			_ => calls::commit_result(key.task, &evidence.commitment()),
		})
	}

	/// The attestation that opens the commitment.
	pub(super) fn revelation(&self, key: Key) -> Option<Call> {
		let evidence = self.entries.get(&key)?.stage.evidence()?;
		let (attestation, signature) = (&evidence.attestation, &evidence.signature);
		Some(calls::reveal_result(key.task, attestation, signature, &evidence.salt))
	}

	fn drop_task(
		&mut self,
		key: Key,
		reason: DropReason,
		block: BlockNumber,
	) -> anyhow::Result<()> {
		let (task, attempt) = (key.task, key.attempt);
		let declined =
			self.entries.get(&key).is_some_and(|entry| matches!(entry.stage, Stage::GivenUp(_)));
		match declined && reason == DropReason::NoLongerOurs {
			true => tracing::info!(task, attempt, block, "given back"),
			false => tracing::warn!(task, attempt, block, "dropped: {}", reason.message()),
		}
		self.forget(key, &self.metrics.clone().tasks_dropped)
	}

	fn finish(&mut self, key: Key, state: TaskState, block: BlockNumber) -> anyhow::Result<()> {
		let (task, attempt) = (key.task, key.attempt);
		match state {
			TaskState::Failed(reason) => {
				let why = reason.message();
				tracing::info!(task, attempt, block, "finished without a result: {why}");
			}
			state => tracing::info!(task, attempt, block, "finished: {state:?}"),
		}
		self.forget(key, &self.metrics.clone().tasks_finished)
	}

	fn forget(&mut self, key: Key, counter: &AtomicU64) -> anyhow::Result<()> {
		self.jobs.abort(key);
		self.outbox.forget(key);
		if let Some(entry) = self.entries.remove(&key) {
			// From now on the time runs for which they are kept.
			self.journal.touch(entry.blobs())?;
		}
		self.journal.remove(key)?;
		Metrics::count(counter);
		Ok(())
	}

	fn advance(&mut self, key: Key, stage: Stage) -> anyhow::Result<()> {
		let advanced = self.journal.advance(key, stage).context("writing the journal")?;
		if let Some(entry) = advanced {
			self.entries.insert(key, entry);
		}
		Ok(())
	}
}

/// Whether a job can be started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Room {
	/// There is room.
	Now,
	/// There will be room once other jobs have ended.
	Later,
	/// There is less than it needs even when nothing else runs.
	Never,
}

fn room_for(needed: &Capacity, reserved: &Capacity, sold: &Capacity) -> Room {
	if !sold.holds(needed) {
		Room::Never
	} else if reserved.checked_add(needed).is_some_and(|sum| sold.holds(&sum)) {
		Room::Now
	} else {
		Room::Later
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn jobs_run_side_by_side_up_to_what_is_sold() {
		let capacity = |vcpus, memory_mib| Capacity { vcpus, memory_mib };
		let sold = capacity(4, 1_000);
		assert_eq!(room_for(&capacity(2, 400), &capacity(2, 600), &sold), Room::Now);
		assert_eq!(room_for(&capacity(2, 401), &capacity(2, 600), &sold), Room::Later);
		assert_eq!(room_for(&capacity(3, 1), &capacity(2, 1), &sold), Room::Later);
		assert_eq!(room_for(&capacity(5, 1), &Capacity::default(), &sold), Room::Never);
	}
}
