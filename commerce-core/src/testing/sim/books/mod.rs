//! Books of what really happened, kept beside the stores, and what must hold after every entry.
//!
//! Every commit that any node makes is taken down here as it was written, whatever its caller heard.
//! The books know nothing of the rules' code: they say again, in other words, what may be written.
//! What needs the whole picture is judged at the end, in `closing`. Start reading at
//! [`Books::take_down`].

mod carts;
mod catalog;
mod coupons;
mod mails;
mod money;
mod opinions;
mod orders;
mod returns;
mod shipments;
mod wallets;

pub(super) use money::{owed, taken};
pub(super) use orders::NOTE;
pub(super) use shipments::cash;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;
use uuid::Uuid;

use crate::catalog::{HoldKey, HoldState, Rating, Review};
use crate::change::{ChangeSet, CommitRefusal};
use crate::events::{Envelope, EventKind};
use crate::ids::{
    AttemptId, CouponId, EventId, Id, NotificationId, OrderId, ProductId, ReviewId, UserId, WebhookDeliveryId, WebhookEndpointId,
};
use crate::money::Money;
use crate::notifications::{Notification, WebhookDelivery};
use crate::orders::{Cart, HoldRef, Order, OrderStatus, TopUp, WalletEntry};
use crate::testing::fault::Happened;
use crate::text::Sku;
use crate::time::Timestamp;
use crate::users::{Guest, User};

use super::scheduler::NodeId;
use super::situations::Situation;

/// How far the clocks of a world's nodes are apart from the true time at most, jumps included.
const CLOCKS_DIFFER: Duration = Duration::from_secs(30);

/// What really happened, and what was found wrong with it.
#[derive(Default)]
pub struct Books {
    /// Orders of one buyer that may wait for their money at once; 0 for any number.
    pub(super) unpaid_max: u32,
    /// Whether the mailer makes one mail of a mail that it gets again.
    pub(super) one_mail: bool,
    pub(super) users: BTreeMap<UserId, User>,
    pub(super) guests: BTreeMap<UserId, Guest>,
    pub(super) stock: BTreeMap<Sku, Stock>,
    /// When ops were last told of low stock.
    pub(super) told_low: BTreeMap<Sku, Timestamp>,
    pub(super) holds: BTreeMap<HoldName, HoldEntry>,
    pub(super) reviews: BTreeMap<ReviewId, Review>,
    pub(super) ratings: BTreeMap<ProductId, Rating>,
    pub(super) wishes: BTreeSet<(UserId, ProductId)>,
    pub(super) orders: BTreeMap<OrderId, OrderEntry>,
    coupons: BTreeMap<CouponId, coupons::CouponEntry>,
    /// What each customer has with the shop.
    pub(super) wallets: BTreeMap<UserId, i64>,
    /// Everything that was entered in wallets.
    pub(super) entries: BTreeMap<Uuid, WalletEntry>,
    pub(super) top_ups: BTreeMap<AttemptId, TopUp>,
    pub(super) by_note: BTreeMap<(UserId, String), OrderId>,
    pub(super) on_hold: BTreeMap<HoldName, OrderId>,
    pub(super) carts: BTreeMap<Uuid, Cart>,
    /// Units of each SKU that left a cart because they were ordered.
    pub(super) reduced: BTreeMap<(Uuid, Sku), i64>,
    /// The order of each owner's cart whose lines are still in it.
    leaving: BTreeMap<Uuid, OrderId>,
    pub(super) notifications: BTreeMap<NotificationId, Notification>,
    pub(super) mails: BTreeMap<NotificationId, MailEntry>,
    pub(super) endpoints: BTreeSet<WebhookEndpointId>,
    pub(super) deliveries: BTreeMap<WebhookDeliveryId, WebhookDelivery>,
    pub(super) said: BTreeMap<EventId, Envelope>,
    pub(super) handled: BTreeSet<(&'static str, EventId)>,
    pub(super) buried: BTreeSet<(String, EventId)>,
    pub(super) keys: BTreeSet<[u8; 32]>,
    /// Events that nobody can understand.
    pub(super) poison: BTreeSet<EventId>,
    /// Attempts that the provider was to give up.
    given_up: BTreeSet<AttemptId>,
    /// Attempts about which the provider has sent its message.
    told: BTreeSet<AttemptId>,
    /// Events that each node is publishing.
    publishing: BTreeMap<NodeId, Vec<EventId>>,
    effect: u128,
    violation: Option<String>,
}

/// A generation of a hold.
pub(super) type HoldName = (HoldKey, u32);

/// The stock of one SKU as its movements add up, and every price it had.
#[derive(Default)]
pub(super) struct Stock {
    pub(super) on_hand: i64,
    pub(super) reserved: i64,
    /// Whether a variant has it now.
    pub(super) on_shelf: bool,
    /// Whether the change set that is looked at brought it there.
    pub(super) is_new: bool,
    /// Sold and restocked units of each hold.
    pub(super) sold: BTreeMap<String, (i64, i64)>,
    /// How many could be had, since when; nothing while it has no shelf.
    pub(super) levels: Vec<(Timestamp, i64)>,
    /// Each price with the instant it ended; none for the present one.
    pub(super) prices: Vec<(Money, Option<Timestamp>)>,
}

pub(super) struct HoldEntry {
    pub(super) state: HoldState,
    pub(super) lines: Vec<(Sku, u32, Money)>,
    pub(super) expires_at: Timestamp,
    /// As it was taken; a hold that was put off for an order that is cancelled since may end after this.
    pub(super) first_expiry: Timestamp,
    pub(super) taken_at: Timestamp,
    pub(super) ended_at: Option<Timestamp>,
}

pub(super) struct OrderEntry {
    pub(super) order: Order,
    pub(super) path: Vec<OrderStatus>,
    pub(super) from_cart: bool,
    pub(super) first_due: Option<Timestamp>,
    pub(super) was_confirmed: bool,
    /// Who, in the words of the history, cancelled it.
    pub(super) cancelled_by: String,
}

#[derive(Default)]
pub(super) struct MailEntry {
    /// How often the transport accepted it.
    pub(super) accepted: u32,
    /// How often the shop did not hear so.
    pub(super) untold: u32,
}

impl Books {
    /// Takes down what happened; answers the situations it amounts to.
    pub(super) fn take_down(&mut self, node: NodeId, now: Timestamp, operation: &str, what: &Happened<'_>) -> Vec<Situation> {
        let mut met = Vec::new();
        self.effect = 0;
        match what {
            Happened::Users(changes) => self.users(changes),
            Happened::Catalog(changes) => self.catalog(changes, now, &mut met),
            Happened::Orders(changes) => self.orders(changes, now, &mut met),
            Happened::Carts(changes) => self.carts(changes),
            Happened::Notifications(changes) => self.notifications(changes, &mut met),
            Happened::Refused(CommitRefusal::Stale(_)) => met.push(Situation::RaceLost),
            Happened::Refused(CommitRefusal::CartOrdered(_)) => met.push(Situation::CartOrderedAgain),
            Happened::Refused(CommitRefusal::AlreadyHandled) if operation != "orders.commit" => met.push(Situation::BroughtAgain),
            Happened::Refused(_) => {}
            Happened::Publishing(events) => self.publishing(node, events, &mut met),
            Happened::Published => {
                self.publishing.remove(&node);
            }
            Happened::Buried(letter) => {
                met.push(Situation::DeadLetter);
                self.must(letter.receives >= crate::limits::RECEIVES_MAX, || format!("{} was buried early", letter.event.id));
                self.buried.insert((letter.consumer.clone(), letter.event.id));
            }
            Happened::Voiding(attempt) => {
                self.given_up.insert(attempt.id);
            }
            Happened::Answered(attempt, _) => self.effect = attempt.id.uuid().as_u128(),
            Happened::Refunded(refund, _) => self.effect = refund.id.uuid().as_u128(),
            Happened::Mailed(mail, told) => self.mailed(mail, *told, &mut met),
        }
        met
    }

    /// What every change set brings besides its writes.
    fn common<W>(&mut self, changes: &ChangeSet<W>) {
        if let Some(claim) = &changes.claim
            && matches!(claim.result, crate::change::KeyResult::Done(_))
        {
            let free = self.keys.insert(claim.scope.digest());
            self.must(free, || format!("the key {} of {} was used up twice", claim.scope.key, claim.scope.route));
        }
        if let Some(handled) = &changes.handled {
            let first = self.handled.insert((handled.consumer, handled.event));
            self.must(first, || format!("{} handled {} twice", handled.consumer, handled.event));
            self.effect ^= handled.event.uuid().as_u128();
        }
        for event in &changes.events {
            self.effect = self.effect.rotate_left(1) ^ event.id.uuid().as_u128();
            let fresh = self.said.insert(event.id, event.clone()).is_none();
            self.must(fresh, || format!("the event {} was said twice", event.id));
        }
        let deeds = changes.events.iter().filter(|event| event.kind == EventKind::StaffActed).count();
        self.must(deeds <= 1, || format!("one change set tells of {deeds} deeds of staff"));
        self.must(deeds == 0 || !changes.writes.is_empty(), || "staff did something that changed nothing".to_owned());
        self.effect = self.effect.rotate_left(1) ^ u128::try_from(changes.writes.len()).unwrap_or(0);
    }

    fn publishing(&mut self, node: NodeId, events: &[Envelope], met: &mut Vec<Situation>) {
        let ids: Vec<EventId> = events.iter().map(|event| event.id).collect();
        let elsewhere =
            self.publishing.iter().filter(|(other, _)| **other != node).any(|(_, other)| other.iter().any(|id| ids.contains(id)));
        if elsewhere {
            met.push(Situation::RelaysOverlapped);
        }
        for event in events {
            let said = self.said.contains_key(&event.id);
            self.must(said, || format!("{} {} was published and never said", event.kind, event.id));
        }
        self.publishing.insert(node, ids);
    }

    /// A node died: what it was publishing, it is not any more.
    pub(super) fn forget_node(&mut self, node: NodeId) {
        self.publishing.remove(&node);
    }

    /// True once for each attempt.
    pub(super) fn tell_once(&mut self, attempt: AttemptId) -> bool {
        self.told.insert(attempt)
    }

    /// Notes a violation unless `holds`. The first is kept: what follows it may follow from it.
    pub(super) fn must(&mut self, holds: bool, why: impl FnOnce() -> String) {
        if !holds && self.violation.is_none() {
            self.violation = Some(why());
        }
    }

    /// The last entry in a number, and the violation, if there is one.
    pub(super) fn last_word(&self) -> (u128, Option<String>) {
        (self.effect, self.violation.clone())
    }

    /// What was found wrong first.
    pub fn violation(&self) -> Option<&str> {
        self.violation.as_deref()
    }

    /// The order that a client's note names, if it was placed.
    pub(super) fn placed(&self, user: UserId, note: &str) -> Option<OrderId> {
        self.by_note.get(&(user, note.to_owned())).copied()
    }

    /// Orders in the order they were placed.
    pub(super) fn order_ids(&self) -> Vec<OrderId> {
        self.orders.keys().copied().collect()
    }

    /// The newest state of an order.
    pub(super) fn order(&self, id: OrderId) -> Option<&Order> {
        self.orders.get(&id).map(|entry| &entry.order)
    }

    /// What an audit may call events that nobody can understand: by themselves, and by what they are
    /// about.
    pub(super) fn poison_names(&self) -> Vec<String> {
        let about = self.said.values().filter(|event| self.poison.contains(&event.id));
        about.flat_map(|event| [event.id.to_string(), event.aggregate.to_string()]).collect()
    }

    /// Somebody says something that nobody can understand.
    pub(super) fn poisoned(&mut self, event: &Envelope) {
        self.said.insert(event.id, event.clone());
        self.poison.insert(event.id);
    }
}

/// What an event says, as JSON that nobody's types have seen.
struct Words(Value);

impl Words {
    fn of(event: &Envelope) -> Self {
        Self(event.data.read().unwrap_or_default())
    }

    /// What stands at a JSON pointer (RFC 6901); nothing where there is nothing.
    fn at(&self, pointer: &str) -> &Value {
        self.0.pointer(pointer).unwrap_or(&Value::Null)
    }
}

fn name(hold: HoldRef) -> HoldName {
    (hold.key, hold.generation)
}
