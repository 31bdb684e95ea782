//! Fetching over plain HTTP, the way that works where UDP does not. The bytes are checked when all are there.

use super::{partial::Partial, FetchError};
use aidragon_primitives::task::BlobRef;
use http_body_util::{BodyExt, Empty};
use hyper::{
	body::{Bytes, Incoming},
	header::{HOST, RANGE},
	Request, Response, StatusCode,
};
use hyper_util::rt::TokioIo;
use std::{net::SocketAddr, time::Duration};
use tokio::{net::TcpStream, task::AbortHandle, time::timeout};

/// Time a source has to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Time a source may stay silent.
const SILENCE_MAX: Duration = Duration::from_secs(15);

/// Ends the task behind a connection together with the transfer.
struct Connection(AbortHandle);

impl Drop for Connection {
	fn drop(&mut self) {
		self.0.abort();
	}
}

/// Completes `partial` from the HTTP server at `socket`.
pub(super) async fn fetch(
	socket: SocketAddr,
	blob: &BlobRef,
	partial: &mut Partial,
) -> Result<(), FetchError> {
	let mut offset = partial.length();
	if offset >= blob.size_bytes {
		offset = 0;
	}
	let (response, _connection) = timeout(CONNECT_TIMEOUT, ask(socket, blob, offset))
		.await
		.map_err(|_| FetchError::unavailable(blob, format!("http {socket}: no answer")))?
		.map_err(|error| FetchError::unavailable(blob, format!("http {socket}: {error}")))?;
	match response.status() {
		StatusCode::PARTIAL_CONTENT => partial.keep(offset).await?,
		StatusCode::OK => partial.keep(0).await?,
		StatusCode::NOT_FOUND => {
			return Err(FetchError::unavailable(
				blob,
				format!("http {socket}: it does not have it"),
			))
		}
		other => return Err(FetchError::unavailable(blob, format!("http {socket}: {other}"))),
	}
	let received = receive(socket, response, blob, partial).await;
	let flushed = partial.flush().await;
	received.and(flushed)
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

async fn ask(
	socket: SocketAddr,
	blob: &BlobRef,
	offset: u64,
) -> Result<(Response<Incoming>, Connection), Failure> {
	let stream = TcpStream::connect(socket).await?;
	let (mut sender, connection) =
		hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
	let driver = Connection(tokio::spawn(connection).abort_handle());
	let mut request = Request::get(format!("/blobs/{}", hex::encode(blob.hash)))
		.header(HOST, socket.to_string())
		.body(Empty::<Bytes>::new())?;
	if offset > 0 {
		request.headers_mut().insert(RANGE, format!("bytes={offset}-").parse()?);
	}
	Ok((sender.send_request(request).await?, driver))
}

async fn receive(
	socket: SocketAddr,
	response: Response<Incoming>,
	blob: &BlobRef,
	partial: &mut Partial,
) -> Result<(), FetchError> {
	let mut body = response.into_body();
	loop {
		let silent =
			|_| FetchError::unavailable(blob, format!("http {socket}: it stopped sending"));
		match timeout(SILENCE_MAX, body.frame()).await.map_err(silent)? {
			Some(Ok(frame)) => {
				if let Some(bytes) = frame.data_ref() {
					partial.append(bytes).await?;
				}
			}
			Some(Err(error)) => {
				return Err(FetchError::unavailable(blob, format!("http {socket}: {error}")))
			}
			None => return Ok(()),
		}
	}
}
