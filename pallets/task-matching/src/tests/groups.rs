//! Tasks that are drawn together: whatever they are, no machine gets more than it has, and nothing is lost.

use crate::{frozen::draw_weight_max, mock::*, Assignments, Event, Tasks, WeightInfo};
use aidragon_primitives::{
	resources::{GpuShare, Gpus, Resources},
	state::TaskState,
	task::{MatchingPolicy, TaskSpec},
	worker::Capacity,
	TaskId, DRGN, GFUEL,
};
use frame_support::weights::Weight;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// A machine: processors, gibibytes, graphics processors, price.
type Size = (u16, u32, u8, u8);

/// A job: replicas, thousandths of a processor, graphics processors, price cap, policy, tasks.
type Wish = (u8, u32, (u8, u16), u8, MatchingPolicy, usize);

fn size() -> impl Strategy<Value = Size> {
	(1u16..40, 1u32..40, 0u8..4, 1u8..8)
}

fn policy() -> impl Strategy<Value = MatchingPolicy> {
	prop_oneof![
		Just(MatchingPolicy::Cheapest),
		Just(MatchingPolicy::Fastest),
		Just(MatchingPolicy::Balanced),
		Just(MatchingPolicy::Greenest),
	]
}

fn wish() -> impl Strategy<Value = Wish> {
	let gpu = prop_oneof![
		3 => Just((0u8, 0u16)),
		2 => (100u16..=1_000).prop_map(|milli| (1, milli)),
		1 => Just((2u8, 1_000u16)),
	];
	(1u8..4, 100u32..9_000, gpu, 1u8..8, policy(), 1usize..40)
}

fn spec_of((replicas, cpu_milli, (count, milli), price_cap, matching, _): Wish) -> TaskSpec {
	let mut spec = TaskSpec { matching, retries: 0, ..spec(replicas) };
	(spec.fuel_limit, spec.price_cap_per_gfuel) = (GFUEL, u128::from(price_cap) * DRGN);
	spec.requirements.resources = Resources {
		gpu: GpuShare { count, milli, ..Default::default() },
		..Resources::cpu(cpu_milli, 700)
	};
	spec
}

/// What the live tasks of each machine take, by what their records say.
fn assert_nothing_is_sold_twice() {
	let mut taken = BTreeMap::<u32, (u32, u32, Vec<u32>)>::new();
	for (id, task) in Tasks::<Test>::iter().filter(|(_, task)| !task.state.is_terminal()) {
		let needed = job(id).spec.requirements.resources;
		for replica in &task.replicas {
			let (cpu, memory, gpus) = taken.entry(replica.worker).or_insert((0, 0, vec![0; 16]));
			(*cpu, *memory) = (*cpu + needed.cpu_milli, *memory + needed.memory_mib);
			let mine = (0..16).filter(|index| replica.gpus >> index & 1 == 1);
			mine.for_each(|index| gpus[index] += u32::from(needed.gpu.milli));
			assert!(Assignments::<Test>::contains_key(replica.worker, id));
		}
	}
	for (id, (cpu, memory, gpus)) in taken {
		let has = worker(id).ledger.claimed();
		assert!(cpu <= has.cpu_milli() && memory <= has.memory_mib, "machine {id}");
		assert!(gpus.iter().all(|milli| *milli <= 1_000));
		let beyond = &gpus[usize::from(has.gpus.count)..];
		assert!(beyond.iter().all(|milli| *milli == 0), "machine {id}");
		assert_eq!(worker(id).ledger.reserved().cpu_milli, cpu);
	}
}

/// The tasks that got machines, in order.
fn assigned() -> Vec<TaskId> {
	let events = System::events().into_iter().filter_map(|record| match record.event {
		RuntimeEvent::TaskMatching(Event::TaskAssigned { task, .. }) => Some(task),
		_ => None,
	});
	events.collect()
}

/// Room for so many draws, at least, and for any entry of the agenda.
fn allow(draws: u64) {
	let drawing = draw_weight(3, 0).saturating_mul(draws);
	let quarter = draw_weight_max::<Test>()
		.saturating_add(<() as WeightInfo>::wake_step().saturating_mul(2))
		.saturating_add(<() as WeightInfo>::draw_group())
		.max(TaskMatching::item_weight_max());
	AgendaWeight::set(quarter.max(drawing).saturating_mul(4) + Weight::from_parts(4, 4));
}

fn add_machines(sizes: &[Size]) {
	for (worker, (vcpus, gibibytes, count, price)) in (0u32..).zip(sizes) {
		let gpus = Gpus { class: 1, count: *count, memory_mib: 8_000 };
		let has = Capacity { gpus, ..Capacity::cpu(*vcpus, gibibytes << 10) };
		add_large_worker(worker, u128::from(*price) * DRGN, has);
	}
}

proptest! {
	#![proptest_config(ProptestConfig::with_cases(48))]

	#[test]
	fn p4_p5_groups_never_sell_more_than_there_is(
		sizes in prop::collection::vec(size(), 1..9),
		wishes in prop::collection::vec(wish(), 1..5),
		draws in prop_oneof![Just(1u64), 2u64..60],
	) {
		build_and_execute(|| {
			add_machines(&sizes);
			allow(draws);
			for wish in &wishes {
				submit_job(spec_of(*wish), &vec![(0, 0); wish.5]);
			}
			// Until the first of them miss their time.
			for block in 2..12 {
				run_to(block);
				check_invariants();
				assert_nothing_is_sold_twice();
			}
			let drawn = assigned();
			assert_eq!(drawn.iter().collect::<BTreeSet<_>>().len(), drawn.len(), "drawn twice");
			for (id, task) in Tasks::<Test>::iter() {
				let whole = usize::from(job(id).spec.replicas);
				let is_assigned = task.state == TaskState::Assigned;
				assert_eq!(task.replicas.len(), if is_assigned { whole } else { 0 });
				assert_eq!(drawn.contains(&id), is_assigned);
			}
			AgendaWeight::set(Weight::from_parts(u64::MAX / 4, u64::MAX / 4));
			run_to(130);
			check_invariants();
			assert!(Tasks::<Test>::iter_values().all(|task| task.state.is_terminal()));
		});
	}
}

#[test]
fn p4_machines_are_filled_to_the_last_place_and_no_further() {
	build_and_execute(|| {
		add_machines(&[(3, 40, 0, 1), (5, 40, 0, 1), (16, 40, 0, 1)]);
		let one = spec_of((1, 1_000, (0, 0), 7, MatchingPolicy::Cheapest, 0));
		let job = submit_job(one, &[(0, 0); 30]);
		run_to(3);
		let places: Vec<u32> = (0..3).map(|machine| worker(machine).running).collect();
		assert_eq!(places, [3, 5, 16]);
		let is_waiting = |id: &TaskId| task(*id).ticket.is_some();
		assert_eq!((job..job + 30).filter(is_waiting).count(), 6);
		assert_nothing_is_sold_twice();
	});
}

#[test]
fn p5_replicas_of_each_task_of_a_group_have_providers_of_their_own() {
	build_and_execute(|| {
		add_machines(&[(64, 400, 0, 1); 4]);
		let three = spec_of((3, 1_000, (0, 0), 7, MatchingPolicy::Balanced, 0));
		let job = submit_job(three, &[(0, 0); 32]);
		run_to(3);
		for id in job..job + 32 {
			let providers: BTreeSet<_> =
				task(id).replicas.iter().map(|replica| replica.provider.clone()).collect();
			assert_eq!((state(id), providers.len()), (TaskState::Assigned, 3));
		}
		assert_nothing_is_sold_twice();
	});
}
