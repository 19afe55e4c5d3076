//! What an audit reads: rows as they are stored, cell by cell, so that a broken row is a finding
//! and never an error.
//!
//! [`Books`] is the port. It knows no rule: it gives stretches of tables, each at one instant.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use async_trait::async_trait;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::change::digest;
use crate::error::StoreError;
use crate::time::Timestamp;

/// One stored value. Ordered as a database orders values of different types.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cell {
    /// Nothing.
    Null,
    /// A whole number: a count, an amount in minor units, microseconds since 1970.
    Int(i64),
    /// A text.
    Text(String),
    /// Bytes: an id, a hash.
    Blob(Vec<u8>),
}

impl fmt::Display for Cell {
    /// As people name it: an id as UUID, other bytes in hexadecimal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("nothing"),
            Self::Int(number) => number.fmt(f),
            Self::Text(text) => f.write_str(text),
            Self::Blob(bytes) => match Uuid::from_slice(bytes) {
                Ok(id) => id.fmt(f),
                Err(_) => f.write_str(&hex::encode(bytes)),
            },
        }
    }
}

impl From<Uuid> for Cell {
    fn from(id: Uuid) -> Self {
        Self::Blob(id.as_bytes().to_vec())
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Cell {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<u32> for Cell {
    fn from(number: u32) -> Self {
        Self::Int(number.into())
    }
}

impl From<u64> for Cell {
    fn from(number: u64) -> Self {
        Self::Int(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl From<Timestamp> for Cell {
    fn from(at: Timestamp) -> Self {
        Self::Int(at.as_micros())
    }
}

impl From<serde_json::Value> for Cell {
    fn from(json: serde_json::Value) -> Self {
        Self::Text(json.to_string())
    }
}

impl<T: Into<Self>> From<Option<T>> for Cell {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// What a column may hold.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// An id: 16 bytes.
    Id,
    /// An id, or nothing.
    OptId,
    /// A hash: 32 bytes.
    Hash,
    /// Any text.
    Text,
    /// Any text, or nothing.
    OptText,
    /// A text in a shape of its own: a status, a SKU, JSON of a type.
    Shaped(fn(&str) -> bool),
    /// The same, or nothing.
    OptShaped(fn(&str) -> bool),
    /// A whole number between these, both included.
    Int(i64, i64),
    /// The same, or nothing.
    OptInt(i64, i64),
    /// The same as [`Kind::OptShaped`], in a column that its table got after its rows had seals: nothing in it is nothing in
    /// the seal, so that rows from before, and those of a program from before, keep theirs.
    LaterShaped(fn(&str) -> bool),
    /// An instant.
    At,
    /// An instant, or nothing.
    OptAt,
    /// The place that the database gives a row. No seal knows it.
    Place,
}

/// The last instant that is taken for one: the end of the year 9999.
const LAST_INSTANT: i64 = 253_402_300_799_999_999;

impl Kind {
    /// Whether a cell is of this kind.
    #[must_use]
    pub fn admits(self, cell: &Cell) -> bool {
        match (self, cell) {
            (Self::Place, Cell::Int(place)) => *place > 0,
            (
                Self::OptId | Self::OptText | Self::OptShaped(_) | Self::LaterShaped(_) | Self::OptInt(..) | Self::OptAt,
                Cell::Null,
            )
            | (Self::Text | Self::OptText, Cell::Text(_)) => true,
            (Self::Id | Self::OptId, Cell::Blob(bytes)) => bytes.len() == 16,
            (Self::Hash, Cell::Blob(bytes)) => bytes.len() == 32,
            (Self::Shaped(fits) | Self::OptShaped(fits) | Self::LaterShaped(fits), Cell::Text(text)) => fits(text),
            (Self::Int(least, most) | Self::OptInt(least, most), Cell::Int(number)) => (least..=most).contains(number),
            (Self::At | Self::OptAt, Cell::Int(micros)) => (0..=LAST_INSTANT).contains(micros),
            (_, Cell::Null | Cell::Int(_) | Cell::Text(_) | Cell::Blob(_)) => false,
        }
    }
}

/// A table as an audit knows it.
#[derive(Debug)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// How many of its first columns are its key.
    pub key: usize,
    /// Its columns, in the order of a [`Row`]'s cells.
    pub columns: &'static [(&'static str, Kind)],
}

impl PartialEq for Table {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

/// The column that seals those before it, where a table has one. After it stands what changes by itself.
pub const SEAL: &str = "seal";

impl Table {
    /// The columns of its key.
    pub fn key_columns(&self) -> impl Iterator<Item = &'static str> {
        self.columns.iter().take(self.key).map(|(name, _)| *name)
    }

    /// Whether its rows are sealed. What is sealed of a row is always written together.
    #[must_use]
    pub fn is_sealed(&self) -> bool {
        self.columns.iter().any(|(name, _)| *name == SEAL)
    }

    /// The seal of one of its rows: a digest of the cells before it in order, as they are spelt: numbers in decimal, bytes
    /// in hexadecimal. It stands in the row alone and is made anew with it, so that nothing is left of what was there before.
    pub fn seal<'c>(&self, cells: impl IntoIterator<Item = Option<Cow<'c, str>>>) -> [u8; 32] {
        let mut all = Vec::new();
        let kinds = self.columns.iter().map(|(_, kind)| kind).filter(|kind| !matches!(kind, Kind::Place));
        for (kind, cell) in kinds.zip(cells) {
            if cell.is_none() && matches!(kind, Kind::LaterShaped(_)) {
                continue;
            }
            all.push(u8::from(cell.is_some()));
            let text = cell.unwrap_or_default();
            all.extend_from_slice(&u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes());
            all.extend_from_slice(text.as_bytes());
        }
        digest(&[SEAL.as_bytes(), self.name.as_bytes(), &all])
    }
}

/// One row.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    table: &'static Table,
    cells: Arc<[Cell]>,
}

impl Row {
    /// A row of `table`, with a cell for each of its columns.
    #[must_use]
    pub fn new(table: &'static Table, cells: Vec<Cell>) -> Self {
        Self { table, cells: cells.into() }
    }

    /// Its table.
    #[must_use]
    pub fn table(&self) -> &'static Table {
        self.table
    }

    /// The cell of its first column: the key, or what the key begins with.
    #[must_use]
    pub fn key(&self) -> &Cell {
        self.cells.first().unwrap_or(&Cell::Null)
    }

    /// One cell; nothing for a column the table does not have.
    #[must_use]
    pub fn cell(&self, column: &str) -> &Cell {
        let place = self.table.columns.iter().position(|(name, _)| *name == column);
        place.and_then(|place| self.cells.get(place)).unwrap_or(&Cell::Null)
    }

    /// The same row with another value in one column.
    #[must_use]
    pub fn with(&self, column: &str, value: &Cell) -> Self {
        let columns = self.table.columns.iter().zip(self.cells.iter());
        let cells = columns.map(|((name, _), cell)| if *name == column { value.clone() } else { cell.clone() });
        Self { table: self.table, cells: cells.collect() }
    }

    /// The seal that fits what it holds.
    #[must_use]
    pub fn seal(&self) -> [u8; 32] {
        let columns = self.table.columns.iter().zip(self.cells.iter()).take_while(|((name, _), _)| *name != SEAL);
        let columns = columns.filter(|((_, kind), _)| !matches!(kind, Kind::Place));
        self.table.seal(columns.map(|(_, cell)| match cell {
            Cell::Null => None,
            Cell::Int(number) => Some(number.to_string().into()),
            Cell::Text(text) => Some(text.into()),
            Cell::Blob(bytes) => Some(hex::encode(bytes).into()),
        }))
    }

    /// The same row with the seal that fits it.
    #[must_use]
    pub fn sealed(&self) -> Self {
        self.with(SEAL, &Cell::Blob(self.seal().to_vec()))
    }

    /// The columns whose cells are not what they may be.
    pub fn misfits(&self) -> impl Iterator<Item = (&'static str, &Cell)> {
        let columns = self.table.columns.iter().zip(self.cells.iter());
        columns.filter(|((_, kind), cell)| !kind.admits(cell)).map(|((name, _), cell)| (*name, cell))
    }

    /// A whole number; none where there is no readable one.
    #[must_use]
    pub fn int(&self, column: &str) -> Option<i64> {
        match self.cell(column) {
            Cell::Int(number) => Some(*number),
            Cell::Null | Cell::Text(_) | Cell::Blob(_) => None,
        }
    }

    /// An instant; none where there is no readable one.
    #[must_use]
    pub fn at(&self, column: &str) -> Option<Timestamp> {
        self.int(column).map(Timestamp::from_micros)
    }

    /// A text; none where there is no readable one.
    #[must_use]
    pub fn text(&self, column: &str) -> Option<&str> {
        match self.cell(column) {
            Cell::Text(text) => Some(text),
            Cell::Null | Cell::Int(_) | Cell::Blob(_) => None,
        }
    }

    /// A text in the shape of `T`; none where there is no readable one.
    #[must_use]
    pub fn word<T: FromStr>(&self, column: &str) -> Option<T> {
        self.text(column)?.parse().ok()
    }

    /// A text that is the JSON of `T`; none where there is no readable one.
    #[must_use]
    pub fn json<T: DeserializeOwned>(&self, column: &str) -> Option<T> {
        serde_json::from_str(self.text(column)?).ok()
    }

    /// An id; none where there is no readable one.
    #[must_use]
    pub fn id(&self, column: &str) -> Option<Uuid> {
        Uuid::from_slice(self.bytes(column)?).ok()
    }

    /// Bytes; none where there are none.
    #[must_use]
    pub fn bytes(&self, column: &str) -> Option<&[u8]> {
        match self.cell(column) {
            Cell::Blob(bytes) => Some(bytes),
            Cell::Null | Cell::Int(_) | Cell::Text(_) => None,
        }
    }
}

/// A way through one context's tables: the keys of a leading table in order, and beside each key
/// the rows of other tables that belong to it.
#[derive(Debug)]
pub struct Walk {
    /// The table that is walked.
    pub lead: &'static Table,
    /// The column of its key; an index begins with it.
    pub key: &'static str,
    /// The column that people know a row by.
    pub name: &'static str,
    /// Only rows of the leading table that hold this; an index begins with it and goes on with the
    /// key.
    pub within: Option<(&'static str, Cell)>,
    /// The tables beside it.
    pub beside: &'static [Beside],
}

/// A table beside the one that is walked.
#[derive(Debug)]
pub struct Beside {
    /// The table.
    pub table: &'static Table,
    /// The column that holds the key of the leading table; an index begins with it.
    pub key: &'static str,
    /// Whether the column holds the key in hexadecimal.
    pub in_hex: bool,
}

impl Beside {
    /// How a key of the leading table is written here.
    #[must_use]
    pub fn spell(&self, key: &Cell) -> Cell {
        match key {
            Cell::Blob(bytes) if self.in_hex => Cell::Text(hex::encode(bytes)),
            Cell::Null | Cell::Int(_) | Cell::Text(_) | Cell::Blob(_) => key.clone(),
        }
    }
}

/// Rows of several tables, all read at one instant.
#[derive(Clone, Debug, Default)]
pub struct Pages(Vec<(&'static str, Vec<Row>)>);

impl Pages {
    /// And these rows of a table.
    pub fn put(&mut self, table: &'static Table, rows: Vec<Row>) {
        self.0.push((table.name, rows));
    }

    /// The rows of a table.
    #[must_use]
    pub fn of(&self, table: &Table) -> &[Row] {
        self.0.iter().find(|(name, _)| *name == table.name).map_or(&[], |(_, rows)| rows)
    }

    /// All rows.
    pub fn rows(&self) -> impl Iterator<Item = &Row> {
        self.0.iter().flat_map(|(_, rows)| rows)
    }
}

/// A part of a walk.
#[derive(Clone, Debug)]
pub struct Stretch {
    /// What stands in it. Rows beside whose key is in no row of the leading table are in it, too.
    pub pages: Pages,
    /// Where it ends; none at the end of the walk.
    pub upto: Option<Cell>,
}

/// One context's tables, for an audit.
#[async_trait]
pub trait Books: Send + Sync {
    /// What stands above the key `after`, up to `limit` keys further, in the order of the keys and
    /// at one instant. Never takes longer over it than a fraction of a second.
    async fn stretch(&self, walk: &Walk, after: Option<&Cell>, limit: u32) -> Result<Stretch, StoreError>;

    /// The next keys of the leading table alone, in order.
    async fn keys(&self, walk: &Walk, after: Option<&Cell>, limit: u32) -> Result<Vec<Cell>, StoreError>;

    /// Whether the outbox numbers its events without a gap, as far back as it keeps them.
    fn counts_events(&self) -> bool {
        false
    }

    /// What stands under these keys, at one instant.
    async fn look_up(&self, walk: &Walk, keys: &[Cell]) -> Result<Pages, StoreError>;
}

/// The tables of a whole shop.
#[derive(Clone)]
pub struct ShopBooks {
    /// Of users.
    pub users: Arc<dyn Books>,
    /// Of the catalog.
    pub catalog: Arc<dyn Books>,
    /// Of orders.
    pub orders: Arc<dyn Books>,
    /// Of notifications.
    pub notifications: Arc<dyn Books>,
}
