//! Escrow, payment and reward arithmetic. Every amount is in smallest units; rounding never favours the payee.

use crate::{Balance, GFUEL};

/// Parts per million, the unit of shares.
pub const PARTS: u32 = 1_000_000;

/// `value · numerator / denominator` rounded down, or `None` where it overflows or divides by zero.
pub fn mul_div(value: Balance, numerator: Balance, denominator: Balance) -> Option<Balance> {
	if denominator == 0 {
		return None;
	}
	let (whole, rest) = (value / denominator, value % denominator);
	let of_rest = rest.checked_mul(numerator)? / denominator;
	whole.checked_mul(numerator)?.checked_add(of_rest)
}

/// The price of `fuel` at `price_per_gfuel`, rounded down: what a worker earns.
pub fn price(fuel: u64, price_per_gfuel: Balance) -> Option<Balance> {
	mul_div(price_per_gfuel, Balance::from(fuel), Balance::from(GFUEL))
}

/// The price of `fuel` at `price_per_gfuel`, rounded up: what is held for one replica.
pub fn ceiling_price(fuel: u64, price_per_gfuel: Balance) -> Option<Balance> {
	let down = price(fuel, price_per_gfuel)?;
	let exact = mul_div(down, Balance::from(GFUEL), 1)
		.zip(price_per_gfuel.checked_mul(Balance::from(fuel)))
		.is_some_and(|(left, right)| left == right);
	if exact {
		Some(down)
	} else {
		down.checked_add(1)
	}
}

/// How one payment is divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Split {
	/// The provider's part.
	pub provider: Balance,
	/// The protocol's part.
	pub protocol: Balance,
}

/// Divides `gross` so that the protocol gets `share_parts` per million of it, rounded down, and the provider the rest.
pub fn split(gross: Balance, share_parts: u32) -> Split {
	let share_parts = Balance::from(share_parts.min(PARTS));
	let protocol = mul_div(gross, share_parts, Balance::from(PARTS)).unwrap_or(0);
	Split { provider: gross.saturating_sub(protocol), protocol }
}

/// A provider's reward for `points` of `total_points` in an era.
///
/// Points are the protocol share that the provider's work brought in. The reward never exceeds
/// `cap_parts` per million of that share, so buying one's own work to earn emission always loses.
pub fn era_reward(
	emission: Balance,
	points: Balance,
	total_points: Balance,
	cap_parts: u32,
) -> Balance {
	let cap_parts = Balance::from(cap_parts.min(PARTS));
	let cap = mul_div(points, cap_parts, Balance::from(PARTS)).unwrap_or(0);
	if emission >= total_points {
		// Everyone's part is at least the own points, so the cap decides without a product that could overflow.
		return cap;
	}
	mul_div(emission, points, total_points).unwrap_or(0).min(cap)
}

#[cfg(test)]
mod tests {
	use super::*;
	use proptest::prelude::*;

	proptest! {
		#[test]
		fn p1_a_split_is_the_whole(gross in any::<Balance>(), share in 0u32..=PARTS) {
			let split = split(gross, share);
			prop_assert_eq!(split.provider.checked_add(split.protocol), Some(gross));
		}

		#[test]
		fn p2_a_payment_within_limits_fits_the_escrow(
			fuel in 0u64..=crate::task::FUEL_MAX,
			limit in 0u64..=crate::task::FUEL_MAX,
			price_asked in 0u128..1 << 80,
			cap in 0u128..1 << 80,
		) {
			let (fuel, asked) = (fuel.min(limit), price_asked.min(cap));
			if let Some(escrow) = ceiling_price(limit, cap) {
				prop_assert!(price(fuel, asked).unwrap() <= escrow);
			}
		}

		#[test]
		fn ceiling_is_at_most_one_above(fuel in any::<u64>(), asked in 0u128..1 << 60) {
			let (down, up) = (price(fuel, asked).unwrap(), ceiling_price(fuel, asked).unwrap());
			prop_assert!(up == down || up == down + 1);
			prop_assert!(up * u128::from(GFUEL) >= u128::from(fuel) * asked);
		}

		#[test]
		fn p7_emission_never_pays_for_buying_own_work(
			emission in 0u128..1 << 100,
			points in 0u128..1 << 90,
			others in 0u128..1 << 90,
			cap in 0u32..PARTS,
		) {
			let reward = era_reward(emission, points, points + others, cap);
			prop_assert!(reward <= points);
			prop_assert!(points == 0 || reward < points);
		}

		#[test]
		fn p1_rewards_of_an_era_fit_its_emission(
			emission in 0u128..1 << 80,
			points in proptest::collection::vec(0u128..1 << 80, 1..20),
		) {
			let total: Balance = points.iter().sum();
			let paid: Balance =
				points.iter().map(|own| era_reward(emission, *own, total, 900_000)).sum();
			prop_assert!(paid <= emission);
		}
	}

	#[test]
	fn prices_are_per_gfuel() {
		assert_eq!(price(2 * GFUEL, 7), Some(14));
		assert_eq!(price(GFUEL / 2, 7), Some(3));
		assert_eq!(ceiling_price(GFUEL / 2, 7), Some(4));
		assert_eq!(ceiling_price(GFUEL, 7), Some(7));
		assert_eq!(price(u64::MAX, u128::MAX), None);
		assert_eq!(mul_div(1, 1, 0), None);
	}

	#[test]
	fn a_lone_provider_gets_the_cap() {
		assert_eq!(era_reward(1_000, 100, 100, 900_000), 90);
		assert_eq!(era_reward(50, 100, 100, 900_000), 50);
		assert_eq!(era_reward(0, 0, 0, 900_000), 0);
	}
}
