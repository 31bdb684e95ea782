//! The agenda: what the chain looks at by itself, and when.

use crate::{Agenda, AgendaCursor, AgendaLength, Config, Pallet, Tasks, WeightInfo};
use aidragon_primitives::{
	state::TaskState,
	task::{Task, DRAW_DELAY_BLOCKS},
	worker::minute_of_day,
	BlockNumber, TaskId,
};
use frame_support::{
	traits::Get,
	weights::{Weight, WeightMeter},
};
use sp_runtime::SaturatedConversion;

/// Blocks until a draw that found nothing is repeated.
const REDRAW_BLOCKS: BlockNumber = 4;

impl<T: Config> Pallet<T> {
	pub(crate) fn now() -> BlockNumber {
		frame_system::Pallet::<T>::block_number().saturated_into()
	}

	/// The minute of the day at the last block, in Coordinated Universal Time.
	pub(crate) fn minute_of_day() -> u16 {
		minute_of_day(T::UnixMs::get())
	}

	/// Puts the task on the agenda of block `wake_at` and stores it. Earlier entries of it no longer count.
	pub(crate) fn schedule(id: TaskId, mut task: Task<T::AccountId>, wake_at: BlockNumber) {
		// A block that is worked off already would never be looked at again.
		let wake_at = wake_at.max(Self::now().saturating_add(1));
		task.wake_at = wake_at;
		let position = AgendaLength::<T>::mutate(wake_at, |length| {
			let position = *length;
			*length = length.saturating_add(1);
			position
		});
		Agenda::<T>::insert((wake_at, position), id);
		Tasks::<T>::insert(id, task);
	}

	/// What one entry takes at most: a draw or a settlement.
	pub(crate) fn agenda_item_weight() -> Weight {
		T::WeightInfo::agenda_draw().max(T::WeightInfo::agenda_settle())
	}

	/// When the draw of a task that is frozen now can take place.
	pub(crate) fn draw_block() -> BlockNumber {
		Self::now().saturating_add(DRAW_DELAY_BLOCKS)
	}

	/// When a draw that found nothing is repeated.
	pub(crate) fn redraw_block() -> BlockNumber {
		Self::now().saturating_add(REDRAW_BLOCKS)
	}

	/// Works off what is due, entry by entry, as far as the meter allows. The rest is first in the next block.
	pub(crate) fn work_off_agenda(meter: &mut WeightMeter) {
		let now = Self::now();
		let item = Self::agenda_item_weight();
		let (mut block, mut position) = AgendaCursor::<T>::get();
		let started_at = (block, position);
		while block <= now && meter.try_consume(T::WeightInfo::agenda_step()).is_ok() {
			if position >= AgendaLength::<T>::get(block) {
				AgendaLength::<T>::remove(block);
				(block, position) = (block.saturating_add(1), 0);
				continue;
			}
			if meter.try_consume(item).is_err() {
				break;
			}
			if let Some(id) = Agenda::<T>::take((block, position)) {
				Self::wake(id, block);
			}
			position = position.saturating_add(1);
		}
		if (block, position) != started_at {
			AgendaCursor::<T>::put((block, position));
		}
	}

	/// Looks at a task whose time has come, unless it moved on in the meantime.
	fn wake(id: TaskId, entry_of: BlockNumber) {
		let Some(task) = Tasks::<T>::get(id).filter(|task| task.wake_at == entry_of) else {
			return;
		};
		match task.state {
			TaskState::Queued => Self::draw(id, task),
			TaskState::Assigned => Self::close_commits(id, task),
			TaskState::Committed => Self::close_reveals(id, task),
			state if state.is_terminal() => Tasks::<T>::remove(id),
			// `Revealed` and `Accepted` last no longer than the call that brings them about.
			_ => {
				log::error!(target: "runtime::task-matching", "task {id} rests in {:?}", task.state)
			}
		}
	}
}
