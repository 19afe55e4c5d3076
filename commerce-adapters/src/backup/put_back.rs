//! Putting a backup back.
//!
//! The copy is gathered within the data directory, opened, and made ready: events that the contexts had still
//! to hear go to them, because all four databases are of one instant and want them; what would leave the house
//! for them (mails, webhooks) may have left it after the backup was taken and waits for a word; the
//! search index is built. Only then it takes the place of what was there.

use std::fs;
use std::path::Path;

use commerce_core::Actor;
use commerce_core::commerce::Work;
use commerce_core::error::{StoreError, StoreErrorKind};

use super::files::Scratch;
use super::landing::{Alone, RESTORED};
use super::{BESIDE, Backup, BackupError, INDEX, failed};
use crate::embedded::{Embedded, Shop};
use crate::files::make_private;

/// What the folder begins with that a restore gathers a shop in.
const GATHERING: &str = ".restoring-";

/// What came of a restore.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Restored {
    /// Mails and webhook deliveries that wait for a word before they are sent.
    pub held: u64,
    /// Products in the new search index.
    pub indexed: u64,
}

/// Puts `backup` into the data directory `data`, in the place of what is there; a death half way leaves the old shop or
/// the new one. `embedded` opens the shop that lies in a folder: it says whether there is an index. `tell` hears
/// how far it is.
///
/// # Errors
/// When somebody uses the directory, or the backup is damaged, incomplete or of a newer program; the directory is then
/// as it was.
pub async fn restore(
    backup: &Backup,
    data: &Path,
    embedded: impl FnOnce(&Path) -> Embedded,
    tell: &(dyn Fn(&str) + Sync),
) -> Result<Restored, BackupError> {
    make_private(data).map_err(failed("make", data))?;
    let alone = Alone::try_enter(data).map_err(failed("lock", data))?;
    let alone = alone.ok_or_else(|| BackupError::InUse(data.to_owned()))?;
    // One that was restored and not brought to its place counts as what is there.
    alone.land().map_err(failed("write", data))?;
    forget_unfinished(data)?;
    let scratch = Scratch::at(data.join(format!("{GATHERING}{}", std::process::id())))?;
    tell("copying and checking");
    backup.copy_to(scratch.path())?;
    for folder in BESIDE.iter().filter(|(_, is_folder)| *is_folder).map(|(name, _)| *name).chain([INDEX]) {
        let folder = scratch.path().join(folder);
        fs::create_dir_all(&folder).map_err(failed("make", &folder))?;
    }
    tell("making ready");
    let shop = embedded(scratch.path()).without_workers().open().await.map_err(newer)?;
    let ready = make_ready(&shop).await;
    shop.close().await?;
    let restored = ready?;
    scratch.keep_as(&data.join(RESTORED))?;
    alone.land().map_err(failed("write", data))?;
    Ok(restored)
}

async fn make_ready(shop: &Shop) -> Result<Restored, BackupError> {
    // What one hears may have it say something itself.
    loop {
        let mut moved = 0;
        for work in [Work::RelayUsers, Work::RelayCatalog, Work::RelayOrders, Work::RelayNotifications] {
            moved += shop.step(work).await?;
        }
        if moved == 0 {
            break;
        }
    }
    shop.notifications.hold(&Actor::System).await?;
    // Some may have been held when the backup was taken.
    let held = u64::try_from(shop.notifications.held(&Actor::System).await?).unwrap_or(u64::MAX);
    let indexed = match shop.catalog.fill_index(&|_| {}).await {
        Ok(indexed) => indexed,
        Err(error) => {
            // It is only what is shown, and is built again whenever it is missing.
            tracing::warn!(error = &error as &dyn std::error::Error, "the search index is built later");
            0
        }
    };
    Ok(Restored { held, indexed })
}

/// A database that the program does not know was written by a later one.
fn newer(error: StoreError) -> BackupError {
    match error.kind {
        StoreErrorKind::Internal => BackupError::Version(format!("this program is older than the backup: {error}")),
        _ => error.into(),
    }
}

/// What a restore that died has left.
fn forget_unfinished(data: &Path) -> Result<(), BackupError> {
    for entry in fs::read_dir(data).map_err(failed("read", data))? {
        let entry = entry.map_err(failed("read", data))?;
        if entry.file_name().to_string_lossy().starts_with(GATHERING) {
            fs::remove_dir_all(entry.path()).map_err(failed("remove", &entry.path()))?;
        }
    }
    Ok(())
}
