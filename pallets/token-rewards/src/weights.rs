//! Weights of the calls. Placeholder until generated.
#![allow(missing_docs, reason = "generated")]
use frame_support::weights::Weight;
pub trait WeightInfo {
	fn claim_rewards() -> Weight;
	fn clear_old_era_step() -> Weight;
}
impl WeightInfo for () {
	fn claim_rewards() -> Weight {
		Weight::from_parts(100_000_000, 10_000)
	}
	fn clear_old_era_step() -> Weight {
		Weight::from_parts(100_000_000, 10_000)
	}
}
pub struct SubstrateWeight<T>(core::marker::PhantomData<T>);
impl<T: frame_system::Config> WeightInfo for SubstrateWeight<T> {
	fn claim_rewards() -> Weight {
		Weight::from_parts(100_000_000, 10_000)
	}
	fn clear_old_era_step() -> Weight {
		Weight::from_parts(100_000_000, 10_000)
	}
}
