//! One layer of settings, in which everything may be left out.

use super::{ConfigError, ENV_PREFIX};
use serde::Deserialize;
use std::{
	fmt::Display,
	net::{IpAddr, SocketAddr},
	path::PathBuf,
	str::FromStr,
};

/// Settings as one source gives them: the flags of a command, the environment, or the file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, clap::Args)]
#[serde(deny_unknown_fields, default)]
pub struct Layer {
	/// Where keys, settings, journal and blobs are kept.
	#[serde(skip)]
	#[arg(long, global = true, value_name = "DIR")]
	pub data_dir: Option<PathBuf>,
	/// WebSocket address of the node.
	#[arg(long, global = true)]
	pub url: Option<String>,
	/// IP address on which blobs are served.
	#[arg(long, global = true, value_name = "IP")]
	pub listen: Option<IpAddr>,
	/// IP address under which others reach this machine.
	#[arg(long, global = true, value_name = "IP")]
	pub announce: Option<IpAddr>,
	/// UDP port of the blob transport; 0 to let the system choose.
	#[arg(long, global = true, value_name = "PORT")]
	pub quic_port: Option<u16>,
	/// TCP port of the HTTP fallback; 0 to let the system choose.
	#[arg(long, global = true, value_name = "PORT")]
	pub http_port: Option<u16>,
	/// Asked price in DRGN per 10⁹ fuel, such as 0.01.
	#[arg(long, global = true, value_name = "DRGN")]
	pub price_per_gfuel: Option<String>,
	/// Least fuel limit of a task that the machine takes, in 10⁹ fuel; 0 for any.
	#[arg(long, global = true, value_name = "GFUEL")]
	pub task_min_gfuel: Option<u64>,
	/// Most execution_blocks of a task that the machine takes, in blocks of 3 seconds; 0 for any.
	#[arg(long, global = true, value_name = "BLOCKS")]
	pub task_max_blocks: Option<u32>,
	/// Kinds of tasks that the machine does not take: single, restricted, dependent; or none.
	#[arg(long, global = true, value_name = "KIND,...", value_delimiter = ',')]
	pub refuses: Option<Vec<String>>,
	/// Part of the day in which tasks are taken, in UTC, such as 22:00-06:00; always if not given.
	#[arg(long, global = true, value_name = "HH:MM-HH:MM")]
	pub hours: Option<String>,
	/// Country in which the machine stands, as two letters such as DE. Nobody checks it.
	#[arg(long, global = true, value_name = "CC")]
	pub region: Option<String>,
	/// What the machine runs on: grid, renewable, nuclear or fossil. Counts as checked once an attestor signed it.
	#[arg(long, global = true, value_name = "SOURCE")]
	pub energy: Option<String>,
	/// Virtual processors to sell.
	#[arg(long, global = true, value_name = "N")]
	pub vcpus: Option<u16>,
	/// Memory to sell, in MiB.
	#[arg(long, global = true, value_name = "MIB")]
	pub memory_mib: Option<u32>,
	/// Socket on which Prometheus metrics are served; off where it is not given.
	#[arg(long, global = true, value_name = "IP:PORT")]
	pub metrics: Option<SocketAddr>,
	/// Hours for which blobs are kept after their last use.
	#[arg(long, global = true, value_name = "HOURS")]
	pub retention_hours: Option<u32>,
	/// What is logged, such as `info` or `aidragon_worker=debug`.
	#[arg(long, global = true, value_name = "FILTER")]
	pub log: Option<String>,
}

impl Layer {
	/// Reads the text of a settings file. The error says what is wrong, and in which line.
	pub fn from_toml(text: &str) -> Result<Self, String> {
		toml::from_str(text).map_err(|error| error.to_string().trim_end().to_owned())
	}

	/// Reads the variables that begin with [`ENV_PREFIX`] through `lookup`.
	pub fn from_env(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
		Ok(Self {
			data_dir: variable(&lookup, "DATA_DIR")?,
			url: variable(&lookup, "URL")?,
			listen: variable(&lookup, "LISTEN")?,
			announce: variable(&lookup, "ANNOUNCE")?,
			quic_port: variable(&lookup, "QUIC_PORT")?,
			http_port: variable(&lookup, "HTTP_PORT")?,
			price_per_gfuel: variable(&lookup, "PRICE_PER_GFUEL")?,
			task_min_gfuel: variable(&lookup, "TASK_MIN_GFUEL")?,
			task_max_blocks: variable(&lookup, "TASK_MAX_BLOCKS")?,
			refuses: variable::<String>(&lookup, "REFUSES")?.map(|words| list(&words)),
			hours: variable(&lookup, "HOURS")?,
			region: variable(&lookup, "REGION")?,
			energy: variable(&lookup, "ENERGY")?,
			vcpus: variable(&lookup, "VCPUS")?,
			memory_mib: variable(&lookup, "MEMORY_MIB")?,
			metrics: variable(&lookup, "METRICS")?,
			retention_hours: variable(&lookup, "RETENTION_HOURS")?,
			log: variable(&lookup, "LOG")?,
		})
	}

	/// This layer with everything replaced that `upper` sets.
	pub fn overlaid(self, upper: Layer) -> Self {
		Self {
			data_dir: upper.data_dir.or(self.data_dir),
			url: upper.url.or(self.url),
			listen: upper.listen.or(self.listen),
			announce: upper.announce.or(self.announce),
			quic_port: upper.quic_port.or(self.quic_port),
			http_port: upper.http_port.or(self.http_port),
			price_per_gfuel: upper.price_per_gfuel.or(self.price_per_gfuel),
			task_min_gfuel: upper.task_min_gfuel.or(self.task_min_gfuel),
			task_max_blocks: upper.task_max_blocks.or(self.task_max_blocks),
			refuses: upper.refuses.or(self.refuses),
			hours: upper.hours.or(self.hours),
			region: upper.region.or(self.region),
			energy: upper.energy.or(self.energy),
			vcpus: upper.vcpus.or(self.vcpus),
			memory_mib: upper.memory_mib.or(self.memory_mib),
			metrics: upper.metrics.or(self.metrics),
			retention_hours: upper.retention_hours.or(self.retention_hours),
			log: upper.log.or(self.log),
		}
	}
}

/// One variable. An empty one counts as not set.
fn variable<T: FromStr<Err: Display>>(
	lookup: &impl Fn(&str) -> Option<String>,
	name: &str,
) -> Result<Option<T>, ConfigError> {
	let name = format!("{ENV_PREFIX}{name}");
	let Some(value) = lookup(&name).filter(|value| !value.is_empty()) else {
		return Ok(None);
	};
	value.parse().map(Some).map_err(|error: T::Err| ConfigError::Environment {
		variable: name,
		message: format!("`{value}` cannot be used: {error}"),
	})
}

/// Words that are separated by commas.
fn list(words: &str) -> Vec<String> {
	words.split(',').map(|word| word.trim().to_owned()).collect()
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn environment_is_read_under_its_prefix() {
		let lookup = |name: &str| match name {
			"AIDRAGON_WORKER_URL" => Some("ws://node:9944".to_owned()),
			"AIDRAGON_WORKER_VCPUS" => Some("4".to_owned()),
			"AIDRAGON_WORKER_REFUSES" => Some("single, dependent".to_owned()),
			"AIDRAGON_WORKER_LOG" => Some(String::new()),
			_ => None,
		};
		let layer = Layer::from_env(lookup).unwrap();
		let refuses = Some(vec!["single".to_owned(), "dependent".to_owned()]);
		let url = Some("ws://node:9944".into());
		let expected = Layer { url, vcpus: Some(4), refuses, ..Layer::default() };
		assert_eq!(layer, expected);
	}

	#[test]
	fn a_bad_variable_is_named() {
		let lookup = |name: &str| name.ends_with("HTTP_PORT").then(|| "70000".to_owned());
		let error = Layer::from_env(lookup).unwrap_err().to_string();
		assert!(error.starts_with("AIDRAGON_WORKER_HTTP_PORT: `70000`"), "{error}");
	}

	#[test]
	fn unknown_settings_are_refused() {
		let error = Layer::from_toml("urll = \"ws://node:9944\"").unwrap_err();
		assert!(error.contains("urll"), "{error}");
		assert!(Layer::from_toml("data_dir = \"/x\"").is_err());
	}

	#[test]
	fn an_upper_layer_replaces_only_what_it_sets() {
		let lower = Layer { vcpus: Some(1), memory_mib: Some(2), ..Layer::default() };
		let upper = Layer { memory_mib: Some(3), ..Layer::default() };
		let both = Layer { vcpus: Some(1), memory_mib: Some(3), ..Layer::default() };
		assert_eq!(lower.clone().overlaid(upper), both);
		assert_eq!(lower.clone().overlaid(Layer::default()), lower);
	}
}
