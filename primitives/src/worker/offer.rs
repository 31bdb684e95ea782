//! What a machine asks, when it takes tasks, and what its provider says about the place where it stands.

use crate::{Balance, SLOT_DURATION_MS};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;

/// Minutes of a day.
pub const DAY_MINUTES: u16 = 1_440;

/// Kinds of tasks, as a set.
#[derive(
	Clone,
	Copy,
	Debug,
	Default,
	PartialEq,
	Eq,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
)]
pub struct TaskKinds(pub u8);

impl TaskKinds {
	/// Tasks that only one machine runs.
	pub const SINGLE: Self = Self(1);
	/// Tasks that name a region. They earn no points.
	pub const RESTRICTED: Self = Self(2);
	/// Tasks that take the results of other tasks as input, which other machines have to serve.
	pub const DEPENDENT: Self = Self(4);
	/// Every kind.
	pub const ALL: Self = Self(7);

	/// Both sets together.
	pub const fn with(self, other: Self) -> Self {
		Self(self.0 | other.0)
	}

	/// Whether the sets have a kind in common.
	pub fn intersects(self, other: Self) -> bool {
		self.0 & other.0 != 0
	}
}

/// What a machine asks. One price, as only one class of work runs: deterministic WebAssembly.
#[derive(
	Clone,
	Copy,
	Debug,
	PartialEq,
	Eq,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
)]
pub struct Offer {
	/// Asked price in smallest units per 10⁹ fuel.
	pub price_per_gfuel: Balance,
	/// Least fuel limit of a task that the machine takes; 0 for any.
	pub task_min_fuel: u64,
	/// Most `execution_blocks` of a task that the machine takes; 0 for any.
	pub task_max_blocks: u32,
	/// Kinds of tasks that it does not take.
	pub refuses: TaskKinds,
	/// When it takes tasks; `None` for always.
	pub hours: Option<Hours>,
}

impl Offer {
	/// An offer of any task at any time.
	pub fn at(price_per_gfuel: Balance) -> Self {
		Self {
			price_per_gfuel,
			task_min_fuel: 0,
			task_max_blocks: 0,
			refuses: TaskKinds::default(),
			hours: None,
		}
	}

	/// The first field that is out of range, if any.
	pub fn malformed_field(&self) -> Option<&'static str> {
		if self.price_per_gfuel == 0 {
			return Some("price_per_gfuel");
		}
		// A machine that refuses every kind should pause instead; a kind that is not known is a mistake.
		if self.refuses.0 >= TaskKinds::ALL.0 {
			return Some("refuses");
		}
		self.hours.is_some_and(|hours| !hours.is_valid()).then_some("hours")
	}

	/// Whether a task that begins at `minute` of the day and may take `execution_blocks` ends before the machine closes.
	pub fn is_open(&self, minute: u16, execution_blocks: u32) -> bool {
		self.hours.is_none_or(|hours| hours.cover(minute, execution_blocks))
	}
}

/// A part of each day, in minutes of Coordinated Universal Time. It may go over midnight.
#[derive(
	Clone,
	Copy,
	Debug,
	PartialEq,
	Eq,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
)]
pub struct Hours {
	/// The first minute, 0 to 1439.
	pub from_minute: u16,
	/// The minute at which it is over, 0 to 1439. Another than the first.
	pub until_minute: u16,
}

impl Hours {
	/// Whether both minutes lie within a day and differ.
	pub fn is_valid(&self) -> bool {
		let within = self.from_minute < DAY_MINUTES && self.until_minute < DAY_MINUTES;
		within && self.from_minute != self.until_minute
	}

	/// Whether all of `blocks` from `minute` of the day on lies within.
	pub fn cover(&self, minute: u16, blocks: u32) -> bool {
		let day = u32::from(DAY_MINUTES);
		let since =
			|minute: u16| (u32::from(minute) + day - u32::from(self.from_minute) % day) % day;
		let needed = u64::from(blocks).saturating_mul(SLOT_DURATION_MS).div_ceil(60_000);
		let end = u64::from(since(minute)).saturating_add(needed);
		end <= u64::from(since(self.until_minute))
	}
}

/// The minute of the day, in Coordinated Universal Time, at `unix_ms` milliseconds of Unix time.
pub fn minute_of_day(unix_ms: u64) -> u16 {
	// Below 1440, so it fits.
	(unix_ms / 60_000 % u64::from(DAY_MINUTES)) as u16
}

/// A country or territory by its two letters of ISO 3166-1.
#[derive(
	Clone,
	Copy,
	Debug,
	PartialEq,
	Eq,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
)]
pub struct Region(pub [u8; 2]);

impl Region {
	/// Whether it is two capital letters.
	pub fn is_valid(&self) -> bool {
		self.0.iter().all(u8::is_ascii_uppercase)
	}
}

/// What a machine runs on.
#[derive(
	Clone,
	Copy,
	Debug,
	Default,
	PartialEq,
	Eq,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
)]
pub enum EnergySource {
	/// Nothing was said.
	#[default]
	#[codec(index = 0)]
	Undeclared,
	/// Whatever the grid has.
	#[codec(index = 1)]
	Grid,
	/// Sun, wind, water, earth heat or biomass.
	#[codec(index = 2)]
	Renewable,
	/// Nuclear fission.
	#[codec(index = 3)]
	Nuclear,
	/// Coal, oil or gas.
	#[codec(index = 4)]
	Fossil,
}

/// What a provider says about the place of a machine. Nothing of it is proved.
#[derive(
	Clone,
	Copy,
	Debug,
	Default,
	PartialEq,
	Eq,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
)]
pub struct Site {
	/// Where it stands; `None` where that is not said.
	pub region: Option<Region>,
	/// What it runs on.
	pub energy: EnergySource,
}

impl Site {
	/// The first field that is out of range, if any.
	pub fn malformed_field(&self) -> Option<&'static str> {
		self.region.is_some_and(|region| !region.is_valid()).then_some("region")
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn hours_cover_what_ends_before_they_do() {
		let day = Hours { from_minute: 480, until_minute: 1_080 };
		// 20 blocks are a minute.
		assert!(day.cover(480, 20) && day.cover(1_079, 20) && !day.cover(1_079, 21));
		assert!(!day.cover(479, 20) && !day.cover(1_080, 20) && day.cover(480, 600 * 20));
		let night = Hours { from_minute: 1_320, until_minute: 360 };
		assert!(night.cover(1_439, 20 * 60) && night.cover(0, 20) && !night.cover(400, 20));
		assert!(!night.cover(359, 40) && !night.cover(0, u32::MAX));
	}

	#[test]
	fn fields_out_of_range_are_named() {
		assert_eq!(Offer::at(1).malformed_field(), None);
		assert_eq!(Offer::at(0).malformed_field(), Some("price_per_gfuel"));
		for (from_minute, until_minute) in [(5, 5), (1_440, 5), (5, 1_440)] {
			let hours = Some(Hours { from_minute, until_minute });
			assert_eq!(Offer { hours, ..Offer::at(1) }.malformed_field(), Some("hours"));
		}
		for kinds in [TaskKinds::ALL, TaskKinds(8)] {
			let refusing = Offer { refuses: kinds, ..Offer::at(1) };
			assert_eq!(refusing.malformed_field(), Some("refuses"));
		}
		let region = |letters: &[u8; 2]| Site { region: Some(Region(*letters)), ..Site::default() };
		assert_eq!(region(b"DE").malformed_field(), None);
		assert_eq!(region(b"de").malformed_field(), Some("region"));
		assert_eq!(Site::default().malformed_field(), None);
	}

	#[test]
	fn the_minute_of_the_day_wraps_at_midnight() {
		assert_eq!(minute_of_day(0), 0);
		assert_eq!(minute_of_day(86_399_999), 1_439);
		assert_eq!(minute_of_day(86_400_000 * 20_000 + 60_000), 1);
	}
}
