//! Tasks and jobs: their escrow, the draw of machines, attestations, agreement and settlement.
//!
//! A submitter describes a task, or many that share a specification, and puts the highest cost on hold. Tasks are frozen, and
//! drawn first thing in a block two later, by the beacon that its header brings along: nobody who could shape the state before knew it. Drawn machines of
//! different providers run them, bind themselves to a result, and reveal. A majority of equal results is accepted, and paid in
//! the same block; the rest of the money returns to the submitter in that block. A task that finds no machine waits in a queue
//! of its kind until one comes.
//!
//! ## Design goals
//!
//! 1. **One function moves a task**: [`aidragon_primitives::state::transition`].
//! 2. **The chain keeps the time.** Every live task, or its job, stands on the [`Agenda`]; each block works off what is due
//!    under a weight cap, and what does not fit is done in the next block. Nobody has to poke anything.
//! 3. **Constant cost.** A draw reads a constant number of pages; nothing loops over all of anything.
//! 4. **Draws come first in a block**, so that anyone can repeat them from the state of the block before.
//!
//! ## Properties
//!
//! * **P1** What is on hold for an account is the sum of the escrow of its live tasks.
//! * **P2** A task's escrow leaves its hold once, in the block of its terminal state.
//! * **P3** Every task reaches a terminal state by its deadline, and then holds no capacity.
//! * **P4** A task is given only to a machine that is a candidate at that block and fits it.
//! * **P5** The draw is a function of the beacon; replicas belong to different providers.
//! * **P6** No call and no step of the agenda costs more where there are more machines or tasks.
//! * **P9** Every call names who may make it.

#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

pub mod agenda;
#[cfg(feature = "runtime-benchmarks")]
mod benchmarking;
mod cancel;
mod deliver;
mod draw;
mod events;
pub mod explain;
mod flow;
pub(crate) mod frozen;
mod invariants;
#[cfg(test)]
mod mock;
mod settle;
mod store;
mod submit;
mod supply;
#[cfg(test)]
mod tests;
pub mod weights;

#[cfg(feature = "runtime-benchmarks")]
pub use benchmarking::BenchmarkHelper;
pub use explain::{Quote, SupplyReport};
pub use pallet::*;
pub use weights::WeightInfo;

use frame_support::pallet_macros::import_section;

#[import_section(events::events)]
#[frame_support::pallet]
pub mod pallet {
	use crate::{
		agenda::Item,
		explain::{Quote, SupplyReport},
		frozen::draw_weight_max,
		weights::WeightInfo,
	};
	use aidragon_primitives::{
		attestation::{Attestation, Deliveries},
		drawing::{Batch, Cursor},
		interface::{Beacon, Escrow, WorkerDirectory},
		job::{After, Job, JobTask, JobTasks, JOB_TASKS_MAX},
		state::TaskState,
		supply::{Bucket, Directory, Page, Place},
		task::{BlobRef, DeclineReason, Task, TaskSpec},
		waiting::{Queue, QueueId, QueueIndex, Ticket, Wakes},
		Balance, BlockNumber, Hash32, JobId, TaskId, WorkerId,
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
		/// Most weight that draws, waking and the agenda take of a block together.
		#[pallet::constant]
		type AgendaWeight: Get<Weight>;
		/// Weights of the calls.
		type WeightInfo: WeightInfo;
		/// What benchmarks need of the rest of the market.
		#[cfg(feature = "runtime-benchmarks")]
		type BenchmarkHelper: crate::BenchmarkHelper<Self::AccountId>;
	}

	/// Jobs by the number of their first task, for as long as one of their tasks is kept. A single task is a job of one.
	#[pallet::storage]
	pub type Jobs<T: Config> = StorageMap<_, Twox64Concat, JobId, Job<T::AccountId>>;

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

	/// Batches of tasks that were frozen in a block.
	#[pallet::storage]
	pub type FrozenLength<T: Config> = StorageMap<_, Twox64Concat, BlockNumber, u32, ValueQuery>;

	/// Frozen tasks, by block and batch.
	#[pallet::storage]
	pub type Frozen<T: Config> = StorageMap<_, Twox64Concat, (BlockNumber, u32), Batch>;

	/// How far the frozen tasks are drawn.
	#[pallet::storage]
	pub type FrozenCursor<T: Config> = StorageValue<_, Cursor, ValueQuery>;

	/// Entries of a block on the agenda.
	#[pallet::storage]
	pub type AgendaLength<T: Config> = StorageMap<_, Twox64Concat, BlockNumber, u32, ValueQuery>;

	/// The agenda: what the chain looks at in a block. An entry whose task moved on in the meantime is passed over.
	#[pallet::storage]
	pub type Agenda<T: Config> = StorageMap<_, Twox64Concat, (BlockNumber, u32), Item>;

	/// The first entry of the agenda that is not worked off.
	#[pallet::storage]
	pub type AgendaCursor<T: Config> = StorageValue<_, (BlockNumber, u32), ValueQuery>;

	/// How many machines each bucket of the supply has.
	#[pallet::storage]
	pub type SupplyDirectory<T: Config> = StorageValue<_, Directory, ValueQuery>;

	/// The machines of a bucket of the supply, in pages. Positions are dense.
	#[pallet::storage]
	pub type SupplyPages<T: Config> = StorageMap<_, Twox64Concat, (Bucket, u32), Page, ValueQuery>;

	/// Where a machine stands in the supply.
	#[pallet::storage]
	pub type SupplyPlaces<T: Config> = StorageMap<_, Twox64Concat, WorkerId, Place>;

	/// The queues in which tasks wait for supply.
	#[pallet::storage]
	pub type WaitingIndex<T: Config> = StorageValue<_, QueueIndex, ValueQuery>;

	/// How far a queue is.
	#[pallet::storage]
	pub type WaitingQueues<T: Config> = StorageMap<_, Twox64Concat, QueueId, Queue, ValueQuery>;

	/// The task at a place of a queue.
	#[pallet::storage]
	pub type Waiting<T: Config> = StorageMap<_, Twox64Concat, Ticket, TaskId>;

	/// Machines that came and for which tasks wait.
	#[pallet::storage]
	pub type Waking<T: Config> = StorageValue<_, Wakes, ValueQuery>;

	#[pallet::hooks]
	impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
		fn on_initialize(_: BlockNumberFor<T>) -> Weight {
			T::Beacon::advance();
			let whole = T::AgendaWeight::get();
			// Draws leave waking a quarter where anything waits, and both leave the agenda a quarter: what is due must not wait for
			// what is new.
			let waking = if Self::may_wake() { whole / 4 } else { Weight::zero() };
			let agenda = whole / 4;
			let mut drawing =
				WeightMeter::with_limit(whole.saturating_sub(agenda).saturating_sub(waking));
			Self::draw_frozen(&mut drawing);
			let mut waking = WeightMeter::with_limit(waking);
			Self::wake_waiting(&mut waking);
			let drawn = drawing.consumed().saturating_add(waking.consumed());
			let mut meter = WeightMeter::with_limit(whole.saturating_sub(drawn));
			Self::work_off_agenda(&mut meter);
			drawn.saturating_add(meter.consumed())
		}

		fn integrity_test() {
			assert!(
				(T::AgendaWeight::get() / 4).all_gte(Self::item_weight_max()),
				"a quarter of the agenda's weight must allow at least one entry per block"
			);
			let steps = T::WeightInfo::wake_step().saturating_mul(2);
			let steps = steps.saturating_add(T::WeightInfo::draw_group());
			assert!(
				(T::AgendaWeight::get() / 4).all_gte(draw_weight_max::<T>().saturating_add(steps)),
				"a quarter of the agenda's weight must allow at least one draw per block"
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
		pub fn submit_task(origin: OriginFor<T>, spec: TaskSpec, input: BlobRef) -> DispatchResult {
			let submitter = ensure_signed(origin)?;
			Self::do_submit(submitter, spec, &[JobTask { input, after: After::default() }])
		}

		/// Submits up to 256 tasks that share a specification, and puts the highest cost of all of them on hold.
		///
		/// A task may take the results of tasks that stand before it: it is drawn once these are there, and fails with them.
		///
		/// ## Dispatch Origin
		/// Signed by the account that pays.
		/// ## Errors
		/// Those of `submit_task`, `EmptyJob`, `DependencyNotBefore`.
		#[pallet::call_index(6)]
		#[pallet::weight(T::WeightInfo::submit_job(tasks.len() as u32))]
		pub fn submit_job(origin: OriginFor<T>, spec: TaskSpec, tasks: JobTasks) -> DispatchResult {
			let submitter = ensure_signed(origin)?;
			Self::do_submit(submitter, spec, &tasks)
		}

		/// Withdraws a task that is not over. Machines that have it are paid for what they have done; the rest returns.
		///
		/// A machine that still works earns the most that the task allows, for the part of its time that is over; one that is bound
		/// to a result all of it; one whose result is known its fuel.
		///
		/// ## Dispatch Origin
		/// Signed by the task's submitter.
		/// ## Errors
		/// `NoSuchTask`, `NotYourTask`, `AlreadyOver`.
		#[pallet::call_index(1)]
		#[pallet::weight(T::WeightInfo::cancel_task())]
		pub fn cancel_task(origin: OriginFor<T>, task: TaskId) -> DispatchResultWithPostInfo {
			let submitter = ensure_signed(origin)?;
			let replicas = Self::do_cancel_task(submitter, task)?;
			let idle = (replicas == 0).then(T::WeightInfo::cancel_idle_task);
			Ok(idle.into())
		}

		/// Withdraws all tasks of a job that are not over, each as `cancel_task` would.
		///
		/// ## Dispatch Origin
		/// Signed by the job's submitter.
		/// ## Errors
		/// `NoSuchJob`, `NotYourTask`, `AlreadyOver`.
		#[pallet::call_index(7)]
		#[pallet::weight(T::WeightInfo::cancel_job(JOB_TASKS_MAX))]
		pub fn cancel_job(origin: OriginFor<T>, job: JobId) -> DispatchResultWithPostInfo {
			let submitter = ensure_signed(origin)?;
			let (cancelled, others) = Self::do_cancel_job(submitter, job)?;
			// The others were looked at.
			let looks = T::DbWeight::get().reads(others.into());
			Ok(Some(T::WeightInfo::cancel_job(cancelled).saturating_add(looks)).into())
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
		) -> DispatchResultWithPostInfo {
			let hot_key = ensure_signed(origin)?;
			let closed = Self::do_commit_result(hot_key, task, commitment)?;
			Ok((!closed).then(T::WeightInfo::commit_result_waiting).into())
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
		) -> DispatchResultWithPostInfo {
			let hot_key = ensure_signed(origin)?;
			let closed = Self::do_reveal_result(hot_key, task, attestation, signature, salt)?;
			Ok((!closed).then(T::WeightInfo::reveal_result_waiting).into())
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

		/// Delivers the results of up to 32 tasks that have one replica each, all of them or, where one is refused, none. Free where
		/// all make progress.
		///
		/// ## Dispatch Origin
		/// Signed by the hot key of the machine that is the replica of all of them.
		/// ## Errors
		/// `NothingDelivered`, and those of `attest_result`; `AlreadyDelivered` where a task is named twice.
		#[pallet::call_index(8)]
		#[pallet::weight(T::WeightInfo::attest_results(deliveries.len() as u32, 0))]
		#[pallet::feeless_if(|origin: &OriginFor<T>, deliveries: &Deliveries| -> bool {
			Pallet::<T>::signer(origin)
				.is_some_and(|who| Pallet::<T>::check_deliveries(&who, deliveries).is_ok())
		})]
		pub fn attest_results(
			origin: OriginFor<T>,
			deliveries: Deliveries,
		) -> DispatchResultWithPostInfo {
			let hot_key = ensure_signed(origin)?;
			let jobs = Self::do_attest_results(hot_key, &deliveries)?;
			let others = (deliveries.len() as u32).saturating_sub(jobs);
			Ok(Some(T::WeightInfo::attest_results(jobs, others)).into())
		}

		/// Gives a task back that the caller's machine cannot do. Another machine is drawn while retries are left.
		///
		/// With at least half of `execution_blocks` left this costs nothing; later it counts as a missed deadline, though the machine
		/// stays on line. A submitter whose program or input is not there has only himself to blame.
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
		) -> DispatchResultWithPostInfo {
			let hot_key = ensure_signed(origin)?;
			let closed = Self::do_decline_task(hot_key, task, reason)?;
			Ok((!closed).then(T::WeightInfo::decline_task_waiting).into())
		}
	}

	#[pallet::view_functions]
	impl<T: Config> Pallet<T> {
		/// A task as the chain keeps it, apart from what its job says.
		pub fn task(task: TaskId) -> Option<Task<T::AccountId>> {
			Tasks::<T>::get(task)
		}

		/// What the tasks of a job have in common.
		pub fn job(job: JobId) -> Option<Job<T::AccountId>> {
			Jobs::<T>::get(job)
		}

		/// Where each task of a job stands, in order. Tasks that were forgotten are left out.
		pub fn job_states(job: JobId) -> alloc::vec::Vec<(TaskId, TaskState)> {
			let tasks = Jobs::<T>::get(job).map_or(0, |job| u64::from(job.tasks));
			let state = |id: TaskId| Some((id, Tasks::<T>::get(id)?.state));
			(job..job.saturating_add(tasks)).filter_map(state).collect()
		}

		/// Why a task ended as it did, in words, or `None` while it is live or after it was forgotten.
		pub fn reason(task: TaskId) -> Option<alloc::string::String> {
			Self::explain_end(task)
		}

		/// What a task would cost, how long it would wait, and how many machines fit it now, or why they do not.
		pub fn quote(spec: TaskSpec) -> Result<Quote, alloc::string::String> {
			Self::quote_for(&spec)
		}

		/// Why a task waits: how many machines pass each of its requirements. `None` where it does not wait.
		pub fn why_waiting(task: TaskId) -> Option<SupplyReport> {
			Self::explain_wait(task)
		}
	}
}
