//! Facts of the dependency tree that the build's time and the licences rest on.

use aidragon_e2e::paths::checkout;
use std::{collections::BTreeSet, env, fs, process::Command};

/// Name and version of everything in the lock file.
fn locked() -> Vec<(String, String)> {
	let text = fs::read_to_string(checkout().join("Cargo.lock")).unwrap();
	let value = |package: &str, key: &str| {
		let line = package.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(" = "));
		line.unwrap_or_default().trim_matches('"').to_owned()
	};
	let packages = text.split("[[package]]").skip(1);
	packages.map(|package| (value(package, "name"), value(package, "version"))).collect()
}

/// The directories of the workspace's crates.
fn members() -> Vec<String> {
	let manifest = fs::read_to_string(checkout().join("Cargo.toml")).unwrap();
	let list = manifest.split("members = [").nth(1).unwrap().split(']').next().unwrap();
	list.split(',')
		.map(|member| member.trim().trim_matches('"').to_owned())
		.filter(|m| !m.is_empty())
		.collect()
}

/// Names of everything that is built for `package` with its default features.
fn tree(package: &str) -> BTreeSet<String> {
	let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
	let output = Command::new(cargo)
		.current_dir(checkout())
		.args(["tree", "--locked", "--package", package])
		.args(["--edges", "normal,build", "--prefix", "none", "--format", "{p}"])
		.output()
		.unwrap();
	assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
	let names = String::from_utf8(output.stdout).unwrap();
	names.lines().filter_map(|line| line.split_whitespace().next()).map(String::from).collect()
}

fn is_forbidden(name: &str) -> bool {
	name.contains("rocksdb") || name.starts_with("cumulus-") || name.starts_with("polkadot-runtime")
}

#[test]
fn one_release_line_of_the_sdk() {
	let locked = locked();
	assert!(locked.len() > 500, "the lock file was not understood: {} packages", locked.len());
	let versions: Vec<&str> = locked
		.iter()
		.filter(|(name, _)| name == "sp-runtime")
		.map(|(_, version)| version.as_str())
		.collect();
	assert_eq!(versions, ["49.0.0"]);
}

#[test]
fn no_rocksdb_and_nothing_of_parachains() {
	let found: Vec<_> = locked().into_iter().filter(|(name, _)| is_forbidden(name)).collect();
	assert!(found.is_empty(), "{found:?}");
	let node = tree("aidragon-node");
	assert!(node.contains("sc-service"), "{node:?}");
	let found: Vec<_> = node.iter().filter(|name| is_forbidden(name)).collect();
	assert!(found.is_empty(), "{found:?}");
}

#[test]
fn each_part_depends_on_what_it_may() {
	let offends = |package: &str, prefixes: &[&str]| -> Vec<String> {
		let is_offending = |name: &String| prefixes.iter().any(|prefix| name.starts_with(prefix));
		tree(package).into_iter().filter(is_offending).collect()
	};
	let none: [String; 0] = [];
	assert_eq!(offends("aidragon-primitives", &["frame-", "pallet-", "sc-", "sp-runtime"]), none);
	for program in ["aidragon-client", "aidragon-worker", "aidragon-cli"] {
		let offending =
			offends(program, &["sc-", "frame-support", "frame-system", "pallet-", "sp-io"]);
		assert_eq!(offending, none, "{program}");
	}
}

#[test]
fn every_crate_inherits_the_lints() {
	let members = members();
	assert!(members.len() >= 11, "{members:?}");
	for member in members {
		let manifest = fs::read_to_string(checkout().join(&member).join("Cargo.toml")).unwrap();
		let inherits = manifest.split("\n[").any(|section| {
			section.starts_with("lints]") && section.lines().any(|line| line == "workspace = true")
		});
		assert!(inherits, "{member}/Cargo.toml lacks `[lints] workspace = true`");
	}
}

#[test]
fn the_javascript_lock_names_no_registry() {
	let lock = fs::read_to_string(checkout().join("tests/polkadot-js/package-lock.json")).unwrap();
	assert!(lock.contains("\"integrity\"") && !lock.contains("\"resolved\""));
}
