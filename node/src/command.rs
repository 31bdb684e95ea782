//! Does what the command line asks for.

use std::sync::Arc;

use aidragon_runtime::opaque::Block;
use sc_cli::{Error, Result, RunCmd, SubstrateCli};
use sc_network::config::NetworkBackendType;
use sc_service::Configuration;

use crate::{
	chain_spec,
	cli::{Cli, Subcommand},
	service::{self, Partial},
};

impl SubstrateCli for Cli {
	fn impl_name() -> String {
		"AI Dragon Node".into()
	}

	fn impl_version() -> String {
		env!("SUBSTRATE_CLI_IMPL_VERSION").into()
	}

	fn description() -> String {
		"A node of AI Dragon, the chain that sells verified computing.".into()
	}

	fn author() -> String {
		"the AI Dragon contributors".into()
	}

	fn support_url() -> String {
		concat!(env!("CARGO_PKG_REPOSITORY"), "/issues").into()
	}

	fn copyright_start_year() -> i32 {
		2026
	}

	fn load_spec(&self, id: &str) -> std::result::Result<Box<dyn sc_service::ChainSpec>, String> {
		chain_spec::load(id)
	}
}

/// Reads the command line of this process and obeys it. Returns when the work is done or, for a
/// running node, on `SIGINT` or `SIGTERM`.
///
/// # Errors
/// What the command says of its failure, in words for the person who typed it.
pub fn run() -> Result<()> {
	chain_spec::use_address_format();
	let cli = Cli::from_args();
	match &cli.subcommand {
		None => run_node(&cli, &cli.run),
		Some(Subcommand::Run(run)) => run_node(&cli, run),
		Some(Subcommand::Key(cmd)) => cmd.run(&cli),
		Some(Subcommand::ExportChainSpec(cmd)) => cmd.run(cli.load_spec(&cmd.chain)?),
		Some(Subcommand::PurgeChain(cmd)) => {
			cli.create_runner(cmd)?.sync_run(|config| cmd.run(config.database))
		}
		Some(Subcommand::ChainInfo(cmd)) => {
			cli.create_runner(cmd)?.sync_run(|config| cmd.run::<Block>(&config))
		}
		Some(Subcommand::ImportBlocks(cmd)) => cli.create_runner(cmd)?.async_run(|config| {
			let Partial { chain, import_queue, task_manager, .. } = open(&config)?;
			Ok((cmd.run(chain.client, import_queue), task_manager))
		}),
		Some(Subcommand::CheckBlock(cmd)) => cli.create_runner(cmd)?.async_run(|config| {
			let Partial { chain, import_queue, task_manager, .. } = open(&config)?;
			Ok((cmd.run(chain.client, import_queue), task_manager))
		}),
		Some(Subcommand::ExportBlocks(cmd)) => cli.create_runner(cmd)?.async_run(|config| {
			let Partial { chain, task_manager, .. } = open(&config)?;
			Ok((cmd.run(chain.client, config.database), task_manager))
		}),
		Some(Subcommand::Revert(cmd)) => cli.create_runner(cmd)?.async_run(|config| {
			let Partial { chain, task_manager, .. } = open(&config)?;
			Ok((
				cmd.run(chain.client, chain.backend, Some(Box::new(revert_consensus))),
				task_manager,
			))
		}),
	}
}

fn run_node(cli: &Cli, run: &RunCmd) -> Result<()> {
	let runner = cli.create_runner(run)?;
	if !matches!(runner.config().network.network_backend, NetworkBackendType::Litep2p) {
		let advice = "--network-backend libp2p is not part of this node: leave the option out";
		return Err(Error::Input(advice.into()));
	}
	runner.run_node_until_exit(
		|config| async move { service::new_full(config).map_err(Error::Service) },
	)
}

fn open(config: &Configuration) -> Result<Partial> {
	service::new_partial(config).map_err(Error::Service)
}

/// Takes BABE's and GRANDPA's own records back, before the blocks they speak of go.
fn revert_consensus(
	client: Arc<service::FullClient>,
	backend: Arc<service::FullBackend>,
	blocks: aidragon_runtime::BlockNumber,
) -> Result<()> {
	sc_consensus_babe::revert(client.clone(), backend, blocks)?;
	sc_consensus_grandpa::revert(client, blocks)?;
	Ok(())
}
