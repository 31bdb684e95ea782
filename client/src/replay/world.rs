//! The chain's state as far as draws read and change it, filled from a node as it is needed.
//!
//! What a step looks for and does not find is noted ([`World::missing`]); the step then counts for nothing, what was missing is
//! read from the block before, and the step is taken again. So the code of a step is the chain's own, and knows of no node.

use crate::{keys::AccountId, Job, TaskRecord, Worker};
use aidragon_primitives::{
	drawing::Batch,
	matching::Considered,
	supply::{Bucket, Directory, Page, Place, SupplyStore},
	waiting::{Queue, QueueId, QueueIndex, QueueStore, Ticket},
	worker::{Capability, Provider, Thresholds},
	Balance, BlockNumber, Hash32, JobId, TaskId, WorkerId,
};
use std::{
	cell::RefCell,
	collections::{BTreeMap, BTreeSet},
};

/// What holds for all draws of a block.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
	/// The block in which they happen.
	pub(super) now: BlockNumber,
	/// The minute of the day at the block before, in Coordinated Universal Time.
	pub(super) minute: u16,
	/// That block and its beacon, unless it brought none.
	pub(super) beacon: Option<(BlockNumber, Hash32)>,
	/// Bond that each machine takes in its first tier.
	pub(super) bond_per_worker: Balance,
	/// The least that each tier of a class takes.
	pub(super) thresholds: Thresholds,
}

/// Something that is read of the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
	Page(Bucket, u32),
	Place(WorkerId),
	Worker(WorkerId),
	Provider(AccountId),
	Capability(WorkerId),
	Attestor(AccountId),
	Task(TaskId),
	Job(JobId),
	Queue(QueueId),
	Waiting(QueueId, u64),
	FrozenLength(BlockNumber),
	Frozen(BlockNumber, u32),
}

/// The state. `None` stands for what the chain does not have.
#[derive(Clone, Debug)]
pub(super) struct World {
	pub(super) frame: Frame,
	pub(super) directory: Directory,
	pub(super) index: QueueIndex,
	pub(super) pages: BTreeMap<(Bucket, u32), Page>,
	pub(super) places: BTreeMap<WorkerId, Option<Place>>,
	pub(super) workers: BTreeMap<WorkerId, Option<Worker>>,
	pub(super) providers: BTreeMap<AccountId, Option<Provider>>,
	pub(super) capabilities: BTreeMap<WorkerId, Option<Capability>>,
	pub(super) attestors: BTreeMap<AccountId, bool>,
	pub(super) tasks: BTreeMap<TaskId, Option<TaskRecord>>,
	pub(super) jobs: BTreeMap<JobId, Option<Job>>,
	pub(super) queues: BTreeMap<QueueId, Queue>,
	pub(super) waiting: BTreeMap<(QueueId, u64), Option<TaskId>>,
	pub(super) frozen_lengths: BTreeMap<BlockNumber, u32>,
	pub(super) frozen: BTreeMap<(BlockNumber, u32), Option<Batch>>,
	/// The task about whose draw everything is noted.
	pub(super) watched: Option<TaskId>,
	pub(super) seen: RefCell<Seen>,
	missing: RefCell<BTreeSet<Key>>,
}

/// What is noted of the draw of the watched task.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
	/// The last look at the supply.
	pub(super) look: Look,
	/// The look from which the watched task was drawn.
	pub(super) look_of_task: Look,
	/// Every machine that was looked at for it in that look.
	pub(super) considered: Vec<Considered>,
}

/// A look at the supply.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Look {
	/// The task for which it was taken. Those that are drawn with it share it.
	pub task: TaskId,
	/// Pages of the supply that were read.
	pub pages: u32,
	/// Machines in the supply at that moment.
	pub machines: u32,
}

impl World {
	/// A state of which only this is known.
	pub(super) fn new(frame: Frame, directory: Directory, index: QueueIndex) -> Self {
		Self {
			frame,
			directory,
			index,
			pages: BTreeMap::new(),
			places: BTreeMap::new(),
			workers: BTreeMap::new(),
			providers: BTreeMap::new(),
			capabilities: BTreeMap::new(),
			attestors: BTreeMap::new(),
			tasks: BTreeMap::new(),
			jobs: BTreeMap::new(),
			queues: BTreeMap::new(),
			waiting: BTreeMap::new(),
			frozen_lengths: BTreeMap::new(),
			frozen: BTreeMap::new(),
			watched: None,
			seen: RefCell::default(),
			missing: RefCell::default(),
		}
	}

	/// What was looked for and is not known. It is forgotten by that.
	pub(super) fn missing(&mut self) -> BTreeSet<Key> {
		self.missing.take()
	}

	pub(super) fn known<'a, K: Ord, V>(
		&self,
		map: &'a BTreeMap<K, V>,
		key: &K,
		name: Key,
	) -> Option<&'a V> {
		let found = map.get(key);
		if found.is_none() {
			self.missing.borrow_mut().insert(name);
		}
		found
	}
}

impl SupplyStore for World {
	fn directory(&self) -> Directory {
		self.directory.clone()
	}

	fn page(&self, bucket: Bucket, number: u32) -> Page {
		let key = Key::Page(bucket, number);
		self.known(&self.pages, &(bucket, number), key).cloned().unwrap_or_default()
	}

	fn place(&self, worker: WorkerId) -> Option<Place> {
		self.known(&self.places, &worker, Key::Place(worker)).copied().flatten()
	}

	fn put_directory(&mut self, directory: Directory) {
		self.directory = directory;
	}

	fn put_page(&mut self, bucket: Bucket, number: u32, page: Page) {
		self.pages.insert((bucket, number), page);
	}

	fn put_place(&mut self, worker: WorkerId, place: Option<Place>) {
		self.places.insert(worker, place);
	}
}

impl QueueStore for World {
	fn index(&self) -> QueueIndex {
		self.index.clone()
	}

	fn queue(&self, queue: QueueId) -> Queue {
		self.known(&self.queues, &queue, Key::Queue(queue)).copied().unwrap_or_default()
	}

	fn waiting(&self, ticket: Ticket) -> Option<TaskId> {
		let Ticket { queue, number } = ticket;
		let key = Key::Waiting(queue, number);
		self.known(&self.waiting, &(queue, number), key).copied().flatten()
	}

	fn put_index(&mut self, index: QueueIndex) {
		self.index = index;
	}

	fn put_queue(&mut self, id: QueueId, queue: Queue) {
		// The chain keeps no empty queue; its next task is the first of a new one.
		let kept = if queue.length == 0 { Queue::default() } else { queue };
		self.queues.insert(id, kept);
	}

	fn put_waiting(&mut self, ticket: Ticket, task: Option<TaskId>) {
		self.waiting.insert((ticket.queue, ticket.number), task);
	}
}
