//! A trace of machines and tasks, run by the pallet and by full scans.

mod board;
mod plan;
mod report;
mod run;
mod scans;

pub use board::{Board, Outcome, Share};
pub use plan::{Arrival, Mode, Plan};
pub use report::{Cost, Matching, Report, Scan};
pub use run::run;
pub use scans::scan;

use aidragon_primitives::task::MatchingPolicy;

/// How a trace is run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options {
	/// From what randomness and the order of arrivals follow.
	pub seed: u64,
	/// The policy of every task.
	pub policy: MatchingPolicy,
	/// When tasks come and go.
	pub mode: Mode,
	/// Seconds of the trace that a block stands for; `None` for 3, or as many as the longest task takes to fit a deadline.
	pub block_seconds: Option<u32>,
	/// The first so many tasks only.
	pub limit: Option<usize>,
}
