//! A chain of this pallet and balances, with a table for what machines proved.

use crate as pallet_node_registry;
use aidragon_primitives::{
	attestation::hot_key_consent,
	beacon::{call_seed, SeedStream},
	interface::{self, Capabilities, Reservation, SupplyListener, WorkerDirectory},
	resources::{Free, Gpus, Resources},
	verification::Slot,
	worker::{
		calls_in_block, Capability, Capacity, GpuProof, Grant, Offer, Proof, Registration,
		Reserved, SocketText, TransportAddress,
	},
	Balance, BlockNumber, Hash32, WorkerId,
};
use codec::Encode;
use frame_support::{
	assert_ok, derive_impl, parameter_types,
	traits::{ConstU128, ConstU32, Hooks},
	weights::Weight,
};
use sp_core::{sr25519, Pair};
use sp_runtime::{traits::IdentityLookup, AccountId32, BuildStorage};
use std::collections::BTreeMap;

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
	pub type Balances = pallet_balances;

	#[runtime::pallet_index(2)]
	pub type NodeRegistry = pallet_node_registry;
}

/// Bond that stands behind each machine.
pub(crate) const BOND: Balance = 100;
/// What [`PROVIDER`] and [`OTHER`] start with.
pub(crate) const ENDOWMENT: Balance = 10_000;
/// Blocks between asking to leave and leaving.
pub(crate) const EXIT_DELAY: BlockNumber = 20;
/// Most machines of one provider.
pub(crate) const WORKERS_MAX: u32 = 3;
/// An account with money.
pub(crate) const PROVIDER: AccountId32 = AccountId32::new([1; 32]);
/// Another account with money.
pub(crate) const OTHER: AccountId32 = AccountId32::new([2; 32]);
/// An account with less than one machine's bond.
pub(crate) const POOR: AccountId32 = AccountId32::new([3; 32]);
/// An account that takes no part.
pub(crate) const STRANGER: AccountId32 = AccountId32::new([4; 32]);
/// What every machine here claims.
pub(crate) const CLAIMED: Capacity = Capacity::cpu(4, 8_192);
/// What a machine with graphics processors claims of them here, and proves.
pub(crate) const GPUS: Gpus = Gpus { class: 3, count: 4, memory_mib: 16_000 };

parameter_types! {
	/// Who gets what is slashed.
	pub const Treasury: AccountId32 = AccountId32::new([99; 32]);
	pub static BondPerWorker: Balance = BOND;
	/// What machines proved.
	pub static Proved: BTreeMap<WorkerId, Capability> = BTreeMap::new();
	/// The newest beacon. A block has none where this is not of the block before.
	pub static LatestBeacon: Option<(BlockNumber, Hash32)> = None;
	/// The machines whose proofs were to lapse, in that order.
	pub static Lapsed: Vec<WorkerId> = Vec::new();
	/// The machines whose proofs nobody confirmed.
	pub static Doubted: Vec<WorkerId> = Vec::new();
	/// The machines that could be given work and are not in the supply.
	pub static Overlooked: Vec<WorkerId> = Vec::new();
	/// The machines that the supply was told about, in that order.
	pub static Heard: Vec<WorkerId> = Vec::new();
	/// The machines that the supply heard to be silent, in that order.
	pub static Silent: Vec<WorkerId> = Vec::new();
}

#[derive_impl(frame_system::config_preludes::TestDefaultConfig)]
impl frame_system::Config for Test {
	type Block = frame_system::mocking::MockBlockU32<Test>;
	type AccountId = AccountId32;
	type Lookup = IdentityLookup<AccountId32>;
	type AccountData = pallet_balances::AccountData<Balance>;
}

#[derive_impl(pallet_balances::config_preludes::TestDefaultConfig)]
impl pallet_balances::Config for Test {
	type Balance = Balance;
	type ExistentialDeposit = ConstU128<1>;
	type AccountStore = System;
}

/// [`Proved`] as the pallet sees it.
pub struct ProvedTable;

impl Capabilities for ProvedTable {
	fn capability(worker: WorkerId) -> Option<Capability> {
		Proved::get().get(&worker).copied()
	}

	fn is_undoubted(worker: WorkerId, _: Slot) -> bool {
		!Doubted::get().contains(&worker)
	}

	fn hardware_changed(worker: WorkerId) {
		Lapsed::mutate(|lapsed| lapsed.push(worker));
	}

	fn forget(worker: WorkerId) {
		Proved::mutate(|table| table.remove(&worker));
	}
}

/// [`LatestBeacon`] as the pallet sees it.
pub struct TestBeacon;

impl interface::Beacon for TestBeacon {
	fn advance() {}

	fn latest() -> Option<(BlockNumber, Hash32)> {
		LatestBeacon::get()
	}
}

/// Fills [`Heard`] and [`Silent`].
pub struct Listener;

impl SupplyListener for Listener {
	fn is_supplied(worker: WorkerId) -> bool {
		!Overlooked::get().contains(&worker)
	}

	fn supply_changed(worker: WorkerId) {
		Heard::mutate(|heard| heard.push(worker));
	}

	fn went_silent(worker: WorkerId) {
		// What the supply asks the registry then is the machine as it is now.
		assert!(!<NodeRegistry as interface::Roster>::is_online(worker));
		Silent::mutate(|silent| silent.push(worker));
	}
}

impl pallet_node_registry::Config for Test {
	type Currency = Balances;
	type RuntimeHoldReason = RuntimeHoldReason;
	type Treasury = Treasury;
	type Capabilities = ProvedTable;
	type Supply = Listener;
	type Beacon = TestBeacon;
	type AdminOrigin = frame_system::EnsureRoot<AccountId32>;
	type BondPerWorker = BondPerWorker;
	type ExitDelay = ConstU32<EXIT_DELAY>;
	type MaxWorkersPerProvider = ConstU32<WORKERS_MAX>;
	type WeightInfo = ();
	#[cfg(feature = "runtime-benchmarks")]
	type BenchmarkHelper = ProvedTable;
}

#[cfg(feature = "runtime-benchmarks")]
impl pallet_node_registry::BenchmarkHelper for ProvedTable {
	fn prove(worker: WorkerId) {
		prove(worker, 10_000);
	}

	fn set_beacon(block: BlockNumber) {
		LatestBeacon::set(Some((block, [9; 32])));
	}

	fn give_task(_: WorkerId) {}
}

/// Block 1 of a chain with three funded accounts and a keystore.
pub(crate) fn new_test_ext() -> sp_io::TestExternalities {
	BondPerWorker::set(BOND);
	Proved::set(BTreeMap::new());
	Heard::set(Vec::new());
	Silent::set(Vec::new());
	Lapsed::set(Vec::new());
	Overlooked::set(Vec::new());
	Doubted::set(Vec::new());
	LatestBeacon::set(None);
	let balances = vec![(PROVIDER, ENDOWMENT), (OTHER, ENDOWMENT), (POOR, BOND / 2)];
	let mut storage = frame_system::GenesisConfig::<Test>::default()
		.build_storage()
		.expect("an empty genesis builds");
	pallet_balances::GenesisConfig::<Test> { balances, ..Default::default() }
		.assimilate_storage(&mut storage)
		.expect("distinct accounts above the existential deposit");
	let mut ext = sp_io::TestExternalities::new(storage);
	let keystore = sp_keystore::testing::MemoryKeystore::new();
	ext.register_extension(sp_keystore::KeystoreExt::new(keystore));
	ext.execute_with(|| System::set_block_number(1));
	ext
}

/// Runs `test` and sees that every invariant holds after it.
pub(crate) fn build_and_execute(test: impl FnOnce()) {
	new_test_ext().execute_with(|| {
		test();
		assert_ok!(NodeRegistry::do_try_state());
	});
}

/// Jumps to block `now`, over blocks without randomness, in which nobody is called.
pub(crate) fn go_to(now: BlockNumber) {
	System::set_block_number(now);
}

/// Initializes every block up to `block`, each with a beacon of its own.
pub(crate) fn run_to(block: BlockNumber) {
	while System::block_number() < block {
		let parent = System::block_number();
		System::set_block_number(parent + 1);
		let beacon = sp_io::hashing::blake2_256(&parent.to_le_bytes());
		LatestBeacon::set(Some((parent + 1, beacon)));
		NodeRegistry::on_initialize(parent + 1);
	}
}

/// A beacon that calls somebody where one machine is on line, as one in twenty does.
pub(crate) fn calling_beacon() -> Hash32 {
	let calls = |beacon: &Hash32| {
		calls_in_block(1, &mut SeedStream::new(call_seed(*beacon, b"liveness"))) == 1
	};
	(0..=u8::MAX).map(|n| [n; 32]).find(calls).expect("one in twenty of 256")
}

/// Initializes the next block with `beacon`.
pub(crate) fn next_block_with(beacon: Hash32) -> Weight {
	let parent = System::block_number();
	System::set_block_number(parent + 1);
	LatestBeacon::set(Some((parent + 1, beacon)));
	NodeRegistry::on_initialize(parent + 1)
}

/// Initializes the next block, in which the only machine on line is called unless a call waits already.
pub(crate) fn next_block_calls() {
	next_block_with(calling_beacon());
}

/// The key pair of machine `n`.
pub(crate) fn hot_pair(n: u8) -> sr25519::Pair {
	sr25519::Pair::from_seed(&[n; 32])
}

/// The account that machine `n` signs with.
pub(crate) fn hot_key(n: u8) -> AccountId32 {
	AccountId32::new(hot_pair(n).public().0)
}

/// The hash of block 0.
pub(crate) fn genesis() -> Hash32 {
	System::block_hash(0).0
}

/// An address with one socket at `port`.
pub(crate) fn address(port: u16) -> TransportAddress {
	let socket = format!("192.0.2.1:{port}").into_bytes();
	let socket = SocketText::try_from(socket).expect("an IPv4 socket is short");
	let sockets = vec![socket].try_into().expect("one socket is few enough");
	TransportAddress { node_key: [7; 32], sockets, http: None }
}

/// What registers machine `n` for `provider`, with the consent of its hot key.
pub(crate) fn registration(provider: &AccountId32, n: u8) -> Registration<AccountId32> {
	let consent = hot_pair(n).sign(&hot_key_consent(&genesis(), &provider.encode()));
	Registration {
		hot_key: hot_key(n),
		consent: consent.0,
		encryption_key: [n; 32],
		address: address(4_433),
		claimed: CLAIMED,
		offer: Offer::at(5),
		site: Default::default(),
	}
}

/// Makes [`PROVIDER`] a provider with a bond for all the machines it may have.
pub(crate) fn provider_exists() {
	let bond = BOND * Balance::from(WORKERS_MAX);
	assert_ok!(NodeRegistry::register_provider(RuntimeOrigin::signed(PROVIDER), bond));
}

/// Registers [`PROVIDER`] and its machine 0, whose hot key is `hot_key(10)`.
pub(crate) fn machine_exists() -> WorkerId {
	provider_exists();
	let origin = RuntimeOrigin::signed(PROVIDER);
	assert_ok!(NodeRegistry::register_worker(origin, registration(&PROVIDER, 10)));
	0
}

/// Lets `worker` have proved all memory and `throughput_mops` until block 1,000.
pub(crate) fn prove(worker: WorkerId, throughput_mops: u32) {
	let proof = |amount| Some(Proof { amount, proved_at: 1, valid_until: 1_000 });
	let capability =
		Capability { processor: proof(throughput_mops), memory: proof(1 << 20), gpus: None };
	Proved::mutate(|table| table.insert(worker, capability));
	for slot in Slot::ALL {
		<NodeRegistry as interface::Standings>::proved(worker, slot, true);
	}
}

/// Lets `worker` have proved `gpus` until block 1,000, beside what it proved before.
pub(crate) fn prove_gpus(worker: WorkerId, gpus: Gpus) {
	let proof = GpuProof { gpus, proved_at: 1, valid_until: 1_000 };
	Proved::mutate(|table| table.entry(worker).or_default().gpus = Some(proof));
}

/// What a task takes that needs whole cores and no graphics processor.
pub(crate) fn grant(capacity: Capacity) -> Grant {
	Grant { resources: Resources::cpu(capacity.cpu_milli(), capacity.memory_mib), gpus: 0 }
}

/// What a task without a price takes of a machine.
pub(crate) fn reservation(capacity: Capacity) -> Reservation {
	Reservation { grant: grant(capacity), stake: 0 }
}

/// All of these cores and this memory, as tasks hold it.
pub(crate) fn reserved(capacity: Capacity) -> Reserved {
	let Capacity { memory_mib, .. } = capacity;
	Reserved { cpu_milli: capacity.cpu_milli(), memory_mib, ..Default::default() }
}

/// All of these cores and this memory, as a machine without graphics processors has it left.
pub(crate) fn free(capacity: Capacity) -> Free {
	let Capacity { memory_mib, .. } = capacity;
	Free { cpu_milli: capacity.cpu_milli(), memory_mib, ..Default::default() }
}

/// What machine `worker` has left in block `now`.
pub(crate) fn free_of(worker: WorkerId, now: BlockNumber) -> Option<Free> {
	<NodeRegistry as WorkerDirectory<AccountId32>>::candidate(worker, now)
		.map(|candidate| candidate.entry.free)
}

/// A machine that may be given work: registered, proved beyond its claim, and on line.
pub(crate) fn machine_is_candidate() -> WorkerId {
	let worker = machine_exists();
	prove(worker, 10_000);
	assert_ok!(NodeRegistry::heartbeat(RuntimeOrigin::signed(hot_key(10))));
	worker
}

/// A machine as [`machine_is_candidate`], with [`GPUS`] that it claims and proved.
pub(crate) fn machine_has_gpus() -> WorkerId {
	let worker = machine_is_candidate();
	let claimed = Capacity { gpus: GPUS, ..CLAIMED };
	assert_ok!(NodeRegistry::update_capacity(RuntimeOrigin::signed(hot_key(10)), claimed));
	prove_gpus(worker, GPUS);
	worker
}
