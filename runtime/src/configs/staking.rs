//! Who validates: stake, nominations and the election that runs on chain at each era.

use frame_election_provider_support::{
	bounds::{ElectionBounds, ElectionBoundsBuilder},
	onchain::{self, OnChainExecution},
	SequentialPhragmen, VoteWeight,
};
use frame_support::{
	parameter_types,
	traits::{ConstBool, ConstU32, Nothing},
};
use frame_system::EnsureRoot;
use pallet_bags_list::Instance1;
use sp_runtime::{curve::PiecewiseLinear, Perbill};
use sp_staking::currency_to_vote::U128CurrencyToVote;

use crate::{
	bags::VOTER_BAG_THRESHOLDS,
	constants::{staking::*, time::*},
	fees::PayTreasury,
	AccountId, Balance, Balances, Runtime, RuntimeEvent, RuntimeHoldReason, Session, Staking,
	Timestamp, VoterList,
};

pallet_staking_reward_curve::build! {
	// New coins a year: 2.5 % with nothing staked, 10 % with half of all coins staked, then
	// falling.
	const REWARD_CURVE: PiecewiseLinear<'static> = curve!(
		min_inflation: 0_025_000,
		max_inflation: 0_100_000,
		ideal_stake: 0_500_000,
		falloff: 0_050_000,
		max_piece_count: 40,
		test_precision: 0_005_000,
	);
}

parameter_types! {
	/// What stakers earn, by the share of coins that is staked.
	pub const RewardCurve: &'static PiecewiseLinear<'static> = &REWARD_CURVE;
	/// How much of the staking system one election reads.
	pub ElectionLimits: ElectionBounds = ElectionBoundsBuilder::default()
		.voters_count(MAX_ELECTING_VOTERS.into())
		.targets_count(MAX_ELECTABLE_TARGETS.into())
		.build();
	/// The bags' upper bounds.
	pub const BagThresholds: &'static [u64] = &VOTER_BAG_THRESHOLDS;
}

/// The election of the next era's validators: sequential Phragmén, inside a block.
pub struct OnChainPhragmen;

impl onchain::Config for OnChainPhragmen {
	// Oversized support is cut to the bounds; an error instead would keep the old validators for
	// another era.
	type Sort = ConstBool<true>;
	type System = Runtime;
	type Solver = SequentialPhragmen<AccountId, Perbill>;
	type MaxBackersPerWinner = ConstU32<MAX_ELECTING_VOTERS>;
	type MaxWinnersPerPage = ConstU32<MAX_VALIDATORS>;
	type DataProvider = Staking;
	type WeightInfo = frame_election_provider_support::weights::SubstrateWeight<Runtime>;
	type Bounds = ElectionLimits;
}

/// Sizes for the benchmarks of the staking pallet.
pub struct StakingBenchmarks;

impl pallet_staking::BenchmarkingConfig for StakingBenchmarks {
	type MaxValidators = ConstU32<MAX_VALIDATORS>;
	type MaxNominators = ConstU32<MAX_ELECTING_VOTERS>;
}

impl pallet_staking::Config for Runtime {
	type OldCurrency = Balances;
	type Currency = Balances;
	type RuntimeHoldReason = RuntimeHoldReason;
	type CurrencyBalance = Balance;
	type UnixTime = Timestamp;
	type CurrencyToVote = U128CurrencyToVote;
	type ElectionProvider = OnChainExecution<OnChainPhragmen>;
	type GenesisElectionProvider = OnChainExecution<OnChainPhragmen>;
	type NominationsQuota = pallet_staking::FixedNominationsQuota<MAX_NOMINATIONS>;
	type HistoryDepth = ConstU32<84>;
	type RewardRemainder = PayTreasury;
	type RuntimeEvent = RuntimeEvent;
	type Slash = PayTreasury;
	// Rewards are new coins: dropping the debt adds them to the issuance.
	type Reward = ();
	type SessionsPerEra = ConstU32<ERA_SESSIONS>;
	type BondingDuration = ConstU32<BONDING_ERAS>;
	type SlashDeferDuration = ConstU32<SLASH_DEFER_ERAS>;
	type AdminOrigin = EnsureRoot<AccountId>;
	type SessionInterface = Self;
	type EraPayout = pallet_staking::ConvertCurve<RewardCurve>;
	type NextNewSession = Session;
	type MaxExposurePageSize = ConstU32<EXPOSURE_PAGE_NOMINATORS>;
	type MaxValidatorSet = ConstU32<MAX_VALIDATORS>;
	type VoterList = VoterList;
	type TargetList = pallet_staking::UseValidatorsMap<Self>;
	type MaxUnlockingChunks = ConstU32<32>;
	type MaxControllersInDeprecationBatch = ConstU32<100>;
	type EventListeners = ();
	type Filter = Nothing;
	type BenchmarkingConfig = StakingBenchmarks;
	type WeightInfo = pallet_staking::weights::SubstrateWeight<Runtime>;
}

impl pallet_bags_list::Config<Instance1> for Runtime {
	type RuntimeEvent = RuntimeEvent;
	type WeightInfo = pallet_bags_list::weights::SubstrateWeight<Runtime>;
	type ScoreProvider = Staking;
	type BagThresholds = BagThresholds;
	type MaxAutoRebagPerBlock = ConstU32<5>;
	type Score = VoteWeight;
}
