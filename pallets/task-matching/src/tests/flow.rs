//! Flows: tasks that take the results of others.

use crate::{agenda::Item, mock::*, Agenda, AgendaLength, Error, Event, Tasks};
use aidragon_primitives::{
	attestation::{ExitStatus, ResultDigest},
	job::bundle_root,
	state::{FailureReason, TaskState},
	task::{DeclineReason, TaskSpec},
	worker::Capacity,
	DRGN, GFUEL,
};
use frame_support::{assert_noop, assert_ok};

const FAILED: TaskState = TaskState::Failed(FailureReason::DependencyFailed);

/// Two maps, a reduction, two maps on its result, a reduction.
const ROUNDS: [(u8, u8); 6] = [(0, 0), (0, 0), (0, 2), (2, 1), (2, 1), (3, 2)];

/// A machine with room for everything.
fn add_host() {
	add_large_worker(0, DRGN, Capacity::cpu(300, 1 << 18));
}

/// A task that costs at most 1 DRGN.
fn cheap() -> TaskSpec {
	TaskSpec { fuel_limit: GFUEL, price_cap_per_gfuel: DRGN, ..spec(1) }
}

fn states(job: u64) -> Vec<TaskState> {
	TaskMatching::job_states(job).into_iter().map(|(_, state)| state).collect()
}

/// What the task at a position of a job is to name as its input.
fn bundle(job: u64, position: u8, of: impl Iterator<Item = u8>) -> [u8; 32] {
	let outputs: Vec<_> = of.map(|other| result_of(job + u64::from(other)).output_root).collect();
	bundle_root([position; 32], &outputs)
}

/// Entries on the agenda of a block that move a job on.
fn advances(block: u32) -> usize {
	let items =
		(0..AgendaLength::<Test>::get(block)).filter_map(|n| Agenda::<Test>::get((block, n)));
	items.filter(|item| matches!(item, Item::Advance(_))).count()
}

#[test]
fn a_task_is_released_when_all_its_inputs_settled_round_by_round() {
	build_and_execute(|| {
		add_host();
		let job = submit_job(spec(1), &ROUNDS);
		run_to(3);
		settle(job + 1);
		run_to(6);
		assert_eq!(state(job + 2), TaskState::Blocked, "one of two is there");
		settle(job);
		assert_eq!(state(job + 2), TaskState::Blocked, "in the block after");
		run_to(7);
		assert_eq!(state(job + 2), TaskState::Queued);
		System::assert_has_event(Event::TaskReleased { task: job + 2 }.into());
		run_to(8);
		assert_eq!(state(job + 2), TaskState::Queued);
		run_to(9);
		assert_eq!(task(job + 2).replicas[0].beacon_block, 9, "younger than the release");
		settle(job + 2);
		run_to(12);
		assert_eq!([state(job + 3), state(job + 4)], [TaskState::Assigned; 2]);
		settle(job + 4);
		settle(job + 3);
		run_to(15);
		settle(job + 5);
		assert!(states(job).iter().all(|state| *state == TaskState::Settled));
	});
}

#[test]
fn a_bundle_names_the_own_input_and_the_results_in_order() {
	build_and_execute(|| {
		add_host();
		let job = submit_job(spec(1), &ROUNDS);
		run_to(3);
		assert_eq!((task(job).bundle, task(job + 2).bundle), (None, None));
		assert_eq!(task(job).input_root(), [0; 32]);
		// In which order they come makes no difference.
		settle(job + 1);
		settle(job);
		run_to(4);
		assert_eq!(task(job + 2).bundle, Some(bundle(job, 2, 0..2)));
		run_to(6);
		settle(job + 2);
		run_to(7);
		assert_eq!(task(job + 3).bundle, Some(bundle(job, 3, 2..3)));
		assert_eq!(task(job + 4).bundle, Some(bundle(job, 4, 2..3)));
		assert_ne!(task(job + 3).bundle, task(job + 4).bundle);
	});
}

#[test]
fn p7_an_attestation_with_another_input_than_the_bundle_is_refused() {
	build_and_execute(|| {
		add_host();
		let job = submit_job(spec(1), &ROUNDS);
		run_to(3);
		settle(job);
		settle(job + 1);
		run_to(6);
		let id = job + 2;
		let swapped =
			bundle_root([2; 32], &[result_of(job + 1), result_of(job)].map(|r| r.output_root));
		for input_root in [[2; 32], [0; 32], swapped, bundle(job, 3, 0..2), bundle(job, 2, 0..1)] {
			let statement = aidragon_primitives::attestation::Attestation {
				input_root,
				..attestation(id, 0, digest(1, 5))
			};
			let signature = sign(0, &statement);
			assert_noop!(
				TaskMatching::attest_result(signed(hot_key(0)), id, statement, signature),
				Error::<Test>::AttestationMismatch
			);
		}
		settle(id);
		assert_eq!(state(id), TaskState::Settled);
	});
}

#[test]
fn a_failure_takes_along_what_waits_for_it_and_nothing_else() {
	build_and_execute(|| {
		add_host();
		let before = free(&submitter());
		// Beside the rounds, two tasks that have nothing to do with them.
		let after: Vec<_> = ROUNDS.into_iter().chain([(0, 0), (6, 1)]).collect();
		let job = submit_job(spec(1), &after);
		run_to(3);
		settle(job);
		let failed = ResultDigest { status: ExitStatus::ExitCode(1), ..digest(7, GFUEL) };
		attest(job + 1, 0, failed);
		assert_eq!(task(job + 1).result, Some(failed), "a result that nobody may take");
		assert_eq!(states(job)[2..6], [TaskState::Blocked; 4]);
		run_to(4);
		assert_eq!(states(job)[2..6], [FAILED; 4]);
		assert!((job + 2..job + 6).all(|id| task(id).escrow == 0));
		assert_eq!(
			TaskMatching::reason(job + 5).unwrap(),
			FailureReason::DependencyFailed.message()
		);
		settle(job + 6);
		run_to(7);
		settle(job + 7);
		assert_eq!(state(job + 7), TaskState::Settled);
		// Four results of 1 Gfuel.
		assert_eq!(free(&submitter()), before - 4 * DRGN);
	});
}

#[test]
fn a_failure_that_takes_255_along_is_done_in_one_block_and_looked_at_once() {
	build_and_execute(|| {
		let before = free(&submitter());
		let chain: Vec<_> = (0..=255u8).map(|n| (n.saturating_sub(1), n.min(1))).collect();
		let job = submit_job(cheap(), &chain);
		run_to(5);
		assert_ok!(TaskMatching::cancel_task(signed(submitter()), job));
		run_to(6);
		assert_eq!(states(job)[0], TaskState::Cancelled);
		assert!(states(job)[1..].iter().all(|state| *state == FAILED));
		assert_eq!(free(&submitter()), before);
		assert!(advances(7) <= 1, "{}", advances(7));
	});
}

#[test]
fn many_tasks_that_end_in_one_block_move_their_job_on_once() {
	build_and_execute(|| {
		add_host();
		let mut after = vec![(0, 0); 40];
		after.push((0, 40));
		let job = submit_job(cheap(), &after);
		run_to(3);
		(job..job + 40).for_each(settle);
		assert_eq!(advances(4), 1);
		run_to(4);
		assert_eq!(state(job + 40), TaskState::Queued);
		run_to(6);
		settle(job + 40);
		assert_eq!(advances(7), 0, "nothing is left to move on");
	});
}

#[test]
fn a_reduction_takes_the_results_of_255_tasks() {
	build_and_execute(|| {
		add_host();
		let mut after = vec![(0, 0); 255];
		after.push((0, 255));
		let job = submit_job(cheap(), &after);
		let id = job + 255;
		run_to(3);
		(job + 1..id).for_each(settle);
		run_to(5);
		assert_eq!(state(id), TaskState::Blocked, "one is missing");
		settle(job);
		run_to(6);
		assert_eq!(task(id).bundle, Some(bundle(job, 255, 0..255)));
		run_to(8);
		settle(id);
		assert!(states(job).iter().all(|state| *state == TaskState::Settled));
	});
}

#[test]
fn one_result_releases_255_tasks_at_once() {
	build_and_execute(|| {
		add_host();
		let after: Vec<_> = (0..=255u8).map(|n| (0, n.min(1))).collect();
		let job = submit_job(cheap(), &after);
		run_to(3);
		settle(job);
		run_to(4);
		assert!(states(job)[1..].iter().all(|state| *state == TaskState::Queued));
		run_to(6);
		assert!(states(job)[1..].iter().all(|state| *state == TaskState::Assigned));
	});
}

#[test]
fn p3_blocked_tasks_expire_with_what_they_wait_for() {
	build_and_execute(|| {
		let before = free(&submitter());
		let job_id = submit_job(spec(1), &ROUNDS);
		let last_draw = job(job_id).last_draw();
		run_to(last_draw);
		assert_eq!(states(job_id)[2..], [TaskState::Blocked; 4]);
		run_to(last_draw + 1);
		assert!(states(job_id).iter().all(|state| *state == TaskState::Expired));
		assert_eq!(free(&submitter()), before);
	});
}

#[test]
fn p3_a_task_that_is_released_too_late_expires_and_so_does_what_takes_its_result() {
	build_and_execute(|| {
		add_host();
		// 24 blocks: drawn until block 3.
		let job_id = submit_job(TaskSpec { deadline_blocks: 25, ..spec(1) }, &ROUNDS);
		assert_eq!(job(job_id).last_draw(), 4);
		run_to(3);
		settle(job_id);
		settle(job_id + 1);
		run_to(4);
		assert_eq!(state(job_id + 2), TaskState::Queued, "released, and no draw is left");
		run_to(5);
		assert_eq!(states(job_id)[2..], [TaskState::Expired; 4]);
		assert_eq!(states(job_id)[..2], [TaskState::Settled; 2]);
	});
}

#[test]
fn p3_tasks_that_run_when_the_last_draw_is_over_run_to_their_end() {
	build_and_execute(|| {
		add_host();
		let job = submit_job(TaskSpec { deadline_blocks: 24, ..spec(1) }, &[(0, 0), (0, 1)]);
		run_to(4);
		assert_eq!(states(job), [TaskState::Assigned, TaskState::Expired]);
		run_to(12);
		settle(job);
		assert_eq!(state(job), TaskState::Settled);
	});
}

#[test]
fn results_are_kept_while_the_job_is_open_however_long() {
	build_and_execute(|| {
		add_host();
		let before = map_keys();
		let long = TaskSpec { deadline_blocks: 1_000, execution_blocks: 400, ..spec(1) };
		let job = submit_job(long, &[(0, 0), (0, 0), (0, 2)]);
		run_to(3);
		settle(job);
		run_to(3 + 3 * RETENTION);
		assert_eq!((state(job), task(job).result), (TaskState::Settled, Some(result_of(job))));
		settle(job + 1);
		run_to(now() + 3);
		assert_eq!(task(job + 2).bundle, Some(bundle(job, 2, 0..2)));
		settle(job + 2);
		let over_at = now();
		assert!(over_at < 1_001, "before the deadline");
		run_to(over_at + RETENTION - 1);
		assert!((job..job + 3).all(Tasks::<Test>::contains_key), "all of them as long as the last");
		run_to(over_at + RETENTION);
		assert_eq!((TaskMatching::job(job), Tasks::<Test>::iter().count()), (None, 0));
		// What stands on the agenda of it is passed over.
		run_to(1_001);
		assert_eq!(map_keys(), before);
	});
}

#[test]
fn a_flow_that_was_over_early_is_forgotten_early() {
	build_and_execute(|| {
		add_host();
		let long = TaskSpec { deadline_blocks: 1_000, ..spec(1) };
		let job = submit_job(long, &[(0, 0), (0, 1)]);
		run_to(3);
		settle(job);
		run_to(6);
		settle(job + 1);
		run_to(6 + RETENTION);
		assert_eq!(TaskMatching::job(job), None);
	});
}

#[test]
fn p1_a_flow_that_is_cancelled_in_its_middle_pays_what_was_done_and_returns_the_rest() {
	build_and_execute(|| {
		add_host();
		let before = free(&submitter());
		let job = submit_job(spec(1), &ROUNDS);
		run_to(3);
		settle(job);
		settle(job + 1);
		run_to(6);
		settle(job + 2);
		run_to(9);
		assert_eq!([state(job + 3), state(job + 4)], [TaskState::Assigned; 2]);
		run_to(10);
		assert_ok!(TaskMatching::cancel_job(signed(submitter()), job));
		assert!(states(job).iter().all(TaskState::is_terminal));
		// Three results of 1 Gfuel, and a tenth of 10 twice.
		assert_eq!(free(&submitter()), before - 5 * DRGN);
		assert_eq!((worker(0).running, at_stake(0)), (0, 0));
		assert!(advances(11) <= 1);
		run_to(20);
		assert_noop!(
			TaskMatching::cancel_job(signed(submitter()), job),
			Error::<Test>::AlreadyOver
		);
	});
}

#[test]
fn cancelling_a_task_of_a_flow_fails_what_waits_for_it() {
	build_and_execute(|| {
		add_host();
		let job = submit_job(spec(1), &ROUNDS);
		run_to(3);
		settle(job);
		settle(job + 1);
		run_to(6);
		// It was released already; what waits for it was not.
		assert_ok!(TaskMatching::cancel_task(signed(submitter()), job + 3));
		assert_ok!(TaskMatching::cancel_task(signed(submitter()), job + 2));
		run_to(7);
		assert_eq!(states(job)[2..], [TaskState::Cancelled, TaskState::Cancelled, FAILED, FAILED]);
	});
}

#[test]
fn a_task_that_is_cancelled_in_the_block_of_its_release_stays_cancelled() {
	build_and_execute(|| {
		add_host();
		let job = submit_job(spec(1), &[(0, 0), (0, 1), (1, 1)]);
		run_to(3);
		settle(job);
		assert_ok!(TaskMatching::cancel_task(signed(submitter()), job + 1));
		run_to(8);
		assert_eq!(states(job), [TaskState::Settled, TaskState::Cancelled, FAILED]);
	});
}

#[test]
fn a_dependent_task_that_is_repeated_keeps_its_bundle() {
	build_and_execute(|| {
		for worker in 0..2 {
			add_worker(worker, DRGN);
		}
		let job = submit_job(spec(1), &[(0, 0), (0, 1)]);
		run_to(3);
		settle(job);
		run_to(6);
		let (first, bundle) = (workers_of(job + 1)[0], task(job + 1).bundle);
		let reason = DeclineReason::HostFault;
		assert_ok!(TaskMatching::decline_task(signed(hot_key(first)), job + 1, reason));
		run_to(8);
		assert_ne!(workers_of(job + 1)[0], first);
		assert!(bundle.is_some() && task(job + 1).bundle == bundle);
		settle(job + 1);
		assert_eq!(state(job + 1), TaskState::Settled);
	});
}

#[test]
fn a_flow_of_replicated_tasks_is_released_by_agreement_only() {
	build_and_execute(|| {
		for worker in 0..4 {
			add_worker(worker, DRGN);
		}
		let job = submit_job(TaskSpec { retries: 0, ..spec(2) }, &[(0, 0), (0, 0), (0, 1), (1, 1)]);
		run_to(3);
		for (id, differs) in [(job, 0), (job + 1, 1)] {
			let result = |n: usize| digest(1 + differs * n as u8, GFUEL);
			let workers = workers_of(id);
			for (n, worker) in workers.iter().enumerate() {
				commit(id, *worker, result(n));
			}
			for (n, worker) in workers.iter().enumerate() {
				reveal(id, *worker, result(n));
			}
		}
		assert_eq!(state(job + 1), TaskState::Failed(FailureReason::NoAgreement));
		run_to(4);
		assert_eq!([state(job + 2), state(job + 3)], [TaskState::Queued, FAILED]);
		assert_eq!(task(job + 2).bundle, Some(bundle_root([2; 32], &[[1; 32]])));
	});
}
