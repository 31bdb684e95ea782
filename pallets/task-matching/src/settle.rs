//! Closing steps, evaluating results, and putting the money where it belongs.

use crate::{Assignments, Config, Event, Pallet};
use aidragon_primitives::{
	attestation::{ExitStatus, ResultDigest},
	interface::{Conduct, Escrow, Reservation, WorkerDirectory},
	payout,
	state::{transition, FailureReason, TaskEvent},
	task::{Progress, Replica, Task, REVEAL_BLOCKS},
	TaskId,
};
use frame_support::traits::Get;

impl<T: Config> Pallet<T> {
	/// Moves the task by the one function that may.
	pub(crate) fn advance(task: &mut Task<T::AccountId>, event: TaskEvent) {
		match transition(task.state, event) {
			Ok(next) => task.state = next,
			Err(_) => log::error!(
				target: "runtime::task-matching",
				"{event:?} does not apply to a task that is {:?}", task.state
			),
		}
	}

	/// Lets go of the replicas for which `conduct` says how their machine fared.
	pub(crate) fn vacate(
		id: TaskId,
		task: &mut Task<T::AccountId>,
		conduct: impl Fn(&Replica<T::AccountId>) -> Option<Conduct>,
	) {
		let (spec, capacity) = (&task.spec, task.spec.requirements.capacity);
		task.replicas.retain(|replica| {
			let Some(conduct) = conduct(replica) else {
				return true;
			};
			Assignments::<T>::remove(replica.worker, id);
			let stake = spec.stake(replica.price_per_gfuel);
			T::Directory::release(replica.worker, &Reservation { capacity, stake }, conduct);
			false
		});
	}

	/// Ends the wait for commitments: reveal where a quorum is bound, otherwise replace who is missing.
	pub(crate) fn close_commits(id: TaskId, mut task: Task<T::AccountId>) {
		Self::vacate(id, &mut task, |replica| {
			(replica.progress == Progress::Assigned).then_some(Conduct::Missed)
		});
		if task.delivered() >= task.spec.quorum() {
			Self::advance(&mut task, TaskEvent::QuorumCommitted);
			Self::schedule(id, task, Self::now().saturating_add(REVEAL_BLOCKS));
		} else {
			let reason = Self::missing_reason(task.declined);
			Self::retry_or_fail(id, task, reason);
		}
	}

	/// Ends the wait for reveals.
	pub(crate) fn close_reveals(id: TaskId, mut task: Task<T::AccountId>) {
		Self::advance(&mut task, TaskEvent::RevealsClosed);
		Self::evaluate(id, task);
	}

	/// Accepts what a quorum agrees on; without agreement, all machines are replaced by fresh ones.
	pub(crate) fn evaluate(id: TaskId, mut task: Task<T::AccountId>) {
		if let Some(digest) = task.agreed_result() {
			Self::advance(&mut task, TaskEvent::Agreed);
			return Self::settle(id, task, digest);
		}
		let reason = if task.disagrees() {
			FailureReason::NoAgreement
		} else {
			Self::missing_reason(task.declined)
		};
		Self::vacate(id, &mut task, |replica| {
			Some(match replica.progress {
				Progress::Revealed(_) => Conduct::Neutral,
				Progress::Assigned | Progress::Committed(_) => Conduct::Missed,
			})
		});
		Self::retry_or_fail(id, task, reason);
	}

	fn retry_or_fail(id: TaskId, mut task: Task<T::AccountId>, reason: FailureReason) {
		let Some(retries_left) = task.retries_left.checked_sub(1) else {
			return Self::finish(id, task, TaskEvent::Exhausted(reason));
		};
		task.retries_left = retries_left;
		Self::advance(&mut task, TaskEvent::Vacated);
		Self::schedule(id, task, Self::draw_block());
		Self::deposit_event(Event::TaskRetried { task: id, retries_left });
	}

	/// Pays the machines that agree and ends the task.
	fn settle(id: TaskId, mut task: Task<T::AccountId>, digest: ResultDigest) {
		for replica in &task.replicas {
			if replica.progress != Progress::Revealed(digest) {
				continue;
			}
			let gross = payout::price(digest.fuel, replica.price_per_gfuel).unwrap_or_default();
			match T::Escrow::pay(id, &task.submitter, &replica.provider, gross) {
				Ok(()) => {
					task.escrow = task.escrow.saturating_sub(gross);
					task.paid = task.paid.saturating_add(gross);
				}
				// What a provider cannot take returns to the submitter with the rest.
				Err(error) => log::warn!(
					target: "runtime::task-matching",
					"task {id}: machine {} was not paid: {error:?}", replica.worker
				),
			}
		}
		task.result = Some(digest);
		let event = match digest.status {
			ExitStatus::Completed => TaskEvent::Paid,
			status => TaskEvent::Exhausted(FailureReason::Program(status)),
		};
		Self::finish(id, task, event);
	}

	/// Ends the task: capacity and the rest of the money return in this block.
	pub(crate) fn finish(id: TaskId, mut task: Task<T::AccountId>, event: TaskEvent) {
		Self::advance(&mut task, event);
		// Who delivered what stays readable; only the capacity is let go.
		let delivered = task.replicas.clone();
		let result = task.result;
		Self::vacate(id, &mut task, |replica| {
			Some(match (replica.progress, result) {
				(Progress::Revealed(digest), Some(agreed)) if digest == agreed => Conduct::Accepted,
				(Progress::Revealed(_), Some(_)) => Conduct::Outvoted,
				(_, Some(_)) => Conduct::Missed,
				(_, None) => Conduct::Neutral,
			})
		});
		task.replicas = delivered;
		let refunded = task.escrow;
		if let Err(error) = T::Escrow::unlock(&task.submitter, refunded) {
			log::error!(target: "runtime::task-matching", "task {id}: escrow not returned: {error:?}");
		}
		task.escrow = 0;
		let (state, paid) = (task.state, task.paid);
		Self::schedule(id, task, Self::now().saturating_add(T::Retention::get()));
		Self::deposit_event(Event::TaskFinished { task: id, state, paid, refunded });
	}
}
