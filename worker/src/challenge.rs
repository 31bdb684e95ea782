//! The machine's side of a challenge: when to ask, what to compute, when to stop, what to send.
//!
//! Processor and memory are challenged by themselves, each by the same steps. Both work on the machine's memory, the
//! processor for the states of its run, so a fill waits until there is room.
//!
//! The seed is taken from the best block, since a reorganisation costs only the work since then. The openings
//! are sent only once the beacon that draws them, and the seed that was computed from, are finalized: a
//! wrong opening costs the machine its capability, and a later block could draw others.

mod compute;
mod extent;
mod fill;
mod pace;
mod trial;
mod work;

pub use compute::{start_run, Limits};
pub use extent::Extent;
pub use fill::{fillable_mib, start_fill, try_fill, Amount, FillTrial};
pub use pace::Pace;
pub use trial::{try_out, Trial};
pub use work::Doing;

use aidragon_primitives::{
	verification::{Challenge, Committed, Slot, Stage},
	worker::Proof,
	BlockNumber, Hash32,
};

/// What the chain shows of the challenge and of what led to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sight {
	/// The part of the machine.
	pub slot: Slot,
	/// Height of the best block.
	pub best_number: BlockNumber,
	/// What it proved last, as the best block has it.
	pub proof: Option<Proof>,
	/// The challenge that it is or was in, as the best block has it.
	pub challenge: Option<Challenge>,
	/// The seed, where the best block knows it.
	pub seed: Option<Hash32>,
	/// The same challenge as the finalized block has it.
	pub final_challenge: Option<Challenge>,
	/// The seed of that, where the finalized block knows it.
	pub final_seed: Option<Hash32>,
	/// The beacon that draws its openings, where the finalized block knows it.
	pub final_openings_beacon: Option<Hash32>,
	/// Whether the machine takes tasks and none is running.
	pub is_idle: bool,
	/// Whether the memory that the work takes is there.
	pub has_room: bool,
	/// Whether the other slot's work occupies the processors.
	pub is_other_computing: bool,
	/// Whether others still check what was proved last, so that nothing new can be asked for.
	pub is_audited: bool,
}

/// What this process has of the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Local {
	/// Nothing.
	Idle,
	/// It computes from this seed.
	Computing(Hash32),
	/// It computed from this seed.
	Done {
		/// The seed.
		seed: Hash32,
		/// What to commit to; `None` where nothing was finished.
		committed: Option<Committed>,
	},
}

impl Local {
	fn seed(&self) -> Option<Hash32> {
		match self {
			Self::Idle => None,
			Self::Computing(seed) | Self::Done { seed, .. } => Some(*seed),
		}
	}
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
	/// Nothing at the moment.
	Wait,
	/// Ask for a challenge.
	Request,
	/// Run or fill from this seed until shortly before the deadline.
	Compute {
		/// The seed.
		seed: Hash32,
		/// The last block for the commitment.
		deadline: BlockNumber,
	},
	/// Compute again what was committed before this process started.
	Recompute {
		/// The seed.
		seed: Hash32,
		/// What the machine is bound to.
		committed: Committed,
	},
	/// Send the commitment.
	Commit(Committed),
	/// Send the openings that this beacon draws.
	Open {
		/// What the machine is bound to.
		committed: Committed,
		/// The beacon.
		beacon: Hash32,
	},
	/// Stop, and free the memory.
	Discard(&'static str),
}

/// The next step.
pub fn next_step(sight: &Sight, local: &Local) -> Step {
	let Some(challenge) = &sight.challenge else {
		return request_or_rest(sight, local);
	};
	match challenge.stage {
		Stage::Requested if sight.best_number < challenge.commit_deadline() => {
			compute(sight, challenge, local)
		}
		Stage::Committed { committed, .. } if is_answerable(sight, challenge) => {
			answer(sight, &committed, local)
		}
		_ => request_or_rest(sight, local),
	}
}

fn is_answerable(sight: &Sight, challenge: &Challenge) -> bool {
	challenge.answer_deadline().is_some_and(|deadline| sight.best_number < deadline)
}

fn compute(sight: &Sight, challenge: &Challenge, local: &Local) -> Step {
	let Some(seed) = sight.seed else {
		return match local {
			Local::Idle => Step::Wait,
			_ => Step::Discard("the block of its seed was reorganised"),
		};
	};
	match local {
		Local::Computing(own) if *own == seed => Step::Wait,
		Local::Done { seed: own, committed: Some(committed) } if *own == seed => {
			Step::Commit(*committed)
		}
		Local::Done { seed: own, .. } if *own == seed => {
			Step::Discard("nothing was finished in time")
		}
		Local::Computing(_) | Local::Done { .. } => {
			Step::Discard("the block of its seed was reorganised")
		}
		Local::Idle => begin(sight, challenge, seed),
	}
}

fn begin(sight: &Sight, challenge: &Challenge, seed: Hash32) -> Step {
	let deadline = challenge.commit_deadline();
	let blocks_left = deadline.saturating_sub(sight.best_number);
	let is_worth_it = match sight.slot {
		// A poor score would hold for an hour; another challenge can be had in a minute. Not so where the chain called:
		// then a poor score is better than none.
		Slot::Processor => challenge.is_called || blocks_left > sight.slot.window_blocks() / 2,
		Slot::Memory => true,
	};
	// A run is paid for its speed, so a fill waits; a run does not wait for a fill, whose window is long.
	let may_begin = sight.slot == Slot::Processor || !sight.is_other_computing;
	match is_worth_it && may_begin && sight.has_room && blocks_left > 1 {
		true => Step::Compute { seed, deadline },
		false => Step::Wait,
	}
}

fn answer(sight: &Sight, committed: &Committed, local: &Local) -> Step {
	let Some(Challenge { stage: Stage::Committed { committed: finalized, .. }, .. }) =
		sight.final_challenge
	else {
		return Step::Wait;
	};
	let Some(seed) = sight.final_seed else { return Step::Wait };
	if finalized != *committed {
		return Step::Wait;
	}
	match local {
		Local::Idle if sight.has_room => Step::Recompute { seed, committed: *committed },
		Local::Idle => Step::Wait,
		Local::Done { seed: own, committed: Some(done) } if *own == seed && done == committed => {
			match sight.final_openings_beacon {
				Some(beacon) => Step::Open { committed: *committed, beacon },
				None => Step::Wait,
			}
		}
		Local::Computing(own) if *own == seed => Step::Wait,
		Local::Computing(_) | Local::Done { .. } => {
			Step::Discard("the finalized chain has another seed or commitment")
		}
	}
}

fn request_or_rest(sight: &Sight, local: &Local) -> Step {
	if local.seed().is_some() {
		return Step::Discard("the challenge is over");
	}
	let now = sight.best_number.saturating_add(1);
	let may_ask = sight.challenge.is_none_or(|challenge| challenge.is_over_at(now));
	match sight.is_idle && sight.has_room && !sight.is_audited && may_ask && needs_proof(sight) {
		true => Step::Request,
		false => Step::Wait,
	}
}

fn needs_proof(sight: &Sight) -> bool {
	let ahead = sight.best_number.saturating_add(sight.slot.validity_blocks() / 4);
	sight.proof.is_none_or(|proof| ahead > proof.valid_until)
}

#[cfg(test)]
mod tests;
