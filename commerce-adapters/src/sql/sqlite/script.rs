//! Statements that go to a connection together.
//!
//! A connection lives on a thread of its own, and handing it a statement and taking the answer back
//! costs more than most statements do. A batch therefore goes over in two pieces: everything it
//! reads, and everything it writes. Each statement's parameters are written `?`, in order.

use commerce_core::error::StoreError;
use futures_util::TryStreamExt;
use sqlx::{AssertSqlSafe, Either, Executor, SqliteConnection};

use super::engine::Row;
use crate::sql::bulk::{Bulk, RowText};
use crate::sql::question::Param;

/// Statements to execute in order, without a look at what they answer.
#[derive(Default)]
pub(crate) struct Script {
    sql: String,
    params: Vec<Param>,
    statements: usize,
}

/// How far a script came that failed.
pub(crate) struct Stopped {
    /// Why.
    pub(crate) error: sqlx::Error,
    /// Whether it was its last statement that failed.
    pub(crate) at_last: bool,
}

impl Script {
    /// And this statement, over many rows, unless there are none.
    pub(crate) fn bulk(&mut self, sql: &'static str, rows: Option<Bulk>) {
        if let Some(rows) = rows {
            self.with(sql, [rows.into_text().into()]);
        }
    }

    /// And this statement over many rows, unless there are none: those whose key is stored are changed
    /// by it, the others are new.
    pub(crate) fn put<T>(
        &mut self,
        sql: &'static str,
        rows: impl IntoIterator<Item = (bool, T)>,
        row: impl Fn(RowText, T) -> RowText,
    ) {
        self.bulk(sql, Bulk::of(rows.into_iter().map(|(_, it)| it), row));
    }

    /// And this statement with its parameters.
    pub(crate) fn with(&mut self, sql: &str, params: impl IntoIterator<Item = Param>) {
        if !self.sql.is_empty() {
            self.sql.push_str(";\n");
        }
        self.sql.push_str(sql);
        self.params.extend(params);
        self.statements += 1;
    }

    /// Whether there is nothing to execute.
    pub(super) fn is_empty(&self) -> bool {
        self.statements == 0
    }

    /// It as one query.
    pub(super) fn query(self) -> sqlx::query::Query<'static, sqlx::Sqlite, sqlx::sqlite::SqliteArguments> {
        // Every piece is a constant of this crate; values are parameters.
        self.params.into_iter().fold(sqlx::query(AssertSqlSafe(self.sql)), |query, param| match param {
            Param::Text(text) => query.bind(text),
            Param::Int(number) => query.bind(number),
            Param::Blob(bytes) => query.bind(bytes),
            Param::Null => query.bind(None::<i64>),
        })
    }

    /// Executes it.
    pub(crate) async fn execute(self, connection: &mut SqliteConnection) -> Result<(), Stopped> {
        let (statements, mut done) = (self.statements, 0);
        let mut answers = connection.fetch_many(self.query());
        loop {
            match answers.try_next().await {
                Ok(Some(Either::Left(_))) => done += 1,
                Ok(Some(Either::Right(_))) => {}
                Ok(None) => return Ok(()),
                Err(error) => return Err(Stopped { error, at_last: done + 1 == statements }),
            }
        }
    }
}

/// What a row becomes part of.
type Reader<T> = fn(&Row, &mut T) -> Result<(), StoreError>;

/// Queries, each with what its rows become part of.
pub(crate) struct Queries<T> {
    script: Script,
    readers: Vec<Reader<T>>,
}

/// Why a query's rows could not be had.
pub(crate) enum Unread {
    /// The database failed.
    Failed(sqlx::Error),
    /// A row breaks an invariant.
    Corrupt(StoreError),
}

impl<T> Queries<T> {
    /// After this statement, which answers no rows.
    pub(crate) fn after(sql: &'static str) -> Self {
        let mut script = Script::default();
        script.with(sql, []);
        Self { script, readers: vec![|_, _| Ok(())] }
    }

    /// And this query.
    pub(crate) fn ask(&mut self, sql: &'static str, params: impl IntoIterator<Item = Param>, reader: Reader<T>) {
        self.script.with(sql, params);
        self.readers.push(reader);
    }

    /// Asks them in order, giving every row to its reader.
    pub(crate) async fn load(self, connection: &mut SqliteConnection, into: &mut T) -> Result<(), Unread> {
        let mut readers = self.readers.into_iter();
        let mut reader = readers.next();
        let mut answers = connection.fetch_many(self.script.query());
        while let Some(answer) = answers.try_next().await.map_err(Unread::Failed)? {
            match (answer, reader) {
                (Either::Left(_), _) => reader = readers.next(),
                (Either::Right(row), Some(read)) => read(&row, into).map_err(Unread::Corrupt)?,
                (Either::Right(_), None) => {}
            }
        }
        Ok(())
    }
}
