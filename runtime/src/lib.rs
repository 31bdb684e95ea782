//! AI Dragon's state transition function: a sovereign proof-of-stake chain that sells verified
//! computing.
//!
//! This file names the chain's types and its pallets. How each pallet is set up is in [`configs`],
//! the numbers are in [`constants`], what the node may ask is in [`apis`].

#![cfg_attr(not(feature = "std"), no_std)]
// The runtime macro expands one level for every pallet and every call.
#![recursion_limit = "512"]
#![allow(missing_docs, reason = "the runtime macro documents none of what it generates")]

extern crate alloc;

pub mod apis;
pub mod bags;
#[cfg(feature = "runtime-benchmarks")]
mod benchmarks;
pub mod configs;
pub mod constants;
pub mod fees;
pub mod genesis_config_presets;
#[cfg(test)]
mod tests;
pub mod transactions;

// The runtime's macros name `Vec` without a path.
use alloc::{borrow::Cow, vec::Vec};

use sp_runtime::{
	generic, impl_opaque_keys,
	traits::{BlakeTwo256, IdentifyAccount, Verify},
	MultiAddress, MultiSignature,
};
use sp_version::RuntimeVersion;

pub use apis::{RuntimeApi, RUNTIME_API_VERSIONS};
pub use configs::{ProxyType, RuntimeBlockLength, RuntimeBlockWeights, TreasuryAccount};
pub use transactions::{CheckedExtrinsic, SignedPayload, TxExtension, UncheckedExtrinsic};

/// The compiled runtime, as the build script left it.
#[cfg(feature = "std")]
mod wasm {
	include!(concat!(env!("OUT_DIR"), "/wasm_binary.rs"));
}
#[cfg(feature = "std")]
pub use wasm::*;

/// A signature of any supported scheme over a transaction.
pub type Signature = MultiSignature;
/// An account: the public key that signs, or a hash where there is no single key.
pub type AccountId = <<Signature as Verify>::Signer as IdentifyAccount>::AccountId;
/// An account as transactions name it.
pub type Address = MultiAddress<AccountId, ()>;
/// An amount of money in base units, 10^-12 DRGN.
pub type Balance = u128;
/// The height of a block.
pub type BlockNumber = u32;
/// How many transactions an account has sent.
pub type Nonce = u32;
/// A hash of anything on chain: BLAKE2b, 256 bits.
pub type Hash = sp_core::H256;
/// A block header.
pub type Header = generic::Header<BlockNumber, BlakeTwo256>;
/// A block with decoded transactions.
pub type Block = generic::Block<Header, UncheckedExtrinsic>;

/// Executes blocks.
pub type Executive = frame_executive::Executive<
	Runtime,
	Block,
	frame_system::ChainContext<Runtime>,
	Runtime,
	AllPalletsWithSystem,
>;

/// The chain's types as the node sees them: transactions stay bytes, so that a node outlives
/// runtime upgrades.
pub mod opaque {
	use sp_runtime::{generic, traits::BlakeTwo256, OpaqueExtrinsic};

	/// A block header.
	pub type Header = generic::Header<crate::BlockNumber, BlakeTwo256>;
	/// A block with undecoded transactions.
	pub type Block = generic::Block<Header, OpaqueExtrinsic>;
	/// A reference to a block by hash or height.
	pub type BlockId = generic::BlockId<Block>;
}

impl_opaque_keys! {
	/// The keys with which a validator takes part in a session.
	pub struct SessionKeys {
		/// Votes on finality.
		pub grandpa: Grandpa,
		/// Authors blocks.
		pub babe: Babe,
		/// Publishes the validator's network addresses.
		pub authority_discovery: AuthorityDiscovery,
	}
}

/// The version of this runtime. `spec_version` rises with every change of behaviour,
/// `transaction_version` with every change of what a wallet encodes or signs.
#[sp_version::runtime_version]
pub const VERSION: RuntimeVersion = RuntimeVersion {
	spec_name: Cow::Borrowed("aidragon"),
	impl_name: Cow::Borrowed("aidragon"),
	authoring_version: 1,
	spec_version: 1,
	impl_version: 1,
	apis: RUNTIME_API_VERSIONS,
	transaction_version: 1,
	system_version: 1,
};

/// The pallets, in the order of their hooks: BABE sets the epoch before sessions rotate, staking
/// elects before a session asks for its validators, the historical root is noted between. Indices
/// are part of every encoded call and never change; 40 to 43 belong to the market.
#[frame_support::runtime]
mod runtime {
	/// The chain.
	#[runtime::runtime]
	#[runtime::derive(
		RuntimeCall,
		RuntimeEvent,
		RuntimeError,
		RuntimeOrigin,
		RuntimeFreezeReason,
		RuntimeHoldReason,
		RuntimeSlashReason,
		RuntimeLockId,
		RuntimeTask,
		RuntimeViewFunction
	)]
	pub struct Runtime;

	#[runtime::pallet_index(0)]
	pub type System = frame_system;

	#[runtime::pallet_index(1)]
	pub type Babe = pallet_babe;

	#[runtime::pallet_index(2)]
	pub type Timestamp = pallet_timestamp;

	#[runtime::pallet_index(3)]
	pub type Balances = pallet_balances;

	#[runtime::pallet_index(4)]
	pub type TransactionPayment = pallet_transaction_payment;

	#[runtime::pallet_index(5)]
	pub type Authorship = pallet_authorship;

	#[runtime::pallet_index(6)]
	pub type Offences = pallet_offences;

	#[runtime::pallet_index(7)]
	pub type Historical = pallet_session::historical;

	#[runtime::pallet_index(8)]
	pub type Staking = pallet_staking;

	#[runtime::pallet_index(9)]
	pub type Session = pallet_session;

	#[runtime::pallet_index(10)]
	pub type Grandpa = pallet_grandpa;

	#[runtime::pallet_index(11)]
	pub type AuthorityDiscovery = pallet_authority_discovery;

	#[runtime::pallet_index(12)]
	pub type VoterList = pallet_bags_list<Instance1>;

	#[runtime::pallet_index(13)]
	pub type SkipFeelessPayment = pallet_skip_feeless_payment;

	#[runtime::pallet_index(14)]
	pub type Utility = pallet_utility;

	#[runtime::pallet_index(15)]
	pub type Proxy = pallet_proxy;

	#[runtime::pallet_index(16)]
	pub type Multisig = pallet_multisig;

	// First in a block, so that its draws follow from the state of the block before; it has the beacon extended.
	#[runtime::pallet_index(42)]
	pub type TaskMatching = pallet_task_matching;

	// Before the registry, which draws whom it calls by the beacon.
	#[runtime::pallet_index(41)]
	pub type ResourceVerification = pallet_resource_verification;

	#[runtime::pallet_index(40)]
	pub type NodeRegistry = pallet_node_registry;

	#[runtime::pallet_index(43)]
	pub type TokenRewards = pallet_token_rewards;
}
