//! Transport addresses as the chain keeps them, made and read.

use aidragon_primitives::worker::{SocketText, TransportAddress};
use std::net::SocketAddr;

/// The ed25519 public key of a transport seed, as `TransportAddress::node_key` holds it.
pub fn node_key(seed: &[u8; 32]) -> [u8; 32] {
	*iroh::SecretKey::from_bytes(seed).public().as_bytes()
}

/// A socket address in the bounded text form of the chain.
pub fn socket_text(socket: SocketAddr) -> SocketText {
	// The longest text, an IPv6 address with scope and port, has 58 bytes; without a scope it is 47.
	let mut socket = socket;
	if let SocketAddr::V6(v6) = &mut socket {
		v6.set_scope_id(0);
	}
	SocketText::truncate_from(socket.to_string().into_bytes())
}

/// The sockets of an address for a message, such as `quic 192.0.2.1:4433, http 192.0.2.1:8080`.
pub fn describe(address: &TransportAddress) -> String {
	let text = |socket: &SocketText| String::from_utf8_lossy(socket).into_owned();
	let quic = address.sockets.iter().map(|socket| format!("quic {}", text(socket)));
	let http = address.http.iter().map(|socket| format!("http {}", text(socket)));
	let all: Vec<String> = quic.chain(http).collect();
	if all.is_empty() {
		"no socket".into()
	} else {
		all.join(", ")
	}
}

/// Reads a socket address of the chain. `None` where the text is not one.
pub(super) fn parse_socket(text: &SocketText) -> Option<SocketAddr> {
	std::str::from_utf8(text).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn sockets_survive_the_way_to_the_chain_and_back() {
		for text in ["127.0.0.1:1", "[2001:db8:ffff:ffff:ffff:ffff:ffff:ffff]:65535"] {
			let socket: SocketAddr = text.parse().unwrap();
			assert_eq!(parse_socket(&socket_text(socket)), Some(socket));
		}
		assert_eq!(parse_socket(&SocketText::truncate_from(b"localhost:1".to_vec())), None);
	}
}
