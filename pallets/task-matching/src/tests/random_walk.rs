//! Random markets: whatever machines do, the properties hold.

use crate::{mock::*, Tasks};
use aidragon_primitives::{
	attestation::{ExitStatus, ResultDigest},
	state::TaskState,
	task::{DeclineReason, Progress},
	worker::Offer,
	DRGN, GFUEL,
};
use frame_support::assert_ok;
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Step {
	Submit { replicas: u8, retries: u8, deadline_blocks: u32 },
	Wait { blocks: u32 },
	Deliver { pick: u8, lies: bool, exhausts: bool },
	Decline { pick: u8 },
	Cancel { pick: u8 },
	Drain { worker: u32 },
	Pause { worker: u32 },
	Resume { worker: u32 },
	Reprice { worker: u32, price: u8 },
}

fn step() -> impl Strategy<Value = Step> {
	prop_oneof![
		3 => (1u8..4, 0u8..4, 24u32..80).prop_map(|(replicas, retries, deadline_blocks)| {
			Step::Submit { replicas, retries, deadline_blocks }
		}),
		4 => (1u32..6).prop_map(|blocks| Step::Wait { blocks }),
		8 => (any::<u8>(), prop::bool::weighted(0.2), prop::bool::weighted(0.1))
			.prop_map(|(pick, lies, exhausts)| Step::Deliver { pick, lies, exhausts }),
		1 => any::<u8>().prop_map(|pick| Step::Decline { pick }),
		1 => any::<u8>().prop_map(|pick| Step::Cancel { pick }),
		1 => (0u32..5).prop_map(|worker| Step::Drain { worker }),
		1 => (0u32..5).prop_map(|worker| Step::Pause { worker }),
		2 => (0u32..5).prop_map(|worker| Step::Resume { worker }),
		1 => (0u32..5, 1u8..12).prop_map(|(worker, price)| Step::Reprice { worker, price }),
	]
}

/// Every machine's next obligation, in a fixed order.
fn obligations() -> Vec<(u64, u32, Progress)> {
	let mut all: Vec<_> = Tasks::<Test>::iter()
		.filter(|(_, task)| !task.state.is_terminal())
		.flat_map(|(id, task)| {
			let owed = task.replicas.into_iter();
			owed.map(move |replica| (id, replica.worker, replica.progress)).collect::<Vec<_>>()
		})
		.collect();
	all.sort_by_key(|(id, worker, _)| (*id, *worker));
	all
}

/// A machine's result: the same each time it is asked, so that a reveal matches its commitment.
fn result_of(
	id: u64,
	worker: u32,
	lies: &std::collections::BTreeSet<(u64, u32)>,
	exhausts: bool,
) -> ResultDigest {
	let output = if lies.contains(&(id, worker)) { 100 + worker as u8 } else { 1 };
	match exhausts {
		true => ResultDigest { status: ExitStatus::OutOfFuel, ..digest(0, 10 * GFUEL) },
		false => digest(output, GFUEL),
	}
}

fn deliver(
	pick: u8,
	lies: bool,
	exhausts: bool,
	liars: &mut std::collections::BTreeSet<(u64, u32)>,
) {
	let open = obligations();
	let Some((id, worker, progress)) = open.get(usize::from(pick) % open.len().max(1)).copied()
	else {
		return;
	};
	let current = task(id);
	match (progress, current.state) {
		(Progress::Assigned, TaskState::Assigned) if current.spec.replicas == 1 => {
			attest(id, worker, result_of(id, worker, liars, exhausts));
		}
		(Progress::Assigned, TaskState::Assigned) => {
			if lies {
				liars.insert((id, worker));
			}
			commit(id, worker, result_of(id, worker, liars, false));
		}
		(Progress::Committed(_), TaskState::Committed) => {
			reveal(id, worker, result_of(id, worker, liars, false));
		}
		_ => {}
	}
}

fn decline(pick: u8) {
	let open: Vec<_> = obligations()
		.into_iter()
		.filter(|(id, _, progress)| {
			*progress == Progress::Assigned && task(*id).state == TaskState::Assigned
		})
		.collect();
	if let Some((id, worker, _)) = open.get(usize::from(pick) % open.len().max(1)) {
		let reason = DeclineReason::BlobUnavailable;
		assert_ok!(TaskMatching::decline_task(signed(hot_key(*worker)), *id, reason));
	}
}

fn apply(step: Step, liars: &mut std::collections::BTreeSet<(u64, u32)>) {
	match step {
		Step::Submit { replicas, retries, deadline_blocks } => {
			let mut spec = spec(replicas);
			(spec.retries, spec.deadline_blocks) = (retries, deadline_blocks);
			submit(spec);
		}
		Step::Wait { blocks } => run_to(now() + blocks),
		Step::Deliver { pick, lies, exhausts } => deliver(pick, lies, exhausts, liars),
		Step::Decline { pick } => decline(pick),
		Step::Cancel { pick } => {
			let count = crate::NextTaskId::<Test>::get();
			let id = u64::from(pick) % count.max(1);
			let _ = TaskMatching::cancel_task(signed(submitter()), id);
		}
		Step::Drain { worker } => {
			let _ = NodeRegistry::drain(signed(provider(worker)), worker);
		}
		Step::Pause { worker } => {
			let _ = NodeRegistry::pause(signed(hot_key(worker)), worker);
		}
		Step::Reprice { worker, price } => {
			set_offer(worker, Offer::at(u128::from(price) * DRGN));
		}
		Step::Resume { worker } => {
			let _ = NodeRegistry::resume(signed(provider(worker)), worker);
		}
	}
}

proptest! {
	#![proptest_config(ProptestConfig::with_cases(64))]

	#[test]
	fn p1_p2_p3_hold_whatever_machines_do(steps in proptest::collection::vec(step(), 1..60)) {
		build_and_execute(|| {
			for worker in 0..5 {
				add_worker(worker, (1 + u128::from(worker)) * DRGN);
			}
			let mut liars = std::collections::BTreeSet::new();
			for step in steps {
				apply(step, &mut liars);
				check_invariants();
			}
			let last_deadline =
				Tasks::<Test>::iter_values().map(|task| task.deadline).max().unwrap_or_default();
			run_to(last_deadline.max(now()));
			check_invariants();
			for (id, task) in Tasks::<Test>::iter() {
				assert!(task.state.is_terminal(), "P3: task {id} is {:?}", task.state);
			}
			assert_eq!(pallet_token_rewards::Escrowed::<Test>::iter().count(), 0);
			for owner in pallet_node_registry::Providers::<Test>::iter_values() {
				assert_eq!(owner.at_stake, 0, "P7: bond stays at stake");
			}
			for worker in pallet_node_registry::Workers::<Test>::iter_values() {
				assert_eq!(worker.ledger.reserved(), Default::default(), "P3: capacity stays reserved");
			}
		});
	}
}
