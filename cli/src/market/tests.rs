//! What the counts of a quote say.

use super::*;
use crate::task::tests::{machine, rules, spec};
use aidragon_primitives::worker::{Hours, Ledger};

#[test]
fn the_ladder_has_every_rung() {
	let rung = |machine: &Machine| machine.rung(&rules());
	let obstacle = |machine: &Machine| machine.obstacle(&rules());
	let online = machine(0);
	assert_eq!((rung(&online), obstacle(&online)), (Rung::Online, None));
	let mut busy = machine(0);
	busy.worker.running = 1;
	assert_eq!(rung(&busy), Rung::Busy);
	let mut silent = machine(0);
	silent.worker.availability.go_offline(999);
	assert_eq!((rung(&silent), obstacle(&silent)), (Rung::Verified, Some(Obstacle::NotLive)));
	let unproved = Machine { capability: None, ..machine(0) };
	assert_eq!(
		(rung(&unproved), obstacle(&unproved)),
		(Rung::Registered, Some(Obstacle::NotProved))
	);
	let unbonded = Machine { provider: None, ..machine(0) };
	assert_eq!(obstacle(&unbonded), Some(Obstacle::NotBonded));
	for (status, expected, why) in [
		(WorkerStatus::Draining, Rung::Draining, Obstacle::Draining),
		(WorkerStatus::Paused, Rung::Paused, Obstacle::Paused),
		(WorkerStatus::Retiring { removable_at: 1 }, Rung::Retiring, Obstacle::Retiring),
	] {
		let mut leaving = machine(0);
		leaving.worker.status = status;
		assert_eq!((rung(&leaving), obstacle(&leaving)), (expected, Some(why)));
		assert_eq!(rung(&leaving).to_string(), why.name());
	}
	let mut full = machine(0);
	let all = full.worker.ledger.claimed();
	full.worker.ledger.reserve(&all).unwrap();
	assert_eq!(obstacle(&full), Some(Obstacle::Full));
}

#[test]
fn every_machine_counts_once() {
	let mut all: Vec<Machine> = (0..11).map(machine).collect();
	all[1].worker.offer.price_per_gfuel = spec().price_cap_per_gfuel + 1;
	all[2].worker.ledger = Ledger::new(Capacity { vcpus: 0, memory_mib: 2_048 });
	all[3].worker.availability.go_offline(999);
	all[4].capability = None;
	all[5].worker.status = WorkerStatus::Draining;
	all[6].worker.provider = all[0].worker.provider;
	all[8].worker.offer.task_min_fuel = spec().fuel_limit + 1;
	all[9].worker.offer.hours = Some(Hours { from_minute: 1, until_minute: 2 });
	if let Some(provider) = &mut all[10].provider {
		provider.at_stake = provider.bond / 2;
	}
	let supply = Supply::of(&all, &spec(), &[7], &rules());
	assert_eq!(supply.machines, 11);
	assert_eq!((supply.fitting, supply.providers), (2, 1));
	let others = [
		supply.above_cap,
		supply.too_small,
		supply.not_live,
		supply.not_proved,
		supply.not_offered,
		supply.had_it_before,
		supply.task_too_small,
		supply.closed,
		supply.bond_too_low,
	];
	assert_eq!(others, [1; 9]);
	assert_eq!(supply.too_slow, 0);
	let message = supply.message();
	assert!(
		message.starts_with("2 of 11 machines fit, of 1 provider; passed over: 1 above"),
		"{message}"
	);
	assert!(!message.contains("throughput"), "{message}");
}

#[test]
fn a_slow_machine_is_told_from_a_small_one() {
	let mut slow = spec();
	slow.requirements.throughput_min_mops = u32::MAX;
	assert_eq!(Supply::of(&[machine(0)], &slow, &[], &rules()).too_slow, 1);
}
