//! The shape of a transaction: what is signed with a call, and in which order it is checked.

use frame_system::offchain::{CreateBare, CreateTransactionBase};
use sp_runtime::generic;

use crate::{AccountId, Address, Runtime, RuntimeCall, Signature};

/// Everything that is checked around a call, in order. Changing it changes what a wallet signs:
/// then raise `transaction_version`.
///
/// Fees are skipped for a call that its pallet declares feeless; the skip is invisible to wallets.
/// `WeightReclaim` stays last, so that it sees the weight of everything before it.
pub type TxExtension = (
	frame_system::AuthorizeCall<Runtime>,
	frame_system::CheckNonZeroSender<Runtime>,
	frame_system::CheckSpecVersion<Runtime>,
	frame_system::CheckTxVersion<Runtime>,
	frame_system::CheckGenesis<Runtime>,
	frame_system::CheckMortality<Runtime>,
	frame_system::CheckNonce<Runtime>,
	frame_system::CheckWeight<Runtime>,
	pallet_skip_feeless_payment::SkipCheckIfFeeless<
		Runtime,
		pallet_transaction_payment::ChargeTransactionPayment<Runtime>,
	>,
	frame_metadata_hash_extension::CheckMetadataHash<Runtime>,
	frame_system::WeightReclaim<Runtime>,
);

/// A transaction as it travels.
pub type UncheckedExtrinsic =
	generic::UncheckedExtrinsic<Address, RuntimeCall, Signature, TxExtension>;

/// A transaction whose signature has been checked.
pub type CheckedExtrinsic = generic::CheckedExtrinsic<AccountId, RuntimeCall, TxExtension>;

impl<C> CreateTransactionBase<C> for Runtime
where
	RuntimeCall: From<C>,
{
	type Extrinsic = UncheckedExtrinsic;
	type RuntimeCall = RuntimeCall;
}

/// Equivocation reports are bare: they prove themselves, and the author who found one pays no fee
/// for it.
impl<C> CreateBare<C> for Runtime
where
	RuntimeCall: From<C>,
{
	fn create_bare(call: RuntimeCall) -> UncheckedExtrinsic {
		UncheckedExtrinsic::new_bare(call)
	}
}

/// The payload that a wallet signs: the call, the extension and what the extension implies.
pub type SignedPayload = generic::SignedPayload<RuntimeCall, TxExtension>;
