//! Backups of the shop on files.

use commerce_adapters::backup::{BackupError, Restored, restore};
use commerce_adapters::embedded::Embedded;
use commerce_server::Config;

use crate::failure::Failure;

pub(crate) use commerce_adapters::backup::{Backup, take};

/// Passes a shop whose books are files.
///
/// # Errors
/// `NOT_ON_FILES` for another, with what does it there.
pub(crate) fn on_files(config: &Config, instead: &str) -> Result<(), Failure> {
    if config.database.is_files() {
        return Ok(());
    }
    let message = format!("the books are on a database server, which is copied and put back by {instead}");
    Err(Failure::new("NOT_ON_FILES", message))
}

impl From<BackupError> for Failure {
    fn from(error: BackupError) -> Self {
        let code = error.code();
        match error {
            BackupError::Store(error) => Self::new(code, Self::from(error).message().to_owned()),
            BackupError::Io { doing, source } => Self::new(code, format!("cannot {doing}: {source}")),
            other => Self::new(code, other.to_string()),
        }
    }
}

/// Puts a backup into the data directory.
///
/// # Errors
/// See [`BackupError`].
pub(crate) async fn put_back(backup: &Backup, config: &Config, tell: &(dyn Fn(&str) + Sync)) -> Result<Restored, BackupError> {
    let open = |folder: &std::path::Path| {
        let shop = Embedded::at(folder);
        if config.search_enabled { shop } else { shop.without_index() }
    };
    restore(backup, &config.data_dir, open, tell).await
}
