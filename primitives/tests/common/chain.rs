//! A market in memory: machines, their registry, tasks and queues, for the tests of the drawing.
#![allow(dead_code, reason = "each test uses a part of it")]

use crate::common::{provider, seed, Counting, Queues};
use aidragon_primitives::{
	drawing::{draw_frozen, Batch, Budget, Cost, Cursor, Market},
	interface::{CapacityExceeded, Reservation},
	job::Job,
	matching::{order_of, Verdict},
	state::TaskState,
	supply::{
		bucket_of, insert, remove, update_at, Bucket, Directory, Entry, MemoryStore, Page, Place,
		ProviderTag, SupplyStore,
	},
	task::{BlobRef, Task, TaskSpec},
	waiting::{dequeue, Queue, QueueId, QueueIndex, QueueStore, Ticket},
	worker::{Candidate, Capacity, Ledger, Offer, Site},
	Balance, BlockNumber, Hash32, JobId, TaskId, WorkerId,
};
use std::{cell::RefCell, collections::BTreeMap};

/// What the registry knows of a machine.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
	pub(crate) provider: ProviderTag,
	pub(crate) offer: Offer,
	pub(crate) ledger: Ledger,
	/// It may be given no work, though it stands in the supply.
	pub(crate) is_gone: bool,
}

/// What was heard of one machine that was looked at.
pub(crate) type Note = (TaskId, u8, WorkerId, Verdict);

/// A market.
#[derive(Default)]
pub(crate) struct Chain {
	pub(crate) now: BlockNumber,
	pub(crate) beacons: BTreeMap<BlockNumber, Hash32>,
	pub(crate) supply: Counting<MemoryStore>,
	pub(crate) queues: Queues,
	pub(crate) machines: BTreeMap<WorkerId, Machine>,
	/// What is left of each provider's bond.
	pub(crate) bonds: BTreeMap<ProviderTag, Balance>,
	pub(crate) jobs: BTreeMap<JobId, Job<ProviderTag>>,
	pub(crate) tasks: BTreeMap<TaskId, Task<ProviderTag>>,
	pub(crate) frozen: BTreeMap<(BlockNumber, u32), Batch>,
	pub(crate) frozen_length: BTreeMap<BlockNumber, u32>,
	pub(crate) cursor: Cursor,
	pub(crate) agenda: Vec<(BlockNumber, Batch)>,
	/// In the order in which they got machines.
	pub(crate) assigned: Vec<TaskId>,
	pub(crate) given_up: Vec<TaskId>,
	pub(crate) unmatched: Vec<TaskId>,
	pub(crate) refreshed: Vec<WorkerId>,
	pub(crate) looks: RefCell<Vec<(TaskId, u32)>>,
	pub(crate) notes: RefCell<Vec<Note>>,
}

/// A budget of so many draws.
#[derive(Default)]
pub(crate) struct Draws {
	pub(crate) left: usize,
	pub(crate) spent: Vec<(TaskId, Cost)>,
}

impl Draws {
	pub(crate) fn of(left: usize) -> Self {
		Self { left, spent: Vec::new() }
	}
}

impl Budget for Draws {
	fn allows(&mut self) -> bool {
		self.left > 0
	}

	fn spend(&mut self, id: TaskId, cost: &Cost) {
		self.left -= 1;
		self.spent.push((id, *cost));
	}
}

impl Chain {
	/// Adds a machine of a provider, with any bond behind it.
	pub(crate) fn add(&mut self, owner: u32, price: Balance, claimed: Capacity) -> WorkerId {
		let worker = self.machines.len() as WorkerId;
		let provider = provider(owner);
		let (offer, ledger) = (Offer::at(price), Ledger::new(claimed));
		self.machines.insert(worker, Machine { provider, offer, ledger, is_gone: false });
		self.bonds.entry(provider).or_insert(Balance::MAX);
		let entry = self.entry(worker);
		insert(&mut self.supply, entry);
		worker
	}

	/// So many equal machines of providers of their own.
	pub(crate) fn add_many(&mut self, count: u32, price: Balance, claimed: Capacity) {
		for owner in 0..count {
			self.add(1_000 + owner, price, claimed);
		}
	}

	/// What the registry says of a machine.
	pub(crate) fn entry(&self, worker: WorkerId) -> Entry {
		let Machine { provider, offer, ledger, .. } = &self.machines[&worker];
		let free = ledger.free(&ledger.claimed());
		let (offer, site, throughput_mops) = (*offer, Site::default(), 1_000);
		Entry { worker, provider: *provider, offer, site, free, throughput_mops }
	}

	/// Submits a job of tasks that wait for no other, and freezes them.
	pub(crate) fn submit(&mut self, spec: &TaskSpec, tasks: u16) -> JobId {
		let first = self.tasks.len() as JobId;
		let (submitter, now) = (provider(u32::MAX), self.now);
		let job = Job {
			submitter,
			spec: spec.clone(),
			submitted_at: now,
			deadline: now + spec.deadline_blocks,
			tasks,
			open: tasks,
			flow: None,
		};
		self.jobs.insert(first, job);
		for id in first..first + u64::from(tasks) {
			self.tasks.insert(id, queued(first));
		}
		self.freeze(Batch { first, count: tasks });
		first
	}

	/// Goes on by a block, and draws in it what the budget allows.
	pub(crate) fn run(&mut self, budget: &mut impl Budget) {
		self.now += 1;
		self.beacons.insert(self.now, seed(self.now));
		let mut cursor = self.cursor;
		while draw_frozen(self, &mut cursor, budget) {}
		self.cursor = cursor;
	}

	/// Who has a task.
	pub(crate) fn workers_of(&self, id: TaskId) -> Vec<WorkerId> {
		self.tasks[&id].replicas.iter().map(|replica| replica.worker).collect()
	}

	/// Tasks by how many machines each has.
	pub(crate) fn counts(&self) -> Vec<usize> {
		self.tasks.values().map(|task| task.replicas.len()).collect()
	}

	/// The pages that were looked at, with the tasks that had them looked at.
	pub(crate) fn looks(&self) -> Vec<(TaskId, u32)> {
		self.looks.borrow().clone()
	}

	/// Tasks that are going to be drawn.
	pub(crate) fn ahead(&self) -> Vec<TaskId> {
		let ids = |(place, batch): (&(BlockNumber, u32), &Batch)| {
			let ids = (self.drawn_of(*place)..batch.count).map(u64::from);
			ids.map(|n| batch.first + n).collect::<Vec<_>>()
		};
		self.frozen.iter().flat_map(ids).collect()
	}

	/// Tasks of a batch that are drawn: the cursor counts those of the next one only.
	fn drawn_of(&self, place: (BlockNumber, u32)) -> u16 {
		let Cursor { block, batches, tasks, order } = self.cursor;
		let next = order.map(|order| order_of(&order, self.frozen_length(block), batches));
		match Some(place) == next.map(|next| (block, next)) {
			true => tasks,
			false => 0,
		}
	}
}

fn queued(job: JobId) -> Task<ProviderTag> {
	Task {
		job,
		input: BlobRef { hash: [2; 32], size_bytes: 1 },
		bundle: None,
		state: TaskState::Queued,
		escrow: 0,
		wake_at: 0,
		attempt: 0,
		looks: 0,
		ticket: None,
		retries_left: 0,
		replicas: Default::default(),
		excluded: Default::default(),
		declined: None,
		result: None,
		paid: 0,
	}
}

impl SupplyStore for Chain {
	fn directory(&self) -> Directory {
		self.supply.directory()
	}

	fn page(&self, bucket: Bucket, number: u32) -> Page {
		self.supply.page(bucket, number)
	}

	fn place(&self, worker: WorkerId) -> Option<Place> {
		self.supply.place(worker)
	}

	fn put_directory(&mut self, directory: Directory) {
		self.supply.put_directory(directory);
	}

	fn put_page(&mut self, bucket: Bucket, number: u32, page: Page) {
		self.supply.put_page(bucket, number, page);
	}

	fn put_place(&mut self, worker: WorkerId, place: Option<Place>) {
		self.supply.put_place(worker, place);
	}
}

impl QueueStore for Chain {
	fn index(&self) -> QueueIndex {
		self.queues.index()
	}

	fn queue(&self, queue: QueueId) -> Queue {
		self.queues.queue(queue)
	}

	fn waiting(&self, ticket: Ticket) -> Option<TaskId> {
		self.queues.waiting(ticket)
	}

	fn put_index(&mut self, index: QueueIndex) {
		self.queues.put_index(index);
	}

	fn put_queue(&mut self, id: QueueId, queue: Queue) {
		self.queues.put_queue(id, queue);
	}

	fn put_waiting(&mut self, ticket: Ticket, task: Option<TaskId>) {
		self.queues.put_waiting(ticket, task);
	}
}

impl Market for Chain {
	type AccountId = ProviderTag;

	fn now(&self) -> BlockNumber {
		self.now
	}

	fn minute(&self) -> u16 {
		720
	}

	fn beacon(&self) -> Option<(BlockNumber, Hash32)> {
		self.beacons.get(&self.now).map(|beacon| (self.now, *beacon))
	}

	fn frozen_length(&self, block: BlockNumber) -> u32 {
		self.frozen_length.get(&block).copied().unwrap_or_default()
	}

	fn frozen_batch(&self, block: BlockNumber, position: u32) -> Option<Batch> {
		self.frozen.get(&(block, position)).copied()
	}

	fn forget_batch(&mut self, block: BlockNumber, position: u32) {
		assert!(self.frozen.remove(&(block, position)).is_some(), "drawn twice");
	}

	fn forget_block(&mut self, block: BlockNumber) {
		self.frozen_length.remove(&block);
	}

	fn freeze(&mut self, batch: Batch) {
		let length = self.frozen_length.entry(self.now).or_default();
		self.frozen.insert((self.now, *length), batch);
		*length += 1;
	}

	fn task(&self, id: TaskId) -> Option<Task<ProviderTag>> {
		self.tasks.get(&id).cloned()
	}

	fn put_task(&mut self, id: TaskId, task: Task<ProviderTag>) {
		self.tasks.insert(id, task);
	}

	fn job(&self, id: JobId) -> Option<Job<ProviderTag>> {
		self.jobs.get(&id).cloned()
	}

	fn give_up(&mut self, id: TaskId, mut task: Task<ProviderTag>) {
		if let Some(ticket) = task.ticket.take() {
			dequeue(self, ticket);
		}
		task.state = TaskState::Expired;
		self.tasks.insert(id, task);
		self.given_up.push(id);
	}

	fn candidate(&self, worker: WorkerId) -> Option<Candidate<ProviderTag>> {
		let provider = self.machines.get(&worker).filter(|machine| !machine.is_gone)?.provider;
		let (entry, stake_free) = (self.entry(worker), self.bonds[&provider]);
		let has_room = bucket_of(&entry.free).is_some();
		has_room.then_some(Candidate { entry, provider, stake_free })
	}

	fn reserve(
		&mut self,
		worker: WorkerId,
		Reservation { grant, stake }: &Reservation,
	) -> Result<(), CapacityExceeded> {
		let machine = self.machines.get_mut(&worker).unwrap();
		let bond = self.bonds.get_mut(&machine.provider).unwrap();
		*bond = bond.checked_sub(*stake).ok_or(CapacityExceeded)?;
		machine.ledger.reserve(grant).map_err(|_| CapacityExceeded)
	}

	fn refresh(&mut self, worker: WorkerId, place: Place) {
		self.refreshed.push(worker);
		match self.candidate(worker) {
			Some(candidate) => update_at(self, place, candidate.entry),
			None => remove(self, worker),
		};
	}

	fn assign(&mut self, id: TaskId, task: Task<ProviderTag>, count: usize) {
		assert_eq!(task.replicas.len(), count, "none had any before");
		self.tasks.insert(id, task);
		self.assigned.push(id);
	}

	fn schedule(&mut self, batch: Batch, at: BlockNumber) {
		self.agenda.push((at, batch));
	}

	fn nothing_matched(&mut self, id: TaskId) {
		self.unmatched.push(id);
	}

	fn looks(&self, id: TaskId, pages: u32) {
		self.looks.borrow_mut().push((id, pages));
	}

	fn note(&self, id: TaskId, replica: u8, entry: &Entry, verdict: Verdict) {
		self.notes.borrow_mut().push((id, replica, entry.worker, verdict));
	}
}
