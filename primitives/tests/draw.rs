//! What a draw promises: the best of what it saw wins, each machine that was looked at gets a reason, and the registry has the last
//! word.

mod common;

use aidragon_primitives::{
	matching::{check_fit, Considered, Misfit, Request, Score, Verdict},
	supply::{Entry, MemoryStore, ProviderTag},
	task::MatchingPolicy,
	worker::{Candidate, EnergySource, Offer, Site, TaskKinds},
	Balance, WorkerId,
};
use common::{
	candidate, chosen, cpu, draw, draw_vetted, gpus, machine, market, provider, replicated,
	request, seed, shown, spec, verdicts, Drawn, POLICIES, PRICE,
};
use proptest::prelude::*;
use std::collections::BTreeSet;

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
