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
    /// The extended code of an index of the log that could not be given its first bytes: there is no space for them.
    pub(super) const IOERR_SHMSIZE: i32 = IOERR | (19 << 8);
}

/// The error of a port's operation.
pub(crate) fn store_error(operation: &'static str) -> impl Fn(sqlx::Error) -> StoreError + Copy {
    move |error| StoreError::new(kind(&error), operation, error)
}

/// What kind of failure it is.
pub(crate) fn kind(error: &sqlx::Error) -> StoreErrorKind {
    if let Some(code) = extended_code(error) {
        return of_code(code);
    }
    match error {
        sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => {
            StoreErrorKind::Unavailable
        }
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => StoreErrorKind::Corrupt,
        _ => StoreErrorKind::Internal,
    }
}

fn of_code(extended: i32) -> StoreErrorKind {
    match (primary(extended), extended) {
        (code::FULL, _) | (_, code::IOERR_SHMSIZE) => StoreErrorKind::Full,
        (code::READONLY | code::PERM, _) => StoreErrorKind::ReadOnly,
        (code::BUSY | code::LOCKED | code::NOMEM | code::IOERR | code::CANTOPEN, _) => StoreErrorKind::Unavailable,
        (code::CORRUPT | code::NOTADB, _) => StoreErrorKind::Corrupt,
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
    extended_code(error).map(primary)
}

fn extended_code(error: &sqlx::Error) -> Option<i32> {
    error.as_database_error()?.code()?.parse().ok()
}

fn primary(extended: i32) -> i32 {
    extended & 0xff
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_that_is_full_is_told_from_one_that_fails() {
        // SQLITE_FULL; SQLITE_IOERR_SHMSIZE, which a full disk is at the moment when a database is opened.
        assert_eq!([13, 4_874].map(of_code), [StoreErrorKind::Full; 2]);
        // SQLITE_IOERR_FSYNC, SQLITE_IOERR.
        assert_eq!([1_034, 10].map(of_code), [StoreErrorKind::Unavailable; 2]);
    }
}
