//! Tasks: their escrow, the draw of machines, attestations, agreement and settlement.
//!
//! A submitter describes a task and puts its highest cost on hold. The task is frozen, and drawn two blocks
//! later by the beacon of the block in between, which nobody knew when it was frozen. Drawn machines of
//! different providers run it, bind themselves to a result, and reveal. A majority of equal results is
//! accepted, and paid in the same block; the rest of the money returns to the submitter in that block.
//!
//! ## Design goals
//!
//! 1. **One function moves a task**: [`aidragon_primitives::state::transition`].
//! 2. **The chain keeps the time.** Every live task stands on the [`Agenda`] once; each block works off what is
//!    due under a weight cap, and what does not fit is done in the next block. Nobody has to poke anything.
//! 3. **Constant cost.** A draw looks at a constant number of machines; nothing loops over all of anything.
//!
//! ## Properties
//!
//! * **P1** What is on hold for an account is the sum of the escrow of its live tasks.
//! * **P2** A task's escrow leaves its hold once, in the block of its terminal state.
//! * **P3** Every task reaches a terminal state by its deadline, and then holds no capacity.
//! * **P4** A task is given only to a machine that is a candidate at that block and fits it.
//! * **P5** The draw is a function of the beacon; replicas belong to different providers.
//! * **P9** Every call names who may make it.

#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

mod agenda;
#[cfg(feature = "runtime-benchmarks")]
mod benchmarking;
mod deliver;
mod draw;
mod explain;
mod invariants;
#[cfg(test)]
mod mock;
mod settle;
mod submit;
pub mod supply;
#[cfg(test)]
mod tests;
pub mod weights;

#[cfg(feature = "runtime-benchmarks")]
pub use benchmarking::BenchmarkHelper;
pub use explain::SupplyReport;
pub use pallet::*;
pub use weights::WeightInfo;

#[frame_support::pallet]
pub mod pallet {
	use crate::{explain::SupplyReport, weights::WeightInfo};
	use aidragon_primitives::{
		attestation::Attestation,
		interface::{Beacon, Escrow, WorkerDirectory},
		matching::Bucket,
		state::TaskState,
		task::{DeclineReason, Task, TaskSpec},
		Balance, BlockNumber, Hash32, TaskId, WorkerId,
	};
	use frame_support::{pallet_prelude::*, weights::WeightMeter};
	use frame_system::pallet_prelude::*;

	/// The pallet.
	#[pallet::pallet]
	pub struct Pallet<T>(_);

	/// What the runtime provides.
	#[pallet::config]
	pub trait Config: frame_system::Config<RuntimeEvent: From<Event<Self>>> {
		/// The chain's randomness.
		type Beacon: Beacon;
		/// Where machines are looked up and their capacity is taken.
		type Directory: WorkerDirectory<Self::AccountId>;
		/// The time of the last block, in milliseconds of Unix time.
		type UnixMs: Get<u64>;
		/// Task money.
		type Escrow: Escrow<Self::AccountId>;
		/// Hash of the fuel schedule under which attestations are accepted.
		#[pallet::constant]
		type MeterSchedule: Get<Hash32>;
		/// Blocks for which a task that is over can still be read.
		#[pallet::constant]
		type Retention: Get<BlockNumber>;
		/// Most weight that the agenda takes of a block.
		#[pallet::constant]
		type AgendaWeight: Get<Weight>;
		/// Weights of the calls.
		type WeightInfo: WeightInfo;
		/// What benchmarks need of the rest of the market.
		#[cfg(feature = "runtime-benchmarks")]
		type BenchmarkHelper: crate::BenchmarkHelper<Self::AccountId>;
	}

	/// Tasks by number, until some time after they are over.
	#[pallet::storage]
	pub type Tasks<T: Config> = StorageMap<_, Twox64Concat, TaskId, Task<T::AccountId>>;

	/// The number that the next task gets.
	#[pallet::storage]
	pub type NextTaskId<T: Config> = StorageValue<_, TaskId, ValueQuery>;

	/// The live tasks of a machine: those it is a replica of.
	#[pallet::storage]
	pub type Assignments<T: Config> =
		StorageDoubleMap<_, Twox64Concat, WorkerId, Twox64Concat, TaskId, ()>;

	/// Entries of a block on the agenda.
	#[pallet::storage]
	pub type AgendaLength<T: Config> = StorageMap<_, Twox64Concat, BlockNumber, u32, ValueQuery>;

	/// The agenda: what the chain looks at in a block. An entry whose task moved on in the meantime is passed over.
	#[pallet::storage]
	pub type Agenda<T: Config> = StorageMap<_, Twox64Concat, (BlockNumber, u32), TaskId>;

	/// The first entry of the agenda that is not worked off.
	#[pallet::storage]
	pub type AgendaCursor<T: Config> = StorageValue<_, (BlockNumber, u32), ValueQuery>;

	/// Machines in a supply bucket.
	#[pallet::storage]
	pub type SupplyLength<T: Config> = StorageMap<_, Twox64Concat, Bucket, u32, ValueQuery>;

	/// The machine at a position of a supply bucket. Positions are dense.
	#[pallet::storage]
	pub type SupplySlots<T: Config> = StorageMap<_, Twox64Concat, (Bucket, u32), WorkerId>;

	/// Where a machine stands in the supply.
	#[pallet::storage]
	pub type SupplyPosition<T: Config> = StorageMap<_, Twox64Concat, WorkerId, (Bucket, u32)>;

	/// Bit `b` is set where bucket `b` is not empty.
	#[pallet::storage]
	pub type SupplyBitmap<T: Config> = StorageValue<_, u64, ValueQuery>;

	/// What happened.
	#[pallet::event]
	#[pallet::generate_deposit(pub(crate) fn deposit_event)]
	pub enum Event<T: Config> {
		/// A task was accepted and frozen; the beacon of a later block draws its machines.
		TaskSubmitted {
			/// The task.
			task: TaskId,
			/// Who pays.
			submitter: T::AccountId,
			/// What is on hold for it.
			escrow: Balance,
			/// The block by which it is over.
			deadline: BlockNumber,
		},
		/// Machines were drawn.
		TaskAssigned {
			/// The task.
			task: TaskId,
			/// The draw, counted from 0.
			attempt: u8,
			/// The block whose beacon drew them.
			beacon_block: BlockNumber,
			/// The drawn machines.
			workers: alloc::vec::Vec<WorkerId>,
		},
		/// No machines that fit were found; the draw is repeated later.
		NothingMatched {
			/// The task.
			task: TaskId,
			/// The block of the next draw.
			next_draw: BlockNumber,
		},
		/// A machine is bound to a result.
		ResultCommitted {
			/// The task.
			task: TaskId,
			/// The machine.
			worker: WorkerId,
		},
		/// A machine's result is known.
		ResultRevealed {
			/// The task.
			task: TaskId,
			/// The machine.
			worker: WorkerId,
			/// Hash of the output.
			output_root: Hash32,
			/// Fuel that it took.
			fuel: u64,
		},
		/// A machine gave the task back.
		TaskDeclined {
			/// The task.
			task: TaskId,
			/// The machine.
			worker: WorkerId,
			/// What it said.
			reason: DeclineReason,
		},
		/// Machines that were missing or did not agree are replaced.
		TaskRetried {
			/// The task.
			task: TaskId,
			/// Retries that are left.
			retries_left: u8,
		},
		/// The task is over, and its money is where it belongs.
		TaskFinished {
			/// The task.
			task: TaskId,
			/// How it ended.
			state: TaskState,
			/// What was paid, protocol share included.
			paid: Balance,
			/// What returned to the submitter.
			refunded: Balance,
		},
	}

	/// What can go wrong.
	#[pallet::error]
	pub enum Error<T> {
		/// `program.size_bytes` must be between 1 byte and 16 MiB.
		ProgramSizeOutOfRange,
		/// `input.size_bytes` must be at most 1 GiB.
		InputSizeOutOfRange,
		/// `source` must name at least one QUIC or HTTP socket, each as `address:port`.
		MalformedSource,
		/// `requirements.capacity.vcpus` must be at least 1.
		VcpusOutOfRange,
		/// `requirements.capacity.memory_mib` must be between 1 and 4096.
		MemoryOutOfRange,
		/// `fuel_limit` must be above 0 and at most 10¹⁵.
		FuelLimitOutOfRange,
		/// `output_limit_bytes` must be above 0 and at most 64 MiB.
		OutputLimitOutOfRange,
		/// `execution_blocks` must be at least 4.
		ExecutionBlocksOutOfRange,
		/// `deadline_blocks` must be at least `execution_blocks` + 14, and at most 201,600.
		DeadlineOutOfRange,
		/// `replicas` must be 1, 2 or 3.
		ReplicasOutOfRange,
		/// `price_cap_per_gfuel` must be above 0, and the escrow that follows from it must be a balance.
		PriceCapOutOfRange,
		/// `retries` must be at most 3.
		RetriesOutOfRange,
		/// The account has not enough free balance for the escrow: fuel limit × price cap × replicas.
		InsufficientFunds,
		/// There is no task of that number, or it was over long ago.
		NoSuchTask,
		/// Only the submitter may do this.
		NotYourTask,
		/// Machines are drawn already; the task can no longer be cancelled.
		TooLateToCancel,
		/// The caller is not the hot key of any machine.
		NotAHotKey,
		/// The machine is not a replica of this task.
		NotAssigned,
		/// The machine committed or revealed already.
		AlreadyDelivered,
		/// The task does not take this step now.
		WrongState,
		/// The time for this step is over.
		TooLate,
		/// A task with one replica is delivered by `attest_result`.
		SingleReplica,
		/// A task with several replicas is delivered by `commit_result` and `reveal_result`.
		SeveralReplicas,
		/// The machine did not commit to anything.
		NotCommitted,
		/// The attestation and salt are not what the machine committed to.
		CommitmentMismatch,
		/// The attestation has another version, chain, task, attempt, machine, program, input or meter schedule than
		/// it must have.
		AttestationMismatch,
		/// The attested fuel or output exceeds the task's limits.
		LimitsExceeded,
		/// The signature is not the hot key's over the attestation.
		BadSignature,
		/// A counter reached its end.
		Overflow,
	}

	#[pallet::hooks]
	impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
		fn on_initialize(_: BlockNumberFor<T>) -> Weight {
			let mut meter = WeightMeter::with_limit(T::AgendaWeight::get());
			Self::work_off_agenda(&mut meter);
			meter.consumed()
		}

		fn integrity_test() {
			assert!(
				T::AgendaWeight::get().all_gte(Self::agenda_item_weight()),
				"the agenda's weight must allow at least one entry per block"
			);
			assert!(T::Retention::get() > 0, "a result must be readable for a while");
		}

		#[cfg(feature = "try-runtime")]
		fn try_state(_: BlockNumberFor<T>) -> Result<(), sp_runtime::TryRuntimeError> {
			Self::do_try_state()
		}
	}

	#[pallet::call]
	impl<T: Config> Pallet<T> {
		/// Submits a task and puts its highest cost on hold: fuel limit × price cap × replicas.
		///
		/// What the machines do not earn returns in the block in which the task is over.
		///
		/// ## Dispatch Origin
		/// Signed by the account that pays.
		/// ## Errors
		/// One per field that is out of range, and `InsufficientFunds`.
		#[pallet::call_index(0)]
		#[pallet::weight(T::WeightInfo::submit_task())]
		pub fn submit_task(origin: OriginFor<T>, spec: TaskSpec) -> DispatchResult {
			let submitter = ensure_signed(origin)?;
			Self::do_submit_task(submitter, spec)
		}

		/// Withdraws a task for which no machine is drawn. All of its money returns.
		///
		/// ## Dispatch Origin
		/// Signed by the task's submitter.
		/// ## Errors
		/// `NoSuchTask`, `NotYourTask`, `TooLateToCancel`.
		#[pallet::call_index(1)]
		#[pallet::weight(T::WeightInfo::cancel_task())]
		pub fn cancel_task(origin: OriginFor<T>, task: TaskId) -> DispatchResult {
			let submitter = ensure_signed(origin)?;
			Self::do_cancel_task(submitter, task)
		}

		/// Binds the caller's machine to a result that it reveals later. Free where it makes progress.
		///
		/// ## Dispatch Origin
		/// Signed by the hot key of a machine that is a replica.
		/// ## Errors
		/// `NotAHotKey`, `NoSuchTask`, `NotAssigned`, `SingleReplica`, `WrongState`, `TooLate`, `AlreadyDelivered`.
		#[pallet::call_index(2)]
		#[pallet::weight(T::WeightInfo::commit_result())]
		#[pallet::feeless_if(|origin: &OriginFor<T>, task: &TaskId, _: &Hash32| -> bool {
			Pallet::<T>::signer(origin).is_some_and(|who| Pallet::<T>::check_commit(&who, *task).is_ok())
		})]
		pub fn commit_result(
			origin: OriginFor<T>,
			task: TaskId,
			commitment: Hash32,
		) -> DispatchResult {
			let hot_key = ensure_signed(origin)?;
			Self::do_commit_result(hot_key, task, commitment)
		}

		/// Reveals the result that the caller's machine is bound to. Free where it makes progress.
		///
		/// ## Dispatch Origin
		/// Signed by the hot key of a machine that committed.
		/// ## Errors
		/// `NotAHotKey`, `NoSuchTask`, `NotAssigned`, `WrongState`, `TooLate`, `NotCommitted`, `AlreadyDelivered`,
		/// `CommitmentMismatch`, `AttestationMismatch`, `LimitsExceeded`, `BadSignature`.
		#[pallet::call_index(3)]
		#[pallet::weight(T::WeightInfo::reveal_result())]
		#[pallet::feeless_if(|
			origin: &OriginFor<T>,
			task: &TaskId,
			attestation: &Attestation,
			signature: &[u8; 64],
			salt: &Hash32,
		| -> bool {
			Pallet::<T>::signer(origin)
				.is_some_and(|who| Pallet::<T>::check_reveal(&who, *task, attestation, signature, salt).is_ok())
		})]
		pub fn reveal_result(
			origin: OriginFor<T>,
			task: TaskId,
			attestation: Attestation,
			signature: [u8; 64],
			salt: Hash32,
		) -> DispatchResult {
			let hot_key = ensure_signed(origin)?;
			Self::do_reveal_result(hot_key, task, attestation, signature, salt)
		}

		/// Delivers the result of a task that has one replica. Free where it makes progress.
		///
		/// ## Dispatch Origin
		/// Signed by the hot key of the machine that is the replica.
		/// ## Errors
		/// `NotAHotKey`, `NoSuchTask`, `NotAssigned`, `SeveralReplicas`, `WrongState`, `TooLate`,
		/// `AttestationMismatch`, `LimitsExceeded`, `BadSignature`.
		#[pallet::call_index(4)]
		#[pallet::weight(T::WeightInfo::attest_result())]
		#[pallet::feeless_if(|
			origin: &OriginFor<T>,
			task: &TaskId,
			attestation: &Attestation,
			signature: &[u8; 64],
		| -> bool {
			Pallet::<T>::signer(origin)
				.is_some_and(|who| Pallet::<T>::check_attest(&who, *task, attestation, signature).is_ok())
		})]
		pub fn attest_result(
			origin: OriginFor<T>,
			task: TaskId,
			attestation: Attestation,
			signature: [u8; 64],
		) -> DispatchResult {
			let hot_key = ensure_signed(origin)?;
			Self::do_attest_result(hot_key, task, attestation, signature)
		}

		/// Gives a task back that the caller's machine cannot do. Another machine is drawn while retries are left.
		///
		/// ## Dispatch Origin
		/// Signed by the hot key of a machine that is a replica and delivered nothing yet.
		/// ## Errors
		/// `NotAHotKey`, `NoSuchTask`, `NotAssigned`, `WrongState`, `AlreadyDelivered`.
		#[pallet::call_index(5)]
		#[pallet::weight(T::WeightInfo::decline_task())]
		#[pallet::feeless_if(|origin: &OriginFor<T>, task: &TaskId, _: &DeclineReason| -> bool {
			Pallet::<T>::signer(origin).is_some_and(|who| Pallet::<T>::check_decline(&who, *task).is_ok())
		})]
		pub fn decline_task(
			origin: OriginFor<T>,
			task: TaskId,
			reason: DeclineReason,
		) -> DispatchResult {
			let hot_key = ensure_signed(origin)?;
			Self::do_decline_task(hot_key, task, reason)
		}
	}

	#[pallet::view_functions]
	impl<T: Config> Pallet<T> {
		/// A task as the chain keeps it.
		pub fn task(task: TaskId) -> Option<Task<T::AccountId>> {
			Tasks::<T>::get(task)
		}

		/// Why a task ended as it did, in words, or `None` while it is live or after it was forgotten.
		pub fn reason(task: TaskId) -> Option<alloc::string::String> {
			Self::explain_end(task)
		}

		/// What a specification would cost at most, and how many machines fit it now, or why they do not.
		pub fn quote(spec: TaskSpec) -> Result<SupplyReport, alloc::string::String> {
			Self::report_supply(&spec)
		}
	}
}
