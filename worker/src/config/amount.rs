//! Amounts of DRGN as people write them.

use aidragon_primitives::{Balance, DRGN};

/// Digits after the point.
const DECIMALS: usize = 12;

/// Text that is not an amount.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
	/// There is something in it that does not belong there.
	#[error("`{0}` is not an amount; write DRGN with a decimal point, such as \"0.25\"")]
	Malformed(String),
	/// There are more digits after the point than a DRGN has.
	#[error("`{0}` has more than 12 digits after the point")]
	TooFine(String),
	/// No balance holds it.
	#[error("`{0}` is too large")]
	TooLarge(String),
}

/// Reads an amount of DRGN, giving smallest units.
pub fn parse_drgn(text: &str) -> Result<Balance, AmountError> {
	let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
	let is_number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
	if whole.is_empty() || !is_number(whole) || !is_number(fraction) || text.ends_with('.') {
		return Err(AmountError::Malformed(text.into()));
	}
	if fraction.len() > DECIMALS {
		return Err(AmountError::TooFine(text.into()));
	}
	let too_large = || AmountError::TooLarge(text.into());
	let parse = |digits: &str| digits.parse::<Balance>().map_err(|_| too_large());
	let fraction = parse(&format!("{fraction:0<DECIMALS$}"))?;
	parse(whole)?
		.checked_mul(DRGN)
		.and_then(|units| units.checked_add(fraction))
		.ok_or_else(too_large)
}

/// Writes smallest units as an amount of DRGN, without needless zeros.
pub fn format_drgn(units: Balance) -> String {
	let (whole, fraction) = (units / DRGN, units % DRGN);
	let digits = format!("{fraction:0DECIMALS$}");
	match digits.trim_end_matches('0') {
		"" => whole.to_string(),
		digits => format!("{whole}.{digits}"),
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn what_is_written_is_read_back() {
		for units in [0, 1, 10_000_000_000, DRGN, 12 * DRGN + 500_000_000_000, Balance::MAX] {
			assert_eq!(parse_drgn(&format_drgn(units)), Ok(units));
		}
		assert_eq!(format_drgn(DRGN / 4), "0.25");
		assert_eq!(parse_drgn("100"), Ok(100 * DRGN));
	}

	#[test]
	fn what_is_no_amount_is_refused() {
		for text in ["", ".", "1.", ".5", "-1", "1e3", "1,5", " 1", "0x1"] {
			assert_eq!(parse_drgn(text), Err(AmountError::Malformed(text.into())), "{text:?}");
		}
		assert!(matches!(parse_drgn("0.0000000000001"), Err(AmountError::TooFine(_))));
		assert!(matches!(parse_drgn(&"9".repeat(40)), Err(AmountError::TooLarge(_))));
		assert!(matches!(parse_drgn(&"9".repeat(28)), Err(AmountError::TooLarge(_))));
	}
}
