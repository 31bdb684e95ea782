//! Validators come and go by stake, eras pay them, and an equivocation costs its author.

use codec::Encode;
use frame_support::{
	assert_noop, assert_ok,
	traits::{fungible::InspectHold, KeyOwnerProofSystem, OnFinalize, OnInitialize},
};
use pallet_staking::{ActiveEra, ErasStakersOverview, ErasValidatorReward, UnappliedSlashes};
use sp_consensus_babe::{
	digests::{CompatibleDigestItem, PreDigest, SecondaryPlainPreDigest},
	AuthorityId, EquivocationProof,
};
use sp_core::{crypto::key_types, Pair};
use sp_genesis_builder::LOCAL_TESTNET_RUNTIME_PRESET;
use sp_io::TestExternalities;
use sp_keyring::Sr25519Keyring;
use sp_keystore::{testing::MemoryKeystore, KeystoreExt};
use sp_runtime::{traits::Header as _, Digest, DigestItem};

use super::state_of;
use crate::{
	constants::{currency::DRGN, time::*},
	genesis_config_presets::VALIDATOR_STAKE,
	*,
};

fn network() -> TestExternalities {
	let mut state = state_of(LOCAL_TESTNET_RUNTIME_PRESET);
	state.register_extension(KeystoreExt::new(MemoryKeystore::new()));
	state
}

/// The claim of the authority of that index to a slot.
fn claim(authority_index: u32, slot: u64) -> DigestItem {
	let claim = SecondaryPlainPreDigest { authority_index, slot: slot.into() };
	DigestItem::babe_pre_digest(PreDigest::SecondaryPlain(claim))
}

fn header(number: u32, logs: Vec<DigestItem>) -> Header {
	Header::new(number, Default::default(), Default::default(), Default::default(), Digest { logs })
}

/// One block, a session after the one before: every session is a single block of its first authority.
fn next_session() {
	let number = System::block_number() + 1;
	let slot = u64::from(number) * EPOCH_SLOTS;
	System::reset_events();
	System::initialize(&number, &Default::default(), header(number, vec![claim(0, slot)]).digest());
	AllPalletsWithSystem::on_initialize(number);
	assert_ok!(Timestamp::set(RuntimeOrigin::none(), slot * SLOT_DURATION_MS));
	AllPalletsWithSystem::on_finalize(number);
}

fn active_era() -> u32 {
	ActiveEra::<Runtime>::get().map(|era| era.index).unwrap_or_default()
}

fn until_era(era: u32) {
	while active_era() < era {
		next_session();
	}
}

fn stake_of(stash: &AccountId) -> Balance {
	Balances::balance_on_hold(&pallet_staking::HoldReason::Staking.into(), stash)
}

/// Stakes, sets session keys with the proof that it owns them, and stands for election.
fn join(stash: &AccountId, stake: Balance) {
	let origin = RuntimeOrigin::signed(stash.clone());
	let generated = SessionKeys::generate(&stash.encode(), None);
	let (keys, proof) = (generated.keys, generated.proof.encode());
	assert_noop!(
		Session::set_keys(
			RuntimeOrigin::signed(AccountId::new([9; 32])),
			keys.clone(),
			proof.clone()
		),
		pallet_session::Error::<Runtime>::InvalidProof
	);
	assert_ok!(Session::set_keys(origin.clone(), keys, proof));
	assert_ok!(Staking::bond(origin.clone(), stake, pallet_staking::RewardDestination::Staked));
	assert_ok!(Staking::validate(origin, Default::default()));
}

#[test]
fn a_newcomer_with_stake_and_proven_keys_is_elected_for_the_next_era() {
	network().execute_with(|| {
		next_session();
		let newcomer = Sr25519Keyring::EveStash.to_account_id();
		let nominator = RuntimeOrigin::signed(Sr25519Keyring::Ferdie.to_account_id());
		join(&newcomer, 2_000 * DRGN);
		assert_ok!(Staking::bond(
			nominator.clone(),
			500 * DRGN,
			pallet_staking::RewardDestination::Staked
		));
		assert_ok!(Staking::nominate(nominator, vec![newcomer.clone().into()]));
		assert!(!Session::validators().contains(&newcomer));
		until_era(1);
		assert_eq!(System::block_number(), ERA_SESSIONS + 1);
		assert!(Session::validators().contains(&newcomer));
		let exposure = ErasStakersOverview::<Runtime>::get(1, &newcomer).unwrap();
		assert_eq!((exposure.own, exposure.total), (2_000 * DRGN, 2_500 * DRGN));
		next_session();
		assert_eq!(Babe::authorities().len(), 5);
		assert_eq!(Grandpa::grandpa_authorities().len(), 5);
	});
}

#[test]
fn p1_an_era_mints_what_its_validators_are_paid_and_no_more() {
	network().execute_with(|| {
		until_era(2);
		let author = Session::validators()[0].clone();
		let reward = ErasValidatorReward::<Runtime>::get(1).unwrap();
		let (issuance, stake) = (Balances::total_issuance(), stake_of(&author));
		assert!(reward > 0);
		assert_ok!(Staking::payout_stakers(
			RuntimeOrigin::signed(Sr25519Keyring::Alice.to_account_id()),
			author.clone(),
			1
		));
		let minted = Balances::total_issuance() - issuance;
		// It wrote every block of the era, so all points are its own; shares are rounded down.
		assert!(reward - minted < DRGN, "minted {minted} of {reward}");
		assert_eq!(stake_of(&author), stake + minted);
	});
}

/// Two headers of one slot, both signed by this authority.
fn equivocation(key: Sr25519Keyring, slot: u64) -> EquivocationProof<Header> {
	let offender = AuthorityId::from(key.public());
	let authorities = Babe::authorities();
	let index = authorities.iter().position(|(id, _)| *id == offender).unwrap() as u32;
	let sealed = |number| {
		let mut header = header(number, vec![claim(index, slot)]);
		let seal = key.pair().sign(header.hash().as_ref());
		header.digest_mut().push(DigestItem::babe_seal(seal.into()));
		header
	};
	let (first_header, second_header) = (sealed(1), sealed(2));
	EquivocationProof { offender, slot: slot.into(), first_header, second_header }
}

#[test]
fn an_equivocation_is_slashed_once_and_only_after_the_time_for_objections() {
	network().execute_with(|| {
		until_era(1);
		let (key, stash) = (Sr25519Keyring::Bob, Sr25519Keyring::BobStash.to_account_id());
		let owner = Historical::prove((key_types::BABE, key.public())).unwrap();
		let proof = equivocation(key, u64::from(System::block_number()) * EPOCH_SLOTS);
		let report = |proof: EquivocationProof<Header>| {
			Babe::report_equivocation_unsigned(RuntimeOrigin::none(), proof.into(), owner.clone())
		};
		let mut forged = proof.clone();
		forged.second_header = forged.first_header.clone();
		assert!(report(forged).is_err());
		assert_eq!(Session::disabled_validators(), Vec::<u32>::new());

		assert_ok!(report(proof.clone()));
		let index = Session::validators().iter().position(|id| *id == stash).unwrap() as u32;
		assert_eq!(Session::disabled_validators(), vec![index]);
		assert!(report(proof).is_err(), "reported twice");
		assert_eq!(UnappliedSlashes::<Runtime>::get(1 + SLASH_DEFER_ERAS + 1).len(), 1);

		until_era(1 + SLASH_DEFER_ERAS);
		assert_eq!(stake_of(&stash), VALIDATOR_STAKE);
		until_era(1 + SLASH_DEFER_ERAS + 1);
		// One of four validators: (3 · 1 / 4)² of the stake.
		assert_eq!(stake_of(&stash), VALIDATOR_STAKE * 7 / 16);
	});
}
