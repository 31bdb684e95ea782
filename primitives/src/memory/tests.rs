//! Honest fills pass, forged ones do not.

use super::*;
use crate::merkle::{MerklePath, Software};
use alloc::{vec, vec::Vec};
use proptest::prelude::*;
use std::sync::OnceLock;

const SEED: Hash32 = [7; 32];
const MIB: u32 = MEMORY_STEP_MIB;

fn filled() -> &'static Filled {
	static FILLED: OnceLock<Filled> = OnceLock::new();
	FILLED.get_or_init(|| Fill::new(SEED, MIB).unwrap().run().unwrap())
}

/// Indices where the rule changes: the ends of lanes and slices, and what the seed alone gives.
fn edges(layout: &Layout) -> Vec<u32> {
	let (segment, slice) = (layout.segment_blocks(), layout.segment_blocks() * MEMORY_LANES);
	let starts = [0, segment, slice - segment, slice, slice + segment, 2 * slice, 15 * slice];
	let near = starts.into_iter().flat_map(|start| (0..4).map(move |place| start + place));
	near.chain([segment - 1, slice - 1, 2 * slice - 1, layout.blocks() - 1]).collect()
}

fn check(index: u32, opening: &MemoryOpening) -> Result<(), MemoryOpeningError> {
	verify::<Software>(&SEED, &filled().commitment(), index, opening)
}

#[test]
fn every_opening_of_an_honest_fill_verifies() {
	let larger = Fill::new(SEED, 3 * MIB).unwrap().run().unwrap();
	for (filled, memory_mib) in [(filled(), MIB), (&larger, 3 * MIB)] {
		let commitment = filled.commitment();
		assert_eq!(commitment.memory_mib, memory_mib);
		let layout = Layout::new(memory_mib).unwrap();
		let drawn = (0..4).flat_map(|draw| positions(&[draw; 32], &commitment));
		for index in drawn.chain(edges(&layout)) {
			let opening = filled.open(index).unwrap();
			assert_eq!(verify::<Software>(&SEED, &commitment, index, &opening), Ok(()), "{index}");
		}
		assert_eq!(filled.open(layout.blocks()), None);
		assert_eq!(filled.open(u32::MAX), None);
	}
}

#[test]
fn lanes_may_run_in_any_order_and_at_the_same_time() {
	let mut fill = Fill::new(SEED, MIB).unwrap();
	while let Some(mut segments) = fill.next_slice() {
		segments.reverse();
		// What is left out now comes in the next turn.
		segments.truncate(segments.len().div_ceil(2));
		std::thread::scope(|scope| {
			for segment in segments {
				scope.spawn(move || segment.run());
			}
		});
	}
	assert_eq!(fill.finish().unwrap().commitment(), filled().commitment());
}

#[test]
fn a_fill_is_not_finished_before_all_is_run() {
	let started = || {
		let mut fill = Fill::new(SEED, MIB).unwrap();
		fill.next_slice().unwrap().into_iter().for_each(Segment::run);
		fill
	};
	assert!(started().finish().is_none());
	let mut fill = started();
	assert_eq!(fill.next_slice().unwrap().len(), MEMORY_LANES as usize);
	assert_eq!(fill.run().unwrap().commitment(), filled().commitment());
}

#[test]
fn memory_out_of_range_is_refused() {
	let beyond = MEMORY_MAX_MIB + MEMORY_STEP_MIB;
	for memory_mib in [0, 1, 15, 17, 24, MEMORY_MAX_MIB + 1, beyond, u32::MAX, u32::MAX - 15] {
		assert!(Fill::new(SEED, memory_mib).is_none(), "{memory_mib}");
		assert_eq!(opening_bytes_max(memory_mib), 0);
		let commitment = MemoryCommitment { memory_mib, ..filled().commitment() };
		assert_eq!(positions(&[1; 32], &commitment), vec![]);
		let opening = filled().open(5).unwrap();
		let result = verify::<Software>(&SEED, &commitment, 5, &opening);
		assert_eq!(result, Err(MemoryOpeningError::Malformed));
	}
	assert_eq!(Layout::new(MEMORY_MAX_MIB).unwrap().blocks(), 1 << 31);
}

#[test]
fn a_changed_part_of_an_opening_is_refused_as_what_it_is() {
	use MemoryOpeningError::*;
	let index = 20_001;
	let good = filled().open(index).unwrap();
	type Change = fn(&mut MemoryOpening);
	let changes: [(Change, MemoryOpeningError); 9] = [
		(|opening| opening.previous.bytes[100] ^= 1, Previous),
		(|opening| opening.previous.path.0[3][0] ^= 1, Previous),
		(|opening| opening.references[0].bytes[0] ^= 1, Reference),
		(|opening| opening.references[1].bytes[255] ^= 128, Reference),
		(|opening| opening.references[1].path.0[14][31] ^= 1, Reference),
		(|opening| opening.references.swap(0, 1), Reference),
		(|opening| opening.block_hash[0] ^= 1, Block),
		(|opening| opening.path.0[0][0] ^= 1, Block),
		(|opening| core::mem::swap(&mut opening.path, &mut opening.previous.path), Previous),
	];
	for (case, (change, error)) in changes.into_iter().enumerate() {
		let mut opening = good.clone();
		change(&mut opening);
		assert_eq!(check(index, &opening), Err(error), "case {case}");
	}
	assert_eq!(check(index, &good), Ok(()));
}

#[test]
fn an_opening_does_not_serve_another_place_seed_size_or_root() {
	let index = 20_001;
	let commitment = filled().commitment();
	let opening = filled().open(index).unwrap();
	let check = |seed: Hash32, commitment: MemoryCommitment, index| {
		verify::<Software>(&seed, &commitment, index, &opening)
	};
	assert_eq!(check(SEED, commitment, index), Ok(()));
	// The key is not in the references, so that all of this opening belongs to the fill of the other seed too.
	assert_eq!(check([8; 32], commitment, index), Err(MemoryOpeningError::False));
	for other in [index - 1, index + 1, index ^ (1 << 14), 2] {
		assert_eq!(check(SEED, commitment, other), Err(MemoryOpeningError::Previous), "{other}");
	}
	let larger = MemoryCommitment { memory_mib: 2 * MIB, ..commitment };
	assert_eq!(check(SEED, larger, index), Err(MemoryOpeningError::Previous));
	let another = MemoryCommitment { root: [0; 32], ..commitment };
	assert_eq!(check(SEED, another, index), Err(MemoryOpeningError::Previous));
	for outside in [filled().open(0).unwrap(), opening.clone()] {
		let blocks = Layout::new(MIB).unwrap().blocks();
		let result = verify::<Software>(&SEED, &commitment, blocks, &outside);
		assert_eq!(result, Err(MemoryOpeningError::Malformed));
	}
}

#[test]
fn a_first_block_has_no_inputs_and_every_other_has() {
	let first = filled().open(1).unwrap();
	assert_eq!(check(1, &first), Ok(()));
	assert_eq!(check(0, &first), Err(MemoryOpeningError::Block));
	let other = filled().open(2).unwrap();
	let padded = MemoryOpening { previous: other.previous.clone(), ..first.clone() };
	assert_eq!(check(1, &padded), Err(MemoryOpeningError::Malformed));
	let references = other.references.clone();
	assert_eq!(
		check(1, &MemoryOpening { references, ..first.clone() }),
		Err(MemoryOpeningError::Malformed)
	);
	assert_eq!(check(2, &first), Err(MemoryOpeningError::Malformed));
}

#[test]
fn a_changed_block_under_an_honest_tree_is_false() {
	let layout = Layout::new(MIB).unwrap();
	let mut blocks: Vec<_> =
		(0..layout.blocks()).map(|index| *filled().block(index).unwrap()).collect();
	let (first, changed) = (1, 12_345);
	blocks[first as usize].0[9] ^= 1;
	blocks[changed as usize].0[63] ^= 1 << 63;
	let forged = Filled::from_blocks(SEED, MIB, &blocks).unwrap();
	for (index, expected) in [
		(first, Err(MemoryOpeningError::False)),
		(changed, Err(MemoryOpeningError::False)),
		// The block after it does not follow from the changed one either.
		(changed + 1, Err(MemoryOpeningError::False)),
		(changed - 1, Ok(())),
	] {
		let opening = forged.open(index).unwrap();
		let result = verify::<Software>(&SEED, &forged.commitment(), index, &opening);
		assert_eq!(result, expected, "{index}");
	}
	assert!(Filled::from_blocks(SEED, MIB, &blocks[1..]).is_none());
}

#[test]
fn malformed_openings_are_errors_and_not_panics() {
	let index = 777;
	let good = filled().open(index).unwrap();
	for length in [0, 1, 255, 256, 257, 511, 513, 4_096] {
		let mut opening = good.clone();
		opening.previous.bytes.resize(length, 0);
		assert_eq!(check(index, &opening), Err(MemoryOpeningError::Malformed), "{length}");
		let mut opening = good.clone();
		opening.references[1].bytes.resize(length, 0);
		let expected = if length == 256 { Ok(()) } else { Err(MemoryOpeningError::Malformed) };
		assert_eq!(check(index, &opening), expected, "{length}");
	}
	for levels in [0, 14, 16, 63, 64, 200] {
		let path = MerklePath(vec![[0; 32]; levels]);
		let mut opening = MemoryOpening { path: path.clone(), ..good.clone() };
		assert_eq!(check(index, &opening), Err(MemoryOpeningError::Block));
		opening.references[0].path = path.clone();
		assert_eq!(check(index, &opening), Err(MemoryOpeningError::Reference));
		opening.previous.path = path;
		assert_eq!(check(index, &opening), Err(MemoryOpeningError::Previous));
	}
	assert_eq!(check(index, &MemoryOpening::default()), Err(MemoryOpeningError::Malformed));
}

proptest! {
	#[test]
	fn random_bytes_never_pass_and_never_panic(
		bytes in prop::collection::vec(any::<u8>(), 0..6_000),
		memory_mib in prop_oneof![Just(MIB), any::<u32>()],
		index in prop_oneof![0u32..32_768, any::<u32>()],
	) {
		let commitment = MemoryCommitment { memory_mib, ..filled().commitment() };
		if let Ok(opening) = MemoryOpening::decode(&mut &bytes[..]) {
			prop_assert!(verify::<Software>(&SEED, &commitment, index, &opening).is_err());
		}
	}

	#[test]
	fn any_changed_byte_of_a_sent_opening_is_refused(
		index in 0u32..32_768,
		pick in any::<prop::sample::Index>(),
		change in 1u8..,
	) {
		let mut bytes = filled().open(index).unwrap().encode();
		let place = pick.index(bytes.len());
		bytes[place] ^= change;
		if let Ok(opening) = MemoryOpening::decode(&mut &bytes[..]) {
			prop_assert!(check(index, &opening).is_err());
		}
	}

	#[test]
	fn references_lie_in_what_is_known_and_are_never_the_previous_block(
		steps in 1..=MEMORY_MAX_MIB / MEMORY_STEP_MIB,
		pick in any::<u32>(),
		word in prop_oneof![Just(0), Just(u64::MAX), any::<u64>()],
	) {
		let layout = Layout::new(steps * MEMORY_STEP_MIB).unwrap();
		let mut indices = edges(&layout);
		indices.push(pick % layout.blocks());
		for index in indices {
			let Some(previous) = layout.previous(index) else { continue };
			let slice = layout.segment_blocks() * MEMORY_LANES;
			let block = layout.reference(index, word).block;
			prop_assert!(previous < index && block < index && block != previous, "{} {}", index, block);
			let own = block / layout.segment_blocks() == index / layout.segment_blocks();
			prop_assert!(own || block / slice < index / slice, "{} {}", index, block);
		}
	}
}

#[test]
fn references_reach_the_ends_of_what_is_known() {
	let layout = Layout::new(MIB).unwrap();
	let (segment, slice) = (layout.segment_blocks(), layout.segment_blocks() * MEMORY_LANES);
	// In the middle of the second slice: from the first block of all to the last but one of its own segment.
	let index = slice + 5 * segment + 9;
	assert_eq!(layout.reference(index, 0), Reference { block: 0, part: 0 });
	assert_eq!(layout.reference(index, u64::MAX), Reference { block: index - 2, part: 1 });
	// At the start of a lane's second slice: all of the first slice but the block before.
	let start = slice + 15 * segment;
	assert_eq!(layout.previous(start), Some(slice - 1));
	assert_eq!(layout.reference(start, u64::MAX), Reference { block: slice - 2, part: 1 });
	assert_eq!(layout.reference(slice, u64::MAX), Reference { block: slice - 1, part: 1 });
	// The words on either side of the block before: what would select it selects the one after it.
	let previous = layout.previous(slice).unwrap();
	let selects = u128::from(previous) << 64;
	let word = selects.div_ceil(u128::from(slice - 1)) as u64;
	assert_eq!(layout.reference(slice, word), Reference { block: previous + 1, part: 0 });
	assert_eq!(layout.reference(slice, word - 1), Reference { block: previous - 1, part: 1 });
}

#[test]
fn references_are_spread_evenly() {
	let layout = Layout::new(MIB).unwrap();
	let rule = Rule::new(&SEED, MIB).unwrap();
	// Every reference falls into one of 64 equal parts of what its block may refer to, and one of two halves.
	let mut counts = [[0f64; 2]; 64];
	let slice = layout.segment_blocks() * MEMORY_LANES;
	for index in slice..layout.blocks() {
		let previous = filled().block(layout.previous(index).unwrap()).unwrap();
		let (place, earlier) = (index % layout.segment_blocks(), index / slice * slice);
		for Reference { block, part: half } in rule.references(index, previous) {
			let own = block.checked_sub(index - place);
			let rank = own.map_or(block, |place| earlier + place);
			let part = u64::from(rank) * 64 / u64::from(earlier + place);
			counts[part as usize][half as usize] += 1.0;
		}
	}
	let expected = f64::from(2 * (layout.blocks() - slice)) / 128.0;
	let chi_squared: f64 =
		counts.iter().flatten().map(|count| (count - expected).powi(2) / expected).sum();
	// 127 degrees of freedom: 127 ± 16.
	assert!((60.0..200.0).contains(&chi_squared), "{chi_squared}");
}

#[test]
fn every_bit_of_the_inputs_changes_half_of_the_block() {
	let rule = Rule::new(&SEED, MIB).unwrap();
	let block = |index: u32| *filled().block(index).unwrap();
	let (previous, reference) = (block(100), block(200));
	let next = |index, previous: &Block, reference: &Block| {
		let mut parts = reference.parts();
		rule.next(index, previous, [(); REFERENCES].map(|()| parts.next().unwrap()))
	};
	let base = next(300, &previous, &reference);
	let mut others = vec![next(301, &previous, &reference)];
	for bit in (0..64 * BLOCK_WORDS).step_by(37) {
		let (mut left, mut right) = (previous, reference);
		left.0[bit / 64] ^= 1 << (bit % 64);
		right.0[bit / 64] ^= 1 << (bit % 64);
		others.extend([next(300, &left, &reference), next(300, &previous, &right)]);
	}
	for other in others {
		let differing: u32 =
			base.0.iter().zip(other.0).map(|(left, right)| (left ^ right).count_ones()).sum();
		// Of 4,096 bits: 2,048 ± 32.
		assert!((1_848..2_248).contains(&differing), "{differing}");
	}
	// Equal inputs do not cancel.
	assert_ne!(next(300, &previous, &previous), next(300, &reference, &reference));
}

#[test]
fn all_openings_of_the_largest_fill_fit_64_kib() {
	let path = |levels: u32| MerklePath(vec![[0; 32]; levels as usize]);
	for memory_mib in [16, 48, 16 << 10, MEMORY_MAX_MIB] {
		let height = Layout::new(memory_mib).unwrap().height();
		let half = MemoryInput { bytes: vec![0; PART_BYTES], path: path(height + 1) };
		let references = [half.clone(), half];
		let longest = MemoryOpening {
			previous: MemoryInput { bytes: vec![0; BLOCK_BYTES], path: path(height) },
			references,
			block_hash: [0; 32],
			path: path(height),
		};
		let most = opening_bytes_max(memory_mib) as usize;
		assert_eq!(longest.encoded_size(), most, "{memory_mib}");
		let openings = MemoryOpenings::truncate_from(vec![longest; MEMORY_OPENINGS as usize]);
		assert_eq!(openings.len(), MEMORY_OPENINGS as usize);
		assert!(openings.encoded_size() <= 64 << 10);
	}
	for index in edges(&Layout::new(MIB).unwrap()) {
		assert!(filled().open(index).unwrap().encoded_size() <= opening_bytes_max(MIB) as usize);
	}
}

/// What a block is on every machine: a change of any detail of the rule needs new tags.
#[test]
fn the_rule_stays_what_it_is() {
	let root = filled().commitment().root;
	let start: Vec<_> = root.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
	assert_eq!(start.concat(), "4635c2d8adfce286");
}
