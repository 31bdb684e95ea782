//! Trains a small neural network on handwritten digits and reports how well it reads digits that it has not seen.
//!
//! The steps of [`run`] are the modules: [`parse`] the input, [`split`] it, [`train`] the [`model`], round it to int8,
//! measure that rounded model and [`report`]. Nothing depends on a clock, on the host or on chance: the same input gives the
//! same bytes on every machine, which is what lets two workers be compared.

pub mod model;
pub mod parse;
pub mod report;
pub mod rng;
pub mod split;
pub mod train;

use parse::InputError;
use split::Split;

/// The seed of every random choice here: the split, the first weights and the order of training.
pub const SEED: u64 = 42;

/// Turns the input, a gzipped CSV of labelled 8x8 images, into the JSON document that is the task's result.
pub fn run(input: &[u8]) -> Result<String, InputError> {
	let images = parse::images(input)?;
	let Split { train, test } = split::stratified(&images, SEED)?;
	let trained = train::train(&train, SEED);
	let model = trained.network.quantise();
	// What is measured is what is returned: the network after rounding.
	let confusion = report::Confusion::measure(&model.dequantise(), &test);
	Ok(report::to_json(&report::Report {
		model: &model,
		train_images: train.len(),
		final_loss: trained.final_loss,
		confusion: &confusion,
	}))
}
