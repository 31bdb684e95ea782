//! What both steps write and the next one reads: a network, and a line that says what it has been through.

use digits::model::Network;

use crate::{
	assignment::Job,
	error::Fault,
	text::{number, quoted, split_line},
};

/// More images than fit into any input.
const MAX_IMAGES: u32 = 1 << 30;
const NUMBER_BYTES: usize = size_of::<f32>();

/// Where a network comes from, and how it came out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Origin {
	/// From training.
	Trained {
		/// On this shard, counted from 0.
		shard: u32,
	},
	/// From averaging.
	Averaged,
}

/// The result of a step.
pub struct Outcome {
	/// The step that it is of.
	pub origin: Origin,
	/// The job that it is part of.
	pub job: Job,
	/// The round, counted from 1.
	pub round: u32,
	/// How many images this round's network learnt from.
	pub images: u32,
	/// How it came out, for people.
	pub note: String,
	/// The network.
	pub network: Network,
}

impl Outcome {
	/// The result as it is written.
	pub fn to_bytes(&self) -> Vec<u8> {
		let Job { shards, rounds } = self.job;
		let origin = match self.origin {
			Origin::Trained { shard } => format!("trained shard {shard} of {shards}"),
			Origin::Averaged => format!("averaged {shards} shards"),
		};
		let Self { round, images, note, .. } = self;
		let line = format!("{origin}, round {round} of {rounds}, {images} images, {note}\n");
		let mut bytes = line.into_bytes();
		bytes.extend(self.network.parameters().flat_map(|number| number.to_le_bytes()));
		bytes
	}

	/// Reads a result.
	pub fn read(bytes: &[u8]) -> Result<Self, Fault> {
		let (line, numbers) = split_line(bytes);
		let words: Vec<&str> = line.split([' ', ',']).filter(|word| !word.is_empty()).collect();
		let (shard, shards, rest) = match words.as_slice() {
			["trained", "shard", shard, "of", shards, rest @ ..] => (Some(shard), shards, rest),
			["averaged", shards, "shards", rest @ ..] => (None, shards, rest),
			_ => return Err(Fault::Line(quoted(bytes))),
		};
		let ["round", round, "of", rounds, images, "images", note @ ..] = rest else {
			return Err(Fault::Line(quoted(bytes)));
		};
		let job = Job::read(shards, rounds).map_err(Fault::Number)?;
		let origin = match shard {
			Some(shard) => Origin::Trained { shard: job.read_shard(shard).map_err(Fault::Number)? },
			None => Origin::Averaged,
		};
		Ok(Self {
			origin,
			job,
			round: number("round", round, 1..=job.rounds).map_err(Fault::Number)?,
			images: number("images", images, 1..=MAX_IMAGES).map_err(Fault::Number)?,
			note: note.join(" "),
			network: network(numbers)?,
		})
	}
}

fn network(bytes: &[u8]) -> Result<Network, Fault> {
	let mut network = Network::zeros();
	let expected = network.parameters().count() * NUMBER_BYTES;
	if bytes.len() != expected {
		return Err(Fault::Length { found: bytes.len(), expected });
	}
	for (index, (number, bytes)) in network.parameters_mut().zip(bytes.as_chunks().0).enumerate() {
		*number = f32::from_le_bytes(*bytes);
		if !number.is_finite() {
			return Err(Fault::NotFinite(index));
		}
	}
	Ok(network)
}
