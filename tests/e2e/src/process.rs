//! A process that is started with a log file, and ends with whoever started it.

use crate::{
	scene::{tail, Scene},
	wait::until,
};
use anyhow::{bail, Context, Result};
use rustix::process::{kill_process, set_parent_process_death_signal, Pid, Signal};
use std::{
	fs::{self, OpenOptions},
	os::unix::process::CommandExt,
	path::{Path, PathBuf},
	process::{Child, Command, ExitStatus, Stdio},
	time::Duration,
};

/// Lines of the log in the message about a process that ended too early.
const TAIL_LINES: usize = 15;

/// A running process. Dropping it kills it, and so does the end of the test's own process.
pub struct Process {
	name: String,
	log: PathBuf,
	child: Child,
}

impl Process {
	/// Starts `command`, whose output is appended to the scene's log of this name.
	pub fn start(scene: &Scene, name: &str, command: &mut Command) -> Result<Self> {
		let log = scene.log(name);
		let file = OpenOptions::new()
			.create(true)
			.append(true)
			.open(&log)
			.with_context(|| format!("cannot write {}", log.display()))?;
		let errors = file.try_clone()?;
		command.stdin(Stdio::null()).stdout(file).stderr(errors);
		// SAFETY: between fork and exec only one system call is made, which allocates nothing and takes no lock.
		unsafe {
			command.pre_exec(|| Ok(set_parent_process_death_signal(Some(Signal::KILL))?));
		}
		let child = command.spawn().with_context(|| format!("cannot start {name}"))?;
		scene.say(format_args!("started {name}, process {}", child.id()));
		Ok(Self { name: name.into(), log, child })
	}

	/// The number that the system knows it by.
	pub fn id(&self) -> u32 {
		self.child.id()
	}

	/// Its log file.
	pub fn log(&self) -> &Path {
		&self.log
	}

	/// Processes that it started and that still run.
	pub fn children(&self) -> usize {
		let tasks = fs::read_dir(format!("/proc/{}/task", self.child.id()));
		let children = |task: fs::DirEntry| {
			let list = fs::read_to_string(task.path().join("children")).unwrap_or_default();
			list.split_whitespace().count()
		};
		tasks.map_or(0, |tasks| tasks.flatten().map(children).sum())
	}

	/// Fails if it has ended by itself, and shows its last words.
	pub fn ensure_running(&mut self) -> Result<()> {
		match self.child.try_wait()? {
			None => Ok(()),
			Some(status) => {
				bail!("{} ended by itself, {status}:\n{}", self.name, tail(&self.log, TAIL_LINES))
			}
		}
	}

	/// Asks it to end, as a service manager does.
	pub fn terminate(&self) -> Result<()> {
		let id = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
		let id = id.with_context(|| format!("{} has no valid number", self.name))?;
		kill_process(id, Signal::TERM).with_context(|| format!("cannot terminate {}", self.name))
	}

	/// Ends it at once, without a chance to do anything (`kill -9`).
	pub fn kill(&mut self) -> Result<()> {
		self.child.kill()?;
		self.child.wait()?;
		Ok(())
	}

	/// Waits until it has ended by itself.
	pub async fn ended(&mut self, limit: Duration) -> Result<ExitStatus> {
		let child = &mut self.child;
		until(format_args!("the end of {}", self.name), limit, async || Ok(child.try_wait()?)).await
	}
}

impl Drop for Process {
	fn drop(&mut self) {
		// It may have ended before; then there is nothing to kill, only to be waited for.
		let _ = self.child.kill();
		let _ = self.child.wait();
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::wait::seconds;

	fn shell(script: &str) -> Command {
		let mut command = Command::new("sh");
		command.args(["-c", script]);
		command
	}

	fn is_alive(id: u32) -> bool {
		Path::new(&format!("/proc/{id}")).exists()
	}

	#[tokio::test]
	async fn a_dropped_process_is_gone() {
		let scene = Scene::create("harness-drop").unwrap();
		let mut process = Process::start(&scene, "sleeper", &mut shell("sleep 60")).unwrap();
		process.ensure_running().unwrap();
		let id = process.id();
		drop(process);
		assert!(!is_alive(id));
	}

	#[tokio::test]
	async fn last_words_are_shown() {
		let scene = Scene::create("harness-words").unwrap();
		let mut process =
			Process::start(&scene, "talker", &mut shell("echo farewell; exit 3")).unwrap();
		let status = process.ended(seconds(10)).await.unwrap();
		assert_eq!(status.code(), Some(3));
		let error = process.ensure_running().unwrap_err().to_string();
		assert!(error.contains("talker") && error.contains("farewell"), "{error}");
	}

	#[tokio::test]
	async fn a_process_can_be_asked_to_end() {
		let scene = Scene::create("harness-term").unwrap();
		let script = "trap 'exit 5' TERM; echo ready; while :; do sleep 0.1; done";
		let mut process = Process::start(&scene, "listener", &mut shell(script)).unwrap();
		let log = process.log().to_owned();
		let ready = async || Ok(fs::read_to_string(&log)?.contains("ready").then_some(()));
		until("the trap", seconds(10), ready).await.unwrap();
		process.terminate().unwrap();
		assert_eq!(process.ended(seconds(10)).await.unwrap().code(), Some(5));
	}
}
