//! The machine's side of the challenge: when to ask, what to compute, when to stop, what to send.
//!
//! The seed is taken from the best block, since a reorganisation costs only the work since then. The openings
//! are sent only once the beacon that draws them, and the seed that was computed from, are finalized: a
//! wrong opening costs the machine its capability, and a later block could draw others.

mod compute;
mod extent;
mod pace;
mod trial;

pub use compute::{open_all, start, Limits, Run};
pub use extent::Extent;
pub use pace::Pace;
pub use trial::{try_out, Trial};

use aidragon_primitives::{
	challenge::{Challenge, Commitment, Stage, VALIDITY_BLOCKS, WINDOW_BLOCKS},
	worker::Capability,
	BlockNumber, Hash32,
};

/// What the chain shows of the challenge and of what led to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sight {
	/// Height of the best block.
	pub best_number: BlockNumber,
	/// What the machine proved last, as the best block has it.
	pub capability: Option<Capability>,
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
}

/// What this process has of a run.
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
		/// What to commit to.
		commitment: Commitment,
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
	/// Compute from this seed until shortly before the deadline.
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
		commitment: Commitment,
	},
	/// Send the commitment.
	Commit(Commitment),
	/// Send the openings that this beacon draws.
	Open {
		/// What the machine is bound to.
		commitment: Commitment,
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
		Stage::Committed { commitment, .. } if is_answerable(sight, challenge) => {
			answer(sight, &commitment, local)
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
		Local::Done { seed: own, commitment } if *own == seed && commitment.rounds > 0 => {
			Step::Commit(*commitment)
		}
		Local::Done { seed: own, .. } if *own == seed => {
			Step::Discard("not a single round was finished in time")
		}
		Local::Computing(_) | Local::Done { .. } => {
			Step::Discard("the block of its seed was reorganised")
		}
		Local::Idle => {
			let deadline = challenge.commit_deadline();
			let blocks_left = deadline.saturating_sub(sight.best_number);
			// A poor score would hold for an hour; another challenge can be had in a minute.
			match blocks_left > WINDOW_BLOCKS / 2 {
				true => Step::Compute { seed, deadline },
				false => Step::Wait,
			}
		}
	}
}

fn answer(sight: &Sight, commitment: &Commitment, local: &Local) -> Step {
	let Some(Challenge { stage: Stage::Committed { commitment: finalized, .. }, .. }) =
		sight.final_challenge
	else {
		return Step::Wait;
	};
	let Some(seed) = sight.final_seed else { return Step::Wait };
	if finalized != *commitment {
		return Step::Wait;
	}
	match local {
		Local::Idle => Step::Recompute { seed, commitment: *commitment },
		Local::Done { seed: own, commitment: done } if *own == seed && done == commitment => {
			match sight.final_openings_beacon {
				Some(beacon) => Step::Open { commitment: *commitment, beacon },
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
	match sight.is_idle && may_ask && needs_proof(sight) {
		true => Step::Request,
		false => Step::Wait,
	}
}

fn needs_proof(sight: &Sight) -> bool {
	sight.capability.is_none_or(|capability| {
		sight.best_number.saturating_add(VALIDITY_BLOCKS / 4) > capability.valid_until
	})
}

#[cfg(test)]
mod tests;
