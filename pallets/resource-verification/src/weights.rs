//! Weights of the calls. Placeholder until generated.
#![allow(missing_docs, reason = "generated")]
use frame_support::weights::Weight;
pub trait WeightInfo {
	fn extend_beacon() -> Weight;
	fn request_challenge() -> Weight;
	fn commit_challenge() -> Weight;
	fn submit_openings() -> Weight;
}
impl WeightInfo for () {
	fn extend_beacon() -> Weight {
		Weight::from_parts(100_000_000, 10_000)
	}
	fn request_challenge() -> Weight {
		Weight::from_parts(100_000_000, 10_000)
	}
	fn commit_challenge() -> Weight {
		Weight::from_parts(100_000_000, 10_000)
	}
	fn submit_openings() -> Weight {
		Weight::from_parts(100_000_000, 10_000)
	}
}
pub struct SubstrateWeight<T>(core::marker::PhantomData<T>);
impl<T: frame_system::Config> WeightInfo for SubstrateWeight<T> {
	fn extend_beacon() -> Weight {
		Weight::from_parts(100_000_000, 10_000)
	}
	fn request_challenge() -> Weight {
		Weight::from_parts(100_000_000, 10_000)
	}
	fn commit_challenge() -> Weight {
		Weight::from_parts(100_000_000, 10_000)
	}
	fn submit_openings() -> Weight {
		Weight::from_parts(100_000_000, 10_000)
	}
}
