//! The daemon's challenges.

use super::{
	outbox::{Request, Wanted},
	view::ChainView,
	Daemon,
};
use crate::challenge::{
	fillable_mib, next_step, start_fill, start_run, Amount, Doing, Extent, Limits, Local, Pace,
	Sight, Step,
};
use aidragon_client::blobs::BlobStore;
use aidragon_kernels::fastest;
use aidragon_primitives::{
	audit::{Archive, Entries},
	challenge::Commitment,
	memory::{MemoryCommitment, MEMORY_STEP_MIB},
	task::Progress,
	verification::{Answer, Committed, Slot, Stage, Work},
	worker::{Capacity, WorkerStatus},
	BlockNumber, Hash32,
};
use std::{future, time::Instant};
use tokio::task::JoinError;

/// Memory that the states of a run may take however little seems to be free, in MiB.
const STATES_MIN_MIB: u32 = 64;

/// The work that this process does or keeps for one slot. Keeping it takes memory, so it goes once it is of no use.
#[derive(Default)]
pub(super) enum ChallengeWork {
	/// There is none.
	#[default]
	Idle,
	/// It is being done.
	Doing(Doing),
	/// It is done.
	Done {
		/// What it was computed from.
		seed: Hash32,
		/// All that openings take.
		work: Work,
		/// The last answer with its archive and the beacon that drew them, as computing them takes a while.
		answer: Option<(Hash32, Answer, Archive)>,
	},
}

impl ChallengeWork {
	fn local(&self) -> Local {
		match self {
			Self::Idle => Local::Idle,
			Self::Doing(doing) => Local::Computing(doing.seed),
			Self::Done { seed, work, .. } => {
				Local::Done { seed: *seed, committed: work.committed() }
			}
		}
	}

	/// Waits for the work; for ever where there is none. Loses nothing when dropped.
	async fn computed(&mut self) -> Result<Option<Work>, JoinError> {
		match self {
			Self::Doing(doing) => (&mut doing.handle).await,
			Self::Idle | Self::Done { .. } => future::pending().await,
		}
	}

	fn answer(
		&mut self,
		committed: &Committed,
		beacon: &Hash32,
		store: &BlobStore,
	) -> Option<(Answer, Archive)> {
		let Self::Done { work, answer, .. } = self else { return None };
		// Openings of other work would cost the machine its proof.
		if work.committed().as_ref() != Some(committed) {
			return None;
		}
		if answer.as_ref().is_none_or(|(drawn_by, ..)| drawn_by != beacon) {
			let (opened, archive) = tokio::task::block_in_place(|| {
				let opened = work.answer(beacon)?;
				let entries = Entries::of(work, beacon)?;
				let added = store.add_bytes(&entries.encode());
				let blob = added
					.inspect_err(|error| tracing::error!("the archive cannot be kept: {error}"))
					.ok()?;
				Some((opened, Archive { root: entries.root(), blob }))
			})?;
			*answer = Some((*beacon, opened, archive));
		}
		answer.as_ref().map(|(_, answer, archive)| (answer.clone(), *archive))
	}
}

/// The work for every slot.
#[derive(Default)]
pub(super) struct Challenges {
	processor: ChallengeWork,
	memory: ChallengeWork,
}

impl Challenges {
	fn of(&mut self, slot: Slot) -> &mut ChallengeWork {
		match slot {
			Slot::Processor => &mut self.processor,
			Slot::Memory => &mut self.memory,
		}
	}

	/// Waits until some work is done. Loses nothing when dropped.
	pub(super) async fn computed(&mut self) -> (Slot, Result<Option<Work>, JoinError>) {
		tokio::select! {
			work = self.processor.computed() => (Slot::Processor, work),
			work = self.memory.computed() => (Slot::Memory, work),
		}
	}

	/// Notes the arrival of a block, by which the work is paced.
	pub(super) fn block_arrived(&mut self, best: BlockNumber, now: Instant) {
		for slot in Slot::ALL {
			if let ChallengeWork::Doing(doing) = self.of(slot) {
				match slot {
					Slot::Processor => {
						tracing::info!(
							block = best,
							rounds = doing.done(),
							"computing the challenge"
						);
					}
					Slot::Memory => {
						tracing::info!(block = best, mib = doing.done(), "filling the memory");
					}
				}
				doing.block_arrived(best, now);
			}
		}
	}

	/// The openings that `beacon` draws, if this is the work that they are drawn from, and the archive of more, which is
	/// in the store from then on.
	pub(super) fn answer(
		&mut self,
		committed: &Committed,
		beacon: &Hash32,
		store: &BlobStore,
	) -> Option<(Answer, Archive)> {
		self.of(committed.slot()).answer(committed, beacon, store)
	}

	fn peek(&self, slot: Slot) -> &ChallengeWork {
		match slot {
			Slot::Processor => &self.processor,
			Slot::Memory => &self.memory,
		}
	}
}

impl Daemon {
	/// Takes the next step of every challenge, and adds what has to be sent to `wanted`.
	pub(super) fn step_challenges(
		&mut self,
		best: &ChainView,
		finalized: &ChainView,
		wanted: &mut Vec<Wanted>,
	) {
		for slot in Slot::ALL {
			self.step_challenge(slot, best, finalized, wanted);
		}
	}

	fn step_challenge(
		&mut self,
		slot: Slot,
		best: &ChainView,
		finalized: &ChainView,
		wanted: &mut Vec<Wanted>,
	) {
		let (seen, known) = (best.slot(slot), finalized.slot(slot));
		let sight = Sight {
			slot,
			best_number: best.number,
			proof: best.capability.and_then(|capability| capability.proof(slot)),
			challenge: seen.challenge,
			seed: seen.seed,
			final_challenge: known.challenge,
			final_seed: known.seed,
			final_openings_beacon: known.openings_beacon,
			is_idle: self.is_idle(best),
			has_room: self.has_room(slot, best),
			is_other_computing: self.is_other_computing(slot, best),
			is_audited: seen.is_audited,
		};
		let local = self.challenges.of(slot).local();
		let deadline = |of: fn(&_) -> _| seen.challenge.as_ref().map_or(best.number, of);
		match next_step(&sight, &local) {
			Step::Wait => {}
			Step::Request => {
				let valid_until = sight.proof.map_or(0, |proof| proof.valid_until);
				let due = valid_until.max(best.number.saturating_add(1));
				wanted.push(Wanted { request: Request::BeginChallenge(slot), due });
			}
			Step::Compute { seed, deadline } => {
				let pace = Pace::new(deadline, best.number, Instant::now());
				self.compute(slot, seed, best.number, pace);
			}
			Step::Recompute { seed, committed } => {
				let end = best.number.saturating_add(slot.answer_blocks());
				let pace = Pace::new(end, best.number, Instant::now());
				self.recompute(seed, committed, best.number, pace);
			}
			Step::Commit(committed) => wanted.push(Wanted {
				request: Request::CommitChallenge(committed),
				due: deadline(|challenge| challenge.commit_deadline()),
			}),
			Step::Open { committed, beacon } => wanted.push(Wanted {
				request: Request::OpenChallenge { committed, beacon },
				due: deadline(|challenge| challenge.answer_deadline().unwrap_or(0)),
			}),
			Step::Discard(why) => {
				tracing::info!(block = best.number, ?slot, "a challenge's work is let go: {why}");
				*self.challenges.of(slot) = ChallengeWork::Idle;
			}
		}
	}

	/// Whether the work finds its memory. A run plans with half of what is sold; a fill takes what is sold, so it
	/// waits for the end of a run unless there is room for both.
	fn has_room(&self, slot: Slot, best: &ChainView) -> bool {
		let sold_mib = self.config.capacity.memory_mib;
		match slot {
			Slot::Processor => true,
			Slot::Memory => {
				// Between its request and its answer a run has memory that it does not hold yet.
				let seen = best.slot(Slot::Processor).challenge;
				let runs = seen.is_some_and(|challenge| challenge.is_running_at(best.number));
				let is_held = !matches!(self.challenges.peek(Slot::Processor), ChallengeWork::Idle);
				let needed = match runs || is_held {
					true => sold_mib.saturating_add(sold_mib / 2),
					false => MEMORY_STEP_MIB,
				};
				fillable_mib(needed) >= needed - needed % MEMORY_STEP_MIB
			}
		}
	}

	/// Whether the other slot's work occupies the processors, or is about to.
	fn is_other_computing(&self, slot: Slot, best: &ChainView) -> bool {
		let other = match slot {
			Slot::Processor => Slot::Memory,
			Slot::Memory => Slot::Processor,
		};
		let is_asked = best.slot(other).challenge.is_some_and(|challenge| {
			challenge.stage == Stage::Requested && challenge.is_running_at(best.number)
		});
		match self.challenges.peek(other) {
			ChallengeWork::Idle => is_asked && other == Slot::Processor,
			ChallengeWork::Doing(_) => true,
			ChallengeWork::Done { .. } => false,
		}
	}

	fn compute(&mut self, slot: Slot, seed: Hash32, block: BlockNumber, pace: Pace) {
		let Capacity { vcpus: threads, memory_mib, .. } = self.config.capacity;
		let doing = match slot {
			Slot::Processor => {
				tracing::info!(block, threads, kernel = fastest().name(), "computing a challenge");
				// Half of what is sold may be filled with states; less beside a fill, which takes all of it.
				let part = match self.challenges.peek(Slot::Memory) {
					ChallengeWork::Idle => 2,
					_ => 8,
				};
				let memory_mib =
					fillable_mib(memory_mib / part).max(STATES_MIN_MIB.min(memory_mib));
				let extent = Extent::Most { memory_mib };
				start_run(seed, Limits { extent, threads, pace })
			}
			Slot::Memory => {
				let most = fillable_mib(memory_mib);
				tracing::info!(block, threads, mib = most, "filling the memory for a challenge");
				start_fill(seed, Amount::Most(most), threads, pace)
			}
		};
		*self.challenges.of(slot) = ChallengeWork::Doing(doing);
	}

	fn recompute(&mut self, seed: Hash32, committed: Committed, block: BlockNumber, pace: Pace) {
		let threads = self.config.capacity.vcpus;
		tracing::info!(block, threads, "doing again what was committed before the restart");
		let doing = match committed {
			Committed::Run(Commitment { size, rounds, .. }) => {
				let extent = Extent::Exactly { size, rounds };
				start_run(seed, Limits { extent, threads, pace })
			}
			Committed::Fill(MemoryCommitment { memory_mib, .. }) => {
				start_fill(seed, Amount::Exactly(memory_mib), threads, pace)
			}
		};
		*self.challenges.of(committed.slot()) = ChallengeWork::Doing(doing);
	}

	/// Whether the machine takes tasks and has none at work.
	fn is_idle(&self, best: &ChainView) -> bool {
		let Some(id) = self.id else { return false };
		let is_active = best.status() == Some(WorkerStatus::Active);
		let works = best.owed(id).iter().any(|(_, _, progress)| *progress == Progress::Assigned);
		is_active && !works && !self.shutting_down && self.jobs.len() == 0
	}

	pub(super) fn challenge_computed(
		&mut self,
		slot: Slot,
		computed: Result<Option<Work>, JoinError>,
	) {
		let held = self.challenges.of(slot);
		let ChallengeWork::Doing(doing) = held else { return };
		let seed = doing.seed;
		*held = match computed {
			Ok(Some(work)) => {
				tracing::info!(?slot, done = doing.done(), "the challenge is computed");
				ChallengeWork::Done { seed, work, answer: None }
			}
			Ok(None) => {
				tracing::warn!(?slot, "the challenge could not be computed in time or memory");
				ChallengeWork::Idle
			}
			Err(error) => {
				tracing::error!(?slot, "computing the challenge failed: {error}");
				ChallengeWork::Idle
			}
		};
	}
}
