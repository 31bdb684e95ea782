//! What a draw promises: nobody chooses the machine, any market costs the same, and each machine
//! that was looked at gets a reason.

mod common;

use aidragon_primitives::{
	matching::{
		check_fit, order_of, Considered, Misfit, Request, Score, Verdict, MISFITS, PAGES_MAX,
	},
	resources::{Free, GpuShare, Resources},
	supply::{
		bucket_of, insert, Bucket, Directory, Entry, MemoryStore, Page, Place, ProviderTag, Shape,
		SupplyStore, PAGE_MACHINES,
	},
	task::{MatchingPolicy, TaskSpec},
	worker::{Candidate, EnergySource, Hours, Offer, Region, Site, TaskKinds},
	Balance, WorkerId,
};
use common::{
	candidate, cpu, draw, draw_vetted, gpus, machine, market, provider, request, seed, shown, spec,
	Counting, Drawn, POLICIES, PRICE,
};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// The machines that a draw chose.
fn chosen(drawn: &Drawn<ProviderTag>) -> Vec<WorkerId> {
	let picks = drawn.picks.iter().flatten();
	picks.map(|pick| pick.candidate.entry.worker).collect()
}

/// What became of a machine in a draw, replica by replica.
fn verdicts(notes: &[Considered], worker: WorkerId) -> Vec<Verdict> {
	notes.iter().filter(|note| note.entry.worker == worker).map(|note| note.verdict).collect()
}

/// The pages that one replica looked at.
fn pages_of(store: &MemoryStore, notes: &[Considered], replica: u8) -> BTreeSet<(Bucket, u32)> {
	let looked = notes.iter().filter(|note| note.replica == replica);
	let places = looked.map(|note| store.places[&note.entry.worker]);
	places.map(|place| (place.bucket, place.page())).collect()
}

/// A task of `count` replicas.
fn replicated(matching: MatchingPolicy, count: u8) -> TaskSpec {
	TaskSpec { replicas: count, ..spec(matching) }
}

/// Machines of a few shapes and providers that differ in what a task may ask for.
fn any_entry() -> impl Strategy<Value = Entry> {
	let free = prop_oneof![
		4 => Just(cpu(4_000, 4_096)),
		2 => (900u32..6_000, 900u32..5_000).prop_map(|(milli, mib)| cpu(milli, mib)),
		1 => (0u16..=1_000).prop_map(|milli| gpus(&[milli])),
	];
	let energy = prop_oneof![
		Just(EnergySource::Undeclared),
		Just(EnergySource::Renewable),
		Just(EnergySource::Fossil)
	];
	(free, 0u32..6, 1u128..12, 50u32..500, energy, 0u8..8).prop_map(
		|(free, owner, price, throughput_mops, energy, kinds)| Entry {
			worker: 0,
			provider: provider(owner),
			offer: Offer {
				refuses: TaskKinds(if kinds < 7 { 0 } else { 2 }),
				..Offer::at(price * PRICE)
			},
			site: Site { region: None, energy },
			free,
			throughput_mops,
		},
	)
}

/// A market of so many such machines.
fn any_market(
	size: impl Into<prop::collection::SizeRange>,
) -> impl Strategy<Value = (Vec<Entry>, MemoryStore)> {
	prop::collection::vec(any_entry(), size).prop_map(|mut machines| {
		(0u32..).zip(&mut machines).for_each(|(number, entry)| entry.worker = number);
		(machines.clone(), market(machines))
	})
}

fn any_policy() -> impl Strategy<Value = MatchingPolicy> {
	prop::sample::select(POLICIES.to_vec())
}

proptest! {
	#![proptest_config(ProptestConfig::with_cases(200))]

	#[test]
	fn p5_a_draw_is_a_function_of_its_seed_and_of_the_supply(
		(_, store) in any_market(0..400),
		policy in any_policy(),
		count in 1usize..4,
		number in any::<u32>(),
	) {
		let spec = replicated(policy, count as u8);
		let first = draw(&store, &request(&spec, count), &seed(number));
		prop_assert_eq!(first, draw(&store.clone(), &request(&spec, count), &seed(number)));
	}

	#[test]
	fn p5_replicas_belong_to_different_providers_that_had_nothing_to_do_with_the_task(
		(machines, store) in any_market(0..300),
		policy in any_policy(),
		count in 1usize..4,
		number in any::<u32>(),
		excluded in prop::collection::vec(0u32..300, 0..12),
		had in 0u32..6,
	) {
		let spec = replicated(policy, count as u8);
		let taken = vec![provider(had)];
		let request = Request { excluded: &excluded, taken, ..request(&spec, count) };
		let (drawn, notes) = draw(&store, &request, &seed(number));
		let workers = chosen(&drawn);
		let owner = |worker: &WorkerId| machines[*worker as usize].provider;
		let owners: BTreeSet<_> = workers.iter().map(owner).collect();
		prop_assert_eq!(owners.len(), workers.len());
		prop_assert!(!owners.contains(&provider(had)));
		prop_assert!(workers.iter().all(|worker| !excluded.contains(worker)));
		prop_assert!(drawn.picks.is_none() || workers.len() == count);
		for note in notes.iter().filter(|note| note.entry.provider == provider(had)) {
			prop_assert_eq!(note.verdict, Verdict::SameProvider);
		}
	}

	#[test]
	fn p12_every_machine_that_was_looked_at_gets_one_verdict_and_the_best_is_taken(
		(_, store) in any_market(0..400),
		policy in any_policy(),
		count in 1usize..4,
		number in any::<u32>(),
	) {
		let spec = replicated(policy, count as u8);
		let (drawn, notes) = draw(&store, &request(&spec, count), &seed(number));
		let keys = notes.iter().map(|note| (note.replica, note.entry.worker));
		let keys: BTreeSet<_> = keys.collect();
		prop_assert_eq!(keys.len(), notes.len());
		for note in &notes {
			let known = shown(&store, note.entry.worker);
			prop_assert_eq!(Some(&note.entry), known.as_ref());
		}
		for (replica, worker) in (0u8..).zip(chosen(&drawn)) {
			assert_best(&notes, replica, worker);
		}
	}

	#[test]
	fn p12_what_saw_all_and_found_nothing_overlooked_nothing(
		(machines, store) in any_market(0..120),
		policy in any_policy(),
		count in 1usize..4,
		number in any::<u32>(),
	) {
		let spec = replicated(policy, count as u8);
		let (drawn, notes) = draw(&store, &request(&spec, count), &seed(number));
		if drawn.saw_all {
			let kinds = TaskKinds::default();
			let fits = |entry: &&Entry| check_fit(entry, &spec, kinds, 720, &[]).is_ok();
			let fitting: Vec<_> = machines.iter().filter(fits).collect();
			prop_assert!(fitting.iter().all(|entry| !verdicts(&notes, entry.worker).is_empty()));
			let owners: BTreeSet<_> = fitting.iter().map(|entry| entry.provider).collect();
			prop_assert_eq!(drawn.picks.is_some(), owners.len() >= count);
		}
	}

	#[test]
	fn p12_a_machine_of_any_shape_that_holds_a_task_is_seen(
		free in common::any_free(),
		resources in common::any_resources(),
		policy in any_policy(),
	) {
		let mut spec = spec(policy);
		spec.requirements.resources = resources;
		let store = market([Entry { free: free.clone(), ..machine(1) }]);
		let (drawn, _) = draw(&store, &request(&spec, 1), &seed(1));
		prop_assert!(drawn.saw_all);
		prop_assert_eq!(drawn.picks.is_some(), free.place(&resources).is_ok());
	}
}

/// Fails unless the machine that a replica got is the only one chosen and has the lowest score.
fn assert_best(notes: &[Considered], replica: u8, worker: WorkerId) {
	let mut passed: Vec<(Score, bool, WorkerId)> = Vec::new();
	for note in notes.iter().filter(|note| note.replica == replica) {
		match note.verdict {
			Verdict::Chosen(score) => passed.push((score, true, note.entry.worker)),
			Verdict::Outbid(score) => passed.push((score, false, note.entry.worker)),
			_ => {}
		}
	}
	let best = passed.iter().min_by_key(|(score, ..)| *score).unwrap();
	assert_eq!((best.1, best.2), (true, worker));
	assert_eq!(passed.iter().filter(|(_, is_chosen, _)| *is_chosen).count(), 1);
}

#[test]
fn p5_another_seed_draws_another_machine() {
	let store = market((0..10).map(machine));
	let spec = spec(MatchingPolicy::Balanced);
	let drawn = (0..200).map(|number| chosen(&draw(&store, &request(&spec, 1), &seed(number)).0));
	assert_eq!(drawn.collect::<BTreeSet<_>>().len(), 10);
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

/// The fields by which policies go.
fn offering(worker: WorkerId, price: Balance, throughput_mops: u32, energy: EnergySource) -> Entry {
	let site = Site { region: None, energy };
	Entry { offer: Offer::at(price * PRICE), site, throughput_mops, ..machine(worker) }
}

/// The machines of a market in the order in which a policy prefers them.
fn ranking(machines: &[Entry], policy: MatchingPolicy) -> Vec<WorkerId> {
	let spec = spec(policy);
	let store = market(machines.iter().cloned());
	let mut excluded: Vec<WorkerId> = Vec::new();
	for _ in machines {
		let request = Request { excluded: &excluded, ..request(&spec, 1) };
		let next = chosen(&draw(&store, &request, &seed(7)).0);
		excluded.extend(next);
	}
	excluded
}

#[test]
fn each_policy_goes_by_its_criterion() {
	use EnergySource::{Fossil, Grid, Nuclear, Renewable, Undeclared};
	let machines = [
		offering(0, 1, 100, Fossil),
		offering(1, 2, 900, Undeclared),
		offering(2, 3, 1_000, Grid),
		offering(3, 4, 3_000, Renewable),
		offering(4, 5, 2_000, Nuclear),
	];
	assert_eq!(ranking(&machines, MatchingPolicy::Cheapest), [0, 1, 2, 3, 4]);
	assert_eq!(ranking(&machines, MatchingPolicy::Fastest), [3, 4, 2, 1, 0]);
	assert_eq!(ranking(&machines, MatchingPolicy::Greenest), [3, 4, 2, 1, 0]);
	// 4/3000, 2/900, 5/2000, 3/1000, 1/100.
	assert_eq!(ranking(&machines, MatchingPolicy::Balanced), [3, 1, 4, 2, 0]);
}

#[test]
fn among_equals_the_fast_and_the_green_go_by_price_and_all_by_what_is_left_unused() {
	let renewable = EnergySource::Renewable;
	let priced = [offering(0, 3, 500, renewable), offering(1, 2, 500, renewable)];
	for policy in [MatchingPolicy::Fastest, MatchingPolicy::Greenest] {
		assert_eq!(ranking(&priced, policy), [1, 0]);
	}
	// Machines are told apart where one could hold 64 times as many such tasks.
	let sized = [cpu(4_096_000, 1 << 22), cpu(64_000, 1 << 22), cpu(4_000_000, 1 << 10)];
	let sized = (0..).zip(sized).map(|(worker, free)| Entry { free, ..machine(worker) });
	let sized: Vec<Entry> = sized.collect();
	POLICIES.into_iter().for_each(|policy| assert_eq!(ranking(&sized, policy), [2, 1, 0]));
}

#[test]
fn parts_of_graphics_processors_go_where_least_of_one_is_left_over() {
	let mut spec = spec(MatchingPolicy::Cheapest);
	let gpu = GpuShare { count: 1, milli: 300, ..GpuShare::default() };
	spec.requirements.resources = Resources { gpu, ..Resources::cpu(1_000, 1_024) };
	let left: [&[u16]; 4] = [&[1_000], &[500], &[300, 1_000], &[299]];
	let machines =
		(0..).zip(left).map(|(worker, left)| Entry { free: gpus(left), ..machine(worker) });
	let store = market(machines);
	let (drawn, notes) = draw(&store, &request(&spec, 1), &seed(1));
	assert_eq!(chosen(&drawn), [2]);
	assert_eq!(verdicts(&notes, 3), []);
}

#[test]
fn tasks_without_graphics_processors_leave_them_to_others() {
	let with = (0..40).map(|worker| Entry { free: gpus(&[1_000]), ..machine(worker) });
	let store = market(with.chain([machine(100)]));
	for policy in POLICIES {
		let spec = spec(policy);
		assert_eq!(chosen(&draw(&store, &request(&spec, 1), &seed(2)).0), [100]);
	}
}

/// One task and one machine of which each can refuse the other.
struct Pair {
	entry: Entry,
	spec: TaskSpec,
	kinds: TaskKinds,
	minute: u16,
	excluded: Vec<WorkerId>,
	stake_free: Balance,
}

impl Pair {
	fn matching() -> Self {
		let mut spec = spec(MatchingPolicy::Cheapest);
		let gpu = GpuShare { count: 1, milli: 500, memory_min_mib: 16_000, classes: 0b1000 };
		spec.requirements.resources.gpu = gpu;
		spec.requirements.region = Some(Region(*b"DE"));
		spec.requirements.energy = Some(EnergySource::Grid);
		let site = Site { region: Some(Region(*b"DE")), energy: EnergySource::Grid };
		let offer = Offer {
			task_min_fuel: spec.fuel_limit,
			task_max_blocks: spec.execution_blocks,
			refuses: TaskKinds::DEPENDENT,
			hours: Some(Hours { from_minute: 719, until_minute: 721 }),
			..Offer::at(spec.price_cap_per_gfuel)
		};
		let stake_free = spec.stake(offer.price_per_gfuel);
		let entry = Entry { offer, site, free: gpus(&[500]), throughput_mops: 100, ..machine(1) };
		let kinds = TaskKinds::SINGLE.with(TaskKinds::RESTRICTED);
		Self { entry, spec, kinds, minute: 720, excluded: vec![2], stake_free }
	}

	/// Changes one field, so that only this stands between the two.
	fn spoil(&mut self, misfit: Misfit) {
		let (entry, offer) = (&mut self.entry, &mut self.spec);
		match misfit {
			Misfit::Gpu => offer.requirements.resources.gpu.milli = 501,
			Misfit::Cpu => entry.free.cpu_milli = 999,
			Misfit::Memory => entry.free.memory_mib = 1_023,
			Misfit::Throughput => entry.throughput_mops = 99,
			Misfit::Region => entry.site.region = None,
			Misfit::Energy => entry.site.energy = EnergySource::Nuclear,
			Misfit::Price => offer.price_cap_per_gfuel -= 1,
			Misfit::TaskTooSmall => entry.offer.task_min_fuel += 1,
			Misfit::TaskTooLong => entry.offer.task_max_blocks -= 1,
			Misfit::KindRefused => entry.offer.refuses = TaskKinds::SINGLE,
			Misfit::Closed => self.minute = 718,
			Misfit::HadItBefore => self.excluded.push(1),
			Misfit::BondTooLow => self.stake_free -= 1,
		}
	}

	/// What the registry's look at the machine comes to.
	fn verdict(&self) -> Result<(), Misfit> {
		// The supply shows a machine that fits, so that it comes to the registry's word.
		let request = Request {
			kinds: self.kinds,
			minute: self.minute,
			excluded: &self.excluded,
			woken_by: Some(1),
			..request(&self.spec, 1)
		};
		let store = market([self.entry.clone()]);
		let known = Candidate { stake_free: self.stake_free, ..candidate(self.entry.clone()) };
		let (drawn, notes) = draw_vetted(&store, &request, &seed(1), |_| Some(known.clone()));
		match verdicts(&notes, 1)[..] {
			[Verdict::Chosen(_)] => assert_eq!(chosen(&drawn), [1]),
			[Verdict::Misfit(misfit)] if drawn.picks.is_none() => return Err(misfit),
			ref other => panic!("{other:?}"),
		}
		Ok(())
	}
}

#[test]
fn each_reason_takes_one_field_and_no_more() {
	assert_eq!(Pair::matching().verdict(), Ok(()));
	for misfit in MISFITS {
		let mut pair = Pair::matching();
		pair.spoil(misfit);
		assert_eq!(pair.verdict(), Err(misfit));
	}
}

#[test]
fn graphics_processors_of_another_class_or_of_less_memory_do_not_fit() {
	let spoil: [fn(&mut Pair); 3] = [
		|pair| pair.entry.free.gpu_class = 2,
		|pair| pair.entry.free.gpu_memory_mib = 15_999,
		|pair| pair.entry.free.gpu_milli = vec![499, 499].try_into().unwrap(),
	];
	for spoil in spoil {
		let mut pair = Pair::matching();
		spoil(&mut pair);
		assert_eq!(pair.verdict(), Err(Misfit::Gpu));
	}
}

#[test]
fn the_first_reason_counts_in_the_order_of_the_list() {
	let mut pair = Pair::matching();
	for misfit in MISFITS.into_iter().rev() {
		pair.spoil(misfit);
		assert_eq!(pair.verdict(), Err(misfit));
	}
	assert!(MISFITS.windows(2).all(|pair| pair[0] < pair[1]));
}

#[test]
fn a_machine_asks_what_it_will_of_a_task_that_names_nothing() {
	let mut spec = spec(MatchingPolicy::Cheapest);
	spec.requirements.throughput_min_mops = 0;
	let entry = Entry { throughput_mops: 0, ..machine(1) };
	assert_eq!(check_fit(&entry, &spec, TaskKinds::ALL, 0, &[]), Ok(()));
}

#[test]
fn excluded_machines_and_taken_providers_are_never_drawn() {
	let store = market((0..6).map(machine));
	let spec = replicated(MatchingPolicy::Balanced, 3);
	let excluded = [0, 1];
	for number in 0..100 {
		let taken = vec![provider(2)];
		let request = Request { excluded: &excluded, taken, ..request(&spec, 3) };
		let (drawn, notes) = draw(&store, &request, &seed(number));
		assert_eq!(chosen(&drawn).into_iter().collect::<BTreeSet<_>>(), [3, 4, 5].into());
		let had_it = Verdict::Misfit(Misfit::HadItBefore);
		assert_eq!(verdicts(&notes, 1), [had_it; 3]);
		assert_eq!(verdicts(&notes, 2), [Verdict::SameProvider; 3]);
	}
	let request = Request { excluded: &excluded, ..request(&spec, 3) };
	assert!(draw(&market((0..4).map(machine)), &request, &seed(1)).0.picks.is_none());
}

/// Machines that ask 1, 2, 3 … of which the registry gives no work to some.
fn draw_without(
	machines: u32,
	count: u8,
	lost: &[WorkerId],
) -> (Drawn<ProviderTag>, Vec<Considered>, Vec<WorkerId>) {
	let priced = (0..machines)
		.map(|worker| Entry { offer: Offer::at(PRICE + Balance::from(worker)), ..machine(worker) });
	let store = market(priced);
	let spec = replicated(MatchingPolicy::Cheapest, count);
	let mut asked = Vec::new();
	let vet = |worker: WorkerId| {
		asked.push(worker);
		shown(&store, worker).filter(|_| !lost.contains(&worker)).map(candidate)
	};
	let (drawn, notes) = draw_vetted(&store, &request(&spec, count.into()), &seed(1), vet);
	(drawn, notes, asked)
}

#[test]
fn a_machine_that_the_registry_lost_is_named_and_the_next_best_is_taken() {
	let (drawn, notes, asked) = draw_without(5, 1, &[0]);
	assert_eq!((chosen(&drawn), drawn.gone, asked), (vec![1], vec![0], vec![0, 1]));
	assert_eq!(verdicts(&notes, 0), [Verdict::Gone]);
}

#[test]
fn a_lost_machine_is_asked_for_once_and_named_once() {
	let (drawn, notes, asked) = draw_without(6, 3, &[0, 2]);
	assert_eq!((chosen(&drawn), drawn.gone), (vec![1, 3, 4], vec![0, 2]));
	assert_eq!(asked, [0, 1, 2, 3, 4]);
	assert_eq!(verdicts(&notes, 0), [Verdict::Gone; 3]);
}

#[test]
fn p12_where_all_that_were_asked_for_are_lost_and_others_fit_not_all_was_seen() {
	let (drawn, _, asked) = draw_without(5, 1, &[0, 1, 2, 3, 4]);
	assert!(drawn.picks.is_none() && !drawn.saw_all);
	assert_eq!((asked[..2].to_vec(), asked.len()), (vec![0, 1], 4));
	assert_eq!(drawn.gone, asked);
	let (drawn, ..) = draw_without(4, 1, &[0, 1, 2, 3]);
	assert!(drawn.picks.is_none() && drawn.saw_all);
}

#[test]
fn p7_behind_the_two_best_others_are_asked_for_by_chance() {
	// All ask the same but the first two, and these two and some others have no bond for it.
	let priced = (0..12).map(|worker| {
		let price = if worker < 2 { PRICE } else { PRICE + Balance::from(worker) };
		Entry { offer: Offer::at(price), ..machine(worker) }
	});
	let store = market(priced);
	let spec = spec(MatchingPolicy::Cheapest);
	let poor = |worker: WorkerId| worker < 6;
	let mut drawn_ones = BTreeSet::new();
	let mut in_vain = 0;
	for number in 0..400 {
		let mut asked = Vec::new();
		let vet = |worker: WorkerId| {
			asked.push(worker);
			let stake_free = if poor(worker) { 0 } else { Balance::MAX };
			Some(Candidate { stake_free, ..candidate(shown(&store, worker)?) })
		};
		let (drawn, _) = draw_vetted(&store, &request(&spec, 1), &seed(number), vet);
		assert!(asked.len() <= 4 && asked[..2].iter().all(|worker| *worker < 2));
		assert!(chosen(&drawn).iter().all(|worker| !poor(*worker)));
		in_vain += u32::from(drawn.picks.is_none());
		drawn_ones.extend(chosen(&drawn));
	}
	assert_eq!(drawn_ones, (6..12).collect(), "each of those that have the bond");
	// Two of ten, of which four lack it: 12 of 90, with four standard deviations.
	assert!((26..=81).contains(&in_vain), "{in_vain}");
}

#[test]
fn p4_what_the_registry_says_counts_and_not_what_the_supply_shows() {
	let store = market((0..3).map(machine));
	let spec = spec(MatchingPolicy::Fastest);
	let slower = |worker| {
		let throughput_mops = if worker == 1 { 1_000 } else { 99 };
		Some(candidate(Entry { throughput_mops, ..machine(worker) }))
	};
	let mut times_found = 0;
	for number in 0..60 {
		let (drawn, notes) = draw_vetted(&store, &request(&spec, 1), &seed(number), slower);
		assert!(drawn.picks.is_none() || chosen(&drawn) == [1]);
		assert!(drawn.gone.is_empty());
		let misfits =
			notes.iter().filter(|note| note.verdict == Verdict::Misfit(Misfit::Throughput));
		assert!(misfits.count() <= 2);
		times_found += chosen(&drawn).len();
	}
	assert!(times_found > 20);
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

/// How often each machine is drawn over so many seeds.
fn tally(store: &MemoryStore, spec: &TaskSpec, draws: u32) -> BTreeMap<WorkerId, u32> {
	let mut counts: BTreeMap<WorkerId, u32> = store.places.keys().map(|id| (*id, 0)).collect();
	for number in 0..draws {
		let (drawn, _) = draw(store, &request(spec, 1), &seed(number));
		*counts.get_mut(&chosen(&drawn)[0]).unwrap() += 1;
	}
	counts
}

/// Fails unless counts are as even as chance makes them: chi-squared within four standard deviations.
fn assert_even(counts: impl IntoIterator<Item = u32>) {
	let counts: Vec<f64> = counts.into_iter().map(f64::from).collect();
	let expected = counts.iter().sum::<f64>() / counts.len() as f64;
	let chi_squared: f64 = counts.iter().map(|count| (count - expected).powi(2) / expected).sum();
	let freedom = (counts.len() - 1) as f64;
	assert!(chi_squared < freedom + 4.0 * (2.0 * freedom).sqrt(), "{chi_squared} for {freedom}");
}

#[test]
fn p5_five_equal_machines_are_drawn_evenly() {
	let store = market((0..5).map(machine));
	for policy in POLICIES {
		assert_even(tally(&store, &spec(policy), 5_000).into_values());
	}
}

#[test]
fn p5_two_hundred_equal_machines_on_several_pages_are_drawn_evenly() {
	// Six full pages and a short one.
	let store = market((0..200).map(machine));
	for policy in POLICIES {
		assert_even(tally(&store, &spec(policy), 10_000).into_values());
	}
}

#[test]
fn p5_machines_on_a_page_with_one_and_on_full_ones_are_drawn_alike() {
	let full = 6 * PAGE_MACHINES;
	let store = market((0..full + 1).map(machine));
	for policy in POLICIES {
		let alone = tally(&store, &spec(policy), 10_000)[&full];
		// 52 on average; four standard deviations.
		assert!((23..=81).contains(&alone), "{alone} {policy:?}");
	}
}

#[test]
fn p5_equal_machines_of_sparse_buckets_are_drawn_as_often_as_those_of_a_long_one() {
	// The task leaves as much unused of each, of cores or of memory: only their buckets differ.
	let tenths = [30; 160].into_iter().chain([10, 20, 70, 150, 280]);
	let machines = (0..).zip(tenths).map(|(worker, tenths)| Entry {
		free: cpu(1_000 + 100 * tenths, 1_024 + 400 * (300 - tenths)),
		..machine(worker)
	});
	let store = market(machines);
	assert_eq!(store.directory.buckets().len(), 6);
	for policy in [MatchingPolicy::Cheapest, MatchingPolicy::Fastest, MatchingPolicy::Greenest] {
		assert_even(tally(&store, &spec(policy), 10_000).into_values());
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
fn p7_machines_that_ask_little_and_lack_the_bond_do_not_hide_the_others() {
	// Every tenth asks nearly nothing and lacks the bond; they stand on a third of the pages and have the lowest floors.
	let is_lure = |worker: WorkerId| worker % 10 == 3;
	let price = |worker| if is_lure(worker) { 1 } else { PRICE };
	let hits = hits_of_the_cheapest(price, |worker| !is_lure(worker));
	// Those that find nothing at first are drawn again.
	assert!(hits >= 180, "{hits}");
}

#[test]
fn p5_machines_that_have_a_task_are_drawn_not_much_more_often_than_idle_ones() {
	// Every tenth has three of four cores left.
	let free = |worker| cpu(if worker % 10 == 0 { 3_000 } else { 4_000 }, 4_096);
	let store = market((0..200).map(|worker| Entry { free: free(worker), ..machine(worker) }));
	for policy in POLICIES {
		let counts = tally(&store, &spec(policy), 5_000);
		let busy: u32 = counts.iter().filter(|(id, _)| *id % 10 == 0).map(|(_, count)| count).sum();
		// 500 where all are alike; a third more room is preferred once in fifteen times.
		assert!((400..=900).contains(&busy), "{busy} {policy:?}");
	}
}

#[test]
fn a_balanced_task_leaves_scarce_graphics_processors_to_those_that_name_them() {
	let free =
		|worker, class| Free { gpu_class: class, ..gpus(&[1_000; 2][..1 + worker as usize % 2]) };
	let class = |worker| if worker < 10 { 5 } else { 3 };
	let machines =
		(0..100).map(|worker| Entry { free: free(worker, class(worker)), ..machine(worker) });
	let store = market(machines);
	let mut spec = spec(MatchingPolicy::Balanced);
	spec.requirements.resources.gpu = GpuShare { count: 1, milli: 1_000, ..GpuShare::default() };
	let scarce = |spec: &TaskSpec| -> u32 {
		tally(&store, spec, 2_000).range(..10).map(|(_, count)| count).sum()
	};
	// The square of a ninth, of 2,000: 24.
	assert!((5..=60).contains(&scarce(&spec)), "{}", scarce(&spec));
	spec.requirements.resources.gpu.classes = 1 << 5;
	assert_eq!(scarce(&spec), 2_000);
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
fn p5_the_order_of_frozen_tasks_is_a_permutation() {
	for length in 1..=300 {
		let tasks: BTreeSet<u32> =
			(0..length).map(|index| order_of(&seed(length), length, index)).collect();
		assert_eq!(tasks, (0..length).collect());
	}
	assert_eq!(order_of(&seed(1), 0, 0), 0);
}

#[test]
fn p5_each_frozen_task_is_as_often_first_or_last_as_another() {
	for length in [2, 3, 7, 12, 30] {
		for index in [0, 1, length - 1] {
			let mut counts = vec![0u32; length as usize];
			for number in 0..6_000 {
				counts[order_of(&seed(number), length, index) as usize] += 1;
			}
			assert_even(counts);
		}
	}
}
