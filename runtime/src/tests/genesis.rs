//! Every preset gives a chain that can run.

use frame_support::traits::fungible::InspectHold;
use sp_genesis_builder::{DEV_RUNTIME_PRESET, LOCAL_TESTNET_RUNTIME_PRESET};
use sp_keyring::Sr25519Keyring;

use super::state_of;
use crate::{genesis_config_presets::*, *};

fn assert_runs_with(preset: &str, stashes: &[Sr25519Keyring]) {
	state_of(preset).execute_with(|| {
		let stashes: Vec<AccountId> = stashes.iter().map(|stash| stash.to_account_id()).collect();
		let mut validators = Session::validators();
		validators.sort();
		let mut expected = stashes.clone();
		expected.sort();
		assert_eq!(validators, expected);
		assert_eq!(Babe::authorities().len(), stashes.len());
		assert_eq!(Grandpa::grandpa_authorities().len(), stashes.len());
		assert_eq!(AuthorityDiscovery::authorities().len(), stashes.len());
		for stash in &stashes {
			let reason = pallet_staking::HoldReason::Staking.into();
			assert_eq!(Balances::balance_on_hold(&reason, stash), VALIDATOR_STAKE);
		}
		assert_eq!(Babe::epoch_config(), Some(apis::BABE_GENESIS_CONFIG));
	});
}

#[test]
fn development_preset_runs_with_alice() {
	assert_runs_with(DEV_RUNTIME_PRESET, &[Sr25519Keyring::AliceStash]);
}

#[test]
fn local_preset_runs_with_four_validators() {
	use Sr25519Keyring::*;
	assert_runs_with(
		LOCAL_TESTNET_RUNTIME_PRESET,
		&[AliceStash, BobStash, CharlieStash, DaveStash],
	);
}

#[test]
fn every_named_preset_exists_and_no_other() {
	for name in preset_names() {
		assert!(get_preset(&name).is_some(), "{name:?}");
	}
	assert_eq!(get_preset(&"mainnet".into()), None);
}

#[test]
fn p1_genesis_issuance_is_the_sum_of_all_endowments() {
	for preset in [DEV_RUNTIME_PRESET, LOCAL_TESTNET_RUNTIME_PRESET] {
		state_of(preset).execute_with(|| {
			assert_eq!(Balances::total_issuance(), 12 * ENDOWMENT + TREASURY_ENDOWMENT);
			assert_eq!(Balances::free_balance(TreasuryAccount::get()), TREASURY_ENDOWMENT);
		});
	}
}
