//! Cuts the data of the digits example into the own inputs of a job's tasks.

use std::io::{self, Write};

use digits::{
	parse::{self, Image},
	split::{self, Split},
	SEED,
};
use flate2::{write::GzEncoder, Compression};

use crate::assignment::{first_line, Job, Step};

/// The job that `job.toml` describes.
pub const JOB: Job = Job { shards: 4, rounds: 5 };

/// The own inputs of a job.
pub struct Inputs {
	/// One per shard.
	pub shards: Vec<Vec<u8>>,
	/// That of the step that averages.
	pub average: Vec<u8>,
}

/// Splits the images as the digits example does, and deals those to learn from to the shards in turn, digit by digit.
pub fn cut(data: &[u8], job: Job) -> io::Result<Inputs> {
	let invalid = |error| io::Error::new(io::ErrorKind::InvalidData, error);
	let images = parse::images(data).map_err(invalid)?;
	let Split { train, test } = split::stratified(&images, SEED).map_err(invalid)?;
	let shard = |shard| {
		let images = train.iter().skip(shard as usize).step_by(job.shards as usize);
		own_input(Step::Train { shard }, job, images)
	};
	Ok(Inputs {
		shards: (0..job.shards).map(shard).collect::<io::Result<_>>()?,
		average: own_input(Step::Average, job, test.iter())?,
	})
}

/// An own input with these images.
pub fn own_input<'a>(
	step: Step,
	job: Job,
	images: impl Iterator<Item = &'a Image>,
) -> io::Result<Vec<u8>> {
	let mut encoder = GzEncoder::new(first_line(step, job).into_bytes(), Compression::best());
	for Image { pixels, label } in images {
		let line: String = pixels.iter().map(|pixel| format!("{pixel},")).collect();
		writeln!(encoder, "{line}{label}")?;
	}
	encoder.finish()
}
