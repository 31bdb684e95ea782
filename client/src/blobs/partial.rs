//! A blob on its way into the store.

use super::{BlobStore, FetchError, StoreError};
use aidragon_primitives::task::BlobRef;
use std::{
	fs::{self, File, TryLockError},
	io::{self, SeekFrom},
	path::PathBuf,
};
use tokio::io::{AsyncSeekExt, AsyncWriteExt};

/// The file that collects a blob's bytes. It stays when a transfer breaks off, and the next one goes on
/// with it. Each way of transfer has files of its own, so that one cannot spoil the other's.
pub(super) struct Partial {
	path: PathBuf,
	file: tokio::fs::File,
	length: u64,
	blob: BlobRef,
}

impl Partial {
	/// Opens what an earlier transfer by `way` left, or begins anew. A file that another process is
	/// filling at the moment is left to it.
	pub(super) fn open(store: &BlobStore, blob: &BlobRef, way: &str) -> Result<Self, FetchError> {
		let local = |error: io::Error| FetchError::local(blob, error);
		let shared = store.incoming().join(format!("{}.{way}", hex::encode(blob.hash)));
		let options = || File::options().read(true).write(true).create(true).clone();
		let file = options().open(&shared).map_err(local)?;
		let (path, file) = match file.try_lock() {
			Ok(()) => (shared, file),
			Err(TryLockError::WouldBlock) => {
				let own = shared.with_extension(format!("{way}-{:016x}", rand::random::<u64>()));
				let file = options().open(&own).map_err(local)?;
				(own, file)
			}
			Err(TryLockError::Error(error)) => return Err(local(error)),
		};
		let length = file.metadata().map_err(local)?.len();
		Ok(Self { path, file: tokio::fs::File::from_std(file), length, blob: *blob })
	}

	/// Bytes that are there already.
	pub(super) fn length(&self) -> u64 {
		self.length
	}

	/// Keeps the first `length` bytes and goes on writing behind them.
	pub(super) async fn keep(&mut self, length: u64) -> Result<(), FetchError> {
		let kept = length.min(self.length);
		let cut = async {
			self.file.set_len(kept).await?;
			self.file.seek(SeekFrom::Start(kept)).await
		};
		cut.await.map_err(|error| FetchError::local(&self.blob, error))?;
		self.length = kept;
		Ok(())
	}

	/// Appends bytes, and refuses more than were announced.
	pub(super) async fn append(&mut self, bytes: &[u8]) -> Result<(), FetchError> {
		let length = self.length.saturating_add(bytes.len() as u64);
		if length > self.blob.size_bytes {
			let reason = format!("more than the announced {} bytes", self.blob.size_bytes);
			self.discard();
			return Err(FetchError::mismatch(&self.blob, reason));
		}
		self.file.write_all(bytes).await.map_err(|error| FetchError::local(&self.blob, error))?;
		self.length = length;
		Ok(())
	}

	/// Makes sure that what was written outlives this transfer.
	pub(super) async fn flush(&mut self) -> Result<(), FetchError> {
		self.file.flush().await.map_err(|error| FetchError::local(&self.blob, error))
	}

	/// Throws the bytes away.
	pub(super) fn discard(&self) {
		let _ = fs::remove_file(&self.path);
	}

	/// Checks hash and size and moves the blob into the store.
	pub(super) async fn finish(mut self, store: &BlobStore) -> Result<PathBuf, FetchError> {
		self.flush().await?;
		let (store, blob, path) = (store.clone(), self.blob, self.path.clone());
		let adopted = tokio::task::spawn_blocking(move || store.adopt(&path, &blob)).await;
		match adopted.map_err(|error| FetchError::local(&self.blob, error))? {
			Ok(path) => Ok(path),
			Err(error @ StoreError::Mismatch { .. }) => {
				Err(FetchError::mismatch(&self.blob, error))
			}
			Err(error) => Err(FetchError::local(&self.blob, error)),
		}
	}
}
