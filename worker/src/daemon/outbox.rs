//! The one place through which everything signed leaves, the most urgent first.
//!
//! One subject is under way once, and only a few subjects are at the same time. The client gives the
//! account's indices out one after another; should one transaction be lost, the next fills its gap.

use crate::journal::Key;
use aidragon_client::chain::{Included, SubmitError};
use aidragon_primitives::{
	task::DeclineReason,
	verification::{Committed, Slot},
	BlockNumber, Hash32, WorkerId,
};
use std::{
	collections::HashMap,
	fmt,
	future::{self, Future},
	time::Duration,
};
use tokio::task::{Id, JoinSet};

/// Submissions under way at the same time.
const IN_FLIGHT_MAX: usize = 4;
/// Time after which a submission is given up. What became of it, the state will show.
const SUBMISSION_TIMEOUT: Duration = Duration::from_secs(30);
/// Most blocks between two tries of what the chain refuses.
const BACKOFF_BLOCKS_MAX: BlockNumber = 16;

/// Something to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Request {
	/// The commitment to what was done for a challenge.
	CommitChallenge(Committed),
	/// The openings that a beacon draws of it.
	OpenChallenge {
		/// What the machine is bound to.
		committed: Committed,
		/// The beacon.
		beacon: Hash32,
	},
	/// Ask for a challenge of one part of the machine.
	BeginChallenge(Slot),
	/// The commitment to a result, or the attestation of a single replica.
	Deliver(Key),
	/// The attestation that opens a commitment.
	Reveal(Key),
	/// Give a task back.
	Decline(Key, DeclineReason),
	/// Say that an archive of another machine holds.
	ConfirmAudit(WorkerId, Slot),
	/// Show what is wrong with an archive of another machine.
	ReportEntry(WorkerId, Slot),
	/// Take no new tasks, and be called no more.
	Pause,
	/// Take tasks again.
	Resume,
	/// Tell the chain where this machine is reached.
	Announce,
	/// Tell the chain what this machine sells.
	Claim,
	/// Answer the chain's call, or come back on line.
	Heartbeat,
}

/// What a request is about: two requests of one subject are tries of the same thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Subject {
	/// One attempt at a task, and the step: deliver, reveal or decline.
	Task(Key, u8),
	/// A slot's challenge, and the step: request, commit or open.
	Challenge(Slot, u8),
	/// The audit of another machine's slot.
	Audit(WorkerId, Slot),
	/// A request without parameters, or of which there is only one at a time.
	Machine(u8),
}

impl Request {
	fn subject(&self) -> Subject {
		match self {
			Self::Deliver(key) => Subject::Task(*key, 0),
			Self::Reveal(key) => Subject::Task(*key, 1),
			Self::Decline(key, _) => Subject::Task(*key, 2),
			Self::BeginChallenge(slot) => Subject::Challenge(*slot, 0),
			Self::CommitChallenge(committed) => Subject::Challenge(committed.slot(), 1),
			Self::OpenChallenge { committed, .. } => Subject::Challenge(committed.slot(), 2),
			Self::ConfirmAudit(worker, slot) | Self::ReportEntry(worker, slot) => {
				Subject::Audit(*worker, *slot)
			}
			Self::Pause => Subject::Machine(0),
			Self::Resume => Subject::Machine(1),
			Self::Announce => Subject::Machine(2),
			Self::Heartbeat => Subject::Machine(3),
			Self::Claim => Subject::Machine(4),
		}
	}
}

impl fmt::Display for Request {
	fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
		formatter.write_str(match self {
			Self::CommitChallenge(_) => "the commitment to the challenge",
			Self::OpenChallenge { .. } => "the challenge's openings",
			Self::BeginChallenge(_) => "the request for a challenge",
			Self::Deliver(_) => "the result's delivery",
			Self::Reveal(_) => "the result's reveal",
			Self::Decline(..) => "giving the task back",
			Self::ConfirmAudit(..) => "the confirmation of an archive",
			Self::ReportEntry(..) => "the report of a false archive",
			Self::Pause => "pausing",
			Self::Resume => "resuming",
			Self::Announce => "the new address",
			Self::Claim => "the new capacity",
			Self::Heartbeat => "the sign of life",
		})
	}
}

/// A request and the block before which it should be in the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
	/// What to send.
	pub(super) request: Request,
	/// The block.
	pub(super) due: BlockNumber,
}

/// How a submission ended: `Err(None)` where nothing was heard in time.
pub(super) type Answer = Result<Included, Option<SubmitError>>;

/// Keeps a request back after it was tried.
#[derive(Clone, Copy, Debug, Default)]
struct Hold {
	/// The last best block at which it is kept back.
	until: BlockNumber,
	/// Refusals in a row.
	refusals: u32,
}

/// The submissions that are under way, and what must wait before it is tried again.
#[derive(Default)]
pub(super) struct Outbox {
	set: JoinSet<Answer>,
	in_flight: HashMap<Id, Request>,
	holds: HashMap<Subject, Hold>,
}

impl Outbox {
	/// Whether nothing is under way.
	pub(super) fn is_idle(&self) -> bool {
		self.in_flight.is_empty()
	}

	/// The most urgent request that may be sent at block `best`, if any may.
	pub(super) fn choose(&self, wanted: &[Wanted], best: BlockNumber) -> Option<Wanted> {
		if self.in_flight.len() >= IN_FLIGHT_MAX {
			return None;
		}
		let is_free = |wanted: &&Wanted| {
			let subject = wanted.request.subject();
			let is_under_way = self.in_flight.values().any(|other| other.subject() == subject);
			!is_under_way && self.holds.get(&subject).is_none_or(|hold| best > hold.until)
		};
		wanted.iter().filter(is_free).min_by_key(|wanted| wanted.due).copied()
	}

	/// Takes a submission under way.
	pub(super) fn send(
		&mut self,
		request: Request,
		submission: impl Future<Output = Result<Included, SubmitError>> + Send + 'static,
	) {
		let handle = self.set.spawn(async move {
			match tokio::time::timeout(SUBMISSION_TIMEOUT, submission).await {
				Ok(answer) => answer.map_err(Some),
				Err(_) => Err(None),
			}
		});
		self.in_flight.insert(handle.id(), request);
	}

	/// Waits for a submission under way; for ever where there is none. Loses nothing when dropped.
	pub(super) async fn finished(&mut self) -> (Request, Answer) {
		loop {
			let (id, answer) = match self.set.join_next_with_id().await {
				Some(Ok((id, answer))) => (id, answer),
				Some(Err(error)) => (error.id(), Err(None)),
				None => future::pending().await,
			};
			if let Some(request) = self.in_flight.remove(&id) {
				return (request, answer);
			}
		}
	}

	/// Notes how a submission ended when the best block was `best`, and until when it is kept back.
	pub(super) fn note(&mut self, request: &Request, answer: &Answer, best: BlockNumber) {
		let hold = self.holds.entry(request.subject()).or_default();
		match answer {
			// Until the daemon has looked at the block that holds it.
			Ok(included) => *hold = Hold { until: included.block.number, refusals: 0 },
			Err(Some(SubmitError::Dispatch { .. } | SubmitError::Rejected { .. })) => {
				let pause = 1u32.checked_shl(hold.refusals).unwrap_or(BACKOFF_BLOCKS_MAX);
				hold.refusals = hold.refusals.saturating_add(1);
				hold.until = best.saturating_add(pause.min(BACKOFF_BLOCKS_MAX));
			}
			Err(Some(SubmitError::Dropped { .. } | SubmitError::Connection(_)) | None) => {
				hold.until = best;
			}
		}
	}

	/// Forgets what was noted about a task that is over.
	pub(super) fn forget(&mut self, key: Key) {
		self.holds.retain(|subject, _| !matches!(subject, Subject::Task(own, _) if *own == key));
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use aidragon_client::chain::Head;
	use aidragon_primitives::challenge::{Commitment, MatrixSize};

	const KEY: Key = Key { task: 1, attempt: 0 };

	fn wanted(request: Request, due: BlockNumber) -> Wanted {
		Wanted { request, due }
	}

	fn included(number: BlockNumber) -> Answer {
		let block = Head { number, hash: [0; 32] };
		Ok(Included { block, extrinsic: [0; 32], events: Vec::new() })
	}

	fn rejected() -> Answer {
		Err(Some(SubmitError::Rejected { reason: "no".into() }))
	}

	#[test]
	fn the_most_urgent_request_goes_first() {
		let outbox = Outbox::default();
		let run = Commitment { size: MatrixSize::N512, rounds: 1, root: [0; 32] };
		let commit = Request::CommitChallenge(Committed::Run(run));
		let all = [
			wanted(Request::Heartbeat, 130),
			wanted(Request::Deliver(KEY), 110),
			wanted(commit, 102),
		];
		assert_eq!(outbox.choose(&all, 100), Some(all[2]));
		assert_eq!(outbox.choose(&[], 100), None);
	}

	#[test]
	fn what_was_included_is_not_sent_again_before_its_block_was_looked_at() {
		let mut outbox = Outbox::default();
		let all = [wanted(Request::Deliver(KEY), 110)];
		outbox.note(&all[0].request, &included(101), 100);
		assert_eq!(outbox.choose(&all, 101), None);
		// A later block that still lacks it means that its block was reorganised away.
		assert_eq!(outbox.choose(&all, 102), Some(all[0]));
		let reveal = [wanted(Request::Reveal(KEY), 110)];
		assert_eq!(outbox.choose(&reveal, 101), Some(reveal[0]));
	}

	#[test]
	fn refusals_are_repeated_ever_more_rarely_and_lost_ones_at_once() {
		let mut outbox = Outbox::default();
		let all = [wanted(Request::Heartbeat, 110)];
		let mut pauses = Vec::new();
		for _ in 0..6 {
			outbox.note(&all[0].request, &rejected(), 100);
			pauses.push((100..).find(|best| outbox.choose(&all, *best).is_some()).unwrap() - 100);
		}
		assert_eq!(pauses, [2, 3, 5, 9, 17, 17]);
		outbox.note(&all[0].request, &Err(None), 100);
		assert_eq!(outbox.choose(&all, 101), Some(all[0]));
	}

	#[test]
	fn a_task_that_is_over_leaves_nothing_behind() {
		let mut outbox = Outbox::default();
		outbox.note(&Request::Deliver(KEY), &rejected(), 100);
		outbox.note(&Request::Heartbeat, &rejected(), 100);
		outbox.forget(KEY);
		assert_eq!(outbox.holds.len(), 1);
	}

	#[tokio::test]
	async fn a_subject_is_under_way_once_and_only_a_few_are() {
		let mut outbox = Outbox::default();
		let block = Head { number: 101, hash: [0; 32] };
		let answer = Included { block, extrinsic: [0; 32], events: Vec::new() };
		let task = |task| Request::Deliver(Key { task, attempt: 0 });
		for number in 0..IN_FLIGHT_MAX as u64 {
			assert!(outbox.choose(&[wanted(task(number), 110)], 100).is_some());
			outbox.send(task(number), future::ready(Ok(answer.clone())));
			assert_eq!(outbox.choose(&[wanted(task(number), 110)], 100), None);
		}
		assert_eq!(outbox.choose(&[wanted(Request::Pause, 1)], 100), None);
		let (request, answer) = outbox.finished().await;
		assert!(matches!(request, Request::Deliver(_)) && answer.is_ok());
		assert!(outbox.choose(&[wanted(Request::Pause, 1)], 100).is_some());
		while !outbox.is_idle() {
			let _ = outbox.finished().await;
		}
	}
}
