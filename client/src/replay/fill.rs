//! Reading what a step of the replay lacks from the block before.

use super::world::{Key, World};
use crate::chain::{ChainError, Snapshot};
use aidragon_primitives::waiting::Ticket;
use std::collections::BTreeSet;

/// Reads `missing` of the state at `before`.
pub(super) async fn fill(
	world: &mut World,
	before: &Snapshot,
	missing: &BTreeSet<Key>,
) -> Result<(), ChainError> {
	supply(world, before, missing).await?;
	registry(world, before, missing).await?;
	tasks(world, before, missing).await?;
	frozen(world, before, missing).await?;
	Ok(())
}

/// The keys of one kind.
fn of<T>(missing: &BTreeSet<Key>, kind: impl Fn(&Key) -> Option<T>) -> Vec<T> {
	missing.iter().filter_map(kind).collect()
}

async fn supply(
	world: &mut World,
	before: &Snapshot,
	missing: &BTreeSet<Key>,
) -> Result<(), ChainError> {
	let pages = of(missing, |key| match key {
		Key::Page(bucket, number) => Some((*bucket, *number)),
		_ => None,
	});
	let found = before.supply_pages(&pages).await?;
	world.pages.extend(pages.into_iter().zip(found));
	let places = of(missing, |key| match key {
		Key::Place(worker) => Some(*worker),
		_ => None,
	});
	let found = before.supply_places(&places).await?;
	world.places.extend(places.into_iter().zip(found));
	Ok(())
}

async fn registry(
	world: &mut World,
	before: &Snapshot,
	missing: &BTreeSet<Key>,
) -> Result<(), ChainError> {
	let workers = of(missing, |key| match key {
		Key::Worker(worker) => Some(*worker),
		_ => None,
	});
	let mut found = before.workers_of(&workers).await?;
	world.workers.extend(workers.into_iter().map(|id| (id, found.remove(&id))));
	let capabilities = of(missing, |key| match key {
		Key::Capability(worker) => Some(*worker),
		_ => None,
	});
	let found = before.capabilities_of(&capabilities).await?;
	world.capabilities.extend(capabilities.into_iter().zip(found));
	let providers = of(missing, |key| match key {
		Key::Provider(account) => Some(*account),
		_ => None,
	});
	let found = before.providers_of(&providers).await?;
	world.providers.extend(providers.into_iter().zip(found));
	for key in missing {
		if let Key::Attestor(account) = key {
			world.attestors.insert(*account, before.is_attestor(account).await?);
		}
	}
	Ok(())
}

async fn tasks(
	world: &mut World,
	before: &Snapshot,
	missing: &BTreeSet<Key>,
) -> Result<(), ChainError> {
	let tasks = of(missing, |key| match key {
		Key::Task(task) => Some(*task),
		_ => None,
	});
	let found = before.task_records(&tasks).await?;
	world.tasks.extend(tasks.into_iter().zip(found));
	let jobs = of(missing, |key| match key {
		Key::Job(job) => Some(*job),
		_ => None,
	});
	let found = before.jobs_of(&jobs).await?;
	world.jobs.extend(jobs.into_iter().zip(found));
	let queues = of(missing, |key| match key {
		Key::Queue(queue) => Some(*queue),
		_ => None,
	});
	let found = before.queues(&queues).await?;
	world.queues.extend(queues.into_iter().zip(found));
	let places = of(missing, |key| match key {
		Key::Waiting(queue, number) => Some(Ticket { queue: *queue, number: *number }),
		_ => None,
	});
	let found = before.waiting_at(&places).await?;
	let places = places.into_iter().map(|ticket| (ticket.queue, ticket.number));
	world.waiting.extend(places.zip(found));
	Ok(())
}

async fn frozen(
	world: &mut World,
	before: &Snapshot,
	missing: &BTreeSet<Key>,
) -> Result<(), ChainError> {
	let blocks = of(missing, |key| match key {
		Key::FrozenLength(block) => Some(*block),
		_ => None,
	});
	let found = before.frozen_lengths(&blocks).await?;
	world.frozen_lengths.extend(blocks.into_iter().zip(found));
	let places = of(missing, |key| match key {
		Key::Frozen(block, position) => Some((*block, *position)),
		_ => None,
	});
	let found = before.frozen_batches(&places).await?;
	world.frozen.extend(places.into_iter().zip(found));
	Ok(())
}
