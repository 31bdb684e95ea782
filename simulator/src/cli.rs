//! The command line.

use crate::{
	error::{Error, Result},
	fairness, generate, grinding, input, market,
	progress::Progress,
	scale, trace,
};
use aidragon_primitives::task::MatchingPolicy;
use clap::{builder::RangedI64ValueParser, Args, Parser, Subcommand, ValueEnum};
use serde::Serialize;
use std::{
	io::Write,
	path::{Path, PathBuf},
	process::ExitCode,
};

/// Measures AI Dragon's matching: the pallet's own code, in one process.
///
/// stdout is the result, stderr says how far it is. The same command line gives the same bytes.
///
/// Exit codes: 0 done; 1 the chain misbehaved: an invariant does not hold or a call was refused; 2 the command line cannot be used;
/// 3 an input file cannot be used; 4 a file cannot be read or written.
#[derive(Debug, Parser)]
#[command(name = "aidragon-sim", version)]
pub struct Cli {
	/// How the result is printed.
	#[arg(long, global = true, value_enum, default_value_t = Output::Text)]
	output: Output,
	/// Says nothing on stderr but errors.
	#[arg(long, global = true)]
	quiet: bool,
	/// From what all randomness follows.
	#[arg(long, global = true, default_value_t = 1)]
	seed: u64,
	#[command(subcommand)]
	command: Command,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Output {
	Json,
	Text,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Policy {
	Cheapest,
	Fastest,
	Greenest,
	Balanced,
}

impl From<Policy> for MatchingPolicy {
	fn from(policy: Policy) -> Self {
		match policy {
			Policy::Cheapest => Self::Cheapest,
			Policy::Fastest => Self::Fastest,
			Policy::Greenest => Self::Greenest,
			Policy::Balanced => Self::Balanced,
		}
	}
}

#[derive(Debug, Subcommand)]
enum Command {
	/// Runs a trace of machines and tasks by the pallet and by full scans.
	Trace(TraceArgs),
	/// Writes nodes.csv and tasks.csv of a heterogeneous cluster.
	Generate(GenerateArgs),
	/// R4: what the policy `cheapest` pays over the best price of all machines that fit.
	Market(MarketArgs),
	/// Jain's index of equal machines, for every policy at three loads.
	Fairness(FairnessArgs),
	/// What a submitter gets who cancels whatever does not hit the machine that he wants.
	Grinding(GrindingArgs),
	/// One state of up to a million machines and 100,000 waiting tasks.
	Scale(ScaleArgs),
}

#[derive(Debug, Args)]
struct TraceArgs {
	/// Machines: sn,cpu_milli,memory_mib,gpu,model and what README.md lists.
	#[arg(long)]
	nodes: PathBuf,
	/// Tasks: name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,creation_time,deletion_time and what README.md lists.
	#[arg(long)]
	tasks: PathBuf,
	/// The policy of every task.
	#[arg(long, value_enum, default_value_t = Policy::Balanced)]
	policy: Policy,
	/// Timed replay until the graphics processors that tasks want at once reach this part of the cluster's.
	#[arg(long, value_name = "RATIO", value_parser = positive)]
	until_demand: Option<f64>,
	/// Instead of the timed replay: tasks come in random order and never leave, until they want this part of the cluster's.
	#[arg(long, value_name = "RATIO", value_parser = positive, conflicts_with = "until_demand")]
	inflate: Option<f64>,
	/// Seconds of the trace that a block stands for [default: 3, or as many as the longest task takes to fit a deadline].
	#[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
	block_seconds: Option<u32>,
	/// MiB of the trace that the chain's MiB stands for [default: the smallest power of two at which every task has at most 4096].
	#[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
	memory_unit_mib: Option<u32>,
	/// Only the first so many tasks.
	#[arg(long)]
	limit: Option<usize>,
}

#[derive(Debug, Args)]
struct GenerateArgs {
	/// Machines.
	#[arg(long, default_value_t = 1_213, value_parser = count(1_000_000))]
	machines: u32,
	/// Tasks.
	#[arg(long, default_value_t = 8_000, value_parser = clap::value_parser!(u32).range(..=10_000_000))]
	tasks: u32,
	/// Tasks of a hundred that take two, four or eight graphics processors.
	#[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(0..=50))]
	multi_gpu_percent: u32,
	/// Tasks of a hundred that name models.
	#[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(0..=100))]
	pinned_percent: u32,
	/// Has machines ask different prices, 1 to 2 of the usual one.
	#[arg(long)]
	priced: bool,
	/// The folder that gets the two files. They must not be there yet.
	#[arg(long)]
	out: PathBuf,
}

#[derive(Debug, Args)]
struct MarketArgs {
	/// Markets.
	#[arg(long, default_value_t = 1_000, value_parser = count(100_000))]
	markets: u32,
	/// Tasks of each.
	#[arg(long, default_value_t = 10, value_parser = count(1_000))]
	tasks: u32,
}

#[derive(Debug, Args)]
struct FairnessArgs {
	/// Equal machines.
	#[arg(long, default_value_t = 200, value_parser = count(10_000))]
	machines: u32,
	/// Tasks that each can have at once.
	#[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=64))]
	slots: u16,
	/// Tasks of each run.
	#[arg(long, default_value_t = 10_000, value_parser = count(10_000_000))]
	tasks: u32,
}

#[derive(Debug, Args)]
struct GrindingArgs {
	/// Equal machines.
	#[arg(long, default_value_t = 200, value_parser = count(10_000))]
	machines: u32,
	/// Variants that are tried.
	#[arg(long, default_value_t = 1_000, value_parser = count(60_000))]
	tries: u32,
	/// The policy of each.
	#[arg(long, value_enum, default_value_t = Policy::Cheapest)]
	policy: Policy,
}

#[derive(Debug, Args)]
struct ScaleArgs {
	/// Machines of the last row; rows before have a tenth of the one after.
	#[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(100..=10_000_000))]
	machines: u32,
	/// Waiting tasks of the last row.
	#[arg(long, default_value_t = 100_000, value_parser = count(1_000_000))]
	waiting: u32,
	/// Tasks that are matched at each number of machines.
	#[arg(long, default_value_t = 100, value_parser = count(10_000))]
	matches: u32,
	/// Only fills the supply and matches in one block, for a profiler: count in the function `measured_matches`.
	#[arg(long)]
	repeat_only: bool,
}

/// A number from 1 to `most`.
fn count(most: u32) -> RangedI64ValueParser<u32> {
	clap::value_parser!(u32).range(1..=i64::from(most))
}

fn positive(text: &str) -> std::result::Result<f64, String> {
	match text.parse::<f64>() {
		Ok(number) if number > 0.0 && number <= 100.0 => Ok(number),
		_ => Err("must be a number above 0 and at most 100, such as 0.95".to_owned()),
	}
}

/// Runs the command and prints its result, or what is wrong and what to do.
pub fn run(cli: &Cli) -> ExitCode {
	match execute(cli) {
		Ok(()) => ExitCode::SUCCESS,
		Err(error) => {
			eprintln!("error: {error}");
			ExitCode::from(error.exit_code())
		}
	}
}

fn execute(cli: &Cli) -> Result<()> {
	let mut progress = Progress::new(cli.quiet);
	let seed = cli.seed;
	match &cli.command {
		Command::Trace(args) => print(cli, &run_trace(args, seed, &mut progress)?),
		Command::Generate(args) => run_generate(args, seed, &mut progress),
		Command::Market(MarketArgs { markets, tasks }) => {
			let options = market::Options { markets: *markets, tasks: *tasks, seed };
			print(cli, &market::run(&options, &mut progress)?)
		}
		Command::Fairness(FairnessArgs { machines, slots, tasks }) => {
			let (machines, slots, tasks) = (*machines, *slots, *tasks);
			let options = fairness::Options { machines, slots, tasks, seed };
			print(cli, &fairness::run(&options, &mut progress)?)
		}
		Command::Grinding(GrindingArgs { machines, tries, policy }) => {
			let (machines, tries, policy) = (*machines, *tries, (*policy).into());
			let options = grinding::Options { machines, tries, policy, seed };
			print(cli, &grinding::run(&options, &mut progress)?)
		}
		Command::Scale(ScaleArgs { machines, waiting, matches, repeat_only }) => {
			let (machines, waiting, matches) = (*machines, *waiting, *matches);
			let options = scale::Options { machines, waiting, matches, seed };
			match repeat_only {
				true => print(cli, &scale::repeat(&options)?),
				false => print(cli, &scale::run(&options, &mut progress)?),
			}
		}
	}
}

fn run_trace(args: &TraceArgs, seed: u64, progress: &mut Progress) -> Result<trace::Report> {
	let workload = input::read(&args.nodes, &args.tasks, args.memory_unit_mib)?;
	let mode = match args.inflate {
		Some(ratio) => trace::Mode::Inflate { ratio },
		None => trace::Mode::Timed { until_demand: args.until_demand },
	};
	let (policy, block_seconds, limit) = (args.policy.into(), args.block_seconds, args.limit);
	trace::run(&workload, &trace::Options { seed, policy, mode, block_seconds, limit }, progress)
}

fn run_generate(args: &GenerateArgs, seed: u64, progress: &mut Progress) -> Result<()> {
	let files = generate::generate(&generate::Recipe {
		machines: args.machines,
		tasks: args.tasks,
		seed,
		multi_gpu_percent: args.multi_gpu_percent,
		pinned_percent: args.pinned_percent,
		is_priced: args.priced,
	});
	std::fs::create_dir_all(&args.out).map_err(Error::io(&args.out))?;
	for (name, text) in [("nodes.csv", &files.nodes), ("tasks.csv", &files.tasks)] {
		let path = args.out.join(name);
		write_new(&path, text)?;
		progress.say(&format!("wrote {}", path.display()));
	}
	Ok(())
}

fn write_new(path: &Path, text: &str) -> Result<()> {
	let file = std::fs::OpenOptions::new().write(true).create_new(true).open(path);
	file.and_then(|mut file| file.write_all(text.as_bytes())).map_err(Error::io(path))
}

fn print(cli: &Cli, result: &impl Serialize) -> Result<()> {
	let json =
		serde_json::to_string_pretty(result).map_err(|error| Error::Chain(error.to_string()))?;
	let text = match cli.output {
		Output::Json => json,
		Output::Text => plain(&json),
	};
	let mut stdout = std::io::stdout().lock();
	writeln!(stdout, "{text}").map_err(Error::io(Path::new("stdout")))
}

/// JSON for a person: a line for each figure, indented by what it is part of. No text here has any of the signs that are left out.
fn plain(json: &str) -> String {
	let mut lines = Vec::new();
	for line in json.lines() {
		let text = line.replace(['"', '{', '}', '[', ']'], "").replace('_', " ");
		let text = text.trim_end().trim_end_matches([',', ':']);
		if line.trim_start().starts_with(['{', '[']) {
			lines.push(format!("{}-", &line[..line.len() - line.trim_start().len()]));
		} else if !text.trim().is_empty() {
			lines.push(text.to_owned());
		}
	}
	// The outermost object says nothing.
	lines[1.min(lines.len())..].join("\n")
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn text_is_the_figures_of_the_json() {
		let value = serde_json::json!({"a_b": [{"c": 1.5}, {"c": "x"}], "d": true});
		let text = plain(&serde_json::to_string_pretty(&value).unwrap());
		assert_eq!(text, "  a b\n    -\n      c: 1.5\n    -\n      c: x\n  d: true");
	}

	#[test]
	fn the_command_line_is_sound() {
		use clap::CommandFactory;
		Cli::command().debug_assert();
	}
}
