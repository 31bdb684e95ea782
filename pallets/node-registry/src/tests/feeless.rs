//! When a machine's own calls are free.

use crate::{mock::*, Call};
use aidragon_primitives::{worker::HEARTBEAT_BLOCKS, WorkerId};
use frame_support::{assert_ok, dispatch::CheckIfFeeless};

/// Blocks after which a sign of life is free again.
const DUE: u32 = HEARTBEAT_BLOCKS / 2;

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

fn update_endpoint(key: u8, port: u16) -> Call<Test> {
	Call::update_endpoint { encryption_key: [key; 32], address: address(port) }
}

#[test]
fn heartbeat_is_free_only_when_due() {
	build_and_execute(|| {
		machine_exists();
		assert!(is_free(Call::heartbeat {}, machine()));
		assert_ok!(NodeRegistry::heartbeat(machine()));
		assert!(!is_free(Call::heartbeat {}, machine()));
		go_to(1 + DUE - 1);
		assert!(!is_free(Call::heartbeat {}, machine()));
		go_to(1 + DUE);
		assert!(is_free(Call::heartbeat {}, machine()));
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
fn resume_is_free_only_when_own_machine_drains_and_is_due() {
	build_and_execute(|| {
		let worker = machine_exists();
		assert!(!is_free(resume(worker), machine()), "active already");
		assert_ok!(NodeRegistry::drain(machine(), worker));
		assert!(!is_free(resume(worker), machine()), "too soon");
		go_to(1 + DUE);
		assert!(is_free(resume(worker), machine()));
		assert!(!is_free(resume(worker + 1), machine()), "another machine");
	});
}

#[test]
fn draining_and_resuming_in_turn_is_not_free_without_end() {
	build_and_execute(|| {
		let worker = machine_exists();
		let mut free = 0;
		for _ in 0..10 {
			for call in [drain(worker), resume(worker)] {
				if is_free(call.clone(), machine()) {
					assert_ok!(
						frame_support::traits::UnfilteredDispatchable::dispatch_bypass_filter(
							call,
							machine()
						)
					);
					free += 1;
				}
			}
		}
		assert_eq!(free, 1);
	});
}

#[test]
fn p9_nothing_is_free_for_anybody_else() {
	build_and_execute(|| {
		let worker = machine_exists();
		let calls = [Call::heartbeat {}, update_endpoint(11, 1), drain(worker), resume(worker)];
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
fn p9_calls_of_a_provider_are_never_free() {
	build_and_execute(|| {
		let worker = machine_exists();
		for call in [
			Call::register_provider { bond: BOND },
			Call::increase_bond { amount: 1 },
			Call::register_worker { registration: registration(&PROVIDER, 11) },
			Call::update_price { worker, price_per_gfuel: 1 },
			Call::retire_worker { worker },
			Call::remove_worker { worker },
			Call::exit_provider {},
			Call::withdraw_bond {},
		] {
			for origin in [RuntimeOrigin::signed(PROVIDER), machine()] {
				assert!(!is_free(call.clone(), origin));
			}
		}
	});
}
