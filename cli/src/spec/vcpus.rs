//! Numbers of virtual processors, exact to a thousandth.

use aidragon_primitives::resources::WHOLE_MILLI;
use serde::{de::Visitor, Deserializer};
use std::fmt;

/// Most virtual processors that a machine can claim.
const VCPUS_MAX: u32 = u16::MAX as u32;

/// A number of virtual processors in thousandths.
pub(super) fn thousandths<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
	deserializer.deserialize_any(Thousandths)
}

struct Thousandths;

impl Visitor<'_> for Thousandths {
	type Value = u32;

	fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
		formatter.write_str("a number of virtual processors such as 2 or 0.5")
	}

	fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<u32, E> {
		let whole = u32::try_from(value).ok().filter(|value| *value <= VCPUS_MAX);
		let too_many = || E::custom(format!("vcpus: {value} are more than any machine has"));
		whole.map(|value| value * u32::from(WHOLE_MILLI)).ok_or_else(too_many)
	}

	fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<u32, E> {
		let negative = || E::custom(format!("vcpus: {value} is below 0; use 0.001 or more"));
		u64::try_from(value).map_err(|_| negative()).and_then(|value| self.visit_u64(value))
	}

	fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<u32, E> {
		if !(0.0..=f64::from(VCPUS_MAX)).contains(&value) {
			return Err(E::custom(format!("vcpus: must be between 0.001 and {VCPUS_MAX}")));
		}
		let milli = (value * 1_000.0).round();
		// Both sides are the number nearest to the same decimal, or it was no number of thousandths.
		match milli / 1_000.0 == value {
			// At most 65,535,000.
			true => Ok(milli as u32),
			false => Err(E::custom(format!(
				"vcpus: {value} is finer than a thousandth; use at most three decimals, such as 0.125"
			))),
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use serde::Deserialize;

	#[derive(Deserialize)]
	struct File {
		#[serde(deserialize_with = "thousandths")]
		vcpus: u32,
	}

	fn milli(vcpus: &str) -> Result<u32, String> {
		let read = toml::from_str::<File>(&format!("vcpus = {vcpus}"));
		read.map(|file| file.vcpus).map_err(|error| error.to_string())
	}

	#[test]
	fn parts_of_processors_are_exact_to_a_thousandth() {
		for (text, expected) in [
			("1", 1_000),
			("0.5", 500),
			("0.3", 300),
			("0.001", 1),
			("2.675", 2_675),
			("1.0", 1_000),
			("65535", 65_535_000),
			("65534.999", 65_534_999),
			("0", 0),
		] {
			assert_eq!(milli(text), Ok(expected), "{text}");
		}
		for step in 0..=10_000u32 {
			let text = format!("{}.{:03}", step / 1_000, step % 1_000);
			assert_eq!(milli(&text), Ok(step), "{text}");
		}
	}

	#[test]
	fn other_numbers_of_processors_are_refused_by_name() {
		for (text, said) in [
			("0.0005", "finer than a thousandth"),
			("0.3335", "three decimals"),
			("0.30000000000000004", "finer"),
			("-1", "vcpus: -1 is below 0"),
			("-0.5", "between 0.001 and 65535"),
			("65536", "more than any machine has"),
			("65535.5", "between 0.001"),
			("nan", "between 0.001"),
			("inf", "between 0.001"),
			("\"1\"", "such as 2 or 0.5"),
			("true", "such as 2 or 0.5"),
		] {
			let error = milli(text).unwrap_err();
			assert!(error.contains(said), "{text}: {error}");
		}
	}
}
