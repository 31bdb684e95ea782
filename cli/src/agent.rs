//! The agent: serves the local blob store to workers while its user is away.

use crate::{
	args::{AgentOptions, ServeOptions},
	context::Context,
	exit::{Exit, Failure},
	output::{self, hex, Report},
};
use aidragon_client::{
	blobs::{describe, BlobFetcher, BlobServer, BlobStore, BlobTransport, ServerConfig},
	keys::TransportKey,
};
use aidragon_primitives::{
	task::BlobRef,
	worker::{SocketText, TransportAddress},
};
use serde::{Deserialize, Serialize};
use std::{
	fs::{self, File},
	io::{self, ErrorKind},
	net::{IpAddr, Ipv4Addr, Ipv6Addr},
	path::{Path, PathBuf},
};
use tokio::signal::unix::{signal, SignalKind};

/// The agent's port where none is given: tasks name it, so it has to be the same after a restart.
const DEFAULT_PORT: u16 = 30_450;

/// The file in which a running agent says where it is reached.
#[derive(Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
struct AgentFile {
	node_key: String,
	sockets: Vec<String>,
	http: Option<String>,
}

/// Serves until SIGINT or SIGTERM.
pub async fn run(context: &Context, options: &AgentOptions) -> Result<(), Failure> {
	let store = context.store()?;
	let directory = context.data_dir();
	let lock_path = directory.join("agent.lock");
	let lock = File::create(&lock_path).map_err(|error| local(&lock_path, &error))?;
	if lock.try_lock().is_err() {
		let message = format!("{}: an agent runs already for this directory", directory.display());
		return Err(Failure::usage(message));
	}
	let key = TransportKey::load_or_create(&directory.join("agent-key.json"))?;
	let config = server_config(&options.serve, key.seed(), DEFAULT_PORT);
	let server = BlobServer::start(store, &config).await?;
	let address = server.address();
	let path = agent_path(context);
	let json = write(&path, &address).map_err(|error| local(&path, &error))?;
	Report { text: describe(&address), json }.print(context.output)?;
	output::progress("Serving the blob store; stop with Ctrl-C.");
	let stopped = stop_signal().await;
	let _ = fs::remove_file(&path);
	server.shutdown().await;
	stopped.map_err(|error| Failure::usage(format!("cannot wait for signals: {error}")))
}

/// Waits for SIGINT or SIGTERM.
pub async fn stop_signal() -> io::Result<()> {
	let mut terminate = signal(SignalKind::terminate())?;
	tokio::select! {
		interrupted = tokio::signal::ctrl_c() => interrupted,
		_ = terminate.recv() => Ok(()),
	}
}

/// How a server listens and announces itself by the options.
pub fn server_config(
	options: &ServeOptions,
	transport_seed: [u8; 32],
	default_port: u16,
) -> ServerConfig {
	let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
	let announce = options.announce.or(options.listen).unwrap_or(loopback);
	let listen = options.listen.unwrap_or(match options.announce {
		None => loopback,
		Some(address) if address.is_loopback() => address,
		Some(IpAddr::V4(_)) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
		Some(IpAddr::V6(_)) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
	});
	let port = options.port.unwrap_or(default_port);
	ServerConfig { transport_seed, listen, announce, quic_port: port, http_port: Some(port) }
}

/// The address of the running agent, after fetching `blob` from it: it serves what workers will ask for.
pub async fn running(context: &Context, blob: &BlobRef) -> Result<TransportAddress, Failure> {
	let path = agent_path(context);
	let missing = |reason: String| {
		let message =
			format!("no running agent: {reason}; start `dragon agent`, or leave --detach out");
		Failure::new(Exit::Network, message)
	};
	let address = match read(&path) {
		Ok(address) => address,
		Err(error) if error.kind() == ErrorKind::NotFound => {
			return Err(missing(format!("{} is not there", path.display())))
		}
		Err(error) => return Err(local(&path, &error)),
	};
	let scratch = tempfile::tempdir().map_err(|error| local(Path::new("temporary"), &error))?;
	let store = BlobStore::open(scratch.path())?;
	let fetcher = BlobFetcher::bind(store, fetch_from()).await?;
	let fetched = fetcher.fetch(&address, blob, blob.size_bytes).await;
	fetcher.close().await;
	fetched.map_err(|error| missing(error.to_string()))?;
	Ok(address)
}

/// The address to dial from: any.
pub fn fetch_from() -> IpAddr {
	IpAddr::V4(Ipv4Addr::UNSPECIFIED)
}

fn agent_path(context: &Context) -> PathBuf {
	context.data_dir().join("agent.json")
}

fn write(path: &Path, address: &TransportAddress) -> io::Result<serde_json::Value> {
	let text = |socket: &SocketText| String::from_utf8_lossy(socket).into_owned();
	let file = AgentFile {
		node_key: hex(&address.node_key),
		sockets: address.sockets.iter().map(text).collect(),
		http: address.http.as_ref().map(text),
	};
	let json = serde_json::to_value(&file)?;
	// Readers see the old file or the new one, never half of it.
	let temporary = path.with_extension("json.new");
	fs::write(&temporary, format!("{json:#}\n"))?;
	fs::rename(&temporary, path)?;
	Ok(json)
}

fn read(path: &Path) -> io::Result<TransportAddress> {
	let malformed = |what: &str| {
		let message = format!("{what} is malformed; restart `dragon agent`");
		io::Error::new(ErrorKind::InvalidData, message)
	};
	let file: AgentFile =
		serde_json::from_slice(&fs::read(path)?).map_err(|_| malformed("the file"))?;
	let mut address = TransportAddress::default();
	let digits = file.node_key.trim_start_matches("0x");
	hex::decode_to_slice(digits, &mut address.node_key).map_err(|_| malformed("node_key"))?;
	let socket =
		|text: String| SocketText::try_from(text.into_bytes()).map_err(|_| malformed("a socket"));
	for text in file.sockets {
		address.sockets.try_push(socket(text)?).map_err(|_| malformed("sockets"))?;
	}
	address.http = file.http.map(socket).transpose()?;
	match address.malformed_field() {
		Some(field) => Err(malformed(field)),
		None => Ok(address),
	}
}

fn local(path: &Path, error: &io::Error) -> Failure {
	Failure::usage(format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn the_address_survives_its_file() {
		let directory = tempfile::tempdir().unwrap();
		let path = directory.path().join("agent.json");
		let mut address = TransportAddress { node_key: [7; 32], ..Default::default() };
		let socket = SocketText::try_from(b"127.0.0.1:30450".to_vec()).unwrap();
		address.sockets.try_push(socket.clone()).unwrap();
		address.http = Some(socket);
		write(&path, &address).unwrap();
		assert_eq!(read(&path).unwrap(), address);
		fs::write(&path, "{\"node_key\": \"0x00\", \"sockets\": [], \"http\": null}").unwrap();
		assert!(read(&path).unwrap_err().to_string().contains("node_key"));
	}

	#[test]
	fn who_announces_an_address_listens_for_it() {
		let with = |announce: Option<&str>, listen: Option<&str>| {
			let options = ServeOptions {
				announce: announce.map(|text| text.parse().unwrap()),
				listen: listen.map(|text| text.parse().unwrap()),
				port: None,
			};
			let config = server_config(&options, [0; 32], 5);
			(config.announce.to_string(), config.listen.to_string())
		};
		let pair = |announce: &str, listen: &str| (announce.to_owned(), listen.to_owned());
		assert_eq!(with(None, None), pair("127.0.0.1", "127.0.0.1"));
		assert_eq!(with(Some("192.0.2.1"), None), pair("192.0.2.1", "0.0.0.0"));
		assert_eq!(with(Some("2001:db8::1"), None), pair("2001:db8::1", "::"));
		assert_eq!(with(None, Some("192.0.2.1")), pair("192.0.2.1", "192.0.2.1"));
		assert_eq!(with(Some("192.0.2.1"), Some("10.0.0.1")), pair("192.0.2.1", "10.0.0.1"));
	}
}
