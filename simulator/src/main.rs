//! The `aidragon-sim` command.

use aidragon_sim::cli::{run, Cli};
use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
	run(&Cli::parse())
}
