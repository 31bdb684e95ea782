//! Task sources, specifications, and tasks on their way.

use crate::{
	paths::example,
	scene::Scene,
	wait::{seconds, until},
};
use aidragon_client::{
	blobs::{socket_text, BlobServer, BlobStore, ServerConfig},
	calls,
	chain::{Chain, View},
	keys::Account,
	Task,
};
use aidragon_primitives::{
	resources::Resources,
	task::{BlobRef, MatchingPolicy, Program, ProgramKind, Requirements, TaskSpec},
	worker::TransportAddress,
	Balance, TaskId, WorkerId, DRGN, GFUEL,
};
use anyhow::{Context, Result};
use std::{
	fmt::Display,
	net::{Ipv4Addr, SocketAddr},
	time::Duration,
};
use tokio::{
	io::{AsyncReadExt, AsyncWriteExt},
	net::{TcpListener, TcpStream},
	task::JoinHandle,
};

/// What the tests' tasks pay at most per 10⁹ fuel: above every worker's price.
pub const PRICE_CAP: Balance = DRGN / 10;

/// A blob server of the test's own, from which tasks take program and input.
pub struct Source {
	store: BlobStore,
	server: BlobServer,
}

impl Source {
	/// Starts it, reached from this machine alone.
	pub async fn start(scene: &Scene) -> Result<Self> {
		let store = BlobStore::open(&scene.data("source"))?;
		let server = BlobServer::start(store.clone(), &ServerConfig::loopback([77; 32])).await?;
		Ok(Self { store, server })
	}

	/// Offers a file of the built examples.
	pub fn example(&self, file: &str) -> Result<BlobRef> {
		Ok(self.store.add_file(&example(file)?)?)
	}

	/// Where it is reached.
	pub fn address(&self) -> TransportAddress {
		self.server.address()
	}

	/// Offers some bytes.
	pub fn bytes(&self, bytes: &[u8]) -> Result<BlobRef> {
		Ok(self.store.add_bytes(bytes)?)
	}

	/// What a task asks for that runs on one machine: one vCPU, 64 MiB, 10⁹ fuel, a minute to run, no retry. Change what
	/// should differ.
	pub fn spec(&self, program: BlobRef) -> TaskSpec {
		TaskSpec {
			program: Program { kind: ProgramKind::WasiCommand, blob: program },
			source: self.server.address(),
			requirements: Requirements {
				resources: Resources::cpu(1_000, 64),
				throughput_min_mops: 0,
				region: None,
				energy: None,
			},
			fuel_limit: GFUEL,
			output_limit_bytes: 1 << 20,
			execution_blocks: 20,
			deadline_blocks: 200,
			replicas: 1,
			matching: MatchingPolicy::Cheapest,
			price_cap_per_gfuel: PRICE_CAP,
			retries: 0,
		}
	}
}

/// A source that answers every request with the same bytes, whatever was asked for.
pub struct LyingSource {
	socket: SocketAddr,
	serving: JoinHandle<()>,
}

impl LyingSource {
	/// Starts it.
	pub async fn start(bytes: &'static [u8]) -> Result<Self> {
		let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
		let socket = listener.local_addr()?;
		let serving = tokio::spawn(async move {
			while let Ok((stream, _)) = listener.accept().await {
				// A client that goes away early is no concern of a liar.
				let _ = answer(stream, bytes).await;
			}
		});
		Ok(Self { socket, serving })
	}

	/// Where it is reached.
	pub fn address(&self) -> TransportAddress {
		http_only(self.socket)
	}
}

impl Drop for LyingSource {
	fn drop(&mut self) {
		self.serving.abort();
	}
}

/// The address of a source that is reached over HTTP alone.
pub fn http_only(socket: SocketAddr) -> TransportAddress {
	TransportAddress { http: Some(socket_text(socket)), ..TransportAddress::default() }
}

async fn answer(mut stream: TcpStream, bytes: &[u8]) -> std::io::Result<()> {
	let mut request = Vec::new();
	while !request.ends_with(b"\r\n\r\n") && request.len() < 8_192 {
		request.push(stream.read_u8().await?);
	}
	let head =
		format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", bytes.len());
	stream.write_all(head.as_bytes()).await?;
	stream.write_all(bytes).await?;
	stream.shutdown().await
}

/// Submits a task and gives its number.
pub async fn submit(
	chain: &Chain,
	account: &Account,
	spec: &TaskSpec,
	input: &BlobRef,
) -> Result<TaskId> {
	let included = chain.submit(&calls::submit_task(spec, input), account, View::Best).await?;
	Ok(included.job_submitted()?.job)
}

/// A task as the best block has it.
pub async fn task(chain: &Chain, id: TaskId) -> Result<Task> {
	let head = chain.head(View::Best).await?;
	chain.at(&head).task(id).await?.with_context(|| format!("the chain keeps no task {id}"))
}

/// Waits until a task is as it should be, and gives it.
pub async fn task_when(
	chain: &Chain,
	id: TaskId,
	what: impl Display,
	limit: Duration,
	is_so: impl Fn(&Task) -> bool,
) -> Result<Task> {
	let waited = until(format_args!("task {id} to be {what}"), limit, async || {
		let task = task(chain, id).await?;
		Ok(is_so(&task).then_some(task))
	})
	.await;
	match waited {
		Ok(task) => Ok(task),
		Err(error) => Err(error.context(format!("it is {:?}", task(chain, id).await?))),
	}
}

/// Waits until a task is over.
pub async fn over(chain: &Chain, id: TaskId, limit: Duration) -> Result<Task> {
	task_when(chain, id, "over", limit, |task| task.state.is_terminal()).await
}

/// Waits until the task's only machine is drawn, and gives it.
pub async fn drawn(chain: &Chain, id: TaskId) -> Result<WorkerId> {
	let has_machine = |task: &Task| !task.replicas.is_empty();
	let task = task_when(chain, id, "drawn", seconds(45), has_machine).await?;
	Ok(task.replicas.first().context("the machine is gone")?.worker)
}

#[cfg(test)]
mod tests {
	use super::*;
	use aidragon_client::blobs::{BlobFetcher, BlobTransport, FetchError};

	#[tokio::test]
	async fn a_lying_source_is_one() {
		let scene = Scene::create("harness-liar").unwrap();
		let source = Source::start(&scene).await.unwrap();
		let liar = LyingSource::start(b"something else").await.unwrap();
		let store = BlobStore::open(&scene.data("fetched")).unwrap();
		let fetcher = BlobFetcher::bind(store, Ipv4Addr::LOCALHOST.into()).await.unwrap();
		let blob = source.bytes(b"what was asked").unwrap();
		let lie = fetcher.fetch(&liar.address(), &blob, 1_000).await.unwrap_err();
		assert!(matches!(lie, FetchError::Mismatch { .. }), "{lie}");
		let address = source.address();
		let path = fetcher.fetch(&address, &blob, 1_000).await.unwrap();
		assert_eq!(std::fs::read(path).unwrap(), b"what was asked");
	}

	#[tokio::test]
	async fn the_tests_task_is_valid() {
		let scene = Scene::create("harness-spec").unwrap();
		let source = Source::start(&scene).await.unwrap();
		let blob = source.bytes(b"some").unwrap();
		assert_eq!(source.spec(blob).validate(), Ok(()));
	}
}
