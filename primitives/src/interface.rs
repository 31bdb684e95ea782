//! The traits through which the pallets talk to each other. The runtime wires them in one file.

use crate::{
	beacon::SeedStream,
	verification::Slot,
	worker::{Candidate, Capability, Grant, PROOF_TIERS},
	Balance, BlockNumber, Hash32, TaskId, WorkerId,
};

/// The chain's randomness.
pub trait Beacon {
	/// Extends the beacon by this block, unless that was done in it.
	fn advance();
	/// The newest block whose beacon is known, and that beacon.
	fn latest() -> Option<(BlockNumber, Hash32)>;
}

/// What machines proved.
pub trait Capabilities {
	/// What `worker` proved last, valid or not.
	fn capability(worker: WorkerId) -> Option<Capability>;
	/// Whether nobody has reason to doubt what the machine proved last: a machine that was drawn to check it confirmed it, or
	/// none could be drawn.
	fn is_undoubted(worker: WorkerId, slot: Slot) -> bool;
	/// Lets what the machine proved lapse soon: it claims more than it did when it proved that.
	fn hardware_changed(worker: WorkerId);
	/// Forgets a machine that was removed.
	fn forget(worker: WorkerId);
}

/// The bonds behind machines.
pub trait Bonds<AccountId> {
	/// Takes up to `amount` of the bond behind `worker`, for a statement that the chain saw to be false, and gives what
	/// was taken. Bad luck is no such statement. Whoever showed it gets half, the treasury the rest.
	fn slash(worker: WorkerId, amount: Balance, shown_by: Option<&AccountId>) -> Balance;
}

/// Who keeps the standing of machines.
pub trait Standings {
	/// The machine proved one slot; `is_undoubted` where nobody had reason to doubt what it proved of it before.
	fn proved(worker: WorkerId, slot: Slot, is_undoubted: bool);
	/// The machine lost a challenge of one slot.
	fn failed(worker: WorkerId, slot: Slot);
}

/// The machines that are on line, in dense lists by tier of throughput.
pub trait Roster {
	/// How many machines each tier has on line, from tier 0 on.
	fn lengths() -> [u32; PROOF_TIERS + 1];
	/// The machine at one position of a tier's list.
	fn online_at(tier: u8, position: u32) -> Option<WorkerId>;
	/// Whether the machine is on line.
	fn is_online(worker: WorkerId) -> bool;
	/// The number that the next machine gets.
	fn next_number() -> WorkerId;
	/// Whether the machine takes tasks and has none.
	fn is_idle(worker: WorkerId) -> bool;
}

/// How many machines are on line in all.
pub fn count_online(lengths: &[u32; PROOF_TIERS + 1]) -> u32 {
	lengths.iter().fold(0, |sum, length| sum.saturating_add(*length))
}

/// Draws a machine that is on line, each with the same chance: its tier and its position.
pub fn draw_online(lengths: &[u32; PROOF_TIERS + 1], stream: &mut SeedStream) -> Option<(u8, u32)> {
	let mut left = stream.below(count_online(lengths));
	for (tier, length) in (0u8..).zip(lengths) {
		if left < *length {
			return Some((tier, left));
		}
		left -= length;
	}
	None
}

/// Where machines and their owners are looked up.
pub trait WorkerDirectory<AccountId> {
	/// The machine that signs with `hot_key`.
	fn worker_of(hot_key: &AccountId) -> Option<WorkerId>;
	/// The provider of a machine.
	fn provider_of(worker: WorkerId) -> Option<AccountId>;
	/// Whether the machine shows itself.
	fn is_online(worker: WorkerId) -> bool;
	/// The machine as a candidate, if it may be given work at block `now`: registered, active, bonded, live,
	/// and with a valid proof.
	fn candidate(worker: WorkerId, now: BlockNumber) -> Option<Candidate<AccountId>>;
	/// Takes from a machine that is a candidate. Changes nothing where it does not fit. Whoever calls it has the supply look at the
	/// machine again.
	fn reserve(
		worker: WorkerId,
		reservation: &Reservation,
		now: BlockNumber,
	) -> Result<(), CapacityExceeded>;
	/// Gives back what [`Self::reserve`] took, and notes how the machine fared. Whoever calls it has the supply look at the machine
	/// again.
	fn release(worker: WorkerId, reservation: &Reservation, conduct: Conduct);
}

/// What one task takes of a machine and of the bond behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reservation {
	/// Of the machine.
	pub grant: Grant,
	/// The most that the task may earn, which the bond has to cover.
	pub stake: Balance,
}

/// The machine, or the bond behind it, has not as much left as was asked for.
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
	/// It gave the task back when less than half of its time was left.
	ReturnedLate,
}

/// Who wants to know that a machine's eligibility or free capacity may have changed.
pub trait SupplyListener {
	/// Looks at `worker` again.
	fn supply_changed(worker: WorkerId);
	/// Notes that `worker` went off line without being asked to.
	fn went_silent(worker: WorkerId);
	/// Whether `worker` stands in the index.
	fn is_supplied(worker: WorkerId) -> bool;
}

impl SupplyListener for () {
	fn supply_changed(_: WorkerId) {}
	fn went_silent(_: WorkerId) {}
	fn is_supplied(_: WorkerId) -> bool {
		true
	}
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

/// What a provider gets for a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Payment<'a, AccountId> {
	/// The task.
	pub task: TaskId,
	/// The submitter.
	pub from: &'a AccountId,
	/// The provider.
	pub provider: &'a AccountId,
	/// What leaves the hold.
	pub gross: Balance,
	/// Whether it earns points. Parties that chose each other earn none.
	pub earns_points: bool,
}

/// Money on hold for tasks.
pub trait Escrow<AccountId> {
	/// Puts `amount` of `who`'s free balance on hold.
	fn lock(who: &AccountId, amount: Balance) -> Result<(), EscrowError>;
	/// Returns `amount` to `who`'s free balance.
	fn unlock(who: &AccountId, amount: Balance) -> Result<(), EscrowError>;
	/// Moves a payment's gross amount out of the submitter's hold: the protocol's share to the treasury, the rest to the provider.
	fn pay(payment: &Payment<'_, AccountId>) -> Result<(), EscrowError>;
	/// What is on hold for all live tasks of `who`.
	fn locked(who: &AccountId) -> Balance;
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn every_machine_on_line_is_drawn_as_often_as_another() {
		let lengths = [0, 3, 0, 5, 0, 0, 2];
		let mut stream = SeedStream::new([3; 32]);
		let mut counts = std::collections::BTreeMap::<(u8, u32), u32>::new();
		for _ in 0..10_000 {
			*counts.entry(draw_online(&lengths, &mut stream).unwrap()).or_default() += 1;
		}
		assert_eq!(counts.len(), 10);
		// Four standard deviations of a binomial with 10,000 tries at a tenth.
		assert!(counts.values().all(|count| (880..=1_120).contains(count)), "{counts:?}");
		assert_eq!(draw_online(&[0; PROOF_TIERS + 1], &mut stream), None);
	}
}
