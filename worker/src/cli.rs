//! The command line. Results go to standard output, everything else to standard error.

use crate::{
	challenge::{fillable_mib, try_fill, try_out},
	config::{template, Config, Layer},
	daemon::{self, server_address, RunOptions},
	doctor, lifecycle,
	machine::Machine,
	register::{ensure_registered, load_provider, Consent, Registered, Terms},
	status::{status, Record},
};
use aidragon_client::{
	chain::{Chain, View},
	keys::{AccountId, WorkerKeys},
};
use aidragon_primitives::challenge::MatrixSize;
use anyhow::Context;
use clap::{Parser, Subcommand, ValueEnum};
use serde::Serialize;
use std::{
	fmt::Display,
	fs,
	io::{self, IsTerminal, Write},
	process::ExitCode,
	time::Duration,
};
use tracing_subscriber::EnvFilter;

/// What libraries say is of interest only when something is wrong with them.
const QUIET: &str = "iroh=warn,iroh_blobs=warn,iroh_relay=warn,noq=warn,noq_proto=warn,\
	netwatch=warn,portmapper=warn,subxt=warn,jsonrpsee=warn,hyper=warn";

#[derive(Parser)]
#[command(
	name = "aidragon-worker",
	version,
	about = "Sells this machine's verified computing on AI Dragon",
	after_help = "Every setting can also be given as AIDRAGON_WORKER_<NAME> in the environment or in \
		worker.toml in the data directory; flags beat the environment, which beats the file."
)]
struct Cli {
	#[command(subcommand)]
	command: Command,
	#[command(flatten, next_help_heading = "Settings")]
	settings: Layer,
}

#[derive(Subcommand)]
enum Command {
	/// Create keys and a commented settings file; prints the hot key's address.
	Init,
	/// Put up the bond and register this machine; prints its number.
	Register {
		/// The provider's key: a key file, or a development key such as //Alice.
		#[arg(long, value_name = "FILE|//URI")]
		provider_key: String,
		/// Agree to the bond without being asked.
		#[arg(long)]
		yes: bool,
	},
	/// Run the daemon. SIGTERM pauses it once nothing is owed; a second signal ends it at once.
	Run {
		/// Register with this provider's key first, and agree to the bond.
		#[arg(long, value_name = "FILE|//URI")]
		register_with: Option<String>,
	},
	/// Show how far this machine is, and what is missing.
	Status {
		/// The form of the answer.
		#[arg(long, value_enum, default_value_t)]
		output: Output,
	},
	/// Check everything that the machine needs; exits with 1 where something fails.
	Doctor {
		/// The form of the answer.
		#[arg(long, value_enum, default_value_t)]
		output: Output,
	},
	/// Find out what a challenge would prove of this machine; needs no node.
	Benchmark {
		/// For how long to compute; a challenge takes about nine seconds.
		#[arg(long, value_name = "SECONDS", default_value_t = 9, value_parser = clap::value_parser!(u16).range(1..=600))]
		seconds: u16,
		/// Threads that compute; all vCPUs that are sold if not given.
		#[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
		threads: Option<u16>,
		/// Rows of the matrices; what a challenge would take if not given.
		#[arg(long, value_parser = parse_size)]
		rows: Option<MatrixSize>,
		/// Fill the memory that is sold, or as much of it as is free, instead of computing.
		#[arg(long, conflicts_with_all = ["rows", "seconds"])]
		memory: bool,
		/// The form of the answer.
		#[arg(long, value_enum, default_value_t)]
		output: Output,
	},
	/// Finish what runs and take nothing new.
	Drain,
	/// Finish what runs, take nothing new and be called no more: the machine may be switched off.
	Pause,
	/// Begin a new epoch of the encryption key; prints its number.
	RotateKey,
	/// Take tasks again.
	Resume,
	/// Take the machine out for good.
	Retire {
		/// The provider's key: a key file, or a development key such as //Alice.
		#[arg(long, value_name = "FILE|//URI")]
		provider_key: String,
		/// Do not ask.
		#[arg(long)]
		yes: bool,
	},
}

#[derive(Clone, Copy, Default, ValueEnum)]
enum Output {
	/// For people.
	#[default]
	Text,
	/// For programs.
	Json,
}

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
	let cli = Cli::parse();
	let done = start(cli);
	done.unwrap_or_else(|error| {
		// The log may not be set up yet, and an error must be seen whatever is filtered.
		let _ = writeln!(io::stderr(), "Error: {error:#}");
		ExitCode::FAILURE
	})
}

fn start(cli: Cli) -> anyhow::Result<ExitCode> {
	let machine = Machine::detect().context("cannot find out what this machine has")?;
	let config = Config::load(&cli.settings, &machine)?;
	log_to_stderr(&config.log)?;
	let runtime = tokio::runtime::Builder::new_multi_thread()
		// A challenge occupies all processors; the loop must go on.
		.worker_threads(usize::from(machine.vcpus).max(2))
		.enable_all()
		.build()
		.context("cannot start the runtime")?;
	let done = runtime.block_on(dispatch(cli.command, config, &machine));
	runtime.shutdown_background();
	done
}

fn log_to_stderr(filter: &str) -> anyhow::Result<()> {
	let filter = EnvFilter::try_new(format!("{QUIET},{filter}"))
		.with_context(|| format!("log: `{filter}` is not a filter; use a level such as info"))?;
	tracing_subscriber::fmt()
		.with_env_filter(filter)
		.with_writer(io::stderr)
		.with_ansi(io::stderr().is_terminal())
		.init();
	Ok(())
}

async fn dispatch(command: Command, config: Config, machine: &Machine) -> anyhow::Result<ExitCode> {
	match command {
		Command::Init => put(init(&config, machine)?)?,
		Command::Register { provider_key, yes } => register(&config, &provider_key, yes).await?,
		Command::Run { register_with } => {
			let register_with = register_with.as_deref().map(load_provider).transpose()?;
			daemon::run(config, RunOptions { register_with }).await?;
		}
		Command::Status { output } => {
			let status = look_up(&config).await?;
			print(output, &status)?;
		}
		Command::Doctor { output } => {
			let report = doctor::examine(&config, machine).await;
			print(output, &report)?;
			return Ok(if report.is_healthy() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
		}
		Command::Benchmark { threads, memory: true, output, .. } => {
			let threads = threads.unwrap_or(config.capacity.vcpus);
			let memory_mib = fillable_mib(config.capacity.memory_mib);
			let trial = tokio::task::spawn_blocking(move || try_fill(threads, memory_mib)).await?;
			print(
				output,
				&trial.context("memory_mib: at least 16 MiB must be free to be filled")?,
			)?;
		}
		Command::Benchmark { seconds, threads, rows, output, .. } => {
			let threads = threads.unwrap_or(config.capacity.vcpus);
			let (memory_mib, time) =
				(config.capacity.memory_mib / 2, Duration::from_secs(seconds.into()));
			let trial =
				tokio::task::spawn_blocking(move || try_out(threads, memory_mib, rows, time));
			print(output, &trial.await?)?;
		}
		Command::Drain => lifecycle::drain(&config).await?,
		Command::Pause => lifecycle::pause(&config).await?,
		Command::RotateKey => put(lifecycle::rotate_key(&config).await?)?,
		Command::Resume => lifecycle::resume(&config).await?,
		Command::Retire { provider_key, yes } => {
			lifecycle::retire(&config, &load_provider(&provider_key)?, yes).await?;
		}
	}
	Ok(ExitCode::SUCCESS)
}

fn parse_size(rows: &str) -> Result<MatrixSize, String> {
	let named = MatrixSize::ALL.into_iter().find(|size| size.rows().to_string() == rows);
	named.ok_or_else(|| "must be 512, 1024, 2048, 4096 or 8192".into())
}

/// Creates what is missing of keys and settings, and gives the hot key's account.
fn init(config: &Config, machine: &Machine) -> anyhow::Result<AccountId> {
	let keys = WorkerKeys::load_or_create(&config.key_file())?;
	let path = config.config_file();
	let text = template(&machine.sellable());
	let created = fs::File::create_new(&path).and_then(|mut file| file.write_all(text.as_bytes()));
	match created {
		Ok(()) => tracing::info!("wrote {}", path.display()),
		Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
			tracing::info!("{} is there already and stays as it is", path.display());
		}
		Err(error) => {
			return Err(error).with_context(|| format!("cannot write {}", path.display()))
		}
	}
	tracing::info!("keys are in {}; keep a copy in a safe place", config.key_file().display());
	Ok(keys.hot_key()?.account_id())
}

async fn register(config: &Config, provider_key: &str, yes: bool) -> anyhow::Result<()> {
	let provider = load_provider(provider_key)?;
	let keys = existing_keys(config)?;
	let address = server_address(config, &keys)?;
	let chain = Chain::connect(&config.url).await?;
	let consent = if yes { Consent::Given } else { Consent::Ask };
	let terms = Terms { provider, consent, view: View::Finalized };
	let registered = ensure_registered(&chain, config, &keys, &address, &terms).await?;
	if let Registered::Before(worker) = registered {
		tracing::info!("this machine is registered already, as worker {worker}");
	}
	put(registered.worker())
}

/// The keys that `init` made. A command that only looks must not create new ones.
pub(crate) fn existing_keys(config: &Config) -> anyhow::Result<WorkerKeys> {
	let path = config.key_file();
	anyhow::ensure!(path.exists(), "{}: no keys; run `aidragon-worker init`", path.display());
	Ok(WorkerKeys::load_or_create(&path)?)
}

async fn look_up(config: &Config) -> anyhow::Result<crate::status::Status> {
	if !config.key_file().exists() {
		return Ok(status(None, None));
	}
	let keys = existing_keys(config)?;
	let hot_key = keys.hot_key()?.account_id();
	let chain = Chain::connect(&config.url).await?;
	let record = Record::read(&chain, &hot_key).await?;
	Ok(status(Some(hot_key.to_string()), record.as_ref()))
}

/// Writes a command's result in the form that was asked for.
fn print(output: Output, value: &(impl Serialize + Display)) -> anyhow::Result<()> {
	match output {
		Output::Text => put(value.to_string().trim_end()),
		Output::Json => put(serde_json::to_string_pretty(value)?),
	}
}

fn put(value: impl Display) -> anyhow::Result<()> {
	writeln!(io::stdout(), "{value}").context("cannot write the result")
}

#[cfg(test)]
mod tests {
	use super::*;
	use clap::CommandFactory;

	#[test]
	fn the_command_line_is_consistent() {
		Cli::command().debug_assert();
		let about = Cli::command().get_about().unwrap().to_string();
		assert!(about.starts_with("Sells this machine"), "{about}");
	}

	#[test]
	fn settings_may_stand_before_and_after_the_command() {
		for line in [
			["aidragon-worker", "--url", "ws://node:1", "run", "--register-with", "//Alice"],
			["aidragon-worker", "run", "--register-with", "//Alice", "--url", "ws://node:1"],
		] {
			let cli = Cli::try_parse_from(line).unwrap();
			assert_eq!(cli.settings.url.as_deref(), Some("ws://node:1"));
			assert!(matches!(cli.command, Command::Run { register_with: Some(_) }));
		}
	}

	#[test]
	fn kinds_are_separated_by_commas() {
		let line = ["aidragon-worker", "run", "--refuses", "single,dependent"];
		let cli = Cli::try_parse_from(line).unwrap();
		assert_eq!(cli.settings.refuses.unwrap(), ["single", "dependent"]);
	}

	#[test]
	fn init_creates_once_and_repeats_itself() {
		let directory = tempfile::tempdir().unwrap();
		let machine = Machine { vcpus: 2, memory_mib: 4_096 };
		let config = Layer::default().resolve(directory.path().join("data"), &machine).unwrap();
		assert!(existing_keys(&config).is_err());
		let first = init(&config, &machine).unwrap();
		fs::write(config.config_file(), "vcpus = 1\n").unwrap();
		assert_eq!(init(&config, &machine).unwrap(), first);
		assert_eq!(existing_keys(&config).unwrap().hot_key().unwrap().account_id(), first);
		assert_eq!(fs::read_to_string(config.config_file()).unwrap(), "vcpus = 1\n");
	}
}
