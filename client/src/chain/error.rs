//! What can go wrong between this client and a chain.

use subxt::{error::BackendError, rpcs};

/// Why something could not be read from the chain.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ChainError {
	/// The node cannot be reached, or does not answer.
	#[error("cannot reach the node at {url}: {reason}; check that it runs and that the address is right")]
	Connection {
		/// The address.
		url: String,
		/// What happened.
		reason: String,
	},
	/// The node serves another chain, or another version of this one.
	#[error("the node serves a chain that this program does not know: {reason}; use the program of the chain's release")]
	Incompatible {
		/// What differs or is missing.
		reason: String,
	},
	/// The node answered with an error, for instance because it has dropped the state of an old block.
	#[error("the node refused: {reason}")]
	Refused {
		/// The node's words.
		reason: String,
	},
	/// What the chain holds is not what this program expects.
	#[error("cannot read {what}: {reason}; use the program of the chain's release")]
	Decode {
		/// What was read.
		what: String,
		/// What is wrong with it.
		reason: String,
	},
}

/// Why a call is not known to have taken effect.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SubmitError {
	/// The call was included in a block and failed there. Nothing but the fee changed.
	#[error("{pallet}.{error}: {docs}")]
	Dispatch {
		/// The pallet whose rule it broke, or the class of the error.
		pallet: String,
		/// The error's name.
		error: String,
		/// What the metadata says about it.
		docs: String,
	},
	/// The node did not take the transaction into its pool. Nothing changed.
	#[error("the node refused the transaction: {reason}")]
	Rejected {
		/// The node's words.
		reason: String,
	},
	/// The transaction was taken, but not included. It can be sent again.
	#[error("the transaction was not included: {reason}; it can be sent again")]
	Dropped {
		/// What became of it.
		reason: String,
	},
	/// The connection failed. The call may or may not take effect: look at the state before sending it again.
	#[error("{0}")]
	Connection(#[from] ChainError),
}

impl SubmitError {
	/// Whether the call failed in a block with this error of this pallet.
	pub fn is(&self, pallet: &str, error: &str) -> bool {
		matches!(self, Self::Dispatch { pallet: p, error: e, .. } if p == pallet && e == error)
	}

	/// Whether sending the same call again later can succeed without anything else changing.
	pub fn is_transient(&self) -> bool {
		matches!(self, Self::Dropped { .. } | Self::Connection(_))
	}
}

/// The error of one RPC request, split by whether asking again can help.
pub(super) fn from_rpc(url: &str, error: rpcs::Error) -> ChainError {
	match error {
		rpcs::Error::User(refusal) => ChainError::Refused { reason: user_message(&refusal) },
		rpcs::Error::Deserialization(_) | rpcs::Error::Decode(_) => {
			ChainError::Decode { what: "the node's answer".into(), reason: error.to_string() }
		}
		other => ChainError::Connection { url: url.to_owned(), reason: other.to_string() },
	}
}

/// The error of a request that subxt made.
pub(super) fn from_backend(url: &str, error: BackendError) -> ChainError {
	match error {
		BackendError::Rpc(subxt::error::RpcError::ClientError(inner)) => from_rpc(url, inner),
		other => ChainError::Connection { url: url.to_owned(), reason: other.to_string() },
	}
}

/// Message and detail of a JSON-RPC error, such as `Invalid Transaction: Transaction is outdated`.
pub(super) fn user_message(refusal: &rpcs::UserError) -> String {
	let detail = refusal.data.as_ref().map(|data| data.get().trim_matches('"').to_owned());
	match detail {
		Some(detail) if !detail.is_empty() && detail != "null" => {
			format!("{}: {detail}", refusal.message)
		}
		_ => refusal.message.clone(),
	}
}
