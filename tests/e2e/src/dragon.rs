//! The command line of a submitter.

use crate::{paths::program, scene::Scene, wait::seconds};
use anyhow::{ensure, Context, Result};
use serde_json::Value;
use std::{
	fs::OpenOptions,
	io::Write,
	path::PathBuf,
	process::{ExitStatus, Output, Stdio},
	time::Duration,
};
use tokio::{process::Command, time::timeout};

/// Time that a command may take: those that follow a task take as long as the task.
const LIMIT: Duration = seconds(180);

/// `dragon` with a node, a key and a directory of its own.
pub struct Dragon {
	program: PathBuf,
	url: String,
	key: String,
	data_dir: PathBuf,
	log: PathBuf,
}

/// What a command answered.
#[derive(Clone, Debug)]
pub struct Answer {
	/// How it ended.
	pub status: ExitStatus,
	/// Its result.
	pub stdout: String,
	/// Progress and errors.
	pub stderr: String,
}

impl Dragon {
	/// A command line that signs with `key`: a key file, or a development key such as `//Alice`.
	pub fn new(scene: &Scene, url: &str, key: &str) -> Result<Self> {
		Ok(Self {
			program: program("dragon")?,
			url: url.into(),
			key: key.into(),
			data_dir: scene.data("dragon"),
			log: scene.log("dragon"),
		})
	}

	/// Runs a command to its end, whatever that is.
	pub async fn run(&self, arguments: &[&str]) -> Result<Answer> {
		self.run_within(LIMIT, arguments).await
	}

	/// Runs a command to its end, which may take longer than others.
	pub async fn run_within(&self, limit: Duration, arguments: &[&str]) -> Result<Answer> {
		let mut command = Command::new(&self.program);
		command.args(["--url", &self.url, "--key", &self.key, "--output", "json", "--data-dir"]);
		command.arg(&self.data_dir).args(arguments);
		let answer = finish_within(limit, command, "dragon").await?;
		let mut log = OpenOptions::new().create(true).append(true).open(&self.log)?;
		writeln!(log, "$ dragon {}\n{}{}", arguments.join(" "), answer.stderr, answer.stdout)?;
		Ok(answer)
	}

	/// Runs a command that must succeed, and gives its result.
	pub async fn ask(&self, arguments: &[&str]) -> Result<Value> {
		self.ask_within(LIMIT, arguments).await
	}

	/// Runs a command that must succeed and may take longer than others, and gives its result.
	pub async fn ask_within(&self, limit: Duration, arguments: &[&str]) -> Result<Value> {
		let answer = self.run_within(limit, arguments).await?;
		let line = arguments.join(" ");
		ensure!(
			answer.status.success(),
			"dragon {line} ended with {}: {}",
			answer.status,
			answer.stderr
		);
		serde_json::from_str(&answer.stdout)
			.with_context(|| format!("dragon {line} printed no JSON"))
	}
}

/// Runs a command to its end within [`LIMIT`]; it ends with the test at the latest.
pub async fn finish(command: Command, name: &str) -> Result<Answer> {
	finish_within(LIMIT, command, name).await
}

async fn finish_within(limit: Duration, mut command: Command, name: &str) -> Result<Answer> {
	command.stdin(Stdio::null()).kill_on_drop(true);
	let output = timeout(limit, command.output()).await;
	let limit = limit.as_secs();
	let output = output.with_context(|| format!("{name} is not done after {limit} s"))?;
	let Output { status, stdout, stderr } = output.with_context(|| format!("cannot run {name}"))?;
	let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
	Ok(Answer { status, stdout: text(stdout), stderr: text(stderr) })
}
