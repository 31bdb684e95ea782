//! Calls: a machine that is on line is asked at times that nobody foresees, and has two blocks to answer.

use crate::{
	mock::*, CalledAt, Calls, EncryptionKeys, Event, HoldReason, NextWorkerId, Obstacle, Online,
	OnlineLengths, OnlinePosition, Providers, WorkerByHotKey, Workers,
};
use aidragon_primitives::{
	interface::{Conduct, WorkerDirectory},
	worker::{Availability, Capacity, CALLS_MAX, CALL_ANSWER_BLOCKS},
	BlockNumber, WorkerId,
};
use frame_support::{
	assert_ok,
	traits::{fungible::InspectHold, Hooks},
};
use sp_runtime::AccountId32;
use std::collections::BTreeSet;

/// The last block in which a call of block 2 can be answered.
const LAST: BlockNumber = 2 + CALL_ANSWER_BLOCKS;

fn heartbeat() {
	assert_ok!(NodeRegistry::heartbeat(RuntimeOrigin::signed(hot_key(10))));
}

fn availability() -> Availability {
	Workers::<Test>::get(0).expect("registered").availability
}

/// Initializes every block up to `block`, none with randomness of its own, so that nobody else is called.
fn run_quietly_to(block: BlockNumber) {
	while System::block_number() < block {
		let now = System::block_number() + 1;
		System::set_block_number(now);
		NodeRegistry::on_initialize(now);
	}
}

/// Writes `count` more machines like machine 0 into the registry, on line in all tiers in turn.
fn many_machines(count: u32) {
	let first = NextWorkerId::<Test>::get();
	let template = Workers::<Test>::get(0).expect("registered");
	let mut units = 0;
	for id in first..first + count {
		let mut key = [0xab; 32];
		key[..4].copy_from_slice(&id.to_le_bytes());
		let mut worker = template.clone();
		worker.hot_key = AccountId32::new(key);
		worker.standing.throughput.tier = (id % 7) as u8;
		worker.availability.come_online(1);
		units += worker.standing.bond_units();
		WorkerByHotKey::<Test>::insert(&worker.hot_key, id);
		EncryptionKeys::<Test>::insert((id, worker.key_epoch), worker.encryption_key);
		NodeRegistry::enlist(id, worker.standing.throughput.tier);
		Workers::<Test>::insert(id, worker);
	}
	NextWorkerId::<Test>::put(first + count);
	Providers::<Test>::mutate_extant(PROVIDER, |provider| {
		provider.workers += count;
		provider.bond_units += units;
	});
}

#[test]
fn machine_that_answers_gains_score_and_stays() {
	build_and_execute(|| {
		let worker = machine_is_candidate();
		assert_eq!(availability().score_ppm, 0);
		next_block_calls();
		assert_eq!(CalledAt::<Test>::get(worker), Some(2));
		System::assert_last_event(Event::WorkersCalled { workers: vec![worker] }.into());
		heartbeat();
		assert_eq!(CalledAt::<Test>::get(worker), None);
		assert_eq!((availability().score_ppm, availability().answered), (15_625, 1));
		run_quietly_to(LAST + 1);
		assert!(availability().is_online());
		assert_eq!((availability().answered, availability().missed), (1, 0));
		assert_eq!(NodeRegistry::obstacle(worker), None);
		assert_eq!(Calls::<Test>::iter().count(), 0);
	});
}

#[test]
fn p8_machine_that_does_not_answer_is_out_and_loses_score_and_no_money() {
	build_and_execute(|| {
		let worker = machine_is_candidate();
		Workers::<Test>::mutate_extant(worker, |it| it.availability.score_ppm = 800_000);
		let money = || {
			let held = Balances::balance_on_hold(&HoldReason::ProviderBond.into(), &PROVIDER);
			let bond = Providers::<Test>::get(PROVIDER).map(|provider| provider.bond);
			(held, bond, Balances::free_balance(&PROVIDER), Balances::total_issuance())
		};
		let before = money();
		next_block_calls();
		run_quietly_to(LAST);
		assert!(availability().is_online());
		Heard::set(Vec::new());
		run_quietly_to(LAST + 1);
		let after = availability();
		assert_eq!((after.score_ppm, after.missed), (750_000, 1));
		assert_eq!(after.offline_since, Some(LAST + 1));
		assert_eq!(NodeRegistry::obstacle(worker), Some(Obstacle::NotLive));
		assert_eq!((Heard::get(), Silent::get()), (vec![worker], vec![worker]));
		System::assert_has_event(Event::WorkerOffline { worker }.into());
		System::assert_last_event(Event::CallMissed { worker, called_at: 2 }.into());
		assert_eq!(money(), before);
		assert_eq!((OnlineLengths::<Test>::get(), Online::<Test>::iter().count()), ([0; 7], 0));
	});
}

#[test]
fn machine_comes_back_by_itself_after_a_missed_call() {
	build_and_execute(|| {
		let worker = machine_is_candidate();
		next_block_calls();
		run_quietly_to(LAST + 1);
		Heard::set(Vec::new());
		heartbeat();
		assert!(availability().is_online());
		assert_eq!(NodeRegistry::obstacle(worker), None);
		assert_eq!(Heard::get(), vec![worker]);
		System::assert_last_event(Event::WorkerOnline { worker }.into());
		// And is called again.
		next_block_calls();
		assert_eq!(CalledAt::<Test>::get(worker), Some(LAST + 2));
	});
}

#[test]
fn answer_counts_in_the_last_block_and_not_one_later() {
	for (block, answered, missed) in [(2, 1, 0), (LAST, 1, 0), (LAST + 1, 0, 1)] {
		build_and_execute(|| {
			machine_is_candidate();
			next_block_calls();
			run_quietly_to(block);
			heartbeat();
			run_quietly_to(LAST + 1);
			assert_eq!((availability().answered, availability().missed), (answered, missed));
			assert!(availability().is_online());
		});
	}
}

#[test]
fn heartbeat_without_a_call_earns_nothing() {
	build_and_execute(|| {
		machine_is_candidate();
		for _ in 0..10 {
			heartbeat();
		}
		assert_eq!((availability().answered, availability().score_ppm), (0, 0));
		next_block_calls();
		heartbeat();
		heartbeat();
		assert_eq!(availability().answered, 1);
	});
}

#[test]
fn p5_nobody_is_called_in_a_block_without_fresh_randomness() {
	build_and_execute(|| {
		machine_is_candidate();
		System::reset_events();
		let calling = calling_beacon();
		for beacon in [None, Some((0, calling)), Some((9, calling)), Some((11, calling))] {
			System::set_block_number(10);
			LatestBeacon::set(beacon);
			NodeRegistry::on_initialize(10);
			assert_eq!(CalledAt::<Test>::iter().count(), 0);
			assert_eq!(Calls::<Test>::iter().count(), 0);
		}
		assert_eq!(System::events(), vec![]);
		LatestBeacon::set(Some((10, calling)));
		NodeRegistry::on_initialize(10);
		assert_eq!(CalledAt::<Test>::get(0), Some(10));
	});
}

#[test]
fn nobody_is_called_where_nobody_is_on_line() {
	build_and_execute(|| {
		machine_exists();
		System::reset_events();
		for _ in 0..9 {
			next_block_calls();
		}
		assert_eq!(CalledAt::<Test>::iter().count(), 0);
		assert_eq!(System::events(), vec![]);
	});
}

#[test]
fn machine_is_called_once_in_twenty_blocks_on_average() {
	build_and_execute(|| {
		machine_is_candidate();
		for block in 2..2_002 {
			run_to(block);
			heartbeat();
		}
		// A hundred of 2,000 blocks, give or take three standard deviations.
		assert!((70..=130).contains(&availability().answered), "{}", availability().answered);
	});
}

#[test]
fn p6_no_more_than_the_limit_are_called_in_one_block() {
	build_and_execute(|| {
		machine_is_candidate();
		many_machines(1_000);
		let mut called = BTreeSet::new();
		for block in 2..12 {
			run_to(block);
			let list = Calls::<Test>::get(block);
			// A machine that is drawn twice, or waits, is called once.
			assert!((25..=CALLS_MAX as usize).contains(&list.len()), "{}", list.len());
			let distinct: BTreeSet<WorkerId> = list.iter().copied().collect();
			assert_eq!(distinct.len(), list.len());
			called.extend(distinct);
			assert_ok!(NodeRegistry::do_try_state());
		}
		let tiers: BTreeSet<u32> = called.iter().map(|worker| worker % 7).collect();
		assert_eq!(tiers.len(), 7, "machines of every tier are called");
		assert!(called.len() > 250, "{}", called.len());
	});
}

#[test]
fn p6_a_block_costs_the_same_for_more_machines() {
	let weigh = |count| {
		let mut weights = Vec::new();
		build_and_execute(|| {
			machine_is_candidate();
			many_machines(count);
			weights.push(next_block_with([9; 32]));
		});
		weights
	};
	assert_eq!(weigh(1_000), weigh(4_000));
}

#[test]
fn paused_and_retiring_machines_are_not_called() {
	for retire in [false, true] {
		build_and_execute(|| {
			let worker = machine_is_candidate();
			let owner = RuntimeOrigin::signed(PROVIDER);
			let rested = match retire {
				true => NodeRegistry::retire_worker(owner, worker),
				false => NodeRegistry::pause(owner, worker),
			};
			assert_ok!(rested);
			for _ in 0..9 {
				next_block_calls();
			}
			assert_eq!(CalledAt::<Test>::get(worker), None);
			assert_eq!((availability().answered, availability().missed), (0, 0));
		});
	}
}

#[test]
fn draining_machine_is_called() {
	build_and_execute(|| {
		let worker = machine_is_candidate();
		assert_ok!(NodeRegistry::drain(RuntimeOrigin::signed(PROVIDER), worker));
		next_block_calls();
		assert_eq!(CalledAt::<Test>::get(worker), Some(2));
		heartbeat();
		assert_eq!(availability().answered, 1);
	});
}

#[test]
fn pausing_is_no_way_around_a_call_unless_the_daemon_signs() {
	for (owner, answered, missed) in [(false, 1, 0), (true, 0, 1)] {
		build_and_execute(|| {
			let worker = machine_is_candidate();
			next_block_calls();
			let caller = if owner { PROVIDER } else { hot_key(10) };
			assert_ok!(NodeRegistry::pause(RuntimeOrigin::signed(caller), worker));
			assert_eq!(CalledAt::<Test>::get(worker), None);
			run_quietly_to(LAST + 1);
			assert_eq!((availability().answered, availability().missed), (answered, missed));
			assert_eq!(Calls::<Test>::iter().count(), 0);
		});
	}
}

#[test]
fn machine_that_is_asked_to_be_quiet_is_not_silent() {
	let owner = || RuntimeOrigin::signed(PROVIDER);
	let quiet: [fn(RuntimeOrigin, WorkerId) -> sp_runtime::DispatchResult; 3] =
		[NodeRegistry::pause, NodeRegistry::retire_worker, NodeRegistry::drain];
	for (index, call) in quiet.into_iter().enumerate() {
		for is_called in [false, true] {
			build_and_execute(|| {
				let worker = machine_is_candidate();
				if is_called {
					next_block_calls();
				}
				assert_ok!(call(owner(), worker));
				assert!(Silent::get().is_empty());
				run_quietly_to(LAST + 1);
				// Who drains is called as before, and has to answer.
				let is_silent = is_called && index == 2;
				assert_eq!(Silent::get(), if is_silent { vec![worker] } else { vec![] });
			});
		}
	}
}

#[test]
fn supply_hears_of_no_silence_when_the_machine_answers() {
	build_and_execute(|| {
		machine_is_candidate();
		next_block_calls();
		heartbeat();
		run_quietly_to(LAST + 1);
		assert!(Silent::get().is_empty());
	});
}

#[test]
fn what_is_missed_while_a_call_waits_counts_once() {
	build_and_execute(|| {
		let worker = machine_is_candidate();
		let taken = reservation(Capacity::cpu(1, 1));
		assert_ok!(NodeRegistry::reserve(worker, &taken, System::block_number()));
		next_block_calls();
		NodeRegistry::release(worker, &taken, Conduct::Missed);
		run_quietly_to(LAST + 1);
		assert_eq!((availability().missed, Silent::get()), (1, vec![worker]));
	});
}

#[test]
fn second_call_is_not_made_while_one_waits() {
	build_and_execute(|| {
		let worker = machine_is_candidate();
		for _ in 2..=LAST {
			next_block_calls();
		}
		assert_eq!(CalledAt::<Test>::get(worker), Some(2));
		assert_eq!(Calls::<Test>::iter_keys().collect::<Vec<_>>(), vec![2]);
		heartbeat();
		next_block_calls();
		assert_eq!(CalledAt::<Test>::get(worker), Some(LAST + 1));
	});
}

#[test]
fn answer_to_a_later_call_does_not_stand_for_an_earlier_one() {
	build_and_execute(|| {
		let worker = machine_is_candidate();
		next_block_calls();
		heartbeat();
		next_block_calls();
		assert_eq!(CalledAt::<Test>::get(worker), Some(3));
		// The call of block 2 is closed; the one of block 3 waits on.
		run_quietly_to(LAST + 1);
		assert_eq!((CalledAt::<Test>::get(worker), availability().missed), (Some(3), 0));
		run_quietly_to(LAST + 2);
		assert_eq!((availability().answered, availability().missed), (1, 1));
	});
}

#[test]
fn p5_same_beacon_draws_the_same_machines() {
	let draw = |beacon| {
		let mut list = Vec::new();
		build_and_execute(|| {
			machine_is_candidate();
			many_machines(500);
			next_block_with(beacon);
			list = Calls::<Test>::get(2).into_inner();
		});
		list
	};
	assert_eq!(draw([1; 32]), draw([1; 32]));
	assert_ne!(draw([1; 32]), draw([2; 32]));
}

#[test]
fn roster_stays_dense_when_machines_come_and_go() {
	build_and_execute(|| {
		machine_is_candidate();
		many_machines(30);
		// The last of a list, one in the middle, the first.
		for worker in [29, 8, 1, 0, 15, 22] {
			NodeRegistry::note_miss(worker);
			assert_eq!(OnlinePosition::<Test>::get(worker), None);
			assert_ok!(NodeRegistry::do_try_state());
		}
		assert_eq!(OnlineLengths::<Test>::get().iter().sum::<u32>(), 25);
		heartbeat();
		assert_eq!(OnlineLengths::<Test>::get().iter().sum::<u32>(), 26);
	});
}

#[test]
fn hundreds_of_answers_make_a_full_score_and_one_miss_breaks_it() {
	build_and_execute(|| {
		machine_is_candidate();
		for _ in 2..300 {
			next_block_calls();
			heartbeat();
		}
		let before = availability();
		assert_eq!((before.answered, before.missed), (298, 0));
		assert!(before.score_ppm > 980_000, "{}", before.score_ppm);
		next_block_calls();
		run_quietly_to(303);
		assert!(availability().score_ppm < 940_000);
	});
}
