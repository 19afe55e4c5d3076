//! How many orders of one customer may wait for their money at once, so that nobody keeps stock without paying for it.
//!
//! A customer, or a guest, has so many places, each a key in her name that says which order stands there. A place is free
//! once that order waits no more, and is then taken under the key's next generation, so that of two who want the same place one
//! gets it. An order takes its place before it is there: whoever dies in between keeps the place until no order can
//! appear on her hold any more. What is paid on delivery is sold at once and needs no place.

use uuid::Uuid;

use crate::change::{ChangeSet, CommitError, CommitRefusal, KeyClaim, KeyRecord, KeyResult, KeyScope, RequestKey, digest};
use crate::error::{Outcome, Refusal};
use crate::ids::{Id, OrderId, UserId};
use crate::limits;
use crate::text::IdempotencyKey;
use crate::time::Timestamp;

use super::Orders;
use super::model::{Order, OrderStatus};

/// Where the places are kept.
pub(crate) const ROUTE: &str = "POST /api/orders#unpaid";

/// Who stands in a place: an order, and a digest of the key that it is placed under.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Holder {
    order: Uuid,
    request: [u8; 16],
}

impl Holder {
    fn of(order: OrderId, key: &RequestKey) -> Self {
        let digest = digest(&[b"unpaid", key.key.as_str().as_bytes()]);
        let request = digest.first_chunk().copied().unwrap_or_default();
        Self { order: order.uuid(), request }
    }

    /// In the bytes that a key has for the hash of a request.
    fn written(self) -> [u8; 32] {
        let mut bytes = [0; 32];
        for (place, byte) in bytes.iter_mut().zip(self.order.as_bytes().iter().chain(&self.request)) {
            *place = *byte;
        }
        bytes
    }

    fn read(record: &KeyRecord) -> Option<Self> {
        let (order, request) = record.body_hash.split_first_chunk::<16>()?;
        Some(Self { order: Uuid::from_bytes(*order), request: request.try_into().ok()? })
    }
}

impl Orders {
    /// Passes an order that need not wait for its money, or for which a place is left.
    ///
    /// # Errors
    /// `TOO_MANY_UNPAID`.
    pub(super) async fn take_place(&self, order: &Order, key: &RequestKey) -> Outcome<()> {
        let most = self.policy.unpaid_max;
        if most == 0 || order.status != OrderStatus::Pending {
            return Ok(());
        }
        let (mine, now) = (Holder::of(order.id, key), self.clock.now());
        for place in 0..most {
            let scope = place_of(order.user, place)?;
            let record = self.store.key(&scope).await?;
            let Some(generation) = self.next_of(record.as_ref(), mine, now).await? else { continue };
            let result = KeyResult::Refused(generation);
            let claim = KeyClaim { scope, body_hash: mine.written(), result, generation, at: now };
            match self.store.commit(ChangeSet::new().claim(Some(claim))).await {
                Ok(()) => return Ok(()),
                Err(CommitError::Refused(CommitRefusal::KeyTaken(_))) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Refusal::TooManyUnpaid { most }.into())
    }

    /// The generation under which a place can be taken; none while somebody else stands there.
    async fn next_of(&self, record: Option<&KeyRecord>, mine: Holder, now: Timestamp) -> Outcome<Option<u32>> {
        let Some(record) = record else { return Ok(Some(1)) };
        let (KeyResult::Refused(generation), Some(holder)) = (record.result, Holder::read(record)) else { return Ok(None) };
        let free = holder.request == mine.request || !self.waits(OrderId::from_uuid(holder.order), now).await?;
        Ok(free.then_some(generation.saturating_add(1)))
    }

    /// Whether an order waits for its money, or may yet appear.
    async fn waits(&self, id: OrderId, now: Timestamp) -> Outcome<bool> {
        Ok(match self.store.order(id).await? {
            Some(order) => order.status == OrderStatus::Pending,
            None => now < id.placed_at().plus(limits::HOLD_FOR),
        })
    }
}

fn place_of(user: UserId, place: u32) -> Result<KeyScope, Refusal> {
    let key = IdempotencyKey::parse("key", &format!("place-{place}"))?;
    Ok(KeyScope { user: Some(user), route: ROUTE.to_owned(), key })
}
