//! What goes wrong with files, said as the ports say it.

use std::io;
use std::path::Path;

use commerce_core::error::{StoreError, StoreErrorKind};

/// The failure of `operation` at `path`: full, not writable, or not to be reached.
pub(crate) fn storage_error(operation: &'static str, path: &Path, error: &io::Error) -> StoreError {
    StoreError::new(storage_kind(error), operation, format!("{}: {error}", path.display()))
}

/// What kind of failure this is for a port.
pub(crate) fn storage_kind(error: &io::Error) -> StoreErrorKind {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreErrorKind::Full,
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => StoreErrorKind::ReadOnly,
        _ => StoreErrorKind::Unavailable,
    }
}
