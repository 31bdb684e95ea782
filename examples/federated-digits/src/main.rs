//! The program that a worker runs: the input on stdin, the result on stdout, what went wrong on stderr.

use std::{
	io::{Read, Write},
	process::ExitCode,
};

/// More than enough for a shard and the networks of all shards; a larger input is refused before it fills the memory.
const MAX_INPUT_BYTES: u64 = 16 << 20;

fn main() -> ExitCode {
	match answer() {
		Ok(()) => ExitCode::SUCCESS,
		Err(message) => {
			eprintln!("federated-digits: {message}");
			ExitCode::FAILURE
		}
	}
}

fn answer() -> Result<(), String> {
	let mut input = Vec::new();
	std::io::stdin()
		.take(MAX_INPUT_BYTES + 1)
		.read_to_end(&mut input)
		.map_err(|error| format!("the input could not be read: {error}"))?;
	if input.len() as u64 > MAX_INPUT_BYTES {
		return Err(format!("the input is longer than {MAX_INPUT_BYTES} bytes"));
	}
	let result = federated_digits::run(&input).map_err(|error| error.to_string())?;
	std::io::stdout()
		.write_all(&result)
		.map_err(|error| format!("the result could not be written: {error}"))
}
