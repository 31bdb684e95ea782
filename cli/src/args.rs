//! The command line.

use crate::{amount::Amount, exit::EXIT_CODES, output::Format, task::state::StateFilter};
use aidragon_client::keys::AccountId;
use aidragon_primitives::{BlockNumber, JobId, TaskId, WorkerId};
use clap::{ArgAction, Args, Parser, Subcommand};
use clap_complete::Shell;
use std::{net::IpAddr, path::PathBuf};

/// Submit work to AI Dragon and look at its market.
#[derive(Debug, Parser)]
#[command(name = "dragon", version, after_help = EXIT_CODES, propagate_version = true)]
pub struct Cli {
	/// What every command understands.
	#[command(flatten)]
	pub global: Global,
	/// What to do.
	#[command(subcommand)]
	pub command: Command,
}

/// Options of every command.
#[derive(Clone, Debug, Args)]
pub struct Global {
	/// WebSocket address of a node
	#[arg(long, global = true, env = "DRAGON_URL", default_value = "ws://127.0.0.1:9944")]
	pub url: String,
	/// Key file to sign with, or a development key such as //Alice [default: key.json in the data directory]
	#[arg(long, global = true, env = "DRAGON_KEY", hide_env_values = true)]
	pub key: Option<String>,
	/// Form of the result on stdout
	#[arg(long, global = true, value_enum, default_value_t)]
	pub output: Format,
	/// Directory for keys and blobs [default: aidragon in the XDG data directory]
	#[arg(long, global = true, env = "DRAGON_DATA_DIR")]
	pub data_dir: Option<PathBuf>,
	/// Tell more on stderr; repeat for still more
	#[arg(short, long, global = true, action = ArgAction::Count)]
	pub verbose: u8,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
	/// Keys and money
	#[command(subcommand)]
	Account(AccountCommand),
	/// Machines that sell computing
	#[command(subcommand)]
	Worker(WorkerCommand),
	/// Work to be done
	#[command(subcommand)]
	Task(TaskCommand),
	/// Work in many tasks that share a program, some of which may take the results of others
	#[command(subcommand)]
	Job(JobCommand),
	/// Serve the local blob store to workers until stopped, for tasks submitted with --detach
	Agent(AgentOptions),
	/// Print a shell's completion script
	Completions {
		/// The shell
		shell: Shell,
	},
}

/// Commands about accounts.
#[derive(Debug, Subcommand)]
pub enum AccountCommand {
	/// Create a key file, which is never overwritten
	Create {
		/// Where to write it [default: key.json in the data directory]
		file: Option<PathBuf>,
		/// Take the secret (a phrase, or 0x and a seed) from stdin instead of making one
		#[arg(long)]
		import: bool,
	},
	/// Show the address of the key
	Show,
	/// Show what an account has
	Balance {
		/// Address [default: that of the key]
		account: Option<AccountId>,
	},
	/// Send DRGN
	Transfer {
		/// Address of the receiver
		to: AccountId,
		/// Amount in DRGN, such as 12.5
		amount: Amount,
		/// Do not ask
		#[arg(long, short)]
		yes: bool,
	},
}

/// Commands about machines.
#[derive(Debug, Subcommand)]
pub enum WorkerCommand {
	/// List all machines
	List,
	/// Show one machine, and why it can or cannot get work
	Show {
		/// Number of the machine
		worker: WorkerId,
	},
}

/// Commands about tasks.
#[derive(Debug, Subcommand)]
pub enum TaskCommand {
	/// Check a task file and the files it names, without any network
	Validate {
		/// The task file
		file: PathBuf,
	},
	/// Show what a task would cost and which machines fit right now
	Quote {
		/// The task file
		file: PathBuf,
	},
	/// Submit a task; print its id, then follow it to its end
	Submit(SubmitOptions),
	/// Show where a task stands
	Status {
		/// Number of the task
		task: TaskId,
	},
	/// Wait until a task is over
	Wait {
		/// Number of the task
		task: TaskId,
		/// Seconds after which to stop waiting, with exit code 124
		#[arg(long)]
		timeout: Option<u64>,
	},
	/// Withdraw a task that is not over; machines that have it are paid for what they have done
	Cancel {
		/// Number of the task
		task: TaskId,
	},
	/// Repeat the draw that gave a task its machines: every machine that was looked at, its score, and why it lost
	Explain {
		/// Number of the task
		task: TaskId,
		/// The draw, counted from 0 [default: the last one of which it has machines]
		#[arg(long)]
		attempt: Option<u8>,
	},
	/// Repeat every draw of some blocks, and compare it with what the chain recorded
	Audit {
		/// The first block [default: 99 before the last one]
		#[arg(long, value_name = "BLOCK")]
		from: Option<BlockNumber>,
		/// The last block [default: the last finalized one]
		#[arg(long, value_name = "BLOCK")]
		to: Option<BlockNumber>,
	},
	/// Fetch the result of a settled task from a machine that computed it, and check it
	Fetch {
		/// Number of the task
		task: TaskId,
		/// File to write it to [default: stdout, unless that is a terminal]
		#[arg(long, value_name = "FILE")]
		to: Option<PathBuf>,
	},
	/// List the tasks that the chain keeps: live ones, and those of the last day
	List {
		/// Only those submitted by the key's account
		#[arg(long)]
		mine: bool,
		/// Only those in this state
		#[arg(long, value_enum)]
		state: Option<StateFilter>,
	},
	/// Print the JSON schema of task files
	Schema,
}

/// Commands about jobs.
#[derive(Debug, Subcommand)]
pub enum JobCommand {
	/// Check a job file and the files it names, without any network
	Validate {
		/// The job file
		file: PathBuf,
	},
	/// Show what a job would cost and which machines fit its tasks right now
	Quote {
		/// The job file
		file: PathBuf,
	},
	/// Submit a job; print its number, then follow it to its end
	Submit(SubmitJobOptions),
	/// Show where the tasks of a job stand
	Status {
		/// Number of the job, which is that of its first task
		job: JobId,
	},
	/// Wait until all tasks of a job are over
	Wait {
		/// Number of the job
		job: JobId,
		/// Seconds after which to stop waiting, with exit code 124
		#[arg(long)]
		timeout: Option<u64>,
	},
	/// Withdraw all tasks of a job that are not over; machines that have one are paid for what they have done
	Cancel {
		/// Number of the job
		job: JobId,
	},
	/// Fetch the result of the last task, or all results, and check them
	Fetch {
		/// Number of the job
		job: JobId,
		/// File to write the result of the last task to [default: stdout, unless that is a terminal]
		#[arg(long, value_name = "FILE")]
		to: Option<PathBuf>,
		/// Directory to write the result of every task to, as result-0, result-1 and so on
		#[arg(long, value_name = "DIR", conflicts_with = "to")]
		results: Option<PathBuf>,
	},
	/// List the jobs that the chain keeps: live ones, and those of the last day
	List {
		/// Only those submitted by the key's account
		#[arg(long)]
		mine: bool,
	},
	/// Print the JSON schema of job files
	Schema,
}

/// Options of `job submit`.
#[derive(Clone, Debug, Args)]
pub struct SubmitJobOptions {
	/// The job file
	pub file: PathBuf,
	/// Do not ask before signing
	#[arg(long, short)]
	pub yes: bool,
	/// Leave after the job is on the chain; a running `dragon agent` serves program and inputs
	#[arg(long, conflicts_with_all = ["result", "results", "listen", "announce", "port"])]
	pub detach: bool,
	/// File to write the result of the last task to
	#[arg(long, value_name = "FILE")]
	pub result: Option<PathBuf>,
	/// Directory to write the result of every task to, as result-0, result-1 and so on
	#[arg(long, value_name = "DIR")]
	pub results: Option<PathBuf>,
	/// How program and inputs are served in the meantime
	#[command(flatten)]
	pub serve: ServeOptions,
}

/// Options of `task submit`.
#[derive(Clone, Debug, Args)]
pub struct SubmitOptions {
	/// The task file
	pub file: PathBuf,
	/// Do not ask before signing
	#[arg(long, short)]
	pub yes: bool,
	/// Leave after the task is on the chain; a running `dragon agent` serves program and input
	#[arg(long, conflicts_with_all = ["result", "listen", "announce", "port"])]
	pub detach: bool,
	/// File to write the result to
	#[arg(long, value_name = "FILE")]
	pub result: Option<PathBuf>,
	/// How program and input are served in the meantime
	#[command(flatten)]
	pub serve: ServeOptions,
}

/// Options of `agent`.
#[derive(Clone, Debug, Args)]
pub struct AgentOptions {
	/// How the blobs are served.
	#[command(flatten)]
	pub serve: ServeOptions,
}

/// How blobs are served to workers.
#[derive(Clone, Debug, Default, Args)]
pub struct ServeOptions {
	/// Address at which workers reach this machine [default: 127.0.0.1, for a network on this machine alone]
	#[arg(long, env = "DRAGON_ANNOUNCE", value_name = "IP")]
	pub announce: Option<IpAddr>,
	/// Address to listen on [default: 127.0.0.1, or every address where --announce is given]
	#[arg(long, value_name = "IP")]
	pub listen: Option<IpAddr>,
	/// Port for QUIC (UDP) and HTTP (TCP) [default: any for submit, 30450 for the agent]
	#[arg(long)]
	pub port: Option<u16>,
}

#[cfg(test)]
mod tests {
	use super::*;
	use clap::CommandFactory;

	#[test]
	fn the_command_line_is_consistent() {
		Cli::command().debug_assert();
	}

	#[test]
	fn global_options_stand_anywhere() {
		let before = Cli::try_parse_from(["dragon", "--output", "json", "task", "list", "--mine"]);
		let after = Cli::try_parse_from(["dragon", "task", "list", "--mine", "--output", "json"]);
		for cli in [before.unwrap(), after.unwrap()] {
			assert_eq!(cli.global.output, Format::Json);
			assert!(matches!(cli.command, Command::Task(TaskCommand::List { mine: true, .. })));
		}
	}

	#[test]
	fn wrong_values_are_usage_errors() {
		for line in [
			"dragon",
			"dragon task",
			"dragon task status seven",
			"dragon account transfer nobody 1",
			"dragon account transfer 5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY -1",
			"dragon task list --state asleep",
			"dragon task submit t.toml --detach --result out",
			"dragon job submit j.toml --detach --results out",
			"dragon job fetch 7 --to out --results out",
			"dragon job wait first",
			"dragon --output yaml task list",
		] {
			let error = Cli::try_parse_from(line.split(' ')).unwrap_err();
			assert_eq!(error.exit_code(), 2, "{line}");
		}
	}

	#[test]
	fn help_lists_the_exit_codes() {
		let help = Cli::command().render_long_help().to_string();
		assert!(help.contains("124") && help.contains("not enough funds"), "{help}");
	}
}
