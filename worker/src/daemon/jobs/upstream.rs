//! What a task takes of other tasks of its job, and where that is to be had.

use aidragon_client::{
	chain::{Chain, Snapshot, View},
	Task,
};
use aidragon_primitives::{
	job::bundle_root,
	state::TaskState,
	task::{BlobRef, INPUT_BYTES_MAX},
	worker::TransportAddress,
	Hash32, WorkerId,
};
use anyhow::{ensure, Context};
use futures::future::BoxFuture;

/// Bytes before each part of a bundle: its length.
pub(super) const LENGTH_BYTES: u64 = 8;

/// The output of another task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::daemon) struct Part {
	/// Its bytes.
	pub(in crate::daemon) output: BlobRef,
	/// The machines that computed it.
	pub(in crate::daemon) sources: Vec<TransportAddress>,
}

/// Knows what other tasks came to.
pub(in crate::daemon) trait Upstream: Send + Sync {
	/// The outputs that `task` takes, in its order.
	fn parts<'a>(&'a self, task: &'a Task) -> BoxFuture<'a, anyhow::Result<Vec<Part>>>;
}

impl Upstream for Chain {
	fn parts<'a>(&'a self, task: &'a Task) -> BoxFuture<'a, anyhow::Result<Vec<Part>>> {
		Box::pin(async move {
			let head = self.head(View::Best).await?;
			let parts = read(&self.at(&head), task).await;
			parts.with_context(|| format!("block {}", head.number))
		})
	}
}

async fn read(at: &Snapshot, task: &Task) -> anyhow::Result<Vec<Part>> {
	let inputs: Vec<_> = task.inputs().collect();
	let found = at.tasks_of(&inputs).await?;
	let mut machines: Vec<WorkerId> = found.values().flat_map(Task::agreeing).collect();
	machines.sort_unstable();
	machines.dedup();
	let registered = at.workers_of(&machines).await?;
	let mut parts = Vec::with_capacity(inputs.len());
	for id in inputs {
		let other = found.get(&id).with_context(|| format!("the chain keeps no task {id}"))?;
		let result = other.result.filter(|_| other.state == TaskState::Settled);
		let result = result.with_context(|| format!("task {id} has no result"))?;
		let address = |worker| registered.get(&worker).map(|worker| worker.address.clone());
		let output = BlobRef { hash: result.output_root, size_bytes: result.output_bytes };
		parts.push(Part { output, sources: other.agreeing().filter_map(address).collect() });
	}
	check(task, &parts)?;
	Ok(parts)
}

/// Checks that these are the outputs that the chain released the task with.
pub(super) fn check(task: &Task, parts: &[Part]) -> anyhow::Result<()> {
	let outputs: Vec<Hash32> = parts.iter().map(|part| part.output.hash).collect();
	let root = bundle_root(task.input.hash, &outputs);
	ensure!(root == task.input_root(), "the chain released the task with other outputs");
	Ok(())
}

/// The bytes of a bundle. `None` where they are more than a task may get.
pub(super) fn bundle_bytes(own: &BlobRef, parts: &[Part]) -> Option<u64> {
	let sizes = parts.iter().map(|part| part.output.size_bytes).chain([own.size_bytes]);
	let all = sizes.fold(0u64, |sum, size| sum.saturating_add(size).saturating_add(LENGTH_BYTES));
	(all <= INPUT_BYTES_MAX).then_some(all)
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn a_bundle_is_bounded_as_an_input_is() {
		let blob = |size_bytes| BlobRef { hash: [1; 32], size_bytes };
		let part = |size_bytes| Part { output: blob(size_bytes), sources: Vec::new() };
		assert_eq!(bundle_bytes(&blob(3), &[part(4), part(0)]), Some(31));
		let room = INPUT_BYTES_MAX - 3 - 2 * LENGTH_BYTES;
		assert_eq!(bundle_bytes(&blob(3), &[part(room)]), Some(INPUT_BYTES_MAX));
		assert_eq!(bundle_bytes(&blob(3), &[part(room + 1)]), None);
		assert_eq!(bundle_bytes(&blob(3), &[part(u64::MAX), part(u64::MAX)]), None);
	}
}
