//! The network of this node: which protocols it speaks, and how it catches up.

use std::sync::Arc;

use aidragon_runtime::{opaque::Block, Hash};
use sc_client_api::BlockBackend;
use sc_consensus_grandpa::{grandpa_peers_set_config, warp_proof};
use sc_network::{
	config::FullNetworkConfiguration,
	service::{traits::NetworkBackend, NotificationMetrics},
	Litep2pNetworkBackend, NotificationService, ProtocolName,
};
use sc_service::{Configuration, Error, WarpSyncConfig};

use super::Partial;

/// The networking library. Another one would have to be named here only.
type Backend = Litep2pNetworkBackend;

/// A network that is set up but not started.
pub(super) struct Prepared {
	/// All protocols.
	pub(super) config: FullNetworkConfiguration<Block, Hash, Backend>,
	/// Counters of the notification protocols.
	pub(super) metrics: NotificationMetrics,
	/// Where a new node gets the proof of the latest finalized block.
	pub(super) warp_sync: WarpSyncConfig<Block>,
	/// GRANDPA's votes.
	pub(super) grandpa: GrandpaProtocol,
}

/// The protocol of GRANDPA's votes on this chain.
pub(super) struct GrandpaProtocol {
	/// Its name, which contains the genesis hash.
	pub(super) name: ProtocolName,
	/// Its messages.
	pub(super) notifications: Box<dyn NotificationService>,
}

/// Sets the network up.
///
/// # Errors
/// When the database cannot be read.
pub(super) fn prepare(config: &Configuration, partial: &Partial) -> Result<Prepared, Error> {
	let registry = config.prometheus_registry();
	let mut net_config = FullNetworkConfiguration::new(&config.network, registry.cloned());
	let metrics = <Backend as NetworkBackend<Block, Hash>>::register_notification_metrics(registry);

	let genesis = partial.chain.client.block_hash(0)?.ok_or_else(|| {
		Error::Other("the database holds no genesis block: purge the chain".into())
	})?;
	let name = sc_consensus_grandpa::protocol_standard_name(&genesis, &config.chain_spec);
	let (protocol, notifications) = grandpa_peers_set_config::<Block, Backend>(
		name.clone(),
		metrics.clone(),
		net_config.peer_store_handle(),
	);
	net_config.add_notification_protocol(protocol);

	let warp_sync = WarpSyncConfig::WithProvider(Arc::new(warp_proof::NetworkProvider::new(
		partial.chain.backend.clone(),
		partial.grandpa.shared_authority_set().clone(),
		Vec::new(),
	)));
	let grandpa = GrandpaProtocol { name, notifications };
	Ok(Prepared { config: net_config, metrics, warp_sync, grandpa })
}
