//! What the machine asks and where it stands, from the words of the settings.

use super::{parse_drgn, ConfigError, Layer, DEFAULT_PRICE};
use aidragon_primitives::{
	worker::{EnergySource, Hours, Offer, Region, Site, TaskKinds},
	GFUEL,
};

fn refuse<T>(field: &'static str, message: impl Into<String>) -> Result<T, ConfigError> {
	Err(ConfigError::Value { field, message: message.into() })
}

/// Price, which tasks are taken, and when.
pub(super) fn offer(layer: &Layer) -> Result<Offer, ConfigError> {
	let price = layer.price_per_gfuel.as_deref().unwrap_or(DEFAULT_PRICE);
	let price_per_gfuel =
		parse_drgn(price).or_else(|error| refuse("price_per_gfuel", error.to_string()))?;
	if price_per_gfuel == 0 {
		return refuse("price_per_gfuel", "must be above 0 DRGN");
	}
	let Some(task_min_fuel) = layer.task_min_gfuel.unwrap_or(0).checked_mul(GFUEL) else {
		return refuse("task_min_gfuel", "is more than any task has; use 0 for any task");
	};
	let hours = layer.hours.as_deref().map(parse_hours).transpose()?;
	let refuses = parse_kinds(layer.refuses.as_deref().unwrap_or_default())?;
	let task_max_blocks = layer.task_max_blocks.unwrap_or(0);
	Ok(Offer { price_per_gfuel, task_min_fuel, task_max_blocks, refuses, hours })
}

/// Region and energy source.
pub(super) fn site(layer: &Layer) -> Result<Site, ConfigError> {
	let region = layer.region.as_deref().map(parse_region).transpose()?;
	let energy = layer.energy.as_deref().map(parse_energy).transpose()?;
	Ok(Site { region, energy: energy.unwrap_or_default() })
}

fn parse_kinds(words: &[String]) -> Result<TaskKinds, ConfigError> {
	let mut kinds = TaskKinds::default();
	for word in words {
		kinds = kinds.with(match word.as_str() {
			"single" => TaskKinds::SINGLE,
			"restricted" => TaskKinds::RESTRICTED,
			"dependent" => TaskKinds::DEPENDENT,
			"" | "none" if words.len() == 1 => TaskKinds::default(),
			_ => {
				let message =
					format!("names `{word}`; use single, restricted and dependent, or none");
				return refuse("refuses", message);
			}
		});
	}
	match kinds == TaskKinds::ALL {
		true => refuse(
			"refuses",
			"names every kind, so that no task is left; pause the machine instead",
		),
		false => Ok(kinds),
	}
}

fn parse_region(text: &str) -> Result<Region, ConfigError> {
	let region = <[u8; 2]>::try_from(text.as_bytes()).ok().map(Region);
	match region.filter(Region::is_valid) {
		Some(region) => Ok(region),
		None => refuse(
			"region",
			format!("is `{text}`; use two capital letters of ISO 3166-1, such as DE"),
		),
	}
}

fn parse_energy(text: &str) -> Result<EnergySource, ConfigError> {
	match text {
		"undeclared" => Ok(EnergySource::Undeclared),
		"grid" => Ok(EnergySource::Grid),
		"renewable" => Ok(EnergySource::Renewable),
		"nuclear" => Ok(EnergySource::Nuclear),
		"fossil" => Ok(EnergySource::Fossil),
		_ => refuse(
			"energy",
			format!("is `{text}`; use grid, renewable, nuclear, fossil or undeclared"),
		),
	}
}

fn parse_hours(text: &str) -> Result<Hours, ConfigError> {
	let minute = |time: &str| {
		let (hour, minute) = time.split_once(':')?;
		let (hour, minute) = (hour.parse::<u16>().ok()?, minute.parse::<u16>().ok()?);
		(hour < 24 && minute < 60).then_some(hour * 60 + minute)
	};
	let hours = text.split_once('-').and_then(|(from, until)| {
		Some(Hours { from_minute: minute(from)?, until_minute: minute(until)? })
	});
	match hours.filter(Hours::is_valid) {
		Some(hours) => Ok(hours),
		None => refuse(
			"hours",
			format!("is `{text}`; use two times of the day in UTC, such as 22:00-06:00"),
		),
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn words_become_terms() {
		let layer = Layer {
			price_per_gfuel: Some("0.5".into()),
			task_min_gfuel: Some(3),
			task_max_blocks: Some(40),
			refuses: Some(vec!["dependent".into(), "single".into()]),
			hours: Some("22:00-06:30".into()),
			region: Some("IS".into()),
			energy: Some("renewable".into()),
			..Layer::default()
		};
		let hours = Some(Hours { from_minute: 1_320, until_minute: 390 });
		let expected = Offer {
			price_per_gfuel: 500_000_000_000,
			task_min_fuel: 3 * GFUEL,
			task_max_blocks: 40,
			refuses: TaskKinds::SINGLE.with(TaskKinds::DEPENDENT),
			hours,
		};
		assert_eq!(offer(&layer).unwrap(), expected);
		let region = Some(Region(*b"IS"));
		assert_eq!(site(&layer).unwrap(), Site { region, energy: EnergySource::Renewable });
	}

	#[test]
	fn nothing_or_none_refuses_nothing() {
		for words in [vec![], vec!["none".to_owned()], vec![String::new()]] {
			assert_eq!(parse_kinds(&words).unwrap(), TaskKinds::default());
		}
		let both = ["none".to_owned(), "single".to_owned()];
		assert!(parse_kinds(&both).unwrap_err().to_string().starts_with("refuses: names `none`"));
	}
}
