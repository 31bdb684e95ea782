//! The chain's numbers: its unit of money, its clock and the size of a block.

use crate::{Balance, BlockNumber};

/// Units of money.
pub mod currency {
	use super::Balance;

	/// The ticker, as chain specifications and wallets show it.
	pub const SYMBOL: &str = "DRGN";
	/// Decimal places of one [`DRGN`].
	pub const DECIMALS: u8 = 12;
	/// One whole coin, in base units.
	pub const DRGN: Balance = 1_000_000_000_000;
	/// A thousandth of a coin.
	pub const MILLI_DRGN: Balance = DRGN / 1_000;
	/// A millionth of a coin.
	pub const MICRO_DRGN: Balance = MILLI_DRGN / 1_000;

	/// The least an account may hold: below it the account is removed and its dust goes to the
	/// treasury.
	pub const EXISTENTIAL_DEPOSIT: Balance = MILLI_DRGN;

	/// What an account locks for storage of its own making.
	///
	/// # Arguments
	/// * `items` - new entries in state: 100 milli DRGN each.
	/// * `bytes` - their size: 100 micro DRGN a byte.
	pub const fn deposit(items: u32, bytes: u32) -> Balance {
		items as Balance * 100 * MILLI_DRGN + bytes as Balance * 100 * MICRO_DRGN
	}
}

/// The chain's clock. BABE fixes the slot and the epoch at genesis: neither may change on a live
/// chain.
pub mod time {
	use super::BlockNumber;

	/// Length of a slot, and so the time between two blocks, in milliseconds.
	pub const SLOT_DURATION_MS: u64 = 3_000;
	/// Blocks in a minute, when no slot is missed.
	pub const MINUTE_BLOCKS: BlockNumber = 60_000 / (SLOT_DURATION_MS as BlockNumber);
	/// Blocks in an hour.
	pub const HOUR_BLOCKS: BlockNumber = 60 * MINUTE_BLOCKS;
	/// Blocks in a day.
	pub const DAY_BLOCKS: BlockNumber = 24 * HOUR_BLOCKS;

	/// Slots in an epoch, which is also a session: half an hour.
	pub const EPOCH_SLOTS: u64 = 600;
	/// Sessions in an era: six hours.
	pub const ERA_SESSIONS: u32 = 12;
	/// Eras that a stake stays bonded, and punishable, after its owner asks for it back: seven
	/// days.
	pub const BONDING_ERAS: u32 = 28;
	/// Eras between an offence and its slash, in which a wrong one can still be cancelled.
	pub const SLASH_DEFER_ERAS: u32 = 14;
	/// Share of slots with an elected leader. A secondary author takes each of the others, so every
	/// slot has a VRF.
	pub const PRIMARY_PROBABILITY: (u64, u64) = (1, 4);
}

/// What fits into a block.
pub mod block {
	use frame_support::weights::{constants::WEIGHT_REF_TIME_PER_SECOND, Weight};
	use sp_runtime::Perbill;

	/// Execution time of a full block: a third of the slot. The rest is for building, gossip and
	/// import.
	pub const MAX_REF_TIME: u64 = WEIGHT_REF_TIME_PER_SECOND;
	/// State that a block may touch, as bytes of proof. No block of this chain carries a proof; the
	/// bound keeps storage-heavy calls from slipping under the execution time.
	pub const MAX_PROOF_BYTES: u64 = 64 * 1024 * 1024;
	/// Both limits.
	pub const MAX_WEIGHT: Weight = Weight::from_parts(MAX_REF_TIME, MAX_PROOF_BYTES);
	/// Encoded length of a full block, in bytes.
	pub const MAX_LENGTH_BYTES: u32 = 5 * 1024 * 1024;
	/// Part of a block that ordinary transactions may fill.
	pub const NORMAL_RATIO: Perbill = Perbill::from_percent(75);
	/// Part that hooks use on average, kept free of any single transaction.
	pub const INITIALIZATION_RATIO: Perbill = Perbill::from_percent(10);
}

/// Bounds of the staking system.
pub mod staking {
	/// Most validators in the active set, and so the most authorities of any consensus.
	pub const MAX_VALIDATORS: u32 = 200;
	/// Most candidates that an election looks at.
	pub const MAX_ELECTABLE_TARGETS: u32 = 200;
	/// Most voters that an election looks at, taken from the top of the bags list. The election
	/// runs inside one block, so this bounds the longest block of an era.
	pub const MAX_ELECTING_VOTERS: u32 = 1_000;
	/// Validators that one nominator may name.
	pub const MAX_NOMINATIONS: u32 = 16;
	/// Nominators in one page of a validator's exposure, which is what one payout call pays.
	pub const EXPOSURE_PAGE_NOMINATORS: u32 = 64;
}

/// SS58 address prefix of every account on this chain.
pub const SS58_PREFIX: u16 = 42;
