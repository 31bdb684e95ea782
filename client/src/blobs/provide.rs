//! Handing a store out over QUIC.

use super::BlobStore;
use aidragon_primitives::Hash32;
use iroh::protocol::Router;
use iroh_blobs::{
	api::blobs::{AddPathOptions, ImportMode},
	provider::events::{
		AbortReason, ConnectMode, EventMask, EventResult, EventSender, ObserveMode,
		ProviderMessage, RequestMode,
	},
	store::fs::FsStore,
	BlobFormat, BlobsProtocol, Hash,
};
use std::{
	fs::{self, File},
	io,
	os::unix::fs::DirBuilderExt,
	path::{Path, PathBuf},
	sync::{
		atomic::{AtomicUsize, Ordering},
		Arc,
	},
};
use tokio::sync::mpsc;

/// Connections that are served at once.
const CONNECTIONS_MAX: usize = 256;
/// Requests that may wait for their answer.
const QUEUE: usize = 64;

/// What answers requests: the blobs of the store, hashed into trees when they are first asked for.
#[derive(Clone)]
struct Provider {
	store: BlobStore,
	trees: FsStore,
	importing: Arc<tokio::sync::Mutex<()>>,
	connections: Arc<AtomicUsize>,
}

/// The directory in which a running server keeps hash trees; it goes with the server.
pub(super) struct TreeDirectory {
	path: PathBuf,
	_lock: File,
}

impl TreeDirectory {
	/// Makes a directory of its own below the store, and removes those whose servers are gone.
	pub(super) fn create(store: &BlobStore) -> io::Result<Self> {
		let parent = store.serving();
		fs::DirBuilder::new().recursive(true).mode(0o700).create(&parent)?;
		for entry in fs::read_dir(&parent)?.flatten() {
			remove_abandoned(&entry.path());
		}
		let path = parent.join(format!("{:016x}", rand::random::<u64>()));
		fs::create_dir(&path)?;
		let lock = File::create_new(path.join("lock"))?;
		lock.lock()?;
		Ok(Self { path, _lock: lock })
	}
}

impl Drop for TreeDirectory {
	fn drop(&mut self) {
		let _ = fs::remove_dir_all(&self.path);
	}
}

fn remove_abandoned(directory: &Path) {
	// A server that is just starting has no lock file yet, and is left alone.
	if File::open(directory.join("lock")).is_ok_and(|lock| lock.try_lock().is_ok()) {
		let _ = fs::remove_dir_all(directory);
	}
}

/// Serves `store` on `endpoint` until the router is shut down.
pub(super) async fn serve(
	store: BlobStore,
	directory: &TreeDirectory,
	endpoint: iroh::Endpoint,
) -> io::Result<Router> {
	let trees = FsStore::load(directory.path.join("trees"))
		.await
		.map_err(|error| io::Error::other(error.to_string()))?;
	let mask = EventMask {
		connected: ConnectMode::Intercept,
		get: RequestMode::Intercept,
		get_many: RequestMode::Disabled,
		push: RequestMode::Disabled,
		observe: ObserveMode::Intercept,
		..EventMask::DEFAULT
	};
	let (events, requests) = EventSender::channel(QUEUE, mask);
	let blobs = BlobsProtocol::new(&trees, Some(events));
	let provider =
		Provider { store, trees, importing: Arc::default(), connections: Arc::default() };
	tokio::spawn(provider.answer(requests));
	Ok(Router::builder(endpoint).accept(iroh_blobs::ALPN, blobs).spawn())
}

impl Provider {
	async fn answer(self, mut requests: mpsc::Receiver<ProviderMessage>) {
		while let Some(message) = requests.recv().await {
			match message {
				ProviderMessage::ClientConnected(message) => {
					let _ = message.tx.send(self.admit()).await;
				}
				ProviderMessage::ConnectionClosed(_) => {
					self.connections.fetch_sub(1, Ordering::Relaxed);
				}
				ProviderMessage::GetRequestReceived(message) => {
					let provider = self.clone();
					tokio::spawn(async move {
						let allowed = message.request.ranges.is_blob();
						let hash = message.request.hash;
						let answer = if allowed && provider.offer(hash).await {
							Ok(())
						} else {
							Err(AbortReason::Permission)
						};
						let _ = message.tx.send(answer).await;
					});
				}
				ProviderMessage::ObserveRequestReceived(message) => {
					let _ = message.tx.send(Err(AbortReason::Permission)).await;
				}
				_ => {}
			}
		}
	}

	fn admit(&self) -> EventResult {
		let before = self.connections.fetch_add(1, Ordering::Relaxed);
		if before < CONNECTIONS_MAX {
			return Ok(());
		}
		// A connection that was not admitted is not reported as closed.
		self.connections.fetch_sub(1, Ordering::Relaxed);
		Err(AbortReason::RateLimited)
	}

	/// Makes sure that the blob can be served. Says whether it can.
	async fn offer(&self, hash: Hash) -> bool {
		let name: Hash32 = *hash.as_bytes();
		if !self.store.has(&name) {
			return false;
		}
		let _importing = self.importing.lock().await;
		if self.trees.blobs().has(hash).await.unwrap_or(false) {
			return true;
		}
		let options = AddPathOptions {
			path: self.store.path(&name),
			format: BlobFormat::Raw,
			mode: ImportMode::TryReference,
		};
		match self.trees.blobs().add_path_with_opts(options).temp_tag().await {
			Ok(tag) => tag.hash() == hash,
			Err(error) => {
				tracing::warn!("cannot serve blob {hash}: {error}");
				false
			}
		}
	}
}
