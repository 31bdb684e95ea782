//! The traits through which the pallets talk to each other. The runtime wires them in one file.

use crate::{
	worker::{Candidate, Capability, Capacity},
	Balance, BlockNumber, Hash32, TaskId, WorkerId,
};

/// The chain's randomness.
pub trait Beacon {
	/// The newest block whose beacon is known, and that beacon.
	fn latest() -> Option<(BlockNumber, Hash32)>;
	/// The beacon of one of the last blocks.
	fn at(block: BlockNumber) -> Option<Hash32>;
}

/// What machines proved.
pub trait Capabilities {
	/// What `worker` proved last, valid or not.
	fn capability(worker: WorkerId) -> Option<Capability>;
	/// Forgets a machine that was removed.
	fn forget(worker: WorkerId);
}

/// The bonds behind machines.
pub trait Bonds {
	/// Takes up to `amount` of the bond behind `worker`, for a statement that the chain saw to be false, and gives what
	/// was taken. Bad luck is no such statement.
	fn slash(worker: WorkerId, amount: Balance) -> Balance;
}

/// Where machines and their owners are looked up.
pub trait WorkerDirectory<AccountId> {
	/// The machine that signs with `hot_key`.
	fn worker_of(hot_key: &AccountId) -> Option<WorkerId>;
	/// The machine as a candidate, if it may be given work at block `now`: registered, active, bonded, live,
	/// and with a valid proof.
	fn candidate(worker: WorkerId, now: BlockNumber) -> Option<Candidate<AccountId>>;
	/// Takes `capacity` of a machine that is a candidate. Changes nothing where it does not fit.
	fn reserve(
		worker: WorkerId,
		capacity: &Capacity,
		now: BlockNumber,
	) -> Result<(), CapacityExceeded>;
	/// Gives back what [`Self::reserve`] took, and notes how the machine fared.
	fn release(worker: WorkerId, capacity: &Capacity, conduct: Conduct);
}

/// The machine has not as much left as was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CapacityExceeded;

/// How a machine fared with a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conduct {
	/// Its result was accepted.
	Accepted,
	/// Nothing can be said: declined, no agreement, or no longer needed.
	Neutral,
	/// It missed a deadline: out of the supply until it shows itself again.
	Missed,
	/// It was outvoted by an agreeing majority.
	Outvoted,
}

/// Who wants to know that a machine's eligibility or free capacity may have changed.
pub trait SupplyListener {
	/// Looks at `worker` again.
	fn supply_changed(worker: WorkerId);
}

impl SupplyListener for () {
	fn supply_changed(_: WorkerId) {}
}

/// Why money could not be moved. Nothing was moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EscrowError {
	/// The account has not enough free balance.
	InsufficientFunds,
	/// Less is on hold for the account than was to be moved.
	InsufficientEscrow,
	/// The receiving account cannot take the amount.
	CannotReceive,
}

/// Money on hold for tasks.
pub trait Escrow<AccountId> {
	/// Puts `amount` of `who`'s free balance on hold.
	fn lock(who: &AccountId, amount: Balance) -> Result<(), EscrowError>;
	/// Returns `amount` to `who`'s free balance.
	fn unlock(who: &AccountId, amount: Balance) -> Result<(), EscrowError>;
	/// Moves `gross` out of `from`'s hold: the protocol's share to the treasury, the rest to `provider`.
	fn pay(
		task: TaskId,
		from: &AccountId,
		provider: &AccountId,
		gross: Balance,
	) -> Result<(), EscrowError>;
	/// What is on hold for all live tasks of `who`.
	fn locked(who: &AccountId) -> Balance;
}
