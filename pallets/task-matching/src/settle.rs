//! Closing steps, evaluating results, and putting the money where it belongs.

use crate::{Assignments, Config, Event, Jobs, Pallet, Tasks};
use aidragon_primitives::{
	attestation::{ExitStatus, ResultDigest},
	drawing::Batch,
	interface::{Conduct, Escrow, Payment, Reservation, SupplyListener, WorkerDirectory},
	job::Job,
	payout,
	state::{transition, FailureReason, TaskEvent},
	task::{Progress, Replica, Task, DRAW_DELAY_BLOCKS, REVEAL_BLOCKS},
	Balance, TaskId, WorkerId,
};
use alloc::vec::Vec;

/// Machines that have more left than the supply knows. Many tasks of one may end in one call, and the supply looks at it once.
#[must_use = "the supply does not know what is free until it is told"]
#[derive(Default)]
pub(crate) struct Freed(Vec<WorkerId>);

impl Freed {
	/// Has the supply look at all of them.
	pub(crate) fn refresh<T: Config>(self) {
		self.0.into_iter().for_each(Pallet::<T>::supply_changed);
	}

	/// These and others.
	pub(crate) fn and(mut self, others: Self) -> Self {
		others.0.into_iter().for_each(|worker| self.note(worker));
		self
	}

	fn note(&mut self, worker: WorkerId) {
		if !self.0.contains(&worker) {
			self.0.push(worker);
		}
	}
}

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
		job: &Job<T::AccountId>,
		conduct: impl Fn(&Replica<T::AccountId>) -> Option<Conduct>,
	) -> Freed {
		let (spec, mut freed) = (&job.spec, Freed::default());
		task.replicas.retain(|replica| {
			let Some(conduct) = conduct(replica) else {
				return true;
			};
			Assignments::<T>::remove(replica.worker, id);
			let stake = spec.stake(replica.price_per_gfuel);
			let reservation = Reservation { grant: replica.grant(spec), stake };
			T::Directory::release(replica.worker, &reservation, conduct);
			freed.note(replica.worker);
			false
		});
		freed
	}

	/// The job of a task. Every task has one for as long as it is kept.
	pub(crate) fn job_of(task: &Task<T::AccountId>) -> Option<Job<T::AccountId>> {
		let job = Jobs::<T>::get(task.job);
		if job.is_none() {
			log::error!(target: "runtime::task-matching", "job {} is gone", task.job);
		}
		job
	}

	/// Ends the wait for commitments: reveal where a quorum is bound, otherwise replace who is missing.
	pub(crate) fn close_commits(id: TaskId, mut task: Task<T::AccountId>) -> Freed {
		let Some(job) = Self::job_of(&task) else { return Freed::default() };
		let freed = Self::vacate(id, &mut task, &job, |replica| {
			(replica.progress == Progress::Assigned).then_some(Conduct::Missed)
		});
		if task.delivered() >= job.spec.quorum() {
			Self::advance(&mut task, TaskEvent::QuorumCommitted);
			Self::schedule(id, task, Self::now().saturating_add(REVEAL_BLOCKS));
			return freed;
		}
		let reason = Self::missing_reason(task.declined);
		freed.and(Self::retry_or_fail(id, task, &job, reason))
	}

	/// Ends the wait for reveals.
	pub(crate) fn close_reveals(id: TaskId, mut task: Task<T::AccountId>) -> Freed {
		Self::advance(&mut task, TaskEvent::RevealsClosed);
		Self::evaluate(id, task)
	}

	/// Accepts what a quorum agrees on; without agreement, all machines are replaced by fresh ones.
	pub(crate) fn evaluate(id: TaskId, mut task: Task<T::AccountId>) -> Freed {
		let Some(job) = Self::job_of(&task) else { return Freed::default() };
		if let Some(digest) = task.agreed_result(job.spec.quorum()) {
			Self::advance(&mut task, TaskEvent::Agreed);
			return Self::settle(id, task, job, digest);
		}
		let reason = if task.disagrees() {
			FailureReason::NoAgreement
		} else {
			Self::missing_reason(task.declined)
		};
		let freed = Self::vacate(id, &mut task, &job, |replica| {
			Some(match replica.progress {
				Progress::Revealed(_) => Conduct::Neutral,
				Progress::Assigned | Progress::Committed(_) => Conduct::Missed,
			})
		});
		freed.and(Self::retry_or_fail(id, task, &job, reason))
	}

	fn retry_or_fail(
		id: TaskId,
		mut task: Task<T::AccountId>,
		job: &Job<T::AccountId>,
		reason: FailureReason,
	) -> Freed {
		// A draw comes two blocks after the freezing; where it would be too late, the wait would be for nothing.
		let in_time = Self::now().saturating_add(DRAW_DELAY_BLOCKS) <= job.last_draw();
		let Some(retries_left) = task.retries_left.checked_sub(1).filter(|_| in_time) else {
			return Self::finish(id, task, TaskEvent::Exhausted(reason));
		};
		task.retries_left = retries_left;
		Self::advance(&mut task, TaskEvent::Vacated);
		task.wake_at = 0;
		Tasks::<T>::insert(id, task);
		Self::freeze(Batch { first: id, count: 1 });
		Self::deposit_event(Event::TaskRetried { task: id, retries_left });
		Freed::default()
	}

	/// Pays the machines that agree and ends the task.
	fn settle(
		id: TaskId,
		mut task: Task<T::AccountId>,
		job: Job<T::AccountId>,
		digest: ResultDigest,
	) -> Freed {
		for replica in task.replicas.clone() {
			if replica.progress == Progress::Revealed(digest) {
				let gross = payout::price(digest.fuel, replica.price_per_gfuel).unwrap_or_default();
				Self::pay(id, &mut task, &job, &replica, gross);
			}
		}
		task.result = Some(digest);
		let event = match digest.status {
			ExitStatus::Completed => TaskEvent::Paid,
			status => TaskEvent::Exhausted(FailureReason::Program(status)),
		};
		Self::end(id, task, job, event)
	}

	/// Pays the provider of a replica out of the task's escrow.
	pub(crate) fn pay(
		id: TaskId,
		task: &mut Task<T::AccountId>,
		job: &Job<T::AccountId>,
		replica: &Replica<T::AccountId>,
		gross: Balance,
	) {
		let payment = Payment {
			task: id,
			from: &job.submitter,
			provider: &replica.provider,
			gross,
			earns_points: !job.spec.is_restricted(),
		};
		match T::Escrow::pay(&payment) {
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

	/// Ends the task: capacity and the rest of the money return in this block.
	pub(crate) fn finish(id: TaskId, task: Task<T::AccountId>, event: TaskEvent) -> Freed {
		match Self::job_of(&task) {
			Some(job) => Self::end(id, task, job, event),
			None => Freed::default(),
		}
	}

	/// As [`Self::finish`], of a task whose job is at hand.
	fn end(
		id: TaskId,
		mut task: Task<T::AccountId>,
		job: Job<T::AccountId>,
		event: TaskEvent,
	) -> Freed {
		Self::advance(&mut task, event);
		Self::leave_queue(&mut task);
		// Who delivered what stays readable; only the capacity is let go.
		let delivered = task.replicas.clone();
		let result = task.result;
		let freed = Self::vacate(id, &mut task, &job, |replica| {
			Some(match (replica.progress, result) {
				(Progress::Revealed(digest), Some(agreed)) if digest == agreed => Conduct::Accepted,
				(Progress::Revealed(_), Some(_)) => Conduct::Outvoted,
				(_, Some(_)) => Conduct::Missed,
				(_, None) => Conduct::Neutral,
			})
		});
		task.replicas = delivered;
		let refunded = task.escrow;
		if let Err(error) = T::Escrow::unlock(&job.submitter, refunded) {
			log::error!(target: "runtime::task-matching", "task {id}: escrow not returned: {error:?}");
		}
		(task.escrow, task.wake_at) = (0, 0);
		let (state, paid) = (task.state, task.paid);
		Self::note_over(id, &task, job);
		Tasks::<T>::insert(id, task);
		Self::deposit_event(Event::TaskFinished { task: id, state, paid, refunded });
		freed
	}
}
