//! Which machine a policy prefers, and whom it leaves to other tasks.

mod common;

use aidragon_primitives::{
	matching::Request,
	resources::{Free, GpuShare, Resources},
	supply::Entry,
	task::{MatchingPolicy, TaskSpec},
	worker::{EnergySource, Offer, Site},
	Balance, WorkerId,
};
use common::{
	chosen, cpu, draw, gpus, machine, market, request, seed, spec, tally, verdicts, POLICIES, PRICE,
};

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
