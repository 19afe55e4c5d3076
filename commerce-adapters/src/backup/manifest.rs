//! What a backup says of itself, and whether it is so.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use commerce_core::Timestamp;
use commerce_core::commerce::Context;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::files::{self, Sum};
use super::{BackupError, failed};

/// The manifest's file.
pub(super) const MANIFEST: &str = "manifest.json";
/// The manifest's own SHA-256, as `sha256sum --check` reads it.
const MANIFEST_SUM: &str = "manifest.json.sha256";
/// The layout that this program writes and reads.
const FORMAT: u32 = 1;

/// What is in a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// Version of the layout.
    pub format: u32,
    /// Version of the program that wrote it.
    pub program: String,
    /// The instant that all four databases are of.
    pub taken_at: Timestamp,
    /// Every file, by its path.
    pub files: Vec<FileEntry>,
}

/// A file of a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Where, within the backup.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256, hexadecimal.
    pub sha256: String,
}

/// The part of a manifest that every layout has.
#[derive(Deserialize)]
struct Layout {
    format: u32,
}

impl Manifest {
    pub(super) fn new(taken_at: Timestamp, files: Vec<FileEntry>) -> Self {
        Self { format: FORMAT, program: env!("CARGO_PKG_VERSION").to_owned(), taken_at, files }
    }

    /// Writes it with its sum, as the last files of a backup.
    pub(super) fn write(&self, folder: &Path) -> Result<(), BackupError> {
        let text = serde_json::to_vec_pretty(self).expect("a manifest is made of text and numbers");
        let sum = format!("{}  {MANIFEST}\n", hex::encode(Sha256::digest(&text)));
        for (name, bytes) in [(MANIFEST, text.as_slice()), (MANIFEST_SUM, sum.as_bytes())] {
            let path = folder.join(name);
            fs::write(&path, bytes).and_then(|()| fs::File::open(&path)?.sync_all()).map_err(failed("write", &path))?;
        }
        Ok(())
    }

    /// Bytes of all files.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }
}

/// A backup to be looked at or put back.
#[derive(Clone, Debug)]
pub struct Backup {
    folder: PathBuf,
    manifest: Manifest,
}

impl Backup {
    /// Reads the manifest.
    ///
    /// # Errors
    /// When there is none, it is damaged, or a newer program wrote it.
    pub fn open(folder: impl Into<PathBuf>) -> Result<Self, BackupError> {
        let folder = folder.into();
        let path = folder.join(MANIFEST);
        let text = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(BackupError::NotOne(folder)),
            text => text.map_err(failed("read", &path))?,
        };
        let damaged = |why: String| BackupError::Damaged { file: path.clone(), why };
        let said = match fs::read_to_string(folder.join(MANIFEST_SUM)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(BackupError::Missing(folder.join(MANIFEST_SUM)));
            }
            said => said.map_err(failed("read", &folder.join(MANIFEST_SUM)))?,
        };
        let (said, found) = (said.split_whitespace().next().unwrap_or_default().to_owned(), hex::encode(Sha256::digest(&text)));
        if said != found {
            return Err(damaged(format!("its SHA-256 is {found}, not {said}")));
        }
        // The layout is known before the rest is read: a later one may look different.
        let Layout { format } = serde_json::from_slice(&text).map_err(|error| damaged(error.to_string()))?;
        if format != FORMAT {
            let why = format!("{} has layout {format}, and this program reads layout {FORMAT}", folder.display());
            return Err(BackupError::Version(why));
        }
        let manifest: Manifest = serde_json::from_slice(&text).map_err(|error| damaged(error.to_string()))?;
        if let Some(file) = manifest.files.iter().find(|file| !stays_within(&file.path)) {
            return Err(damaged(format!("{} leads out of the backup", file.path)));
        }
        let databases = Context::ALL.iter().map(|context| format!("{context}.db"));
        for needed in databases {
            if !manifest.files.iter().any(|file| file.path == needed) {
                return Err(damaged(format!("it names no {needed}")));
            }
        }
        Ok(Self { folder, manifest })
    }

    /// What it says of itself.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Copies every file to `to` and holds it against the manifest on its way.
    ///
    /// # Errors
    /// When a file is missing or damaged, or cannot be written.
    pub fn copy_to(&self, to: &Path) -> Result<(), BackupError> {
        for entry in &self.manifest.files {
            let (from, to) = (self.folder.join(&entry.path), to.join(&entry.path));
            let Sum { bytes, sha256 } = files::copy(&from, &to)?.ok_or_else(|| BackupError::Missing(from.clone()))?;
            let damaged = |why| BackupError::Damaged { file: from.clone(), why };
            if bytes != entry.bytes {
                return Err(damaged(format!("it has {bytes} bytes, not {}", entry.bytes)));
            }
            if sha256 != entry.sha256 {
                return Err(damaged(format!("its SHA-256 is {sha256}, not {}", entry.sha256)));
            }
        }
        Ok(())
    }
}

fn stays_within(path: &str) -> bool {
    !path.is_empty() && Path::new(path).components().all(|part| matches!(part, Component::Normal(_)))
}
