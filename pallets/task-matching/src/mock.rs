//! A chain with the real registry, the real escrow and a beacon under the tests' control.

use crate as pallet_task_matching;
use aidragon_primitives::{
	attestation::{hot_key_consent, Attestation, ExitStatus, ResultDigest, ATTESTATION_VERSION},
	interface,
	task::{BlobRef, MatchingPolicy, Program, ProgramKind, Progress, Requirements, Task, TaskSpec},
	verification::Slot,
	worker::{Capability, Capacity, Offer, Proof, Registration, SocketText, TransportAddress},
	Balance, BlockNumber, Hash32, TaskId, WorkerId, DRGN, GFUEL,
};
use codec::Encode;
use frame_support::{
	assert_ok, derive_impl, parameter_types,
	traits::{ConstU128, ConstU32, Hooks},
	weights::Weight,
};
use sp_core::{crypto::AccountId32, sr25519, Pair};
use sp_runtime::{traits::IdentityLookup, BuildStorage};
use std::{cell::RefCell, collections::BTreeMap};

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
	pub static UnixMs: u64 = 0;
}

thread_local! {
	static CAPABILITIES: RefCell<BTreeMap<WorkerId, Capability>> = const { RefCell::new(BTreeMap::new()) };
	static ONLINE: RefCell<Vec<WorkerId>> = const { RefCell::new(Vec::new()) };
}

pub struct TestBeacon;
impl interface::Beacon for TestBeacon {
	fn latest() -> Option<(BlockNumber, Hash32)> {
		LatestBeacon::get()
	}
	fn at(block: BlockNumber) -> Option<Hash32> {
		LatestBeacon::get().filter(|(latest, _)| *latest == block).map(|(_, beacon)| beacon)
	}
}

pub struct TestCapabilities;
impl interface::Capabilities for TestCapabilities {
	fn capability(worker: WorkerId) -> Option<Capability> {
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
	fn endow(who: &AccountId) {
		use frame_support::traits::fungible::Mutate;
		Balances::set_balance(who, 100_000 * DRGN);
	}
	fn set_beacon(block: BlockNumber) {
		LatestBeacon::set(Some((block, [9; 32])));
	}
}

pub(crate) fn pair(number: u8) -> sr25519::Pair {
	sr25519::Pair::from_seed(&[number; 32])
}

pub(crate) fn account(number: u8) -> AccountId {
	AccountId::from(pair(number).public())
}

/// Who submits tasks in the tests.
pub(crate) fn submitter() -> AccountId {
	account(1)
}

pub(crate) fn provider(worker: WorkerId) -> AccountId {
	account(10 + worker as u8)
}

pub(crate) fn hot_key(worker: WorkerId) -> AccountId {
	account(100 + worker as u8)
}

pub(crate) fn signed(who: AccountId) -> RuntimeOrigin {
	RuntimeOrigin::signed(who)
}

pub(crate) fn address() -> TransportAddress {
	let socket = SocketText::try_from(b"127.0.0.1:4433".to_vec()).unwrap();
	TransportAddress { node_key: [1; 32], sockets: vec![socket].try_into().unwrap(), http: None }
}

/// A task of 1 vCPU and 512 MiB, 10 Gfuel at up to 10 units per Gfuel, 10 blocks to deliver, 100 to live.
pub(crate) fn spec(replicas: u8) -> TaskSpec {
	TaskSpec {
		program: Program {
			kind: ProgramKind::WasiCommand,
			blob: BlobRef { hash: [11; 32], size_bytes: 1_000 },
		},
		input: BlobRef { hash: [12; 32], size_bytes: 5 },
		source: address(),
		requirements: Requirements {
			capacity: Capacity { vcpus: 1, memory_mib: 512 },
			throughput_min_mops: 0,
		},
		fuel_limit: 10 * GFUEL,
		output_limit_bytes: 1_000,
		execution_blocks: 10,
		deadline_blocks: 100,
		replicas,
		matching: MatchingPolicy::Cheapest,
		price_cap_per_gfuel: 10 * DRGN,
		retries: 1,
	}
}

pub(crate) fn set_capability(worker: WorkerId, capability: Option<Capability>) {
	CAPABILITIES.with(|map| match capability {
		Some(capability) => map.borrow_mut().insert(worker, capability),
		None => map.borrow_mut().remove(&worker),
	});
	for slot in Slot::ALL {
		<NodeRegistry as interface::Standings>::proved(worker, slot, true);
	}
}

/// So much throughput and memory, proved until block `valid_until`.
pub(crate) fn proved(throughput_mops: u32, valid_until: BlockNumber) -> Option<Capability> {
	let proof = |amount| Some(Proof { amount, proved_at: 1, valid_until });
	Some(Capability { processor: proof(throughput_mops), memory: proof(1 << 20) })
}

/// Registers machine number `worker` of a provider of its own: 4 vCPUs proved, live from now on.
pub(crate) fn add_worker(worker: WorkerId, price_per_gfuel: Balance) {
	let (owner, key) = (provider(worker), hot_key(worker));
	let payload = hot_key_consent(&[69; 32], &owner.encode());
	let registration = Registration {
		hot_key: key.clone(),
		consent: pair(100 + worker as u8).sign(&payload).0,
		encryption_key: [1; 32],
		address: address(),
		claimed: Capacity { vcpus: 4, memory_mib: 4_096 },
		offer: Offer::at(price_per_gfuel),
		site: Default::default(),
	};
	assert_ok!(NodeRegistry::register_provider(signed(owner.clone()), BOND));
	assert_ok!(NodeRegistry::register_worker(signed(owner), registration));
	set_capability(worker, proved(2_000, 100_000));
	assert_ok!(NodeRegistry::heartbeat(signed(key)));
	ONLINE.with(|online| online.borrow_mut().push(worker));
}

/// Changes what `worker` asks.
pub(crate) fn set_offer(worker: WorkerId, offer: Offer) {
	assert_ok!(NodeRegistry::update_offer(signed(provider(worker)), worker, offer));
}

/// What is at stake of the bond behind `worker`.
pub(crate) fn at_stake(worker: WorkerId) -> Balance {
	pallet_node_registry::Providers::<Test>::get(provider(worker)).unwrap().at_stake
}

/// The machine shows itself no more.
pub(crate) fn go_offline(worker: WorkerId) {
	ONLINE.with(|online| online.borrow_mut().retain(|other| *other != worker));
}

/// Goes on to block `target`, with a beacon of its own in every block and signs of life of those online.
pub(crate) fn run_to(target: BlockNumber) {
	while System::block_number() < u64::from(target) {
		let parent = System::block_number() as BlockNumber;
		System::set_block_number(u64::from(parent) + 1);
		LatestBeacon::set(Some((parent, [parent as u8; 32])));
		NodeRegistry::on_initialize(System::block_number());
		TaskMatching::on_initialize(System::block_number());
		let online = ONLINE.with(|online| online.borrow().clone());
		for worker in online {
			assert_ok!(NodeRegistry::heartbeat(signed(hot_key(worker))));
		}
	}
}

pub(crate) fn now() -> BlockNumber {
	System::block_number() as BlockNumber
}

/// Submits `spec` and returns the task's number.
pub(crate) fn submit(spec: TaskSpec) -> TaskId {
	let id = crate::NextTaskId::<Test>::get();
	assert_ok!(TaskMatching::submit_task(signed(submitter()), spec));
	id
}

/// Submits `spec` and goes on to its draw.
pub(crate) fn submit_and_draw(spec: TaskSpec) -> TaskId {
	let id = submit(spec);
	run_to(now() + 2);
	id
}

pub(crate) fn task(id: TaskId) -> Task<AccountId> {
	crate::Tasks::<Test>::get(id).unwrap()
}

pub(crate) fn digest(output: u8, fuel: u64) -> ResultDigest {
	ResultDigest { output_root: [output; 32], output_bytes: 3, fuel, status: ExitStatus::Completed }
}

/// What `worker` would state about its replica of the task.
pub(crate) fn attestation(id: TaskId, worker: WorkerId, result: ResultDigest) -> Attestation {
	let task = task(id);
	Attestation {
		version: ATTESTATION_VERSION,
		genesis: [69; 32],
		task: id,
		attempt: task.replica_of(worker).map_or(0, |replica| replica.attempt),
		worker,
		program: task.spec.program.blob.hash,
		meter_schedule: SCHEDULE,
		input_root: task.spec.input.hash,
		result,
		started_at: 1,
		finished_at: 2,
	}
}

pub(crate) fn sign(worker: WorkerId, attestation: &Attestation) -> [u8; 64] {
	pair(100 + worker as u8).sign(&attestation.signing_payload()).0
}

pub(crate) fn salt(worker: WorkerId) -> Hash32 {
	[worker as u8; 32]
}

pub(crate) fn commit(id: TaskId, worker: WorkerId, result: ResultDigest) {
	let commitment = attestation(id, worker, result).commitment(&salt(worker));
	assert_ok!(TaskMatching::commit_result(signed(hot_key(worker)), id, commitment));
}

pub(crate) fn reveal(id: TaskId, worker: WorkerId, result: ResultDigest) {
	let attestation = attestation(id, worker, result);
	let (who, signature) = (signed(hot_key(worker)), sign(worker, &attestation));
	assert_ok!(TaskMatching::reveal_result(who, id, attestation, signature, salt(worker)));
}

pub(crate) fn attest(id: TaskId, worker: WorkerId, result: ResultDigest) {
	let attestation = attestation(id, worker, result);
	let signature = sign(worker, &attestation);
	assert_ok!(TaskMatching::attest_result(signed(hot_key(worker)), id, attestation, signature));
}

/// The machines that owe something for the task.
pub(crate) fn outstanding(id: TaskId) -> Vec<WorkerId> {
	let task = task(id);
	let owes = |replica: &&aidragon_primitives::task::Replica<AccountId>| {
		replica.progress == Progress::Assigned
	};
	task.replicas.iter().filter(owes).map(|replica| replica.worker).collect()
}

pub(crate) fn workers_of(id: TaskId) -> Vec<WorkerId> {
	task(id).replicas.iter().map(|replica| replica.worker).collect()
}

pub(crate) fn free(who: &AccountId) -> Balance {
	Balances::free_balance(who)
}

pub(crate) fn finished(id: TaskId) -> Option<RuntimeEvent> {
	System::events().into_iter().map(|record| record.event).find(|event| {
		matches!(
			event,
			RuntimeEvent::TaskMatching(crate::Event::TaskFinished { task, .. }) if *task == id
		)
	})
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
		for replica in task.replicas {
			let stake = task.spec.stake(replica.price_per_gfuel);
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
	UnixMs::set(0);
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
