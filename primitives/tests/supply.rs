//! Machines come into the supply, change and leave it; it stays true to them at a constant cost.

mod common;

use aidragon_primitives::{
	resources::Free,
	supply::{
		bucket_of, floor_of, insert, remove, update, update_at, Bucket, Entry, Floor, Listed,
		MemoryStore, Place, Shape, SupplyStore, DIRECTORY_MAX, PAGE_MACHINES,
	},
	worker::Offer,
	Balance, WorkerId,
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
	let buckets: Vec<Listed> = store.directory.buckets().collect();
	assert!(buckets.windows(2).all(|pair| pair[0].bucket < pair[1].bucket));
	let mut pages = 0;
	for listed in buckets {
		let Listed { bucket, length, .. } = listed;
		assert!(length > 0 && store.directory.get(bucket) == Some(listed));
		let mut floors = Vec::new();
		for number in 0..length.div_ceil(PAGE_MACHINES) {
			let expected = (length - number * PAGE_MACHINES).min(PAGE_MACHINES);
			let page = &store.pages[&(bucket, number)];
			assert_eq!(page.len() as u32, expected);
			floors.extend(page.iter().map(|entry| floor_of(entry.offer.price_per_gfuel)));
			pages += 1;
		}
		assert!(floors.contains(&listed.floor), "no machine asks what the directory says");
		if length <= PAGE_MACHINES {
			assert_eq!(floors.iter().min(), Some(&listed.floor));
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
fn any_step() -> impl Strategy<Value = (WorkerId, Option<(Free, Balance)>)> {
	let machine = (few_shapes(), 1u128..20);
	let step = prop_oneof![3 => machine.prop_map(Some), 1 => Just(None)];
	(0u32..120, step)
}

proptest! {
	#![proptest_config(ProptestConfig::with_cases(64))]
	#[test]
	fn p6_any_change_touches_three_pages_at_most_and_loses_nothing(
		steps in prop::collection::vec(any_step(), 0..400),
	) {
		let mut store = Counting::<MemoryStore>::default();
		let mut model = BTreeMap::new();
		for (worker, step) in steps {
			match step {
				Some((free, price)) => {
					let entry = Entry { free, offer: Offer::at(price), ..machine(worker) };
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
			assert_dense(&store.store);
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

/// A machine of [`machine`]'s bucket that asks so much.
fn asking(worker: WorkerId, price: Balance) -> Entry {
	Entry { offer: Offer::at(price), ..machine(worker) }
}

/// The price floor of the only bucket.
fn only_floor(store: &MemoryStore) -> Floor {
	let [listed] = store.directory.buckets().collect::<Vec<_>>()[..] else { panic!() };
	listed.floor
}

#[test]
fn p7_a_machine_that_asks_little_and_leaves_takes_its_floor_with_it() {
	for count in [5, 32, 33, 40, 64, 65, 200] {
		let honest = (0..count).map(|worker| asking(worker, 1_000));
		for position in [0, 1, 31, 32, 33, 64, count] {
			let before = honest.clone().take(position as usize);
			let mut store = market(before.chain([asking(999, 1)]));
			honest.clone().skip(position as usize).for_each(|entry| insert(&mut store, entry));
			assert_eq!(only_floor(&store), floor_of(1), "{count} {position}");
			let mut raised = store.clone();
			assert!(update(&mut raised, asking(999, 2_000)));
			assert_eq!(only_floor(&raised), floor_of(1_000), "{count} {position}");
			let mut moved = store.clone();
			assert!(update(&mut moved, Entry { free: cpu(1_000, 4_096), ..asking(999, 1) }));
			assert_eq!(
				moved.directory.get(bucket_of(&machine(0).free).unwrap()).unwrap().floor,
				floor_of(1_000)
			);
			assert!(remove(&mut store, 999));
			assert_eq!(only_floor(&store), floor_of(1_000), "{count} {position}");
		}
	}
}

#[test]
fn a_floor_that_is_too_high_is_exact_again_once_there_is_one_page() {
	// Three pages; the cheapest are on the first, one cheaper still stands alone on the last.
	let price = |worker| if worker < 32 { 5 } else { 9 };
	let machines = (0..64).map(|worker| asking(worker, price(worker)));
	let mut store = market(machines.chain([asking(64, 1)]));
	assert!(remove(&mut store, 64));
	assert_eq!(only_floor(&store), floor_of(9), "the page before it shows nothing cheaper");
	(33..64).for_each(|worker| assert!(remove(&mut store, worker)));
	assert_eq!(only_floor(&store), floor_of(9));
	assert!(remove(&mut store, 32));
	assert_eq!(only_floor(&store), floor_of(5));
}

#[test]
fn a_price_within_its_step_changes_no_directory() {
	let mut store = Counting::new(market((0..40).map(|worker| asking(worker, 1_000_000))));
	assert!(update(&mut store, asking(7, 1_000_001)));
	let touched = store.take();
	assert_eq!((touched.directory_reads, touched.directory_writes), (0, 0));
	assert!(update(&mut store, asking(7, 900_000)));
	assert_eq!(store.take().directory_writes, 1);
	assert_eq!(only_floor(&store.store), floor_of(900_000));
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
