//! What the pallet says: its events and errors.

use frame_support::pallet_macros::pallet_section;

/// Part of the pallet.
#[pallet_section]
mod events {
	/// What happened.
	#[pallet::event]
	#[pallet::generate_deposit(pub(crate) fn deposit_event)]
	pub enum Event<T: Config> {
		/// A job was accepted. Its tasks are frozen; the beacon of a later block draws their machines.
		JobSubmitted {
			/// The job, by the number of its first task. The others follow.
			job: JobId,
			/// How many tasks it has.
			tasks: u16,
			/// Who pays.
			submitter: T::AccountId,
			/// What is on hold for all of them.
			escrow: Balance,
			/// The block by which all of them are over.
			deadline: BlockNumber,
		},
		/// The results that a task takes are there; the beacon of a later block draws its machines.
		TaskReleased {
			/// The task.
			task: TaskId,
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
		/// No machines that fit were found; the task waits for one to come. `why_waiting` says what is missing.
		NothingMatched {
			/// The task.
			task: TaskId,
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
		/// A job must have at least one task.
		EmptyJob,
		/// `after` of a task must name tasks of the job that stand before it.
		DependencyNotBefore,
		/// `requirements.resources.cpu_milli` must be at least 1.
		CpuOutOfRange,
		/// `requirements.resources.memory_mib` must be between 1 and 4096.
		MemoryOutOfRange,
		/// `requirements.resources.gpu` must be all zeros, `count` 1 with `milli` 1 to 1000, or `count` up to 16 with `milli` 1000.
		GpuOutOfRange,
		/// `requirements.region` must be two capital letters.
		MalformedRegion,
		/// `fuel_limit` must be above 0 and at most 10¹⁵.
		FuelLimitOutOfRange,
		/// `output_limit_bytes` must be above 0 and at most 64 MiB.
		OutputLimitOutOfRange,
		/// `execution_blocks` must be at least 4.
		ExecutionBlocksOutOfRange,
		/// No machine uses up `fuel_limit` within `execution_blocks`: allow at least one block per 30 × 10⁹ fuel.
		FuelLimitUnreachable,
		/// `deadline_blocks` must be at least `execution_blocks` + 14, and at most 201,600.
		DeadlineOutOfRange,
		/// `replicas` must be 1, 2 or 3.
		ReplicasOutOfRange,
		/// `price_cap_per_gfuel` must be above 0, and the escrow that follows from it must be a balance.
		PriceCapOutOfRange,
		/// `retries` must be at most 3.
		RetriesOutOfRange,
		/// The account has not enough free balance for the escrow: fuel limit × price cap × replicas × tasks.
		InsufficientFunds,
		/// There is no task of that number, or it was over long ago.
		NoSuchTask,
		/// There is no job of that number, or it was over long ago. A job has the number of its first task.
		NoSuchJob,
		/// Only the submitter may do this.
		NotYourTask,
		/// It is over already.
		AlreadyOver,
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
		/// `deliveries` must name at least one result.
		NothingDelivered,
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
}
