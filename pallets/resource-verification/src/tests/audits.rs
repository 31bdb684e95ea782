//! Audits of what was proved: who is drawn for them, what their word is worth, and how they end.

use crate::{mock::*, Audits, Challenges, Duties, Error, Event};
use aidragon_primitives::{
	audit::{Audit, ARCHIVE_BYTES_MAX, AUDIT_BLOCKS, DUTIES_MAX},
	interface::Capabilities as _,
	verification::{Committed, Slot, Stage, REQUEST_INTERVAL_BLOCKS},
	BlockNumber, WorkerId,
};
use frame_support::{assert_noop, assert_ok};
use std::{collections::BTreeSet, iter, ops::Range};

const KEY: (WorkerId, Slot) = (WORKER, Slot::Processor);
/// So many machines that three of them are drawn by every beacon here, though a third of the numbers is of nobody.
const MANY: Range<WorkerId> = 0..21;
const NOBODY: Range<WorkerId> = 0..0;

/// Passes a challenge in block 5 while `online` are on line.
fn first_proof(online: Range<WorkerId>) -> Audit {
	pass(&committed_run(), archive(), online)
}

/// Requests the next challenge, and commits an honest run that can be opened. The audit must not be pending by then.
fn commit_again() {
	run_to(challenge().requested_at + REQUEST_INTERVAL_BLOCKS);
	assert_ok!(ResourceVerification::request_challenge(machine(), Slot::Processor));
	commit_honest_run();
}

/// Goes to the first block in which nobody can confirm or refute anything any more.
fn let_audit_close() {
	run_to(audit().expect("begun").closes_at + 1);
}

/// Passes the next challenge while `online` are on line, and gives whether the registry heard that a tier may rise.
fn next_proof_may_rise(online: Range<WorkerId>) -> bool {
	commit_again();
	pass(&honest_run(), archive(), online);
	MayRise::get()
}

fn confirm(auditor: WorkerId) -> sp_runtime::DispatchResult {
	ResourceVerification::confirm_audit(machine_of(auditor), WORKER, Slot::Processor)
}

fn duties(auditor: WorkerId) -> Vec<(WorkerId, Slot)> {
	Duties::<Test>::get(auditor).into_inner()
}

/// The machines that have a duty.
fn obliged() -> BTreeSet<WorkerId> {
	Duties::<Test>::iter_keys().collect()
}

fn auditors(audit: &Audit) -> BTreeSet<WorkerId> {
	audit.auditors.iter().copied().collect()
}

/// Machines of which some share their providers.
type Shared<'a> = &'a [(Range<WorkerId>, u64)];

/// Who is drawn by the beacon of one VRF output, where `numbers` were given to machines and `online` are on line.
fn draw(
	vrf: u8,
	numbers: WorkerId,
	online: impl Iterator<Item = WorkerId>,
	shared: Shared,
) -> Vec<WorkerId> {
	let mut drawn = Vec::new();
	build_and_execute(|| {
		Registered::set(numbers);
		for (workers, provider) in shared {
			let workers = workers.clone().map(|worker| (worker, *provider));
			SharedProviders::mutate(|providers| providers.extend(workers));
		}
		seed_is_known();
		let run = honest_run();
		let committed = Committed::Run(run.commitment());
		assert_ok!(ResourceVerification::commit_challenge(machine(), committed));
		AuthorVrf::set(Some([vrf; 32]));
		run_to(5);
		drawn = pass(&run, archive(), online).auditors.into_inner();
	});
	drawn
}

/// Who is drawn by each of many beacons.
fn draws(online: Range<WorkerId>, shared: Shared) -> Vec<Vec<WorkerId>> {
	(0..60).map(|vrf| draw(vrf, online.end, online.clone(), shared)).collect()
}

#[test]
fn p7_passed_proof_is_audited_by_three_machines() {
	build_and_execute(|| {
		let run = committed_run();
		let seed = ResourceVerification::challenge_seed(WORKER, Slot::Processor).expect("drawn");
		let beacon = crate::Beacons::<Test>::get(4).expect("drawn");
		let archive = archive_of(&run);
		let audit = pass(&run, archive, MANY);
		assert_eq!((audit.seed, audit.beacon), (seed, beacon));
		assert_eq!((audit.committed, audit.archive), (Committed::Run(run.commitment()), archive));
		assert_eq!((audit.drawn, audit.confirmed), (3, 0));
		assert_eq!((AUDIT_BLOCKS, audit.closes_at), (200, 205));
		assert_eq!(auditors(&audit).len(), 3);
		assert_eq!(obliged(), auditors(&audit));
		assert!(audit.auditors.iter().all(|auditor| duties(*auditor) == vec![KEY]));
		let (auditors, closes_at) = (audit.auditors.to_vec(), audit.closes_at);
		System::assert_last_event(
			Event::AuditBegun { worker: WORKER, slot: Slot::Processor, auditors, closes_at }.into(),
		);
	});
}

#[test]
fn p7_no_two_auditors_are_of_one_provider_nor_of_the_machines() {
	// One half belongs to the provider of the machine itself, the others to two more.
	let shared = [(0..10, 1_000), (10..15, 2_000), (15..20, 3_000)];
	let mut seen = BTreeSet::new();
	for drawn in draws(0..20, &shared) {
		assert!((1..=2).contains(&drawn.len()), "{drawn:?}");
		assert!(drawn.iter().all(|worker| *worker >= 10), "{drawn:?}");
		assert!(drawn.iter().filter(|worker| **worker < 15).count() <= 1, "{drawn:?}");
		assert!(drawn.iter().filter(|worker| **worker >= 15).count() <= 1, "{drawn:?}");
		seen.extend(drawn);
	}
	assert_eq!(seen, (10..20).collect());
}

#[test]
fn p7_no_machine_audits_itself_and_none_is_drawn_twice() {
	for drawn in draws(0..3, &[]) {
		let different: BTreeSet<_> = drawn.iter().copied().collect();
		assert_eq!(different.len(), drawn.len());
		assert!(!different.is_empty() && different.is_subset(&[1, 2].into()), "{drawn:?}");
	}
}

#[test]
fn p5_every_machine_on_line_is_drawn_by_some_beacon() {
	let seen: BTreeSet<_> = draws(MANY, &[]).into_iter().flatten().collect();
	assert_eq!(seen, (1..21).collect());
}

#[test]
fn p5_block_of_the_answer_chooses_no_auditor() {
	let drawn_in = |block: BlockNumber| {
		let mut drawn = Vec::new();
		build_and_execute(|| {
			let run = committed_run();
			run_to(block);
			let audit = pass(&run, archive(), MANY);
			assert_eq!(audit.closes_at, block + AUDIT_BLOCKS);
			drawn = audit.auditors.into_inner();
		});
		drawn
	};
	let first = drawn_in(5);
	assert!((6..=15).all(|block| drawn_in(block) == first));
}

/// `drawn` without `machine`.
fn others(drawn: &[WorkerId], machine: WorkerId) -> Vec<WorkerId> {
	drawn.iter().copied().filter(|other| *other != machine).collect()
}

/// The openings' beacon is known for ten blocks before the last one for the answer, and with it who would be drawn.
#[test]
fn p7_machine_that_comes_or_goes_before_the_answer_decides_only_about_itself() {
	let mut replaced = 0;
	for vrf in 0..4 {
		let with = draw(vrf, MANY.end, MANY, &[]);
		assert_eq!(with.len(), 3);
		for machine in MANY.skip(1) {
			let without = draw(vrf, MANY.end, MANY.filter(|other| *other != machine), &[]);
			if !with.contains(&machine) {
				assert_eq!(without, with, "{machine}");
				continue;
			}
			// The others stay, in their order, and the next of the same stream comes behind them.
			let rest = others(&with, machine);
			assert_eq!((without.len(), &without[..2]), (3, rest.as_slice()), "{machine}");
			assert!(!with.contains(&without[2]), "{machine}");
			replaced += 1;
		}
	}
	assert_eq!(replaced, 4 * 3);
}

#[test]
fn p7_machine_of_a_provider_with_many_decides_only_about_that_provider() {
	let shared: Shared = &[(1..8, 2_000), (8..12, 3_000)];
	let mut replaced = 0;
	for vrf in 0..4 {
		let with = draw(vrf, MANY.end, MANY, shared);
		for machine in 1..12 {
			let without = draw(vrf, MANY.end, MANY.filter(|other| *other != machine), shared);
			if !with.contains(&machine) {
				assert_eq!(without, with, "{machine}");
				continue;
			}
			assert!(others(&with, machine).iter().all(|other| without.contains(other)));
			replaced += 1;
		}
	}
	assert!(replaced > 0);
}

#[test]
fn p7_order_of_the_roster_chooses_no_auditor() {
	for vrf in 0..10 {
		let drawn = draw(vrf, MANY.end, MANY, &[]);
		assert_eq!(draw(vrf, MANY.end, MANY.rev(), &[]), drawn);
		let crowded = iter::repeat_n(20, 100).chain(MANY);
		assert_eq!(draw(vrf, MANY.end, crowded, &[]), drawn, "a machine has one number");
	}
}

#[test]
fn p7_another_number_changes_who_is_drawn_only_where_they_double() {
	let draws = |numbers| (0..5).map(|vrf| draw(vrf, numbers, 1..10, &[])).collect::<Vec<_>>();
	let drawn = draws(17);
	assert!([18, 25, 32].into_iter().all(|numbers| draws(numbers) == drawn));
	assert!(draws(16) != drawn && draws(33) != drawn);
}

#[test]
fn number_of_a_machine_that_is_off_line_or_gone_draws_nobody() {
	let mut counts = BTreeSet::new();
	for vrf in 0..30 {
		let drawn = draw(vrf, 64, 1..3, &[]);
		assert!(drawn.iter().all(|worker| (1..3).contains(worker)), "{drawn:?}");
		counts.insert(drawn.len());
	}
	assert_eq!(counts, [1, 2].into());
}

#[test]
fn p7_numbers_that_are_gone_leave_nobody_without_auditors() {
	build_and_execute(|| {
		// One number in two hundred million is of a machine that is on line: the roster is asked.
		Registered::set(WorkerId::MAX);
		let audit = first_proof(MANY);
		assert_eq!((audit.drawn, audit.auditors.len()), (3, 3));
	});
}

#[test]
fn p7_proof_is_undoubted_where_an_auditor_confirmed_it_or_none_could_be_drawn() {
	let undoubted = || Slot::ALL.map(|slot| ResourceVerification::is_undoubted(WORKER, slot));
	build_and_execute(|| {
		assert_eq!(undoubted(), [true, true], "there is none");
		let audit = first_proof(MANY);
		assert_eq!(undoubted(), [false, true]);
		assert_ok!(confirm(audit.auditors[2]));
		assert_eq!(undoubted(), [true, true]);
		let_audit_close();
		assert_eq!(undoubted(), [true, true]);
		begin_audit(WORKER, Slot::Memory, 1);
		assert_eq!(undoubted(), [true, false]);
	});
	build_and_execute(|| {
		assert_eq!(first_proof(NOBODY).drawn, 0);
		assert_eq!(undoubted(), [true, true]);
	});
	build_and_execute(|| {
		first_proof(MANY);
		let_audit_close();
		assert_eq!(undoubted(), [false, true], "nobody said anything");
	});
}

#[test]
fn nobody_is_drawn_where_nobody_else_is_on_line() {
	for online in [NOBODY, 0..1] {
		build_and_execute(|| {
			let audit = first_proof(online);
			assert_eq!((audit.drawn, audit.auditors.len()), (0, 0));
			assert_eq!(obliged(), BTreeSet::new());
			// Who finds the archive by itself may still show what is wrong with it, and nobody has to.
			assert_noop!(confirm(1), Error::<Test>::NotAuditor);
			assert!(next_proof_may_rise(NOBODY));
		});
	}
}

#[test]
fn p7_first_proof_may_rise_and_one_after_an_unconfirmed_one_may_not() {
	build_and_execute(|| {
		MayRise::set(false);
		first_proof(MANY);
		assert!(MayRise::get());
		for _ in 0..2 {
			let_audit_close();
			assert!(!next_proof_may_rise(MANY));
		}
		// One word is enough, and counts for the proof that it is about.
		let auditor = audit().expect("begun").auditors[1];
		assert_ok!(confirm(auditor));
		assert!(next_proof_may_rise(MANY));
		let_audit_close();
		assert!(!next_proof_may_rise(MANY));
	});
}

#[test]
fn p7_nothing_rises_where_all_auditors_kept_silent_to_the_end() {
	build_and_execute(|| {
		first_proof(MANY);
		let_audit_close();
		assert!(!next_proof_may_rise(NOBODY));
		// Nor does it wait for ever: nobody was drawn for the second.
		assert!(next_proof_may_rise(NOBODY));
	});
}

#[test]
fn p7_confirmation_of_one_slot_says_nothing_about_the_other() {
	build_and_execute(|| {
		first_proof(MANY);
		begin_audit(WORKER, Slot::Memory, 1);
		let confirmed = ResourceVerification::confirm_audit(machine_of(1), WORKER, Slot::Memory);
		assert_ok!(confirmed);
		assert_eq!(audit().map(|audit| audit.confirmed), Some(0));
		run_to(1 + REQUEST_INTERVAL_BLOCKS);
		let request = |slot| ResourceVerification::request_challenge(machine(), slot);
		assert_noop!(request(Slot::Processor), Error::<Test>::AuditPending);
		let_audit_close();
		assert!(!next_proof_may_rise(MANY));
	});
}

#[test]
fn confirmation_is_counted_and_ends_the_duty() {
	build_and_execute(|| {
		let begun = first_proof(MANY);
		let mut left = auditors(&begun);
		for (before, auditor) in (0..).zip(&begun.auditors) {
			assert_ok!(confirm(*auditor));
			left.remove(auditor);
			let audit = audit().expect("it goes on");
			assert_eq!((audit.drawn, audit.confirmed), (3, before + 1));
			assert_eq!((auditors(&audit), obliged()), (left.clone(), left.clone()));
			let (worker, slot) = KEY;
			let confirmed = Event::AuditConfirmed { worker, slot, auditor: *auditor };
			System::assert_last_event(confirmed.into());
		}
	});
}

#[test]
fn confirmation_is_refused_when_the_auditor_confirmed_already() {
	build_and_execute(|| {
		let auditor = first_proof(MANY).auditors[0];
		assert_ok!(confirm(auditor));
		assert_noop!(confirm(auditor), Error::<Test>::NotAuditor);
	});
}

#[test]
fn p9_confirmation_is_refused_when_the_caller_was_not_drawn() {
	build_and_execute(|| {
		let audit = first_proof(MANY);
		let other = MANY.clone().find(|worker| !audit.auditors.contains(worker) && *worker > 0);
		assert_noop!(confirm(other.expect("three of twenty")), Error::<Test>::NotAuditor);
		assert_noop!(confirm(WORKER), Error::<Test>::NotAuditor);
		let stranger = RuntimeOrigin::signed(STRANGER);
		assert_noop!(
			ResourceVerification::confirm_audit(stranger, WORKER, Slot::Processor),
			Error::<Test>::NotAHotKey
		);
	});
}

#[test]
fn confirmation_is_refused_when_there_is_no_such_audit() {
	build_and_execute(|| {
		let auditor = first_proof(MANY).auditors[0];
		for (worker, slot) in
			[(WORKER, Slot::Memory), (auditor, Slot::Processor), (99, Slot::Processor)]
		{
			let refused = ResourceVerification::confirm_audit(machine_of(auditor), worker, slot);
			assert_noop!(refused, Error::<Test>::NoAudit);
		}
	});
}

#[test]
fn confirmation_is_taken_in_the_last_block_and_refused_after_it() {
	build_and_execute(|| {
		let audit = first_proof(MANY);
		run_to(audit.closes_at);
		assert_ok!(confirm(audit.auditors[0]));
		run_to(audit.closes_at + 1);
		assert_noop!(confirm(audit.auditors[1]), Error::<Test>::NoAudit);
	});
}

#[test]
fn new_proof_replaces_the_audit_and_its_duties() {
	build_and_execute(|| {
		let first = first_proof(1..4);
		assert_ok!(confirm(first.auditors[0]));
		next_proof_may_rise(4..7);
		let second = audit().expect("begun");
		assert!(second.auditors.len() > 1 && second.confirmed == 0);
		assert!(auditors(&first).is_disjoint(&auditors(&second)));
		assert_eq!(obliged(), auditors(&second));
		assert_noop!(confirm(first.auditors[1]), Error::<Test>::NotAuditor);
		// Whoever had its word about the older proof may be drawn for the newer one.
		let_audit_close();
		next_proof_may_rise(1..4);
		let third = audit().expect("begun");
		assert!(third.auditors.iter().all(|auditor| duties(*auditor) == vec![KEY]));
		assert_ok!(confirm(third.auditors[0]));
		assert_eq!(Audits::<Test>::iter().count(), 1);
	});
}

#[test]
fn running_challenge_leaves_the_audit_of_the_older_proof() {
	build_and_execute(|| {
		let begun = first_proof(MANY);
		assert_ok!(confirm(begun.auditors[0]));
		let before = audit();
		commit_again();
		assert_eq!(audit(), before);
		assert_ok!(confirm(begun.auditors[1]));
	});
}

#[test]
fn failed_challenge_ends_the_audit() {
	build_and_execute(|| {
		let begun = first_proof(MANY);
		assert_ok!(confirm(begun.auditors[0]));
		commit_again();
		let useless = bounded(vec![Default::default(); 16]);
		assert_ok!(ResourceVerification::submit_openings(machine(), useless, archive()));
		assert_eq!(challenge().stage, Stage::Failed);
		assert_eq!((audit(), obliged()), (None, BTreeSet::new()));
		assert_noop!(confirm(begun.auditors[1]), Error::<Test>::NoAudit);
	});
}

#[test]
fn failed_challenge_leaves_the_audit_of_the_other_slot() {
	build_and_execute(|| {
		begin_audit(WORKER, Slot::Memory, 1);
		committed_run();
		let useless = bounded(vec![Default::default(); 16]);
		assert_ok!(ResourceVerification::submit_openings(machine(), useless, archive()));
		assert_eq!(duties(1), vec![(WORKER, Slot::Memory)]);
		assert!(Audits::<Test>::contains_key((WORKER, Slot::Memory)));
	});
}

#[test]
fn forgotten_machine_is_not_audited_and_audits_nobody() {
	build_and_execute(|| {
		first_proof(MANY);
		begin_audit(WORKER, Slot::Memory, 30);
		begin_audit(31, Slot::Memory, WORKER);
		begin_audit(31, Slot::Processor, 30);
		assert_eq!(duties(WORKER), vec![(31, Slot::Memory)]);
		ResourceVerification::forget(WORKER);
		let kept: BTreeSet<_> = Audits::<Test>::iter_keys().collect();
		assert_eq!(kept, [(31, Slot::Processor), (31, Slot::Memory)].into());
		assert_eq!(obliged(), [30].into());
		assert_eq!(duties(30), vec![(31, Slot::Processor)]);
		assert_eq!(Challenges::<Test>::iter().count(), 0);
	});
}

#[test]
fn p6_oldest_duty_gives_way_when_an_auditor_has_too_many() {
	build_and_execute(|| {
		let auditor = 1;
		let older: Vec<_> = (0..DUTIES_MAX).map(|index| (20 + index, Slot::Processor)).collect();
		for (worker, slot) in &older {
			begin_audit(*worker, *slot, auditor);
		}
		assert_eq!(duties(auditor), older);
		let audit = first_proof(1..2);
		assert_eq!(audit.auditors.to_vec(), vec![auditor]);
		let expected: Vec<_> = older[1..].iter().copied().chain([KEY]).collect();
		assert_eq!(duties(auditor), expected);
		// It is not reminded of the oldest any more, and may still have its word.
		assert_ok!(ResourceVerification::do_try_state());
		let (worker, slot) = older[0];
		assert_ok!(ResourceVerification::confirm_audit(machine_of(auditor), worker, slot));
		assert_eq!(duties(auditor), expected);
		assert_eq!(Audits::<Test>::get(older[0]).map(|audit| audit.confirmed), Some(1));
	});
}

#[test]
fn audit_of_a_dropped_duty_ends_like_every_other() {
	build_and_execute(|| {
		for worker in 20..20 + DUTIES_MAX {
			begin_audit(worker, Slot::Processor, 1);
		}
		first_proof(1..2);
		let before = duties(1);
		ResourceVerification::forget(20);
		assert_eq!(duties(1), before);
		assert_eq!(Audits::<Test>::get((20, Slot::Processor)), None);
	});
}

#[test]
fn openings_are_refused_when_the_archive_is_empty_or_too_large() {
	build_and_execute(|| {
		let run = committed_run();
		let mut archive = archive();
		for size_bytes in [0, ARCHIVE_BYTES_MAX + 1, u64::MAX] {
			archive.blob.size_bytes = size_bytes;
			let answer = bounded(open(&run));
			assert_noop!(
				ResourceVerification::submit_openings(machine(), answer, archive),
				Error::<Test>::ArchiveSizeOutOfRange
			);
		}
		archive.blob.size_bytes = ARCHIVE_BYTES_MAX;
		assert_eq!(pass(&run, archive, MANY).archive, archive);
	});
}

#[test]
fn archive_of_an_honest_run_is_in_range() {
	build_and_execute(|| {
		let run = committed_run();
		let archive = archive_of(&run);
		assert!(archive.blob.size_bytes <= ARCHIVE_BYTES_MAX);
		pass(&run, archive, NOBODY);
	});
}
