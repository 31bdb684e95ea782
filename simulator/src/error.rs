//! What can go wrong, and the exit code of each.

use std::{
	io::ErrorKind,
	path::{Path, PathBuf},
};

/// Why a command ended without a result.
#[derive(Debug, thiserror::Error)]
pub enum Error {
	/// A file could not be read or written.
	#[error("{path}: {source}; {}", advice(.source))]
	Io {
		/// The file.
		path: PathBuf,
		/// What the system said.
		source: std::io::Error,
	},
	/// What a file says cannot be used.
	#[error("{path}:{line}: {column}: {message}")]
	Input {
		/// The file.
		path: PathBuf,
		/// The line, counted from 1.
		line: u64,
		/// The column by the name in the first line.
		column: String,
		/// What is wrong with it and what to do.
		message: String,
	},
	/// An option cannot be used with the others or with the input.
	#[error("{0}")]
	Usage(String),
	/// The pallet refused a call that it should take, or an invariant does not hold.
	#[error("the chain misbehaved: {0}; please report this with the command line")]
	Chain(String),
}

impl Error {
	/// The exit code: 1 for a chain that misbehaves, 2 for usage, 3 for input files, 4 for the file system.
	pub fn exit_code(&self) -> u8 {
		match self {
			Self::Chain(_) => 1,
			Self::Usage(_) => 2,
			Self::Input { .. } => 3,
			Self::Io { .. } => 4,
		}
	}

	/// What the system said about a file.
	pub fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
		move |source| Self::Io { path: path.to_owned(), source }
	}
}

/// What to do about what the system said.
fn advice(source: &std::io::Error) -> &'static str {
	match source.kind() {
		ErrorKind::AlreadyExists => "remove it, or choose another folder",
		ErrorKind::IsADirectory => "name a file in it",
		ErrorKind::BrokenPipe => "whoever was to read it is gone",
		_ => "check that it exists and that you may access it",
	}
}

/// What a command comes to.
pub type Result<T> = std::result::Result<T, Error>;
