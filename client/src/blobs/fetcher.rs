//! The fetcher: QUIC first, HTTP where that does not work.

use super::{
	address::{describe, parse_socket},
	endpoint, http_client,
	partial::Partial,
	quic_client, BlobStore, BlobTransport, FetchError, ServeError,
};
use aidragon_primitives::{task::BlobRef, worker::TransportAddress, Hash32};
use async_trait::async_trait;
use iroh::Endpoint;
use std::{
	collections::HashMap,
	net::{IpAddr, SocketAddr},
	path::PathBuf,
	sync::{Arc, Mutex, PoisonError},
};

/// Brings blobs from named sources into a store. Cheap to clone.
#[derive(Clone)]
pub struct BlobFetcher {
	inner: Arc<Inner>,
}

struct Inner {
	store: BlobStore,
	endpoint: Endpoint,
	fetching: Mutex<HashMap<Hash32, Arc<tokio::sync::Mutex<()>>>>,
}

/// One of the two ways to a source.
enum Way<'source> {
	Quic(&'source TransportAddress),
	Http(SocketAddr),
}

impl BlobFetcher {
	/// A fetcher that fills `store`, and dials from any port of `bind` (such as `0.0.0.0`) with a key made
	/// for the occasion.
	pub async fn bind(store: BlobStore, bind: IpAddr) -> Result<Self, ServeError> {
		let listen = SocketAddr::new(bind, 0);
		let endpoint = endpoint::bind(&rand::random(), listen)
			.await
			.map_err(|source| ServeError::Bind { socket: listen, source })?;
		let inner = Inner { store, endpoint, fetching: Mutex::default() };
		Ok(Self { inner: Arc::new(inner) })
	}

	/// The store that is filled.
	pub fn store(&self) -> &BlobStore {
		&self.inner.store
	}

	/// Closes the fetcher's connections.
	pub async fn close(&self) {
		self.inner.endpoint.close().await;
	}

	async fn fetch_by(&self, way: &Way<'_>, blob: &BlobRef) -> Result<PathBuf, FetchError> {
		let name = match way {
			Way::Quic(_) => "quic",
			Way::Http(_) => "http",
		};
		// What an earlier transfer left may be wrong although what comes now is right: once again without it.
		loop {
			let mut partial = Partial::open(&self.inner.store, blob, name)?;
			let resumed = partial.length() > 0;
			let filled = match way {
				Way::Quic(source) => {
					quic_client::fetch(&self.inner.endpoint, source, blob, &mut partial).await
				}
				Way::Http(socket) => http_client::fetch(*socket, blob, &mut partial).await,
			};
			if let Err(error @ FetchError::Mismatch { .. }) = filled {
				partial.discard();
				if resumed {
					continue;
				}
				return Err(error);
			}
			filled?;
			if partial.length() < blob.size_bytes {
				// The source ended the transfer by itself, so these are all the bytes it has.
				let reason = format!("{} of {} bytes", partial.length(), blob.size_bytes);
				partial.discard();
				return Err(FetchError::mismatch(blob, reason));
			}
			match partial.finish(&self.inner.store).await {
				Err(FetchError::Mismatch { .. }) if resumed => {}
				finished => return finished,
			}
		}
	}

	/// The lock under which a blob is fetched: two tasks with one program fetch it once.
	fn fetching(&self, hash: &Hash32) -> Arc<tokio::sync::Mutex<()>> {
		let mut fetching = self.inner.fetching.lock().unwrap_or_else(PoisonError::into_inner);
		fetching.retain(|_, lock| Arc::strong_count(lock) > 1);
		fetching.entry(*hash).or_default().clone()
	}
}

#[async_trait]
impl BlobTransport for BlobFetcher {
	async fn fetch(
		&self,
		source: &TransportAddress,
		blob: &BlobRef,
		size_limit_bytes: u64,
	) -> Result<PathBuf, FetchError> {
		if blob.size_bytes > size_limit_bytes {
			let reason = format!("{} bytes are over {size_limit_bytes}", blob.size_bytes);
			return Err(FetchError::local(blob, reason));
		}
		let lock = self.fetching(&blob.hash);
		let _fetching = lock.lock().await;
		if let Some(size_bytes) = self.inner.store.size(&blob.hash) {
			if size_bytes == blob.size_bytes {
				return Ok(self.inner.store.path(&blob.hash));
			}
			let reason =
				format!("it has {size_bytes} bytes, not the announced {}", blob.size_bytes);
			return Err(FetchError::mismatch(blob, reason));
		}
		let quic = (!source.sockets.is_empty()).then_some(Way::Quic(source));
		let http = source.http.as_ref().and_then(parse_socket).map(Way::Http);
		let mut failures: Vec<FetchError> = Vec::new();
		for way in [quic, http].into_iter().flatten() {
			match self.fetch_by(&way, blob).await {
				Err(failure @ (FetchError::Unavailable { .. } | FetchError::Mismatch { .. })) => {
					tracing::debug!("{failure}");
					failures.push(failure);
				}
				done => return done,
			}
		}
		Err(worst(source, blob, failures))
	}
}

/// The failure to report: a source that sent something else says more than one that sent nothing.
fn worst(source: &TransportAddress, blob: &BlobRef, failures: Vec<FetchError>) -> FetchError {
	let mut reasons = Vec::new();
	for failure in failures {
		match failure {
			FetchError::Unavailable { reason, .. } => reasons.push(reason),
			other => return other,
		}
	}
	if reasons.is_empty() {
		reasons.push(format!("nothing to dial ({})", describe(source)));
	}
	FetchError::unavailable(blob, reasons.join("; "))
}
