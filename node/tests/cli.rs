//! The command line means what the manual says.

use aidragon_node::cli::{Cli, Subcommand};
use sc_cli::{clap::Parser, CliConfiguration, SubstrateCli};
use sc_service::Role;

fn parse(args: &[&str]) -> Cli {
	try_parse(args).unwrap()
}

fn try_parse(args: &[&str]) -> Result<Cli, sc_cli::clap::Error> {
	Cli::try_parse_from([&["aidragon-node"], args].concat())
}

#[test]
fn dev_is_an_authority_that_authors_alone_and_forgets() {
	let run = parse(&["--dev"]).run;
	assert_eq!(run.chain_id(true).unwrap(), "dev");
	assert!(matches!(run.role(true).unwrap(), Role::Authority));
	assert!(run.force_authoring().unwrap());
	assert_eq!(run.dev_key_seed(true).unwrap().as_deref(), Some("//Alice"));
	let base_path = run.base_path().unwrap().unwrap();
	assert!(base_path.path().starts_with(std::env::temp_dir()));
}

#[test]
fn a_local_validator_has_its_name_and_its_key() {
	let run = parse(&["--chain", "local", "--bob"]).run;
	assert_eq!(run.chain_id(false).unwrap(), "local");
	assert!(matches!(run.role(false).unwrap(), Role::Authority));
	assert!(!run.force_authoring().unwrap());
	assert_eq!(run.node_name().unwrap(), "Bob");
	assert_eq!(run.dev_key_seed(false).unwrap().as_deref(), Some("//Bob"));
}

#[test]
fn without_flags_a_node_only_follows() {
	let run = parse(&[]).run;
	assert!(matches!(run.role(false).unwrap(), Role::Full));
	assert_eq!(run.dev_key_seed(false).unwrap(), None);
}

#[test]
fn run_is_the_default_subcommand() {
	let Some(Subcommand::Run(run)) = parse(&["run", "--dev", "--rpc-port", "9999"]).subcommand
	else {
		panic!("not a run");
	};
	assert!(run.shared_params.dev);
	assert!(parse(&["--dev"]).subcommand.is_none());
}

#[test]
fn every_subcommand_parses() {
	for args in [
		&["key", "generate"][..],
		&["key", "generate-node-key"],
		&["key", "inspect", "//Alice"],
		&["export-chain-spec", "--chain", "dev", "--raw"],
		&["purge-chain", "--chain", "local", "-y"],
		&["import-blocks", "--chain", "local", "blocks.bin"],
		&["export-blocks", "--chain", "local", "--binary", "blocks.bin"],
		&["revert", "--chain", "local", "3"],
		&["check-block", "--chain", "local", "1"],
		&["chain-info", "--chain", "local"],
	] {
		assert!(parse(args).subcommand.is_some(), "{args:?}");
	}
}

#[test]
fn contradictions_are_refused() {
	assert!(try_parse(&["--alice", "--bob"]).is_err());
	assert!(try_parse(&["--dev", "--tmp", "--base-path", "somewhere"]).is_err());
	assert!(try_parse(&["no-such-command"]).is_err());
}

#[test]
fn the_version_names_the_package() {
	assert!(Cli::impl_version().starts_with(env!("CARGO_PKG_VERSION")));
}
