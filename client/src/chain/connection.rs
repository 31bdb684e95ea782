//! Connecting, and requests that survive a lost connection.

use super::{
	error::{from_backend, from_rpc},
	layout, ChainError, Head, Snapshot, View,
};
use crate::keys::AccountId;
use aidragon_primitives::{Balance, BlockNumber, Hash32};
use codec::DecodeAll;
use std::{
	collections::HashMap,
	future::Future,
	sync::{Arc, Mutex, PoisonError},
	time::Duration,
};
use subxt::{
	backend::LegacyBackend,
	client::OnlineClientAtBlock,
	config::{Header as _, RpcConfigFor},
	error::OnlineClientAtBlockError,
	metadata::ArcMetadata,
	rpcs::{
		client::{reconnecting_rpc_client::ExponentialBackoff, ReconnectingRpcClient, RpcClient},
		methods::legacy::LegacyRpcMethods,
		Error as RpcError,
	},
	OnlineClient, SubstrateConfig,
};
use tokio::{
	net::TcpStream,
	time::{sleep, timeout},
};

/// The configuration subxt works with: the common one, which fits our hashes, addresses and signatures.
pub(super) type Config = SubstrateConfig;
type Hash = subxt::config::HashFor<Config>;

/// Time a node has to answer one request.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);
/// Time a node has to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Tries of one request where the connection is lost under it.
const TRIES: u32 = 3;
/// Longest pause between two tries to connect again.
const RECONNECT_MAX: Duration = Duration::from_secs(5);

/// A connection to a node that serves AI Dragon. Cheap to clone; clones share the connection and the
/// order in which each account's transactions are sent.
#[derive(Clone)]
pub struct Chain {
	inner: Arc<Inner>,
}

struct Inner {
	url: String,
	client: OnlineClient<Config>,
	rpc: LegacyRpcMethods<RpcConfigFor<Config>>,
	metadata: ArcMetadata,
	sending: Mutex<HashMap<AccountId, Arc<tokio::sync::Mutex<()>>>>,
}

impl std::fmt::Debug for Chain {
	fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
		write!(formatter, "Chain({})", self.inner.url)
	}
}

impl Chain {
	/// Connects to the node at `url` (`ws://host:port` or `wss://host:port`) and checks that it serves a
	/// chain with every pallet, call and storage entry this client uses.
	///
	/// Fails at once where nothing listens. Later on, lost connections are restored in the background.
	pub async fn connect(url: &str) -> Result<Self, ChainError> {
		probe(url).await?;
		let retry = ExponentialBackoff::from_millis(50).max_delay(RECONNECT_MAX);
		let connecting = ReconnectingRpcClient::builder()
			.retry_policy(retry)
			.request_timeout(ANSWER_TIMEOUT)
			.build(url.to_owned());
		let unreachable = |reason: String| ChainError::Connection { url: url.to_owned(), reason };
		let rpc_client = timeout(CONNECT_TIMEOUT, connecting)
			.await
			.map_err(|_| unreachable("it does not speak JSON-RPC over WebSocket".into()))?
			.map_err(|error| unreachable(error.to_string()))?;
		let rpc_client = RpcClient::new(rpc_client);
		let backend = LegacyBackend::builder().build(rpc_client.clone());
		let client = OnlineClient::from_backend(Arc::new(backend))
			.await
			.map_err(|error| unreachable(error.to_string()))?;
		let rpc = LegacyRpcMethods::new(rpc_client);
		let version =
			rpc.state_get_runtime_version(None).await.map_err(|error| from_rpc(url, error))?;
		let spec_name = version.other.get("specName").and_then(|name| name.as_str());
		let here = client.at_current_block().await.map_err(|error| at_block_error(url, error))?;
		layout::check(spec_name.unwrap_or_default(), here.metadata_ref())?;
		let metadata = here.metadata();
		let inner = Inner { url: url.to_owned(), client, rpc, metadata, sending: Mutex::default() };
		Ok(Self { inner: Arc::new(inner) })
	}

	/// Hash of the chain's first block, which names the chain.
	pub fn genesis(&self) -> Hash32 {
		self.inner.client.genesis_hash().0
	}

	/// The address of the node.
	pub fn url(&self) -> &str {
		&self.inner.url
	}

	/// The newest block.
	pub async fn head(&self, view: View) -> Result<Head, ChainError> {
		let hash = match view {
			View::Best => {
				let newest =
					self.request(|rpc| async move { rpc.chain_get_block_hash(None).await });
				newest.await?
			}
			View::Finalized => {
				let newest =
					self.request(|rpc| async move { rpc.chain_get_finalized_head().await });
				Some(newest.await?)
			}
		};
		match hash {
			Some(hash) => self.head_of(hash.0).await,
			None => Err(ChainError::Refused { reason: "it has no best block".into() }),
		}
	}

	/// The block of the best chain at this height.
	pub async fn head_at(&self, number: BlockNumber) -> Result<Head, ChainError> {
		let hash = self
			.request(|rpc| async move { rpc.chain_get_block_hash(Some(number.into())).await })
			.await?;
		match hash {
			Some(hash) => Ok(Head { number, hash: hash.0 }),
			None => Err(ChainError::Refused { reason: format!("it has no block {number}") }),
		}
	}

	/// The block with this hash.
	pub(super) async fn head_of(&self, hash: Hash32) -> Result<Head, ChainError> {
		let header = self
			.request(|rpc| async move { rpc.chain_get_header(Some(Hash::from(hash))).await })
			.await?;
		let header = header.ok_or_else(|| ChainError::Refused {
			reason: format!("it does not know block 0x{}", hex::encode(hash)),
		})?;
		Ok(Head { number: block_number(header.number())?, hash })
	}

	/// The chain's state right after block `head`. Nodes keep the state of the last 256 blocks at least.
	pub fn at(&self, head: &Head) -> Snapshot {
		Snapshot::new(self.clone(), *head)
	}

	/// A constant of a pallet, as the runtime's metadata gives it.
	pub fn constant_u128(&self, pallet: &str, name: &str) -> Result<Balance, ChainError> {
		self.constant(pallet, name)
	}

	/// A constant of a pallet, as the runtime's metadata gives it.
	pub fn constant_u32(&self, pallet: &str, name: &str) -> Result<u32, ChainError> {
		self.constant(pallet, name)
	}

	/// The number of a pallet, as the runtime's metadata gives it.
	pub(super) fn pallet_index(&self, pallet: &str) -> Result<u8, ChainError> {
		let found = self.inner.metadata.pallet_by_name(pallet);
		let found = found.ok_or_else(|| ChainError::Incompatible {
			reason: format!("it lacks pallet {pallet}"),
		})?;
		Ok(found.call_index())
	}

	fn constant<T: DecodeAll>(&self, pallet: &str, name: &str) -> Result<T, ChainError> {
		let found = self
			.inner
			.metadata
			.pallet_by_name(pallet)
			.and_then(|pallet| pallet.constant_by_name(name))
			.ok_or_else(|| ChainError::Incompatible {
				reason: format!("it lacks constant {pallet}.{name}"),
			})?;
		T::decode_all(&mut found.value()).map_err(|error| ChainError::Decode {
			what: format!("constant {pallet}.{name}"),
			reason: error.to_string(),
		})
	}

	/// Makes a request, again where the connection is lost under it, and gives up after a time.
	pub(super) async fn request<T, F, Fut>(&self, ask: F) -> Result<T, ChainError>
	where
		F: Fn(LegacyRpcMethods<RpcConfigFor<Config>>) -> Fut,
		Fut: Future<Output = Result<T, RpcError>>,
	{
		let mut reason = format!("no answer within {} s", ANSWER_TIMEOUT.as_secs());
		for attempt in 0..TRIES {
			match timeout(ANSWER_TIMEOUT, ask(self.inner.rpc.clone())).await {
				Ok(Ok(answer)) => return Ok(answer),
				Ok(Err(error)) if error.is_disconnected_will_reconnect() => {
					reason = error.to_string();
					sleep(Duration::from_millis(200) * (attempt + 1)).await;
				}
				Ok(Err(error)) => return Err(from_rpc(&self.inner.url, error)),
				Err(_) => break,
			}
		}
		Err(ChainError::Connection { url: self.inner.url.clone(), reason })
	}

	/// The plain RPC methods, for subscriptions.
	pub(super) fn rpc(&self) -> &LegacyRpcMethods<RpcConfigFor<Config>> {
		&self.inner.rpc
	}

	/// subxt's view of the finalized head, for building transactions.
	pub(super) async fn client_at_finalized(
		&self,
	) -> Result<OnlineClientAtBlock<Config>, ChainError> {
		let here = timeout(ANSWER_TIMEOUT, self.inner.client.at_current_block()).await;
		let late = || ChainError::Connection {
			url: self.inner.url.clone(),
			reason: format!("no answer within {} s", ANSWER_TIMEOUT.as_secs()),
		};
		here.map_err(|_| late())?.map_err(|error| at_block_error(&self.inner.url, error))
	}

	/// The lock under which `account` sends: one transaction at a time gets its index.
	pub(super) fn sending(&self, account: &AccountId) -> Arc<tokio::sync::Mutex<()>> {
		let mut sending = self.inner.sending.lock().unwrap_or_else(PoisonError::into_inner);
		sending.entry(*account).or_default().clone()
	}
}

/// Tells a missing node from a slow one before the client starts its endless tries.
async fn probe(url: &str) -> Result<(), ChainError> {
	let unreachable = |reason: String| ChainError::Connection { url: url.to_owned(), reason };
	let uri: hyper::Uri =
		url.parse().map_err(|_| unreachable("it is not of the form ws://host:port".into()))?;
	let port = match uri.scheme_str() {
		Some("ws") => uri.port_u16().unwrap_or(80),
		Some("wss") => uri.port_u16().unwrap_or(443),
		_ => return Err(unreachable("it does not begin with ws:// or wss://".into())),
	};
	let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
	match timeout(CONNECT_TIMEOUT, TcpStream::connect((host, port))).await {
		Ok(Ok(_)) => Ok(()),
		Ok(Err(error)) => Err(unreachable(error.to_string())),
		Err(_) => Err(unreachable(format!("no answer within {} s", CONNECT_TIMEOUT.as_secs()))),
	}
}

fn at_block_error(url: &str, error: OnlineClientAtBlockError) -> ChainError {
	use OnlineClientAtBlockError as E;
	match error {
		E::CannotGetCurrentBlock { reason }
		| E::CannotGetBlockHeader { reason, .. }
		| E::CannotGetSpecVersion { reason, .. } => from_backend(url, reason),
		other => ChainError::Connection { url: url.to_owned(), reason: other.to_string() },
	}
}

/// subxt counts blocks in 64 bits, the chain in 32.
pub(super) fn block_number(number: u64) -> Result<BlockNumber, ChainError> {
	BlockNumber::try_from(number).map_err(|_| ChainError::Decode {
		what: "a block number".into(),
		reason: format!("{number} is too large"),
	})
}
