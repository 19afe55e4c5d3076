//! Requests that are repeated under an idempotency key.

use uuid::Uuid;

use crate::actor::Actor;
use crate::change::{ChangeSet, CommitError, CommitRefusal, KeyClaim, KeyResult, KeyScope, RequestKey};
use crate::error::{Error, Outcome, Refusal};
use crate::time::Timestamp;

use super::Users;
use super::ports::UserWrite;

/// A request's key where it counts.
pub(super) struct Keyed {
    scope: KeyScope,
    /// Sealed, because bodies of this context hold passwords and addresses.
    body_hash: [u8; 32],
}

impl Keyed {
    /// Uses the key up for `thing`.
    pub(super) fn claim(&self, thing: Uuid, at: Timestamp) -> KeyClaim {
        KeyClaim { scope: self.scope.clone(), body_hash: self.body_hash, result: KeyResult::Done(thing), generation: 1, at }
    }
}

/// How a keyed commit ended, where it was not refused.
pub(super) enum Committed {
    /// Done now.
    Now,
    /// A twin with the same key was faster and made this.
    ByTwin(Uuid),
    /// Something was read that is not so any more.
    Stale,
}

impl Users {
    /// The key of a request to `route`, if it came with one.
    pub(super) fn keyed(&self, actor: &Actor, route: &str, request: Option<RequestKey>) -> Option<Keyed> {
        let RequestKey { key, body_hash } = request?;
        let scope = KeyScope { user: actor.user(), route: route.to_owned(), key };
        Some(Keyed { scope, body_hash: self.tokens.seal(&body_hash) })
    }

    /// What the key made before, if it was used.
    pub(super) async fn made_before(&self, keyed: Option<&Keyed>) -> Outcome<Option<Uuid>> {
        let Some(keyed) = keyed else { return Ok(None) };
        match self.store.key(&keyed.scope).await? {
            Some(record) => Ok(record.replay(&keyed.body_hash)?),
            None => Ok(None),
        }
    }

    /// Uses a key up for `thing`, which is not answered again; whether a twin was faster. Without a key nothing is written.
    pub(super) async fn use_up(&self, keyed: Option<&Keyed>, thing: Uuid) -> Outcome<bool> {
        let Some(keyed) = keyed else { return Ok(false) };
        let changes = ChangeSet::new().claim(Some(keyed.claim(thing, self.clock.now())));
        match self.commit_keyed(changes, Some(keyed)).await? {
            Committed::Now => Ok(false),
            Committed::ByTwin(_) => Ok(true),
            Committed::Stale => Err(Refusal::Conflict("key").into()),
        }
    }

    /// Commits a change set that may claim a key.
    pub(super) async fn commit_keyed(&self, changes: ChangeSet<UserWrite>, keyed: Option<&Keyed>) -> Outcome<Committed> {
        match (self.store.commit(changes).await, keyed) {
            (Ok(()), _) => Ok(Committed::Now),
            (Err(CommitError::Refused(CommitRefusal::KeyTaken(record))), Some(keyed)) => {
                Ok(record.replay(&keyed.body_hash)?.map_or(Committed::Stale, Committed::ByTwin))
            }
            (Err(CommitError::Refused(CommitRefusal::Stale(_) | CommitRefusal::Duplicate("id"))), _) => Ok(Committed::Stale),
            (Err(error), _) => Err(email_taken(error)),
        }
    }
}

/// A taken mail address has its own refusal; everything else its default one.
pub(super) fn email_taken(error: CommitError) -> Error {
    if let CommitError::Refused(CommitRefusal::Duplicate("email")) = error {
        return Refusal::EmailTaken.into();
    }
    error.into()
}
