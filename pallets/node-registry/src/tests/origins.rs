//! P9: every call knows its caller, and everybody else changes nothing.

use crate::{mock::*, Call, Error};
use aidragon_primitives::worker::{EnergySource, Offer, Site, Thresholds};
use frame_support::{
	assert_noop, assert_ok,
	traits::{GetCallName, OriginTrait},
};
use frame_system::RawOrigin;
use sp_runtime::{traits::Dispatchable, AccountId32, DispatchError, DispatchErrorWithPostInfo};

/// One call of each kind, about machine 0.
fn calls() -> Vec<Call<Test>> {
	vec![
		Call::register_provider { bond: BOND },
		Call::increase_bond { amount: 1 },
		Call::register_worker { registration: registration(&PROVIDER, 20) },
		Call::update_offer { worker: 0, offer: Offer::at(1) },
		Call::update_endpoint { encryption_key: [1; 32], address: address(1) },
		Call::heartbeat {},
		Call::drain { worker: 0 },
		Call::resume { worker: 0 },
		Call::retire_worker { worker: 0 },
		Call::remove_worker { worker: 0 },
		Call::exit_provider {},
		Call::withdraw_bond {},
		Call::update_capacity { claimed: CLAIMED },
		Call::declare_site { worker: 0, site: Site::default() },
		Call::attest_energy { worker: 0, energy: EnergySource::Undeclared },
		Call::pause { worker: 0 },
		Call::set_attestor { attestor: OTHER, is_listed: true },
		Call::set_thresholds { thresholds: Thresholds::default() },
	]
}

fn is_for_root(call: &Call<Test>) -> bool {
	matches!(call, Call::set_attestor { .. } | Call::set_thresholds { .. })
}

fn assert_refused(call: Call<Test>, who: AccountId32, error: Error<Test>) {
	let expected: DispatchErrorWithPostInfo<_> = DispatchError::from(error).into();
	assert_noop!(RuntimeCall::from(call).dispatch(RuntimeOrigin::signed(who)), expected);
}

#[test]
fn p9_every_call_refuses_no_signer_and_all_but_governances_refuse_root() {
	build_and_execute(|| {
		machine_exists();
		let names: Vec<_> = calls().iter().map(|call| call.get_call_name()).collect();
		assert_eq!(names, Call::<Test>::get_call_names());
		for call in calls() {
			for origin in [RuntimeOrigin::none(), RuntimeOrigin::root()] {
				if is_for_root(&call) && origin.as_system_ref() == Some(&RawOrigin::Root) {
					continue;
				}
				assert_noop!(
					RuntimeCall::from(call.clone()).dispatch(origin),
					DispatchError::BadOrigin
				);
			}
		}
	});
}

#[test]
fn p9_what_is_governances_refuses_every_signer() {
	build_and_execute(|| {
		machine_exists();
		assert_ok!(NodeRegistry::set_attestor(RuntimeOrigin::root(), OTHER, true));
		for call in calls().into_iter().filter(is_for_root) {
			for who in [PROVIDER, OTHER, STRANGER, hot_key(10)] {
				assert_noop!(
					RuntimeCall::from(call.clone()).dispatch(RuntimeOrigin::signed(who)),
					DispatchError::BadOrigin
				);
			}
		}
	});
}

#[test]
fn p9_every_call_but_registration_refuses_a_stranger() {
	build_and_execute(|| {
		machine_exists();
		for call in calls().into_iter().skip(1).filter(|call| !is_for_root(call)) {
			let error = match call {
				Call::update_offer { .. }
				| Call::declare_site { .. }
				| Call::pause { .. }
				| Call::drain { .. }
				| Call::resume { .. }
				| Call::retire_worker { .. }
				| Call::remove_worker { .. } => Error::NotYourWorker,
				Call::update_endpoint { .. }
				| Call::update_capacity { .. }
				| Call::heartbeat {} => Error::NotAHotKey,
				Call::attest_energy { .. } => Error::NotAttestor,
				_ => Error::NotProvider,
			};
			assert_refused(call, STRANGER, error);
		}
	});
}

#[test]
fn p9_another_provider_and_its_machine_cannot_touch_a_machine() {
	build_and_execute(|| {
		machine_exists();
		let other = || RuntimeOrigin::signed(OTHER);
		assert_ok!(NodeRegistry::register_provider(other(), BOND));
		assert_ok!(NodeRegistry::register_worker(other(), registration(&OTHER, 30)));
		for who in [OTHER, hot_key(30)] {
			for call in [
				Call::update_offer { worker: 0, offer: Offer::at(1) },
				Call::declare_site { worker: 0, site: Site::default() },
				Call::drain { worker: 0 },
				Call::pause { worker: 0 },
				Call::resume { worker: 0 },
				Call::retire_worker { worker: 0 },
				Call::remove_worker { worker: 0 },
			] {
				assert_refused(call, who.clone(), Error::NotYourWorker);
			}
		}
	});
}

#[test]
fn p9_hot_key_cannot_do_what_is_its_providers() {
	build_and_execute(|| {
		machine_exists();
		for call in [
			Call::update_offer { worker: 0, offer: Offer::at(1) },
			Call::declare_site { worker: 0, site: Site::default() },
			Call::retire_worker { worker: 0 },
			Call::remove_worker { worker: 0 },
		] {
			assert_refused(call, hot_key(10), Error::NotYourWorker);
		}
		for call in [
			Call::increase_bond { amount: 1 },
			Call::register_worker { registration: registration(&hot_key(10), 20) },
			Call::exit_provider {},
			Call::withdraw_bond {},
		] {
			assert_refused(call, hot_key(10), Error::NotProvider);
		}
		let attest = Call::attest_energy { worker: 0, energy: EnergySource::Undeclared };
		assert_refused(attest, hot_key(10), Error::NotAttestor);
	});
}

#[test]
fn p9_provider_cannot_speak_for_its_machine() {
	build_and_execute(|| {
		machine_exists();
		assert_refused(Call::heartbeat {}, PROVIDER, Error::NotAHotKey);
		let update = Call::update_endpoint { encryption_key: [1; 32], address: address(1) };
		assert_refused(update, PROVIDER, Error::NotAHotKey);
		assert_refused(Call::update_capacity { claimed: CLAIMED }, PROVIDER, Error::NotAHotKey);
	});
}

#[test]
fn p9_hot_key_is_nobody_after_its_machine_was_removed() {
	build_and_execute(|| {
		let worker = machine_exists();
		let owner = || RuntimeOrigin::signed(PROVIDER);
		assert_ok!(NodeRegistry::retire_worker(owner(), worker));
		go_to(1 + EXIT_DELAY);
		assert_ok!(NodeRegistry::remove_worker(owner(), worker));
		assert_refused(Call::heartbeat {}, hot_key(10), Error::NotAHotKey);
	});
}
