//! Stochastic gradient descent with momentum on the cross-entropy of the digits.

use std::ops::Range;

use crate::{
	model::{Activations, Layer, Network, HIDDEN},
	parse::{Image, CLASSES},
	rng::Rng,
};

/// How often every image is seen.
pub const EPOCHS: usize = 40;
const BATCH: usize = 16;
/// The step size falls linearly from here to nothing.
const LEARNING_RATE: f32 = 0.05;
const MOMENTUM: f32 = 0.9;
/// Pulls weights towards zero, against learning the training images by heart.
const WEIGHT_DECAY: f32 = 5e-4;

/// A trained network and how it came out.
pub struct Trained {
	/// The network.
	pub network: Network,
	/// The mean cross-entropy over the last epoch, in nats.
	pub final_loss: f32,
}

/// The part of a whole training that is to be done at once.
pub struct Stretch {
	/// Its epochs, counted from 0; none is after the last of the whole training.
	pub epochs: Range<usize>,
	/// Epochs of the whole training, over which the step size falls.
	pub of: usize,
}

/// Trains a network from random weights. The images must not be empty.
pub fn train(images: &[Image], seed: u64) -> Trained {
	let mut rng = Rng::new(seed);
	let network = Network::random(&mut rng);
	train_on(network, images, Stretch { epochs: 0..EPOCHS, of: EPOCHS }, &mut rng)
}

/// Trains a network further, with a momentum that starts from nothing. The images must not be empty.
pub fn train_on(
	mut network: Network,
	images: &[Image],
	stretch: Stretch,
	rng: &mut Rng,
) -> Trained {
	let mut velocity = Network::zeros();
	let mut order: Vec<&Image> = images.iter().collect();
	let mut loss = 0.0;
	for epoch in stretch.epochs {
		rng.shuffle(&mut order);
		let rate = LEARNING_RATE * (stretch.of - epoch) as f32 / stretch.of as f32;
		loss = 0.0;
		for batch in order.chunks(BATCH) {
			let mut gradient = Network::zeros();
			for image in batch {
				loss += add_gradient(&network, image, &mut gradient);
			}
			let step = rate / batch.len() as f32;
			descend(&mut network.hidden, &mut velocity.hidden, &gradient.hidden, step, rate);
			descend(&mut network.output, &mut velocity.output, &gradient.output, step, rate);
		}
	}
	Trained { network, final_loss: loss / images.len() as f32 }
}

/// Adds the gradient of one image's loss and returns that loss.
fn add_gradient(network: &Network, image: &Image, gradient: &mut Network) -> f32 {
	let Activations { pixels, hidden, scores } = network.activations(image);
	let label = usize::from(image.label);
	let mut error = softmax(scores);
	let loss = -error[label].max(f32::MIN_POSITIVE).ln();
	error[label] -= 1.0;

	let mut hidden_error = [0.0; HIDDEN];
	for (row, error) in network.output.weights.chunks_exact(HIDDEN).zip(error) {
		for (sum, weight) in hidden_error.iter_mut().zip(row) {
			*sum += weight * error;
		}
	}
	for (error, value) in hidden_error.iter_mut().zip(hidden) {
		if value <= 0.0 {
			*error = 0.0;
		}
	}
	add_outer(&mut gradient.output, &error, &hidden);
	add_outer(&mut gradient.hidden, &hidden_error, &pixels);
	loss
}

/// Probabilities from scores. The largest score is taken off first, so that no exponential overflows.
fn softmax(scores: [f32; CLASSES]) -> [f32; CLASSES] {
	let largest = scores.iter().fold(f32::NEG_INFINITY, |largest, score| largest.max(*score));
	let powers = scores.map(|score| (score - largest).exp());
	let sum: f32 = powers.iter().sum();
	powers.map(|power| power / sum)
}

fn add_outer(gradient: &mut Layer, errors: &[f32], inputs: &[f32]) {
	let rows = gradient.weights.chunks_exact_mut(gradient.inputs);
	for ((row, bias), error) in rows.zip(&mut gradient.biases).zip(errors) {
		*bias += error;
		for (sum, input) in row.iter_mut().zip(inputs) {
			*sum += error * input;
		}
	}
}

/// One step down: `step` is the learning rate over the batch size, as the gradient is a sum over the batch.
fn descend(layer: &mut Layer, velocity: &mut Layer, gradient: &Layer, step: f32, rate: f32) {
	let weights = layer.weights.iter_mut().zip(&mut velocity.weights).zip(&gradient.weights);
	for ((weight, velocity), gradient) in weights {
		*velocity = MOMENTUM * *velocity - step * gradient - rate * WEIGHT_DECAY * *weight;
		*weight += *velocity;
	}
	let biases = layer.biases.iter_mut().zip(&mut velocity.biases).zip(&gradient.biases);
	for ((bias, velocity), gradient) in biases {
		*velocity = MOMENTUM * *velocity - step * gradient;
		*bias += *velocity;
	}
}
