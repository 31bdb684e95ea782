//! A chain in one process: the pallet's own code over storage in memory, block by block.

mod bulk;
mod escrow;
mod recorder;
mod runtime;
mod state;
mod world;

pub use recorder::DrawCost;
pub use runtime::UNLIMITED;
pub use state::{Fill, State};
pub use world::Step;

use crate::{
	error::{Error, Result},
	workload::{Node, INPUT},
};
use aidragon_primitives::{
	attestation::{Attestation, ExitStatus, ResultDigest, ATTESTATION_VERSION},
	interface::SupplyListener,
	job::{Job, JobTask, JobTasks},
	state::TaskState,
	supply::{Directory, Entry},
	task::{Task, TaskSpec, DRAW_DELAY_BLOCKS},
	worker::Candidate,
	BlockNumber, TaskId, WorkerId, GFUEL,
};
use frame_support::{traits::Hooks, weights::Weight};
use pallet_task_matching as pallet;
use recorder::{Recorder, Tally};
use runtime::{
	AccountId, RuntimeCall, RuntimeEvent, RuntimeOrigin, Sim, System, TaskMatching, SCHEDULE,
};
use sp_core::Pair;
use sp_io::TestExternalities;
use sp_runtime::{traits::Dispatchable, BuildStorage};
use world::World;

/// Who submits tasks.
const SUBMITTER: AccountId = AccountId::new([1; 32]);
/// Hash of the first block, as frame_system's genesis puts it there.
const GENESIS: [u8; 32] = [69; 32];

/// A chain. There is one per thread: a new one takes the place of the one before.
pub struct Chain {
	ext: TestExternalities,
	tally: Tally,
	now: BlockNumber,
}

/// What happened to a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
	/// It was given to these machines.
	Assigned(TaskId, Vec<WorkerId>),
	/// It found no machine and waits.
	Waits(TaskId),
	/// It is over.
	Over(TaskId, TaskState),
}

/// What a block did by itself.
#[derive(Clone, Debug, Default)]
pub struct Block {
	/// Weight that the hook says it took.
	pub weight: Weight,
	/// Reads of the pallet's storage by the hook, the same key counted each time.
	pub reads: u64,
	/// Writes of it.
	pub writes: u64,
	/// What the draws of frozen tasks took.
	pub draws: Vec<DrawCost>,
	/// What happened to tasks, in order.
	pub notes: Vec<Note>,
	/// What happened to machines, in order.
	pub steps: Vec<Step>,
}

impl Chain {
	/// A chain at block 0 whose randomness follows from `seed`, with no cap on what its hook does.
	pub fn new(seed: u64) -> Self {
		World::reset(seed);
		World::endow(&SUBMITTER);
		runtime::AgendaWeight::set(UNLIMITED);
		runtime::Retention::set(100);
		// The genesis of frame_system alone, which cannot fail.
		let genesis = frame_system::GenesisConfig::<Sim>::default().build_storage();
		Self { ext: genesis.unwrap_or_default().into(), tally: Tally::new(), now: 0 }
	}

	/// Caps what the hook does in a block.
	pub fn cap(&mut self, weight: Weight) {
		runtime::AgendaWeight::set(weight);
	}

	/// The number of the last block.
	pub fn now(&self) -> BlockNumber {
		self.now
	}

	/// Whether blocks are left whose frozen tasks could have been drawn by now.
	pub fn draws_are_behind(&mut self) -> bool {
		let due = self.now.saturating_sub(DRAW_DELAY_BLOCKS);
		self.run(|| pallet::FrozenCursor::<Sim>::get().block < due)
	}

	/// Reads and writes of the pallet's storage so far, the same key counted each time.
	pub fn counted(&self) -> (u64, u64) {
		(self.tally.reads, self.tally.writes)
	}

	/// Runs code over the chain's storage.
	fn run<R>(&mut self, body: impl FnOnce() -> R) -> R {
		let mut ext = self.ext.ext();
		let mut recorder = Recorder { inner: &mut ext, tally: &mut self.tally };
		sp_externalities::set_and_run_with_externalities(&mut recorder, body)
	}

	/// Adds a machine to the registry and the supply.
	pub fn add_machine(&mut self, node: &Node) -> WorkerId {
		let worker = World::add_machine(node);
		self.run(|| TaskMatching::supply_changed(worker));
		worker
	}

	/// Adds machines to the registry, and to the supply all at once: the state that adding them one by one gives.
	pub fn add_machines_at_once<'a>(&mut self, nodes: impl Iterator<Item = &'a Node>) {
		let workers: Vec<WorkerId> = nodes.map(World::add_machine).collect();
		let entries: Vec<Entry> = workers
			.into_iter()
			.filter_map(|worker| World::show(worker).map(|candidate| candidate.entry))
			.collect();
		self.run(|| bulk::fill(entries));
	}

	/// Has a machine take nothing new, or take tasks again.
	pub fn set_draining(&mut self, worker: WorkerId, is_draining: bool) {
		World::set_draining(worker, is_draining);
		self.run(|| TaskMatching::supply_changed(worker));
	}

	/// Has a machine go off line without a word.
	pub fn go_silent(&mut self, worker: WorkerId) {
		World::set_online(worker, false);
		self.run(|| {
			TaskMatching::supply_changed(worker);
			TaskMatching::went_silent(worker);
		});
	}

	/// A machine as the registry shows it.
	pub fn machine(&self, worker: WorkerId) -> Option<Candidate<AccountId>> {
		World::show(worker)
	}

	/// Machines of which something is taken.
	pub fn busy_machines(&self) -> u32 {
		World::busy_machines()
	}

	fn call(&mut self, who: &AccountId, call: pallet::Call<Sim>) -> Result<()> {
		let name = format!("{call:?}");
		let origin = RuntimeOrigin::signed(who.clone());
		let done = self.run(|| RuntimeCall::TaskMatching(call).dispatch(origin));
		match done {
			Ok(_) => Ok(()),
			Err(error) => Err(Error::Chain(format!("{:?} of {name:.200}", error.error))),
		}
	}

	/// Submits a task by the pallet's call.
	pub fn submit(&mut self, spec: TaskSpec) -> Result<TaskId> {
		let id = self.run(pallet::NextTaskId::<Sim>::get);
		self.call(&SUBMITTER, pallet::Call::submit_task { spec, input: INPUT })?;
		Ok(id)
	}

	/// Submits a job of `count` tasks by the pallet's call, and gives the number of the first.
	pub fn submit_job(&mut self, spec: TaskSpec, count: u32) -> Result<TaskId> {
		let id = self.run(pallet::NextTaskId::<Sim>::get);
		let task = JobTask { input: INPUT, after: Default::default() };
		let tasks = JobTasks::truncate_from(vec![task; count as usize]);
		self.call(&SUBMITTER, pallet::Call::submit_job { spec, tasks })?;
		Ok(id)
	}

	/// Cancels a task by the pallet's call.
	pub fn cancel(&mut self, task: TaskId) -> Result<()> {
		self.call(&SUBMITTER, pallet::Call::cancel_task { task })
	}

	/// A task as the chain keeps it.
	pub fn task(&mut self, id: TaskId) -> Option<Task<AccountId>> {
		self.run(|| pallet::Tasks::<Sim>::get(id))
	}

	fn job(&mut self, id: TaskId) -> Option<Job<AccountId>> {
		self.run(|| pallet::Jobs::<Sim>::get(id))
	}

	/// The directory of the supply.
	pub fn directory(&mut self) -> Directory {
		self.run(pallet::SupplyDirectory::<Sim>::get)
	}

	/// Goes on by one block.
	pub fn next_block(&mut self) -> Block {
		self.block_with(hook)
	}

	/// Goes on by one block whose hook a profiler can tell from everything else.
	pub fn measured_block(&mut self) -> Block {
		self.block_with(measured_matches)
	}

	fn block_with(&mut self, hook: fn(BlockNumber) -> Weight) -> Block {
		self.now = self.now.saturating_add(1);
		World::extend_beacon();
		World::take_steps();
		self.tally.draws.clear();
		let (reads, writes, now) = (self.tally.reads, self.tally.writes, self.now);
		let weight = self.run(|| {
			clear_events();
			System::set_block_number(now.into());
			hook(now)
		});
		let (reads, writes) = (self.tally.reads - reads, self.tally.writes - writes);
		Block {
			weight,
			reads,
			writes,
			draws: std::mem::take(&mut self.tally.draws),
			notes: self.notes(),
			steps: World::take_steps(),
		}
	}

	/// What happened to machines outside of the hook since this, or the last block, was asked for.
	pub fn steps(&mut self) -> Vec<Step> {
		World::take_steps()
	}

	fn notes(&mut self) -> Vec<Note> {
		let events = self.run(System::events);
		let notes = events.into_iter().filter_map(|record| match record.event {
			RuntimeEvent::TaskMatching(pallet::Event::TaskAssigned { task, workers, .. }) => {
				Some(Note::Assigned(task, workers))
			}
			RuntimeEvent::TaskMatching(pallet::Event::NothingMatched { task }) => {
				Some(Note::Waits(task))
			}
			RuntimeEvent::TaskMatching(pallet::Event::TaskFinished { task, state, .. }) => {
				Some(Note::Over(task, state))
			}
			_ => None,
		});
		notes.collect()
	}

	/// Has the machines of a task deliver its result, with signatures of their own, and settles it.
	pub fn deliver(&mut self, id: TaskId) -> Result<()> {
		let gone = || Error::Chain(format!("task {id} is gone before its result"));
		let task = self.task(id).ok_or_else(gone)?;
		let job = self.job(task.job).ok_or_else(gone)?;
		let workers: Vec<WorkerId> = task.replicas.iter().map(|replica| replica.worker).collect();
		if let [worker] = workers[..] {
			let (who, attestation, signature) = sign(id, &task, &job, worker)?;
			let call = pallet::Call::attest_result { task: id, attestation, signature };
			return self.call(&who, call);
		}
		let salt = [1; 32];
		for worker in &workers {
			let (who, attestation, _) = sign(id, &task, &job, *worker)?;
			let commitment = attestation.commitment(&salt);
			self.call(&who, pallet::Call::commit_result { task: id, commitment })?;
		}
		for worker in &workers {
			let (who, attestation, signature) = sign(id, &task, &job, *worker)?;
			let call = pallet::Call::reveal_result { task: id, attestation, signature, salt };
			self.call(&who, call)?;
		}
		Ok(())
	}

	/// Everything that must hold in every block: the pallet's own invariants and that no money appears or gets lost.
	pub fn check(&mut self) -> Result<()> {
		self.run(TaskMatching::do_try_state)
			.map_err(|error| Error::Chain(format!("an invariant does not hold: {error:?}")))?;
		match World::is_conserved() {
			true => Ok(()),
			false => Err(Error::Chain("money appeared or got lost".to_owned())),
		}
	}

	/// How the pallet's storage is filled, item by item.
	pub fn state(&mut self) -> state::State {
		self.run(state::State::read)
	}

	/// The same for what is there on account of tasks only, which takes no longer where there are many machines.
	pub fn state_of_tasks(&mut self) -> State {
		self.run(state::State::read_tasks)
	}
}

/// Forgets the events of the last block. `System::reset_events` would also look for topics, of which there are none here, and for
/// that at every key that was ever written.
fn clear_events() {
	for item in ["Events", "EventCount"] {
		let key = frame_support::storage::storage_prefix(b"System", item.as_bytes());
		sp_io::storage::clear(&key);
	}
}

/// What the pallet does in a block by itself. Within externalities only.
fn hook(now: BlockNumber) -> Weight {
	TaskMatching::on_initialize(now.into())
}

/// The same as a function of its own, so that a profiler can be told to count in here only:
/// `valgrind --tool=callgrind --toggle-collect='*measured_matches*'`.
#[inline(never)]
fn measured_matches(now: BlockNumber) -> Weight {
	std::hint::black_box(hook(now))
}

/// What a machine says of a task that used all the fuel it may: its account, its statement, and its signature.
fn sign(
	id: TaskId,
	task: &Task<AccountId>,
	job: &Job<AccountId>,
	worker: WorkerId,
) -> Result<(AccountId, Attestation, [u8; 64])> {
	let unknown = || Error::Chain(format!("machine {worker} is not registered"));
	let key = World::key_of(worker).ok_or_else(unknown)?;
	let fuel = job.spec.fuel_limit.min(GFUEL);
	let (output_root, status) = ([13; 32], ExitStatus::Completed);
	let attestation = Attestation {
		version: ATTESTATION_VERSION,
		genesis: GENESIS,
		task: id,
		attempt: task.replica_of(worker).map_or(0, |replica| replica.attempt),
		worker,
		program: job.spec.program.blob.hash,
		meter_schedule: SCHEDULE,
		input_root: task.input_root(),
		result: ResultDigest { output_root, output_bytes: 3, fuel, status },
		started_at: 1,
		finished_at: 2,
	};
	let signature = key.sign(&attestation.signing_payload());
	Ok((AccountId::from(key.public()), attestation, signature.0))
}
