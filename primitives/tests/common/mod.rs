//! Machines, tasks and counted stores for the tests of the supply, the draw and the queues.
#![allow(dead_code, reason = "each test uses a part of it")]

use aidragon_primitives::{
	matching::{Considered, Pick, Request, Verdict, View},
	resources::{Free, GpuShare, Resources, GPU_CLASSES, WHOLE_MILLI},
	supply::{
		insert, Bucket, Directory, Entry, MemoryStore, Page, Place, ProviderTag, Shape,
		SupplyStore, CPU_TIERS_MILLI, MEMORY_TIERS_MIB,
	},
	task::{BlobRef, MatchingPolicy, Program, ProgramKind, Requirements, TaskSpec},
	waiting::{Queue, QueueId, QueueIndex, QueueStore, Ticket},
	worker::{Candidate, Offer, Site, TaskKinds, TransportAddress},
	Balance, Hash32, TaskId, WorkerId, GFUEL,
};
use proptest::prelude::*;
use std::{
	cell::{Cell, RefCell},
	collections::{BTreeMap, BTreeSet},
};

/// What the machines of [`machine`] ask.
pub(crate) const PRICE: Balance = 1_000_000;

/// A provider's tag.
pub(crate) fn provider(number: u32) -> ProviderTag {
	u64::from(number).to_be_bytes()
}

/// What is left of a machine without graphics processors.
pub(crate) fn cpu(cpu_milli: u32, memory_mib: u32) -> Free {
	Free { cpu_milli, memory_mib, ..Free::default() }
}

/// What is left of a machine with graphics processors of class 3 and 16,000 MiB.
pub(crate) fn gpus(gpu_milli: &[u16]) -> Free {
	Free {
		gpu_class: 3,
		gpu_memory_mib: 16_000,
		gpu_milli: gpu_milli.to_vec().try_into().unwrap(),
		..cpu(4_000, 4_096)
	}
}

/// A machine of its own provider that [`spec`] fits.
pub(crate) fn machine(worker: WorkerId) -> Entry {
	Entry {
		worker,
		provider: provider(worker),
		offer: Offer::at(PRICE),
		site: Site::default(),
		free: cpu(4_000, 4_096),
		throughput_mops: 1_000,
	}
}

/// A task for one machine with a core and a gibibyte.
pub(crate) fn spec(matching: MatchingPolicy) -> TaskSpec {
	let blob = BlobRef { hash: [1; 32], size_bytes: 100 };
	TaskSpec {
		program: Program { kind: ProgramKind::WasiCommand, blob },
		source: TransportAddress::default(),
		requirements: Requirements {
			resources: Resources::cpu(1_000, 1_024),
			throughput_min_mops: 100,
			region: None,
			energy: None,
		},
		fuel_limit: 10 * GFUEL,
		output_limit_bytes: 1_000,
		execution_blocks: 20,
		deadline_blocks: 100,
		replicas: 1,
		matching,
		price_cap_per_gfuel: 10 * PRICE,
		retries: 0,
	}
}

/// A request for `count` machines at noon.
pub(crate) fn request(spec: &TaskSpec, count: usize) -> Request<'_> {
	Request {
		spec,
		kinds: TaskKinds::default(),
		minute: 720,
		excluded: &[],
		taken: Vec::new(),
		count,
		woken_by: None,
	}
}

/// All policies.
pub(crate) const POLICIES: [MatchingPolicy; 4] = [
	MatchingPolicy::Cheapest,
	MatchingPolicy::Fastest,
	MatchingPolicy::Balanced,
	MatchingPolicy::Greenest,
];

/// The seed of a number.
pub(crate) fn seed(number: u32) -> Hash32 {
	let mut seed = [5; 32];
	seed[..4].copy_from_slice(&number.to_le_bytes());
	seed
}

/// A supply of these machines.
pub(crate) fn market(machines: impl IntoIterator<Item = Entry>) -> MemoryStore {
	let mut store = MemoryStore::default();
	machines.into_iter().for_each(|entry| insert(&mut store, entry));
	store
}

/// What the registry says of a machine that is as the supply shows it, with any bond behind it.
pub(crate) fn candidate(entry: Entry) -> Candidate<ProviderTag> {
	Candidate { provider: entry.provider, stake_free: Balance::MAX, entry }
}

/// What the supply shows of a machine.
pub(crate) fn shown(store: &impl SupplyStore, worker: WorkerId) -> Option<Entry> {
	let place = store.place(worker)?;
	store.page(place.bucket, place.page()).get(place.slot()).cloned()
}

/// What a draw of one task came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Drawn<AccountId> {
	pub(crate) picks: Option<Vec<Pick<AccountId>>>,
	pub(crate) gone: Vec<WorkerId>,
	pub(crate) saw_all: bool,
	pub(crate) pages: u32,
}

/// A draw over machines of which the registry says the same as the supply.
pub(crate) fn draw(
	store: &MemoryStore,
	request: &Request<'_>,
	seed: &Hash32,
) -> (Drawn<ProviderTag>, Vec<Considered>) {
	draw_vetted(store, request, seed, |worker| shown(store, worker).map(candidate))
}

/// A draw from `store` in which `vet` is the registry, and what became of each machine.
pub(crate) fn draw_vetted<S: SupplyStore>(
	store: &S,
	request: &Request<'_>,
	seed: &Hash32,
	vet: impl FnMut(WorkerId) -> Option<Candidate<ProviderTag>>,
) -> (Drawn<ProviderTag>, Vec<Considered>) {
	let mut notes: Vec<Considered> = Vec::new();
	let mut view = View::open(store, request, seed);
	let drawn = view.draw(request, seed, vet, |replica, entry, verdict| {
		notes.push(Considered { replica, entry: entry.clone(), verdict });
	});
	let mut gone: Vec<WorkerId> = Vec::new();
	for note in notes.iter().filter(|note| note.verdict == Verdict::Gone) {
		if !gone.contains(&note.entry.worker) {
			gone.push(note.entry.worker);
		}
	}
	(Drawn { picks: drawn.picks, gone, saw_all: drawn.saw_all, pages: view.pages() }, notes)
}

/// What was read and written of a store.
#[derive(Clone, Debug, Default)]
pub(crate) struct Touched {
	pub(crate) pages: BTreeSet<(Bucket, u32)>,
	pub(crate) page_reads: usize,
	pub(crate) page_writes: usize,
	pub(crate) places: BTreeSet<WorkerId>,
	pub(crate) place_reads: usize,
	pub(crate) place_writes: usize,
	pub(crate) directory_reads: usize,
	pub(crate) directory_writes: usize,
}

/// A store that notes what is touched of it.
#[derive(Default)]
pub(crate) struct Counting<S> {
	pub(crate) store: S,
	pub(crate) touched: RefCell<Touched>,
}

impl<S> Counting<S> {
	pub(crate) fn new(store: S) -> Self {
		Self { store, touched: RefCell::default() }
	}

	/// What was touched since the last call.
	pub(crate) fn take(&self) -> Touched {
		self.touched.take()
	}
}

impl<S: SupplyStore> SupplyStore for Counting<S> {
	fn directory(&self) -> Directory {
		self.touched.borrow_mut().directory_reads += 1;
		self.store.directory()
	}

	fn page(&self, bucket: Bucket, number: u32) -> Page {
		let mut touched = self.touched.borrow_mut();
		touched.page_reads += 1;
		touched.pages.insert((bucket, number));
		self.store.page(bucket, number)
	}

	fn place(&self, worker: WorkerId) -> Option<Place> {
		let mut touched = self.touched.borrow_mut();
		touched.place_reads += 1;
		touched.places.insert(worker);
		self.store.place(worker)
	}

	fn put_directory(&mut self, directory: Directory) {
		self.touched.borrow_mut().directory_writes += 1;
		self.store.put_directory(directory);
	}

	fn put_page(&mut self, bucket: Bucket, number: u32, page: Page) {
		let mut touched = self.touched.borrow_mut();
		touched.page_writes += 1;
		touched.pages.insert((bucket, number));
		drop(touched);
		self.store.put_page(bucket, number, page);
	}

	fn put_place(&mut self, worker: WorkerId, place: Option<Place>) {
		let mut touched = self.touched.borrow_mut();
		touched.place_writes += 1;
		touched.places.insert(worker);
		drop(touched);
		self.store.put_place(worker, place);
	}
}

/// Queues in memory.
#[derive(Default)]
pub(crate) struct Queues {
	pub(crate) index: QueueIndex,
	pub(crate) queues: BTreeMap<QueueId, Queue>,
	pub(crate) waiting: BTreeMap<(QueueId, u64), TaskId>,
	/// Places that were looked at.
	pub(crate) looks: Cell<u32>,
}

impl QueueStore for Queues {
	fn index(&self) -> QueueIndex {
		self.index.clone()
	}

	fn queue(&self, queue: QueueId) -> Queue {
		self.queues.get(&queue).copied().unwrap_or_default()
	}

	fn waiting(&self, ticket: Ticket) -> Option<TaskId> {
		self.looks.set(self.looks.get() + 1);
		self.waiting.get(&(ticket.queue, ticket.number)).copied()
	}

	fn put_index(&mut self, index: QueueIndex) {
		self.index = index;
	}

	fn put_queue(&mut self, id: QueueId, queue: Queue) {
		match queue.length {
			0 => self.queues.remove(&id),
			_ => self.queues.insert(id, queue),
		};
	}

	fn put_waiting(&mut self, ticket: Ticket, task: Option<TaskId>) {
		let key = (ticket.queue, ticket.number);
		match task {
			Some(task) => self.waiting.insert(key, task),
			None => self.waiting.remove(&key),
		};
	}
}

/// All shapes that a machine can have, each as what such a machine has left.
pub(crate) fn all_shapes() -> impl Iterator<Item = Free> {
	let buckets = 0..Bucket::from(GPU_CLASSES) * 17 * 144 + 144;
	buckets.map(|bucket| {
		let shape = Shape::of_bucket(bucket);
		let gpu_milli = match shape.gpu_state {
			0 => vec![],
			tenths @ 1..=9 => vec![tenths * 100],
			state => vec![WHOLE_MILLI; usize::from(state - 9)],
		};
		Free {
			gpu_class: shape.gpu_class,
			gpu_memory_mib: 8_000,
			gpu_milli: gpu_milli.try_into().unwrap(),
			..cpu(
				CPU_TIERS_MILLI[usize::from(shape.cpu_tier)].max(1),
				MEMORY_TIERS_MIB[usize::from(shape.memory_tier)].max(1),
			)
		}
	})
}

/// Anything that may be left of a machine.
pub(crate) fn any_free() -> impl Strategy<Value = Free> {
	let parts = prop::collection::vec(prop_oneof![Just(WHOLE_MILLI), 0u16..=1_000], 0..10);
	(1u32..140_000, 1u32..1 << 20, 0u8..16, 0u32..3, parts).prop_map(
		|(cpu_milli, memory_mib, gpu_class, memory, parts)| Free {
			cpu_milli,
			memory_mib,
			gpu_class,
			gpu_memory_mib: memory * 8_000,
			gpu_milli: parts.try_into().unwrap(),
		},
	)
}

/// Anything that a task may take. What is left of a graphics processor below a tenth is not told
/// apart, so parts begin there.
pub(crate) fn any_resources() -> impl Strategy<Value = Resources> {
	let gpu = prop_oneof![
		Just((0u8, 0u16)),
		(100u16..=1_000).prop_map(|milli| (1, milli)),
		(2u8..=16).prop_map(|count| (count, WHOLE_MILLI)),
	];
	let classes = prop_oneof![Just(0u16), any::<u16>()];
	(1u32..70_000, 1u32..1 << 18, gpu, 0u32..2, classes).prop_map(
		|(cpu, memory, (count, milli), gpu_memory, classes)| {
			let memory_min_mib = gpu_memory * 8_000;
			let gpu = match count {
				0 => GpuShare::default(),
				_ => GpuShare { count, milli, memory_min_mib, classes },
			};
			Resources { gpu, ..Resources::cpu(cpu, memory) }
		},
	)
}

/// The machines that a draw chose.
pub(crate) fn chosen(drawn: &Drawn<ProviderTag>) -> Vec<WorkerId> {
	let picks = drawn.picks.iter().flatten();
	picks.map(|pick| pick.candidate.entry.worker).collect()
}

/// What became of a machine in a draw, replica by replica.
pub(crate) fn verdicts(notes: &[Considered], worker: WorkerId) -> Vec<Verdict> {
	notes.iter().filter(|note| note.entry.worker == worker).map(|note| note.verdict).collect()
}

/// A task of `count` replicas.
pub(crate) fn replicated(matching: MatchingPolicy, count: u8) -> TaskSpec {
	TaskSpec { replicas: count, ..spec(matching) }
}

/// How often each machine is drawn over so many seeds.
pub(crate) fn tally(store: &MemoryStore, spec: &TaskSpec, draws: u32) -> BTreeMap<WorkerId, u32> {
	let mut counts: BTreeMap<WorkerId, u32> = store.places.keys().map(|id| (*id, 0)).collect();
	for number in 0..draws {
		let (drawn, _) = draw(store, &request(spec, 1), &seed(number));
		*counts.get_mut(&chosen(&drawn)[0]).unwrap() += 1;
	}
	counts
}
