//! Random markets drawn block by block: nothing is sold twice, lost or drawn twice.

#[path = "common/chain.rs"]
mod chain;
mod common;

use aidragon_primitives::{
	drawing::{Batch, GROUP_MAX},
	matching::PAGES_MAX,
	resources::{GpuShare, Gpus, Resources},
	state::TaskState,
	supply::bucket_of,
	task::{MatchingPolicy, TaskSpec, REPLICAS_MAX},
	worker::Capacity,
	BlockNumber, TaskId, WorkerId,
};
use chain::{Chain, Draws};
use common::{shown, spec, POLICIES, PRICE};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// A machine: owner, price, processors, gibibytes, graphics processors.
type Size = (u32, u8, u16, u32, u8);

/// A job: policy, replicas, price cap, thousandths of a processor, mebibytes, graphics processors, tasks.
type Wish = (usize, u8, u8, u32, u32, (u8, u16), u16);

fn size() -> impl Strategy<Value = Size> {
	(0u32..6, 1u8..6, 1u16..24, 1u32..24, 0u8..4)
}

fn wish() -> impl Strategy<Value = Wish> {
	let gpu = prop_oneof![
		3 => Just((0u8, 0u16)),
		2 => (100u16..=1_000).prop_map(|milli| (1, milli)),
		1 => Just((2u8, 1_000u16)),
	];
	(0usize..4, 1u8..4, 1u8..6, 1u32..9_000, 1u32..5_000, gpu, 1u16..50)
}

fn spec_of(wish: &Wish) -> TaskSpec {
	let (policy, replicas, price, cpu_milli, memory_mib, (count, milli), _) = *wish;
	let matching: MatchingPolicy = POLICIES[policy];
	let price_cap_per_gfuel = u128::from(price) * PRICE;
	let mut spec = TaskSpec { replicas, price_cap_per_gfuel, ..spec(matching) };
	let gpu = GpuShare { count, milli, ..Default::default() };
	spec.requirements.resources = Resources { gpu, ..Resources::cpu(cpu_milli, memory_mib) };
	spec
}

fn market(sizes: &[Size], copies: usize) -> Chain {
	let mut chain = Chain { now: 1, ..Chain::default() };
	for (owner, price, vcpus, gibibytes, count) in sizes.iter().cycle().take(sizes.len() * copies) {
		let gpus = Gpus { class: 3, count: *count, memory_mib: 16_000 };
		let claimed = Capacity { gpus, ..Capacity::cpu(*vcpus, gibibytes << 10) };
		chain.add(*owner, u128::from(*price) * PRICE, claimed);
	}
	chain
}

/// What tasks hold is what the machines gave, and no more than these have.
fn assert_sound(chain: &Chain) {
	let mut taken = BTreeMap::<WorkerId, (u32, u32, [u32; 16])>::new();
	for task in chain.tasks.values() {
		let spec = &chain.jobs[&task.job].spec;
		let needed = spec.requirements.resources;
		let owners: BTreeSet<_> = task.replicas.iter().map(|one| one.provider).collect();
		assert_eq!(owners.len(), task.replicas.len(), "two replicas of one provider");
		assert!(task.replicas.iter().all(|one| one.price_per_gfuel <= spec.price_cap_per_gfuel));
		for replica in &task.replicas {
			let sum = taken.entry(replica.worker).or_default();
			(sum.0, sum.1) = (sum.0 + needed.cpu_milli, sum.1 + needed.memory_mib);
			let mine = (0..16).filter(|index| replica.gpus >> index & 1 == 1);
			mine.for_each(|index| sum.2[index] += u32::from(needed.gpu.milli));
			assert_eq!(replica.gpus.count_ones(), u32::from(needed.gpu.count));
		}
	}
	for (worker, machine) in &chain.machines {
		let has = machine.ledger.claimed();
		let (cpu, memory, gpus) = taken.get(worker).copied().unwrap_or_default();
		assert!(cpu <= has.cpu_milli() && memory <= has.memory_mib && machine.ledger.is_sound());
		assert_eq!(machine.ledger.reserved().cpu_milli, cpu);
		let (mine, others) = gpus.split_at(usize::from(has.gpus.count));
		assert!(mine.iter().all(|milli| *milli <= 1_000) && others.iter().all(|milli| *milli == 0));
	}
}

/// The supply shows each machine as it is.
fn assert_supplied(chain: &Chain) {
	for worker in chain.machines.keys() {
		let entry = chain.entry(*worker);
		let expected = bucket_of(&entry.free).map(|_| entry);
		assert_eq!(shown(&chain.supply.store, *worker), expected);
	}
}

/// Each task runs, waits, or is going to be drawn once.
fn assert_nothing_lost(chain: &Chain) {
	let ahead = chain.ahead();
	for (id, task) in &chain.tasks {
		let is_ahead = ahead.iter().filter(|other| *other == id).count();
		let is_waiting = task.ticket.is_some();
		let whole = usize::from(chain.jobs[&task.job].spec.replicas);
		match task.state {
			TaskState::Queued => {
				assert_eq!((is_ahead + usize::from(is_waiting), task.replicas.len()), (1, 0));
			}
			_ => assert_eq!((task.state, task.replicas.len()), (TaskState::Assigned, whole)),
		}
		let holds = |(at, batch): &&(BlockNumber, Batch)| {
			let ids = batch.first..batch.first + TaskId::from(batch.count);
			*at == task.wake_at && ids.contains(id)
		};
		let entries = chain.agenda.iter().filter(holds).count();
		assert!(entries > 0 || task.state == TaskState::Queued, "nobody looks at task {id}");
	}
	let drawn: BTreeSet<_> = chain.assigned.iter().collect();
	assert_eq!(drawn.len(), chain.assigned.len(), "drawn twice");
	assert!(chain.agenda.iter().all(|(_, batch)| (1..=GROUP_MAX).contains(&batch.count)));
}

proptest! {
	#![proptest_config(ProptestConfig::with_cases(96))]

	#[test]
	fn p3_p4_p5_groups_sell_nothing_twice_and_lose_nothing(
		sizes in prop::collection::vec(size(), 1..12),
		copies in prop_oneof![4 => Just(1usize), 1 => 20usize..40],
		wishes in prop::collection::vec(wish(), 1..5),
		budgets in prop::collection::vec(prop_oneof![0usize..6, 6usize..60], 1..20),
	) {
		let mut chain = market(&sizes, copies);
		wishes.iter().for_each(|wish| {
			chain.submit(&spec_of(wish), wish.6);
		});
		for most in budgets.into_iter().chain([1_000; 8]) {
			let mut budget = Draws::of(most);
			chain.run(&mut budget);
			let pages = PAGES_MAX as u32 * REPLICAS_MAX;
			prop_assert!(budget.spent.iter().all(|(_, cost)| cost.pages <= pages));
			assert_sound(&chain);
			assert_supplied(&chain);
			assert_nothing_lost(&chain);
		}
		prop_assert!(chain.ahead().is_empty(), "what found nothing waits by now");
	}

	#[test]
	fn p5_the_same_beacons_and_budgets_draw_the_same(
		sizes in prop::collection::vec(size(), 1..12),
		wishes in prop::collection::vec(wish(), 1..4),
		most in 1usize..40,
	) {
		let drawn = || {
			let mut chain = market(&sizes, 8);
			wishes.iter().for_each(|wish| {
				chain.submit(&spec_of(wish), wish.6);
			});
			(0..6).for_each(|_| chain.run(&mut Draws::of(most)));
			(chain.tasks, chain.supply.store, chain.agenda, chain.notes.take())
		};
		prop_assert_eq!(drawn(), drawn());
	}
}
