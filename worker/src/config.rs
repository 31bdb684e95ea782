//! The daemon's settings: a TOML file, overridden by the environment, overridden by flags.

mod amount;
mod layer;
mod template;
mod terms;

pub use amount::{format_drgn, parse_drgn, AmountError};
pub use layer::Layer;
pub use template::template;

use crate::machine::Machine;
use aidragon_primitives::worker::{Capacity, Offer, Site};
use std::{
	io,
	net::{IpAddr, Ipv4Addr, SocketAddr},
	path::{Path, PathBuf},
	time::Duration,
};

/// Name of the settings file inside of the data directory.
pub const CONFIG_FILE: &str = "worker.toml";
/// Name of the key file inside of the data directory.
pub const KEY_FILE: &str = "keys.json";
/// What every variable of the environment begins with.
pub const ENV_PREFIX: &str = "AIDRAGON_WORKER_";

/// Where the node is expected.
pub const DEFAULT_URL: &str = "ws://127.0.0.1:9944";
/// UDP port of the blob transport.
pub const DEFAULT_QUIC_PORT: u16 = 30_480;
/// TCP port of the HTTP fallback.
pub const DEFAULT_HTTP_PORT: u16 = 30_481;
/// Asked price in DRGN per 10⁹ fuel.
pub const DEFAULT_PRICE: &str = "0.01";
/// How long blobs are kept after their last use.
pub const DEFAULT_RETENTION_HOURS: u32 = 24;

/// Settings after all layers, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
	/// WebSocket address of the node.
	pub url: String,
	/// Where keys, journal and blobs are.
	pub data_dir: PathBuf,
	/// The address on which blobs are served.
	pub listen: IpAddr,
	/// The address under which others reach this machine.
	pub announce: IpAddr,
	/// UDP port of the blob transport; 0 lets the system choose at every start.
	pub quic_port: u16,
	/// TCP port of the HTTP fallback; 0 lets the system choose at every start.
	pub http_port: u16,
	/// What the machine asks, and when it takes tasks.
	pub offer: Offer,
	/// Where it stands and what it runs on.
	pub site: Site,
	/// What the machine sells.
	pub capacity: Capacity,
	/// Where metrics are served, if anywhere.
	pub metrics: Option<SocketAddr>,
	/// How long blobs are kept after their last use.
	pub retention: Duration,
	/// What is logged, as a filter of the `tracing` crate.
	pub log: String,
}

/// Settings that cannot be used. The message names the field and says what to do.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
	/// The file is there and cannot be read.
	#[error("cannot read {path}: {source}")]
	Read {
		/// The file.
		path: PathBuf,
		/// Why.
		source: io::Error,
	},
	/// The file is not what it should be.
	#[error("{path} is not a valid settings file: {message}")]
	Syntax {
		/// The file.
		path: PathBuf,
		/// What is wrong, and in which line.
		message: String,
	},
	/// A variable of the environment does not parse.
	#[error("{variable}: {message}")]
	Environment {
		/// The variable.
		variable: String,
		/// What is wrong.
		message: String,
	},
	/// A setting is out of its bounds.
	#[error("{field}: {message}")]
	Value {
		/// The setting.
		field: &'static str,
		/// What is wrong, and what to do.
		message: String,
	},
}

impl Config {
	/// Reads all layers. A missing file counts as an empty one.
	pub fn load(flags: &Layer, machine: &Machine) -> Result<Self, ConfigError> {
		let environment = Layer::from_env(|name| std::env::var(name).ok())?;
		let data_dir = flags.data_dir.clone().or(environment.data_dir.clone());
		let data_dir = data_dir.unwrap_or_else(default_data_dir);
		let file = read_file(&data_dir.join(CONFIG_FILE))?;
		file.overlaid(environment).overlaid(flags.clone()).resolve(data_dir, machine)
	}

	/// The key file.
	pub fn key_file(&self) -> PathBuf {
		self.data_dir.join(KEY_FILE)
	}

	/// The settings file.
	pub fn config_file(&self) -> PathBuf {
		self.data_dir.join(CONFIG_FILE)
	}

	/// The journal.
	pub fn journal_file(&self) -> PathBuf {
		self.data_dir.join("journal.redb")
	}

	/// The directory of blobs.
	pub fn blob_dir(&self) -> PathBuf {
		self.data_dir.join("blobs")
	}

	/// The directory in which outputs grow until they are whole.
	pub fn work_dir(&self) -> PathBuf {
		self.data_dir.join("work")
	}
}

fn read_file(path: &Path) -> Result<Layer, ConfigError> {
	match std::fs::read_to_string(path) {
		Ok(text) => Layer::from_toml(&text)
			.map_err(|message| ConfigError::Syntax { path: path.into(), message }),
		Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Layer::default()),
		Err(source) => Err(ConfigError::Read { path: path.into(), source }),
	}
}

fn default_data_dir() -> PathBuf {
	let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
	let base = set("XDG_DATA_HOME").map(PathBuf::from);
	let home = || set("HOME").map(|home| Path::new(&home).join(".local/share"));
	base.or_else(home).unwrap_or_else(|| PathBuf::from(".")).join("aidragon-worker")
}

impl Layer {
	/// Fills in defaults and checks every bound.
	pub fn resolve(self, data_dir: PathBuf, machine: &Machine) -> Result<Config, ConfigError> {
		let listen = self.listen.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
		let announce = self.announce.unwrap_or(listen);
		if announce.is_unspecified() {
			let message = "says where others reach this machine, so it cannot be the unspecified \
				address; set announce to the machine's public address";
			return Err(ConfigError::Value { field: "announce", message: message.into() });
		}
		let offer = terms::offer(&self)?;
		let site = terms::site(&self)?;
		Ok(Config {
			url: self.url.unwrap_or_else(|| DEFAULT_URL.into()),
			data_dir,
			listen,
			announce,
			quic_port: self.quic_port.unwrap_or(DEFAULT_QUIC_PORT),
			http_port: self.http_port.unwrap_or(DEFAULT_HTTP_PORT),
			offer,
			site,
			capacity: capacity(self.vcpus, self.memory_mib, machine)?,
			metrics: self.metrics,
			retention: retention(self.retention_hours)?,
			log: self.log.unwrap_or_else(|| "info".into()),
		})
	}
}

fn capacity(
	vcpus: Option<u16>,
	memory_mib: Option<u32>,
	machine: &Machine,
) -> Result<Capacity, ConfigError> {
	let sold = machine.sellable();
	let chosen = Capacity::cpu(vcpus.unwrap_or(sold.vcpus), memory_mib.unwrap_or(sold.memory_mib));
	let refuse = |field, message: String| Err(ConfigError::Value { field, message });
	if chosen.vcpus == 0 || chosen.vcpus > machine.vcpus {
		return refuse("vcpus", format!("is {}, use 1 to {}", chosen.vcpus, machine.vcpus));
	}
	if chosen.memory_mib == 0 || chosen.memory_mib > machine.memory_mib {
		let bounds = format!("is {}, use 1 to {}", chosen.memory_mib, machine.memory_mib);
		return refuse("memory_mib", bounds);
	}
	Ok(chosen)
}

fn retention(hours: Option<u32>) -> Result<Duration, ConfigError> {
	match hours.unwrap_or(DEFAULT_RETENTION_HOURS) {
		0 => Err(ConfigError::Value {
			field: "retention_hours",
			message: "must be at least 1: submitters need time to fetch their results".into(),
		}),
		hours => Ok(Duration::from_secs(u64::from(hours) * 3_600)),
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	const MACHINE: Machine = Machine { vcpus: 8, memory_mib: 16_384 };

	fn layer(url: &str, vcpus: Option<u16>) -> Layer {
		Layer { url: Some(url.into()), vcpus, ..Layer::default() }
	}

	#[test]
	fn flags_beat_the_environment_which_beats_the_file() {
		let file = Layer::from_toml("url = \"ws://file:1\"\nvcpus = 2\nhttp_port = 0\n").unwrap();
		let environment = layer("ws://environment:1", Some(3));
		let flags = layer("ws://flag:1", None);
		let config = file.overlaid(environment).overlaid(flags);
		let config = config.resolve("/data".into(), &MACHINE).unwrap();
		assert_eq!(config.url, "ws://flag:1");
		assert_eq!(config.capacity.vcpus, 3);
		assert_eq!(config.http_port, 0);
		assert_eq!(config.quic_port, DEFAULT_QUIC_PORT);
	}

	#[test]
	fn defaults_sell_what_the_machine_can_spare() {
		let config = Layer::default().resolve("/data".into(), &MACHINE).unwrap();
		assert_eq!(config.capacity, MACHINE.sellable());
		assert_eq!(config.announce, config.listen);
		assert_eq!(config.retention, Duration::from_secs(24 * 3_600));
		assert_eq!(config.offer, Offer::at(10_000_000_000));
		assert_eq!(config.site, Site::default());
	}

	#[test]
	fn errors_name_the_field() {
		let announce = Layer { listen: Some("0.0.0.0".parse().unwrap()), ..Layer::default() };
		let refusing = |words: &str| Layer {
			refuses: Some(words.split(',').map(str::to_owned).collect()),
			..Layer::default()
		};
		let cases = [
			(announce, "announce: "),
			(Layer { vcpus: Some(9), ..Layer::default() }, "vcpus: is 9, use 1 to 8"),
			(Layer { memory_mib: Some(0), ..Layer::default() }, "memory_mib: is 0"),
			(Layer { price_per_gfuel: Some("0".into()), ..Layer::default() }, "price_per_gfuel: "),
			(Layer { price_per_gfuel: Some("x".into()), ..Layer::default() }, "price_per_gfuel: "),
			(Layer { region: Some("Germany".into()), ..Layer::default() }, "region: "),
			(Layer { energy: Some("coal".into()), ..Layer::default() }, "energy: "),
			(Layer { hours: Some("8-18".into()), ..Layer::default() }, "hours: "),
			(Layer { hours: Some("24:00-06:00".into()), ..Layer::default() }, "hours: "),
			(Layer { task_min_gfuel: Some(u64::MAX), ..Layer::default() }, "task_min_gfuel: "),
			(refusing("containers"), "refuses: names `containers`"),
			(refusing("single,restricted,dependent"), "refuses: names every kind"),
			(Layer { retention_hours: Some(0), ..Layer::default() }, "retention_hours: "),
		];
		for (layer, message) in cases {
			let error = layer.resolve("/data".into(), &MACHINE).unwrap_err().to_string();
			assert!(error.starts_with(message), "{error}");
		}
	}
}
