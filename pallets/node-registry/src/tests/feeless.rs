//! When a machine's own calls are free.

use crate::{mock::*, Call, CalledAt};
use aidragon_primitives::{
	worker::{EnergySource, Offer, Site, Thresholds, FREE_CALL_BLOCKS},
	WorkerId,
};
use frame_support::{assert_ok, dispatch::CheckIfFeeless, traits::UnfilteredDispatchable};

/// Blocks after which a call that asks nothing else than to wait is free again.
const DUE: u32 = FREE_CALL_BLOCKS;

fn is_free(call: Call<Test>, origin: RuntimeOrigin) -> bool {
	RuntimeCall::from(call).is_feeless(&origin)
}

fn machine() -> RuntimeOrigin {
	RuntimeOrigin::signed(hot_key(10))
}

fn drain(worker: WorkerId) -> Call<Test> {
	Call::drain { worker }
}

fn resume(worker: WorkerId) -> Call<Test> {
	Call::resume { worker }
}

fn pause(worker: WorkerId) -> Call<Test> {
	Call::pause { worker }
}

fn update_endpoint(key: u8, port: u16) -> Call<Test> {
	Call::update_endpoint { encryption_key: [key; 32], address: address(port) }
}

#[test]
fn heartbeat_is_free_only_when_off_line_or_called() {
	build_and_execute(|| {
		let worker = machine_exists();
		let is_free = || is_free(Call::heartbeat {}, machine());
		assert!(is_free(), "it never showed itself");
		assert_ok!(NodeRegistry::heartbeat(machine()));
		assert!(!is_free());
		go_to(1_000);
		assert!(!is_free(), "nobody asked, however long ago it was");
		next_block_calls();
		assert!(CalledAt::<Test>::contains_key(worker));
		assert!(is_free(), "called");
		assert_ok!(NodeRegistry::heartbeat(machine()));
		assert!(!is_free(), "answered");
	});
}

#[test]
fn heartbeat_of_a_called_machine_is_free_however_soon() {
	build_and_execute(|| {
		machine_is_candidate();
		next_block_calls();
		// Last seen one block ago.
		assert!(is_free(Call::heartbeat {}, machine()));
	});
}

#[test]
fn return_on_line_is_free_once_in_a_while() {
	build_and_execute(|| {
		let worker = machine_exists();
		for block in [1, 1 + DUE, 1 + 2 * DUE] {
			go_to(block - 1);
			assert!(block == 1 || !is_free(Call::heartbeat {}, machine()), "too soon");
			go_to(block);
			assert!(is_free(Call::heartbeat {}, machine()));
			assert_ok!(NodeRegistry::heartbeat(machine()));
			NodeRegistry::note_miss(worker);
		}
	});
}

#[test]
fn heartbeat_is_free_for_a_machine_that_the_supply_lacks_though_it_could_work() {
	build_and_execute(|| {
		let worker = machine_is_candidate();
		Overlooked::set(vec![worker]);
		assert!(!is_free(Call::heartbeat {}, machine()), "too soon");
		go_to(1 + DUE);
		assert!(is_free(Call::heartbeat {}, machine()));
		Heard::set(Vec::new());
		assert_ok!(NodeRegistry::heartbeat(machine()));
		assert_eq!(Heard::get(), vec![worker]);
		go_to(1 + 2 * DUE);
		BondPerWorker::set(BOND * 4);
		assert!(!is_free(Call::heartbeat {}, machine()), "no bond, no work");
	});
}

#[test]
fn heartbeat_is_free_for_a_machine_that_can_come_on_line() {
	build_and_execute(|| {
		let worker = machine_exists();
		let owner = || RuntimeOrigin::signed(PROVIDER);
		assert_ok!(NodeRegistry::drain(owner(), worker));
		assert!(is_free(Call::heartbeat {}, machine()), "draining");
		assert_ok!(NodeRegistry::pause(owner(), worker));
		assert!(!is_free(Call::heartbeat {}, machine()), "paused");
		assert_ok!(NodeRegistry::retire_worker(owner(), worker));
		assert!(!is_free(Call::heartbeat {}, machine()), "retiring");
	});
}

#[test]
fn endpoint_is_free_only_when_it_changes_and_is_due() {
	build_and_execute(|| {
		machine_exists();
		assert!(!is_free(update_endpoint(10, 4_433), machine()), "nothing changes");
		assert!(is_free(update_endpoint(11, 4_433), machine()), "another key");
		assert!(is_free(update_endpoint(10, 4_434), machine()), "another address");
		assert_ok!(NodeRegistry::update_endpoint(machine(), [11; 32], address(4_433)));
		assert!(!is_free(update_endpoint(12, 4_433), machine()), "too soon");
		go_to(1 + DUE);
		assert!(is_free(update_endpoint(12, 4_433), machine()));
	});
}

#[test]
fn drain_is_free_only_when_own_machine_is_active() {
	build_and_execute(|| {
		let worker = machine_exists();
		assert!(is_free(drain(worker), machine()));
		assert!(!is_free(drain(worker + 1), machine()), "another machine");
		assert_ok!(NodeRegistry::drain(machine(), worker));
		assert!(!is_free(drain(worker), machine()), "draining already");
	});
}

#[test]
fn pause_is_free_only_when_own_machine_is_active_or_drains() {
	build_and_execute(|| {
		let worker = machine_exists();
		assert!(is_free(pause(worker), machine()));
		assert!(!is_free(pause(worker + 1), machine()), "another machine");
		assert_ok!(NodeRegistry::drain(machine(), worker));
		assert!(is_free(pause(worker), machine()));
		assert_ok!(NodeRegistry::pause(machine(), worker));
		assert!(!is_free(pause(worker), machine()), "paused already");
		assert!(!is_free(drain(worker), machine()), "a paused machine cannot drain for free");
		assert_ok!(NodeRegistry::retire_worker(RuntimeOrigin::signed(PROVIDER), worker));
		assert!(!is_free(pause(worker), machine()), "retiring");
	});
}

#[test]
fn resume_is_free_only_when_own_machine_rests_and_is_due() {
	for rest in [drain as fn(WorkerId) -> Call<Test>, pause] {
		build_and_execute(|| {
			let worker = machine_exists();
			assert!(!is_free(resume(worker), machine()), "active already");
			assert_ok!(rest(worker).dispatch_bypass_filter(machine()));
			assert!(!is_free(resume(worker), machine()), "too soon");
			go_to(1 + DUE);
			assert!(is_free(resume(worker), machine()));
			assert!(!is_free(resume(worker + 1), machine()), "another machine");
		});
	}
}

#[test]
fn resting_and_resuming_in_turn_is_not_free_without_end() {
	build_and_execute(|| {
		let worker = machine_exists();
		let mut free = 0;
		for _ in 0..10 {
			for call in [drain(worker), pause(worker), resume(worker)] {
				if is_free(call.clone(), machine()) {
					assert_ok!(call.dispatch_bypass_filter(machine()));
					free += 1;
				}
			}
		}
		assert_eq!(free, 2);
	});
}

#[test]
fn p9_nothing_is_free_for_anybody_else() {
	build_and_execute(|| {
		let worker = machine_exists();
		let calls = [
			Call::heartbeat {},
			update_endpoint(11, 1),
			Call::update_capacity { claimed: Default::default() },
			drain(worker),
			pause(worker),
			resume(worker),
		];
		let others = [
			RuntimeOrigin::none(),
			RuntimeOrigin::root(),
			RuntimeOrigin::signed(PROVIDER),
			RuntimeOrigin::signed(STRANGER),
		];
		for call in calls {
			for origin in others.clone() {
				assert!(!is_free(call.clone(), origin));
			}
		}
	});
}

#[test]
fn p9_calls_of_providers_attestors_and_governance_are_never_free() {
	build_and_execute(|| {
		let worker = machine_exists();
		for call in [
			Call::register_provider { bond: BOND },
			Call::increase_bond { amount: 1 },
			Call::register_worker { registration: registration(&PROVIDER, 11) },
			Call::update_offer { worker, offer: Offer::at(1) },
			Call::declare_site { worker, site: Site::default() },
			Call::attest_energy { worker, energy: EnergySource::Undeclared },
			Call::set_attestor { attestor: OTHER, is_listed: true },
			Call::set_thresholds { thresholds: Thresholds::default() },
			Call::retire_worker { worker },
			Call::remove_worker { worker },
			Call::exit_provider {},
			Call::withdraw_bond {},
		] {
			for origin in [RuntimeOrigin::signed(PROVIDER), machine(), RuntimeOrigin::root()] {
				assert!(!is_free(call.clone(), origin));
			}
		}
	});
}
