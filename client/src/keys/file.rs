//! Files that hold secrets: how they are made, and the key file of a command-line user.

use super::{Account, KeyError};
use serde::{de::DeserializeOwned, Deserialize, Serialize};
use std::{
	fs,
	io::{ErrorKind, Write},
	os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
	path::Path,
};
use subxt_signer::bip39::Mnemonic;

/// The key file of a user: a secret URI in JSON.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyFile {
	/// A BIP-39 phrase, a development key or `0x` and a seed, with derivations if wanted.
	secret_uri: String,
}

impl KeyFile {
	/// A new random secret: a phrase of twelve words.
	pub fn generate() -> Result<Self, KeyError> {
		let entropy: [u8; 16] = rand::random();
		let phrase = Mnemonic::from_entropy(&entropy)
			.map_err(|error| KeyError::Secret(error.to_string()))?;
		Ok(Self { secret_uri: phrase.to_string() })
	}

	/// A key file for an existing secret, which is checked.
	pub fn from_uri(uri: &str) -> Result<Self, KeyError> {
		Account::from_uri(uri)?;
		Ok(Self { secret_uri: uri.trim().to_owned() })
	}

	/// Reads a key file.
	pub fn load(path: &Path) -> Result<Self, KeyError> {
		let file: Self = load_secret(path)?;
		Account::from_uri(&file.secret_uri).map_err(|error| KeyError::Malformed {
			path: path.to_owned(),
			reason: error.to_string(),
		})?;
		Ok(file)
	}

	/// Writes the key to a file that must not exist yet.
	pub fn create(&self, path: &Path) -> Result<(), KeyError> {
		create_secret(path, self)
	}

	/// The account of the key.
	pub fn account(&self) -> Result<Account, KeyError> {
		Account::from_uri(&self.secret_uri)
	}
}

/// Reads a secret JSON file and refuses one that others can read.
pub(super) fn load_secret<T: DeserializeOwned>(path: &Path) -> Result<T, KeyError> {
	let io = |action| move |source| KeyError::Io { path: path.to_owned(), action, source };
	let mode = fs::metadata(path).map_err(io("read"))?.permissions().mode() & 0o777;
	if mode & 0o077 != 0 {
		return Err(KeyError::Exposed { path: path.to_owned(), mode });
	}
	let bytes = fs::read(path).map_err(io("read"))?;
	serde_json::from_slice(&bytes).map_err(|error| KeyError::Malformed {
		path: path.to_owned(),
		// Line and column only: the message of the parser may quote what it found.
		reason: format!("line {}, column {}", error.line(), error.column()),
	})
}

/// Writes a secret JSON file with mode 0600. The file appears whole or not at all, and never replaces another.
pub(super) fn create_secret<T: Serialize>(path: &Path, value: &T) -> Result<(), KeyError> {
	let io = |action| move |source| KeyError::Io { path: path.to_owned(), action, source };
	let parent = match path.parent() {
		Some(parent) if !parent.as_os_str().is_empty() => parent,
		_ => Path::new("."),
	};
	fs::DirBuilder::new()
		.recursive(true)
		.mode(0o700)
		.create(parent)
		.map_err(io("create its directory"))?;
	let mut json = serde_json::to_vec_pretty(value).map_err(|error| io("encode")(error.into()))?;
	json.push(b'\n');
	let temporary = parent.join(format!(".key-{:016x}", rand::random::<u64>()));
	let written = write_new(&temporary, &json);
	// A hard link, unlike a rename, fails where the name is taken.
	let linked = written.and_then(|()| fs::hard_link(&temporary, path));
	let _ = fs::remove_file(&temporary);
	match linked {
		Ok(()) => {
			fs::File::open(parent).and_then(|directory| directory.sync_all()).map_err(io("save"))
		}
		Err(error) if error.kind() == ErrorKind::AlreadyExists => {
			Err(KeyError::Exists { path: path.to_owned() })
		}
		Err(error) => Err(io("create")(error)),
	}
}

fn write_new(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
	let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
	file.write_all(bytes)?;
	file.sync_all()
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn created_files_belong_to_their_owner_alone() {
		let directory = tempfile::tempdir().unwrap();
		let path = directory.path().join("deep").join("key.json");
		let key = KeyFile::generate().unwrap();
		key.create(&path).unwrap();
		assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
		assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
		let loaded = KeyFile::load(&path).unwrap();
		assert_eq!(loaded.account().unwrap().account_id(), key.account().unwrap().account_id());
	}

	#[test]
	fn a_key_is_never_overwritten() {
		let directory = tempfile::tempdir().unwrap();
		let path = directory.path().join("key.json");
		KeyFile::from_uri("//Alice").unwrap().create(&path).unwrap();
		let before = fs::read(&path).unwrap();
		let error = KeyFile::generate().unwrap().create(&path).unwrap_err();
		assert!(matches!(error, KeyError::Exists { .. }), "{error}");
		assert_eq!(fs::read(&path).unwrap(), before);
	}

	#[test]
	fn two_keys_differ() {
		let [one, other] = [(); 2].map(|()| KeyFile::generate().unwrap().account().unwrap());
		assert_ne!(one.account_id(), other.account_id());
	}

	#[test]
	fn malformed_exposed_and_missing_files_are_told_apart() {
		let directory = tempfile::tempdir().unwrap();
		let path = directory.path().join("key.json");
		let missing = KeyFile::load(&path).err().unwrap();
		assert!(matches!(missing, KeyError::Io { .. }), "{missing}");
		for text in ["", "{}", "{\"secret_uri\": 7}", "{\"secret_uri\": \"three wrong words\"}"] {
			let _ = fs::remove_file(&path);
			write_new(&path, text.as_bytes()).unwrap();
			let error = KeyFile::load(&path).err().unwrap();
			assert!(matches!(error, KeyError::Malformed { .. }), "{error}");
			assert!(error.to_string().contains("key.json"), "{error}");
			assert!(!error.to_string().contains("wrong words"), "{error}");
		}
		fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
		let error = KeyFile::load(&path).err().unwrap();
		assert!(error.to_string().contains("chmod 600"), "{error}");
	}
}
