//! Machines come into the supply, change and leave it; it stays true to them at a constant cost.

mod common;

use aidragon_primitives::{
	resources::Free,
	supply::{
		bucket_of, insert, remove, update, update_at, Bucket, Entry, MemoryStore, Place, Shape,
		SupplyStore, DIRECTORY_MAX, PAGE_MACHINES,
	},
	WorkerId,
};
use common::{all_shapes, cpu, gpus, machine, market, shown, Counting, Touched};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// Fails unless the supply holds exactly these machines, densely.
fn assert_holds(store: &MemoryStore, model: &BTreeMap<WorkerId, Entry>) {
	assert_eq!(store.places.len(), model.len());
	assert_eq!(store.directory.machines() as usize, model.len());
	for (worker, entry) in model {
		assert_eq!(shown(store, *worker).as_ref(), Some(entry));
	}
	assert_dense(store);
}

/// Fails unless every page but the last of a bucket is full, and nothing else is stored.
fn assert_dense(store: &MemoryStore) {
	let buckets = store.directory.buckets();
	assert!(buckets.windows(2).all(|pair| pair[0].0 < pair[1].0));
	let mut pages = 0;
	for (bucket, length) in buckets {
		assert!(*length > 0 && store.directory.length(*bucket) == *length);
		for number in 0..length.div_ceil(PAGE_MACHINES) {
			let expected = (length - number * PAGE_MACHINES).min(PAGE_MACHINES);
			assert_eq!(store.pages[&(*bucket, number)].len() as u32, expected);
			pages += 1;
		}
	}
	assert_eq!(store.pages.len(), pages);
}

/// Fails where one operation touched more than the supply promises.
fn assert_constant(touched: &Touched) {
	assert!(touched.pages.len() <= 3, "{touched:?}");
	assert!(touched.page_reads <= 3 && touched.page_writes <= 3, "{touched:?}");
	assert!(touched.places.len() <= 2, "{touched:?}");
	assert!(touched.place_reads <= 1 && touched.place_writes <= 2, "{touched:?}");
	assert!(touched.directory_reads <= 1 && touched.directory_writes <= 1, "{touched:?}");
}

/// Few shapes, so that buckets get several pages.
fn few_shapes() -> impl Strategy<Value = Free> {
	prop_oneof![
		6 => Just(cpu(4_000, 4_096)),
		3 => (4_000u32..6_000).prop_map(|milli| cpu(milli, 5_000)),
		1 => (1u32..20_000).prop_map(|milli| cpu(milli, 600)),
		1 => (1u16..=1_000).prop_map(|milli| gpus(&[milli, 300])),
	]
}

/// What may happen to the machine of a number: it comes or changes, or it leaves.
fn any_step() -> impl Strategy<Value = (WorkerId, Option<Free>)> {
	let free = prop_oneof![3 => few_shapes().prop_map(Some), 1 => Just(None)];
	(0u32..120, free)
}

proptest! {
	#![proptest_config(ProptestConfig::with_cases(64))]
	#[test]
	fn p6_any_change_touches_three_pages_at_most_and_loses_nothing(
		steps in prop::collection::vec(any_step(), 0..400),
	) {
		let mut store = Counting::<MemoryStore>::default();
		let mut model = BTreeMap::new();
		for (worker, free) in steps {
			match free {
				Some(free) => {
					let entry = Entry { free, ..machine(worker) };
					let before = model.insert(worker, entry.clone());
					let changed = before.as_ref() != Some(&entry);
					prop_assert_eq!(update(&mut store, entry), changed);
				}
				None => {
					let was_there = model.remove(&worker).is_some();
					prop_assert_eq!(remove(&mut store, worker), was_there);
				}
			}
			assert_constant(&store.take());
		}
		assert_holds(&store.store, &model);
		for (worker, entry) in &model {
			prop_assert_eq!(Some(store.store.places[worker].bucket), bucket_of(&entry.free));
		}
	}

	#[test]
	fn a_bucket_says_what_its_machines_reach(free in common::any_free()) {
		let shape = Shape::of(&free);
		let bucket = bucket_of(&free).unwrap();
		prop_assert_eq!(Shape::of_bucket(bucket), shape);
		prop_assert_eq!(Shape::of_bucket(shape.coarse().bucket()), shape.coarse());
	}
}

#[test]
fn p6_a_change_costs_the_same_in_a_large_bucket() {
	let mut store = Counting::new(market((0..5_000).map(machine)));
	assert!(remove(&mut store, 7));
	assert_constant(&store.take());
	insert(&mut store, machine(7));
	assert_constant(&store.take());
	assert!(update(&mut store, Entry { free: cpu(100, 100), ..machine(40) }));
	let touched = store.take();
	assert_constant(&touched);
	assert_eq!((touched.pages.len(), touched.places.len()), (3, 2));
}

#[test]
fn what_does_not_change_anything_writes_nothing() {
	let mut store = Counting::new(market((0..40).map(machine)));
	assert!(!update(&mut store, machine(3)));
	assert!(!remove(&mut store, 40));
	let touched = store.take();
	assert_eq!((touched.page_writes, touched.place_writes, touched.directory_writes), (0, 0, 0));
}

#[test]
fn a_machine_that_stays_in_its_bucket_keeps_its_place() {
	let mut store = Counting::new(market((0..40).map(machine)));
	let place = store.store.place(3);
	assert!(update(&mut store, Entry { throughput_mops: 7, ..machine(3) }));
	let touched = store.take();
	assert_eq!((touched.page_writes, touched.place_writes, touched.directory_writes), (1, 0, 0));
	assert_eq!(store.store.place(3), place);
	assert_eq!(shown(&store.store, 3).unwrap().throughput_mops, 7);
}

#[test]
fn the_last_machine_takes_the_place_of_one_that_leaves() {
	let mut store = market((0..70).map(machine));
	let place = store.place(5);
	assert!(remove(&mut store, 5));
	assert_eq!((store.place(69), store.place(5)), (place, None));
	(0..70).for_each(|worker| assert_eq!(remove(&mut store, worker), worker != 5));
	assert_eq!(store, MemoryStore::default());
}

/// A machine that has less left than [`machine`]: in the same bucket, and in another one.
fn lessened(worker: WorkerId) -> [Entry; 2] {
	let with = |free| Entry { free, ..machine(worker) };
	[with(cpu(4_000, 4_095 - 95)), with(cpu(1_000, 4_096))]
}

#[test]
fn a_machine_that_stands_where_it_stood_is_updated_without_looking_for_it() {
	for entry in
		[machine(5), Entry { throughput_mops: 7, ..machine(5) }].into_iter().chain(lessened(5))
	{
		let mut store = Counting::new(market((0..70).map(machine)));
		let mut expected = store.store.clone();
		let place = expected.place(5).unwrap();
		let changed = update(&mut expected, entry.clone());
		assert_eq!(update_at(&mut store, place, entry), changed);
		assert_eq!(store.store, expected);
		assert_eq!(store.take().place_reads, 0);
		assert_dense(&store.store);
	}
}

#[test]
fn a_stale_place_is_no_reason_to_change_another_machine() {
	let [same, other] = lessened(5);
	for entry in [machine(5), same, other] {
		let mut expected = market((0..70).map(machine));
		update(&mut expected, entry.clone());
		let bucket = expected.places[&0].bucket;
		// Where others stand, behind the end of the bucket, and in one that is not there.
		let stale = [(bucket, 6), (bucket, 69), (bucket, 70), (bucket, 1_000), (bucket + 1, 5)];
		for (bucket, position) in stale {
			let mut store = market((0..70).map(machine));
			update_at(&mut store, Place { bucket, position }, entry.clone());
			assert_eq!(store, expected);
			assert_dense(&store);
		}
	}
}

#[test]
fn a_machine_that_moved_in_the_meantime_is_found() {
	let mut store = market((0..70).map(machine));
	let before = store.places[&69];
	// The last one takes the place of one that leaves.
	assert!(remove(&mut store, 5));
	let entry = Entry { throughput_mops: 7, ..machine(69) };
	assert!(update_at(&mut store, before, entry.clone()));
	assert_eq!(shown(&store, 69), Some(entry.clone()));
	assert!(!update_at(&mut store, before, entry), "nothing changed");
	assert_dense(&store);
}

#[test]
fn a_machine_that_left_in_the_meantime_comes_back() {
	let mut store = market((0..3).map(machine));
	let before = store.places[&1];
	assert!(remove(&mut store, 1));
	assert!(update_at(&mut store, before, machine(1)));
	assert_holds(&store, &(0..3).map(|worker| (worker, machine(worker))).collect());
}

/// Machines of all shapes but the coarse ones, then of the coarse ones: the worst that can come.
fn all_machines() -> Vec<Entry> {
	let is_coarse = |free: &Free| Shape::of(free) == Shape::of(free).coarse();
	let fine = all_shapes().filter(|free| !is_coarse(free)).step_by(5);
	let shapes = fine.chain(all_shapes().filter(is_coarse));
	(0u32..).zip(shapes).map(|(worker, free)| Entry { free, ..machine(worker) }).collect()
}

#[test]
fn every_shape_is_a_bucket_of_its_own() {
	let buckets: Vec<Bucket> = all_shapes().filter_map(|free| bucket_of(&free)).collect();
	assert_eq!(buckets, (0..273 * 144).collect::<Vec<Bucket>>());
}

#[test]
fn p6_machines_beyond_1700_buckets_stand_in_coarse_ones_and_none_is_lost() {
	let machines = all_machines();
	let mut store = market(machines.iter().cloned());
	let model = machines.iter().map(|entry| (entry.worker, entry.clone())).collect();
	assert_holds(&store, &model);
	let buckets = store.directory.buckets().len();
	assert!((1_700..=1_700 + 273).contains(&buckets) && buckets < DIRECTORY_MAX as usize);
	let coarse = machines.iter().filter(|entry| {
		let shape = Shape::of(&entry.free);
		let bucket = store.places[&entry.worker].bucket;
		assert!(bucket == shape.bucket() || bucket == shape.coarse().bucket());
		bucket != shape.bucket()
	});
	assert!(coarse.count() > 4_000);
	machines.iter().for_each(|entry| assert!(remove(&mut store, entry.worker)));
	assert_eq!(store, MemoryStore::default());
}

#[test]
fn a_bucket_that_is_there_takes_more_machines_however_many_there_are() {
	let mut store = market(all_machines());
	let known = shown(&store, 0).unwrap();
	insert(&mut store, Entry { worker: 1 << 20, ..known.clone() });
	assert_eq!(Some(store.places[&(1 << 20)].bucket), bucket_of(&known.free));
}

#[test]
fn a_machine_leaves_its_coarse_bucket_at_its_next_change_once_there_is_room() {
	let machines = all_machines();
	let mut store = market(machines.iter().cloned());
	let last = machines[5_000].clone();
	let fine = Shape::of(&last.free);
	assert_eq!(store.places[&last.worker].bucket, fine.coarse().bucket());
	let changed = Entry { throughput_mops: 7, ..last };
	assert!(update(&mut store, changed.clone()));
	assert_eq!(store.places[&changed.worker].bucket, fine.coarse().bucket());
	machines[..1_000].iter().for_each(|entry| assert!(remove(&mut store, entry.worker)));
	assert!(update(&mut store, changed.clone()));
	assert_eq!(store.places[&changed.worker].bucket, fine.bucket());
	assert_eq!(shown(&store, changed.worker), Some(changed));
	assert_dense(&store);
}

proptest! {
	#![proptest_config(ProptestConfig::with_cases(16))]
	#[test]
	fn p6_changes_in_a_crowded_supply_cost_as_much_and_lose_nothing(
		steps in prop::collection::vec((0u32..8_000, common::any_free(), any::<bool>()), 0..100),
	) {
		let machines = all_machines();
		let known = machines.iter().map(|entry| (entry.worker, entry.clone()));
		let mut model: BTreeMap<_, _> = known.collect();
		let mut store = Counting::new(market(machines));
		for (worker, free, comes) in steps {
			let entry = Entry { free, ..machine(worker) };
			match comes {
				true => {
					update(&mut store, entry.clone());
					model.insert(worker, entry);
				}
				false => {
					let was_there = model.remove(&worker).is_some();
					prop_assert_eq!(remove(&mut store, worker), was_there);
				}
			}
			assert_constant(&store.take());
		}
		assert_holds(&store.store, &model);
	}
}
