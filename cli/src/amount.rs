//! Amounts of DRGN: decimal text for people, smallest units for programs.

use aidragon_primitives::{Balance, DRGN};
use std::{fmt, str::FromStr};

/// Decimal places of one DRGN.
const DECIMALS: usize = 12;

/// An amount of DRGN in smallest units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Amount(pub Balance);

impl fmt::Display for Amount {
	/// Writes the amount as `1.5 DRGN`: exact, without trailing zeros.
	fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
		let (whole, rest) = (self.0 / DRGN, self.0 % DRGN);
		if rest == 0 {
			return write!(formatter, "{whole} DRGN");
		}
		let digits = format!("{rest:0DECIMALS$}");
		write!(formatter, "{whole}.{} DRGN", digits.trim_end_matches('0'))
	}
}

impl FromStr for Amount {
	type Err = String;

	/// Reads a decimal number of DRGN such as `12`, `0.01` or `3.5 DRGN`, with at most 12 decimal places.
	fn from_str(text: &str) -> Result<Self, String> {
		let malformed = || format!("`{text}` is not an amount: write DRGN in decimals, as in 0.05");
		let number = text.trim();
		let number = number.strip_suffix("DRGN").unwrap_or(number).trim_end();
		let (whole, rest) = number.split_once('.').unwrap_or((number, "0"));
		let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
		if !digits(whole) || !digits(rest) {
			return Err(malformed());
		}
		if rest.len() > DECIMALS {
			return Err(format!("`{text}` is too fine: DRGN has {DECIMALS} decimal places"));
		}
		let units = whole.parse::<Balance>().ok().and_then(|whole| whole.checked_mul(DRGN));
		let rest: Balance = format!("{rest:0<DECIMALS$}").parse().map_err(|_| malformed())?;
		units
			.and_then(|units| units.checked_add(rest))
			.map(Self)
			.ok_or_else(|| format!("`{text}` is more than there can be"))
	}
}

/// Smallest units as a JSON value: text, because numbers of this size do not survive every reader.
pub fn json(units: Balance) -> serde_json::Value {
	units.to_string().into()
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn decimals_are_exact_in_both_directions() {
		for (text, units) in [
			("0", 0),
			("1", DRGN),
			("0.01", DRGN / 100),
			("0.000000000001", 1),
			("1234567.000000000089", 1_234_567 * DRGN + 89),
		] {
			let amount: Amount = text.parse().unwrap();
			assert_eq!(amount.0, units, "{text}");
			assert_eq!(amount.to_string(), format!("{text} DRGN"));
			assert_eq!(amount.to_string().parse::<Amount>().unwrap(), amount);
		}
		assert_eq!("1.50".parse::<Amount>().unwrap().to_string(), "1.5 DRGN");
	}

	#[test]
	fn what_is_no_amount_is_refused_with_a_hint() {
		for text in ["", ".", "1.", ".5", "-1", "+1", "1e3", "1,5", "0x10", "1.2.3", "ten", "1 2"] {
			let error = text.parse::<Amount>().unwrap_err();
			assert!(error.contains("0.05"), "{text}: {error}");
		}
		assert!("0.0000000000001".parse::<Amount>().unwrap_err().contains("12 decimal places"));
		let huge = format!("{}", Balance::MAX);
		assert!(huge.parse::<Amount>().unwrap_err().contains("more than"));
	}

	#[test]
	fn json_amounts_are_text() {
		assert_eq!(json(Balance::MAX).to_string(), format!("\"{}\"", Balance::MAX));
	}
}
