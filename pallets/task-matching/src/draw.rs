//! The chain's state as draws read and change it.

use crate::{
	agenda::Item, store::ChainStore, Assignments, Config, Event, Frozen, FrozenLength, Jobs,
	Pallet, Tasks,
};
use aidragon_primitives::{
	drawing::{Batch, Market},
	interface::{Beacon, CapacityExceeded, Reservation, WorkerDirectory},
	job::Job,
	matching::Verdict,
	state::{FailureReason, TaskEvent},
	supply::{self, Entry, Place},
	task::{DeclineReason, Task},
	waiting,
	worker::Candidate,
	BlockNumber, Hash32, JobId, TaskId, WorkerId,
};
use alloc::vec::Vec;

impl<T: Config> Market for ChainStore<T> {
	type AccountId = T::AccountId;

	fn now(&self) -> BlockNumber {
		Pallet::<T>::now()
	}

	fn minute(&self) -> u16 {
		Pallet::<T>::minute_of_day()
	}

	fn beacon(&self) -> Option<(BlockNumber, Hash32)> {
		T::Beacon::latest().filter(|(block, _)| *block == Pallet::<T>::now())
	}

	fn frozen_length(&self, block: BlockNumber) -> u32 {
		FrozenLength::<T>::get(block)
	}

	fn frozen_batch(&self, block: BlockNumber, position: u32) -> Option<Batch> {
		Frozen::<T>::get((block, position))
	}

	fn forget_batch(&mut self, block: BlockNumber, position: u32) {
		Frozen::<T>::remove((block, position));
	}

	fn forget_block(&mut self, block: BlockNumber) {
		FrozenLength::<T>::remove(block);
	}

	fn freeze(&mut self, batch: Batch) {
		Pallet::<T>::freeze(batch);
	}

	fn task(&self, id: TaskId) -> Option<Task<T::AccountId>> {
		Tasks::<T>::get(id)
	}

	fn put_task(&mut self, id: TaskId, task: Task<T::AccountId>) {
		Tasks::<T>::insert(id, task);
	}

	fn job(&self, id: JobId) -> Option<Job<T::AccountId>> {
		Jobs::<T>::get(id)
	}

	fn give_up(&mut self, id: TaskId, task: Task<T::AccountId>) {
		Pallet::<T>::give_up_queued(id, task);
	}

	fn candidate(&self, worker: WorkerId) -> Option<Candidate<T::AccountId>> {
		T::Directory::candidate(worker, Pallet::<T>::now())
	}

	fn reserve(
		&mut self,
		worker: WorkerId,
		reservation: &Reservation,
	) -> Result<(), CapacityExceeded> {
		T::Directory::reserve(worker, reservation, Pallet::<T>::now()).inspect_err(|error| {
			log::error!(target: "runtime::task-matching", "machine {worker}: {error:?} after it was asked");
		})
	}

	fn refresh(&mut self, worker: WorkerId, place: Place) {
		// It has less than the supply shows, so that nobody needs to be woken.
		match self.candidate(worker) {
			Some(candidate) => supply::update_at(self, place, candidate.entry),
			None => supply::remove(self, worker),
		};
	}

	fn assign(&mut self, id: TaskId, task: Task<T::AccountId>, count: usize) {
		let others = task.replicas.len().saturating_sub(count);
		let new = task.replicas.get(others..).unwrap_or_default();
		let workers: Vec<WorkerId> = new.iter().map(|replica| replica.worker).collect();
		workers.iter().for_each(|worker| Assignments::<T>::insert(worker, id, ()));
		if let Some(replica) = new.first() {
			let (attempt, beacon_block) = (replica.attempt, replica.beacon_block);
			Pallet::<T>::deposit_event(Event::TaskAssigned {
				task: id,
				attempt,
				beacon_block,
				workers,
			});
		}
		Tasks::<T>::insert(id, task);
	}

	fn schedule(&mut self, batch: Batch, at: BlockNumber) {
		Pallet::<T>::put_on_agenda(Item::Tasks(batch), at);
	}

	fn nothing_matched(&mut self, id: TaskId) {
		Pallet::<T>::deposit_event(Event::NothingMatched { task: id });
	}

	// Nobody listens on the chain.
	fn looks(&self, _: TaskId, _: u32) {}

	fn note(&self, _: TaskId, _: u8, _: &Entry, _: Verdict) {}
}

impl<T: Config> Pallet<T> {
	/// Puts a task at the end of its queue. The task is stored by the caller.
	#[cfg(feature = "runtime-benchmarks")]
	pub(crate) fn enqueue(id: TaskId, task: &mut Task<T::AccountId>, job: &Job<T::AccountId>) {
		aidragon_primitives::drawing::enqueue(&mut ChainStore::<T>::new(), id, task, job);
	}

	/// Takes a task out of its queue, where it stands in one.
	pub(crate) fn leave_queue(task: &mut Task<T::AccountId>) {
		if let Some(ticket) = task.ticket.take() {
			waiting::dequeue(&mut ChainStore::<T>::new(), ticket);
		}
	}

	/// Ends a task that waits and for which no time is left.
	pub(crate) fn give_up_queued(id: TaskId, task: Task<T::AccountId>) {
		let event = match task.attempt {
			0 => TaskEvent::TimedOut,
			_ => TaskEvent::Exhausted(Self::missing_reason(task.declined)),
		};
		Self::finish(id, task, event).refresh::<T>();
	}

	/// What a task fails of whose machines delivered too little.
	pub(crate) fn missing_reason(declined: Option<DeclineReason>) -> FailureReason {
		match declined {
			Some(DeclineReason::BlobUnavailable) => FailureReason::BlobUnavailable,
			Some(DeclineReason::BlobMismatch) => FailureReason::BlobMismatch,
			Some(DeclineReason::HostFault | DeclineReason::ShuttingDown) => {
				FailureReason::HostFault
			}
			Some(DeclineReason::DependencyUnavailable) => FailureReason::DependencyUnavailable,
			Some(DeclineReason::BundleTooLarge) => FailureReason::BundleTooLarge,
			None => FailureReason::WorkersMissing,
		}
	}
}
