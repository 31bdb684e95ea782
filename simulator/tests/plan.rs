//! Traces at the edges: none, one, too long, out of order, and tasks that fit nothing.

use aidragon_primitives::{
	resources::{GpuShare, Gpus, Resources},
	task::MatchingPolicy,
	worker::{Capacity, Site},
};
use aidragon_sim::{
	error::Error,
	progress::Progress,
	trace::{run, Mode, Options, Plan, Report},
	workload::{Node, Work, Workload},
};

const OPTIONS: Options = Options {
	seed: 1,
	policy: MatchingPolicy::Balanced,
	mode: Mode::Timed { until_demand: None },
	block_seconds: None,
	limit: None,
};

fn node(name: &str, gpus: u8) -> Node {
	Node {
		name: name.to_owned(),
		provider: name.to_owned(),
		capacity: Capacity {
			gpus: Gpus { class: 0, count: gpus, memory_mib: 1 },
			..Capacity::cpu(8, 4_096)
		},
		throughput_mops: 1,
		price_per_gfuel: 10,
		site: Site::default(),
	}
}

fn work(arrives_at: u64, lasts: Option<u64>) -> Work {
	let gpu = GpuShare { count: 1, milli: 1_000, ..GpuShare::default() };
	Work {
		name: String::new(),
		resources: Resources { gpu, ..Resources::cpu(1_000, 512) },
		arrives_at,
		lasts,
		price_cap: None,
		replicas: 1,
		region: None,
	}
}

fn workload(gpus: u8, tasks: Vec<Work>) -> Workload {
	Workload { nodes: vec![node("a", gpus)], tasks, memory_unit_mib: 1, ..Workload::default() }
}

fn ran(workload: &Workload, options: &Options) -> Report {
	run(workload, options, &mut Progress::new(true)).unwrap()
}

fn blocks(plan: &Plan) -> Vec<(u32, usize)> {
	plan.arrivals.iter().map(|arrival| (arrival.block, arrival.work)).collect()
}

#[test]
fn no_task_at_all_is_a_trace() {
	let report = ran(&workload(1, Vec::new()), &OPTIONS);
	assert_eq!((report.tasks, report.pallet.outcome.tasks_placed), (0, 0));
	assert_eq!((report.points_above_best_baseline, report.pallet.outcome.jain_of_work), (0.0, 0.0));
	let inflate = Options { mode: Mode::Inflate { ratio: 0.9 }, ..OPTIONS };
	assert!(matches!(Plan::new(&workload(1, Vec::new()), &inflate), Err(Error::Usage(_))));
}

#[test]
fn what_fits_nothing_waits_to_the_end_and_does_not_disturb() {
	let mut huge = work(0, Some(9));
	huge.resources.cpu_milli = u32::MAX;
	let mut unpaid = work(0, Some(9));
	unpaid.price_cap = Some(1);
	let report = ran(&workload(1, vec![huge, work(0, Some(9)), unpaid]), &OPTIONS);
	let outcomes = report.baselines.iter().map(|scan| &scan.outcome);
	for outcome in outcomes.chain([&report.pallet.outcome]) {
		assert_eq!((outcome.tasks_placed, outcome.tasks_not_placed), (1, 2));
	}
}

#[test]
fn times_count_from_the_first_arrival_in_whatever_order_tasks_stand() {
	let start = 1_700_000_000;
	let tasks = vec![
		work(start + 60, Some(9)),
		work(start, Some(9)),
		work(start + 31, Some(9)),
		work(start + 30, Some(9)),
	];
	let plan = Plan::new(&workload(1, tasks), &OPTIONS).unwrap();
	assert_eq!(blocks(&plan), [(1, 1), (11, 3), (11, 2), (21, 0)]);
}

#[test]
fn a_block_is_as_long_as_the_longest_task_and_the_whole_trace_need() {
	let seconds = |tasks| Plan::new(&workload(1, tasks), &OPTIONS).unwrap().block_seconds;
	assert_eq!(seconds(vec![work(0, Some(60))]), 3);
	assert_eq!(seconds(vec![work(0, Some(2_000_000))]), 10);
	// What stays has to be there until the last has come, for which it has half of a deadline.
	assert_eq!(seconds(vec![work(0, None), work(2_000_000, Some(9))]), 20);
	assert_eq!(seconds(vec![work(0, Some(9)), work(2_000_000_000, Some(9))]), 1_001);
	let few = Options { block_seconds: Some(19), ..OPTIONS };
	let tasks = vec![work(0, None), work(2_000_000, Some(9))];
	let Err(Error::Usage(message)) = Plan::new(&workload(1, tasks), &few) else { panic!() };
	assert!(message.contains("give at least 20"), "{message}");
}

#[test]
fn what_stays_is_still_there_when_the_last_has_come() {
	let tasks = vec![work(0, None), work(600_000, None)];
	let report = ran(&workload(2, tasks), &Options { block_seconds: Some(20), ..OPTIONS });
	assert_eq!(report.pallet.outcome.gpu.placed_of_all, 1.0);
	assert_eq!(report.pallet.outcome.tasks_placed, 2);
}

#[test]
fn inflation_that_takes_longer_than_tasks_may_stay_is_refused() {
	let mut tasks = vec![work(0, None); 3_000];
	tasks[1..].iter_mut().for_each(|task| task.resources.gpu = GpuShare::default());
	tasks[0].resources.gpu.milli = 1;
	let inflate = Options { mode: Mode::Inflate { ratio: 1.0 }, ..OPTIONS };
	let Err(Error::Usage(message)) = Plan::new(&workload(1, tasks), &inflate) else { panic!() };
	assert!(message.contains("smaller RATIO"), "{message}");
}
