//! Equal machines are drawn alike, and frozen tasks in an order that prefers none.

mod common;

use aidragon_primitives::{
	matching::order_of,
	supply::{Entry, PAGE_MACHINES},
	task::MatchingPolicy,
};
use common::{cpu, machine, market, seed, spec, tally, POLICIES};
use std::collections::BTreeSet;

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
