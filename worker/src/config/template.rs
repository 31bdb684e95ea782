//! The settings file that `init` writes.

use super::{
	DEFAULT_HTTP_PORT, DEFAULT_PRICE, DEFAULT_QUIC_PORT, DEFAULT_RETENTION_HOURS, DEFAULT_URL,
};
use aidragon_primitives::worker::Capacity;

/// A settings file in which everything is commented out and shows its default.
pub fn template(sold: &Capacity) -> String {
	let Capacity { vcpus, memory_mib, .. } = sold;
	format!(
		r#"# Settings of aidragon-worker. Everything here has a default, shown behind the number sign.
# A variable AIDRAGON_WORKER_<NAME> of the environment beats this file, and a flag beats both.

# WebSocket address of the node.
#url = "{DEFAULT_URL}"

# Address on which blobs are served. "0.0.0.0" listens on all; then `announce` must be set too.
#listen = "127.0.0.1"

# Address under which submitters and other machines reach this one.
#announce = "127.0.0.1"

# UDP port of the blob transport and TCP port of the HTTP fallback. 0 lets the system choose at every start.
#quic_port = {DEFAULT_QUIC_PORT}
#http_port = {DEFAULT_HTTP_PORT}

# Asked price in DRGN per 10⁹ fuel, in quotes.
#price_per_gfuel = "{DEFAULT_PRICE}"

# Least fuel limit of a task, in 10⁹ fuel, and the part of the day in which tasks are taken, in UTC. Without the latter
# tasks are taken at any time.
#task_min_gfuel = 0
#hours = "22:00-06:00"

# Most blocks of 3 seconds that a task may ask for to run; 0 for any. A machine that is switched off often takes short tasks only.
#task_max_blocks = 0

# Kinds of tasks that are not taken: "single" (no other machine runs the same task), "restricted" (the submitter named a region;
# such tasks earn no points) and "dependent" (other machines have to serve parts of the input).
#refuses = []

# Where the machine stands, as two letters of ISO 3166-1, and what it runs on: grid, renewable, nuclear or fossil.
#region = "DE"
#energy = "undeclared"

# What is sold. The default is what was detected, less a reserve for the system and this daemon.
#vcpus = {vcpus}
#memory_mib = {memory_mib}

# Where Prometheus metrics are served. Off by default.
#metrics = "127.0.0.1:9616"

# Hours for which inputs and outputs are kept after their last use.
#retention_hours = {DEFAULT_RETENTION_HOURS}

# What is logged: error, warn, info, debug, or a filter such as "info,aidragon_worker=debug".
#log = "info"
"#
	)
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::{config::Layer, machine::Machine};

	#[test]
	fn the_template_is_valid_as_it_is_and_uncommented() {
		let machine = Machine { vcpus: 8, memory_mib: 16_384 };
		let text = template(&machine.sellable());
		assert_eq!(Layer::from_toml(&text), Ok(Layer::default()));
		let is_setting = |line: &&str| line.starts_with('#') && !line.starts_with("# ");
		let settings: Vec<&str> = text.lines().filter(is_setting).map(|line| &line[1..]).collect();
		assert_eq!(settings.len(), 17);
		let shown = Layer::from_toml(&settings.join("\n")).unwrap();
		let shown = Layer { metrics: None, hours: None, region: None, ..shown }
			.resolve("/data".into(), &machine)
			.unwrap();
		let default = Layer::default().resolve("/data".into(), &machine).unwrap();
		assert_eq!(shown, default);
	}
}
