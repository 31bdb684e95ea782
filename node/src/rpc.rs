//! The node's own RPC methods. The standard ones (`system`, `chain`, `state`, `author`,
//! `chainHead_v1` and the rest of the new interface) come with the service.

use std::{error::Error, sync::Arc};

use aidragon_runtime::{opaque::Block, BlockNumber, Hash};
use jsonrpsee::RpcModule;
use pallet_transaction_payment_rpc::{TransactionPayment, TransactionPaymentApiServer};
use sc_consensus_babe::BabeWorkerHandle;
use sc_consensus_babe_rpc::{Babe, BabeApiServer};
use sc_consensus_grandpa::{
	FinalityProofProvider, GrandpaJustificationStream, SharedAuthoritySet, SharedVoterState,
};
use sc_consensus_grandpa_rpc::{Grandpa, GrandpaApiServer};
use sc_rpc::SubscriptionTaskExecutor;
use sc_sync_state_rpc::{SyncState, SyncStateApiServer};
use sp_keystore::KeystorePtr;
use substrate_frame_rpc_system::{System, SystemApiServer};

use crate::service::{FullBackend, FullClient, FullSelectChain, TransactionPool};

/// What GRANDPA's methods read.
#[derive(Clone)]
pub struct GrandpaDeps {
	/// State of the running voter.
	pub shared_voter_state: SharedVoterState,
	/// The current voters.
	pub shared_authority_set: SharedAuthoritySet<Hash, BlockNumber>,
	/// Justifications as they are made.
	pub justification_stream: GrandpaJustificationStream<Block>,
	/// Proofs of finality for light clients.
	pub finality_provider: Arc<FinalityProofProvider<FullBackend, Block>>,
}

/// What all methods need.
#[derive(Clone)]
pub struct Deps {
	/// The chain.
	pub client: Arc<FullClient>,
	/// Transactions that wait.
	pub pool: Arc<TransactionPool>,
	/// The rule that picks the best chain.
	pub select_chain: FullSelectChain,
	/// The session keys of this node.
	pub keystore: KeystorePtr,
	/// BABE's epochs.
	pub babe_worker: BabeWorkerHandle<Block>,
	/// GRANDPA's part.
	pub grandpa: GrandpaDeps,
}

/// Assembles the methods.
///
/// # Arguments
/// * `chain_spec` - the chain that this node runs; `sync_state_genSyncSpec` writes into a copy of
///   it.
/// * `executor` - where subscriptions run.
///
/// # Errors
/// When the specification lacks the light client extension, or two modules claim one method.
pub fn create(
	deps: Deps,
	chain_spec: Box<dyn sc_chain_spec::ChainSpec>,
	executor: SubscriptionTaskExecutor,
) -> Result<RpcModule<()>, Box<dyn Error + Send + Sync>> {
	let Deps { client, pool, select_chain, keystore, babe_worker, grandpa } = deps;
	let authority_set = grandpa.shared_authority_set.clone();

	let mut module = RpcModule::new(());
	module.merge(System::new(client.clone(), pool).into_rpc())?;
	module.merge(TransactionPayment::new(client.clone()).into_rpc())?;
	module
		.merge(Babe::new(client.clone(), babe_worker.clone(), keystore, select_chain).into_rpc())?;
	module.merge(
		Grandpa::new(
			executor,
			grandpa.shared_authority_set,
			grandpa.shared_voter_state,
			grandpa.justification_stream,
			grandpa.finality_provider,
		)
		.into_rpc(),
	)?;
	module.merge(SyncState::new(chain_spec, client, authority_set, babe_worker)?.into_rpc())?;
	Ok(module)
}
