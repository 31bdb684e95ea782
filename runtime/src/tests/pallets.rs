//! What clients and later versions rely on: pallet indices, limits, integrity.

use frame_support::{
	dispatch::DispatchClass,
	traits::{IntegrityTest, PalletInfoAccess},
};

use super::state_of;
use crate::{constants::*, *};

#[test]
fn integrity_tests_pass() {
	state_of(sp_genesis_builder::DEV_RUNTIME_PRESET)
		.execute_with(<AllPalletsWithSystem as IntegrityTest>::integrity_test);
}

#[test]
fn pallet_indices_never_change() {
	let indices = [
		System::index(),
		Babe::index(),
		Timestamp::index(),
		Balances::index(),
		TransactionPayment::index(),
		Authorship::index(),
		Offences::index(),
		Historical::index(),
		Staking::index(),
		Session::index(),
		Grandpa::index(),
		AuthorityDiscovery::index(),
		VoterList::index(),
		SkipFeelessPayment::index(),
		Utility::index(),
		Proxy::index(),
		Multisig::index(),
	];
	assert_eq!(indices.to_vec(), (0..17).collect::<Vec<_>>());
}

#[test]
fn a_block_takes_a_third_of_its_slot() {
	let limits = RuntimeBlockWeights::get();
	assert_eq!(limits.max_block.ref_time(), time::SLOT_DURATION_MS * 1_000_000_000 / 3);
	assert!(limits.max_block.proof_size() < u64::MAX);
	let normal = limits.get(DispatchClass::Normal).max_total.unwrap();
	assert_eq!(normal, block::NORMAL_RATIO * limits.max_block);
	let length = RuntimeBlockLength::get();
	assert_eq!(*length.max.get(DispatchClass::Operational), 5 * 1024 * 1024);
	assert_eq!(*length.max.get(DispatchClass::Normal), 5 * 1024 * 1024 / 4 * 3);
}

#[test]
fn voter_bags_grow_by_an_eighth() {
	let bags = bags::VOTER_BAG_THRESHOLDS;
	assert!(bags.windows(2).all(|pair| pair[0] < pair[1]));
	assert_eq!(bags[0], currency::EXISTENTIAL_DEPOSIT as u64);
	assert_eq!(bags[bags.len() - 1], u64::MAX);
	let regular = &bags[..bags.len() - 1];
	assert!(regular.windows(2).all(|pair| u128::from(pair[1]) == u128::from(pair[0]) * 9 / 8));
}
