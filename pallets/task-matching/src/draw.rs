//! The draw: which machines get a task.

use crate::{Assignments, Config, Event, Pallet, SupplyBitmap, SupplyLength, SupplySlots};
use aidragon_primitives::{
	beacon::{draw_seed, SeedStream},
	interface::{Beacon, Reservation, WorkerDirectory},
	matching::{check_fit, choose, eligible_buckets, sample_positions, SAMPLES},
	state::{FailureReason, TaskEvent},
	task::{DeclineReason, Progress, Replica, Task, DRAW_DELAY_BLOCKS},
	worker::Candidate,
	BlockNumber, TaskId,
};
use alloc::vec::Vec;

impl<T: Config> Pallet<T> {
	/// Draws machines for the vacant replicas of a queued task, or says when the draw is repeated, or ends the
	/// task where no time for an attempt is left.
	pub(crate) fn draw(id: TaskId, task: Task<T::AccountId>) {
		let now = Self::now();
		if now.saturating_add(task.spec.attempt_blocks()) > task.deadline {
			return Self::give_up_queued(id, task);
		}
		// The task was frozen `DRAW_DELAY_BLOCKS` before its draw was due: only younger randomness may draw.
		let frozen_at = task.wake_at.saturating_sub(DRAW_DELAY_BLOCKS);
		let frozen_before = |(block, _): &(BlockNumber, _)| *block > frozen_at;
		let chosen = T::Beacon::latest().filter(frozen_before).and_then(|(block, beacon)| {
			let mut stream = SeedStream::new(draw_seed(beacon, id, task.attempt));
			let chosen = Self::choose_machines(&task, &mut stream)?;
			Some((block, chosen))
		});
		match chosen {
			Some((block, machines)) => Self::assign(id, task, block, machines),
			None => {
				let next_draw = Self::redraw_block();
				Self::schedule(id, task, next_draw);
				Self::deposit_event(Event::NothingMatched { task: id, next_draw });
			}
		}
	}

	/// Ends a task that waits and for which no time is left.
	fn give_up_queued(id: TaskId, task: Task<T::AccountId>) {
		let event = match (task.attempt, task.declined) {
			(0, _) => TaskEvent::TimedOut,
			(_, reason) => TaskEvent::Exhausted(Self::missing_reason(reason)),
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

	/// Looks at up to `SAMPLES` machines, tightest bucket first, and picks the best that fit.
	pub(crate) fn choose_machines(
		task: &Task<T::AccountId>,
		stream: &mut SeedStream,
	) -> Option<Vec<Candidate<T::AccountId>>> {
		let spec = &task.spec;
		let vacant = usize::from(spec.replicas).checked_sub(task.replicas.len())?;
		let minute = Self::minute_of_day();
		let mut budget = SAMPLES;
		let mut fitting = Vec::new();
		for bucket in eligible_buckets(&spec.requirements.capacity, SupplyBitmap::<T>::get()) {
			if budget == 0 {
				break;
			}
			let positions = sample_positions(stream, SupplyLength::<T>::get(bucket), budget);
			budget = budget.saturating_sub(positions.len() as u32);
			let machines = positions
				.into_iter()
				.filter_map(|position| SupplySlots::<T>::get((bucket, position)))
				.collect::<Vec<_>>();
			for machine in machines {
				// P4: what made it a candidate may have lapsed since it was put into the index.
				let Some(candidate) = T::Directory::candidate(machine, Self::now()) else {
					Self::remove_supply(machine);
					continue;
				};
				if check_fit(&candidate, spec, minute, &task.excluded).is_ok() {
					fitting.push(candidate);
				}
			}
		}
		let taken: Vec<T::AccountId> =
			task.replicas.iter().map(|replica| replica.provider.clone()).collect();
		choose(fitting, spec.matching, vacant, &taken, stream)
	}

	fn assign(
		id: TaskId,
		mut task: Task<T::AccountId>,
		beacon_block: BlockNumber,
		machines: Vec<Candidate<T::AccountId>>,
	) {
		let now = Self::now();
		let capacity = task.spec.requirements.capacity;
		let attempt = task.attempt;
		let mut workers = Vec::with_capacity(machines.len());
		for machine in machines {
			let replica = Replica {
				worker: machine.worker,
				provider: machine.provider,
				price_per_gfuel: machine.offer.price_per_gfuel,
				attempt,
				beacon_block,
				progress: Progress::Assigned,
			};
			let stake = task.spec.stake(machine.offer.price_per_gfuel);
			// It was checked in this block, the bond with all that is at stake included, so it holds.
			if T::Directory::reserve(machine.worker, &Reservation { capacity, stake }, now).is_err()
			{
				log::error!(target: "runtime::task-matching", "task {id}: a drawn machine did not fit");
				continue;
			}
			// There are as many places as vacancies.
			if task.replicas.try_push(replica).is_err() {
				log::error!(target: "runtime::task-matching", "task {id}: a machine too many was drawn");
				continue;
			}
			let _ = task.excluded.try_push(machine.worker);
			Assignments::<T>::insert(machine.worker, id, ());
			workers.push(machine.worker);
		}
		let deadline = now.saturating_add(task.spec.execution_blocks);
		Self::advance(&mut task, TaskEvent::Drawn);
		task.attempt = attempt.saturating_add(1);
		Self::schedule(id, task, deadline);
		Self::deposit_event(Event::TaskAssigned { task: id, attempt, beacon_block, workers });
	}
}
