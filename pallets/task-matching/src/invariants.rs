//! What must hold in every block.

use crate::{
	agenda::Item, Agenda, AgendaCursor, AgendaLength, Assignments, Config, Frozen, FrozenCursor,
	FrozenLength, Jobs, NextTaskId, Pallet, SupplyDirectory, SupplyPages, SupplyPlaces, Tasks,
	Waiting, WaitingIndex, WaitingQueues,
};
use aidragon_primitives::{
	interface::{Escrow, WorkerDirectory},
	job::Job,
	matching::order_of,
	resources::Free,
	state::TaskState,
	supply::{floor_of, Floor, Place, Shape, PAGE_MACHINES},
	task::{Progress, Task},
	Balance, BlockNumber, JobId, TaskId,
};
use alloc::{
	collections::{BTreeMap, BTreeSet},
	vec::Vec,
};
use frame_support::ensure;
use sp_runtime::TryRuntimeError;

impl<T: Config> Pallet<T> {
	/// Checks P1, P2, P3, the queues and the supply index.
	pub fn do_try_state() -> Result<(), TryRuntimeError> {
		Self::check_escrow()?;
		for (id, task) in Tasks::<T>::iter() {
			let job = Jobs::<T>::get(task.job).ok_or("a task has no job")?;
			Self::check_task(id, &task, &job)?;
		}
		Self::check_jobs()?;
		Self::check_frozen()?;
		Self::check_assignments()?;
		Self::check_queues()?;
		Self::check_supply()
	}

	/// P1: the escrow of live tasks is what is on hold.
	fn check_escrow() -> Result<(), TryRuntimeError> {
		let mut owed = BTreeMap::<T::AccountId, Balance>::new();
		for task in Tasks::<T>::iter_values() {
			let job = Jobs::<T>::get(task.job).ok_or("a task has no job")?;
			let sum = owed.entry(job.submitter).or_default();
			*sum = sum.saturating_add(task.escrow);
		}
		// Nobody else has anything on hold either.
		for account in frame_system::Account::<T>::iter_keys() {
			owed.entry(account).or_default();
		}
		for (account, sum) in owed {
			ensure!(T::Escrow::locked(&account) == sum, "escrow differs from what is on hold");
		}
		Ok(())
	}

	/// Whether such an entry stands on the agenda of a block and is not worked off.
	fn is_listed(block: BlockNumber, is_it: impl Fn(&Item) -> bool) -> bool {
		let (due_block, due_position) = AgendaCursor::<T>::get();
		let from = if block == due_block { due_position } else { 0 };
		block >= due_block
			&& (from..AgendaLength::<T>::get(block))
				.any(|position| Agenda::<T>::get((block, position)).as_ref().is_some_and(&is_it))
	}

	fn check_task(
		id: TaskId,
		task: &Task<T::AccountId>,
		job: &Job<T::AccountId>,
	) -> Result<(), TryRuntimeError> {
		ensure!(id < NextTaskId::<T>::get(), "a task has a number that was not given out");
		let range = task.job..task.job.saturating_add(u64::from(job.tasks));
		ensure!(range.contains(&id), "a task is not among its job's");
		let is_queued = task.state == TaskState::Queued;
		ensure!(is_queued || task.ticket.is_none(), "a task waits that has no need to");
		if matches!(task.state, TaskState::Queued | TaskState::Blocked) {
			// P3: the entry of the job ends all that have no machines by then.
			let ends = |item: &Item| match item {
				Item::Expire(job, from) => *job == task.job && *from <= u16::from(task.index(id)),
				_ => false,
			};
			let is_listed = Self::is_listed(job.last_draw().saturating_add(1), ends);
			ensure!(is_listed, "a task without machines is not on the agenda");
			return Ok(());
		}
		if task.state.is_terminal() {
			ensure!(task.escrow == 0, "a task that is over has money on hold");
			return Ok(());
		}
		let holds_it = |item: &Item| match item {
			Item::Tasks(batch) => {
				let end = batch.first.saturating_add(batch.count.into());
				(batch.first..end).contains(&id)
			}
			_ => false,
		};
		let is_listed = Self::is_listed(task.wake_at, holds_it);
		ensure!(is_listed, "a task is not on the agenda of its block");
		// As the entry is ahead, only an agenda that lags behind under load lets the task live on.
		ensure!(task.wake_at <= job.deadline, "a live task is looked at after its deadline only");
		Ok(())
	}

	/// Jobs that stand on the agenda to be forgotten, each with the first of its tasks that is still kept.
	fn jobs_to_forget() -> BTreeMap<JobId, u16> {
		let begun = AgendaCursor::<T>::get();
		let ahead = Agenda::<T>::iter().filter(|(place, _)| *place >= begun);
		let jobs = ahead.filter_map(|(_, item)| match item {
			Item::Forget(job, from) => Some((job, from)),
			_ => None,
		});
		jobs.collect()
	}

	fn check_jobs() -> Result<(), TryRuntimeError> {
		let forgetting = Self::jobs_to_forget();
		for (id, job) in Jobs::<T>::iter() {
			let first_kept = match job.open {
				0 => *forgetting.get(&id).ok_or("a job that is over is not on the agenda")?,
				_ => 0,
			};
			let task = |position: u16| Tasks::<T>::get(id.saturating_add(u64::from(position)));
			let mut open = 0u16;
			for position in 0..job.tasks {
				let kept = task(position);
				ensure!(kept.is_some() == (position >= first_kept), "a job has lost a task");
				let is_open = kept.is_some_and(|task| !task.state.is_terminal());
				open = open.saturating_add(is_open.into());
			}
			ensure!(open == job.open, "a job's count of open tasks is wrong");
			let Some(flow) = job.flow else { continue };
			for position in first_kept..job.tasks {
				let Some(task) = task(position) else { continue };
				// A job has at most 256 tasks.
				let position = position as u8;
				let is_over = task.state.is_terminal();
				ensure!(
					flow.over.contains(position) == is_over,
					"a job does not know what is over"
				);
				let has_result = task.state == TaskState::Settled;
				ensure!(
					flow.settled.contains(position) == has_result,
					"a job does not know its results"
				);
			}
			let due = AgendaCursor::<T>::get().0..=Self::now().saturating_add(1);
			let is_listed = |block| Self::is_listed(block, |item| *item == Item::Advance(id));
			let rests = flow.next_step().is_some() && !due.into_iter().any(is_listed);
			ensure!(!rests, "a job that could go on is not on the agenda");
		}
		Ok(())
	}

	/// P3: what is queued is going to be drawn, or woken.
	fn check_frozen() -> Result<(), TryRuntimeError> {
		let cursor = FrozenCursor::<T>::get();
		let length = FrozenLength::<T>::get(cursor.block);
		let place = |index| cursor.order.map_or(index, |order| order_of(&order, length, index));
		let begun: BTreeSet<u32> = (cursor.batches..length).map(place).collect();
		let mut frozen = BTreeSet::<TaskId>::new();
		for ((block, position), batch) in Frozen::<T>::iter() {
			let is_ahead = match block == cursor.block {
				true => begun.contains(&position),
				false => block > cursor.block && position < FrozenLength::<T>::get(block),
			};
			ensure!(is_ahead, "frozen tasks were passed over");
			let is_next = block == cursor.block && place(cursor.batches) == position;
			let drawn = if is_next { cursor.tasks } else { 0 };
			let ids =
				(drawn..batch.count).map(|index| batch.first.saturating_add(u64::from(index)));
			frozen.extend(ids);
		}
		for (id, task) in Tasks::<T>::iter() {
			let rests = task.state == TaskState::Queued && task.ticket.is_none();
			ensure!(!rests || frozen.contains(&id), "a queued task is neither frozen nor waits");
		}
		Ok(())
	}

	fn check_assignments() -> Result<(), TryRuntimeError> {
		let mut held = 0usize;
		for (id, task) in Tasks::<T>::iter().filter(|(_, task)| !task.state.is_terminal()) {
			held = held.saturating_add(task.replicas.len());
			for (index, replica) in task.replicas.iter().enumerate() {
				ensure!(
					Assignments::<T>::contains_key(replica.worker, id),
					"a replica is not among its machine's assignments"
				);
				let others = task.replicas.iter().skip(index.saturating_add(1));
				ensure!(
					others.into_iter().all(|other| other.provider != replica.provider),
					"two replicas belong to one provider"
				);
				let rests_revealed = matches!(replica.progress, Progress::Revealed(_))
					&& task.revealed() == task.replicas.len();
				ensure!(!rests_revealed, "a task with all results known is not evaluated");
			}
		}
		ensure!(held == Assignments::<T>::iter_keys().count(), "an assignment has no live task");
		Ok(())
	}

	fn check_queues() -> Result<(), TryRuntimeError> {
		let mut waiting = 0u32;
		for (ticket, id) in Waiting::<T>::iter() {
			let task = Tasks::<T>::get(id).ok_or("a task that is gone waits")?;
			ensure!(task.ticket == Some(ticket), "a task waits elsewhere than it says");
			let queue = WaitingQueues::<T>::get(ticket.queue);
			ensure!((queue.head..queue.tail).contains(&ticket.number), "a queue has lost a task");
			ensure!(
				WaitingIndex::<T>::get().is_occupied(ticket.queue),
				"a queue is not in the index"
			);
			waiting = waiting.saturating_add(1);
		}
		let with_ticket = Tasks::<T>::iter_values().filter(|task| task.ticket.is_some()).count();
		ensure!(with_ticket == waiting as usize, "a task has a place that is not its own");
		let lengths = WaitingQueues::<T>::iter_values()
			.fold(0u32, |sum, queue| sum.saturating_add(queue.length));
		ensure!(lengths == waiting, "the lengths of the queues are wrong");
		let occupied: u32 =
			WaitingIndex::<T>::get().cells().iter().map(|(_, tiers)| tiers.count_ones()).sum();
		ensure!(
			occupied as usize == WaitingQueues::<T>::iter_keys().count(),
			"the index of the queues is wrong"
		);
		Ok(())
	}

	/// What the directory says that a bucket's cheapest machine asks is what one of them asks, and where it has one page, the cheapest.
	fn check_floors() -> Result<(), TryRuntimeError> {
		for listed in SupplyDirectory::<T>::get().buckets() {
			let pages = 0..listed.length.div_ceil(PAGE_MACHINES);
			let floors: Vec<Floor> = pages
				.flat_map(|number| SupplyPages::<T>::get((listed.bucket, number)))
				.map(|entry| floor_of(entry.offer.price_per_gfuel))
				.collect();
			// What has a gap is found as one.
			let is_exact = floors.len() > PAGE_MACHINES as usize
				|| floors.iter().min().is_none_or(|lowest| *lowest == listed.floor);
			let is_asked = floors.is_empty() || floors.contains(&listed.floor);
			ensure!(is_exact && is_asked, "the price floor of a bucket is wrong");
		}
		Ok(())
	}

	/// The supply is dense, and says of each machine what the registry says.
	fn check_supply() -> Result<(), TryRuntimeError> {
		let mut standing = 0u32;
		Self::check_floors()?;
		for ((bucket, number), page) in SupplyPages::<T>::iter() {
			let length = SupplyDirectory::<T>::get().length(bucket);
			let expected =
				length.saturating_sub(number.saturating_mul(PAGE_MACHINES)).min(PAGE_MACHINES);
			ensure!(
				page.len() as u32 == expected && expected > 0,
				"a page of the supply has a gap"
			);
			for (slot, entry) in (0u32..).zip(&page) {
				let position = number.saturating_mul(PAGE_MACHINES).saturating_add(slot);
				let place = SupplyPlaces::<T>::get(entry.worker);
				ensure!(
					place == Some(Place { bucket, position }),
					"a machine's place in the supply is wrong"
				);
				let shape = Shape::of(&entry.free);
				let fits = [shape.bucket(), shape.coarse().bucket()].contains(&bucket);
				ensure!(fits, "a machine stands in a bucket that is not its own");
				// What lapsed by itself is found when the machine is drawn.
				let candidate = T::Directory::candidate(entry.worker, Self::now());
				let is_current = candidate.is_none_or(|candidate| {
					let now = candidate.entry.free;
					let rest = |free: &Free| (free.cpu_milli, free.memory_mib);
					now == entry.free || now.gpu_milli.is_empty() && rest(&now) == rest(&entry.free)
				});
				ensure!(is_current, "the supply does not know what is left of a machine");
				standing = standing.saturating_add(1);
			}
		}
		ensure!(
			standing == SupplyDirectory::<T>::get().machines()
				&& standing as usize == SupplyPlaces::<T>::iter_keys().count(),
			"a machine stands in the supply twice or nowhere"
		);
		Ok(())
	}
}
