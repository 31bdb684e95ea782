//! What a draw looks at: so many pages in a market of any size, all of a small one, and whoever woke the task.

mod common;

use aidragon_primitives::{
	matching::{Considered, Misfit, Request, Verdict, PAGES_MAX},
	resources::{Free, GpuShare, Resources},
	supply::{
		bucket_of, insert, Bucket, Directory, Entry, MemoryStore, Page, Place, Shape, SupplyStore,
		PAGE_MACHINES,
	},
	task::MatchingPolicy,
	worker::Offer,
	Balance, WorkerId,
};
use common::{
	candidate, chosen, cpu, draw, draw_vetted, gpus, machine, market, replicated, request, seed,
	shown, spec, verdicts, Counting, POLICIES, PRICE,
};
use std::collections::BTreeSet;

/// The pages that one replica looked at.
fn pages_of(store: &MemoryStore, notes: &[Considered], replica: u8) -> BTreeSet<(Bucket, u32)> {
	let looked = notes.iter().filter(|note| note.replica == replica);
	let places = looked.map(|note| store.places[&note.entry.worker]);
	places.map(|place| (place.bucket, place.page())).collect()
}

#[test]
fn p5_replicas_look_at_different_pages_of_a_long_bucket() {
	let store = market((0..40 * PAGE_MACHINES).map(machine));
	for policy in POLICIES {
		let spec = replicated(policy, 3);
		for number in 0..50 {
			let (drawn, notes) = draw(&store, &request(&spec, 3), &seed(number));
			let pages: Vec<_> = (0..3).map(|replica| pages_of(&store, &notes, replica)).collect();
			let all: BTreeSet<_> = pages.iter().flatten().collect();
			assert_eq!(all.len(), pages.iter().map(BTreeSet::len).sum::<usize>());
			assert_eq!((chosen(&drawn).len(), drawn.pages as usize), (3, all.len()));
		}
	}
}

/// A market of any size whose pages are made when they are read.
struct Endless(Vec<(Bucket, u32)>);

impl Endless {
	fn machines(&self) -> u32 {
		self.directory().machines()
	}
}

impl SupplyStore for Endless {
	fn directory(&self) -> Directory {
		Directory::from_buckets(self.0.clone()).unwrap()
	}

	fn page(&self, bucket: Bucket, number: u32) -> Page {
		let length = self.0.iter().find(|(known, _)| *known == bucket).unwrap().1;
		let first = number * PAGE_MACHINES;
		let positions = first..length.min(first.saturating_add(PAGE_MACHINES));
		let entries = positions.map(|position| Entry {
			free: free_in(bucket),
			..machine(u32::from(bucket) * (1 << 20) + position)
		});
		entries.collect::<Vec<_>>().try_into().unwrap()
	}

	fn place(&self, worker: WorkerId) -> Option<Place> {
		let (bucket, position) = ((worker >> 20) as Bucket, worker % (1 << 20));
		Some(Place { bucket, position })
	}

	fn put_directory(&mut self, _: Directory) {}
	fn put_page(&mut self, _: Bucket, _: u32, _: Page) {}
	fn put_place(&mut self, _: WorkerId, _: Option<Place>) {}
}

/// What the machines of a bucket of an endless market have left.
fn free_in(bucket: Bucket) -> Free {
	let shape = Shape::of_bucket(bucket);
	cpu(1_000 + 1_000 * u32::from(shape.cpu_tier), 1_024 << shape.memory_tier)
}

/// Buckets that hold the task of [`spec`], each of so many machines.
fn endless(buckets: usize, length: u32) -> Endless {
	let holding = (0..144).filter(|bucket| {
		let shape = Shape::of_bucket(*bucket);
		shape.cpu_tier >= 1 && shape.memory_tier >= 2
	});
	Endless(holding.take(buckets).map(|bucket| (bucket, length)).collect())
}

#[test]
fn p6_a_draw_reads_four_pages_a_replica_in_a_market_of_any_size() {
	for buckets in [1, 2, 5, 110] {
		for length in [1, 32, 33, 1_000, 1_000_000, u32::MAX / 128] {
			let store = Counting::new(endless(buckets, length));
			for (policy, count) in POLICIES.into_iter().zip([1, 2, 3, 1].into_iter().cycle()) {
				let spec = replicated(policy, count as u8);
				let vet = |worker| Some(candidate(machine(worker)));
				let (drawn, _) = draw_vetted(&store, &request(&spec, count), &seed(9), vet);
				let touched = store.take();
				assert!(touched.page_reads <= PAGES_MAX * count, "{buckets} {length} {policy:?}");
				assert_eq!(touched.pages.len(), touched.page_reads);
				assert_eq!(touched.page_reads as u32, drawn.pages);
				assert_eq!((touched.directory_reads, touched.place_reads), (1, 0));
				assert_eq!(drawn.picks.is_some(), store.store.machines() >= count as u32);
			}
		}
	}
}

#[test]
fn p6_a_machine_that_woke_the_task_costs_one_place_and_one_page_a_replica() {
	for policy in POLICIES {
		let store = Counting::new(endless(5, 1_000_000));
		let spec = replicated(policy, 3);
		let woken_by = store.store.page(store.store.0[4].0, 7).first().map(|entry| entry.worker);
		let request = Request { woken_by, ..request(&spec, 3) };
		let vet = |worker| Some(candidate(machine(worker)));
		let (drawn, _) = draw_vetted(&store, &request, &seed(3), vet);
		let touched = store.take();
		assert!(touched.page_reads <= (PAGES_MAX + 1) * 3 && touched.place_reads <= 3);
		assert!(!drawn.saw_all && drawn.pages as usize <= PAGES_MAX * 3);
	}
}

#[test]
fn a_small_market_is_seen_whole() {
	// Four pages in three buckets, and one bucket that cannot hold the task.
	let mut store = market((0..40).map(machine));
	(40..70).for_each(|worker| {
		insert(&mut store, Entry { free: cpu(9_000, 9_000), ..machine(worker) });
	});
	(70..75).for_each(|worker| insert(&mut store, Entry { free: gpus(&[500]), ..machine(worker) }));
	insert(&mut store, Entry { free: cpu(999, 4_096), ..machine(75) });
	for policy in POLICIES {
		let spec = spec(policy);
		let (drawn, notes) = draw(&store, &request(&spec, 1), &seed(1));
		let seen: Vec<WorkerId> = notes.iter().map(|note| note.entry.worker).collect();
		assert_eq!(
			seen.iter().collect::<BTreeSet<_>>(),
			(0..75).collect::<Vec<_>>().iter().collect()
		);
		assert!(drawn.saw_all && drawn.pages == 4);
	}
	(80..120).for_each(|worker| insert(&mut store, machine(worker)));
	let spec = replicated(MatchingPolicy::Balanced, 2);
	assert!(!draw(&store, &request(&spec, 1), &seed(1)).0.saw_all);
	assert!(draw(&store, &request(&spec, 2), &seed(1)).0.saw_all);
}

#[test]
fn an_empty_market_is_seen_whole_and_has_nothing() {
	let spec = spec(MatchingPolicy::Balanced);
	let (drawn, notes) = draw(&MemoryStore::default(), &request(&spec, 1), &seed(1));
	assert!(drawn.saw_all && drawn.picks.is_none() && notes.is_empty());
}

#[test]
fn a_machine_that_woke_the_task_is_looked_at_for_each_replica_until_it_has_one() {
	let mut store = market((0..3_000).map(machine));
	let cheap = Entry { offer: Offer::at(1), free: cpu(100_000, 4_096), ..machine(9_000) };
	insert(&mut store, cheap);
	let unfit = Entry { free: cpu(1, 1), ..machine(9_001) };
	insert(&mut store, unfit);
	for policy in POLICIES {
		let spec = replicated(policy, 3);
		let woken = |worker| Request { woken_by: Some(worker), ..request(&spec, 3) };
		let (_, notes) = draw(&store, &woken(9_000), &seed(1));
		assert_eq!(verdicts(&notes, 9_000).len(), 3, "{policy:?}");
		let (drawn, notes) = draw(&store, &woken(9_001), &seed(1));
		assert_eq!(verdicts(&notes, 9_001), [Verdict::Misfit(Misfit::Cpu); 3]);
		assert_eq!(chosen(&drawn).len(), 3);
		let nobody = draw(&store, &woken(9_002), &seed(1));
		assert_eq!(nobody, draw(&store, &request(&spec, 3), &seed(1)));
	}
	let spec = replicated(MatchingPolicy::Cheapest, 3);
	let request = Request { woken_by: Some(9_000), ..request(&spec, 3) };
	let (drawn, notes) = draw(&store, &request, &seed(1));
	assert_eq!(chosen(&drawn)[0], 9_000);
	assert!(matches!(verdicts(&notes, 9_000)[..], [Verdict::Chosen(_), Verdict::SameProvider, _]));
}

#[test]
fn a_machine_that_woke_the_task_and_is_seen_anyway_is_looked_at_once() {
	let store = market((0..5).map(machine));
	let spec = spec(MatchingPolicy::Balanced);
	let request = Request { woken_by: Some(3), ..request(&spec, 1) };
	assert_eq!(draw(&store, &request, &seed(1)).1.len(), 5);
}

#[test]
fn in_a_large_market_a_balanced_task_looks_at_the_tightest_buckets() {
	let counts = [5, 6, 7, 8, 1, 2, 3, 4];
	let frees = counts.into_iter().map(|count| gpus(&[1_000; 8][..count]));
	let machines = (0..).zip(frees).map(|(worker, free)| Entry { free, ..machine(worker) });
	let store = market(machines);
	let mut spec = spec(MatchingPolicy::Balanced);
	spec.requirements.resources.gpu = GpuShare { count: 1, milli: 1_000, ..GpuShare::default() };
	for number in 0..20 {
		let (drawn, notes) = draw(&store, &request(&spec, 1), &seed(number));
		let seen: BTreeSet<WorkerId> = notes.iter().map(|note| note.entry.worker).collect();
		assert_eq!((seen.len(), chosen(&drawn)), (PAGES_MAX, vec![4]));
		assert!(seen.is_superset(&[4, 5, 6].into()), "{seen:?}");
	}
}

#[test]
fn in_a_large_market_one_page_of_machines_that_surely_hold_the_task_is_among_those_read() {
	// Three of the four tightest buckets hold nothing for the task, and the others surely do.
	let mut spec = spec(MatchingPolicy::Balanced);
	spec.requirements.resources = Resources::cpu(1_900, 1_900);
	let tight = (0..6).flat_map(|tier| (0..20).map(move |number| (tier, number)));
	let mut store = MemoryStore::default();
	for (worker, (tier, _)) in (0u32..).zip(tight) {
		let free = cpu(1_000, 1_024 << tier);
		insert(&mut store, Entry { free, ..machine(worker) });
	}
	(500..600).for_each(|worker| {
		insert(&mut store, Entry { free: cpu(70_000, 70_000), ..machine(worker) });
	});
	for number in 0..100 {
		let (drawn, _) = draw(&store, &request(&spec, 1), &seed(number));
		assert!(!drawn.saw_all && chosen(&drawn)[0] >= 500);
	}
}

/// How many of 200 draws for the cheapest take machine 0, among 2,000 others of sixty buckets.
fn hits_of_the_cheapest(
	others: impl Fn(WorkerId) -> Balance,
	vetted: impl Fn(WorkerId) -> bool,
) -> usize {
	let free = |worker: WorkerId| cpu(1_000 << (worker % 10), 1_024 << (worker / 10 % 6));
	let offer = |worker| Offer::at(if worker == 0 { PRICE } else { others(worker) });
	let store = market((0..2_000).map(|worker| Entry {
		free: free(worker),
		offer: offer(worker),
		..machine(worker)
	}));
	let spec = spec(MatchingPolicy::Cheapest);
	let vet = |worker| shown(&store, worker).filter(|_| vetted(worker)).map(candidate);
	let hit = |draw: &u32| {
		let (drawn, _) = draw_vetted(&store, &request(&spec, 1), &seed(*draw), vet);
		drawn.picks.is_some_and(|picks| picks[0].candidate.entry.offer.price_per_gfuel == PRICE)
	};
	(0..200).filter(hit).count()
}

#[test]
fn a_draw_for_the_cheapest_finds_the_bucket_where_it_stands() {
	// Its bucket has two pages, of which the cheapest is on one.
	let hits = hits_of_the_cheapest(|_| 2 * PRICE, |_| true);
	assert!(hits >= 80, "{hits}");
}

#[test]
fn p12_a_machine_in_a_coarse_bucket_is_found_in_a_crowded_supply() {
	let crowd = common::all_shapes().filter(|free| free.gpu_class != 9).step_by(9);
	let crowd = (0..).zip(crowd).map(|(worker, free)| Entry { free, ..machine(worker) });
	let large = Free { gpu_class: 9, ..gpus(&[1_000, 1_000]) };
	let store = market(crowd.chain([Entry { free: large.clone(), ..machine(9_000) }]));
	assert_ne!(Some(store.places[&9_000].bucket), bucket_of(&large));
	let mut spec = spec(MatchingPolicy::Balanced);
	let gpu = GpuShare { count: 2, milli: 1_000, memory_min_mib: 8_000, classes: 1 << 9 };
	spec.requirements.resources.gpu = gpu;
	let (drawn, _) = draw(&store, &request(&spec, 1), &seed(1));
	assert_eq!((chosen(&drawn), drawn.saw_all), (vec![9_000], true));
}

#[test]
fn p7_machines_that_ask_little_and_lack_the_bond_do_not_hide_the_others() {
	// Every tenth asks nearly nothing and lacks the bond; they stand on a third of the pages and have the lowest floors.
	let is_lure = |worker: WorkerId| worker % 10 == 3;
	let price = |worker| if is_lure(worker) { 1 } else { PRICE };
	let hits = hits_of_the_cheapest(price, |worker| !is_lure(worker));
	// Those that find nothing at first are drawn again.
	assert!(hits >= 180, "{hits}");
}
