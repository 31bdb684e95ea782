//! Taking part in consensus: authoring blocks, voting on finality, telling other authorities where
//! this one is.

use std::{sync::Arc, time::Duration};

use aidragon_runtime::opaque::Block;
use futures::StreamExt;
use sc_basic_authorship::ProposerFactory;
use sc_chain_spec::ChainType;
use sc_consensus_babe::{BabeParams, SlotProportion};
use sc_consensus_grandpa::{
	Config as GrandpaConfig, GrandpaParams, SharedVoterState, VotingRulesBuilder,
};
use sc_network::{service::traits::NetworkService, Event, NetworkEventStream};
use sc_network_sync::SyncingService;
use sc_service::{Configuration, Error, Role, TaskManager};
use sc_telemetry::TelemetryHandle;
use sc_transaction_pool_api::OffchainTransactionPoolFactory;
use substrate_prometheus_endpoint::Registry;

use super::{network::GrandpaProtocol, Babe, Chain, GrandpaLink};

/// How long a vote takes to reach the network: a tenth of a slot, which bounds a round of finality.
const GOSSIP_DURATION: Duration = Duration::from_millis(333);

/// Blocks between the justifications that a node keeps, on a public chain. They are what a light
/// client or a bridge starts from between two changes of authorities; each holds a signature of
/// every voter.
const PUBLIC_JUSTIFICATION_PERIOD: u32 = 512;

/// The same on development and local chains, where a test should not wait for its proof.
const LOCAL_JUSTIFICATION_PERIOD: u32 = 8;

/// Blocks between two kept justifications on this chain.
pub(super) fn justification_period(config: &Configuration) -> u32 {
	match config.chain_spec.chain_type() {
		ChainType::Development | ChainType::Local => LOCAL_JUSTIFICATION_PERIOD,
		ChainType::Live | ChainType::Custom(_) => PUBLIC_JUSTIFICATION_PERIOD,
	}
}

/// What the configuration says about consensus. It outlives the configuration, which the service
/// takes.
pub(super) struct Settings {
	role: Role,
	name: String,
	votes: bool,
	force_authoring: bool,
	justification_period: u32,
	/// A development chain has one authority: nobody looks for it, and nothing can overtake the
	/// best block.
	alone: bool,
	discovery: sc_authority_discovery::WorkerConfig,
	registry: Option<Registry>,
}

impl Settings {
	/// Reads them.
	pub(super) fn new(config: &Configuration) -> Self {
		Settings {
			role: config.role,
			name: config.network.node_name.clone(),
			votes: !config.disable_grandpa,
			force_authoring: config.force_authoring,
			justification_period: justification_period(config),
			alone: matches!(config.chain_spec.chain_type(), ChainType::Development),
			discovery: sc_authority_discovery::WorkerConfig {
				publish_non_global_ips: config.network.allow_non_globals_in_dht,
				public_addresses: config.network.public_addresses.clone(),
				// Every node of this network signs its records with its peer identity.
				strict_record_validation: true,
				persisted_cache_directory: config.network.net_config_path.clone(),
				..Default::default()
			},
			registry: config.prometheus_registry().cloned(),
		}
	}
}

/// Starts this node's part in consensus.
pub(super) struct Starter {
	pub(super) chain: Chain,
	pub(super) settings: Settings,
	pub(super) network: Arc<dyn NetworkService>,
	pub(super) sync: Arc<SyncingService<Block>>,
	pub(super) task_manager: TaskManager,
	pub(super) telemetry: Option<TelemetryHandle>,
}

impl Starter {
	/// An authority authors, votes and publishes its addresses; any other node follows the votes.
	///
	/// # Errors
	/// When a consensus engine cannot read its state.
	pub(super) fn start(
		mut self,
		babe: Babe,
		grandpa: GrandpaLink,
		protocol: GrandpaProtocol,
		voter_state: SharedVoterState,
	) -> Result<TaskManager, Error> {
		if self.settings.role.is_authority() {
			self.author_blocks(babe)?;
		}
		if self.settings.role.is_authority() && !self.settings.alone {
			let discovery = std::mem::take(&mut self.settings.discovery);
			self.publish_addresses(discovery);
		}
		if self.settings.votes {
			self.follow_finality(grandpa, protocol, voter_state)?;
		}
		Ok(self.task_manager)
	}

	fn author_blocks(&self, babe: Babe) -> Result<(), Error> {
		let env = ProposerFactory::new(
			self.task_manager.spawn_handle(),
			self.chain.client.clone(),
			self.chain.transaction_pool.clone(),
			self.settings.registry.as_ref(),
			self.telemetry.clone(),
		);
		let worker = sc_consensus_babe::start_babe(BabeParams {
			keystore: self.chain.keystore.clone(),
			client: self.chain.client.clone(),
			select_chain: self.chain.select_chain.clone(),
			env,
			block_import: babe.import,
			sync_oracle: self.sync.clone(),
			justification_sync_link: self.sync.clone(),
			create_inherent_data_providers: babe.inherents,
			force_authoring: self.settings.force_authoring,
			// Tasks have deadlines in blocks: the chain goes on while finality lags.
			backoff_authoring_blocks: None::<()>,
			babe_link: babe.link,
			block_proposal_slot_portion: SlotProportion::new(2.0 / 3.0),
			max_block_proposal_slot_portion: None,
			telemetry: self.telemetry.clone(),
		})?;
		self.task_manager.spawn_essential_handle().spawn_blocking(
			"babe-proposer",
			Some("block-authoring"),
			worker,
		);
		Ok(())
	}

	/// Authorities find each other in the DHT, where each signs a record of its addresses.
	fn publish_addresses(&self, discovery: sc_authority_discovery::WorkerConfig) {
		let dht_events =
			self.network.event_stream("authority-discovery").filter_map(|event| async {
				match event {
					Event::Dht(event) => Some(event),
					_ => None,
				}
			});
		let (worker, _) = sc_authority_discovery::new_worker_and_service_with_config(
			discovery,
			self.chain.client.clone(),
			Arc::new(self.network.clone()),
			Box::pin(dht_events),
			sc_authority_discovery::Role::PublishAndDiscover(self.chain.keystore.clone()),
			self.settings.registry.clone(),
			self.task_manager.spawn_handle(),
		);
		self.task_manager.spawn_handle().spawn(
			"authority-discovery-worker",
			Some("networking"),
			worker.run(),
		);
	}

	fn follow_finality(
		&self,
		link: GrandpaLink,
		protocol: GrandpaProtocol,
		shared_voter_state: SharedVoterState,
	) -> Result<(), Error> {
		let config = GrandpaConfig {
			gossip_duration: GOSSIP_DURATION,
			justification_generation_period: self.settings.justification_period,
			name: Some(self.settings.name.clone()),
			observer_enabled: false,
			// Without keys the voter only listens.
			keystore: self.settings.role.is_authority().then(|| self.chain.keystore.clone()),
			local_role: self.settings.role,
			telemetry: self.telemetry.clone(),
			protocol_name: protocol.name,
		};
		// The default rules stay two blocks behind the best one, which others may still replace.
		let voting_rule = match self.settings.alone {
			true => VotingRulesBuilder::new().build(),
			false => VotingRulesBuilder::default().build(),
		};
		let voter = sc_consensus_grandpa::run_grandpa_voter(GrandpaParams {
			config,
			link,
			network: self.network.clone(),
			sync: self.sync.clone(),
			notification_service: protocol.notifications,
			voting_rule,
			prometheus_registry: self.settings.registry.clone(),
			shared_voter_state,
			telemetry: self.telemetry.clone(),
			offchain_tx_pool_factory: OffchainTransactionPoolFactory::new(
				self.chain.transaction_pool.clone(),
			),
		})?;
		self.task_manager.spawn_essential_handle().spawn_blocking("grandpa-voter", None, voter);
		Ok(())
	}
}
