//! The `dragon` command.

use aidragon_cli::{run, Cli};
use clap::Parser;
use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
	run(Cli::parse()).await
}
