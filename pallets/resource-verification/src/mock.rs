//! A chain of this pallet alone, with a table of hot keys and one VRF output for every block.

use crate as pallet_resource_verification;
use aidragon_primitives::{
	challenge::{
		positions, Challenge, Commitment, MatrixSize, Opening, Openings, Portable, Position,
		Prover, Stage,
	},
	interface::{Bonds, CapacityExceeded, Conduct, SupplyListener, WorkerDirectory},
	worker::{Candidate, Capacity},
	Balance, BlockNumber, Hash32, WorkerId,
};
use frame_support::{
	assert_ok, derive_impl, parameter_types,
	traits::{ConstU128, ConstU32, Hooks},
};
use sp_runtime::BuildStorage;
use std::{
	collections::BTreeMap,
	sync::{Mutex, OnceLock},
};

#[frame_support::runtime]
mod runtime {
	#[runtime::runtime]
	#[runtime::derive(
		RuntimeCall,
		RuntimeEvent,
		RuntimeError,
		RuntimeOrigin,
		RuntimeFreezeReason,
		RuntimeHoldReason,
		RuntimeSlashReason,
		RuntimeLockId,
		RuntimeTask,
		RuntimeViewFunction
	)]
	pub struct Test;

	#[runtime::pallet_index(0)]
	pub type System = frame_system;

	#[runtime::pallet_index(1)]
	pub type ResourceVerification = pallet_resource_verification;
}

/// Blocks whose beacon is kept.
pub(crate) const HISTORY: BlockNumber = 32;
/// The hot key of machine [`WORKER`].
pub(crate) const HOT_KEY: u64 = 10;
/// The machine that signs with [`HOT_KEY`].
pub(crate) const WORKER: WorkerId = 0;
/// The hot key of machine 1.
pub(crate) const OTHER_HOT_KEY: u64 = 11;
/// An account that signs for no machine.
pub(crate) const STRANGER: u64 = 1;
/// Rounds of an honest run here: two, so that both the given and a committed state are opened.
pub(crate) const ROUNDS: u32 = 2;

parameter_types! {
	/// What the author of every block reveals.
	pub static ParentVrf: Option<Hash32> = Some([5; 32]);
	/// The machines that the supply was told about, in that order.
	pub static Heard: Vec<WorkerId> = Vec::new();
	/// Whose bond was slashed, and by how much.
	pub static Slashed: Vec<(WorkerId, Balance)> = Vec::new();
}

#[derive_impl(frame_system::config_preludes::TestDefaultConfig)]
impl frame_system::Config for Test {
	type Block = frame_system::mocking::MockBlockU32<Test>;
}

/// Knows the hot keys of two machines, and nothing else about them.
pub struct HotKeys;

impl WorkerDirectory<u64> for HotKeys {
	fn worker_of(hot_key: &u64) -> Option<WorkerId> {
		match *hot_key {
			HOT_KEY => Some(WORKER),
			OTHER_HOT_KEY => Some(1),
			_ => None,
		}
	}

	fn candidate(_: WorkerId, _: BlockNumber) -> Option<Candidate<u64>> {
		None
	}

	fn reserve(_: WorkerId, _: &Capacity, _: BlockNumber) -> Result<(), CapacityExceeded> {
		Err(CapacityExceeded)
	}

	fn release(_: WorkerId, _: &Capacity, _: Conduct) {}
}

/// Fills [`Heard`].
pub struct Listener;

impl SupplyListener for Listener {
	fn supply_changed(worker: WorkerId) {
		Heard::mutate(|heard| heard.push(worker));
	}
}

/// Fills [`Slashed`].
pub struct Slashes;

impl Bonds for Slashes {
	fn slash(worker: WorkerId, amount: Balance) -> Balance {
		Slashed::mutate(|slashed| slashed.push((worker, amount)));
		amount
	}
}

impl pallet_resource_verification::Config for Test {
	type ParentVrf = ParentVrf;
	type Directory = HotKeys;
	type Supply = Listener;
	type Bonds = Slashes;
	type FalseOpeningSlash = ConstU128<50>;
	type BeaconHistory = ConstU32<HISTORY>;
	type WeightInfo = ();
	#[cfg(feature = "runtime-benchmarks")]
	type BenchmarkHelper = HotKeys;
}

#[cfg(feature = "runtime-benchmarks")]
impl pallet_resource_verification::BenchmarkHelper<u64> for HotKeys {
	fn register_machine() -> Result<u64, frame_benchmarking::BenchmarkError> {
		Ok(HOT_KEY)
	}

	fn set_parent_vrf(output: Hash32) {
		ParentVrf::set(Some(output));
	}
}

/// Block 1 of the chain.
pub(crate) fn new_test_ext() -> sp_io::TestExternalities {
	ParentVrf::set(Some([5; 32]));
	Heard::set(Vec::new());
	Slashed::set(Vec::new());
	let storage = frame_system::GenesisConfig::<Test>::default()
		.build_storage()
		.expect("an empty genesis builds");
	let mut ext = sp_io::TestExternalities::new(storage);
	ext.execute_with(|| run_to(1));
	ext
}

/// Runs `test` and sees that every invariant holds after it.
pub(crate) fn build_and_execute(test: impl FnOnce()) {
	new_test_ext().execute_with(|| {
		test();
		assert_ok!(ResourceVerification::do_try_state());
	});
}

/// Initializes every block up to `block`.
pub(crate) fn run_to(block: BlockNumber) {
	while System::block_number() < block {
		let next = System::block_number() + 1;
		System::set_block_number(next);
		ResourceVerification::on_initialize(next);
	}
}

/// The hot key's origin.
pub(crate) fn machine() -> RuntimeOrigin {
	RuntimeOrigin::signed(HOT_KEY)
}

/// The challenge that [`WORKER`] is in.
pub(crate) fn challenge() -> Challenge {
	crate::Challenges::<Test>::get(WORKER).expect("requested")
}

/// An honest run of the challenge that [`WORKER`] is in, computed once for each seed.
pub(crate) fn honest_run() -> Prover {
	static RUNS: OnceLock<Mutex<BTreeMap<Hash32, Prover>>> = OnceLock::new();
	let seed = ResourceVerification::challenge_seed(WORKER).expect("the seed is drawn");
	let mut runs = RUNS.get_or_init(Mutex::default).lock().expect("no test panics in here");
	let run = runs.entry(seed).or_insert_with(|| {
		let mut prover = Prover::new(seed, MatrixSize::N512);
		while prover.rounds() < ROUNDS && prover.run_round(&Portable) {}
		prover
	});
	run.clone()
}

/// Requests a challenge in block 1 and goes to block 3, where its seed is known.
pub(crate) fn seed_is_known() {
	assert_ok!(ResourceVerification::request_challenge(machine()));
	run_to(3);
}

/// An honest run, committed in block 3, whose elements are drawn in block 5.
pub(crate) fn committed_run() -> Prover {
	seed_is_known();
	let run = honest_run();
	assert_ok!(ResourceVerification::commit_challenge(machine(), run.commitment()));
	run_to(5);
	run
}

/// The elements to open, once they are drawn, and what they are drawn from.
pub(crate) fn drawn() -> (Commitment, Vec<Position>) {
	let Stage::Committed { commitment, .. } = challenge().stage else {
		panic!("nothing is committed");
	};
	let block = challenge().openings_block().expect("committed");
	let beacon = crate::Beacons::<Test>::get(block).expect("drawn");
	(commitment, positions(&beacon, &commitment))
}

/// What `run` opens for the challenge that [`WORKER`] is in.
pub(crate) fn open(run: &Prover) -> Vec<Opening> {
	drawn().1.iter().map(|position| run.open(position).expect("within the run")).collect()
}

/// `openings` as the call takes them.
pub(crate) fn bounded(openings: Vec<Opening>) -> Openings {
	openings.try_into().expect("not too many")
}
