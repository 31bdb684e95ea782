//! What the registry answers and changes while machines are drawn.

use super::world::{Key, World};
use crate::{keys::AccountId, Replica, Worker};
use aidragon_primitives::{
	interface::{CapacityExceeded, Reservation},
	supply,
	task::TaskSpec,
	worker::{Candidate, Capability, Provider, Registry, Thresholds},
	Balance, WorkerId,
};

impl Registry for World {
	type AccountId = AccountId;

	fn worker(&self, id: WorkerId) -> Option<Worker> {
		self.known(&self.workers, &id, Key::Worker(id)).cloned().flatten()
	}

	fn capability(&self, id: WorkerId) -> Option<Capability> {
		self.known(&self.capabilities, &id, Key::Capability(id)).copied().flatten()
	}

	fn provider(&self, account: &AccountId) -> Option<Provider> {
		self.known(&self.providers, account, Key::Provider(*account)).cloned().flatten()
	}

	fn is_attestor(&self, account: &AccountId) -> bool {
		self.known(&self.attestors, account, Key::Attestor(*account)).copied().unwrap_or_default()
	}

	fn thresholds(&self) -> Thresholds {
		self.frame.thresholds
	}

	fn bond_per_worker(&self) -> Balance {
		self.frame.bond_per_worker
	}
}

impl World {
	/// The machine as a candidate, if it may be given work.
	pub(super) fn find_candidate(&self, id: WorkerId) -> Option<Candidate<AccountId>> {
		self.check_candidate(id, self.frame.now).ok()
	}

	/// Brings the supply up to date about a machine.
	pub(super) fn supply_changed(&mut self, worker: WorkerId) {
		match self.find_candidate(worker) {
			Some(candidate) => {
				supply::update(self, candidate.entry);
			}
			None => {
				supply::remove(self, worker);
			}
		}
	}

	/// Takes what a drawn machine gives.
	pub(super) fn take(
		&mut self,
		id: WorkerId,
		reservation: &Reservation,
	) -> Result<(), CapacityExceeded> {
		let mut worker = self.worker(id).ok_or(CapacityExceeded)?;
		let mut provider = self.provider(&worker.provider).ok_or(CapacityExceeded)?;
		worker.take_task(&reservation.grant).map_err(|_| CapacityExceeded)?;
		provider.take_task(reservation.stake);
		self.providers.insert(worker.provider, Some(provider));
		self.workers.insert(id, Some(worker));
		Ok(())
	}

	/// Gives back what a machine holds for a task that ends without a result.
	pub(super) fn release(&mut self, spec: &TaskSpec, replica: &Replica) {
		let stake = spec.stake(replica.price_per_gfuel);
		let Some(mut worker) = self.worker(replica.worker) else { return };
		let Some(mut provider) = self.provider(&replica.provider) else { return };
		if worker.end_task(&replica.grant(spec)).is_err() {
			return;
		}
		provider.end_task(stake);
		self.workers.insert(replica.worker, Some(worker));
		self.providers.insert(replica.provider, Some(provider));
		self.supply_changed(replica.worker);
	}
}
