//! From what a run came to, to what the machine signs.

use crate::{
	executor::{self, Outcome},
	journal::{Evidence, Key},
};
use aidragon_client::keys::Account;
use aidragon_primitives::{
	attestation::{Attestation, ExitStatus, ResultDigest, TrapKind, ATTESTATION_VERSION},
	BlockNumber, Hash32, TaskId, WorkerId,
};
use codec::Encode;

/// What is the same for every result of this machine on this chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signer {
	/// Hash of the chain's first block.
	pub genesis: Hash32,
	/// This machine.
	pub worker: WorkerId,
}

/// The finalized blocks between which a program ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
	/// The finalized block when it started.
	pub started_at: BlockNumber,
	/// The finalized block when it ended.
	pub finished_at: BlockNumber,
}

/// A program that ran to an end that every machine would see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
	/// BLAKE3 hash of the program.
	pub program: Hash32,
	/// What it ran on, by the hash or root that the chain has for it.
	pub input_root: Hash32,
	/// What came of it.
	pub result: ResultDigest,
	/// When it ran.
	pub span: Span,
}

/// The result as the chain compares it.
pub fn digest(outcome: &Outcome, output_root: Hash32) -> ResultDigest {
	ResultDigest {
		output_root,
		output_bytes: outcome.output_len,
		fuel: outcome.fuel_used,
		status: exit_status(outcome.status),
	}
}

/// Signs what a run came to and hides it behind a fresh salt.
pub fn seal(signer: &Signer, account: &Account, key: Key, run: &Run) -> Evidence {
	let attestation = Attestation {
		version: ATTESTATION_VERSION,
		genesis: signer.genesis,
		task: key.task,
		attempt: key.attempt,
		worker: signer.worker,
		program: run.program,
		meter_schedule: executor::meter_schedule_hash(),
		input_root: run.input_root,
		result: run.result,
		started_at: run.span.started_at,
		finished_at: run.span.finished_at,
	};
	let signature = account.sign(&attestation.signing_payload());
	Evidence { attestation, signature, salt: rand::random() }
}

/// What a program's random numbers are drawn from: the same on every machine and in every attempt.
pub fn task_seed(genesis: &Hash32, task: TaskId) -> Hash32 {
	*blake3::hash(&(b"aidragon/task-seed/1", genesis, task).encode()).as_bytes()
}

fn exit_status(status: executor::ExitStatus) -> ExitStatus {
	match status {
		executor::ExitStatus::Completed => ExitStatus::Completed,
		executor::ExitStatus::OutOfFuel => ExitStatus::OutOfFuel,
		executor::ExitStatus::Trapped(kind) => ExitStatus::Trapped(trap_kind(kind)),
		executor::ExitStatus::MemoryLimit => ExitStatus::MemoryLimit,
		executor::ExitStatus::OutputLimit => ExitStatus::OutputLimit,
		executor::ExitStatus::InvalidProgram => ExitStatus::InvalidProgram,
		executor::ExitStatus::ExitCode(code) => ExitStatus::ExitCode(code),
	}
}

fn trap_kind(kind: executor::TrapKind) -> TrapKind {
	match kind {
		executor::TrapKind::Unreachable => TrapKind::Unreachable,
		executor::TrapKind::MemoryOutOfBounds => TrapKind::MemoryOutOfBounds,
		executor::TrapKind::TableOutOfBounds => TrapKind::TableOutOfBounds,
		executor::TrapKind::IndirectCallToNull | executor::TrapKind::BadSignature => {
			TrapKind::BadIndirectCall
		}
		executor::TrapKind::IntegerOverflow => TrapKind::IntegerOverflow,
		executor::TrapKind::IntegerDivisionByZero => TrapKind::IntegerDivisionByZero,
		executor::TrapKind::BadConversionToInteger => TrapKind::BadConversionToInteger,
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn every_ending_has_its_counterpart_on_the_chain() {
		use executor::{ExitStatus as Run, TrapKind as Trap};
		let cases = [
			(Run::Completed, ExitStatus::Completed),
			(Run::OutOfFuel, ExitStatus::OutOfFuel),
			(Run::MemoryLimit, ExitStatus::MemoryLimit),
			(Run::OutputLimit, ExitStatus::OutputLimit),
			(Run::InvalidProgram, ExitStatus::InvalidProgram),
			(Run::ExitCode(-3), ExitStatus::ExitCode(-3)),
			(Run::Trapped(Trap::Unreachable), ExitStatus::Trapped(TrapKind::Unreachable)),
			(Run::Trapped(Trap::BadSignature), ExitStatus::Trapped(TrapKind::BadIndirectCall)),
			(
				Run::Trapped(Trap::IndirectCallToNull),
				ExitStatus::Trapped(TrapKind::BadIndirectCall),
			),
			(
				Run::Trapped(Trap::MemoryOutOfBounds),
				ExitStatus::Trapped(TrapKind::MemoryOutOfBounds),
			),
		];
		for (run, chain) in cases {
			assert_eq!(exit_status(run), chain);
		}
	}

	#[test]
	fn a_digest_carries_what_the_run_reports() {
		let outcome = Outcome {
			status: executor::ExitStatus::Completed,
			fuel_used: 42,
			output_len: 7,
			reason: String::new(),
			log: "not attested".into(),
		};
		let expected = ResultDigest {
			output_root: [9; 32],
			output_bytes: 7,
			fuel: 42,
			status: ExitStatus::Completed,
		};
		assert_eq!(digest(&outcome, [9; 32]), expected);
	}

	/// The chain refuses attestations under any other schedule.
	#[test]
	fn programs_are_metered_by_the_schedule_that_the_chain_publishes() {
		assert_eq!(
			executor::meter_schedule_hash(),
			aidragon_primitives::attestation::METER_SCHEDULE
		);
	}

	#[test]
	fn the_seed_depends_on_chain_and_task_alone() {
		let seed = task_seed(&[1; 32], 7);
		assert_eq!(seed, task_seed(&[1; 32], 7));
		assert_ne!(seed, task_seed(&[2; 32], 7));
		assert_ne!(seed, task_seed(&[1; 32], 8));
	}
}
