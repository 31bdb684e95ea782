//! How each pallet is set up, one file per area.

mod accounts;
#[cfg(feature = "runtime-benchmarks")]
mod benchmarking;
mod consensus;
mod market;
mod proxy;
mod staking;
mod system;

pub use accounts::TreasuryAccount;
pub use proxy::ProxyType;
pub use system::{RuntimeBlockLength, RuntimeBlockWeights};
