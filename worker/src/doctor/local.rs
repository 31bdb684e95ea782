//! Checks of the machine itself.

use super::Check;
use crate::{
	cli::existing_keys,
	config::{Config, CONFIG_FILE},
	executor::WasmExecutor,
	machine::{available_memory_mib, free_disk_bytes, Machine},
};
use std::{
	io,
	net::{IpAddr, SocketAddr, TcpListener, UdpSocket},
	path::Path,
};

/// Free disk below which large inputs do not fit, in MiB.
const DISK_WARN_MIB: u64 = 4_096;
/// Free disk below which next to nothing fits, in MiB.
const DISK_FAIL_MIB: u64 = 256;
/// Memory below which a challenge cannot be kept, in MiB.
const MEMORY_FAIL_MIB: u32 = 256;

pub(super) fn settings(config: &Config) -> Check {
	let found = match config.config_file().exists() {
		true => config.config_file().display().to_string(),
		false => format!("defaults (there is no {CONFIG_FILE} in {})", config.data_dir.display()),
	};
	Check::ok("settings", found)
}

pub(super) fn vcpus(config: &Config, machine: &Machine) -> Check {
	let (sold, kernel) = (config.capacity.vcpus, aidragon_kernels::fastest().name());
	Check::ok("vcpus", format!("{sold} of {} are sold; they multiply with {kernel}", machine.vcpus))
}

pub(super) fn memory(config: &Config, machine: &Machine) -> Check {
	let sold = config.capacity.memory_mib;
	let found = format!("{sold} of {} MiB are sold", machine.memory_mib);
	if machine.memory_mib < MEMORY_FAIL_MIB {
		let advice = format!("use a machine with at least {MEMORY_FAIL_MIB} MiB");
		return Check::fail("memory", found, advice);
	}
	match available_memory_mib() {
		Ok(available) if available < u64::from(sold) => Check::warn(
			"memory",
			format!("{found}, but only {available} MiB are available"),
			"free memory, or set memory_mib lower: a task that gets none is given back",
		),
		Ok(available) => Check::ok("memory", format!("{found}, {available} MiB are available")),
		Err(error) => Check::warn("memory", format!("{found}; {error}"), "mount /proc"),
	}
}

pub(super) fn disk(config: &Config) -> Check {
	// Before `init` the directory is not there yet; what counts is the file system it will be on.
	let existing = config.data_dir.ancestors().find(|path| path.exists());
	let place = existing.filter(|path| !path.as_os_str().is_empty()).unwrap_or(Path::new("."));
	let advice = "free disk space, or set data_dir to a larger file system";
	match free_disk_bytes(place).map(|bytes| bytes >> 20) {
		Ok(free) => {
			let found = format!("{free} MiB are free for {}", config.data_dir.display());
			match free {
				free if free < DISK_FAIL_MIB => Check::fail("disk", found, advice),
				free if free < DISK_WARN_MIB => Check::warn("disk", found, advice),
				_ => Check::ok("disk", found),
			}
		}
		Err(error) => Check::fail("disk", format!("{}: {error}", place.display()), advice),
	}
}

pub(super) fn keys(config: &Config) -> Check {
	let account = existing_keys(config).and_then(|keys| Ok(keys.hot_key()?.account_id()));
	match account {
		Ok(account) => Check::ok("keys", format!("hot key {account}, readable by this user alone")),
		Err(error) => {
			let advice = "run `aidragon-worker init`, or restore the key file from your copy";
			Check::fail("keys", format!("{error:#}"), advice)
		}
	}
}

pub(super) fn ports(config: &Config) -> Check {
	let (quic, http) = (config.quic_port, config.http_port);
	let udp = UdpSocket::bind(SocketAddr::new(config.listen, quic)).map(drop);
	let tcp = TcpListener::bind(SocketAddr::new(config.listen, http)).map(drop);
	let listen = config.listen;
	let named = |kind: &str, port: u16, result: io::Result<()>| {
		result.err().map(|error| (format!("{kind} {listen} port {port}: {error}"), error.kind()))
	};
	let troubles: Vec<_> =
		[named("UDP", quic, udp), named("TCP", http, tcp)].into_iter().flatten().collect();
	if troubles.is_empty() {
		return Check::ok("ports", format!("UDP {quic} and TCP {http} can be bound on {listen}"));
	}
	let found: Vec<&str> = troubles.iter().map(|(text, _)| text.as_str()).collect();
	match troubles.iter().all(|(_, kind)| *kind == io::ErrorKind::AddrInUse) {
		true => Check::warn(
			"ports",
			found.join("; "),
			"fine while the daemon runs; otherwise stop the other program or set other ports",
		),
		false => Check::fail("ports", found.join("; "), "set listen, quic_port and http_port"),
	}
}

pub(super) fn announce(config: &Config) -> Check {
	let address = config.announce;
	let is_private = match address {
		IpAddr::V4(v4) => v4.is_private() || v4.is_link_local(),
		IpAddr::V6(v6) => v6.is_unique_local() || v6.is_unicast_link_local(),
	};
	let advice = "set announce to the address at which submitters reach this machine";
	if address.is_loopback() {
		let found = format!("{address} is reached from this machine alone");
		Check::warn("announce", found, advice)
	} else if is_private {
		Check::warn("announce", format!("{address} is reached from this network alone"), advice)
	} else {
		Check::ok("announce", address.to_string())
	}
}

pub(super) async fn sandbox() -> Check {
	let advice = "run on Linux 5.13 or later, and allow unprivileged user name spaces";
	let report = match WasmExecutor::from_current_exe().jail_report().await {
		Ok(report) => report,
		Err(fault) => return Check::fail("sandbox", fault.to_string(), advice),
	};
	let holes: Vec<&str> = report
		.probes
		.iter()
		.filter(|probe| probe.refusal.is_none())
		.map(|probe| probe.name.as_str())
		.collect();
	if !report.is_tight() {
		return Check::fail("sandbox", format!("a program can: {}", holes.join(", ")), advice);
	}
	let missing: Vec<String> = report
		.layers
		.iter()
		.filter_map(|layer| Some(format!("{} ({})", layer.name, layer.missing.as_ref()?)))
		.collect();
	let found = format!(
		"{} of {} layers, {} ways out are closed",
		report.layers.len() - missing.len(),
		report.layers.len(),
		report.probes.len()
	);
	match missing.is_empty() {
		true => Check::ok("sandbox", found),
		false => {
			Check::warn("sandbox", format!("{found}; missing: {}", missing.join(", ")), advice)
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::{config::Layer, doctor::Level};

	const MACHINE: Machine = Machine { vcpus: 2, memory_mib: 2_048 };

	fn config(directory: &Path, layer: Layer) -> Config {
		layer.resolve(directory.to_owned(), &MACHINE).unwrap()
	}

	#[test]
	fn missing_keys_fail_and_existing_ones_are_shown() {
		let directory = tempfile::tempdir().unwrap();
		let config = config(directory.path(), Layer::default());
		assert_eq!(keys(&config).level, Level::Fail);
		aidragon_client::keys::WorkerKeys::load_or_create(&config.key_file()).unwrap();
		assert_eq!(keys(&config).level, Level::Ok);
	}

	#[test]
	fn a_port_in_use_is_a_warning_and_a_foreign_address_a_failure() {
		let directory = tempfile::tempdir().unwrap();
		let taken = TcpListener::bind("127.0.0.1:0").unwrap();
		let http_port = Some(taken.local_addr().unwrap().port());
		let layer = Layer { quic_port: Some(0), http_port, ..Layer::default() };
		assert_eq!(ports(&config(directory.path(), layer.clone())).level, Level::Warn);
		drop(taken);
		assert_eq!(ports(&config(directory.path(), layer.clone())).level, Level::Ok);
		// Reserved for documentation, so no machine has it.
		let listen = Some("192.0.2.1".parse().unwrap());
		let foreign = config(directory.path(), Layer { listen, ..layer });
		assert_eq!(ports(&foreign).level, Level::Fail);
	}

	#[test]
	fn an_address_that_others_cannot_reach_is_pointed_out() {
		let directory = tempfile::tempdir().unwrap();
		let level = |address: &str| {
			let layer = Layer { announce: Some(address.parse().unwrap()), ..Layer::default() };
			announce(&config(directory.path(), layer)).level
		};
		assert_eq!(level("127.0.0.1"), Level::Warn);
		assert_eq!(level("192.168.1.7"), Level::Warn);
		assert_eq!(level("203.0.113.7"), Level::Ok);
		assert_eq!(level("2001:db8::7"), Level::Ok);
	}

	#[test]
	fn disk_is_looked_at_before_the_data_directory_exists() {
		let directory = tempfile::tempdir().unwrap();
		let config = config(&directory.path().join("not/yet"), Layer::default());
		assert!(disk(&config).found.contains("MiB are free"));
	}
}
