//! The local directory of blobs.

use aidragon_primitives::{task::BlobRef, Hash32};
use std::{
	fs::{self, File},
	io::{self, Read, Write},
	os::unix::fs::DirBuilderExt,
	path::{Path, PathBuf},
	time::{Duration, SystemTime},
};

/// Age after which what an interrupted transfer left is thrown away.
const LEFTOVER_MAX_AGE: Duration = Duration::from_secs(24 * 3_600);
/// Bytes that are read at once.
const BUFFER_BYTES: usize = 256 * 1024;

/// What can go wrong with the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
	/// The operating system refused.
	#[error("{}: cannot {action}: {source}", path.display())]
	Io {
		/// The file or directory.
		path: PathBuf,
		/// What was tried.
		action: &'static str,
		/// The answer.
		source: io::Error,
	},
	/// The bytes are not those of the named blob. They were thrown away.
	#[error(
		"expected blob {expected} of {expected_bytes} bytes, got {found} of {found_bytes} bytes"
	)]
	Mismatch {
		/// Hash that was asked for, in hexadecimal.
		expected: String,
		/// Size that was asked for.
		expected_bytes: u64,
		/// Hash of the bytes, in hexadecimal.
		found: String,
		/// Number of bytes.
		found_bytes: u64,
	},
}

/// A directory of blobs, each in a file named by its hash in hexadecimal. Cheap to clone; several
/// processes can share one directory.
#[derive(Clone, Debug)]
pub struct BlobStore {
	root: PathBuf,
}

impl BlobStore {
	/// Opens the store in directory `root`, which is created where it is missing, for its owner alone.
	pub fn open(root: &Path) -> Result<Self, StoreError> {
		let store = Self { root: fs::canonicalize(root).unwrap_or_else(|_| root.to_owned()) };
		let incoming = store.incoming();
		fs::DirBuilder::new()
			.recursive(true)
			.mode(0o700)
			.create(&incoming)
			.map_err(io_error(&incoming, "create"))?;
		// Only now does the directory exist for certain, and can its absolute name be found.
		let root = fs::canonicalize(root).map_err(io_error(root, "open"))?;
		let store = Self { root };
		store.sweep();
		Ok(store)
	}

	/// Where the blob with this hash lies, if the store has it.
	pub fn path(&self, hash: &Hash32) -> PathBuf {
		self.root.join(hex::encode(hash))
	}

	/// Whether the store has the blob with this hash.
	pub fn has(&self, hash: &Hash32) -> bool {
		self.path(hash).is_file()
	}

	/// Size of the blob with this hash in bytes, if the store has it.
	pub fn size(&self, hash: &Hash32) -> Option<u64> {
		fs::metadata(self.path(hash)).ok().filter(fs::Metadata::is_file).map(|file| file.len())
	}

	/// Copies a file into the store. Blocks its thread for as long as reading takes; large files belong on
	/// `spawn_blocking`.
	pub fn add_file(&self, path: &Path) -> Result<BlobRef, StoreError> {
		let mut source = File::open(path).map_err(io_error(path, "open"))?;
		self.add_reader(&mut source).map_err(io_error(path, "copy into the blob store"))
	}

	/// Puts bytes into the store.
	pub fn add_bytes(&self, bytes: &[u8]) -> Result<BlobRef, StoreError> {
		self.add_reader(&mut &*bytes).map_err(io_error(&self.root, "write"))
	}

	/// Moves a file into the store if it is the blob it should be, and removes it if it is not. The file
	/// must lie on the same file system, such as in [`Self::incoming`].
	pub fn adopt(&self, file: &Path, blob: &BlobRef) -> Result<PathBuf, StoreError> {
		let found = File::open(file)
			.and_then(|mut opened| {
				let found = hash_through(&mut opened, &mut io::sink())?;
				opened.sync_all().map(|()| found)
			})
			.map_err(io_error(file, "read"))?;
		if found != *blob {
			let _ = fs::remove_file(file);
			return Err(mismatch(blob, &found));
		}
		let path = self.path(&blob.hash);
		fs::rename(file, &path).map_err(io_error(file, "move into the blob store"))?;
		Ok(path)
	}

	/// Removes a blob. Says whether it was there.
	pub fn remove(&self, hash: &Hash32) -> Result<bool, StoreError> {
		let path = self.path(hash);
		match fs::remove_file(&path) {
			Ok(()) => Ok(true),
			Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
			Err(error) => Err(io_error(&path, "remove")(error)),
		}
	}

	/// The directory for files on their way into the store.
	pub fn incoming(&self) -> PathBuf {
		self.root.join("incoming")
	}

	/// The directory below which servers keep their hash trees.
	pub(super) fn serving(&self) -> PathBuf {
		self.root.join("serving")
	}

	fn add_reader(&self, source: &mut impl Read) -> io::Result<BlobRef> {
		let temporary = self.incoming().join(format!("add-{:016x}", rand::random::<u64>()));
		let written = File::create_new(&temporary).and_then(|mut file| {
			let blob = hash_through(source, &mut file)?;
			file.sync_all()?;
			Ok(blob)
		});
		let stored = written.and_then(|blob| {
			fs::rename(&temporary, self.path(&blob.hash))?;
			Ok(blob)
		});
		if stored.is_err() {
			let _ = fs::remove_file(&temporary);
		}
		stored
	}

	/// Throws away what transfers of long ago left. Failing to is no reason not to open the store.
	fn sweep(&self) {
		let Ok(entries) = fs::read_dir(self.incoming()) else { return };
		for entry in entries.flatten() {
			let age = entry
				.metadata()
				.and_then(|file| file.modified())
				.map(|modified| SystemTime::now().duration_since(modified).unwrap_or_default());
			if age.is_ok_and(|age| age > LEFTOVER_MAX_AGE) {
				let _ = fs::remove_file(entry.path());
			}
		}
	}
}

/// Hashes everything that `source` gives while writing it to `target`.
fn hash_through(source: &mut impl Read, target: &mut impl Write) -> io::Result<BlobRef> {
	let mut hasher = blake3::Hasher::new();
	let mut buffer = vec![0; BUFFER_BYTES];
	loop {
		let length = match source.read(&mut buffer) {
			Ok(0) => break,
			Ok(length) => length,
			Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
			Err(error) => return Err(error),
		};
		hasher.update(&buffer[..length]);
		target.write_all(&buffer[..length])?;
	}
	Ok(BlobRef { hash: *hasher.finalize().as_bytes(), size_bytes: hasher.count() })
}

fn mismatch(expected: &BlobRef, found: &BlobRef) -> StoreError {
	StoreError::Mismatch {
		expected: hex::encode(expected.hash),
		expected_bytes: expected.size_bytes,
		found: hex::encode(found.hash),
		found_bytes: found.size_bytes,
	}
}

fn io_error<'path>(
	path: &'path Path,
	action: &'static str,
) -> impl FnOnce(io::Error) -> StoreError + 'path {
	move |source| StoreError::Io { path: path.to_owned(), action, source }
}

#[cfg(test)]
mod tests {
	use super::*;

	fn store() -> (tempfile::TempDir, BlobStore) {
		let directory = tempfile::tempdir().unwrap();
		let store = BlobStore::open(&directory.path().join("blobs")).unwrap();
		(directory, store)
	}

	#[test]
	fn files_and_bytes_are_named_by_their_hash() {
		let (directory, store) = store();
		let file = directory.path().join("input.csv");
		fs::write(&file, b"1,2,3").unwrap();
		let blob = store.add_file(&file).unwrap();
		assert_eq!(blob.hash, *blake3::hash(b"1,2,3").as_bytes());
		assert_eq!(blob.size_bytes, 5);
		assert_eq!(store.add_bytes(b"1,2,3").unwrap(), blob);
		assert_eq!(fs::read(store.path(&blob.hash)).unwrap(), b"1,2,3");
		assert_eq!(store.size(&blob.hash), Some(5));
		assert!(store.remove(&blob.hash).unwrap() && !store.remove(&blob.hash).unwrap());
		assert!(!store.has(&blob.hash));
	}

	#[test]
	fn nothing_half_done_stays() {
		let (directory, store) = store();
		assert!(store.add_file(&directory.path().join("missing")).is_err());
		assert!(store.add_file(directory.path()).is_err());
		assert_eq!(fs::read_dir(store.incoming()).unwrap().count(), 0);
	}

	#[test]
	fn other_bytes_than_named_are_refused() {
		let (_directory, store) = store();
		let file = store.incoming().join("partial");
		let right = BlobRef { hash: *blake3::hash(b"right").as_bytes(), size_bytes: 5 };
		for (bytes, announced) in
			[(b"wrong", right), (b"right", BlobRef { size_bytes: 6, ..right })]
		{
			fs::write(&file, bytes).unwrap();
			let error = store.adopt(&file, &announced).unwrap_err();
			assert!(matches!(error, StoreError::Mismatch { .. }), "{error}");
			assert!(!file.exists() && !store.has(&right.hash));
		}
		fs::write(&file, b"right").unwrap();
		assert_eq!(store.adopt(&file, &right).unwrap(), store.path(&right.hash));
	}

	#[test]
	fn a_relative_path_becomes_absolute_and_leftovers_of_long_ago_are_swept() {
		let (directory, store) = store();
		let old = store.incoming().join("old");
		let new = store.incoming().join("new");
		for file in [&old, &new] {
			fs::write(file, b"x").unwrap();
		}
		let long_ago = SystemTime::now() - 2 * LEFTOVER_MAX_AGE;
		File::options().write(true).open(&old).unwrap().set_modified(long_ago).unwrap();
		let again = BlobStore::open(&directory.path().join("blobs")).unwrap();
		assert!(again.path(&[0; 32]).is_absolute());
		assert!(!old.exists() && new.exists());
	}
}
