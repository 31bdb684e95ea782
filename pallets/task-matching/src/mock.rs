//! A chain with the real registry, the real escrow and a beacon under the tests' control.

mod machines;
mod tasks;

pub(crate) use machines::*;
pub(crate) use tasks::*;

use crate::{self as pallet_task_matching, WeightInfo};
use aidragon_primitives::{
	attestation::{
		hot_key_consent, Attestation, Delivery, ExitStatus, ResultDigest, ATTESTATION_VERSION,
	},
	interface,
	job::{After, Job, JobTask, JobTasks},
	resources::{Free, Resources},
	state::TaskState,
	supply::{self, Entry},
	task::{BlobRef, MatchingPolicy, Program, ProgramKind, Progress, Requirements, Task, TaskSpec},
	verification::Slot,
	worker::{
		Capability, Capacity, GpuProof, Offer, Proof, Registration, SocketText, TransportAddress,
		Worker, MOPS_PER_VCPU,
	},
	Balance, BlockNumber, Hash32, JobId, TaskId, WorkerId, DRGN, GFUEL,
};
use codec::Encode;
use frame_support::{
	assert_ok, derive_impl, parameter_types,
	traits::{ConstU128, ConstU32, Hooks},
	weights::{constants::ParityDbWeight, Weight},
};
use sp_core::{crypto::AccountId32, sr25519, Pair};
use sp_runtime::{traits::IdentityLookup, BuildStorage};
use std::{
	cell::RefCell,
	collections::{BTreeMap, BTreeSet},
};

pub(crate) type AccountId = AccountId32;

#[frame_support::runtime]
mod construct {
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
	#[runtime::pallet_index(3)]
	pub type TaskMatching = pallet_task_matching;
	#[runtime::pallet_index(4)]
	pub type TokenRewards = pallet_token_rewards;
}

#[derive_impl(frame_system::config_preludes::TestDefaultConfig)]
impl frame_system::Config for Test {
	type Block = frame_system::mocking::MockBlock<Test>;
	type AccountId = AccountId;
	type Lookup = IdentityLookup<AccountId>;
	type AccountData = pallet_balances::AccountData<Balance>;
	type DbWeight = ParityDbWeight;
}

#[derive_impl(pallet_balances::config_preludes::TestDefaultConfig)]
impl pallet_balances::Config for Test {
	type AccountStore = System;
	type Balance = Balance;
	type ExistentialDeposit = ConstU128<1_000>;
}

pub(crate) const SCHEDULE: Hash32 = [7; 32];
/// What every provider puts up: one machine's bond, and enough for the dearest tasks here.
pub(crate) const BOND: Balance = 900 * DRGN;
pub(crate) const RETENTION: BlockNumber = 100;

parameter_types! {
	pub TreasuryAccount: AccountId = account(250);
	pub const MeterSchedule: Hash32 = SCHEDULE;
	pub static AgendaWeight: Weight = Weight::from_parts(u64::MAX / 4, u64::MAX / 4);
	pub static LatestBeacon: Option<(BlockNumber, Hash32)> = None;
	/// Another one makes other beacons.
	pub static BeaconSalt: u32 = 0;
	pub static UnixMs: u64 = 0;
	/// Looks at what a machine proved: one for each look of the supply at it.
	pub static CapabilityLooks: u32 = 0;
}

thread_local! {
	static CAPABILITIES: RefCell<BTreeMap<WorkerId, Capability>> = const { RefCell::new(BTreeMap::new()) };
	static ONLINE: RefCell<Vec<WorkerId>> = const { RefCell::new(Vec::new()) };
}

pub struct TestBeacon;
impl interface::Beacon for TestBeacon {
	fn advance() {}
	fn latest() -> Option<(BlockNumber, Hash32)> {
		LatestBeacon::get()
	}
}

pub struct TestCapabilities;
impl interface::Capabilities for TestCapabilities {
	fn capability(worker: WorkerId) -> Option<Capability> {
		CapabilityLooks::mutate(|count| *count += 1);
		CAPABILITIES.with(|map| map.borrow().get(&worker).copied())
	}
	fn is_undoubted(_: WorkerId, _: Slot) -> bool {
		true
	}

	fn hardware_changed(_: WorkerId) {}
	fn forget(worker: WorkerId) {
		CAPABILITIES.with(|map| map.borrow_mut().remove(&worker));
	}
}

impl pallet_node_registry::Config for Test {
	type Currency = Balances;
	type RuntimeHoldReason = RuntimeHoldReason;
	type Treasury = TreasuryAccount;
	type Capabilities = TestCapabilities;
	type Supply = TaskMatching;
	type Beacon = TestBeacon;
	type AdminOrigin = frame_system::EnsureRoot<AccountId>;
	type BondPerWorker = ConstU128<{ 100 * DRGN }>;
	type ExitDelay = ConstU32<10>;
	type MaxWorkersPerProvider = ConstU32<100>;
	type WeightInfo = ();
	#[cfg(feature = "runtime-benchmarks")]
	type BenchmarkHelper = ();
}

impl pallet_token_rewards::Config for Test {
	type Currency = Balances;
	type RuntimeHoldReason = RuntimeHoldReason;
	type Treasury = TreasuryAccount;
	type ProtocolShareParts = ConstU32<50_000>;
	type EraBlocks = ConstU32<1_000>;
	type EraEmission = ConstU128<DRGN>;
	type RewardCapParts = ConstU32<900_000>;
	type ClaimEras = ConstU32<4>;
	type WeightInfo = ();
}

impl pallet_task_matching::Config for Test {
	type Beacon = TestBeacon;
	type Directory = NodeRegistry;
	type UnixMs = UnixMs;
	type Escrow = TokenRewards;
	type MeterSchedule = MeterSchedule;
	type Retention = ConstU32<RETENTION>;
	type AgendaWeight = AgendaWeight;
	type WeightInfo = ();
	#[cfg(feature = "runtime-benchmarks")]
	type BenchmarkHelper = Helper;
}

#[cfg(feature = "runtime-benchmarks")]
pub struct Helper;
#[cfg(feature = "runtime-benchmarks")]
impl crate::BenchmarkHelper<AccountId> for Helper {
	fn add_machine(index: u32, hot_key: AccountId) -> WorkerId {
		add_worker(index, DRGN);
		pallet_node_registry::Workers::<Test>::mutate_extant(index, |worker| {
			worker.hot_key = hot_key.clone()
		});
		pallet_node_registry::WorkerByHotKey::<Test>::insert(hot_key, index);
		index
	}
	fn enlarge(worker: WorkerId) {
		let claimed = Capacity::cpu(1_000, 1 << 20);
		let hot_key = pallet_node_registry::Workers::<Test>::get(worker).unwrap().hot_key;
		set_capability(worker, proved(1 << 20, 100_000));
		assert_ok!(NodeRegistry::update_capacity(signed(hot_key), claimed));
	}
	fn set_offer(worker: WorkerId, offer: Offer) {
		set_offer(worker, offer);
	}
	fn go_offline(worker: WorkerId) {
		pallet_node_registry::OnlinePosition::<Test>::remove(worker);
	}
	fn endow(who: &AccountId) {
		use frame_support::traits::fungible::Mutate;
		Balances::set_balance(who, 100_000 * DRGN);
	}
	fn set_beacon(block: BlockNumber) {
		set_beacon(block, [9; 32]);
	}
}

/// Makes `beacon` that of `block`, and the newest.
pub(crate) fn set_beacon(block: BlockNumber, beacon: Hash32) {
	LatestBeacon::set(Some((block, beacon)));
}

/// The beacon that [`run_to`] gives to a block.
pub(crate) fn beacon_of(block: BlockNumber) -> Hash32 {
	sp_io::hashing::blake2_256(&(block, BeaconSalt::get()).encode())
}

/// What the draw of a task takes, apart from a look at the supply: replicas on machines that no other task of its group has, and
/// on others.
pub(crate) fn draw_weight(fresh: u64, known: u64) -> Weight {
	let one_more = |weight: fn(u32) -> Weight| weight(2).saturating_sub(weight(1));
	let fresh = one_more(<() as WeightInfo>::draw_apart).saturating_mul(fresh);
	fresh.saturating_add(one_more(<() as WeightInfo>::draw_alike).saturating_mul(known))
}

/// Goes on to block `target`, with a beacon of its own in every block and signs of life of those online.
pub(crate) fn run_to(target: BlockNumber) {
	while System::block_number() < u64::from(target) {
		let parent = System::block_number() as BlockNumber;
		System::set_block_number(u64::from(parent) + 1);
		set_beacon(parent + 1, beacon_of(parent + 1));
		let used = TaskMatching::on_initialize(System::block_number());
		assert!(used.all_lte(AgendaWeight::get()), "P6: {used:?}");
		NodeRegistry::on_initialize(System::block_number());
		let online = ONLINE.with(|online| online.borrow().clone());
		for worker in online {
			assert_ok!(NodeRegistry::heartbeat(signed(hot_key(worker))));
		}
	}
}

/// Goes on for so many blocks that bring no randomness, so that nothing is drawn and nobody is called.
pub(crate) fn pass_without_randomness(blocks: BlockNumber) {
	for _ in 0..blocks {
		let block = System::block_number() + 1;
		System::set_block_number(block);
		TaskMatching::on_initialize(block);
		NodeRegistry::on_initialize(block);
	}
}

pub(crate) fn now() -> BlockNumber {
	System::block_number() as BlockNumber
}

/// The keys of all maps of the pallet. Its single values are not among them.
pub(crate) fn map_keys() -> BTreeSet<Vec<u8>> {
	let prefix = sp_io::hashing::twox_128(b"TaskMatching").to_vec();
	let mut keys = BTreeSet::new();
	let mut last = prefix.clone();
	while let Some(key) = sp_io::storage::next_key(&last).filter(|key| key.starts_with(&prefix)) {
		last = key.clone();
		keys.extend(Some(key).filter(|key| key.len() > 32));
	}
	keys
}

pub(crate) fn free(who: &AccountId) -> Balance {
	Balances::free_balance(who)
}

/// Everything that must hold in every block, of all pallets here.
pub(crate) fn check_invariants() {
	TaskMatching::do_try_state().unwrap();
	NodeRegistry::do_try_state().unwrap();
	TokenRewards::do_try_state().unwrap();
	let mut reserved = BTreeMap::<WorkerId, u32>::new();
	for (worker, _, ()) in crate::Assignments::<Test>::iter() {
		*reserved.entry(worker).or_default() += 1;
	}
	for (id, worker) in pallet_node_registry::Workers::<Test>::iter() {
		assert_eq!(worker.running, reserved.get(&id).copied().unwrap_or_default());
	}
	check_stakes();
}

/// P7: what is at stake of a provider's bond is what its machines' live assignments may earn.
fn check_stakes() {
	let mut stakes = BTreeMap::<AccountId, Balance>::new();
	for task in crate::Tasks::<Test>::iter_values().filter(|task| !task.state.is_terminal()) {
		let spec = crate::Jobs::<Test>::get(task.job).unwrap().spec;
		for replica in task.replicas {
			let stake = spec.stake(replica.price_per_gfuel);
			*stakes.entry(replica.provider).or_default() += stake;
		}
	}
	for (who, provider) in pallet_node_registry::Providers::<Test>::iter() {
		assert_eq!(provider.at_stake, stakes.remove(&who).unwrap_or_default());
	}
	assert!(stakes.is_empty(), "work without a provider: {stakes:?}");
}

/// A chain with endowed accounts at block 1.
pub(crate) fn new_test_ext() -> sp_io::TestExternalities {
	CAPABILITIES.with(|map| map.borrow_mut().clear());
	ONLINE.with(|online| online.borrow_mut().clear());
	LatestBeacon::set(None);
	BeaconSalt::set(0);
	UnixMs::set(0);
	CapabilityLooks::set(0);
	AgendaWeight::set(Weight::from_parts(u64::MAX / 4, u64::MAX / 4));
	let mut storage = frame_system::GenesisConfig::<Test>::default().build_storage().unwrap();
	let mut balances = vec![(submitter(), 100_000 * DRGN), (account(250), DRGN)];
	balances.extend((0..20).map(|worker| (provider(worker), 1_000 * DRGN)));
	pallet_balances::GenesisConfig::<Test> { balances, ..Default::default() }
		.assimilate_storage(&mut storage)
		.unwrap();
	let mut chain = sp_io::TestExternalities::from(storage);
	// Benchmarks sign as a machine's daemon would.
	let keystore = sp_keystore::testing::MemoryKeystore::new();
	chain.register_extension(sp_keystore::KeystoreExt::new(keystore));
	chain.execute_with(|| System::set_block_number(1));
	chain
}

/// Runs a test and checks the invariants afterwards.
pub(crate) fn build_and_execute(test: impl FnOnce()) {
	new_test_ext().execute_with(|| {
		let issuance = Balances::total_issuance();
		test();
		check_invariants();
		assert_eq!(Balances::total_issuance(), issuance, "P1: nothing is created or lost");
	});
}

/// What is on hold for tasks, of all who may submit some.
pub(crate) fn on_hold_for_tasks() -> Balance {
	let accounts = frame_system::Account::<Test>::iter_keys();
	accounts.map(|account| <TokenRewards as interface::Escrow<_>>::locked(&account)).sum()
}
