//! `dragon`: submit work to AI Dragon and look at its market.
//!
//! Every command prints its result, and nothing else, on stdout: text for people or, with `--output json`,
//! one JSON value. Progress, questions and errors go to stderr. How a command ended is in its exit code
//! ([`exit`]).
//!
//! | module | what it holds |
//! |---|---|
//! | [`args`] | the command line |
//! | [`context`] | node, key, data directory and output of one run |
//! | [`account`], [`worker`], [`task`], [`job`], [`agent`] | the commands |
//! | [`spec`] | what task files and job files have in common |
//! | [`source`] | programs and inputs on their way to the machines |
//! | [`market`] | machines with all that decides whether they get work |
//! | [`supply`] | who could run a task now |
//! | [`amount`], [`output`], [`exit`] | DRGN amounts, printing, exit codes |

pub mod account;
pub mod agent;
pub mod amount;
pub mod args;
pub mod context;
pub mod exit;
pub mod job;
pub mod market;
pub mod output;
pub mod source;
pub mod spec;
pub mod supply;
pub mod task;
pub mod worker;

pub use args::Cli;

use args::Command;
use clap::CommandFactory;
use context::Context;
use exit::Failure;
use std::{io::IsTerminal, process::ExitCode};
use tracing_subscriber::EnvFilter;

/// Runs one command to its end and reports its error, if any, on stderr.
pub async fn run(cli: Cli) -> ExitCode {
	start_logging(cli.global.verbose);
	match dispatch(cli).await {
		Ok(()) => ExitCode::SUCCESS,
		Err(failure) => {
			eprintln!("error: {failure}");
			failure.exit.into()
		}
	}
}

async fn dispatch(cli: Cli) -> Result<(), Failure> {
	let context = Context::new(cli.global)?;
	match cli.command {
		Command::Account(command) => account::run(&context, command).await,
		Command::Worker(command) => worker::run(&context, command).await,
		Command::Task(command) => task::run(&context, command).await,
		Command::Job(command) => job::run(&context, command).await,
		Command::Agent(options) => agent::run(&context, &options).await,
		Command::Completions { shell } => {
			let mut script = Vec::new();
			clap_complete::generate(shell, &mut Cli::command(), "dragon", &mut script);
			output::raw(&script)
		}
	}
}

fn start_logging(verbose: u8) {
	let ours = match verbose {
		0 => "warn",
		1 => "info",
		2 => "debug",
		_ => "trace",
	};
	// The libraries underneath are talkative; theirs are shown only where all is.
	let theirs = if verbose > 2 { "debug" } else { "error" };
	let chosen = format!("{theirs},aidragon_cli={ours},aidragon_client={ours}");
	let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(chosen));
	// A second start, as in tests, keeps the first.
	let _ = tracing_subscriber::fmt()
		.with_env_filter(filter)
		.with_writer(std::io::stderr)
		.with_ansi(std::io::stderr().is_terminal())
		.without_time()
		.try_init();
}
