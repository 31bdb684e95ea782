//! Calls: in every block the chain asks a few machines whether they are there.

use crate::{CalledAt, Calls, Config, Event, Online, OnlineLengths, Pallet, WeightInfo};
use aidragon_primitives::{
	beacon::{call_seed, SeedStream},
	interface::{count_online, draw_online, Beacon},
	worker::{calls_in_block, Worker, CALL_ANSWER_BLOCKS},
	BlockNumber, WorkerId,
};
use alloc::vec::Vec;
use frame_support::{pallet_prelude::Weight, traits::Get, BoundedVec};

impl<T: Config> Pallet<T> {
	/// Closes the calls whose time is over, and makes new ones.
	pub(crate) fn run_calls() -> Weight {
		let now = Self::now();
		let made_at = now.checked_sub(CALL_ANSWER_BLOCKS + 1);
		let (made, missed) = made_at.map_or((0, 0), Self::close_calls);
		let called = Self::make_calls(now);
		T::WeightInfo::close_calls(missed)
			// Whoever answered is looked at, and no more.
			.saturating_add(T::DbWeight::get().reads(made.saturating_sub(missed).into()))
			.saturating_add(T::WeightInfo::make_calls(called))
	}

	/// Notes who did not answer the calls of block `made_at`, and gives how many were made and how many missed.
	pub(crate) fn close_calls(made_at: BlockNumber) -> (u32, u32) {
		let (mut made, mut open) = (0u32, 0u32);
		for worker in Calls::<T>::take(made_at) {
			made = made.saturating_add(1);
			// Whoever answered is called no more.
			if CalledAt::<T>::get(worker) == Some(made_at) {
				open = open.saturating_add(1);
				CalledAt::<T>::remove(worker);
				Self::note_miss(worker);
				Self::deposit_event(Event::CallMissed { worker, called_at: made_at });
			}
		}
		(made, open)
	}

	/// Draws machines that are on line by the block's own beacon, which nobody knew a block ago.
	pub(crate) fn make_calls(now: BlockNumber) -> u32 {
		let lengths = OnlineLengths::<T>::get();
		let online = count_online(&lengths);
		// A block without randomness of its own calls nobody: who is drawn must not be foreseen.
		let fresh = |(block, _): &(BlockNumber, _)| *block == now;
		let Some((_, beacon)) = T::Beacon::latest().filter(fresh) else { return 0 };
		let mut stream = SeedStream::new(call_seed(beacon, b"liveness"));
		let count = calls_in_block(online, &mut stream);
		let mut called = Vec::new();
		for _ in 0..count {
			let drawn = draw_online(&lengths, &mut stream).and_then(Online::<T>::get);
			if let Some(worker) = drawn.filter(|worker| !CalledAt::<T>::contains_key(worker)) {
				CalledAt::<T>::insert(worker, now);
				called.push(worker);
			}
		}
		if !called.is_empty() {
			Self::deposit_event(Event::WorkersCalled { workers: called.clone() });
			Calls::<T>::insert(now, BoundedVec::truncate_from(called));
		}
		count
	}

	/// Whether a call waits for this machine's answer.
	pub(crate) fn is_called(id: WorkerId) -> bool {
		CalledAt::<T>::contains_key(id)
	}

	/// Notes the answer to a call, if one waits. `worker` is stored by the caller.
	pub(crate) fn note_answer(id: WorkerId, worker: &mut Worker<T::AccountId>) {
		if CalledAt::<T>::take(id).is_some() {
			worker.availability.answer();
		}
	}
}
