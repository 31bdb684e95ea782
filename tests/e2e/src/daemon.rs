//! Worker daemons.

use crate::{
	paths::program,
	process::Process,
	scene::Scene,
	wait::{seconds, until},
};
use aidragon_client::{
	chain::{Chain, View},
	keys::{AccountId, WorkerKeys},
};
use aidragon_primitives::{worker::WorkerStatus, WorkerId};
use anyhow::Result;
use std::{path::PathBuf, process::Command, time::Duration};

/// Time from the start of a daemon to its first proof: a dozen blocks, and a second try where the machine was too
/// busy for the first.
const READY_MAX: Duration = seconds(150);

/// A worker daemon of a development account.
pub struct Daemon {
	name: String,
	arguments: Vec<String>,
	data_dir: PathBuf,
	process: Process,
}

impl Daemon {
	/// Starts a daemon that registers itself with the development account `//<provider>`, asking `price` DRGN per
	/// 10⁹ fuel and selling all vCPUs and 1 GiB.
	pub fn start(scene: &Scene, provider: &str, price: &str, url: &str) -> Result<Self> {
		Self::start_with(scene, provider, price, url, &[("--memory-mib", "1024")])
	}

	/// Starts a daemon that registers itself with the development account `//<provider>`, asking `price` DRGN per
	/// 10⁹ fuel, with further flags.
	pub fn start_with(
		scene: &Scene,
		provider: &str,
		price: &str,
		url: &str,
		flags: &[(&str, &str)],
	) -> Result<Self> {
		let name = format!("worker-{}", provider.to_lowercase());
		let data_dir = scene.data(&name);
		let mut arguments = vec!["run".to_owned()];
		for (flag, value) in [
			("--register-with", format!("//{provider}")),
			("--data-dir", data_dir.display().to_string()),
			("--url", url.to_owned()),
			("--price-per-gfuel", price.to_owned()),
			("--quic-port", "0".to_owned()),
			("--http-port", "0".to_owned()),
		] {
			arguments.extend([flag.to_owned(), value]);
		}
		for (flag, value) in flags {
			arguments.extend([(*flag).to_owned(), (*value).to_owned()]);
		}
		let process = spawn(scene, &name, &arguments)?;
		Ok(Self { name, arguments, data_dir, process })
	}

	/// The process.
	pub fn process(&mut self) -> &mut Process {
		&mut self.process
	}

	/// Gives a flag another value from the next start on.
	pub fn set(&mut self, flag: &str, value: &str) {
		let at = self.arguments.iter().position(|argument| argument == flag);
		if let Some(old) = at.and_then(|at| self.arguments.get_mut(at + 1)) {
			*old = value.to_owned();
		}
	}

	/// Starts it again, on the data that it left.
	pub fn restart(&mut self, scene: &Scene) -> Result<()> {
		self.process = spawn(scene, &self.name, &self.arguments)?;
		Ok(())
	}

	/// Waits until the machine may be given work, and gives its number.
	pub async fn ready(&mut self, scene: &Scene, chain: &Chain) -> Result<WorkerId> {
		let what = format!("{} to be registered, live and proved", self.name);
		let id = until(what, READY_MAX, async || {
			self.process.ensure_running()?;
			self.candidate(chain).await
		})
		.await?;
		scene.say(format_args!("{} is worker {id} and ready", self.name));
		Ok(id)
	}

	/// The account that the daemon signs with, once it has made its keys.
	pub fn hot_key(&self) -> Result<Option<AccountId>> {
		let file = self.data_dir.join("keys.json");
		if !file.exists() {
			return Ok(None);
		}
		Ok(Some(WorkerKeys::load_or_create(&file)?.hot_key()?.account_id()))
	}

	async fn candidate(&self, chain: &Chain) -> Result<Option<WorkerId>> {
		let Some(hot_key) = self.hot_key()? else {
			return Ok(None);
		};
		let head = chain.head(View::Best).await?;
		let state = chain.at(&head);
		let Some(id) = state.worker_of(&hot_key).await? else {
			return Ok(None);
		};
		let Some(worker) = state.worker(id).await? else {
			return Ok(None);
		};
		let is_proved =
			state.capability(id).await?.is_some_and(|proof| proof.is_valid_at(head.number));
		let is_ready =
			worker.status == WorkerStatus::Active && worker.availability.is_online() && is_proved;
		Ok(is_ready.then_some(id))
	}
}

fn spawn(scene: &Scene, name: &str, arguments: &[String]) -> Result<Process> {
	Process::start(scene, name, Command::new(program("aidragon-worker")?).args(arguments))
}
