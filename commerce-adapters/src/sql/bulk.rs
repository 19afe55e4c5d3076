//! Many rows as one statement parameter: a JSON array of arrays, read back by `jsonb_each`
//! (SQLite) or `JSON_TABLE` (MySQL). So a statement has one shape, however many rows it writes. Where MySQL inserts rows,
//! each cell is a parameter.
//!
//! Ids and hashes go as hexadecimal text and come back through `unhex`; times as microseconds.

use std::borrow::Cow;
use std::fmt::Write;

use commerce_core::Timestamp;
use commerce_core::audit::books::Table;
use commerce_core::ids::Id;
use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

/// The rows of one statement.
#[derive(Debug)]
pub(crate) struct Bulk {
    text: String,
}

impl Bulk {
    /// One row for each of `items`; `None` when there are none, and so nothing to execute.
    pub(crate) fn of<T>(items: impl IntoIterator<Item = T>, row: impl Fn(RowText, T) -> RowText) -> Option<Self> {
        let mut items = items.into_iter().peekable();
        items.peek()?;
        let mut text = String::with_capacity(256);
        for item in items {
            text.push(if text.is_empty() { '[' } else { ',' });
            text.push('[');
            let begin = text.len();
            text = row(RowText { text, begin, first: true }, item).text;
            text.push(']');
        }
        text.push(']');
        Some(Self { text })
    }

    /// One id for each row, read by `json_each` and `unhex(value)`.
    pub(crate) fn ids<T: Id>(ids: impl IntoIterator<Item = T>) -> Option<Self> {
        Self::texts(ids.into_iter().map(|id| id.uuid().simple().to_string()))
    }

    /// One text for each row, read by `json_each` and `value`.
    pub(crate) fn texts<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Option<Self> {
        let mut texts = texts.into_iter().peekable();
        texts.peek()?;
        Some(Self { text: list(texts) })
    }

    /// The rows, cell by cell.
    #[cfg(feature = "mysql")]
    pub(crate) fn rows(&self) -> Vec<Vec<Value>> {
        serde_json::from_str(&self.text).expect("rows are JSON")
    }

    /// The statement's parameter.
    pub(crate) fn into_text(self) -> String {
        self.text
    }
}

/// A flat JSON array of texts, for `IN (SELECT value FROM json_each(?))`.
pub(crate) fn list<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> String {
    let mut row = RowText { text: "[".to_owned(), begin: 1, first: true };
    for text in texts {
        row = row.text(text.as_ref());
    }
    row.text + "]"
}

/// A flat JSON array of ids in hexadecimal.
pub(crate) fn ids<T: Id>(ids: impl IntoIterator<Item = T>) -> String {
    list(ids.into_iter().map(|id| id.uuid().simple().to_string()))
}

/// A flat JSON array of hashes in hexadecimal.
pub(crate) fn hashes(hashes: impl IntoIterator<Item = [u8; 32]>) -> String {
    list(hashes.into_iter().map(hex::encode))
}

/// A cell whose text is JSON, in a row that came as JSON itself. Where the server knows that it is, it comes
/// as what it says.
pub(crate) struct Nested<T>(pub(crate) T);

impl<'de, T: DeserializeOwned> Deserialize<'de> for Nested<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::String(text) => serde_json::from_str(&text),
            value => serde_json::from_value(value),
        }
        .map(Self)
        .map_err(D::Error::custom)
    }
}

/// The seal of a row of `table` with these cells, where it is not written whole.
pub(crate) fn seal_of(table: &Table, cells: impl FnOnce(RowText) -> RowText) -> [u8; 32] {
    cells(RowText { text: String::new(), begin: 0, first: true }).sealed(table)
}

/// What a cell says that is written as JSON.
fn spelt(cell: &str) -> Option<Cow<'_, str>> {
    match cell.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
        Some(text) if !text.contains('\\') => Some(text.into()),
        Some(_) => Some(Cow::Owned(serde_json::from_str(cell).expect("a cell is JSON"))),
        None if cell == "null" => None,
        None => Some(cell.into()),
    }
}

/// One row being written, cell by cell.
#[derive(Debug)]
pub(crate) struct RowText {
    text: String,
    /// Where the row begins, among those before it.
    begin: usize,
    first: bool,
}

impl RowText {
    fn next(mut self) -> Self {
        if !self.first {
            self.text.push(',');
        }
        self.first = false;
        self
    }

    fn raw(self, cell: std::fmt::Arguments<'_>) -> Self {
        let mut row = self.next();
        row.text.write_fmt(cell).expect("a string takes every write");
        row
    }

    /// A whole number.
    pub(crate) fn int(self, value: impl Into<i64>) -> Self {
        let value: i64 = value.into();
        self.raw(format_args!("{value}"))
    }

    /// A version or another count of 64 bits; the domain keeps them far below `i64::MAX`.
    pub(crate) fn count(self, value: u64) -> Self {
        self.int(i64::try_from(value).unwrap_or(i64::MAX))
    }

    /// A whole number or NULL.
    pub(crate) fn opt_int(self, value: Option<impl Into<i64>>) -> Self {
        match value {
            Some(value) => self.int(value),
            None => self.null(),
        }
    }

    /// An instant.
    pub(crate) fn at(self, at: Timestamp) -> Self {
        self.int(at.as_micros())
    }

    /// An instant or NULL.
    pub(crate) fn opt_at(self, at: Option<Timestamp>) -> Self {
        self.opt_int(at.map(Timestamp::as_micros))
    }

    /// Yes or no, as 1 or 0.
    pub(crate) fn flag(self, value: bool) -> Self {
        self.int(i64::from(value))
    }

    /// A text.
    pub(crate) fn text(self, value: &str) -> Self {
        let mut row = self.next();
        row.text.push('"');
        let mut rest = value;
        // Hardly any text has something to escape, and what has is ASCII.
        while let Some(place) = rest.bytes().position(|byte| byte < b' ' || byte == b'"' || byte == b'\\') {
            let (plain, odd) = rest.split_at(place);
            row.text.push_str(plain);
            match odd.as_bytes()[0] {
                b'"' => row.text.push_str("\\\""),
                b'\\' => row.text.push_str("\\\\"),
                control => write!(row.text, "\\u{control:04x}").expect("a string takes every write"),
            }
            rest = &odd[1..];
        }
        row.text.push_str(rest);
        row.text.push('"');
        row
    }

    /// A text or NULL.
    pub(crate) fn opt_text(self, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.text(value),
            None => self.null(),
        }
    }

    /// An id, in hexadecimal.
    pub(crate) fn id(self, id: impl Id) -> Self {
        self.uuid(id.uuid())
    }

    /// A UUID, in hexadecimal.
    pub(crate) fn uuid(self, uuid: uuid::Uuid) -> Self {
        self.plain(uuid.simple().encode_lower(&mut uuid::Uuid::encode_buffer()))
    }

    /// An id or NULL.
    pub(crate) fn opt_id(self, id: Option<impl Id>) -> Self {
        match id {
            Some(id) => self.id(id),
            None => self.null(),
        }
    }

    /// A hash, in hexadecimal.
    pub(crate) fn hash(self, hash: &[u8; 32]) -> Self {
        self.plain(&hex::encode(hash))
    }

    /// The seal of all cells before it, as an audit that reads them will make it.
    pub(crate) fn seal(self, table: &Table) -> Self {
        let seal = self.sealed(table);
        self.hash(&seal)
    }

    fn sealed(&self, table: &Table) -> [u8; 32] {
        let row = format!("[{}]", &self.text[self.begin..]);
        let cells: Vec<&RawValue> = serde_json::from_str(&row).expect("a row is JSON");
        table.seal(cells.into_iter().map(|cell| spelt(cell.get())))
    }

    /// A text that needs no escape.
    fn plain(self, value: &str) -> Self {
        let mut row = self.next();
        row.text.push('"');
        row.text.push_str(value);
        row.text.push('"');
        row
    }

    /// Anything else, as JSON text of its own.
    pub(crate) fn json(self, value: &impl Serialize) -> Self {
        let text = serde_json::to_string(value).expect("domain values have text keys and finite numbers");
        self.text(&text)
    }

    /// NULL.
    pub(crate) fn null(self) -> Self {
        self.raw(format_args!("null"))
    }
}

#[cfg(test)]
mod tests {
    use super::{Bulk, list};

    #[test]
    fn rows_are_valid_json_whatever_they_say() {
        let nasty = "a\"b\\c\u{0}\n\u{7f}é🚚";
        let bulk = Bulk::of([1, 2], |row, n: i32| row.int(n).text(nasty).null().flag(true)).unwrap();
        let read: serde_json::Value = serde_json::from_str(&bulk.into_text()).unwrap();
        assert_eq!(read, serde_json::json!([[1, nasty, null, 1], [2, nasty, null, 1]]));
        assert!(Bulk::of([0; 0], RowText::int).is_none());
        assert_eq!(list(["a", "b"]), r#"["a","b"]"#);
    }

    use super::RowText;
}
