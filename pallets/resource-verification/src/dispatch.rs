//! What the calls do.

use crate::{Audits, Beacons, Capabilities, Challenges, Config, Duties, Error, Event, Pallet};
use aidragon_primitives::{
	audit::{Archive, Audit, AUDIT_BLOCKS},
	beacon::challenge_seed,
	interface::{self, Bonds, Standings, WorkerDirectory},
	merkle::Hasher,
	verification::{check, Answer, Challenge, Committed, Refusal, Slot, Stage},
	worker::{Capability, Proof},
	BlockNumber, Hash32, WorkerId,
};
use frame_support::{ensure, traits::Get};
use frame_system::{
	ensure_signed,
	pallet_prelude::{BlockNumberFor, OriginFor},
};
use sp_runtime::{traits::Zero, DispatchResult};

/// Blocks for which proofs still count after the machine claimed more than when it proved them. An audit that is open may
/// keep it from proving anything before.
const REPROVE_BLOCKS: BlockNumber = AUDIT_BLOCKS + 40;

/// Hashes are computed by the node, not by the runtime.
pub(crate) struct Host;

impl Hasher for Host {
	fn hash(bytes: &[u8]) -> Hash32 {
		sp_io::hashing::blake2_256(bytes)
	}
}

/// A machine whose openings are due, with all that checking them takes.
pub(crate) struct Due {
	pub(crate) worker: WorkerId,
	pub(crate) challenge: Challenge,
	pub(crate) committed: Committed,
	pub(crate) seed: Hash32,
	pub(crate) beacon: Hash32,
}

impl<T: Config> Pallet<T> {
	/// The signer, for the checks that decide whether a call is free.
	pub(crate) fn signer(origin: &OriginFor<T>) -> Option<T::AccountId> {
		ensure_signed(origin.clone()).ok()
	}

	pub(crate) fn seed_of(worker: WorkerId, challenge: &Challenge) -> Option<Hash32> {
		let beacon = Beacons::<T>::get(challenge.seed_block())?;
		let genesis = frame_system::Pallet::<T>::block_hash(BlockNumberFor::<T>::zero());
		let genesis = Hash32::try_from(genesis.as_ref()).ok()?;
		Some(challenge_seed(beacon, genesis, worker, challenge.slot))
	}

	fn challenge_of(hot_key: &T::AccountId, slot: Slot) -> Result<(WorkerId, Challenge), Error<T>> {
		let worker = T::Directory::worker_of(hot_key).ok_or(Error::<T>::NotAHotKey)?;
		let challenge = Challenges::<T>::get((worker, slot)).ok_or(Error::<T>::NoChallenge)?;
		Ok((worker, challenge))
	}

	pub(crate) fn check_request(hot_key: &T::AccountId, slot: Slot) -> Result<WorkerId, Error<T>> {
		let worker = T::Directory::worker_of(hot_key).ok_or(Error::<T>::NotAHotKey)?;
		let now = Self::now();
		let may_ask =
			Challenges::<T>::get((worker, slot)).is_none_or(|challenge| challenge.is_over_at(now));
		ensure!(may_ask, Error::<T>::ChallengePending);
		// Or a machine could end the search for what is wrong with its proof by a new one.
		let is_searched = |audit: Audit| audit.is_pending_at(now);
		ensure!(
			!Audits::<T>::get((worker, slot)).is_some_and(is_searched),
			Error::<T>::AuditPending
		);
		Ok(worker)
	}

	pub(crate) fn do_request_challenge(hot_key: T::AccountId, slot: Slot) -> DispatchResult {
		let worker = Self::check_request(&hot_key, slot)?;
		Self::begin_challenge(worker, slot, false);
		Ok(())
	}

	/// Begins a challenge, and takes note of an older one that was lost by silence.
	pub(crate) fn begin_challenge(worker: WorkerId, slot: Slot, is_called: bool) {
		let now = Self::now();
		let older = Challenges::<T>::get((worker, slot));
		let is_lost = |old: &Challenge| old.stage != Stage::Failed && old.is_lost_at(now);
		if older.as_ref().is_some_and(is_lost) {
			T::Standings::failed(worker, slot);
		}
		let proof = Capabilities::<T>::get(worker).and_then(|capability| capability.proof(slot));
		let proof_until = proof.map_or(0, |proof| proof.valid_until);
		let stage = Stage::Requested;
		let challenge = Challenge { slot, requested_at: now, is_called, proof_until, stage };
		let commit_deadline = challenge.commit_deadline();
		Challenges::<T>::insert((worker, slot), challenge);
		if is_called {
			// Whoever does not take it up has proved nothing any more.
			Self::limit_proof(worker, slot, commit_deadline);
		}
		Self::deposit_event(Event::ChallengeRequested { worker, slot, is_called, commit_deadline });
	}

	/// Lets a proof count until `block` and no longer.
	fn limit_proof(worker: WorkerId, slot: Slot, block: BlockNumber) {
		Capabilities::<T>::mutate_extant(worker, |capability| {
			if let Some(proof) = capability.proof_mut(slot) {
				proof.valid_until = proof.valid_until.min(block);
			}
		});
	}

	pub(crate) fn check_commitment(
		hot_key: &T::AccountId,
		committed: &Committed,
	) -> Result<(WorkerId, Challenge), Error<T>> {
		let (worker, challenge) = Self::challenge_of(hot_key, committed.slot())?;
		match challenge.stage {
			Stage::Requested => {}
			Stage::Committed { .. } => return Err(Error::<T>::AlreadyCommitted),
			Stage::Passed | Stage::Failed => return Err(Error::<T>::NoChallenge),
		}
		ensure!(Self::now() <= challenge.commit_deadline(), Error::<T>::TooLate);
		ensure!(Self::seed_of(worker, &challenge).is_some(), Error::<T>::SeedUnknown);
		ensure!(committed.is_in_range(), Error::<T>::AmountOutOfRange);
		Ok((worker, challenge))
	}

	pub(crate) fn do_commit_challenge(
		hot_key: T::AccountId,
		committed: Committed,
	) -> DispatchResult {
		let (worker, mut challenge) = Self::check_commitment(&hot_key, &committed)?;
		challenge.stage = Stage::Committed { committed, committed_at: Self::now() };
		let answer_deadline = challenge.answer_deadline().unwrap_or_default();
		let slot = challenge.slot;
		Challenges::<T>::insert((worker, slot), challenge);
		// What was proved before is at stake: a machine that does not answer keeps nothing. Where the chain called, the
		// call ended the proof with the time for the commitment, which the machine has now used well.
		Capabilities::<T>::mutate_extant(worker, |capability| {
			if let Some(proof) = capability.proof_mut(slot) {
				proof.valid_until = challenge.proof_until.min(answer_deadline);
			}
		});
		Self::deposit_event(Event::ChallengeCommitted { worker, committed, answer_deadline });
		Ok(())
	}

	pub(crate) fn check_openings(
		hot_key: &T::AccountId,
		answer: &Answer,
		archive: &Archive,
	) -> Result<Due, Error<T>> {
		let (worker, challenge) = Self::challenge_of(hot_key, answer.slot())?;
		let committed = match challenge.stage {
			Stage::Committed { committed, .. } => committed,
			Stage::Requested => return Err(Error::<T>::NotCommitted),
			Stage::Passed | Stage::Failed => return Err(Error::<T>::NoChallenge),
		};
		let deadline = challenge.answer_deadline().ok_or(Error::<T>::NotCommitted)?;
		ensure!(Self::now() <= deadline, Error::<T>::TooLate);
		let beacon = challenge.openings_block().and_then(Beacons::<T>::get);
		let beacon = beacon.ok_or(Error::<T>::OpeningsUnknown)?;
		let seed = Self::seed_of(worker, &challenge).ok_or(Error::<T>::TooLate)?;
		ensure!(answer.openings() == committed.openings(), Error::<T>::WrongOpeningCount);
		Self::check_archive(archive)?;
		Ok(Due { worker, challenge, committed, seed, beacon })
	}

	pub(crate) fn do_submit_openings(
		hot_key: T::AccountId,
		answer: Answer,
		archive: Archive,
	) -> DispatchResult {
		let due = Self::check_openings(&hot_key, &answer, &archive)?;
		match check::<Host>(&due.seed, &due.committed, &due.beacon, &answer) {
			Ok(()) => Self::pass(&due, archive),
			Err(refusal) => Self::fail(&due, refusal),
		}
		Ok(())
	}

	fn pass(due: &Due, archive: Archive) {
		let (worker, slot) = (due.worker, due.challenge.slot);
		let proved_at = Self::now();
		let valid_until = proved_at.saturating_add(slot.validity_blocks());
		let proof = Proof { amount: due.committed.amount(), proved_at, valid_until };
		Capabilities::<T>::mutate(worker, |capability| {
			*capability.get_or_insert_default().proof_mut(slot) = Some(proof);
		});
		let passed = Challenge { stage: Stage::Passed, ..due.challenge };
		Challenges::<T>::insert((worker, slot), passed);
		Self::deposit_event(Event::ChallengePassed { worker, slot, proof });
		T::Standings::proved(worker, slot, Self::is_proof_undoubted(worker, slot));
		Self::begin_audit(due, archive);
	}

	fn fail(due: &Due, refusal: Refusal) {
		let (worker, slot) = (due.worker, due.challenge.slot);
		Self::lose_proof(worker, slot, due.challenge.requested_at);
		Self::end_audit(worker, slot);
		// Only this one shows by itself that what was committed to was not computed.
		let slashed = match refusal.is_false {
			true => T::Bonds::slash(worker, T::FalseOpeningSlash::get(), None),
			false => 0,
		};
		let opening = refusal.opening;
		Self::deposit_event(Event::ChallengeFailed { worker, slot, opening, slashed });
	}
}

impl<T: Config> interface::Capabilities for Pallet<T> {
	fn capability(worker: WorkerId) -> Option<Capability> {
		Capabilities::<T>::get(worker)
	}

	fn is_undoubted(worker: WorkerId, slot: Slot) -> bool {
		Self::is_proof_undoubted(worker, slot)
	}

	fn hardware_changed(worker: WorkerId) {
		let until = Self::now().saturating_add(REPROVE_BLOCKS);
		Capabilities::<T>::mutate_extant(worker, |capability| {
			if let Some(proof) = &mut capability.gpus {
				proof.valid_until = proof.valid_until.min(until);
			}
		});
		for slot in Slot::ALL {
			Self::limit_proof(worker, slot, until);
			// Nor does a challenge that is under way give the older proof more time.
			Challenges::<T>::mutate_extant((worker, slot), |challenge| {
				challenge.proof_until = challenge.proof_until.min(until);
			});
		}
	}

	fn forget(worker: WorkerId) {
		Capabilities::<T>::remove(worker);
		for slot in Slot::ALL {
			Challenges::<T>::remove((worker, slot));
			Self::end_audit(worker, slot);
		}
		Duties::<T>::remove(worker);
	}
}
