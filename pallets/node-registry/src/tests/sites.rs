//! Where machines stand, what they run on, and who signed that.

use crate::{mock::*, Attestors, Error, Event, Workers};
use aidragon_primitives::{
	interface::WorkerDirectory,
	worker::{EnergySource, Region, Site},
	WorkerId,
};
use frame_support::{assert_noop, assert_ok};
use sp_runtime::{AccountId32, DispatchResult};

const WIND: Site = Site { region: Some(Region(*b"DK")), energy: EnergySource::Renewable };

fn declare(worker: WorkerId, site: Site) -> DispatchResult {
	NodeRegistry::declare_site(RuntimeOrigin::signed(PROVIDER), worker, site)
}

fn list(attestor: AccountId32, is_listed: bool) -> DispatchResult {
	NodeRegistry::set_attestor(RuntimeOrigin::root(), attestor, is_listed)
}

fn attest(attestor: AccountId32, worker: WorkerId, energy: EnergySource) -> DispatchResult {
	NodeRegistry::attest_energy(RuntimeOrigin::signed(attestor), worker, energy)
}

fn attestor_of(worker: WorkerId) -> Option<AccountId32> {
	Workers::<Test>::get(worker).and_then(|worker| worker.energy_attestor)
}

/// A machine on wind, as [`OTHER`] signed.
fn attested_machine() -> WorkerId {
	let worker = machine_exists();
	assert_ok!(declare(worker, WIND));
	assert_ok!(list(OTHER, true));
	assert_ok!(attest(OTHER, worker, EnergySource::Renewable));
	worker
}

#[test]
fn site_is_stored_when_provider_declares_it() {
	build_and_execute(|| {
		let worker = machine_exists();
		for site in [WIND, WIND, Site::default()] {
			Heard::set(Vec::new());
			assert_ok!(declare(worker, site));
			// The supply shows the site, so it has to hear of another one.
			assert_eq!(Heard::get(), vec![worker]);
			assert_eq!(Workers::<Test>::get(worker).map(|worker| worker.site), Some(site));
			System::assert_last_event(Event::SiteDeclared { worker, site }.into());
		}
	});
}

#[test]
fn site_is_refused_when_its_region_is_malformed_or_for_no_machine() {
	build_and_execute(|| {
		let worker = machine_exists();
		for letters in [*b"dk", *b"D1", *b"D ", [0; 2]] {
			let site = Site { region: Some(Region(letters)), ..WIND };
			assert_noop!(declare(worker, site), Error::<Test>::MalformedRegion);
		}
		assert_noop!(declare(worker + 1, WIND), Error::<Test>::NoSuchWorker);
	});
}

#[test]
fn energy_is_attested_by_a_listed_account() {
	build_and_execute(|| {
		let worker = machine_exists();
		assert!(!NodeRegistry::is_energy_attested(worker));
		let worker_is_attested = |attestor: AccountId32, energy| {
			System::assert_last_event(Event::EnergyAttested { worker, attestor, energy }.into());
			assert!(NodeRegistry::is_energy_attested(worker));
		};
		assert_ok!(declare(worker, WIND));
		assert_ok!(list(OTHER, true));
		Heard::set(Vec::new());
		assert_ok!(attest(OTHER, worker, EnergySource::Renewable));
		assert_eq!(attestor_of(worker), Some(OTHER));
		assert_eq!(Heard::get(), vec![worker]);
		worker_is_attested(OTHER, EnergySource::Renewable);
		// Another one's word replaces it.
		assert_ok!(list(STRANGER, true));
		assert_ok!(attest(STRANGER, worker, EnergySource::Renewable));
		assert_eq!(attestor_of(worker), Some(STRANGER));
		worker_is_attested(STRANGER, EnergySource::Renewable);
	});
}

#[test]
fn attestation_is_refused_when_attestor_is_not_listed() {
	build_and_execute(|| {
		let worker = machine_exists();
		assert_ok!(declare(worker, WIND));
		let refused = |who| {
			let attestation = attest(who, worker, EnergySource::Renewable);
			assert_noop!(attestation, Error::<Test>::NotAttestor);
		};
		refused(OTHER);
		refused(PROVIDER);
		assert_ok!(list(OTHER, true));
		assert_ok!(list(OTHER, false));
		refused(OTHER);
	});
}

#[test]
fn attestation_is_refused_for_an_own_machine_no_machine_or_another_source() {
	build_and_execute(|| {
		let worker = machine_exists();
		assert_ok!(declare(worker, WIND));
		for who in [PROVIDER, OTHER] {
			assert_ok!(list(who, true));
		}
		let renewable = EnergySource::Renewable;
		assert_noop!(attest(PROVIDER, worker, renewable), Error::<Test>::OwnAttestation);
		assert_noop!(attest(OTHER, worker + 1, renewable), Error::<Test>::NoSuchWorker);
		for energy in [EnergySource::Undeclared, EnergySource::Grid, EnergySource::Nuclear] {
			assert_noop!(attest(OTHER, worker, energy), Error::<Test>::EnergyDiffers);
		}
	});
}

#[test]
fn attestation_is_lost_when_the_site_changes() {
	for site in [
		Site { energy: EnergySource::Nuclear, ..WIND },
		Site { region: Some(Region(*b"DE")), ..WIND },
		Site { region: None, ..WIND },
	] {
		build_and_execute(|| {
			let worker = attested_machine();
			assert_ok!(declare(worker, WIND));
			assert!(NodeRegistry::is_energy_attested(worker), "nothing changed");
			assert_ok!(declare(worker, site));
			assert_eq!(attestor_of(worker), None);
			// What it said before does not bring it back.
			assert_ok!(declare(worker, WIND));
			assert!(!NodeRegistry::is_energy_attested(worker));
		});
	}
}

#[test]
fn attestation_counts_while_its_attestor_is_listed() {
	build_and_execute(|| {
		let worker = attested_machine();
		assert!(NodeRegistry::is_energy_attested(worker));
		assert!(!NodeRegistry::is_energy_attested(worker + 1));
		assert_ok!(list(OTHER, false));
		assert!(!NodeRegistry::is_energy_attested(worker));
		assert_ok!(list(OTHER, true));
		assert!(NodeRegistry::is_energy_attested(worker));
	});
}

#[test]
fn energy_counts_for_tasks_only_while_its_attestor_is_listed() {
	build_and_execute(|| {
		let worker = machine_is_candidate();
		let site = || NodeRegistry::candidate(worker, 1).map(|candidate| candidate.entry.site);
		let undeclared = Site { energy: EnergySource::Undeclared, ..WIND };
		assert_eq!(site(), Some(Site::default()));
		assert_ok!(declare(worker, WIND));
		assert_eq!(site(), Some(undeclared), "a provider's word alone");
		assert_ok!(list(OTHER, true));
		assert_eq!(site(), Some(undeclared), "nobody signed it");
		assert_ok!(attest(OTHER, worker, EnergySource::Renewable));
		assert_eq!(site(), Some(WIND));
		assert_ok!(list(OTHER, false));
		assert_eq!(site(), Some(undeclared), "the attestor is off the list");
		assert_ok!(list(OTHER, true));
		assert_eq!(site(), Some(WIND));
		let nuclear = Site { energy: EnergySource::Nuclear, ..WIND };
		assert_ok!(declare(worker, nuclear));
		assert_eq!(site(), Some(undeclared), "it was signed for another source");
		// What the provider said stays readable.
		assert_eq!(Workers::<Test>::get(worker).map(|worker| worker.site), Some(nuclear));
	});
}

#[test]
fn attestors_are_listed_by_governance() {
	build_and_execute(|| {
		for is_listed in [true, false] {
			assert_ok!(list(OTHER, is_listed));
			assert_eq!(Attestors::<Test>::contains_key(OTHER), is_listed);
			let changed = Event::AttestorChanged { attestor: OTHER, is_listed };
			System::assert_last_event(changed.into());
			assert_noop!(list(OTHER, is_listed), Error::<Test>::AttestorUnchanged);
		}
	});
}
