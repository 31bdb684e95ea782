//! New blocks as they come.

use super::{connection::block_number, Chain, ChainError, Head, View};
use codec::Encode;
use futures::{
	future::FutureExt,
	stream::{self, BoxStream, StreamExt},
};
use sp_crypto_hashing::blake2_256;
use std::time::Duration;
use subxt::{
	config::{substrate::SubstrateHeader, Header as _},
	rpcs::{client::RpcSubscription, Error as RpcError},
};
use tokio::time::{sleep, timeout};

/// A stream of heads that never ends.
pub type HeadStream = BoxStream<'static, Head>;

/// Time without a new block after which the subscription is made anew.
const SILENCE_MAX: Duration = Duration::from_secs(30);
/// Pause between two tries to subscribe.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

type Headers = RpcSubscription<SubstrateHeader<subxt::config::HashFor<super::connection::Config>>>;

impl Chain {
	/// Every new head, beginning with the present one.
	///
	/// A reader that is slow, or whose connection is lost for a while, is given the newest head and not
	/// those in between. Interruptions are logged and mended; to notice that nothing comes any more, put
	/// a timeout around `next`.
	pub fn follow(&self, view: View) -> HeadStream {
		let state = (self.clone(), None::<Headers>);
		stream::unfold(state, move |(chain, mut headers)| async move {
			loop {
				match next_head(&chain, view, &mut headers).await {
					Ok(head) => return Some((head, (chain, headers))),
					Err(error) => {
						tracing::warn!("following blocks was interrupted: {error}");
						headers = None;
						sleep(RETRY_PAUSE).await;
					}
				}
			}
		})
		.boxed()
	}
}

async fn next_head(
	chain: &Chain,
	view: View,
	headers: &mut Option<Headers>,
) -> Result<Head, ChainError> {
	let lost = |reason: String| ChainError::Connection { url: chain.url().to_owned(), reason };
	let subscription = match headers {
		Some(subscription) => subscription,
		None => {
			let subscribing = async {
				match view {
					View::Best => chain.rpc().chain_subscribe_new_heads().await,
					View::Finalized => chain.rpc().chain_subscribe_finalized_heads().await,
				}
			};
			let subscription = timeout(SILENCE_MAX, subscribing)
				.await
				.map_err(|_| lost("no answer to the subscription".into()))?
				.map_err(|error| lost(error.to_string()))?;
			headers.insert(subscription)
		}
	};
	let first = timeout(SILENCE_MAX, subscription.next())
		.await
		.map_err(|_| lost(format!("no new block for {} s", SILENCE_MAX.as_secs())))?;
	let mut newest = arrived(first).map_err(lost)?;
	while let Some(waiting) = subscription.next().now_or_never() {
		newest = arrived(waiting).map_err(lost)?;
	}
	let hash = newest.using_encoded(blake2_256);
	Ok(Head { number: block_number(newest.number())?, hash })
}

fn arrived<T>(item: Option<Result<T, RpcError>>) -> Result<T, String> {
	match item {
		Some(Ok(header)) => Ok(header),
		Some(Err(error)) => Err(error.to_string()),
		None => Err("the node ended the subscription".into()),
	}
}
