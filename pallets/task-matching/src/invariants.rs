//! What must hold in every block.

use crate::{
	Agenda, AgendaCursor, AgendaLength, Assignments, Config, NextTaskId, Pallet, SupplyBitmap,
	SupplyLength, SupplyPosition, SupplySlots, Tasks,
};
use aidragon_primitives::{
	interface::Escrow,
	matching::BUCKETS,
	task::{Progress, Task},
	Balance, TaskId,
};
use alloc::collections::BTreeMap;
use frame_support::ensure;
use sp_runtime::TryRuntimeError;

impl<T: Config> Pallet<T> {
	/// Checks P1, P2, P3 and the supply index.
	pub fn do_try_state() -> Result<(), TryRuntimeError> {
		Self::check_escrow()?;
		for (id, task) in Tasks::<T>::iter() {
			Self::check_task(id, &task)?;
		}
		Self::check_assignments()?;
		Self::check_supply()
	}

	/// P1: the escrow of live tasks is what is on hold.
	fn check_escrow() -> Result<(), TryRuntimeError> {
		let mut owed = BTreeMap::<T::AccountId, Balance>::new();
		for task in Tasks::<T>::iter_values() {
			let sum = owed.entry(task.submitter).or_default();
			*sum = sum.saturating_add(task.escrow);
		}
		for (submitter, sum) in owed {
			ensure!(T::Escrow::locked(&submitter) == sum, "escrow differs from what is on hold");
		}
		Ok(())
	}

	fn check_task(id: TaskId, task: &Task<T::AccountId>) -> Result<(), TryRuntimeError> {
		ensure!(id < NextTaskId::<T>::get(), "a task has a number that was not given out");
		let (due_block, due_position) = AgendaCursor::<T>::get();
		let from = if task.wake_at == due_block { due_position } else { 0 };
		let listed = (from..AgendaLength::<T>::get(task.wake_at))
			.any(|position| Agenda::<T>::get((task.wake_at, position)) == Some(id));
		ensure!(listed, "a task is not on the agenda of its block");
		if task.state.is_terminal() {
			ensure!(task.escrow == 0, "a task that is over has money on hold");
			return Ok(());
		}
		ensure!(task.wake_at <= task.deadline, "a live task is looked at after its deadline only");
		// The agenda may lag behind under load, but never by its own doing.
		let lags = due_block <= Self::now();
		ensure!(lags || Self::now() <= task.deadline, "a task outlives its deadline");
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

	fn check_supply() -> Result<(), TryRuntimeError> {
		let bitmap = SupplyBitmap::<T>::get();
		let mut standing = 0usize;
		for bucket in 0..BUCKETS {
			let length = SupplyLength::<T>::get(bucket);
			ensure!(
				(length > 0) == (bitmap & (1u64 << bucket) != 0),
				"the bitmap of supply buckets is wrong"
			);
			for position in 0..length {
				let place = (bucket, position);
				let worker = SupplySlots::<T>::get(place).ok_or("a supply bucket has a gap")?;
				ensure!(
					SupplyPosition::<T>::get(worker) == Some(place),
					"a machine's place in the supply is wrong"
				);
				standing = standing.saturating_add(1);
			}
		}
		ensure!(
			standing == SupplyPosition::<T>::iter_keys().count()
				&& standing == SupplySlots::<T>::iter_keys().count(),
			"a machine stands in the supply twice or nowhere"
		);
		Ok(())
	}
}
