//! The bags of the voter list: thresholds of stake that grow by an eighth each.
//!
//! Two voters in one bag differ by at most 12.5 % of stake, and the election reads bags from the
//! top, so a voter can be passed over only by one with at least eight ninths of his stake.

use crate::constants::currency::EXISTENTIAL_DEPOSIT;

/// How many bags there are: enough eighths to reach from the existential deposit to the largest
/// vote.
const BAG_COUNT: usize = 200;

/// Upper bounds of the bags, as vote weights, strictly increasing, the last one the largest weight
/// there is.
pub const VOTER_BAG_THRESHOLDS: [u64; BAG_COUNT] = thresholds();

const fn thresholds() -> [u64; BAG_COUNT] {
	let mut bounds = [u64::MAX; BAG_COUNT];
	bounds[0] = EXISTENTIAL_DEPOSIT as u64;
	let mut index = 1;
	while index < BAG_COUNT - 1 {
		bounds[index] = (bounds[index - 1] as u128 * 9 / 8) as u64;
		index += 1;
	}
	bounds
}
