//! Following a job to its end.

use super::view::JobView;
use crate::{
	exit::{Exit, Failure},
	output,
	task::{state, status},
};
use aidragon_client::chain::{Chain, View};
use aidragon_primitives::{
	state::{FailureReason, TaskState},
	JobId, TaskId,
};
use futures::StreamExt;
use std::{collections::BTreeSet, time::Duration};
use tokio::time::timeout;

/// Time without a new block after which waiting makes no sense.
const SILENCE_MAX: Duration = Duration::from_secs(120);

/// Follows a job on the finalized chain until all its tasks are over, and tells every change on stderr.
pub async fn until_over(chain: &Chain, id: JobId) -> Result<JobView, Failure> {
	let mut heads = chain.follow(View::Finalized);
	let mut told = Told::default();
	loop {
		let head = timeout(SILENCE_MAX, heads.next()).await.ok().flatten().ok_or_else(|| {
			let silence = SILENCE_MAX.as_secs();
			let message = format!(
				"no new block for {silence} s: the node is away or the chain stands still; \
				continue with `dragon job wait {id}`"
			);
			Failure::new(Exit::Network, message)
		})?;
		let view = JobView::read(&chain.at(&head), id).await?;
		for line in told.news(&view) {
			output::progress(&format!("block {}: {line}", head.number));
		}
		if view.is_over() {
			return Ok(view);
		}
	}
}

/// What a person was told already.
#[derive(Default)]
struct Told {
	counts: String,
	failed: BTreeSet<TaskId>,
}

impl Told {
	/// What is new about a job: where its tasks stand, and each task that failed by itself.
	fn news(&mut self, view: &JobView) -> Vec<String> {
		let mut lines = Vec::new();
		for task in view.tasks.values() {
			if failed_by_itself(&task.state) && self.failed.insert(task.id) {
				let (name, reason) = (state::name(&task.state), status::reason(&task.state));
				lines.push(format!("task {} {name}: {}", task.id, reason.unwrap_or_default()));
			}
		}
		let counts = view.counts().message();
		if counts != self.counts {
			lines.push(counts.clone());
			self.counts = counts;
		}
		lines
	}
}

/// Whether a task ended without a result although nobody withdrew it and all that it takes was there.
fn failed_by_itself(state: &TaskState) -> bool {
	match state {
		TaskState::Failed(reason) => *reason != FailureReason::DependencyFailed,
		TaskState::Expired => true,
		_ => false,
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::job::view::tests::view;

	#[test]
	fn only_what_is_new_is_told() {
		let (mut told, mut view) = (Told::default(), view());
		assert_eq!(told.news(&view), [view.counts().message()]);
		assert!(told.news(&view).is_empty());
		if let Some(task) = view.tasks.get_mut(&7) {
			task.record.state = TaskState::Expired;
		}
		let news = told.news(&view);
		assert!(news[0].starts_with("task 7 expired: no machines"), "{news:?}");
		assert!(news[1].contains("1 without a result"), "{news:?}");
		assert!(told.news(&view).is_empty());
	}
}
