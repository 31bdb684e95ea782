//! The daemon's challenges.

use super::{
	outbox::{Request, Wanted},
	view::ChainView,
	Daemon,
};
use crate::challenge::{next_step, open_all, start, Extent, Limits, Local, Pace, Run, Sight, Step};
use aidragon_kernels::fastest;
use aidragon_primitives::{
	challenge::{Commitment, Openings, Prover, ANSWER_BLOCKS},
	task::Progress,
	worker::WorkerStatus,
	BlockNumber, Hash32,
};
use std::{future, time::Instant};
use tokio::task::JoinError;

/// The run that this process computes or keeps. Keeping it takes memory, so it goes once it is of no use.
#[derive(Default)]
pub(super) enum ChallengeWork {
	/// There is none.
	#[default]
	Idle,
	/// It is being computed.
	Computing(Run),
	/// It is done.
	Done {
		/// What it was computed from.
		seed: Hash32,
		/// All its states.
		prover: Box<Prover>,
		/// What to commit to.
		commitment: Commitment,
		/// The last openings and the beacon that drew them, as computing them takes a while.
		openings: Option<(Hash32, Openings)>,
	},
}

impl ChallengeWork {
	fn local(&self) -> Local {
		match self {
			Self::Idle => Local::Idle,
			Self::Computing(run) => Local::Computing(run.seed),
			Self::Done { seed, commitment, .. } => {
				Local::Done { seed: *seed, commitment: *commitment }
			}
		}
	}

	/// Waits for the computation; for ever where there is none. Loses nothing when dropped.
	pub(super) async fn computed(&mut self) -> Result<Prover, JoinError> {
		match self {
			Self::Computing(run) => (&mut run.handle).await,
			Self::Idle | Self::Done { .. } => future::pending().await,
		}
	}

	/// Notes the arrival of a block, by which the run is paced.
	pub(super) fn block_arrived(&self, best: BlockNumber, now: Instant) {
		if let Self::Computing(run) = self {
			tracing::info!(block = best, rounds = run.rounds(), "computing the challenge");
			run.block_arrived(best, now);
		}
	}

	/// The openings that `beacon` draws, if this is the run they are drawn from.
	pub(super) fn openings(
		&mut self,
		commitment: &Commitment,
		beacon: &Hash32,
	) -> Option<Openings> {
		let Self::Done { prover, openings, .. } = self else { return None };
		if openings.as_ref().is_none_or(|(drawn_by, _)| drawn_by != beacon) {
			let opened = tokio::task::block_in_place(|| open_all(prover, commitment, beacon))?;
			*openings = Some((*beacon, opened));
		}
		openings.as_ref().map(|(_, openings)| openings.clone())
	}
}

impl Daemon {
	/// Takes the next step of the challenge, and adds what has to be sent to `wanted`.
	pub(super) fn step_challenge(
		&mut self,
		best: &ChainView,
		finalized: &ChainView,
		wanted: &mut Vec<Wanted>,
	) {
		let sight = Sight {
			best_number: best.number,
			capability: best.capability,
			challenge: best.challenge,
			seed: best.seed,
			final_challenge: finalized.challenge,
			final_seed: finalized.seed,
			final_openings_beacon: finalized.openings_beacon,
			is_idle: self.is_idle(best),
		};
		let deadline = |of: fn(&_) -> _| best.challenge.as_ref().map_or(best.number, of);
		match next_step(&sight, &self.challenge.local()) {
			Step::Wait => {}
			Step::Request => {
				let valid_until = best.capability.map_or(0, |capability| capability.valid_until);
				let due = valid_until.max(best.number.saturating_add(1));
				wanted.push(Wanted { request: Request::BeginChallenge, due });
			}
			Step::Compute { seed, deadline } => {
				let pace = Pace::new(deadline, best.number, Instant::now());
				// Half of what is sold may be filled with states.
				let memory_mib = self.config.capacity.memory_mib / 2;
				self.compute(seed, best.number, Extent::Most { memory_mib }, pace);
			}
			Step::Recompute { seed, commitment } => {
				let end = best.number.saturating_add(ANSWER_BLOCKS);
				let pace = Pace::new(end, best.number, Instant::now());
				let Commitment { size, rounds, .. } = commitment;
				self.compute(seed, best.number, Extent::Exactly { size, rounds }, pace);
			}
			Step::Commit(commitment) => wanted.push(Wanted {
				request: Request::CommitChallenge(commitment),
				due: deadline(|challenge| challenge.commit_deadline()),
			}),
			Step::Open { commitment, beacon } => wanted.push(Wanted {
				request: Request::OpenChallenge { commitment, beacon },
				due: deadline(|challenge| challenge.answer_deadline().unwrap_or(0)),
			}),
			Step::Discard(why) => {
				tracing::info!(block = best.number, "the challenge's run is let go: {why}");
				self.challenge = ChallengeWork::Idle;
			}
		}
	}

	fn compute(&mut self, seed: Hash32, block: BlockNumber, extent: Extent, pace: Pace) {
		let threads = self.config.capacity.vcpus;
		tracing::info!(block, threads, kernel = fastest().name(), "computing a challenge");
		self.challenge = ChallengeWork::Computing(start(seed, Limits { extent, threads, pace }));
	}

	/// Whether the machine takes tasks and has none at work.
	fn is_idle(&self, best: &ChainView) -> bool {
		let Some(id) = self.id else { return false };
		let is_active = best.status() == Some(WorkerStatus::Active);
		let works = best.owed(id).iter().any(|(_, _, progress)| *progress == Progress::Assigned);
		is_active && !works && !self.shutting_down && self.jobs.len() == 0
	}

	pub(super) fn challenge_computed(&mut self, computed: Result<Prover, JoinError>) {
		let ChallengeWork::Computing(run) = &self.challenge else { return };
		let seed = run.seed;
		self.challenge = match computed {
			Ok(prover) => {
				let commitment = prover.commitment();
				let Commitment { size, rounds, .. } = commitment;
				tracing::info!(rounds, rows = size.rows(), "the challenge is computed");
				let prover = Box::new(prover);
				ChallengeWork::Done { seed, prover, commitment, openings: None }
			}
			Err(error) => {
				tracing::error!("computing the challenge failed: {error}");
				ChallengeWork::Idle
			}
		};
	}
}
