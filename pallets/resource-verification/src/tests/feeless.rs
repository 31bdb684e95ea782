//! When a machine's calls are free: exactly when they make progress, or when it was drawn to make them.

use crate::{mock::*, Call};
use aidragon_primitives::{
	audit::{Audit, Entry, ARCHIVE_BYTES_MAX},
	challenge::{Commitment, MatrixSize, Opening},
	memory::MemoryCommitment,
	verification::{Committed, Slot, REQUEST_INTERVAL_BLOCKS},
};
use frame_support::{assert_ok, dispatch::CheckIfFeeless};
use sp_runtime::traits::Dispatchable;

const COMMITMENT: Commitment = Commitment { size: MatrixSize::N2048, rounds: 7, root: [9; 32] };

fn is_free(call: Call<Test>) -> bool {
	RuntimeCall::from(call).is_feeless(&machine())
}

fn request() -> Call<Test> {
	Call::request_challenge { slot: Slot::Processor }
}

fn request_memory() -> Call<Test> {
	Call::request_challenge { slot: Slot::Memory }
}

fn commit(rounds: u32) -> Call<Test> {
	Call::commit_challenge { committed: Committed::Run(Commitment { rounds, ..COMMITMENT }) }
}

fn submit(count: usize) -> Call<Test> {
	Call::submit_openings { answer: bounded(vec![Opening::default(); count]), archive: archive() }
}

#[test]
fn request_is_free_only_when_it_may_be_made() {
	build_and_execute(|| {
		assert!(is_free(request()));
		assert_ok!(ResourceVerification::request_challenge(machine(), Slot::Processor));
		assert!(!is_free(request()));
		run_to(REQUEST_INTERVAL_BLOCKS);
		assert!(!is_free(request()));
		run_to(1 + REQUEST_INTERVAL_BLOCKS);
		assert!(is_free(request()));
	});
}

#[test]
fn request_of_one_slot_says_nothing_about_the_other() {
	build_and_execute(|| {
		assert_ok!(ResourceVerification::request_challenge(machine(), Slot::Processor));
		assert!(!is_free(request()) && is_free(request_memory()));
		assert_ok!(ResourceVerification::request_challenge(machine(), Slot::Memory));
		assert!(!is_free(request_memory()));
		// The window of a memory is longer than the interval.
		run_to(1 + REQUEST_INTERVAL_BLOCKS);
		assert!(is_free(request()) && !is_free(request_memory()));
		run_to(1 + Slot::Memory.window_blocks() + 3);
		assert!(is_free(request_memory()));
	});
}

#[test]
fn commitment_of_a_fill_is_free_only_when_it_is_due() {
	let fill = |memory_mib| {
		let fill = MemoryCommitment { memory_mib, root: [9; 32] };
		Call::commit_challenge { committed: Committed::Fill(fill) }
	};
	build_and_execute(|| {
		seed_is_known();
		assert!(!is_free(fill(64)), "another slot is challenged");
		assert_ok!(ResourceVerification::request_challenge(machine(), Slot::Memory));
		assert!(!is_free(fill(64)), "the seed is not known");
		run_to(5);
		assert!(!is_free(fill(0)), "out of range");
		assert!(is_free(fill(64)));
	});
}

#[test]
fn commitment_is_free_only_when_it_is_due() {
	build_and_execute(|| {
		assert!(!is_free(commit(7)), "nothing was requested");
		assert_ok!(ResourceVerification::request_challenge(machine(), Slot::Processor));
		assert!(!is_free(commit(7)), "the seed is not known");
		run_to(3);
		assert!(!is_free(commit(0)), "rounds are out of range");
		assert!(is_free(commit(7)));
		assert_ok!(ResourceVerification::commit_challenge(machine(), Committed::Run(COMMITMENT)));
		assert!(!is_free(commit(7)), "committed already");
	});
	build_and_execute(|| {
		seed_is_known();
		run_to(8);
		assert!(!is_free(commit(7)), "too late");
	});
}

#[test]
fn openings_are_free_only_when_they_are_due() {
	build_and_execute(|| {
		seed_is_known();
		assert!(!is_free(submit(16)), "nothing is committed");
		assert_ok!(ResourceVerification::commit_challenge(machine(), Committed::Run(COMMITMENT)));
		assert!(!is_free(submit(16)), "nothing is drawn");
		run_to(5);
		assert!(!is_free(submit(15)), "too few");
		for size_bytes in [0, ARCHIVE_BYTES_MAX + 1] {
			let mut archive = archive();
			archive.blob.size_bytes = size_bytes;
			let answer = bounded(vec![Opening::default(); 16]);
			assert!(!is_free(Call::submit_openings { answer, archive }), "no such archive");
		}
		assert!(is_free(submit(16)));
		run_to(16);
		assert!(!is_free(submit(16)), "too late");
	});
}

#[test]
fn openings_are_free_once() {
	build_and_execute(|| {
		seed_is_known();
		assert_ok!(ResourceVerification::commit_challenge(machine(), Committed::Run(COMMITMENT)));
		run_to(5);
		let openings = bounded(vec![Opening::default(); 16]);
		assert_ok!(ResourceVerification::submit_openings(machine(), openings, archive()));
		assert!(!is_free(submit(16)));
	});
}

#[test]
fn p9_nothing_is_free_for_anybody_else() {
	build_and_execute(|| {
		seed_is_known();
		let others =
			[RuntimeOrigin::none(), RuntimeOrigin::root(), RuntimeOrigin::signed(STRANGER)];
		for origin in others {
			for call in [request(), commit(7), submit(16)] {
				assert!(!RuntimeCall::from(call).is_feeless(&origin));
			}
		}
		// Another machine may ask for its own challenge, but not answer this one.
		let other = RuntimeOrigin::signed(OTHER_HOT_KEY);
		assert!(RuntimeCall::from(request()).is_feeless(&other));
		assert!(!RuntimeCall::from(commit(7)).is_feeless(&other));
	});
}

fn confirm() -> Call<Test> {
	Call::confirm_audit { worker: WORKER, slot: Slot::Processor }
}

/// Shows entry `index` of `entries` at its place.
fn report(entries: &[Entry], index: u32) -> Call<Test> {
	let entry = entries[index as usize].clone();
	let path = path_in(entries, index);
	Call::report_entry { worker: WORKER, slot: Slot::Processor, index, entry, path }
}

fn is_free_for(origin: RuntimeOrigin, call: &Call<Test>) -> bool {
	RuntimeCall::from(call.clone()).is_feeless(&origin)
}

/// Everybody but the auditors.
fn others(audit: &Audit) -> Vec<RuntimeOrigin> {
	let machines = (0..51).filter(|worker| !audit.auditors.contains(worker)).map(machine_of);
	let nobody = [RuntimeOrigin::none(), RuntimeOrigin::root(), RuntimeOrigin::signed(STRANGER)];
	machines.chain(nobody).collect()
}

/// An honest run that three machines audit, and all entries of its archive.
fn audited_run() -> (Audit, Vec<Entry>) {
	let run = committed_run();
	let entries = entries_of(&run);
	let audit = pass(&run, archive_over(&entries), 1..10);
	assert_eq!(audit.auditors.len(), 3);
	(audit, entries)
}

#[test]
fn p8_confirmation_is_free_once_for_who_was_drawn_and_for_nobody_else() {
	build_and_execute(|| {
		let (audit, _) = audited_run();
		assert!(others(&audit).into_iter().all(|origin| !is_free_for(origin, &confirm())));
		let unknown = Call::confirm_audit { worker: WORKER, slot: Slot::Memory };
		for auditor in &audit.auditors {
			assert!(is_free_for(machine_of(*auditor), &confirm()));
			assert!(!is_free_for(machine_of(*auditor), &unknown), "no such audit");
			assert_ok!(RuntimeCall::from(confirm()).dispatch(machine_of(*auditor)));
			assert!(!is_free_for(machine_of(*auditor), &confirm()), "it has had its word");
		}
	});
	build_and_execute(|| {
		let (audit, _) = audited_run();
		run_to(audit.closes_at);
		assert!(is_free_for(machine_of(audit.auditors[0]), &confirm()));
		run_to(audit.closes_at + 1);
		assert!(!is_free_for(machine_of(audit.auditors[0]), &confirm()), "too late");
	});
}

#[test]
fn p8_request_is_not_free_while_the_last_proof_is_audited() {
	build_and_execute(|| {
		let (audit, _) = audited_run();
		for block in [1 + REQUEST_INTERVAL_BLOCKS, audit.closes_at] {
			run_to(block);
			assert!(!is_free(request()) && is_free(request_memory()));
			assert!(is_free_for(machine_of(audit.auditors[0]), &request()));
		}
		run_to(audit.closes_at + 1);
		assert!(is_free(request()));
	});
	build_and_execute(|| {
		let (audit, _) = audited_run();
		run_to(1 + REQUEST_INTERVAL_BLOCKS);
		assert!(!is_free(request()));
		assert_ok!(RuntimeCall::from(confirm()).dispatch(machine_of(audit.auditors[1])));
		assert!(is_free(request()));
	});
}

#[test]
fn p8_report_is_free_only_for_who_was_drawn_and_of_the_archive() {
	build_and_execute(|| {
		let (audit, entries) = audited_run();
		let auditor = || machine_of(audit.auditors[0]);
		let call = report(&entries, 3);
		assert!(is_free_for(auditor(), &call));
		assert!(others(&audit).into_iter().all(|origin| !is_free_for(origin, &call)));
		let path = path_in(&entries, 3);
		let (worker, slot) = (WORKER, Slot::Processor);
		let (third, fourth) = (|| entries[3].clone(), entries[4].clone());
		for not_there in [
			Call::report_entry { worker, slot, index: 4, entry: third(), path: path.clone() },
			Call::report_entry { worker, slot, index: 3, entry: fourth, path: path.clone() },
			Call::report_entry { worker, slot, index: 3, entry: third(), path: Default::default() },
			Call::report_entry { worker: 1, slot, index: 3, entry: third(), path },
		] {
			assert!(!is_free_for(auditor(), &not_there));
		}
	});
}

#[test]
fn p8_auditor_has_one_free_word() {
	build_and_execute(|| {
		let (audit, entries) = audited_run();
		let (first, second) = (audit.auditors[0], audit.auditors[1]);
		// The entry is honest, so the report is refuted.
		assert_ok!(RuntimeCall::from(report(&entries, 3)).dispatch(machine_of(first)));
		assert!(!is_free_for(machine_of(first), &report(&entries, 4)));
		assert!(!is_free_for(machine_of(first), &confirm()));
		assert_ok!(RuntimeCall::from(confirm()).dispatch(machine_of(second)));
		assert!(!is_free_for(machine_of(second), &report(&entries, 4)));
		assert!(is_free_for(machine_of(audit.auditors[2]), &report(&entries, 4)));
	});
	build_and_execute(|| {
		let (audit, entries) = audited_run();
		run_to(audit.closes_at + 1);
		assert!(!is_free_for(machine_of(audit.auditors[0]), &report(&entries, 3)), "too late");
	});
}
