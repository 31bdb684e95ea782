//! Transfers between real endpoints on the loopback interface, and against sources that lie.

use super::*;
use aidragon_primitives::worker::SocketText;
use std::{
	fs,
	net::{IpAddr, Ipv4Addr, SocketAddr},
	time::{Duration, Instant},
};
use tokio::{
	io::{AsyncReadExt, AsyncWriteExt},
	net::TcpListener,
};

const LIMIT: u64 = 1 << 30;

struct Side {
	directory: tempfile::TempDir,
	store: BlobStore,
}

fn side() -> Side {
	let directory = tempfile::tempdir().unwrap();
	let store = BlobStore::open(directory.path()).unwrap();
	Side { directory, store }
}

async fn fetcher(side: &Side) -> BlobFetcher {
	BlobFetcher::bind(side.store.clone(), IpAddr::V4(Ipv4Addr::LOCALHOST)).await.unwrap()
}

async fn server(side: &Side) -> BlobServer {
	BlobServer::start(side.store.clone(), &ServerConfig::loopback([5; 32])).await.unwrap()
}

fn bytes(length: usize) -> Vec<u8> {
	let mut bytes = vec![0; length];
	blake3::Hasher::new().finalize_xof().fill(&mut bytes);
	bytes
}

fn http_only(socket: SocketAddr) -> TransportAddress {
	TransportAddress { http: Some(socket_text(socket)), ..TransportAddress::default() }
}

/// A web server that gives the same answer to everything.
async fn liar(answer: Vec<u8>) -> SocketAddr {
	let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
	let socket = listener.local_addr().unwrap();
	tokio::spawn(async move {
		while let Ok((mut stream, _)) = listener.accept().await {
			let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", answer.len());
			let _ = stream.read(&mut [0; 1_024]).await;
			let _ = stream.write_all(&[head.as_bytes(), &answer].concat()).await;
		}
	});
	socket
}

fn nothing_was_stored(side: &Side, blob: &BlobRef) {
	assert!(!side.store.has(&blob.hash));
	assert_eq!(fs::read_dir(side.store.incoming()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_blob_travels_over_quic() {
	let (from, to) = (side(), side());
	let server = server(&from).await;
	let fetcher = fetcher(&to).await;
	let mut address = server.address();
	assert_eq!(address.node_key, node_key(&[5; 32]));
	assert_eq!(address.malformed_field(), None);
	address.http = None;
	// Added after the server started; of sizes around the unit of checking, and none at all.
	for length in [0, 1, 16_384, 16_385, 3_000_000] {
		let blob = from.store.add_bytes(&bytes(length)).unwrap();
		let path = fetcher.fetch(&address, &blob, LIMIT).await.unwrap();
		assert_eq!(fs::read(path).unwrap(), bytes(length));
	}
	server.shutdown().await;
	assert_eq!(fs::read_dir(from.store.serving()).unwrap().count(), 0);
}

#[tokio::test]
async fn an_interrupted_transfer_is_resumed_and_a_spoilt_one_repeated() {
	let (from, to) = (side(), side());
	let server = server(&from).await;
	let fetcher = fetcher(&to).await;
	let whole = bytes(500_000);
	let blob = from.store.add_bytes(&whole).unwrap();
	for way in ["quic", "http"] {
		let mut address = server.address();
		if way == "quic" {
			address.http = None;
		} else {
			address.sockets = Default::default();
		}
		let mut spoilt = whole[..300_000].to_vec();
		spoilt[100] ^= 1;
		for left in [&whole[..300_001], &whole, &spoilt] {
			let name = format!("{}.{way}", hex::encode(blob.hash));
			fs::write(to.store.incoming().join(name), left).unwrap();
			let path = fetcher.fetch(&address, &blob, LIMIT).await.unwrap();
			assert_eq!(fs::read(path).unwrap(), whole);
			assert!(to.store.remove(&blob.hash).unwrap());
		}
	}
}

#[tokio::test]
async fn http_is_used_where_quic_fails() {
	let (from, to) = (side(), side());
	let server = server(&from).await;
	let blob = from.store.add_bytes(&bytes(200_000)).unwrap();
	let mut address = server.address();
	// Nobody proves this key at the QUIC socket.
	address.node_key = node_key(&[6; 32]);
	let path = fetcher(&to).await.fetch(&address, &blob, LIMIT).await.unwrap();
	assert_eq!(fs::read(path).unwrap(), bytes(200_000));
}

#[tokio::test]
async fn two_fetches_of_one_blob_share_it() {
	let (from, to) = (side(), side());
	let server = server(&from).await;
	let fetcher = fetcher(&to).await;
	let blob = from.store.add_bytes(&bytes(1_000_000)).unwrap();
	let address = server.address();
	let (one, other) =
		tokio::join!(fetcher.fetch(&address, &blob, LIMIT), fetcher.fetch(&address, &blob, LIMIT));
	assert_eq!(one.unwrap(), other.unwrap());
}

#[tokio::test]
async fn other_bytes_of_the_same_size_are_a_mismatch() {
	let to = side();
	let blob = BlobRef { hash: *blake3::hash(b"right").as_bytes(), size_bytes: 5 };
	let address = http_only(liar(b"wrong".to_vec()).await);
	let error = fetcher(&to).await.fetch(&address, &blob, LIMIT).await.unwrap_err();
	assert!(matches!(error, FetchError::Mismatch { .. }), "{error}");
	nothing_was_stored(&to, &blob);
}

#[tokio::test]
async fn bytes_that_changed_under_the_server_are_not_taken() {
	let (from, to) = (side(), side());
	let server = server(&from).await;
	let fetcher = fetcher(&to).await;
	let blob = from.store.add_bytes(&bytes(100_000)).unwrap();
	let address = server.address();
	fetcher.fetch(&address, &blob, LIMIT).await.unwrap();
	assert!(to.store.remove(&blob.hash).unwrap());
	let mut other = bytes(100_000);
	other[70_000] ^= 1;
	fs::write(from.store.path(&blob.hash), other).unwrap();
	let error = fetcher.fetch(&address, &blob, LIMIT).await.unwrap_err();
	assert!(matches!(error, FetchError::Mismatch { .. }), "{error}");
	assert!(!to.store.has(&blob.hash));
}

#[tokio::test]
async fn another_size_than_announced_is_a_mismatch() {
	let (from, to) = (side(), side());
	let server = server(&from).await;
	let fetcher = fetcher(&to).await;
	let stored = from.store.add_bytes(&bytes(50_000)).unwrap();
	for size_bytes in [49_999, 50_001] {
		let blob = BlobRef { size_bytes, ..stored };
		for quic in [true, false] {
			let mut address = server.address();
			if quic {
				address.http = None;
			} else {
				address.sockets = Default::default();
			}
			let error = fetcher.fetch(&address, &blob, LIMIT).await.unwrap_err();
			assert!(matches!(error, FetchError::Mismatch { .. }), "{size_bytes} {quic} {error}");
			assert!(!to.store.has(&blob.hash));
		}
	}
}

#[tokio::test]
async fn a_source_without_the_blob_is_told_quickly() {
	let (from, to) = (side(), side());
	let server = server(&from).await;
	let blob = BlobRef { hash: [1; 32], size_bytes: 5 };
	let begun = Instant::now();
	let error = fetcher(&to).await.fetch(&server.address(), &blob, LIMIT).await.unwrap_err();
	assert!(matches!(error, FetchError::Unavailable { .. }), "{error}");
	assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
	assert!(!to.store.has(&blob.hash));
}

#[tokio::test]
async fn a_source_that_is_away_is_given_up_in_bounded_time() {
	let to = side();
	let socket = |port: u16| socket_text(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
	let mut address = TransportAddress { node_key: node_key(&[9; 32]), ..Default::default() };
	address.sockets.try_push(socket(9)).unwrap();
	address.http = Some(socket(9));
	let blob = BlobRef { hash: [1; 32], size_bytes: 5 };
	let fetcher = fetcher(&to).await;
	let begun = Instant::now();
	let error = fetcher.fetch(&address, &blob, LIMIT).await.unwrap_err();
	assert!(matches!(error, FetchError::Unavailable { .. }), "{error}");
	assert!(begun.elapsed() < Duration::from_secs(12), "{:?}", begun.elapsed());
	// Sockets that are no sockets are not dialled at all.
	address.sockets = Default::default();
	address.http = Some(SocketText::truncate_from(b"example.org:80".to_vec()));
	let error = fetcher.fetch(&address, &blob, LIMIT).await.unwrap_err();
	assert!(matches!(error, FetchError::Unavailable { .. }), "{error}");
}

#[tokio::test]
async fn more_than_the_caller_takes_is_not_fetched() {
	let to = side();
	let blob = BlobRef { hash: [1; 32], size_bytes: 11 };
	let address = TransportAddress::default();
	let error = fetcher(&to).await.fetch(&address, &blob, 10).await.unwrap_err();
	assert!(matches!(error, FetchError::Local { .. }), "{error}");
}

#[tokio::test]
async fn an_abandoned_tree_directory_is_removed() {
	let from = side();
	let abandoned = from.store.serving().join("0123");
	fs::create_dir_all(&abandoned).unwrap();
	fs::write(abandoned.join("lock"), b"").unwrap();
	let one = server(&from).await;
	assert!(!abandoned.exists());
	let other =
		BlobServer::start(from.store.clone(), &ServerConfig::loopback([8; 32])).await.unwrap();
	assert_eq!(fs::read_dir(from.directory.path().join("serving")).unwrap().count(), 2);
	drop((one, other));
}
