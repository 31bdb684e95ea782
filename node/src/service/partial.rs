//! The parts of a node that every command needs: database, runtime, transaction pool and import
//! queue.

use std::sync::Arc;

use aidragon_runtime::{opaque::Block, RuntimeApi};
use sc_consensus::{DefaultImportQueue, LongestChain};
use sc_consensus_babe::{BabeBlockImport, BabeLink, BabeWorkerHandle, ImportQueueParams};
use sc_consensus_grandpa::{GrandpaBlockImport, GrandpaPruningFilter, LinkHalf};
use sc_service::{Configuration, Error, TaskManager};
use sc_telemetry::{Telemetry, TelemetryWorker};
use sc_transaction_pool_api::OffchainTransactionPoolFactory;
use sp_consensus_babe::{
	inherents::{BabeCreateInherentDataProviders, InherentDataProvider as SlotProvider},
	SlotDuration,
};
use sp_keystore::KeystorePtr;
use sp_timestamp::InherentDataProvider as TimestampProvider;

use super::{consensus, Executor, FullBackend, FullClient, FullSelectChain, TransactionPool};

/// Imports a block for GRANDPA: authority changes and justifications.
type GrandpaImport = GrandpaBlockImport<FullBackend, Block, FullClient, FullSelectChain>;

/// Imports a block for BABE, and then for GRANDPA.
pub type BabeImport = BabeBlockImport<
	Block,
	FullClient,
	GrandpaImport,
	BabeCreateInherentDataProviders<Block>,
	FullSelectChain,
>;

/// Ties GRANDPA's voter to its block import.
pub type GrandpaLink = LinkHalf<Block, FullClient, FullSelectChain>;

/// The chain and what belongs to it on this machine.
#[derive(Clone)]
pub struct Chain {
	/// Blocks, state and runtime.
	pub client: Arc<FullClient>,
	/// The database.
	pub backend: Arc<FullBackend>,
	/// The session keys of this node.
	pub keystore: KeystorePtr,
	/// Transactions that wait for a block.
	pub transaction_pool: Arc<TransactionPool>,
	/// The rule that picks the best chain.
	pub select_chain: FullSelectChain,
}

/// What block production needs.
pub struct Babe {
	/// Takes this node's own blocks.
	pub import: BabeImport,
	/// Epochs, shared with the import.
	pub link: BabeLink<Block>,
	/// Answers questions about epochs.
	pub worker: BabeWorkerHandle<Block>,
	/// The clock of each new block.
	pub inherents: BabeCreateInherentDataProviders<Block>,
}

/// A node that neither talks to others nor authors blocks.
pub struct Partial {
	/// The chain.
	pub chain: Chain,
	/// Runs and ends the node's tasks.
	pub task_manager: TaskManager,
	/// Verifies blocks from elsewhere.
	pub import_queue: DefaultImportQueue<Block>,
	/// Block production.
	pub babe: Babe,
	/// Finality.
	pub grandpa: GrandpaLink,
	/// Reports to the telemetry servers that the chain or the command line names.
	pub telemetry: Option<Telemetry>,
}

/// Opens the database, makes the genesis block if it is empty, and prepares the import of blocks.
///
/// # Errors
/// When the database or the keystore cannot be opened, or holds another chain.
pub fn new_partial(config: &Configuration) -> Result<Partial, Error> {
	let telemetry = telemetry(config)?;
	let handle = telemetry.as_ref().map(|(_, telemetry)| telemetry.handle());
	let (chain, task_manager) = open(config, handle.clone())?;
	let telemetry = telemetry.map(|(worker, telemetry)| {
		task_manager.spawn_handle().spawn("telemetry", None, worker.run());
		telemetry
	});

	let (grandpa_import, grandpa) = sc_consensus_grandpa::block_import(
		chain.client.clone(),
		consensus::justification_period(config),
		&chain.client,
		chain.select_chain.clone(),
		handle.clone(),
	)?;
	let babe_config = sc_consensus_babe::configuration(&*chain.client)?;
	let slot_duration = babe_config.slot_duration();
	let inherents = inherents(slot_duration);
	let (import, link) = sc_consensus_babe::block_import(
		babe_config,
		grandpa_import.clone(),
		chain.client.clone(),
		inherents.clone(),
		chain.select_chain.clone(),
		OffchainTransactionPoolFactory::new(chain.transaction_pool.clone()),
	)?;
	let (import_queue, worker) = sc_consensus_babe::import_queue(ImportQueueParams {
		link: link.clone(),
		block_import: import.clone(),
		justification_import: Some(Box::new(grandpa_import)),
		client: chain.client.clone(),
		slot_duration,
		spawner: &task_manager.spawn_essential_handle(),
		registry: config.prometheus_registry(),
		telemetry: handle,
	})?;
	let babe = Babe { import, link, worker, inherents };
	Ok(Partial { chain, task_manager, import_queue, babe, grandpa, telemetry })
}

fn open(
	config: &Configuration,
	telemetry: Option<sc_telemetry::TelemetryHandle>,
) -> Result<(Chain, TaskManager), Error> {
	let executor: Executor = sc_service::new_wasm_executor(&config.executor);
	let (client, backend, keystore_container, task_manager) =
		sc_service::new_full_parts::<Block, RuntimeApi, _>(
			config,
			telemetry,
			executor,
			// Warp sync proofs are made of the justifications that this keeps.
			vec![Arc::new(GrandpaPruningFilter)],
		)?;
	let client = Arc::new(client);
	let pool = sc_transaction_pool::Builder::new(
		task_manager.spawn_essential_handle(),
		client.clone(),
		config.role.is_authority().into(),
	)
	.with_options(config.transaction_pool.clone())
	.with_prometheus(config.prometheus_registry())
	.build();
	let chain = Chain {
		client,
		select_chain: LongestChain::new(backend.clone()),
		backend,
		keystore: keystore_container.keystore(),
		transaction_pool: Arc::new(pool),
	};
	Ok((chain, task_manager))
}

fn telemetry(config: &Configuration) -> Result<Option<(TelemetryWorker, Telemetry)>, Error> {
	const BUFFERED_MESSAGES: usize = 16;

	let Some(endpoints) = config.telemetry_endpoints.clone().filter(|list| !list.is_empty()) else {
		return Ok(None);
	};
	let worker = TelemetryWorker::new(BUFFERED_MESSAGES)?;
	let telemetry = worker.handle().new_telemetry(endpoints);
	Ok(Some((worker, telemetry)))
}

/// The time of this machine, and the slot that follows from it.
fn inherents(slot_duration: SlotDuration) -> BabeCreateInherentDataProviders<Block> {
	Arc::new(move |_parent, ()| async move {
		let timestamp = TimestampProvider::from_system_time();
		let slot = SlotProvider::from_timestamp_and_slot_duration(*timestamp, slot_duration);
		Ok((slot, timestamp))
	})
}
