//! Challenges that the chain calls for: of one machine at a time that nobody foresees, and of a whole class in one window.
//!
//! Machines of a class that are challenged in the same window cannot be one machine under many names, or each shows a
//! part of it.

use crate::{Capabilities, Challenges, Config, Event, Pallet};
use aidragon_primitives::{
	beacon::{call_seed, SeedStream},
	interface::{count_online, draw_online, Roster},
	verification::{Slot, Stage},
	BlockNumber, Hash32, WorkerId,
};

/// Blocks between two challenges of one machine that the chain calls for, on average: two hours. With more machines
/// than that, one in every block.
const CALL_INTERVAL_BLOCKS: u32 = 2_400;
/// Blocks between two windows of a class, on average: half an hour.
const CLASS_INTERVAL_BLOCKS: u32 = 600;
/// Most machines that are challenged in one window of a class.
pub(crate) const CLASS_SAMPLE_MAX: u32 = 16;

impl<T: Config> Pallet<T> {
	/// Calls for challenges by a beacon that nobody knew a block ago, and says how many machines were looked at.
	pub(crate) fn call_challenges(fresh: Option<Hash32>) -> u32 {
		let Some(beacon) = fresh else { return 0 };
		let lengths = T::Roster::lengths();
		let online = count_online(&lengths);
		let mut stream = SeedStream::new(call_seed(beacon, b"challenge"));
		let slot = match stream.below(2) {
			0 => Slot::Processor,
			_ => Slot::Memory,
		};
		let Some((tier, position)) = draw_online(&lengths, &mut stream) else { return 0 };
		if stream.below(CLASS_INTERVAL_BLOCKS) == 0 {
			return Self::call_class(&lengths, tier, position, slot);
		}
		if stream.below(CALL_INTERVAL_BLOCKS) < online {
			Self::call_challenge(T::Roster::online_at(tier, position), slot);
			return 1;
		}
		0
	}

	/// Challenges a tier's machines from one position on: all of them where they are not too many.
	pub(crate) fn call_class(lengths: &[u32], tier: u8, first: u32, slot: Slot) -> u32 {
		let length = lengths.get(usize::from(tier)).copied().unwrap_or_default();
		let count = length.min(CLASS_SAMPLE_MAX);
		for offset in 0..count {
			// Below the length of a list, which has at most as many machines as there are numbers.
			let position = (u64::from(first) + u64::from(offset)) % u64::from(length.max(1));
			Self::call_challenge(T::Roster::online_at(tier, position as u32), slot);
		}
		Self::deposit_event(Event::ClassChallenged { tier, slot, machines: count });
		count
	}

	/// Only an idle machine, and only one that has something to lose and owes nothing already. A challenge that it merely
	/// asked for is no way around this one: it is replaced, or runs beside it.
	fn call_challenge(worker: Option<WorkerId>, slot: Slot) {
		let Some(worker) = worker.filter(|worker| T::Roster::is_idle(*worker)) else { return };
		let now: BlockNumber = Self::now();
		let proof = Capabilities::<T>::get(worker).and_then(|capability| capability.proof(slot));
		let is_proved = proof.is_some_and(|proof| proof.is_valid_at(now));
		let owes = |other: Slot| {
			let older = Challenges::<T>::get((worker, other));
			older.is_some_and(|old| {
				old.is_running_at(now) && (old.is_called || old.stage != Stage::Requested)
			})
		};
		if is_proved && !Slot::ALL.into_iter().any(owes) {
			Self::begin_challenge(worker, slot, true);
		}
	}
}
