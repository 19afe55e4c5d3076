//! The signing key of a shop: 32 random bytes in a file that only its owner reads.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use commerce_core::error::StoreError;
use commerce_core::ids::Entropy;

use crate::files::storage_error;

/// The file's name within a data directory.
pub const KEY_FILE: &str = "signing-key";

const OPERATION: &str = "signing-key.open";

/// The key of the shop in `directory`, made if there is none. Processes that race for it end up
/// with the same key: the complete file is linked into place, and a link replaces nothing.
///
/// # Errors
/// When the directory cannot be written, or the file is no key.
pub fn load_or_create(directory: &Path, entropy: &dyn Entropy) -> Result<[u8; 32], StoreError> {
    let path = directory.join(KEY_FILE);
    match read(&path) {
        Err(Unread::Missing) => {
            create(directory, &path, entropy).map_err(|error| storage_error(OPERATION, &path, &error))?;
            read(&path).map_err(|unread| unread.into_error(&path))
        }
        read => read.map_err(|unread| unread.into_error(&path)),
    }
}

enum Unread {
    Missing,
    Failed(io::Error),
    NoKey,
}

impl Unread {
    fn into_error(self, path: &Path) -> StoreError {
        match self {
            Self::Missing => storage_error(OPERATION, path, &io::ErrorKind::NotFound.into()),
            Self::Failed(error) => storage_error(OPERATION, path, &error),
            Self::NoKey => StoreError::corrupt(OPERATION, format!("{} is not 64 hexadecimal digits", path.display())),
        }
    }
}

fn read(path: &Path) -> Result<[u8; 32], Unread> {
    let text = fs::read_to_string(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Unread::Missing,
        _ => Unread::Failed(error),
    })?;
    let key = hex::decode(text.trim()).ok().and_then(|bytes| bytes.try_into().ok()).ok_or(Unread::NoKey)?;
    keep_private(path).map_err(Unread::Failed)?;
    Ok(key)
}

fn create(directory: &Path, path: &Path, entropy: &dyn Entropy) -> io::Result<()> {
    let mut random = [0; 48];
    entropy.fill(&mut random);
    let (seed, name) = random.split_at(32);
    let draft = directory.join(format!(".{KEY_FILE}-{}", hex::encode(name)));
    let linked = write_private(&draft, &format!("{}\n", hex::encode(seed))).and_then(|()| link(&draft, path));
    fs::remove_file(&draft)?;
    linked?;
    File::open(directory)?.sync_all()
}

fn link(draft: &Path, path: &Path) -> io::Result<()> {
    match fs::hard_link(draft, path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        linked => linked,
    }
}

fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// Closes a key that others could read, for example after it was copied by hand.
#[cfg(unix)]
fn keep_private(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;

    let mode = fs::metadata(path)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        tracing::warn!(path = %path.display(), mode = format!("{mode:o}"), "others could read the signing key; it is closed now");
        fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    }
    Ok(())
}

#[cfg(not(unix))]
fn keep_private(_path: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use commerce_core::error::StoreErrorKind;
    use std::sync::atomic::{AtomicU8, Ordering};

    use super::*;

    struct Counting(AtomicU8);

    impl Entropy for Counting {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(self.0.fetch_add(1, Ordering::SeqCst));
        }
    }

    #[test]
    fn racing_processes_get_one_key() {
        let directory = tempfile::tempdir().unwrap();
        let entropy = Counting(AtomicU8::new(1));
        let keys: Vec<_> = std::thread::scope(|scope| {
            let racers: Vec<_> = (0..8).map(|_| scope.spawn(|| load_or_create(directory.path(), &entropy).unwrap())).collect();
            racers.into_iter().map(|racer| racer.join().unwrap()).collect()
        });
        assert!(keys.iter().all(|key| *key == keys[0]));
        let names: Vec<_> = fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, [KEY_FILE]);
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_reads_it() {
        use std::os::unix::fs::PermissionsExt;

        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(KEY_FILE);
        let entropy = Counting(AtomicU8::new(1));
        let key = load_or_create(directory.path(), &entropy).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(load_or_create(directory.path(), &entropy).unwrap(), key);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn rubbish_is_not_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join(KEY_FILE), "rubbish").unwrap();
        let refused = load_or_create(directory.path(), &Counting(AtomicU8::new(1))).unwrap_err();
        assert_eq!(refused.kind, StoreErrorKind::Corrupt);
        assert_eq!(fs::read_to_string(directory.path().join(KEY_FILE)).unwrap(), "rubbish");
    }
}
