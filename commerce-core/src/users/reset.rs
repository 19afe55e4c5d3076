//! A forgotten password: a token by mail that sets a new one, once.
//!
//! No token is kept anywhere, not even its hash. A token names the user and the request, whose id
//! says when it was made, and is sealed together with her mail address and the hash of her password.
//! So it dies with either of the two: nobody uses one twice, and of two who use it at once the version
//! of the user lets one through. The mail's worker makes it anew from the event, which does not hold it.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use crate::actor::Actor;
use crate::change::{Answer, ChangeSet, CommitError, CommitRefusal, KeyClaim, KeyResult, KeyScope, RequestKey, digest};
use crate::error::{Outcome, Refusal};
use crate::events::{Envelope, EventKind, Topic};
use crate::ids::{Id, ResetId, UserId};
use crate::limits;
use crate::text::{Email, IdempotencyKey};
use crate::time::Timestamp;

use super::Users;
use super::model::User;

/// Where requests of one hour are counted.
const ROUTE: &str = "POST /api/auth/password-reset";
/// Where keys of new passwords count.
pub(crate) const CONFIRM: &str = "POST /api/auth/password-reset/confirm";
/// Bytes of a token: the user, the request, the seal.
const TOKEN_BYTES: usize = 16 + 16 + 32;

impl Users {
    /// Has a token mailed to whoever has this address. Says nothing about whether anybody does, and
    /// leaves it at so many mails an hour. The mail belongs to the request's key, so that a repeated one sends no second within
    /// the hour; whether it may have the key, [`reset_asked`](Self::reset_asked) says before.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn request_reset(&self, email: &str, key: Option<&RequestKey>) -> Outcome<()> {
        let Ok(email) = email.trim().parse::<Email>() else { return Ok(()) };
        let known = self.store.user_by_email(&email).await?.filter(|user| !user.is_erased());
        let Some(user) = known else { return Ok(()) };
        let (reset, now) = (self.ids.mint::<ResetId>(), self.clock.now());
        let event = self.requested(&user, reset, now);
        let whose = key.map(RequestKey::turn);
        for turn in 0..limits::RESETS_AN_HOUR {
            let scope = turn_of(user.id, now, turn)?;
            if let Some(taken) = self.store.key(&scope).await? {
                if whose == Some(taken.body_hash) {
                    return Ok(());
                }
                continue;
            }
            let result = KeyResult::Done(reset.uuid());
            let claim = KeyClaim { scope, body_hash: whose.unwrap_or_default(), result, generation: 1, at: now };
            match self.store.commit(ChangeSet::new().claim(Some(claim)).say([event.clone()])).await {
                Ok(()) => return Ok(()),
                Err(CommitError::Refused(CommitRefusal::KeyTaken(taken))) if whose == Some(taken.body_hash) => return Ok(()),
                Err(CommitError::Refused(CommitRefusal::KeyTaken(_))) => {}
                Err(error) => return Err(error.into()),
            }
        }
        tracing::info!(user = %user.id, "a password is asked for too often");
        Ok(())
    }

    /// Uses the key of such a request up, the same whether or not anybody has the address.
    ///
    /// # Errors
    /// `IDEMPOTENCY_MISMATCH`.
    pub async fn reset_asked(&self, key: Option<RequestKey>) -> Outcome<Answer<()>> {
        let keyed = self.keyed(&Actor::Anonymous, ROUTE, key);
        let seen = self.made_before(keyed.as_ref()).await?.is_some();
        let replayed = seen || self.use_up(keyed.as_ref(), self.ids.mint::<ResetId>().uuid()).await?;
        Ok(if replayed { Answer::Replayed(()) } else { Answer::Fresh(()) })
    }

    /// Sets a new password by a token that was mailed, and ends all sessions. Repeated with the same key it does so once.
    ///
    /// # Errors
    /// `IDEMPOTENCY_MISMATCH`; `INVALID` for a token that is not one, was used, is too old, or of somebody whose mail address
    /// or password has changed since; and for a password the policy refuses.
    pub async fn reset_password(&self, token: &str, new: &str, key: Option<RequestKey>) -> Outcome<Answer<()>> {
        let (user, reset) = named(token).ok_or_else(refusal)?;
        let actor = Actor::Customer(user);
        let keyed = self.keyed(&actor, CONFIRM, key);
        // In this order: what a twin of this request changed has its key by then.
        let known = self.store.user(user).await?.filter(|user| !user.is_erased());
        if self.made_before(keyed.as_ref()).await?.is_some() {
            return Ok(Answer::Replayed(()));
        }
        let age = self.clock.now().since(asked_at(reset));
        if age >= limits::RESET_FOR {
            return Err(refusal().into());
        }
        let holds = |user: &User| if self.seal(user, reset) == token { Ok(()) } else { Err(refusal()) };
        holds(&known.ok_or_else(refusal)?)?;
        self.replace_password(&actor, user, ("password", new), None, keyed.as_ref(), holds).await
    }

    /// The token of a request, as it is mailed; none when she is gone.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn reset_token(&self, user: UserId, reset: ResetId) -> Outcome<Option<String>> {
        let user = self.store.user(user).await?.filter(|user| !user.is_erased());
        Ok(user.map(|user| self.seal(&user, reset)))
    }

    fn seal(&self, user: &User, reset: ResetId) -> String {
        let (id, reset) = (user.id.uuid(), reset.uuid());
        let parts: [&[u8]; 5] =
            [b"password reset", reset.as_bytes(), id.as_bytes(), user.email.as_str().as_bytes(), user.password_hash.0.as_bytes()];
        let seal = self.tokens.seal(&digest(&parts));
        URL_SAFE_NO_PAD.encode([id.as_bytes().as_slice(), reset.as_bytes(), &seal].concat())
    }

    fn requested(&self, user: &User, reset: ResetId, now: Timestamp) -> Envelope {
        Envelope {
            id: self.ids.mint(),
            topic: Topic::Users,
            kind: EventKind::PasswordResetRequested,
            schema: 1,
            aggregate: user.id.uuid(),
            version: user.version,
            at: now,
            traceparent: self.ids.traceparent(),
            data: json!({ "userId": user.id, "resetId": reset }).into(),
        }
    }
}

/// Where a request is counted: the user's, of this hour, the so-manieth.
fn turn_of(user: UserId, now: Timestamp, turn: u32) -> Result<KeyScope, Refusal> {
    let hour = now.as_micros().div_euclid(3_600_000_000);
    let key: IdempotencyKey = IdempotencyKey::parse("key", &format!("{hour}-{turn}"))?;
    Ok(KeyScope { user: Some(user), route: ROUTE.to_owned(), key })
}

/// Whom and which request a token names, whether or not it holds.
fn named(token: &str) -> Option<(UserId, ResetId)> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok().filter(|bytes| bytes.len() == TOKEN_BYTES)?;
    let id = |from: usize| uuid::Uuid::from_slice(bytes.get(from..from.saturating_add(16))?).ok();
    Some((UserId::from_uuid(id(0)?), ResetId::from_uuid(id(16)?)))
}

/// When a reset was asked for, as its id says.
fn asked_at(reset: ResetId) -> Timestamp {
    let millis = reset.uuid().as_u128() >> 80;
    Timestamp::from_micros(i64::try_from(millis).unwrap_or(i64::MAX).saturating_mul(1_000))
}

fn refusal() -> Refusal {
    Refusal::field("token", "INVALID", "is not valid, was used, or is too old; ask for another")
}
