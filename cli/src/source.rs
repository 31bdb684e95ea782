//! Programs and inputs on their way to the machines: into the local store, and served from there.

use crate::{agent::server_config, args::ServeOptions, context::Context, exit::Failure, output};
use aidragon_client::{
	blobs::{BlobServer, BlobStore},
	keys::TransportKey,
};
use aidragon_primitives::task::BlobRef;
use std::path::PathBuf;

/// Puts a file into the store.
pub async fn add(store: &BlobStore, path: PathBuf) -> Result<BlobRef, Failure> {
	let store = store.clone();
	let added = tokio::task::spawn_blocking(move || store.add_file(&path)).await;
	Ok(added.map_err(|error| Failure::usage(format!("cannot read the file: {error}")))??)
}

/// Serves the store from this process.
pub async fn serve(
	context: &Context,
	options: &ServeOptions,
	store: &BlobStore,
) -> Result<BlobServer, Failure> {
	// A key for this one run: nobody needs to know the server again afterwards.
	let config = server_config(options, TransportKey::generate().seed(), 0);
	if config.announce.is_loopback() && !is_local(context.url()) {
		output::progress(
			"warning: machines elsewhere cannot reach 127.0.0.1 for program and input: pass --announce \
			with the address of this machine",
		);
	}
	Ok(BlobServer::start(store.clone(), &config).await?)
}

/// Whether the node is on this machine, and with it most likely the whole network.
fn is_local(url: &str) -> bool {
	let host = url.split("://").nth(1).unwrap_or_default();
	["127.", "localhost", "[::1]"].iter().any(|local| host.starts_with(local))
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn local_nodes_are_told_from_remote_ones() {
		for url in ["ws://127.0.0.1:9944", "ws://localhost:9944", "ws://[::1]:9944"] {
			assert!(is_local(url), "{url}");
		}
		for url in ["wss://rpc.example.org", "ws://192.0.2.1:9944", ""] {
			assert!(!is_local(url), "{url}");
		}
	}
}
