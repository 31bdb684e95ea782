//! Accounts that sign, and the 32 bytes that name them.

use super::KeyError;
use codec::{Decode, Encode, MaxEncodedLen};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::{fmt, str::FromStr};
use subxt::utils::AccountId32;
use subxt_signer::{sr25519, sr25519::Keypair, SecretUri};

/// An account on the chain: its sr25519 public key. Shown and read as SS58 with prefix 42.
#[derive(
	Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Encode, Decode, MaxEncodedLen,
)]
pub struct AccountId(pub [u8; 32]);

impl fmt::Display for AccountId {
	fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
		AccountId32(self.0).fmt(formatter)
	}
}

impl fmt::Debug for AccountId {
	fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
		fmt::Display::fmt(self, formatter)
	}
}

impl FromStr for AccountId {
	type Err = KeyError;

	/// Reads an SS58 address with prefix 42, or `0x` and 64 hexadecimal digits.
	fn from_str(text: &str) -> Result<Self, KeyError> {
		if let Some(digits) = text.strip_prefix("0x") {
			let mut bytes = [0; 32];
			hex::decode_to_slice(digits, &mut bytes)
				.map_err(|error| KeyError::Address(format!("`{text}` ({error})")))?;
			return Ok(Self(bytes));
		}
		let parsed: AccountId32 =
			text.parse().map_err(|error| KeyError::Address(format!("`{text}` ({error})")))?;
		// The parser takes any prefix; an address of another chain is more likely a mistake than meant.
		if parsed.to_string() != text {
			return Err(KeyError::Address(format!("`{text}` (it belongs to another chain)")));
		}
		Ok(Self(parsed.0))
	}
}

impl Serialize for AccountId {
	fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
		serializer.collect_str(self)
	}
}

impl<'de> Deserialize<'de> for AccountId {
	fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
		let text = String::deserialize(deserializer)?;
		text.parse().map_err(serde::de::Error::custom)
	}
}

/// An account together with its secret key.
#[derive(Clone)]
pub struct Account(Keypair);

impl Account {
	/// The account of a secret: a development key (`//Alice`), a BIP-39 phrase, or `0x` and a 32-byte
	/// seed, each with optional `//hard` and `/soft` derivations.
	pub fn from_uri(uri: &str) -> Result<Self, KeyError> {
		// The reason names what is wrong, never the text: it may be a secret.
		let parsed: SecretUri =
			uri.trim().parse().map_err(|_| KeyError::Secret("it cannot be read".into()))?;
		let pair =
			Keypair::from_uri(&parsed).map_err(|error| KeyError::Secret(error.to_string()))?;
		Ok(Self(pair))
	}

	/// The account of a 32-byte seed.
	pub fn from_seed(seed: [u8; 32]) -> Result<Self, KeyError> {
		Keypair::from_secret_key(seed)
			.map(Self)
			.map_err(|error| KeyError::Secret(error.to_string()))
	}

	/// The account's name on the chain.
	pub fn account_id(&self) -> AccountId {
		AccountId(self.0.public_key().0)
	}

	/// The sr25519 signature over `message`, in the signing context that the chain verifies.
	pub fn sign(&self, message: &[u8]) -> [u8; 64] {
		self.0.sign(message).0
	}

	/// The pair in the form that transactions are signed with.
	pub(crate) fn signer(&self) -> &Keypair {
		&self.0
	}
}

impl fmt::Debug for Account {
	fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
		write!(formatter, "Account({})", self.account_id())
	}
}

/// Whether `signature` over `message` was made by `account`.
pub fn verify(account: &AccountId, message: &[u8], signature: &[u8; 64]) -> bool {
	sr25519::verify(&sr25519::Signature(*signature), message, &sr25519::PublicKey(account.0))
}

#[cfg(test)]
mod tests {
	use super::*;

	const ALICE: &str = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";

	#[test]
	fn addresses_are_ss58_with_prefix_42() {
		let alice = Account::from_uri("//Alice").unwrap().account_id();
		assert_eq!(alice.to_string(), ALICE);
		assert_eq!(ALICE.parse::<AccountId>().unwrap(), alice);
		assert_eq!(format!("0x{}", hex::encode(alice.0)).parse::<AccountId>().unwrap(), alice);
	}

	#[test]
	fn wrong_addresses_are_refused() {
		// The same key with Polkadot's prefix, a wrong checksum, too few hexadecimal digits, and nothing.
		for text in ["15oF4uVJwmo4TdGW7VfQxNLavjCXviqxT9S1MgbjMNHr6Sp5", &ALICE[1..], "0x12", ""] {
			assert!(matches!(text.parse::<AccountId>(), Err(KeyError::Address(_))), "{text}");
		}
	}

	#[test]
	fn signatures_verify_and_bind_the_message() {
		let account = Account::from_seed([7; 32]).unwrap();
		let signature = account.sign(b"attested");
		assert!(verify(&account.account_id(), b"attested", &signature));
		assert!(!verify(&account.account_id(), b"other", &signature));
	}

	#[test]
	fn a_wrong_secret_is_not_repeated_in_the_error() {
		let error = Account::from_uri("correct horse battery staple").unwrap_err().to_string();
		assert!(!error.contains("horse"), "{error}");
		assert!(!format!("{:?}", Account::from_uri("//Alice").unwrap()).contains("Secret"));
	}

	#[test]
	fn json_holds_the_address() {
		let alice = Account::from_uri("//Alice").unwrap().account_id();
		let json = serde_json::to_string(&alice).unwrap();
		assert_eq!(json, format!("\"{ALICE}\""));
		assert_eq!(serde_json::from_str::<AccountId>(&json).unwrap(), alice);
	}
}
