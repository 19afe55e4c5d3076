//! Reading rows: each cell parsed into the domain's own type, or the row is corrupt.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

use commerce_core::error::StoreError;
use commerce_core::ids::Id;
use commerce_core::{Currency, Money, Timestamp};
use serde::de::DeserializeOwned;
use sqlx::{Decode, Row as _, Type};
use uuid::Uuid;

use super::engine::{Db, Row};

/// One row and what it is read for.
#[derive(Clone, Copy)]
pub(crate) struct Fields<'r> {
    row: &'r Row,
    /// JSON cells that other rows told of.
    gathered: Option<&'r BTreeMap<&'static str, String>>,
    operation: &'static str,
}

impl<'r> Fields<'r> {
    /// Reads `row` for `operation`.
    pub(crate) fn of(row: &'r Row, operation: &'static str) -> Self {
        Self { row, gathered: None, operation }
    }

    /// The same, with these JSON cells beside those of the row.
    pub(crate) fn with(self, gathered: &'r BTreeMap<&'static str, String>) -> Self {
        Self { gathered: Some(gathered), ..self }
    }

    /// Says that the row breaks an invariant.
    pub(crate) fn corrupt(&self, what: impl Display) -> StoreError {
        StoreError::corrupt(self.operation, what.to_string())
    }

    fn cell<T: Decode<'r, Db> + Type<Db>>(&self, column: &str) -> Result<T, StoreError> {
        self.row.try_get(column).map_err(|error| StoreError::corrupt(self.operation, error))
    }

    /// A whole number.
    pub(crate) fn int(&self, column: &str) -> Result<i64, StoreError> {
        self.cell(column)
    }

    /// A whole number of a narrower type.
    pub(crate) fn count<T: TryFrom<i64>>(&self, column: &str) -> Result<T, StoreError> {
        T::try_from(self.int(column)?).map_err(|_| self.corrupt(format_args!("{column} is out of range")))
    }

    /// A whole number of a narrower type, or NULL.
    pub(crate) fn opt_count<T: TryFrom<i64>>(&self, column: &str) -> Result<Option<T>, StoreError> {
        let number: Option<i64> = self.cell(column)?;
        number.map(|number| T::try_from(number).map_err(|_| self.corrupt(format_args!("{column} is out of range")))).transpose()
    }

    /// Yes or no.
    pub(crate) fn flag(&self, column: &str) -> Result<bool, StoreError> {
        Ok(self.int(column)? != 0)
    }

    /// An instant.
    pub(crate) fn at(&self, column: &str) -> Result<Timestamp, StoreError> {
        self.int(column).map(Timestamp::from_micros)
    }

    /// An instant or NULL.
    pub(crate) fn opt_at(&self, column: &str) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.cell::<Option<i64>>(column)?.map(Timestamp::from_micros))
    }

    /// A text.
    pub(crate) fn text(&self, column: &str) -> Result<String, StoreError> {
        self.cell(column)
    }

    /// A text as it lies in the row.
    pub(crate) fn str(&self, column: &str) -> Result<&'r str, StoreError> {
        self.cell(column)
    }

    /// A text or NULL.
    pub(crate) fn opt_text(&self, column: &str) -> Result<Option<String>, StoreError> {
        self.cell(column)
    }

    /// A text of JSON, or nothing. MySQL has a type for it, which is sent as text; MariaDB and SQLite have none.
    pub(crate) fn opt_json(&self, column: &str) -> Result<Option<String>, StoreError> {
        self.row.try_get_unchecked(column).map_err(|error| StoreError::corrupt(self.operation, error))
    }

    /// A text in the shape of `T`.
    pub(crate) fn parse<T: FromStr>(&self, column: &str) -> Result<T, StoreError>
    where
        T::Err: Display,
    {
        let text: &str = self.cell(column)?;
        text.parse().map_err(|error| self.corrupt(format_args!("{column}: {error}")))
    }

    /// A text in the shape of `T`, or NULL.
    pub(crate) fn opt_parse<T: FromStr>(&self, column: &str) -> Result<Option<T>, StoreError>
    where
        T::Err: Display,
    {
        let text: Option<&str> = self.cell(column)?;
        text.map(|text| text.parse().map_err(|error| self.corrupt(format_args!("{column}: {error}")))).transpose()
    }

    /// A text that is the JSON of `T`.
    pub(crate) fn json<T: DeserializeOwned>(&self, column: &str) -> Result<T, StoreError> {
        let text = match self.gathered.and_then(|gathered| gathered.get(column)) {
            Some(gathered) => gathered,
            None => self.cell::<&str>(column)?,
        };
        serde_json::from_str(text).map_err(|error| self.corrupt(format_args!("{column}: {error}")))
    }

    /// An id.
    pub(crate) fn id<T: Id>(&self, column: &str) -> Result<T, StoreError> {
        self.uuid(column).map(T::from_uuid)
    }

    /// An id or NULL.
    pub(crate) fn opt_id<T: Id>(&self, column: &str) -> Result<Option<T>, StoreError> {
        let bytes: Option<&[u8]> = self.cell(column)?;
        bytes.map(|bytes| self.as_uuid(column, bytes).map(T::from_uuid)).transpose()
    }

    /// A UUID that has no type of its own.
    pub(crate) fn uuid(&self, column: &str) -> Result<Uuid, StoreError> {
        self.as_uuid(column, self.cell(column)?)
    }

    fn as_uuid(&self, column: &str, bytes: &[u8]) -> Result<Uuid, StoreError> {
        Uuid::from_slice(bytes).map_err(|error| self.corrupt(format_args!("{column}: {error}")))
    }

    /// A hash of 32 bytes.
    pub(crate) fn hash(&self, column: &str) -> Result<[u8; 32], StoreError> {
        let bytes: &[u8] = self.cell(column)?;
        bytes.try_into().map_err(|_| self.corrupt(format_args!("{column} has not 32 bytes")))
    }

    /// An amount of a known currency.
    pub(crate) fn minor(&self, column: &str, currency: Currency) -> Result<Money, StoreError> {
        Ok(Money::new(self.int(column)?, currency))
    }

    /// An amount beside its currency.
    pub(crate) fn money(&self, minor: &str, currency: &str) -> Result<Money, StoreError> {
        self.minor(minor, self.parse(currency)?)
    }
}
