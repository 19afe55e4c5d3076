//! The directory of an index: generations side by side, and a file that says which one counts.
//!
//! `CURRENT` is replaced by a rename, so a reader sees the old generation or the new one. The lock
//! file keeps two processes from rebuilding at once.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::document::FORMAT;

/// The directory.
#[derive(Clone)]
pub(super) struct Folder {
    root: PathBuf,
}

impl Folder {
    pub(super) fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// The name of the generation that counts, if there is one of the present format.
    pub(super) fn current(&self) -> io::Result<Option<String>> {
        match fs::read_to_string(self.root.join("CURRENT")) {
            Ok(name) => Ok(number(name.trim()).map(|_| name.trim().to_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Where a generation lives.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// An empty directory for the generation after all others. Needs the [`lock`](Self::lock).
    pub(super) fn next(&self) -> io::Result<String> {
        let newest = self.generations()?.iter().filter_map(|name| number(name)).max().unwrap_or(0);
        let name = format!("v{FORMAT}-{}", newest + 1);
        fs::create_dir(self.path(&name))?;
        Ok(name)
    }

    /// Makes a generation the one that counts, and removes the others.
    pub(super) fn switch(&self, name: &str) -> io::Result<()> {
        let new = self.root.join("CURRENT.new");
        let mut file = File::create(&new)?;
        file.write_all(name.as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, self.root.join("CURRENT"))?;
        self.sweep(name)
    }

    /// Removes every generation but this one: what a crash left, or what was replaced.
    pub(super) fn sweep(&self, keep: &str) -> io::Result<()> {
        for name in self.generations()?.into_iter().filter(|name| name != keep) {
            fs::remove_dir_all(self.path(&name))?;
        }
        Ok(())
    }

    /// The right to rebuild, while the file lives; `None` while another process has it.
    pub(super) fn lock(&self) -> io::Result<Option<File>> {
        fs::create_dir_all(&self.root)?;
        let file = File::options().create(true).truncate(false).write(true).open(self.root.join("rebuild.lock"))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn generations(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.root)? {
            let entry = entry?;
            if let Some(name) = entry.file_name().to_str().filter(|name| name.starts_with('v'))
                && entry.file_type()?.is_dir()
            {
                names.push(name.to_owned());
            }
        }
        Ok(names)
    }
}

/// The number of a generation of the present format.
fn number(name: &str) -> Option<u64> {
    name.strip_prefix(&format!("v{FORMAT}-"))?.parse().ok()
}
