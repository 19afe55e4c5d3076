//! Carts in Redis: versioned, kept for a day after their last edit.
//!
//! **How such a cart is ordered safely.** Redis never judges that. A cart is claimed from its beginning
//! ([`Cart::claim`]: owner, `begun_at`) in the change set of the order, in the orders database, where the
//! claim is a unique row: of two requests that read the same cart one commits, whatever Redis says
//! meanwhile. What was ordered is then taken out, which gives the cart another beginning, with the
//! delivery noted here in the same script. If Redis forgets that, or a failover brings an older state
//! back, its beginning is still claimed: who orders it takes out what was ordered first.
//!
//! **One node.** All carts of a shop have one hash tag, because a guest's cart moves into a user's in
//! one change set, with the key of the request and the mark of the call. One node runs some ten
//! thousand of these scripts a second; sessions, caches and limits lie on the others.
//!
//! **A lost answer** is asked for again with the same mark, so that a change set is never written
//! twice. What cannot be learnt is `OUTCOME_UNKNOWN`.

mod script;

use std::sync::Arc;

use async_trait::async_trait;
use commerce_core::change::{ChangeSet, CommitError, CommitRefusal, KeyRecord, KeyResult, KeyScope, Keys};
use commerce_core::error::{Source, StoreError, StoreErrorKind};
use commerce_core::orders::{Cart, CartLine, CartOwner, CartStore, CartWrite};
use commerce_core::text::Metadata;
use commerce_core::time::{Clock, Timestamp};
use redis::{RedisError, Script};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::error::may_be_done;
use super::{Redis, failed};
use crate::system::random_id;
use script::Call;

/// All carts of a shop lie on one node.
const TAG: &str = "carts";
/// How often a change set is sent whose answer does not come.
const SENDS_MAX: u32 = 2;

/// Judges and writes a change set.
const COMMIT: &str = include_str!("commit.lua");

/// The carts of a shop.
pub struct RedisCarts {
    redis: Redis,
    clock: Arc<dyn Clock>,
    commit: Script,
}

/// A cart as it is kept.
#[derive(Serialize, Deserialize)]
struct Kept {
    lines: Vec<CartLine>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    coupon: Option<String>,
    metadata: Metadata,
    begun_at: i64,
    updated_at: i64,
    version: u64,
}

impl RedisCarts {
    /// On this Redis.
    #[must_use]
    pub fn new(redis: Redis, clock: Arc<dyn Clock>) -> Self {
        Self { redis, clock, commit: Script::new(COMMIT) }
    }

    fn cart_key(&self, owner: CartOwner) -> String {
        self.redis.key(TAG, &format!("cart:{}", owner.key()))
    }

    fn scope_key(&self, scope: &KeyScope) -> String {
        self.redis.key(TAG, &format!("key:{}", hex::encode(scope.digest())))
    }

    async fn send(&self, call: &Call) -> Result<Vec<String>, RedisError> {
        let mut invocation = self.commit.prepare_invoke();
        for key in &call.keys {
            invocation.key(key);
        }
        invocation.arg(&call.text).invoke_async(&mut self.redis.connection()).await
    }

    /// Sends the call until it is answered, at most twice.
    async fn ask(&self, call: &Call) -> Result<Vec<String>, StoreError> {
        let mut doubt: Option<RedisError> = None;
        for _ in 0..SENDS_MAX {
            match self.send(call).await {
                Ok(answer) => return Ok(answer),
                Err(error) if may_be_done(&error) => doubt = Some(error),
                Err(error) if doubt.is_none() => return Err(failed("carts.commit", error)),
                Err(_) => break,
            }
        }
        let why: Source = doubt.map_or_else(|| "no answer".into(), Into::into);
        Err(StoreError::new(StoreErrorKind::OutcomeUnknown, "carts.commit", why))
    }
}

#[async_trait]
impl Keys for RedisCarts {
    async fn key(&self, scope: &KeyScope) -> Result<Option<KeyRecord>, StoreError> {
        const OPERATION: &str = "carts.key";
        let mut read = redis::cmd("HMGET");
        read.arg(self.scope_key(scope)).arg(&["body", "result", "until"]);
        let kept: (Option<String>, Option<String>, Option<i64>) =
            read.query_async(&mut self.redis.connection()).await.map_err(|error| failed(OPERATION, error))?;
        match kept {
            (Some(body), Some(result), Some(until)) if self.clock.now().as_micros() < until => {
                record(&body, &result).map(Some).ok_or_else(|| StoreError::corrupt(OPERATION, "a key's record"))
            }
            _ => Ok(None),
        }
    }
}

#[async_trait]
impl CartStore for RedisCarts {
    fn in_books(&self) -> bool {
        false
    }

    async fn cart(&self, owner: CartOwner, now: Timestamp) -> Result<Option<Cart>, StoreError> {
        const OPERATION: &str = "carts.cart";
        let mut read = redis::cmd("HGET");
        read.arg(self.cart_key(owner)).arg("cart");
        let text: Option<String> =
            read.query_async(&mut self.redis.connection()).await.map_err(|error| failed(OPERATION, error))?;
        let Some(text) = text else { return Ok(None) };
        let Kept { lines, coupon, metadata, begun_at, updated_at, version } =
            serde_json::from_str(&text).map_err(|error| StoreError::corrupt(OPERATION, error))?;
        let (begun_at, updated_at) = (Timestamp::from_micros(begun_at), Timestamp::from_micros(updated_at));
        let cart = Cart { owner, lines, coupon, metadata, begun_at, updated_at, version };
        Ok((now < cart.expires_at()).then_some(cart))
    }

    /// `OUTCOME_UNKNOWN` when it was sent and never answered.
    async fn commit(&self, changes: ChangeSet<CartWrite>) -> Result<(), CommitError> {
        if !changes.events.is_empty() {
            let why = "carts have no outbox, so that nothing can be said with them";
            return Err(StoreError::new(StoreErrorKind::Internal, "carts.commit", why).into());
        }
        let mark = self.redis.key(TAG, &format!("mark:{}", random_id()));
        let call = Call::of(self, &changes, mark, self.clock.now())?;
        let answer = self.ask(&call).await?;
        let words: Vec<&str> = answer.iter().map(String::as_str).collect();
        let refusal = match words.as_slice() {
            ["OK"] => return Ok(()),
            ["KEY_TAKEN", body, result] => record(body, result).map(CommitRefusal::KeyTaken),
            ["HANDLED"] => Some(CommitRefusal::AlreadyHandled),
            ["TOO_LATE"] => Some(CommitRefusal::TooLate),
            ["STALE"] => Some(CommitRefusal::Stale("cart")),
            _ => None,
        };
        let refusal = refusal.ok_or_else(|| StoreError::corrupt("carts.commit", format!("answered {answer:?}")))?;
        Err(refusal.into())
    }
}

/// A key's record from how it is kept.
fn record(body: &str, result: &str) -> Option<KeyRecord> {
    let body_hash = hex::decode(body).ok()?.try_into().ok()?;
    let result = match result.split_once(':')? {
        ("D", thing) => KeyResult::Done(Uuid::parse_str(thing).ok()?),
        ("R", generation) => KeyResult::Refused(generation.parse().ok()?),
        _ => return None,
    };
    Some(KeyRecord { body_hash, result })
}
