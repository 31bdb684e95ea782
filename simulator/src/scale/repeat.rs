//! Matches at a given number of machines and nothing else, for a profiler that counts instructions.

use super::Options;
use crate::{
	chain::Chain,
	dice::Dice,
	error::Result,
	shapes,
	trace::Cost,
	workload::{specification, Node, PRICE_DEFAULT},
};
use aidragon_primitives::task::MatchingPolicy;
use serde::Serialize;

/// The result of `aidragon-sim scale --repeat-only`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Repeated {
	/// Machines in the supply.
	pub machines: u32,
	/// Buckets that they stand in.
	pub buckets: usize,
	/// What the matches took.
	pub matching: Cost,
}

/// Puts machines into the supply at once and matches tasks in one block.
pub fn repeat(options: &Options) -> Result<Repeated> {
	let mut dice = Dice::new(options.seed, "machines");
	let nodes: Vec<Node> = (0..options.machines)
		.map(|number| shapes::machine(&mut dice, number, PRICE_DEFAULT))
		.collect();
	let mut chain = Chain::new(options.seed);
	chain.add_machines_at_once(nodes.iter());
	chain.next_block();
	let mut dice = Dice::new(options.seed, "tasks");
	for number in 0..options.matches {
		let policy = [MatchingPolicy::Cheapest, MatchingPolicy::Balanced][number as usize % 2];
		let needed = shapes::needed(&mut dice);
		chain.submit(specification(needed, 100, policy, PRICE_DEFAULT))?;
	}
	chain.next_block();
	let block = chain.measured_block();
	let buckets = chain.directory().buckets().len();
	Ok(Repeated { machines: options.machines, buckets, matching: Cost::of(&block.draws) })
}
