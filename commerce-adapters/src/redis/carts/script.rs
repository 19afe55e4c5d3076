//! A change set about carts as the script reads it.

use std::time::Duration;

use commerce_core::Timestamp;
use commerce_core::change::{ChangeSet, KeyResult};
use commerce_core::error::{StoreError, StoreErrorKind};
use commerce_core::limits;
use commerce_core::orders::{Cart, CartWrite};
use serde::Serialize;

use super::{Kept, RedisCarts, TAG};

/// How long a call's mark is kept: well above the time in which it is sent again.
const MARK_KEEP: Duration = Duration::from_mins(1);

/// What a call sends.
pub(super) struct Call {
    /// Every key it touches, its mark first.
    pub(super) keys: Vec<String>,
    /// The change set, which names keys by their places, counted from one.
    pub(super) text: String,
}

#[derive(Serialize)]
struct Set {
    /// Microseconds.
    now: String,
    /// Milliseconds.
    mark_for: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    claim: Option<Claim>,
    #[serde(skip_serializing_if = "Option::is_none")]
    handled: Option<Handled>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deadline: Option<String>,
    writes: Vec<Write>,
}

#[derive(Serialize)]
struct Claim {
    key: usize,
    body: String,
    result: String,
    generation: u32,
    until: String,
    keep: u64,
}

#[derive(Serialize)]
struct Handled {
    key: usize,
    keep: u64,
}

#[derive(Serialize)]
struct Write {
    key: usize,
    cart: Saved,
}

#[derive(Serialize)]
struct Saved {
    expected: String,
    version: String,
    expires: String,
    keep: u64,
    text: String,
}

impl Call {
    /// Of this change set at `now`.
    pub(super) fn of(
        carts: &RedisCarts,
        changes: &ChangeSet<CartWrite>,
        mark: String,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let mut keys = vec![mark];
        let claim = changes.claim.as_ref().map(|claim| {
            let until = claim.at.plus(limits::IDEMPOTENCY_KEEP);
            Claim {
                key: place(&mut keys, carts.scope_key(&claim.scope)),
                body: hex::encode(claim.body_hash),
                result: match claim.result {
                    KeyResult::Done(thing) => format!("D:{thing}"),
                    KeyResult::Refused(generation) => format!("R:{generation}"),
                },
                generation: claim.generation,
                until: micros(until),
                keep: keep(until, now),
            }
        });
        let handled = changes.handled.as_ref().map(|handled| {
            let name = format!("inbox:{}:{}", handled.consumer, handled.event);
            let key = place(&mut keys, carts.redis.key(TAG, &name));
            Handled { key, keep: keep(handled.at.plus(limits::HANDLED_KEEP), now) }
        });
        let mut writes = Vec::with_capacity(changes.writes.len());
        for write in &changes.writes {
            let key = place(&mut keys, carts.cart_key(write.cart().owner));
            writes.push(Write { key, cart: saved(write, now)? });
        }
        let (mark_for, deadline) = (millis(MARK_KEEP), changes.deadline.map(micros));
        let text = text(&Set { now: micros(now), mark_for, claim, handled, deadline, writes })?;
        Ok(Self { keys, text })
    }
}

fn saved(write: &CartWrite, now: Timestamp) -> Result<Saved, StoreError> {
    let cart = write.cart();
    let Cart { owner: _, lines, coupon, metadata, begun_at, updated_at, version } = cart.clone();
    let (begun_at, updated_at) = (begun_at.as_micros(), updated_at.as_micros());
    let kept = Kept { lines, coupon, metadata, begun_at, updated_at, version };
    Ok(Saved {
        expected: match write {
            CartWrite::Begin(_) => "none".to_owned(),
            // A cart is never stored with version 0.
            CartWrite::Save(_) => version.saturating_sub(1).to_string(),
        },
        version: version.to_string(),
        expires: micros(cart.expires_at()),
        keep: keep(cart.expires_at(), now),
        text: text(&kept)?,
    })
}

/// The place of `key`, which is added if it is not there.
fn place(keys: &mut Vec<String>, key: String) -> usize {
    let known = keys.iter().position(|known| *known == key);
    known.unwrap_or_else(|| {
        keys.push(key);
        keys.len() - 1
    }) + 1
}

fn micros(at: Timestamp) -> String {
    at.as_micros().to_string()
}

/// Milliseconds from `now` after which Redis may forget; the instant itself is judged by our clock.
fn keep(until: Timestamp, now: Timestamp) -> u64 {
    millis(until.since(now)).saturating_add(1)
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

fn text(what: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(what).map_err(|error| StoreError::new(StoreErrorKind::Internal, "carts.commit", error))
}
