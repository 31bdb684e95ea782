//! All draws of a block, repeated and compared with what the chain recorded.

use super::{
	are_equal, pruned,
	steps::{Drawn, Replay},
	Cause, ReplayError,
};
use crate::{
	chain::{Chain, ChainError, Head, Snapshot},
	Replica, TaskRecord,
};
use aidragon_primitives::{BlockNumber, TaskId};
use std::collections::BTreeMap;

/// Tasks whose records are asked for at once.
const RECORDS: usize = 256;

/// A draw whose result is not what follows from the chain's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
	/// The task.
	pub task: TaskId,
	/// The draw, counted from 0.
	pub attempt: u8,
	/// The machines that follow from the chain's state.
	pub computed: Vec<Replica>,
	/// The machines that the chain recorded.
	pub recorded: Vec<Replica>,
}

/// What the draws of a block came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audit {
	/// The block.
	pub block: Head,
	/// Tasks that had their turn.
	pub turns: u32,
	/// Tasks among them that got machines.
	pub assigned: u32,
	/// Draws that the chain made differently.
	pub mismatches: Vec<Mismatch>,
}

/// Repeats every draw of a block, and compares the machines with those that the chain recorded.
///
/// Where machines came for tasks that wait, the chain may have stopped before all had their turn: the block was full. Then nothing
/// behind the first task that it left out may have been drawn in that block.
pub async fn audit(chain: &Chain, number: BlockNumber) -> Result<Audit, ReplayError> {
	let block = chain.head_at(number).await?;
	let parent = chain.head_at(number.saturating_sub(1)).await?;
	let (before, after) = (chain.at(&parent), chain.at(&block));
	let begun = Replay::begin(chain, before, after.clone()).await;
	let mut replay = begun.map_err(|error| pruned(error, &parent))?;
	let mut turns = Vec::new();
	while let Some(drawn) = replay.next().await.map_err(|error| pruned(error, &parent))? {
		turns.push(drawn);
	}
	let records = records(&after, &turns).await.map_err(|error| pruned(error, &block))?;
	// A task that found nothing may have been woken in the same block.
	let last: BTreeMap<TaskId, usize> =
		turns.iter().enumerate().map(|(index, drawn)| (drawn.task, index)).collect();
	let turns = turns.into_iter().enumerate();
	let turns = turns.filter(|(index, drawn)| last.get(&drawn.task) == Some(index));
	Ok(compare(block, turns.map(|(_, drawn)| drawn), &records))
}

/// What the chain keeps of tasks at the end of the block.
async fn records(
	after: &Snapshot,
	turns: &[Drawn],
) -> Result<BTreeMap<TaskId, TaskRecord>, ChainError> {
	let ids: Vec<TaskId> = turns.iter().map(|drawn| drawn.task).collect();
	let mut records = BTreeMap::new();
	for ids in ids.chunks(RECORDS) {
		let found = after.task_records(ids).await?;
		records.extend(ids.iter().zip(found).filter_map(|(id, record)| Some((*id, record?))));
	}
	Ok(records)
}

fn compare(
	block: Head,
	turns: impl Iterator<Item = Drawn>,
	records: &BTreeMap<TaskId, TaskRecord>,
) -> Audit {
	let mut audit = Audit { block, turns: 0, assigned: 0, mismatches: Vec::new() };
	let mut stopped = false;
	for drawn in turns {
		let record = records.get(&drawn.task);
		let of_draw = |replica: &&Replica| replica.attempt == drawn.attempt;
		let recorded: Vec<Replica> =
			record.iter().flat_map(|task| task.replicas.iter().filter(of_draw)).cloned().collect();
		let is_woken = !matches!(drawn.cause, Cause::Frozen(_));
		stopped |= is_woken && recorded.is_empty() && !drawn.replicas.is_empty();
		let computed = if stopped { Vec::new() } else { drawn.replicas };
		audit.turns = audit.turns.saturating_add(u32::from(!stopped));
		audit.assigned = audit.assigned.saturating_add(u32::from(!computed.is_empty()));
		if !are_equal(&computed, &recorded) {
			let (task, attempt) = (drawn.task, drawn.attempt);
			audit.mismatches.push(Mismatch { task, attempt, computed, recorded });
		}
	}
	audit
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::{keys::AccountId, task::tests::record};
	use aidragon_primitives::task::Progress;

	const BLOCK: Head = Head { number: 20, hash: [0; 32] };

	fn replica(worker: u32) -> Replica {
		Replica {
			worker,
			provider: AccountId([worker as u8; 32]),
			gpus: 0,
			price_per_gfuel: 5,
			attempt: 0,
			beacon_block: 19,
			progress: Progress::Assigned,
		}
	}

	fn drawn(task: TaskId, cause: Cause, workers: &[u32]) -> Drawn {
		Drawn { task, attempt: 0, cause, replicas: workers.iter().copied().map(replica).collect() }
	}

	/// What is found where the chain recorded these machines.
	fn found(turns: Vec<Drawn>, recorded: &[(TaskId, &[u32])]) -> Audit {
		let records = recorded.iter().map(|(task, workers)| {
			let replicas = workers.iter().copied().map(replica).collect::<Vec<_>>();
			(*task, TaskRecord { replicas: replicas.try_into().unwrap(), ..record() })
		});
		compare(BLOCK, turns.into_iter(), &records.collect())
	}

	#[test]
	fn equal_draws_are_counted_and_different_ones_listed() {
		let frozen = |task, workers: &[u32]| drawn(task, Cause::Frozen(18), workers);
		let turns = || vec![frozen(1, &[4]), frozen(2, &[5, 6]), frozen(3, &[])];
		let audit = found(turns(), &[(1, &[4]), (2, &[5, 6]), (3, &[])]);
		assert_eq!((audit.turns, audit.assigned, audit.mismatches.len()), (3, 2, 0));
		// Another machine, one too few, one that nobody drew, and a task that the chain forgot.
		for recorded in [[4u32, 7].as_slice(), &[5], &[6, 5]] {
			let audit = found(turns(), &[(1, &[4]), (2, recorded), (3, &[])]);
			assert_eq!(audit.mismatches.len(), 1, "{recorded:?}");
			assert_eq!(audit.mismatches[0].task, 2);
		}
		let audit = found(turns(), &[(2, &[5, 6]), (3, &[9])]);
		let tasks: Vec<TaskId> = audit.mismatches.iter().map(|mismatch| mismatch.task).collect();
		assert_eq!(tasks, [1, 3]);
	}

	#[test]
	fn a_block_may_end_before_all_that_were_woken_had_their_turn() {
		let woken = |task, workers: &[u32]| drawn(task, Cause::WokenBy(8), workers);
		let turns = || vec![woken(1, &[4]), woken(2, &[5]), woken(3, &[6])];
		let audit = found(turns(), &[(1, &[4]), (2, &[]), (3, &[])]);
		assert_eq!((audit.turns, audit.assigned, audit.mismatches.len()), (1, 1, 0));
		// But then nothing behind that was drawn.
		let audit = found(turns(), &[(1, &[4]), (2, &[]), (3, &[6])]);
		assert_eq!(audit.mismatches.len(), 1);
		// And what was frozen has its turn in any case.
		let frozen = vec![drawn(1, Cause::Frozen(18), &[4])];
		assert_eq!(found(frozen, &[(1, &[])]).mismatches.len(), 1);
	}
}
