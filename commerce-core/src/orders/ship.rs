//! Shipping: goods leave the house parcel by parcel, carriers say how far they are, the order follows.
//!
//! Each step changes the order, so that of two at once one decides on what the other left: never more
//! leaves the house than was ordered, and nothing of an order that was cancelled.

use serde_json::json;

use crate::actor::Actor;
use crate::change::{Answer, ChangeSet, RequestKey, Round, expect_version, rounds};
use crate::error::{Outcome, Refusal};
use crate::ids::{Id, OrderId, ShipmentId};
use crate::keyed::Keyed;
use crate::limits;
use crate::staff::StaffAction;
use crate::text::{Check, Quantity, Sku};
use crate::time::Timestamp;

use super::Orders;
use super::model::{Order, OrderStatus};
use super::payment::PaymentMethod;
use super::pricing::demand;
use super::quote::parse_items;
use super::shipments::{CarrierWord, Shipment, ShipmentEvent, ShipmentLine, ShipmentOf, ShipmentStatus};
use super::status::settle_keyed;
use super::story::{Decided, Happening};

/// A parcel that leaves the house, as it came in.
#[derive(Clone, Debug)]
pub struct NewShipment {
    /// With whom.
    pub carrier: String,
    /// What the carrier calls it.
    pub tracking_number: String,
    /// SKU and quantity; `None` is all that is open.
    pub lines: Option<Vec<(String, i64)>>,
}

/// What a carrier says, as it came in.
#[derive(Clone, Debug)]
pub struct CarrierNews {
    /// What happened to the parcel.
    pub status: ShipmentStatus,
    /// When; `None` is now.
    pub at: Option<Timestamp>,
    /// In words.
    pub note: Option<String>,
}

impl Orders {
    /// Ships some of an order, or all that is open. Staff.
    ///
    /// # Errors
    /// `OVER_SHIPMENT`, `ILLEGAL_TRANSITION` of an order that is not confirmed, or is cancelled, `INVALID` naming the
    /// fields, `FORBIDDEN` for its customer, `NOT_FOUND` for strangers, `IDEMPOTENCY_MISMATCH`, `VERSION_MISMATCH` when the
    /// order is not `expected`.
    pub async fn ship(
        &self,
        actor: &Actor,
        order: OrderId,
        wish: NewShipment,
        key: Option<RequestKey>,
        expected: Option<u64>,
    ) -> Outcome<Answer<ShipmentOf>> {
        let keyed = &Keyed::of(actor, format!("POST /api/orders/{order}/shipments"), key);
        let (ref carrier, ref tracking_number, ref lines) = parse_shipment(&wish)?;
        let id: ShipmentId = self.ids.mint();
        rounds("order", || async {
            let known = self.owned(actor, order).await?;
            actor.require_staff()?;
            if let Some(made) = keyed.seen(&*self.store).await? {
                return Ok(Round::Done(Answer::Replayed(self.shipment(actor, order, ShipmentId::from_uuid(made)).await?)));
            }
            expect_version("order", expected, known.version)?;
            let now = self.clock.now();
            let lines = known.pack(lines.as_deref())?;
            let (carrier, tracking_number) = (Some(carrier.clone()), Some(tracking_number.clone()));
            let decided = sent(known, Shipment { carrier, tracking_number, ..parcel(id, lines, now) })?;
            let words = decided.order.shipments.iter().map(Shipment::words).filter(|words| !words.is_empty());
            let words = words.collect::<Vec<_>>().join("; ");
            let decided = follow(decided.note(words), now)?;
            let (order, changes) = self.update(decided, actor);
            let made = found(&order, id)?;
            let detail = json!({ "shipment": id, "lines": made.it.lines });
            let told = self.told(actor, order.id, StaffAction::ShipmentCreated, detail);
            let changes: ChangeSet<_> = changes.say(told).claim(keyed.claim(id.uuid(), now));
            settle_keyed(self.store.commit(changes).await, Answer::Fresh(made))
        })
        .await
    }

    /// Takes down what a carrier says about a parcel, whenever it comes and however often. Staff. What was known is
    /// answered as a replay.
    ///
    /// # Errors
    /// `ILLEGAL_TRANSITION` for what would have happened after it arrived, or while it comes back, `INVALID` naming the fields,
    /// `FORBIDDEN` for its customer, `NOT_FOUND` for strangers, `IDEMPOTENCY_MISMATCH`, `VERSION_MISMATCH` when the order is
    /// not `expected`.
    pub async fn shipment_news(
        &self,
        actor: &Actor,
        order: OrderId,
        id: ShipmentId,
        news: CarrierNews,
        key: Option<RequestKey>,
        expected: Option<u64>,
    ) -> Outcome<Answer<ShipmentOf>> {
        let keyed = &Keyed::of(actor, format!("POST /api/orders/{order}/shipments/{id}/events"), key);
        let news = &parse_news(news)?;
        rounds("order", || async {
            let known = self.owned(actor, order).await?;
            actor.require_staff()?;
            if keyed.seen(&*self.store).await?.is_some() {
                return Ok(Round::Done(Answer::Replayed(self.shipment(actor, order, id).await?)));
            }
            expect_version("order", expected, known.version)?;
            let it = found(&known, id)?;
            let now = self.clock.now();
            let said = match when(&known, news, now)? {
                Some(at) => Some(ShipmentEvent { status: news.status, at, note: news.note.clone() }),
                None if it.it.status() == news.status => None,
                None => Some(it.it.last_word(news.status, news.note.clone(), now)),
            };
            let heard = said.map_or(Ok(CarrierWord::Known), |said| it.it.hear(said, now))?;
            let CarrierWord::News(moved) = heard else {
                return Ok(Round::Done(Answer::Replayed(it)));
            };
            if moved.status() != it.it.status() {
                stays_out(&known, &it.it, moved.status().as_str())?;
            }
            let decided = self::moved(known, [moved]).note(news.note.clone().unwrap_or_default());
            let (order, changes) = self.update(follow(decided, now)?, actor);
            let made = found(&order, id)?;
            let detail = json!({ "shipment": id, "status": news.status });
            let changes = changes.say(self.told(actor, order.id, StaffAction::ShipmentUpdated, detail));
            settle_keyed(self.store.commit(changes.claim(keyed.claim(id.uuid(), now))).await, Answer::Fresh(made))
        })
        .await
    }

    /// What left the house of an order, oldest first, for its owner and staff.
    ///
    /// # Errors
    /// `NOT_FOUND`, for strangers too.
    pub async fn shipments_of(&self, actor: &Actor, order: OrderId) -> Outcome<Vec<ShipmentOf>> {
        let order = self.order(actor, order).await?;
        let id = order.id;
        Ok(order.shipments.into_iter().map(|it| ShipmentOf { order: id, it }).collect())
    }

    /// A shipment of an order, for who sees the order.
    ///
    /// # Errors
    /// `NOT_FOUND`, for strangers too.
    pub async fn shipment(&self, actor: &Actor, order: OrderId, id: ShipmentId) -> Outcome<ShipmentOf> {
        Ok(found(&self.order(actor, order).await?, id)?)
    }
}

/// A status that staff sets by hand and that shipments follow: all that is open leaves the house, or all that left it
/// is out, or has arrived.
///
/// # Errors
/// `ILLEGAL_TRANSITION` where the graph has no such step.
pub(super) fn by_hand(order: Order, status: OrderStatus, id: ShipmentId, now: Timestamp) -> Result<Decided, Refusal> {
    if !order.status.may_become(status) {
        return Err(Refusal::IllegalTransition { from: order.status.as_str(), to: status.as_str() });
    }
    let decided = match status {
        OrderStatus::Shipped => {
            let lines = order.pack(None)?;
            sent(order, parcel(id, lines, now))?
        }
        OrderStatus::OutForDelivery => all_moved(order, ShipmentStatus::OutForDelivery, now)?,
        OrderStatus::Delivered if order.standing() == status => Decided::about(order),
        OrderStatus::Delivered => all_moved(order, ShipmentStatus::Delivered, now)?,
        OrderStatus::Pending | OrderStatus::Confirmed | OrderStatus::Processing | OrderStatus::Cancelled => Decided::about(order),
    };
    follow(decided, now)
}

/// Takes an order to where its shipments say it is, step by step. What is paid on delivery is paid with the last
/// parcel that is under way.
pub(super) fn follow(mut decided: Decided, now: Timestamp) -> Result<Decided, Refusal> {
    let standing = decided.order.standing();
    while decided.order.status != standing {
        let direct = decided.order.status.may_become(standing);
        decided = become_status(decided, if direct { standing } else { OrderStatus::Shipped }, now)?;
    }
    Ok(decided)
}

/// One status further. Cash on delivery is captured when the last parcel is handed over.
///
/// # Errors
/// As [`Order::step`].
pub(super) fn become_status(mut decided: Decided, status: OrderStatus, now: Timestamp) -> Result<Decided, Refusal> {
    decided.order = decided.order.step(status, now)?;
    decided = decided.and(Happening::Became(status));
    let (due, nothing_arrived) = (decided.order.to_collect()?, decided.order.nothing_arrived());
    let payment = &mut decided.order.payment;
    if status == OrderStatus::Confirmed {
        decided.order.payment_due_at = None;
    } else if status == OrderStatus::Delivered && payment.method == PaymentMethod::Cod && !nothing_arrived {
        // On top of a card's capture that came after the switch to cash and is on its way back.
        payment.captured = payment.captured.plus(due)?;
        decided = decided.and(Happening::Paid);
    }
    Ok(decided)
}

fn parcel(id: ShipmentId, lines: Vec<ShipmentLine>, now: Timestamp) -> Shipment {
    Shipment { id, carrier: None, tracking_number: None, lines, events: Vec::new(), created_at: now, updated_at: now }
}

fn sent(order: Order, parcel: Shipment) -> Result<Decided, Refusal> {
    if order.shipments.len() >= limits::SHIPMENTS_MAX {
        return Err(Refusal::field("lines", "TOO_MANY", format!("an order has at most {} shipments", limits::SHIPMENTS_MAX)));
    }
    let mut decided = Decided { parcels: vec![parcel.id], ..Decided::about(order) };
    decided.order.shipments.push(parcel);
    Ok(decided.and(Happening::Sent))
}

/// The order with shipments as they are now.
fn moved(order: Order, shipments: impl IntoIterator<Item = Shipment>) -> Decided {
    let mut decided = Decided::about(order);
    for it in shipments {
        decided.parcels.push(it.id);
        if let Some(known) = decided.order.shipments.iter_mut().find(|known| known.id == it.id) {
            *known = it;
        }
    }
    decided.and(Happening::Moved)
}

/// Everything that has not arrived is this far now.
fn all_moved(order: Order, status: ShipmentStatus, now: Timestamp) -> Result<Decided, Refusal> {
    let mut news = Vec::new();
    for it in &order.shipments {
        stays_out(&order, it, status.as_str())?;
    }
    for it in order.shipments.iter().filter(|it| !matches!(it.status(), ShipmentStatus::Delivered)) {
        if let CarrierWord::News(it) = it.hear(it.last_word(status, None, now), now)? {
            news.push(it);
        }
    }
    Ok(moved(order, news))
}

/// Passes a parcel that no return is about.
fn stays_out(order: &Order, it: &Shipment, to: &'static str) -> Result<(), Refusal> {
    let from = it.status().as_str();
    if order.comes_back(it) { Err(Refusal::IllegalTransition { from, to }) } else { Ok(()) }
}

fn found(order: &Order, id: ShipmentId) -> Result<ShipmentOf, Refusal> {
    let it = order.shipment(id).cloned().ok_or(Refusal::NotFound("shipment"))?;
    Ok(ShipmentOf { order: order.id, it })
}

/// When something happened, if the carrier says when.
fn when(order: &Order, news: &CarrierNews, now: Timestamp) -> Result<Option<Timestamp>, Refusal> {
    let Some(at) = news.at else { return Ok(None) };
    if at < order.id.placed_at() || at > now.plus(limits::CARRIER_CLOCK_AHEAD) {
        return Err(Refusal::field("at", "OUT_OF_RANGE", "must lie between the order and now"));
    }
    Ok(Some(at))
}

type Parsed = (String, String, Option<Vec<(Sku, Quantity)>>);

fn parse_shipment(wish: &NewShipment) -> Result<Parsed, Refusal> {
    let mut check = Check::new();
    let carrier = check.line("carrier", &wish.carrier, 1, limits::SHORT_TEXT_MAX);
    let number = check.line("trackingNumber", &wish.tracking_number, 1, limits::SHORT_TEXT_MAX);
    let lines = wish.lines.as_ref().and_then(|lines| check.take(parse_items("lines", lines)));
    if wish.lines.as_ref().is_some_and(Vec::is_empty) {
        check.fault("lines", "REQUIRED", "say what leaves the house, or leave it out for all that is open");
    }
    check.finish()?;
    Ok((carrier, number, lines.as_deref().map(demand).transpose()?))
}

fn parse_news(news: CarrierNews) -> Result<CarrierNews, Refusal> {
    let mut check = Check::new();
    let note = news.note.map(|note| check.line("note", &note, 0, limits::SHORT_TEXT_MAX));
    if news.status == ShipmentStatus::Shipped {
        check.fault("status", "INVALID", "must be one of IN_TRANSIT OUT_FOR_DELIVERY DELIVERED FAILED");
    }
    check.finish()?;
    Ok(CarrierNews { note: note.filter(|note| !note.is_empty()), ..news })
}
