//! The beacon of a block is made of the claim in its own header, before anything of it is executed.

use super::state_of;
use crate::{ResourceVerification, Runtime, System};
use aidragon_primitives::{beacon::accumulate, interface::Beacon, BlockNumber, Hash32};
use codec::Encode;
use pallet_resource_verification::{Beacons, LatestBeacon};
use sp_consensus_babe::{
	digests::{
		CompatibleDigestItem, PreDigest, PrimaryPreDigest, SecondaryPlainPreDigest,
		SecondaryVRFPreDigest,
	},
	make_vrf_sign_data,
};
use sp_core::{
	crypto::VrfSecret,
	sr25519::{vrf::VrfSignature, Pair},
	Pair as _,
};
use sp_genesis_builder::LOCAL_TESTNET_RUNTIME_PRESET;
use sp_io::hashing::blake2_256;
use sp_runtime::{Digest, DigestItem};

/// What the author named so brings along for a slot.
fn claim(author: &str, slot: u64) -> VrfSignature {
	let pair = Pair::from_string(author, None).unwrap();
	pair.vrf_sign(&make_vrf_sign_data(&[7; 32], slot.into(), 3))
}

fn primary(author: &str, slot: u64) -> PreDigest {
	let vrf_signature = claim(author, slot);
	PreDigest::Primary(PrimaryPreDigest { authority_index: 0, slot: slot.into(), vrf_signature })
}

fn secondary(author: &str, slot: u64) -> PreDigest {
	let vrf_signature = claim(author, slot);
	let slot = slot.into();
	PreDigest::SecondaryVRF(SecondaryVRFPreDigest { authority_index: 0, slot, vrf_signature })
}

fn plain(slot: u64) -> PreDigest {
	PreDigest::SecondaryPlain(SecondaryPlainPreDigest { authority_index: 0, slot: slot.into() })
}

/// The newest beacon at the beginning of a block with this claim.
fn begin(number: BlockNumber, claim: PreDigest) -> Option<(BlockNumber, Hash32)> {
	let logs = vec![DigestItem::Other(vec![1]), DigestItem::babe_pre_digest(claim)];
	System::initialize(&number, &Default::default(), &Digest { logs });
	ResourceVerification::advance();
	ResourceVerification::latest()
}

fn output(claim: &VrfSignature) -> Hash32 {
	claim.pre_output.using_encoded(blake2_256)
}

#[test]
fn p5_the_beacon_of_a_block_is_there_at_its_beginning_and_chained() {
	state_of(LOCAL_TESTNET_RUNTIME_PRESET).execute_with(|| {
		let first = accumulate([0; 32], 1, output(&claim("//Alice", 10)));
		assert_eq!(begin(1, primary("//Alice", 10)), Some((1, first)));
		let second = accumulate(first, 2, output(&claim("//Bob", 11)));
		assert_eq!(begin(2, secondary("//Bob", 11)), Some((2, second)));
		assert_eq!(Beacons::<Runtime>::get(1), Some(first));
	});
}

#[test]
fn p5_one_author_has_one_output_for_a_slot_however_it_claims_it() {
	let beacon = |claim| state_of(LOCAL_TESTNET_RUNTIME_PRESET).execute_with(|| begin(1, claim));
	let first = beacon(primary("//Alice", 10));
	assert_eq!(first, beacon(primary("//Alice", 10)), "another proof of the same output");
	assert_eq!(first, beacon(secondary("//Alice", 10)));
	assert_ne!(first, beacon(primary("//Alice", 11)));
	assert_ne!(first, beacon(primary("//Bob", 10)));
}

#[test]
fn a_claim_without_an_output_brings_no_beacon() {
	state_of(LOCAL_TESTNET_RUNTIME_PRESET).execute_with(|| {
		let first = begin(1, primary("//Alice", 10));
		assert!(first.is_some());
		assert_eq!(begin(2, plain(11)), first);
		assert_eq!((LatestBeacon::<Runtime>::get(), Beacons::<Runtime>::get(2)), (first, None));
	});
}
