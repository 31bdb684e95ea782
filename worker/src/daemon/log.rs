//! The lines that the daemon writes about what it sent.

use super::{batch, outbox::Request};
use aidragon_client::chain::SubmitError;
use aidragon_primitives::BlockNumber;

/// Writes that a request is in a block: one line for each, also where several shared a transaction.
pub(super) fn included(request: &Request, block: BlockNumber) {
	match request {
		Request::Heartbeat => tracing::debug!(block, "{request} included"),
		Request::Commit(key)
		| Request::Attest(key)
		| Request::Reveal(key)
		| Request::Decline(key, _) => {
			tracing::info!(task = key.task, attempt = key.attempt, block, "{request} included");
		}
		_ => tracing::info!(block, "{request} included"),
	}
}

/// Writes why a transaction with these requests came to nothing.
pub(super) fn failed(requests: &[Request], error: Option<&SubmitError>, block: BlockNumber) {
	let what = match requests {
		[only] => only.to_string(),
		several => {
			let tasks = several.iter().filter_map(Request::result).map(|key| key.task);
			format!("the delivery of tasks {:?} in one call", tasks.collect::<Vec<_>>())
		}
	};
	match error {
		Some(error @ SubmitError::Dispatch { .. }) => {
			tracing::warn!(block, "the chain refused {what}: {error}");
		}
		Some(error) => tracing::warn!(block, "{what} was not sent: {error}"),
		None => tracing::warn!(block, "nothing was heard of {what} in time"),
	}
	if requests.len() > 1 && batch::parts(error) {
		tracing::info!(block, count = requests.len(), "each of these results goes alone now");
	}
}
