//! The worker's binary.

use std::process::ExitCode;

use aidragon_worker::{
	cli,
	executor::{sandbox_main, SANDBOX_SUBCOMMAND},
};

fn main() -> ExitCode {
	// Before anything else: the sandbox must find a process with a single thread.
	if std::env::args_os().nth(1).is_some_and(|argument| argument == SANDBOX_SUBCOMMAND) {
		return sandbox_main();
	}
	cli::main()
}
