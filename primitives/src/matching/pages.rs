//! Which pages of the supply a draw looks at.

use super::PAGES_MAX;
use crate::{
	beacon::SeedStream,
	resources::{Resources, GPU_CLASSES, WHOLE_MILLI},
	supply::{Bucket, Directory, Shape, PAGE_MACHINES},
	task::{MatchingPolicy, TaskSpec},
};
use alloc::vec::Vec;

/// Of the pages of a replica, the ones that a balanced draw takes from the tightest buckets. The others come from anywhere, so that
/// a task finds a machine which only its price, its region or its speed tells from many that are tighter.
const TIGHT_PAGES_MAX: usize = PAGES_MAX - 1;

/// The buckets in which a machine that holds the task can stand, tightest first.
pub(super) fn eligible(directory: &Directory, spec: &TaskSpec) -> Vec<(Bucket, u32)> {
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
pub(super) fn preferred_class(
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

/// The pages to look at for one replica where there are more than can be looked at.
pub(super) fn choose_pages(
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
