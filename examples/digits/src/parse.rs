//! Reads the input: gzipped lines of 64 pixels, 0 (white) to 16 (black), and the digit that they show.

use std::{fmt, io::Read, str::FromStr};

use flate2::read::GzDecoder;

/// Pixels of an image, row by row.
pub const PIXELS: usize = 64;
/// The digits 0 to 9.
pub const CLASSES: usize = 10;
/// The value of a black pixel.
pub const MAX_PIXEL: u8 = 16;

/// A gzip of a few kilobytes can unpack to gigabytes; no sensible input of this task is longer than this.
const MAX_TEXT_BYTES: u64 = 32 << 20;

/// One handwritten digit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
	/// Pixels, row by row, 0 to [`MAX_PIXEL`].
	pub pixels: [u8; PIXELS],
	/// The digit that it shows, 0 to 9.
	pub label: u8,
}

/// Why an input was refused. Lines and columns count from 1.
#[derive(Debug, PartialEq, Eq)]
pub enum InputError {
	/// The input is not a complete gzip file of text.
	Gzip(String),
	/// The text is longer than the limit, in bytes.
	TooLong(u64),
	/// A line does not have 65 fields.
	Fields {
		/// The line at fault.
		line: usize,
		/// How many fields it has.
		found: usize,
	},
	/// A field is not a whole number in its range.
	Field {
		/// The line at fault.
		line: usize,
		/// The column at fault.
		column: usize,
		/// What stands there.
		found: String,
		/// The largest value allowed.
		max: u8,
	},
	/// A digit has too few images to train on some and test on others.
	TooFew {
		/// The digit.
		digit: usize,
		/// How many images show it.
		found: usize,
		/// How many are needed.
		needed: usize,
	},
}

impl fmt::Display for InputError {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		match self {
			Self::Gzip(reason) => write!(f, "the input is not a gzipped CSV file: {reason}"),
			Self::TooLong(max) => write!(f, "the input unpacks to more than {max} bytes"),
			Self::Fields { line, found } => {
				write!(f, "line {line}: {found} fields; expected {PIXELS} pixels and a label")
			}
			Self::Field { line, column, found, max } => {
				write!(
					f,
					"line {line}, column {column}: {found:?} is not a whole number up to {max}"
				)
			}
			Self::TooFew { digit, found, needed } => {
				write!(f, "digit {digit} has {found} images; at least {needed} are needed")
			}
		}
	}
}

impl std::error::Error for InputError {}

/// Unpacks and reads all images of an input.
pub fn images(input: &[u8]) -> Result<Vec<Image>, InputError> {
	let mut text = String::new();
	GzDecoder::new(input)
		.take(MAX_TEXT_BYTES + 1)
		.read_to_string(&mut text)
		.map_err(|error| InputError::Gzip(error.to_string()))?;
	if text.len() as u64 > MAX_TEXT_BYTES {
		return Err(InputError::TooLong(MAX_TEXT_BYTES));
	}
	text.lines().enumerate().map(|(index, line)| image(index + 1, line)).collect()
}

fn image(line: usize, text: &str) -> Result<Image, InputError> {
	let fields: Vec<&str> = text.trim_end().split(',').collect();
	let [pixels @ .., label] = fields.as_slice() else {
		return Err(InputError::Fields { line, found: 0 });
	};
	if pixels.len() != PIXELS {
		return Err(InputError::Fields { line, found: fields.len() });
	}
	let mut image = Image { pixels: [0; PIXELS], label: 0 };
	for (index, (pixel, field)) in image.pixels.iter_mut().zip(pixels).enumerate() {
		*pixel = number(line, index + 1, field, MAX_PIXEL)?;
	}
	image.label = number(line, PIXELS + 1, label, CLASSES as u8 - 1)?;
	Ok(image)
}

fn number(line: usize, column: usize, field: &str, max: u8) -> Result<u8, InputError> {
	match u8::from_str(field) {
		Ok(value) if value <= max => Ok(value),
		_ => Err(InputError::Field { line, column, found: field.chars().take(20).collect(), max }),
	}
}
