//! Tasks wait in order, are found by what may serve them, and leave nothing behind.

mod common;

use aidragon_primitives::{
	resources::{GpuShare, Resources},
	supply::{bucket_of, Bucket, Shape, CPU_TIERS_MILLI, MEMORY_TIERS_MIB},
	waiting::{
		dequeue, enqueue, first, may_serve, price_tier, Queue, QueueId, QueueIndex, Ticket, Turn,
		Wake, Wakes, CELLS_MAX, WAKES_MAX,
	},
	Balance, TaskId,
};
use common::Queues;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

impl Queues {
	/// Puts a task into the queue of a core and a gibibyte at a price.
	fn wait_at(&mut self, task: TaskId, price_cap: Balance) -> Ticket {
		enqueue(self, task, &small(), price_cap)
	}

	/// The first task of a queue, after as many looks as it takes.
	fn first_of(&mut self, queue: QueueId) -> Option<TaskId> {
		while self.index.is_occupied(queue) {
			if let Some((_, task)) = first(self, queue) {
				return Some(task);
			}
		}
		None
	}

	fn is_empty(&self) -> bool {
		self.index.cells().is_empty() && self.queues.is_empty() && self.waiting.is_empty()
	}
}

fn small() -> Resources {
	Resources::cpu(1_000, 1_024)
}

/// What fills the cell of a number below 144.
fn cell_of(number: usize) -> Resources {
	let (cpu, memory) = (CPU_TIERS_MILLI[number / 12], MEMORY_TIERS_MIB[number % 12]);
	Resources::cpu(cpu.max(1), memory.max(1))
}

/// What fills more cells than there may be.
fn many_cells() -> impl Iterator<Item = Resources> {
	let counts = [0u8, 1, 2, 3].into_iter();
	counts.flat_map(|count| {
		let milli = if count == 0 { 0 } else { 1_000 };
		let gpu = GpuShare { count, milli, ..GpuShare::default() };
		(0..144).map(move |number| Resources { gpu, ..cell_of(number) })
	})
}

#[test]
fn whoever_came_first_is_first() {
	let mut store = Queues::default();
	let tickets: Vec<Ticket> = (10..15).map(|task| store.wait_at(task, 64)).collect();
	for (ticket, task) in tickets.iter().zip(10..15) {
		assert_eq!(first(&mut store, ticket.queue), Some((*ticket, task)));
		dequeue(&mut store, *ticket);
	}
	assert_eq!(first(&mut store, tickets[0].queue), None);
	assert!(store.is_empty());
}

#[test]
fn a_task_leaves_from_wherever_it_stands_and_the_others_keep_their_order() {
	let mut store = Queues::default();
	let tickets: Vec<Ticket> = (0..5).map(|task| store.wait_at(task, 64)).collect();
	let queue = tickets[0].queue;
	dequeue(&mut store, tickets[2]);
	dequeue(&mut store, tickets[4]);
	dequeue(&mut store, tickets[0]);
	let last = store.wait_at(5, 64);
	assert_eq!(last.number, 5);
	for (ticket, task) in [(tickets[1], 1), (tickets[3], 3), (last, 5)] {
		assert_eq!(store.first_of(queue), Some(task));
		dequeue(&mut store, ticket);
	}
	assert!(store.is_empty());
}

#[test]
fn a_ticket_that_is_used_up_changes_nothing() {
	let mut store = Queues::default();
	let (gone, kept) = (store.wait_at(1, 64), store.wait_at(2, 64));
	dequeue(&mut store, gone);
	dequeue(&mut store, gone);
	assert_eq!(store.queues[&kept.queue].length, 1);
	assert_eq!(first(&mut store, kept.queue), Some((kept, 2)));
}

#[test]
fn p6_holes_are_skipped_eight_at_a_time() {
	let mut store = Queues::default();
	let tickets: Vec<Ticket> = (0..20).map(|task| store.wait_at(task, 64)).collect();
	let queue = tickets[0].queue;
	tickets[..18].iter().rev().for_each(|ticket| dequeue(&mut store, *ticket));
	let looks: Vec<Option<TaskId>> = (0..4)
		.map(|_| {
			store.looks.set(0);
			let found = first(&mut store, queue);
			assert!(store.looks.get() <= 8);
			found.map(|(_, task)| task)
		})
		.collect();
	assert_eq!(looks, [None, None, Some(18), Some(18)]);
	assert_eq!(store.queues[&queue], Queue { head: 18, tail: 20, length: 2 });
}

#[test]
fn an_empty_queue_leaves_the_index_and_begins_anew() {
	let mut store = Queues::default();
	let low = store.wait_at(1, 64);
	let high = store.wait_at(2, 640);
	assert!(low.queue.cell == high.queue.cell && low.queue != high.queue);
	dequeue(&mut store, low);
	assert!(!store.index.is_occupied(low.queue) && store.index.is_occupied(high.queue));
	assert_eq!(store.wait_at(3, 64), low);
	dequeue(&mut store, low);
	dequeue(&mut store, high);
	assert!(store.is_empty());
}

/// What may happen: a task of a few cells and prices waits, or one of those that wait leaves.
fn any_step() -> impl Strategy<Value = (bool, usize, Balance, usize)> {
	(
		any::<bool>(),
		0usize..4,
		prop::sample::select(vec![1u128, 64, 70, 100, 5_000]),
		any::<usize>(),
	)
}

proptest! {
	#[test]
	fn queues_are_lists_whatever_comes_and_leaves(
		steps in prop::collection::vec(any_step(), 0..120),
	) {
		let mut store = Queues::default();
		let mut model: BTreeMap<QueueId, Vec<(Ticket, TaskId)>> = BTreeMap::new();
		for (task, (comes, cell, price, choice)) in (0..).zip(steps) {
			if comes {
				let ticket = enqueue(&mut store, task, &cell_of(cell * 13), price);
				model.entry(ticket.queue).or_default().push((ticket, task));
			} else if let Some((_, tasks)) = model.iter_mut().nth(choice % 5) {
				let (ticket, _) = tasks.remove(choice % tasks.len());
				dequeue(&mut store, ticket);
			}
			model.retain(|_, tasks| !tasks.is_empty());
		}
		prop_assert_eq!(store.waiting.len(), model.values().map(Vec::len).sum::<usize>());
		let lengths: Vec<_> = store.queues.iter().map(|(id, queue)| (*id, queue.length)).collect();
		let expected: Vec<_> = model.iter().map(|(id, tasks)| (*id, tasks.len() as u32)).collect();
		prop_assert_eq!(lengths, expected);
		let bits: u32 = store.index.cells().iter().map(|(_, tiers)| tiers.count_ones()).sum();
		prop_assert_eq!(bits as usize, model.len());
		for (queue, tasks) in model {
			for (ticket, task) in tasks {
				prop_assert_eq!(store.first_of(queue), Some(task));
				dequeue(&mut store, ticket);
			}
		}
		prop_assert!(store.is_empty());
	}

	#[test]
	fn a_higher_price_never_falls_into_a_lower_tier(
		left in any::<Balance>(),
		right in any::<Balance>(),
		shift in 0u32..128,
	) {
		let (left, right) = (left >> shift, right >> shift);
		prop_assert!(price_tier(left.min(right)) <= price_tier(left.max(right)));
		prop_assert!(price_tier(left) < 128);
	}

	#[test]
	fn prices_of_one_tier_differ_by_half_at_most(
		price in 1u128..1 << 63,
		other in 1u128..1 << 63,
		shift in 0u32..64,
	) {
		let low = (price >> shift).max(1);
		let high = low + other % low;
		if price_tier(low) == price_tier(high) {
			prop_assert!(high - low <= low / 2, "{} {}", low, high);
		}
	}

	#[test]
	fn p4_what_can_hold_a_task_may_serve_its_queue(
		free in common::any_free(),
		needed in common::any_resources(),
	) {
		let queue = QueueIndex::default().queue_for(&needed, 1);
		if free.place(&needed).is_ok() {
			prop_assert!(may_serve(bucket_of(&free).unwrap(), queue.cell));
		}
	}
}

#[test]
fn a_tier_is_half_an_octave() {
	for octave in 1..63u32 {
		let begin = 1u128 << octave;
		let half = begin + begin / 2;
		let tiers = [begin, half - 1, half, 2 * begin - 1].map(price_tier);
		let first = 2 * octave as u8;
		assert_eq!(tiers, [first, first, first + 1, first + 1]);
	}
	assert_eq!([0, 1].map(price_tier), [0, 0]);
	assert_eq!([(1 << 64) - 1, 1 << 64, Balance::MAX].map(price_tier), [127; 3]);
}

#[test]
fn cells_beyond_the_last_share_the_queues_of_the_smallest() {
	let mut store = Queues::default();
	let needs: Vec<Resources> = many_cells().skip(1).collect();
	let tickets: Vec<Ticket> =
		(0..).zip(&needs).map(|(task, needed)| enqueue(&mut store, task, needed, 64)).collect();
	let own = |ticket: &&Ticket| ticket.queue.cell != 0;
	assert_eq!(tickets.iter().filter(own).count() as u32, CELLS_MAX - 1);
	assert_eq!(store.index.cells().len() as u32, CELLS_MAX);
	assert_eq!(store.waiting.len(), needs.len());
	let known = enqueue(&mut store, 1_000, &needs[3], 64);
	assert_eq!(known.queue, tickets[3].queue);
	assert!(may_serve(0, 0) && (0..39_312).all(|bucket| may_serve(bucket, 0)));
	tickets.iter().chain([&known]).for_each(|ticket| dequeue(&mut store, *ticket));
	assert!(store.is_empty());
	assert_ne!(enqueue(&mut store, 1, needs.last().unwrap(), 64).queue.cell, 0);
}

#[test]
fn the_smallest_cell_has_its_place_however_many_there_are() {
	let mut store = Queues::default();
	for (task, needed) in (0..).zip(many_cells()) {
		enqueue(&mut store, task, &needed, 64);
	}
	assert_eq!(store.index.cells().len() as u32, CELLS_MAX - 1);
	assert!(store.index.is_occupied(QueueId { cell: 0, price_tier: price_tier(64) }));
}

/// An index of these cells and tiers.
fn index_of(queues: &[(Bucket, u8)]) -> QueueIndex {
	let mut index = QueueIndex::default();
	for (cell, price_tier) in queues {
		index.set(QueueId { cell: *cell, price_tier: *price_tier }, true);
	}
	index
}

/// The queues that are to be tried, as cells and tiers.
fn served(index: &QueueIndex, bucket: Option<Bucket>, turn: u32) -> Vec<(Bucket, u8)> {
	let queues = index.served_by(bucket, turn);
	queues.into_iter().map(|queue| (queue.cell, queue.price_tier)).collect()
}

#[test]
fn the_best_queue_of_each_cell_is_among_those_to_try() {
	let index = index_of(&[(0, 5), (0, 9), (13, 7), (26, 1), (26, 2), (26, 3)]);
	for turn in 0..50 {
		let served = served(&index, None, turn);
		assert!([(0, 9), (13, 7), (26, 3)].iter().all(|best| served.contains(best)));
		assert!(served.len() == 5 && served.contains(&(0, 5)));
	}
}

#[test]
fn a_machine_is_led_only_to_what_it_may_hold() {
	let cells: Vec<(Bucket, u8)> = (0..144).map(|cell| (cell, (cell % 7) as u8)).collect();
	let index = index_of(&cells);
	let bucket = Shape::needed(&Resources::cpu(3_000, 2_048)).bucket();
	let served = served(&index, Some(bucket), 0);
	let expected: Vec<_> = cells.into_iter().filter(|(cell, _)| may_serve(bucket, *cell)).collect();
	assert!(served == expected && served.len() == 16);
}

#[test]
fn every_queue_is_the_first_to_try_in_some_turn() {
	let queues: Vec<(Bucket, u8)> =
		[(0, 127), (0, 5), (0, 0), (13, 7), (26, 1), (26, 2), (26, 3), (26, 90)].into();
	let index = index_of(&queues);
	for step in [1, 2, 7, 20] {
		let turns = (0..400).map(|turn| served(&index, None, turn * step)[0]);
		let firsts: BTreeSet<_> = turns.collect();
		assert_eq!(firsts, queues.iter().copied().collect(), "every {step} blocks");
	}
	let one: Vec<(Bucket, u8)> = [(0, 9), (0, 5), (0, 1)].into();
	let firsts: BTreeSet<_> = (0..40).map(|turn| served(&index_of(&one), None, turn)[0]).collect();
	assert_eq!(firsts, one.into_iter().collect());
}

#[test]
fn p6_a_full_index_leads_to_two_queues_a_cell() {
	let mut index = QueueIndex::default();
	for needed in many_cells() {
		let queue = index.queue_for(&needed, 1);
		(0..128).for_each(|price_tier| index.set(QueueId { price_tier, ..queue }, true));
	}
	assert_eq!(index.served_by(None, 3).len() as u32, 2 * (CELLS_MAX - 1));
	assert_eq!(QueueIndex::default().served_by(None, 3), []);
}

#[test]
fn a_bit_is_set_and_cleared_for_its_queue_alone() {
	let (low, high) = (QueueId { cell: 7, price_tier: 0 }, QueueId { cell: 7, price_tier: 127 });
	let mut index = index_of(&[(7, 0), (7, 127), (9, 3)]);
	index.set(high, false);
	assert!(index.is_occupied(low) && !index.is_occupied(high));
	index.set(low, false);
	index.set(low, false);
	assert_eq!(index.cells(), [(9, 1 << 3)]);
}

fn wake(worker: u32, block: u32) -> Wake {
	Wake { worker, bucket: worker as Bucket, block }
}

#[test]
fn a_machine_that_came_twice_is_remembered_once() {
	let mut wakes = Wakes::default();
	wakes.note(wake(1, 5));
	wakes.note(wake(2, 6));
	wakes.note(Wake { bucket: 40, ..wake(1, 7) });
	let known: Vec<_> = wakes.machines.iter().map(|wake| (wake.worker, wake.bucket)).collect();
	assert_eq!((known, wakes.others_at), (vec![(1, 40), (2, 2)], None));
}

#[test]
fn p6_machines_that_are_too_many_to_remember_are_remembered_as_others() {
	let mut wakes = Wakes::default();
	(0..WAKES_MAX).for_each(|worker| wakes.note(wake(worker, 5)));
	assert_eq!((wakes.machines.len() as u32, wakes.others_at), (WAKES_MAX, None));
	wakes.note(wake(3, 6));
	assert_eq!(wakes.others_at, None);
	wakes.note(wake(100, 7));
	wakes.note(wake(101, 8));
	assert_eq!((wakes.machines.len() as u32, wakes.others_at), (WAKES_MAX, Some(7)));
}

/// Machines that came, each in the block of its number.
fn wakes(workers: impl IntoIterator<Item = u32>, others_at: Option<u32>) -> Wakes {
	let mut wakes = Wakes { others_at, ..Wakes::default() };
	workers.into_iter().for_each(|worker| wakes.note(wake(worker, worker)));
	wakes
}

#[test]
fn what_is_worked_off_is_forgotten_and_nothing_else() {
	let mut left = wakes([1, 2, 3], Some(7));
	left.remove(Turn::Machine(2));
	assert_eq!(left, wakes([1, 3], Some(7)));
	left.remove(Turn::Machine(2));
	assert_eq!(left, wakes([1, 3], Some(7)), "it is gone already");
	left.remove(Turn::Others);
	assert_eq!(left, wakes([1, 3], None));
	left.remove(Turn::Others);
	left.remove(Turn::Machine(1));
	left.remove(Turn::Machine(3));
	assert_eq!(left, Wakes::default());
}

#[test]
fn a_machine_that_did_not_come_to_an_end_is_put_behind_the_others() {
	let mut left = wakes([1, 2, 3], Some(7));
	let removed = left.remove(Turn::Machine(1));
	assert_eq!(removed, Some(wake(1, 1)));
	left.put_back(removed);
	assert_eq!(left, wakes([2, 3, 1], Some(7)));
	assert_eq!(left.machines.last(), Some(&wake(1, 1)), "as it came, so that it stays due");
	left.put_back(removed);
	assert_eq!(left.machines.len(), 3, "once");
}

#[test]
fn what_was_not_there_and_nobody_in_particular_are_not_put_back() {
	let mut left = wakes([1], Some(7));
	assert_eq!(left.remove(Turn::Clock), None);
	assert_eq!(left, wakes([1], Some(7)));
	for turn in [Turn::Machine(9), Turn::Others] {
		let removed = left.remove(turn);
		assert_eq!(removed, None);
		left.put_back(removed);
	}
	assert_eq!(left, wakes([1], None));
}

#[test]
fn there_is_always_room_for_what_is_put_back() {
	let before = wakes(0..WAKES_MAX, Some(3));
	for worker in 0..WAKES_MAX {
		let mut left = before.clone();
		let removed = left.remove(Turn::Machine(worker));
		left.put_back(removed);
		assert_eq!(left.machines.len() as u32, WAKES_MAX);
		assert_eq!(left.machines.last(), Some(&wake(worker, worker)));
		assert_eq!(left.others_at, Some(3));
	}
}
