//! The compute market: machines, challenges, tasks, payments, and how these four find each other.

use aidragon_primitives::{attestation::METER_SCHEDULE, Hash32};
use codec::Encode;
use frame_support::{
	parameter_types,
	traits::{ConstU128, ConstU32},
	weights::Weight,
};
use frame_system::EnsureRoot;
use sp_consensus_babe::digests::{CompatibleDigestItem, PreDigest};
use sp_io::hashing::blake2_256;
use sp_runtime::{Digest, Perbill};

use super::{RuntimeBlockWeights, TreasuryAccount};
use crate::{
	constants::{currency::DRGN, time::DAY_BLOCKS},
	AccountId, Balances, NodeRegistry, ResourceVerification, Runtime, RuntimeHoldReason, System,
	TaskMatching, TokenRewards,
};

parameter_types! {
	/// The VRF output of the block's author.
	pub AuthorVrf: Option<Hash32> = author_vrf(&System::digest());
	/// The time that the last block's author claimed.
	pub UnixMs: u64 = pallet_timestamp::Now::<Runtime>::get();
	/// The fuel schedule that machines meter by.
	pub const MeterSchedule: Hash32 = METER_SCHEDULE;
	/// A fifth of a block at most goes to what the chain does for tasks by itself.
	pub AgendaWeight: Weight = Perbill::from_percent(20) * RuntimeBlockWeights::get().max_block;
}

/// The VRF output that a block brings along in its header. Whoever imports the block checks it before; BABE itself keeps its own hash of
/// it only at the block's end, too late for what is drawn at its beginning.
pub(crate) fn author_vrf(digest: &Digest) -> Option<Hash32> {
	let claim = digest.logs().iter().find_map(|log| log.as_babe_pre_digest())?;
	let signature = match claim {
		PreDigest::Primary(claim) => claim.vrf_signature,
		PreDigest::SecondaryVRF(claim) => claim.vrf_signature,
		PreDigest::SecondaryPlain(_) => return None,
	};
	Some(signature.pre_output.using_encoded(blake2_256))
}

impl pallet_node_registry::Config for Runtime {
	type Currency = Balances;
	type RuntimeHoldReason = RuntimeHoldReason;
	type Treasury = TreasuryAccount;
	type Capabilities = ResourceVerification;
	type Supply = TaskMatching;
	type Beacon = ResourceVerification;
	type AdminOrigin = EnsureRoot<AccountId>;
	type BondPerWorker = ConstU128<{ 100 * DRGN }>;
	type ExitDelay = ConstU32<DAY_BLOCKS>;
	type MaxWorkersPerProvider = ConstU32<1_000>;
	type WeightInfo = pallet_node_registry::weights::SubstrateWeight<Runtime>;
	#[cfg(feature = "runtime-benchmarks")]
	type BenchmarkHelper = super::benchmarking::MarketBenchmarks;
}

impl pallet_resource_verification::Config for Runtime {
	type AuthorVrf = AuthorVrf;
	type Directory = NodeRegistry;
	type Standings = NodeRegistry;
	type Roster = NodeRegistry;
	type Bonds = NodeRegistry;
	type FalseOpeningSlash = ConstU128<{ 50 * DRGN }>;
	type BeaconHistory = ConstU32<256>;
	type WeightInfo = pallet_resource_verification::weights::SubstrateWeight<Runtime>;
	#[cfg(feature = "runtime-benchmarks")]
	type BenchmarkHelper = super::benchmarking::MarketBenchmarks;
}

impl pallet_task_matching::Config for Runtime {
	type Beacon = ResourceVerification;
	type Directory = NodeRegistry;
	type UnixMs = UnixMs;
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
