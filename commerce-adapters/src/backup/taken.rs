//! Taking a backup while the shop sells.
//!
//! Pictures are copied before the databases' instant and, those that are new, after it: each is written
//! before a product names it, so that every picture that the databases name is there, also one that was taken
//! off meanwhile. The sandbox's books are copied last: they may know more than ours, never less.

use std::fs;
use std::path::{Path, PathBuf};

use commerce_core::Clock;
use commerce_core::commerce::Context;

use super::files::{self, Scratch};
use super::{BESIDE, BackupError, FileEntry, Manifest, failed};
use crate::sql::sqlite::cut::Cut;

/// Copies the shop in `data` to the folder `to`, which is made or must be empty, and appears there whole or not
/// at all. The shop may be served meanwhile; it waits for the few milliseconds in which the instant is taken. `tell`
/// hears what is copied.
///
/// # Errors
/// When the shop is not whole, `to` is not empty, or something cannot be read or written.
pub async fn take(data: &Path, to: &Path, clock: &dyn Clock, tell: &(dyn Fn(&str) + Sync)) -> Result<Manifest, BackupError> {
    let databases = Context::ALL.iter().map(|context| format!("{context}.db"));
    if let Some(missing) = databases.clone().map(|name| data.join(name)).find(|file| !file.exists()) {
        return Err(BackupError::NotWhole(missing));
    }
    if !files::is_empty(to)? {
        return Err(BackupError::Occupied(to.to_owned()));
    }
    forget_unfinished(to)?;
    let scratch = Scratch::at(beside(to))?;
    let into = scratch.path();
    let (mut entries, images) = (Vec::new(), Path::new("images"));
    tell("images");
    copy_new(data, into, images, &mut entries)?;
    tell("databases");
    let cut = Cut::take(data, into, clock).await?;
    let taken_at = cut.at();
    cut.copy().await?;
    for name in databases {
        entries.push(entry(&name, files::sum(&into.join(&name))?));
    }
    tell("pictures since, keys and the sandbox's books");
    for (name, is_folder) in BESIDE {
        if is_folder {
            copy_new(data, into, Path::new(name), &mut entries)?;
        } else if let Some(sum) = files::copy(&data.join(name), &into.join(name))? {
            entries.push(entry(name, sum));
        }
    }
    entries.sort_by(|left, right| left.path.cmp(&right.path));
    let manifest = Manifest::new(taken_at, entries);
    manifest.write(into)?;
    scratch.keep_as(to)?;
    Ok(manifest)
}

/// Copies what of a folder is not copied yet. A file that goes meanwhile is of nobody's any more.
fn copy_new(data: &Path, into: &Path, folder: &Path, entries: &mut Vec<FileEntry>) -> Result<(), BackupError> {
    for name in files::list(&data.join(folder))? {
        let name = folder.join(name);
        if into.join(&name).exists() {
            continue;
        }
        if let Some(sum) = files::copy(&data.join(&name), &into.join(&name))? {
            let path = name.to_str().ok_or_else(|| failed("copy", &name)(std::io::Error::other("its name is not UTF-8")))?;
            entries.push(entry(path, sum));
        }
    }
    Ok(())
}

fn entry(path: &str, files::Sum { bytes, sha256 }: files::Sum) -> FileEntry {
    FileEntry { path: path.to_owned(), bytes, sha256 }
}

/// Where a backup is gathered before it is whole: on the same disk.
fn beside(to: &Path) -> PathBuf {
    to.with_file_name(format!("{}{}", gathering(to), std::process::id()))
}

/// What the name of such a folder begins with; the process that gathers stands behind it.
fn gathering(to: &Path) -> String {
    let name = to.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    format!(".{name}.unfinished-")
}

/// Removes what processes have left behind that were killed while they gathered a backup of this name: keys lie in it, too.
fn forget_unfinished(to: &Path) -> Result<(), BackupError> {
    let (Some(folder), begins) = (to.parent(), gathering(to)) else { return Ok(()) };
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let Ok(entries) = fs::read_dir(folder) else { return Ok(()) };
    for entry in entries.flatten() {
        let left = entry.file_name().to_str().and_then(|name| name.strip_prefix(&begins)?.parse::<u32>().ok());
        if left.is_some_and(is_gone) {
            fs::remove_dir_all(entry.path()).map_err(failed("remove", &entry.path()))?;
        }
    }
    Ok(())
}

/// Whether there is no such process; where that cannot be told, there may be one.
fn is_gone(process: u32) -> bool {
    let processes = Path::new("/proc");
    processes.join("self").exists() && !processes.join(process.to_string()).exists()
}
