//! The runtime: the pallet and what FRAME takes, nothing else.

use super::world::World;
use aidragon_primitives::{Balance, BlockNumber, Hash32};
use frame_support::{derive_impl, parameter_types, weights::Weight};
use sp_runtime::{traits::IdentityLookup, AccountId32};

/// Accounts are 32 bytes, as on the chain.
pub(crate) type AccountId = AccountId32;

#[frame_support::runtime]
mod construct {
	#[runtime::runtime]
	#[runtime::derive(
		RuntimeCall,
		RuntimeEvent,
		RuntimeError,
		RuntimeOrigin,
		RuntimeFreezeReason,
		RuntimeHoldReason,
		RuntimeSlashReason,
		RuntimeLockId,
		RuntimeTask,
		RuntimeViewFunction
	)]
	pub struct Sim;

	#[runtime::pallet_index(0)]
	pub type System = frame_system;
	#[runtime::pallet_index(1)]
	pub type TaskMatching = pallet_task_matching;
}

#[derive_impl(frame_system::config_preludes::TestDefaultConfig)]
impl frame_system::Config for Sim {
	type Block = frame_system::mocking::MockBlock<Sim>;
	type AccountId = AccountId;
	type Lookup = IdentityLookup<AccountId>;
}

/// The fuel schedule under which results are accepted here.
pub(crate) const SCHEDULE: Hash32 = [7; 32];
/// Weight that never runs out.
pub const UNLIMITED: Weight = Weight::from_parts(u64::MAX / 4, u64::MAX / 4);

parameter_types! {
	pub const MeterSchedule: Hash32 = SCHEDULE;
	pub const UnixMs: u64 = 0;
	pub static AgendaWeight: Weight = UNLIMITED;
	pub static Retention: BlockNumber = 100;
}

impl pallet_task_matching::Config for Sim {
	type Beacon = World;
	type Directory = World;
	type UnixMs = UnixMs;
	type Escrow = World;
	type MeterSchedule = MeterSchedule;
	type Retention = Retention;
	type AgendaWeight = AgendaWeight;
	type WeightInfo = ();
}

/// More money than anybody spends here.
pub(crate) const ENDOWMENT: Balance = Balance::MAX / 4;
