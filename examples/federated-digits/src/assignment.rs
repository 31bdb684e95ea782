//! What a task is to do: the first line of its own input, and the images after it.

use std::fmt;

use digits::parse::{self, Image};

use crate::{
	error::Error,
	text::{number, quoted, split_line, BadNumber},
};

/// The most shards that one average is taken over.
pub const MAX_SHARDS: u32 = 64;
/// The most rounds of a job.
pub const MAX_ROUNDS: u32 = 1000;

/// The extent of the job that a task belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Job {
	/// Machines that train in a round, each on a shard of its own.
	pub shards: u32,
	/// Rounds of training and averaging.
	pub rounds: u32,
}

impl Job {
	/// Reads the two numbers of a job.
	pub(crate) fn read(shards: &str, rounds: &str) -> Result<Self, BadNumber> {
		Ok(Self {
			shards: number("shards", shards, 1..=MAX_SHARDS)?,
			rounds: number("rounds", rounds, 1..=MAX_ROUNDS)?,
		})
	}

	/// Reads the number of a shard, which counts from 0.
	pub(crate) fn read_shard(&self, shard: &str) -> Result<u32, BadNumber> {
		number("shard", shard, 0..=self.shards - 1)
	}
}

impl fmt::Display for Job {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		write!(f, "a job of {} shards in {} rounds", self.shards, self.rounds)
	}
}

/// A kind of task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
	/// Trains on the images.
	Train {
		/// The shard that they are, counted from 0.
		shard: u32,
	},
	/// Averages networks and measures the average on the images.
	Average,
}

/// A task's own input.
pub struct Assignment {
	/// What is to be done.
	pub step: Step,
	/// As part of which job.
	pub job: Job,
	/// With which images; there is at least one.
	pub images: Vec<Image>,
}

impl Assignment {
	/// Reads an own input.
	pub fn read(own: &[u8]) -> Result<Self, Error> {
		let (line, images) = split_line(own);
		let words: Vec<&str> = line.split(' ').collect();
		let (step, job) = match words.as_slice() {
			["train", "shard", shard, "of", shards, "in", rounds, "rounds"] => {
				Job::read(shards, rounds)
					.and_then(|job| Ok((Step::Train { shard: job.read_shard(shard)? }, job)))
			}
			["average", shards, "shards", "in", rounds, "rounds"] => {
				Job::read(shards, rounds).map(|job| (Step::Average, job))
			}
			_ => return Err(Error::FirstLine(quoted(own))),
		}
		.map_err(Error::Number)?;
		let images = parse::images(images).map_err(Error::Images)?;
		if images.is_empty() {
			return Err(Error::NoImages);
		}
		Ok(Self { step, job, images })
	}
}

/// The first line of an own input, with its end.
pub fn first_line(step: Step, job: Job) -> String {
	let Job { shards, rounds } = job;
	match step {
		Step::Train { shard } => format!("train shard {shard} of {shards} in {rounds} rounds\n"),
		Step::Average => format!("average {shards} shards in {rounds} rounds\n"),
	}
}
