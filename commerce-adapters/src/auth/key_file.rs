//! The keys of a shop, in a file that only its owner reads.
//!
//! One key signs (`current`), the next one is known already and the one before it still is, so that
//! processes on one directory need not hear of a rotation at the same instant and no token dies of
//! one. One line each: what it is, 64 hexadecimal digits, since when. A file with nothing but 64
//! digits, as older shops have it, is the current key alone. Changed by replacing the file, under a
//! lock on its directory. Start reading at [`KeyFile`].

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use commerce_core::Timestamp;
use commerce_core::error::StoreError;
use commerce_core::ids::Entropy;
use commerce_core::limits;
use sha2::{Digest, Sha256};

use crate::files::storage_error;

/// The file's name within a data directory.
pub const KEY_FILE: &str = "signing-key";
/// How long a key signs: between the 30 and 90 days within which keys of this kind are to change.
pub const ROTATE_AFTER: Duration = Duration::from_hours(60 * 24);
/// How long a key must have signed before the one before it is forgotten: as long as a token of that
/// one may live, and a minute for clocks that differ.
const OVERLAP: Duration = limits::ACCESS_TOKEN_FOR.saturating_add(Duration::from_mins(1));

const OPERATION: &str = "signing-key.open";
const ROTATION: &str = "signing-key.rotate";

/// One key with the instant from which it has been what it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Seed {
    /// An Ed25519 seed.
    pub secret: [u8; 32],
    /// Since when.
    pub since: Timestamp,
}

/// All keys of a shop.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyRing {
    /// Signs.
    pub current: Seed,
    /// Signs after the next rotation.
    pub next: Option<Seed>,
    /// Signed before the last rotation.
    pub previous: Option<Seed>,
    /// Makes the successors of refresh tokens; never changes, because they must not.
    pub refresh: [u8; 32],
}

impl KeyRing {
    /// A ring of one key, as older shops and tests have it.
    #[must_use]
    pub fn single(secret: [u8; 32], since: Timestamp) -> Self {
        let refresh = Sha256::new().chain_update(b"refresh token successor").chain_update(secret).finalize().into();
        Self { current: Seed { secret, since }, next: None, previous: None, refresh }
    }

    fn rotated(&self, fresh: [u8; 32], now: Timestamp, revoke: bool) -> Self {
        let seed = |secret| Seed { secret, since: now };
        Self {
            current: self.next.map_or_else(|| seed(fresh), |next| seed(next.secret)),
            next: self.next.map(|_| seed(fresh)),
            previous: (!revoke).then_some(self.current),
            refresh: self.refresh,
        }
    }

    fn text(&self) -> String {
        let line = |name: &str, seed: Option<Seed>| {
            seed.map(|seed| format!("{name} {} {}\n", hex::encode(seed.secret), seed.since)).unwrap_or_default()
        };
        let refresh = format!("refresh {}\n", hex::encode(self.refresh));
        line("current", Some(self.current)) + &line("next", self.next) + &line("previous", self.previous) + &refresh
    }

    fn parse(text: &str, written: Timestamp) -> Option<Self> {
        if let Some(secret) = secret(text.trim()) {
            return Some(Self::single(secret, written));
        }
        let (mut current, mut next, mut previous, mut refresh) = (None, None, None, None);
        for line in text.lines() {
            let mut words = line.split_whitespace();
            let (name, secret) = (words.next()?, secret(words.next()?)?);
            let seed = words.next().and_then(Timestamp::parse).map(|since| Seed { secret, since });
            match name {
                "current" => current = Some(seed?),
                "next" => next = Some(seed?),
                "previous" => previous = Some(seed?),
                "refresh" => refresh = Some(secret),
                _ => return None,
            }
        }
        Some(Self { current: current?, next, previous, refresh: refresh? })
    }
}

fn secret(text: &str) -> Option<[u8; 32]> {
    hex::decode(text).ok()?.try_into().ok()
}

/// The file of a data directory. Cheap to clone.
#[derive(Clone)]
pub struct KeyFile {
    directory: PathBuf,
    entropy: Arc<dyn Entropy>,
}

impl KeyFile {
    /// Of this directory, with fresh keys from `entropy`.
    pub fn new(directory: &Path, entropy: Arc<dyn Entropy>) -> Self {
        Self { directory: directory.to_owned(), entropy }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.directory.join(KEY_FILE)
    }

    /// The keys, made if there are none. Processes that race for it end up with the same keys: the
    /// complete file is linked into place, and a link replaces nothing.
    ///
    /// # Errors
    /// When the directory cannot be written, or the file holds no keys.
    pub fn load_or_create(&self, now: Timestamp) -> Result<KeyRing, StoreError> {
        let path = self.path();
        let ring = match read(&path) {
            Err(Unread::Missing) => {
                self.create(&path, now).map_err(|error| storage_error(OPERATION, &path, &error))?;
                read(&path)
            }
            read => read,
        };
        let ring = ring.map_err(|unread| unread.into_error(&path))?;
        if ring.next.is_some() { Ok(ring) } else { self.change(|ring, fresh| with_next(ring, fresh, now)) }
    }

    /// The keys as they are now.
    ///
    /// # Errors
    /// When the file is missing or holds no keys.
    pub fn load(&self) -> Result<KeyRing, StoreError> {
        let path = self.path();
        read(&path).map_err(|unread| unread.into_error(&path))
    }

    /// Lets the next key sign. Tokens of the one that signed so far hold until they expire.
    ///
    /// # Errors
    /// When the last rotation is so young that tokens of the key before it may still be valid.
    pub fn rotate(&self, now: Timestamp) -> Result<KeyRing, StoreError> {
        self.change(|ring, fresh| {
            if ring.previous.is_some() && now.since(ring.current.since) < OVERLAP {
                let text =
                    format!("the keys were rotated at {}: tokens of the key before may still be valid", ring.current.since);
                return Err(StoreError::unavailable(ROTATION, text));
            }
            Ok(Some(ring.rotated(fresh, now, false)))
        })
    }

    /// Lets the next key sign and forgets the others: every access token that was given out is
    /// refused from now on. Refresh tokens hold.
    ///
    /// # Errors
    /// When the file cannot be replaced.
    pub fn revoke(&self, now: Timestamp) -> Result<KeyRing, StoreError> {
        self.change(|ring, fresh| Ok(Some(ring.rotated(fresh, now, true))))
    }

    /// Rotates when the current key has signed for [`ROTATE_AFTER`]. Answers whether it did.
    ///
    /// # Errors
    /// When the file cannot be read or replaced.
    pub fn rotate_if_due(&self, now: Timestamp) -> Result<bool, StoreError> {
        let due = |ring: &KeyRing| now.since(ring.current.since) >= ROTATE_AFTER;
        if !due(&self.load()?) {
            return Ok(false);
        }
        // Another process may have been faster.
        let rotated = self.change(|ring, fresh| Ok(due(ring).then(|| ring.rotated(fresh, now, false))))?;
        Ok(rotated.current.since == now)
    }

    /// Replaces the file by what `rule` makes of its keys and a fresh one, if anything.
    fn change(&self, rule: impl Fn(&KeyRing, [u8; 32]) -> Result<Option<KeyRing>, StoreError>) -> Result<KeyRing, StoreError> {
        let path = self.path();
        let failed = |error: io::Error| storage_error(ROTATION, &path, &error);
        let directory = File::open(&self.directory).map_err(failed)?;
        directory.lock().map_err(failed)?;
        let before = read(&path).map_err(|unread| unread.into_error(&path))?;
        let mut fresh = [0; 32];
        self.entropy.fill(&mut fresh);
        let Some(after) = rule(&before, fresh)? else { return Ok(before) };
        let draft = self.draft();
        write_private(&draft, &after.text()).and_then(|()| fs::rename(&draft, &path)).map_err(failed)?;
        directory.sync_all().map_err(failed)?;
        Ok(after)
    }

    fn create(&self, path: &Path, now: Timestamp) -> io::Result<()> {
        let mut secrets = [[0; 32]; 2];
        for secret in &mut secrets {
            self.entropy.fill(secret);
        }
        let [current, next] = secrets;
        let ring = KeyRing { next: Some(Seed { secret: next, since: now }), ..KeyRing::single(current, now) };
        let draft = self.draft();
        let linked = write_private(&draft, &ring.text()).and_then(|()| link(&draft, path));
        fs::remove_file(&draft)?;
        linked?;
        File::open(&self.directory)?.sync_all()
    }

    fn draft(&self) -> PathBuf {
        let mut name = [0; 16];
        self.entropy.fill(&mut name);
        self.directory.join(format!(".{KEY_FILE}-{}", hex::encode(name)))
    }
}

/// What a shop of older days lacks.
#[expect(clippy::unnecessary_wraps, reason = "it is one of the rules by which the file changes")]
fn with_next(ring: &KeyRing, fresh: [u8; 32], now: Timestamp) -> Result<Option<KeyRing>, StoreError> {
    let next = Some(Seed { secret: fresh, since: now });
    Ok(ring.next.is_none().then(|| KeyRing { next, ..ring.clone() }))
}

enum Unread {
    Missing,
    Failed(io::Error),
    NoKeys,
}

impl Unread {
    fn into_error(self, path: &Path) -> StoreError {
        match self {
            Self::Missing => storage_error(OPERATION, path, &io::ErrorKind::NotFound.into()),
            Self::Failed(error) => storage_error(OPERATION, path, &error),
            Self::NoKeys => StoreError::corrupt(OPERATION, format!("{} holds no signing keys", path.display())),
        }
    }
}

fn read(path: &Path) -> Result<KeyRing, Unread> {
    let text = fs::read_to_string(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Unread::Missing,
        _ => Unread::Failed(error),
    })?;
    let written = fs::metadata(path).and_then(|metadata| metadata.modified()).map_err(Unread::Failed)?;
    let ring = KeyRing::parse(&text, timestamp(written)).ok_or(Unread::NoKeys)?;
    keep_private(path).map_err(Unread::Failed)?;
    Ok(ring)
}

fn timestamp(at: SystemTime) -> Timestamp {
    Timestamp::EPOCH.plus(at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default())
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

/// Closes keys that others could read, for example after they were copied by hand.
#[cfg(unix)]
fn keep_private(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;

    let mode = fs::metadata(path)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        tracing::warn!(path = %path.display(), mode = format!("{mode:o}"), "others could read the signing keys; they are closed now");
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
    use std::sync::atomic::{AtomicU8, Ordering};

    use commerce_core::error::StoreErrorKind;

    use super::*;

    struct Counting(AtomicU8);

    impl Entropy for Counting {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(self.0.fetch_add(1, Ordering::SeqCst));
        }
    }

    const NOW: Timestamp = Timestamp::from_micros(1_772_357_400_000_000);

    fn keys(directory: &Path) -> KeyFile {
        KeyFile::new(directory, Arc::new(Counting(AtomicU8::new(1))))
    }

    #[test]
    fn racing_processes_get_one_ring() {
        let directory = tempfile::tempdir().unwrap();
        let file = keys(directory.path());
        let rings: Vec<_> = std::thread::scope(|scope| {
            let racers: Vec<_> = (0..8).map(|_| scope.spawn(|| file.load_or_create(NOW).unwrap())).collect();
            racers.into_iter().map(|racer| racer.join().unwrap()).collect()
        });
        assert!(rings.iter().all(|ring| *ring == rings[0]));
        let names: Vec<_> = fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, [KEY_FILE]);
    }

    #[test]
    fn a_rotation_moves_every_key_on_and_outlives_the_process() {
        let directory = tempfile::tempdir().unwrap();
        let file = keys(directory.path());
        let first = file.load_or_create(NOW).unwrap();
        let later = NOW.plus(Duration::from_hours(24));
        let second = file.rotate(later).unwrap();
        assert_eq!(Some(second.current.secret), first.next.map(|next| next.secret));
        assert!(second.previous == Some(first.current) && second.refresh == first.refresh);
        assert!(second.next.is_some_and(|next| ![first.current.secret, second.current.secret].contains(&next.secret)));
        assert!(keys(directory.path()).load_or_create(later).unwrap() == second, "another process reads the same");

        let soon = file.rotate(later.plus(Duration::from_mins(5))).err().unwrap();
        assert_eq!(soon.kind, StoreErrorKind::Unavailable, "tokens of the first key may still be valid");
        assert!(file.rotate(later.plus(OVERLAP)).unwrap().previous == Some(second.current));
        let revoked = file.revoke(later.plus(OVERLAP)).unwrap();
        assert!(revoked.previous.is_none());
    }

    #[test]
    fn keys_rotate_by_themselves_once_when_they_are_old() {
        let directory = tempfile::tempdir().unwrap();
        let file = keys(directory.path());
        let first = file.load_or_create(NOW).unwrap();
        let due = NOW.plus(ROTATE_AFTER);
        assert!(!file.rotate_if_due(due.minus(Duration::from_secs(1))).unwrap());
        let rotated: Vec<bool> = std::thread::scope(|scope| {
            let racers: Vec<_> = (0..4)
                .map(|n| {
                    scope.spawn({
                        let file = &file;
                        move || file.rotate_if_due(due.plus(Duration::from_secs(n))).unwrap()
                    })
                })
                .collect();
            racers.into_iter().map(|racer| racer.join().unwrap()).collect()
        });
        assert_eq!(rotated.iter().filter(|rotated| **rotated).count(), 1, "of several processes one rotates");
        assert!(file.load().unwrap().previous == Some(first.current));
    }

    #[test]
    fn the_one_key_of_an_older_shop_goes_on_signing() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join(KEY_FILE), format!("{}\n", "07".repeat(32))).unwrap();
        let ring = keys(directory.path()).load_or_create(NOW).unwrap();
        assert!(ring.current.secret == [7; 32] && ring.next.is_some() && ring.previous.is_none());
        assert!(ring.refresh == KeyRing::single([7; 32], NOW).refresh, "refresh tokens keep their successors");
        assert!(keys(directory.path()).load().unwrap() == ring);
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_reads_it() {
        use std::os::unix::fs::PermissionsExt;

        let directory = tempfile::tempdir().unwrap();
        let file = keys(directory.path());
        let mode = || fs::metadata(file.path()).unwrap().permissions().mode() & 0o777;
        let ring = file.load_or_create(NOW).unwrap();
        assert_eq!(mode(), 0o600);
        fs::set_permissions(file.path(), fs::Permissions::from_mode(0o644)).unwrap();
        assert!(file.load_or_create(NOW).unwrap() == ring);
        assert_eq!(mode(), 0o600);
        file.revoke(NOW).unwrap();
        assert_eq!(mode(), 0o600);
    }

    #[test]
    fn rubbish_is_not_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        for rubbish in ["rubbish", "", "current 00", "current zz 2026-03-01T09:30:00Z", "next"] {
            fs::write(directory.path().join(KEY_FILE), rubbish).unwrap();
            let file = keys(directory.path());
            for refused in [file.load_or_create(NOW).err(), file.rotate(NOW).err(), file.revoke(NOW).err()] {
                assert_eq!(refused.unwrap().kind, StoreErrorKind::Corrupt, "{rubbish}");
            }
            assert_eq!(fs::read_to_string(file.path()).unwrap(), rubbish);
        }
    }
}
