//! What benchmarks begin with: machines, tasks in work, full pages of the supply.

use crate::*;
use aidragon_primitives::{
	attestation::{Attestation, ExitStatus, ResultDigest, ATTESTATION_VERSION},
	drawing::{Cursor, Group},
	interface::{Beacon, WorkerDirectory},
	job::{After, JobTask, JobTasks},
	matching::Request,
	resources::Resources,
	state::TaskState,
	supply::{Bucket, Directory, Entry, Page, Shape, SupplyStore, PAGE_MACHINES},
	task::{
		BlobRef, MatchingPolicy, Program, ProgramKind, Requirements, Task, TaskSpec,
		DRAW_DELAY_BLOCKS,
	},
	worker::{Offer, SocketText, TransportAddress},
	Balance, BlockNumber, Hash32, TaskId, WorkerId, DRGN, GFUEL,
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
	/// Lets the machine have more than 256 tasks need.
	fn enlarge(worker: WorkerId);
	/// Changes what the machine asks.
	fn set_offer(worker: WorkerId, offer: Offer);
	/// Takes the machine off line.
	fn go_offline(worker: WorkerId);
	/// Gives the account enough for any task of the benchmarks.
	fn endow(who: &AccountId);
	/// Makes the beacon of `block` the newest.
	fn set_beacon(block: BlockNumber);
}

const KEYS: KeyTypeId = KeyTypeId(*b"aibm");
/// Most that the tasks here pay per Gfuel.
pub(super) const PRICE_CAP: Balance = DRGN;

/// A machine with the key that it signs with.
pub(super) struct Machine<T: Config> {
	pub(super) worker: WorkerId,
	public: Public,
	pub(super) hot_key: T::AccountId,
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

pub(super) fn machines<T: Config>(count: u32) -> Result<Vec<Machine<T>>, BenchmarkError> {
	(0..count).map(machine::<T>).collect()
}

/// So many machines that can be drawn at `price`, and `count` others of their shape that ask too much, in one of `buckets` buckets.
/// The former stand on every page, as a busy market has machines to draw on each. The other buckets have no machines.
pub(super) fn crowd<T: Config>(
	drawable: u32,
	count: u32,
	price: Balance,
	buckets: u32,
) -> Result<(), BenchmarkError> {
	crowd_around::<T>(&machines::<T>(drawable)?, count, price, buckets)
}

/// As [`crowd`], in one bucket, of machines that could have more than 256 tasks each.
pub(super) fn large_crowd<T: Config>(drawable: u32, count: u32) -> Result<(), BenchmarkError> {
	let machines = machines::<T>(drawable)?;
	machines.iter().for_each(|machine| T::BenchmarkHelper::enlarge(machine.worker));
	crowd_around::<T>(&machines, count, PRICE_CAP, 1)
}

fn crowd_around<T: Config>(
	machines: &[Machine<T>],
	count: u32,
	price: Balance,
	buckets: u32,
) -> Result<(), BenchmarkError> {
	let now = Pallet::<T>::now();
	let mut drawable: Vec<Entry> = Vec::new();
	for machine in machines {
		T::BenchmarkHelper::set_offer(machine.worker, Offer::at(price));
		let candidate = T::Directory::candidate(machine.worker, now);
		drawable.extend(candidate.map(|candidate| candidate.entry));
	}
	let (directory, mut store) = (SupplyDirectory::<T>::get(), store::ChainStore::<T>::new());
	let listed: Vec<(Bucket, u32)> =
		directory.buckets().map(|listed| (listed.bucket, listed.length)).collect();
	let [(bucket, length)] = &listed[..] else {
		return Err(BenchmarkError::Stop("the machines are alike"));
	};
	let dear = |index: u32| Entry {
		worker: 1_000u32.saturating_add(index),
		offer: Offer::at(PRICE_CAP + 2),
		..drawable[0].clone()
	};
	let all = length.saturating_add(count);
	for number in 0..all.div_ceil(PAGE_MACHINES) {
		let first = number.saturating_mul(PAGE_MACHINES);
		let page: Vec<Entry> = (first..all.min(first.saturating_add(PAGE_MACHINES)))
			.map(|index| match drawable.get((index % PAGE_MACHINES) as usize) {
				Some(entry) => entry.clone(),
				None => dear(index),
			})
			.collect();
		store.put_page(*bucket, number, Page::truncate_from(page));
	}
	let mut listed: Vec<(Bucket, u32)> = vec![(*bucket, all)];
	let needed = Shape::needed(&spec(1).requirements.resources);
	let others = (0..=Bucket::MAX).filter(|other| {
		let shape = Shape::of_bucket(*other);
		other != bucket
			&& shape.bucket() == *other
			&& shape.may_hold(&spec(1).requirements.resources, &needed)
	});
	listed.extend(others.take(buckets.saturating_sub(1) as usize).map(|other| (other, 0)));
	listed.sort_unstable();
	let directory = Directory::from_buckets(listed);
	store.put_directory(directory.ok_or(BenchmarkError::Stop("one bucket fits"))?);
	Ok(())
}

fn address() -> TransportAddress {
	let socket: SocketText = b"[2001:db8::1]:65535".to_vec().try_into().unwrap_or_default();
	TransportAddress {
		node_key: [1; 32],
		sockets: vec![socket.clone(); 4].try_into().unwrap_or_default(),
		http: Some(socket),
	}
}

pub(super) fn input() -> BlobRef {
	BlobRef { hash: [2; 32], size_bytes: 1 }
}

pub(super) fn spec(replicas: u8) -> TaskSpec {
	TaskSpec {
		program: Program {
			kind: ProgramKind::WasiCommand,
			blob: BlobRef { hash: [1; 32], size_bytes: 1 },
		},
		source: address(),
		requirements: Requirements {
			resources: Resources::cpu(1_000, 512),
			throughput_min_mops: 0,
			region: None,
			energy: None,
		},
		fuel_limit: 10 * GFUEL,
		output_limit_bytes: 10,
		execution_blocks: 20,
		deadline_blocks: 200,
		replicas,
		matching: MatchingPolicy::Cheapest,
		price_cap_per_gfuel: PRICE_CAP,
		retries: 3,
	}
}

pub(super) fn tasks(count: u32, after: impl Fn(u32) -> After) -> JobTasks {
	let tasks: Vec<JobTask> =
		(0..count).map(|position| JobTask { input: input(), after: after(position) }).collect();
	JobTasks::truncate_from(tasks)
}

pub(super) fn submitter<T: Config>() -> T::AccountId {
	let submitter: T::AccountId = account("submitter", 0, 0);
	T::BenchmarkHelper::endow(&submitter);
	submitter
}

pub(super) fn submit<T: Config>(replicas: u8) -> Result<TaskId, BenchmarkError> {
	let origin = RawOrigin::Signed(submitter::<T>()).into();
	let id = NextTaskId::<T>::get();
	Pallet::<T>::submit_task(origin, spec(replicas), input())?;
	Ok(id)
}

/// A job whose tasks take three machines each.
pub(super) fn submit_many<T: Config>(
	count: u32,
	after: impl Fn(u32) -> After,
) -> Result<TaskId, BenchmarkError> {
	submit_tasks::<T>(spec(3), tasks(count, after))
}

/// A job whose tasks take one machine each.
pub(super) fn submit_single<T: Config>(count: u32) -> Result<TaskId, BenchmarkError> {
	submit_tasks::<T>(spec(1), tasks(count, |_| After::default()))
}

/// A task for one machine of another submitter than all others.
pub(super) fn submit_from<T: Config>(index: u32) -> Result<TaskId, BenchmarkError> {
	let submitter: T::AccountId = account("submitter", index, 0);
	T::BenchmarkHelper::endow(&submitter);
	let id = NextTaskId::<T>::get();
	Pallet::<T>::submit_task(RawOrigin::Signed(submitter).into(), spec(1), input())?;
	Ok(id)
}

/// A job whose tasks take one machine each, and more than half of what the first one has, so that it moves to another bucket.
pub(super) fn submit_large<T: Config>(count: u32) -> Result<TaskId, BenchmarkError> {
	let machine = T::Directory::candidate(0, Pallet::<T>::now())
		.ok_or(BenchmarkError::Stop("the first machine may be given work"))?;
	let mut spec = spec(1);
	spec.requirements.resources.cpu_milli = machine.entry.free.cpu_milli / 2 + 1;
	submit_tasks::<T>(spec, tasks(count, |_| After::default()))
}

/// A job of one call.
pub(super) fn submit_tasks<T: Config>(
	spec: TaskSpec,
	tasks: JobTasks,
) -> Result<TaskId, BenchmarkError> {
	let id = NextTaskId::<T>::get();
	let origin = RawOrigin::Signed(submitter::<T>()).into();
	Pallet::<T>::submit_job(origin, spec, tasks)?;
	Ok(id)
}

pub(super) fn task<T: Config>(id: TaskId) -> Result<Task<T::AccountId>, BenchmarkError> {
	Tasks::<T>::get(id).ok_or(BenchmarkError::Stop("the task is gone"))
}

pub(super) fn state<T: Config>(id: TaskId) -> Option<TaskState> {
	Tasks::<T>::get(id).map(|task| task.state)
}

/// Goes on to the block in which what was frozen now can be drawn, and gives the beacon that draws it.
pub(super) fn ready<T: Config>() -> Result<(BlockNumber, Hash32), BenchmarkError> {
	let block = Pallet::<T>::now().saturating_add(DRAW_DELAY_BLOCKS);
	frame_system::Pallet::<T>::set_block_number(block.into());
	T::BenchmarkHelper::set_beacon(block);
	T::Beacon::latest().ok_or(BenchmarkError::Stop("there is a beacon"))
}

/// Goes on to the block that draws what was frozen now, with everything drawn that was frozen before.
pub(super) fn draw_frozen_of<T: Config>(tasks: u32) -> Result<(), BenchmarkError> {
	let block = Pallet::<T>::now();
	if NextTaskId::<T>::get() != u64::from(tasks) {
		return Err(BenchmarkError::Stop("nothing else is frozen"));
	}
	ready::<T>()?;
	FrozenCursor::<T>::put(Cursor { block, ..Default::default() });
	Ok(())
}

/// What is drawn for.
pub(super) fn request(spec: &TaskSpec, count: usize) -> Request<'_> {
	Request {
		spec,
		kinds: spec.kinds(false),
		minute: 0,
		excluded: &[],
		taken: Vec::new(),
		count,
		woken_by: None,
	}
}

/// Draws tasks with successive numbers.
pub(super) fn draw_now<T: Config>(first: TaskId, count: u32) -> Result<(), BenchmarkError> {
	let beacon = ready::<T>()?;
	let mut store = store::ChainStore::<T>::new();
	for id in first..first.saturating_add(count.into()) {
		let mut group = Group::new(&mut store, beacon);
		group.draw(id, None);
		group.finish();
		if state::<T>(id) != Some(TaskState::Assigned) {
			return Err(BenchmarkError::Stop("the task is not drawn"));
		}
	}
	Ok(())
}

/// A task of `replicas` machines that were drawn for it, with the machines.
pub(super) fn drawn<T: Config>(replicas: u8) -> Result<(TaskId, Vec<Machine<T>>), BenchmarkError> {
	let machines = machines::<T>(replicas.into())?;
	let id = submit::<T>(replicas)?;
	draw_now::<T>(id, 1)?;
	Ok((id, machines))
}

/// Puts a task into its queue.
pub(super) fn to_queue<T: Config>(id: TaskId) -> Result<(), BenchmarkError> {
	let mut task = task::<T>(id)?;
	let job = Jobs::<T>::get(task.job).ok_or(BenchmarkError::Stop("the job is gone"))?;
	Pallet::<T>::enqueue(id, &mut task, &job);
	Tasks::<T>::insert(id, task);
	Ok(())
}

/// A task that waits for supply.
pub(super) fn waiting<T: Config>() -> Result<TaskId, BenchmarkError> {
	let id = submit::<T>(3)?;
	to_queue::<T>(id)?;
	Ok(id)
}

/// Gives a result to every task of a job but its last one.
pub(super) fn settle_all_but_last<T: Config>(first: TaskId) -> Result<(), BenchmarkError> {
	let mut job = Jobs::<T>::get(first).ok_or(BenchmarkError::Stop("the job is gone"))?;
	for position in 0..u8::MAX {
		let id = first.saturating_add(position.into());
		Tasks::<T>::mutate_extant(id, |task| {
			task.state = TaskState::Settled;
			task.result = Some(digest());
		});
		if let Some(flow) = &mut job.flow {
			flow.over.insert(position);
			flow.settled.insert(position);
		}
	}
	Jobs::<T>::insert(first, job);
	Ok(())
}

/// Works off the agenda of one block.
pub(super) fn work_off<T: Config>(due: BlockNumber) {
	frame_system::Pallet::<T>::set_block_number(due.into());
	AgendaCursor::<T>::put((due, 0));
	Pallet::<T>::work_off_agenda(&mut WeightMeter::new());
}

fn digest() -> ResultDigest {
	ResultDigest {
		output_root: [3; 32],
		output_bytes: 10,
		fuel: 10 * GFUEL,
		status: ExitStatus::Completed,
	}
}

pub(super) fn statement<T: Config>(
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
		result: digest(),
		started_at: 1,
		finished_at: 2,
	};
	let signature =
		sp_io::crypto::sr25519_sign(KEYS, &machine.public, &attestation.signing_payload())
			.ok_or(BenchmarkError::Stop("the keystore signs"))?;
	Ok((attestation, signature.0))
}

pub(super) fn commit_all<T: Config>(
	id: TaskId,
	machines: &[Machine<T>],
) -> Result<(), BenchmarkError> {
	for machine in machines {
		let (attestation, _) = statement(id, machine)?;
		let origin = RawOrigin::Signed(machine.hot_key.clone()).into();
		Pallet::<T>::commit_result(origin, id, attestation.commitment(&[0; 32]))?;
	}
	Ok(())
}

pub(super) fn reveal<T: Config>(id: TaskId, machine: &Machine<T>) -> Result<(), BenchmarkError> {
	let (attestation, signature) = statement(id, machine)?;
	let origin = RawOrigin::Signed(machine.hot_key.clone()).into();
	Pallet::<T>::reveal_result(origin, id, attestation, signature, [0; 32])?;
	Ok(())
}
