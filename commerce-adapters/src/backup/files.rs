//! Copying files so that what was written is known and on the disk.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::{BackupError, failed};
use crate::files::make_private;

/// Bytes that are read at once.
const PIECE: usize = 1 << 20;

/// Size and SHA-256 of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sum {
    pub(super) bytes: u64,
    pub(super) sha256: String,
}

/// Copies a file that is not there yet, with its mode, and brings it to the disk; answers what was read. None when
/// there is nothing to copy.
pub(super) fn copy(from: &Path, to: &Path) -> Result<Option<Sum>, BackupError> {
    let mut source = match File::open(from) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(failed("read", from))?,
    };
    if let Some(folder) = to.parent() {
        make_private(folder).map_err(failed("make", folder))?;
    }
    let mut target = File::create_new(to).map_err(failed("write", to))?;
    // Keys stay their owner's alone.
    let mode = source.metadata().map_err(failed("read", from))?.permissions();
    target.set_permissions(mode).map_err(failed("write", to))?;
    let sum = read(&mut source, from, |piece| target.write_all(piece).map_err(failed("write", to)))?;
    target.sync_all().map_err(failed("write", to))?;
    Ok(Some(sum))
}

/// Size and SHA-256 of what is in a file.
pub(super) fn sum(path: &Path) -> Result<Sum, BackupError> {
    let mut file = File::open(path).map_err(failed("read", path))?;
    read(&mut file, path, |_| Ok(()))
}

fn read(file: &mut File, path: &Path, mut take: impl FnMut(&[u8]) -> Result<(), BackupError>) -> Result<Sum, BackupError> {
    let (mut hash, mut bytes, mut piece) = (Sha256::new(), 0, vec![0; PIECE]);
    loop {
        let read = file.read(&mut piece).map_err(failed("read", path))?;
        let Some(some) = piece.get(..read).filter(|some| !some.is_empty()) else { break };
        hash.update(some);
        bytes += some.len() as u64;
        take(some)?;
    }
    Ok(Sum { bytes, sha256: hex::encode(hash.finalize()) })
}

/// The files of a folder and those below it, by their paths within it, in order; none of a folder that is not
/// there. Files that are still being written are not among them.
pub(super) fn list(folder: &Path) -> Result<Vec<PathBuf>, BackupError> {
    let (mut found, mut open) = (Vec::new(), vec![PathBuf::new()]);
    while let Some(below) = open.pop() {
        let at = folder.join(&below);
        let entries = match fs::read_dir(&at) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            entries => entries.map_err(failed("read", &at))?,
        };
        for entry in entries {
            let entry = entry.map_err(failed("read", &at))?;
            let name = below.join(entry.file_name());
            let kind = entry.file_type().map_err(failed("read", &at))?;
            if kind.is_dir() {
                open.push(name);
            } else if kind.is_file() && !is_unfinished(&name) {
                found.push(name);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Pictures and books are written beside their names and renamed; a lock holds nothing.
fn is_unfinished(name: &Path) -> bool {
    let text = name.to_string_lossy();
    text.contains('#') || name.extension().is_some_and(|extension| extension == "tmp") || name.ends_with("lock")
}

/// Brings a folder's names to the disk.
pub(super) fn sync(folder: &Path) -> Result<(), BackupError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed("write", folder))
}

/// Whether nothing is in a folder, or there is no such folder.
pub(super) fn is_empty(folder: &Path) -> Result<bool, BackupError> {
    match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        entries => Ok(entries.map_err(failed("read", folder))?.next().is_none()),
    }
}

/// A folder that goes away unless it is kept.
pub(super) struct Scratch(Option<PathBuf>);

impl Scratch {
    /// Makes it, empty.
    pub(super) fn at(folder: PathBuf) -> Result<Self, BackupError> {
        make_private(&folder).map_err(failed("make", &folder))?;
        Ok(Self(Some(folder)))
    }

    pub(super) fn path(&self) -> &Path {
        self.0.as_deref().unwrap_or(Path::new(""))
    }

    /// Puts it to its place, whole.
    pub(super) fn keep_as(mut self, place: &Path) -> Result<(), BackupError> {
        sync(self.path())?;
        fs::rename(self.path(), place).map_err(failed("write", place))?;
        self.0 = None;
        place.parent().filter(|parent| !parent.as_os_str().is_empty()).map_or(Ok(()), sync)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Some(folder) = self.0.take()
            && let Err(error) = fs::remove_dir_all(&folder)
        {
            tracing::warn!(folder = %folder.display(), %error, "what was begun stays");
        }
    }
}
