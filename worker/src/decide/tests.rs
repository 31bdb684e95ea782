//! Every case of the decision, in the order of a task's life.

use super::*;
use aidragon_primitives::{
	attestation::{ExitStatus, ResultDigest},
	state::FailureReason,
};
use proptest::prelude::*;

const OWN: Hash32 = [1; 32];
const NOTED: BlockNumber = 100;

fn revealed() -> Progress {
	let status = ExitStatus::Completed;
	Progress::Revealed(ResultDigest { output_root: [0; 32], output_bytes: 0, fuel: 1, status })
}

fn held(state: TaskState, progress: Progress) -> Held {
	Held { state, progress, deadline: 120, single: false }
}

fn assigned() -> Held {
	held(TaskState::Assigned, Progress::Assigned)
}

/// Best block 102, finalized block 100.
fn sight(best: Option<Held>, finalized: Option<Held>) -> Sight {
	Sight { best_number: 102, best, finalized_number: 100, finalized }
}

fn open(job: Option<JobPhase>) -> Local {
	Local::Open { noted_at: NOTED, job }
}

fn ready() -> Local {
	Local::Ready { noted_at: NOTED, commitment: OWN }
}

fn given_up(reason: DeclineReason) -> Local {
	Local::GivenUp { noted_at: NOTED, reason }
}

#[test]
fn an_assignment_in_the_best_block_is_started() {
	let seen = sight(Some(assigned()), None);
	assert_eq!(next_action(&seen, &Local::Absent, false), Action::Start);
	assert_eq!(next_action(&sight(None, None), &Local::Absent, false), Action::Wait);
}

#[test]
fn a_task_that_died_with_the_process_is_started_again() {
	let seen = sight(Some(assigned()), Some(assigned()));
	assert_eq!(next_action(&seen, &open(None), false), Action::Start);
	assert_eq!(next_action(&seen, &open(Some(JobPhase::Fetching)), false), Action::Wait);
	assert_eq!(next_action(&seen, &open(Some(JobPhase::Executing)), false), Action::Wait);
}

#[test]
fn a_result_is_delivered_in_one_step_or_in_two() {
	let seen = sight(Some(assigned()), None);
	assert_eq!(next_action(&seen, &ready(), false), Action::Commit);
	let single = sight(Some(Held { single: true, ..assigned() }), None);
	assert_eq!(next_action(&single, &ready(), false), Action::Attest);
	assert_eq!(next_action(&single, &ready(), true), Action::Attest);
}

#[test]
fn what_failed_is_given_back_with_its_reason() {
	let seen = sight(Some(assigned()), None);
	for reason in [DeclineReason::BlobMismatch, DeclineReason::HostFault] {
		let action = next_action(&seen, &given_up(reason), false);
		assert_eq!(action, Action::Decline(reason));
	}
}

#[test]
fn shutdown_finishes_what_runs_and_gives_back_what_does_not() {
	let seen = sight(Some(assigned()), Some(assigned()));
	let back = Action::Decline(DeclineReason::ShuttingDown);
	assert_eq!(next_action(&seen, &Local::Absent, true), back);
	assert_eq!(next_action(&seen, &open(None), true), back);
	assert_eq!(next_action(&seen, &open(Some(JobPhase::Fetching)), true), back);
	assert_eq!(next_action(&seen, &open(Some(JobPhase::Executing)), true), Action::Wait);
	assert_eq!(next_action(&seen, &ready(), true), Action::Commit);
	let kept = given_up(DeclineReason::HostFault);
	assert_eq!(next_action(&seen, &kept, true), Action::Decline(DeclineReason::HostFault));
}

#[test]
fn nothing_is_sent_into_the_block_of_the_deadline() {
	let late = |best_number| Sight { best_number, ..sight(Some(assigned()), Some(assigned())) };
	assert_eq!(next_action(&late(118), &ready(), false), Action::Commit);
	for best_number in [119, 120, 500] {
		let seen = late(best_number);
		for local in [Local::Absent, open(None), ready(), given_up(DeclineReason::HostFault)] {
			assert_eq!(next_action(&seen, &local, false), Action::Wait, "{best_number} {local:?}");
		}
	}
}

#[test]
fn a_result_is_revealed_only_once_finality_has_seen_all_commitments() {
	let committed = held(TaskState::Committed, Progress::Committed(OWN));
	let waiting = held(TaskState::Assigned, Progress::Committed(OWN));
	let reveal = |best, finalized| next_action(&sight(best, finalized), &ready(), false);
	assert_eq!(reveal(Some(committed), Some(committed)), Action::Reveal);
	assert_eq!(reveal(Some(committed), Some(waiting)), Action::Wait);
	assert_eq!(reveal(Some(committed), Some(assigned())), Action::Wait);
	assert_eq!(reveal(Some(committed), None), Action::Wait);
	assert_eq!(reveal(Some(waiting), Some(waiting)), Action::Wait);
}

#[test]
fn a_reveal_that_would_come_too_late_is_not_sent() {
	let committed = held(TaskState::Committed, Progress::Committed(OWN));
	let seen = Sight { best_number: 119, ..sight(Some(committed), Some(committed)) };
	assert_eq!(next_action(&seen, &ready(), false), Action::Wait);
}

#[test]
fn a_commitment_that_the_journal_does_not_know_is_never_opened() {
	let foreign = held(TaskState::Committed, Progress::Committed([9; 32]));
	let seen = sight(Some(foreign), Some(foreign));
	let drop = Action::Drop(DropReason::ForeignCommitment);
	assert_eq!(next_action(&seen, &ready(), false), drop);
	assert_eq!(next_action(&seen, &open(Some(JobPhase::Executing)), false), drop);
	assert_eq!(next_action(&seen, &given_up(DeclineReason::HostFault), false), drop);
	assert_eq!(next_action(&seen, &Local::Absent, false), Action::Wait);
}

#[test]
fn a_revealed_result_is_kept_until_the_task_is_final() {
	let shown = held(TaskState::Committed, revealed());
	let settled = held(TaskState::Settled, revealed());
	assert_eq!(next_action(&sight(Some(shown), Some(shown)), &ready(), false), Action::Wait);
	assert_eq!(next_action(&sight(Some(settled), Some(shown)), &ready(), false), Action::Wait);
	let seen = sight(Some(settled), Some(settled));
	assert_eq!(next_action(&seen, &ready(), false), Action::Finish(TaskState::Settled));
	assert_eq!(next_action(&seen, &Local::Absent, false), Action::Wait);
}

#[test]
fn a_task_that_ended_before_delivery_is_dropped() {
	let failed = TaskState::Failed(FailureReason::WorkersMissing);
	for progress in [Progress::Assigned, Progress::Committed(OWN)] {
		let over = held(failed, progress);
		let drop = Action::Drop(DropReason::TooLate(failed));
		assert_eq!(next_action(&sight(Some(over), Some(over)), &ready(), false), drop);
		assert_eq!(
			next_action(&sight(Some(over), Some(assigned())), &ready(), false),
			Action::Wait
		);
	}
}

#[test]
fn a_task_that_was_withdrawn_is_dropped_at_any_stage_of_the_work() {
	for progress in [Progress::Assigned, Progress::Committed(OWN)] {
		let over = held(TaskState::Cancelled, progress);
		let drop = Action::Drop(DropReason::TooLate(TaskState::Cancelled));
		for local in [open(None), open(Some(JobPhase::Executing)), ready()] {
			assert_eq!(next_action(&sight(Some(over), Some(over)), &local, false), drop);
			// The best block alone may be reorganised: the work goes on.
			let early = sight(Some(over), Some(assigned()));
			assert_eq!(next_action(&early, &local, false), Action::Wait);
		}
	}
	let paid = held(TaskState::Cancelled, revealed());
	let action = next_action(&sight(Some(paid), Some(paid)), &ready(), false);
	assert_eq!(action, Action::Finish(TaskState::Cancelled));
}

#[test]
fn a_lost_assignment_is_dropped_once_finality_has_passed_it() {
	let drop = Action::Drop(DropReason::NoLongerOurs);
	for local in [open(Some(JobPhase::Executing)), ready(), given_up(DeclineReason::HostFault)] {
		assert_eq!(next_action(&sight(None, None), &local, false), drop);
		// The finalized block still shows it: the best block may be reorganised again.
		assert_eq!(next_action(&sight(None, Some(assigned())), &local, false), Action::Wait);
	}
}

#[test]
fn an_assignment_that_was_reorganised_away_is_kept_while_it_may_return() {
	let early = Sight { finalized_number: NOTED - 1, ..sight(None, None) };
	assert_eq!(next_action(&early, &ready(), false), Action::Wait);
	let back = Sight { best: Some(assigned()), ..early };
	assert_eq!(next_action(&back, &ready(), false), Action::Commit);
}

fn any_state() -> impl Strategy<Value = TaskState> {
	prop_oneof![
		Just(TaskState::Blocked),
		Just(TaskState::Cancelled),
		Just(TaskState::Queued),
		Just(TaskState::Assigned),
		Just(TaskState::Committed),
		Just(TaskState::Revealed),
		Just(TaskState::Accepted),
		Just(TaskState::Settled),
		Just(TaskState::Failed(FailureReason::NoAgreement)),
		Just(TaskState::Expired),
	]
}

fn any_held() -> impl Strategy<Value = Option<Held>> {
	let progress = prop_oneof![
		Just(Progress::Assigned),
		Just(Progress::Committed(OWN)),
		Just(Progress::Committed([9; 32])),
		Just(revealed()),
	];
	proptest::option::of(
		(any_state(), progress, 90u32..130, any::<bool>()).prop_map(
			|(state, progress, deadline, single)| Held { state, progress, deadline, single },
		),
	)
}

fn any_local() -> impl Strategy<Value = Local> {
	prop_oneof![
		Just(Local::Absent),
		Just(open(None)),
		Just(open(Some(JobPhase::Fetching))),
		Just(open(Some(JobPhase::Executing))),
		Just(ready()),
		Just(given_up(DeclineReason::HostFault)),
	]
}

proptest! {
	#[test]
	fn whatever_is_seen_nothing_unsafe_is_done(
		best in any_held(), finalized in any_held(), best_number in 90u32..130,
		local in any_local(), shutting_down: bool,
	) {
		let seen = Sight { best_number, best, finalized_number: best_number - 2, finalized };
		match next_action(&seen, &local, shutting_down) {
			Action::Reveal => {
				let finalized = finalized.unwrap();
				prop_assert_eq!(finalized.state, TaskState::Committed);
				prop_assert_eq!(finalized.progress, Progress::Committed(OWN));
				prop_assert_eq!(local, ready());
			}
			Action::Commit | Action::Attest => {
				let best = best.unwrap();
				prop_assert_eq!(best.progress, Progress::Assigned);
				prop_assert!(best_number + 1 < best.deadline);
				prop_assert_eq!(local, ready());
			}
			Action::Start => {
				let is_fresh = matches!(local, Local::Absent | Local::Open { job: None, .. });
				prop_assert!(is_fresh && !shutting_down);
			}
			Action::Decline(_) => prop_assert!(local != ready()),
			Action::Drop(DropReason::ForeignCommitment) => prop_assert!(local != Local::Absent),
			Action::Drop(_) | Action::Finish(_) => {
				prop_assert!(finalized.is_none_or(|held| held.state.is_terminal()));
				prop_assert!(local != Local::Absent);
			}
			Action::Wait => {}
		}
	}
}
