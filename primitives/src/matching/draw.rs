//! The draw: which machines get a task, from its seed and from the supply.

use super::{check_candidate, check_fit, score, Misfit, Score};
use crate::{
	beacon::SeedStream,
	resources::{Resources, GPU_CLASSES, WHOLE_MILLI},
	supply::{
		pages_of, Bucket, Directory, Entry, Page, ProviderTag, Shape, SupplyStore, PAGE_MACHINES,
	},
	task::{MatchingPolicy, TaskSpec},
	worker::{Candidate, TaskKinds},
	Hash32, WorkerId,
};
use alloc::vec::Vec;
use codec::{Decode, DecodeWithMemTracking, Encode};
use scale_info::TypeInfo;

/// Pages looked at for one replica.
pub const PAGES_MAX: usize = 4;
/// Of these, the ones that a balanced draw takes from the tightest buckets. The others come from anywhere, so that a task finds a
/// machine which only its price, its region or its speed tells from many that are tighter.
const TIGHT_PAGES_MAX: usize = PAGES_MAX - 1;
/// What counts as wasted on a machine of another class of graphics processors than the preferred one: more than any machine has.
const OTHER_CLASS_WASTE: u64 = 1 << 40;
/// Machines that are asked for at the registry for one replica, best first: what the supply says of them may be out of date.
const BEST_MAX: usize = 2;
/// Those, and others by chance behind them: the bond is known only to the registry, and a few machines that ask little and lack it
/// would else keep all others from work that earns much.
const VETTED_MAX: usize = BEST_MAX + 2;

/// What is drawn for.
#[derive(Clone, Debug)]
pub struct Request<'a> {
	/// What the task is.
	pub spec: &'a TaskSpec,
	/// Of which kinds it is.
	pub kinds: TaskKinds,
	/// The minute of the day.
	pub minute: u16,
	/// Machines that had it.
	pub excluded: &'a [WorkerId],
	/// Providers that have a replica of it.
	pub taken: Vec<ProviderTag>,
	/// Machines to draw.
	pub count: usize,
	/// A machine to look at in any case: the one that woke the task.
	pub woken_by: Option<WorkerId>,
}

/// A machine that was drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pick<AccountId> {
	/// The machine as the registry knows it.
	pub candidate: Candidate<AccountId>,
	/// Its score.
	pub score: Score,
}

/// What became of a machine that was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub enum Verdict {
	/// It was taken.
	Chosen(Score),
	/// Another one was better.
	Outbid(Score),
	/// Its provider has a replica already.
	SameProvider,
	/// It does not fit.
	Misfit(Misfit),
	/// The registry no longer lets it have work.
	Gone,
}

/// A machine that was looked at for one replica.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Considered {
	/// For which replica, counted from 0.
	pub replica: u8,
	/// The machine, as the supply showed it.
	pub entry: Entry,
	/// What became of it.
	pub verdict: Verdict,
}

/// What a draw came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drawn<AccountId> {
	/// As many machines as were asked for, or none.
	pub picks: Option<Vec<Pick<AccountId>>>,
	/// Machines that stand in the supply and should not.
	pub gone: Vec<WorkerId>,
	/// Whether every page with machines that may fit was looked at, and no machine that fits was left unasked where none was found.
	pub saw_all: bool,
	/// Pages that were read.
	pub pages: u32,
}

/// The pages of one draw, each read once.
struct Pages<'a, S> {
	store: &'a S,
	read: Vec<((Bucket, u32), Page)>,
}

impl<S: SupplyStore> Pages<'_, S> {
	fn entries(&mut self, key: (Bucket, u32)) -> Vec<Entry> {
		if let Some((_, page)) = self.read.iter().find(|(known, _)| *known == key) {
			return page.to_vec();
		}
		let page = self.store.page(key.0, key.1);
		let entries = page.to_vec();
		self.read.push((key, page));
		entries
	}
}

/// Draws `request.count` machines of different providers from the supply in `store`.
///
/// `vet` asks the registry for a machine as it is now; `note` hears what became of each machine that was looked at.
pub fn draw<S: SupplyStore, AccountId>(
	store: &S,
	request: &Request<'_>,
	seed: &Hash32,
	mut vet: impl FnMut(WorkerId) -> Option<Candidate<AccountId>>,
	mut note: impl FnMut(Considered),
) -> Drawn<AccountId> {
	let directory = store.directory();
	let eligible = eligible(&directory, request.spec);
	let all: u32 =
		eligible.iter().fold(0, |sum, (_, length)| sum.saturating_add(pages_of(*length)));
	let mut stream = SeedStream::new(*seed);
	let mut pages = Pages { store, read: Vec::new() };
	let mut taken = request.taken.clone();
	let mut drawn = Drawn { picks: Some(Vec::new()), gone: Vec::new(), saw_all: false, pages: 0 };
	// Pages of long buckets that served a replica serve no other one, unless all there is can be looked at anyway.
	let small = all as usize <= PAGES_MAX * request.count;
	let mut used: Vec<(Bucket, u32)> = Vec::new();
	let mut asked_all = true;
	for replica in 0..request.count {
		let preferred = preferred_class(&eligible, request.spec, &mut stream);
		let keys = match small {
			true => eligible
				.iter()
				.flat_map(|(bucket, length)| (0..pages_of(*length)).map(|page| (*bucket, page)))
				.collect(),
			false => choose_pages(&eligible, request.spec, preferred, &used, &mut stream),
		};
		let mut looked: Vec<(usize, Entry)> = Vec::new();
		for (index, key) in keys.iter().enumerate() {
			let turn = if small { 0 } else { index };
			looked.extend(pages.entries(*key).into_iter().map(|entry| (turn, entry)));
		}
		if let Some(entry) = woken(store, request, &looked) {
			looked.push((PAGES_MAX, entry));
		}
		used.extend(keys.iter().filter(|(bucket, _)| directory.length(*bucket) > PAGE_MACHINES));
		let replica = replica as u8;
		let scored = |entry: &Entry| score_in_draw(entry, request.spec, preferred, seed);
		let pick =
			pick(looked, request, &taken, scored, replica, &mut vet, &mut drawn.gone, &mut note);
		match pick {
			Ok(pick) => {
				taken.push(pick.candidate.entry.provider);
				drawn.picks.get_or_insert_default().push(pick);
			}
			Err(none) => {
				drawn.picks = None;
				asked_all = none.asked_all;
				break;
			}
		}
	}
	drawn.pages = pages.read.len() as u32;
	drawn.saw_all = asked_all && drawn.pages >= all;
	drawn
}

/// The buckets in which a machine that holds the task can stand, tightest first.
fn eligible(directory: &Directory, spec: &TaskSpec) -> Vec<(Bucket, u32)> {
	let needed = &spec.requirements.resources;
	let least = Shape::needed(needed);
	let crowded = directory.is_crowded();
	let holding = |(bucket, _): &&(Bucket, u32)| {
		let shape = Shape::of_bucket(*bucket);
		// What stands in a coarse bucket may have any cores and memory.
		let rounded = crowded && shape == shape.coarse();
		shape.may_hold(needed, &if rounded { least.coarse() } else { least })
	};
	let mut buckets: Vec<(Bucket, u32)> =
		directory.buckets().iter().filter(holding).copied().collect();
	buckets.sort_by_key(|(bucket, _)| (Shape::of_bucket(*bucket).excess(&least), *bucket));
	buckets
}

/// The class of graphics processors that a balanced draw prefers where prices are equal, or `None` where all are alike to it.
///
/// Each class is drawn with the square of how many such tasks its machines could hold: what is scarce is left to the tasks that name
/// it. A part that other tasks left of a graphics processor is filled up wherever it is.
fn preferred_class(
	eligible: &[(Bucket, u32)],
	spec: &TaskSpec,
	stream: &mut SeedStream,
) -> Option<u8> {
	let needed = &spec.requirements.resources;
	if spec.matching != MatchingPolicy::Balanced || needed.gpu.count == 0 {
		return None;
	}
	let shapes = || eligible.iter().map(|(bucket, length)| (Shape::of_bucket(*bucket), *length));
	let is_part = needed.gpu.milli < WHOLE_MILLI;
	if is_part && shapes().any(|(shape, _)| shape.is_broken_into() && shape.surely_holds(needed)) {
		return None;
	}
	let mut held = [0u128; GPU_CLASSES as usize];
	for (shape, length) in shapes() {
		if let Some(sum) = held.get_mut(usize::from(shape.gpu_class)) {
			*sum = sum.saturating_add(u128::from(shape.times_held(needed)) * u128::from(length));
		}
	}
	draw_class(&held, stream)
}

/// A class, drawn with the square of its share of the largest.
fn draw_class(held: &[u128; GPU_CLASSES as usize], stream: &mut SeedStream) -> Option<u8> {
	let most = held.iter().max().copied().filter(|most| *most > 0)?;
	// At most 2¹⁶ each, so that the sum of the squares is below 2³⁷. What the largest could hold is far below 2¹¹².
	let weight = |count: &u128| count.saturating_mul(1 << 16).checked_div(most).unwrap_or(0).pow(2);
	let total = held.iter().map(weight).sum::<u128>();
	let mut left = (u128::from(stream.next_u64()) * total) >> 64;
	for (class, count) in (0u8..).zip(held) {
		let weight = weight(count);
		if left < weight {
			return Some(class);
		}
		left -= weight;
	}
	None
}

/// The score of a machine in this draw.
fn score_in_draw(entry: &Entry, spec: &TaskSpec, preferred: Option<u8>, seed: &Hash32) -> Score {
	let mut score = score(entry, &spec.requirements.resources, spec.matching, seed);
	if preferred.is_some_and(|class| entry.free.gpu_class != class) {
		score.waste = score.waste.saturating_add(OTHER_CLASS_WASTE);
	}
	score
}

/// The pages to look at for one replica where there are more than can be looked at.
fn choose_pages(
	eligible: &[(Bucket, u32)],
	spec: &TaskSpec,
	preferred: Option<u8>,
	used: &[(Bucket, u32)],
	stream: &mut SeedStream,
) -> Vec<(Bucket, u32)> {
	let tight = match spec.matching {
		MatchingPolicy::Balanced if spec.requirements.resources.gpu.count == 0 => {
			sure_pages(eligible, &spec.requirements.resources, used, stream)
		}
		MatchingPolicy::Balanced => {
			tight_pages(eligible, &spec.requirements.resources, preferred, used, stream)
		}
		_ => Vec::new(),
	};
	spread_pages(eligible, tight, PAGES_MAX, used, stream)
}

/// Pages of machines that surely hold a task without graphics processors, drawn alike from those that have the fewest of these free.
fn sure_pages(
	eligible: &[(Bucket, u32)],
	needed: &Resources,
	used: &[(Bucket, u32)],
	stream: &mut SeedStream,
) -> Vec<(Bucket, u32)> {
	let shape = |(bucket, _): &&(Bucket, u32)| Shape::of_bucket(*bucket);
	let sure = || eligible.iter().filter(|bucket| shape(bucket).surely_holds(needed));
	let fewest = sure().map(|bucket| shape(&bucket).gpu_state).min();
	let buckets: Vec<(Bucket, u32)> =
		sure().filter(|bucket| Some(shape(bucket).gpu_state) == fewest).copied().collect();
	spread_pages(&buckets, Vec::new(), TIGHT_PAGES_MAX, used, stream)
}

/// A page each of the tightest buckets, of the preferred class where there is one; the last one of a bucket that surely holds the
/// task, where none of the others does.
fn tight_pages(
	eligible: &[(Bucket, u32)],
	needed: &Resources,
	preferred: Option<u8>,
	used: &[(Bucket, u32)],
	stream: &mut SeedStream,
) -> Vec<(Bucket, u32)> {
	let surely = |bucket: Bucket| Shape::of_bucket(bucket).surely_holds(needed);
	let mut keys: Vec<(Bucket, u32)> = Vec::new();
	for (bucket, length) in eligible {
		if preferred.is_some_and(|class| Shape::of_bucket(*bucket).gpu_class != class) {
			continue;
		}
		let last_chance = keys.len().saturating_add(1) >= TIGHT_PAGES_MAX;
		if last_chance && !surely(*bucket) && !keys.iter().any(|(bucket, _)| surely(*bucket)) {
			continue;
		}
		keys.extend(page_at(*bucket, *length, used, stream));
		if keys.len() >= TIGHT_PAGES_MAX {
			break;
		}
	}
	keys
}

/// Pages of machines drawn from all buckets alike, beside those that are chosen already, up to so many in all.
fn spread_pages(
	eligible: &[(Bucket, u32)],
	mut keys: Vec<(Bucket, u32)>,
	most: usize,
	used: &[(Bucket, u32)],
	stream: &mut SeedStream,
) -> Vec<(Bucket, u32)> {
	let machines = eligible.iter().fold(0u32, |sum, (_, length)| sum.saturating_add(*length));
	// Some draws hit a page that is taken; twice the number of tries makes up for most of them.
	for _ in 0..PAGES_MAX * 2 {
		if keys.len() >= most {
			break;
		}
		let mut position = stream.below(machines);
		for (bucket, length) in eligible {
			if position < *length {
				let key = (*bucket, position / PAGE_MACHINES);
				if !keys.contains(&key) && !used.contains(&key) {
					keys.push(key);
				}
				break;
			}
			position -= length;
		}
	}
	keys
}

/// The page of a machine drawn from a bucket, unless it is taken.
fn page_at(
	bucket: Bucket,
	length: u32,
	used: &[(Bucket, u32)],
	stream: &mut SeedStream,
) -> Option<(Bucket, u32)> {
	(0..PAGES_MAX)
		.map(|_| (bucket, stream.below(length) / PAGE_MACHINES))
		.find(|key| !used.contains(key))
}

/// The machine that woke the task, where it is not among those looked at.
fn woken<S: SupplyStore>(
	store: &S,
	request: &Request<'_>,
	looked: &[(usize, Entry)],
) -> Option<Entry> {
	let worker = request.woken_by?;
	if looked.iter().any(|(_, entry)| entry.worker == worker) {
		return None;
	}
	let place = store.place(worker)?;
	store.page(place.bucket, place.page()).get(place.slot()).cloned()
}

/// No machine was found for a replica.
struct NoPick {
	/// Whether the registry was asked for each machine that fits.
	asked_all: bool,
}

/// Has equal machines decided by the turn in which their pages were drawn, and only then by chance: a page is drawn the more
/// often the more machines are on it, so that the machines of the first one are drawn alike wherever they stand, while a machine
/// on a short page would seldom be among all those seen.
fn in_turn(score: Score, turn: usize) -> Score {
	// At most four.
	let turn = (turn.min(PAGES_MAX) as u64) << 61;
	Score { chance: turn | score.chance >> 3, ..score }
}

/// The chance of a score, whatever its turn.
fn by_chance(score: &Score) -> u64 {
	score.chance << 3
}

/// The best of the machines that were looked at, each with the turn of its page.
#[allow(clippy::too_many_arguments, reason = "the state of one draw, taken apart")]
fn pick<AccountId>(
	looked: Vec<(usize, Entry)>,
	request: &Request<'_>,
	taken: &[ProviderTag],
	scored: impl Fn(&Entry) -> Score,
	replica: u8,
	vet: &mut impl FnMut(WorkerId) -> Option<Candidate<AccountId>>,
	gone: &mut Vec<WorkerId>,
	note: &mut impl FnMut(Considered),
) -> Result<Pick<AccountId>, NoPick> {
	let (spec, kinds, minute) = (request.spec, request.kinds, request.minute);
	let mut fitting: Vec<(Score, Entry)> = Vec::new();
	for (turn, entry) in looked {
		let fit = check_fit(&entry, spec, kinds, minute, request.excluded);
		let verdict = match fit {
			_ if taken.contains(&entry.provider) => Verdict::SameProvider,
			// Found out for a replica before this one.
			_ if gone.contains(&entry.worker) => Verdict::Gone,
			Err(misfit) => Verdict::Misfit(misfit),
			Ok(()) => {
				fitting.push((in_turn(scored(&entry), turn), entry));
				continue;
			}
		};
		note(Considered { replica, entry, verdict });
	}
	fitting.sort_by_key(|(score, _)| *score);
	if let Some(others) = fitting.get_mut(BEST_MAX..) {
		others.sort_by_key(|(score, _)| by_chance(score));
	}
	let asked_all = fitting.len() <= VETTED_MAX;
	let mut picked = None;
	for (index, (score, entry)) in fitting.into_iter().enumerate() {
		// The machine that woke the task is asked too, behind however many better ones that turn out to lack the bond.
		let is_asked = index < VETTED_MAX || request.woken_by == Some(entry.worker);
		if picked.is_some() || !is_asked {
			note(Considered { replica, entry, verdict: Verdict::Outbid(score) });
			continue;
		}
		let verdict = match vet(entry.worker) {
			None => {
				gone.push(entry.worker);
				Verdict::Gone
			}
			Some(candidate) => {
				match check_candidate(&candidate, spec, kinds, minute, request.excluded) {
					Err(misfit) => Verdict::Misfit(misfit),
					Ok(()) => {
						picked = Some(Pick { candidate, score });
						Verdict::Chosen(score)
					}
				}
			}
		};
		note(Considered { replica, entry, verdict });
	}
	picked.ok_or(NoPick { asked_all })
}

/// The position at which the `index`th of `length` tasks that were frozen in one block stands in the order in which they are
/// drawn, or rather the task that is drawn `index`th.
///
/// A line through the positions with a random start and a random step that shares no divisor with the length: each task is as
/// likely as any other to be drawn at each point, and nobody knows before the beacon.
pub fn order_of(seed: &Hash32, length: u32, index: u32) -> u32 {
	if length <= 1 {
		return 0;
	}
	let mut stream = SeedStream::new(*seed);
	let start = u64::from(stream.below(length));
	let mut step = u64::from(stream.below(length)).max(1);
	while divisor(step, u64::from(length)) != 1 {
		step += 1;
	}
	// Below `length`.
	((start + step * u64::from(index)) % u64::from(length)) as u32
}

fn divisor(mut left: u64, mut right: u64) -> u64 {
	while right != 0 {
		(left, right) = (right, left % right);
	}
	left
}
