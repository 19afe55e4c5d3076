//! What SQLite's errors mean to the ports.

use commerce_core::error::{StoreError, StoreErrorKind};

use crate::sql::batch::Failure;

/// `SQLite`'s result codes that are told apart (sqlite.org/rescode.html); the low byte of the
/// extended code.
mod code {
    pub(super) const PERM: i32 = 3;
    pub(super) const BUSY: i32 = 5;
    pub(super) const LOCKED: i32 = 6;
    pub(super) const NOMEM: i32 = 7;
    pub(super) const READONLY: i32 = 8;
    pub(super) const IOERR: i32 = 10;
    pub(super) const CORRUPT: i32 = 11;
    pub(super) const FULL: i32 = 13;
    pub(super) const CANTOPEN: i32 = 14;
    pub(super) const NOTADB: i32 = 26;
}

/// The error of a port's operation.
pub(crate) fn store_error(operation: &'static str) -> impl Fn(sqlx::Error) -> StoreError + Copy {
    move |error| StoreError::new(kind(&error), operation, error)
}

/// What kind of failure it is.
pub(crate) fn kind(error: &sqlx::Error) -> StoreErrorKind {
    if let Some(code) = primary_code(error) {
        return match code {
            code::FULL => StoreErrorKind::Full,
            code::READONLY | code::PERM => StoreErrorKind::ReadOnly,
            code::BUSY | code::LOCKED | code::NOMEM | code::IOERR | code::CANTOPEN => StoreErrorKind::Unavailable,
            code::CORRUPT | code::NOTADB => StoreErrorKind::Corrupt,
            _ => StoreErrorKind::Internal,
        };
    }
    match error {
        sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => {
            StoreErrorKind::Unavailable
        }
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => StoreErrorKind::Corrupt,
        _ => StoreErrorKind::Internal,
    }
}

/// Whether the file cannot be opened or made at all.
pub(crate) fn cannot_open(error: &sqlx::Error) -> bool {
    primary_code(error) == Some(code::CANTOPEN)
}

/// Whether a COMMIT that ended so may have reached the disk all the same.
pub(crate) fn leaves_doubt(error: &sqlx::Error) -> bool {
    matches!(primary_code(error), None | Some(code::IOERR))
}

fn primary_code(error: &sqlx::Error) -> Option<i32> {
    let extended: i32 = error.as_database_error()?.code()?.parse().ok()?;
    Some(extended & 0xff)
}

/// What a statement's failure means for its batch.
pub(crate) fn failure(operation: &'static str) -> impl Fn(sqlx::Error) -> Failure + Copy {
    move |error| {
        let duplicate = duplicate(&error);
        Failure { duplicate, ..Failure::from(store_error(operation)(error)) }
    }
}

/// Which unique value was taken, by the column that `SQLite` names: `UNIQUE constraint failed:
/// users.email`.
fn duplicate(error: &sqlx::Error) -> Option<&'static str> {
    let error = error.as_database_error().filter(|error| error.is_unique_violation())?;
    let columns = error.message();
    let known = ["email", "slug", "sku", "number"].into_iter().find(|column| columns.ends_with(&format!(".{column}")));
    Some(known.unwrap_or("id"))
}
