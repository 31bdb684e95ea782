//! Weights of the calls. Placeholder until generated.
#![allow(missing_docs, reason = "generated")]
use frame_support::weights::Weight;
pub trait WeightInfo {
	fn register_provider() -> Weight;
	fn increase_bond() -> Weight;
	fn register_worker() -> Weight;
	fn update_price() -> Weight;
	fn update_endpoint() -> Weight;
	fn heartbeat() -> Weight;
	fn drain() -> Weight;
	fn resume() -> Weight;
	fn retire_worker() -> Weight;
	fn remove_worker() -> Weight;
	fn exit_provider() -> Weight;
	fn withdraw_bond() -> Weight;
}
impl WeightInfo for () {
	fn register_provider() -> Weight {
		Weight::from_parts(100_000_000, 10_000)
	}
	fn increase_bond() -> Weight {
		Weight::from_parts(100_000_000, 10_000)
	}
	fn register_worker() -> Weight {
		Weight::from_parts(100_000_000, 10_000)
	}
	fn update_price() -> Weight {
		Weight::from_parts(100_000_000, 10_000)
	}
	fn update_endpoint() -> Weight {
		Weight::from_parts(100_000_000, 10_000)
	}
	fn heartbeat() -> Weight {
		Weight::from_parts(100_000_000, 10_000)
	}
	fn drain() -> Weight {
		Weight::from_parts(100_000_000, 10_000)
	}
	fn resume() -> Weight {
		Weight::from_parts(100_000_000, 10_000)
	}
	fn retire_worker() -> Weight {
		Weight::from_parts(100_000_000, 10_000)
	}
	fn remove_worker() -> Weight {
		Weight::from_parts(100_000_000, 10_000)
	}
	fn exit_provider() -> Weight {
		Weight::from_parts(100_000_000, 10_000)
	}
	fn withdraw_bond() -> Weight {
		Weight::from_parts(100_000_000, 10_000)
	}
}
pub struct SubstrateWeight<T>(core::marker::PhantomData<T>);
impl<T: frame_system::Config> WeightInfo for SubstrateWeight<T> {
	fn register_provider() -> Weight {
		Weight::from_parts(100_000_000, 10_000)
	}
	fn increase_bond() -> Weight {
		Weight::from_parts(100_000_000, 10_000)
	}
	fn register_worker() -> Weight {
		Weight::from_parts(100_000_000, 10_000)
	}
	fn update_price() -> Weight {
		Weight::from_parts(100_000_000, 10_000)
	}
	fn update_endpoint() -> Weight {
		Weight::from_parts(100_000_000, 10_000)
	}
	fn heartbeat() -> Weight {
		Weight::from_parts(100_000_000, 10_000)
	}
	fn drain() -> Weight {
		Weight::from_parts(100_000_000, 10_000)
	}
	fn resume() -> Weight {
		Weight::from_parts(100_000_000, 10_000)
	}
	fn retire_worker() -> Weight {
		Weight::from_parts(100_000_000, 10_000)
	}
	fn remove_worker() -> Weight {
		Weight::from_parts(100_000_000, 10_000)
	}
	fn exit_provider() -> Weight {
		Weight::from_parts(100_000_000, 10_000)
	}
	fn withdraw_bond() -> Weight {
		Weight::from_parts(100_000_000, 10_000)
	}
}
