//! Handing a store out over plain HTTP: `GET` and `HEAD` of `/blobs/<hash>`, with ranges, read-only.

use super::BlobStore;
use aidragon_primitives::Hash32;
use futures::stream::{self, TryStreamExt};
use http_body_util::{combinators::BoxBody, BodyExt, Full, StreamBody};
use hyper::{
	body::{Bytes, Frame, Incoming},
	header::{
		HeaderValue, ACCEPT_RANGES, ALLOW, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, RANGE,
	},
	server::conn::http1,
	service::service_fn,
	Method, Request, Response, StatusCode,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::{convert::Infallible, io, io::SeekFrom, sync::Arc, time::Duration};
use tokio::{
	fs::File,
	io::{AsyncReadExt, AsyncSeekExt},
	net::{TcpListener, TcpStream},
	sync::Semaphore,
	time::{sleep, timeout},
};

/// Connections that are served at once; others wait to be accepted.
const CONNECTIONS_MAX: usize = 128;
/// Time a client has to send its request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest life of a connection: a reader that stalls does not keep its place for ever.
const CONNECTION_MAX: Duration = Duration::from_secs(1_800);
/// Bytes that are read from disk at once.
const BUFFER_BYTES: usize = 64 * 1_024;

type Body = BoxBody<Bytes, io::Error>;

/// Serves `store` on `listener` for as long as the future is polled.
pub(super) async fn serve(store: BlobStore, listener: TcpListener) {
	let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
	loop {
		let Ok(place) = places.clone().acquire_owned().await else { return };
		match listener.accept().await {
			Ok((stream, _)) => {
				let store = store.clone();
				tokio::spawn(async move {
					let _ = timeout(CONNECTION_MAX, serve_connection(store, stream)).await;
					drop(place);
				});
			}
			Err(error) => {
				// Out of file descriptors, mostly: a pause lets others finish.
				tracing::warn!("cannot accept a connection: {error}");
				sleep(Duration::from_millis(200)).await;
			}
		}
	}
}

async fn serve_connection(store: BlobStore, stream: TcpStream) {
	let service = service_fn(move |request| {
		let store = store.clone();
		async move { Ok::<_, Infallible>(respond(&store, &request).await) }
	});
	let served = http1::Builder::new()
		.timer(TokioTimer::new())
		.header_read_timeout(REQUEST_TIMEOUT)
		.serve_connection(TokioIo::new(stream), service)
		.await;
	if let Err(error) = served {
		tracing::debug!("a connection broke off: {error}");
	}
}

async fn respond(store: &BlobStore, request: &Request<Incoming>) -> Response<Body> {
	if request.method() != Method::GET && request.method() != Method::HEAD {
		let mut refusal = plain(StatusCode::METHOD_NOT_ALLOWED);
		refusal.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
		return refusal;
	}
	let Some(hash) = requested(request.uri().path()) else {
		return plain(StatusCode::NOT_FOUND);
	};
	let Some(size_bytes) = store.size(&hash) else {
		return plain(StatusCode::NOT_FOUND);
	};
	let range = request.headers().get(RANGE).map(|value| offset_of(value, size_bytes));
	let offset = match range {
		None => 0,
		Some(Some(offset)) => offset,
		Some(None) => {
			let mut refusal = plain(StatusCode::RANGE_NOT_SATISFIABLE);
			refusal.headers_mut().insert(CONTENT_RANGE, text(&format!("bytes */{size_bytes}")));
			return refusal;
		}
	};
	let body = if request.method() == Method::HEAD {
		Ok(empty())
	} else {
		open(store, &hash, offset).await
	};
	match body {
		Ok(body) => with_headers(body, offset, size_bytes, range.is_some()),
		Err(error) => {
			tracing::warn!("cannot serve blob {}: {error}", hex::encode(hash));
			plain(StatusCode::INTERNAL_SERVER_ERROR)
		}
	}
}

fn with_headers(body: Body, offset: u64, size_bytes: u64, ranged: bool) -> Response<Body> {
	let mut response = Response::new(body);
	let headers = response.headers_mut();
	headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
	headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
	headers.insert(CONTENT_LENGTH, HeaderValue::from(size_bytes - offset));
	if ranged {
		let last = size_bytes.saturating_sub(1);
		headers.insert(CONTENT_RANGE, text(&format!("bytes {offset}-{last}/{size_bytes}")));
		*response.status_mut() = StatusCode::PARTIAL_CONTENT;
	}
	response
}

/// The hash in `/blobs/<64 hexadecimal digits>`.
fn requested(path: &str) -> Option<Hash32> {
	let mut hash = [0; 32];
	hex::decode_to_slice(path.strip_prefix("/blobs/")?, &mut hash).ok()?;
	Some(hash)
}

/// The offset of a range `bytes=N-` inside of the blob. Other kinds of ranges are not served.
fn offset_of(range: &HeaderValue, size_bytes: u64) -> Option<u64> {
	let offset = range.to_str().ok()?.strip_prefix("bytes=")?.strip_suffix('-')?;
	offset.parse().ok().filter(|offset| *offset < size_bytes)
}

async fn open(store: &BlobStore, hash: &Hash32, offset: u64) -> io::Result<Body> {
	let mut file = File::open(store.path(hash)).await?;
	file.seek(SeekFrom::Start(offset)).await?;
	let blocks = stream::try_unfold(file, |mut file| async move {
		let mut block = vec![0; BUFFER_BYTES];
		let length = file.read(&mut block).await?;
		block.truncate(length);
		Ok::<_, io::Error>((length > 0).then(|| (Bytes::from(block), file)))
	});
	Ok(BodyExt::boxed(StreamBody::new(blocks.map_ok(Frame::data))))
}

fn text(value: &str) -> HeaderValue {
	HeaderValue::from_str(value).unwrap_or(HeaderValue::from_static(""))
}

fn empty() -> Body {
	Full::new(Bytes::new()).map_err(|never| match never {}).boxed()
}

fn plain(status: StatusCode) -> Response<Body> {
	let mut response = Response::new(empty());
	*response.status_mut() = status;
	response
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn only_blobs_can_be_asked_for() {
		let hash = hex::encode([7; 32]);
		assert_eq!(requested(&format!("/blobs/{hash}")), Some([7; 32]));
		for path in ["/", "/blobs/", "/blobs/../../etc/passwd", &format!("/blobs/{hash}/x"), &hash]
		{
			assert_eq!(requested(path), None, "{path}");
		}
	}

	#[test]
	fn ranges_end_with_the_blob() {
		let offset = |range: &str| offset_of(&HeaderValue::from_str(range).unwrap(), 100);
		assert_eq!(offset("bytes=0-"), Some(0));
		assert_eq!(offset("bytes=99-"), Some(99));
		for range in ["bytes=100-", "bytes=-5", "bytes=0-5", "bytes=1-,3-", "lines=1-"] {
			assert_eq!(offset(range), None, "{range}");
		}
	}
}
