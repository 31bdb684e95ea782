//! Progress on stderr, a line every few seconds.

use std::time::{Duration, Instant};

/// How often a line is written.
const PAUSE: Duration = Duration::from_secs(5);

/// Where progress is told.
pub struct Progress {
	is_quiet: bool,
	told_at: Instant,
}

impl Progress {
	/// To stderr, or to nobody.
	pub fn new(is_quiet: bool) -> Self {
		Self { is_quiet, told_at: Instant::now() }
	}

	/// Tells something at once.
	pub fn say(&mut self, what: &str) {
		if !self.is_quiet {
			self.told_at = Instant::now();
			eprintln!("{what}");
		}
	}

	/// Tells something if nothing was told for some time.
	pub fn tick(&mut self, what: impl FnOnce() -> String) {
		if !self.is_quiet && self.told_at.elapsed() >= PAUSE {
			self.say(&what());
		}
	}
}
