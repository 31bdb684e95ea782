//! Accounts, addresses and the files that hold secrets.
//!
//! Secret files are JSON, readable by their owner alone (mode 0600), created atomically and never
//! overwritten: losing a key by a repeated command is not possible.

mod account;
mod file;
mod worker;

pub use account::{verify, Account, AccountId};
pub use file::KeyFile;
pub use worker::{TransportKey, WorkerKeys};

use std::path::PathBuf;

/// The SS58 prefix of the chain's addresses.
pub const SS58_PREFIX: u8 = 42;

/// What can be wrong with a key, an address or a secret file.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
	/// The text is not a secret.
	#[error("not a key: {0}; give a development key such as //Alice, a BIP-39 phrase or 0x with 64 hex digits")]
	Secret(String),
	/// The text is not an address of this chain.
	#[error("not an address: {0}; give an SS58 address with prefix 42 or 0x with 64 hex digits")]
	Address(String),
	/// The file is there already, and secrets are never overwritten.
	#[error("{}: exists already and is never overwritten; choose another path or move it away", path.display())]
	Exists {
		/// The file.
		path: PathBuf,
	},
	/// The file does not hold what it should.
	#[error("{}: not a key file: {reason}; restore it from your copy or create another one", path.display())]
	Malformed {
		/// The file.
		path: PathBuf,
		/// What is wrong with it.
		reason: String,
	},
	/// Others can read the file.
	#[error("{}: other users can read it (mode {mode:03o}); run `chmod 600` on it", path.display())]
	Exposed {
		/// The file.
		path: PathBuf,
		/// Its permission bits.
		mode: u32,
	},
	/// The operating system refused.
	#[error("{}: cannot {action}: {source}", path.display())]
	Io {
		/// The file.
		path: PathBuf,
		/// What was tried.
		action: &'static str,
		/// The answer.
		source: std::io::Error,
	},
}
