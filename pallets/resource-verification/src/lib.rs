//! Challenges that prove what a machine can do, and the beacon that they and the draws use.
//!
//! A machine asks for a challenge, or the chain calls for one. The beacon of the next block, which nobody knew, gives
//! the seed: of an int8 matrix chain for the processors ([`aidragon_primitives::challenge`]), of a fill for the memory
//! ([`aidragon_primitives::memory`]). The machine computes as many rounds, or fills as much, as it can until the
//! deadline and commits that and a Merkle root. The beacon of the block after the commitment picks what to open; the
//! machine opens it; the chain checks all of it and stores what was proved.
//!
//! ## Design goals
//!
//! 1. **The chain's clock.** The score is work over blocks. No clock of the machine's is asked.
//! 2. **Root first.** What is opened is drawn from randomness that is younger than the commitment.
//! 3. **Nothing waits.** A machine that does not answer has proved nothing: no hook, no clean-up.
//!
//! ## Properties
//!
//! * **P4** A capability exists only after all openings of a challenge verified, and ends by itself.
//! * **P7** An opening that leads to the committed root and holds a wrong element costs of the bond.
//! * **P7** What the chain does not check, drawn machines of other providers check, and one of them that is honest is
//!   enough: the chain believes what it is shown, and nobody.
//! * **P8** An opening that is missing, malformed or of another run proves nothing, and costs nothing but the
//!   challenge.
//! * **P6** A request, a commitment, an answer and a block's calls cost the same whatever the number of machines.
//! * **P9** Only a machine's own hot key takes part in its challenge.
//!
//! ## A challenge
//!
//! ```text
//! block  n             n+1          n+2 ........... n+6        c+1        c+2 ........... c+12
//!     request, call   seed drawn   window, compute  commit(c)  drawn      openings, checked
//! ```
//!
//! These are a processor's blocks; a memory has until `n+22` to be filled, and until `c+8` to be opened.

#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

mod audits;
mod beacon;
#[cfg(feature = "runtime-benchmarks")]
mod benchmarking;
mod called;
mod dispatch;
mod invariants;
#[cfg(test)]
mod mock;
#[cfg(test)]
mod tests;
pub mod weights;

#[cfg(feature = "runtime-benchmarks")]
pub use benchmarking::BenchmarkHelper;
pub use pallet::*;
pub use weights::WeightInfo;

#[frame_support::pallet]
pub mod pallet {
	use crate::weights::WeightInfo;
	use aidragon_primitives::{
		audit::{Archive, Audit, Entry, DUTIES_MAX},
		interface::{Bonds, Roster, Standings, WorkerDirectory},
		merkle::MerklePath,
		verification::{Answer, Challenge, Committed, Slot},
		worker::{Capability, Proof},
		Balance, BlockNumber, Hash32, WorkerId,
	};
	use alloc::vec::Vec;
	use frame_support::pallet_prelude::*;
	use frame_system::pallet_prelude::*;

	/// The pallet.
	#[pallet::pallet]
	pub struct Pallet<T>(_);

	/// What the runtime provides.
	#[pallet::config]
	pub trait Config: frame_system::Config<RuntimeEvent: From<Event<Self>>> {
		/// The VRF output of the block's author, which its header brings along.
		type AuthorVrf: Get<Option<Hash32>>;
		/// Where machines are looked up.
		type Directory: WorkerDirectory<Self::AccountId>;
		/// Who keeps the standing of machines.
		type Standings: Standings;
		/// The machines that are on line.
		type Roster: Roster;
		/// The bonds behind machines.
		type Bonds: Bonds<Self::AccountId>;
		/// What a provider loses of its bond for an opening that proves itself false, in smallest units.
		#[pallet::constant]
		type FalseOpeningSlash: Get<Balance>;
		/// Blocks whose beacon is kept.
		#[pallet::constant]
		type BeaconHistory: Get<BlockNumber>;
		/// Weights of the calls.
		type WeightInfo: WeightInfo;
		/// What benchmarks need of the runtime around the pallet.
		#[cfg(feature = "runtime-benchmarks")]
		type BenchmarkHelper: crate::BenchmarkHelper<Self::AccountId>;
	}

	/// The newest beacon and its block.
	#[pallet::storage]
	pub type LatestBeacon<T: Config> = StorageValue<_, (BlockNumber, Hash32)>;

	/// The beacons of the last blocks.
	#[pallet::storage]
	pub type Beacons<T: Config> = StorageMap<_, Twox64Concat, BlockNumber, Hash32>;

	/// The challenge that a slot of a machine is or was last in.
	#[pallet::storage]
	pub type Challenges<T: Config> = StorageMap<_, Twox64Concat, (WorkerId, Slot), Challenge>;

	/// What a machine proved last.
	#[pallet::storage]
	pub type Capabilities<T: Config> = StorageMap<_, Twox64Concat, WorkerId, Capability>;

	/// The audit of what a slot of a machine proved last.
	#[pallet::storage]
	pub type Audits<T: Config> = StorageMap<_, Twox64Concat, (WorkerId, Slot), Audit>;

	/// What a machine was drawn to check, oldest first.
	#[pallet::storage]
	pub type Duties<T: Config> = StorageMap<
		_,
		Twox64Concat,
		WorkerId,
		BoundedVec<(WorkerId, Slot), ConstU32<DUTIES_MAX>>,
		ValueQuery,
	>;

	/// What happened.
	#[pallet::event]
	#[pallet::generate_deposit(pub(crate) fn deposit_event)]
	pub enum Event<T: Config> {
		/// A machine asked for a challenge, or the chain called for one. The beacon of the next block gives its seed.
		ChallengeRequested {
			/// The machine.
			worker: WorkerId,
			/// The part of it.
			slot: Slot,
			/// Whether the chain called for it. What was proved before then ends with the deadline.
			is_called: bool,
			/// The last block for its commitment.
			commit_deadline: BlockNumber,
		},
		/// The chain called for challenges of machines of one class, all in the same window.
		ClassChallenged {
			/// Their tier of throughput.
			tier: u8,
			/// The part of them.
			slot: Slot,
			/// How many machines were looked at. Those that are busy or proved nothing were passed over.
			machines: u32,
		},
		/// A machine is bound to its work.
		ChallengeCommitted {
			/// The machine.
			worker: WorkerId,
			/// What it says it did.
			committed: Committed,
			/// The last block for its openings.
			answer_deadline: BlockNumber,
		},
		/// All openings verified.
		ChallengePassed {
			/// The machine.
			worker: WorkerId,
			/// The part of it.
			slot: Slot,
			/// What it proved.
			proof: Proof,
		},
		/// An opening was wrong: this part of the machine counts as nothing until it passes another challenge.
		ChallengeFailed {
			/// The machine.
			worker: WorkerId,
			/// The part of it.
			slot: Slot,
			/// The first wrong opening, counted from 0.
			opening: u32,
			/// What its provider lost: nothing where the opening is only useless, and does not prove itself false.
			slashed: Balance,
		},
		/// Machines were drawn to check the archive behind a proof. Whoever finds an opening in it that does not hold can
		/// report that.
		AuditBegun {
			/// The machine whose proof it is.
			worker: WorkerId,
			/// The part of it.
			slot: Slot,
			/// The machines that were drawn, of other providers.
			auditors: Vec<WorkerId>,
			/// The last block for them.
			closes_at: BlockNumber,
		},
		/// An auditor found nothing wrong with an archive.
		AuditConfirmed {
			/// The machine whose proof it is.
			worker: WorkerId,
			/// The part of it.
			slot: Slot,
			/// The auditor.
			auditor: WorkerId,
		},
		/// An opening of an archive does not hold: this part of the machine counts as nothing any more.
		AuditFailed {
			/// The machine whose proof it was.
			worker: WorkerId,
			/// The part of it.
			slot: Slot,
			/// The entry of the archive, counted from 0.
			entry: u32,
			/// Who showed it, and gets half of what is slashed.
			reporter: T::AccountId,
			/// What the provider lost: nothing where the opening is only useless, and does not prove itself false.
			slashed: Balance,
		},
		/// A reported opening holds. An auditor that reported it has no further word in this audit.
		ReportRefuted {
			/// The machine whose proof it is.
			worker: WorkerId,
			/// The part of it.
			slot: Slot,
			/// Who reported it.
			reporter: T::AccountId,
		},
	}

	/// What can go wrong.
	#[pallet::error]
	pub enum Error<T> {
		/// The caller is not the hot key of any machine.
		NotAHotKey,
		/// The machine is in a challenge, or asked for one too recently.
		ChallengePending,
		/// What the machine proved last is still being checked by others. Wait until one of them confirmed it, or the audit
		/// is over.
		AuditPending,
		/// The machine asked for no challenge. Call `request_challenge` first.
		NoChallenge,
		/// The machine committed already. Send the openings.
		AlreadyCommitted,
		/// The seed is not known yet. Commit after the block that follows the request.
		SeedUnknown,
		/// The time for this step is over. Request another challenge.
		TooLate,
		/// `rounds` must be 1 to 2048, `memory_mib` a multiple of 16 from 16 to 1048576.
		AmountOutOfRange,
		/// Nothing is committed. Call `commit_challenge` first.
		NotCommitted,
		/// The elements to open are not drawn yet. Wait for the block after the next.
		OpeningsUnknown,
		/// As many openings as there are drawn elements must be sent, in their order.
		WrongOpeningCount,
		/// `archive.blob.size_bytes` must be 1 to 4194304.
		ArchiveSizeOutOfRange,
		/// No audit of that machine and slot is open.
		NoAudit,
		/// The caller was not drawn for this audit, or has had its word.
		NotAuditor,
		/// `entry` is not what the archive holds at `index`: check `index` and `path`.
		NotOfTheArchive,
	}

	#[pallet::hooks]
	impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
		fn on_initialize(_: BlockNumberFor<T>) -> Weight {
			let called = Self::call_challenges(Self::extend_beacon());
			T::WeightInfo::extend_beacon()
				.saturating_add(T::WeightInfo::call_challenges(called))
				// Who is on line, and who of them is drawn.
				.saturating_add(T::DbWeight::get().reads(2))
		}

		fn integrity_test() {
			for slot in Slot::ALL {
				assert!(
					T::BeaconHistory::get() > slot.window_blocks() + slot.answer_blocks() + 4,
					"the beacons of a whole challenge must be kept"
				);
			}
		}

		#[cfg(feature = "try-runtime")]
		fn try_state(_: BlockNumberFor<T>) -> Result<(), sp_runtime::TryRuntimeError> {
			Self::do_try_state()
		}
	}

	#[pallet::call]
	impl<T: Config> Pallet<T> {
		/// Asks for a challenge of one part of the caller's machine. Free where it may ask.
		///
		/// ## Dispatch Origin
		/// Signed by a machine's hot key.
		/// ## Errors
		/// `NotAHotKey`, `ChallengePending`, `AuditPending`.
		#[pallet::call_index(0)]
		#[pallet::weight(T::WeightInfo::request_challenge())]
		#[pallet::feeless_if(|origin: &OriginFor<T>, slot: &Slot| -> bool {
			Pallet::<T>::signer(origin).is_some_and(|who| Pallet::<T>::check_request(&who, *slot).is_ok())
		})]
		pub fn request_challenge(origin: OriginFor<T>, slot: Slot) -> DispatchResult {
			let hot_key = ensure_signed(origin)?;
			Self::do_request_challenge(hot_key, slot)
		}

		/// Binds the caller's machine to what it did for its challenge. Free where it makes progress.
		///
		/// From here on what the machine proved before counts only until the openings are due.
		///
		/// ## Dispatch Origin
		/// Signed by a machine's hot key.
		/// ## Errors
		/// `NotAHotKey`, `NoChallenge`, `AlreadyCommitted`, `SeedUnknown`, `TooLate`, `AmountOutOfRange`.
		#[pallet::call_index(1)]
		#[pallet::weight(T::WeightInfo::commit_challenge())]
		#[pallet::feeless_if(|origin: &OriginFor<T>, committed: &Committed| -> bool {
			Pallet::<T>::signer(origin).is_some_and(|who| Pallet::<T>::check_commitment(&who, committed).is_ok())
		})]
		pub fn commit_challenge(origin: OriginFor<T>, committed: Committed) -> DispatchResult {
			let hot_key = ensure_signed(origin)?;
			Self::do_commit_challenge(hot_key, committed)
		}

		/// Opens what was drawn. All of it right: this part of the machine is proved. One wrong: it has lost what it
		/// proved before. `archive` binds the machine to 128 more openings, which auditors fetch from it and check. Free
		/// where they are due.
		///
		/// ## Dispatch Origin
		/// Signed by a machine's hot key.
		/// ## Errors
		/// `NotAHotKey`, `NoChallenge`, `NotCommitted`, `OpeningsUnknown`, `TooLate`, `WrongOpeningCount`,
		/// `ArchiveSizeOutOfRange`.
		#[pallet::call_index(2)]
		#[pallet::weight(match answer {
			// Either end costs what the other does not.
			Answer::Run(_) => T::WeightInfo::submit_openings(),
			Answer::Fill(_) => T::WeightInfo::submit_memory_openings(),
		}.max(T::WeightInfo::submit_false_openings()))]
		#[pallet::feeless_if(|origin: &OriginFor<T>, answer: &Answer, archive: &Archive| -> bool {
			Pallet::<T>::signer(origin)
				.is_some_and(|who| Pallet::<T>::check_openings(&who, answer, archive).is_ok())
		})]
		pub fn submit_openings(
			origin: OriginFor<T>,
			answer: Answer,
			archive: Archive,
		) -> DispatchResult {
			let hot_key = ensure_signed(origin)?;
			Self::do_submit_openings(hot_key, answer, archive)
		}

		/// Says that the caller's machine fetched the archive of a proof and found nothing wrong with it. Only a proof that
		/// was confirmed lets the next one raise a tier. Free for who was drawn.
		///
		/// ## Dispatch Origin
		/// Signed by the hot key of a machine that was drawn for the audit.
		/// ## Errors
		/// `NotAHotKey`, `NoAudit`, `NotAuditor`.
		#[pallet::call_index(3)]
		#[pallet::weight(T::WeightInfo::confirm_audit())]
		#[pallet::feeless_if(|origin: &OriginFor<T>, worker: &WorkerId, slot: &Slot| -> bool {
			Pallet::<T>::signer(origin)
				.is_some_and(|who| Pallet::<T>::check_duty(&who, *worker, *slot).is_ok())
		})]
		pub fn confirm_audit(origin: OriginFor<T>, worker: WorkerId, slot: Slot) -> DispatchResult {
			let hot_key = ensure_signed(origin)?;
			Self::do_confirm_audit(hot_key, worker, slot)
		}

		/// Shows an opening of an archive that does not hold. The chain checks it by itself: the machine loses its proof, and
		/// half of what its provider loses of the bond goes to the caller. Free for who was drawn, once.
		///
		/// ## Dispatch Origin
		/// Signed by anybody.
		/// ## Errors
		/// `NoAudit`, `NotOfTheArchive`.
		#[pallet::call_index(4)]
		#[pallet::weight(T::WeightInfo::report_entry())]
		#[pallet::feeless_if(|
			origin: &OriginFor<T>, worker: &WorkerId, slot: &Slot, index: &u32, entry: &Entry, path: &MerklePath
		| -> bool {
			Pallet::<T>::signer(origin)
				.is_some_and(|who| Pallet::<T>::check_duty(&who, *worker, *slot).is_ok())
				&& Pallet::<T>::check_entry(*worker, *slot, *index, entry, path).is_ok()
		})]
		pub fn report_entry(
			origin: OriginFor<T>,
			worker: WorkerId,
			slot: Slot,
			index: u32,
			entry: Entry,
			path: MerklePath,
		) -> DispatchResult {
			let reporter = ensure_signed(origin)?;
			Self::do_report_entry(reporter, worker, slot, (index, entry, path))
		}
	}

	#[pallet::view_functions]
	impl<T: Config> Pallet<T> {
		/// The seed of a challenge, once the block that gives it is there.
		pub fn challenge_seed(worker: WorkerId, slot: Slot) -> Option<Hash32> {
			Self::seed_of(worker, &Challenges::<T>::get((worker, slot))?)
		}
	}
}
