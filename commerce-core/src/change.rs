//! The third beat of every use case: a change set as plain data, committed whole or not at all.
//!
//! A [`ChangeSet`] says what must hold and what to write. A store judges it in this order: the
//! claims (idempotency key, inbox entry), the deadline, then version by version and guard by guard
//! as written; it then writes everything and the events in one transaction, or nothing, and says
//! which condition refused.
//!
//! **Versions.** An aggregate in an update carries the version it *will* have; the store accepts it
//! only while the stored version is exactly one less. An insert is accepted only while the key is
//! free.

use std::future::Future;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::error::{Error, Outcome, Refusal, Shortage, StoreError};
use crate::events::Envelope;
use crate::ids::{EventId, OrderId, UserId};
use crate::limits;
use crate::orders::UsedUp;
use crate::text::IdempotencyKey;
use crate::time::Timestamp;

/// What one use case wants to be true together. `W` is the context's own kind of write.
#[derive(Clone, Debug)]
pub struct ChangeSet<W> {
    /// The idempotency key it uses up. Judged first.
    pub claim: Option<KeyClaim>,
    /// The delivery it handles. Refused as [`CommitRefusal::AlreadyHandled`] when it was before.
    pub handled: Option<Handled>,
    /// It may commit only while the database's clock is before this.
    pub deadline: Option<Timestamp>,
    /// What to write, in order.
    pub writes: Vec<W>,
    /// What to say, in order; goes into the outbox.
    pub events: Vec<Envelope>,
}

impl<W> ChangeSet<W> {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self { claim: None, handled: None, deadline: None, writes: Vec::new(), events: Vec::new() }
    }

    /// With these writes.
    #[must_use]
    pub fn of(writes: impl IntoIterator<Item = W>) -> Self {
        Self { writes: writes.into_iter().collect(), ..Self::new() }
    }

    /// And this write.
    #[must_use]
    pub fn and(mut self, write: W) -> Self {
        self.writes.push(write);
        self
    }

    /// And these events.
    #[must_use]
    pub fn say(mut self, events: impl IntoIterator<Item = Envelope>) -> Self {
        self.events.extend(events);
        self
    }

    /// With what another one writes and says after it.
    #[must_use]
    pub fn with(mut self, other: Self) -> Self {
        self.writes.extend(other.writes);
        self.events.extend(other.events);
        self
    }

    /// Using up this key, if there is one.
    #[must_use]
    pub fn claim(mut self, claim: Option<KeyClaim>) -> Self {
        self.claim = claim;
        self
    }

    /// Handling this delivery, if it is one.
    #[must_use]
    pub fn handling(mut self, handled: Option<Handled>) -> Self {
        self.handled = handled;
        self
    }

    /// Only before `deadline`.
    #[must_use]
    pub fn before(mut self, deadline: Timestamp) -> Self {
        self.deadline = Some(deadline);
        self
    }
}

impl<W> Default for ChangeSet<W> {
    fn default() -> Self {
        Self::new()
    }
}

/// Where an idempotency key counts: one user (or nobody), one route, one key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyScope {
    /// Whose key; `None` for callers who have not logged in.
    pub user: Option<UserId>,
    /// Which use case: `POST /api/orders`.
    pub route: String,
    /// The key.
    pub key: IdempotencyKey,
}

impl KeyScope {
    /// A digest of the scope: the primary key of the stored record.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        let user = self.user.map(|user| user.to_string()).unwrap_or_default();
        digest(&[user.as_bytes(), self.route.as_bytes(), self.key.as_str().as_bytes()])
    }
}

/// SHA-256 over length-prefixed parts, so that no two lists of parts collide.
#[must_use]
pub fn digest(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

/// What a request brings to be repeatable: its key and the hash of its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestKey {
    /// The key.
    pub key: IdempotencyKey,
    /// SHA-256 of the request body alone.
    pub body_hash: [u8; 32],
}

impl RequestKey {
    /// What a turn is marked with that belongs to the key, so that a repeated request takes no second.
    #[must_use]
    pub fn turn(&self) -> [u8; 32] {
        digest(&[b"turn", self.key.as_str().as_bytes()])
    }
}

/// A key to be used up by a change set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyClaim {
    /// The key in its scope.
    pub scope: KeyScope,
    /// The hash of the request's body.
    pub body_hash: [u8; 32],
    /// What the request makes of it.
    pub result: KeyResult,
    /// The generation of the stock hold it commits under; 1 for requests without a hold. Decides
    /// whether the claim may take the place of an earlier refusal.
    pub generation: u32,
    /// When, for retention.
    pub at: Timestamp,
}

/// What a key stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum KeyResult {
    /// The request succeeded and made (or changed) this.
    Done(Uuid),
    /// The request was refused under this generation of its stock hold. The key is free for any
    /// body, but no twin may commit under this generation or an older one.
    Refused(u32),
}

/// A key that was used before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRecord {
    /// The hash of the body it was used with.
    pub body_hash: [u8; 32],
    /// What it stands for.
    pub result: KeyResult,
}

impl KeyRecord {
    /// Whether a claim under `generation` may take the place of this record. Only a refusal can be
    /// replaced, and only by something under a newer generation.
    #[must_use]
    pub fn yields_to(&self, generation: u32) -> bool {
        match self.result {
            KeyResult::Done(_) => false,
            KeyResult::Refused(refused) => generation > refused,
        }
    }

    /// What a request with `body_hash` gets from this record: the thing made, or `None` when the
    /// key is free again.
    ///
    /// # Errors
    /// `IDEMPOTENCY_MISMATCH` for another body.
    pub fn replay(&self, body_hash: &[u8; 32]) -> Result<Option<Uuid>, Refusal> {
        match self.result {
            KeyResult::Refused(_) => Ok(None),
            KeyResult::Done(thing) if self.body_hash == *body_hash => Ok(Some(thing)),
            KeyResult::Done(_) => Err(Refusal::IdempotencyMismatch),
        }
    }
}

/// A delivery that a consumer handles, once.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Handled {
    /// The consumer's stable name.
    pub consumer: &'static str,
    /// The event.
    pub event: EventId,
    /// When, for retention.
    pub at: Timestamp,
}

/// Why a store did not commit a change set.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// A condition of the change set does not hold. Nothing was written.
    #[error("{0}")]
    Refused(CommitRefusal),
    /// The store could not do its work.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Which condition of a change set did not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommitRefusal {
    /// The idempotency key was used before.
    #[error("the idempotency key is used")]
    KeyTaken(KeyRecord),
    /// The delivery or webhook was handled before.
    #[error("it was handled before")]
    AlreadyHandled,
    /// The cart was ordered before, with this order, whose lines have not left it.
    #[error("the cart is ordered")]
    CartOrdered(OrderId),
    /// The deadline has passed.
    #[error("the deadline has passed")]
    TooLate,
    /// The aggregate has another version by now, or its state is not the one the write leaves.
    #[error("the {0} has changed")]
    Stale(&'static str),
    /// A unique value is taken: `email`, `sku`, `slug`, `number`, `id`, ….
    #[error("the {0} is taken")]
    Duplicate(&'static str),
    /// All uses of a coupon are taken.
    #[error("{0}")]
    Exhausted(UsedUp),
    /// Stock does not suffice; every short SKU of the change set.
    #[error("not enough stock")]
    Short(Vec<Shortage>),
    /// A wallet has not enough for what is to be taken out of it.
    #[error("the wallet has not enough")]
    TooLittle,
}

impl From<CommitRefusal> for CommitError {
    fn from(refusal: CommitRefusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<CommitError> for Error {
    /// For use cases that expect no refusal in particular.
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Store(error) => error.into(),
            CommitError::Refused(refusal) => match refusal {
                CommitRefusal::KeyTaken(_) => Refusal::IdempotencyMismatch,
                CommitRefusal::AlreadyHandled => Refusal::Conflict("delivery"),
                CommitRefusal::CartOrdered(_) => Refusal::CartOrdered,
                CommitRefusal::TooLate => Refusal::Conflict("deadline"),
                CommitRefusal::Stale(what) | CommitRefusal::Duplicate(what) => Refusal::Conflict(what),
                CommitRefusal::Exhausted(used_up) => Refusal::CouponExhausted(used_up),
                CommitRefusal::Short(lines) => Refusal::SoldOut(lines),
                CommitRefusal::TooLittle => Refusal::Conflict("wallet"),
            }
            .into(),
        }
    }
}

/// Remembers idempotency keys. Every store has one of its own, written with its change sets.
#[async_trait]
pub trait Keys: Send + Sync {
    /// The record of `scope`, if the key was used within the last 30 days.
    async fn key(&self, scope: &KeyScope) -> Result<Option<KeyRecord>, StoreError>;
}

/// The answer of a use case that can be repeated under a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer<T> {
    /// Done now.
    Fresh(T),
    /// Done before under the same key; this is its present state.
    Replayed(T),
}

impl<T> Answer<T> {
    /// The thing itself.
    pub fn into_inner(self) -> T {
        match self {
            Self::Fresh(thing) | Self::Replayed(thing) => thing,
        }
    }

    /// Turns the thing into something else.
    pub fn map<U>(self, turn: impl FnOnce(T) -> U) -> Answer<U> {
        match self {
            Self::Fresh(thing) => Answer::Fresh(turn(thing)),
            Self::Replayed(thing) => Answer::Replayed(turn(thing)),
        }
    }
}

/// Passes a thing whose version is the one its client names, if she names one. Asked within the
/// round that commits, so that of two clients who read the same version one is refused.
///
/// # Errors
/// `VERSION_MISMATCH` of `what`.
pub fn expect_version(what: &'static str, expected: Option<u64>, present: u64) -> Result<(), Refusal> {
    if expected.is_none_or(|expected| expected == present) { Ok(()) } else { Err(Refusal::VersionMismatch(what)) }
}

/// Reads, decides and commits again while others change the same aggregate in between.
///
/// `attempt` is one whole round. It answers `Err(CommitError::Refused(Stale | Duplicate("id" |
/// "number")))` inside [`Round::Again`] to be run again; everything else ends the loop.
///
/// # Errors
/// What `attempt` ends with, or `CONFLICT` when the rounds are used up.
pub async fn rounds<T, F, Fut>(what: &'static str, mut attempt: F) -> Outcome<T>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Outcome<Round<T>>>,
{
    for _ in 0..limits::CONFLICT_TRIES {
        if let Round::Done(result) = attempt().await? {
            return Ok(result);
        }
    }
    Err(Refusal::Conflict(what).into())
}

/// How one round of [`rounds`] ended.
#[derive(Debug)]
pub enum Round<T> {
    /// With a result.
    Done(T),
    /// Somebody was faster: read and decide again.
    Again,
}

/// Turns a commit's answer into a round's: stale versions and colliding fresh ids mean again.
///
/// # Errors
/// Every other refusal, as its caller's default meaning; every store error.
pub fn settle<T>(committed: Result<(), CommitError>, result: T) -> Outcome<Round<T>> {
    match committed {
        Ok(()) => Ok(Round::Done(result)),
        Err(CommitError::Refused(CommitRefusal::Stale(_) | CommitRefusal::Duplicate("id" | "number"))) => Ok(Round::Again),
        Err(error) => Err(error.into()),
    }
}
