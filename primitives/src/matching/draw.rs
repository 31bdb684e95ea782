//! The draw: which machines tasks get, from their seeds and from what one look at the supply shows.

use super::{
	check_candidate, check_fit,
	pages::{choose_pages, eligible, preferred_class, Eligible, Key},
	score, Misfit, Score,
};
use crate::{
	beacon::SeedStream,
	resources::{GpuMask, Resources},
	supply::{pages_of, Directory, Entry, Place, ProviderTag, SupplyStore, PAGE_MACHINES},
	task::TaskSpec,
	worker::{Candidate, TaskKinds},
	Hash32, WorkerId,
};
use alloc::vec::Vec;
use codec::{Decode, DecodeWithMemTracking, Encode};
use scale_info::TypeInfo;

/// Pages looked at for one replica.
pub const PAGES_MAX: usize = 4;
/// What counts as wasted on a machine of another class of graphics processors than the preferred one: more than any machine has.
const OTHER_CLASS_WASTE: u64 = 1 << 40;
/// Machines that are asked for at the registry for one replica, best first: what the supply says of them may be out of date.
const BEST_MAX: usize = 2;
/// Those, and others by chance behind them: the bond is known only to the registry, and a few machines that ask little and lack it
/// would else keep all others from work that earns much.
pub const VETTED_MAX: usize = BEST_MAX + 2;

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
	/// The machine, as the supply showed it, without what tasks before this one took of it.
	pub entry: Entry,
	/// What became of it.
	pub verdict: Verdict,
}

/// What a draw came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drawn<AccountId> {
	/// As many machines as were asked for, or none.
	pub picks: Option<Vec<Pick<AccountId>>>,
	/// Whether every page with machines that may fit was looked at, and no machine that fits was left unasked where none was found.
	pub saw_all: bool,
	/// Machines that the registry was asked for and that were not taken.
	pub vain: u32,
	/// Machines that were taken and that no task before had been given from the same look.
	pub fresh: u32,
}

/// A machine of the view.
#[derive(Clone, Debug)]
struct Seen {
	entry: Entry,
	place: Place,
	/// Whether the registry was asked for it.
	asked: bool,
	/// What the registry said that rules it out for all tasks of the job: it lets it have no work, or something lapsed.
	refused: Option<Verdict>,
}

/// What is looked at for one replica.
#[derive(Clone, Debug)]
struct Round {
	preferred: Option<u8>,
	/// Machines by their place in the view, each with the turn of its page.
	seen: Vec<(usize, usize)>,
}

/// What one look at the supply shows. Tasks of one job are drawn from it one after the other, each from what the ones before have
/// left.
#[derive(Clone, Debug)]
pub struct View {
	rounds: Vec<Round>,
	machines: Vec<Seen>,
	pages: u32,
	buckets: u32,
	saw_all: bool,
}

impl View {
	/// Looks at the supply for a task such as `request`: at most [`PAGES_MAX`] pages for each replica.
	pub fn open<S: SupplyStore>(store: &S, request: &Request<'_>, seed: &Hash32) -> Self {
		let directory = store.directory();
		let eligible = eligible(&directory, request.spec);
		let sum = |sum: u32, it: &Eligible| sum.saturating_add(pages_of(it.listed.length));
		let all = eligible.iter().fold(0, sum);
		let mut stream = SeedStream::new(*seed);
		// Pages of long buckets that served a replica serve no other one, unless all there is can be looked at anyway.
		let small = all as usize <= PAGES_MAX.saturating_mul(request.count);
		let mut used: Vec<Key> = Vec::new();
		let mut pages = Pages { store, read: Vec::new() };
		let buckets = directory.buckets().len() as u32;
		let mut view =
			Self { rounds: Vec::new(), machines: Vec::new(), pages: 0, buckets, saw_all: false };
		for _ in 0..request.count {
			let preferred = preferred_class(&eligible, request.spec, &mut stream);
			let keys = match small {
				true => all_pages(&eligible),
				false => choose_pages(&eligible, request.spec, preferred, &used, &mut stream),
			};
			let mut seen = Vec::new();
			for (turn, key) in keys.iter().enumerate() {
				let turn = if small { 0 } else { turn };
				let range = pages.range(*key, &mut view.machines);
				seen.extend(range.map(|index| (turn, index)));
			}
			view.see_woken(store, request.woken_by, &mut seen);
			used.extend(keys.iter().filter(|key| is_long(&directory, key)));
			view.rounds.push(Round { preferred, seen });
		}
		view.pages = pages.read.len() as u32;
		view.saw_all = view.pages >= all;
		view
	}

	/// Pages that were read.
	pub fn pages(&self) -> u32 {
		self.pages
	}

	/// Buckets that were looked through.
	pub fn buckets(&self) -> u32 {
		self.buckets
	}

	/// The machines that the registry was asked for, with their places. What the supply says of them is to be looked at again.
	pub fn asked(&self) -> impl Iterator<Item = (WorkerId, Place)> + '_ {
		let asked = self.machines.iter().filter(|seen| seen.asked);
		asked.map(|seen| (seen.entry.worker, seen.place))
	}

	/// Notes what a task took of a machine.
	pub fn take(&mut self, worker: WorkerId, taken: &Resources, gpus: GpuMask) {
		for seen in self.machines.iter_mut().filter(|seen| seen.entry.worker == worker) {
			seen.entry.free = seen.entry.free.without(taken, gpus);
		}
	}

	/// Draws `request.count` machines of different providers, of at most as many as the view was opened for.
	///
	/// `vet` asks the registry for a machine as it is now; `note` hears what became of each machine that was looked at.
	pub fn draw<AccountId>(
		&mut self,
		request: &Request<'_>,
		seed: &Hash32,
		mut vet: impl FnMut(WorkerId) -> Option<Candidate<AccountId>>,
		mut note: impl FnMut(u8, &Entry, Verdict),
	) -> Drawn<AccountId> {
		let mut taken = request.taken.clone();
		let mut drawn = Drawn { picks: None, saw_all: false, vain: 0, fresh: 0 };
		let mut picks = Vec::with_capacity(request.count);
		for replica in 0..request.count {
			// One that was opened for fewer shows the others nothing.
			let Some(round) = self.rounds.get(replica) else { return drawn };
			let turn = Turn { request, seed, preferred: round.preferred, taken: &taken };
			let note = |entry: &Entry, verdict| note(replica as u8, entry, verdict);
			let found = pick(&mut self.machines, &round.seen, &turn, &mut vet, note);
			drawn.vain = drawn.vain.saturating_add(found.vain);
			let Some((pick, is_fresh)) = found.pick else {
				drawn.saw_all = self.saw_all && found.asked_all;
				// Those that were found before it are given up with it.
				drawn.vain = drawn.vain.saturating_add(picks.len() as u32);
				drawn.fresh = 0;
				return drawn;
			};
			drawn.fresh = drawn.fresh.saturating_add(is_fresh.into());
			taken.push(pick.candidate.entry.provider);
			picks.push(pick);
		}
		drawn.saw_all = self.saw_all;
		drawn.picks = Some(picks);
		drawn
	}

	/// Adds the machine that woke the task, where it is not among those looked at.
	fn see_woken<S: SupplyStore>(
		&mut self,
		store: &S,
		woken_by: Option<WorkerId>,
		seen: &mut Vec<(usize, usize)>,
	) {
		let Some(worker) = woken_by else { return };
		let is_it = |machine: &Seen| machine.entry.worker == worker;
		let known = self.machines.iter().position(is_it);
		let Some(index) = known.or_else(|| self.add_woken(store, worker)) else { return };
		if !seen.iter().any(|(_, other)| *other == index) {
			seen.push((PAGES_MAX, index));
		}
	}

	fn add_woken<S: SupplyStore>(&mut self, store: &S, worker: WorkerId) -> Option<usize> {
		let place = store.place(worker)?;
		let entry = store.page(place.bucket, place.page()).get(place.slot())?.clone();
		let index = self.machines.len();
		self.machines.push(Seen { entry, place, asked: false, refused: None });
		Some(index)
	}
}

/// The pages of one view, each read once.
struct Pages<'a, S> {
	store: &'a S,
	/// Where the machines of a page begin in the view, and where they end.
	read: Vec<(Key, usize, usize)>,
}

impl<S: SupplyStore> Pages<'_, S> {
	/// Which machines of the view stand on a page.
	fn range(
		&mut self,
		key: Key,
		machines: &mut Vec<Seen>,
	) -> impl Iterator<Item = usize> + use<S> {
		let known = self.read.iter().find(|(known, ..)| *known == key);
		let (begin, end) = match known {
			Some((_, begin, end)) => (*begin, *end),
			None => {
				let begin = machines.len();
				let (bucket, number) = key;
				let first = number.saturating_mul(PAGE_MACHINES);
				let entries = self.store.page(bucket, number).into_iter();
				machines.extend((first..).zip(entries).map(|(position, entry)| {
					let place = Place { bucket, position };
					Seen { entry, place, asked: false, refused: None }
				}));
				self.read.push((key, begin, machines.len()));
				(begin, machines.len())
			}
		};
		begin..end
	}
}

fn all_pages(eligible: &[Eligible]) -> Vec<Key> {
	let pages = |Eligible { listed, .. }: &Eligible| {
		let bucket = listed.bucket;
		(0..pages_of(listed.length)).map(move |page| (bucket, page))
	};
	eligible.iter().flat_map(pages).collect()
}

/// Whether a page is one of several.
fn is_long(directory: &Directory, (bucket, _): &&Key) -> bool {
	directory.length(*bucket) > PAGE_MACHINES
}

/// One replica's turn.
struct Turn<'a> {
	request: &'a Request<'a>,
	seed: &'a Hash32,
	preferred: Option<u8>,
	taken: &'a [ProviderTag],
}

impl Turn<'_> {
	/// The score of a machine in this draw.
	fn score(&self, entry: &Entry) -> Score {
		let spec = self.request.spec;
		let mut score = score(entry, &spec.requirements.resources, spec.matching, self.seed);
		if self.preferred.is_some_and(|class| entry.free.gpu_class != class) {
			score.waste = score.waste.saturating_add(OTHER_CLASS_WASTE);
		}
		score
	}

	/// Why a machine cannot be taken.
	fn reject(&self, seen: &Seen) -> Option<Verdict> {
		let Request { spec, kinds, minute, excluded, .. } = self.request;
		if self.taken.contains(&seen.entry.provider) {
			return Some(Verdict::SameProvider);
		}
		if seen.refused.is_some() {
			return seen.refused;
		}
		check_fit(&seen.entry, spec, *kinds, *minute, excluded).err().map(Verdict::Misfit)
	}
}

/// What was found for a replica.
struct Found<AccountId> {
	/// The machine, and whether it was asked for the first time.
	pick: Option<(Pick<AccountId>, bool)>,
	/// Whether the registry was asked for each machine that fits, where none was found.
	asked_all: bool,
	/// Machines that the registry was asked for in vain.
	vain: u32,
}

/// Has equal machines decided by the turn in which their pages were drawn, and only then by chance: a page is drawn the more
/// often the more machines are on it, so that the machines of the first one are drawn alike wherever they stand, while a machine
/// on a short page would seldom be among all those seen.
fn in_turn(score: Score, turn: usize) -> Score {
	// At most four.
	let turn = (turn.min(PAGES_MAX) as u64) << 61;
	Score { chance: turn | score.chance >> 3, ..score }
}

/// The order of those that are asked behind the best: the page that was drawn last comes first, which came from anywhere, so that
/// machines that ask little and lack the bond keep all others from work only where they are most of all. The one that woke the task
/// is asked in any case.
fn by_chance(score: &Score) -> (u64, u64) {
	let behind = (PAGES_MAX as u64 - 1).checked_sub(score.chance >> 61);
	(behind.unwrap_or(PAGES_MAX as u64), score.chance << 3)
}

/// The machines that can be taken: those that the registry is asked for first, the best and then others by chance, and behind them the
/// rest.
fn ranked(
	machines: &[Seen],
	seen: &[(usize, usize)],
	turn: &Turn<'_>,
	note: &mut impl FnMut(&Entry, Verdict),
) -> Vec<(Score, usize)> {
	let mut fitting = Vec::new();
	for (page, index) in seen {
		let Some(machine) = machines.get(*index) else { continue };
		match turn.reject(machine) {
			Some(verdict) => note(&machine.entry, verdict),
			None => fitting.push((in_turn(turn.score(&machine.entry), *page), *index)),
		}
	}
	for rank in 0..VETTED_MAX {
		let Some(left) = fitting.get_mut(rank..) else { break };
		let scores = left.iter().map(|(score, _)| score).enumerate();
		let next = match rank < BEST_MAX {
			true => scores.min_by_key(|(_, score)| **score),
			false => scores.min_by_key(|(_, score)| by_chance(score)),
		};
		let next = next.map_or(0, |(index, _)| index);
		if next < left.len() {
			left.swap(0, next);
		}
	}
	fitting
}

/// The best of the machines that were looked at.
fn pick<AccountId>(
	machines: &mut [Seen],
	seen: &[(usize, usize)],
	turn: &Turn<'_>,
	vet: &mut impl FnMut(WorkerId) -> Option<Candidate<AccountId>>,
	mut note: impl FnMut(&Entry, Verdict),
) -> Found<AccountId> {
	let Request { spec, kinds, minute, excluded, woken_by, .. } = turn.request;
	let fitting = ranked(machines, seen, turn, &mut note);
	let mut found = Found { pick: None, asked_all: fitting.len() <= VETTED_MAX, vain: 0 };
	for (rank, (score, index)) in fitting.into_iter().enumerate() {
		let Some(machine) = machines.get_mut(index) else { continue };
		// The machine that woke the task is asked too, behind however many better ones that turn out to lack the bond.
		let is_asked = rank < VETTED_MAX || *woken_by == Some(machine.entry.worker);
		if found.pick.is_some() || !is_asked {
			note(&machine.entry, Verdict::Outbid(score));
			continue;
		}
		let is_fresh = !core::mem::replace(&mut machine.asked, true);
		let candidate = vet(machine.entry.worker);
		let fit = candidate.map(|candidate| {
			check_candidate(&candidate, spec, *kinds, *minute, excluded).map(|()| candidate)
		});
		let verdict = match fit {
			None => Verdict::Gone,
			Some(Err(misfit)) => Verdict::Misfit(misfit),
			Some(Ok(candidate)) => {
				found.pick = Some((Pick { candidate, score }, is_fresh));
				Verdict::Chosen(score)
			}
		};
		if found.pick.is_none() {
			machine.refused = Some(verdict);
			found.vain = found.vain.saturating_add(1);
		}
		note(&machine.entry, verdict);
	}
	found
}
