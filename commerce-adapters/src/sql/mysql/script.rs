//! Statements in order: everything a batch reads, and everything it writes.
//!
//! Each shape is prepared once for a connection and goes over with its parameters alone. Parameters are
//! written `?`, in order.

use std::borrow::Cow;

use commerce_core::error::StoreError;
use sqlx::mysql::MySqlArguments;
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, MySql};

use super::engine::Row;
use super::insert::Insert;
use super::line::Line;
use super::statements::Put;
use crate::sql::bulk::{Bulk, RowText};
use crate::sql::question::Param;

/// Bytes of a packet that are not parameters, at most.
const PACKET_HEAD: usize = 1_024;

/// A statement with its parameters.
pub(super) fn query(sql: Cow<'static, str>, params: Vec<Param>) -> Query<'static, MySql, MySqlArguments> {
    let query = match sql {
        Cow::Borrowed(sql) => sqlx::query(sql),
        // Every piece is a constant of this crate; values are parameters.
        Cow::Owned(sql) => sqlx::query(AssertSqlSafe(sql)),
    };
    params.into_iter().fold(query, |query, param| match param {
        Param::Text(text) => query.bind(text),
        Param::Int(number) => query.bind(number),
        Param::Blob(bytes) => query.bind(bytes),
        Param::Null => query.bind(None::<i64>),
    })
}

/// Statements to execute in order, without a look at what they answer.
#[derive(Default)]
pub(crate) struct Script {
    statements: Vec<(Cow<'static, str>, Vec<Param>)>,
}

/// A statement over many rows.
pub(crate) enum Over {
    /// One that reads them out of one parameter.
    Json(&'static str),
    /// One that has a parameter for each cell.
    Cells(Insert),
}

impl From<&'static str> for Over {
    fn from(sql: &'static str) -> Self {
        Self::Json(sql)
    }
}

impl From<Insert> for Over {
    fn from(insert: Insert) -> Self {
        Self::Cells(insert)
    }
}

/// A script that does not fit through a connection.
pub(crate) struct TooLarge;

impl Script {
    /// And this statement, over many rows, unless there are none.
    pub(crate) fn bulk(&mut self, sql: impl Into<Over>, rows: Option<Bulk>) {
        let Some(rows) = rows else { return };
        match sql.into() {
            Over::Json(sql) => self.with(sql, [rows.into_text().into()]),
            Over::Cells(insert) => self.insert(insert, &rows),
        }
    }

    fn insert(&mut self, insert: Insert, rows: &Bulk) {
        let statements = insert.statements(rows).into_iter();
        self.statements.extend(statements.map(|(sql, params)| (Cow::Owned(sql), params)));
    }

    /// And these statements over many rows, unless there are none: those whose key is stored are
    /// changed, the others are new. A value that is given up is free before it is taken.
    pub(crate) fn put<T>(&mut self, sql: Put, rows: impl IntoIterator<Item = (bool, T)>, row: impl Fn(RowText, T) -> RowText) {
        let (stored, new): (Vec<_>, Vec<_>) = rows.into_iter().partition(|(stored, _)| *stored);
        self.bulk(sql.changed, Bulk::of(stored.into_iter().map(|(_, it)| it), &row));
        if let Some(rows) = Bulk::of(new.into_iter().map(|(_, it)| it), &row) {
            for insert in sql.new {
                self.insert(*insert, &rows);
            }
        }
    }

    /// And this statement with its parameters.
    pub(crate) fn with(&mut self, sql: &'static str, params: impl IntoIterator<Item = Param>) {
        self.statements.push((Cow::Borrowed(sql), params.into_iter().collect()));
    }

    /// Whether there is nothing to execute.
    pub(super) fn is_empty(&self) -> bool {
        self.statements.is_empty()
    }

    /// Whether each statement fits into what the server takes at once.
    pub(super) fn fits(&self, line: &Line) -> Result<(), TooLarge> {
        let length = |param: &Param| match param {
            Param::Text(text) => text.len(),
            Param::Blob(bytes) => bytes.len(),
            Param::Int(_) | Param::Null => 8,
        };
        let room = line.packet_max.saturating_sub(PACKET_HEAD);
        let all = self.statements.iter().all(|(_, params)| params.iter().map(length).sum::<usize>() <= room);
        if all { Ok(()) } else { Err(TooLarge) }
    }

    /// Executes it.
    pub(crate) async fn execute(self, line: &mut Line) -> Result<(), sqlx::Error> {
        for (sql, params) in self.statements {
            query(sql, params).execute(&mut line.connection).await?;
        }
        Ok(())
    }
}

/// What a row becomes part of.
type Reader<T> = fn(&Row, &mut T) -> Result<(), StoreError>;

/// Queries, each with what its rows become part of.
pub(crate) struct Queries<T> {
    queries: Vec<(&'static str, Vec<Param>, Reader<T>)>,
}

/// Why a query's rows could not be had.
pub(crate) enum Unread {
    /// The database failed.
    Failed(sqlx::Error),
    /// A row breaks an invariant.
    Corrupt(StoreError),
}

impl<T> Default for Queries<T> {
    fn default() -> Self {
        Self { queries: Vec::new() }
    }
}

impl<T> Queries<T> {
    /// And this query.
    pub(crate) fn ask(&mut self, sql: &'static str, params: impl IntoIterator<Item = Param>, reader: Reader<T>) {
        self.queries.push((sql, params.into_iter().collect(), reader));
    }

    /// Asks them in order, giving every row to its reader.
    pub(crate) async fn load(self, line: &mut Line, into: &mut T) -> Result<(), Unread> {
        for (sql, params, read) in self.queries {
            let rows = query(Cow::Borrowed(sql), params).fetch_all(&mut line.connection).await.map_err(Unread::Failed)?;
            rows.iter().try_for_each(|row| read(row, into)).map_err(Unread::Corrupt)?;
        }
        Ok(())
    }
}
