//! One constructor for each call of the chain.
//!
//! A [`Call`] names pallet and call and carries the arguments as SCALE; indices are looked up in the
//! metadata of the connected chain when it is signed.

use crate::{keys::AccountId, Registration};
use aidragon_primitives::{
	attestation::{Attestation, Deliveries},
	audit::{Archive, Entry},
	job::JobTasks,
	merkle::MerklePath,
	task::{BlobRef, DeclineReason, TaskSpec},
	verification::{Answer, Committed, Slot},
	worker::{Capacity, Offer, Site, TransportAddress},
	Balance, EraIndex, Hash32, JobId, TaskId, WorkerId,
};
use codec::{Compact, Encode};
use subxt::ext::{
	scale_encode,
	scale_encode::{EncodeAsFields, FieldIter},
	scale_type_resolver::TypeResolver,
};

/// A call of the chain with its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
	pallet: &'static str,
	name: &'static str,
	arguments: Arguments,
}

/// Arguments that are encoded already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arguments(Vec<u8>);

impl Call {
	fn new(pallet: &'static str, name: &'static str, arguments: impl Encode) -> Self {
		Self { pallet, name, arguments: Arguments(arguments.encode()) }
	}

	/// The pallet's name.
	pub fn pallet(&self) -> &'static str {
		self.pallet
	}

	/// The call's name.
	pub fn name(&self) -> &'static str {
		self.name
	}
}

impl EncodeAsFields for Arguments {
	fn encode_as_fields_to<R: TypeResolver>(
		&self,
		_: &mut dyn FieldIter<'_, R::TypeId>,
		_: &R,
		out: &mut Vec<u8>,
	) -> Result<(), scale_encode::Error> {
		out.extend_from_slice(&self.0);
		Ok(())
	}
}

impl subxt::transactions::Payload for Call {
	type CallData = Arguments;

	fn pallet_name(&self) -> &str {
		self.pallet
	}

	fn call_name(&self) -> &str {
		self.name
	}

	fn call_data(&self) -> &Arguments {
		&self.arguments
	}
}

/// Pallet, call and number of arguments of every call in this module, which the chain must offer.
pub(crate) const REQUIRED: [(&str, &str, usize); 31] = [
	("Balances", "transfer_keep_alive", 2),
	("NodeRegistry", "register_provider", 1),
	("NodeRegistry", "increase_bond", 1),
	("NodeRegistry", "register_worker", 1),
	("NodeRegistry", "update_offer", 2),
	("NodeRegistry", "declare_site", 2),
	("NodeRegistry", "update_endpoint", 2),
	("NodeRegistry", "update_capacity", 1),
	("NodeRegistry", "heartbeat", 0),
	("NodeRegistry", "drain", 1),
	("NodeRegistry", "pause", 1),
	("NodeRegistry", "resume", 1),
	("NodeRegistry", "retire_worker", 1),
	("NodeRegistry", "remove_worker", 1),
	("NodeRegistry", "exit_provider", 0),
	("NodeRegistry", "withdraw_bond", 0),
	("ResourceVerification", "request_challenge", 1),
	("ResourceVerification", "commit_challenge", 1),
	("ResourceVerification", "submit_openings", 2),
	("ResourceVerification", "confirm_audit", 2),
	("ResourceVerification", "report_entry", 5),
	("TaskMatching", "submit_task", 2),
	("TaskMatching", "submit_job", 2),
	("TaskMatching", "cancel_task", 1),
	("TaskMatching", "cancel_job", 1),
	("TaskMatching", "commit_result", 2),
	("TaskMatching", "reveal_result", 4),
	("TaskMatching", "attest_result", 3),
	("TaskMatching", "attest_results", 1),
	("TaskMatching", "decline_task", 2),
	("TokenRewards", "claim_rewards", 1),
];

/// Moves `amount` to `to` and keeps the sender's account alive.
pub fn transfer(to: &AccountId, amount: Balance) -> Call {
	// Variant 0 of a MultiAddress is an account.
	Call::new("Balances", "transfer_keep_alive", (0u8, to.0, Compact(amount)))
}

/// Puts up `bond` and becomes a provider.
pub fn register_provider(bond: Balance) -> Call {
	Call::new("NodeRegistry", "register_provider", bond)
}

/// Adds `amount` to the provider's bond.
pub fn increase_bond(amount: Balance) -> Call {
	Call::new("NodeRegistry", "increase_bond", amount)
}

/// Registers a machine of the signing provider.
pub fn register_worker(registration: &Registration) -> Call {
	Call::new("NodeRegistry", "register_worker", registration)
}

/// Sets what the signing provider's machine asks, and when it takes tasks.
pub fn update_offer(worker: WorkerId, offer: &Offer) -> Call {
	Call::new("NodeRegistry", "update_offer", (worker, offer))
}

/// Says where the signing provider's machine stands and what it runs on.
pub fn declare_site(worker: WorkerId, site: &Site) -> Call {
	Call::new("NodeRegistry", "declare_site", (worker, site))
}

/// Announces where the signing machine can be reached.
pub fn update_endpoint(encryption_key: &[u8; 32], address: &TransportAddress) -> Call {
	Call::new("NodeRegistry", "update_endpoint", (encryption_key, address))
}

/// Says what the signing machine has from now on.
pub fn update_capacity(claimed: &Capacity) -> Call {
	Call::new("NodeRegistry", "update_capacity", claimed)
}

/// The signing machine's answer to a call, or its return.
pub fn heartbeat() -> Call {
	Call::new("NodeRegistry", "heartbeat", ())
}

/// Takes no new tasks.
pub fn drain(worker: WorkerId) -> Call {
	Call::new("NodeRegistry", "drain", worker)
}

/// Takes no new tasks, and may be switched off once it has none.
pub fn pause(worker: WorkerId) -> Call {
	Call::new("NodeRegistry", "pause", worker)
}

/// Takes tasks again.
pub fn resume(worker: WorkerId) -> Call {
	Call::new("NodeRegistry", "resume", worker)
}

/// Begins a machine's way out.
pub fn retire_worker(worker: WorkerId) -> Call {
	Call::new("NodeRegistry", "retire_worker", worker)
}

/// Removes a retired machine once its delay is over.
pub fn remove_worker(worker: WorkerId) -> Call {
	Call::new("NodeRegistry", "remove_worker", worker)
}

/// Begins the signing provider's way out.
pub fn exit_provider() -> Call {
	Call::new("NodeRegistry", "exit_provider", ())
}

/// Takes the bond back once the delay is over.
pub fn withdraw_bond() -> Call {
	Call::new("NodeRegistry", "withdraw_bond", ())
}

/// Asks for a challenge of one part of the signing machine.
pub fn request_challenge(slot: Slot) -> Call {
	Call::new("ResourceVerification", "request_challenge", slot)
}

/// Binds the signing machine to what it did for its challenge.
pub fn commit_challenge(committed: &Committed) -> Call {
	Call::new("ResourceVerification", "commit_challenge", committed)
}

/// Opens what was drawn of it, and binds the machine to an archive of more.
pub fn submit_openings(answer: &Answer, archive: &Archive) -> Call {
	Call::new("ResourceVerification", "submit_openings", (answer, archive))
}

/// Says that the signing machine found nothing wrong with an archive.
pub fn confirm_audit(worker: WorkerId, slot: Slot) -> Call {
	Call::new("ResourceVerification", "confirm_audit", (worker, slot))
}

/// Shows entry `index` of an archive, which does not hold.
pub fn report_entry(
	worker: WorkerId,
	slot: Slot,
	index: u32,
	entry: &Entry,
	path: &MerklePath,
) -> Call {
	Call::new("ResourceVerification", "report_entry", (worker, slot, index, entry, path))
}

/// Submits a task and puts its escrow on hold.
pub fn submit_task(spec: &TaskSpec, input: &BlobRef) -> Call {
	Call::new("TaskMatching", "submit_task", (spec, input))
}

/// Submits tasks that share a specification, and puts the escrow of all of them on hold.
pub fn submit_job(spec: &TaskSpec, tasks: &JobTasks) -> Call {
	Call::new("TaskMatching", "submit_job", (spec, tasks))
}

/// Withdraws a task that is not over.
pub fn cancel_task(task: TaskId) -> Call {
	Call::new("TaskMatching", "cancel_task", task)
}

/// Withdraws all tasks of a job that are not over.
pub fn cancel_job(job: JobId) -> Call {
	Call::new("TaskMatching", "cancel_job", job)
}

/// Binds the signing machine to a result.
pub fn commit_result(task: TaskId, commitment: &Hash32) -> Call {
	Call::new("TaskMatching", "commit_result", (task, commitment))
}

/// Shows the result that the signing machine is bound to.
pub fn reveal_result(
	task: TaskId,
	attestation: &Attestation,
	signature: &[u8; 64],
	salt: &Hash32,
) -> Call {
	Call::new("TaskMatching", "reveal_result", (task, attestation, signature, salt))
}

/// Delivers the result of a task with one replica in one step.
pub fn attest_result(task: TaskId, attestation: &Attestation, signature: &[u8; 64]) -> Call {
	Call::new("TaskMatching", "attest_result", (task, attestation, signature))
}

/// Delivers the results of several tasks with one replica, all or none of them.
pub fn attest_results(deliveries: &Deliveries) -> Call {
	Call::new("TaskMatching", "attest_results", deliveries)
}

/// Gives a task back.
pub fn decline_task(task: TaskId, reason: DeclineReason) -> Call {
	Call::new("TaskMatching", "decline_task", (task, reason))
}

/// Claims the signing provider's reward of an era.
pub fn claim_rewards(era: EraIndex) -> Call {
	Call::new("TokenRewards", "claim_rewards", era)
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn arguments_are_encoded_in_order() {
		let call = commit_result(7, &[9; 32]);
		assert_eq!((call.pallet(), call.name()), ("TaskMatching", "commit_result"));
		assert_eq!(call.arguments.0, (7u64, [9u8; 32]).encode());
		assert!(heartbeat().arguments.0.is_empty());
	}

	#[test]
	fn a_transfer_names_an_account_and_a_compact_amount() {
		let call = transfer(&AccountId([3; 32]), 1 << 40);
		assert_eq!(call.arguments.0[0], 0);
		assert_eq!(call.arguments.0[1..33], [3; 32]);
		assert_eq!(call.arguments.0[33..], Compact(1u128 << 40).encode());
	}

	#[test]
	fn references_encode_like_values() {
		let keys = update_endpoint(&[1; 32], &TransportAddress::default());
		assert_eq!(keys.arguments.0, ([1u8; 32], TransportAddress::default()).encode());
	}
}
