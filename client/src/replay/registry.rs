//! What the registry answers and changes while machines are drawn.

use super::world::World;
use crate::{keys::AccountId, Replica, Worker};
use aidragon_primitives::{
	drawing::provider_tag,
	interface::{CapacityExceeded, Reservation},
	supply::{self, bucket_of, Entry},
	task::TaskSpec,
	worker::{Candidate, EnergySource, Site, WorkerStatus},
	WorkerId,
};

impl World {
	/// The machine as a candidate, if it may be given work: registered, active, bonded, live, and with a valid proof.
	pub(super) fn find_candidate(&self, id: WorkerId) -> Option<Candidate<AccountId>> {
		let now = self.frame.now;
		let worker = self.worker(id)?;
		if worker.status != WorkerStatus::Active || !worker.availability.is_online() {
			return None;
		}
		let capability = self.capability(id).filter(|capability| capability.is_valid_at(now))?;
		let provider = self.provider(worker.provider)?;
		if !provider.is_covered(self.frame.bond_per_worker) {
			return None;
		}
		let proved = capability.proved_part(&worker.ledger.claimed(), now);
		let free = worker.ledger.free(&proved);
		bucket_of(&free)?;
		let tier = worker.standing.throughput.tier;
		let mops = capability.throughput_mops(now);
		let entry = Entry {
			worker: id,
			provider: provider_tag(&worker.provider),
			offer: worker.offer,
			site: self.site(&worker),
			free,
			throughput_mops: self.frame.thresholds.counted_mops(tier, mops),
		};
		let stake_free = provider.stake_free(self.frame.bond_per_worker);
		Some(Candidate { entry, provider: worker.provider, stake_free })
	}

	/// What a provider merely says of its energy counts for nothing.
	fn site(&self, worker: &Worker) -> Site {
		let is_attested = worker.energy_attestor.is_some_and(|account| self.is_attestor(account));
		let energy = if is_attested { worker.site.energy } else { EnergySource::Undeclared };
		Site { region: worker.site.region, energy }
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
		let mut provider = self.provider(worker.provider).ok_or(CapacityExceeded)?;
		worker.ledger.reserve(&reservation.grant).map_err(|_| CapacityExceeded)?;
		worker.running = worker.running.saturating_add(1);
		provider.at_stake = provider.at_stake.saturating_add(reservation.stake);
		self.providers.insert(worker.provider, Some(provider));
		self.workers.insert(id, Some(worker));
		Ok(())
	}

	/// Gives back what a machine holds for a task that ends without a result.
	pub(super) fn release(&mut self, spec: &TaskSpec, replica: &Replica) {
		let stake = spec.stake(replica.price_per_gfuel);
		let Some(mut worker) = self.worker(replica.worker) else { return };
		let Some(mut provider) = self.provider(replica.provider) else { return };
		if worker.ledger.release(&replica.grant(spec)).is_err() {
			return;
		}
		worker.running = worker.running.saturating_sub(1);
		provider.at_stake = provider.at_stake.saturating_sub(stake);
		self.workers.insert(replica.worker, Some(worker));
		self.providers.insert(replica.provider, Some(provider));
		self.supply_changed(replica.worker);
	}
}
