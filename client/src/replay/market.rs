//! The state as the chain's own drawing sees it.

use super::world::{Key, Look, World};
use crate::{keys::AccountId, Job, TaskRecord};
use aidragon_primitives::{
	drawing::{Batch, Market},
	interface::{CapacityExceeded, Reservation},
	matching::{Considered, Verdict},
	state::TaskState,
	supply::{self, Entry, Place, SupplyStore},
	waiting,
	worker::Candidate,
	BlockNumber, Hash32, JobId, TaskId, WorkerId,
};

impl Market for World {
	type AccountId = AccountId;

	fn now(&self) -> BlockNumber {
		self.frame.now
	}

	fn minute(&self) -> u16 {
		self.frame.minute
	}

	fn beacon(&self) -> Option<(BlockNumber, Hash32)> {
		self.frame.beacon
	}

	fn frozen_length(&self, block: BlockNumber) -> u32 {
		let key = Key::FrozenLength(block);
		self.known(&self.frozen_lengths, &block, key).copied().unwrap_or_default()
	}

	fn frozen_batch(&self, block: BlockNumber, position: u32) -> Option<Batch> {
		let key = Key::Frozen(block, position);
		self.known(&self.frozen, &(block, position), key).copied().flatten()
	}

	fn forget_batch(&mut self, block: BlockNumber, position: u32) {
		self.frozen.insert((block, position), None);
	}

	fn forget_block(&mut self, block: BlockNumber) {
		self.frozen_lengths.insert(block, 0);
	}

	// What is frozen now is drawn in a later block.
	fn freeze(&mut self, _: Batch) {}

	fn task(&self, id: TaskId) -> Option<TaskRecord> {
		self.known(&self.tasks, &id, Key::Task(id)).cloned().flatten()
	}

	fn put_task(&mut self, id: TaskId, task: TaskRecord) {
		self.tasks.insert(id, Some(task));
	}

	fn job(&self, id: JobId) -> Option<Job> {
		self.known(&self.jobs, &id, Key::Job(id)).cloned().flatten()
	}

	fn give_up(&mut self, id: TaskId, mut task: TaskRecord) {
		let Some(job) = self.job(task.job) else { return };
		if let Some(ticket) = task.ticket.take() {
			waiting::dequeue(self, ticket);
		}
		for replica in task.replicas.clone() {
			self.release(&job.spec, &replica);
		}
		// It is over; as what does not matter here.
		task.state = TaskState::Expired;
		self.put_task(id, task);
	}

	fn candidate(&self, worker: WorkerId) -> Option<Candidate<AccountId>> {
		self.find_candidate(worker)
	}

	fn reserve(
		&mut self,
		worker: WorkerId,
		reservation: &Reservation,
	) -> Result<(), CapacityExceeded> {
		self.take(worker, reservation)
	}

	fn refresh(&mut self, worker: WorkerId, place: Place) {
		match self.find_candidate(worker) {
			Some(candidate) => supply::update_at(self, place, candidate.entry),
			None => supply::remove(self, worker),
		};
	}

	fn assign(&mut self, id: TaskId, task: TaskRecord, _: usize) {
		self.put_task(id, task);
	}

	// What happens later is no part of the block's draws.
	fn schedule(&mut self, _: Batch, _: BlockNumber) {}

	fn nothing_matched(&mut self, _: TaskId) {}

	fn looks(&self, task: TaskId, pages: u32) {
		let machines = self.directory().machines();
		let mut seen = self.seen.borrow_mut();
		seen.look = Look { task, pages, machines };
		// What it was shown of the look that others had led to nothing.
		seen.considered.clear();
	}

	fn note(&self, id: TaskId, replica: u8, entry: &Entry, verdict: Verdict) {
		if self.watched == Some(id) {
			let mut seen = self.seen.borrow_mut();
			seen.look_of_task = seen.look;
			seen.considered.push(Considered { replica, entry: entry.clone(), verdict });
		}
	}
}
