//! Tasks and machines that the tests of this crate look at.

use crate::market::{Machine, Rules};
use aidragon_client::{keys::AccountId, Replica, Task, TaskRecord, Worker};
use aidragon_primitives::{
	attestation::{ExitStatus, ResultDigest},
	job::After,
	resources::Resources,
	state::TaskState,
	task::{BlobRef, MatchingPolicy, Program, ProgramKind, Progress, Requirements, TaskSpec},
	worker::{
		Availability, Capability, Capacity, Ledger, Offer, Proof, Provider, Rank, Site, SocketText,
		Standing, Thresholds, TransportAddress, WorkerStatus,
	},
	WorkerId, DRGN,
};

fn account(byte: u8) -> AccountId {
	AccountId([byte; 32])
}

fn address() -> TransportAddress {
	let socket = SocketText::try_from(b"192.0.2.1:4433".to_vec()).unwrap();
	let mut address = TransportAddress { node_key: [1; 32], ..Default::default() };
	address.sockets.try_push(socket).unwrap();
	address
}

/// The digits example: 30 Gfuel at most, 0.01 DRGN per Gfuel, two replicas.
pub(crate) fn spec() -> TaskSpec {
	let blob = BlobRef { hash: [2; 32], size_bytes: 100 };
	TaskSpec {
		program: Program { kind: ProgramKind::WasiCommand, blob },
		source: address(),
		requirements: Requirements {
			resources: Resources::cpu(1_000, 256),
			throughput_min_mops: 0,
			region: None,
			energy: None,
		},
		fuel_limit: 30_000_000_000,
		output_limit_bytes: 1 << 20,
		execution_blocks: 20,
		deadline_blocks: 200,
		replicas: 2,
		matching: MatchingPolicy::Cheapest,
		price_cap_per_gfuel: DRGN / 100,
		retries: 2,
	}
}

/// A task that was just submitted, in block 42.
pub(crate) fn task() -> Task {
	let record = TaskRecord {
		job: 7,
		input: BlobRef { hash: [2; 32], size_bytes: 100 },
		bundle: None,
		state: TaskState::Queued,
		escrow: spec().escrow().unwrap(),
		wake_at: 0,
		attempt: 0,
		looks: 0,
		ticket: None,
		retries_left: 2,
		replicas: Default::default(),
		excluded: Default::default(),
		declined: None,
		result: None,
		paid: 0,
	};
	Task {
		id: 7,
		submitter: account(9),
		spec: spec(),
		submitted_at: 42,
		deadline: 242,
		after: After::default(),
		is_awaited: false,
		record,
	}
}

/// A task that waits for the two others of its job.
pub(crate) fn dependent() -> Task {
	let record = TaskRecord { job: 5, state: TaskState::Blocked, ..task().record };
	Task { after: After { first: 0, count: 2 }, record, ..task() }
}

fn replica(worker: WorkerId, progress: Progress) -> Replica {
	Replica {
		worker,
		provider: account(worker as u8 + 1),
		gpus: 0,
		price_per_gfuel: DRGN / 100,
		beacon_block: 44,
		attempt: 0,
		progress,
	}
}

/// The same task with two machines, one of which delivered.
pub(crate) fn assigned() -> Task {
	let replicas = vec![replica(0, Progress::Committed([3; 32])), replica(1, Progress::Assigned)];
	let record = TaskRecord {
		state: TaskState::Assigned,
		wake_at: 65,
		attempt: 1,
		replicas: replicas.try_into().unwrap(),
		..task().record
	};
	Task { record, ..task() }
}

/// The same task, settled and paid.
pub(crate) fn settled() -> Task {
	let result = ResultDigest {
		output_root: [5; 32],
		output_bytes: 1_000,
		fuel: 10_500_000_000,
		status: ExitStatus::Completed,
	};
	let replicas =
		vec![replica(0, Progress::Revealed(result)), replica(1, Progress::Revealed(result))];
	let record = TaskRecord {
		state: TaskState::Settled,
		escrow: 0,
		attempt: 1,
		replicas: replicas.try_into().unwrap(),
		result: Some(result),
		paid: 21 * DRGN / 100,
		..task().record
	};
	Task { record, ..task() }
}

/// What holds at block 1000.
pub(crate) fn rules() -> Rules {
	Rules { bond_per_worker: DRGN, thresholds: Thresholds::default(), now: 1_000 }
}

/// A machine that fits the task at block 1000, of a provider of its own.
pub(crate) fn machine(id: WorkerId) -> Machine {
	let mut availability = Availability::new(900);
	availability.come_online(900);
	let rank = Rank { tier: 1, since: 900 };
	let worker = Worker {
		provider: account(id as u8 + 1),
		hot_key: account(id as u8 + 101),
		encryption_key: [4; 32],
		key_epoch: 0,
		address: address(),
		ledger: Ledger::new(Capacity::cpu(2, 2_048)),
		offer: Offer::at(1_000_000),
		site: Site::default(),
		energy_attestor: None,
		status: WorkerStatus::Active,
		availability,
		standing: Standing { throughput: rank, memory: rank },
		last_seen: Some(990),
		running: 0,
		accepted: 3,
		missed: 1,
	};
	let proof = |amount| Some(Proof { amount, proved_at: 900, valid_until: 2_000 });
	let capability = Capability { processor: proof(1_000), memory: proof(2_048), gpus: None };
	let provider =
		Provider { bond: DRGN, workers: 1, bond_units: 1, at_stake: 0, withdrawable_at: None };
	Machine {
		id,
		worker,
		capability: Some(capability),
		provider: Some(provider),
		is_energy_attested: false,
		is_undoubted: true,
	}
}
