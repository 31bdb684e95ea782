//! A chain of this pallet and balances.

use crate as pallet_token_rewards;
use aidragon_primitives::{
	interface::{Escrow, EscrowError, Payment},
	Balance, BlockNumber, EraIndex, TaskId,
};
use frame_support::{
	assert_ok, derive_impl,
	traits::{ConstU128, ConstU32, ConstU64},
};
use sp_runtime::BuildStorage;

#[frame_support::runtime]
mod runtime {
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
	pub struct Test;

	#[runtime::pallet_index(0)]
	pub type System = frame_system;

	#[runtime::pallet_index(1)]
	pub type Balances = pallet_balances;

	#[runtime::pallet_index(2)]
	pub type TokenRewards = pallet_token_rewards;
}

/// The least that an account may hold.
pub(crate) const ED: Balance = 10;
/// What every account here starts with.
pub(crate) const ENDOWMENT: Balance = 100_000;
/// Blocks in an era.
pub(crate) const ERA: BlockNumber = 10;
/// Most that is minted for one era.
pub(crate) const EMISSION: Balance = 1_000;
/// Eras for which rewards can be claimed.
pub(crate) const CLAIM_ERAS: EraIndex = 3;
/// Where the protocol's share goes.
pub(crate) const TREASURY: u64 = 99;
/// Who pays.
pub(crate) const SUBMITTER: u64 = 1;
/// Who is paid.
pub(crate) const PROVIDER: u64 = 2;
/// Who is paid, too.
pub(crate) const OTHER: u64 = 3;
/// An account that does not exist.
pub(crate) const NOBODY: u64 = 50;

#[derive_impl(frame_system::config_preludes::TestDefaultConfig)]
impl frame_system::Config for Test {
	type Block = frame_system::mocking::MockBlockU32<Test>;
	type AccountData = pallet_balances::AccountData<Balance>;
}

#[derive_impl(pallet_balances::config_preludes::TestDefaultConfig)]
impl pallet_balances::Config for Test {
	type Balance = Balance;
	type ExistentialDeposit = ConstU128<ED>;
	type AccountStore = System;
}

impl pallet_token_rewards::Config for Test {
	type Currency = Balances;
	type RuntimeHoldReason = RuntimeHoldReason;
	type Treasury = ConstU64<TREASURY>;
	type ProtocolShareParts = ConstU32<50_000>;
	type EraBlocks = ConstU32<ERA>;
	type EraEmission = ConstU128<EMISSION>;
	type RewardCapParts = ConstU32<900_000>;
	type ClaimEras = ConstU32<CLAIM_ERAS>;
	type WeightInfo = ();
}

/// Block 1 of a chain with four accounts and the treasury.
pub(crate) fn new_test_ext() -> sp_io::TestExternalities {
	let balances = [SUBMITTER, PROVIDER, OTHER, 4, TREASURY].map(|who| (who, ENDOWMENT)).to_vec();
	let mut storage = frame_system::GenesisConfig::<Test>::default()
		.build_storage()
		.expect("an empty genesis builds");
	pallet_balances::GenesisConfig::<Test> { balances, ..Default::default() }
		.assimilate_storage(&mut storage)
		.expect("distinct accounts above the existential deposit");
	let mut ext = sp_io::TestExternalities::new(storage);
	ext.execute_with(|| System::set_block_number(1));
	ext
}

/// Runs `test` and sees that every invariant holds after it.
pub(crate) fn build_and_execute(test: impl FnOnce()) {
	new_test_ext().execute_with(|| {
		test();
		assert_ok!(TokenRewards::do_try_state());
	});
}

/// Jumps to the first block of `era`.
pub(crate) fn go_to_era(era: EraIndex) {
	System::set_block_number(era * ERA);
}

/// Pays for a task that earns points.
pub(crate) fn pay(
	task: TaskId,
	from: &u64,
	provider: &u64,
	gross: Balance,
) -> Result<(), EscrowError> {
	TokenRewards::pay(&Payment { task, from, provider, gross, earns_points: true })
}

/// Pays for a task whose submitter and provider chose each other.
pub(crate) fn pay_without_points(
	task: TaskId,
	from: &u64,
	provider: &u64,
	gross: Balance,
) -> Result<(), EscrowError> {
	TokenRewards::pay(&Payment { task, from, provider, gross, earns_points: false })
}

/// Lets `provider` earn a protocol share of `points` in the running era.
pub(crate) fn earn(provider: u64, points: Balance) {
	let gross = points * 20;
	assert_ok!(TokenRewards::lock(&SUBMITTER, gross));
	assert_ok!(pay(0, &SUBMITTER, &provider, gross));
}

/// Claims `provider`'s reward of `era` as a transaction would.
pub(crate) fn claim(provider: u64, era: EraIndex) -> sp_runtime::DispatchResult {
	use sp_runtime::traits::Dispatchable;
	let call = RuntimeCall::from(crate::Call::<Test>::claim_rewards { era });
	match call.dispatch(RuntimeOrigin::signed(provider)) {
		Ok(_) => Ok(()),
		Err(failure) => Err(failure.error),
	}
}

/// All that was minted as rewards, by the events.
pub(crate) fn claimed() -> Balance {
	System::events()
		.into_iter()
		.map(|record| match record.event {
			RuntimeEvent::TokenRewards(crate::Event::RewardClaimed { amount, .. }) => amount,
			_ => 0,
		})
		.sum()
}
