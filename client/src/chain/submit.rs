//! Signing, sending and following one transaction.

use super::{
	connection::Config,
	error::{from_backend, user_message},
	Chain, ChainError, Event, Head, SubmitError, View,
};
use crate::{calls::Call, keys::Account};
use aidragon_primitives::{Balance, Hash32};
use std::time::Duration;
use subxt::{
	client::{OnlineClientAtBlock, OnlineClientAtBlockImpl},
	config::{substrate::AccountId32, DefaultExtrinsicParamsBuilder},
	error::{BackendError, DispatchError, ExtrinsicError, RpcError, TransactionProgressError},
	rpcs,
	transactions::{
		SubmittableTransaction, TransactionInBlock, TransactionProgress, TransactionStatus,
	},
};
use tokio::time::{timeout, timeout_at, Instant};

/// Blocks for which a signed transaction can be included.
const MORTALITY_BLOCKS: u64 = 64;
/// Time after which a transaction that was taken cannot be included any more.
const INCLUSION_MAX: Duration = Duration::from_secs(MORTALITY_BLOCKS * 3 + 60);
/// Time a node has to take a transaction into its pool.
const POOL_TIMEOUT: Duration = Duration::from_secs(20);
/// Times a transaction is signed anew because another one took its index.
const NONCE_TRIES: u32 = 3;

type AtBlock = OnlineClientAtBlockImpl<Config>;
type Status = TransactionStatus<Config, AtBlock>;

/// A call that took effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Included {
	/// The block that holds it.
	pub block: Head,
	/// Hash of the transaction.
	pub extrinsic: Hash32,
	/// What it reported, in order.
	pub events: Vec<Event>,
}

impl Chain {
	/// Signs `call` with `account`, sends it and waits until it is in a block of `view`.
	///
	/// The signature is valid for 64 blocks. The transactions of one account get their indices one after
	/// another; waiting for inclusion happens side by side.
	///
	/// Errors tell whether the call failed in a block, was refused, was lost, or is unknown. An `Ok` for
	/// [`View::Best`] can still be undone by a fork.
	pub async fn submit(
		&self,
		call: &Call,
		account: &Account,
		view: View,
	) -> Result<Included, SubmitError> {
		let deadline = Instant::now() + INCLUSION_MAX;
		let (mut progress, mut status) = self.send(call, account).await?;
		loop {
			match status {
				Status::InFinalizedBlock(block) => return self.included(&block).await,
				Status::InBestBlock(block) if view == View::Best => {
					return self.included(&block).await
				}
				Status::Error { message }
				| Status::Invalid { message }
				| Status::Dropped { message } => return Err(SubmitError::Dropped { reason: message }),
				Status::Validated
				| Status::Broadcasted
				| Status::NoLongerInBestBlock
				| Status::InBestBlock(_) => {}
			}
			status =
				timeout_at(deadline, self.next_status(&mut progress)).await.map_err(|_| {
					let reason = format!("not within {} s", INCLUSION_MAX.as_secs());
					SubmitError::Dropped { reason }
				})??;
		}
	}

	/// The network fee that `call` would cost `account`, in smallest units. Calls that the runtime makes
	/// feeless are charged nothing, whatever this says.
	pub async fn fee(&self, call: &Call, account: &Account) -> Result<Balance, ChainError> {
		let signed = self.sign(call, account, 0).await?;
		let estimate = timeout(POOL_TIMEOUT, signed.partial_fee_estimate()).await;
		match estimate {
			Ok(Ok(fee)) => Ok(fee),
			Ok(Err(ExtrinsicError::CannotGetFeeInfo(error))) => {
				Err(from_backend(self.url(), error))
			}
			Ok(Err(error)) => {
				Err(ChainError::Decode { what: "the fee".into(), reason: error.to_string() })
			}
			Err(_) => Err(self.late()),
		}
	}

	/// Hands a transaction to the node's pool, and returns once the pool has said something about it.
	async fn send(
		&self,
		call: &Call,
		account: &Account,
	) -> Result<(TransactionProgress<Config, AtBlock>, Status), SubmitError> {
		let lock = self.sending(&account.account_id());
		let _sending = lock.lock().await;
		let mut tries = 0;
		loop {
			tries += 1;
			let index = self.next_index(account).await?;
			let signed = self.sign(call, account, index).await?;
			let sent = timeout(POOL_TIMEOUT, signed.submit_and_watch()).await;
			match sent.map_err(|_| self.late())? {
				Ok(mut progress) => {
					let first = timeout(POOL_TIMEOUT, self.next_status(&mut progress)).await;
					return Ok((progress, first.map_err(|_| self.late())??));
				}
				Err(error) => match self.refusal(error) {
					SubmitError::Rejected { reason }
						if tries < NONCE_TRIES && is_stale(&reason) =>
					{
						tracing::debug!("signing anew: {reason}");
					}
					refusal => return Err(refusal),
				},
			}
		}
	}

	/// Signs calls of `account` with indices from `first_index` on, and gives the transactions in the form in which a node
	/// takes them, valid for 64 blocks. Nothing is sent: this is for those who send many and wait for none of them.
	pub async fn sign_all(
		&self,
		account: &Account,
		first_index: u64,
		calls: &[Call],
	) -> Result<Vec<Vec<u8>>, ChainError> {
		let at = self.client_at_finalized().await?;
		let indexed = (first_index..).zip(calls);
		indexed.map(|(index, call)| Ok(signed(&at, call, account, index)?.into_encoded())).collect()
	}

	/// The index of the account's next transaction, those in the node's pool counted.
	pub async fn next_index(&self, account: &Account) -> Result<u64, ChainError> {
		let id = AccountId32(account.account_id().0);
		let id = &id;
		self.request(|rpc| async move { rpc.system_account_next_index(id).await }).await
	}

	async fn sign(
		&self,
		call: &Call,
		account: &Account,
		index: u64,
	) -> Result<SubmittableTransaction<Config, AtBlock>, ChainError> {
		signed(&self.client_at_finalized().await?, call, account, index)
	}

	async fn next_status(
		&self,
		progress: &mut TransactionProgress<Config, AtBlock>,
	) -> Result<Status, ChainError> {
		let lost = |reason| ChainError::Connection { url: self.url().to_owned(), reason };
		match progress.next().await {
			Some(Ok(status)) => Ok(status),
			Some(Err(TransactionProgressError::CannotGetNextProgressUpdate(error))) => {
				Err(from_backend(self.url(), error))
			}
			Some(Err(error)) => Err(lost(error.to_string())),
			None => Err(lost("the node stopped reporting on the transaction".into())),
		}
	}

	async fn included(
		&self,
		block: &TransactionInBlock<Config, AtBlock>,
	) -> Result<Included, SubmitError> {
		let lost = |reason| ChainError::Connection { url: self.url().to_owned(), reason };
		let here = block.at().await.map_err(|error| lost(error.to_string()))?;
		let events = block.fetch_events().await.map_err(|error| lost(error.to_string()))?;
		let mut reported = Vec::new();
		for event in events.iter() {
			let event = event.map_err(|error| ChainError::Decode {
				what: "an event".into(),
				reason: error.to_string(),
			})?;
			if (event.pallet_name(), event.event_name()) == ("System", "ExtrinsicFailed") {
				let failure = DispatchError::decode_from(event.field_bytes(), here.metadata());
				return Err(failure.map_or_else(|error| unreadable(&error), |error| named(&error)));
			}
			reported.push(Event {
				pallet: event.pallet_name().to_owned(),
				name: event.event_name().to_owned(),
				fields: event.field_bytes().to_vec(),
			});
		}
		let block = self.head_of(block.block_hash().0).await?;
		Ok(Included { block, extrinsic: events.extrinsic_hash().0, events: reported })
	}

	fn refusal(&self, error: ExtrinsicError) -> SubmitError {
		match error {
			ExtrinsicError::ErrorSubmittingTransaction(BackendError::Rpc(
				RpcError::ClientError(rpcs::Error::User(refusal)),
			)) => SubmitError::Rejected { reason: user_message(&refusal) },
			ExtrinsicError::ErrorSubmittingTransaction(error) => {
				from_backend(self.url(), error).into()
			}
			other => SubmitError::Rejected { reason: other.to_string() },
		}
	}

	fn late(&self) -> ChainError {
		let reason = format!("no answer within {} s", POOL_TIMEOUT.as_secs());
		ChainError::Connection { url: self.url().to_owned(), reason }
	}
}

fn signed(
	at: &OnlineClientAtBlock<Config>,
	call: &Call,
	account: &Account,
	index: u64,
) -> Result<SubmittableTransaction<Config, AtBlock>, ChainError> {
	let parameters = DefaultExtrinsicParamsBuilder::<Config>::new()
		.nonce(index)
		.mortal_from_unchecked(MORTALITY_BLOCKS, at.block_number(), at.block_hash())
		.build();
	at.transactions()
		.create_signable_offline(call, parameters)
		.and_then(|mut signable| signable.sign(account.signer()))
		.map_err(|error| ChainError::Incompatible { reason: error.to_string() })
}

/// Whether the pool refused because the index is used already, by another process with the same key.
fn is_stale(reason: &str) -> bool {
	reason.contains("outdated") || reason.contains("Priority is too low")
}

fn named(error: &DispatchError) -> SubmitError {
	let dispatch = |pallet: &str, error: String, docs: String| SubmitError::Dispatch {
		pallet: pallet.to_owned(),
		error,
		docs,
	};
	match error {
		DispatchError::Module(module) => match module.details() {
			Ok(details) => dispatch(
				details.pallet.name(),
				details.variant.name.clone(),
				details.variant.docs.join(" ").trim().to_owned(),
			),
			Err(reason) => unreadable(&reason),
		},
		DispatchError::Token(token) => dispatch("Token", format!("{token:?}"), token.to_string()),
		DispatchError::Arithmetic(arithmetic) => {
			dispatch("Arithmetic", format!("{arithmetic:?}"), arithmetic.to_string())
		}
		other => dispatch("Dispatch", format!("{other:?}"), other.to_string()),
	}
}

fn unreadable(reason: &dyn std::fmt::Display) -> SubmitError {
	SubmitError::Dispatch {
		pallet: "Dispatch".into(),
		error: "Unknown".into(),
		docs: format!("the call failed in its block, and the error cannot be read: {reason}"),
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn only_a_used_index_is_tried_again() {
		assert!(is_stale("Invalid Transaction: Transaction is outdated"));
		assert!(is_stale("Priority is too low: (1 vs 1)"));
		assert!(!is_stale("Invalid Transaction: Inability to pay some fees"));
	}

	#[test]
	fn errors_outside_of_pallets_are_named_too() {
		let error = named(&DispatchError::Token(subxt::error::TokenError::FundsUnavailable));
		assert!(error.is("Token", "FundsUnavailable"), "{error}");
		assert!(named(&DispatchError::BadOrigin).is("Dispatch", "BadOrigin"));
	}
}
