//! The specification of a task, its limits, and the record the chain keeps of it.

mod record;

pub use record::{DeclineReason, Progress, Replica, Task};

use crate::{
	payout,
	resources::Resources,
	worker::{EnergySource, Region, TaskKinds, TransportAddress},
	Balance, Hash32,
};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;

/// Most replicas of one task.
pub const REPLICAS_MAX: u32 = 3;
/// Most retries of one task.
pub const RETRIES_MAX: u8 = 3;
/// Machines that one task can have used up: every replica of every attempt.
pub const EXCLUDED_MAX: u32 = REPLICAS_MAX * (RETRIES_MAX as u32 + 1);
/// Largest program in bytes.
pub const PROGRAM_BYTES_MAX: u64 = 16 << 20;
/// Largest input in bytes.
pub const INPUT_BYTES_MAX: u64 = 1 << 30;
/// Largest output in bytes.
pub const OUTPUT_BYTES_MAX: u64 = 64 << 20;
/// Most fuel of one task: about a day on one core.
pub const FUEL_MAX: u64 = 1_000_000 * crate::GFUEL;
/// Largest memory of one task: what a 32-bit guest can address.
pub const MEMORY_MIB_MAX: u32 = 4_096;
/// Blocks between the freezing of a task and its draw: one whole block whose randomness nobody knew.
pub const DRAW_DELAY_BLOCKS: u32 = 2;
/// Blocks that committed workers have to reveal.
pub const REVEAL_BLOCKS: u32 = 12;
/// Longest life of a task, about a week.
pub const DEADLINE_BLOCKS_MAX: u32 = 201_600;
/// Fuel that no core burns in one block of 3 s: some ten times what they do today.
pub const FUEL_PER_BLOCK_MAX: u64 = 30 * crate::GFUEL;
/// Fewest blocks that a worker must be given to fetch, run and commit.
pub const EXECUTION_BLOCKS_MIN: u32 = 4;

/// A blob by content.
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
pub struct BlobRef {
	/// BLAKE3 hash of the bytes.
	pub hash: Hash32,
	/// Number of bytes.
	#[codec(compact)]
	pub size_bytes: u64,
}

/// How a program is run.
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
pub enum ProgramKind {
	/// A WASI preview-1 command: input on stdin, output on stdout, nothing else.
	WasiCommand,
}

/// What runs.
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
pub struct Program {
	/// How it is run.
	pub kind: ProgramKind,
	/// Its bytes.
	pub blob: BlobRef,
}

/// What a machine must have proved and have free.
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
pub struct Requirements {
	/// What the task takes of the machine while it runs.
	pub resources: Resources,
	/// Least proved throughput in million int8 operations per second; 0 for any.
	pub throughput_min_mops: u32,
	/// The region in which the machine must stand, as its provider says. A task that names one earns nobody points.
	pub region: Option<Region>,
	/// The source of energy on which the machine must run, as an attestor confirms.
	pub energy: Option<EnergySource>,
}

/// Which of the sampled machines that fit is taken.
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
pub enum MatchingPolicy {
	/// The lowest price.
	Cheapest,
	/// The highest proved throughput.
	Fastest,
	/// The lowest price for the proved throughput, on the machine that has least to spare.
	Balanced,
	/// The cleanest attested source of energy, then the lowest price.
	Greenest,
}

/// What is to be done with each input, as the submitter describes it. The tasks of a job share it.
#[derive(
	Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
pub struct TaskSpec {
	/// What runs.
	pub program: Program,
	/// Where program and inputs can be fetched.
	pub source: TransportAddress,
	/// What a machine must have.
	pub requirements: Requirements,
	/// Fuel after which the program is stopped.
	#[codec(compact)]
	pub fuel_limit: u64,
	/// Output after which the program is stopped.
	#[codec(compact)]
	pub output_limit_bytes: u64,
	/// Blocks that a worker has, from the draw, to deliver.
	#[codec(compact)]
	pub execution_blocks: u32,
	/// Blocks, from submission, after which the task is over whatever happens.
	#[codec(compact)]
	pub deadline_blocks: u32,
	/// Machines of different providers that run it: 1 to 3. A majority must agree.
	pub replicas: u8,
	/// Which machine is preferred among those that fit.
	pub matching: MatchingPolicy,
	/// Most to pay, in smallest units per 10⁹ fuel and replica.
	#[codec(compact)]
	pub price_cap_per_gfuel: Balance,
	/// How often missing or disagreeing machines are replaced: 0 to 3.
	pub retries: u8,
}

/// The field of a specification that is out of bounds, and the bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpecError {
	/// `program.size_bytes` must be 1 to [`PROGRAM_BYTES_MAX`].
	ProgramSize,
	/// `source` needs a QUIC or HTTP socket, each as `address:port`.
	Source,
	/// `cpu_milli` must be at least 1.
	Cpu,
	/// `memory_mib` must be 1 to [`MEMORY_MIB_MAX`].
	Memory,
	/// `gpu` must be nothing, a part of one, or up to 16 whole ones.
	Gpu,
	/// `region` must be two capital letters.
	Region,
	/// `fuel_limit` must be 1 to [`FUEL_MAX`].
	FuelLimit,
	/// `output_limit_bytes` must be 1 to [`OUTPUT_BYTES_MAX`].
	OutputLimit,
	/// `execution_blocks` must be at least [`EXECUTION_BLOCKS_MIN`].
	ExecutionBlocks,
	/// `execution_blocks` must be as many as the fuel limit takes at [`FUEL_PER_BLOCK_MAX`].
	Unreachable,
	/// `deadline_blocks` must leave room for one attempt and be at most [`DEADLINE_BLOCKS_MAX`].
	DeadlineBlocks,
	/// `replicas` must be 1 to [`REPLICAS_MAX`].
	Replicas,
	/// `price_cap_per_gfuel` must be above 0 and the escrow must be payable.
	PriceCap,
	/// `retries` must be at most [`RETRIES_MAX`].
	Retries,
}

impl SpecError {
	/// The message for a person: the field, its bounds, what to do.
	pub fn message(&self) -> &'static str {
		match self {
			Self::ProgramSize => {
				"program: size must be between 1 byte and 16 MiB; strip debug information"
			}
			Self::Source => "source: name at least one QUIC or HTTP socket as `address:port`",
			Self::Cpu => "resources.vcpus: must be at least 0.001",
			Self::Memory => "resources.memory_mib: must be between 1 and 4096",
			Self::Gpu => {
				"resources.gpu: must be a part of one (milli 1 to 1000) or up to 16 whole ones (milli 1000)"
			}
			Self::Region => "resources.region: must be two capital letters",
			Self::FuelLimit => "limits.fuel_mfuel: must be between 1 Mfuel and 1,000,000 Gfuel",
			Self::OutputLimit => "limits.output_mib: must be above 0 and at most 64 MiB",
			Self::ExecutionBlocks => "limits.execution_blocks: must be at least 4",
			Self::Unreachable => {
				"limits.execution_blocks: no machine uses up the fuel limit in so few: allow one block per 30 Gfuel"
			}
			Self::DeadlineBlocks => {
				"limits.deadline_blocks: must be at least execution_blocks + 14 and at most 201600"
			}
			Self::Replicas => "verification.replicas: must be 1, 2 or 3",
			Self::PriceCap => {
				"matching.price_cap_per_gfuel: must be above 0 and payable for the fuel limit"
			}
			Self::Retries => "matching.retries: must be at most 3",
		}
	}
}

impl TaskSpec {
	/// Checks every bound and names the first field that is outside of it.
	pub fn validate(&self) -> Result<(), SpecError> {
		let within = |inside: bool, error: SpecError| if inside { Ok(()) } else { Err(error) };
		let resources = &self.requirements.resources;
		within(
			(1..=PROGRAM_BYTES_MAX).contains(&self.program.blob.size_bytes),
			SpecError::ProgramSize,
		)?;
		let reachable = !self.source.sockets.is_empty() || self.source.http.is_some();
		within(reachable && self.source.malformed_field().is_none(), SpecError::Source)?;
		within(resources.cpu_milli >= 1, SpecError::Cpu)?;
		within((1..=MEMORY_MIB_MAX).contains(&resources.memory_mib), SpecError::Memory)?;
		within(resources.gpu.is_valid(), SpecError::Gpu)?;
		within(self.requirements.region.is_none_or(|region| region.is_valid()), SpecError::Region)?;
		within((1..=FUEL_MAX).contains(&self.fuel_limit), SpecError::FuelLimit)?;
		within((1..=OUTPUT_BYTES_MAX).contains(&self.output_limit_bytes), SpecError::OutputLimit)?;
		within(self.execution_blocks >= EXECUTION_BLOCKS_MIN, SpecError::ExecutionBlocks)?;
		let burnable = u64::from(self.execution_blocks).saturating_mul(FUEL_PER_BLOCK_MAX);
		within(self.fuel_limit <= burnable, SpecError::Unreachable)?;
		let shortest = u64::from(DRAW_DELAY_BLOCKS) + u64::from(self.attempt_blocks());
		let lifetime = u64::from(self.deadline_blocks);
		within(
			lifetime >= shortest && self.deadline_blocks <= DEADLINE_BLOCKS_MAX,
			SpecError::DeadlineBlocks,
		)?;
		within((1..=REPLICAS_MAX).contains(&u32::from(self.replicas)), SpecError::Replicas)?;
		within(self.retries <= RETRIES_MAX, SpecError::Retries)?;
		within(self.price_cap_per_gfuel > 0 && self.escrow().is_some(), SpecError::PriceCap)
	}

	/// Of which kinds a task of it is.
	pub fn kinds(&self, is_dependent: bool) -> TaskKinds {
		let kinds = [
			(self.replicas == 1, TaskKinds::SINGLE),
			(self.is_restricted(), TaskKinds::RESTRICTED),
			(is_dependent, TaskKinds::DEPENDENT),
		];
		let of_them = kinds.into_iter().filter(|(applies, _)| *applies);
		of_them.fold(TaskKinds::default(), |sum, (_, kind)| sum.with(kind))
	}

	/// Whether the submitter narrowed down whom he trusts, so that nobody earns points with it.
	pub fn is_restricted(&self) -> bool {
		self.requirements.region.is_some()
	}

	/// The most that the task can cost: every replica running to the fuel limit at the price cap.
	/// `None` where that is more than a balance holds.
	pub fn escrow(&self) -> Option<Balance> {
		payout::ceiling_price(self.fuel_limit, self.price_cap_per_gfuel)?
			.checked_mul(Balance::from(self.replicas))
	}

	/// What one replica may earn at most with a machine that asks `price_per_gfuel`.
	pub fn stake(&self, price_per_gfuel: Balance) -> Balance {
		payout::ceiling_price(self.fuel_limit, price_per_gfuel).unwrap_or(Balance::MAX)
	}

	/// Equal results that settle the task: a majority of the replicas.
	pub fn quorum(&self) -> usize {
		usize::from(self.replicas) / 2 + 1
	}

	/// Blocks that one attempt may take from its draw to its last reveal.
	pub fn attempt_blocks(&self) -> u32 {
		self.execution_blocks.saturating_add(REVEAL_BLOCKS)
	}
}
