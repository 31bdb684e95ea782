//! What the pallet asks of the rest of the chain: machines, randomness and money, in plain memory.

use super::{
	escrow::Money,
	runtime::{AccountId, TaskMatching},
};
use crate::{
	cluster::{provider_account, Host},
	workload::Node,
};
use aidragon_primitives::{
	beacon::accumulate,
	interface::{
		Beacon, CapacityExceeded, Conduct, Escrow, EscrowError, Payment, Reservation,
		SupplyListener, WorkerDirectory,
	},
	supply::bucket_of,
	worker::{Candidate, Grant},
	Balance, BlockNumber, Hash32, WorkerId,
};
use codec::Encode;
use sp_core::{sr25519, Pair};
use sp_crypto_hashing::blake2_256;
use std::{cell::RefCell, collections::BTreeMap};

/// A change of what a machine has left, in the order in which it happened.
#[derive(Clone, Copy, Debug)]
pub struct Step {
	/// The machine.
	pub worker: WorkerId,
	/// What was taken or given back.
	pub grant: Grant,
	/// Whether it was taken.
	pub is_taken: bool,
}

struct Machine {
	host: Host,
	provider: AccountId,
	is_online: bool,
	is_draining: bool,
	key: Option<sr25519::Pair>,
}

/// The rest of the chain.
#[derive(Default)]
pub struct World {
	machines: Vec<Machine>,
	worker_by_key: BTreeMap<AccountId, WorkerId>,
	money: Money,
	seed: u64,
	beacons: Vec<Hash32>,
	steps: Vec<Step>,
	asked: Asked,
}

/// What the pallet asked of the registry so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Asked {
	/// Candidates.
	pub(super) lookups: u64,
	/// Candidates that had been asked for at the last reservation.
	pub(super) lookups_at_reservation: u64,
	/// Reservations.
	pub(super) reservations: u64,
}

thread_local! {
	static WORLD: RefCell<World> = RefCell::default();
}

impl World {
	/// Begins anew, with beacons that follow from `seed`.
	pub(super) fn reset(seed: u64) {
		WORLD.set(Self { seed, ..Self::default() });
		// That of the genesis block: every block has its own at its beginning.
		Self::extend_beacon();
	}

	fn with<R>(body: impl FnOnce(&mut Self) -> R) -> R {
		WORLD.with_borrow_mut(body)
	}

	/// Extends the beacon by one block: a hash chain.
	pub(super) fn extend_beacon() {
		Self::with(|world| {
			// As many as there are blocks.
			let block = world.beacons.len() as BlockNumber;
			let previous = world.beacons.last().copied().unwrap_or_default();
			let output = (b"aidragon/sim/vrf", world.seed, block).using_encoded(blake2_256);
			world.beacons.push(accumulate(previous, block, output));
		});
	}

	/// Adds a machine that is on line, and gives its number. The supply does not know it yet.
	pub(super) fn add_machine(node: &Node) -> WorkerId {
		Self::with(|world| {
			// Far below 2³² here.
			let worker = world.machines.len() as WorkerId;
			world.machines.push(Machine {
				host: Host::new(worker, node),
				provider: AccountId::new(provider_account(&node.provider)),
				is_online: true,
				is_draining: false,
				key: None,
			});
			worker
		})
	}

	/// Has a machine take nothing new, or take tasks again.
	pub(super) fn set_draining(worker: WorkerId, is_draining: bool) {
		Self::with(|world| {
			if let Some(machine) = world.machines.get_mut(worker as usize) {
				machine.is_draining = is_draining;
			}
		});
	}

	/// Has a machine go off line, or come back.
	pub(super) fn set_online(worker: WorkerId, is_online: bool) {
		Self::with(|world| {
			if let Some(machine) = world.machines.get_mut(worker as usize) {
				machine.is_online = is_online;
			}
		});
	}

	/// The key with which a machine signs, made when it is first asked for.
	pub(super) fn key_of(worker: WorkerId) -> Option<sr25519::Pair> {
		Self::with(|world| {
			let machine = world.machines.get_mut(worker as usize)?;
			if let Some(key) = &machine.key {
				return Some(key.clone());
			}
			let seed = (b"aidragon/sim/key", worker).using_encoded(blake2_256);
			let key = sr25519::Pair::from_seed(&seed);
			machine.key = Some(key.clone());
			world.worker_by_key.insert(AccountId::from(key.public()), worker);
			Some(key)
		})
	}

	/// Gives an account money.
	pub(super) fn endow(who: &AccountId) {
		Self::with(|world| world.money.endow(who));
	}

	/// P1: whether no money appeared or got lost.
	pub(super) fn is_conserved() -> bool {
		Self::with(|world| world.money.is_conserved())
	}

	/// Machines of which something is taken.
	pub(super) fn busy_machines() -> u32 {
		Self::with(|world| {
			let busy = world.machines.iter().filter(|machine| machine.host.is_busy());
			busy.count() as u32
		})
	}

	/// What happened to machines since this was asked last.
	pub(super) fn take_steps() -> Vec<Step> {
		Self::with(|world| std::mem::take(&mut world.steps))
	}

	/// What the pallet asked for so far.
	pub(super) fn asked() -> Asked {
		Self::with(|world| world.asked)
	}

	/// A machine as the registry would show it, without counting that anybody asked.
	pub(super) fn show(worker: WorkerId) -> Option<Candidate<AccountId>> {
		Self::with(|world| world.show_machine(worker))
	}

	fn show_machine(&self, worker: WorkerId) -> Option<Candidate<AccountId>> {
		let machine = self.machines.get(worker as usize)?;
		let takes_tasks = machine.is_online && !machine.is_draining;
		bucket_of(&machine.host.entry.free).filter(|_| takes_tasks)?;
		Some(Candidate {
			entry: machine.host.entry.clone(),
			provider: machine.provider.clone(),
			// Bonds cover everything here.
			stake_free: Balance::MAX,
		})
	}

	fn change(&mut self, worker: WorkerId, grant: &Grant, is_taken: bool) -> Option<()> {
		let host = &mut self.machines.get_mut(worker as usize)?.host;
		match is_taken {
			true => host.take(grant).ok()?,
			false => host.give_back(grant).ok()?,
		}
		self.steps.push(Step { worker, grant: *grant, is_taken });
		Some(())
	}
}

impl Beacon for World {
	fn advance() {}

	fn latest() -> Option<(BlockNumber, Hash32)> {
		Self::with(|world| {
			let block = world.beacons.len().checked_sub(1)?;
			Some((block as BlockNumber, *world.beacons.last()?))
		})
	}
}

impl WorkerDirectory<AccountId> for World {
	fn worker_of(hot_key: &AccountId) -> Option<WorkerId> {
		Self::with(|world| world.worker_by_key.get(hot_key).copied())
	}

	fn provider_of(worker: WorkerId) -> Option<AccountId> {
		Self::with(|world| Some(world.machines.get(worker as usize)?.provider.clone()))
	}

	fn is_online(worker: WorkerId) -> bool {
		Self::with(|world| {
			world.machines.get(worker as usize).is_some_and(|machine| machine.is_online)
		})
	}

	fn candidate(worker: WorkerId, _: BlockNumber) -> Option<Candidate<AccountId>> {
		Self::with(|world| {
			world.asked.lookups += 1;
			world.show_machine(worker)
		})
	}

	fn reserve(
		worker: WorkerId,
		reservation: &Reservation,
		_: BlockNumber,
	) -> Result<(), CapacityExceeded> {
		let grant = &reservation.grant;
		Self::with(|world| {
			world.asked.reservations += 1;
			world.asked.lookups_at_reservation = world.asked.lookups;
			let candidate = world.show_machine(worker).ok_or(CapacityExceeded)?;
			let gpus = candidate.entry.free.place(&grant.resources);
			if gpus != Ok(grant.gpus) {
				return Err(CapacityExceeded);
			}
			world.change(worker, grant, true).ok_or(CapacityExceeded)
		})
	}

	fn release(worker: WorkerId, reservation: &Reservation, conduct: Conduct) {
		let went_silent = Self::with(|world| {
			let changed = world.change(worker, &reservation.grant, false);
			let machine = world.machines.get_mut(worker as usize).filter(|_| changed.is_some())?;
			let went_silent = conduct == Conduct::Missed && machine.is_online;
			machine.is_online &= conduct != Conduct::Missed;
			Some(went_silent)
		});
		if went_silent == Some(true) {
			TaskMatching::went_silent(worker);
		}
	}
}

impl Escrow<AccountId> for World {
	fn lock(who: &AccountId, amount: Balance) -> Result<(), EscrowError> {
		Self::with(|world| world.money.lock(who, amount))
	}

	fn unlock(who: &AccountId, amount: Balance) -> Result<(), EscrowError> {
		Self::with(|world| world.money.unlock(who, amount))
	}

	fn pay(payment: &Payment<'_, AccountId>) -> Result<(), EscrowError> {
		Self::with(|world| world.money.pay(payment))
	}

	fn locked(who: &AccountId) -> Balance {
		Self::with(|world| world.money.held(who))
	}
}
