//! The command line.

use clap::Parser;
use sc_cli::RunCmd;

/// What `aidragon-node` was asked to do. Without a subcommand it runs a node.
#[derive(Debug, Parser)]
pub struct Cli {
	/// What to do instead of running a node.
	#[command(subcommand)]
	pub subcommand: Option<Subcommand>,

	/// How to run a node.
	#[command(flatten)]
	pub run: RunCmd,
}

/// What a node's binary does besides running.
#[derive(Debug, clap::Subcommand)]
pub enum Subcommand {
	/// Run a node. The same as giving no subcommand.
	Run(Box<RunCmd>),

	/// Make, inspect and insert keys.
	#[command(subcommand)]
	Key(sc_cli::KeySubcommand),

	/// Print a chain's specification, plain or raw.
	ExportChainSpec(sc_cli::ExportChainSpecCmd),

	/// Delete a chain's database.
	PurgeChain(sc_cli::PurgeChainCmd),

	/// Import blocks from a file.
	ImportBlocks(sc_cli::ImportBlocksCmd),

	/// Export blocks to a file.
	ExportBlocks(sc_cli::ExportBlocksCmd),

	/// Take back the latest blocks that are not finalized.
	Revert(sc_cli::RevertCmd),

	/// Execute a block of the database again.
	CheckBlock(sc_cli::CheckBlockCmd),

	/// Print what the database holds: genesis, best and finalized block.
	ChainInfo(sc_cli::ChainInfoCmd),
}
