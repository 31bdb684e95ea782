//! Which chain to run: built in for development, or read from a file.

use std::path::PathBuf;

use aidragon_runtime::{
	constants::{
		currency::{DECIMALS, SYMBOL},
		SS58_PREFIX,
	},
	opaque::Block,
	WASM_BINARY,
};
use sc_chain_spec::{ChainSpecExtension, ChainType, GenericChainSpec, Properties};
use serde::{Deserialize, Serialize};
use sp_core::crypto::{set_default_ss58_version, Ss58AddressFormat};

/// What a chain specification says beyond genesis and network.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ChainSpecExtension)]
#[serde(rename_all = "camelCase")]
pub struct Extensions {
	/// Blocks that a node must find on its chain.
	pub fork_blocks: sc_client_api::ForkBlocks<Block>,
	/// Blocks that a node refuses.
	pub bad_blocks: sc_client_api::BadBlocks<Block>,
	/// A recent finalized state from which a light client starts.
	pub light_sync_state: sc_sync_state_rpc::LightSyncStateExtension,
}

/// A specification of an AI Dragon chain.
pub type ChainSpec = GenericChainSpec<Extensions>;

/// Separates this protocol's messages from those of other chains on the same network.
const PROTOCOL_ID: &str = "aidragon";

/// A chain with one authority, Alice.
///
/// # Errors
/// When the runtime was built without its WebAssembly.
pub fn development() -> Result<ChainSpec, String> {
	Ok(builder()?
		.with_name("AI Dragon Development")
		.with_id("aidragon_dev")
		.with_chain_type(ChainType::Development)
		.with_genesis_config_preset_name(sp_genesis_builder::DEV_RUNTIME_PRESET)
		.build())
}

/// A chain with four authorities: Alice, Bob, Charlie and Dave.
///
/// # Errors
/// When the runtime was built without its WebAssembly.
pub fn local() -> Result<ChainSpec, String> {
	Ok(builder()?
		.with_name("AI Dragon Local")
		.with_id("aidragon_local")
		.with_chain_type(ChainType::Local)
		.with_genesis_config_preset_name(sp_genesis_builder::LOCAL_TESTNET_RUNTIME_PRESET)
		.build())
}

/// The chain that `--chain` names: `dev`, `local`, or the path of a specification. Without a name
/// it is `local`, for there is no public network yet.
///
/// # Errors
/// When a built-in chain has no WebAssembly, or the file cannot be read as a specification.
pub fn load(name: &str) -> Result<Box<dyn sc_service::ChainSpec>, String> {
	Ok(Box::new(match name {
		"dev" => development()?,
		"" | "local" => local()?,
		path => ChainSpec::from_json_file(PathBuf::from(path)).map_err(|error| {
			format!("--chain {path}: not dev, local or a readable specification: {error}")
		})?,
	}))
}

/// Makes this process print and read addresses with the chain's prefix.
pub fn use_address_format() {
	set_default_ss58_version(Ss58AddressFormat::custom(SS58_PREFIX));
}

fn builder() -> Result<sc_chain_spec::ChainSpecBuilder<Extensions>, String> {
	let code = WASM_BINARY.ok_or(
		"this binary has no runtime: it was built with SKIP_WASM_BUILD. Build it again without, or \
		 name a specification with --chain FILE",
	)?;
	Ok(ChainSpec::builder(code, Extensions::default())
		.with_protocol_id(PROTOCOL_ID)
		.with_properties(properties()))
}

/// How wallets show amounts and addresses.
fn properties() -> Properties {
	let mut properties = Properties::new();
	properties.insert("tokenSymbol".into(), SYMBOL.into());
	properties.insert("tokenDecimals".into(), DECIMALS.into());
	properties.insert("ss58Format".into(), SS58_PREFIX.into());
	properties
}
