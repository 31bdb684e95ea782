//! Printing results, asking questions, telling progress.

use crate::exit::{Exit, Failure};
use clap::ValueEnum;
use serde_json::Value;
use std::io::{self, BufRead, ErrorKind, IsTerminal, Write};

/// The form of a command's result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
	/// Text for people.
	#[default]
	Text,
	/// One JSON value. Amounts are smallest units as text, hashes and keys are `0x` and hexadecimal digits.
	Json,
}

/// A result in both forms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
	/// For people, without a final line break.
	pub text: String,
	/// For programs.
	pub json: Value,
}

impl Report {
	/// Prints the result on stdout.
	pub fn print(&self, format: Format) -> Result<(), Failure> {
		match format {
			Format::Text if self.text.is_empty() => Ok(()),
			Format::Text => raw(format!("{}\n", self.text).as_bytes()),
			Format::Json => raw(format!("{:#}\n", self.json).as_bytes()),
		}
	}
}

/// Writes bytes to stdout. A reader that has seen enough is no failure.
pub fn raw(bytes: &[u8]) -> Result<(), Failure> {
	let mut stdout = io::stdout().lock();
	match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
		Err(error) if error.kind() != ErrorKind::BrokenPipe => {
			Err(Failure::usage(format!("cannot write to stdout: {error}")))
		}
		_ => Ok(()),
	}
}

/// Whether stdout is a terminal, where raw bytes do not belong.
pub fn stdout_is_terminal() -> bool {
	io::stdout().is_terminal()
}

/// Tells on stderr how far a command is.
pub fn progress(line: &str) {
	eprintln!("{line}");
}

/// Asks on stderr whether to go on. Without a terminal nobody can answer, so `--yes` has to be given.
pub fn confirm(question: &str, yes: bool) -> Result<(), Failure> {
	if yes {
		return Ok(());
	}
	if !io::stdin().is_terminal() {
		let message =
			"nobody can be asked, as stdin is not a terminal: pass --yes to go on unasked";
		return Err(Failure::usage(message));
	}
	eprint!("{question} [y/N] ");
	let mut answer = String::new();
	let read = io::stdin().lock().read_line(&mut answer);
	if read.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes") {
		Ok(())
	} else {
		Err(Failure::new(Exit::Interrupted, "stopped before anything was sent"))
	}
}

/// Bytes as `0x` and hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
	format!("0x{}", hex::encode(bytes))
}

/// Rows as aligned columns under a heading, without trailing blanks.
pub fn table(heading: &[&str], rows: &[Vec<String>]) -> String {
	let width = |column: usize| {
		let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
		cells.chain([heading[column].chars().count()]).max().unwrap_or(0)
	};
	let widths: Vec<usize> = (0..heading.len()).map(width).collect();
	let line = |cells: Vec<&str>| {
		let padded = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
		padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
	};
	let heading = line(heading.to_vec());
	let rows = rows.iter().map(|row| line(row.iter().map(String::as_str).collect()));
	[heading].into_iter().chain(rows).collect::<Vec<_>>().join("\n")
}

/// Names and values as two aligned columns.
pub fn fields(fields: &[(&str, String)]) -> String {
	let width = fields.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
	let lines = fields.iter().map(|(name, value)| {
		// Further lines of a value stand below its first.
		let value = value.replace('\n', &format!("\n{:width$}  ", ""));
		format!("{name:<width$}  {value}")
	});
	lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn columns_are_aligned_without_trailing_blanks() {
		let rows = vec![vec!["1".into(), "online".into()], vec!["12".into(), "busy".into()]];
		assert_eq!(table(&["id", "status"], &rows), "id  status\n1   online\n12  busy");
		assert_eq!(fields(&[("a", "1\n2".into()), ("bcd", "3".into())]), "a    1\n     2\nbcd  3");
	}

	#[test]
	fn a_question_that_nobody_can_answer_is_a_usage_error() {
		assert!(confirm("go on?", true).is_ok());
		if !io::stdin().is_terminal() {
			let failure = confirm("go on?", false).unwrap_err();
			assert_eq!(failure.exit, Exit::Usage);
			assert!(failure.message.contains("--yes"));
		}
	}
}
