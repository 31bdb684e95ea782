//! Where a machine's blobs can be fetched.

use bounded_collections::{BoundedVec, ConstU32};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;

/// Socket addresses under which one transport key may be announced.
pub const SOCKETS_MAX: u32 = 4;
/// Bytes of one socket address in text form, such as `203.0.113.7:4433` or `[2001:db8::1]:4433`.
pub const SOCKET_BYTES_MAX: u32 = 56;

/// A socket address as text: an IP address, a colon and a port.
pub type SocketText = BoundedVec<u8, ConstU32<SOCKET_BYTES_MAX>>;

/// Where blobs can be fetched: a transport key and the sockets at which its holder listens.
#[derive(
	Clone,
	Debug,
	Default,
	PartialEq,
	Eq,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
)]
pub struct TransportAddress {
	/// The ed25519 key that the QUIC endpoint proves on every connection.
	pub node_key: [u8; 32],
	/// QUIC sockets (UDP), in text form, best first.
	pub sockets: BoundedVec<SocketText, ConstU32<SOCKETS_MAX>>,
	/// A plain HTTP socket that serves the same blobs at `/blobs/<hash>`, if there is one.
	pub http: Option<SocketText>,
}

impl TransportAddress {
	/// The first field that is not a socket address, if any: what a caller should mend.
	pub fn malformed_field(&self) -> Option<&'static str> {
		if self.sockets.iter().any(|socket| !is_socket(socket)) {
			return Some("sockets");
		}
		match &self.http {
			Some(socket) if !is_socket(socket) => Some("http"),
			_ => None,
		}
	}
}

fn is_socket(text: &[u8]) -> bool {
	core::str::from_utf8(text).is_ok_and(|text| text.parse::<core::net::SocketAddr>().is_ok())
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn malformed_sockets_are_named() {
		let text = |text: &str| SocketText::try_from(text.as_bytes().to_vec()).unwrap();
		let mut address = TransportAddress {
			node_key: [1; 32],
			sockets: vec![text("127.0.0.1:4433"), text("[::1]:4433")].try_into().unwrap(),
			http: None,
		};
		assert_eq!(address.malformed_field(), None);
		address.http = Some(text("localhost"));
		assert_eq!(address.malformed_field(), Some("http"));
		address.sockets = vec![text("127.0.0.1")].try_into().unwrap();
		assert_eq!(address.malformed_field(), Some("sockets"));
	}
}
