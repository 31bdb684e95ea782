//! A proxy never does more than its type says, not even through another proxy.

use frame_support::traits::InstanceFilter;
use sp_keyring::Sr25519Keyring;

use crate::*;

const ALL: [ProxyType; 6] = [
	ProxyType::Any,
	ProxyType::NonTransfer,
	ProxyType::Staking,
	ProxyType::Worker,
	ProxyType::Submitter,
	ProxyType::CancelProxy,
];

fn bob() -> Address {
	Sr25519Keyring::Bob.to_account_id().into()
}

fn transfer() -> RuntimeCall {
	pallet_balances::Call::transfer_allow_death { dest: bob(), value: 1 }.into()
}

fn through_another_proxy() -> RuntimeCall {
	let call = Box::new(transfer());
	pallet_proxy::Call::proxy { real: bob(), force_proxy_type: None, call }.into()
}

fn one_call_of_each_kind() -> Vec<RuntimeCall> {
	vec![
		transfer(),
		through_another_proxy(),
		frame_system::Call::remark { remark: vec![] }.into(),
		pallet_staking::Call::chill {}.into(),
		pallet_session::Call::purge_keys {}.into(),
		pallet_utility::Call::batch_all { calls: vec![transfer()] }.into(),
		pallet_utility::Call::as_derivative { index: 0, call: Box::new(transfer()) }.into(),
		pallet_proxy::Call::remove_proxies {}.into(),
		pallet_proxy::Call::reject_announcement { delegate: bob(), call_hash: Hash::zero() }.into(),
		pallet_multisig::Call::as_multi_threshold_1 {
			other_signatories: vec![],
			call: Box::new(transfer()),
		}
		.into(),
	]
}

#[test]
fn a_superset_allows_every_call_of_its_subset() {
	for outer in ALL {
		assert!(outer.is_superset(&outer));
		for inner in ALL.into_iter().filter(|inner| outer.is_superset(inner)) {
			for call in one_call_of_each_kind() {
				assert!(
					!inner.filter(&call) || outer.filter(&call),
					"{outer:?} {inner:?} {call:?}"
				);
			}
		}
	}
}

#[test]
fn p9_only_any_moves_money() {
	for power in ALL {
		let is_any = power == ProxyType::Any;
		assert_eq!(power.filter(&transfer()), is_any, "{power:?}");
		assert_eq!(power.filter(&through_another_proxy()), is_any, "{power:?}");
		assert_eq!(power.is_superset(&ProxyType::Any), is_any, "{power:?}");
		assert_eq!(
			power.is_superset(&ProxyType::Submitter),
			is_any || power == ProxyType::Submitter
		);
	}
}

#[test]
fn hot_keys_may_batch_but_not_stake() {
	let batch: RuntimeCall = pallet_utility::Call::batch { calls: vec![] }.into();
	let chill: RuntimeCall = pallet_staking::Call::chill {}.into();
	for hot in [ProxyType::Worker, ProxyType::Submitter] {
		assert!(hot.filter(&batch));
		assert!(!hot.filter(&chill));
	}
}
