//! How a command ends: exit codes, and the failures that lead to them.

use aidragon_client::{
	blobs::{FetchError, ServeError, StoreError},
	chain::{ChainError, SubmitError},
	keys::KeyError,
};
use std::{fmt, process::ExitCode};

/// The table of exit codes for `--help`.
pub const EXIT_CODES: &str = "\
Exit codes:
    0  done
    1  the task ended without a result
    2  wrong usage, an invalid task file, or a local file that cannot be read or written
    3  the chain or the network failed
    4  refused by the chain, or not enough funds
  124  the time given by --timeout is over
  130  interrupted";

/// How a command can end other than well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
	/// The task ended without a result.
	NoResult = 1,
	/// Wrong usage, an invalid task file, or a local file that cannot be read or written.
	Usage = 2,
	/// The chain or the network failed.
	Network = 3,
	/// Refused by the chain, or not enough funds.
	Refused = 4,
	/// The time given is over.
	Timeout = 124,
	/// Interrupted by the user.
	Interrupted = 130,
}

impl From<Exit> for ExitCode {
	fn from(exit: Exit) -> Self {
		Self::from(exit as u8)
	}
}

/// Why a command failed: the exit code and the message for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
	/// The exit code.
	pub exit: Exit,
	/// What happened and what to do.
	pub message: String,
}

impl Failure {
	/// A failure with its message.
	pub fn new(exit: Exit, message: impl fmt::Display) -> Self {
		Self { exit, message: message.to_string() }
	}

	/// Wrong usage, an invalid file, or a local file that cannot be read or written.
	pub fn usage(message: impl fmt::Display) -> Self {
		Self::new(Exit::Usage, message)
	}
}

impl fmt::Display for Failure {
	fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
		formatter.write_str(&self.message)
	}
}

impl From<KeyError> for Failure {
	fn from(error: KeyError) -> Self {
		Self::usage(error)
	}
}

impl From<StoreError> for Failure {
	fn from(error: StoreError) -> Self {
		Self::usage(error)
	}
}

impl From<ServeError> for Failure {
	fn from(error: ServeError) -> Self {
		Self::usage(error)
	}
}

impl From<FetchError> for Failure {
	fn from(error: FetchError) -> Self {
		match error {
			FetchError::Unavailable { .. } | FetchError::Mismatch { .. } => {
				Self::new(Exit::Network, error)
			}
			FetchError::Local { .. } => Self::usage(error),
		}
	}
}

impl From<ChainError> for Failure {
	fn from(error: ChainError) -> Self {
		Self::new(Exit::Network, error)
	}
}

impl From<SubmitError> for Failure {
	fn from(error: SubmitError) -> Self {
		match error {
			SubmitError::Dispatch { .. } | SubmitError::Rejected { .. } => {
				Self::new(Exit::Refused, error)
			}
			SubmitError::Dropped { .. } | SubmitError::Connection(_) => {
				Self::new(Exit::Network, error)
			}
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn the_table_names_every_code() {
		let codes = [
			Exit::NoResult,
			Exit::Usage,
			Exit::Network,
			Exit::Refused,
			Exit::Timeout,
			Exit::Interrupted,
		];
		for exit in codes {
			let code = format!("{:>5}  ", exit as u8);
			assert!(EXIT_CODES.contains(&code), "{exit:?}");
		}
	}

	#[test]
	fn a_refusal_is_not_a_network_failure() {
		let rejected = SubmitError::Rejected { reason: "no funds".into() };
		assert_eq!(Failure::from(rejected).exit, Exit::Refused);
		let dropped = SubmitError::Dropped { reason: "era over".into() };
		assert_eq!(Failure::from(dropped).exit, Exit::Network);
		let lost = ChainError::Connection { url: "ws://x:1".into(), reason: "refused".into() };
		let failure = Failure::from(SubmitError::from(lost));
		assert_eq!(failure.exit, Exit::Network);
		assert!(failure.message.contains("ws://x:1"));
	}
}
