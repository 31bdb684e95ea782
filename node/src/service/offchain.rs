//! The runtime's off-chain workers, which run beside the chain after each block.

use std::sync::Arc;

use futures::FutureExt;
use sc_network::service::traits::NetworkService;
use sc_offchain::{OffchainWorkerOptions, OffchainWorkers};
use sc_service::{Configuration, Error, TaskManager};
use sc_transaction_pool_api::OffchainTransactionPoolFactory;

use sc_client_api::Backend;

use super::Chain;

/// Starts them.
///
/// # Errors
/// When their HTTP client cannot be made.
pub(super) fn spawn_workers(
	config: &Configuration,
	chain: &Chain,
	network: Arc<dyn NetworkService>,
	task_manager: &TaskManager,
) -> Result<(), Error> {
	let workers = OffchainWorkers::new(OffchainWorkerOptions {
		runtime_api_provider: chain.client.clone(),
		keystore: Some(chain.keystore.clone()),
		offchain_db: chain.backend.offchain_storage(),
		transaction_pool: Some(OffchainTransactionPoolFactory::new(chain.transaction_pool.clone())),
		network_provider: Arc::new(network),
		is_validator: config.role.is_authority(),
		// No pallet of this chain reaches out to the web.
		enable_http_requests: false,
		custom_extensions: |_| Vec::new(),
	})?;
	task_manager.spawn_handle().spawn(
		"offchain-workers-runner",
		"offchain-worker",
		workers.run(chain.client.clone(), task_manager.spawn_handle()).boxed(),
	);
	Ok(())
}
