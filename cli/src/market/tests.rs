//! What the counts of a quote say.

use super::*;
use crate::task::tests::{machine, spec};

const NOW: BlockNumber = 1_000;

#[test]
fn the_ladder_has_every_rung() {
	let online = machine(0);
	assert_eq!((online.rung(NOW), online.obstacle(NOW)), (Rung::Online, None));
	let mut busy = machine(0);
	busy.worker.running = 1;
	assert_eq!(busy.rung(NOW), Rung::Busy);
	let mut silent = machine(0);
	silent.worker.last_seen = Some(NOW - LIVENESS_BLOCKS - 1);
	assert_eq!((silent.rung(NOW), silent.obstacle(NOW)), (Rung::Verified, Some(Obstacle::NotLive)));
	let unproved = Machine { capability: None, ..machine(0) };
	assert_eq!(unproved.rung(NOW), Rung::Registered);
	assert_eq!(unproved.obstacle(NOW), Some(Obstacle::NotProved));
	let unbonded = Machine { bonded: false, ..machine(0) };
	assert_eq!(unbonded.obstacle(NOW), Some(Obstacle::NotBonded));
	let mut draining = machine(0);
	draining.worker.status = WorkerStatus::Draining;
	assert_eq!(draining.rung(NOW), Rung::Draining);
	let mut retiring = machine(0);
	retiring.worker.status = WorkerStatus::Retiring { removable_at: NOW };
	assert_eq!(
		(retiring.rung(NOW).to_string().as_str(), retiring.obstacle(NOW)),
		("retiring", Some(Obstacle::Retiring))
	);
	let mut full = machine(0);
	full.worker.reserved = full.worker.claimed;
	assert_eq!(full.obstacle(NOW), Some(Obstacle::Full));
}

#[test]
fn every_machine_counts_once() {
	let mut all: Vec<Machine> = (0..8).map(machine).collect();
	all[1].worker.price_per_gfuel = spec().price_cap_per_gfuel + 1;
	all[2].worker.claimed.vcpus = 0;
	all[3].worker.last_seen = None;
	all[4].capability = None;
	all[5].worker.status = WorkerStatus::Draining;
	all[6].worker.provider = all[0].worker.provider;
	let supply = Supply::of(&all, &spec(), &[7], NOW);
	assert_eq!(supply.machines, 8);
	assert_eq!((supply.fitting, supply.providers), (2, 1));
	let others = [
		supply.above_cap,
		supply.too_small,
		supply.not_live,
		supply.not_proved,
		supply.not_offered,
		supply.had_it_before,
	];
	assert_eq!(others, [1; 6]);
	assert_eq!(supply.too_slow, 0);
	let message = supply.message();
	assert!(
		message.starts_with("2 of 8 machines fit, of 1 provider; passed over: 1 above"),
		"{message}"
	);
	assert!(!message.contains("throughput"), "{message}");
}

#[test]
fn a_slow_machine_is_told_from_a_small_one() {
	let mut slow = spec();
	slow.requirements.throughput_min_mops = u32::MAX;
	assert_eq!(Supply::of(&[machine(0)], &slow, &[], NOW).too_slow, 1);
}
