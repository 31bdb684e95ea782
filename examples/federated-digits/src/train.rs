//! The step of one shard: trains the network of the round before on the shard's images.

use digits::{
	model::Network,
	rng::Rng,
	train::{train_on, Stretch},
	SEED,
};

use crate::{
	assignment::{Assignment, Job},
	error::{Error, Fault},
	outcome::{Origin, Outcome},
};

/// How often an image is seen in a round. Five rounds are twice the epochs of the digits example: a shard has fewer batches,
/// and averages of longer trainings came closer to its accuracy, over 40 other splits of the same data.
pub const EPOCHS_PER_ROUND: usize = 16;

/// Trains on a shard: from the average that is given, or from random weights, the same for all shards.
pub fn train(assignment: &Assignment, shard: u32, outputs: &[&[u8]]) -> Result<Outcome, Error> {
	let Assignment { job, images, .. } = assignment;
	let (rounds_done, network) = match outputs {
		[] => (0, Network::random(&mut Rng::new(SEED))),
		[average] => {
			last_round(average, *job).map_err(|fault| Error::Output { output: 1, fault })?
		}
		_ => return Err(Error::Outputs { expected: "one average at most", found: outputs.len() }),
	};
	let first = rounds_done as usize * EPOCHS_PER_ROUND;
	let stretch = Stretch {
		epochs: first..first + EPOCHS_PER_ROUND,
		of: job.rounds as usize * EPOCHS_PER_ROUND,
	};
	let trained = train_on(network, images, stretch, &mut order(shard, rounds_done));
	Ok(Outcome {
		origin: Origin::Trained { shard },
		job: *job,
		round: rounds_done + 1,
		images: images.len() as u32,
		note: format!("loss {:.6}", trained.final_loss),
		network: trained.network,
	})
}

/// The number of rounds that are over, and the average that the last one came to.
fn last_round(average: &[u8], job: Job) -> Result<(u32, Network), Fault> {
	let average = Outcome::read(average)?;
	if average.origin != Origin::Averaged {
		return Err(Fault::Step("an average"));
	}
	if average.job != job {
		return Err(Fault::Job { found: average.job, expected: job });
	}
	if average.round == job.rounds {
		return Err(Fault::Finished(job.rounds));
	}
	Ok((average.round, average.network))
}

/// Another order of the images for every shard and round.
fn order(shard: u32, rounds_done: u32) -> Rng {
	Rng::new(SEED ^ (u64::from(shard) << 32 | u64::from(rounds_done + 1)))
}
