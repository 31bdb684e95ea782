//! What the market's benchmarks need of the rest of the chain.

use aidragon_primitives::{
	challenge::{Challenge, Stage, VALIDITY_BLOCKS},
	interface::SupplyListener,
	worker::{Capability, Capacity, Provider, SocketText, TransportAddress, Worker, WorkerStatus},
	BlockNumber, Hash32, WorkerId, DRGN,
};
use frame_benchmarking::BenchmarkError;
use frame_support::traits::fungible::{Mutate, MutateHold};

use crate::{
	AccountId, Balances, NodeRegistry, Runtime, RuntimeHoldReason, RuntimeOrigin, System,
	TaskMatching,
};

/// Sets up machines, accounts and beacons.
pub struct MarketBenchmarks;

/// Registers machine `index` of a provider of its own, live and bonded, that signs with `hot_key`.
fn register(index: u32, hot_key: AccountId) -> WorkerId {
	use pallet_node_registry::{HoldReason, NextWorkerId, Providers, WorkerByHotKey, Workers};
	let provider: AccountId = frame_benchmarking::account("provider", index, 0);
	Balances::set_balance(&provider, 1_000 * DRGN);
	let bond = 100 * DRGN;
	let reason = RuntimeHoldReason::NodeRegistry(HoldReason::ProviderBond);
	if Balances::hold(&reason, &provider, bond).is_ok() {
		let record = Provider { bond, workers: 1, withdrawable_at: None };
		Providers::<Runtime>::insert(&provider, record);
	}
	let socket: SocketText = b"127.0.0.1:4433".to_vec().try_into().unwrap_or_default();
	let id = NextWorkerId::<Runtime>::get();
	NextWorkerId::<Runtime>::put(id.saturating_add(1));
	frame_system::Pallet::<Runtime>::inc_sufficients(&hot_key);
	WorkerByHotKey::<Runtime>::insert(&hot_key, id);
	let worker = Worker {
		provider,
		hot_key,
		encryption_key: [1; 32],
		address: TransportAddress {
			node_key: [1; 32],
			sockets: Default::default(),
			http: Some(socket),
		},
		claimed: Capacity { vcpus: 8, memory_mib: 16_384 },
		reserved: Capacity::default(),
		price_per_gfuel: DRGN,
		status: WorkerStatus::Active,
		last_seen: Some(frame_system::Pallet::<Runtime>::block_number()),
		running: 0,
		accepted: 0,
		missed: 0,
	};
	Workers::<Runtime>::insert(id, worker);
	id
}

impl pallet_task_matching::BenchmarkHelper<AccountId> for MarketBenchmarks {
	fn add_machine(index: u32, hot_key: AccountId) -> WorkerId {
		let id = register(index, hot_key);
		let capability = Capability { throughput_mops: 4_000, proved_at: 1, valid_until: 10_000 };
		pallet_resource_verification::Capabilities::<Runtime>::insert(id, capability);
		// The proof stands for a challenge that was passed.
		let challenge = Challenge { requested_at: 0, stage: Stage::Passed };
		pallet_resource_verification::Challenges::<Runtime>::insert(id, challenge);
		<TaskMatching as SupplyListener>::supply_changed(id);
		id
	}

	fn endow(who: &AccountId) {
		Balances::set_balance(who, 100_000 * DRGN);
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
		let now = System::block_number();
		let passed = Challenge { requested_at: now, stage: Stage::Passed };
		let capability = Capability {
			throughput_mops: u32::MAX,
			proved_at: now,
			valid_until: now.saturating_add(VALIDITY_BLOCKS),
		};
		pallet_resource_verification::Challenges::<Runtime>::insert(worker, passed);
		pallet_resource_verification::Capabilities::<Runtime>::insert(worker, capability);
	}
}

impl pallet_resource_verification::BenchmarkHelper<AccountId> for MarketBenchmarks {
	fn register_machine() -> Result<AccountId, BenchmarkError> {
		let (_, hot_key) = pallet_node_registry::register_machine::<Runtime>(0)?;
		NodeRegistry::heartbeat(RuntimeOrigin::signed(hot_key.clone()))?;
		Ok(hot_key)
	}

	fn set_parent_vrf(output: Hash32) {
		pallet_babe::AuthorVrfRandomness::<Runtime>::put(Some(output));
	}
}
