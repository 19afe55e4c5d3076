//! What Redis's errors mean.

use commerce_core::error::{StoreError, StoreErrorKind};
use redis::{ErrorKind, RedisError, ServerErrorKind};

/// The error of `operation`.
pub(crate) fn failed(operation: &'static str, error: RedisError) -> StoreError {
    StoreError::new(kind(&error), operation, error)
}

fn kind(error: &RedisError) -> StoreErrorKind {
    match error.kind() {
        ErrorKind::Server(ServerErrorKind::ReadOnly) => StoreErrorKind::ReadOnly,
        ErrorKind::Server(
            ServerErrorKind::BusyLoading | ServerErrorKind::ClusterDown | ServerErrorKind::MasterDown | ServerErrorKind::TryAgain,
        )
        | ErrorKind::Io => StoreErrorKind::Unavailable,
        ErrorKind::Parse | ErrorKind::UnexpectedReturnType => StoreErrorKind::Corrupt,
        _ => match error.code() {
            Some("OOM") => StoreErrorKind::Full,
            // It cannot write its snapshot or log, or has too few replicas, and takes no writes.
            Some("MISCONF" | "NOREPLICAS") => StoreErrorKind::ReadOnly,
            _ => StoreErrorKind::Internal,
        },
    }
}

/// Whether a command that failed so may have been done all the same.
pub(crate) fn may_be_done(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Io && !error.is_connection_refusal()
}
