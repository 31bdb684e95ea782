//! Grinding: what a submitter gets who tries variants of a task and cancels them until a machine of his choice has one.

use crate::{
	chain::{Chain, Note},
	error::{Error, Result},
	progress::Progress,
	shapes,
	stats::{binomial_tail, chi_squared, ratio, rounded},
	workload::{specification, PRICE_DEFAULT},
};
use aidragon_primitives::{
	resources::Resources,
	task::{MatchingPolicy, TaskSpec},
	TaskId, WorkerId, DRGN,
};
use codec::Encode;
use pallet_task_matching::WeightInfo;
use serde::Serialize;

/// Blocks until a task of this attack is drawn.
const DRAW_BLOCKS: u32 = 2;
/// Tasks that a machine can have at once, where the attack does not put more on one.
const SLOTS_MIN: u16 = 64;
/// Base units for a picosecond of a call's weight: `FEE_PER_REF_TIME` of the runtime.
const FEE_PER_REF_TIME: f64 = 5.0;
/// Base units for a byte of a transaction: `FEE_PER_BYTE` of the runtime.
const FEE_PER_BYTE: f64 = 1_000_000.0;
/// What a transaction has beside its call: signature, address, extensions.
const ENVELOPE_BYTES: f64 = 110.0;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options {
	/// Equal machines.
	pub machines: u32,
	/// Variants that are tried.
	pub tries: u32,
	/// The policy of each.
	pub policy: MatchingPolicy,
	/// From what everything follows.
	pub seed: u64,
}

/// The result of `aidragon-sim grinding`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
	/// Equal machines.
	pub machines: u32,
	/// Variants that were tried.
	pub tries: u32,
	/// The machine that the submitter wants.
	pub chosen: WorkerId,
	/// Hits are delivered at once: what is measured is the draw.
	pub hits_settled: Attack,
	/// Hits stay on the chosen machine, which has less left than the others from then on.
	pub hits_kept: Attack,
	/// What a try costs that misses, in DRGN: submission and cancelling, by the weights of the calls at the runtime's list price,
	/// without what checking a transaction weighs.
	pub fee_per_miss_drgn: f64,
}

/// What an attack came to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Attack {
	/// Tries that hit the chosen machine.
	pub hits: u64,
	/// What chance gives.
	pub expected_hits: f64,
	/// The probability of so many hits or more where every machine is as likely as another.
	pub p_value_of_hits: f64,
	/// Pearson's chi-squared of all tries over all machines.
	pub chi_squared: f64,
	/// Degrees of freedom.
	pub degrees: u32,
	/// The probability of a chi-squared as high or higher where every machine is as likely as another.
	pub p_value: f64,
	/// Tries that were cancelled.
	pub cancelled: u64,
	/// What machines were paid for tries that were cancelled, in smallest units.
	pub paid_for_misses: u128,
	/// What the misses cost in all, in DRGN.
	pub fees_lost_drgn: f64,
}

/// Runs the attack, once with hits delivered at once and once with hits kept.
pub fn run(options: &Options, progress: &mut Progress) -> Result<Report> {
	let chosen = options.machines / 3;
	let fee = fee_per_miss(&variant(options, 0));
	progress.say("hits are delivered at once");
	let hits_settled = attack(options, chosen, true, fee)?;
	progress.say("hits are kept");
	let hits_kept = attack(options, chosen, false, fee)?;
	let (machines, tries) = (options.machines, options.tries);
	let fee_per_miss_drgn = rounded(fee);
	Ok(Report { machines, tries, chosen, hits_settled, hits_kept, fee_per_miss_drgn })
}

/// A task that differs from the others in what it may use, so that its bytes differ, and in nothing that matters.
/// What is kept has to outlast the attack: a machine that misses a deadline goes off line.
fn variant(options: &Options, number: u32) -> TaskSpec {
	let run_blocks = options.tries.saturating_mul(DRAW_BLOCKS).saturating_add(100);
	let needed = Resources::cpu(1_000, 1_024);
	let spec = specification(needed, run_blocks, options.policy, PRICE_DEFAULT);
	TaskSpec { fuel_limit: spec.fuel_limit - u64::from(number), ..spec }
}

/// What a submission and a cancellation cost, in DRGN.
fn fee_per_miss(spec: &TaskSpec) -> f64 {
	let weight =
		<() as WeightInfo>::submit_task().saturating_add(<() as WeightInfo>::cancel_task());
	let bytes = spec.encoded_size() as f64 + 50.0 + 2.0 * ENVELOPE_BYTES;
	(weight.ref_time() as f64 * FEE_PER_REF_TIME + bytes * FEE_PER_BYTE) / DRGN as f64
}

fn attack(options: &Options, chosen: WorkerId, settles: bool, fee: f64) -> Result<Attack> {
	let mut chain = Chain::new(options.seed);
	// Four times what chance keeps on the chosen machine, so that it always has room.
	let most = options.tries.div_ceil(options.machines.max(1)).saturating_mul(4);
	let slots = u16::try_from(most).unwrap_or(u16::MAX).max(SLOTS_MIN);
	for number in 0..options.machines {
		chain.add_machine(&shapes::plain(number, slots, PRICE_DEFAULT));
	}
	let mut counts = vec![0u64; options.machines as usize];
	let (mut cancelled, mut paid_for_misses) = (0, 0);
	for number in 0..options.tries {
		let task = chain.submit(variant(options, number))?;
		let worker = drawn(&mut chain, task)?;
		counts[worker as usize] += 1;
		if worker != chosen {
			chain.cancel(task)?;
			cancelled += 1;
			paid_for_misses += chain.task(task).map_or(0, |task| task.paid);
		} else if settles {
			chain.deliver(task)?;
		}
	}
	chain.check()?;
	let (chi_squared, p_value) = chi_squared(&counts);
	let chance = ratio(1.0, f64::from(options.machines));
	let hits = counts[chosen as usize];
	Ok(Attack {
		hits,
		p_value_of_hits: rounded(binomial_tail(options.tries.into(), chance, hits)),
		expected_hits: rounded(ratio(f64::from(options.tries), f64::from(options.machines))),
		chi_squared: rounded(chi_squared),
		degrees: options.machines.saturating_sub(1),
		p_value: rounded(p_value),
		cancelled,
		paid_for_misses,
		fees_lost_drgn: rounded(fee * cancelled as f64),
	})
}

/// Goes on until the task is drawn, and gives its machine.
fn drawn(chain: &mut Chain, task: TaskId) -> Result<WorkerId> {
	for _ in 0..DRAW_BLOCKS {
		for note in chain.next_block().notes {
			match note {
				Note::Assigned(id, workers) if id == task => return Ok(workers[0]),
				_ => {}
			}
		}
	}
	Err(Error::Chain(format!("task {task} found no machine although there is room")))
}
