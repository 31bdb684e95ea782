//! What a machine may try instead of filling its memory, against the verifier that the chain runs.

use aidragon_primitives::{
	memory::{
		positions, verify, Block, Fill, Filled, MemoryCommitment, MemoryOpeningError, Reference,
		Rule, BLOCK_WORDS, MEMORY_OPENINGS, REFERENCES,
	},
	merkle::Software,
	Hash32,
};
use std::{
	cmp::Reverse,
	collections::{BinaryHeap, HashMap},
	sync::OnceLock,
};

const SEED: Hash32 = [7; 32];
const MIB: u32 = 16;
/// Draws of blocks over which a chance is measured.
const DRAWS: u32 = 400;

/// The beacon of draw `draw`.
fn beacon(draw: u32) -> Hash32 {
	let mut beacon = [draw as u8; 32];
	beacon[..4].copy_from_slice(&draw.to_le_bytes());
	beacon
}

fn rule() -> Rule {
	Rule::new(&SEED, MIB).expect("a fill has this size")
}

/// The blocks of the honest fill.
fn honest() -> &'static [Block] {
	static BLOCKS: OnceLock<Vec<Block>> = OnceLock::new();
	BLOCKS.get_or_init(|| fill(&rule(), |_| None))
}

/// The block at `index` by the rule, from the blocks before it.
fn by_rule(rule: &Rule, blocks: &[Block], index: u32) -> Block {
	let Some(previous) = rule.layout().previous(index) else {
		return rule.first(index);
	};
	let previous = &blocks[previous as usize];
	let references = rule.references(index, previous);
	let parts = references.map(|reference| reference.of(&blocks[reference.block as usize]));
	rule.next(index, previous, parts)
}

/// A fill in which `forged` gives blocks of its own, with all others computed on top of them.
fn fill(rule: &Rule, forged: impl Fn(u32) -> Option<Block>) -> Vec<Block> {
	let mut blocks = Vec::new();
	for index in 0..rule.layout().blocks() {
		blocks.push(forged(index).unwrap_or_else(|| by_rule(rule, &blocks, index)));
	}
	blocks
}

/// A block that follows from nothing the verifier knows.
fn noise(index: u32) -> Block {
	let mut state = u64::from(index) + 1;
	Block(std::array::from_fn::<_, BLOCK_WORDS, _>(|_| {
		state =
			state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
		state ^ (state >> 29)
	}))
}

/// Whether a block is among the `percent` that are forged, which lie anywhere.
fn is_forged(index: u32, percent: u64) -> bool {
	noise(index).0[9] % 100 < percent
}

/// The part of the blocks that do not follow from their inputs.
fn false_part(rule: &Rule, blocks: &[Block]) -> f64 {
	let is_false = |index: &u32| by_rule(rule, blocks, *index) != blocks[*index as usize];
	(0..rule.layout().blocks()).filter(is_false).count() as f64 / blocks.len() as f64
}

/// Whether all blocks that `beacon` draws verify.
fn passes(filled: &Filled, commitment: &MemoryCommitment, beacon: &Hash32) -> bool {
	positions(beacon, commitment).iter().all(|index| {
		let opening = filled.open(*index).unwrap_or_default();
		verify::<Software>(&SEED, commitment, *index, &opening).is_ok()
	})
}

/// How many of [`DRAWS`] draws catch these blocks.
fn times_caught(memory_mib: u32, blocks: &[Block]) -> u32 {
	let filled = Filled::from_blocks(SEED, memory_mib, blocks).expect("blocks of a whole fill");
	let commitment = filled.commitment();
	(0..DRAWS).filter(|draw| !passes(&filled, &commitment, &beacon(*draw))).count() as u32
}

/// Fails unless a fill of which a part `wrong` is false is caught as often as `1 − (1 − wrong)^q` says, within four
/// standard deviations.
fn assert_caught_as_often_as_the_formula_says(caught: u32, wrong: f64) {
	let chance = 1.0 - (1.0 - wrong).powi(MEMORY_OPENINGS as i32);
	let (expected, draws) = (chance * f64::from(DRAWS), f64::from(DRAWS));
	let deviation = (draws * chance * (1.0 - chance)).sqrt().max(0.5);
	let off = (f64::from(caught) - expected).abs();
	assert!(
		off <= 4.0 * deviation,
		"caught {caught} of {DRAWS}, expected {expected:.1} ± {deviation:.1}"
	);
	eprintln!(
		"{:4.1} % false: caught {caught} of {DRAWS}, expected {expected:.1} ± {deviation:.1}",
		100.0 * wrong
	);
}

#[test]
fn p7_random_blocks_with_the_rest_on_top_are_caught_as_often_as_the_formula_says() {
	for percent in [2, 5, 10, 25] {
		let blocks = fill(&rule(), |index| is_forged(index, percent).then(|| noise(index)));
		let wrong = false_part(&rule(), &blocks);
		// What is computed on top of a forged block is true.
		assert!((wrong - percent as f64 / 100.0).abs() < 0.01, "{percent} % forged, {wrong} false");
		assert_caught_as_often_as_the_formula_says(times_caught(MIB, &blocks), wrong);
	}
}

#[test]
fn p7_random_blocks_in_an_honest_fill_make_those_that_depend_on_them_false() {
	for percent in [2, 5, 10, 25] {
		let mut blocks = honest().to_vec();
		for (index, block) in (0..).zip(&mut blocks) {
			if is_forged(index, percent) {
				*block = noise(index);
			}
		}
		let wrong = false_part(&rule(), &blocks);
		// True where the block, the one before it and the referenced ones are.
		let true_part = (1.0 - percent as f64 / 100.0).powi(2 + REFERENCES as i32);
		assert!((1.0 - true_part - wrong).abs() < 0.02, "{percent} % forged, {wrong} false");
		assert_caught_as_often_as_the_formula_says(times_caught(MIB, &blocks), wrong);
	}
}

#[test]
fn p7_half_of_the_memory_does_not_pass_for_all_of_it() {
	let double = Rule::new(&SEED, 2 * MIB).expect("a fill has this size");
	// The first half as it should be, and once more in the place of the second.
	let half = double.layout().blocks() / 2;
	let mut blocks = Vec::new();
	for index in 0..half {
		blocks.push(by_rule(&double, &blocks, index));
	}
	blocks.extend_from_within(..);
	let wrong = false_part(&double, &blocks);
	assert!(wrong > 0.499, "{wrong}");
	assert_caught_as_often_as_the_formula_says(times_caught(2 * MIB, &blocks), wrong);
	// A whole fill of half the size, twice.
	let twice = [honest(), honest()].concat();
	assert!(false_part(&double, &twice) > 0.999);
	assert_eq!(times_caught(2 * MIB, &twice), DRAWS);
}

#[test]
fn p7_a_fill_of_any_other_seed_is_worthless() {
	// Another machine's fill, an old one, or one prepared before the seed was known.
	let other = Fill::new([8; 32], MIB).and_then(Fill::run).expect("a small fill");
	let commitment = other.commitment();
	for draw in 0..DRAWS {
		for index in positions(&beacon(draw), &commitment).into_iter().take(1) {
			let opening = other.open(index).expect("it lies in the fill");
			let result = verify::<Software>(&SEED, &commitment, index, &opening);
			assert_eq!(result, Err(MemoryOpeningError::False), "{index}");
		}
	}
}

/// Fills' worth of compressions at which a prover gives an answer up.
const PATIENCE: u64 = 4;
/// Answers over which their cost is measured.
const ANSWERS: u32 = 4;

/// A prover that dropped blocks of a complete fill and computes them again when it needs them. It is given the hash
/// of every block, so that paths cost it nothing.
struct Forgetful {
	/// One block in so many was kept.
	kept: u32,
	/// Most blocks that it keeps while it answers.
	memo_max: usize,
	memo: HashMap<u32, Block>,
	compressions: u64,
	/// Compressions at which it gives up.
	patience: u64,
}

impl Forgetful {
	fn block(&mut self, index: u32) -> Option<Block> {
		if index.is_multiple_of(self.kept) {
			return Some(honest()[index as usize]);
		}
		if let Some(block) = self.memo.get(&index) {
			return Some(*block);
		}
		self.compressions += 1;
		if self.compressions > self.patience {
			return None;
		}
		let rule = rule();
		let block = match rule.layout().previous(index) {
			None => rule.first(index),
			Some(previous) => {
				let previous = self.block(previous)?;
				let inputs = self.inputs(index, &previous)?;
				rule.next(index, &previous, inputs.each_ref().map(|(part, block)| part.of(block)))
			}
		};
		if self.memo.len() < self.memo_max {
			self.memo.insert(index, block);
		}
		Some(block)
	}

	/// What the block at `index` refers to.
	fn inputs(&mut self, index: u32, previous: &Block) -> Option<[(Reference, Block); REFERENCES]> {
		let mut inputs = Vec::new();
		for reference in rule().references(index, previous) {
			inputs.push((reference, self.block(reference.block)?));
		}
		inputs.try_into().ok()
	}

	/// What the opening of a block takes: the block and its inputs.
	fn answer(&mut self, index: u32) -> Option<()> {
		assert_eq!(self.block(index)?, honest()[index as usize]);
		if let Some(previous) = rule().layout().previous(index) {
			let previous = self.block(previous)?;
			self.inputs(index, &previous)?;
		}
		Some(())
	}
}

/// Compressions for one answer over those of a fill, on average, where one block in `kept` was kept. They stop at
/// [`PATIENCE`] fills.
fn answer_cost(kept: u32, keeps_what_it_computes: bool) -> f64 {
	let blocks = rule().layout().blocks();
	let memo_max = if keeps_what_it_computes { (blocks - blocks / kept) as usize } else { 0 };
	let patience = PATIENCE * u64::from(blocks);
	let commitment = MemoryCommitment { memory_mib: MIB, root: [0; 32] };
	let work = move || {
		let mut compressions = 0;
		for draw in 0..ANSWERS {
			let memo = HashMap::new();
			let mut prover = Forgetful { kept, memo_max, memo, compressions: 0, patience };
			for index in positions(&beacon(draw), &commitment) {
				if prover.answer(index).is_none() {
					break;
				}
			}
			compressions += prover.compressions;
		}
		compressions as f64 / f64::from(ANSWERS) / f64::from(blocks)
	};
	// The recursion is as deep as blocks depend on each other.
	let thread = std::thread::Builder::new().stack_size(1 << 29).spawn(work);
	thread.expect("a thread").join().expect("it does not panic")
}

#[test]
fn p7_a_prover_that_dropped_most_of_its_blocks_computes_much_of_the_fill_to_answer() {
	let costs = [2, 4, 8].map(|kept| [true, false].map(|memo| answer_cost(kept, memo)));
	for (kept, [with, without]) in [2, 4, 8].into_iter().zip(costs) {
		eprintln!(
			"1/{kept} kept: an answer takes {with:.4} of the compressions of a fill with all memory to do it in, \
			 {without:.4} with none; to fill again takes 1"
		);
	}
	let [half, quarter, eighth] = costs;
	// Half of the blocks bring back the rest at once: an answer does not prove that more was kept. With all memory to
	// answer in, fewer do as well, in a part of a fill that is smaller the larger the fill.
	assert!(half.iter().all(|cost| (0.001..0.01).contains(cost)));
	assert!(quarter[0] > 10.0 * half[0] && eighth[0] > 3.0 * quarter[0] && eighth[0] > 0.15);
	assert!(quarter[1] > 2.0 && eighth[1] > 2.0);
}

/// The blocks that each block is made from, the previous one first. Every `false_every`th is false: it is made from
/// none, and chosen so that the block after it refers to what was kept.
fn inputs(false_every: Option<u32>) -> Vec<Vec<u32>> {
	let rule = rule();
	let of = |index: u32| {
		let place = false_every.map(|every| index % every);
		let previous = rule.layout().previous(index).filter(|_| place != Some(0));
		let mut inputs: Vec<_> = previous.into_iter().collect();
		if let Some(previous) = previous.filter(|_| place != Some(1)) {
			let references = rule.references(index, &honest()[previous as usize]);
			inputs.extend(references.map(|reference| reference.block));
		}
		inputs
	};
	(0..rule.layout().blocks()).map(of).collect()
}

/// Compressions of a fill over those of an honest one, where only one block in `kept` is kept.
fn regular_fill_cost(inputs: &[Vec<u32>], kept: usize) -> f64 {
	let mut costs: Vec<f64> = Vec::new();
	let mut total = 0.0;
	for inputs in inputs {
		let again = |input: &u32| match *input as usize % kept {
			0 => 0.0,
			_ => costs[*input as usize],
		};
		// The previous block is at hand.
		total += 1.0 + inputs.iter().skip(1).map(again).sum::<f64>();
		costs.push(1.0 + inputs.iter().map(again).sum::<f64>());
	}
	total / inputs.len() as f64
}

/// What each block takes to compute again once all that take at most `limit` compressions are dropped; `None` for
/// those that are kept.
fn droppable(inputs: &[Vec<u32>], limit: u64) -> Vec<Option<u64>> {
	let mut costs: Vec<Option<u64>> = Vec::new();
	for inputs in inputs {
		let cost = 1 + inputs.iter().filter_map(|input| costs[*input as usize]).sum::<u64>();
		costs.push((cost <= limit).then_some(cost));
	}
	costs
}

/// Compressions of a fill over those of an honest one, for a prover that has memory for `part` of it, drops blocks
/// only once that is full, and first those that take the fewest compressions to bring back: a ranking attack.
fn ranked_fill_cost(inputs: &[Vec<u32>], part: f64) -> f64 {
	let room = (part * inputs.len() as f64) as usize;
	let limits = std::iter::successors(Some(1), |limit| Some(limit + 1 + limit / 8));
	let costs = limits
		.map(|limit| droppable(inputs, limit))
		.find(|costs| costs.iter().flatten().count() + room >= inputs.len())
		.expect("all blocks can be dropped at some limit");
	let (mut dropped, mut kept) = (vec![false; inputs.len()], BinaryHeap::new());
	let (mut total, mut held) = (0, 0);
	for (index, own) in inputs.iter().enumerate() {
		total += 1 + own.iter().skip(1).map(|input| cost(inputs, &dropped, *input)).sum::<u64>();
		held += 1;
		kept.extend(costs[index].map(|cost| Reverse((cost, index))));
		while held > room {
			let Reverse((_, cheapest)) = kept.pop().expect("enough can be dropped");
			dropped[cheapest] = true;
			held -= 1;
		}
	}
	total as f64 / inputs.len() as f64
}

/// Compressions that bring a block back.
fn cost(inputs: &[Vec<u32>], dropped: &[bool], index: u32) -> u64 {
	if !dropped[index as usize] {
		return 0;
	}
	1 + inputs[index as usize].iter().map(|input| cost(inputs, dropped, *input)).sum::<u64>()
}

#[test]
fn p7_filling_with_less_than_half_of_the_memory_takes_many_times_the_compressions() {
	let inputs = inputs(None);
	let regular = [2, 3, 4].map(|kept| regular_fill_cost(&inputs, kept));
	eprintln!("every second, third, fourth block kept: {regular:.1?} times the compressions");
	assert!(regular[0] > 4.0 && regular[1] > 100.0 && regular[2] > 1_000.0);
	let parts = [0.75, 0.67, 0.6, 0.5, 0.4];
	let ranked = parts.map(|part| ranked_fill_cost(&inputs, part));
	for (part, cost) in parts.into_iter().zip(ranked) {
		eprintln!("memory for {part:.2} of the fill, by rank: {cost:.2} times the compressions");
	}
	// Three quarters of the memory do for nearly nothing: a claim is proved to about half.
	assert!((1.02..1.15).contains(&ranked[0]));
	assert!((1.4..2.2).contains(&ranked[3]), "{ranked:?}");
	assert!(ranked[4] > 5.0, "{ranked:?}");
}

#[test]
fn p7_false_blocks_that_steer_the_next_ones_do_not_replace_the_memory() {
	// One block in twelve: by the formula, 35 of 100 such fills pass.
	let every = 12;
	let passes = (1.0 - 1.0 / f64::from(every)).powi(MEMORY_OPENINGS as i32);
	assert!((0.3..0.4).contains(&passes));
	let inputs = inputs(Some(every));
	let [half, third] = [0.5, 0.34].map(|part| ranked_fill_cost(&inputs, part));
	eprintln!(
		"1/{every} of the blocks false, {:.0} of 100 pass: {half:.2} times the compressions with half of the memory, \
		 {third:.2} with a third",
		100.0 * passes
	);
	assert!(half > 1.2 && third > 2.0);
}
