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
use crate::page::PageRequest;
use crate::text::IdempotencyKey;
use crate::time::Timestamp;

use super::Orders;
use super::model::{Order, OrderStatus};
use super::ports::OrderFilter;

/// Where the places are kept.
pub(crate) const ROUTE: &str = "POST /api/orders#unpaid";

/// How often one place is looked at while others are quicker.
const LOOKS: usize = 4;

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
            if self.stands_in(order.user, place, mine, now).await? {
                return Ok(());
            }
        }
        Err(Refusal::TooManyUnpaid { most }.into())
    }

    /// Takes a place if it can be had. Whoever is quicker may be the other click of the same customer, whose place it is, too.
    async fn stands_in(&self, user: UserId, place: u32, mine: Holder, now: Timestamp) -> Outcome<bool> {
        for _ in 0..LOOKS {
            let scope = place_of(user, place)?;
            let record = self.store.key(&scope).await?;
            let (generation, holder) = match self.look_at(record.as_ref(), mine, now).await? {
                Place::Taken => return Ok(false),
                Place::Free(generation) => (generation, mine),
                Place::Deserted(generation) => (generation, self.homeless(user).await?.unwrap_or(mine)),
            };
            let result = KeyResult::Refused(generation);
            let claim = KeyClaim { scope, body_hash: holder.written(), result, generation, at: now };
            match self.store.commit(ChangeSet::new().claim(Some(claim))).await {
                Ok(()) if holder == mine => return Ok(true),
                Ok(()) | Err(CommitError::Refused(CommitRefusal::KeyTaken(_))) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(false)
    }

    /// How it is with a place.
    async fn look_at(&self, record: Option<&KeyRecord>, mine: Holder, now: Timestamp) -> Outcome<Place> {
        let Some(record) = record else { return Ok(Place::Free(1)) };
        let (KeyResult::Refused(generation), Some(holder)) = (record.result, Holder::read(record)) else {
            return Ok(Place::Taken);
        };
        let next = generation.saturating_add(1);
        if holder.request == mine.request {
            return Ok(Place::Free(next));
        }
        let id = OrderId::from_uuid(holder.order);
        Ok(match self.store.order(id).await? {
            Some(order) if order.status == OrderStatus::Pending => Place::Taken,
            Some(_) => Place::Free(next),
            None if now < id.placed_at().plus(limits::HOLD_FOR) => Place::Taken,
            None => Place::Deserted(next),
        })
    }

    /// An order that waits for its money and stands in no place: of two clicks one took the place, and the other's order
    /// is the one that is there.
    async fn homeless(&self, user: UserId) -> Outcome<Option<Holder>> {
        let filter = OrderFilter { user: Some(user), status: Some(OrderStatus::Pending), ..OrderFilter::default() };
        let waiting = self.store.orders(&filter, &PageRequest::parse(Some(limits::PAGE_MAX.into()), None)?).await?.items;
        let mut housed = Vec::new();
        for place in 0..self.policy.unpaid_max {
            let record = self.store.key(&place_of(user, place)?).await?;
            housed.extend(record.as_ref().and_then(Holder::read).map(|holder| holder.order));
        }
        let homeless = waiting.iter().map(|order| order.id.uuid()).find(|id| !housed.contains(id));
        Ok(homeless.map(|order| Holder { order, request: [0; 16] }))
    }
}

/// How it is with a place, and under which generation it can be taken.
enum Place {
    /// Somebody stands there, or may yet.
    Taken,
    /// Nobody stands there any more.
    Free(u32),
    /// Who took it never came.
    Deserted(u32),
}

fn place_of(user: UserId, place: u32) -> Result<KeyScope, Refusal> {
    let key = IdempotencyKey::parse("key", &format!("place-{place}"))?;
    Ok(KeyScope { user: Some(user), route: ROUTE.to_owned(), key })
}
