//! The baselines, on cases that can be done by hand.

use aidragon_primitives::{
	resources::{GpuShare, Gpus, Resources},
	supply::ProviderTag,
	task::{MatchingPolicy, TaskSpec},
	worker::{Capacity, Grant, Site},
};
use aidragon_sim::{
	baseline::{Baseline, Scale},
	cluster::{cheapest, taken_gpu_milli, Host},
	dice::Dice,
	fragmentation::Typical,
	workload::{specification, Node, Work, Workload},
};

fn node(name: &str, vcpus: u16, memory_mib: u32, gpus: u8) -> Node {
	Node {
		name: name.to_owned(),
		provider: name.to_owned(),
		capacity: Capacity {
			gpus: Gpus { class: 0, count: gpus, memory_mib: 1 },
			..Capacity::cpu(vcpus, memory_mib)
		},
		throughput_mops: 1,
		price_per_gfuel: 10,
		site: Site::default(),
	}
}

fn hosts(nodes: &[Node]) -> Vec<Host> {
	(0..).zip(nodes).map(|(worker, node)| Host::new(worker, node)).collect()
}

fn spec(cores: u32, memory_mib: u32, count: u8, milli: u16) -> TaskSpec {
	let gpu = GpuShare { count, milli, ..GpuShare::default() };
	let resources = Resources { gpu, ..Resources::cpu(cores * 1_000, memory_mib) };
	specification(resources, 10, MatchingPolicy::Balanced, 10)
}

fn chosen(baseline: Baseline, hosts: &[Host], spec: &TaskSpec) -> Option<usize> {
	chosen_but(baseline, hosts, spec, &[])
}

fn chosen_but(
	baseline: Baseline,
	hosts: &[Host],
	spec: &TaskSpec,
	taken: &[ProviderTag],
) -> Option<usize> {
	baseline.choose(hosts, spec, taken, &Scale::of(hosts), &mut Dice::new(1, "test"))
}

#[test]
fn first_fit_takes_the_first_that_fits() {
	let hosts = hosts(&[node("a", 2, 9, 0), node("b", 8, 9, 0), node("c", 4, 9, 0)]);
	assert_eq!(chosen(Baseline::FirstFit, &hosts, &spec(1, 1, 0, 0)), Some(0));
	assert_eq!(chosen(Baseline::FirstFit, &hosts, &spec(3, 1, 0, 0)), Some(1));
	assert_eq!(chosen(Baseline::FirstFit, &hosts, &spec(9, 1, 0, 0)), None);
	let taken = [hosts[1].entry.provider];
	assert_eq!(chosen_but(Baseline::FirstFit, &hosts, &spec(3, 1, 0, 0), &taken), Some(2));
}

#[test]
fn best_fit_leaves_the_smallest_sum() {
	// Over the largest of each, 8 cores and 400 MiB: 1/2 + 1/4, 1/4 + 3/4, 1 + 1.
	let hosts = hosts(&[node("a", 4, 100, 0), node("b", 2, 300, 0), node("c", 8, 400, 0)]);
	assert_eq!(chosen(Baseline::BestFit, &hosts, &spec(1, 50, 0, 0)), Some(0));
	assert_eq!(chosen(Baseline::BestFit, &hosts, &spec(1, 200, 0, 0)), Some(1));
	assert_eq!(chosen(Baseline::BestFit, &hosts, &spec(4, 200, 0, 0)), Some(2));
}

#[test]
fn dot_product_is_small_where_what_is_wanted_is_scarce() {
	// A task of cores: 4/8 of them free on `a`, 2/8 on `b`, whatever there is of memory.
	let hosts = hosts(&[node("a", 4, 100, 0), node("b", 2, 400, 0), node("c", 8, 10, 0)]);
	assert_eq!(chosen(Baseline::DotProduct, &hosts, &spec(2, 1, 0, 0)), Some(1));
	// Mostly memory: 1/8 · 4/8 + 90/400 · 1/4 on `a` is less than 1/8 · 2/8 + 90/400 on `b`.
	assert_eq!(chosen(Baseline::DotProduct, &hosts, &spec(1, 90, 0, 0)), Some(0));
}

#[test]
fn random_takes_each_that_fits() {
	let hosts = hosts(&[node("a", 1, 9, 0), node("b", 4, 9, 0), node("c", 4, 9, 0)]);
	let scale = Scale::of(&hosts);
	let mut dice = Dice::new(1, "test");
	let drawn: Vec<usize> = (0..50)
		.filter_map(|_| Baseline::Random.choose(&hosts, &spec(2, 1, 0, 0), &[], &scale, &mut dice))
		.collect();
	assert!(drawn.len() == 50 && drawn.contains(&1) && drawn.contains(&2) && !drawn.contains(&0));
}

#[test]
fn the_cheapest_is_of_those_that_fit() {
	let mut nodes = [node("a", 1, 9, 0), node("b", 4, 9, 0), node("c", 4, 9, 0)];
	nodes[0].price_per_gfuel = 1;
	nodes[2].price_per_gfuel = 7;
	let hosts = hosts(&nodes);
	assert_eq!(cheapest(&hosts, &spec(1, 1, 0, 0), &[]), Some(1));
	assert_eq!(cheapest(&hosts, &spec(2, 1, 0, 0), &[]), Some(7));
	assert_eq!(cheapest(&hosts, &spec(2, 1, 0, 0), &[hosts[2].entry.provider]), Some(10));
	assert_eq!(cheapest(&hosts, &spec(9, 1, 0, 0), &[]), None);
}

#[test]
fn fragmentation_is_what_the_next_task_cannot_use() {
	let work = |cores: u32, count, milli| Work {
		name: String::new(),
		resources: spec(cores, 1, count, milli).requirements.resources,
		arrives_at: 0,
		lasts: None,
		price_cap: None,
		replicas: 1,
		region: None,
	};
	// Half of the tasks want a whole one and a core, a quarter half of one, a quarter eight cores; one takes none and does not count.
	let tasks = vec![
		work(1, 1, 1_000),
		work(1, 1, 1_000),
		work(1, 1, 500),
		work(8, 1, 100),
		work(99, 0, 0),
	];
	let nodes = vec![node("a", 8, 9, 1), node("b", 4, 9, 1)];
	let workload = Workload { nodes: nodes.clone(), tasks, ..Workload::default() };
	let mut hosts = hosts(&nodes);
	let typical = Typical::of(&workload);
	// Only the last kind does not fit `b`.
	let fragmentation = typical.fragmentation(&hosts);
	assert_eq!((fragmentation.of_all, fragmentation.of_free), (0.125, 0.125));
	let half = spec(1, 1, 1, 500).requirements.resources;
	hosts[0].take(&Grant { resources: half, gpus: 1 }).unwrap();
	assert_eq!(taken_gpu_milli(&hosts), 500);
	// `a` has half of one left and seven cores: three quarters of the tasks do not fit it, one of `b`'s.
	let fragmentation = typical.fragmentation(&hosts);
	assert_eq!(fragmentation.of_all, (500.0 * 0.75 + 1_000.0 * 0.25) / 2_000.0);
	assert_eq!(fragmentation.of_free, (500.0 * 0.75 + 1_000.0 * 0.25) / 1_500.0);
}
