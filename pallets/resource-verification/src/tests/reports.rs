//! Showing an entry of an archive: what is wrong costs the machine, what is right nothing, whoever shows it.

use crate::{
	mock::*, Audits, Beacons, Capabilities, Challenges, Duties, Error, Event, LatestBeacon,
};
use aidragon_primitives::{
	audit::{Archive, Audit, Entries, Entry, AUDIT_BLOCKS, AUDIT_OPENINGS},
	beacon::accumulate,
	challenge::{positions, Opening},
	memory::{self, Block, Fill, Filled, BLOCK_WORDS},
	merkle::{MerklePath, Software},
	verification::{check, Answer, Challenge, Committed, Slot, Stage, REQUEST_INTERVAL_BLOCKS},
	worker::Capability,
	BlockNumber, Hash32, WorkerId,
};
use frame_support::{assert_noop, assert_ok};
use sp_runtime::DispatchResult;
use std::sync::OnceLock;

/// The machines that are on line while auditors are drawn.
const ONLINE: std::ops::Range<WorkerId> = 1..10;

/// An entry of an archive, with its index and its path.
type Shown = (u32, Entry, MerklePath);

fn report(reporter: RuntimeOrigin, slot: Slot, (index, entry, path): Shown) -> DispatchResult {
	ResourceVerification::report_entry(reporter, WORKER, slot, index, entry, path)
}

fn shown(entries: &[Entry], index: u32) -> Shown {
	(index, entries[index as usize].clone(), path_in(entries, index))
}

/// The hot key of the first auditor.
fn hot_key(audit: &Audit) -> u64 {
	HOT_KEY + u64::from(audit.auditors[0])
}

fn confirm(auditor: WorkerId) -> DispatchResult {
	ResourceVerification::confirm_audit(machine_of(auditor), WORKER, Slot::Processor)
}

/// Lets the author of block 4 reveal what draws nothing but openings that hold, and goes to block 5. `answer` opens what
/// a beacon draws.
fn be_lucky(seed: Hash32, committed: Committed, answer: impl Fn(&Hash32) -> Answer) -> Answer {
	assert_ok!(ResourceVerification::commit_challenge(machine(), committed));
	let (_, before) = LatestBeacon::<Test>::get().expect("drawn");
	let try_author = |n| {
		let vrf = [n; 32];
		let beacon = accumulate(before, 4, vrf);
		let answer = answer(&beacon);
		let passes = check::<Software>(&seed, &committed, &beacon, &answer).is_ok();
		passes.then_some((vrf, beacon, answer))
	};
	let (vrf, beacon, answer) = (0..=u8::MAX).find_map(try_author).expect("some draw misses it");
	AuthorVrf::set(Some(vrf));
	run_to(5);
	assert_eq!(Beacons::<Test>::get(4), Some(beacon));
	answer
}

/// Lets a run of which a twentieth was made up pass in block 5, and gives what its auditors find.
fn forger_passes() -> (Audit, Shown) {
	seed_is_known();
	let seed = ResourceVerification::challenge_seed(WORKER, Slot::Processor).expect("drawn");
	let run = forged_run();
	let commitment = run.commitment();
	be_lucky(seed, Committed::Run(commitment), |beacon| {
		let open = |position| run.open(position).expect("within the run");
		bounded(positions(beacon, &commitment).iter().map(open).collect())
	});
	let entries = entries_of(&run);
	let audit = pass(&run, archive_over(&entries), ONLINE);
	let found = Entries::new(entries).find_fault(&audit).expect("auditors look at 128 entries");
	(audit, found)
}

/// Passes an honest challenge in block 5, with an archive that `spoil` changed.
fn honest_machine_passes(spoil: impl FnOnce(&mut Vec<Entry>)) -> (Audit, Vec<Entry>) {
	let run = committed_run();
	let mut entries = entries_of(&run);
	spoil(&mut entries);
	let audit = pass(&run, archive_over(&entries), ONLINE);
	assert_eq!(audit.auditors.len(), 3);
	(audit, entries)
}

/// Everything that can be lost or gained here.
#[derive(Debug, PartialEq)]
struct State {
	capability: Option<Capability>,
	challenges: Vec<((WorkerId, Slot), Challenge)>,
	audits: Vec<((WorkerId, Slot), Audit)>,
	duties: Vec<(WorkerId, Vec<(WorkerId, Slot)>)>,
	heard: Vec<(WorkerId, Slot, Outcome)>,
	slashed: usize,
}

fn state() -> State {
	State {
		capability: Capabilities::<Test>::get(WORKER),
		challenges: Challenges::<Test>::iter().collect(),
		audits: Audits::<Test>::iter().collect(),
		duties: Duties::<Test>::iter().map(|(it, duties)| (it, duties.into_inner())).collect(),
		heard: Heard::get(),
		slashed: Slashed::get().len(),
	}
}

/// What the registry hears of a proof that is lost.
fn proved_and_failed(slot: Slot) -> Vec<(WorkerId, Slot, Outcome)> {
	vec![(WORKER, slot, Outcome::Proved), (WORKER, slot, Outcome::Failed)]
}

/// Fails unless [`WORKER`] lost what it proved of its processors by a report of `reporter`.
fn assert_lost(entry: u32, reporter: u64, slashed: u128) {
	let capability = Capabilities::<Test>::get(WORKER).unwrap_or_default();
	assert_eq!(capability.processor, None);
	assert_eq!(challenge().stage, Stage::Failed);
	assert_eq!(Heard::get(), proved_and_failed(Slot::Processor));
	let expected = match slashed {
		0 => vec![],
		_ => vec![(WORKER, slashed, Some(reporter))],
	};
	assert_eq!(Slashed::get(), expected);
	assert_eq!((audit(), Duties::<Test>::iter().count()), (None, 0));
	let (worker, slot) = (WORKER, Slot::Processor);
	System::assert_last_event(Event::AuditFailed { worker, slot, entry, reporter, slashed }.into());
}

#[test]
fn p7_false_entry_that_an_auditor_shows_costs_the_proof_and_of_the_bond() {
	build_and_execute(|| {
		let (audit, found) = forger_passes();
		assert_eq!(audit.auditors.len(), 3);
		assert!(Capabilities::<Test>::get(WORKER).is_some());
		// What others said before saves nobody.
		assert_ok!(confirm(audit.auditors[1]));
		let (index, reporter) = (found.0, hot_key(&audit));
		assert_ok!(report(RuntimeOrigin::signed(reporter), Slot::Processor, found));
		assert_lost(index, reporter, 50);
		assert_noop!(confirm(audit.auditors[2]), Error::<Test>::NoAudit);
	});
}

#[test]
fn p7_false_entry_that_anybody_shows_costs_the_same() {
	build_and_execute(|| {
		let (_, found) = forger_passes();
		let index = found.0;
		assert_ok!(report(RuntimeOrigin::signed(STRANGER), Slot::Processor, found.clone()));
		assert_lost(index, STRANGER, 50);
		let again = report(RuntimeOrigin::signed(STRANGER), Slot::Processor, found);
		assert_noop!(again, Error::<Test>::NoAudit);
	});
}

#[test]
fn p7_false_entry_is_taken_in_the_last_block_and_refused_after_it() {
	build_and_execute(|| {
		let (audit, found) = forger_passes();
		run_to(audit.closes_at + 1);
		let late = report(RuntimeOrigin::signed(STRANGER), Slot::Processor, found);
		assert_noop!(late, Error::<Test>::NoAudit);
	});
	build_and_execute(|| {
		let (audit, found) = forger_passes();
		run_to(audit.closes_at);
		assert_eq!(audit.closes_at, 5 + AUDIT_BLOCKS);
		assert_ok!(report(RuntimeOrigin::signed(STRANGER), Slot::Processor, found));
		assert_eq!(challenge().stage, Stage::Failed);
	});
}

fn request() -> DispatchResult {
	ResourceVerification::request_challenge(machine(), Slot::Processor)
}

/// Fails unless another challenge may be requested from `block` on, and not before.
fn assert_next_request_is_at(block: BlockNumber) {
	run_to(block - 1);
	assert_noop!(request(), Error::<Test>::ChallengePending);
	run_to(block);
	assert_ok!(request());
}

#[test]
fn p7_next_challenge_is_no_way_around_a_report() {
	build_and_execute(|| {
		let (audit, found) = forger_passes();
		for block in [1 + REQUEST_INTERVAL_BLOCKS, audit.closes_at] {
			run_to(block);
			assert_noop!(request(), Error::<Test>::AuditPending);
		}
		let index = found.0;
		assert_ok!(report(RuntimeOrigin::signed(STRANGER), Slot::Processor, found));
		assert_lost(index, STRANGER, 50);
	});
}

#[test]
fn p7_confirmed_proof_that_is_challenged_again_is_no_way_around_a_report() {
	build_and_execute(|| {
		let (audit, found) = forger_passes();
		assert_ok!(confirm(audit.auditors[0]));
		run_to(1 + REQUEST_INTERVAL_BLOCKS);
		assert_ok!(request());
		commit_honest_run();
		let index = found.0;
		assert_ok!(report(RuntimeOrigin::signed(STRANGER), Slot::Processor, found));
		assert_lost(index, STRANGER, 50);
	});
}

#[test]
fn p7_report_ends_a_called_challenge_that_runs() {
	build_and_execute(|| {
		let (_, found) = forger_passes();
		run_to_call();
		let run = commit_honest_run();
		let answer = bounded(open(&run));
		let reported_at = System::block_number();
		let index = found.0;
		assert_ok!(report(RuntimeOrigin::signed(STRANGER), Slot::Processor, found));
		assert_lost(index, STRANGER, 50);
		assert_noop!(
			ResourceVerification::submit_openings(machine(), answer, archive()),
			Error::<Test>::NoChallenge
		);
		assert_next_request_is_at(reported_at + Slot::Processor.lost_interval_blocks());
		// It was told once.
		assert_eq!(Heard::get().len(), 2);
	});
}

#[test]
fn p7_wait_for_the_next_challenge_runs_from_the_block_of_the_report() {
	for wait in [0, 30, AUDIT_BLOCKS] {
		build_and_execute(|| {
			let (_, found) = forger_passes();
			let reported_at = 5 + wait;
			run_to(reported_at);
			assert_ok!(report(RuntimeOrigin::signed(STRANGER), Slot::Processor, found));
			let (slot, stage) = (Slot::Processor, Stage::Failed);
			let failed = Challenge {
				slot,
				requested_at: reported_at,
				is_called: false,
				proof_until: 0,
				stage,
			};
			assert_eq!(challenge(), failed);
			assert_next_request_is_at(reported_at + 240);
			assert_eq!(Heard::get().len(), 2, "it was told once");
		});
	}
}

#[test]
fn p8_malformed_entry_costs_the_proof_and_nothing_of_the_bond() {
	let useless: [fn(&mut Entry); 4] = [
		|entry| *entry = Entry::Run(Opening::default()),
		|entry| *entry = Entry::Fill(Default::default()),
		|entry| {
			let Entry::Run(opening) = entry else { return };
			opening.leaf_path.0.clear();
		},
		|entry| {
			let Entry::Run(opening) = entry else { return };
			opening.leaf_after[0] ^= 1;
		},
	];
	for spoil in useless {
		build_and_execute(|| {
			let (audit, entries) = honest_machine_passes(|entries| spoil(&mut entries[5]));
			let reporter = hot_key(&audit);
			let origin = RuntimeOrigin::signed(reporter);
			assert_ok!(report(origin, Slot::Processor, shown(&entries, 5)));
			assert_lost(5, reporter, 0);
		});
	}
}

#[test]
fn p8_other_entries_of_a_spoilt_archive_are_no_fault() {
	build_and_execute(|| {
		let (_, entries) =
			honest_machine_passes(|entries| entries[5] = Entry::Run(Opening::default()));
		let before = state();
		assert_ok!(report(RuntimeOrigin::signed(STRANGER), Slot::Processor, shown(&entries, 4)));
		assert_eq!(state(), before);
	});
}

#[test]
fn p8_every_entry_of_an_honest_archive_is_refuted() {
	build_and_execute(|| {
		let (_, entries) = honest_machine_passes(|_| {});
		assert_eq!(entries.len(), AUDIT_OPENINGS as usize);
		let before = state();
		for index in 0..AUDIT_OPENINGS {
			let stranger = RuntimeOrigin::signed(STRANGER);
			assert_ok!(report(stranger, Slot::Processor, shown(&entries, index)));
		}
		assert_eq!(state(), before);
		let (worker, slot, reporter) = (WORKER, Slot::Processor, STRANGER);
		System::assert_last_event(Event::ReportRefuted { worker, slot, reporter }.into());
	});
}

#[test]
fn p8_auditor_that_shows_an_honest_entry_has_had_its_word() {
	build_and_execute(|| {
		let (begun, entries) = honest_machine_passes(|_| {});
		let (before, auditor) = (state(), begun.auditors[0]);
		let again = || report(machine_of(auditor), Slot::Processor, shown(&entries, 7));
		assert_ok!(again());
		let (worker, slot, reporter) = (WORKER, Slot::Processor, hot_key(&begun));
		System::assert_last_event(Event::ReportRefuted { worker, slot, reporter }.into());
		let after = audit().expect("it goes on");
		let auditors = begun.auditors[1..].to_vec();
		assert_eq!(after.auditors.to_vec(), auditors);
		assert_eq!(Audit { auditors: begun.auditors, ..after.clone() }, audit_of(&before));
		assert_eq!(Duties::<Test>::get(auditor).len(), 0);
		assert_noop!(confirm(auditor), Error::<Test>::NotAuditor);
		// As anybody, it may go on showing entries, and pays for it.
		let middle = state();
		assert_eq!(middle.capability, before.capability);
		assert_eq!((&middle.challenges, &middle.heard), (&before.challenges, &before.heard));
		assert_ok!(again());
		assert_eq!(state(), middle);
		// The others still have theirs.
		assert_ok!(confirm(auditors[0]));
	});
}

/// The only audit of `state`.
fn audit_of(state: &State) -> Audit {
	let [(_, audit)] = state.audits.as_slice() else { panic!("there is one") };
	audit.clone()
}

#[test]
fn p7_refuted_report_is_no_confirmation() {
	build_and_execute(|| {
		let (begun, entries) = honest_machine_passes(|_| {});
		assert_ok!(report(machine_of(begun.auditors[0]), Slot::Processor, shown(&entries, 7)));
		assert_eq!(audit().map(|audit| (audit.drawn, audit.confirmed)), Some((3, 0)));
		run_to(begun.closes_at);
		assert_noop!(request(), Error::<Test>::AuditPending);
		run_to(begun.closes_at + 1);
		assert_ok!(request());
		pass(&commit_honest_run(), archive(), 0..0);
		assert!(!MayRise::get());
	});
}

#[test]
fn p8_wrong_report_of_who_was_not_drawn_changes_nothing() {
	build_and_execute(|| {
		let (audit, entries) = honest_machine_passes(|_| {});
		let before = state();
		let machine = ONLINE.into_iter().find(|it| !audit.auditors.contains(it)).expect("6 of 9");
		for reporter in [STRANGER, HOT_KEY + u64::from(machine), HOT_KEY] {
			let origin = RuntimeOrigin::signed(reporter);
			assert_ok!(report(origin, Slot::Processor, shown(&entries, 0)));
			assert_eq!(state(), before);
			let (worker, slot) = (WORKER, Slot::Processor);
			System::assert_last_event(Event::ReportRefuted { worker, slot, reporter }.into());
		}
	});
}

#[test]
fn p8_entry_is_refused_when_the_archive_does_not_hold_it_there() {
	build_and_execute(|| {
		let (audit, entries) = honest_machine_passes(|_| {});
		let (index, entry, path) = shown(&entries, 3);
		let shorter = MerklePath(path.0[1..].to_vec());
		let mut other = path.clone();
		other.0[2][0] ^= 1;
		for not_there in [
			(index, Entry::Run(Opening::default()), path.clone()),
			(index, entries[4].clone(), path.clone()),
			(2, entry.clone(), path.clone()),
			(index + AUDIT_OPENINGS, entry.clone(), path.clone()),
			(u32::MAX, entry.clone(), path),
			(index, entry.clone(), shorter),
			(index, entry.clone(), other),
			(index, entry, MerklePath::default()),
		] {
			for origin in [RuntimeOrigin::signed(STRANGER), machine_of(audit.auditors[0])] {
				assert_noop!(
					report(origin, Slot::Processor, not_there.clone()),
					Error::<Test>::NotOfTheArchive
				);
			}
		}
	});
}

#[test]
fn p8_entry_of_another_archive_is_refused() {
	build_and_execute(|| {
		// An entry that would be false, if the machine had bound itself to it.
		let (_, entries) = honest_machine_passes(|_| {});
		let mut forged = entries;
		forged[3] = Entry::Run(Opening::default());
		let refused = report(RuntimeOrigin::signed(STRANGER), Slot::Processor, shown(&forged, 3));
		assert_noop!(refused, Error::<Test>::NotOfTheArchive);
	});
}

#[test]
fn entry_is_refused_when_there_is_no_such_audit() {
	build_and_execute(|| {
		let (_, entries) = honest_machine_passes(|_| {});
		let stranger = || RuntimeOrigin::signed(STRANGER);
		assert_noop!(report(stranger(), Slot::Memory, shown(&entries, 3)), Error::<Test>::NoAudit);
		let (index, entry, path) = shown(&entries, 3);
		let slot = Slot::Processor;
		let refused = ResourceVerification::report_entry(stranger(), 1, slot, index, entry, path);
		assert_noop!(refused, Error::<Test>::NoAudit);
	});
}

/// A fill of 16 MiB of which one block in a hundred was made up, which leaves those that use it false too. The seed is
/// the same in every test.
fn forged_fill(seed: Hash32) -> &'static Filled {
	static FILL: OnceLock<(Hash32, Filled)> = OnceLock::new();
	let (of, filled) = FILL.get_or_init(|| {
		let honest = Fill::new(seed, 16).and_then(Fill::run).expect("a fill has this size");
		let block = |index: u32| match index % 100 {
			99 => Some(Block([1; BLOCK_WORDS])),
			_ => honest.block(index).copied(),
		};
		let blocks: Vec<_> =
			(0..).map_while(|index| honest.block(index).and(block(index))).collect();
		let forged = Filled::from_blocks(seed, 16, &blocks).expect("blocks of a whole fill");
		(seed, forged)
	});
	assert_eq!(*of, seed);
	filled
}

#[test]
fn p7_false_block_costs_the_memorys_proof_and_leaves_the_processors() {
	build_and_execute(|| {
		prove(WORKER, Slot::Processor, 9_000);
		begin_audit(WORKER, Slot::Processor, 20);
		let kept = Capabilities::<Test>::get(WORKER);
		let slot = Slot::Memory;
		assert_ok!(ResourceVerification::request_challenge(machine(), slot));
		run_to(3);
		let seed = ResourceVerification::challenge_seed(WORKER, slot).expect("drawn");
		let filled = forged_fill(seed);
		let commitment = filled.commitment();
		let answer = be_lucky(seed, Committed::Fill(commitment), |beacon| {
			let drawn = memory::positions(beacon, &commitment).into_iter();
			let openings: Vec<_> =
				drawn.map(|index| filled.open(index).expect("within the fill")).collect();
			Answer::Fill(openings.try_into().expect("as many as are drawn"))
		});
		let beacon = Beacons::<Test>::get(4).expect("drawn");
		let entries = Entries::of_fill(filled, &beacon).expect("within the fill");
		let archive = Archive { root: entries.root(), ..archive() };
		Online::set(ONLINE.collect());
		assert_ok!(ResourceVerification::submit_openings(machine(), answer, archive));
		let audit = Audits::<Test>::get((WORKER, slot)).expect("begun");
		assert_eq!((audit.drawn, audit.committed), (3, Committed::Fill(commitment)));
		assert_eq!(
			Capabilities::<Test>::get(WORKER).and_then(|it| it.memory).map(|it| it.amount),
			Some(16)
		);
		let found = entries.find_fault(&audit).expect("auditors look at 128 entries");
		let (entry, reporter) = (found.0, hot_key(&audit));
		assert_ok!(report(RuntimeOrigin::signed(reporter), slot, found));
		assert_eq!(Heard::get(), proved_and_failed(slot));
		assert_eq!(Slashed::get(), vec![(WORKER, 50, Some(reporter))]);
		System::assert_last_event(
			Event::AuditFailed { worker: WORKER, slot, entry, reporter, slashed: 50 }.into(),
		);
		let failed = Challenges::<Test>::get((WORKER, slot)).expect("requested");
		assert_eq!((failed.stage, failed.requested_at), (Stage::Failed, 5), "not of the request");
		assert_eq!(Capabilities::<Test>::get(WORKER), kept);
		assert_eq!(challenge().stage, Stage::Passed);
		assert_eq!(
			Audits::<Test>::iter_keys().collect::<Vec<_>>(),
			vec![(WORKER, Slot::Processor)]
		);
		assert_eq!(Duties::<Test>::iter_keys().collect::<Vec<_>>(), vec![20]);
	});
}
