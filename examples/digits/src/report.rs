//! Measures the model and writes the result: one JSON document.

use std::fmt::Display;

use crate::{
	model::{Network, QuantisedLayer, QuantisedNetwork, HIDDEN},
	parse::{Image, CLASSES, MAX_PIXEL, PIXELS},
	train::EPOCHS,
	SEED,
};

/// How often each digit (first index) was read as which (second index).
pub struct Confusion(pub [[usize; CLASSES]; CLASSES]);

impl Confusion {
	/// Lets a network read images and compares with their labels.
	pub fn measure(network: &Network, images: &[Image]) -> Self {
		let mut counts = [[0; CLASSES]; CLASSES];
		for image in images {
			counts[usize::from(image.label)][network.classify(image)] += 1;
		}
		Self(counts)
	}

	/// How many images were read.
	pub fn total(&self) -> usize {
		self.0.iter().flatten().sum()
	}

	/// The share that was read correctly, 0 to 1.
	pub fn accuracy(&self) -> f64 {
		let correct: usize = (0..CLASSES).map(|digit| self.0[digit][digit]).sum();
		correct as f64 / self.total() as f64
	}
}

/// What the result says.
pub struct Report<'a> {
	/// The network that is returned.
	pub model: &'a QuantisedNetwork,
	/// How many images it learnt from.
	pub train_images: usize,
	/// The mean cross-entropy over the last epoch of training, in nats.
	pub final_loss: f32,
	/// How it read the images that it did not learn from.
	pub confusion: &'a Confusion,
}

/// The result as JSON, with a line end.
pub fn to_json(report: &Report<'_>) -> String {
	let rows: Vec<String> = report.confusion.0.iter().map(|row| array(row)).collect();
	format!(
		concat!(
			"{{\n",
			"\"test_accuracy\": {accuracy:.4},\n",
			"\"train_images\": {train},\n",
			"\"test_images\": {test},\n",
			"\"epochs\": {epochs},\n",
			"\"seed\": {seed},\n",
			"\"final_loss\": {loss:.6},\n",
			"\"confusion\": [\n{confusion}\n],\n",
			"\"model\": {model}\n",
			"}}\n"
		),
		accuracy = report.confusion.accuracy(),
		train = report.train_images,
		test = report.confusion.total(),
		epochs = EPOCHS,
		seed = SEED,
		loss = report.final_loss,
		confusion = rows.join(",\n"),
		model = model(report.model),
	)
}

/// Enough to use the model without this program: the layers' sizes, the scale of the pixels and all the weights.
fn model(model: &QuantisedNetwork) -> String {
	format!(
		concat!(
			"{{\n",
			"\"kind\": \"mlp\",\n",
			"\"layers\": [{inputs}, {hidden_units}, {outputs}],\n",
			"\"activation\": \"relu\",\n",
			"\"pixel_scale\": {pixel_scale},\n",
			"\"hidden\": {hidden},\n",
			"\"output\": {output}\n",
			"}}"
		),
		inputs = PIXELS,
		hidden_units = HIDDEN,
		outputs = CLASSES,
		pixel_scale = 1.0 / f64::from(MAX_PIXEL),
		hidden = layer(&model.hidden),
		output = layer(&model.output),
	)
}

fn layer(layer: &QuantisedLayer) -> String {
	let rows: Vec<String> = layer.weights.chunks(layer.inputs).map(array).collect();
	format!(
		"{{\n\"scale\": {},\n\"biases\": {},\n\"weights_int8\": [\n{}\n]\n}}",
		layer.scale,
		array(&layer.biases),
		rows.join(",\n"),
	)
}

fn array<T: Display>(values: &[T]) -> String {
	let values: Vec<String> = values.iter().map(ToString::to_string).collect();
	format!("[{}]", values.join(","))
}
