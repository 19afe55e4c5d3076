//! A request that may be repeated under its key: looked up first, claimed with the commit.

use uuid::Uuid;

use crate::actor::Actor;
use crate::change::{KeyClaim, KeyRecord, KeyResult, KeyScope, Keys, RequestKey};
use crate::error::{Outcome, Refusal};
use crate::time::Timestamp;

/// The key of a request in its scope, if it came with one.
pub(crate) struct Keyed(Option<(KeyScope, [u8; 32])>);

impl Keyed {
    /// The key that `actor` sent to `route`.
    pub(crate) fn of(actor: &Actor, route: impl Into<String>, key: Option<RequestKey>) -> Self {
        let scoped = |key: RequestKey| (KeyScope { user: actor.user(), route: route.into(), key: key.key }, key.body_hash);
        Self(key.map(scoped))
    }

    /// What the key stands for already, if it was used.
    ///
    /// # Errors
    /// `IDEMPOTENCY_MISMATCH` when it was used with another body.
    pub(crate) async fn seen(&self, keys: &dyn Keys) -> Outcome<Option<Uuid>> {
        let Some((scope, body_hash)) = &self.0 else { return Ok(None) };
        match keys.key(scope).await? {
            Some(record) => Ok(record.replay(body_hash)?),
            None => Ok(None),
        }
    }

    /// An identity for what is made under the key, the same for each repeat; none without a key.
    pub(crate) fn identity(&self) -> Option<Uuid> {
        let (scope, _) = self.0.as_ref()?;
        scope.digest().first_chunk().map(|bytes| Uuid::from_bytes(*bytes))
    }

    /// The claim of a change set that makes `made`.
    pub(crate) fn claim(&self, made: Uuid, at: Timestamp) -> Option<KeyClaim> {
        self.0.as_ref().map(|(scope, body_hash)| KeyClaim {
            scope: scope.clone(),
            body_hash: *body_hash,
            result: KeyResult::Done(made),
            generation: 1,
            at,
        })
    }

    /// What a twin made that was faster.
    ///
    /// # Errors
    /// `IDEMPOTENCY_MISMATCH` when the twin had another body.
    pub(crate) fn twin(&self, record: &KeyRecord) -> Result<Uuid, Refusal> {
        let body_hash = self.0.as_ref().map_or([0; 32], |(_, body_hash)| *body_hash);
        record.replay(&body_hash)?.ok_or(Refusal::Conflict("key"))
    }
}
