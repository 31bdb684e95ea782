//! A chain of this pallet alone, with a table of hot keys and one VRF output for every block.

use crate as pallet_resource_verification;
use aidragon_primitives::{
	audit::{Archive, Audit, Entries, Entry, AUDIT_BLOCKS},
	challenge::{
		positions, Commitment, MatrixSize, NextRows, Opening, Openings, Portable, Position, Prover,
	},
	interface::{
		Bonds, CapacityExceeded, Conduct, Reservation, Roster, Standings, WorkerDirectory,
	},
	memory::MemoryCommitment,
	merkle::{Hasher, MerklePath, MerkleTree, Software},
	task::BlobRef,
	verification::{Answer, Challenge, Committed, Slot, Stage},
	worker::{Candidate, Proof, PROOF_TIERS},
	Balance, BlockNumber, Hash32, WorkerId,
};
use codec::{Decode, Encode};
use frame_support::{
	assert_ok, derive_impl, parameter_types,
	traits::{ConstU128, ConstU32, Hooks},
	BoundedVec,
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
/// Machines that have a hot key: each the one after that of the machine before.
const MACHINES: WorkerId = 51;
/// An account that signs for no machine.
pub(crate) const STRANGER: u64 = 1;
/// So many places on the roster that one of them is called in every block without a window of a class.
pub(crate) const PLACES: usize = 2_400;
/// Rounds of an honest run here: two, so that both the given and a committed state are opened.
pub(crate) const ROUNDS: u32 = 2;
/// Rows of the last state that a forger made up: a twentieth of its run.
pub(crate) const FORGED_ROWS: usize = 51;

/// What the registry heard of a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
	/// It proved something.
	Proved,
	/// It lost a challenge.
	Failed,
}

parameter_types! {
	/// What the author of every block reveals.
	pub static AuthorVrf: Option<Hash32> = Some([5; 32]);
	/// The slots of machines that proved something, or failed, in that order.
	pub(crate) static Heard: Vec<(WorkerId, Slot, Outcome)> = Vec::new();
	/// Whether the last proof could raise a tier: nobody had reason to doubt the one before.
	pub static MayRise: bool = true;
	/// The providers of machines that do not have one of their own.
	pub static SharedProviders: BTreeMap<WorkerId, u64> = BTreeMap::new();
	/// The machines that are on line, all in tier 1.
	pub static Online: Vec<WorkerId> = Vec::new();
	/// Those of them that have work.
	pub static Busy: Vec<WorkerId> = Vec::new();
	/// Numbers that were given to machines, where those are more than the ones up to the highest on line.
	pub static Registered: WorkerId = 0;
	/// Whose bond was slashed, by how much, and who showed the reason.
	pub static Slashed: Vec<(WorkerId, Balance, Option<u64>)> = Vec::new();
}

#[derive_impl(frame_system::config_preludes::TestDefaultConfig)]
impl frame_system::Config for Test {
	type Block = frame_system::mocking::MockBlockU32<Test>;
}

/// Knows the hot keys and the providers of machines, and nothing else about them.
pub struct HotKeys;

impl WorkerDirectory<u64> for HotKeys {
	fn worker_of(hot_key: &u64) -> Option<WorkerId> {
		let worker = WorkerId::try_from(hot_key.checked_sub(HOT_KEY)?).ok();
		worker.filter(|worker| *worker < MACHINES)
	}

	fn provider_of(worker: WorkerId) -> Option<u64> {
		let own = 1_000 + u64::from(worker);
		Some(SharedProviders::get().get(&worker).copied().unwrap_or(own))
	}

	fn is_online(worker: WorkerId) -> bool {
		Online::get().contains(&worker)
	}

	fn candidate(_: WorkerId, _: BlockNumber) -> Option<Candidate<u64>> {
		None
	}

	fn reserve(_: WorkerId, _: &Reservation, _: BlockNumber) -> Result<(), CapacityExceeded> {
		Err(CapacityExceeded)
	}

	fn release(_: WorkerId, _: &Reservation, _: Conduct) {}
}

/// Fills [`Heard`].
pub struct Listener;

impl Standings for Listener {
	fn proved(worker: WorkerId, slot: Slot, is_undoubted: bool) {
		Heard::mutate(|heard| heard.push((worker, slot, Outcome::Proved)));
		MayRise::set(is_undoubted);
	}

	fn failed(worker: WorkerId, slot: Slot) {
		Heard::mutate(|heard| heard.push((worker, slot, Outcome::Failed)));
	}
}

impl Roster for Listener {
	fn lengths() -> [u32; PROOF_TIERS + 1] {
		let mut lengths = [0; PROOF_TIERS + 1];
		lengths[1] = Online::get().len() as u32;
		lengths
	}

	fn online_at(tier: u8, position: u32) -> Option<WorkerId> {
		Online::get().get(position as usize).copied().filter(|_| tier == 1)
	}

	fn is_online(worker: WorkerId) -> bool {
		Online::get().contains(&worker)
	}

	fn next_number() -> WorkerId {
		let highest = Online::get().into_iter().max();
		Registered::get().max(highest.map_or(0, |highest| highest + 1))
	}

	fn is_idle(worker: WorkerId) -> bool {
		!Busy::get().contains(&worker)
	}
}

/// Fills [`Slashed`].
pub struct Slashes;

impl Bonds<u64> for Slashes {
	fn slash(worker: WorkerId, amount: Balance, shown_by: Option<&u64>) -> Balance {
		Slashed::mutate(|slashed| slashed.push((worker, amount, shown_by.copied())));
		amount
	}
}

impl pallet_resource_verification::Config for Test {
	type AuthorVrf = AuthorVrf;
	type Directory = HotKeys;
	type Standings = Listener;
	type Roster = Listener;
	type Bonds = Slashes;
	type FalseOpeningSlash = ConstU128<50>;
	type BeaconHistory = ConstU32<HISTORY>;
	type WeightInfo = ();
	#[cfg(feature = "runtime-benchmarks")]
	type BenchmarkHelper = HotKeys;
}

#[cfg(feature = "runtime-benchmarks")]
impl pallet_resource_verification::BenchmarkHelper<u64> for HotKeys {
	fn register_machine(index: u32) -> Result<u64, frame_benchmarking::BenchmarkError> {
		Online::mutate(|online| {
			if !online.contains(&index) {
				online.push(index);
			}
		});
		Ok(HOT_KEY + u64::from(index))
	}

	fn fill_roster(machines: u32, these: &[WorkerId]) {
		Online::set(these.iter().copied().cycle().take(machines as usize).collect());
	}

	fn set_author_vrf(output: Hash32) {
		AuthorVrf::set(Some(output));
	}
}

/// Block 1 of the chain.
pub(crate) fn new_test_ext() -> sp_io::TestExternalities {
	AuthorVrf::set(Some([5; 32]));
	Heard::set(Vec::new());
	MayRise::set(true);
	SharedProviders::set(BTreeMap::new());
	Online::set(Vec::new());
	Registered::set(0);
	Busy::set(Vec::new());
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

/// The origin of the hot key of `worker`.
pub(crate) fn machine_of(worker: WorkerId) -> RuntimeOrigin {
	RuntimeOrigin::signed(HOT_KEY + u64::from(worker))
}

/// The processor's challenge that [`WORKER`] is in.
pub(crate) fn challenge() -> Challenge {
	crate::Challenges::<Test>::get((WORKER, Slot::Processor)).expect("requested")
}

/// A run of the challenge that [`WORKER`] is in, computed once for each seed, but for the first rows of its last state.
fn run_without(forged_rows: usize) -> Prover {
	static RUNS: OnceLock<Mutex<BTreeMap<(Hash32, usize), Prover>>> = OnceLock::new();
	let seed = ResourceVerification::challenge_seed(WORKER, Slot::Processor);
	let seed = seed.expect("the seed is drawn");
	let mut runs = RUNS.get_or_init(Mutex::default).lock().expect("no test panics in here");
	let run = runs.entry((seed, forged_rows)).or_insert_with(|| {
		let size = MatrixSize::N512;
		let mut prover = Prover::new(seed, size);
		while prover.rounds() + 1 < ROUNDS && prover.run_round(&Portable) {}
		let forged = NextRows::new(size, vec![1; forged_rows * size.rows()]);
		let rest = prover.next_rows(&Portable, forged_rows..size.rows());
		assert!(prover.complete_round(vec![forged, rest]));
		prover
	});
	run.clone()
}

/// An honest run of the challenge that [`WORKER`] is in.
pub(crate) fn honest_run() -> Prover {
	run_without(0)
}

/// A run of that challenge of which [`FORGED_ROWS`] were never computed. Its tree is consistent.
pub(crate) fn forged_run() -> Prover {
	run_without(FORGED_ROWS)
}

/// Lets `worker` have passed a challenge of `slot` in block 1, with a proof up to block `valid_until`.
pub(crate) fn prove(worker: WorkerId, slot: Slot, valid_until: BlockNumber) {
	let stage = Stage::Passed;
	let passed = Challenge { slot, requested_at: 0, is_called: false, proof_until: 0, stage };
	crate::Challenges::<Test>::insert((worker, slot), passed);
	let proof = Proof { amount: 1_000, proved_at: 1, valid_until };
	crate::Capabilities::<Test>::mutate(worker, |capability| {
		*capability.get_or_insert_default().proof_mut(slot) = Some(proof);
	});
}

/// Lets the chain call for a challenge of [`WORKER`]'s processors, which are proved, and gives the block of the call.
pub(crate) fn run_to_call() -> BlockNumber {
	Online::set(vec![WORKER; PLACES]);
	let first = System::block_number() + 1;
	let is_called = |block: &BlockNumber| {
		run_to(*block);
		crate::Challenges::<Test>::get((WORKER, Slot::Processor))
			.is_some_and(|challenge| challenge.is_called && challenge.requested_at == *block)
	};
	let called_at = (first..first + 100).find(is_called);
	Online::set(Vec::new());
	called_at.expect("it is called in half of all blocks")
}

/// Requests a processor's challenge in block 1 and goes to block 3, where its seed is known.
pub(crate) fn seed_is_known() {
	assert_ok!(ResourceVerification::request_challenge(machine(), Slot::Processor));
	run_to(3);
}

/// An honest run, committed in block 3, whose elements are drawn in block 5.
pub(crate) fn committed_run() -> Prover {
	seed_is_known();
	let run = honest_run();
	let committed = Committed::Run(run.commitment());
	assert_ok!(ResourceVerification::commit_challenge(machine(), committed));
	run_to(5);
	run
}

/// The elements to open, once they are drawn, and what they are drawn from.
pub(crate) fn drawn() -> (Commitment, Vec<Position>) {
	let Stage::Committed { committed: Committed::Run(commitment), .. } = challenge().stage else {
		panic!("no run is committed");
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
pub(crate) fn bounded(openings: Vec<Opening>) -> Answer {
	Answer::Run(Openings::try_from(openings).expect("not too many"))
}

/// An archive that nobody reads.
pub(crate) fn archive() -> Archive {
	Archive { root: [7; 32], blob: BlobRef { hash: [8; 32], size_bytes: 1 } }
}

/// What binds a machine to `entries`.
pub(crate) fn archive_over(entries: &[Entry]) -> Archive {
	let entries = Entries::new(entries.to_vec());
	let bytes = entries.encode();
	let blob = BlobRef { hash: Software::hash(&bytes), size_bytes: bytes.len() as u64 };
	Archive { root: entries.root(), blob }
}

/// What the archive of `run` holds once the openings are drawn.
pub(crate) fn entries_of(run: &Prover) -> Vec<Entry> {
	let block = challenge().openings_block().expect("committed");
	let beacon = crate::Beacons::<Test>::get(block).expect("drawn");
	let bytes = Entries::of_run(run, &beacon).expect("within the run").encode();
	let mut bytes = bytes.as_slice();
	let mut entries = Vec::new();
	while !bytes.is_empty() {
		entries.push(Entry::decode(&mut bytes).expect("encoded above"));
	}
	entries
}

/// The archive that an honest machine binds itself to.
pub(crate) fn archive_of(run: &Prover) -> Archive {
	archive_over(&entries_of(run))
}

/// The path of an entry in its archive.
pub(crate) fn path_in(entries: &[Entry], index: u32) -> MerklePath {
	let hashes = entries.iter().map(|entry| Software::hash(&entry.encode())).collect();
	MerkleTree::new(hashes).path(0, index as usize)
}

/// Commits an honest run for the processor's challenge that [`WORKER`] has been in since this block, and goes to where
/// its elements are drawn.
pub(crate) fn commit_honest_run() -> Prover {
	run_to(challenge().requested_at + 2);
	let run = honest_run();
	let committed = Committed::Run(run.commitment());
	assert_ok!(ResourceVerification::commit_challenge(machine(), committed));
	run_to(challenge().requested_at + 4);
	run
}

/// The audit of what [`WORKER`] proved of its processors, if there is one.
pub(crate) fn audit() -> Option<Audit> {
	crate::Audits::<Test>::get((WORKER, Slot::Processor))
}

/// Passes the processor's challenge that [`WORKER`] is in while `online` are on line, and gives the audit of it.
pub(crate) fn pass(
	run: &Prover,
	archive: Archive,
	online: impl Iterator<Item = WorkerId>,
) -> Audit {
	let answer = bounded(open(run));
	// No longer than the draw takes, or the chain calls one of them for a challenge some day.
	Online::set(online.collect());
	assert_ok!(ResourceVerification::submit_openings(machine(), answer, archive));
	Online::set(Vec::new());
	assert_eq!(challenge().stage, Stage::Passed);
	audit().expect("begun")
}

/// Lets `auditor` have been drawn in block 5 to check what `worker` proved.
pub(crate) fn begin_audit(worker: WorkerId, slot: Slot, auditor: WorkerId) {
	let root = [9; 32];
	let committed = match slot {
		Slot::Processor => Committed::Run(Commitment { size: MatrixSize::N512, rounds: 1, root }),
		Slot::Memory => Committed::Fill(MemoryCommitment { memory_mib: 16, root }),
	};
	let audit = Audit {
		seed: [1; 32],
		beacon: [2; 32],
		committed,
		archive: archive(),
		auditors: BoundedVec::truncate_from(vec![auditor]),
		drawn: 1,
		confirmed: 0,
		closes_at: 5 + AUDIT_BLOCKS,
	};
	crate::Audits::<Test>::insert((worker, slot), audit);
	crate::Duties::<Test>::mutate(auditor, |duties| {
		duties.try_push((worker, slot)).expect("there is room");
	});
}
