//! The server that hands a store out, over QUIC and over HTTP.

use super::{
	address::socket_text, endpoint, http_server, provide, provide::TreeDirectory, BlobStore,
};
use aidragon_primitives::worker::TransportAddress;
use iroh::protocol::Router;
use std::{
	io,
	net::{IpAddr, Ipv4Addr, SocketAddr},
};
use tokio::{net::TcpListener, task::JoinHandle};

/// How a server listens and announces itself.
#[derive(Clone, Debug)]
pub struct ServerConfig {
	/// Seed of the ed25519 key that the QUIC endpoint proves.
	pub transport_seed: [u8; 32],
	/// The address to listen on; `0.0.0.0` for all of the machine's.
	pub listen: IpAddr,
	/// The address to announce: the one at which others reach this machine.
	pub announce: IpAddr,
	/// UDP port for QUIC; 0 for any.
	pub quic_port: u16,
	/// TCP port for HTTP; 0 for any, `None` for no HTTP.
	pub http_port: Option<u16>,
}

impl ServerConfig {
	/// A server that is reached from this machine alone, on any ports.
	pub fn loopback(transport_seed: [u8; 32]) -> Self {
		let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
		Self {
			transport_seed,
			listen: address,
			announce: address,
			quic_port: 0,
			http_port: Some(0),
		}
	}
}

/// Why blobs cannot be served or fetched.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
	/// The socket cannot be bound.
	#[error("cannot listen on {socket}: {source}; choose another address or port")]
	Bind {
		/// The socket.
		socket: SocketAddr,
		/// What the operating system says.
		source: io::Error,
	},
	/// The hash trees cannot be kept.
	#[error("cannot keep hash trees next to the blob store: {0}")]
	Trees(#[source] io::Error),
	/// The announced address is not one that others can dial.
	#[error("cannot announce {0}: name the address at which others reach this machine")]
	Announce(IpAddr),
}

/// A running server. Dropping it ends it at once; [`Self::shutdown`] says goodbye first.
pub struct BlobServer {
	address: TransportAddress,
	router: Router,
	http: Option<JoinHandle<()>>,
	_trees: TreeDirectory,
}

impl BlobServer {
	/// Starts to serve `store`. Blobs that are added to it later, by any process, are served too.
	pub async fn start(store: BlobStore, config: &ServerConfig) -> Result<Self, ServeError> {
		if config.announce.is_unspecified() {
			return Err(ServeError::Announce(config.announce));
		}
		let quic = SocketAddr::new(config.listen, config.quic_port);
		let endpoint = endpoint::bind(&config.transport_seed, quic)
			.await
			.map_err(|source| ServeError::Bind { socket: quic, source })?;
		let node_key = *endpoint.id().as_bytes();
		let quic_port = endpoint.bound_sockets().first().map_or(config.quic_port, SocketAddr::port);
		let trees = TreeDirectory::create(&store).map_err(ServeError::Trees)?;
		let router =
			provide::serve(store.clone(), &trees, endpoint).await.map_err(ServeError::Trees)?;
		let mut server =
			Self { address: TransportAddress::default(), router, http: None, _trees: trees };
		let http_port = match config.http_port {
			Some(port) => Some(server.start_http(store, config.listen, port).await?),
			None => None,
		};
		let announced = |port| socket_text(SocketAddr::new(config.announce, port));
		let mut sockets = aidragon_primitives::worker::TransportAddress::default().sockets;
		// One socket is within the bound of four.
		let _ = sockets.try_push(announced(quic_port));
		server.address = TransportAddress { node_key, sockets, http: http_port.map(announced) };
		Ok(server)
	}

	async fn start_http(
		&mut self,
		store: BlobStore,
		listen: IpAddr,
		port: u16,
	) -> Result<u16, ServeError> {
		let socket = SocketAddr::new(listen, port);
		let bind = |source| ServeError::Bind { socket, source };
		let listener = TcpListener::bind(socket).await.map_err(bind)?;
		let port = listener.local_addr().map_err(bind)?.port();
		self.http = Some(tokio::spawn(http_server::serve(store, listener)));
		Ok(port)
	}

	/// Where the blobs can be fetched, in the form that the chain keeps.
	pub fn address(&self) -> TransportAddress {
		self.address.clone()
	}

	/// Ends the server after telling those that are connected.
	pub async fn shutdown(self) {
		if let Err(error) = self.router.shutdown().await {
			tracing::debug!("the blob server did not end tidily: {error}");
		}
	}
}

impl Drop for BlobServer {
	fn drop(&mut self) {
		if let Some(http) = &self.http {
			http.abort();
		}
	}
}
