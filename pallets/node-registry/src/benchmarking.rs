//! Benchmarks of the calls, in the state that costs them most: long addresses, and a machine that the
//! supply takes in beside others or lets go from among them.

use crate::{
	Attestors, Call, CalledAt, Calls, ClassThresholds, Config, Online, OnlineLengths,
	OnlinePosition, Pallet, Providers, WorkerByHotKey, Workers,
};
use aidragon_primitives::{
	attestation::hot_key_consent,
	worker::{
		Capacity, EnergySource, Offer, Region, Registration, Site, SocketText, Thresholds,
		TransportAddress, WorkerStatus, CALLS_MAX, CALL_INTERVAL_BLOCKS, PROOF_TIERS, SOCKETS_MAX,
		SOCKET_BYTES_MAX,
	},
	Balance, BlockNumber, Hash32, WorkerId,
};
use alloc::{format, vec, vec::Vec};
use codec::{Decode, Encode};
use frame_benchmarking::v2::*;
use frame_support::{
	traits::{
		fungible::{Inspect, Unbalanced},
		tokens::Precision,
		EnsureOrigin, Get,
	},
	BoundedVec,
};
use frame_system::RawOrigin;
use sp_core::crypto::KeyTypeId;
use sp_runtime::traits::Zero;

/// What benchmarks need of the runtime around the pallet.
pub trait BenchmarkHelper {
	/// Lets `worker` have proved more than it claims.
	fn prove(worker: WorkerId);
	/// Lets `block` have the newest beacon.
	fn set_beacon(block: BlockNumber);
	/// Lets `worker` hold a task that it has not delivered.
	fn give_task(worker: WorkerId);
}

impl BenchmarkHelper for () {
	fn prove(_: WorkerId) {}
	fn set_beacon(_: BlockNumber) {}
	fn give_task(_: WorkerId) {}
}

/// The keystore's name for hot keys.
const HOT_KEYS: KeyTypeId = KeyTypeId(*b"hotk");

/// The longest text that is a socket.
const LONGEST_SOCKET: &[u8] = b"[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff%12345678]:65535";

fn longest_address() -> Result<TransportAddress, BenchmarkError> {
	assert_eq!(LONGEST_SOCKET.len(), SOCKET_BYTES_MAX as usize);
	let socket = SocketText::try_from(LONGEST_SOCKET.to_vec()).map_err(|_| "the socket fits")?;
	let sockets = vec![socket.clone(); SOCKETS_MAX as usize].try_into();
	let sockets = sockets.map_err(|_| "the sockets fit")?;
	Ok(TransportAddress { node_key: [1; 32], sockets, http: Some(socket) })
}

fn fund<T: Config>(who: &T::AccountId, bond: Balance) -> Result<(), BenchmarkError> {
	let amount = bond.saturating_add(T::Currency::minimum_balance());
	T::Currency::increase_balance(who, amount, Precision::Exact)?;
	T::Currency::set_total_issuance(T::Currency::total_issuance().saturating_add(amount));
	Ok(())
}

/// An account that can pay the bond of one machine.
fn funded_account<T: Config>(index: u32) -> Result<T::AccountId, BenchmarkError> {
	let provider: T::AccountId = account("provider", index, 0);
	fund::<T>(&provider, T::BondPerWorker::get())?;
	whitelist_account!(provider);
	Ok(provider)
}

fn provider<T: Config>(index: u32) -> Result<T::AccountId, BenchmarkError> {
	let provider = funded_account::<T>(index)?;
	Pallet::<T>::do_register_provider(provider.clone(), T::BondPerWorker::get())?;
	Ok(provider)
}

/// What registers machine `index` for `provider`, signed by a hot key of the host's keystore.
fn registration<T: Config>(
	index: u32,
	provider: &T::AccountId,
) -> Result<Registration<T::AccountId>, BenchmarkError> {
	let seed = format!("//machine//{index}").into_bytes();
	let public = sp_io::crypto::sr25519_generate(HOT_KEYS, Some(seed));
	let genesis = frame_system::Pallet::<T>::block_hash(
		frame_system::pallet_prelude::BlockNumberFor::<T>::zero(),
	);
	let genesis = Hash32::try_from(genesis.as_ref()).map_err(|_| "a hash has 32 bytes")?;
	let consent = hot_key_consent(&genesis, &provider.encode());
	let consent = sp_io::crypto::sr25519_sign(HOT_KEYS, &public, &consent);
	let hot_key = T::AccountId::decode(&mut public.0.as_slice());
	Ok(Registration {
		hot_key: hot_key.map_err(|_| "an account has 32 bytes")?,
		consent: consent.ok_or("the keystore has the key")?.0,
		encryption_key: [1; 32],
		address: longest_address()?,
		claimed: Capacity::cpu(4, 8_192),
		offer: Offer::at(1),
		site: Site::default(),
	})
}

/// Registers a provider of its own with machine `index`, and returns the machine's number and hot
/// key. Other pallets' benchmarks start from here.
///
/// # Errors
/// What the calls say.
pub fn register_machine<T: Config>(index: u32) -> Result<(WorkerId, T::AccountId), BenchmarkError> {
	let provider = provider::<T>(index)?;
	let registration = registration::<T>(index, &provider)?;
	let hot_key = registration.hot_key.clone();
	Pallet::<T>::do_register_worker(provider, registration)?;
	let worker = WorkerByHotKey::<T>::get(&hot_key).ok_or("registered")?;
	whitelist_account!(hot_key);
	Ok((worker, hot_key))
}

/// A proved machine that has not shown itself, and its hot key.
fn silent_machine<T: Config>(index: u32) -> Result<(WorkerId, T::AccountId), BenchmarkError> {
	let (worker, hot_key) = register_machine::<T>(index)?;
	T::BenchmarkHelper::prove(worker);
	Ok((worker, hot_key))
}

/// A machine that stands in the supply before another of the same capacity.
fn supplied_machine<T: Config>() -> Result<(WorkerId, T::AccountId), BenchmarkError> {
	let (worker, hot_key) = silent_machine::<T>(0)?;
	let (_, other) = silent_machine::<T>(1)?;
	Pallet::<T>::do_heartbeat(hot_key.clone())?;
	Pallet::<T>::do_heartbeat(other)?;
	Ok((worker, hot_key))
}

fn provider_of<T: Config>(worker: WorkerId) -> Result<T::AccountId, BenchmarkError> {
	Ok(Workers::<T>::get(worker).ok_or("registered")?.provider)
}

fn status<T: Config>(worker: WorkerId) -> Option<WorkerStatus> {
	Workers::<T>::get(worker).map(|worker| worker.status)
}

fn pass_exit_delay<T: Config>() {
	let block: BlockNumber = Pallet::<T>::now().saturating_add(T::ExitDelay::get());
	frame_system::Pallet::<T>::set_block_number(block.into());
}

#[benchmarks]
mod benchmarks {
	use super::*;

	#[benchmark]
	fn register_provider() -> Result<(), BenchmarkError> {
		let bond = T::BondPerWorker::get();
		let provider = funded_account::<T>(0)?;
		#[extrinsic_call]
		_(RawOrigin::Signed(provider.clone()), bond);
		assert_eq!(Providers::<T>::get(&provider).map(|record| record.bond), Some(bond));
		Ok(())
	}

	#[benchmark]
	fn increase_bond() -> Result<(), BenchmarkError> {
		let bond = T::BondPerWorker::get();
		let provider = provider::<T>(0)?;
		fund::<T>(&provider, bond)?;
		#[extrinsic_call]
		_(RawOrigin::Signed(provider.clone()), bond);
		assert_eq!(Providers::<T>::get(&provider).map(|record| record.bond), Some(bond * 2));
		Ok(())
	}

	#[benchmark]
	fn register_worker() -> Result<(), BenchmarkError> {
		let provider = provider::<T>(0)?;
		let registration = registration::<T>(0, &provider)?;
		let hot_key = registration.hot_key.clone();
		#[extrinsic_call]
		_(RawOrigin::Signed(provider), registration);
		assert!(WorkerByHotKey::<T>::contains_key(hot_key));
		Ok(())
	}

	#[benchmark]
	fn update_offer() -> Result<(), BenchmarkError> {
		let (worker, _) = supplied_machine::<T>()?;
		let provider = provider_of::<T>(worker)?;
		#[extrinsic_call]
		_(RawOrigin::Signed(provider), worker, Offer::at(7));
		assert_eq!(Workers::<T>::get(worker).map(|worker| worker.offer), Some(Offer::at(7)));
		Ok(())
	}

	#[benchmark]
	fn declare_site() -> Result<(), BenchmarkError> {
		let (worker, _) = supplied_machine::<T>()?;
		let provider = provider_of::<T>(worker)?;
		let site = Site { region: Some(Region(*b"IS")), energy: EnergySource::Renewable };
		#[extrinsic_call]
		_(RawOrigin::Signed(provider), worker, site);
		assert_eq!(Workers::<T>::get(worker).map(|worker| worker.site), Some(site));
		Ok(())
	}

	#[benchmark]
	fn attest_energy() -> Result<(), BenchmarkError> {
		let (worker, _) = supplied_machine::<T>()?;
		let energy = EnergySource::Renewable;
		let site = Site { energy, ..Site::default() };
		Pallet::<T>::do_declare_site(provider_of::<T>(worker)?, worker, site)?;
		let attestor: T::AccountId = account("attestor", 0, 0);
		Attestors::<T>::insert(&attestor, ());
		#[extrinsic_call]
		_(RawOrigin::Signed(attestor.clone()), worker, energy);
		let signed = Workers::<T>::get(worker).and_then(|worker| worker.energy_attestor);
		assert_eq!(signed, Some(attestor));
		Ok(())
	}

	#[benchmark]
	fn set_attestor() -> Result<(), BenchmarkError> {
		let origin = T::AdminOrigin::try_successful_origin().map_err(|()| "there is an admin")?;
		let attestor: T::AccountId = account("attestor", 0, 0);
		#[extrinsic_call]
		_(origin as T::RuntimeOrigin, attestor.clone(), true);
		assert!(Attestors::<T>::contains_key(attestor));
		Ok(())
	}

	#[benchmark]
	fn set_thresholds() -> Result<(), BenchmarkError> {
		let origin = T::AdminOrigin::try_successful_origin().map_err(|()| "there is an admin")?;
		let mut thresholds = Thresholds::default();
		thresholds.memory_mib[0] = 1;
		#[extrinsic_call]
		_(origin as T::RuntimeOrigin, thresholds);
		assert_eq!(ClassThresholds::<T>::get(), thresholds);
		Ok(())
	}

	/// Machines in the supply that were called and do not answer, each with a task that it owes.
	#[benchmark]
	fn close_calls(n: Linear<0, CALLS_MAX>) -> Result<(), BenchmarkError> {
		let made_at = Pallet::<T>::now();
		let mut called = vec![];
		for index in 0..n {
			let (worker, hot_key) = silent_machine::<T>(index)?;
			Pallet::<T>::do_heartbeat(hot_key)?;
			T::BenchmarkHelper::give_task(worker);
			CalledAt::<T>::insert(worker, made_at);
			called.push(worker);
		}
		Calls::<T>::insert(made_at, BoundedVec::truncate_from(called));
		#[block]
		{
			Pallet::<T>::close_calls(made_at);
		}
		assert_eq!(OnlineLengths::<T>::get(), [0; PROOF_TIERS + 1]);
		Ok(())
	}

	/// So many calls among as many machines as that takes, none of which needs a record for it.
	#[benchmark]
	fn make_calls(n: Linear<0, CALLS_MAX>) {
		let now: BlockNumber = 10;
		frame_system::Pallet::<T>::set_block_number(now.into());
		T::BenchmarkHelper::set_beacon(now);
		let online = n * CALL_INTERVAL_BLOCKS;
		let mut lengths = [0; PROOF_TIERS + 1];
		lengths[PROOF_TIERS] = online;
		OnlineLengths::<T>::put(lengths);
		for position in 0..online {
			Online::<T>::insert((PROOF_TIERS as u8, position), position);
		}
		let made;
		#[block]
		{
			made = Pallet::<T>::make_calls(now);
		}
		assert!(made <= n);
	}

	/// What a block does for calls with 10^s machines on line: it closes those of an older block, which were answered, and
	/// makes new ones.
	#[benchmark(extra)]
	fn calls_at_scale(s: Linear<3, 6>) {
		let now: BlockNumber = 10;
		frame_system::Pallet::<T>::set_block_number(now.into());
		T::BenchmarkHelper::set_beacon(now);
		let online = 10u32.pow(s);
		let mut lengths = [0; PROOF_TIERS + 1];
		lengths[1] = online;
		OnlineLengths::<T>::put(lengths);
		for position in 0..online {
			Online::<T>::insert((1, position), position);
			OnlinePosition::<T>::insert(position, (1, position));
		}
		let answered: Vec<_> = (0..CALLS_MAX).collect();
		Calls::<T>::insert(now - 3, BoundedVec::truncate_from(answered));
		#[block]
		{
			Pallet::<T>::close_calls(now - 3);
			Pallet::<T>::make_calls(now);
		}
		assert!(!Calls::<T>::get(now).is_empty());
	}

	#[benchmark]
	fn update_endpoint() -> Result<(), BenchmarkError> {
		let (worker, hot_key) = silent_machine::<T>(0)?;
		let address = longest_address()?;
		#[extrinsic_call]
		_(RawOrigin::Signed(hot_key), [9; 32], address);
		assert_eq!(Workers::<T>::get(worker).map(|worker| worker.encryption_key), Some([9; 32]));
		Ok(())
	}

	#[benchmark]
	fn update_capacity() -> Result<(), BenchmarkError> {
		let (worker, hot_key) = supplied_machine::<T>()?;
		let claimed = Capacity::cpu(1, 1_024);
		#[extrinsic_call]
		_(RawOrigin::Signed(hot_key), claimed);
		assert_eq!(Workers::<T>::get(worker).map(|worker| worker.ledger.claimed()), Some(claimed));
		Ok(())
	}

	#[benchmark]
	fn heartbeat() -> Result<(), BenchmarkError> {
		let (worker, hot_key) = silent_machine::<T>(0)?;
		CalledAt::<T>::insert(worker, 0);
		#[extrinsic_call]
		_(RawOrigin::Signed(hot_key));
		let last_seen = Workers::<T>::get(worker).and_then(|worker| worker.last_seen);
		assert_eq!(last_seen, Some(Pallet::<T>::now()));
		Ok(())
	}

	#[benchmark]
	fn drain() -> Result<(), BenchmarkError> {
		let (worker, hot_key) = supplied_machine::<T>()?;
		#[extrinsic_call]
		_(RawOrigin::Signed(hot_key), worker);
		assert_eq!(status::<T>(worker), Some(WorkerStatus::Draining));
		Ok(())
	}

	#[benchmark]
	fn pause() -> Result<(), BenchmarkError> {
		let (worker, hot_key) = supplied_machine::<T>()?;
		#[extrinsic_call]
		_(RawOrigin::Signed(hot_key), worker);
		assert_eq!(status::<T>(worker), Some(WorkerStatus::Paused));
		Ok(())
	}

	#[benchmark]
	fn resume() -> Result<(), BenchmarkError> {
		let (worker, hot_key) = silent_machine::<T>(0)?;
		Pallet::<T>::do_set_status(hot_key.clone(), worker, WorkerStatus::Paused)?;
		#[extrinsic_call]
		_(RawOrigin::Signed(hot_key), worker);
		assert_eq!(status::<T>(worker), Some(WorkerStatus::Active));
		Ok(())
	}

	#[benchmark]
	fn retire_worker() -> Result<(), BenchmarkError> {
		let (worker, _) = supplied_machine::<T>()?;
		let provider = provider_of::<T>(worker)?;
		#[extrinsic_call]
		_(RawOrigin::Signed(provider), worker);
		// Not before the call: the block that it is measured in is not the one it was prepared in.
		let removable_at = Pallet::<T>::now().saturating_add(T::ExitDelay::get());
		assert_eq!(status::<T>(worker), Some(WorkerStatus::Retiring { removable_at }));
		Ok(())
	}

	#[benchmark]
	fn remove_worker() -> Result<(), BenchmarkError> {
		let (worker, _) = supplied_machine::<T>()?;
		let provider = provider_of::<T>(worker)?;
		Pallet::<T>::do_retire_worker(provider.clone(), worker)?;
		pass_exit_delay::<T>();
		#[extrinsic_call]
		_(RawOrigin::Signed(provider), worker);
		assert!(!Workers::<T>::contains_key(worker));
		Ok(())
	}

	#[benchmark]
	fn exit_provider() -> Result<(), BenchmarkError> {
		let provider = provider::<T>(0)?;
		#[extrinsic_call]
		_(RawOrigin::Signed(provider.clone()));
		let withdrawable_at = Pallet::<T>::now().saturating_add(T::ExitDelay::get());
		let leaving = Providers::<T>::get(&provider).and_then(|record| record.withdrawable_at);
		assert_eq!(leaving, Some(withdrawable_at));
		Ok(())
	}

	#[benchmark]
	fn withdraw_bond() -> Result<(), BenchmarkError> {
		let provider = provider::<T>(0)?;
		Pallet::<T>::do_exit_provider(provider.clone())?;
		pass_exit_delay::<T>();
		#[extrinsic_call]
		_(RawOrigin::Signed(provider.clone()));
		assert!(!Providers::<T>::contains_key(&provider));
		Ok(())
	}

	impl_benchmark_test_suite!(Pallet, crate::mock::new_test_ext(), crate::mock::Test);
}
