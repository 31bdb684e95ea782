//! Which machines may be given work, for the chain and for whoever repeats its draws.

use super::{
	Capability, EnergySource, Grant, LedgerError, Provider, Site, Thresholds, Worker, WorkerStatus,
};
use crate::{
	drawing::provider_tag,
	supply::{bucket_of, Entry},
	Balance, BlockNumber, WorkerId,
};
use codec::{Decode, DecodeWithMemTracking, Encode};
use scale_info::TypeInfo;

/// A machine that may be given work at this block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate<AccountId> {
	/// What the supply shows of it.
	pub entry: Entry,
	/// Its provider.
	pub provider: AccountId,
	/// The most that one more task may earn with the bond behind it.
	pub stake_free: Balance,
}

/// Why a machine gets no work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub enum Obstacle {
	/// It is not registered.
	NotRegistered,
	/// It is draining, paused or retiring.
	NotActive,
	/// It did not answer a call or missed a deadline, and has not shown itself since.
	NotLive,
	/// Throughput or memory are not proved, or not any more.
	NotProved,
	/// Its provider's bond does not cover its machines and the work with them.
	NotBonded,
	/// Running tasks hold all that it proved.
	Full,
}

/// The state that decides: the chain's own, or a client's copy of it. Nothing is read before it is needed.
pub trait Registry {
	/// Accounts.
	type AccountId: Clone + Encode;

	/// A machine.
	fn worker(&self, id: WorkerId) -> Option<Worker<Self::AccountId>>;
	/// What it proved, however long ago.
	fn capability(&self, id: WorkerId) -> Option<Capability>;
	/// Who stands behind machines.
	fn provider(&self, account: &Self::AccountId) -> Option<Provider>;
	/// Whether governance lists an account as attestor of energy.
	fn is_attestor(&self, account: &Self::AccountId) -> bool;
	/// The least that each tier of a class takes.
	fn thresholds(&self) -> Thresholds;
	/// Bond that each machine takes in its first tier.
	fn bond_per_worker(&self) -> Balance;

	/// The machine as a candidate at block `now`, or the first reason for which it gets no work.
	fn check_candidate(
		&self,
		id: WorkerId,
		now: BlockNumber,
	) -> Result<Candidate<Self::AccountId>, Obstacle> {
		let worker = self.worker(id).ok_or(Obstacle::NotRegistered)?;
		if worker.status != WorkerStatus::Active {
			return Err(Obstacle::NotActive);
		}
		if !worker.availability.is_online() {
			return Err(Obstacle::NotLive);
		}
		let capability = self.capability(id).filter(|capability| capability.is_valid_at(now));
		let capability = capability.ok_or(Obstacle::NotProved)?;
		let provider = self.provider(&worker.provider).ok_or(Obstacle::NotBonded)?;
		if !provider.is_covered(self.bond_per_worker()) {
			return Err(Obstacle::NotBonded);
		}
		let proved = capability.proved_part(&worker.ledger.claimed(), now);
		let free = worker.ledger.free(&proved);
		bucket_of(&free).ok_or(Obstacle::Full)?;
		let (tier, mops) = (worker.standing.throughput.tier, capability.throughput_mops(now));
		// What a provider merely says of its energy counts for nothing.
		let is_attested =
			worker.energy_attestor.as_ref().is_some_and(|account| self.is_attestor(account));
		let energy = if is_attested { worker.site.energy } else { EnergySource::Undeclared };
		let entry = Entry {
			worker: id,
			provider: provider_tag(&worker.provider),
			offer: worker.offer,
			site: Site { region: worker.site.region, energy },
			free,
			throughput_mops: self.thresholds().counted_mops(tier, mops),
		};
		let stake_free = provider.stake_free(self.bond_per_worker());
		Ok(Candidate { entry, provider: worker.provider, stake_free })
	}
}

impl<AccountId> Worker<AccountId> {
	/// Gives the machine a task that takes `grant`. Changes nothing where that is not left.
	pub fn take_task(&mut self, grant: &Grant) -> Result<(), LedgerError> {
		self.ledger.reserve(grant)?;
		self.running = self.running.saturating_add(1);
		Ok(())
	}

	/// Ends a task that took `grant`. Changes nothing where that was not taken.
	pub fn end_task(&mut self, grant: &Grant) -> Result<(), LedgerError> {
		self.ledger.release(grant)?;
		self.running = self.running.saturating_sub(1);
		Ok(())
	}
}

impl Provider {
	/// Puts the bond behind a task that may earn `stake`.
	pub fn take_task(&mut self, stake: Balance) {
		self.at_stake = self.at_stake.saturating_add(stake);
	}

	/// Lets the bond go that stood behind it.
	pub fn end_task(&mut self, stake: Balance) {
		self.at_stake = self.at_stake.saturating_sub(stake);
	}
}
