//! A CSV file with a line of names, whose errors name file, line and column.

use crate::error::{Error, Result};
use std::{
	path::{Path, PathBuf},
	str::FromStr,
};

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
		let text = std::fs::read_to_string(path).map_err(Error::io(path))?;
		let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
		let mut lines = split(text).into_iter();
		let columns = lines.next().map(|(_, fields)| fields).unwrap_or_default();
		if let Some(missing) = required.iter().find(|name| !columns.iter().any(|has| has == *name))
		{
			return Err(Error::Input {
				path: path.to_owned(),
				line: 1,
				column: (*missing).to_owned(),
				message: format!("the first line must name the columns {}", required.join(",")),
			});
		}
		let records: Vec<(u64, Vec<String>)> = lines.collect();
		if let Some((line, fields)) =
			records.iter().find(|(_, fields)| fields.len() != columns.len())
		{
			let (found, named) = (fields.len(), columns.len());
			return Err(Error::Input {
				path: path.to_owned(),
				line: *line,
				column: "all columns".to_owned(),
				message: format!("has {found} fields where the first line names {named}"),
			});
		}
		Ok(Self { path: path.to_owned(), columns, records })
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
			let kind = std::any::type_name::<N>();
			let found =
				if text.is_empty() { "is empty".to_owned() } else { format!("is {text:?}") };
			self.error(column, &format!("{found}; must be a number that fits {kind}"))
		})
	}

	/// What is wrong with a field.
	pub fn error(&self, column: &str, message: &str) -> Error {
		self.table.error(self.line, column, message)
	}
}

/// The records of a text with the lines on which they begin. Blank lines are passed over, fields lose the space around them.
fn split(text: &str) -> Vec<(u64, Vec<String>)> {
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
		let (result, read, _, fields) = reader.read_record(rest, &mut bytes, &mut ends);
		if result != csv_core::ReadRecordResult::Record {
			return records;
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
