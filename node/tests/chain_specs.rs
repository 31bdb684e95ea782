//! The built-in chains, as wallets and other nodes read them.

use aidragon_node::chain_spec::{self, ChainSpec};
use serde_json::Value;

fn plain(spec: &ChainSpec) -> Value {
	serde_json::from_str(&spec.as_json(false).unwrap()).unwrap()
}

#[test]
fn wallets_learn_the_token_and_the_address_format() {
	for spec in [chain_spec::development(), chain_spec::local()] {
		let properties = &plain(&spec.unwrap())["properties"];
		assert_eq!(properties["tokenSymbol"], "DRGN");
		assert_eq!(properties["tokenDecimals"], 12);
		assert_eq!(properties["ss58Format"], 42);
	}
}

#[test]
fn names_say_which_chain_it_is() {
	let development = plain(&chain_spec::development().unwrap());
	assert_eq!(development["name"], "AI Dragon Development");
	assert_eq!(development["id"], "aidragon_dev");
	assert_eq!(development["chainType"], "Development");
	let local = plain(&chain_spec::local().unwrap());
	assert_eq!(local["name"], "AI Dragon Local");
	assert_eq!(local["id"], "aidragon_local");
	assert_eq!(local["chainType"], "Local");
	for spec in [development, local] {
		assert_eq!(spec["protocolId"], "aidragon");
		assert!(spec.as_object().unwrap().contains_key("lightSyncState"));
	}
}

#[test]
fn a_specification_survives_its_file() {
	let spec = chain_spec::local().unwrap();
	let again = ChainSpec::from_json_bytes(spec.as_json(false).unwrap().into_bytes()).unwrap();
	assert_eq!(plain(&again), plain(&spec));
}

#[test]
fn the_raw_genesis_holds_the_runtime() {
	let spec = chain_spec::development().unwrap();
	let raw: Value = serde_json::from_str(&spec.as_json(true).unwrap()).unwrap();
	const CODE: &str = "0x3a636f6465";
	assert!(raw["genesis"]["raw"]["top"][CODE].as_str().unwrap().len() > 100_000);
}

#[test]
fn an_unknown_chain_is_a_clear_error() {
	assert_eq!(chain_spec::load("dev").unwrap().id(), "aidragon_dev");
	assert_eq!(chain_spec::load("local").unwrap().id(), "aidragon_local");
	assert_eq!(chain_spec::load("").unwrap().id(), "aidragon_local");
	let error = chain_spec::load("no/such/chain.json").err().unwrap();
	assert!(error.contains("no/such/chain.json"), "{error}");
}
