//! The one place through which everything signed leaves, the most urgent first.
//!
//! One subject is under way once, and only a few transactions are at the same time; `batch` says which requests
//! share one. The client gives the account's indices out one after another; should one transaction be lost,
//! the next fills its gap.

use super::batch;
use crate::journal::Key;
use aidragon_client::chain::{Included, SubmitError};
use aidragon_primitives::{
	task::DeclineReason,
	verification::{Committed, Slot},
	BlockNumber, Hash32, WorkerId,
};
use std::{
	collections::{HashMap, HashSet},
	fmt,
	future::{self, Future},
	time::Duration,
};
use tokio::task::{Id, JoinSet};

/// Submissions under way at the same time.
const IN_FLIGHT_MAX: usize = 4;
/// Results that go alone and are under way while others, which share a transaction, wait for a place.
const ALONE_MAX: usize = IN_FLIGHT_MAX - 1;
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
	/// The commitment to a result.
	Commit(Key),
	/// The attestation of a single replica. Several of them may share a transaction.
	Attest(Key),
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
	/// The attempt whose result it binds the machine to.
	pub(super) fn result(&self) -> Option<Key> {
		match self {
			Self::Commit(key) | Self::Attest(key) => Some(*key),
			_ => None,
		}
	}

	fn subject(&self) -> Subject {
		match self {
			Self::Commit(key) | Self::Attest(key) => Subject::Task(*key, 0),
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
			Self::Commit(_) | Self::Attest(_) => "the result's delivery",
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

/// What the tries of a request left behind.
#[derive(Clone, Copy, Debug, Default)]
struct Hold {
	/// The last best block at which it is kept back.
	until: BlockNumber,
	/// Refusals in a row.
	refusals: u32,
	/// Whether it shares no transaction, as one that it shared came to nothing.
	is_alone: bool,
}

impl Hold {
	/// Notes how a transaction ended that held this request alone.
	fn note_alone(&mut self, answer: &Answer, best: BlockNumber) {
		match answer {
			// Until the daemon has looked at the block that holds it.
			Ok(included) => *self = Self { until: included.block.number, ..Self::default() },
			Err(Some(SubmitError::Dispatch { .. } | SubmitError::Rejected { .. })) => {
				let pause = 1u32.checked_shl(self.refusals).unwrap_or(BACKOFF_BLOCKS_MAX);
				self.refusals = self.refusals.saturating_add(1);
				// It was the fault of nothing else.
				self.is_alone = true;
				self.until = best.saturating_add(pause.min(BACKOFF_BLOCKS_MAX));
			}
			Err(Some(SubmitError::Dropped { .. } | SubmitError::Connection(_)) | None) => {
				self.until = best;
			}
		}
	}

	/// Notes how a transaction ended that held other requests too.
	fn note_shared(&mut self, answer: &Answer, best: BlockNumber) {
		match answer {
			Ok(_) => self.note_alone(answer, best),
			Err(error) => {
				self.is_alone = batch::parts(error.as_ref());
				// A refusal is no reason to wait: it may be that of another. What may still be included is.
				if matches!(error, None | Some(SubmitError::Connection(_))) {
					self.until = best;
				}
			}
		}
	}
}

/// The submissions that are under way, and what must wait before it is tried again.
#[derive(Default)]
pub(super) struct Outbox {
	set: JoinSet<Answer>,
	in_flight: HashMap<Id, Vec<Request>>,
	holds: HashMap<Subject, Hold>,
}

impl Outbox {
	/// Whether nothing is under way.
	pub(super) fn is_idle(&self) -> bool {
		self.in_flight.is_empty()
	}

	/// What may leave in one transaction at block `best`: the most urgent request, with others where it may
	/// share. Empty where nothing may be sent.
	pub(super) fn choose(&self, wanted: &[Wanted], best: BlockNumber) -> Vec<Wanted> {
		if self.in_flight.len() >= IN_FLIGHT_MAX {
			return Vec::new();
		}
		let under_way: HashSet<Subject> =
			self.in_flight.values().flatten().map(Request::subject).collect();
		let is_free = |wanted: &&Wanted| {
			let subject = wanted.request.subject();
			let is_held = self.holds.get(&subject).is_some_and(|hold| best <= hold.until);
			!is_held && !under_way.contains(&subject)
		};
		let mut free: Vec<Wanted> = wanted.iter().filter(is_free).copied().collect();
		let is_alone = |request: &Request| self.is_alone(&request.subject());
		let may_share =
			|one: &Wanted| matches!(one.request, Request::Attest(_)) && !is_alone(&one.request);
		let alone = under_way.iter().filter(|subject| self.is_alone(subject)).count();
		if alone >= ALONE_MAX && free.iter().any(may_share) {
			free.retain(|one| !is_alone(&one.request));
		}
		batch::fill(free, is_alone)
	}

	fn is_alone(&self, subject: &Subject) -> bool {
		self.holds.get(subject).is_some_and(|hold| hold.is_alone)
	}

	/// Takes a submission under way that holds `requests`.
	pub(super) fn send(
		&mut self,
		requests: Vec<Request>,
		submission: impl Future<Output = Result<Included, SubmitError>> + Send + 'static,
	) {
		let handle = self.set.spawn(async move {
			match tokio::time::timeout(SUBMISSION_TIMEOUT, submission).await {
				Ok(answer) => answer.map_err(Some),
				Err(_) => Err(None),
			}
		});
		self.in_flight.insert(handle.id(), requests);
	}

	/// Waits for a submission under way; for ever where there is none. Loses nothing when dropped.
	pub(super) async fn finished(&mut self) -> (Vec<Request>, Answer) {
		loop {
			let (id, answer) = match self.set.join_next_with_id().await {
				Some(Ok((id, answer))) => (id, answer),
				Some(Err(error)) => (error.id(), Err(None)),
				None => future::pending().await,
			};
			if let Some(requests) = self.in_flight.remove(&id) {
				return (requests, answer);
			}
		}
	}

	/// Notes how a submission ended when the best block was `best`: until when what it held is kept back, and
	/// whether that goes alone.
	pub(super) fn note(&mut self, requests: &[Request], answer: &Answer, best: BlockNumber) {
		for request in requests {
			let hold = self.holds.entry(request.subject()).or_default();
			match requests {
				[_] => hold.note_alone(answer, best),
				_ => hold.note_shared(answer, best),
			}
		}
	}

	/// Forgets what was noted about a task that is over.
	pub(super) fn forget(&mut self, key: Key) {
		self.holds.retain(|subject, _| !matches!(subject, Subject::Task(own, _) if *own == key));
	}
}

#[cfg(test)]
mod tests;
