//! What the market's benchmarks need of the rest of the chain.

use aidragon_primitives::{
	interface::Standings,
	verification::{Challenge, Slot, Stage},
	worker::{
		Availability, Capability, Capacity, Ledger, Offer, Proof, Provider, Site, SocketText,
		Standing, TransportAddress, Worker, WorkerStatus,
	},
	BlockNumber, Hash32, WorkerId, DRGN,
};
use codec::Decode;
use frame_benchmarking::BenchmarkError;
use frame_support::traits::fungible::{Mutate, MutateHold};
use sp_consensus_babe::digests::{CompatibleDigestItem, PreDigest, PrimaryPreDigest};
use sp_core::sr25519::vrf::VrfSignature;
use sp_runtime::DigestItem;

use crate::{AccountId, Balances, NodeRegistry, Runtime, RuntimeHoldReason, RuntimeOrigin, System};

/// Sets up machines, accounts and beacons.
pub struct MarketBenchmarks;

/// Registers machine `index` of a provider of its own, on line and bonded, that signs with `hot_key`.
fn register(index: u32, hot_key: AccountId) -> WorkerId {
	use pallet_node_registry::{
		EncryptionKeys, HoldReason, NextWorkerId, Providers, WorkerByHotKey, Workers,
	};
	let provider: AccountId = frame_benchmarking::account("provider", index, 0);
	let bond = 100_000 * DRGN;
	Balances::set_balance(&provider, 2 * bond);
	let reason = RuntimeHoldReason::NodeRegistry(HoldReason::ProviderBond);
	if Balances::hold(&reason, &provider, bond).is_ok() {
		let record =
			Provider { bond, workers: 1, bond_units: 1, at_stake: 0, withdrawable_at: None };
		Providers::<Runtime>::insert(&provider, record);
	}
	let socket: SocketText = b"127.0.0.1:4433".to_vec().try_into().unwrap_or_default();
	let id = NextWorkerId::<Runtime>::get();
	NextWorkerId::<Runtime>::put(id.saturating_add(1));
	frame_system::Pallet::<Runtime>::inc_sufficients(&hot_key);
	WorkerByHotKey::<Runtime>::insert(&hot_key, id);
	EncryptionKeys::<Runtime>::insert((id, 0), [1; 32]);
	let worker = Worker {
		provider,
		hot_key: hot_key.clone(),
		encryption_key: [1; 32],
		key_epoch: 0,
		address: TransportAddress {
			node_key: [1; 32],
			sockets: Default::default(),
			http: Some(socket),
		},
		ledger: Ledger::new(Capacity::cpu(8, 16_384)),
		offer: Offer::at(DRGN),
		site: Site::default(),
		energy_attestor: None,
		status: WorkerStatus::Active,
		availability: Availability::new(System::block_number()),
		standing: Standing::default(),
		last_seen: None,
		running: 0,
		accepted: 0,
		missed: 0,
	};
	Workers::<Runtime>::insert(id, worker);
	// It shows itself, and so is on line.
	let _ = NodeRegistry::heartbeat(RuntimeOrigin::signed(hot_key));
	id
}

/// Lets `worker` have proved `amount` of everything, by challenges that it passed.
fn prove(worker: WorkerId, amount: u32) {
	let now = System::block_number();
	let proof = Proof { amount, proved_at: now, valid_until: now.saturating_add(10_000) };
	for slot in Slot::ALL {
		let stage = Stage::Passed;
		let passed = Challenge { slot, requested_at: 0, is_called: false, proof_until: 0, stage };
		pallet_resource_verification::Challenges::<Runtime>::insert((worker, slot), passed);
	}
	let capability = Capability { processor: Some(proof), memory: Some(proof), gpus: None };
	pallet_resource_verification::Capabilities::<Runtime>::insert(worker, capability);
	for slot in Slot::ALL {
		<NodeRegistry as Standings>::proved(worker, slot, true);
	}
}

impl pallet_task_matching::BenchmarkHelper<AccountId> for MarketBenchmarks {
	fn add_machine(index: u32, hot_key: AccountId) -> WorkerId {
		let id = register(index, hot_key);
		prove(id, 1 << 20);
		id
	}

	fn enlarge(worker: WorkerId) {
		let hot_key =
			pallet_node_registry::Workers::<Runtime>::get(worker).map(|worker| worker.hot_key);
		let claimed = Capacity::cpu(1_000, 1 << 20);
		let _ =
			hot_key.map(|who| NodeRegistry::update_capacity(RuntimeOrigin::signed(who), claimed));
	}

	fn set_offer(worker: WorkerId, offer: Offer) {
		let provider =
			pallet_node_registry::Workers::<Runtime>::get(worker).map(|worker| worker.provider);
		let _ = provider
			.map(|who| NodeRegistry::update_offer(RuntimeOrigin::signed(who), worker, offer));
	}

	fn go_offline(worker: WorkerId) {
		pallet_node_registry::OnlinePosition::<Runtime>::remove(worker);
	}

	fn endow(who: &AccountId) {
		Balances::set_balance(who, 1_000_000 * DRGN);
		// Settlement pays the treasury, which every genesis endows.
		Balances::set_balance(&super::TreasuryAccount::get(), DRGN);
	}

	fn set_beacon(block: BlockNumber) {
		let beacon: Hash32 = [9; 32];
		pallet_resource_verification::LatestBeacon::<Runtime>::put((block, beacon));
		pallet_resource_verification::Beacons::<Runtime>::insert(block, beacon);
	}
}

impl pallet_node_registry::BenchmarkHelper for MarketBenchmarks {
	fn prove(worker: WorkerId) {
		prove(worker, u32::MAX);
	}

	fn give_task(worker: WorkerId) {
		pallet_task_matching::Assignments::<Runtime>::insert(worker, 0, ());
	}

	fn set_beacon(block: BlockNumber) {
		<Self as pallet_task_matching::BenchmarkHelper<AccountId>>::set_beacon(block);
	}
}

impl pallet_resource_verification::BenchmarkHelper<AccountId> for MarketBenchmarks {
	fn register_machine(index: u32) -> Result<AccountId, BenchmarkError> {
		let (_, hot_key) = pallet_node_registry::register_machine::<Runtime>(index)?;
		NodeRegistry::heartbeat(RuntimeOrigin::signed(hot_key.clone()))?;
		Ok(hot_key)
	}

	fn fill_roster(machines: u32, these: &[WorkerId]) {
		use pallet_node_registry::{Online, OnlineLengths};
		let mut lengths = OnlineLengths::<Runtime>::get();
		lengths[1] = machines;
		OnlineLengths::<Runtime>::put(lengths);
		for (position, worker) in (0..machines).zip(these.iter().cycle()) {
			Online::<Runtime>::insert((1, position), *worker);
		}
	}

	fn set_author_vrf(output: Hash32) {
		// Nobody checks the proof in here.
		let encoded = [&output[..], &[0; 64]].concat();
		let Ok(vrf_signature) = VrfSignature::decode(&mut &encoded[..]) else { return };
		let claim = PrimaryPreDigest { authority_index: 0, slot: 1.into(), vrf_signature };
		System::deposit_log(DigestItem::babe_pre_digest(PreDigest::Primary(claim)));
	}
}
