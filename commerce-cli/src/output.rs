//! What a command shows: a table for people or JSON for programs.
//!
//! Values come in the shapes of the HTTP contract, so both look the same over `--url`. Text from
//! the shop is shown without its control characters: a product's name must not move the cursor.

use std::fmt;
use std::io::{self, Write};

use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table};
use serde_json::{Value, json};

use crate::failure::Failure;

/// How results are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Table,
    /// For programs, in the shapes of the HTTP contract.
    Json,
}

/// A column: its title and where its value lies (a JSON pointer).
pub(crate) type Column = (&'static str, &'static str);

/// Standard output.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    format: Format,
}

impl Output {
    /// In this format.
    pub(crate) fn new(format: Format) -> Self {
        Self { format }
    }

    /// Whether programs read it.
    pub(crate) fn is_json(self) -> bool {
        self.format == Format::Json
    }

    /// A page `{items, nextCursor}`: a table with a row for each item.
    ///
    /// # Errors
    /// When it is none, or cannot be written.
    pub(crate) fn page(self, page: &Value, columns: &[Column]) -> Result<(), Failure> {
        if self.is_json() {
            return json_text(page);
        }
        let items = page.get("items").and_then(Value::as_array);
        rows(items.ok_or_else(|| Failure::new("NOT_A_SHOP", "the answer is no page of a shop's"))?, columns)?;
        if let Some(cursor) = page.get("nextCursor").and_then(Value::as_str) {
            note(format_args!("more with: --cursor {cursor}"));
        }
        Ok(())
    }

    /// A list: a table with a row for each.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn list(self, items: &[Value], columns: &[Column]) -> Result<(), Failure> {
        if self.is_json() { json_text(&json!({ "items": items })) } else { rows(items, columns) }
    }

    /// One thing: a line for each column.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn record(self, value: &Value, columns: &[Column]) -> Result<(), Failure> {
        if self.is_json() {
            return json_text(value);
        }
        let mut table = plain_table();
        for (title, pointer) in columns {
            table.add_row([(*title).to_owned(), cell(value, pointer)]);
        }
        write(&trimmed(&table))
    }

    /// A sentence for people; programs get `value`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn say(self, text: &str, value: &Value) -> Result<(), Failure> {
        if self.is_json() { json_text(value) } else { write(text) }
    }
}

/// A line for people on standard error, beside what a command shows. Where nobody reads it nothing is lost.
pub(crate) fn note(text: impl fmt::Display) {
    writeln!(io::stderr(), "{text}").ok();
}

/// Text as it is, in either format.
///
/// # Errors
/// When it cannot be written.
pub(crate) fn text(text: &str) -> Result<(), Failure> {
    write(text.trim_end_matches('\n'))
}

fn rows(items: &[Value], columns: &[Column]) -> Result<(), Failure> {
    if items.is_empty() {
        note("none");
        return Ok(());
    }
    let mut table = plain_table();
    table.set_header(columns.iter().map(|(title, _)| *title));
    for item in items {
        table.add_row(columns.iter().map(|(_, pointer)| cell(item, pointer)));
    }
    write(&trimmed(&table))
}

fn json_text(value: &Value) -> Result<(), Failure> {
    write(&serde_json::to_string_pretty(value).expect("a JSON value can be written"))
}

fn plain_table() -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table
}

fn trimmed(table: &Table) -> String {
    table
        .lines()
        .map(|line| line.trim_end().strip_prefix(' ').map_or_else(|| line.trim_end().to_owned(), str::to_owned))
        .collect::<Vec<_>>()
        .join("\n")
}

/// Writes a line. A reader that has gone (`| head`) is no failure.
fn write(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::io("write the result", &error)),
        _ => Ok(()),
    }
}

fn cell(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).map_or_else(|| "-".to_owned(), shown)
}

/// A value as people read it.
pub(crate) fn shown(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::Bool(yes) => if *yes { "yes" } else { "no" }.to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.chars().map(|char| if char.is_control() { ' ' } else { char }).collect(),
        Value::Array(items) => items.iter().map(shown).collect::<Vec<_>>().join(", "),
        Value::Object(members) => match serde_json::from_value::<commerce_core::Money>(value.clone()) {
            Ok(amount) => amount.to_string(),
            Err(_) => members.iter().map(|(name, value)| format!("{name}={}", shown(value))).collect::<Vec<_>>().join(" "),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_shown_for_people() {
        let value = json!({ "price": { "amount": 1999, "currency": "INR" }, "name": "a\u{1b}[2Jb", "options": { "Size": "M" }, "none": null });
        assert_eq!(cell(&value, "/price"), "19.99 INR");
        assert_eq!(cell(&value, "/name"), "a [2Jb");
        assert_eq!(cell(&value, "/options"), "Size=M");
        assert_eq!((cell(&value, "/none"), cell(&value, "/absent")), ("-".to_owned(), "-".to_owned()));
    }
}
