//! Trains the model of the digits example without bringing the images together: federated averaging.
//!
//! Each machine has one shard of the images and trains a network on it; only networks travel. A round has one task per
//! shard, each a [`train`] step, and then one task that averages their networks, which the next round starts from. Both
//! steps are this one program; the [`assignment`] in a task's own input says which it is. All rounds together are one
//! training, over which the step size falls as in the digits example.
//!
//! # Input
//!
//! A task that depends on no other gets its own input as it is. One that does gets a [`bundle`]: its own input and what the
//! tasks that it depends on wrote. An own input is a line of text, then gzipped CSV as the digits example reads it:
//!
//! | Line | Images | Depends on |
//! |---|---|---|
//! | `train shard 0 of 4 in 5 rounds` | the shard | nothing in the first round, then the last average |
//! | `average 4 shards in 5 rounds` | held out, to measure on | the networks of all shards, in any order |
//!
//! # Result
//!
//! A line of text that says what the network has been through, then its 4,810 numbers as little-endian `f32`, 19,240 bytes:
//! 64 rows of 64 weights from the pixels to the hidden units, 64 biases, 10 rows of 64 weights from those to the digits, 10
//! biases. [`Outcome`](outcome::Outcome) reads and writes it. The line is one of
//!
//! ```text
//! trained shard 0 of 4, round 1 of 5, 338 images, loss 0.123456
//! averaged 4 shards, round 1 of 5, 1352 images, accuracy 0.9551
//! ```
//!
//! where the loss is the mean cross-entropy over the last epoch, in nats, and the accuracy is that of the average on the
//! images that were held out. The same input gives the same bytes on every machine.

pub mod assignment;
pub mod average;
pub mod bundle;
pub mod cut;
pub mod error;
pub mod outcome;
pub mod text;
pub mod train;

use assignment::{Assignment, Step};
use bundle::Bundle;
use error::Error;

/// Turns a task's input into its result.
pub fn run(input: &[u8]) -> Result<Vec<u8>, Error> {
	let Bundle { own, outputs } = Bundle::read(input)?;
	let assignment = Assignment::read(own)?;
	let outcome = match assignment.step {
		Step::Train { shard } => train::train(&assignment, shard, &outputs)?,
		Step::Average => average::average(&assignment, &outputs)?,
	};
	Ok(outcome.to_bytes())
}
