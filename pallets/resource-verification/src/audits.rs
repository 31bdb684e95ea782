//! Audits: drawing who checks an archive, and what they may say about it.

use crate::{
	dispatch::{Due, Host},
	Audits, Capabilities, Challenges, Config, Duties, Error, Event, Pallet,
};
use aidragon_primitives::{
	audit::{Archive, Audit, Entry, ARCHIVE_BYTES_MAX, AUDITORS, AUDIT_BLOCKS},
	beacon::{call_seed, SeedStream},
	interface::{draw_online, Bonds, Roster, Standings, WorkerDirectory},
	merkle::MerklePath,
	verification::{Challenge, Slot, Stage},
	BlockNumber, Hash32, WorkerId,
};
use alloc::vec::Vec;
use codec::Encode;
use frame_support::{ensure, traits::Get, BoundedVec};
use sp_runtime::DispatchResult;

/// Numbers that are drawn in search of auditors. Some are of machines that are off line or gone.
const DRAWS_MAX: u32 = 32;
/// Places on the roster that are drawn where no number was of use.
const PLACES_MAX: u32 = 12;

impl<T: Config> Pallet<T> {
	pub(crate) fn check_archive(archive: &Archive) -> Result<(), Error<T>> {
		let size = archive.blob.size_bytes;
		ensure!((1..=ARCHIVE_BYTES_MAX).contains(&size), Error::<T>::ArchiveSizeOutOfRange);
		Ok(())
	}

	/// Whether nobody had reason to doubt what was proved before: an auditor confirmed it, or there was none to be drawn.
	pub(crate) fn is_proof_undoubted(worker: WorkerId, slot: Slot) -> bool {
		Audits::<T>::get((worker, slot)).is_none_or(|audit| audit.drawn == 0 || audit.confirmed > 0)
	}

	/// Begins the audit of a proof that the chain accepted, in place of the one before.
	pub(crate) fn begin_audit(due: &Due, archive: Archive) {
		let key = (due.worker, due.challenge.slot);
		Self::end_audit(due.worker, due.challenge.slot);
		// By the beacon that drew the openings, so that the time of the answer chooses nobody.
		let auditors = Self::draw_auditors(due.worker, due.challenge.slot, due.beacon);
		let closes_at = Self::now().saturating_add(AUDIT_BLOCKS);
		for auditor in &auditors {
			Self::give_duty(*auditor, key);
		}
		let audit = Audit {
			seed: due.seed,
			beacon: due.beacon,
			committed: due.committed,
			archive,
			// Both are below the bound.
			drawn: auditors.len() as u32,
			auditors: BoundedVec::truncate_from(auditors.clone()),
			confirmed: 0,
			closes_at,
		};
		Audits::<T>::insert(key, audit);
		let (worker, slot) = key;
		Self::deposit_event(Event::AuditBegun { worker, slot, auditors, closes_at });
	}

	/// Machines that are on line, of providers that differ from the machine's and from each other's.
	///
	/// Numbers are drawn, not places on the roster: by coming and going a machine decides only about itself. Where so few
	/// numbers are on line that none is found, places are better than nobody.
	fn draw_auditors(worker: WorkerId, slot: Slot, beacon: Hash32) -> Vec<WorkerId> {
		let purpose = (b"auditors", worker, slot).encode();
		let mut stream = SeedStream::new(call_seed(beacon, &purpose));
		// Rounded up, so that registering one more machine seldom changes what is drawn.
		let bound = T::Roster::next_number().checked_next_power_of_two().unwrap_or(WorkerId::MAX);
		let numbers: Vec<_> = (0..DRAWS_MAX)
			.map(|_| stream.below(bound))
			.filter(|drawn| T::Roster::is_online(*drawn))
			.collect();
		let auditors = Self::choose_auditors(worker, numbers);
		if !auditors.is_empty() {
			return auditors;
		}
		let lengths = T::Roster::lengths();
		let places: Vec<_> = (0..PLACES_MAX)
			.filter_map(|_| draw_online(&lengths, &mut stream))
			.filter_map(|(tier, position)| T::Roster::online_at(tier, position))
			.collect();
		Self::choose_auditors(worker, places)
	}

	/// The first of these machines whose providers differ.
	fn choose_auditors(worker: WorkerId, drawn: Vec<WorkerId>) -> Vec<WorkerId> {
		let mut providers: Vec<_> = T::Directory::provider_of(worker).into_iter().collect();
		let mut auditors = Vec::new();
		for auditor in drawn {
			if auditors.len() >= AUDITORS as usize {
				break;
			}
			let Some(provider) = T::Directory::provider_of(auditor) else { continue };
			if !providers.contains(&provider) {
				providers.push(provider);
				auditors.push(auditor);
			}
		}
		auditors
	}

	fn give_duty(auditor: WorkerId, duty: (WorkerId, Slot)) {
		Duties::<T>::mutate(auditor, |duties| {
			if duties.is_full() {
				duties.remove(0);
			}
			let _ = duties.try_push(duty);
		});
	}

	fn take_duty(auditor: WorkerId, duty: (WorkerId, Slot)) {
		Duties::<T>::mutate_exists(auditor, |duties| {
			let Some(list) = duties else { return };
			list.retain(|other| *other != duty);
			if list.is_empty() {
				*duties = None;
			}
		});
	}

	/// Ends an audit, and whatever duties are left of it.
	pub(crate) fn end_audit(worker: WorkerId, slot: Slot) {
		if let Some(audit) = Audits::<T>::take((worker, slot)) {
			for auditor in audit.auditors {
				Self::take_duty(auditor, (worker, slot));
			}
		}
	}

	fn open_audit(worker: WorkerId, slot: Slot) -> Result<Audit, Error<T>> {
		let audit = Audits::<T>::get((worker, slot)).ok_or(Error::<T>::NoAudit)?;
		ensure!(Self::now() <= audit.closes_at, Error::<T>::NoAudit);
		Ok(audit)
	}

	/// The open audit of a machine, and the auditor that signs with `hot_key` and has not said anything yet.
	pub(crate) fn check_duty(
		hot_key: &T::AccountId,
		worker: WorkerId,
		slot: Slot,
	) -> Result<(WorkerId, Audit), Error<T>> {
		let auditor = T::Directory::worker_of(hot_key).ok_or(Error::<T>::NotAHotKey)?;
		let audit = Self::open_audit(worker, slot)?;
		ensure!(audit.auditors.contains(&auditor), Error::<T>::NotAuditor);
		Ok((auditor, audit))
	}

	pub(crate) fn do_confirm_audit(
		hot_key: T::AccountId,
		worker: WorkerId,
		slot: Slot,
	) -> DispatchResult {
		let (auditor, mut audit) = Self::check_duty(&hot_key, worker, slot)?;
		audit.auditors.retain(|other| *other != auditor);
		audit.confirmed = audit.confirmed.saturating_add(1);
		Audits::<T>::insert((worker, slot), audit);
		Self::take_duty(auditor, (worker, slot));
		Self::deposit_event(Event::AuditConfirmed { worker, slot, auditor });
		Ok(())
	}

	/// The open audit, if entry `index` of its archive is `entry`.
	pub(crate) fn check_entry(
		worker: WorkerId,
		slot: Slot,
		index: u32,
		entry: &Entry,
		path: &MerklePath,
	) -> Result<Audit, Error<T>> {
		let audit = Self::open_audit(worker, slot)?;
		ensure!(audit.holds_entry::<Host>(index, entry, path), Error::<T>::NotOfTheArchive);
		Ok(audit)
	}

	pub(crate) fn do_report_entry(
		reporter: T::AccountId,
		worker: WorkerId,
		slot: Slot,
		(index, entry, path): (u32, Entry, MerklePath),
	) -> DispatchResult {
		let mut audit = Self::check_entry(worker, slot, index, &entry, &path)?;
		let Some(fault) = audit.fault::<Host>(index, &entry) else {
			// An auditor has one word, a wrong one too; or it could have the chain check honest entries for free.
			if let Ok((auditor, _)) = Self::check_duty(&reporter, worker, slot) {
				audit.auditors.retain(|other| *other != auditor);
				Audits::<T>::insert((worker, slot), audit);
				Self::take_duty(auditor, (worker, slot));
			}
			Self::deposit_event(Event::ReportRefuted { worker, slot, reporter });
			return Ok(());
		};
		Self::end_audit(worker, slot);
		Self::lose_proof(worker, slot, Self::now());
		let slashed = match fault.is_false {
			true => T::Bonds::slash(worker, T::FalseOpeningSlash::get(), Some(&reporter)),
			false => 0,
		};
		Self::deposit_event(Event::AuditFailed { worker, slot, entry: index, reporter, slashed });
		Ok(())
	}

	/// This slot of the machine counts as nothing any more, and the wait for another challenge runs from `since`.
	pub(crate) fn lose_proof(worker: WorkerId, slot: Slot, since: BlockNumber) {
		Capabilities::<T>::mutate_extant(worker, |capability| *capability.proof_mut(slot) = None);
		let stage = Stage::Failed;
		let failed =
			Challenge { slot, requested_at: since, is_called: false, proof_until: 0, stage };
		Challenges::<T>::insert((worker, slot), failed);
		T::Standings::failed(worker, slot);
	}
}
