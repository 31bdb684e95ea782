//! What machines deliver: commitments, attestations, or the task back.

use crate::{Config, Error, Event, Pallet, Tasks};
use aidragon_primitives::{
	attestation::{Attestation, ExitStatus, ATTESTATION_VERSION},
	interface::{Conduct, WorkerDirectory},
	state::{TaskEvent, TaskState},
	task::{DeclineReason, Progress, Replica, Task},
	Hash32, TaskId, WorkerId,
};
use codec::Encode;
use frame_support::{ensure, traits::Get};
use frame_system::{
	ensure_signed,
	pallet_prelude::{BlockNumberFor, OriginFor},
};
use sp_runtime::{traits::Zero, DispatchResult};

/// A machine with a task of its own.
pub(crate) struct Held<T: Config> {
	worker: WorkerId,
	task: Task<T::AccountId>,
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
		Ok(Held { worker, task, replica })
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
		ensure!(held.task.spec.replicas > 1, Error::<T>::SingleReplica);
		Ok(held)
	}

	pub(crate) fn do_commit_result(
		hot_key: T::AccountId,
		id: TaskId,
		commitment: Hash32,
	) -> DispatchResult {
		let Held { worker, mut task, .. } = Self::check_commit(&hot_key, id)?;
		Self::set_progress(&mut task, worker, Progress::Committed(commitment));
		Self::deposit_event(Event::ResultCommitted { task: id, worker });
		Self::continue_after_delivery(id, task);
		Ok(())
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
	) -> DispatchResult {
		let Held { worker, mut task, .. } =
			Self::check_reveal(&hot_key, id, &attestation, &signature, &salt)?;
		Self::reveal(id, &mut task, worker, &attestation);
		if task.revealed() == task.replicas.len() {
			Self::close_reveals(id, task);
		} else {
			Tasks::<T>::insert(id, task);
		}
		Ok(())
	}

	pub(crate) fn check_attest(
		hot_key: &T::AccountId,
		id: TaskId,
		attestation: &Attestation,
		signature: &[u8; 64],
	) -> Result<Held<T>, Error<T>> {
		let held = Self::awaited(hot_key, id)?;
		ensure!(held.task.spec.replicas == 1, Error::<T>::SeveralReplicas);
		Self::check_attestation(hot_key, id, &held, attestation, signature)?;
		Ok(held)
	}

	pub(crate) fn do_attest_result(
		hot_key: T::AccountId,
		id: TaskId,
		attestation: Attestation,
		signature: [u8; 64],
	) -> DispatchResult {
		let Held { worker, mut task, .. } =
			Self::check_attest(&hot_key, id, &attestation, &signature)?;
		Self::reveal(id, &mut task, worker, &attestation);
		Self::advance(&mut task, TaskEvent::Attested);
		Self::evaluate(id, task);
		Ok(())
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
	) -> DispatchResult {
		let Held { worker, mut task, .. } = Self::check_decline(&hot_key, id)?;
		task.declined = Some(reason);
		Self::vacate(id, &mut task, |replica| {
			(replica.worker == worker).then_some(Conduct::Neutral)
		});
		Self::deposit_event(Event::TaskDeclined { task: id, worker, reason });
		Self::continue_after_delivery(id, task);
		Ok(())
	}

	/// Goes on once nobody owes anything any more; until then the task waits for the others.
	fn continue_after_delivery(id: TaskId, task: Task<T::AccountId>) {
		if task.outstanding() == 0 {
			Self::close_commits(id, task);
		} else {
			Tasks::<T>::insert(id, task);
		}
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
		let spec = &held.task.spec;
		let genesis = frame_system::Pallet::<T>::block_hash(BlockNumberFor::<T>::zero());
		let as_it_must_be = attestation.version == ATTESTATION_VERSION
			&& attestation.genesis.as_slice() == genesis.as_ref()
			&& attestation.task == id
			&& attestation.attempt == held.replica.attempt
			&& attestation.worker == held.worker
			&& attestation.program == spec.program.blob.hash
			&& attestation.input_root == spec.input.hash
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
