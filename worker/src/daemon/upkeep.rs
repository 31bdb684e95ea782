//! What keeps a machine's record in order: signs of life, its address and capacity, draining and resuming.

use super::outbox::{Request, Wanted};
use aidragon_primitives::{
	worker::{WorkerStatus, HEARTBEAT_BLOCKS, LIVENESS_BLOCKS},
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
	/// Whether the chain has another address or encryption key than the daemon.
	pub(super) is_elsewhere: bool,
	/// Whether the chain has another capacity than the settings, and could take theirs.
	pub(super) is_resized: bool,
	/// Whether the daemon shuts down.
	pub(super) shutting_down: bool,
	/// Whether it was the daemon's own shutdown that drained the machine.
	pub(super) self_drained: bool,
}

/// What should be sent for the machine's record, at most one thing at a time.
pub(super) fn upkeep(sight: &Sight) -> Option<Wanted> {
	let next = sight.best_number.saturating_add(1);
	let since = |blocks| sight.last_seen.is_none_or(|seen| next >= seen.saturating_add(blocks));
	let soon = next.saturating_add(HEARTBEAT_BLOCKS);
	// Half the aimed-for distance: from then on the chain takes signs of life for free.
	let is_free = since(HEARTBEAT_BLOCKS / 2);
	if matches!(sight.status, WorkerStatus::Retiring { .. }) {
		return None;
	}
	if sight.shutting_down {
		let is_active = sight.status == WorkerStatus::Active;
		return is_active.then_some(Wanted { request: Request::Drain, due: next });
	}
	// The address first: a machine should not take work while its results cannot be fetched.
	if sight.is_elsewhere && is_free {
		return Some(Wanted { request: Request::Announce, due: soon });
	}
	if sight.is_resized && is_free {
		return Some(Wanted { request: Request::Claim, due: soon });
	}
	if sight.status == WorkerStatus::Draining && sight.self_drained {
		return is_free.then_some(Wanted { request: Request::Resume, due: soon });
	}
	let due = sight.last_seen.map_or(soon, |seen| seen.saturating_add(LIVENESS_BLOCKS));
	since(HEARTBEAT_BLOCKS).then_some(Wanted { request: Request::Heartbeat, due })
}

#[cfg(test)]
mod tests {
	use super::*;

	fn sight(last_seen: Option<BlockNumber>) -> Sight {
		Sight {
			best_number: 100,
			status: WorkerStatus::Active,
			last_seen,
			is_elsewhere: false,
			is_resized: false,
			shutting_down: false,
			self_drained: false,
		}
	}

	fn request(sight: Sight) -> Option<Request> {
		upkeep(&sight).map(|wanted| wanted.request)
	}

	#[test]
	fn signs_of_life_are_sent_at_their_distance() {
		assert_eq!(request(sight(None)), Some(Request::Heartbeat));
		assert_eq!(request(sight(Some(90))), None);
		assert_eq!(request(sight(Some(89))), Some(Request::Heartbeat));
		assert_eq!(upkeep(&sight(Some(80))).map(|wanted| wanted.due), Some(120));
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
	fn shutting_down_drains_once() {
		let down = Sight { shutting_down: true, is_elsewhere: true, ..sight(None) };
		assert_eq!(request(down), Some(Request::Drain));
		assert_eq!(request(Sight { status: WorkerStatus::Draining, ..down }), None);
	}

	#[test]
	fn only_a_machine_that_drained_itself_is_resumed() {
		let drained = Sight { status: WorkerStatus::Draining, ..sight(Some(90)) };
		assert_eq!(request(drained), None);
		assert_eq!(request(Sight { self_drained: true, ..drained }), Some(Request::Resume));
		let too_early = Sight { self_drained: true, last_seen: Some(96), ..drained };
		assert_eq!(request(too_early), None);
	}

	#[test]
	fn a_retiring_machine_is_left_alone() {
		let retiring = WorkerStatus::Retiring { removable_at: 500 };
		assert_eq!(request(Sight { status: retiring, shutting_down: true, ..sight(None) }), None);
	}
}
