//! Tests of the runtime as a whole: genesis, the beacon, fees, proxies and the numbers that must never change.

mod beacon;
mod fees;
mod genesis;
mod pallets;
mod proxy;
mod staking;

use frame_support::genesis_builder_helper::{build_state, get_preset};
use serde_json::Value;
use sp_genesis_builder::PresetId;
use sp_io::TestExternalities;

use crate::{genesis_config_presets, RuntimeGenesisConfig};

/// The state that a chain starts from with this preset, as the node would build it.
fn state_of(preset: &str) -> TestExternalities {
	let preset = Some(PresetId::from(preset));
	let json = |id| {
		let bytes =
			get_preset::<RuntimeGenesisConfig>(id, &genesis_config_presets::get_preset).unwrap();
		serde_json::from_slice::<Value>(&bytes).unwrap()
	};
	let mut config = json(&None);
	merge(&mut config, json(&preset));

	let mut state = TestExternalities::default();
	state.execute_with(|| {
		build_state::<RuntimeGenesisConfig>(config.to_string().into_bytes()).unwrap()
	});
	state
}

fn merge(base: &mut Value, patch: Value) {
	match (base, patch) {
		(Value::Object(base), Value::Object(patch)) => {
			for (key, value) in patch {
				merge(base.entry(key).or_insert(Value::Null), value);
			}
		}
		(base, patch) => *base = patch,
	}
}
