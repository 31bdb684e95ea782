//! What a worker signs about a result, and the commitment that hides it until all are bound.

use crate::{BlockNumber, Hash32, TaskId, WorkerId};
use alloc::vec::Vec;
use bounded_collections::{BoundedVec, ConstU32};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use sp_crypto_hashing::blake2_256;

/// The version of the attestation format that this crate writes and the chain accepts.
pub const ATTESTATION_VERSION: u8 = 1;

/// Hash of the fuel schedule that machines meter by: the cost of every instruction and the engine's settings.
pub const METER_SCHEDULE: Hash32 = [
	0x17, 0x2b, 0xde, 0x4f, 0xdd, 0x40, 0xfc, 0xc0, 0x1c, 0x8c, 0xbd, 0xd1, 0xe7, 0x4c, 0x05, 0x68,
	0x74, 0x48, 0x29, 0x8f, 0xa7, 0x5e, 0x53, 0x5c, 0x81, 0x58, 0x9d, 0xb1, 0x00, 0x95, 0xaf, 0xd4,
];

/// Why a program trapped. The same on every machine.
#[derive(
	Clone,
	Copy,
	Debug,
	PartialEq,
	Eq,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
)]
pub enum TrapKind {
	/// It executed `unreachable`, as a panic or an abort does.
	Unreachable,
	/// It accessed memory out of bounds.
	MemoryOutOfBounds,
	/// It accessed a table out of bounds.
	TableOutOfBounds,
	/// It called a null, missing or wrongly typed function.
	BadIndirectCall,
	/// An integer operation overflowed.
	IntegerOverflow,
	/// It divided an integer by zero.
	IntegerDivisionByZero,
	/// It converted a number that no integer represents.
	BadConversionToInteger,
	/// Any other trap that depends on the program alone.
	Other,
}

/// How a program ended. Every variant depends on program, input and limits alone, never on the machine.
#[derive(
	Clone,
	Copy,
	Debug,
	PartialEq,
	Eq,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
)]
pub enum ExitStatus {
	/// It ran to its end with exit code 0.
	Completed,
	/// It used up its fuel limit.
	OutOfFuel,
	/// It trapped.
	Trapped(TrapKind),
	/// It asked for more memory than the task allows.
	MemoryLimit,
	/// It wrote more output than the task allows.
	OutputLimit,
	/// The bytes are not a program of the announced kind.
	InvalidProgram,
	/// It ended with another exit code than 0.
	ExitCode(i32),
}

impl ExitStatus {
	/// The sentence for a person.
	pub fn message(&self) -> &'static str {
		match self {
			Self::Completed => "the program completed",
			Self::OutOfFuel => "the program used up its fuel limit: raise limits.fuel_mfuel or look for an endless loop",
			Self::Trapped(TrapKind::Unreachable) => "the program aborted (a panic or an assertion)",
			Self::Trapped(TrapKind::IntegerDivisionByZero) => "the program divided by zero",
			Self::Trapped(_) => "the program trapped",
			Self::MemoryLimit => "the program asked for more memory than resources.memory_mib",
			Self::OutputLimit => "the program wrote more output than limits.output_mib",
			Self::InvalidProgram => "the program is not a WASI preview-1 command in WebAssembly",
			Self::ExitCode(_) => "the program ended with an exit code other than 0",
		}
	}
}

/// What must be equal between honest machines.
#[derive(
	Clone,
	Copy,
	Debug,
	PartialEq,
	Eq,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
)]
pub struct ResultDigest {
	/// BLAKE3 hash of the output.
	pub output_root: Hash32,
	/// Bytes of output.
	pub output_bytes: u64,
	/// Fuel that the program used.
	pub fuel: u64,
	/// How it ended.
	pub status: ExitStatus,
}

/// A worker's statement about one run, signed with its hot key.
#[derive(
	Clone,
	Copy,
	Debug,
	PartialEq,
	Eq,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
)]
pub struct Attestation {
	/// [`ATTESTATION_VERSION`].
	pub version: u8,
	/// Hash of the chain's first block.
	pub genesis: Hash32,
	/// The task.
	pub task: TaskId,
	/// The attempt that the worker was drawn for.
	pub attempt: u8,
	/// The machine.
	pub worker: WorkerId,
	/// BLAKE3 hash of the program.
	pub program: Hash32,
	/// Hash of the fuel schedule that metered it.
	pub meter_schedule: Hash32,
	/// BLAKE3 hash of the input.
	pub input_root: Hash32,
	/// The result.
	pub result: ResultDigest,
	/// The finalized block that the worker saw when it started.
	pub started_at: BlockNumber,
	/// The finalized block that the worker saw when it ended.
	pub finished_at: BlockNumber,
}

impl Attestation {
	/// The bytes that the hot key signs.
	pub fn signing_payload(&self) -> Vec<u8> {
		(b"aidragon/attestation", self).encode()
	}

	/// The commitment to this attestation: nobody else can find or reuse it without the salt.
	pub fn commitment(&self, salt: &Hash32) -> Hash32 {
		(b"aidragon/commitment/1", self, salt, self.worker).using_encoded(blake2_256)
	}
}

/// Most results that one call delivers.
pub const DELIVERIES_MAX: u32 = 32;

/// A signed statement about the result of a task.
#[derive(
	Clone,
	Copy,
	Debug,
	PartialEq,
	Eq,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
)]
pub struct Delivery {
	/// What the machine states; it names the task.
	pub attestation: Attestation,
	/// The hot key's signature over it.
	pub signature: [u8; 64],
}

/// The results that one call delivers.
pub type Deliveries = BoundedVec<Delivery, ConstU32<DELIVERIES_MAX>>;

/// The bytes that a hot key signs to agree to work for a provider, given as raw account bytes.
pub fn hot_key_consent(genesis: &Hash32, provider: &[u8]) -> Vec<u8> {
	(b"aidragon/hot-key", genesis, provider).encode()
}

#[cfg(test)]
mod tests {
	use super::*;

	fn attestation() -> Attestation {
		Attestation {
			version: ATTESTATION_VERSION,
			genesis: [1; 32],
			task: 7,
			attempt: 0,
			worker: 3,
			program: [2; 32],
			meter_schedule: [3; 32],
			input_root: [4; 32],
			result: ResultDigest {
				output_root: [5; 32],
				output_bytes: 10,
				fuel: 99,
				status: ExitStatus::Completed,
			},
			started_at: 10,
			finished_at: 12,
		}
	}

	#[test]
	fn commitment_depends_on_content_salt_and_worker() {
		let base = attestation();
		let commitment = base.commitment(&[0; 32]);
		assert_ne!(commitment, base.commitment(&[1; 32]));
		assert_ne!(commitment, Attestation { worker: 4, ..base }.commitment(&[0; 32]));
		assert_ne!(commitment, Attestation { attempt: 1, ..base }.commitment(&[0; 32]));
		let result = ResultDigest { fuel: 100, ..base.result };
		assert_ne!(commitment, Attestation { result, ..base }.commitment(&[0; 32]));
	}

	#[test]
	fn format_is_stable() {
		assert_eq!(attestation().encode().len(), Attestation::max_encoded_len() - 4);
		assert!(attestation().signing_payload().starts_with(b"aidragon/attestation"));
	}
}
