//! What shares a call, whatever is ready.

use super::*;
use crate::journal::Key;
use aidragon_primitives::{
	attestation::{Attestation, ExitStatus, ResultDigest, ATTESTATION_VERSION},
	task::DeclineReason,
	BlockNumber,
};
use proptest::prelude::*;

fn key(task: TaskId) -> Key {
	Key { task, attempt: 0 }
}

fn attest(task: TaskId, due: BlockNumber) -> Wanted {
	Wanted { request: Request::Attest(key(task)), due }
}

fn evidence(task: TaskId) -> Evidence {
	let result = ResultDigest {
		output_root: [1; 32],
		output_bytes: 5,
		fuel: 9,
		status: ExitStatus::Completed,
	};
	let attestation = Attestation {
		version: ATTESTATION_VERSION,
		genesis: [1; 32],
		task,
		attempt: 0,
		worker: 3,
		program: [2; 32],
		meter_schedule: [3; 32],
		input_root: [4; 32],
		result,
		started_at: 1,
		finished_at: 2,
	};
	Evidence { attestation, signature: [task as u8; 64], salt: [5; 32] }
}

fn any_wanted() -> impl Strategy<Value = Wanted> {
	let key = (0u64..60, 0u8..2).prop_map(|(task, attempt)| Key { task, attempt });
	let request = prop_oneof![
		12 => key.clone().prop_map(Request::Attest),
		2 => key.clone().prop_map(Request::Commit),
		1 => key.clone().prop_map(Request::Reveal),
		1 => key.prop_map(|key| Request::Decline(key, DeclineReason::HostFault)),
		1 => Just(Request::Heartbeat),
	];
	(request, 100u32..140).prop_map(|(request, due)| Wanted { request, due })
}

proptest! {
	#[test]
	fn whatever_is_ready_only_results_of_single_replicas_share_a_call(
		free in proptest::collection::vec(any_wanted(), 0..100),
		alone in proptest::collection::btree_set(0u64..60, 0..30),
	) {
		let is_alone = |request: &Request| request.result().is_some_and(|key| alone.contains(&key.task));
		let chosen = fill(free.clone(), is_alone);
		prop_assert_eq!(chosen.is_empty(), free.is_empty());
		prop_assert!(chosen.len() <= DELIVERIES_MAX as usize);
		prop_assert!(chosen.iter().all(|one| free.contains(one)));
		// The most urgent goes first, and with it the urgency of the call.
		let earliest = free.iter().map(|one| one.due).min();
		prop_assert_eq!(chosen.first().map(|one| one.due), earliest);
		prop_assert!(chosen.is_sorted_by_key(|one| one.due));
		if chosen.len() > 1 {
			let is_fit = |one: &Wanted| matches!(one.request, Request::Attest(_)) && !is_alone(&one.request);
			prop_assert!(chosen.iter().all(is_fit));
			let tasks: BTreeSet<_> = chosen.iter().filter_map(|one| one.request.result()).collect();
			let tasks: BTreeSet<_> = tasks.into_iter().map(|key| key.task).collect();
			prop_assert_eq!(tasks.len(), chosen.len());
		}
	}
}

#[test]
fn results_fill_calls_and_the_last_one_may_be_single() {
	let ready: Vec<Wanted> = (0..65).map(|task| attest(task, 120)).collect();
	let mut left = ready.clone();
	let mut sizes = Vec::new();
	while !left.is_empty() {
		let chosen = fill(left.clone(), |_| false);
		sizes.push(chosen.len());
		left.retain(|other| !chosen.contains(other));
	}
	assert_eq!(sizes, [32, 32, 1]);
}

#[test]
fn the_most_urgent_result_takes_others_along_and_anything_else_does_not() {
	let (late, soon) = (attest(1, 130), attest(2, 110));
	let commit = Wanted { request: Request::Commit(key(3)), due: 120 };
	let heartbeat = Wanted { request: Request::Heartbeat, due: 105 };
	let nobody = |_: &Request| false;
	assert_eq!(fill(vec![late, commit, soon], nobody), [soon, late]);
	assert_eq!(fill(vec![late, commit], nobody), [commit]);
	assert_eq!(fill(vec![late, soon, heartbeat], nobody), [heartbeat]);
	let is_alone = |request: &Request| *request == soon.request;
	assert_eq!(fill(vec![late, soon], is_alone), [soon]);
	assert_eq!(fill(vec![late, soon, attest(4, 109)], is_alone), [attest(4, 109), late]);
}

#[test]
fn one_result_is_sent_as_before_and_several_in_one_call() {
	assert!(call_of(&[]).is_none());
	let all: Vec<Evidence> = (0..33).map(evidence).collect();
	let one = calls::attest_result(7, &all[7].attestation, &all[7].signature);
	assert_eq!(call_of(&all[7..8]), Some(one));
	let delivery =
		|one: &Evidence| Delivery { attestation: one.attestation, signature: one.signature };
	let deliveries: Vec<Delivery> = all[..32].iter().map(delivery).collect();
	let several = calls::attest_results(&deliveries.try_into().unwrap());
	assert_eq!(call_of(&all[..32]), Some(several));
	assert!(call_of(&all).is_none());
}

#[test]
fn only_a_lost_connection_leaves_results_together() {
	let connection = ChainError::Connection { url: String::new(), reason: String::new() };
	assert!(!parts(Some(&SubmitError::Connection(connection))));
	let reason = String::new();
	for error in [
		SubmitError::Dispatch {
			pallet: reason.clone(),
			error: reason.clone(),
			docs: reason.clone(),
		},
		SubmitError::Rejected { reason: reason.clone() },
		SubmitError::Dropped { reason: reason.clone() },
		// A chain that does not know the call.
		SubmitError::Connection(ChainError::Incompatible { reason: reason.clone() }),
		SubmitError::Connection(ChainError::Refused { reason }),
	] {
		assert!(parts(Some(&error)), "{error:?}");
	}
	assert!(parts(None));
}
