//! Copies of a whole shop on files: taken while it sells, put back as one.
//!
//! Owns the layout of a backup: the four databases as they were at one instant, pictures, signing keys and
//! the books of the sandbox payment provider, and a manifest with the size and SHA-256 of each file. Never
//! copies mails (they have left the house) or the search index (it is built again). Pictures in a bucket
//! stay in the bucket. Start reading at [`take`], then [`Backup`] and [`restore`].

mod files;
pub(crate) mod landing;
mod manifest;
mod put_back;
mod taken;

use std::io;
use std::path::{Path, PathBuf};

use commerce_core::error::{Error, StoreError, StoreErrorKind};

pub use manifest::{Backup, FileEntry, Manifest};
pub use put_back::{Restored, restore};
pub use taken::take;

/// What of a data directory a backup has, besides the databases: each with whether it is a folder.
const BESIDE: [(&str, bool); 3] = [("signing-key", false), ("images", true), ("sandbox-payments", true)];
/// The search index, which a restore builds anew.
const INDEX: &str = "search";

/// Why there is no backup, or none is put back.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// There is no manifest.
    #[error("{} is no backup: it has no {}", .0.display(), manifest::MANIFEST)]
    NotOne(PathBuf),
    /// A file that the manifest names is not there.
    #[error("{} is missing", .0.display())]
    Missing(PathBuf),
    /// A file is not what was written.
    #[error("{} is damaged: {why}", file.display())]
    Damaged {
        /// Which.
        file: PathBuf,
        /// How it differs.
        why: String,
    },
    /// A newer program has written it.
    #[error("{0}")]
    Version(String),
    /// A folder is not empty that must be.
    #[error("{} is not empty", .0.display())]
    Occupied(PathBuf),
    /// Somebody uses the data directory.
    #[error("{} is in use: stop the server and the commands that run on it", .0.display())]
    InUse(PathBuf),
    /// The data directory has not all four databases.
    #[error("{} is missing: a backup is of a whole shop", .0.display())]
    NotWhole(PathBuf),
    /// A file cannot be read or written.
    #[error("cannot {doing}")]
    Io {
        /// What was tried.
        doing: String,
        /// Why not.
        source: io::Error,
    },
    /// A database cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl BackupError {
    /// Its stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotOne(_) => "NOT_A_BACKUP",
            Self::Missing(_) => "BACKUP_INCOMPLETE",
            Self::Damaged { .. } => "BACKUP_DAMAGED",
            Self::Version(_) => "BACKUP_VERSION",
            Self::Occupied(_) => "NOT_EMPTY",
            Self::InUse(_) => "SHOP_IN_USE",
            Self::NotWhole(_) => "PART_OF_A_SHOP",
            Self::Io { source, .. } => match source.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "STORAGE_FULL",
                io::ErrorKind::PermissionDenied => "FILE_FORBIDDEN",
                io::ErrorKind::ReadOnlyFilesystem => "STORAGE_READ_ONLY",
                io::ErrorKind::NotFound => "FILE_NOT_FOUND",
                _ => "IO",
            },
            Self::Store(error) => match error.kind {
                StoreErrorKind::Full => "STORAGE_FULL",
                StoreErrorKind::ReadOnly => "STORAGE_READ_ONLY",
                _ => error.kind.code(),
            },
        }
    }
}

impl From<Error> for BackupError {
    fn from(error: Error) -> Self {
        match error {
            Error::Store(error) => error.into(),
            Error::Refused(refusal) => StoreError::new(StoreErrorKind::Internal, "backup", refusal).into(),
        }
    }
}

/// The failure of `doing` something with `path`.
fn failed(doing: &'static str, path: &Path) -> impl Fn(io::Error) -> BackupError {
    move |source| BackupError::Io { doing: format!("{doing} {}", path.display()), source }
}
