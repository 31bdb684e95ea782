//! Where machines stand, and why they get no work.

use super::*;
use crate::task::tests::{machine, rules};
use aidragon_primitives::{resources::Resources, worker::Grant};

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
	let resources = Resources::cpu(all.cpu_milli(), all.memory_mib);
	full.worker.ledger.reserve(&Grant { resources, gpus: 0 }).unwrap();
	assert_eq!(obstacle(&full), Some(Obstacle::Full));
}
