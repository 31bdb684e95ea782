//! Keys that machines make for themselves: those of a worker, and that of an agent.

use super::{
	file::{create_secret, load_secret},
	Account, AccountId, KeyError,
};
use codec::Encode;
use serde::{de::DeserializeOwned, Deserialize, Deserializer, Serialize, Serializer};
use std::path::Path;

/// The three independent random keys of a worker machine. None of them holds money.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkerKeys {
	/// Seed of the sr25519 key that signs the daemon's transactions and attestations.
	hot_key_seed: Seed,
	/// Seed of the ed25519 key that the blob transport proves on every connection.
	transport_key_seed: Seed,
	/// Seed of the X25519 secrets, one for each key epoch, to whose public keys inputs are encrypted.
	encryption_key_seed: Seed,
}

impl WorkerKeys {
	/// Three new random keys.
	pub fn generate() -> Self {
		let [hot_key_seed, transport_key_seed, encryption_key_seed] =
			[(); 3].map(|()| Seed(rand::random()));
		Self { hot_key_seed, transport_key_seed, encryption_key_seed }
	}

	/// Reads the keys at `path`, or creates them there where there is no file. Safe to call from two
	/// processes at once: both get the same keys.
	pub fn load_or_create(path: &Path) -> Result<Self, KeyError> {
		load_or_create(path, Self::generate)
	}

	/// The account that the daemon signs with.
	pub fn hot_key(&self) -> Result<Account, KeyError> {
		Account::from_seed(self.hot_key_seed.0)
	}

	/// The hot key's signature that agrees to work for `provider` on the chain with hash `genesis`, as a
	/// registration needs it.
	pub fn consent(&self, genesis: &[u8; 32], provider: &AccountId) -> Result<[u8; 64], KeyError> {
		let payload = aidragon_primitives::attestation::hot_key_consent(genesis, &provider.0);
		Ok(self.hot_key()?.sign(&payload))
	}

	/// Seed of the transport key, for [`crate::blobs::ServerConfig`].
	pub fn transport_seed(&self) -> [u8; 32] {
		self.transport_key_seed.0
	}

	/// The X25519 public key to which inputs are encrypted in key epoch `epoch`.
	pub fn encryption_key(&self, epoch: u32) -> [u8; 32] {
		let secret = x25519_dalek::StaticSecret::from(self.encryption_secret(epoch));
		x25519_dalek::PublicKey::from(&secret).to_bytes()
	}

	/// The X25519 secret key of that epoch. One does not lead to another.
	pub fn encryption_secret(&self, epoch: u32) -> [u8; 32] {
		let seed = self.encryption_key_seed.0;
		(b"aidragon/encryption-key/1", seed, epoch).using_encoded(sp_crypto_hashing::blake2_256)
	}
}

/// The key of a blob server that is not a worker's, such as a user's agent. It holds no money.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TransportKey {
	/// Seed of the ed25519 key that the blob transport proves on every connection.
	transport_key_seed: Seed,
}

impl TransportKey {
	/// A new random key.
	pub fn generate() -> Self {
		Self { transport_key_seed: Seed(rand::random()) }
	}

	/// Reads the key at `path`, or creates a random one there where there is no file.
	pub fn load_or_create(path: &Path) -> Result<Self, KeyError> {
		load_or_create(path, Self::generate)
	}

	/// Seed of the key, for [`crate::blobs::ServerConfig`].
	pub fn seed(&self) -> [u8; 32] {
		self.transport_key_seed.0
	}
}

fn load_or_create<T: Serialize + DeserializeOwned>(
	path: &Path,
	generate: impl FnOnce() -> T,
) -> Result<T, KeyError> {
	if !path.exists() {
		match create_secret(path, &generate()) {
			Ok(()) | Err(KeyError::Exists { .. }) => {}
			Err(error) => return Err(error),
		}
	}
	load_secret(path)
}

/// 32 secret bytes, in files as hexadecimal text.
#[derive(Clone, Copy, PartialEq)]
struct Seed([u8; 32]);

impl Serialize for Seed {
	fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
		serializer.serialize_str(&hex::encode(self.0))
	}
}

impl<'de> Deserialize<'de> for Seed {
	fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
		let mut seed = [0; 32];
		hex::decode_to_slice(String::deserialize(deserializer)?, &mut seed)
			.map_err(serde::de::Error::custom)?;
		Ok(Self(seed))
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::keys::verify;
	use std::{fs, os::unix::fs::PermissionsExt};

	#[test]
	fn keys_are_created_once_and_then_stay() {
		let directory = tempfile::tempdir().unwrap();
		let path = directory.path().join("worker.json");
		let first = WorkerKeys::load_or_create(&path).unwrap();
		assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
		let second = WorkerKeys::load_or_create(&path).unwrap();
		assert_eq!(first.hot_key().unwrap().account_id(), second.hot_key().unwrap().account_id());
		assert_eq!(first.transport_seed(), second.transport_seed());
		assert_eq!(first.encryption_key(0), second.encryption_key(0));
		assert_ne!(first.encryption_key(0), first.encryption_key(1));
		assert_ne!(first.encryption_secret(0), first.encryption_secret(1));
	}

	#[test]
	fn an_agent_keeps_its_key() {
		let directory = tempfile::tempdir().unwrap();
		let path = directory.path().join("agent-key.json");
		let seed = TransportKey::load_or_create(&path).unwrap().seed();
		assert_eq!(TransportKey::load_or_create(&path).unwrap().seed(), seed);
	}

	#[test]
	fn a_malformed_file_is_named_and_kept() {
		let directory = tempfile::tempdir().unwrap();
		let path = directory.path().join("worker.json");
		fs::write(&path, "{\"hot_key_seed\": \"00\"}").unwrap();
		fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
		let error = WorkerKeys::load_or_create(&path).err().unwrap();
		assert!(matches!(error, KeyError::Malformed { .. }), "{error}");
		assert_eq!(fs::read(&path).unwrap(), b"{\"hot_key_seed\": \"00\"}");
	}

	#[test]
	fn consent_is_what_the_chain_verifies() {
		let keys = WorkerKeys::generate();
		let provider = Account::from_uri("//Bob").unwrap().account_id();
		let signature = keys.consent(&[1; 32], &provider).unwrap();
		let payload = aidragon_primitives::attestation::hot_key_consent(&[1; 32], &provider.0);
		assert!(verify(&keys.hot_key().unwrap().account_id(), &payload, &signature));
	}
}
