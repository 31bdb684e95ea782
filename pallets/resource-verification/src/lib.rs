//! Challenges that prove what a machine can do, and the beacon that they and the draws use.
//!
//! A machine asks for a challenge. The beacon of the next block, which nobody knew, gives the seed of an int8
//! matrix chain ([`aidragon_primitives::challenge`]). The machine computes as many rounds as it can until the
//! deadline and commits their number and a Merkle root. The beacon of the block after the commitment picks
//! elements; the machine opens them; the chain checks every one and stores the throughput.
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
//! * **P8** An opening that is missing, malformed or of another run proves nothing, and costs nothing but the
//!   challenge.
//! * **P6** A request, a commitment and an answer cost the same whatever the number of machines.
//! * **P9** Only a machine's own hot key takes part in its challenge.
//!
//! ## A challenge
//!
//! ```text
//! block  n        n+1          n+2 ........... n+6        c+1        c+2 ........... c+12
//!     request   seed drawn   window, compute  commit(c)  elements   openings, checked
//! ```

#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

mod beacon;
#[cfg(feature = "runtime-benchmarks")]
mod benchmarking;
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
		challenge::{Challenge, Commitment, Openings},
		interface::{Bonds, SupplyListener, WorkerDirectory},
		worker::Capability,
		Balance, BlockNumber, Hash32, WorkerId,
	};
	use frame_support::pallet_prelude::*;
	use frame_system::pallet_prelude::*;

	/// The pallet.
	#[pallet::pallet]
	pub struct Pallet<T>(_);

	/// What the runtime provides.
	#[pallet::config]
	pub trait Config: frame_system::Config<RuntimeEvent: From<Event<Self>>> {
		/// The VRF output of the parent block's author.
		type ParentVrf: Get<Option<Hash32>>;
		/// Where machines are looked up.
		type Directory: WorkerDirectory<Self::AccountId>;
		/// Who keeps the index of machines that may be given work.
		type Supply: SupplyListener;
		/// The bonds behind machines.
		type Bonds: Bonds;
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

	/// The challenge that a machine is or was last in.
	#[pallet::storage]
	pub type Challenges<T: Config> = StorageMap<_, Twox64Concat, WorkerId, Challenge>;

	/// What a machine proved last.
	#[pallet::storage]
	pub type Capabilities<T: Config> = StorageMap<_, Twox64Concat, WorkerId, Capability>;

	/// What happened.
	#[pallet::event]
	#[pallet::generate_deposit(pub(crate) fn deposit_event)]
	pub enum Event<T: Config> {
		/// A machine asked for a challenge. The beacon of the next block gives its seed.
		ChallengeRequested {
			/// The machine.
			worker: WorkerId,
			/// The last block for its commitment.
			commit_deadline: BlockNumber,
		},
		/// A machine is bound to a run.
		ChallengeCommitted {
			/// The machine.
			worker: WorkerId,
			/// The rounds it says it ran.
			rounds: u32,
			/// The last block for its openings.
			answer_deadline: BlockNumber,
		},
		/// All openings verified.
		ChallengePassed {
			/// The machine.
			worker: WorkerId,
			/// What it proved.
			capability: Capability,
		},
		/// An opening was wrong: the machine has no capability until it passes another challenge.
		ChallengeFailed {
			/// The machine.
			worker: WorkerId,
			/// The first wrong opening, counted from 0.
			opening: u32,
			/// What its provider lost: nothing where the opening is only useless, and does not prove itself false.
			slashed: Balance,
		},
	}

	/// What can go wrong.
	#[pallet::error]
	pub enum Error<T> {
		/// The caller is not the hot key of any machine.
		NotAHotKey,
		/// The machine is in a challenge, or asked for one too recently.
		ChallengePending,
		/// The machine asked for no challenge. Call `request_challenge` first.
		NoChallenge,
		/// The machine committed already. Send the openings.
		AlreadyCommitted,
		/// The seed is not known yet. Commit after the block that follows the request.
		SeedUnknown,
		/// The time for this step is over. Request another challenge.
		TooLate,
		/// `rounds` must be 1 to 2048.
		RoundsOutOfRange,
		/// Nothing is committed. Call `commit_challenge` first.
		NotCommitted,
		/// The elements to open are not drawn yet. Wait for the block after the next.
		OpeningsUnknown,
		/// As many openings as there are drawn elements must be sent, in their order.
		WrongOpeningCount,
	}

	#[pallet::hooks]
	impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
		fn on_initialize(_: BlockNumberFor<T>) -> Weight {
			Self::extend_beacon();
			T::WeightInfo::extend_beacon()
		}

		fn integrity_test() {
			use aidragon_primitives::challenge::{ANSWER_BLOCKS, WINDOW_BLOCKS};
			assert!(
				T::BeaconHistory::get() > WINDOW_BLOCKS + ANSWER_BLOCKS + 4,
				"the beacons of a whole challenge must be kept"
			);
		}

		#[cfg(feature = "try-runtime")]
		fn try_state(_: BlockNumberFor<T>) -> Result<(), sp_runtime::TryRuntimeError> {
			Self::do_try_state()
		}
	}

	#[pallet::call]
	impl<T: Config> Pallet<T> {
		/// Asks for a challenge for the caller's machine. Free where it may ask.
		///
		/// ## Dispatch Origin
		/// Signed by a machine's hot key.
		/// ## Errors
		/// `NotAHotKey`, `ChallengePending`.
		#[pallet::call_index(0)]
		#[pallet::weight(T::WeightInfo::request_challenge())]
		#[pallet::feeless_if(|origin: &OriginFor<T>| -> bool {
			Pallet::<T>::signer(origin).is_some_and(|who| Pallet::<T>::check_request(&who).is_ok())
		})]
		pub fn request_challenge(origin: OriginFor<T>) -> DispatchResult {
			let hot_key = ensure_signed(origin)?;
			Self::do_request_challenge(hot_key)
		}

		/// Binds the caller's machine to a run of its challenge. Free where it makes progress.
		///
		/// From here on what the machine proved before counts only until the openings are due.
		///
		/// ## Dispatch Origin
		/// Signed by a machine's hot key.
		/// ## Errors
		/// `NotAHotKey`, `NoChallenge`, `AlreadyCommitted`, `SeedUnknown`, `TooLate`, `RoundsOutOfRange`.
		#[pallet::call_index(1)]
		#[pallet::weight(T::WeightInfo::commit_challenge())]
		#[pallet::feeless_if(|origin: &OriginFor<T>, commitment: &Commitment| -> bool {
			Pallet::<T>::signer(origin).is_some_and(|who| Pallet::<T>::check_commitment(&who, commitment).is_ok())
		})]
		pub fn commit_challenge(origin: OriginFor<T>, commitment: Commitment) -> DispatchResult {
			let hot_key = ensure_signed(origin)?;
			Self::do_commit_challenge(hot_key, commitment)
		}

		/// Opens the drawn elements. All of them right: the machine has proved its throughput. One wrong: it has
		/// lost what it proved before. Free where they are due.
		///
		/// ## Dispatch Origin
		/// Signed by a machine's hot key.
		/// ## Errors
		/// `NotAHotKey`, `NoChallenge`, `NotCommitted`, `OpeningsUnknown`, `TooLate`, `WrongOpeningCount`.
		#[pallet::call_index(2)]
		#[pallet::weight(T::WeightInfo::submit_openings())]
		#[pallet::feeless_if(|origin: &OriginFor<T>, openings: &Openings| -> bool {
			Pallet::<T>::signer(origin).is_some_and(|who| Pallet::<T>::check_openings(&who, openings).is_ok())
		})]
		pub fn submit_openings(origin: OriginFor<T>, openings: Openings) -> DispatchResult {
			let hot_key = ensure_signed(origin)?;
			Self::do_submit_openings(hot_key, openings)
		}
	}

	#[pallet::view_functions]
	impl<T: Config> Pallet<T> {
		/// The seed of a machine's challenge, once the block that gives it is there.
		pub fn challenge_seed(worker: WorkerId) -> Option<Hash32> {
			Self::seed_of(worker, &Challenges::<T>::get(worker)?)
		}
	}
}
