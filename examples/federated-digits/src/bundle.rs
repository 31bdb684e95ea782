//! Takes apart what a task that depends on others gets: its own input, then the output of each, in their order.
//!
//! Before each part stands its length in bytes, as 8 bytes, the lowest first. No input is so long that the last of these is
//! not zero, and no line of text has a zero there, so an own input that comes alone is told apart.

use crate::{assignment::MAX_SHARDS, error::Error};

const LENGTH_BYTES: usize = 8;
/// The own input and the network of every shard.
const MAX_PARTS: usize = 1 + MAX_SHARDS as usize;

/// What a task gets.
pub struct Bundle<'a> {
	/// Its own input.
	pub own: &'a [u8],
	/// What the tasks wrote that it depends on.
	pub outputs: Vec<&'a [u8]>,
}

impl<'a> Bundle<'a> {
	/// Takes an input apart.
	pub fn read(input: &'a [u8]) -> Result<Self, Error> {
		if input.get(LENGTH_BYTES - 1) != Some(&0) {
			return Ok(Self { own: input, outputs: Vec::new() });
		}
		let (own, mut rest) = part(input, 1)?;
		let mut outputs = Vec::new();
		while !rest.is_empty() {
			let number = outputs.len() + 2;
			if number > MAX_PARTS {
				return Err(Error::TooManyParts(MAX_PARTS));
			}
			let (output, after) = part(rest, number)?;
			outputs.push(output);
			rest = after;
		}
		Ok(Self { own, outputs })
	}
}

/// The first part of the rest of a bundle, counted from 1 in the whole of it, and what follows.
fn part(rest: &[u8], number: usize) -> Result<(&[u8], &[u8]), Error> {
	let Some((length, rest)) = rest.split_first_chunk::<LENGTH_BYTES>() else {
		return Err(Error::PartCutOff { part: number });
	};
	let length = u64::from_le_bytes(*length);
	usize::try_from(length)
		.ok()
		.and_then(|length| rest.split_at_checked(length))
		.ok_or(Error::PartLength { part: number, length, left: rest.len() })
}
