//! What the contexts say to each other, and the machinery that loses none of it.
//!
//! A use case puts [`Envelope`]s into its change set; the store writes them to its outbox in the
//! same transaction. The [`relay::Relay`] moves them to the [`EventBus`], which brings them to every
//! [`Consumer`]. Delivery is at least once and in no promised order; a consumer commits its effect
//! together with an inbox entry, so that the effect happens once.
//!
//! Consumers only record. Slow or remote work is done by workers from what they recorded.

mod data;
pub mod desk;
mod letters;
pub mod relay;

use std::time::Duration;

use async_trait::async_trait;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::change::digest;
use crate::error::{Error, StoreError};
use crate::ids::{EventId, Id};
use crate::page::{Page, PageRequest};
use crate::time::Timestamp;

pub use data::EventData;
pub use letters::{Letter, LetterId, Unreadable};

macro_rules! wire_names {
    ($($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal),+ $(,)? })+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name {
            $($(#[$vdoc])* #[serde(rename = $text)] $variant,)+
        }

        impl $name {
            /// Every value, in declaration order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The stable name used in JSON, SQL and on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = &'static str;

            fn from_str(text: &str) -> Result<Self, &'static str> {
                match text { $($text => Ok(Self::$variant),)+ _ => Err(concat!("must be one of", $(" ", $text),+)) }
            }
        }
    )+};
}
pub(crate) use wire_names;

wire_names! {
    /// Where an event is said; one topic for each context that speaks of itself, one for what staff does.
    Topic {
        /// What happens to users.
        Users = "user-events",
        /// What happens to products and stock.
        Catalog = "catalog-events",
        /// What happens to orders, their payments and refunds.
        Orders = "order-events",
        /// What staff did, in every context: for users alone, so that what is said about orders has no listener more.
        Staff = "staff-events",
    }

    /// What happened.
    EventKind {
        /// Somebody registered.
        UserRegistered = "USER_REGISTERED",
        /// Somebody forgot her password.
        PasswordResetRequested = "PASSWORD_RESET_REQUESTED",
        /// A product was created, changed or archived.
        ProductUpdated = "PRODUCT_UPDATED",
        /// A SKU's available stock fell to its threshold.
        LowStockAlert = "LOW_STOCK_ALERT",
        /// An order was placed.
        OrderCreated = "ORDER_CREATED",
        /// An order is paid, or to be paid on delivery.
        OrderConfirmed = "ORDER_CONFIRMED",
        /// An order is being packed.
        OrderProcessing = "ORDER_PROCESSING",
        /// An order left the house.
        OrderShipped = "ORDER_SHIPPED",
        /// An order is with the courier at the customer's place.
        OrderOutForDelivery = "ORDER_OUT_FOR_DELIVERY",
        /// An order arrived.
        OrderDelivered = "ORDER_DELIVERED",
        /// An order was cancelled.
        OrderCancelled = "ORDER_CANCELLED",
        /// Money was captured.
        PaymentSuccess = "PAYMENT_SUCCESS",
        /// An attempt to pay was declined.
        PaymentFailed = "PAYMENT_FAILED",
        /// Captured money went back.
        RefundSucceeded = "REFUND_SUCCEEDED",
        /// Some of an order was given up before it left the house.
        OrderLinesCancelled = "ORDER_LINES_CANCELLED",
        /// An order goes elsewhere than it was to go.
        OrderRedirected = "ORDER_REDIRECTED",
        /// A guest asks for the link of her order again.
        OrderLinkRequested = "ORDER_LINK_REQUESTED",
        /// A parcel of an order left the house.
        ShipmentCreated = "SHIPMENT_CREATED",
        /// A carrier said something about a parcel.
        ShipmentUpdated = "SHIPMENT_UPDATED",
        /// A customer asks to send something back.
        ReturnRequested = "RETURN_REQUESTED",
        /// The goods may come back.
        ReturnApproved = "RETURN_APPROVED",
        /// The goods may not come back.
        ReturnRejected = "RETURN_REJECTED",
        /// The goods came back.
        ReturnReceived = "RETURN_RECEIVED",
        /// What came back is being paid back.
        ReturnRefunded = "RETURN_REFUNDED",
        /// What came back was exchanged.
        ReturnExchanged = "RETURN_EXCHANGED",
        /// Staff changed something.
        StaffActed = "STAFF_ACTED",
    }
}

impl EventKind {
    /// Whether it is the shop's own affair, which no other system is told of.
    #[must_use]
    pub const fn is_internal(self) -> bool {
        matches!(self, Self::StaffActed)
    }

    /// Where it is said.
    #[must_use]
    pub const fn topic(self) -> Topic {
        match self {
            Self::UserRegistered | Self::PasswordResetRequested => Topic::Users,
            Self::ProductUpdated | Self::LowStockAlert => Topic::Catalog,
            Self::OrderCreated
            | Self::OrderConfirmed
            | Self::OrderProcessing
            | Self::OrderShipped
            | Self::OrderOutForDelivery
            | Self::OrderDelivered
            | Self::OrderCancelled
            | Self::PaymentSuccess
            | Self::PaymentFailed
            | Self::RefundSucceeded
            | Self::OrderLinesCancelled
            | Self::OrderRedirected
            | Self::OrderLinkRequested
            | Self::ShipmentCreated
            | Self::ShipmentUpdated
            | Self::ReturnRequested
            | Self::ReturnApproved
            | Self::ReturnRejected
            | Self::ReturnReceived
            | Self::ReturnRefunded
            | Self::ReturnExchanged => Topic::Orders,
            Self::StaffActed => Topic::Staff,
        }
    }
}

/// A queue at a broker: what one consumer hears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queue {
    /// Its consumer's [name](Consumer::name).
    pub name: &'static str,
    /// Where what the consumer wants is said.
    pub topics: Vec<Topic>,
}

impl Queue {
    /// The queue of this consumer.
    #[must_use]
    pub fn of(consumer: &dyn Consumer) -> Self {
        let wanted = |topic: &Topic| EventKind::ALL.iter().any(|kind| kind.topic() == *topic && consumer.wants(*kind));
        Self { name: consumer.name(), topics: Topic::ALL.iter().copied().filter(wanted).collect() }
    }

    /// What its dead letters are called at a broker that keeps them: `notification-dlq`.
    #[must_use]
    pub fn dead_letters(&self) -> String {
        format!("{}-dlq", self.name.strip_suffix("-queue").unwrap_or(self.name))
    }

    /// The queues of all consumers, for who publishes in one process what others hear in theirs.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let (users, catalog, orders) = (Topic::Users, Topic::Catalog, Topic::Orders);
        vec![
            Self { name: "catalog-order-queue", topics: vec![orders] },
            Self { name: "order-cart-queue", topics: vec![orders] },
            Self { name: "notification-queue", topics: vec![users, catalog, orders] },
            Self { name: "webhook-queue", topics: vec![users, catalog, orders] },
            Self { name: "staff-log-queue", topics: vec![Topic::Staff] },
        ]
    }
}

/// An event on its way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Envelope {
    /// The same at every delivery.
    pub id: EventId,
    /// Where it is said.
    pub topic: Topic,
    /// What happened.
    #[serde(rename = "type")]
    pub kind: EventKind,
    /// Version of the shape of `data`; grows when a consumer must tell them apart.
    pub schema: u16,
    /// The aggregate it happened to.
    pub aggregate: Uuid,
    /// The aggregate's version after it happened.
    pub version: u64,
    /// When it happened.
    pub at: Timestamp,
    /// W3C `traceparent` of the request that caused it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// Ids and what is public on the aggregate; never addresses or mail addresses.
    pub data: EventData,
}

impl Envelope {
    /// The data in the shape a consumer expects.
    ///
    /// # Errors
    /// [`ConsumeError::Permanent`] when it has another shape.
    pub fn data<T: DeserializeOwned>(&self) -> Result<T, ConsumeError> {
        self.data.read().map_err(|error| ConsumeError::Permanent(format!("{}: {error}", self.kind)))
    }
}

/// Why a consumer did not record an event.
#[derive(Debug, thiserror::Error)]
pub enum ConsumeError {
    /// It never will: the event cannot be understood. Three times, then dead letters.
    #[error("{0}")]
    Permanent(String),
    /// Not now: its store does not answer. Tried again without counting.
    #[error(transparent)]
    Transient(StoreError),
}

impl From<Error> for ConsumeError {
    fn from(error: Error) -> Self {
        match error {
            Error::Store(error) => Self::Transient(error),
            Error::Refused(refusal) => Self::Permanent(refusal.to_string()),
        }
    }
}

impl From<StoreError> for ConsumeError {
    fn from(error: StoreError) -> Self {
        Self::Transient(error)
    }
}

/// Records the effect of events, each once however often it is delivered.
#[async_trait]
pub trait Consumer: Send + Sync {
    /// Stable name: the inbox key and, on a broker, the queue.
    fn name(&self) -> &'static str;

    /// Whether events of this kind concern it.
    fn wants(&self, kind: EventKind) -> bool;

    /// Commits the effect together with the inbox entry. An event handled before is a success.
    ///
    /// # Errors
    /// See [`ConsumeError`].
    async fn handle(&self, event: &Envelope) -> Result<(), ConsumeError>;
}

/// Brings events to all consumers, at least once.
#[async_trait]
pub trait EventBus: Send + Sync {
    /// Takes the events over. An answer names those that are safe with the bus (or already
    /// recorded by every consumer); the others are published again later.
    ///
    /// # Errors
    /// When nothing could be taken over.
    async fn publish(&self, events: &[Envelope]) -> Result<Vec<EventId>, StoreError>;

    /// How long an event may be on its way to a consumer that runs, once it is published. Nothing for a
    /// bus that only takes over what every consumer has recorded.
    fn lag(&self) -> Duration {
        Duration::ZERO
    }

    /// How far each of these queues is behind, of a bus that keeps events for them. Of one that does not, nothing: there the
    /// outboxes tell.
    ///
    /// # Errors
    /// When the bus cannot be asked.
    async fn queued(&self, queues: &[Queue]) -> Result<Vec<Queued>, StoreError> {
        let _ = queues;
        Ok(Vec::new())
    }
}

/// How far a queue at a broker is behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Queued {
    /// Which: its consumer's [name](Consumer::name).
    pub queue: &'static str,
    /// Events that its consumer is not done with, as far as the broker knows.
    pub waiting: u64,
    /// Since when the oldest of them is with the broker, where that tells; nothing where none waits.
    pub oldest: Option<Timestamp>,
}

/// The unpublished events of one database.
#[async_trait]
pub trait Outbox: Send + Sync {
    /// The oldest unpublished events, oldest first.
    async fn unpublished(&self, limit: u32) -> Result<Vec<Envelope>, StoreError>;

    /// Notes that these are published.
    async fn published(&self, events: &[EventId]) -> Result<(), StoreError>;

    /// How many wait, and since when the oldest does.
    async fn backlog(&self) -> Result<Backlog, StoreError>;

    /// Whether its database takes writes. Where the last one worked, this answers without a look; where it failed
    /// because the disk is full, fails, or refuses writes, a small write is tried. A store whose writes cannot
    /// fail so has nothing to say.
    ///
    /// # Errors
    /// Why it takes none.
    async fn takes_writes(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

/// How far an outbox is behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Backlog {
    /// Unpublished events.
    pub waiting: u64,
    /// When the oldest of them happened.
    pub oldest: Option<Timestamp>,
}

/// A delivery that failed for good, kept to be read and sent again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeadLetter {
    /// The consumer that could not handle it.
    pub consumer: String,
    /// What it could not handle.
    pub event: Envelope,
    /// Why.
    pub reason: String,
    /// How often it was received.
    pub receives: u32,
    /// When it was given up.
    pub at: Timestamp,
}

impl DeadLetter {
    /// Its place in lists: the event's id, whose last two bytes give way to the consumer's name, so
    /// that letters of one event to several consumers have places of their own.
    #[must_use]
    pub fn place(&self) -> Uuid {
        Self::place_of(&self.consumer, self.event.id)
    }

    /// The place of the letter of `event` to `consumer`.
    #[must_use]
    pub fn place_of(consumer: &str, event: EventId) -> Uuid {
        let [first, second, ..] = digest(&[consumer.as_bytes()]);
        let tail = u128::from(u16::from_be_bytes([first, second]));
        Uuid::from_u128((event.uuid().as_u128() & !0xffff) | tail)
    }
}

/// The dead letters of one database. A letter is named by its consumer and its event.
#[async_trait]
pub trait DeadLetters: Send + Sync {
    /// Keeps a letter; the same one twice is kept once.
    async fn bury(&self, letter: &DeadLetter) -> Result<(), StoreError>;

    /// The letters, newest event first: by their [places](DeadLetter::place), falling.
    async fn letters(&self, page: &PageRequest) -> Result<Page<DeadLetter>, StoreError>;

    /// Takes a letter out whose event was recorded after all, and puts what is `told` of that into the outbox. `None`
    /// when it is not there; then nothing is told.
    async fn exhume(&self, consumer: &str, event: EventId, told: Option<&Envelope>) -> Result<Option<DeadLetter>, StoreError>;

    /// Takes a letter out for good and remembers it as a delivery handled by [`given_up`], so that
    /// nobody misses its effect; and puts what is `told` of that into the outbox. `None` when it is not there; then nothing
    /// is told.
    async fn give_up(&self, consumer: &str, event: EventId, told: Option<&Envelope>) -> Result<Option<DeadLetter>, StoreError>;

    /// Puts what is told of a letter that lies elsewhere into the outbox.
    async fn tell(&self, told: &Envelope) -> Result<(), StoreError>;

    /// What lies at a broker and cannot be read. A database keeps events alone.
    async fn unreadable(&self) -> Result<Vec<Unreadable>, StoreError> {
        Ok(Vec::new())
    }

    /// Throws such a one away for good, after what is `told` of it is in the outbox. `None` when it is not there; then nothing
    /// is told.
    async fn discard(&self, letter: &LetterId, told: Option<&Envelope>) -> Result<Option<Unreadable>, StoreError> {
        let _ = (letter, told);
        Ok(None)
    }
}

/// Who has handled a delivery that was thrown away instead of handled by `consumer`.
#[must_use]
pub fn given_up(consumer: &str) -> String {
    format!("{consumer}/given-up")
}

/// Names who may do what only one may do at a time.
#[async_trait]
pub trait Leases: Send + Sync {
    /// Takes or renews the lease `name` for `owner` until `until`. Answers the epoch, which grows
    /// with every change of owner, or `None` while somebody else holds it. One that ends later than
    /// [`LEASE_MAX`](crate::limits::LEASE_MAX) after `now` is held by nobody.
    async fn acquire(&self, name: &str, owner: Uuid, now: Timestamp, until: Timestamp) -> Result<Option<u64>, StoreError>;

    /// Gives it back, if `owner` holds it.
    async fn give_back(&self, name: &str, owner: Uuid) -> Result<(), StoreError>;
}
