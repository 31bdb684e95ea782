//! Figures about many numbers.

use serde::Serialize;

/// Percentiles of a set of numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Percentiles {
	/// Half of the numbers are no larger.
	pub p50: f64,
	/// Nine tenths are no larger.
	pub p90: f64,
	/// 99 of a hundred are no larger.
	pub p99: f64,
	/// None is larger.
	pub max: f64,
	/// Their mean.
	pub mean: f64,
}

impl Percentiles {
	/// Of `values`, by the nearest rank; all 0 where there are none.
	pub fn of(mut values: Vec<f64>) -> Self {
		values.sort_by(f64::total_cmp);
		let at = |percent: usize| {
			let rank = (values.len() * percent).div_ceil(100).max(1);
			values.get(rank - 1).copied().unwrap_or_default()
		};
		let (p50, p90, p99, max) = (at(50), at(90), at(99), at(100));
		Self { p50, p90, p99, max, mean: mean(&values) }
	}

	/// Every figure rounded as [`rounded`] does.
	pub fn rounded(self) -> Self {
		let Self { p50, p90, p99, max, mean } = self;
		let (p50, p90, p99) = (rounded(p50), rounded(p90), rounded(p99));
		Self { p50, p90, p99, max: rounded(max), mean: rounded(mean) }
	}

	/// Every figure times `factor`.
	pub fn scaled(self, factor: f64) -> Self {
		let Self { p50, p90, p99, max, mean } = self;
		Self {
			p50: p50 * factor,
			p90: p90 * factor,
			p99: p99 * factor,
			max: max * factor,
			mean: mean * factor,
		}
	}
}

/// The mean, or 0 of nothing.
pub fn mean(values: &[f64]) -> f64 {
	ratio(values.iter().sum(), values.len() as f64)
}

/// `part` over `whole`, or 0 where there is no whole.
pub fn ratio(part: f64, whole: f64) -> f64 {
	if whole == 0.0 {
		0.0
	} else {
		part / whole
	}
}

/// Jain's index of fairness: `(Σx)² / (n · Σx²)`. 1 where all have the same, `1/n` where one has all.
pub fn jain(shares: &[f64]) -> f64 {
	let sum: f64 = shares.iter().sum();
	let squares: f64 = shares.iter().map(|share| share * share).sum();
	ratio(sum * sum, shares.len() as f64 * squares)
}

/// Pearson's chi-squared of counts against equal chances, and the probability of a value as high or higher.
pub fn chi_squared(counts: &[u64]) -> (f64, f64) {
	let total: u64 = counts.iter().sum();
	let expected = ratio(total as f64, counts.len() as f64);
	let squares = counts.iter().map(|count| (*count as f64 - expected).powi(2));
	let value = ratio(squares.sum(), expected);
	(value, chi_squared_tail(value, counts.len().saturating_sub(1) as f64))
}

/// The probability of `least` or more successes in `tries`, each of which succeeds with probability `chance`.
pub fn binomial_tail(tries: u64, chance: f64, least: u64) -> f64 {
	if least == 0 || chance >= 1.0 {
		return f64::from(u8::from(least <= tries));
	}
	let odds = chance.ln() - (-chance).ln_1p();
	// The logarithm of the probability of none, of one, and so on.
	let mut logarithm = tries as f64 * (-chance).ln_1p();
	let mut tail = 0.0;
	for successes in 1..=tries {
		let others = (tries - successes + 1) as f64;
		logarithm += odds + (others / successes as f64).ln();
		if successes >= least {
			tail += logarithm.exp();
		}
	}
	tail.min(1.0)
}

/// The probability that chi-squared of so many degrees of freedom is at least `value`, by Wilson and Hilferty's cube root, which is
/// right to some thousandths from ten degrees on.
fn chi_squared_tail(value: f64, degrees: f64) -> f64 {
	if degrees == 0.0 {
		return 1.0;
	}
	let spread = 2.0 / (9.0 * degrees);
	let deviations = ((value / degrees).cbrt() - (1.0 - spread)) / spread.sqrt();
	normal_tail(deviations)
}

/// The probability that a standard normal number is at least `value`, by Abramowitz and Stegun 26.2.17, right to 10⁻⁷.
fn normal_tail(value: f64) -> f64 {
	let step = 1.0 / (1.0 + 0.231_641_9 * value.abs());
	let terms = [0.319_381_530, -0.356_563_782, 1.781_477_937, -1.821_255_978, 1.330_274_429];
	let sum = terms.iter().rev().fold(0.0, |sum, term| (sum + term) * step);
	let density = (-value * value / 2.0).exp() / std::f64::consts::TAU.sqrt();
	let tail = density * sum;
	if value < 0.0 {
		1.0 - tail
	} else {
		tail
	}
}

/// Rounded to six digits after the point, so that printed figures do not depend on the order of a sum.
pub fn rounded(value: f64) -> f64 {
	(value * 1e6).round() / 1e6
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn percentiles_are_numbers_of_the_set() {
		let figures = Percentiles::of((1..=100).rev().map(f64::from).collect());
		assert_eq!((figures.p50, figures.p90, figures.p99, figures.max), (50.0, 90.0, 99.0, 100.0));
		assert_eq!(figures.mean, 50.5);
		assert_eq!(Percentiles::of(vec![7.0]).p99, 7.0);
		assert_eq!(Percentiles::of(Vec::new()), Percentiles::default());
	}

	#[test]
	fn jain_goes_from_one_of_all_to_all_alike() {
		assert_eq!(jain(&[3.0, 3.0, 3.0]), 1.0);
		assert_eq!(jain(&[0.0, 0.0, 5.0, 0.0]), 0.25);
		assert_eq!(jain(&[]), 0.0);
	}

	#[test]
	fn the_binomial_tail_is_what_counting_gives() {
		let near = |tail: f64, expected: f64| (tail - expected).abs() < 1e-9;
		assert!(near(binomial_tail(4, 0.5, 0), 1.0) && near(binomial_tail(4, 0.5, 4), 1.0 / 16.0));
		assert!(near(binomial_tail(4, 0.5, 2), 11.0 / 16.0) && near(binomial_tail(4, 0.5, 5), 0.0));
		assert!(near(binomial_tail(3, 1.0, 3), 1.0));
		// Of a thousand tries of one in 200, eight or more: 1 − 0.8672 by tables.
		assert!((binomial_tail(1_000, 0.005, 8) - 0.1326).abs() < 1e-3);
		assert!(near(binomial_tail(1_000_000, 0.5, 1), 1.0));
	}

	#[test]
	fn chi_squared_knows_its_table() {
		assert_eq!(chi_squared(&[10, 10, 10]).0, 0.0);
		assert_eq!(chi_squared(&[20, 10, 0]).0, 20.0);
		// The 95th percentile of 100 degrees of freedom is 124.34, of 199 it is 232.91.
		assert!((chi_squared_tail(124.34, 100.0) - 0.05).abs() < 0.001);
		assert!((chi_squared_tail(232.91, 199.0) - 0.05).abs() < 0.001);
		assert!((normal_tail(1.959_964) - 0.025).abs() < 1e-6);
		assert!((normal_tail(-1.959_964) - 0.975).abs() < 1e-6);
	}
}
