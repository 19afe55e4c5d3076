//! What the server's errors mean to the ports.

use commerce_core::error::{StoreError, StoreErrorKind};
use sqlx::mysql::MySqlDatabaseError;

use crate::sql::batch::Failure;

/// The errors that are told apart, by the numbers that MySQL and MariaDB give them.
mod number {
    /// Of this statement or the next: the server takes no connection, ends, or ended this one. The last three are MySQL's, which
    /// says so to who was silent for too long.
    pub(super) const GONE: [u16; 11] = [1040, 1053, 1152, 1158, 1159, 1160, 1161, 1927, 3168, 3169, 4031];
    /// A statement took too long: MariaDB's word for it, MySQL's, and what somebody ended.
    pub(super) const TOO_LONG: [u16; 3] = [1969, 3024, 1317];
    /// No room on the disk or in a table.
    pub(super) const FULL: [u16; 3] = [1021, 1114, 1041];
    /// The server, the transaction or the storage is read-only.
    pub(super) const READ_ONLY: [u16; 4] = [1290, 1792, 1836, 1036];
    pub(super) const DEADLOCK: u16 = 1213;
    pub(super) const LOCK_WAIT: u16 = 1205;
    /// The row changed since this transaction's snapshot.
    pub(super) const CHANGED: u16 = 1020;
    /// The storage failed, or an index is broken.
    pub(super) const DISK: [u16; 4] = [1026, 1030, 1034, 1180];
}

/// The error of a port's operation.
pub(crate) fn store_error(operation: &'static str) -> impl Fn(sqlx::Error) -> StoreError + Copy {
    move |error| StoreError::new(kind(&error), operation, error)
}

/// What kind of failure it is.
pub(crate) fn kind(error: &sqlx::Error) -> StoreErrorKind {
    if let Some(number) = error_number(error) {
        return match number {
            number::DEADLOCK | number::LOCK_WAIT | number::CHANGED => StoreErrorKind::Unavailable,
            number if number::GONE.contains(&number) || number::TOO_LONG.contains(&number) || number::DISK.contains(&number) => {
                StoreErrorKind::Unavailable
            }
            number if number::FULL.contains(&number) => StoreErrorKind::Full,
            number if number::READ_ONLY.contains(&number) => StoreErrorKind::ReadOnly,
            _ => StoreErrorKind::Internal,
        };
    }
    match error {
        sqlx::Error::Io(_) | sqlx::Error::Protocol(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed => {
            StoreErrorKind::Unavailable
        }
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => StoreErrorKind::Corrupt,
        _ => StoreErrorKind::Internal,
    }
}

/// Whether it came about between transactions, and the whole of this one may be tried again.
pub(crate) fn is_race(error: &sqlx::Error) -> bool {
    matches!(error_number(error), Some(number::DEADLOCK | number::LOCK_WAIT | number::CHANGED))
}

/// Whether others held what it wanted for as long as it waits.
pub(crate) fn waited_in_vain(error: &sqlx::Error) -> bool {
    error_number(error) == Some(number::LOCK_WAIT)
}

/// Whether the connection is of no more use: the server said nothing, or that it ends.
pub(crate) fn is_lost(error: &sqlx::Error) -> bool {
    match error_number(error) {
        Some(number) => number::GONE.contains(&number),
        None => matches!(error, sqlx::Error::Io(_) | sqlx::Error::Protocol(_)),
    }
}

/// Whether nothing came back in time: who asks again waits as long again.
pub(crate) fn is_timeout(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Io(error) if error.kind() == std::io::ErrorKind::TimedOut)
}

/// Whether a COMMIT that ended so may have been done all the same. The server says of few failures
/// that it was not.
pub(crate) fn leaves_doubt(error: &sqlx::Error) -> bool {
    !error_number(error).is_some_and(|number| number::READ_ONLY.contains(&number) || is_race(error))
}

pub(super) fn error_number(error: &sqlx::Error) -> Option<u16> {
    error.as_database_error()?.try_downcast_ref::<MySqlDatabaseError>().map(MySqlDatabaseError::number)
}

/// Nothing came back in time.
pub(crate) fn no_answer() -> sqlx::Error {
    sqlx::Error::Io(std::io::Error::new(std::io::ErrorKind::TimedOut, "the database does not answer"))
}

/// What a statement's failure means for its batch.
pub(crate) fn failure(operation: &'static str) -> impl Fn(sqlx::Error) -> Failure + Copy {
    move |error| {
        let duplicate = duplicate(&error);
        Failure { duplicate, ..Failure::from(store_error(operation)(error)) }
    }
}

/// Which unique value was taken, by the key that the server names: `Duplicate entry 'x' for key
/// 'email'`, or `'users.email'`.
pub(crate) fn duplicate(error: &sqlx::Error) -> Option<&'static str> {
    let error = error.as_database_error().filter(|error| error.is_unique_violation())?;
    let message = error.message();
    let key = message.rsplit_once("for key ").map_or(message, |(_, key)| key).trim_matches(['\'', '`']);
    let key = key.rsplit_once('.').map_or(key, |(_, key)| key);
    let known = ["email", "slug", "sku", "number", "code"].into_iter().find(|known| *known == key);
    Some(known.unwrap_or("id"))
}
