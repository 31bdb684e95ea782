//! What keeps a machine's record in order: signs of life, its address and capacity, pausing and resuming.

use super::outbox::{Request, Wanted};
use aidragon_primitives::{
	worker::{WorkerStatus, CALL_ANSWER_BLOCKS, CALL_INTERVAL_BLOCKS, FREE_CALL_BLOCKS},
	BlockNumber,
};

/// What the chain shows of the machine, and what the daemon is about to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sight {
	/// Height of the best block.
	pub(super) best_number: BlockNumber,
	/// Whether the machine takes tasks.
	pub(super) status: WorkerStatus,
	/// Its last sign of life.
	pub(super) last_seen: Option<BlockNumber>,
	/// Whether the chain counts it as on line, and has it in the supply where it could be given work.
	pub(super) is_listed: bool,
	/// Whether the chain called it and waits for the answer.
	pub(super) is_called: bool,
	/// Whether the chain has another address or encryption key than the daemon.
	pub(super) is_elsewhere: bool,
	/// Whether the chain has another capacity than the settings, and could take theirs.
	pub(super) is_resized: bool,
	/// Whether the daemon shuts down.
	pub(super) shutting_down: bool,
	/// Whether it was the daemon's own shutdown that paused the machine.
	pub(super) self_paused: bool,
}

/// What should be sent for the machine's record, at most one thing at a time.
pub(super) fn upkeep(sight: &Sight) -> Option<Wanted> {
	let next = sight.best_number.saturating_add(1);
	let is_free = sight.last_seen.is_none_or(|seen| next >= seen.saturating_add(FREE_CALL_BLOCKS));
	let soon = next.saturating_add(CALL_INTERVAL_BLOCKS);
	let want = |request, due| Some(Wanted { request, due });
	if matches!(sight.status, WorkerStatus::Retiring { .. }) {
		return None;
	}
	if sight.shutting_down {
		// Whoever is paused is not called, so that nothing is missed while the machine is off.
		let is_called = matches!(sight.status, WorkerStatus::Active | WorkerStatus::Draining);
		return if is_called { want(Request::Pause, next) } else { None };
	}
	// A call waits for no more than two blocks.
	if sight.is_called {
		return want(Request::Heartbeat, next.saturating_add(CALL_ANSWER_BLOCKS));
	}
	if !is_free {
		return None;
	}
	// The address first: a machine should not take work while its results cannot be fetched.
	if sight.is_elsewhere {
		return want(Request::Announce, soon);
	}
	if sight.is_resized {
		return want(Request::Claim, soon);
	}
	match sight.status {
		WorkerStatus::Draining | WorkerStatus::Paused if sight.self_paused => {
			want(Request::Resume, soon)
		}
		WorkerStatus::Active | WorkerStatus::Draining if !sight.is_listed => {
			want(Request::Heartbeat, soon)
		}
		_ => None,
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	fn sight(last_seen: Option<BlockNumber>) -> Sight {
		Sight {
			best_number: 100,
			status: WorkerStatus::Active,
			last_seen,
			is_listed: true,
			is_called: false,
			is_elsewhere: false,
			is_resized: false,
			shutting_down: false,
			self_paused: false,
		}
	}

	fn request(sight: Sight) -> Option<Request> {
		upkeep(&sight).map(|wanted| wanted.request)
	}

	#[test]
	fn a_call_is_answered_at_once() {
		assert_eq!(upkeep(&sight(Some(10))), None);
		let called = Sight { is_called: true, is_elsewhere: true, ..sight(Some(100)) };
		assert_eq!(upkeep(&called), Some(Wanted { request: Request::Heartbeat, due: 103 }));
	}

	#[test]
	fn a_machine_that_is_off_line_shows_itself() {
		let away = |last_seen| Sight { is_listed: false, ..sight(last_seen) };
		assert_eq!(request(away(None)), Some(Request::Heartbeat));
		assert_eq!(request(away(Some(95))), Some(Request::Heartbeat));
		assert_eq!(request(away(Some(96))), None);
		let paused = Sight { status: WorkerStatus::Paused, ..away(None) };
		assert_eq!(request(paused), None);
	}

	#[test]
	fn a_new_address_is_announced_as_soon_as_it_is_free() {
		let moved = |last_seen| Sight { is_elsewhere: true, ..sight(last_seen) };
		assert_eq!(request(moved(Some(95))), Some(Request::Announce));
		assert_eq!(request(moved(Some(96))), None);
		assert_eq!(request(moved(None)), Some(Request::Announce));
	}

	#[test]
	fn another_capacity_is_claimed_after_the_address() {
		let resized = |last_seen| Sight { is_resized: true, ..sight(last_seen) };
		assert_eq!(request(resized(Some(95))), Some(Request::Claim));
		assert_eq!(request(resized(Some(96))), None);
		let moved = Sight { is_elsewhere: true, ..resized(None) };
		assert_eq!(request(moved), Some(Request::Announce));
	}

	#[test]
	fn shutting_down_pauses_once() {
		let down = Sight { shutting_down: true, is_elsewhere: true, ..sight(None) };
		assert_eq!(request(down), Some(Request::Pause));
		assert_eq!(request(Sight { status: WorkerStatus::Draining, ..down }), Some(Request::Pause));
		assert_eq!(request(Sight { status: WorkerStatus::Paused, ..down }), None);
	}

	#[test]
	fn only_a_machine_that_paused_itself_is_resumed() {
		for status in [WorkerStatus::Draining, WorkerStatus::Paused] {
			let resting = Sight { status, ..sight(Some(90)) };
			assert_eq!(request(resting), None);
			assert_eq!(request(Sight { self_paused: true, ..resting }), Some(Request::Resume));
			let too_early = Sight { self_paused: true, last_seen: Some(96), ..resting };
			assert_eq!(request(too_early), None);
		}
	}

	#[test]
	fn a_retiring_machine_is_left_alone() {
		let retiring = WorkerStatus::Retiring { removable_at: 500 };
		assert_eq!(request(Sight { status: retiring, shutting_down: true, ..sight(None) }), None);
	}
}
