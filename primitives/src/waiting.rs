//! Tasks that found no machine: queues by what they need and what they offer, woken by supply.
//!
//! A queue is a smallest shape of machine × a tier of price caps. When a machine enters the supply, or has more left or asks less
//! than before, the queues that it might serve are tried: the highest price first, and in a queue whoever came first. A task at the
//! head that still finds nothing goes to the end, so that no requirement stands in the way of another.

use crate::{
	resources::Resources,
	supply::{Bucket, Shape},
	Balance, BlockNumber, TaskId, WorkerId,
};
use alloc::vec::Vec;
use bounded_collections::{BoundedVec, ConstU32};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;

/// Smallest shapes that are told apart at one time; further ones share the queues of the smallest.
pub const CELLS_MAX: u32 = 512;
/// Machines that are remembered as having come until they are worked off; where there are more, all queues are tried.
pub const WAKES_MAX: u32 = 32;
/// Empty places that one look at a queue skips.
const HOLES_MAX: u32 = 8;

/// A queue.
#[derive(
	Clone,
	Copy,
	Debug,
	PartialEq,
	Eq,
	PartialOrd,
	Ord,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
)]
pub struct QueueId {
	/// The bucket of the smallest machine that can hold the task.
	pub cell: Bucket,
	/// Half octaves of the price cap.
	pub price_tier: u8,
}

/// A task's place in a queue.
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
pub struct Ticket {
	/// The queue.
	pub queue: QueueId,
	/// The place in it.
	pub number: u64,
}

/// How far a queue is.
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
pub struct Queue {
	/// The first place that may be taken.
	pub head: u64,
	/// The place that the next task gets.
	pub tail: u64,
	/// Tasks in it.
	pub length: u32,
}

/// The queues that are not empty: for each cell a bit per price tier.
#[derive(
	Clone,
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
pub struct QueueIndex(BoundedVec<(Bucket, u128), ConstU32<CELLS_MAX>>);

/// A machine that came, or has more to give than before.
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
pub struct Wake {
	/// The machine.
	pub worker: WorkerId,
	/// Its bucket.
	pub bucket: Bucket,
	/// The block in which that happened.
	pub block: BlockNumber,
}

/// Machines that came and are not worked off.
#[derive(
	Clone,
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
pub struct Wakes {
	/// The machines, oldest first.
	pub machines: BoundedVec<Wake, ConstU32<WAKES_MAX>>,
	/// Set where there were too many: the block of the first one that is not listed. Later ones do not put it off, or a few
	/// machines that come and go in every block would keep all others waiting.
	pub others_at: Option<BlockNumber>,
}

/// For whom the queues are gone through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
	/// A machine that came.
	Machine(WorkerId),
	/// The machines that were too many to list: nobody in particular.
	Others,
	/// Nobody came: machines open at an hour, and bonds are raised, without anybody being told.
	Clock,
}

impl Wakes {
	/// Remembers that a machine came.
	pub fn note(&mut self, wake: Wake) {
		if let Some(known) = self.machines.iter_mut().find(|known| known.worker == wake.worker) {
			known.bucket = wake.bucket;
		} else if self.machines.try_push(wake).is_err() {
			self.others_at.get_or_insert(wake.block);
		}
	}
}

impl Wakes {
	/// Forgets a machine, which it gives, or that there were too many.
	pub fn remove(&mut self, turn: Turn) -> Option<Wake> {
		match turn {
			Turn::Machine(worker) => {
				let wake = self.machines.iter().find(|wake| wake.worker == worker).copied();
				self.machines.retain(|wake| wake.worker != worker);
				wake
			}
			Turn::Others => {
				self.others_at = None;
				None
			}
			Turn::Clock => None,
		}
	}

	/// Puts a machine that was removed behind all others.
	pub fn put_back(&mut self, wake: Option<Wake>) {
		wake.into_iter().for_each(|wake| self.note(wake));
	}
}

/// The half octave of a price, 0 to 127.
pub fn price_tier(price: Balance) -> u8 {
	let Some(octave) = price.checked_ilog2() else { return 0 };
	let half = octave > 0 && price >> (octave.saturating_sub(1)) & 1 == 1;
	// Prices reach 2¹²⁸; from 2⁶⁴ on they share the highest tier.
	(octave * 2 + u32::from(half)).min(127) as u8
}

impl QueueIndex {
	/// The queues that are not empty.
	pub fn cells(&self) -> &[(Bucket, u128)] {
		&self.0
	}

	/// The queue of a task.
	pub fn queue_for(&self, needed: &Resources, price_cap: Balance) -> QueueId {
		let cell = Shape::needed(needed).bucket();
		let known = self.0.binary_search_by_key(&cell, |(cell, _)| *cell).is_ok();
		// Cell 0 is the smallest: every machine wakes it. One place is kept for it.
		let has_room = self.0.len().saturating_add(1) < CELLS_MAX as usize;
		let cell = if known || has_room { cell } else { 0 };
		QueueId { cell, price_tier: price_tier(price_cap) }
	}

	/// Notes whether a queue has tasks.
	pub fn set(&mut self, queue: QueueId, occupied: bool) {
		let bit = 1u128.checked_shl(u32::from(queue.price_tier)).unwrap_or(0);
		match self.0.binary_search_by_key(&queue.cell, |(cell, _)| *cell) {
			Ok(index) => {
				let Some((_, bits)) = self.0.get_mut(index) else { return };
				*bits = if occupied { *bits | bit } else { *bits & !bit };
				if *bits == 0 {
					self.0.remove(index);
				}
			}
			// `queue_for` leaves room.
			Err(index) if occupied => {
				let _ = self.0.try_insert(index, (queue.cell, bit));
			}
			Err(_) => {}
		}
	}

	/// Whether a queue has tasks.
	pub fn is_occupied(&self, queue: QueueId) -> bool {
		let bit = 1u128.checked_shl(u32::from(queue.price_tier)).unwrap_or(0);
		self.0.iter().any(|(cell, bits)| *cell == queue.cell && bits & bit != 0)
	}

	/// The best queue of each cell that a machine of `bucket` may serve, or of every cell, and one more of its queues, beginning at
	/// a place that `turn` chooses.
	pub fn served_by(&self, bucket: Option<Bucket>, turn: u32) -> Vec<QueueId> {
		let [place, tier] = spread(turn);
		let mut queues: Vec<QueueId> = self
			.0
			.iter()
			.filter(|(cell, _)| bucket.is_none_or(|bucket| may_serve(bucket, *cell)))
			.flat_map(|(cell, tiers)| {
				let queue = |price_tier| QueueId { cell: *cell, price_tier };
				tiers_to_try(*tiers, tier).map(queue)
			})
			.collect();
		let places = queues.len().max(1);
		queues.rotate_left(usize::from(place) % places);
		queues
	}
}

/// Two numbers that look like chance, so that turns at equal distances reach every queue.
fn spread(turn: u32) -> [u16; 2] {
	// The finalizer of MurmurHash3.
	let mut mixed = (turn ^ turn >> 16).wrapping_mul(0x85eb_ca6b);
	mixed = (mixed ^ mixed >> 13).wrapping_mul(0xc2b2_ae35);
	mixed ^= mixed >> 16;
	[mixed as u16, (mixed >> 16) as u16]
}

/// The highest of these price tiers, and one of the others that `choice` decides, so that what pays more and never fits stands in
/// nobody's way.
fn tiers_to_try(tiers: u128, choice: u16) -> impl Iterator<Item = u8> {
	let highest = tiers.checked_ilog2();
	let others = tiers & !highest.and_then(|tier| 1u128.checked_shl(tier)).unwrap_or(0);
	let place = u32::from(choice).checked_rem(others.count_ones()).unwrap_or(0);
	let other = (0..u128::BITS).filter(move |tier| others >> tier & 1 == 1).nth(place as usize);
	// Below 128.
	highest.into_iter().chain(other).map(|tier| tier as u8)
}

/// Whether a machine of `bucket` may hold what waits in `cell`.
pub fn may_serve(bucket: Bucket, cell: Bucket) -> bool {
	let (machine, least) = (Shape::of_bucket(bucket), Shape::of_bucket(cell));
	machine.gpu_state >= least.gpu_state
		&& machine.cpu_tier >= least.cpu_tier
		&& machine.memory_tier >= least.memory_tier
}

/// Where queues are kept.
pub trait QueueStore {
	/// The queues that are not empty.
	fn index(&self) -> QueueIndex;
	/// A queue.
	fn queue(&self, queue: QueueId) -> Queue;
	/// The task at a place.
	fn waiting(&self, ticket: Ticket) -> Option<TaskId>;
	/// Stores the index.
	fn put_index(&mut self, index: QueueIndex);
	/// Stores a queue, or removes it where it is empty.
	fn put_queue(&mut self, id: QueueId, queue: Queue);
	/// Stores or removes the task at a place.
	fn put_waiting(&mut self, ticket: Ticket, task: Option<TaskId>);
}

/// Puts a task at the end of its queue.
pub fn enqueue<S: QueueStore>(
	store: &mut S,
	task: TaskId,
	needed: &Resources,
	price_cap: Balance,
) -> Ticket {
	let mut index = store.index();
	let id = index.queue_for(needed, price_cap);
	let mut queue = store.queue(id);
	let ticket = Ticket { queue: id, number: queue.tail };
	store.put_waiting(ticket, Some(task));
	queue.tail = queue.tail.saturating_add(1);
	queue.length = queue.length.saturating_add(1);
	store.put_queue(id, queue);
	if !index.is_occupied(id) {
		index.set(id, true);
		store.put_index(index);
	}
	ticket
}

/// Takes a task out of its queue, wherever it stands.
pub fn dequeue<S: QueueStore>(store: &mut S, ticket: Ticket) {
	if store.waiting(ticket).is_none() {
		return;
	}
	store.put_waiting(ticket, None);
	let mut queue = store.queue(ticket.queue);
	queue.length = queue.length.saturating_sub(1);
	if ticket.number == queue.head {
		queue.head = queue.head.saturating_add(1);
	}
	store.put_queue(ticket.queue, queue);
	if queue.length == 0 {
		let mut index = store.index();
		index.set(ticket.queue, false);
		store.put_index(index);
	}
}

/// The first task of a queue. Places that tasks have left are skipped, some at a time.
pub fn first<S: QueueStore>(store: &mut S, id: QueueId) -> Option<(Ticket, TaskId)> {
	let mut queue = store.queue(id);
	let began_at = queue.head;
	let mut found = None;
	for _ in 0..HOLES_MAX {
		if queue.head >= queue.tail {
			break;
		}
		let ticket = Ticket { queue: id, number: queue.head };
		if let Some(task) = store.waiting(ticket) {
			found = Some((ticket, task));
			break;
		}
		queue.head = queue.head.saturating_add(1);
	}
	if queue.head != began_at && queue.length > 0 {
		store.put_queue(id, queue);
	}
	found
}
