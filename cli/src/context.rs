//! What one run of a command works with: node, key, data directory, output.

use crate::{args::Global, exit::Failure, output::Format};
use aidragon_client::{
	blobs::BlobStore,
	chain::Chain,
	keys::{Account, KeyFile},
};
use std::{
	env,
	path::{Path, PathBuf},
};

/// Node, key, data directory and output of one run. Nothing is opened before it is needed.
#[derive(Clone, Debug)]
pub struct Context {
	url: String,
	key: Option<String>,
	/// Form of the result.
	pub output: Format,
	data_dir: PathBuf,
}

impl Context {
	/// Takes over the options, with defaults for those that are missing.
	pub fn new(options: Global) -> Result<Self, Failure> {
		let data_dir = match options.data_dir {
			Some(directory) => directory,
			None => default_data_dir(env::var_os("XDG_DATA_HOME"), env::var_os("HOME"))?,
		};
		Ok(Self { url: options.url, key: options.key, output: options.output, data_dir })
	}

	/// Connects to the node.
	pub async fn connect(&self) -> Result<Chain, Failure> {
		Ok(Chain::connect(&self.url).await?)
	}

	/// The account to sign with.
	pub fn account(&self) -> Result<Account, Failure> {
		match self.key_source()? {
			KeySource::Development(uri) => Ok(Account::from_uri(&uri)?),
			KeySource::File(path) => {
				if !path.exists() {
					return Err(Failure::usage(format!(
						"{}: there is no key file; run `dragon account create` or pass --key",
						path.display()
					)));
				}
				Ok(KeyFile::load(&path)?.account()?)
			}
		}
	}

	/// Where the key comes from.
	pub fn key_source(&self) -> Result<KeySource, Failure> {
		match &self.key {
			None => Ok(KeySource::File(self.data_dir.join("key.json"))),
			Some(key) => KeySource::parse(key),
		}
	}

	/// The local blob store.
	pub fn store(&self) -> Result<BlobStore, Failure> {
		Ok(BlobStore::open(&self.data_dir.join("blobs"))?)
	}

	/// The data directory, which may not exist yet.
	pub fn data_dir(&self) -> &Path {
		&self.data_dir
	}

	/// The address of the node.
	pub fn url(&self) -> &str {
		&self.url
	}
}

/// Where a key comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
	/// A well-known development key such as `//Alice`.
	Development(String),
	/// A key file.
	File(PathBuf),
}

impl KeySource {
	fn parse(key: &str) -> Result<Self, Failure> {
		if key.starts_with("//") && !key.trim_start_matches('/').is_empty() {
			return Ok(Self::Development(key.to_owned()));
		}
		// Command lines are visible to every user of the machine, and stay in histories.
		let words = key.split_whitespace().count();
		let is_seed = key.strip_prefix("0x").is_some_and(|digits| digits.len() == 64);
		if is_seed || words >= 12 {
			return Err(Failure::usage(
				"--key: a secret does not belong on the command line; put it into a key file with \
				`dragon account create --import` and name the file",
			));
		}
		Ok(Self::File(PathBuf::from(key)))
	}
}

fn default_data_dir(
	data_home: Option<std::ffi::OsString>,
	home: Option<std::ffi::OsString>,
) -> Result<PathBuf, Failure> {
	let data_home = data_home.map(PathBuf::from).filter(|path| path.is_absolute());
	data_home
		.or_else(|| home.map(|home| PathBuf::from(home).join(".local/share")))
		.map(|path| path.join("aidragon"))
		.ok_or_else(|| Failure::usage("neither HOME nor XDG_DATA_HOME is set: pass --data-dir"))
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn development_keys_files_and_secrets_are_told_apart() {
		assert_eq!(KeySource::parse("//Bob"), Ok(KeySource::Development("//Bob".into())));
		assert_eq!(KeySource::parse("keys/me.json"), Ok(KeySource::File("keys/me.json".into())));
		assert_eq!(KeySource::parse("/etc/key"), Ok(KeySource::File("/etc/key".into())));
		let phrase = "bottom drive obey lake curtain smoke basket hold race lonely fit walk";
		for secret in [phrase, &format!("0x{}", "7".repeat(64))] {
			let failure = KeySource::parse(secret).unwrap_err();
			assert!(failure.message.contains("--import"));
			assert!(!failure.message.contains(secret));
		}
	}

	#[test]
	fn the_data_directory_follows_xdg() {
		let path = |text: &str| Some(text.into());
		let of = |data_home, home| default_data_dir(data_home, home).unwrap();
		assert_eq!(of(path("/data"), path("/home/me")), Path::new("/data/aidragon"));
		assert_eq!(of(None, path("/home/me")), Path::new("/home/me/.local/share/aidragon"));
		assert_eq!(of(path("data"), path("/me")), Path::new("/me/.local/share/aidragon"));
		assert!(default_data_dir(None, None).is_err());
	}
}
