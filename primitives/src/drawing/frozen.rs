//! Frozen tasks: those of one block, drawn later in an order that nobody knew in it.

use super::{Budget, Group, Market};
use crate::{
	beacon::order_seed, matching::order_of, task::DRAW_DELAY_BLOCKS, BlockNumber, Hash32, TaskId,
};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;

/// Most tasks that share a look at the supply.
pub const GROUP_MAX: u16 = 32;

/// Tasks with successive numbers that were frozen together. They are of one job.
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

/// Goes on to the next block, or draws at most [`GROUP_MAX`] tasks of the next batch, and says whether there may be more to draw.
pub fn draw_frozen<M: Market>(
	market: &mut M,
	cursor: &mut Cursor,
	budget: &mut impl Budget,
) -> bool {
	let Some(last) = market.now().checked_sub(DRAW_DELAY_BLOCKS) else { return false };
	if cursor.block > last {
		return false;
	}
	let length = market.frozen_length(cursor.block);
	if cursor.batches >= length {
		market.forget_block(cursor.block);
		*cursor = Cursor { block: cursor.block.saturating_add(1), ..Default::default() };
		return true;
	}
	// A block that brought no randomness draws nothing: an older beacon was known to whoever made the state that it would draw from.
	let Some(beacon) = market.beacon() else { return false };
	let order = cursor.order.unwrap_or_else(|| order_seed(beacon.1));
	cursor.order = Some(order);
	let position = order_of(&order, length, cursor.batches);
	let batch = market.frozen_batch(cursor.block, position).unwrap_or_default();
	if !draw_group(market, cursor, &batch, beacon, budget) {
		return false;
	}
	if cursor.tasks >= batch.count {
		market.forget_batch(cursor.block, position);
		cursor.batches = cursor.batches.saturating_add(1);
		cursor.tasks = 0;
	}
	true
}

/// Draws the next tasks of a batch, and says whether the budget allowed it.
fn draw_group<M: Market>(
	market: &mut M,
	cursor: &mut Cursor,
	batch: &Batch,
	beacon: (BlockNumber, Hash32),
	budget: &mut impl Budget,
) -> bool {
	let end = batch.count.min(cursor.tasks.saturating_add(GROUP_MAX));
	let mut group = Group::new(market, beacon);
	let mut allowed = true;
	while cursor.tasks < end {
		allowed = budget.allows();
		if !allowed {
			break;
		}
		let id = batch.first.saturating_add(cursor.tasks.into());
		let cost = group.draw(id, None);
		budget.spend(id, &cost);
		cursor.tasks = cursor.tasks.saturating_add(1);
	}
	group.finish();
	allowed
}
