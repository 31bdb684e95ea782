//! The running node, one file per concern: what every command needs, networking, consensus,
//! off-chain work.

mod consensus;
mod network;
mod offchain;
mod partial;

use aidragon_runtime::{opaque::Block, RuntimeApi};
use jsonrpsee::RpcModule;
use sc_consensus_grandpa::{FinalityProofProvider, SharedVoterState};
use sc_executor::WasmExecutor;
use sc_rpc::SubscriptionTaskExecutor;
use sc_service::{BuildNetworkParams, Configuration, Error, SpawnTasksParams, TaskManager};

use crate::rpc;

pub use partial::{new_partial, Babe, BabeImport, Chain, GrandpaLink, Partial};

/// What the runtime may call on the node.
pub type HostFunctions = sp_io::SubstrateHostFunctions;
/// Executes the runtime, always from its WebAssembly.
pub type Executor = WasmExecutor<HostFunctions>;
/// The chain: its blocks, its state and calls into its runtime.
pub type FullClient = sc_service::TFullClient<Block, RuntimeApi, Executor>;
/// The database.
pub type FullBackend = sc_service::TFullBackend<Block>;
/// The best chain is the longest.
pub type FullSelectChain = sc_consensus::LongestChain<FullBackend, Block>;
/// Transactions that wait for a block.
pub type TransactionPool = sc_transaction_pool::TransactionPoolHandle<Block, FullClient>;

/// Starts a node and returns the manager of its tasks.
///
/// # Errors
/// When the database, the network, an RPC port or a key cannot be used, or the configuration asks
/// for something that this node does not have.
pub fn new_full(config: Configuration) -> Result<TaskManager, Error> {
	let partial = new_partial(&config)?;
	let prepared = network::prepare(&config, &partial)?;
	let Partial { chain, mut task_manager, import_queue, babe, grandpa, mut telemetry } = partial;

	let (network, system_rpc_tx, tx_handler_controller, sync, _) =
		sc_service::build_network(BuildNetworkParams {
			config: &config,
			net_config: prepared.config,
			client: chain.client.clone(),
			transaction_pool: chain.transaction_pool.clone(),
			spawn_handle: task_manager.spawn_handle(),
			spawn_essential_handle: task_manager.spawn_essential_handle(),
			import_queue,
			block_announce_validator_builder: None,
			warp_sync_config: Some(prepared.warp_sync),
			block_relay: None,
			metrics: prepared.metrics,
			gap_sync_body_policy: None,
		})?;
	if config.offchain_worker.enabled {
		offchain::spawn_workers(&config, &chain, network.clone(), &task_manager)?;
	}

	let settings = consensus::Settings::new(&config);
	let voter_state = SharedVoterState::empty();
	let rpc_builder = rpc_builder(&config, &chain, &babe, &grandpa, voter_state.clone());
	sc_service::spawn_tasks(SpawnTasksParams {
		config,
		client: chain.client.clone(),
		backend: chain.backend.clone(),
		task_manager: &mut task_manager,
		keystore: chain.keystore.clone(),
		transaction_pool: chain.transaction_pool.clone(),
		rpc_builder: Box::new(rpc_builder),
		network: network.clone(),
		system_rpc_tx,
		tx_handler_controller,
		sync_service: sync.clone(),
		telemetry: telemetry.as_mut(),
		tracing_execute_block: None,
	})?;

	let telemetry = telemetry.as_ref().map(|telemetry| telemetry.handle());
	let starter = consensus::Starter { chain, settings, network, sync, task_manager, telemetry };
	starter.start(babe, grandpa, prepared.grandpa, voter_state)
}

/// Makes the RPC methods for each server, in memory and on the network.
fn rpc_builder(
	config: &Configuration,
	chain: &Chain,
	babe: &Babe,
	grandpa: &GrandpaLink,
	shared_voter_state: SharedVoterState,
) -> impl Fn(SubscriptionTaskExecutor) -> Result<RpcModule<()>, Error> {
	let shared_authority_set = grandpa.shared_authority_set().clone();
	let chain_spec = config.chain_spec.cloned_box();
	let deps = rpc::Deps {
		client: chain.client.clone(),
		pool: chain.transaction_pool.clone(),
		select_chain: chain.select_chain.clone(),
		keystore: chain.keystore.clone(),
		babe_worker: babe.worker.clone(),
		grandpa: rpc::GrandpaDeps {
			shared_voter_state,
			justification_stream: grandpa.justification_stream(),
			finality_provider: FinalityProofProvider::new_for_service(
				chain.backend.clone(),
				Some(shared_authority_set.clone()),
			),
			shared_authority_set,
		},
	};
	move |executor| {
		rpc::create(deps.clone(), chain_spec.cloned_box(), executor).map_err(Error::Application)
	}
}
