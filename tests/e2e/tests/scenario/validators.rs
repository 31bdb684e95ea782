//! Four validators finalize, lose one, and still finalize; the lost one catches up.

use aidragon_client::chain::{Chain, View};
use aidragon_e2e::{
	node::{validators, Node},
	scene::{play, Scene},
	wait::seconds,
};
use aidragon_primitives::BlockNumber;
use anyhow::{ensure, Result};

/// Blocks that every step waits for.
const BLOCKS: BlockNumber = 3;

#[test]
fn a_network_survives_the_loss_of_a_validator() {
	play("validators", story);
}

async fn story(scene: Scene) -> Result<()> {
	let mut network = Vec::new();
	for mut node in validators(&scene, &["alice", "bob", "charlie", "dave"])? {
		let chain = node.connected().await?;
		network.push((node, chain));
	}
	let four = all_finalize(&mut network, BLOCKS).await?;
	scene.say(format_args!("all four finalized block {four}"));

	let (mut lost, stale) = network.remove(3);
	drop(stale);
	lost.kill()?;
	let three = all_finalize(&mut network, four + BLOCKS).await?;
	scene.say(format_args!("three of four finalized block {three}"));

	lost.restart(&scene)?;
	let chain = lost.connected().await?;
	let caught_up = lost.finalized_beyond(&chain, three, seconds(90)).await?;
	scene.say(format_args!("the lost one is back and finalized block {caught_up}"));
	network.push((lost, chain));
	let all = all_finalize(&mut network, caught_up + 1).await?;
	scene.say(format_args!("all four finalized block {all}"));
	same_history(&network, all).await
}

/// Waits until every node has finalized a block above `number`; gives the least that they finalized.
async fn all_finalize(network: &mut [(Node, Chain)], number: BlockNumber) -> Result<BlockNumber> {
	let mut least = BlockNumber::MAX;
	for (node, chain) in network {
		least = least.min(node.finalized_beyond(chain, number, seconds(90)).await?);
	}
	Ok(least)
}

/// Checks that all agree on the beacon of a finalized block, which hashes the authors of all blocks up to it.
async fn same_history(network: &[(Node, Chain)], number: BlockNumber) -> Result<()> {
	let mut seen = Vec::new();
	for (_, chain) in network {
		let head = chain.head(View::Finalized).await?;
		seen.push(chain.at(&head).beacon(number - 1).await?);
	}
	ensure!(seen.iter().all(|beacon| beacon.is_some() && *beacon == seen[0]), "{seen:?}");
	Ok(())
}
