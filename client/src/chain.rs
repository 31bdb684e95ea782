//! The connection to a node: blocks, typed state, submission.
//!
//! [`Chain`] is cheap to clone and reconnects by itself. Reading is always done at a block, through
//! [`Chain::at`]; nothing here caches state. Following blocks ([`Chain::follow`]) tells that there is
//! something to look at, never what happened: whoever acts on the chain compares states.

mod connection;
mod error;
mod events;
mod follow;
mod layout;
mod snapshot;
mod submit;

pub use connection::Chain;
pub use error::{ChainError, SubmitError};
pub use events::{Event, JobSubmitted, WorkerRegistered};
pub use follow::HeadStream;
pub use snapshot::{all_pages, Balances, Snapshot};
pub use submit::Included;

use aidragon_primitives::{BlockNumber, Hash32};

/// Name of the runtime that this client speaks to.
pub const SPEC_NAME: &str = "aidragon";

/// A block by number and hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Head {
	/// Its height.
	pub number: BlockNumber,
	/// Its hash.
	pub hash: Hash32,
}

/// Which end of the chain counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum View {
	/// What cannot be undone any more. A block or two behind the best.
	Finalized,
	/// What the node would build on next. Can be replaced by another fork.
	Best,
}
