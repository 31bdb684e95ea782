//! What the calls do.

use crate::{Beacons, Capabilities, Challenges, Config, Error, Event, Pallet};
use aidragon_primitives::{
	beacon::challenge_seed,
	challenge::{
		positions, verify, Challenge, Commitment, OpeningError, Openings, Stage, ROUNDS_MAX,
		VALIDITY_BLOCKS, WINDOW_BLOCKS,
	},
	interface::{self, Bonds, SupplyListener, WorkerDirectory},
	merkle::Hasher,
	worker::Capability,
	Hash32, WorkerId,
};
use frame_support::{ensure, traits::Get};
use frame_system::{
	ensure_signed,
	pallet_prelude::{BlockNumberFor, OriginFor},
};
use sp_runtime::{traits::Zero, DispatchResult};

/// Hashes are computed by the node, not by the runtime.
pub(crate) struct Host;

impl Hasher for Host {
	fn hash(bytes: &[u8]) -> Hash32 {
		sp_io::hashing::blake2_256(bytes)
	}
}

/// A machine whose openings are due, with all that checking them takes.
pub(crate) struct Due {
	worker: WorkerId,
	challenge: Challenge,
	commitment: Commitment,
	seed: Hash32,
	beacon: Hash32,
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
		Some(challenge_seed(beacon, genesis, worker))
	}

	fn challenge_of(hot_key: &T::AccountId) -> Result<(WorkerId, Challenge), Error<T>> {
		let worker = T::Directory::worker_of(hot_key).ok_or(Error::<T>::NotAHotKey)?;
		let challenge = Challenges::<T>::get(worker).ok_or(Error::<T>::NoChallenge)?;
		Ok((worker, challenge))
	}

	pub(crate) fn check_request(hot_key: &T::AccountId) -> Result<WorkerId, Error<T>> {
		let worker = T::Directory::worker_of(hot_key).ok_or(Error::<T>::NotAHotKey)?;
		let now = Self::now();
		let may_ask =
			Challenges::<T>::get(worker).is_none_or(|challenge| challenge.is_over_at(now));
		ensure!(may_ask, Error::<T>::ChallengePending);
		Ok(worker)
	}

	pub(crate) fn do_request_challenge(hot_key: T::AccountId) -> DispatchResult {
		let worker = Self::check_request(&hot_key)?;
		let challenge = Challenge { requested_at: Self::now(), stage: Stage::Requested };
		let commit_deadline = challenge.commit_deadline();
		Challenges::<T>::insert(worker, challenge);
		Self::deposit_event(Event::ChallengeRequested { worker, commit_deadline });
		Ok(())
	}

	pub(crate) fn check_commitment(
		hot_key: &T::AccountId,
		commitment: &Commitment,
	) -> Result<(WorkerId, Challenge), Error<T>> {
		let (worker, challenge) = Self::challenge_of(hot_key)?;
		match challenge.stage {
			Stage::Requested => {}
			Stage::Committed { .. } => return Err(Error::<T>::AlreadyCommitted),
			Stage::Passed | Stage::Failed => return Err(Error::<T>::NoChallenge),
		}
		ensure!(Self::now() <= challenge.commit_deadline(), Error::<T>::TooLate);
		ensure!(Self::seed_of(worker, &challenge).is_some(), Error::<T>::SeedUnknown);
		ensure!((1..=ROUNDS_MAX).contains(&commitment.rounds), Error::<T>::RoundsOutOfRange);
		Ok((worker, challenge))
	}

	pub(crate) fn do_commit_challenge(
		hot_key: T::AccountId,
		commitment: Commitment,
	) -> DispatchResult {
		let (worker, mut challenge) = Self::check_commitment(&hot_key, &commitment)?;
		challenge.stage = Stage::Committed { commitment, committed_at: Self::now() };
		let answer_deadline = challenge.answer_deadline().unwrap_or_default();
		Challenges::<T>::insert(worker, challenge);
		// What was proved before is at stake: a machine that does not answer keeps nothing.
		Capabilities::<T>::mutate_extant(worker, |capability| {
			capability.valid_until = capability.valid_until.min(answer_deadline);
		});
		let rounds = commitment.rounds;
		Self::deposit_event(Event::ChallengeCommitted { worker, rounds, answer_deadline });
		Ok(())
	}

	pub(crate) fn check_openings(
		hot_key: &T::AccountId,
		openings: &Openings,
	) -> Result<Due, Error<T>> {
		let (worker, challenge) = Self::challenge_of(hot_key)?;
		let commitment = match challenge.stage {
			Stage::Committed { commitment, .. } => commitment,
			Stage::Requested => return Err(Error::<T>::NotCommitted),
			Stage::Passed | Stage::Failed => return Err(Error::<T>::NoChallenge),
		};
		let deadline = challenge.answer_deadline().ok_or(Error::<T>::NotCommitted)?;
		ensure!(Self::now() <= deadline, Error::<T>::TooLate);
		let beacon = challenge.openings_block().and_then(Beacons::<T>::get);
		let beacon = beacon.ok_or(Error::<T>::OpeningsUnknown)?;
		let seed = Self::seed_of(worker, &challenge).ok_or(Error::<T>::TooLate)?;
		let count = positions(&beacon, &commitment).len();
		ensure!(openings.len() == count, Error::<T>::WrongOpeningCount);
		Ok(Due { worker, challenge, commitment, seed, beacon })
	}

	pub(crate) fn do_submit_openings(hot_key: T::AccountId, openings: Openings) -> DispatchResult {
		let due = Self::check_openings(&hot_key, &openings)?;
		let positions = positions(&due.beacon, &due.commitment);
		let check = |(position, opening)| {
			verify::<Host>(&due.seed, &due.commitment, position, opening).err()
		};
		let wrong = (0u32..).zip(positions.iter().zip(&openings).map(check));
		match wrong.filter_map(|(index, error)| Some((index, error?))).next() {
			None => Self::pass(&due),
			Some((opening, error)) => Self::fail(&due, opening, error),
		}
		T::Supply::supply_changed(due.worker);
		Ok(())
	}

	fn pass(due: &Due) {
		let now = Self::now();
		let capability = Capability {
			throughput_mops: due.commitment.throughput_mops(WINDOW_BLOCKS),
			proved_at: now,
			valid_until: now.saturating_add(VALIDITY_BLOCKS),
		};
		Capabilities::<T>::insert(due.worker, capability);
		Challenges::<T>::insert(due.worker, Challenge { stage: Stage::Passed, ..due.challenge });
		Self::deposit_event(Event::ChallengePassed { worker: due.worker, capability });
	}

	fn fail(due: &Due, opening: u32, error: OpeningError) {
		// Only this one shows by itself that the committed run was not computed.
		let slashed = match error {
			OpeningError::Element => T::Bonds::slash(due.worker, T::FalseOpeningSlash::get()),
			_ => 0,
		};
		Capabilities::<T>::remove(due.worker);
		Challenges::<T>::insert(due.worker, Challenge { stage: Stage::Failed, ..due.challenge });
		Self::deposit_event(Event::ChallengeFailed { worker: due.worker, opening, slashed });
	}
}

impl<T: Config> interface::Capabilities for Pallet<T> {
	fn capability(worker: WorkerId) -> Option<Capability> {
		Capabilities::<T>::get(worker)
	}

	fn forget(worker: WorkerId) {
		Capabilities::<T>::remove(worker);
		Challenges::<T>::remove(worker);
	}
}
