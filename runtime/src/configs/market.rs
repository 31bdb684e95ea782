//! The compute market: machines, challenges, tasks, payments, and how these four find each other.

use aidragon_primitives::{attestation::METER_SCHEDULE, Hash32};
use frame_support::{
	parameter_types,
	traits::{ConstU128, ConstU32},
	weights::Weight,
};
use sp_runtime::Perbill;

#[cfg(feature = "runtime-benchmarks")]
use {
	crate::{AccountId, RuntimeOrigin, System},
	aidragon_primitives::{
		challenge::{Challenge, Stage, VALIDITY_BLOCKS},
		worker::Capability,
		WorkerId,
	},
	frame_benchmarking::BenchmarkError,
};

use super::{RuntimeBlockWeights, TreasuryAccount};
use crate::{
	constants::{currency::DRGN, time::DAY_BLOCKS},
	Balances, NodeRegistry, ResourceVerification, Runtime, RuntimeHoldReason, TaskMatching,
	TokenRewards,
};

parameter_types! {
	/// The VRF output that BABE kept of the parent block's author.
	pub ParentVrf: Option<Hash32> = pallet_babe::AuthorVrfRandomness::<Runtime>::get();
	/// The fuel schedule that machines meter by.
	pub const MeterSchedule: Hash32 = METER_SCHEDULE;
	/// A fifth of a block at most goes to what the chain does for tasks by itself.
	pub AgendaWeight: Weight = Perbill::from_percent(20) * RuntimeBlockWeights::get().max_block;
}

impl pallet_node_registry::Config for Runtime {
	type Currency = Balances;
	type RuntimeHoldReason = RuntimeHoldReason;
	type Capabilities = ResourceVerification;
	type Supply = TaskMatching;
	type BondPerWorker = ConstU128<{ 100 * DRGN }>;
	type ExitDelay = ConstU32<DAY_BLOCKS>;
	type MaxWorkersPerProvider = ConstU32<1_000>;
	type WeightInfo = pallet_node_registry::weights::SubstrateWeight<Runtime>;
	#[cfg(feature = "runtime-benchmarks")]
	type BenchmarkHelper = Benchmarked;
}

impl pallet_resource_verification::Config for Runtime {
	type ParentVrf = ParentVrf;
	type Directory = NodeRegistry;
	type Supply = TaskMatching;
	type BeaconHistory = ConstU32<256>;
	type WeightInfo = pallet_resource_verification::weights::SubstrateWeight<Runtime>;
	#[cfg(feature = "runtime-benchmarks")]
	type BenchmarkHelper = Benchmarked;
}

impl pallet_task_matching::Config for Runtime {
	type Beacon = ResourceVerification;
	type Directory = NodeRegistry;
	type Escrow = TokenRewards;
	type MeterSchedule = MeterSchedule;
	type Retention = ConstU32<DAY_BLOCKS>;
	type AgendaWeight = AgendaWeight;
	type WeightInfo = pallet_task_matching::weights::SubstrateWeight<Runtime>;
	#[cfg(feature = "runtime-benchmarks")]
	type BenchmarkHelper = super::benchmarking::MarketBenchmarks;
}

impl pallet_token_rewards::Config for Runtime {
	type Currency = Balances;
	type RuntimeHoldReason = RuntimeHoldReason;
	type Treasury = TreasuryAccount;
	type ProtocolShareParts = ConstU32<50_000>;
	type EraBlocks = ConstU32<DAY_BLOCKS>;
	type EraEmission = ConstU128<{ 1_000 * DRGN }>;
	type RewardCapParts = ConstU32<900_000>;
	type ClaimEras = ConstU32<84>;
	type WeightInfo = pallet_token_rewards::weights::SubstrateWeight<Runtime>;
}

/// The market around a pallet whose weights are measured.
#[cfg(feature = "runtime-benchmarks")]
pub struct Benchmarked;

#[cfg(feature = "runtime-benchmarks")]
impl pallet_node_registry::BenchmarkHelper for Benchmarked {
	fn prove(worker: WorkerId) {
		let now = System::block_number();
		let passed = Challenge { requested_at: now, stage: Stage::Passed };
		let capability = Capability {
			throughput_mops: u32::MAX,
			proved_at: now,
			valid_until: now.saturating_add(VALIDITY_BLOCKS),
		};
		pallet_resource_verification::Challenges::<Runtime>::insert(worker, passed);
		pallet_resource_verification::Capabilities::<Runtime>::insert(worker, capability);
	}
}

#[cfg(feature = "runtime-benchmarks")]
impl pallet_resource_verification::BenchmarkHelper<AccountId> for Benchmarked {
	fn register_machine() -> Result<AccountId, BenchmarkError> {
		let (_, hot_key) = pallet_node_registry::register_machine::<Runtime>(0)?;
		NodeRegistry::heartbeat(RuntimeOrigin::signed(hot_key.clone()))?;
		Ok(hot_key)
	}

	fn set_parent_vrf(output: Hash32) {
		pallet_babe::AuthorVrfRandomness::<Runtime>::put(Some(output));
	}
}
