//! What a transaction costs, and that no fee is lost.

use codec::Encode;
use frame_support::traits::{
	fungible::{Balanced, Inspect, Mutate},
	tokens::{Fortitude, Precision, Preservation},
	OnUnbalanced,
};
use sp_consensus_babe::digests::{PreDigest, SecondaryPlainPreDigest};
use sp_genesis_builder::DEV_RUNTIME_PRESET;
use sp_keyring::Sr25519Keyring;
use sp_runtime::{generic::Era, Digest, DigestItem};

use super::state_of;
use crate::{
	constants::currency::{DRGN, EXISTENTIAL_DEPOSIT, MICRO_DRGN, MILLI_DRGN},
	fees::PayAuthor,
	genesis_config_presets::TREASURY_ENDOWMENT,
	*,
};

fn extension() -> TxExtension {
	(
		frame_system::AuthorizeCall::new(),
		frame_system::CheckNonZeroSender::new(),
		frame_system::CheckSpecVersion::new(),
		frame_system::CheckTxVersion::new(),
		frame_system::CheckGenesis::new(),
		frame_system::CheckMortality::from(Era::mortal(64, 0)),
		frame_system::CheckNonce::from(0),
		frame_system::CheckWeight::new(),
		pallet_transaction_payment::ChargeTransactionPayment::from(0).into(),
		frame_metadata_hash_extension::CheckMetadataHash::new(false),
		frame_system::WeightReclaim::new(),
	)
}

fn transfer() -> UncheckedExtrinsic {
	UncheckedExtrinsic::new_signed(
		RuntimeCall::Balances(pallet_balances::Call::transfer_keep_alive {
			dest: Sr25519Keyring::Bob.to_account_id().into(),
			value: DRGN,
		}),
		Sr25519Keyring::Alice.to_account_id().into(),
		Signature::Sr25519(Default::default()),
		extension(),
	)
}

/// Starts a block with this author, who is the authority of that index.
fn start_block(authority_index: Option<u32>) {
	let logs = authority_index.map(|authority_index| {
		let claim = SecondaryPlainPreDigest { authority_index, slot: 1.into() };
		DigestItem::PreRuntime(
			sp_consensus_babe::BABE_ENGINE_ID,
			PreDigest::SecondaryPlain(claim).encode(),
		)
	});
	System::reset_events();
	System::initialize(&1, &Default::default(), &Digest { logs: logs.into_iter().collect() });
}

#[test]
fn a_transfer_costs_a_few_milli_drgn() {
	state_of(DEV_RUNTIME_PRESET).execute_with(|| {
		let transfer = transfer();
		let len = transfer.encoded_size() as u32;
		let fee = TransactionPayment::query_info(transfer, len).partial_fee;
		assert!((MILLI_DRGN..=5 * MILLI_DRGN).contains(&fee), "a transfer costs {fee}");
	});
}

#[test]
fn units_and_existential_deposit_are_fixed() {
	assert_eq!(DRGN, 10u128.pow(12));
	assert_eq!(MILLI_DRGN, 10u128.pow(9));
	assert_eq!(MICRO_DRGN, 10u128.pow(6));
	assert_eq!(EXISTENTIAL_DEPOSIT, MILLI_DRGN);
	assert_eq!(<Balances as Inspect<AccountId>>::minimum_balance(), EXISTENTIAL_DEPOSIT);
}

#[test]
fn p1_fees_go_to_the_author() {
	state_of(DEV_RUNTIME_PRESET).execute_with(|| {
		start_block(Some(0));
		let author = Sr25519Keyring::AliceStash.to_account_id();
		let payer = Sr25519Keyring::Alice.to_account_id();
		let (before, issuance) = (Balances::balance(&author), Balances::total_issuance());
		PayAuthor::on_unbalanced(withdraw(&payer, 7 * MILLI_DRGN));
		assert_eq!(Balances::balance(&author), before + 7 * MILLI_DRGN);
		assert_eq!(Balances::total_issuance(), issuance);
	});
}

#[test]
fn p1_fees_without_an_author_go_to_the_treasury() {
	state_of(DEV_RUNTIME_PRESET).execute_with(|| {
		start_block(None);
		let issuance = Balances::total_issuance();
		PayAuthor::on_unbalanced(withdraw(&Sr25519Keyring::Alice.to_account_id(), MILLI_DRGN));
		assert_eq!(Balances::balance(&TreasuryAccount::get()), TREASURY_ENDOWMENT + MILLI_DRGN);
		assert_eq!(Balances::total_issuance(), issuance);
	});
}

#[test]
fn p1_dust_goes_to_the_treasury() {
	state_of(DEV_RUNTIME_PRESET).execute_with(|| {
		start_block(Some(0));
		let (rich, poor) = (Sr25519Keyring::Alice.to_account_id(), AccountId::new([7; 32]));
		let issuance = Balances::total_issuance();
		Balances::transfer(&rich, &poor, EXISTENTIAL_DEPOSIT, Preservation::Preserve).unwrap();
		let leaves_one_unit = EXISTENTIAL_DEPOSIT - 1;
		Balances::transfer(&poor, &rich, leaves_one_unit, Preservation::Expendable).unwrap();
		assert_eq!(Balances::total_balance(&poor), 0);
		assert_eq!(Balances::balance(&TreasuryAccount::get()), TREASURY_ENDOWMENT + 1);
		assert_eq!(Balances::total_issuance(), issuance);
	});
}

fn withdraw(
	payer: &AccountId,
	amount: Balance,
) -> frame_support::traits::fungible::Credit<AccountId, Balances> {
	Balances::withdraw(payer, amount, Precision::Exact, Preservation::Preserve, Fortitude::Polite)
		.unwrap()
}
