//! What every call and every step of the agenda costs at its worst.

use crate::*;
use aidragon_primitives::{
	attestation::{Attestation, ExitStatus, ResultDigest, ATTESTATION_VERSION},
	interface::Beacon,
	matching::SAMPLES,
	state::TaskState,
	task::{
		BlobRef, DeclineReason, MatchingPolicy, Program, ProgramKind, Progress, Requirements, Task,
		TaskSpec, REPLICAS_MAX,
	},
	worker::{Capacity, SocketText, TransportAddress},
	BlockNumber, Hash32, TaskId, WorkerId, DRGN, GFUEL,
};
use alloc::{vec, vec::Vec};
use codec::Decode;
use frame_benchmarking::v2::*;
use frame_support::{traits::Get, weights::WeightMeter};
use frame_system::RawOrigin;
use sp_core::{crypto::KeyTypeId, sr25519::Public};
use sp_runtime::traits::Zero;

/// What benchmarks need of the rest of the market.
pub trait BenchmarkHelper<AccountId> {
	/// Registers machine `index`, of a provider of its own, that signs with `hot_key`, asks 1 DRGN per Gfuel and may
	/// be given work.
	fn add_machine(index: u32, hot_key: AccountId) -> WorkerId;
	/// Gives the account enough for any task of the benchmarks.
	fn endow(who: &AccountId);
	/// Makes the beacon of `block` the newest.
	fn set_beacon(block: BlockNumber);
}

const KEYS: KeyTypeId = KeyTypeId(*b"aibm");

/// A machine with the key that it signs with.
struct Machine<T: Config> {
	worker: WorkerId,
	public: Public,
	hot_key: T::AccountId,
}

fn account_of<T: Config>(public: &Public) -> Result<T::AccountId, BenchmarkError> {
	T::AccountId::decode(&mut public.0.as_slice())
		.map_err(|_| BenchmarkError::Stop("accounts are public keys"))
}

fn machine<T: Config>(index: u32) -> Result<Machine<T>, BenchmarkError> {
	let public = sp_io::crypto::sr25519_generate(KEYS, None);
	let hot_key = account_of::<T>(&public)?;
	let worker = T::BenchmarkHelper::add_machine(index, hot_key.clone());
	Ok(Machine { worker, public, hot_key })
}

fn address() -> TransportAddress {
	let socket: SocketText = b"[2001:db8::1]:65535".to_vec().try_into().unwrap_or_default();
	TransportAddress {
		node_key: [1; 32],
		sockets: vec![socket.clone(); 4].try_into().unwrap_or_default(),
		http: Some(socket),
	}
}

fn spec(replicas: u8) -> TaskSpec {
	TaskSpec {
		program: Program {
			kind: ProgramKind::WasiCommand,
			blob: BlobRef { hash: [1; 32], size_bytes: 1 },
		},
		input: BlobRef { hash: [2; 32], size_bytes: 1 },
		source: address(),
		requirements: Requirements {
			capacity: Capacity { vcpus: 1, memory_mib: 512 },
			throughput_min_mops: 0,
		},
		fuel_limit: 10 * GFUEL,
		output_limit_bytes: 10,
		execution_blocks: 20,
		deadline_blocks: 200,
		replicas,
		matching: MatchingPolicy::Balanced,
		price_cap_per_gfuel: DRGN,
		retries: 3,
	}
}

fn submit<T: Config>(replicas: u8) -> Result<(T::AccountId, TaskId), BenchmarkError> {
	let submitter: T::AccountId = whitelisted_caller();
	T::BenchmarkHelper::endow(&submitter);
	T::BenchmarkHelper::set_beacon(Pallet::<T>::now().saturating_add(1));
	let id = NextTaskId::<T>::get();
	Pallet::<T>::submit_task(RawOrigin::Signed(submitter.clone()).into(), spec(replicas))?;
	Ok((submitter, id))
}

fn task<T: Config>(id: TaskId) -> Result<Task<T::AccountId>, BenchmarkError> {
	Tasks::<T>::get(id).ok_or(BenchmarkError::Stop("the task is gone"))
}

/// A task of `replicas` machines that were drawn for it, with the machines.
fn drawn<T: Config>(replicas: u8) -> Result<(TaskId, Vec<Machine<T>>), BenchmarkError> {
	let machines = (0..u32::from(replicas)).map(machine::<T>).collect::<Result<Vec<_>, _>>()?;
	let (_, id) = submit::<T>(replicas)?;
	frame_system::Pallet::<T>::set_block_number(3u32.into());
	Pallet::<T>::draw(id, task::<T>(id)?);
	assert_eq!(task::<T>(id)?.state, TaskState::Assigned);
	Ok((id, machines))
}

fn statement<T: Config>(
	id: TaskId,
	machine: &Machine<T>,
) -> Result<(Attestation, [u8; 64]), BenchmarkError> {
	let genesis = frame_system::Pallet::<T>::block_hash(
		frame_system::pallet_prelude::BlockNumberFor::<T>::zero(),
	);
	let attestation = Attestation {
		version: ATTESTATION_VERSION,
		genesis: Hash32::try_from(genesis.as_ref())
			.map_err(|_| BenchmarkError::Stop("hashes have 32 bytes"))?,
		task: id,
		attempt: 0,
		worker: machine.worker,
		program: [1; 32],
		meter_schedule: T::MeterSchedule::get(),
		input_root: [2; 32],
		result: ResultDigest {
			output_root: [3; 32],
			output_bytes: 10,
			fuel: 10 * GFUEL,
			status: ExitStatus::Completed,
		},
		started_at: 1,
		finished_at: 2,
	};
	let signature =
		sp_io::crypto::sr25519_sign(KEYS, &machine.public, &attestation.signing_payload())
			.ok_or(BenchmarkError::Stop("the keystore signs"))?;
	Ok((attestation, signature.0))
}

fn commit_all<T: Config>(id: TaskId, machines: &[Machine<T>]) -> Result<(), BenchmarkError> {
	for machine in machines {
		let (attestation, _) = statement(id, machine)?;
		let origin = RawOrigin::Signed(machine.hot_key.clone()).into();
		Pallet::<T>::commit_result(origin, id, attestation.commitment(&[0; 32]))?;
	}
	Ok(())
}

fn reveal<T: Config>(id: TaskId, machine: &Machine<T>) -> Result<(), BenchmarkError> {
	let (attestation, signature) = statement(id, machine)?;
	let origin = RawOrigin::Signed(machine.hot_key.clone()).into();
	Pallet::<T>::reveal_result(origin, id, attestation, signature, [0; 32])?;
	Ok(())
}

#[benchmarks]
mod benches {
	use super::*;

	#[benchmark]
	fn submit_task() -> Result<(), BenchmarkError> {
		let submitter: T::AccountId = whitelisted_caller();
		T::BenchmarkHelper::endow(&submitter);

		#[extrinsic_call]
		_(RawOrigin::Signed(submitter), spec(3));

		assert_eq!(NextTaskId::<T>::get(), 1);
		Ok(())
	}

	#[benchmark]
	fn cancel_task() -> Result<(), BenchmarkError> {
		let (submitter, id) = submit::<T>(3)?;

		#[extrinsic_call]
		_(RawOrigin::Signed(submitter), id);

		assert_eq!(task::<T>(id)?.state, TaskState::Cancelled);
		Ok(())
	}

	/// The last commitment, which opens the reveals.
	#[benchmark]
	fn commit_result() -> Result<(), BenchmarkError> {
		let (id, machines) = drawn::<T>(3)?;
		commit_all(id, &machines[..2])?;

		#[extrinsic_call]
		_(RawOrigin::Signed(machines[2].hot_key.clone()), id, [7; 32]);

		assert_eq!(task::<T>(id)?.state, TaskState::Committed);
		Ok(())
	}

	/// The last reveal, which pays three machines.
	#[benchmark]
	fn reveal_result() -> Result<(), BenchmarkError> {
		let (id, machines) = drawn::<T>(3)?;
		commit_all(id, &machines)?;
		for machine in &machines[..2] {
			reveal(id, machine)?;
		}
		let (attestation, signature) = statement(id, &machines[2])?;
		let hot_key = RawOrigin::Signed(machines[2].hot_key.clone());

		#[extrinsic_call]
		_(hot_key, id, attestation, signature, [0; 32]);

		assert_eq!(task::<T>(id)?.state, TaskState::Settled);
		Ok(())
	}

	#[benchmark]
	fn attest_result() -> Result<(), BenchmarkError> {
		let (id, machines) = drawn::<T>(1)?;
		let (attestation, signature) = statement(id, &machines[0])?;

		#[extrinsic_call]
		_(RawOrigin::Signed(machines[0].hot_key.clone()), id, attestation, signature);

		assert_eq!(task::<T>(id)?.state, TaskState::Settled);
		Ok(())
	}

	/// The last decline, after which machines are drawn anew.
	#[benchmark]
	fn decline_task() -> Result<(), BenchmarkError> {
		let (id, machines) = drawn::<T>(3)?;
		for machine in &machines[..2] {
			let origin = RawOrigin::Signed(machine.hot_key.clone()).into();
			Pallet::<T>::decline_task(origin, id, DeclineReason::HostFault)?;
		}

		#[extrinsic_call]
		_(RawOrigin::Signed(machines[2].hot_key.clone()), id, DeclineReason::HostFault);

		assert_eq!(task::<T>(id)?.state, TaskState::Queued);
		Ok(())
	}

	/// Passing over a block with nothing on it.
	#[benchmark]
	fn agenda_step() {
		frame_system::Pallet::<T>::set_block_number(5u32.into());
		AgendaCursor::<T>::put((5, 0));
		let mut meter = WeightMeter::new();

		#[block]
		{
			Pallet::<T>::work_off_agenda(&mut meter);
		}

		assert_eq!(AgendaCursor::<T>::get(), (6, 0));
	}

	/// A draw that looks at as many machines as it may and takes three of them.
	#[benchmark]
	fn agenda_draw() -> Result<(), BenchmarkError> {
		for index in 0..SAMPLES {
			machine::<T>(index)?;
		}
		let (_, id) = submit::<T>(3)?;
		let due: BlockNumber = task::<T>(id)?.wake_at;
		frame_system::Pallet::<T>::set_block_number(due.into());
		AgendaCursor::<T>::put((due, 0));
		let mut meter = WeightMeter::new();

		#[block]
		{
			Pallet::<T>::work_off_agenda(&mut meter);
		}

		assert_eq!(task::<T>(id)?.replicas.len(), REPLICAS_MAX as usize);
		assert!(T::Beacon::latest().is_some());
		Ok(())
	}

	/// The end of the time for reveals, which pays two machines and lets the third go.
	#[benchmark]
	fn agenda_settle() -> Result<(), BenchmarkError> {
		let (id, machines) = drawn::<T>(3)?;
		commit_all(id, &machines)?;
		for machine in &machines[..2] {
			reveal(id, machine)?;
		}
		let due: BlockNumber = task::<T>(id)?.wake_at;
		frame_system::Pallet::<T>::set_block_number(due.into());
		AgendaCursor::<T>::put((due, 0));
		let mut meter = WeightMeter::new();

		#[block]
		{
			Pallet::<T>::work_off_agenda(&mut meter);
		}

		let settled = task::<T>(id)?;
		assert_eq!(settled.state, TaskState::Settled);
		assert!(settled.replicas.iter().any(|r| !matches!(r.progress, Progress::Revealed(_))));
		Ok(())
	}

	impl_benchmark_test_suite!(Pallet, crate::mock::new_test_ext(), crate::mock::Test);
}
