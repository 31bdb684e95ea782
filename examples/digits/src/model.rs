//! The network, 64 pixels to 64 hidden units to 10 digits, in `f32` for training and in int8 for the result.
//!
//! Sums are always taken in the same order, so every machine gets the same bits.

use crate::{
	parse::{Image, CLASSES, MAX_PIXEL, PIXELS},
	rng::Rng,
};

/// Units of the hidden layer.
pub const HIDDEN: usize = 64;

/// A fully connected layer.
#[derive(Clone)]
pub struct Layer {
	/// Values that go in.
	pub inputs: usize,
	/// `inputs` weights of the first output, then those of the second, and so on.
	pub weights: Vec<f32>,
	/// One per output.
	pub biases: Vec<f32>,
}

impl Layer {
	/// A layer of zeros.
	pub fn zeros(inputs: usize, outputs: usize) -> Self {
		Self { inputs, weights: vec![0.0; inputs * outputs], biases: vec![0.0; outputs] }
	}

	/// Random weights whose spread keeps the size of the values from layer to layer (He, uniform).
	fn random(inputs: usize, outputs: usize, rng: &mut Rng) -> Self {
		let bound = (6.0 / inputs as f32).sqrt();
		let mut layer = Self::zeros(inputs, outputs);
		layer.weights.fill_with(|| rng.next_signed_unit() * bound);
		layer
	}

	/// The weighted sums of an input.
	pub fn forward(&self, input: &[f32], output: &mut [f32]) {
		let rows = self.weights.chunks_exact(self.inputs);
		for ((sum, row), bias) in output.iter_mut().zip(rows).zip(&self.biases) {
			*sum = row.iter().zip(input).fold(*bias, |sum, (weight, value)| sum + weight * value);
		}
	}

	fn quantise(&self) -> QuantisedLayer {
		let largest = self.weights.iter().fold(0.0f32, |largest, weight| largest.max(weight.abs()));
		let scale = if largest > 0.0 { largest / f32::from(i8::MAX) } else { 1.0 };
		QuantisedLayer {
			inputs: self.inputs,
			scale,
			weights: self.weights.iter().map(|weight| (weight / scale).round() as i8).collect(),
			biases: self.biases.clone(),
		}
	}
}

/// A network of one hidden layer with rectified units.
#[derive(Clone)]
pub struct Network {
	/// From the pixels to the hidden units.
	pub hidden: Layer,
	/// From the hidden units to a score per digit.
	pub output: Layer,
}

/// The values inside of the network for one image.
pub struct Activations {
	/// The pixels, 0 to 1.
	pub pixels: [f32; PIXELS],
	/// The hidden units, after rectification.
	pub hidden: [f32; HIDDEN],
	/// A score per digit; the largest wins.
	pub scores: [f32; CLASSES],
}

impl Network {
	/// A network of zeros.
	pub fn zeros() -> Self {
		Self { hidden: Layer::zeros(PIXELS, HIDDEN), output: Layer::zeros(HIDDEN, CLASSES) }
	}

	/// An untrained network.
	pub fn random(rng: &mut Rng) -> Self {
		Self {
			hidden: Layer::random(PIXELS, HIDDEN, rng),
			output: Layer::random(HIDDEN, CLASSES, rng),
		}
	}

	/// All weights and biases: the weights of the hidden layer, its biases, then the same of the output layer.
	pub fn parameters(&self) -> impl Iterator<Item = &f32> {
		let Self { hidden, output } = self;
		[&hidden.weights, &hidden.biases, &output.weights, &output.biases].into_iter().flatten()
	}

	/// The same to be changed, in the same order.
	pub fn parameters_mut(&mut self) -> impl Iterator<Item = &mut f32> {
		let Self { hidden, output } = self;
		[&mut hidden.weights, &mut hidden.biases, &mut output.weights, &mut output.biases]
			.into_iter()
			.flatten()
	}

	/// All values of the network for an image.
	pub fn activations(&self, image: &Image) -> Activations {
		let pixels = image.pixels.map(|pixel| f32::from(pixel) / f32::from(MAX_PIXEL));
		let mut hidden = [0.0; HIDDEN];
		self.hidden.forward(&pixels, &mut hidden);
		let hidden = hidden.map(|value: f32| value.max(0.0));
		let mut scores = [0.0; CLASSES];
		self.output.forward(&hidden, &mut scores);
		Activations { pixels, hidden, scores }
	}

	/// The digit that the network reads; the smaller one if two have the same score.
	pub fn classify(&self, image: &Image) -> usize {
		let scores = self.activations(image).scores;
		(1..CLASSES).fold(0, |best, digit| if scores[digit] > scores[best] { digit } else { best })
	}

	/// Rounds the weights to int8.
	pub fn quantise(&self) -> QuantisedNetwork {
		QuantisedNetwork { hidden: self.hidden.quantise(), output: self.output.quantise() }
	}
}

/// A layer whose weights are `scale` times an int8.
pub struct QuantisedLayer {
	/// Values that go in.
	pub inputs: usize,
	/// What the int8 weights are multiplied with.
	pub scale: f32,
	/// In the order of [`Layer::weights`].
	pub weights: Vec<i8>,
	/// One per output, not rounded.
	pub biases: Vec<f32>,
}

/// The network in the form in which it is returned.
pub struct QuantisedNetwork {
	/// From the pixels to the hidden units.
	pub hidden: QuantisedLayer,
	/// From the hidden units to a score per digit.
	pub output: QuantisedLayer,
}

impl QuantisedNetwork {
	/// The network that a reader of the result gets by multiplying out.
	pub fn dequantise(&self) -> Network {
		let layer = |layer: &QuantisedLayer| Layer {
			inputs: layer.inputs,
			weights: layer.weights.iter().map(|weight| f32::from(*weight) * layer.scale).collect(),
			biases: layer.biases.clone(),
		};
		Network { hidden: layer(&self.hidden), output: layer(&self.output) }
	}
}
