//! What a transaction costs and who gets it.
//!
//! A plain transfer weighs about 0.4 ms of execution: 0.108 ms for being an extrinsic at all, 0.1
//! ms for the call with its storage, the rest for the extensions that check it. At
//! [`FEE_PER_REF_TIME`] that is 2 milli DRGN; its 150 bytes add 0.15 milli. Transactions may fill
//! 0.75 s of a block, so filling one costs 3.75 DRGN, and more with every block that stays full.

use frame_support::{
	traits::{
		fungible::{Balanced, Credit},
		Imbalance, OnUnbalanced,
	},
	weights::{Weight, WeightToFee},
};
use pallet_transaction_payment::{Multiplier, TargetedFeeAdjustment};
use sp_runtime::{
	traits::{Bounded, One},
	FixedPointNumber, Perquintill,
};

use crate::{
	constants::{
		block::{MAX_PROOF_BYTES, MAX_REF_TIME},
		currency::MICRO_DRGN,
	},
	AccountId, Authorship, Balance, Balances, Runtime, TreasuryAccount,
};

/// Base units for a picosecond of execution.
pub const FEE_PER_REF_TIME: Balance = 5;

/// Base units for a byte of touched state, such that filling a block with it costs what filling it
/// with execution costs.
pub const FEE_PER_PROOF_BYTE: Balance =
	FEE_PER_REF_TIME * MAX_REF_TIME as Balance / MAX_PROOF_BYTES as Balance;

/// Base units for a byte of the encoded transaction.
pub const FEE_PER_BYTE: Balance = MICRO_DRGN;

/// Prices a weight by whichever of its two dimensions fills more of a block.
pub struct ScarcestDimensionFee;

impl WeightToFee for ScarcestDimensionFee {
	type Balance = Balance;

	fn weight_to_fee(weight: &Weight) -> Balance {
		let by_time = FEE_PER_REF_TIME.saturating_mul(weight.ref_time().into());
		let by_proof = FEE_PER_PROOF_BYTE.saturating_mul(weight.proof_size().into());
		by_time.max(by_proof)
	}
}

/// Prices an encoded length, which arrives as the `ref_time` of the weight.
pub struct LengthFee;

impl WeightToFee for LengthFee {
	type Balance = Balance;

	fn weight_to_fee(length: &Weight) -> Balance {
		FEE_PER_BYTE.saturating_mul(length.ref_time().into())
	}
}

frame_support::parameter_types! {
	/// Blocks fuller than this raise the price, emptier ones lower it.
	pub const TargetFullness: Perquintill = Perquintill::from_percent(25);
	/// Speed of the change: at most a quarter in a day.
	pub AdjustmentVariable: Multiplier = Multiplier::saturating_from_rational(1, 100_000);
	/// The list price is the floor, so that a quote on a calm chain is exact.
	pub MinimumMultiplier: Multiplier = Multiplier::one();
	/// No ceiling.
	pub MaximumMultiplier: Multiplier = Bounded::max_value();
}

/// Moves the price of weight slowly with the fullness of recent blocks.
pub type SlowAdjustment = TargetedFeeAdjustment<
	Runtime,
	TargetFullness,
	AdjustmentVariable,
	MinimumMultiplier,
	MaximumMultiplier,
>;

/// Pays fees and tips to the author of the block.
///
/// Where there is no author to pay (none named in the header, or his account would stay below the
/// existential deposit) the treasury gets them: nothing is burned without an event.
pub struct PayAuthor;

impl OnUnbalanced<Credit<AccountId, Balances>> for PayAuthor {
	fn on_nonzero_unbalanced(credit: Credit<AccountId, Balances>) {
		let unpaid = match Authorship::author() {
			Some(author) => Balances::resolve(&author, credit).err(),
			None => Some(credit),
		};
		if let Some(unpaid) = unpaid.filter(|credit| credit.peek() > 0) {
			PayTreasury::on_unbalanced(unpaid);
		}
	}
}

/// Pays whatever has no other owner to the treasury's account.
pub type PayTreasury =
	frame_support::traits::tokens::imbalance::ResolveTo<TreasuryAccount, Balances>;
