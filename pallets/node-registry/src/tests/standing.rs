//! Tiers that proofs earn, the bond that they take, and what a machine's class says.

use crate::{mock::*, Call, Event, OnlineLengths, OnlinePosition, Providers, Workers};
use aidragon_primitives::{
	interface::{Roster, Standings, WorkerDirectory},
	verification::Slot,
	worker::{Capability, Class, ClassReport, Proof, Standing, TierLimit, PROMOTION_BLOCKS},
	BlockNumber, WorkerId,
};
use frame_support::assert_ok;
use sp_runtime::traits::Dispatchable;

fn standing(worker: WorkerId) -> Standing {
	Workers::<Test>::get(worker).expect("registered").standing
}

fn tier(worker: WorkerId) -> u8 {
	standing(worker).throughput.tier
}

fn bond_units() -> Option<u32> {
	Providers::<Test>::get(PROVIDER).map(|provider| provider.bond_units)
}

fn report(worker: WorkerId) -> ClassReport {
	NodeRegistry::class(worker).expect("registered")
}

fn raise_bond(amount: u128) {
	assert_ok!(NodeRegistry::increase_bond(RuntimeOrigin::signed(PROVIDER), amount));
}

/// Proves `throughput_mops` in block `now`, for as long as any test here lasts.
fn prove_at(now: BlockNumber, worker: WorkerId, throughput_mops: u32) {
	go_to(now);
	let proof = |amount| Some(Proof { amount, proved_at: now, valid_until: 10_000 });
	let capability =
		Capability { processor: proof(throughput_mops), memory: proof(1 << 20), gpus: None };
	Proved::mutate(|table| table.insert(worker, capability));
	hears_of_proofs(worker, true);
}

/// The registry hears that both slots were proved.
fn hears_of_proofs(worker: WorkerId, is_undoubted: bool) {
	for slot in Slot::ALL {
		<NodeRegistry as Standings>::proved(worker, slot, is_undoubted);
	}
}

/// The registry hears that challenges of both slots were lost.
fn hears_of_failures(worker: WorkerId) {
	for slot in Slot::ALL {
		<NodeRegistry as Standings>::failed(worker, slot);
	}
}

#[test]
fn tiers_rise_one_step_at_a_time() {
	build_and_execute(|| {
		let worker = machine_exists();
		raise_bond(10 * BOND);
		assert_eq!(standing(worker), Standing::default());
		let second = 1 + PROMOTION_BLOCKS;
		let third = second + PROMOTION_BLOCKS;
		for (now, expected) in [
			(1, 1),
			(2, 1),
			(second - 1, 1),
			(second, 2),
			(third - 1, 2),
			(third, 3),
			(third + PROMOTION_BLOCKS, 4),
			// It proved no more than tier 4 takes.
			(third + 2 * PROMOTION_BLOCKS, 4),
		] {
			prove_at(now, worker, 300_000);
			assert_eq!(tier(worker), expected, "at {now}");
			assert_eq!(bond_units(), Some(u32::from(expected)), "at {now}");
			assert_ok!(NodeRegistry::do_try_state());
		}
		// The memory's tier rises by itself: it proved what tier 6 takes.
		assert_eq!(standing(worker).memory.tier, 5);
	});
}

#[test]
fn standing_is_told_when_it_changes_and_the_supply_with_every_proof() {
	build_and_execute(|| {
		let worker = machine_exists();
		Heard::set(Vec::new());
		System::reset_events();
		prove(worker, 10_000);
		let changed = Event::StandingChanged { worker, standing: standing(worker) };
		assert_eq!(System::events().len(), 2);
		System::assert_last_event(changed.into());
		prove(worker, 10_000);
		assert_eq!(System::events().len(), 2);
		assert_eq!(Heard::get(), vec![worker; 4]);
	});
}

#[test]
fn tiers_fall_at_once_with_a_lower_proof() {
	build_and_execute(|| {
		let worker = machine_exists();
		prove_at(1, worker, 30_000);
		prove_at(301, worker, 30_000);
		prove_at(601, worker, 30_000);
		assert_eq!((tier(worker), bond_units()), (3, Some(3)));
		prove_at(602, worker, 250);
		assert_eq!((tier(worker), bond_units()), (1, Some(1)));
		prove_at(603, worker, 100);
		assert_eq!((tier(worker), bond_units()), (0, Some(1)));
	});
}

#[test]
fn tiers_fall_to_nothing_with_a_lost_challenge() {
	build_and_execute(|| {
		let worker = machine_exists();
		prove_at(1, worker, 30_000);
		prove_at(301, worker, 30_000);
		Heard::set(Vec::new());
		<NodeRegistry as Standings>::failed(worker, Slot::Processor);
		assert_eq!((tier(worker), standing(worker).memory.tier), (0, 2));
		assert_eq!(bond_units(), Some(1));
		assert_eq!(Heard::get(), vec![worker]);
		let standing = standing(worker);
		System::assert_last_event(Event::StandingChanged { worker, standing }.into());
		// From the first tier on it is slow again.
		prove_at(302, worker, 30_000);
		prove_at(303, worker, 30_000);
		assert_eq!(tier(worker), 1);
	});
}

#[test]
fn nothing_happens_for_a_machine_that_is_not_there() {
	build_and_execute(|| {
		machine_exists();
		System::reset_events();
		hears_of_proofs(7, true);
		hears_of_failures(7);
		assert_eq!((System::events(), NodeRegistry::class(7)), (vec![], None));
	});
}

#[test]
fn p7_tier_does_not_rise_above_the_first_without_bond() {
	build_and_execute(|| {
		assert_ok!(NodeRegistry::register_provider(RuntimeOrigin::signed(PROVIDER), BOND));
		let register = Call::register_worker { registration: registration(&PROVIDER, 10) };
		assert_ok!(RuntimeCall::from(register).dispatch(RuntimeOrigin::signed(PROVIDER)));
		for now in [1, 301, 601] {
			prove_at(now, 0, 30_000);
			assert_eq!((tier(0), bond_units()), (1, Some(1)));
			assert_eq!(report(0).limit, TierLimit::Bond);
		}
		raise_bond(BOND);
		assert_eq!(report(0).limit, TierLimit::TooSoon);
		prove_at(901, 0, 30_000);
		assert_eq!((tier(0), bond_units(), report(0).limit), (2, Some(2), TierLimit::Bond));
	});
}

#[test]
fn p7_doubted_proof_raises_no_tier_above_the_first() {
	build_and_execute(|| {
		let worker = machine_exists();
		raise_bond(10 * BOND);
		let prove_at = |now, may_rise| {
			// Proved without a word of the registry, which hears it with the next line.
			let proof = |amount| Some(Proof { amount, proved_at: now, valid_until: 10_000 });
			let capability =
				Capability { processor: proof(300_000), memory: proof(1 << 20), gpus: None };
			go_to(now);
			Proved::mutate(|table| table.insert(worker, capability));
			hears_of_proofs(worker, may_rise);
		};
		for (now, may_rise, expected) in
			[(1, false, 1), (301, false, 1), (601, false, 1), (602, true, 2), (902, false, 2)]
		{
			prove_at(now, may_rise);
			assert_eq!((tier(worker), bond_units()), (expected, Some(u32::from(expected))));
		}
		// Nor does it keep a tier that it does not reach.
		Proved::mutate(|table| table.remove(&worker));
		hears_of_proofs(worker, false);
		assert_eq!(tier(worker), 0);
	});
}

#[test]
fn p7_bond_that_covers_running_work_covers_no_tier() {
	build_and_execute(|| {
		let worker = machine_is_candidate();
		// 300 of bond: two machines' worth takes 200, and half of that covers 100 of work.
		let mut taken = reservation(CLAIMED);
		taken.stake = 201;
		assert_ok!(NodeRegistry::reserve(worker, &taken, 1));
		prove_at(301, worker, 10_000);
		assert_eq!((tier(worker), report(worker).limit), (1, TierLimit::Bond));
		raise_bond(1);
		prove_at(302, worker, 10_000);
		assert_eq!(tier(worker), 2);
	});
}

#[test]
fn all_machines_of_a_provider_share_its_bond() {
	build_and_execute(|| {
		let worker = machine_exists();
		let owner = || RuntimeOrigin::signed(PROVIDER);
		assert_ok!(NodeRegistry::register_worker(owner(), registration(&PROVIDER, 11)));
		prove_at(1, worker, 30_000);
		prove_at(1, 1, 30_000);
		prove_at(301, worker, 30_000);
		prove_at(301, 1, 30_000);
		assert_eq!((tier(worker), tier(1), bond_units()), (2, 1, Some(3)));
		// What one machine gives back, the other may use.
		hears_of_failures(worker);
		prove_at(302, 1, 30_000);
		assert_eq!((tier(worker), tier(1), bond_units()), (0, 2, Some(3)));
		assert_ok!(NodeRegistry::retire_worker(owner(), 1));
		go_to(302 + EXIT_DELAY);
		assert_ok!(NodeRegistry::remove_worker(owner(), 1));
		assert_eq!(bond_units(), Some(1));
	});
}

#[test]
fn machine_on_line_moves_to_its_tiers_list() {
	build_and_execute(|| {
		let worker = machine_is_candidate();
		assert_eq!(OnlinePosition::<Test>::get(worker), Some((1, 0)));
		assert_eq!(NodeRegistry::online_at(1, 0), Some(worker));
		prove_at(301, worker, 10_000);
		assert_eq!(OnlinePosition::<Test>::get(worker), Some((2, 0)));
		assert_eq!(<NodeRegistry as Roster>::lengths(), [0, 0, 1, 0, 0, 0, 0]);
		hears_of_failures(worker);
		assert_eq!(OnlineLengths::<Test>::get(), [1, 0, 0, 0, 0, 0, 0]);
	});
}

#[test]
fn machine_off_line_rises_without_being_listed() {
	build_and_execute(|| {
		let worker = machine_exists();
		prove(worker, 10_000);
		assert_eq!((tier(worker), OnlineLengths::<Test>::get()), (1, [0; 7]));
		assert_ok!(NodeRegistry::heartbeat(RuntimeOrigin::signed(hot_key(10))));
		assert_eq!(OnlinePosition::<Test>::get(worker), Some((1, 0)));
	});
}

#[test]
fn machine_is_idle_when_it_takes_tasks_and_has_none() {
	build_and_execute(|| {
		let worker = machine_is_candidate();
		assert!(NodeRegistry::is_idle(worker) && !NodeRegistry::is_idle(worker + 1));
		assert_ok!(NodeRegistry::drain(RuntimeOrigin::signed(PROVIDER), worker));
		assert!(!NodeRegistry::is_idle(worker));
		assert_ok!(NodeRegistry::resume(RuntimeOrigin::signed(PROVIDER), worker));
		assert_ok!(NodeRegistry::reserve(worker, &reservation(CLAIMED), 1));
		assert!(!NodeRegistry::is_idle(worker));
	});
}

#[test]
fn candidate_counts_no_more_throughput_than_its_tier() {
	build_and_execute(|| {
		let worker = machine_is_candidate();
		let counted = |now| {
			let candidate = NodeRegistry::candidate(worker, now);
			candidate.map(|candidate| candidate.entry.throughput_mops)
		};
		assert_eq!(counted(1), Some(1_999));
		prove_at(301, worker, 10_000);
		assert_eq!(counted(301), Some(10_000));
	});
}

#[test]
fn class_says_why_it_is_no_higher() {
	build_and_execute(|| {
		let worker = machine_exists();
		let nothing = ClassReport {
			class: Class::default(),
			throughput_mops: 0,
			counted_mops: 0,
			memory_mib: 0,
			availability_ppm: 0,
			limit: TierLimit::NotProved,
		};
		assert_eq!(report(worker), nothing);
		prove(worker, 10_000);
		let too_soon = ClassReport {
			class: Class { throughput: 1, memory: 1, availability: 0 },
			throughput_mops: 10_000,
			counted_mops: 1_999,
			memory_mib: 1 << 20,
			limit: TierLimit::TooSoon,
			..nothing
		};
		assert_eq!(report(worker), too_soon);
		go_to(301);
		prove(worker, 10_000);
		let proved = ClassReport {
			class: Class { throughput: 2, memory: 2, availability: 0 },
			counted_mops: 10_000,
			limit: TierLimit::Proved,
			..too_soon
		};
		assert_eq!(report(worker), proved);
		// The proofs of the mock end with block 1,000.
		go_to(1_001);
		assert_eq!(report(worker), nothing);
	});
}

#[test]
fn class_says_how_reliably_a_machine_is_there() {
	build_and_execute(|| {
		let worker = machine_is_candidate();
		for (score_ppm, tier) in
			[(0, 0), (499_999, 0), (500_000, 1), (900_000, 2), (980_000, 3), (998_000, 4)]
		{
			Workers::<Test>::mutate_extant(worker, |it| it.availability.score_ppm = score_ppm);
			let report = report(worker);
			assert_eq!((report.availability_ppm, report.class.availability), (score_ppm, tier));
		}
		NodeRegistry::note_miss(worker);
		assert_eq!(report(worker).class.availability, 2);
	});
}

#[test]
fn p7_proof_of_one_slot_raises_no_other() {
	build_and_execute(|| {
		let worker = machine_exists();
		raise_bond(10 * BOND);
		prove_at(1, worker, 300_000);
		go_to(1_000);
		<NodeRegistry as Standings>::proved(worker, Slot::Memory, true);
		assert_eq!((tier(worker), standing(worker).memory.tier), (1, 2));
		<NodeRegistry as Standings>::failed(worker, Slot::Memory);
		assert_eq!((tier(worker), standing(worker).memory.tier), (1, 0));
	});
}

#[test]
fn doubt_is_a_reason_for_no_higher_tier() {
	build_and_execute(|| {
		let worker = machine_exists();
		raise_bond(10 * BOND);
		prove_at(1, worker, 300_000);
		assert_eq!(report(worker).limit, TierLimit::TooSoon);
		Doubted::set(vec![worker]);
		assert_eq!(report(worker).limit, TierLimit::NotConfirmed);
	});
}

#[test]
fn bond_is_no_reason_where_the_next_tier_takes_none() {
	build_and_execute(|| {
		assert_ok!(NodeRegistry::register_provider(RuntimeOrigin::signed(PROVIDER), BOND));
		let register = Call::register_worker { registration: registration(&PROVIDER, 10) };
		assert_ok!(RuntimeCall::from(register).dispatch(RuntimeOrigin::signed(PROVIDER)));
		prove(0, 10_000);
		// It lost a challenge, and shows at once what it can do.
		<NodeRegistry as Standings>::failed(0, Slot::Processor);
		assert_eq!((tier(0), report(0).limit), (0, TierLimit::TooSoon));
		prove(0, 10_000);
		assert_eq!(tier(0), 1);
	});
}
