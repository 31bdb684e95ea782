//! What a proxy may do in the name of the account that appointed it.

use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use frame_support::traits::InstanceFilter;
use scale_info::TypeInfo;

use crate::RuntimeCall;

/// The powers of a proxy.
///
/// A proxy may appoint others only to powers within its own: `Any` contains every type,
/// `NonTransfer` contains `Staking`, `Worker` and `CancelProxy`, and each type contains itself.
/// `Submitter` is outside of `NonTransfer`, since paying for a task moves money.
#[derive(
	Copy,
	Clone,
	Debug,
	Default,
	Eq,
	PartialEq,
	Ord,
	PartialOrd,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
)]
pub enum ProxyType {
	/// Everything the account can do.
	#[default]
	#[codec(index = 0)]
	Any,
	/// Staking, batches, remarks and the appointment of lesser proxies: nothing that moves what the
	/// account holds, and nothing that acts for another account of the owner.
	#[codec(index = 1)]
	NonTransfer,
	/// Staking, session keys and the position in the voter list. It may choose where rewards go.
	#[codec(index = 2)]
	Staking,
	/// Running machines and delivering results, but no bond, no registration and no leaving.
	#[codec(index = 3)]
	Worker,
	/// Submitting and cancelling tasks.
	#[codec(index = 4)]
	Submitter,
	/// Only the rejection of another proxy's announced call.
	#[codec(index = 5)]
	CancelProxy,
}

impl InstanceFilter<RuntimeCall> for ProxyType {
	fn filter(&self, call: &RuntimeCall) -> bool {
		match self {
			ProxyType::Any => true,
			ProxyType::NonTransfer => {
				is_staking(call)
					|| is_worker(call)
					|| is_batch(call)
					|| is_remark(call)
					|| is_proxy_admin(call)
			}
			ProxyType::Staking => is_staking(call) || is_batch(call),
			ProxyType::Worker => is_worker(call) || is_batch(call),
			ProxyType::Submitter => is_submitter(call) || is_batch(call),
			ProxyType::CancelProxy => {
				matches!(call, RuntimeCall::Proxy(pallet_proxy::Call::reject_announcement { .. }))
			}
		}
	}

	fn is_superset(&self, other: &Self) -> bool {
		match (self, other) {
			(ProxyType::Any, _) => true,
			(
				ProxyType::NonTransfer,
				ProxyType::Staking | ProxyType::Worker | ProxyType::CancelProxy,
			) => true,
			(own, other) => own == other,
		}
	}
}

fn is_staking(call: &RuntimeCall) -> bool {
	matches!(call, RuntimeCall::Staking(_) | RuntimeCall::Session(_) | RuntimeCall::VoterList(_))
}

/// Running machines: all but bonding, leaving and registering, which move the provider's money or
/// its liability.
fn is_worker(call: &RuntimeCall) -> bool {
	use pallet_node_registry::Call as Registry;
	use pallet_task_matching::Call as Matching;
	match call {
		RuntimeCall::ResourceVerification(_) => true,
		RuntimeCall::TokenRewards(pallet_token_rewards::Call::claim_rewards { .. }) => true,
		RuntimeCall::NodeRegistry(call) => matches!(
			call,
			Registry::update_offer { .. }
				| Registry::declare_site { .. }
				| Registry::update_endpoint { .. }
				| Registry::update_capacity { .. }
				| Registry::heartbeat { .. }
				| Registry::drain { .. }
				| Registry::pause { .. }
				| Registry::resume { .. }
				| Registry::retire_worker { .. }
				| Registry::remove_worker { .. }
		),
		RuntimeCall::TaskMatching(call) => matches!(
			call,
			Matching::commit_result { .. }
				| Matching::reveal_result { .. }
				| Matching::attest_result { .. }
				| Matching::attest_results { .. }
				| Matching::decline_task { .. }
		),
		_ => false,
	}
}

fn is_submitter(call: &RuntimeCall) -> bool {
	use pallet_task_matching::Call as Matching;
	matches!(
		call,
		RuntimeCall::TaskMatching(Matching::submit_task { .. } | Matching::cancel_task { .. })
	)
}

/// Batches pass because each call inside meets the same filter again. The other calls of that
/// pallet do not: they change the origin.
fn is_batch(call: &RuntimeCall) -> bool {
	matches!(
		call,
		RuntimeCall::Utility(
			pallet_utility::Call::batch { .. }
				| pallet_utility::Call::batch_all { .. }
				| pallet_utility::Call::force_batch { .. }
		)
	)
}

fn is_remark(call: &RuntimeCall) -> bool {
	matches!(
		call,
		RuntimeCall::System(
			frame_system::Call::remark { .. } | frame_system::Call::remark_with_event { .. }
		)
	)
}

/// Calls that appoint or dismiss proxies; the proxy pallet itself compares the powers. Acting
/// through a further proxy is not among them, because the filter would not follow to that account.
fn is_proxy_admin(call: &RuntimeCall) -> bool {
	matches!(
		call,
		RuntimeCall::Proxy(
			pallet_proxy::Call::add_proxy { .. }
				| pallet_proxy::Call::remove_proxy { .. }
				| pallet_proxy::Call::reject_announcement { .. }
		)
	)
}
