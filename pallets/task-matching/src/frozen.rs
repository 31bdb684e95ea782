//! Frozen tasks: those of one block, drawn later in an order that nobody knew in it.

use crate::{Config, Frozen, FrozenCursor, FrozenLength, Pallet, WeightInfo};
use aidragon_primitives::{
	beacon::order_seed,
	interface::Beacon,
	matching::order_of,
	task::{DRAW_DELAY_BLOCKS, REPLICAS_MAX},
	BlockNumber, Hash32, TaskId,
};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use frame_support::weights::WeightMeter;
use scale_info::TypeInfo;

/// Tasks with successive numbers that were frozen together.
#[derive(
	Clone,
	Copy,
	Debug,
	PartialEq,
	Eq,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
)]
pub struct Batch {
	/// The first of them.
	pub first: TaskId,
	/// How many there are.
	pub count: u16,
}

/// How far the frozen tasks are drawn.
#[derive(
	Clone,
	Copy,
	Debug,
	Default,
	PartialEq,
	Eq,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
)]
pub struct Cursor {
	/// The block in which they were frozen.
	pub block: BlockNumber,
	/// Batches of it that are drawn.
	pub batches: u32,
	/// Tasks of the next batch that are drawn.
	pub tasks: u16,
	/// The seed of the order, from the first batch on: it stays the same however long the drawing takes.
	pub order: Option<Hash32>,
}

impl<T: Config> Pallet<T> {
	/// Freezes `count` tasks from `first` on: they are drawn by the beacon of a later block.
	pub(crate) fn freeze(first: TaskId, count: u16) {
		let now = Self::now();
		let position = FrozenLength::<T>::mutate(now, |length| {
			let position = *length;
			*length = length.saturating_add(1);
			position
		});
		Frozen::<T>::insert((now, position), Batch { first, count });
	}

	/// Draws the tasks whose time has come, as far as the meter allows. The rest is first in the next block.
	pub(crate) fn draw_frozen(meter: &mut WeightMeter) {
		let Some(last) = Self::now().checked_sub(DRAW_DELAY_BLOCKS) else { return };
		let mut cursor = FrozenCursor::<T>::get();
		let began_at = cursor;
		while cursor.block <= last && meter.try_consume(T::WeightInfo::frozen_step()).is_ok() {
			let length = FrozenLength::<T>::get(cursor.block);
			if cursor.batches >= length {
				FrozenLength::<T>::remove(cursor.block);
				cursor = Cursor { block: cursor.block.saturating_add(1), ..Default::default() };
				continue;
			}
			// A block that brought no randomness draws nothing.
			let Some(beacon) = Self::young_beacon(cursor.block) else { break };
			if !Self::draw_batch(&mut cursor, length, beacon, meter) {
				break;
			}
		}
		if cursor != began_at {
			FrozenCursor::<T>::put(cursor);
		}
	}

	/// Draws the tasks of the next batch, and says whether it came to its end.
	fn draw_batch(
		cursor: &mut Cursor,
		length: u32,
		beacon: (BlockNumber, [u8; 32]),
		meter: &mut WeightMeter,
	) -> bool {
		let order = *cursor.order.get_or_insert_with(|| {
			order_seed(T::Beacon::at(cursor.block.saturating_add(1)).unwrap_or(beacon.1))
		});
		let position = order_of(&order, length, cursor.batches);
		let key = (cursor.block, position);
		if let Some(batch) = Frozen::<T>::get(key) {
			while cursor.tasks < batch.count {
				if !meter.can_consume(T::WeightInfo::draw(REPLICAS_MAX)) {
					return false;
				}
				let drawn =
					Self::draw(batch.first.saturating_add(cursor.tasks.into()), beacon, None);
				meter.consume(T::WeightInfo::draw(drawn.machines()));
				cursor.tasks = cursor.tasks.saturating_add(1);
			}
			Frozen::<T>::remove(key);
		}
		cursor.batches = cursor.batches.saturating_add(1);
		cursor.tasks = 0;
		true
	}
}
