//! A CSV file with a line of names, whose errors name file, line and column.

use crate::error::{Error, Result};
use std::{
	collections::BTreeSet,
	path::{Path, PathBuf},
	str::FromStr,
};

/// What an error names that is of no column.
const ALL: &str = "all columns";

/// A CSV file.
pub struct Table {
	path: PathBuf,
	columns: Vec<String>,
	records: Vec<(u64, Vec<String>)>,
}

/// One line of it.
pub struct Row<'a> {
	table: &'a Table,
	line: u64,
	record: &'a [String],
}

impl Table {
	/// Reads a file that has at least the columns `required`.
	pub fn read(path: &Path, required: &[&str]) -> Result<Self> {
		let bytes = std::fs::read(path).map_err(Error::io(path))?;
		let mut table = Self { path: path.to_owned(), columns: Vec::new(), records: Vec::new() };
		let text = String::from_utf8(bytes).map_err(|error| {
			let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
			table.error(1 + count_lines(valid), ALL, "is not UTF-8: save the file as UTF-8")
		})?;
		let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
		// Ends of lines of any system.
		let text = text.replace("\r\n", "\n").replace('\r', "\n");
		let records = split(&text).map_err(|line| {
			table.error(line, ALL, "a quoted field begins here and never ends: close the quote")
		})?;
		let mut records = records.into_iter();
		table.columns = records.next().map(|(_, fields)| fields).unwrap_or_default();
		table.records = records.collect();
		table.check(required)?;
		Ok(table)
	}

	/// Whether the columns are all there, once each, and every line has as many.
	fn check(&self, required: &[&str]) -> Result<()> {
		let has = |name: &&&str| self.columns.iter().any(|column| column == **name);
		if let Some(missing) = required.iter().find(|name| !has(name)) {
			let message = format!("the first line must name the columns {}", required.join(","));
			return Err(self.error(1, missing, &message));
		}
		let mut names = BTreeSet::new();
		let named = self.columns.iter().filter(|name| !name.is_empty());
		if let Some(twice) = named.into_iter().find(|name| !names.insert(name.as_str())) {
			return Err(self.error(1, twice, "the first line names it twice: remove one of them"));
		}
		let columns = self.columns.len();
		match self.records.iter().find(|(_, fields)| fields.len() != columns) {
			None => Ok(()),
			Some((line, fields)) => {
				let found = fields.len();
				let message = format!("has {found} fields where the first line names {columns}");
				Err(self.error(*line, ALL, &message))
			}
		}
	}

	/// The lines after the first.
	pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
		self.records.iter().map(|(line, record)| Row { table: self, line: *line, record })
	}

	/// What is wrong with the end of the file.
	pub fn error_at_end(&self, column: &str, message: &str) -> Error {
		let line = self.records.last().map_or(2, |(line, _)| line.saturating_add(1));
		self.error(line, column, message)
	}

	fn error(&self, line: u64, column: &str, message: &str) -> Error {
		let (column, message) = (column.to_owned(), message.to_owned());
		Error::Input { path: self.path.clone(), line, column, message }
	}
}

impl Row<'_> {
	/// A field; empty where the file does not have the column.
	pub fn text(&self, column: &str) -> &str {
		let index = self.table.columns.iter().position(|name| name == column);
		index.and_then(|index| self.record.get(index)).map_or("", String::as_str)
	}

	/// A field that must be a number.
	pub fn number<N: FromStr>(&self, column: &str) -> Result<N> {
		self.parse(column, self.text(column))
	}

	/// A field that must be a number or empty.
	pub fn number_or<N: FromStr>(&self, column: &str, default: N) -> Result<N> {
		match self.text(column) {
			"" => Ok(default),
			text => self.parse(column, text),
		}
	}

	fn parse<N: FromStr>(&self, column: &str, text: &str) -> Result<N> {
		text.parse().map_err(|_| {
			let found =
				if text.is_empty() { "is empty".to_owned() } else { format!("is {text:?}") };
			let kind = match std::any::type_name::<N>() {
				"u8" => "a whole number from 0 to 255",
				"u16" => "a whole number from 0 to 65535",
				"u32" => "a whole number from 0 to 4294967295",
				"f64" => "a number",
				_ => "a whole number from 0 to 2^128 - 1",
			};
			self.error(column, &format!("{found}; must be {kind}"))
		})
	}

	/// What is wrong with a field.
	pub fn error(&self, column: &str, message: &str) -> Error {
		self.table.error(self.line, column, message)
	}
}

/// The records of a text with the lines on which they begin, or the line of a quote that is never closed. Blank lines are passed
/// over, fields lose the space around them.
fn split(text: &str) -> std::result::Result<Vec<(u64, Vec<String>)>, u64> {
	// With an end to its last line, every record is complete.
	let text = format!("{text}\n");
	// A record is no longer than the text, and has no more fields than the text has bytes.
	let (mut bytes, mut ends) = (vec![0; text.len()], vec![0; text.len()]);
	let (mut reader, mut records) = (csv_core::Reader::new(), Vec::new());
	let (mut rest, mut line) = (text.as_bytes(), 1u64);
	loop {
		let blank = rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
		line = line.saturating_add(count_lines(&rest[..blank]));
		rest = &rest[blank..];
		if rest.is_empty() {
			return Ok(records);
		}
		let (result, read, _, fields) = reader.read_record(rest, &mut bytes, &mut ends);
		if result != csv_core::ReadRecordResult::Record {
			return Err(line);
		}
		let begins = std::iter::once(&0).chain(&ends);
		let spans = begins.zip(&ends).take(fields);
		let field = |(from, to): (&usize, &usize)| {
			String::from_utf8_lossy(&bytes[*from..*to]).trim().to_owned()
		};
		records.push((line, spans.map(field).collect()));
		line = line.saturating_add(count_lines(&rest[..read]));
		rest = &rest[read..];
	}
}

fn count_lines(bytes: &[u8]) -> u64 {
	bytes.iter().filter(|byte| **byte == b'\n').count() as u64
}
