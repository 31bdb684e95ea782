//! P1 and P2 over random sequences of everything that moves money.

use crate::mock::*;
use aidragon_primitives::{interface::Escrow, Balance, EraIndex};
use frame_support::traits::{fungible::Inspect, Hooks};
use proptest::prelude::*;

/// One step of a walk.
#[derive(Clone, Debug)]
enum Step {
	Lock(u64, Balance),
	Unlock(u64, Balance),
	Pay(u64, u64, Balance, bool),
	Claim(u64, EraIndex),
	Idle,
	NextEra,
}

fn amount() -> impl Strategy<Value = Balance> {
	prop_oneof![
		3 => 0..2_000u128,
		3 => 0..ENDOWMENT,
		1 => Just(Balance::MAX),
	]
}

/// Four accounts, two that do not exist at first, and the treasury itself.
fn account() -> impl Strategy<Value = u64> {
	prop_oneof![5 => 1..5u64, 1 => NOBODY..NOBODY + 2, 1 => Just(TREASURY)]
}

fn step() -> impl Strategy<Value = Step> {
	prop_oneof![
		4 => (account(), amount()).prop_map(|(who, amount)| Step::Lock(who, amount)),
		2 => (account(), amount()).prop_map(|(who, amount)| Step::Unlock(who, amount)),
		4 => (account(), account(), amount(), any::<bool>())
			.prop_map(|(from, to, amount, earns)| Step::Pay(from, to, amount, earns)),
		3 => (account(), 0..12u32).prop_map(|(who, era)| Step::Claim(who, era)),
		1 => Just(Step::Idle),
		2 => Just(Step::NextEra),
	]
}

/// Takes a step and says whether it was refused.
fn take(step: Step) -> bool {
	match step {
		Step::Lock(who, amount) => TokenRewards::lock(&who, amount).is_err(),
		Step::Unlock(who, amount) => TokenRewards::unlock(&who, amount).is_err(),
		Step::Pay(from, to, gross, true) => pay(0, &from, &to, gross).is_err(),
		Step::Pay(from, to, gross, false) => pay_without_points(0, &from, &to, gross).is_err(),
		Step::Claim(who, era) => claim(who, era).is_err(),
		Step::Idle => {
			let limit = <() as crate::WeightInfo>::clear_old_era_step() * 2;
			TokenRewards::on_idle(System::block_number(), limit);
			false
		}
		Step::NextEra => {
			go_to_era(TokenRewards::current_era() + 1);
			false
		}
	}
}

fn owned_by_all() -> Balance {
	frame_system::Account::<Test>::iter_keys().map(|who| Balances::total_balance(&who)).sum()
}

proptest! {
	#![proptest_config(ProptestConfig::with_cases(128))]

	#[test]
	fn p1_issuance_changes_only_by_claims(steps in prop::collection::vec(step(), 1..60)) {
		new_test_ext().execute_with(|| {
			let initial = Balances::total_issuance();
			for step in steps {
				let root = sp_io::storage::root(sp_runtime::StateVersion::V1);
				let is_refused = take(step.clone());
				let after = sp_io::storage::root(sp_runtime::StateVersion::V1);
				prop_assert!(!is_refused || root == after, "{step:?} was refused and changed something");
				prop_assert_eq!(Balances::total_issuance(), initial + claimed(), "{:?}", step);
				prop_assert_eq!(owned_by_all(), Balances::total_issuance(), "{:?}", step);
				prop_assert_eq!(TokenRewards::do_try_state(), Ok(()), "{:?}", step);
			}
			Ok(())
		})?;
	}
}
