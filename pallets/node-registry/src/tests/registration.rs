//! Registering machines, with the consent of their hot keys.

use crate::{
	mock::*, EncryptionKeys, Error, Event, NextWorkerId, Providers, WorkerByHotKey, Workers,
};
use aidragon_primitives::{
	attestation::hot_key_consent,
	resources::Gpus,
	worker::{
		Availability, Capacity, Hours, Ledger, Offer, Region, Registration, Site, SocketText,
		Standing, TaskKinds, TransportAddress, Worker, WorkerStatus,
	},
	WorkerId,
};
use codec::Encode;
use frame_support::{assert_noop, assert_ok, traits::fungible::Inspect};
use sp_core::Pair;
use sp_runtime::{AccountId32, DispatchResult};

fn register(registration: Registration<AccountId32>) -> DispatchResult {
	NodeRegistry::register_worker(RuntimeOrigin::signed(PROVIDER), registration)
}

fn socket(text: &str) -> SocketText {
	SocketText::try_from(text.as_bytes().to_vec()).expect("short enough")
}

#[test]
fn machine_is_stored_as_registered() {
	build_and_execute(|| {
		provider_exists();
		let site = Site { region: Some(Region(*b"IS")), ..Site::default() };
		let request = Registration { site, ..registration(&PROVIDER, 10) };
		assert_ok!(register(request.clone()));
		let expected = Worker {
			provider: PROVIDER,
			hot_key: hot_key(10),
			encryption_key: request.encryption_key,
			key_epoch: 0,
			address: request.address,
			ledger: Ledger::new(CLAIMED),
			offer: Offer::at(5),
			site,
			energy_attestor: None,
			status: WorkerStatus::Active,
			availability: Availability::new(1),
			standing: Standing::default(),
			last_seen: None,
			running: 0,
			accepted: 0,
			missed: 0,
		};
		assert_eq!(Workers::<Test>::get(0), Some(expected.clone()));
		assert_eq!(WorkerByHotKey::<Test>::get(hot_key(10)), Some(0));
		assert_eq!(NextWorkerId::<Test>::get(), 1);
		assert_eq!(EncryptionKeys::<Test>::get((0, 0)), Some(request.encryption_key));
		let counts = Providers::<Test>::get(PROVIDER).map(|it| (it.workers, it.bond_units));
		assert_eq!(counts, Some((1, 1)));
		assert_eq!(NodeRegistry::worker_by_hot_key(hot_key(10)), Some((0, expected)));
		assert_eq!(NodeRegistry::worker_by_hot_key(PROVIDER), None);
		System::assert_last_event(
			Event::WorkerRegistered { worker: 0, provider: PROVIDER, hot_key: hot_key(10) }.into(),
		);
	});
}

#[test]
fn hot_key_account_exists_without_a_balance() {
	build_and_execute(|| {
		assert!(!System::account_exists(&hot_key(10)));
		machine_exists();
		assert_eq!(Balances::total_balance(&hot_key(10)), 0);
		assert_eq!(System::sufficients(&hot_key(10)), 1);
		assert!(System::account_exists(&hot_key(10)));
	});
}

#[test]
fn numbers_rise_and_are_never_reused() {
	build_and_execute(|| {
		let first = machine_exists();
		let origin = RuntimeOrigin::signed(PROVIDER);
		assert_ok!(NodeRegistry::retire_worker(origin.clone(), first));
		go_to(1 + EXIT_DELAY);
		assert_ok!(NodeRegistry::remove_worker(origin, first));
		assert_ok!(register(registration(&PROVIDER, 10)));
		assert_eq!(WorkerByHotKey::<Test>::get(hot_key(10)), Some(1));
	});
}

#[test]
fn machine_is_refused_when_caller_is_not_a_provider() {
	build_and_execute(|| {
		assert_noop!(register(registration(&PROVIDER, 10)), Error::<Test>::NotProvider);
	});
}

#[test]
fn machine_is_refused_when_provider_is_leaving() {
	build_and_execute(|| {
		provider_exists();
		assert_ok!(NodeRegistry::exit_provider(RuntimeOrigin::signed(PROVIDER)));
		assert_noop!(register(registration(&PROVIDER, 10)), Error::<Test>::ProviderLeaving);
	});
}

#[test]
fn machine_is_refused_when_provider_has_the_most() {
	build_and_execute(|| {
		provider_exists();
		assert_ok!(NodeRegistry::increase_bond(RuntimeOrigin::signed(PROVIDER), 10 * BOND));
		for n in 10..10 + WORKERS_MAX as u8 {
			assert_ok!(register(registration(&PROVIDER, n)));
		}
		assert_noop!(register(registration(&PROVIDER, 99)), Error::<Test>::TooManyWorkers);
	});
}

#[test]
fn machine_is_refused_when_bond_does_not_cover_it() {
	build_and_execute(|| {
		let bond = 2 * BOND - 1;
		assert_ok!(NodeRegistry::register_provider(RuntimeOrigin::signed(PROVIDER), bond));
		assert_ok!(register(registration(&PROVIDER, 10)));
		assert_noop!(register(registration(&PROVIDER, 11)), Error::<Test>::BondTooLow);
		assert_ok!(NodeRegistry::increase_bond(RuntimeOrigin::signed(PROVIDER), 1));
		assert_ok!(register(registration(&PROVIDER, 11)));
	});
}

#[test]
fn machine_is_refused_when_its_hot_key_is_in_use() {
	build_and_execute(|| {
		machine_exists();
		assert_noop!(register(registration(&PROVIDER, 10)), Error::<Test>::HotKeyInUse);
		assert_ok!(NodeRegistry::register_provider(RuntimeOrigin::signed(OTHER), BOND));
		assert_noop!(
			NodeRegistry::register_worker(RuntimeOrigin::signed(OTHER), registration(&OTHER, 10)),
			Error::<Test>::HotKeyInUse
		);
	});
}

#[test]
fn machine_is_refused_when_its_hot_key_is_the_provider() {
	build_and_execute(|| {
		provider_exists();
		let request = Registration { hot_key: PROVIDER, ..registration(&PROVIDER, 10) };
		assert_noop!(register(request), Error::<Test>::HotKeyIsProvider);
	});
}

#[test]
fn machine_is_refused_when_it_asks_nothing() {
	build_and_execute(|| {
		provider_exists();
		let request = Registration { offer: Offer::at(0), ..registration(&PROVIDER, 10) };
		assert_noop!(register(request), Error::<Test>::PriceIsZero);
	});
}

#[test]
fn machine_is_refused_when_its_refusals_its_hours_or_its_region_are_malformed() {
	build_and_execute(|| {
		provider_exists();
		let offer = Offer { refuses: TaskKinds::ALL, ..Offer::at(5) };
		let request = Registration { offer, ..registration(&PROVIDER, 10) };
		assert_noop!(register(request), Error::<Test>::MalformedRefusal);
		let hours = Some(Hours { from_minute: 60, until_minute: 60 });
		let offer = Offer { hours, ..Offer::at(5) };
		let request = Registration { offer, ..registration(&PROVIDER, 10) };
		assert_noop!(register(request), Error::<Test>::MalformedHours);
		let site = Site { region: Some(Region(*b"is")), ..Site::default() };
		let request = Registration { site, ..registration(&PROVIDER, 10) };
		assert_noop!(register(request), Error::<Test>::MalformedRegion);
	});
}

#[test]
fn machine_is_refused_when_the_bond_is_taken_by_a_tier() {
	build_and_execute(|| {
		let bond = 2 * BOND;
		assert_ok!(NodeRegistry::register_provider(RuntimeOrigin::signed(PROVIDER), bond));
		assert_ok!(register(registration(&PROVIDER, 10)));
		prove(0, 10_000);
		go_to(301);
		prove(0, 10_000);
		assert_noop!(register(registration(&PROVIDER, 11)), Error::<Test>::BondTooLow);
		// A lower proof sets it free.
		prove(0, 1_000);
		assert_ok!(register(registration(&PROVIDER, 11)));
	});
}

#[test]
fn machine_is_refused_when_it_claims_nothing() {
	build_and_execute(|| {
		provider_exists();
		for claimed in [Capacity::cpu(0, 1), Capacity::cpu(1, 0), Capacity::default()] {
			let request = Registration { claimed, ..registration(&PROVIDER, 10) };
			assert_noop!(register(request), Error::<Test>::NothingClaimed);
		}
	});
}

#[test]
fn machine_is_refused_when_it_claims_more_graphics_processors_than_there_can_be() {
	build_and_execute(|| {
		provider_exists();
		for gpus in [Gpus { count: 17, ..GPUS }, Gpus { class: 16, ..GPUS }] {
			let claimed = Capacity { gpus, ..CLAIMED };
			let request = Registration { claimed, ..registration(&PROVIDER, 10) };
			assert_noop!(register(request), Error::<Test>::MalformedGpus);
		}
		let claimed = Capacity { gpus: GPUS, ..CLAIMED };
		assert_ok!(register(Registration { claimed, ..registration(&PROVIDER, 10) }));
		let stored = Workers::<Test>::get(0).map(|worker| worker.ledger.claimed());
		assert_eq!(stored, Some(claimed));
	});
}

#[test]
fn machine_is_refused_when_its_address_is_malformed() {
	build_and_execute(|| {
		provider_exists();
		let one = |text: &str| TransportAddress {
			sockets: vec![socket(text)].try_into().expect("one socket"),
			..Default::default()
		};
		let http = |text: &str| TransportAddress { http: Some(socket(text)), ..Default::default() };
		for address in [TransportAddress::default(), one("host:1"), one(""), http("192.0.2.1")] {
			let request = Registration { address, ..registration(&PROVIDER, 10) };
			assert_noop!(register(request), Error::<Test>::MalformedAddress);
		}
		// One socket of either kind is enough.
		let request = Registration { address: http("192.0.2.1:80"), ..registration(&PROVIDER, 10) };
		assert_ok!(register(request));
	});
}

#[test]
fn machine_is_refused_when_consent_does_not_name_this_pair() {
	build_and_execute(|| {
		provider_exists();
		let sign = |key: u8, genesis: [u8; 32], provider: &AccountId32| {
			hot_pair(key).sign(&hot_key_consent(&genesis, &provider.encode())).0
		};
		let unsigned = [0; 64];
		let by_another_key = sign(11, genesis(), &PROVIDER);
		let for_another_provider = sign(10, genesis(), &OTHER);
		let for_another_chain = sign(10, [0; 32], &PROVIDER);
		for consent in [unsigned, by_another_key, for_another_provider, for_another_chain] {
			let request = Registration { consent, ..registration(&PROVIDER, 10) };
			assert_noop!(register(request), Error::<Test>::BadConsent);
		}
	});
}

#[test]
fn machine_is_refused_when_numbers_are_used_up() {
	build_and_execute(|| {
		provider_exists();
		NextWorkerId::<Test>::put(WorkerId::MAX);
		assert_noop!(register(registration(&PROVIDER, 10)), Error::<Test>::Overflow);
		NextWorkerId::<Test>::put(WorkerId::MAX - 1);
		assert_ok!(register(registration(&PROVIDER, 10)));
	});
}
