//! Fetching over QUIC, with every 16 KiB checked against the hash as they arrive.

use super::{address::parse_socket, partial::Partial, FetchError};
use aidragon_primitives::{task::BlobRef, worker::TransportAddress};
use bao_tree::{io::BaoContentItem, ChunkNum};
use iroh::{
	endpoint::{Connection, VarInt},
	Endpoint, EndpointAddr, EndpointId, TransportAddr,
};
use iroh_blobs::{
	get::fsm::{self, AtBlobContent, BlobContentNext, ConnectedNext, DecodeError, EndBlobNext},
	protocol::{ChunkRanges, GetRequest},
	Hash,
};
use std::{future::Future, time::Duration};
use tokio::time::timeout;

/// Time a source has to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Time a source may stay silent in the middle of a transfer.
const SILENCE_MAX: Duration = Duration::from_secs(15);
/// Bytes that are checked together, and so the unit of resuming.
const GROUP_BYTES: u64 = 16 * 1_024;
/// Bytes of one BLAKE3 chunk.
const CHUNK_BYTES: u64 = 1_024;

/// Completes `partial` from the QUIC sockets of `source`.
pub(super) async fn fetch(
	endpoint: &Endpoint,
	source: &TransportAddress,
	blob: &BlobRef,
	partial: &mut Partial,
) -> Result<(), FetchError> {
	let unavailable = |reason: String| FetchError::unavailable(blob, reason);
	let id = EndpointId::from_bytes(&source.node_key)
		.map_err(|error| unavailable(format!("quic: the transport key is invalid: {error}")))?;
	let sockets = source.sockets.iter().filter_map(parse_socket).map(TransportAddr::Ip);
	let address = EndpointAddr::from_parts(id, sockets);
	let connection = timeout(CONNECT_TIMEOUT, endpoint.connect(address, iroh_blobs::ALPN))
		.await
		.map_err(|_| unavailable("quic: no answer".into()))?
		.map_err(|error| unavailable(format!("quic: {error}")))?;
	let result = transfer(&connection, blob, partial).await;
	connection.close(VarInt::from_u32(0), b"done");
	let flushed = partial.flush().await;
	result.and(flushed)
}

async fn transfer(
	connection: &Connection,
	blob: &BlobRef,
	partial: &mut Partial,
) -> Result<(), FetchError> {
	// The last group is fetched again: it proves the size, and a torn write can only be there.
	let sound = partial.length().min(blob.size_bytes.saturating_sub(1));
	let offset = sound / GROUP_BYTES * GROUP_BYTES;
	partial.keep(offset).await?;
	let ranges = ChunkRanges::from(ChunkNum(offset / CHUNK_BYTES)..);
	let request = GetRequest::blob_ranges(Hash::from_bytes(blob.hash), ranges);
	let initial = fsm::start(connection.clone(), request, Default::default());
	let connected = in_time(blob, initial.next()).await?;
	let ConnectedNext::StartRoot(root) = in_time(blob, connected.next()).await? else {
		return Err(FetchError::unavailable(blob, "quic: the request was not understood"));
	};
	let (content, size_bytes) = in_time(blob, root.next().next()).await?;
	if size_bytes != blob.size_bytes {
		let reason = format!("{size_bytes} bytes instead of the announced {}", blob.size_bytes);
		return Err(FetchError::mismatch(blob, reason));
	}
	receive(content, blob, partial).await
}

async fn receive(
	mut content: AtBlobContent,
	blob: &BlobRef,
	partial: &mut Partial,
) -> Result<(), FetchError> {
	loop {
		let silent = |_| FetchError::unavailable(blob, "quic: the source stopped sending");
		match timeout(SILENCE_MAX, content.next()).await.map_err(silent)? {
			BlobContentNext::More((next, item)) => {
				if let BaoContentItem::Leaf(leaf) = item.map_err(|error| refusal(blob, &error))? {
					partial.append(&leaf.data).await?;
				}
				content = next;
			}
			BlobContentNext::Done(end) => {
				// Nothing may follow; whether the stream closes tidily does not matter any more.
				if let EndBlobNext::Closing(closing) = end.next() {
					let _ = timeout(SILENCE_MAX, closing.next()).await;
				}
				return Ok(());
			}
		}
	}
}

async fn in_time<T, E: std::fmt::Display>(
	blob: &BlobRef,
	step: impl Future<Output = Result<T, E>>,
) -> Result<T, FetchError> {
	match timeout(SILENCE_MAX, step).await {
		Ok(Ok(next)) => Ok(next),
		Ok(Err(error)) => Err(FetchError::unavailable(blob, format!("quic: {error}"))),
		Err(_) => Err(FetchError::unavailable(blob, "quic: no answer to the request")),
	}
}

fn refusal(blob: &BlobRef, error: &DecodeError) -> FetchError {
	match error {
		DecodeError::ParentHashMismatch { .. } | DecodeError::LeafHashMismatch { .. } => {
			FetchError::mismatch(blob, format!("quic: {error}"))
		}
		_ => FetchError::unavailable(blob, format!("quic: {error}")),
	}
}
