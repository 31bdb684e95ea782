//! Why an input was refused. Each message is one line. Parts and outputs count from 1.

use std::{error, fmt};

use digits::parse::InputError;

use crate::{assignment::Job, text::BadNumber};

/// What is wrong with the input of a task.
#[derive(Debug, PartialEq, Eq)]
pub enum Error {
	/// A part of the bundle has a length that goes beyond the end.
	PartLength {
		/// Which.
		part: usize,
		/// The length that stands before it, in bytes.
		length: u64,
		/// How many bytes follow.
		left: usize,
	},
	/// The bundle ends within the eight bytes of a length.
	PartCutOff {
		/// The part whose length that is.
		part: usize,
	},
	/// The bundle has more parts than this.
	TooManyParts(usize),
	/// The first line of the own input is none that a task has.
	FirstLine(String),
	/// A number in that line is out of range.
	Number(BadNumber),
	/// The images of the own input were refused.
	Images(InputError),
	/// There is not one image.
	NoImages,
	/// The task depends on another number of tasks than its step takes.
	Outputs {
		/// How many its step takes.
		expected: &'static str,
		/// How many outputs came.
		found: usize,
	},
	/// What a task that this one depends on wrote is of no use here.
	Output {
		/// Which.
		output: usize,
		/// Why.
		fault: Fault,
	},
}

/// What is wrong with the output of another task.
#[derive(Debug, PartialEq, Eq)]
pub enum Fault {
	/// Its first line is none that a step writes.
	Line(String),
	/// A number in that line is out of range.
	Number(BadNumber),
	/// The numbers of the network do not take this many bytes.
	Length {
		/// How many there are.
		found: usize,
		/// How many they take.
		expected: usize,
	},
	/// One of the numbers of the network, counted from 0, is infinite or none.
	NotFinite(usize),
	/// It comes from the wrong step; this one was needed.
	Step(&'static str),
	/// It belongs to a job of other rounds or shards.
	Job {
		/// The job that it belongs to.
		found: Job,
		/// The job of the own input.
		expected: Job,
	},
	/// It is of another round than the first output.
	Round {
		/// Its round.
		found: u32,
		/// The round of the first output.
		expected: u32,
	},
	/// An output before it is of the same shard.
	ShardTwice(u32),
	/// All rounds are over.
	Finished(u32),
}

impl fmt::Display for Error {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		match self {
			Self::PartLength { part, length, left } => {
				write!(f, "part {part} of the bundle: {length} bytes announced, {left} follow")
			}
			Self::PartCutOff { part } => {
				write!(f, "the bundle ends within the length of part {part}")
			}
			Self::TooManyParts(max) => write!(f, "the bundle has more than {max} parts"),
			Self::FirstLine(found) => write!(
				f,
				"the first line is {found:?}; expected `train shard K of N in R rounds` or \
				 `average N shards in R rounds`"
			),
			Self::Number(bad) => write!(f, "the first line: {bad}"),
			Self::Images(error) => write!(f, "the images: {error}"),
			Self::NoImages => write!(f, "the images: there are none"),
			Self::Outputs { expected, found } => {
				write!(f, "this step takes {expected}; {found} came")
			}
			Self::Output { output, fault } => write!(f, "output {output}: {fault}"),
		}
	}
}

impl error::Error for Error {}

impl fmt::Display for Fault {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		match self {
			Self::Line(found) => write!(f, "{found:?} is not the first line of a network"),
			Self::Number(bad) => write!(f, "{bad}"),
			Self::Length { found, expected } => {
				write!(f, "the network has {found} bytes; expected {expected}")
			}
			Self::NotFinite(index) => write!(f, "number {index} of the network is not finite"),
			Self::Step(expected) => write!(f, "this is not {expected}"),
			Self::Job { found, expected } => write!(f, "it is of {found}; expected {expected}"),
			Self::Round { found, expected } => {
				write!(f, "it is of round {found}, output 1 of round {expected}")
			}
			Self::ShardTwice(shard) => write!(f, "there is another one of shard {shard}"),
			Self::Finished(rounds) => write!(f, "all {rounds} rounds are over"),
		}
	}
}
