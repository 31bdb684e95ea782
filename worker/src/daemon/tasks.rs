//! The daemon's tasks: from the assignment to the end that finality confirms.

use super::{
	batch,
	jobs::Ending,
	outbox::{Request, Wanted},
	view::ChainView,
	Daemon,
};
use crate::{
	decide::{next_action, Action, DropReason, Held, Local, Sight},
	journal::{Evidence, Key, Stage},
	metrics::Metrics,
	outcome::{seal, Run, Signer},
};
use aidragon_client::{calls, calls::Call, Task};
use aidragon_primitives::{
	state::TaskState,
	task::DeclineReason,
	worker::{Capacity, Grant, Ledger},
	BlockNumber, Hash32, WorkerId, SLOT_DURATION_MS,
};
use anyhow::Context;
use std::{
	collections::BTreeSet,
	sync::atomic::{AtomicU64, Ordering},
	time::Duration,
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
				Action::Start => self.start(key, id, best, due)?,
				Action::Commit => want(Request::Commit(key)),
				Action::Attest => want(Request::Attest(key)),
				Action::Reveal => want(Request::Reveal(key)),
				Action::Decline(reason) => {
					self.jobs.abort(key);
					want(Request::Decline(key, reason));
				}
				Action::Drop(reason) => self.drop_task(key, reason, finalized.number)?,
				Action::Finish(state) => self.finish(key, state, finalized)?,
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
	fn start(
		&mut self,
		key: Key,
		id: WorkerId,
		best: &ChainView,
		deadline: BlockNumber,
	) -> anyhow::Result<()> {
		let Some(task) = best.tasks.get(&key.task) else { return Ok(()) };
		let Some(replica) = task.replica_of(id) else { return Ok(()) };
		let (program, input) = (task.spec.program.blob.hash, task.input.hash);
		if !self.entries.contains_key(&key) {
			let entry = self.journal.note(key, best.number, program, input)?;
			self.entries.insert(key, entry);
			let (task, attempt, block) = (key.task, key.attempt, best.number);
			tracing::info!(task, attempt, block, deadline, "assigned");
		}
		let grant = replica.grant(&task.spec);
		match room_for(&grant, self.jobs.grants(), &self.config.capacity) {
			Room::Now => self.jobs.start(key, task.clone(), grant, deadline),
			Room::Later if is_last_chance(deadline, best.number, task.spec.execution_blocks) => {
				let why = "other tasks leave no room for it; another machine has time for it now";
				self.give_up(key, DeclineReason::HostFault, why)?;
			}
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
			Ending::Done(run) if run.input_root != task.input_root() => {
				let (task, attempt) = (key.task, key.attempt);
				tracing::warn!(
					task,
					attempt,
					"what it takes of other tasks changed; it is run again"
				);
				Ok(())
			}
			Ending::Done(run) => self.executed(key, id, &run),
			Ending::GivenUp { reason, why } => self.give_up(key, reason, &why),
		}
	}

	fn executed(&mut self, key: Key, id: WorkerId, run: &Run) -> anyhow::Result<()> {
		let signer = Signer { genesis: self.chain.genesis(), worker: id };
		let evidence = seal(&signer, &self.account, key, run);
		let result = run.result;
		self.metrics.fuel.fetch_add(result.fuel, Ordering::Relaxed);
		self.journal.touch([result.output_root])?;
		self.advance(key, Stage::Executed(evidence))?;
		let (task, attempt) = (key.task, key.attempt);
		let output = hex::encode(result.output_root);
		let (status, fuel) = (result.status, result.fuel);
		tracing::info!(task, attempt, ?status, fuel, output, "executed");
		Ok(())
	}

	fn give_up(&mut self, key: Key, reason: DeclineReason, why: &str) -> anyhow::Result<()> {
		tracing::warn!(task = key.task, attempt = key.attempt, ?reason, "given up: {why}");
		self.advance(key, Stage::GivenUp(reason))
	}

	/// Remembers that these results are about to leave the machine: all of them or, where that fails, none.
	pub(super) fn mark_sent(&mut self, keys: &[Key]) -> anyhow::Result<()> {
		// What is further than that already stays there.
		let sent = |key: &Key| match self.entries.get(key)?.stage {
			Stage::Executed(evidence) => Some((*key, Stage::Delivering(evidence))),
			_ => None,
		};
		let steps: Vec<(Key, Stage)> = keys.iter().filter_map(sent).collect();
		self.advance_all(&steps)
	}

	/// Remembers that a result is about to be shown.
	pub(super) fn mark_revealed(&mut self, key: Key) -> anyhow::Result<()> {
		self.mark_sent(&[key])?;
		match self.entries.get(&key).map(|entry| entry.stage) {
			Some(Stage::Delivering(evidence)) => self.advance(key, Stage::Revealing(evidence)),
			_ => Ok(()),
		}
	}

	/// What goes into one call that delivers results: those that are there, and the call.
	pub(super) fn deliveries(&self, keys: &[Key]) -> Option<(Vec<Key>, Call)> {
		let result = |key: &Key| {
			let evidence = self.entries.get(key)?.stage.evidence()?;
			let task = self.best.as_ref()?.tasks.get(&key.task)?;
			(task.spec.replicas == 1).then_some((*key, *evidence))
		};
		let (ready, results): (Vec<Key>, Vec<Evidence>) = keys.iter().filter_map(result).unzip();
		Some((ready, batch::call_of(&results)?))
	}

	/// The commitment to a result.
	pub(super) fn commitment(&self, key: Key) -> Option<Call> {
		let evidence = self.entries.get(&key)?.stage.evidence()?;
		Some(calls::commit_result(key.task, &evidence.commitment()))
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

	fn finish(&mut self, key: Key, state: TaskState, finalized: &ChainView) -> anyhow::Result<()> {
		let (task, attempt, block) = (key.task, key.attempt, finalized.number);
		let result = finalized.tasks.get(&task).and_then(|task| needed_output(task, block));
		if let Some((output, time)) = result {
			self.journal.need([output], time)?;
		}
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
		self.advance_all(&[(key, stage)])
	}

	fn advance_all(&mut self, steps: &[(Key, Stage)]) -> anyhow::Result<()> {
		self.entries.extend(self.journal.advance_all(steps).context("writing the journal")?);
		Ok(())
	}
}

/// The output of a settled task that others of its job take, and for how long they may ask for it.
fn needed_output(task: &Task, now: BlockNumber) -> Option<(Hash32, Duration)> {
	let result = task.result.filter(|_| task.is_awaited && task.state == TaskState::Settled)?;
	let blocks = task.deadline.saturating_sub(now);
	Some((result.output_root, Duration::from_millis(SLOT_DURATION_MS).saturating_mul(blocks)))
}

/// Whether a task that is given back in the next block is given back in time, and one that is given back later is not: with
/// half of its blocks left, that costs nothing.
fn is_last_chance(deadline: BlockNumber, best: BlockNumber, execution_blocks: u32) -> bool {
	let left = deadline.saturating_sub(best.saturating_add(1));
	left <= (execution_blocks / 2).saturating_add(1)
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

/// Counts as the chain does: in thousandths of cores.
fn room_for<'a>(
	needed: &Grant,
	mut held: impl Iterator<Item = &'a Grant>,
	sold: &Capacity,
) -> Room {
	let mut ledger = Ledger::new(*sold);
	if ledger.reserve(needed).is_err() {
		return Room::Never;
	}
	match held.all(|grant| ledger.reserve(grant).is_ok()) {
		true => Room::Now,
		false => Room::Later,
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use aidragon_primitives::{
		attestation::{ExitStatus, ResultDigest},
		resources::Resources,
		task::BlobRef,
	};

	#[test]
	fn jobs_run_side_by_side_up_to_what_is_sold() {
		let grant = |cpu_milli, memory_mib| Grant {
			resources: Resources::cpu(cpu_milli, memory_mib),
			gpus: 0,
		};
		let sold = Capacity::cpu(4, 1_000);
		let held = [grant(2_000, 600)];
		let room =
			|cpu_milli, memory_mib| room_for(&grant(cpu_milli, memory_mib), held.iter(), &sold);
		assert_eq!(room(2_000, 400), Room::Now);
		assert_eq!(room(2_000, 401), Room::Later);
		assert_eq!(room(2_001, 1), Room::Later);
		assert_eq!(room(4_001, 1), Room::Never);
	}

	#[test]
	fn two_tasks_of_half_a_core_share_one() {
		let half = Grant { resources: Resources::cpu(500, 10), gpus: 0 };
		let sold = Capacity::cpu(1, 100);
		assert_eq!(room_for(&half, [half].iter(), &sold), Room::Now);
		assert_eq!(room_for(&half, [half, half].iter(), &sold), Room::Later);
	}

	#[test]
	fn what_finds_no_room_is_given_back_while_that_is_free() {
		// Drawn in block 100 with 20 blocks: given back with 10 or more left, it costs nothing.
		assert!(!is_last_chance(120, 107, 20));
		assert!(is_last_chance(120, 108, 20) && is_last_chance(120, 109, 20));
		assert!(is_last_chance(120, 130, 20));
	}

	#[test]
	fn an_output_is_kept_while_the_job_may_ask_for_it() {
		let blob = BlobRef { hash: [1; 32], size_bytes: 1 };
		let mut task = crate::daemon::jobs::tests::task(blob, blob);
		let result = ResultDigest {
			output_root: [8; 32],
			output_bytes: 1,
			fuel: 1,
			status: ExitStatus::Completed,
		};
		task.record.state = TaskState::Settled;
		task.record.result = Some(result);
		assert_eq!(needed_output(&task, 150), None);
		task.is_awaited = true;
		assert_eq!(needed_output(&task, 150), Some(([8; 32], Duration::from_secs(50 * 3))));
		assert_eq!(needed_output(&task, 300), Some(([8; 32], Duration::ZERO)));
		task.record.state = TaskState::Cancelled;
		assert_eq!(needed_output(&task, 150), None);
	}
}
