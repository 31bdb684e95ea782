//! Moving programs, inputs and outputs: the local store, the server that hands it out, the fetcher that
//! fills it.
//!
//! A blob is named by the BLAKE3 hash of its bytes. Nothing is put into a [`BlobStore`] before hash and
//! size were checked, so a path that it gives holds what its name says. A [`BlobServer`] offers a store
//! over QUIC (iroh-blobs) and over plain HTTP; a [`BlobFetcher`] tries the two in this order. Endpoints are
//! set up by hand: no relay, no discovery, no third party; who is reached is who was named.

mod address;
mod endpoint;
mod fetcher;
mod http_client;
mod http_server;
mod partial;
mod provide;
mod quic_client;
mod server;
mod store;
#[cfg(test)]
mod tests;

pub use address::{describe, node_key, socket_text};
pub use fetcher::BlobFetcher;
pub use server::{BlobServer, ServeError, ServerConfig};
pub use store::{BlobStore, StoreError};

use aidragon_primitives::{task::BlobRef, worker::TransportAddress};
use async_trait::async_trait;
use std::path::PathBuf;

/// Something that can bring blobs into the local store.
#[async_trait]
pub trait BlobTransport: Send + Sync {
	/// Makes sure that `blob` is in the local store and gives its path there.
	///
	/// A blob that the store has already is not fetched again. Hash and size are checked before the path
	/// is given. What an interrupted transfer left is resumed. A source that does not answer, or stops
	/// sending, is given up after seconds; one that keeps sending is not, so a caller with a deadline puts
	/// a timeout around this.
	///
	/// `size_limit_bytes` is what the caller is willing to store.
	async fn fetch(
		&self,
		source: &TransportAddress,
		blob: &BlobRef,
		size_limit_bytes: u64,
	) -> Result<PathBuf, FetchError>;
}

/// Why a blob could not be fetched. Nothing was put into the store.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
	/// The source cannot be reached, does not have the blob, or stopped sending.
	#[error("blob {blob} is not available from its source: {reason}")]
	Unavailable {
		/// The blob's hash in hexadecimal.
		blob: String,
		/// What was tried and what happened.
		reason: String,
	},
	/// The source sent something else than was announced.
	#[error("the source of blob {blob} sent something else: {reason}")]
	Mismatch {
		/// The blob's hash in hexadecimal.
		blob: String,
		/// What differs.
		reason: String,
	},
	/// This machine cannot store it.
	#[error("cannot store blob {blob} here: {reason}")]
	Local {
		/// The blob's hash in hexadecimal.
		blob: String,
		/// What is in the way.
		reason: String,
	},
}

impl FetchError {
	fn unavailable(blob: &BlobRef, reason: impl ToString) -> Self {
		Self::Unavailable { blob: hex::encode(blob.hash), reason: reason.to_string() }
	}

	fn mismatch(blob: &BlobRef, reason: impl ToString) -> Self {
		Self::Mismatch { blob: hex::encode(blob.hash), reason: reason.to_string() }
	}

	fn local(blob: &BlobRef, reason: impl ToString) -> Self {
		Self::Local { blob: hex::encode(blob.hash), reason: reason.to_string() }
	}
}
