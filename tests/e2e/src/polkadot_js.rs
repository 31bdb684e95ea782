//! The script that talks to a node through polkadot.js, and the packages that it needs.

use crate::{
	dragon::finish,
	paths::{cache_dir, checkout},
	scene::Scene,
};
use anyhow::{ensure, Context, Result};
use serde_json::Value;
use std::{env, fs, path::PathBuf};
use tokio::process::Command;

/// The script and what names its packages.
const FILES: [&str; 3] = ["package.json", "package-lock.json", "submit-task.mjs"];

/// Runs `submit-task.mjs` against the node at `url`, and gives what it printed. `None` where this machine has no
/// Node.js, which is an error in CI alone.
///
/// The packages are installed beside the target directory, once for every lock file; the checkout is not touched.
pub async fn submit_task(scene: &Scene, url: &str) -> Result<Option<Value>> {
	let mut version = Command::new("node");
	version.arg("--version");
	if finish(version, "node").await.is_err() {
		ensure!(
			env::var_os("CI").is_none(),
			"node is not installed, and the CI must not go without"
		);
		scene.say("SKIPPED polkadot.js: node is not installed");
		return Ok(None);
	}
	let directory = install(scene).await?;
	let mut script = Command::new("node");
	script.current_dir(&directory).args(["submit-task.mjs", url]);
	let answer = finish(script, "submit-task.mjs").await?;
	ensure!(
		answer.status.success(),
		"submit-task.mjs ended with {}: {}",
		answer.status,
		answer.stderr
	);
	scene.say(format_args!("submit-task.mjs printed {}", answer.stdout.trim()));
	Ok(Some(serde_json::from_str(&answer.stdout).context("submit-task.mjs printed no JSON")?))
}

async fn install(scene: &Scene) -> Result<PathBuf> {
	let source = checkout().join("tests").join("polkadot-js");
	let directory = cache_dir("polkadot-js")?;
	fs::create_dir_all(&directory)?;
	let lock = fs::read(source.join("package-lock.json"))?;
	let installed = directory.join("node_modules").join(".installed-from");
	let is_installed = fs::read(&installed).is_ok_and(|from| from == lock);
	for file in FILES {
		fs::copy(source.join(file), directory.join(file))?;
	}
	if !is_installed {
		scene.say("npm ci");
		let mut npm = Command::new("npm");
		npm.current_dir(&directory).args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
		let answer = finish(npm, "npm ci").await?;
		ensure!(answer.status.success(), "npm ci ended with {}: {}", answer.status, answer.stderr);
		fs::write(&installed, lock)?;
	}
	Ok(directory)
}
