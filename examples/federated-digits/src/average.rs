//! The step that ends a round: the mean of the shards' networks, weighted by how many images each has learnt from.

use digits::{model::Network, report::Confusion};

use crate::{
	assignment::{Assignment, Job},
	error::{Error, Fault},
	outcome::{Origin, Outcome},
};

/// Averages the networks of all shards and measures the average on the images that were held out.
pub fn average(assignment: &Assignment, outputs: &[&[u8]]) -> Result<Outcome, Error> {
	let Assignment { job, images, .. } = assignment;
	let mut trained: Vec<(u32, Outcome)> = Vec::new();
	for (index, output) in outputs.iter().enumerate() {
		let read = of_a_shard(output, *job, &trained)
			.map_err(|fault| Error::Output { output: index + 1, fault })?;
		trained.push(read);
	}
	// None is of the same shard as another, so with this many it is all of them.
	if trained.len() != job.shards as usize {
		let expected = "one network of every shard";
		return Err(Error::Outputs { expected, found: outputs.len() });
	}
	// The order of the sums is that of the shards, whatever the order in which they came.
	trained.sort_by_key(|(shard, _)| *shard);
	let trained: Vec<Outcome> = trained.into_iter().map(|(_, outcome)| outcome).collect();
	let network = mean(&trained);
	let accuracy = Confusion::measure(&network, images).accuracy();
	Ok(Outcome {
		origin: Origin::Averaged,
		job: *job,
		round: trained[0].round,
		images: trained.iter().fold(0, |sum, outcome| sum.saturating_add(outcome.images)),
		note: format!("accuracy {accuracy:.4}"),
		network,
	})
}

/// Reads a network that fits to those before it, and the shard that it is of.
fn of_a_shard(output: &[u8], job: Job, before: &[(u32, Outcome)]) -> Result<(u32, Outcome), Fault> {
	let outcome = Outcome::read(output)?;
	let Origin::Trained { shard } = outcome.origin else {
		return Err(Fault::Step("the network of a shard"));
	};
	if outcome.job != job {
		return Err(Fault::Job { found: outcome.job, expected: job });
	}
	if let Some((_, first)) = before.first().filter(|(_, first)| first.round != outcome.round) {
		return Err(Fault::Round { found: outcome.round, expected: first.round });
	}
	if before.iter().any(|(other, _)| *other == shard) {
		return Err(Fault::ShardTwice(shard));
	}
	Ok((shard, outcome))
}

/// The weighted mean of every number of the networks. Summed in `f64`, so that equal networks have themselves as mean.
fn mean(trained: &[Outcome]) -> Network {
	let mut network = Network::zeros();
	let mut sums = vec![0.0; network.parameters().count()];
	let mut images = 0.0;
	for outcome in trained {
		let weight = f64::from(outcome.images);
		images += weight;
		for (sum, number) in sums.iter_mut().zip(outcome.network.parameters()) {
			*sum += weight * f64::from(*number);
		}
	}
	for (number, sum) in network.parameters_mut().zip(sums) {
		*number = (sum / images) as f32;
	}
	network
}
