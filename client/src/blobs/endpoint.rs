//! QUIC endpoints that talk to nobody but those they are told to.

use iroh::{
	endpoint::{presets, BindError, QuicTransportConfig, RelayMode},
	Endpoint, SecretKey,
};
use std::{io, net::SocketAddr, time::Duration};

/// Silence after which a connection counts as lost.
const IDLE_TIMEOUT: Duration = Duration::from_secs(15);
/// Interval in which an idle connection shows that it lives.
const KEEP_ALIVE: Duration = Duration::from_secs(5);

/// Binds an endpoint to `listen` with the key of `seed`. No relay, no address lookup, no port mapping.
pub(super) async fn bind(seed: &[u8; 32], listen: SocketAddr) -> io::Result<Endpoint> {
	let idle_timeout = IDLE_TIMEOUT.try_into().map_err(io::Error::other)?;
	let transport = QuicTransportConfig::builder()
		.max_idle_timeout(Some(idle_timeout))
		.keep_alive_interval(KEEP_ALIVE)
		.build();
	Endpoint::builder(presets::Minimal)
		.secret_key(SecretKey::from_bytes(seed))
		.relay_mode(RelayMode::Disabled)
		.clear_address_lookup()
		.transport_config(transport)
		.clear_ip_transports()
		.bind_addr(listen)
		.map_err(io::Error::other)?
		.bind()
		.await
		.map_err(|error: BindError| io::Error::other(error.to_string()))
}
