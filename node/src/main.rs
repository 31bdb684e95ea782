//! The `aidragon-node` binary.

use std::process::ExitCode;

fn main() -> ExitCode {
	match aidragon_node::command::run() {
		Ok(()) => ExitCode::SUCCESS,
		Err(error) => {
			eprintln!("aidragon-node: {error}");
			ExitCode::FAILURE
		}
	}
}
