//! Which pages of the supply a draw looks at.

use super::PAGES_MAX;
use crate::{
	beacon::SeedStream,
	resources::{Resources, GPU_CLASSES, WHOLE_MILLI},
	supply::{pages_of, Bucket, Directory, Floor, Listed, Shape, PAGE_MACHINES},
	task::{MatchingPolicy, TaskSpec},
};
use alloc::vec::Vec;

/// Of the pages of a replica, the ones that a balanced draw takes from the tightest buckets. The others come from anywhere, so that
/// a task finds a machine which only its price, its region or its speed tells from many that are tighter.
const TIGHT_PAGES_MAX: usize = PAGES_MAX - 1;
/// Of the pages of a replica, the ones that a draw for the cheapest takes from the buckets with the lowest price floors. The others
/// come from anywhere, so that no floor hides a machine, be it wrong or of machines that lack the bond.
const FLOOR_PAGES_MAX: usize = PAGES_MAX / 2;

/// A page of a bucket.
pub(super) type Key = (Bucket, u32);

/// A bucket in which a machine that holds the task can stand.
#[derive(Clone, Copy, Debug)]
pub(super) struct Eligible {
	/// What the directory says of it.
	pub(super) listed: Listed,
	shape: Shape,
	/// Whether every machine in it holds the task, as far as its shape says.
	is_sure: bool,
}

/// The buckets in which a machine that holds the task can stand.
pub(super) fn eligible(directory: &Directory, spec: &TaskSpec) -> Vec<Eligible> {
	let needed = &spec.requirements.resources;
	let (least, sure) = (Shape::needed(needed), Shape::sure(needed));
	let crowded = directory.is_crowded();
	let holding = |listed: Listed| {
		let shape = Shape::of_bucket(listed.bucket);
		// What stands in a coarse bucket may have any cores and memory.
		let is_rounded = crowded && shape == shape.coarse();
		let may_hold =
			shape.may_hold(needed, &least) || is_rounded && shape.may_hold(needed, &least.coarse());
		may_hold.then(|| Eligible { listed, shape, is_sure: shape.reaches(&sure) })
	};
	directory.buckets().filter_map(holding).collect()
}

/// The class of graphics processors that a balanced draw prefers where prices are equal, or `None` where all are alike to it.
///
/// Each class is drawn with the square of what its machines could hold: what is scarce is left to the tasks that name it. A machine
/// counts with the root of how many such tasks it could hold, so that small ones are not kept for tasks that name them until the
/// large ones are broken into which only large tasks need. A part that other tasks left of a graphics processor is filled up wherever it is.
pub(super) fn preferred_class(
	eligible: &[Eligible],
	spec: &TaskSpec,
	stream: &mut SeedStream,
) -> Option<u8> {
	let needed = &spec.requirements.resources;
	if spec.matching != MatchingPolicy::Balanced || needed.gpu.count == 0 {
		return None;
	}
	let is_part = needed.gpu.milli < WHOLE_MILLI;
	if is_part && eligible.iter().any(|it| it.is_sure && it.shape.is_broken_into()) {
		return None;
	}
	let mut held = [0u128; GPU_CLASSES as usize];
	for Eligible { listed, shape, .. } in eligible {
		if let Some(sum) = held.get_mut(usize::from(shape.gpu_class)) {
			let root = shape.times_held(needed).saturating_mul(100).isqrt();
			*sum = sum.saturating_add(u128::from(root) * u128::from(listed.length));
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

/// The pages to look at for one replica where there are more than can be looked at.
pub(super) fn choose_pages(
	eligible: &[Eligible],
	spec: &TaskSpec,
	preferred: Option<u8>,
	used: &[Key],
	stream: &mut SeedStream,
) -> Vec<Key> {
	let needed = &spec.requirements.resources;
	let first = match spec.matching {
		MatchingPolicy::Balanced if needed.gpu.count == 0 => sure_pages(eligible, used, stream),
		MatchingPolicy::Balanced => tight_pages(eligible, needed, preferred, used, stream),
		MatchingPolicy::Cheapest => floor_pages(eligible, used, stream),
		MatchingPolicy::Fastest | MatchingPolicy::Greenest => Vec::new(),
	};
	spread_pages(eligible, first, PAGES_MAX, used, stream)
}

/// Pages of machines that surely hold a task without graphics processors, drawn alike from those that have the fewest of these free.
fn sure_pages(eligible: &[Eligible], used: &[Key], stream: &mut SeedStream) -> Vec<Key> {
	let sure = || eligible.iter().filter(|it| it.is_sure);
	let fewest = sure().map(|it| it.shape.gpu_state).min();
	let buckets: Vec<Eligible> =
		sure().filter(|it| Some(it.shape.gpu_state) == fewest).copied().collect();
	spread_pages(&buckets, Vec::new(), TIGHT_PAGES_MAX, used, stream)
}

/// Pages of the buckets with the lowest price floors, the first of those that surely hold the task, the second of all. Among equal
/// floors a machine is drawn whose page it is, so that equal machines are seen alike wherever they stand.
fn floor_pages(eligible: &[Eligible], used: &[Key], stream: &mut SeedStream) -> Vec<Key> {
	let mut keys: Vec<Key> = Vec::new();
	// A bucket that alone has the lowest floor: of its pages one will do.
	let mut served: Option<Bucket> = None;
	// Some draws hit a page that is taken.
	for _ in 0..PAGES_MAX * 2 {
		if keys.len() >= FLOOR_PAGES_MAX {
			break;
		}
		let is_left = |listed: &Listed| {
			let taken = keys.iter().chain(used).filter(|(bucket, _)| *bucket == listed.bucket);
			Some(listed.bucket) != served && (taken.count() as u32) < pages_of(listed.length)
		};
		let lowest = keys.is_empty().then(|| lowest_floor(eligible, true, is_left)).flatten();
		let lowest = lowest.or_else(|| lowest_floor(eligible, false, is_left));
		let Some((floor, sure_only, machines)) = lowest else { break };
		let alike = eligible.iter().filter(|it| {
			it.listed.floor == floor && (it.is_sure || !sure_only) && is_left(&it.listed)
		});
		let Some((listed, position)) = machine_at(alike, stream.below(machines)) else { break };
		let key = (listed.bucket, position / PAGE_MACHINES);
		if !keys.contains(&key) && !used.contains(&key) {
			keys.push(key);
			served = (listed.length == machines).then_some(listed.bucket);
		}
	}
	keys
}

/// The lowest floor of the buckets with a page left, whether of the sure ones only, and how many machines stand in those that have it.
fn lowest_floor(
	eligible: &[Eligible],
	sure_only: bool,
	is_left: impl Fn(&Listed) -> bool,
) -> Option<(Floor, bool, u32)> {
	let mut lowest: Option<(Floor, bool, u32)> = None;
	for Eligible { listed, is_sure, .. } in eligible {
		let passed = lowest.is_some_and(|(floor, ..)| floor < listed.floor);
		if passed || sure_only && !is_sure || !is_left(listed) {
			continue;
		}
		let before = lowest.filter(|(floor, ..)| *floor == listed.floor);
		let machines = before.map_or(0, |(.., machines)| machines);
		lowest = Some((listed.floor, sure_only, machines.saturating_add(listed.length)));
	}
	lowest
}

/// A page each of the tightest buckets, of the preferred class where there is one; the last one of a bucket that surely holds the
/// task, where none of the others does.
fn tight_pages(
	eligible: &[Eligible],
	needed: &Resources,
	preferred: Option<u8>,
	used: &[Key],
	stream: &mut SeedStream,
) -> Vec<Key> {
	let least = Shape::needed(needed);
	let tightness = |it: &Eligible| {
		let is_preferred = preferred.is_none_or(|class| it.shape.gpu_class == class);
		let key = (it.shape.excess(&least), it.listed.bucket);
		is_preferred.then_some((key, it.is_sure, it.listed))
	};
	let buckets: Vec<_> = eligible.iter().filter_map(tightness).collect();
	let (mut keys, mut behind, mut any_sure) = (Vec::new(), None, false);
	while keys.len() < TIGHT_PAGES_MAX {
		let last_chance = keys.len().saturating_add(1) >= TIGHT_PAGES_MAX && !any_sure;
		let next = buckets.iter().filter(|(key, is_sure, _)| {
			behind.is_none_or(|behind| *key > behind) && (*is_sure || !last_chance)
		});
		let Some((key, is_sure, listed)) = next.min_by_key(|(key, ..)| *key) else { break };
		behind = Some(*key);
		if let Some(page) = page_at(listed, used, stream) {
			keys.push(page);
			any_sure |= is_sure;
		}
	}
	keys
}

/// The machine at a position in these buckets together, by its position in its own.
fn machine_at<'a>(
	buckets: impl Iterator<Item = &'a Eligible>,
	mut position: u32,
) -> Option<(Listed, u32)> {
	for Eligible { listed, .. } in buckets {
		if position < listed.length {
			return Some((*listed, position));
		}
		position -= listed.length;
	}
	None
}

/// Pages of machines drawn from all buckets alike, beside those that are chosen already, up to so many in all.
fn spread_pages(
	eligible: &[Eligible],
	mut keys: Vec<Key>,
	most: usize,
	used: &[Key],
	stream: &mut SeedStream,
) -> Vec<Key> {
	let sum = |sum: u32, it: &Eligible| sum.saturating_add(it.listed.length);
	let machines = eligible.iter().fold(0, sum);
	// Some draws hit a page that is taken; twice the number of tries makes up for most of them.
	for _ in 0..PAGES_MAX * 2 {
		if keys.len() >= most {
			break;
		}
		let machine = machine_at(eligible.iter(), stream.below(machines));
		let key = machine.map(|(listed, position)| (listed.bucket, position / PAGE_MACHINES));
		keys.extend(key.filter(|key| !keys.contains(key) && !used.contains(key)));
	}
	keys
}

/// The page of a machine drawn from a bucket, unless it is taken.
fn page_at(listed: &Listed, used: &[Key], stream: &mut SeedStream) -> Option<Key> {
	(0..PAGES_MAX)
		.map(|_| (listed.bucket, stream.below(listed.length) / PAGE_MACHINES))
		.find(|key| !used.contains(key))
}
