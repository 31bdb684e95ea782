//! P7: whoever buys its own work to earn emission loses.

use crate::{mock::*, Error};
use aidragon_primitives::{interface::Escrow, Balance};
use frame_support::{assert_noop, assert_ok, traits::fungible::Inspect};

/// What both accounts own together.
fn wealth(submitter: u64, provider: u64) -> Balance {
	let provider = if provider == submitter { 0 } else { Balances::total_balance(&provider) };
	Balances::total_balance(&submitter) + provider
}

/// Buys its own work for `gross` and claims the reward: what is lost.
fn loss(submitter: u64, provider: u64, gross: Balance) -> Balance {
	let before = wealth(submitter, provider);
	assert_ok!(TokenRewards::lock(&submitter, gross));
	assert_ok!(pay(0, &submitter, &provider, gross));
	let era = TokenRewards::current_era();
	go_to_era(era + 1);
	assert_ok!(claim(provider, era));
	before - wealth(submitter, provider)
}

#[test]
fn p7_buying_ones_own_work_loses_as_the_only_provider() {
	build_and_execute(|| {
		for (provider, gross) in [(SUBMITTER, 1_000), (PROVIDER, 1_000), (PROVIDER, 90_000)] {
			assert!(loss(SUBMITTER, provider, gross) > 0);
		}
	});
}

#[test]
fn p7_buying_ones_own_work_loses_the_part_that_is_not_rewarded() {
	build_and_execute(|| {
		// The share is 50, of which 45 come back.
		assert_eq!(loss(SUBMITTER, PROVIDER, 1_000), 5);
		// With more points than emission, less comes back: the share is 4,500.
		assert_eq!(loss(SUBMITTER, PROVIDER, 90_000), 4_500 - EMISSION);
	});
}

#[test]
fn p7_buying_ones_own_work_from_whom_one_chose_loses_the_whole_share() {
	build_and_execute(|| {
		let before = wealth(SUBMITTER, PROVIDER);
		assert_ok!(TokenRewards::lock(&SUBMITTER, 1_000));
		assert_ok!(pay_without_points(0, &SUBMITTER, &PROVIDER, 1_000));
		go_to_era(1);
		assert_noop!(claim(PROVIDER, 0), Error::<Test>::NothingToClaim);
		assert_eq!(before - wealth(SUBMITTER, PROVIDER), 50);
	});
}

#[test]
fn p7_smallest_payment_that_earns_a_point_loses_it() {
	build_and_execute(|| {
		assert_eq!(loss(SUBMITTER, PROVIDER, 20), 1);
	});
}
