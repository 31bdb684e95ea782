//! The draw of one task: from the randomness to its machines, or to its place in a queue.

use crate::{store::ChainStore, Assignments, Config, Event, Jobs, Pallet, Tasks};
use aidragon_primitives::{
	beacon::draw_seed,
	interface::{Beacon, Reservation, SupplyListener, WorkerDirectory},
	job::Job,
	matching::{self, Drawn, Pick, Request},
	state::{FailureReason, TaskEvent, TaskState},
	supply::{self, ProviderTag},
	task::{DeclineReason, Progress, Replica, Task},
	waiting, BlockNumber, TaskId, WorkerId,
};
use alloc::vec::Vec;
use codec::Encode;

/// Draws that a task gets at once where not all machines could be looked at, before it waits for supply.
const LOOKS_MAX: u8 = 4;

/// What became of a draw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
	/// So many machines have the task now.
	Assigned(u32),
	/// No machine was found.
	Nothing,
	/// The task waits for no draw any more.
	Passed,
}

impl Outcome {
	/// Machines that were drawn, which is what the weight of a draw goes by.
	pub(crate) fn machines(self) -> u32 {
		match self {
			Self::Assigned(count) => count,
			Self::Nothing | Self::Passed => 0,
		}
	}
}

impl<T: Config> Pallet<T> {
	/// The last block in which a task of the job can be drawn.
	pub(crate) fn last_draw(job: &Job<T::AccountId>) -> BlockNumber {
		job.deadline.saturating_sub(job.spec.attempt_blocks())
	}

	/// The newest beacon, if it is younger than `frozen_at`: only randomness that nobody knew then may draw.
	pub(crate) fn young_beacon(frozen_at: BlockNumber) -> Option<(BlockNumber, [u8; 32])> {
		T::Beacon::latest().filter(|(block, _)| *block > frozen_at)
	}

	/// Draws machines for the vacant replicas of a queued task by the beacon of a block. What finds nothing is drawn again or waits.
	pub(crate) fn draw(
		id: TaskId,
		beacon: (BlockNumber, [u8; 32]),
		woken_by: Option<WorkerId>,
	) -> Outcome {
		let Some(task) = Tasks::<T>::get(id).filter(|task| task.state == TaskState::Queued) else {
			return Outcome::Passed;
		};
		let Some(job) = Jobs::<T>::get(task.job) else { return Outcome::Passed };
		if Self::now() > Self::last_draw(&job) {
			Self::give_up_queued(id, task);
			return Outcome::Passed;
		}
		let mut asked = Vec::new();
		let note = |machine| asked.push(machine);
		let drawn = Self::choose_machines(id, &task, &job, beacon.1, woken_by, note);
		for machine in &drawn.gone {
			supply::remove(&mut ChainStore::<T>::new(), *machine);
		}
		let is_picked = |machine: &WorkerId| {
			let mut picks = drawn.picks.iter().flatten();
			picks.any(|pick| pick.candidate.entry.worker == *machine)
		};
		// Of a machine that was the best and did not hold out, something lapsed that the supply still shows.
		asked.retain(|machine| !drawn.gone.contains(machine) && !is_picked(machine));
		asked.into_iter().for_each(Self::supply_changed);
		match drawn.picks {
			Some(picks) => {
				let count = picks.len() as u32;
				Self::assign(id, task, &job, beacon.0, picks);
				Outcome::Assigned(count)
			}
			None => {
				Self::wait(id, task, &job, drawn.saw_all);
				Outcome::Nothing
			}
		}
	}

	/// Which machines get the task, by a beacon and by the supply as it stands. `asked` hears of each that the registry was asked for.
	pub(crate) fn choose_machines(
		id: TaskId,
		task: &Task<T::AccountId>,
		job: &Job<T::AccountId>,
		beacon: [u8; 32],
		woken_by: Option<WorkerId>,
		mut asked: impl FnMut(WorkerId),
	) -> Drawn<T::AccountId> {
		let request = Request {
			spec: &job.spec,
			kinds: job.spec.kinds(task.bundle.is_some()),
			minute: Self::minute_of_day(),
			excluded: &task.excluded,
			taken: task.replicas.iter().map(|replica| provider_tag(&replica.provider)).collect(),
			count: usize::from(job.spec.replicas).saturating_sub(task.replicas.len()),
			woken_by,
		};
		let now = Self::now();
		matching::draw(
			&ChainStore::<T>::new(),
			&request,
			&draw_seed(beacon, id, task.attempt),
			// P4: what made it a candidate may have lapsed since it was put into the supply.
			|machine| {
				asked(machine);
				T::Directory::candidate(machine, now)
			},
			|_| {},
		)
	}

	/// Has a task that found nothing drawn again, where not everything was seen, or puts it into its queue.
	fn wait(id: TaskId, mut task: Task<T::AccountId>, job: &Job<T::AccountId>, saw_all: bool) {
		task.looks = task.looks.saturating_add(1);
		if !saw_all && task.looks < LOOKS_MAX && task.ticket.is_none() {
			Tasks::<T>::insert(id, task);
			Self::freeze(id, 1);
			return;
		}
		let is_new = task.ticket.is_none();
		Self::enqueue(id, &mut task, job);
		Tasks::<T>::insert(id, task);
		if is_new {
			Self::deposit_event(Event::NothingMatched { task: id });
		}
	}

	/// Puts a task at the end of its queue. The task is stored by the caller.
	pub(crate) fn enqueue(id: TaskId, task: &mut Task<T::AccountId>, job: &Job<T::AccountId>) {
		Self::leave_queue(task);
		let (needed, price_cap) = (&job.spec.requirements.resources, job.spec.price_cap_per_gfuel);
		task.ticket = Some(waiting::enqueue(&mut ChainStore::<T>::new(), id, needed, price_cap));
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
		Self::finish(id, task, event);
	}

	/// What a task fails of whose machines delivered too little.
	pub(crate) fn missing_reason(declined: Option<DeclineReason>) -> FailureReason {
		match declined {
			Some(DeclineReason::BlobUnavailable) => FailureReason::BlobUnavailable,
			Some(DeclineReason::BlobMismatch) => FailureReason::BlobMismatch,
			Some(DeclineReason::HostFault | DeclineReason::ShuttingDown) => {
				FailureReason::HostFault
			}
			None => FailureReason::WorkersMissing,
		}
	}

	fn assign(
		id: TaskId,
		mut task: Task<T::AccountId>,
		job: &Job<T::AccountId>,
		beacon_block: BlockNumber,
		picks: Vec<Pick<T::AccountId>>,
	) {
		let now = Self::now();
		let attempt = task.attempt;
		let mut workers = Vec::with_capacity(picks.len());
		for pick in picks {
			let Some(replica) = Self::take(id, &task, job, beacon_block, pick) else {
				log::error!(target: "runtime::task-matching", "task {id}: a drawn machine did not fit");
				continue;
			};
			let worker = replica.worker;
			// There are as many places as vacancies.
			if task.replicas.try_push(replica).is_err() {
				log::error!(target: "runtime::task-matching", "task {id}: a machine too many was drawn");
				continue;
			}
			let _ = task.excluded.try_push(worker);
			Assignments::<T>::insert(worker, id, ());
			workers.push(worker);
		}
		Self::leave_queue(&mut task);
		Self::advance(&mut task, TaskEvent::Drawn);
		task.attempt = attempt.saturating_add(1);
		task.looks = 0;
		Self::schedule(id, task, now.saturating_add(job.spec.execution_blocks));
		Self::deposit_event(Event::TaskAssigned { task: id, attempt, beacon_block, workers });
	}

	/// Reserves what a drawn machine gives. It was checked in this block, the bond with all that is at stake included, so it holds.
	fn take(
		id: TaskId,
		task: &Task<T::AccountId>,
		job: &Job<T::AccountId>,
		beacon_block: BlockNumber,
		pick: Pick<T::AccountId>,
	) -> Option<Replica<T::AccountId>> {
		let entry = pick.candidate.entry;
		let replica = Replica {
			worker: entry.worker,
			provider: pick.candidate.provider,
			gpus: entry.free.place(&job.spec.requirements.resources).ok()?,
			price_per_gfuel: entry.offer.price_per_gfuel,
			attempt: task.attempt,
			beacon_block,
			progress: Progress::Assigned,
		};
		let stake = job.spec.stake(replica.price_per_gfuel);
		let reservation = Reservation { grant: replica.grant(&job.spec), stake };
		match T::Directory::reserve(replica.worker, &reservation, Self::now()) {
			Ok(()) => Some(replica),
			Err(error) => {
				log::error!(target: "runtime::task-matching", "task {id}: {error:?}");
				None
			}
		}
	}
}

/// The first bytes of a provider's account.
pub(crate) fn provider_tag(account: &impl Encode) -> ProviderTag {
	let mut tag = ProviderTag::default();
	account.using_encoded(|bytes| tag.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from));
	tag
}
