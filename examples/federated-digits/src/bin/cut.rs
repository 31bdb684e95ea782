//! Writes the inputs that `job.toml` names, cut from the data of the digits example: `cut DIGITS.CSV.GZ FOLDER`.
//!
//! Runs where the job is prepared, not on the machines that do it.

use std::{
	env, fs, io,
	path::{Path, PathBuf},
	process::ExitCode,
};

use federated_digits::cut::{cut, Inputs, JOB};

fn main() -> ExitCode {
	let arguments: Vec<PathBuf> = env::args_os().skip(1).map(PathBuf::from).collect();
	let [data, folder] = arguments.as_slice() else {
		eprintln!("cut: takes the data of the digits example and a folder to write to");
		return ExitCode::FAILURE;
	};
	match write_inputs(data, folder) {
		Ok(()) => ExitCode::SUCCESS,
		Err(error) => {
			eprintln!("cut: {} to {}: {error}", data.display(), folder.display());
			ExitCode::FAILURE
		}
	}
}

fn write_inputs(data: &Path, folder: &Path) -> io::Result<()> {
	let Inputs { shards, average } = cut(&fs::read(data)?, JOB)?;
	fs::create_dir_all(folder)?;
	for (shard, input) in shards.iter().enumerate() {
		fs::write(folder.join(format!("shard-{shard}.bin")), input)?;
	}
	fs::write(folder.join("average.bin"), average)
}
