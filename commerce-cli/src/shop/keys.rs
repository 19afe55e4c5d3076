//! The keys that access tokens are signed with.

use std::sync::Arc;

use commerce_adapters::auth::jwt::key_id;
use commerce_adapters::auth::key_file::{KeyFile, KeyRing, Seed};
use commerce_core::{Clock, Timestamp};
use commerce_server::Config;

use super::{KEY_FILE, OsEntropy, SystemClock, require_books};
use crate::failure::Failure;

/// A key that access tokens are signed with, or were, or will be.
pub(crate) struct SigningKey {
    /// `current`, `next` or `previous`.
    pub(crate) used: &'static str,
    /// Its name in tokens.
    pub(crate) kid: String,
    /// Since when it has been that.
    pub(crate) since: Timestamp,
}

/// The signing keys of the data directory.
///
/// # Errors
/// `NO_SHOP`; when there are none yet, or they cannot be read.
pub(crate) fn signing_keys(config: &Config) -> Result<Vec<SigningKey>, Failure> {
    Ok(listed(&key_file(config)?.load()?))
}

/// Lets the next signing key sign, and forgets the others where they are to be revoked.
///
/// # Errors
/// `NO_SHOP`; when there are none yet, or the last rotation is too young.
pub(crate) fn rotate_keys(config: &Config, revoke: bool) -> Result<Vec<SigningKey>, Failure> {
    let (keys, now) = (key_file(config)?, SystemClock.now());
    Ok(listed(&if revoke { keys.revoke(now)? } else { keys.rotate(now)? }))
}

/// The keys of a shop whose books are elsewhere are in the data directory, too.
fn key_file(config: &Config) -> Result<KeyFile, Failure> {
    if !config.data_dir.join(KEY_FILE).exists() {
        require_books(config)?;
    }
    Ok(KeyFile::new(&config.data_dir, Arc::new(OsEntropy)))
}

fn listed(ring: &KeyRing) -> Vec<SigningKey> {
    let all = [("current", Some(ring.current)), ("next", ring.next), ("previous", ring.previous)];
    let shown = |(used, seed): (&'static str, Option<Seed>)| {
        seed.map(|seed| SigningKey { used, kid: key_id(&seed.secret), since: seed.since })
    };
    all.into_iter().filter_map(shown).collect()
}
