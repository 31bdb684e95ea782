//! Checks everything that a machine needs, and says what to do about what is missing.

mod chain;
mod local;

use crate::{config::Config, machine::Machine};
use serde::Serialize;
use std::fmt;

/// How a check went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
	/// All is well.
	Ok,
	/// The machine works, but not as well as it could.
	Warn,
	/// The machine cannot work like this.
	Fail,
}

/// One check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
	/// What was checked.
	pub name: &'static str,
	/// How it went.
	pub level: Level,
	/// What was found.
	pub found: String,
	/// What to do; empty where nothing needs to be done.
	pub advice: String,
}

impl Check {
	pub(crate) fn ok(name: &'static str, found: impl Into<String>) -> Self {
		Self { name, level: Level::Ok, found: found.into(), advice: String::new() }
	}

	pub(crate) fn warn(
		name: &'static str,
		found: impl Into<String>,
		advice: impl Into<String>,
	) -> Self {
		Self { name, level: Level::Warn, found: found.into(), advice: advice.into() }
	}

	pub(crate) fn fail(
		name: &'static str,
		found: impl Into<String>,
		advice: impl Into<String>,
	) -> Self {
		Self { name, level: Level::Fail, found: found.into(), advice: advice.into() }
	}
}

/// All checks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
	/// The checks in the order in which they were made.
	pub checks: Vec<Check>,
}

impl Report {
	/// Whether nothing failed.
	pub fn is_healthy(&self) -> bool {
		self.checks.iter().all(|check| check.level != Level::Fail)
	}
}

impl fmt::Display for Report {
	fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
		for check in &self.checks {
			let level = match check.level {
				Level::Ok => "OK",
				Level::Warn => "WARN",
				Level::Fail => "FAIL",
			};
			writeln!(formatter, "{level:<5} {:<13} {}", check.name, check.found)?;
			if !check.advice.is_empty() {
				writeln!(formatter, "{:19} do: {}", "", check.advice)?;
			}
		}
		let count = |level| self.checks.iter().filter(|check| check.level == level).count();
		let (warnings, failures) = (count(Level::Warn), count(Level::Fail));
		write!(formatter, "{} checks, {warnings} warnings, {failures} failures", self.checks.len())
	}
}

/// Makes every check. None of them changes anything on the machine or the chain.
pub async fn examine(config: &Config, machine: &Machine) -> Report {
	let mut checks = vec![
		local::settings(config),
		local::vcpus(config, machine),
		local::memory(config, machine),
		local::disk(config),
		local::keys(config),
		local::ports(config),
		local::announce(config),
		local::sandbox().await,
	];
	checks.extend(chain::checks(config).await);
	Report { checks }
}

#[cfg(test)]
mod tests {
	use super::*;

	fn report() -> Report {
		Report {
			checks: vec![
				Check::ok("memory", "4096 MiB"),
				Check::warn("ports", "UDP 1 is in use", "stop the other program"),
				Check::fail("keys", "there are none", "run `aidragon-worker init`"),
			],
		}
	}

	#[test]
	fn every_line_says_how_it_went_and_what_to_do() {
		let expected = "\
OK    memory        4096 MiB
WARN  ports         UDP 1 is in use
                    do: stop the other program
FAIL  keys          there are none
                    do: run `aidragon-worker init`
3 checks, 1 warnings, 1 failures";
		assert_eq!(report().to_string(), expected);
	}

	#[test]
	fn only_failures_make_a_machine_unhealthy() {
		let mut report = report();
		assert!(!report.is_healthy());
		report.checks.pop();
		assert!(report.is_healthy());
		let json = serde_json::to_value(report).unwrap();
		assert_eq!(json["checks"][1]["level"], "warn");
	}
}
