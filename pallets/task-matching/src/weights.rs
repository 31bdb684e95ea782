//! Weights of the calls. Placeholder until generated.
#![allow(missing_docs, reason = "generated")]
use frame_support::weights::Weight;
pub trait WeightInfo {
	fn submit_task() -> Weight;
	fn cancel_task() -> Weight;
	fn commit_result() -> Weight;
	fn reveal_result() -> Weight;
	fn attest_result() -> Weight;
	fn decline_task() -> Weight;
	fn agenda_step() -> Weight;
	fn agenda_draw() -> Weight;
	fn agenda_settle() -> Weight;
}
impl WeightInfo for () {
	fn submit_task() -> Weight {
		Weight::from_parts(100_000_000, 10_000)
	}
	fn cancel_task() -> Weight {
		Weight::from_parts(100_000_000, 10_000)
	}
	fn commit_result() -> Weight {
		Weight::from_parts(100_000_000, 10_000)
	}
	fn reveal_result() -> Weight {
		Weight::from_parts(100_000_000, 10_000)
	}
	fn attest_result() -> Weight {
		Weight::from_parts(100_000_000, 10_000)
	}
	fn decline_task() -> Weight {
		Weight::from_parts(100_000_000, 10_000)
	}
	fn agenda_step() -> Weight {
		Weight::from_parts(100_000_000, 10_000)
	}
	fn agenda_draw() -> Weight {
		Weight::from_parts(100_000_000, 10_000)
	}
	fn agenda_settle() -> Weight {
		Weight::from_parts(100_000_000, 10_000)
	}
}
pub struct SubstrateWeight<T>(core::marker::PhantomData<T>);
impl<T: frame_system::Config> WeightInfo for SubstrateWeight<T> {
	fn submit_task() -> Weight {
		Weight::from_parts(100_000_000, 10_000)
	}
	fn cancel_task() -> Weight {
		Weight::from_parts(100_000_000, 10_000)
	}
	fn commit_result() -> Weight {
		Weight::from_parts(100_000_000, 10_000)
	}
	fn reveal_result() -> Weight {
		Weight::from_parts(100_000_000, 10_000)
	}
	fn attest_result() -> Weight {
		Weight::from_parts(100_000_000, 10_000)
	}
	fn decline_task() -> Weight {
		Weight::from_parts(100_000_000, 10_000)
	}
	fn agenda_step() -> Weight {
		Weight::from_parts(100_000_000, 10_000)
	}
	fn agenda_draw() -> Weight {
		Weight::from_parts(100_000_000, 10_000)
	}
	fn agenda_settle() -> Weight {
		Weight::from_parts(100_000_000, 10_000)
	}
}
