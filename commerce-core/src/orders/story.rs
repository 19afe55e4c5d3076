//! From a decision to a change set: the order as it will be, its history and its events together.

use std::time::Duration;

use uuid::Uuid;

use crate::actor::Actor;
use crate::change::ChangeSet;
use crate::events::{Envelope, EventData, EventKind, Topic};
use crate::ids::{CancellationId, EventId, Id, ReturnId, ShipmentId, TimelineId};
use crate::time::Timestamp;

use super::Orders;
use super::cart::CartOwner;
use super::model::{Order, OrderFacts, OrderStatus, TimelineEntry};
use super::ports::OrderWrite;
use super::returns::{ReturnFacts, ReturnStatus};
use super::shipments::ShipmentFacts;

/// The least that lies between two changes of one order: the clock's own unit.
const TICK: Duration = Duration::from_micros(1);

/// What happened to an order; each happening is one event, and each status one line of history.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Happening {
    /// It was placed.
    Placed,
    /// It has another status.
    Became(OrderStatus),
    /// Money was captured.
    Paid,
    /// An attempt to pay was declined.
    Declined,
    /// Money went back.
    Refunded,
    /// It goes elsewhere than it was to go.
    Redirected,
    /// Its guest asks for its link again.
    LinkRequested,
    /// Some of it was given up.
    GaveUp,
    /// Something of it left the house.
    Sent,
    /// Something that left the house is further, or came not as far as it should.
    Moved,
    /// Something of it is this far on its way back.
    Returned(ReturnStatus),
}

impl Happening {
    fn kind(self) -> EventKind {
        match self {
            Self::Placed | Self::Became(OrderStatus::Pending) => EventKind::OrderCreated,
            Self::Became(OrderStatus::Confirmed) => EventKind::OrderConfirmed,
            Self::Became(OrderStatus::Processing) => EventKind::OrderProcessing,
            Self::Became(OrderStatus::Shipped) => EventKind::OrderShipped,
            Self::Became(OrderStatus::OutForDelivery) => EventKind::OrderOutForDelivery,
            Self::Became(OrderStatus::Delivered) => EventKind::OrderDelivered,
            Self::Became(OrderStatus::Cancelled) => EventKind::OrderCancelled,
            Self::Paid => EventKind::PaymentSuccess,
            Self::Declined => EventKind::PaymentFailed,
            Self::Refunded => EventKind::RefundSucceeded,
            Self::Redirected => EventKind::OrderRedirected,
            Self::LinkRequested => EventKind::OrderLinkRequested,
            Self::GaveUp => EventKind::OrderLinesCancelled,
            Self::Sent => EventKind::ShipmentCreated,
            Self::Moved => EventKind::ShipmentUpdated,
            Self::Returned(ReturnStatus::Requested) => EventKind::ReturnRequested,
            Self::Returned(ReturnStatus::Approved) => EventKind::ReturnApproved,
            Self::Returned(ReturnStatus::Rejected) => EventKind::ReturnRejected,
            Self::Returned(ReturnStatus::Received) => EventKind::ReturnReceived,
            Self::Returned(ReturnStatus::Refunded) => EventKind::ReturnRefunded,
            Self::Returned(ReturnStatus::Exchanged) => EventKind::ReturnExchanged,
        }
    }

    fn status(self) -> Option<OrderStatus> {
        match self {
            Self::Placed => Some(OrderStatus::Pending),
            Self::Became(status) => Some(status),
            Self::Paid
            | Self::Declined
            | Self::Refunded
            | Self::Redirected
            | Self::LinkRequested
            | Self::GaveUp
            | Self::Sent
            | Self::Moved
            | Self::Returned(_) => None,
        }
    }
}

/// A decision about one order: what it is now and what happened to it on the way.
#[derive(Clone, Debug)]
pub struct Decided {
    /// The order as it will be, its version not yet counted on.
    pub order: Order,
    /// What happened, in order.
    pub happenings: Vec<Happening>,
    /// In words, for the history.
    pub note: String,
    /// Whether its stock was sold before this.
    pub was_confirmed: bool,
    /// The cart that it came out of, and the claim on it.
    pub cart: Option<(CartOwner, Uuid)>,
    /// What it gives up.
    pub given_up: Option<CancellationId>,
    /// The shipments that it is about.
    pub parcels: Vec<ShipmentId>,
    /// The return that it is about.
    pub returned: Option<ReturnId>,
}

impl Decided {
    /// Nothing has happened to `order` yet.
    #[must_use]
    pub fn about(order: Order) -> Self {
        let was_confirmed = match order.status {
            OrderStatus::Pending | OrderStatus::Cancelled => false,
            OrderStatus::Confirmed
            | OrderStatus::Processing
            | OrderStatus::Shipped
            | OrderStatus::OutForDelivery
            | OrderStatus::Delivered => true,
        };
        let (happenings, parcels) = (Vec::new(), Vec::new());
        Self { order, happenings, note: String::new(), was_confirmed, cart: None, given_up: None, parcels, returned: None }
    }

    /// And this happened.
    #[must_use]
    pub fn and(mut self, happening: Happening) -> Self {
        self.happenings.push(happening);
        self
    }

    /// With these words in the history.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }
}

impl Orders {
    /// The change set that makes a decision about an existing order true, and the order after it. It
    /// happens after what happened before, also where another process with a clock ahead of ours
    /// wrote that: an order's times and its history only go forward.
    pub(crate) fn update(&self, mut decided: Decided, actor: &Actor) -> (Order, ChangeSet<OrderWrite>) {
        let now = self.clock.now().max(decided.order.updated_at.plus(TICK));
        decided.order.version = decided.order.version.saturating_add(1);
        decided.order.updated_at = now;
        let told = self.tell(&decided, actor, now);
        let changes = ChangeSet::of([OrderWrite::Update(decided.order.clone())]);
        let ends = decided.happenings.contains(&Happening::Became(OrderStatus::Cancelled));
        let changes = if ends && decided.order.coupon.is_some() {
            changes.and(OrderWrite::GiveBack(decided.order.id, now))
        } else {
            changes
        };
        (decided.order, told.into_iter().fold(changes, add))
    }

    /// The change set that places a new order, and the order. Its history begins at the very instant
    /// that the order was decided.
    pub(crate) fn insert(&self, mut decided: Decided, actor: &Actor) -> (Order, ChangeSet<OrderWrite>) {
        decided.order.version = 1;
        let told = self.tell(&decided, actor, decided.order.updated_at);
        let changes = ChangeSet::of([OrderWrite::Insert(decided.order.clone())]);
        (decided.order, told.into_iter().fold(changes, add))
    }

    /// What a decision says that changes nothing about its order: events beside the state it is in.
    pub(crate) fn say(&self, decided: &Decided, actor: &Actor) -> Vec<Envelope> {
        self.tell(decided, actor, self.clock.now()).into_iter().map(|(event, _)| event).collect()
    }

    fn tell(&self, decided: &Decided, actor: &Actor, now: Timestamp) -> Vec<(Envelope, Option<TimelineEntry>)> {
        let order = &decided.order;
        let data = EventData::of(&facts(decided));
        let line = |(nth, happening): (usize, &Happening)| {
            let id: EventId = self.ids.mint_at(now, nth);
            let entry = happening.status().map(|status| TimelineEntry {
                id: TimelineId::from_uuid(id.uuid()),
                order: order.id,
                status,
                at: now,
                note: decided.note.clone(),
                actor: actor.label().to_owned(),
            });
            let event = Envelope {
                id,
                topic: Topic::Orders,
                kind: happening.kind(),
                schema: 1,
                aggregate: order.id.uuid(),
                version: order.version,
                at: now,
                traceparent: self.ids.traceparent(),
                data: data.clone(),
            };
            (event, entry)
        };
        decided.happenings.iter().enumerate().map(line).collect()
    }
}

fn add(changes: ChangeSet<OrderWrite>, (event, entry): (Envelope, Option<TimelineEntry>)) -> ChangeSet<OrderWrite> {
    let changes = changes.say([event]);
    match entry {
        Some(entry) => changes.and(OrderWrite::Timeline(entry)),
        None => changes,
    }
}

fn facts(decided: &Decided) -> OrderFacts {
    let order = &decided.order;
    OrderFacts {
        order_id: order.id,
        number: order.number.clone(),
        user_id: order.user,
        status: order.status,
        lines: order.lines.clone(),
        total: order.total,
        subtotal: order.subtotal,
        discount: order.discount,
        shipping: order.shipping,
        tax: order.tax,
        payment_method: order.payment.method,
        hold: order.hold,
        was_confirmed: decided.was_confirmed,
        from_cart: decided.cart.is_some(),
        cart_claim: decided.cart.map(|(_, claim)| claim),
        guest_cart: decided.cart.and_then(|(owner, _)| match owner {
            CartOwner::Guest(cart) => Some(cart),
            CartOwner::User(_) => None,
        }),
        shipping_option: Some(order.shipping_option.clone()),
        address_digest: Some(order.address_digest()),
        cancelled: order.all_given_up(),
        refused: order.all_refused(),
        given_up: decided.given_up.and_then(|id| order.cancellations.iter().find(|it| it.id == id).cloned()),
        shipments: decided.parcels.iter().filter_map(|id| order.shipment(*id)).map(ShipmentFacts::from).collect(),
        returned: decided.returned.and_then(|id| order.return_of(id)).map(ReturnFacts::from),
        note: (!decided.note.is_empty()).then(|| decided.note.clone()),
    }
}
