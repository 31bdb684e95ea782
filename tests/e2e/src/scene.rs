//! One scenario: its directory, and the logs that are shown when it fails.

use crate::paths;
use anyhow::{Context, Result};
use std::{
	fmt::Display,
	fs,
	future::Future,
	net::{Ipv4Addr, TcpListener},
	path::{Path, PathBuf},
	time::Instant,
};

/// Lines of each log that a failed scenario shows.
const TAIL_LINES: usize = 40;

/// A scenario that runs: `<target>/e2e/<name>` with `logs`, which stay, and `data`, which goes when all went well.
pub struct Scene {
	directory: PathBuf,
	started: Instant,
}

impl Scene {
	/// Makes the scenario's directory anew.
	pub fn create(name: &str) -> Result<Self> {
		let directory = paths::target_dir()?.join("e2e").join(name);
		if directory.exists() {
			fs::remove_dir_all(&directory)
				.with_context(|| format!("cannot clear {}", directory.display()))?;
		}
		for part in ["logs", "data"] {
			fs::create_dir_all(directory.join(part))?;
		}
		Ok(Self { directory, started: Instant::now() })
	}

	/// Where a process of this name keeps its data.
	pub fn data(&self, name: &str) -> PathBuf {
		self.directory.join("data").join(name)
	}

	/// Where a process of this name writes its log.
	pub fn log(&self, name: &str) -> PathBuf {
		self.directory.join("logs").join(format!("{name}.log"))
	}

	/// A line of the test's own output: what goes on, and when.
	pub fn say(&self, what: impl Display) {
		eprintln!("{:7.1} s  {what}", self.started.elapsed().as_secs_f32());
	}
}

/// Runs a scenario to its end.
///
/// # Panics
/// Where the scenario fails, after the last lines of all its logs were shown.
pub fn play<Story, Course>(name: &str, story: Story)
where
	Story: FnOnce(Scene) -> Course,
	Course: Future<Output = Result<()>>,
{
	let outcome = Scene::create(name).and_then(|scene| {
		let logs = Logs(scene.directory.join("logs"));
		let data = scene.directory.join("data");
		let runtime =
			tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
		let outcome = runtime.block_on(story(scene));
		match &outcome {
			Ok(()) => fs::remove_dir_all(data)?,
			Err(_) => logs.show(),
		}
		outcome
	});
	if let Err(error) = outcome {
		panic!("scenario {name}: {error:?}");
	}
}

/// The logs of a scenario. Shows them where the scenario panics.
struct Logs(PathBuf);

impl Logs {
	fn show(&self) {
		let mut files: Vec<PathBuf> =
			fs::read_dir(&self.0).into_iter().flatten().flatten().map(|file| file.path()).collect();
		files.sort();
		for file in files {
			eprintln!("---- end of {}\n{}", file.display(), tail(&file, TAIL_LINES));
		}
	}
}

impl Drop for Logs {
	fn drop(&mut self) {
		if std::thread::panicking() {
			self.show();
		}
	}
}

/// The last lines of a text file; empty where it cannot be read.
pub fn tail(file: &Path, lines: usize) -> String {
	let text = fs::read(file).unwrap_or_default();
	let text = String::from_utf8_lossy(&text);
	let all: Vec<&str> = text.lines().collect();
	all[all.len().saturating_sub(lines)..].join("\n")
}

/// A TCP port of the loopback interface that nobody used a moment ago.
pub fn free_port() -> Result<u16> {
	let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
	Ok(listener.local_addr()?.port())
}

#[cfg(test)]
mod tests {
	use super::*;
	use anyhow::bail;

	#[test]
	fn a_tail_is_the_end_of_a_file() {
		let scene = Scene::create("harness-tail").unwrap();
		let file = scene.log("some");
		fs::write(&file, "one\ntwo\nthree\n").unwrap();
		assert_eq!(tail(&file, 2), "two\nthree");
		assert_eq!(tail(&file, 9), "one\ntwo\nthree");
		assert_eq!(tail(&scene.log("none"), 9), "");
	}

	#[test]
	fn data_goes_and_logs_stay() {
		let mut paths = None;
		play("harness-good", |scene| {
			fs::write(scene.data("some"), "data").unwrap();
			fs::write(scene.log("some"), "log").unwrap();
			paths = Some((scene.data("some"), scene.log("some")));
			async { Ok(()) }
		});
		let (data, log) = paths.unwrap();
		assert!(!data.exists() && log.exists());
	}

	#[test]
	#[should_panic(expected = "scenario harness-bad: out of luck")]
	fn a_failed_scenario_fails_its_test() {
		play("harness-bad", |_| async { bail!("out of luck") });
	}

	#[test]
	fn free_ports_are_free() {
		let port = free_port().unwrap();
		TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
	}
}
