//! Counters for people and their monitoring, in Prometheus' text format.

use std::{
	io,
	net::SocketAddr,
	sync::{
		atomic::{AtomicU64, Ordering},
		Arc,
	},
	time::Duration,
};
use tokio::{
	io::{AsyncReadExt, AsyncWriteExt},
	net::{TcpListener, TcpStream},
	time::timeout,
};

/// Time a client has to send its request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest request that is read, in bytes.
const REQUEST_BYTES_MAX: usize = 4_096;

/// What the daemon counts.
#[derive(Debug, Default)]
pub struct Metrics {
	/// Tasks whose result was delivered and whose end is final.
	pub tasks_finished: AtomicU64,
	/// Tasks that were given back.
	pub tasks_declined: AtomicU64,
	/// Tasks that were taken away or over before this machine delivered.
	pub tasks_dropped: AtomicU64,
	/// Tasks at work.
	pub tasks_running: AtomicU64,
	/// Fuel of all programs that ran to an end.
	pub fuel: AtomicU64,
	/// Challenges that were committed to.
	pub challenges_committed: AtomicU64,
	/// Challenges that were passed.
	pub challenges_passed: AtomicU64,
	/// Height of the best block.
	pub best_block: AtomicU64,
	/// Height of the finalized block.
	pub finalized_block: AtomicU64,
}

impl Metrics {
	/// Adds one to a counter.
	pub fn count(counter: &AtomicU64) {
		counter.fetch_add(1, Ordering::Relaxed);
	}

	/// The metrics as text.
	pub fn render(&self) -> String {
		let counters = [
			("tasks_finished_total", "Tasks delivered and final", &self.tasks_finished),
			("tasks_declined_total", "Tasks given back", &self.tasks_declined),
			("tasks_dropped_total", "Tasks lost before delivery", &self.tasks_dropped),
			("fuel_total", "Fuel of programs that ran to an end", &self.fuel),
			("challenges_committed_total", "Challenges committed", &self.challenges_committed),
			("challenges_passed_total", "Challenges passed", &self.challenges_passed),
		];
		let gauges = [
			("tasks_running", "Tasks at work", &self.tasks_running),
			("best_block", "Height of the best block", &self.best_block),
			("finalized_block", "Height of the finalized block", &self.finalized_block),
		];
		let line = |kind: &str, (name, help, value): &(&str, &str, &AtomicU64)| {
			let (name, value) = (format!("aidragon_worker_{name}"), value.load(Ordering::Relaxed));
			format!("# HELP {name} {help}.\n# TYPE {name} {kind}\n{name} {value}\n")
		};
		let counters = counters.iter().map(|counter| line("counter", counter));
		counters.chain(gauges.iter().map(|gauge| line("gauge", gauge))).collect()
	}
}

/// Serves `GET /metrics` on `socket` until the task that runs this is dropped.
pub async fn serve(socket: SocketAddr, metrics: Arc<Metrics>) -> io::Result<()> {
	let listener = TcpListener::bind(socket).await?;
	tracing::info!("metrics are at http://{}/metrics", listener.local_addr()?);
	loop {
		match listener.accept().await {
			Ok((stream, _)) => {
				let text = metrics.render();
				tokio::spawn(async move {
					if let Ok(Err(error)) = timeout(REQUEST_TIMEOUT, answer(stream, &text)).await {
						tracing::debug!("a client of the metrics was lost: {error}");
					}
				});
			}
			Err(error) => {
				tracing::warn!("cannot take a client of the metrics: {error}");
				tokio::time::sleep(Duration::from_secs(1)).await;
			}
		}
	}
}

async fn answer(mut stream: TcpStream, text: &str) -> io::Result<()> {
	let mut request = Vec::new();
	while !request.windows(4).any(|end| end == b"\r\n\r\n") && request.len() < REQUEST_BYTES_MAX {
		if stream.read_buf(&mut request).await? == 0 {
			break;
		}
	}
	let is_known = request.starts_with(b"GET /metrics ");
	let (status, body) = if is_known { ("200 OK", text) } else { ("404 Not Found", "") };
	let head = format!(
		"HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4\r\n\
		Content-Length: {}\r\nConnection: close\r\n\r\n",
		body.len()
	);
	stream.write_all(head.as_bytes()).await?;
	stream.write_all(body.as_bytes()).await?;
	stream.shutdown().await
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn every_metric_has_help_type_and_value() {
		let metrics = Metrics::default();
		Metrics::count(&metrics.tasks_finished);
		let text = metrics.render();
		assert!(text.contains("# TYPE aidragon_worker_tasks_finished_total counter\n"));
		assert!(text.contains("\naidragon_worker_tasks_finished_total 1\n"));
		assert_eq!(text.lines().count(), 27);
	}

	#[tokio::test]
	async fn metrics_are_served_and_nothing_else_is() {
		let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
		let address = listener.local_addr().unwrap();
		let ask = |path: &'static str| async move {
			let mut stream = TcpStream::connect(address).await.unwrap();
			let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
			stream.write_all(request.as_bytes()).await.unwrap();
			let mut reply = String::new();
			stream.read_to_string(&mut reply).await.unwrap();
			reply
		};
		for (path, status) in [("/metrics", "200 OK"), ("/", "404 Not Found")] {
			let serve = async {
				let (stream, _) = listener.accept().await.unwrap();
				answer(stream, "a 1\n").await.unwrap();
			};
			let (reply, ()) = tokio::join!(ask(path), serve);
			assert!(reply.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{reply}");
			assert_eq!(reply.ends_with("\r\n\r\na 1\n"), path == "/metrics");
		}
	}
}
