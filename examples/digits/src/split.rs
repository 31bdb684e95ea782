//! Sets a quarter of the images aside for the test, the same share of every digit.

use crate::{
	parse::{Image, InputError, CLASSES},
	rng::Rng,
};

/// One image in four is held out.
const HELD_OUT: usize = 4;

/// The images to learn from and those to be tested on; none is in both.
pub struct Split {
	/// What the network sees.
	pub train: Vec<Image>,
	/// What it is measured on.
	pub test: Vec<Image>,
}

/// Splits by digit: the images of each digit are shuffled, and the first quarter (rounded down) is held out.
///
/// Fails if a digit has too few images for both parts.
pub fn stratified(images: &[Image], seed: u64) -> Result<Split, InputError> {
	let mut rng = Rng::new(seed);
	let mut split = Split { train: Vec::new(), test: Vec::new() };
	for digit in 0..CLASSES {
		let mut of_digit: Vec<&Image> =
			images.iter().filter(|image| usize::from(image.label) == digit).collect();
		if of_digit.len() < HELD_OUT {
			return Err(InputError::TooFew { digit, found: of_digit.len(), needed: HELD_OUT });
		}
		rng.shuffle(&mut of_digit);
		let (test, train) = of_digit.split_at(of_digit.len() / HELD_OUT);
		split.test.extend(test.iter().copied().cloned());
		split.train.extend(train.iter().copied().cloned());
	}
	Ok(split)
}
