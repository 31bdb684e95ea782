//! The compiled runtime runs in the node's executor: genesis, version, metadata and a first block.

use std::sync::LazyLock;

use aidragon_node::{chain_spec, service::Executor};
use aidragon_runtime::{
	constants::time::SLOT_DURATION_MS, opaque, Hash, Header, SessionKeys, VERSION, WASM_BINARY,
};
use codec::{Decode, Encode};
use sp_consensus_babe::{
	digests::{PreDigest, SecondaryPlainPreDigest},
	BABE_ENGINE_ID,
};
use sp_core::traits::{CallContext, CodeExecutor, RuntimeCode, WrappedRuntimeCode};
use sp_inherents::InherentData;
use sp_io::TestExternalities;
use sp_runtime::{
	traits::Header as _, ApplyExtrinsicResult, BuildStorage, Digest, DigestItem,
	ExtrinsicInclusionMode, OpaqueExtrinsic,
};
use sp_version::RuntimeVersion;

/// One executor for all tests: compiling the runtime is what takes the time, and the executor
/// remembers it.
static EXECUTOR: LazyLock<Executor> = LazyLock::new(|| Executor::builder().build());

/// The chain's genesis, made by the compiled runtime from its own preset.
fn genesis(spec: &chain_spec::ChainSpec) -> TestExternalities {
	TestExternalities::new(spec.build_storage().unwrap())
}

fn call<Output: Decode>(state: &mut TestExternalities, method: &str, input: &[u8]) -> Output {
	let wasm = WASM_BINARY.expect("tests need the compiled runtime: build without SKIP_WASM_BUILD");
	let fetcher = WrappedRuntimeCode(wasm.into());
	let code = RuntimeCode { code_fetcher: &fetcher, heap_pages: None, hash: vec![1] };
	let context = CallContext::Onchain { import: false };
	let output = EXECUTOR.call(&mut state.ext(), &code, method, input, context).0;
	Output::decode(&mut &output.unwrap()[..]).unwrap()
}

#[test]
fn the_blob_knows_its_version() {
	let version: RuntimeVersion = call(&mut TestExternalities::default(), "Core_version", &[]);
	assert_eq!(version, VERSION);
	assert_eq!(version.spec_name, "aidragon");
}

#[test]
fn every_preset_makes_a_genesis_with_its_authorities() {
	let presets = [(chain_spec::development(), 1), (chain_spec::local(), 4)];
	for (spec, authorities) in presets {
		let mut state = genesis(&spec.unwrap());
		let config: sp_consensus_babe::BabeConfiguration =
			call(&mut state, "BabeApi_configuration", &[]);
		assert_eq!(config.authorities.len(), authorities);
		assert_eq!(config.slot_duration, SLOT_DURATION_MS);
		assert_eq!(
			config.allowed_slots,
			sp_consensus_babe::AllowedSlots::PrimaryAndSecondaryVRFSlots
		);
		let voters: sp_consensus_grandpa::AuthorityList =
			call(&mut state, "GrandpaApi_grandpa_authorities", &[]);
		assert_eq!(voters.len(), authorities);
	}
}

#[test]
fn the_first_block_is_built() {
	let mut state = genesis(&chain_spec::development().unwrap());
	let slot = 600_000_000u64;
	let claim = PreDigest::SecondaryPlain(SecondaryPlainPreDigest {
		authority_index: 0,
		slot: slot.into(),
	});
	let header = Header::new(
		1,
		Hash::zero(),
		Hash::zero(),
		Hash::zero(),
		Digest { logs: vec![DigestItem::PreRuntime(BABE_ENGINE_ID, claim.encode())] },
	);
	let mode: ExtrinsicInclusionMode = call(&mut state, "Core_initialize_block", &header.encode());
	assert_eq!(mode, ExtrinsicInclusionMode::AllExtrinsics);

	let mut inherents = InherentData::new();
	let timestamp = sp_timestamp::Timestamp::new(slot * SLOT_DURATION_MS);
	inherents.put_data(sp_timestamp::INHERENT_IDENTIFIER, &timestamp).unwrap();
	let extrinsics: Vec<OpaqueExtrinsic> =
		call(&mut state, "BlockBuilder_inherent_extrinsics", &inherents.encode());
	assert_eq!(extrinsics.len(), 1);
	for extrinsic in &extrinsics {
		let result: ApplyExtrinsicResult =
			call(&mut state, "BlockBuilder_apply_extrinsic", &extrinsic.encode());
		result.unwrap().unwrap();
	}
	let built: opaque::Header = call(&mut state, "BlockBuilder_finalize_block", &[]);
	assert_eq!(*built.number(), 1);
	assert_ne!(*built.state_root(), Hash::zero());
}

#[test]
fn session_keys_decode() {
	let zero = SessionKeys::decode(&mut &[0u8; 96][..]).unwrap();
	let input = zero.encode().encode();
	let keys: Option<Vec<(Vec<u8>, sp_core::crypto::KeyTypeId)>> =
		call(&mut TestExternalities::default(), "SessionKeys_decode_session_keys", &input);
	let types: Vec<[u8; 4]> = keys.unwrap().into_iter().map(|(_, id)| id.0).collect();
	assert_eq!(types, [*b"gran", *b"babe", *b"audi"]);
}
