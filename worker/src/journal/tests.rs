//! Nothing is forgotten, nothing is replaced, whenever the process dies.

use super::*;
use aidragon_primitives::{
	attestation::{Attestation, ExitStatus, ResultDigest, ATTESTATION_VERSION},
	task::DeclineReason,
};
use proptest::prelude::*;
use std::path::PathBuf;
use tempfile::TempDir;

const GENESIS_A: Hash32 = [1; 32];
const KEY: Key = Key { task: 7, attempt: 0 };

fn evidence(mark: u8) -> Evidence {
	let result = ResultDigest {
		output_root: [mark; 32],
		output_bytes: 5,
		fuel: 9,
		status: ExitStatus::Completed,
	};
	let attestation = Attestation {
		version: ATTESTATION_VERSION,
		genesis: GENESIS_A,
		task: 7,
		attempt: 0,
		worker: 3,
		program: [2; 32],
		meter_schedule: [3; 32],
		input_root: [4; 32],
		result,
		started_at: 1,
		finished_at: 2,
	};
	Evidence { attestation, signature: [mark; 64], salt: [mark; 32] }
}

struct Disk {
	_directory: TempDir,
	path: PathBuf,
}

impl Disk {
	fn new() -> Self {
		let directory = TempDir::new().unwrap();
		let path = directory.path().join("journal.redb");
		Self { _directory: directory, path }
	}

	fn open(&self) -> Journal {
		Journal::open(&self.path, GENESIS_A).unwrap().0
	}
}

/// A step that the daemon may take, in any order.
#[derive(Clone, Debug)]
enum Step {
	Note(u8),
	Advance(Key, Box<Stage>),
	Reset(Key),
	Remove(Key),
}

fn any_stage() -> impl Strategy<Value = Stage> {
	prop_oneof![
		Just(Stage::Accepted),
		Just(Stage::Fetched),
		Just(Stage::GivenUp(DeclineReason::HostFault)),
		(0u8..3).prop_map(|mark| Stage::Executed(evidence(mark))),
		(0u8..3).prop_map(|mark| Stage::Delivering(evidence(mark))),
		(0u8..3).prop_map(|mark| Stage::Revealing(evidence(mark))),
	]
}

fn any_step() -> impl Strategy<Value = Step> {
	let key = (0u8..2).prop_map(|attempt| Key { task: 7, attempt });
	prop_oneof![
		2 => (0u8..2).prop_map(Step::Note),
		8 => (key.clone(), any_stage()).prop_map(|(key, stage)| Step::Advance(key, Box::new(stage))),
		1 => key.clone().prop_map(Step::Reset),
		1 => key.prop_map(Step::Remove),
	]
}

fn apply(journal: &Journal, step: &Step) -> Result<(), JournalError> {
	match step {
		Step::Note(attempt) => {
			journal.note(Key { task: 7, attempt: *attempt }, 10, [2; 32], [4; 32]).map(drop)
		}
		Step::Advance(key, stage) => journal.advance(*key, **stage).map(drop),
		Step::Reset(key) => journal.reset(*key),
		Step::Remove(key) => journal.remove(*key),
	}
}

proptest! {
	#![proptest_config(ProptestConfig::with_cases(16))]

	/// The process dies after every step; the next one finds all of it, and the evidence that may have been
	/// sent is the evidence that is kept until the attempt is over.
	#[test]
	fn a_journal_that_is_reopened_after_each_step_is_the_same_as_one_that_is_not(
		steps in proptest::collection::vec(any_step(), 1..20),
	) {
		let (dying, living) = (Disk::new(), Disk::new());
		let steady = living.open();
		let mut sent: BTreeMap<Key, Evidence> = BTreeMap::new();
		for step in &steps {
			let outcome = apply(&dying.open(), step).is_ok();
			prop_assert_eq!(outcome, apply(&steady, step).is_ok());
			let entries = dying.open().entries().unwrap();
			prop_assert_eq!(&entries, &steady.entries().unwrap());
			sent.retain(|key, _| entries.contains_key(key));
			for (key, evidence) in &sent {
				prop_assert_eq!(entries[key].stage.evidence(), Some(evidence));
			}
			for (key, entry) in &entries {
				if let Stage::Delivering(evidence) | Stage::Revealing(evidence) = entry.stage {
					sent.insert(*key, evidence);
				}
			}
		}
	}
}

#[test]
fn a_sealed_result_is_never_replaced() {
	let disk = Disk::new();
	let journal = disk.open();
	journal.note(KEY, 10, [2; 32], [4; 32]).unwrap();
	journal.advance(KEY, Stage::Executed(evidence(1))).unwrap();
	let conflicts = [
		Stage::Executed(evidence(2)),
		Stage::Delivering(evidence(2)),
		Stage::Fetched,
		Stage::GivenUp(DeclineReason::ShuttingDown),
	];
	for stage in conflicts {
		let refused = journal.advance(KEY, stage);
		assert!(matches!(refused, Err(JournalError::Conflict { task: 7, attempt: 0 })));
	}
	journal.advance(KEY, Stage::Delivering(evidence(1))).unwrap();
	journal.advance(KEY, Stage::Delivering(evidence(1))).unwrap();
	assert!(journal.reset(KEY).is_err());
	assert_eq!(journal.note(KEY, 99, [0; 32], [0; 32]).unwrap().noted_at, 10);
}

#[test]
fn a_result_that_did_not_leave_can_be_run_again() {
	let journal = Disk::new().open();
	journal.note(KEY, 10, [2; 32], [4; 32]).unwrap();
	journal.advance(KEY, Stage::Executed(evidence(1))).unwrap();
	journal.reset(KEY).unwrap();
	assert_eq!(journal.entries().unwrap()[&KEY].stage, Stage::Accepted);
}

#[test]
fn another_chain_starts_with_an_empty_journal() {
	let disk = Disk::new();
	disk.open().note(KEY, 10, [2; 32], [4; 32]).unwrap();
	disk.open().set_self_paused(true).unwrap();
	let (journal, dropped) = Journal::open(&disk.path, [9; 32]).unwrap();
	assert_eq!(dropped, 1);
	assert!(journal.entries().unwrap().is_empty());
	assert!(!journal.self_paused().unwrap());
}

#[test]
fn a_second_process_is_refused() {
	let disk = Disk::new();
	let _first = disk.open();
	assert!(matches!(Journal::open(&disk.path, GENESIS_A), Err(JournalError::InUse)));
}

#[test]
fn what_shutdown_noted_survives() {
	let disk = Disk::new();
	disk.open().set_self_paused(true).unwrap();
	assert!(disk.open().self_paused().unwrap());
	disk.open().set_self_paused(false).unwrap();
	assert!(!disk.open().self_paused().unwrap());
}

#[test]
fn blobs_in_use_are_not_stale() {
	let journal = Disk::new().open();
	journal.note(KEY, 10, [2; 32], [4; 32]).unwrap();
	journal.touch([[2; 32], [4; 32], [5; 32]]).unwrap();
	assert!(journal.stale_blobs(Duration::from_secs(3_600)).unwrap().is_empty());
	std::thread::sleep(Duration::from_millis(1_100));
	assert_eq!(journal.stale_blobs(Duration::ZERO).unwrap(), vec![[5; 32]]);
	journal.forget_blob(&[5; 32]).unwrap();
	assert!(journal.stale_blobs(Duration::ZERO).unwrap().is_empty());
}

#[test]
fn what_others_will_need_is_not_stale_however_it_is_used_before() {
	let disk = Disk::new();
	disk.open().need([[5; 32]], Duration::from_secs(60)).unwrap();
	disk.open().touch([[5; 32], [6; 32]]).unwrap();
	std::thread::sleep(Duration::from_millis(1_100));
	assert_eq!(disk.open().stale_blobs(Duration::ZERO).unwrap(), vec![[6; 32]]);
}

#[test]
fn several_results_are_about_to_leave_or_none_of_them_is() {
	let keys: [Key; 3] = [7, 8, 9].map(|task| Key { task, attempt: 0 });
	let disk = Disk::new();
	let journal = disk.open();
	for key in keys {
		journal.note(key, 10, [2; 32], [4; 32]).unwrap();
		journal.advance(key, Stage::Executed(evidence(1))).unwrap();
	}
	let sent = |mark| Stage::Delivering(evidence(mark));
	// The last step would replace a result.
	let conflict = journal.advance_all(&[(keys[0], sent(1)), (keys[1], sent(2))]);
	assert!(matches!(conflict, Err(JournalError::Conflict { task: 8, .. })));
	let stages = |journal: &Journal| -> Vec<Stage> {
		journal.entries().unwrap().values().map(|entry| entry.stage).collect()
	};
	assert_eq!(stages(&journal), [Stage::Executed(evidence(1)); 3]);
	// One that is gone stays gone and keeps nothing back.
	journal.remove(keys[1]).unwrap();
	let advanced = journal.advance_all(&keys.map(|key| (key, sent(1)))).unwrap();
	assert_eq!(advanced.iter().map(|(key, _)| *key).collect::<Vec<_>>(), [keys[0], keys[2]]);
	drop(journal);
	assert_eq!(stages(&disk.open()), [sent(1); 2]);
}
