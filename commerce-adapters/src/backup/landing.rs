//! Who uses a data directory, and the last step of a restore.
//!
//! Every open database holds a shared lock on the file `lock` of its directory, for as long as its process lives
//! or until it is closed; a restore wants the lock alone. A restored shop is gathered in a folder within the
//! directory and becomes the shop by one rename, to `.restored`: from then on whoever opens the directory
//! first moves what is in it to its place, so that a death half way leaves the old shop or the new one.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use commerce_core::commerce::Context;
use commerce_core::error::StoreError;

use super::{BESIDE, INDEX};
use crate::files::storage_error;

const LOCK: &str = "lock";
/// The folder of a shop that is restored and not in its place yet.
pub(super) const RESTORED: &str = ".restored";
const OPERATION: &str = "shop.enter";
/// How often somebody else's last step of a restore is waited for, and how long each time: it takes milliseconds.
const LOOKS: u32 = 100;
const LOOK_PAUSE: Duration = Duration::from_millis(20);

/// A process in a data directory.
pub(crate) struct Presence(Mutex<Option<File>>);

impl Presence {
    /// Comes in. Finishes a restore that was not finished.
    ///
    /// # Errors
    /// `Unavailable` while the directory is being restored.
    pub(crate) async fn enter(data: &Path) -> Result<Self, StoreError> {
        for _ in 0..LOOKS {
            let file = open(data).map_err(|error| storage_error(OPERATION, data, &error))?;
            let shared = locked(file.try_lock_shared()).map_err(|error| storage_error(OPERATION, data, &error))?;
            if shared && !data.join(RESTORED).exists() {
                return Ok(Self(Mutex::new(Some(file))));
            }
            drop(file);
            if shared && let Some(alone) = Alone::try_enter(data).map_err(|error| storage_error(OPERATION, data, &error))? {
                alone.land().map_err(|error| storage_error(OPERATION, data, &error))?;
            } else {
                tokio::time::sleep(LOOK_PAUSE).await;
            }
        }
        Err(StoreError::unavailable(OPERATION, format!("{} is being restored", data.display())))
    }

    /// Goes out.
    pub(crate) fn leave(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

/// A process that has a data directory to itself.
pub(super) struct Alone {
    data: PathBuf,
    _file: File,
}

impl Alone {
    /// Comes in, unless somebody is there.
    pub(super) fn try_enter(data: &Path) -> io::Result<Option<Self>> {
        let file = open(data)?;
        Ok(locked(file.try_lock())?.then(|| Self { data: data.to_owned(), _file: file }))
    }

    /// Moves a restored shop to its place, if there is one. What was moved before it died is not there
    /// any more; every part is there at first, if empty.
    pub(super) fn land(&self) -> io::Result<()> {
        let restored = self.data.join(RESTORED);
        if !restored.exists() {
            return Ok(());
        }
        let databases = Context::ALL.iter().map(|context| (format!("{context}.db"), false));
        let beside = BESIDE.iter().chain([&(INDEX, true)]).map(|(name, is_folder)| ((*name).to_owned(), *is_folder));
        for (name, is_folder) in databases.chain(beside) {
            let (from, to) = (restored.join(&name), self.data.join(&name));
            if !from.exists() {
                continue;
            }
            if is_folder {
                gone(fs::remove_dir_all(&to))?;
            } else {
                // A log of the former database is none of this one.
                for log in ["-wal", "-shm", "-journal"] {
                    gone(fs::remove_file(self.data.join(format!("{name}{log}"))))?;
                }
            }
            fs::rename(&from, &to)?;
        }
        File::open(&self.data)?.sync_all()?;
        fs::remove_dir_all(&restored)
    }
}

fn open(data: &Path) -> io::Result<File> {
    File::options().create(true).truncate(false).write(true).open(data.join(LOCK))
}

/// Whether a lock was had. Where a disk knows no locks nobody is kept out.
fn locked(tried: Result<(), TryLockError>) -> io::Result<bool> {
    match tried {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => Ok(true),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn gone(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}
