//! Files of the work directory: the bundle that a dependent task reads, and what goes when its job is over.

use super::upstream::LENGTH_BYTES;
use aidragon_primitives::task::BlobRef;
use std::{
	fs::{self, File},
	io::{self, BufWriter, Read, Write},
	os::unix::fs::OpenOptionsExt,
	path::{Path, PathBuf},
};

/// Bytes that are copied at once.
const BUFFER_BYTES: usize = 256 * 1_024;

/// A file that is removed when nobody needs it any more.
#[derive(Debug)]
pub(super) struct Scratch(PathBuf);

impl Scratch {
	/// The file at `path`, whether it is there yet or not.
	pub(super) fn at(path: PathBuf) -> Self {
		Self(path)
	}

	/// Where it lies.
	pub(super) fn path(&self) -> &Path {
		&self.0
	}
}

impl Drop for Scratch {
	fn drop(&mut self) {
		// It may never have been written.
		let _ = fs::remove_file(&self.0);
	}
}

/// Why there is no bundle.
#[derive(Debug, thiserror::Error)]
pub(super) enum BundleError {
	/// A file cannot be read or written.
	#[error("cannot put the input together at {}: {source}", path.display())]
	Io {
		/// The file.
		path: PathBuf,
		/// What the operating system says.
		source: io::Error,
	},
	/// A file of the blob store does not hold what its name says.
	#[error("blob {} in the store is damaged, and is fetched anew next time", hex::encode(.0.hash))]
	Damaged(BlobRef),
}

/// Writes a bundle to `target`: each part as its length, in eight bytes with the lowest first, and then its bytes.
///
/// What is written was hashed, so that the bundle holds what its root names, whatever happened to the store.
pub(super) fn write(target: Scratch, parts: &[(PathBuf, BlobRef)]) -> Result<Scratch, BundleError> {
	let failed = |path: &Path| {
		let path = path.to_owned();
		move |source| BundleError::Io { path, source }
	};
	// For its owner alone, as everything in the blob store.
	let mut options = File::options();
	options.write(true).create(true).truncate(true).mode(0o600);
	let file = options.open(target.path()).map_err(failed(target.path()))?;
	let mut bundle = BufWriter::new(file);
	for (path, blob) in parts {
		let header: [u8; LENGTH_BYTES as usize] = blob.size_bytes.to_le_bytes();
		bundle.write_all(&header).map_err(failed(target.path()))?;
		let copied = File::open(path).and_then(|mut source| copy(&mut source, &mut bundle));
		if copied.map_err(failed(path))? != *blob {
			return Err(BundleError::Damaged(*blob));
		}
	}
	bundle.flush().map_err(failed(target.path()))?;
	Ok(target)
}

/// Copies everything, and says what it was.
fn copy(source: &mut impl Read, target: &mut impl Write) -> io::Result<BlobRef> {
	let mut hasher = blake3::Hasher::new();
	let mut buffer = vec![0; BUFFER_BYTES];
	loop {
		match source.read(&mut buffer) {
			Ok(0) => break,
			Ok(length) => {
				hasher.update(&buffer[..length]);
				target.write_all(&buffer[..length])?;
			}
			Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
			Err(error) => return Err(error),
		}
	}
	Ok(BlobRef { hash: *hasher.finalize().as_bytes(), size_bytes: hasher.count() })
}

#[cfg(test)]
mod tests {
	use super::*;

	fn part(directory: &Path, name: &str, bytes: &[u8]) -> (PathBuf, BlobRef) {
		let path = directory.join(name);
		fs::write(&path, bytes).unwrap();
		let hash = *blake3::hash(bytes).as_bytes();
		(path, BlobRef { hash, size_bytes: bytes.len() as u64 })
	}

	#[test]
	fn parts_stand_behind_their_lengths() {
		let directory = tempfile::tempdir().unwrap();
		let parts = [
			part(directory.path(), "own", b"ab"),
			part(directory.path(), "none", b""),
			part(directory.path(), "one", b"c"),
		];
		let path = directory.path().join("bundle");
		let bundle = write(Scratch::at(path.clone()), &parts).unwrap();
		let expected = b"\x02\0\0\0\0\0\0\0ab\0\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0c";
		assert_eq!(fs::read(bundle.path()).unwrap(), expected);
		drop(bundle);
		assert!(!path.exists());
	}

	#[test]
	fn a_damaged_part_is_found_and_nothing_is_left() {
		let directory = tempfile::tempdir().unwrap();
		let own = part(directory.path(), "own", b"ab");
		for bytes in [b"aa".as_slice(), b"a", b"abc"] {
			fs::write(&own.0, bytes).unwrap();
			let path = directory.path().join("bundle");
			let error = write(Scratch::at(path.clone()), std::slice::from_ref(&own)).unwrap_err();
			assert!(matches!(error, BundleError::Damaged(blob) if blob == own.1), "{error}");
			assert!(!path.exists());
		}
		fs::remove_file(&own.0).unwrap();
		let gone = write(Scratch::at(directory.path().join("bundle")), &[own]).unwrap_err();
		assert!(matches!(gone, BundleError::Io { .. }));
	}
}
