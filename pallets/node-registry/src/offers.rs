//! What the calls do that change what a machine has, asks and says about itself.

use crate::{Attestors, Config, EncryptionKeys, Error, Event, Pallet, Workers};
use aidragon_primitives::{
	interface::{Capabilities, SupplyListener},
	worker::{Capacity, EnergySource, Offer, Site, TransportAddress, Worker, KEY_EPOCHS_KEPT},
	WorkerId,
};
use frame_support::ensure;
use sp_runtime::DispatchResult;

impl<T: Config> Pallet<T> {
	pub(crate) fn check_offer(offer: &Offer) -> DispatchResult {
		match offer.malformed_field() {
			None => Ok(()),
			Some("refuses") => Err(Error::<T>::MalformedRefusal.into()),
			Some("hours") => Err(Error::<T>::MalformedHours.into()),
			Some(_) => Err(Error::<T>::PriceIsZero.into()),
		}
	}

	pub(crate) fn check_address(address: &TransportAddress) -> DispatchResult {
		let named = !address.sockets.is_empty() || address.http.is_some();
		ensure!(named && address.malformed_field().is_none(), Error::<T>::MalformedAddress);
		Ok(())
	}

	pub(crate) fn do_update_offer(
		provider: T::AccountId,
		id: WorkerId,
		offer: Offer,
	) -> DispatchResult {
		let mut worker = Self::own_worker(&provider, id)?;
		Self::check_offer(&offer)?;
		worker.offer = offer;
		Workers::<T>::insert(id, worker);
		T::Supply::supply_changed(id);
		Self::deposit_event(Event::OfferUpdated { worker: id, offer });
		Ok(())
	}

	pub(crate) fn do_declare_site(
		provider: T::AccountId,
		id: WorkerId,
		site: Site,
	) -> DispatchResult {
		let mut worker = Self::own_worker(&provider, id)?;
		ensure!(site.malformed_field().is_none(), Error::<T>::MalformedRegion);
		// An attestor signed for one place and one source.
		if worker.site != site {
			worker.energy_attestor = None;
		}
		worker.site = site;
		Workers::<T>::insert(id, worker);
		T::Supply::supply_changed(id);
		Self::deposit_event(Event::SiteDeclared { worker: id, site });
		Ok(())
	}

	pub(crate) fn do_attest_energy(
		attestor: T::AccountId,
		id: WorkerId,
		energy: EnergySource,
	) -> DispatchResult {
		ensure!(Attestors::<T>::contains_key(&attestor), Error::<T>::NotAttestor);
		let mut worker = Workers::<T>::get(id).ok_or(Error::<T>::NoSuchWorker)?;
		ensure!(worker.provider != attestor, Error::<T>::OwnAttestation);
		ensure!(worker.site.energy == energy, Error::<T>::EnergyDiffers);
		worker.energy_attestor = Some(attestor.clone());
		Workers::<T>::insert(id, worker);
		T::Supply::supply_changed(id);
		Self::deposit_event(Event::EnergyAttested { worker: id, attestor, energy });
		Ok(())
	}

	pub(crate) fn do_update_endpoint(
		hot_key: T::AccountId,
		encryption_key: [u8; 32],
		address: TransportAddress,
	) -> DispatchResult {
		let (id, mut worker) = Self::hot_worker(&hot_key).ok_or(Error::<T>::NotAHotKey)?;
		Self::check_address(&address)?;
		if worker.encryption_key != encryption_key {
			Self::rotate_key(id, &mut worker, encryption_key)?;
		}
		worker.address = address;
		Self::note_sign_of_life(id, &mut worker);
		Workers::<T>::insert(id, worker);
		T::Supply::supply_changed(id);
		Self::deposit_event(Event::EndpointUpdated { worker: id });
		Ok(())
	}

	/// Begins a new epoch. The key before it stays readable, for work that was begun with it.
	fn rotate_key(
		id: WorkerId,
		worker: &mut Worker<T::AccountId>,
		encryption_key: [u8; 32],
	) -> DispatchResult {
		worker.key_epoch = worker.key_epoch.checked_add(1).ok_or(Error::<T>::Overflow)?;
		worker.encryption_key = encryption_key;
		EncryptionKeys::<T>::insert((id, worker.key_epoch), encryption_key);
		if let Some(old) = worker.key_epoch.checked_sub(KEY_EPOCHS_KEPT) {
			EncryptionKeys::<T>::remove((id, old));
		}
		Ok(())
	}

	pub(crate) fn check_capacity(
		hot_key: &T::AccountId,
		claimed: &Capacity,
	) -> Result<(WorkerId, Worker<T::AccountId>), Error<T>> {
		let (id, mut worker) = Self::hot_worker(hot_key).ok_or(Error::<T>::NotAHotKey)?;
		Self::check_claim(claimed)?;
		worker.ledger.resize(*claimed).map_err(|_| Error::<T>::CapacityReserved)?;
		Ok((id, worker))
	}

	pub(crate) fn do_update_capacity(hot_key: T::AccountId, claimed: Capacity) -> DispatchResult {
		let before = Self::hot_worker(&hot_key).map(|(_, worker)| worker.ledger.claimed());
		let (id, mut worker) = Self::check_capacity(&hot_key, &claimed)?;
		Self::note_sign_of_life(id, &mut worker);
		Workers::<T>::insert(id, worker);
		// More than was claimed when it proved what it has: other hardware, for all the chain knows.
		if before.is_some_and(|before| before.min(&claimed) != claimed) {
			T::Capabilities::hardware_changed(id);
		}
		T::Supply::supply_changed(id);
		Self::deposit_event(Event::CapacityUpdated { worker: id, claimed });
		Ok(())
	}

	pub(crate) fn check_claim(claimed: &Capacity) -> Result<(), Error<T>> {
		ensure!(claimed.vcpus > 0 && claimed.memory_mib > 0, Error::<T>::NothingClaimed);
		ensure!(claimed.gpus.is_valid(), Error::<T>::MalformedGpus);
		Ok(())
	}

	pub(crate) fn do_heartbeat(hot_key: T::AccountId) -> DispatchResult {
		let (id, mut worker) = Self::hot_worker(&hot_key).ok_or(Error::<T>::NotAHotKey)?;
		let is_answer = Self::is_called(id) && worker.availability.is_online();
		Self::note_answer(id, &mut worker);
		Self::note_sign_of_life(id, &mut worker);
		Workers::<T>::insert(id, worker);
		// An answer changes nothing about who may be drawn; anything else does.
		if !is_answer {
			T::Supply::supply_changed(id);
		}
		Ok(())
	}
}
