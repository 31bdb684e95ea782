//! Lines of text in front of binary data, and the numbers in them.

use std::{fmt, ops::RangeInclusive};

/// No line of these formats is longer, in bytes.
const MAX_LINE_BYTES: usize = 120;
/// How much of what was found a message repeats, in characters.
const MAX_QUOTED_CHARS: usize = 40;

/// A number that is none, or out of its range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadNumber {
	/// What it counts.
	pub what: &'static str,
	/// What stands there.
	pub found: String,
	/// What may stand there.
	pub allowed: RangeInclusive<u32>,
}

impl fmt::Display for BadNumber {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		let Self { what, found, allowed } = self;
		let (min, max) = (allowed.start(), allowed.end());
		write!(f, "{what}: {found:?} is not a whole number from {min} to {max}")
	}
}

/// Takes the first line off, without its end. The line is empty if none ends within the bytes that a line may have, or if
/// it is not text.
pub fn split_line(bytes: &[u8]) -> (&str, &[u8]) {
	let end = bytes.iter().take(MAX_LINE_BYTES + 1).position(|byte| *byte == b'\n');
	let line = end.and_then(|end| std::str::from_utf8(&bytes[..end]).ok());
	(line.unwrap_or(""), end.map_or(&[], |end| &bytes[end + 1..]))
}

/// The start of some bytes, for a message.
pub fn quoted(bytes: &[u8]) -> String {
	let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or(&[]);
	let line = &line[..line.len().min(4 * MAX_QUOTED_CHARS)];
	String::from_utf8_lossy(line).chars().take(MAX_QUOTED_CHARS).collect()
}

/// Reads a whole number.
pub fn number(
	what: &'static str,
	text: &str,
	allowed: RangeInclusive<u32>,
) -> Result<u32, BadNumber> {
	match text.parse() {
		Ok(value) if allowed.contains(&value) => Ok(value),
		_ => Err(BadNumber { what, found: quoted(text.as_bytes()), allowed }),
	}
}
