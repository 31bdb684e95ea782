//! What machines deliver: commitments, attestations, or the task back.

use crate::{agenda::Item, settle::Freed, Assignments, Config, Error, Event, Jobs, Pallet, Tasks};
use aidragon_primitives::{
	attestation::{Attestation, Delivery, ExitStatus, ATTESTATION_VERSION},
	interface::{Conduct, WorkerDirectory},
	job::Job,
	state::{TaskEvent, TaskState},
	task::{DeclineReason, Progress, Replica, Task},
	Hash32, TaskId, WorkerId,
};
use alloc::{collections::BTreeSet, vec::Vec};
use codec::Encode;
use frame_support::{ensure, traits::Get};
use frame_system::{
	ensure_signed,
	pallet_prelude::{BlockNumberFor, OriginFor},
};
use sp_runtime::{traits::Zero, DispatchError, DispatchResult};

/// Tasks of a silent machine that one entry of the agenda frees.
pub(crate) const SILENT_TASKS_MAX: usize = 4;

/// A machine with a task of its own.
pub(crate) struct Held<T: Config> {
	worker: WorkerId,
	task: Task<T::AccountId>,
	job: Job<T::AccountId>,
	replica: Replica<T::AccountId>,
}

impl<T: Config> Pallet<T> {
	/// The signer, for the checks that decide whether a call is free.
	pub(crate) fn signer(origin: &OriginFor<T>) -> Option<T::AccountId> {
		ensure_signed(origin.clone()).ok()
	}

	fn held(hot_key: &T::AccountId, id: TaskId) -> Result<Held<T>, Error<T>> {
		let worker = T::Directory::worker_of(hot_key).ok_or(Error::<T>::NotAHotKey)?;
		let task = Tasks::<T>::get(id).ok_or(Error::<T>::NoSuchTask)?;
		let replica = task.replica_of(worker).cloned().ok_or(Error::<T>::NotAssigned)?;
		let job = Jobs::<T>::get(task.job).ok_or(Error::<T>::NoSuchTask)?;
		Ok(Held { worker, task, job, replica })
	}

	/// A machine that may deliver now: its task waits for it, and the time is not over.
	fn awaited(hot_key: &T::AccountId, id: TaskId) -> Result<Held<T>, Error<T>> {
		let held = Self::held(hot_key, id)?;
		ensure!(held.replica.progress == Progress::Assigned, Error::<T>::AlreadyDelivered);
		ensure!(held.task.state == TaskState::Assigned, Error::<T>::WrongState);
		// The agenda closes this step at the start of block `wake_at`.
		ensure!(Self::now() < held.task.wake_at, Error::<T>::TooLate);
		Ok(held)
	}

	pub(crate) fn check_commit(hot_key: &T::AccountId, id: TaskId) -> Result<Held<T>, Error<T>> {
		let held = Self::awaited(hot_key, id)?;
		ensure!(held.job.spec.replicas > 1, Error::<T>::SingleReplica);
		Ok(held)
	}

	pub(crate) fn do_commit_result(
		hot_key: T::AccountId,
		id: TaskId,
		commitment: Hash32,
	) -> Result<bool, DispatchError> {
		let Held { worker, mut task, .. } = Self::check_commit(&hot_key, id)?;
		Self::set_progress(&mut task, worker, Progress::Committed(commitment));
		Self::deposit_event(Event::ResultCommitted { task: id, worker });
		Ok(Self::continue_after_delivery(id, task))
	}

	pub(crate) fn check_reveal(
		hot_key: &T::AccountId,
		id: TaskId,
		attestation: &Attestation,
		signature: &[u8; 64],
		salt: &Hash32,
	) -> Result<Held<T>, Error<T>> {
		let held = Self::held(hot_key, id)?;
		let commitment = match held.replica.progress {
			Progress::Assigned => return Err(Error::<T>::NotCommitted),
			Progress::Revealed(_) => return Err(Error::<T>::AlreadyDelivered),
			Progress::Committed(commitment) => commitment,
		};
		ensure!(held.task.state == TaskState::Committed, Error::<T>::WrongState);
		ensure!(Self::now() < held.task.wake_at, Error::<T>::TooLate);
		ensure!(attestation.commitment(salt) == commitment, Error::<T>::CommitmentMismatch);
		Self::check_attestation(hot_key, id, &held, attestation, signature)?;
		Ok(held)
	}

	pub(crate) fn do_reveal_result(
		hot_key: T::AccountId,
		id: TaskId,
		attestation: Attestation,
		signature: [u8; 64],
		salt: Hash32,
	) -> Result<bool, DispatchError> {
		let Held { worker, mut task, .. } =
			Self::check_reveal(&hot_key, id, &attestation, &signature, &salt)?;
		Self::reveal(id, &mut task, worker, &attestation);
		let closed = task.revealed() == task.replicas.len();
		match closed {
			true => Self::close_reveals(id, task).refresh::<T>(),
			false => Tasks::<T>::insert(id, task),
		}
		Ok(closed)
	}

	pub(crate) fn check_attest(
		hot_key: &T::AccountId,
		id: TaskId,
		attestation: &Attestation,
		signature: &[u8; 64],
	) -> Result<Held<T>, Error<T>> {
		let held = Self::awaited(hot_key, id)?;
		ensure!(held.job.spec.replicas == 1, Error::<T>::SeveralReplicas);
		Self::check_attestation(hot_key, id, &held, attestation, signature)?;
		Ok(held)
	}

	pub(crate) fn do_attest_result(
		hot_key: T::AccountId,
		id: TaskId,
		attestation: Attestation,
		signature: [u8; 64],
	) -> DispatchResult {
		let held = Self::check_attest(&hot_key, id, &attestation, &signature)?;
		Self::attest(id, held, &attestation).refresh::<T>();
		Ok(())
	}

	fn attest(id: TaskId, held: Held<T>, attestation: &Attestation) -> Freed {
		let Held { worker, mut task, .. } = held;
		Self::reveal(id, &mut task, worker, attestation);
		Self::advance(&mut task, TaskEvent::Attested);
		Self::evaluate(id, task)
	}

	/// Whether all of these can be delivered now, each of another task.
	pub(crate) fn check_deliveries(
		hot_key: &T::AccountId,
		deliveries: &[Delivery],
	) -> Result<(), Error<T>> {
		ensure!(!deliveries.is_empty(), Error::<T>::NothingDelivered);
		for (index, Delivery { attestation, signature }) in deliveries.iter().enumerate() {
			let before = deliveries.iter().take(index);
			let is_new =
				!before.into_iter().any(|other| other.attestation.task == attestation.task);
			ensure!(is_new, Error::<T>::AlreadyDelivered);
			Self::check_attest(hot_key, attestation.task, attestation, signature)?;
		}
		Ok(())
	}

	/// Delivers all of these, and says of how many jobs they are.
	pub(crate) fn do_attest_results(
		hot_key: T::AccountId,
		deliveries: &[Delivery],
	) -> Result<u32, DispatchError> {
		ensure!(!deliveries.is_empty(), Error::<T>::NothingDelivered);
		let (mut freed, mut jobs) = (Freed::default(), BTreeSet::new());
		for Delivery { attestation, signature } in deliveries {
			let id = attestation.task;
			let held = Self::check_attest(&hot_key, id, attestation, signature)?;
			jobs.insert(held.task.job);
			freed = freed.and(Self::attest(id, held, attestation));
		}
		freed.refresh::<T>();
		Ok(jobs.len() as u32)
	}

	pub(crate) fn check_decline(hot_key: &T::AccountId, id: TaskId) -> Result<Held<T>, Error<T>> {
		let held = Self::held(hot_key, id)?;
		ensure!(held.replica.progress == Progress::Assigned, Error::<T>::AlreadyDelivered);
		ensure!(held.task.state == TaskState::Assigned, Error::<T>::WrongState);
		Ok(held)
	}

	pub(crate) fn do_decline_task(
		hot_key: T::AccountId,
		id: TaskId,
		reason: DeclineReason,
	) -> Result<bool, DispatchError> {
		let Held { worker, mut task, job, .. } = Self::check_decline(&hot_key, id)?;
		task.declined = Some(reason);
		let conduct = Self::conduct_of_return(&task, &job, reason);
		Self::vacate(id, &mut task, &job, |replica| (replica.worker == worker).then_some(conduct))
			.refresh::<T>();
		Self::deposit_event(Event::TaskDeclined { task: id, worker, reason });
		Ok(Self::continue_after_delivery(id, task))
	}

	/// A machine that gives a task back while another one has time for it, or whose submitter does not deliver, did nothing wrong.
	fn conduct_of_return(
		task: &Task<T::AccountId>,
		job: &Job<T::AccountId>,
		reason: DeclineReason,
	) -> Conduct {
		let left = task.wake_at.saturating_sub(Self::now());
		let in_time = left >= job.spec.execution_blocks / 2;
		match reason {
			DeclineReason::HostFault | DeclineReason::ShuttingDown if !in_time => {
				Conduct::ReturnedLate
			}
			_ => Conduct::Neutral,
		}
	}

	/// Takes from a machine that is off line what it has not delivered, some tasks at a time, and gives what is left over.
	pub(crate) fn free_tasks_of(worker: WorkerId) -> Option<Item> {
		Self::free_tasks_behind(worker, None)
	}

	/// As [`Self::free_tasks_of`], of its tasks behind one of them. What it delivered stays, so that the same ones come first again.
	pub(crate) fn free_tasks_behind(worker: WorkerId, behind: Option<TaskId>) -> Option<Item> {
		if T::Directory::is_online(worker) {
			return None;
		}
		let keys = match behind {
			None => Assignments::<T>::iter_key_prefix(worker),
			Some(task) => {
				let key = Assignments::<T>::hashed_key_for(worker, task);
				Assignments::<T>::iter_key_prefix_from(worker, key)
			}
		};
		let tasks: Vec<TaskId> = keys.take(SILENT_TASKS_MAX).collect();
		for id in &tasks {
			let Some(task) = Tasks::<T>::get(id) else { continue };
			let owes = |replica: &Replica<T::AccountId>| replica.progress == Progress::Assigned;
			if task.state == TaskState::Assigned && task.replica_of(worker).is_some_and(owes) {
				Self::take_from(*id, task, worker);
			}
		}
		let is_full = tasks.len() == SILENT_TASKS_MAX;
		tasks.last().filter(|_| is_full).map(|last| Item::SilentBehind(worker, *last))
	}

	fn take_from(id: TaskId, mut task: Task<T::AccountId>, worker: WorkerId) {
		let Some(job) = Self::job_of(&task) else { return };
		Self::vacate(id, &mut task, &job, |replica| {
			(replica.worker == worker).then_some(Conduct::Missed)
		})
		.refresh::<T>();
		Self::continue_after_delivery(id, task);
	}

	/// Goes on once nobody owes anything any more, and says whether it did; until then the task waits for the others.
	fn continue_after_delivery(id: TaskId, task: Task<T::AccountId>) -> bool {
		let closed = task.outstanding() == 0;
		match closed {
			true => Self::close_commits(id, task).refresh::<T>(),
			false => Tasks::<T>::insert(id, task),
		}
		closed
	}

	fn reveal(
		id: TaskId,
		task: &mut Task<T::AccountId>,
		worker: WorkerId,
		attestation: &Attestation,
	) {
		let digest = attestation.result;
		Self::set_progress(task, worker, Progress::Revealed(digest));
		let (output_root, fuel) = (digest.output_root, digest.fuel);
		Self::deposit_event(Event::ResultRevealed { task: id, worker, output_root, fuel });
	}

	fn set_progress(task: &mut Task<T::AccountId>, worker: WorkerId, progress: Progress) {
		for replica in task.replicas.iter_mut().filter(|replica| replica.worker == worker) {
			replica.progress = progress;
		}
	}

	fn check_attestation(
		hot_key: &T::AccountId,
		id: TaskId,
		held: &Held<T>,
		attestation: &Attestation,
		signature: &[u8; 64],
	) -> Result<(), Error<T>> {
		let spec = &held.job.spec;
		let genesis = frame_system::Pallet::<T>::block_hash(BlockNumberFor::<T>::zero());
		let as_it_must_be = attestation.version == ATTESTATION_VERSION
			&& attestation.genesis.as_slice() == genesis.as_ref()
			&& attestation.task == id
			&& attestation.attempt == held.replica.attempt
			&& attestation.worker == held.worker
			&& attestation.program == spec.program.blob.hash
			&& attestation.input_root == held.task.input_root()
			&& attestation.meter_schedule == T::MeterSchedule::get()
			&& attestation.started_at <= attestation.finished_at;
		ensure!(as_it_must_be, Error::<T>::AttestationMismatch);
		let result = &attestation.result;
		// A program that ran out of fuel used exactly its limit; anything else is a false statement.
		let exhausted = result.status == ExitStatus::OutOfFuel;
		ensure!(
			result.fuel <= spec.fuel_limit
				&& (!exhausted || result.fuel == spec.fuel_limit)
				&& result.output_bytes <= spec.output_limit_bytes,
			Error::<T>::LimitsExceeded
		);
		ensure!(Self::is_signed_by(hot_key, attestation, signature), Error::<T>::BadSignature);
		Ok(())
	}

	fn is_signed_by(
		hot_key: &T::AccountId,
		attestation: &Attestation,
		signature: &[u8; 64],
	) -> bool {
		let Ok(public) = <[u8; 32]>::try_from(hot_key.encode().as_slice()) else {
			return false;
		};
		sp_io::crypto::sr25519_verify(
			&sp_core::sr25519::Signature::from_raw(*signature),
			&attestation.signing_payload(),
			&sp_core::sr25519::Public::from_raw(public),
		)
	}
}
