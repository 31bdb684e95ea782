//! From the settings to a running daemon, and its end.

use super::{
	audits::Audits,
	challenges::Challenges,
	jobs::{Heights, Jobs, Tools},
	outbox::Outbox,
	Daemon,
};
use crate::{
	config::Config,
	executor::{HostFault, WasmExecutor},
	journal::{Entry, Journal, Key, Stage},
	metrics::{self, Metrics},
	register::{ensure_registered, Consent, Terms},
};
use aidragon_client::{
	blobs::{describe, node_key, socket_text, BlobFetcher, BlobServer, BlobStore, ServerConfig},
	chain::{Chain, ChainError, View},
	keys::{Account, WorkerKeys},
};
use aidragon_primitives::worker::TransportAddress;
use anyhow::{bail, Context};
use std::{
	collections::BTreeMap,
	fs,
	net::{IpAddr, SocketAddr},
	path::Path,
	sync::Arc,
	time::{Duration, Instant},
};
use tokio::{
	signal::unix::{signal, SignalKind},
	sync::watch,
	time::sleep,
};

/// Longest pause between two tries to reach the node.
const CONNECT_PAUSE_MAX: Duration = Duration::from_secs(4);
/// The exit code after a second signal.
const ABORTED: i32 = 130;

/// How the daemon is started.
#[derive(Clone, Debug, Default)]
pub struct RunOptions {
	/// The account with which to register the machine first, if it is not.
	pub register_with: Option<Account>,
}

/// Runs the daemon until it is told to stop and has delivered what it owes.
pub async fn run(config: Config, options: RunOptions) -> anyhow::Result<()> {
	let mut stop = watch_signals()?;
	let keys = WorkerKeys::load_or_create(&config.key_file())?;
	let executor = WasmExecutor::from_current_exe();
	require_tight_sandbox(&executor).await?;
	let chain = tokio::select! {
		chain = connect(&config.url) => chain?,
		_ = stop.changed() => return Ok(()),
	};
	let (journal, entries) = open_journal(&config, &chain)?;
	let store = BlobStore::open(&config.blob_dir())?;
	let entries = recover(&journal, &store, entries)?;
	let blobs = Blobs::serve(&config, &keys, store).await?;
	if let Some(provider) = options.register_with {
		let terms = Terms { provider, consent: Consent::Given, view: View::Best };
		ensure_registered(&chain, &config, &keys, &blobs.server.address(), &terms).await?;
	}
	let daemon = assemble(config, &keys, chain, (journal, entries), &blobs, executor)?;
	daemon.run(stop).await?;
	tracing::info!("everything owed is delivered; goodbye");
	blobs.close().await;
	Ok(())
}

/// The ways in and out of the blob store.
struct Blobs {
	store: BlobStore,
	server: BlobServer,
	fetcher: BlobFetcher,
}

impl Blobs {
	async fn serve(config: &Config, keys: &WorkerKeys, store: BlobStore) -> anyhow::Result<Self> {
		let server = BlobServer::start(store.clone(), &server_config(config, keys)).await?;
		let fetcher = BlobFetcher::bind(store.clone(), unspecified_like(config.listen)).await?;
		tracing::info!(address = describe(&server.address()), "serving blobs");
		Ok(Self { store, server, fetcher })
	}

	async fn close(self) {
		self.fetcher.close().await;
		self.server.shutdown().await;
	}
}

/// Puts the daemon together from its parts.
fn assemble(
	config: Config,
	keys: &WorkerKeys,
	chain: Chain,
	(journal, entries): (Journal, BTreeMap<Key, Entry>),
	blobs: &Blobs,
	executor: WasmExecutor,
) -> anyhow::Result<Daemon> {
	let work_dir = config.work_dir();
	clear(&work_dir).with_context(|| format!("cannot prepare {}", work_dir.display()))?;
	let (heights, watching) = watch::channel(Heights::default());
	let tools = Tools {
		transport: Arc::new(blobs.fetcher.clone()),
		upstream: Arc::new(chain.clone()),
		store: blobs.store.clone(),
		executor: Arc::new(executor),
		work_dir,
		genesis: chain.genesis(),
		heights: watching,
	};
	let account = keys.hot_key()?;
	tracing::info!(hot_key = %account.account_id(), "signing");
	Ok(Daemon {
		chain,
		account,
		keys: keys.clone(),
		address: blobs.server.address(),
		store: blobs.store.clone(),
		self_paused: journal.self_paused()?,
		journal,
		entries,
		id: None,
		best: None,
		finalized: None,
		heights,
		jobs: Jobs::new(tools),
		outbox: Outbox::default(),
		challenges: Challenges::default(),
		audits: Audits::default(),
		transport: Arc::new(blobs.fetcher.clone()),
		metrics: serve_metrics(&config),
		shutting_down: false,
		last_block_at: Instant::now(),
		config,
	})
}

/// Where this machine will serve blobs, for registering it before the daemon runs.
pub fn server_address(config: &Config, keys: &WorkerKeys) -> anyhow::Result<TransportAddress> {
	for (port, field) in [(config.quic_port, "quic_port"), (config.http_port, "http_port")] {
		if port == 0 {
			bail!(
				"{field} is 0, so the port is known only once the daemon runs; set {field}, or \
				register with `aidragon-worker run --register-with`"
			);
		}
	}
	let announced = |port| socket_text(SocketAddr::new(config.announce, port));
	let sockets = vec![announced(config.quic_port)];
	Ok(TransportAddress {
		node_key: node_key(&keys.transport_seed()),
		// One socket is within the bound of four.
		sockets: sockets.try_into().unwrap_or_default(),
		http: Some(announced(config.http_port)),
	})
}

/// How this machine's blob server listens.
fn server_config(config: &Config, keys: &WorkerKeys) -> ServerConfig {
	ServerConfig {
		transport_seed: keys.transport_seed(),
		listen: config.listen,
		announce: config.announce,
		quic_port: config.quic_port,
		http_port: Some(config.http_port),
	}
}

/// Turns the first signal into a request to stop and the second into an end at once, also while the daemon
/// waits for something else.
fn watch_signals() -> anyhow::Result<watch::Receiver<bool>> {
	let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
	let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
	let (sender, stop) = watch::channel(false);
	tokio::spawn(async move {
		for _ in 0..2 {
			tokio::select! {
				_ = terminate.recv() => {}
				_ = interrupt.recv() => {}
			}
			if sender.send_replace(true) {
				break;
			}
		}
		tracing::warn!("second signal: exiting at once");
		std::process::exit(ABORTED);
	});
	Ok(stop)
}

async fn require_tight_sandbox(executor: &WasmExecutor) -> anyhow::Result<()> {
	let report = executor.jail_report().await.map_err(|fault: HostFault| {
		anyhow::anyhow!("the sandbox cannot be put up: {fault}; see `aidragon-worker doctor`")
	})?;
	if !report.is_tight() {
		bail!("the sandbox has a hole on this machine, so no task is run; see `aidragon-worker doctor`");
	}
	Ok(())
}

/// Connects, and tries for ever where the node is not there yet.
async fn connect(url: &str) -> Result<Chain, ChainError> {
	let mut pause = Duration::from_millis(500);
	loop {
		match Chain::connect(url).await {
			Ok(chain) => {
				tracing::info!(url, genesis = hex::encode(chain.genesis()), "connected");
				return Ok(chain);
			}
			Err(error @ ChainError::Connection { .. }) => {
				tracing::warn!("{error}; trying again");
			}
			Err(error) => return Err(error),
		}
		sleep(pause).await;
		pause = (pause * 2).min(CONNECT_PAUSE_MAX);
	}
}

fn open_journal(config: &Config, chain: &Chain) -> anyhow::Result<(Journal, BTreeMap<Key, Entry>)> {
	let (journal, dropped) = Journal::open(&config.journal_file(), chain.genesis())?;
	if dropped > 0 {
		tracing::warn!(dropped, "the journal held tasks of another chain; they are forgotten");
	}
	let entries = journal.entries()?;
	for (key, entry) in &entries {
		tracing::info!(task = key.task, attempt = key.attempt, stage = stage(entry), "resuming");
	}
	Ok((journal, entries))
}

fn stage(entry: &Entry) -> &'static str {
	match entry.stage {
		Stage::Accepted => "assigned",
		Stage::Fetched => "fetched",
		Stage::GivenUp(_) => "given up",
		Stage::Executed(_) => "executed",
		Stage::Delivering(_) => "delivered",
		Stage::Revealing(_) => "revealed",
	}
}

/// A result whose output is gone and of which nobody knows yet is computed again.
fn recover(
	journal: &Journal,
	store: &BlobStore,
	entries: BTreeMap<Key, Entry>,
) -> anyhow::Result<BTreeMap<Key, Entry>> {
	for (key, entry) in &entries {
		let Some(evidence) = entry.stage.evidence() else { continue };
		if store.has(&evidence.attestation.result.output_root) {
			continue;
		}
		tracing::warn!(
			task = key.task,
			attempt = key.attempt,
			"the output is gone from the blob store"
		);
		if matches!(entry.stage, Stage::Executed(_)) {
			journal.reset(*key)?;
		}
	}
	Ok(journal.entries()?)
}

/// Makes an empty directory of `path`.
fn clear(path: &Path) -> std::io::Result<()> {
	match fs::remove_dir_all(path) {
		Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
		_ => {}
	}
	fs::create_dir_all(path)
}

fn unspecified_like(address: IpAddr) -> IpAddr {
	match address {
		IpAddr::V4(_) => IpAddr::from([0u8; 4]),
		IpAddr::V6(_) => IpAddr::from([0u8; 16]),
	}
}

/// Metrics are for people: without them the daemon works just as well.
fn serve_metrics(config: &Config) -> Arc<Metrics> {
	let metrics = Arc::new(Metrics::default());
	if let Some(socket) = config.metrics {
		let shared = metrics.clone();
		tokio::spawn(async move {
			if let Err(error) = metrics::serve(socket, shared).await {
				tracing::warn!("metrics cannot be served at {socket}: {error}");
			}
		});
	}
	metrics
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::outcome::{seal, Run, Signer, Span};
	use aidragon_primitives::attestation::{ExitStatus, ResultDigest};

	const KEYS: [Key; 2] = [Key { task: 1, attempt: 0 }, Key { task: 2, attempt: 0 }];

	fn evidence(key: Key) -> crate::journal::Evidence {
		let result = ResultDigest {
			output_root: [8; 32],
			output_bytes: 1,
			fuel: 1,
			status: ExitStatus::Completed,
		};
		let signer = Signer { genesis: [1; 32], worker: 0 };
		let account = Account::from_uri("//Alice").unwrap();
		let span = Span { started_at: 1, finished_at: 1 };
		let run = Run { program: [2; 32], input_root: [3; 32], result, span };
		seal(&signer, &account, key, &run)
	}

	#[test]
	fn a_lost_output_is_computed_again_unless_the_chain_may_know_of_it() {
		let directory = tempfile::tempdir().unwrap();
		let store = BlobStore::open(&directory.path().join("blobs")).unwrap();
		let journal = Journal::open(&directory.path().join("j"), [1; 32]).unwrap().0;
		for key in KEYS {
			journal.note(key, 1, [0; 32], [0; 32]).unwrap();
			journal.advance(key, Stage::Executed(evidence(key))).unwrap();
		}
		let sealed = journal.entries().unwrap()[&KEYS[1]].stage;
		let sent = Stage::Delivering(*sealed.evidence().unwrap());
		journal.advance(KEYS[1], sent).unwrap();
		let entries = recover(&journal, &store, journal.entries().unwrap()).unwrap();
		assert_eq!(entries[&KEYS[0]].stage, Stage::Accepted);
		assert_eq!(entries[&KEYS[1]].stage, sent);
	}

	#[test]
	fn the_work_directory_starts_empty() {
		let directory = tempfile::tempdir().unwrap();
		let work = directory.path().join("work");
		clear(&work).unwrap();
		fs::write(work.join("1-0.out"), b"half").unwrap();
		clear(&work).unwrap();
		assert_eq!(fs::read_dir(&work).unwrap().count(), 0);
	}
}
