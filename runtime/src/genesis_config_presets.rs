//! The states that a chain may start from, for development and for local networks.
//!
//! Both use publicly known keys: a chain that starts from one has no secrets.

use alloc::{vec, vec::Vec};

use frame_support::build_struct_json_patch;
use serde_json::Value;
use sp_genesis_builder::{PresetId, DEV_RUNTIME_PRESET, LOCAL_TESTNET_RUNTIME_PRESET};
use sp_keyring::{Ed25519Keyring, Sr25519Keyring};
use sp_runtime::Perbill;

use crate::{
	apis::BABE_GENESIS_CONFIG, constants::currency::DRGN, constants::staking::MAX_VALIDATORS,
	AccountId, BabeConfig, Balance, BalancesConfig, RuntimeGenesisConfig, SessionConfig,
	SessionKeys, StakingConfig, TreasuryAccount,
};

/// What each well-known account owns.
pub const ENDOWMENT: Balance = 1_000_000 * DRGN;
/// What each genesis validator stakes.
pub const VALIDATOR_STAKE: Balance = 100_000 * DRGN;
/// What the treasury's account starts with, so that it exists and can receive.
pub const TREASURY_ENDOWMENT: Balance = DRGN;

/// The names of all presets.
pub fn preset_names() -> Vec<PresetId> {
	vec![PresetId::from(DEV_RUNTIME_PRESET), PresetId::from(LOCAL_TESTNET_RUNTIME_PRESET)]
}

/// A preset as the JSON that differs from the default genesis, or `None` for an unknown name.
pub fn get_preset(id: &PresetId) -> Option<Vec<u8>> {
	let patch = match id.as_ref() {
		DEV_RUNTIME_PRESET => genesis(vec![Validator::alice()]),
		LOCAL_TESTNET_RUNTIME_PRESET => genesis(vec![
			Validator::alice(),
			Validator::bob(),
			Validator::charlie(),
			Validator::dave(),
		]),
		_ => return None,
	};
	serde_json::to_vec(&patch).ok()
}

/// A validator of the first era: the account that stakes, and its session keys.
struct Validator {
	stash: AccountId,
	keys: SessionKeys,
}

impl Validator {
	fn new(stash: Sr25519Keyring, key: Sr25519Keyring, finality_key: Ed25519Keyring) -> Self {
		Validator {
			stash: stash.to_account_id(),
			keys: SessionKeys {
				grandpa: finality_key.public().into(),
				babe: key.public().into(),
				authority_discovery: key.public().into(),
			},
		}
	}

	fn alice() -> Self {
		Self::new(Sr25519Keyring::AliceStash, Sr25519Keyring::Alice, Ed25519Keyring::Alice)
	}

	fn bob() -> Self {
		Self::new(Sr25519Keyring::BobStash, Sr25519Keyring::Bob, Ed25519Keyring::Bob)
	}

	fn charlie() -> Self {
		Self::new(Sr25519Keyring::CharlieStash, Sr25519Keyring::Charlie, Ed25519Keyring::Charlie)
	}

	fn dave() -> Self {
		Self::new(Sr25519Keyring::DaveStash, Sr25519Keyring::Dave, Ed25519Keyring::Dave)
	}
}

/// The genesis of a network with these validators. Alice to Ferdie and their stashes own
/// [`ENDOWMENT`] each.
///
/// The authorities of BABE, GRANDPA and authority discovery stay empty: the session pallet fills
/// them.
fn genesis(validators: Vec<Validator>) -> Value {
	let balances = Sr25519Keyring::well_known()
		.map(|key| (key.to_account_id(), ENDOWMENT))
		.chain([(TreasuryAccount::get(), TREASURY_ENDOWMENT)])
		.collect();
	let stakers = validators
		.iter()
		.map(|validator| {
			let stash = validator.stash.clone();
			let status = pallet_staking::StakerStatus::Validator;
			(stash.clone(), stash, VALIDATOR_STAKE, status)
		})
		.collect();
	let keys = validators
		.into_iter()
		.map(|validator| (validator.stash.clone(), validator.stash, validator.keys))
		.collect();

	build_struct_json_patch!(RuntimeGenesisConfig {
		balances: BalancesConfig { balances },
		babe: BabeConfig { epoch_config: BABE_GENESIS_CONFIG },
		session: SessionConfig { keys },
		staking: StakingConfig {
			stakers,
			// Room for everyone who joins: nothing on this chain could raise it later.
			validator_count: MAX_VALIDATORS,
			minimum_validator_count: 1,
			min_validator_bond: 1_000 * DRGN,
			min_nominator_bond: 10 * DRGN,
			slash_reward_fraction: Perbill::from_percent(10),
		},
	})
}
