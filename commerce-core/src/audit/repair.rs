//! Repairs what can be derived from something else that is kept, and nothing else.
//!
//! Every repair is an ordinary change set: versioned, so that a use case that runs at the same time
//! wins or loses whole, and with a line in the ledger where stock is concerned. Never touches
//! amounts, captures or refunds, and never says an event again: its consumers may have acted on it. A
//! payment's status is written as it derives where nothing else of its order is at odds and no attempt is
//! open, whose state may as well be what was altered.

use serde::Serialize;

use crate::actor::Actor;
use crate::catalog::{CatalogWrite, Ending, Hold, HoldState, Movement, MovementKind, Rating, ending};
use crate::change::{ChangeSet, CommitError};
use crate::commerce::Commerce;
use crate::error::{Outcome, StoreError};
use crate::events::Envelope;
use crate::ids::{Id, UserId};
use crate::limits;
use crate::notifications::NotificationRecorder;
use crate::orders::{Order, OrderFilter, OrderStatus, OrderWrite};
use crate::page::PageRequest;
use crate::text::Sku;
use crate::users::{Address, UserWrite};

use super::books::{Cell, Row};
use super::money::derived;
use super::tables::{INVENTORY, LEDGER, LEDGER_SUMS, LIVE_HOLDS, ORDERS, RESERVATIONS};
use super::walks::{EVENTS_BY_ID, HOLDS, ORDER_BOOK, SHELVES, alone, entries};
use super::{Invariant, Report, Violation};

/// Something that was put right.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Repair {
    /// What was not true.
    pub invariant: Invariant,
    /// Of what.
    pub entity: String,
    /// What was done.
    pub done: String,
}

/// Whether the stock of an active hold was moved as if it had ended.
enum Moved {
    /// It was not.
    Not,
    /// It was, like this.
    As(Ending),
    /// For some of its lines.
    Unclear,
}

impl Commerce {
    /// Repairs what it can of a report, and says what it did.
    pub(crate) async fn repair(&self, report: &Report) -> Outcome<Vec<Repair>> {
        let mut repairs: Vec<Repair> = Vec::new();
        for violation in &report.violations {
            let (invariant, entity) = (violation.invariant, violation.entity.clone());
            let known = |repair: &&Repair| repair.invariant == invariant && repair.entity == entity;
            if violation.cause.is_none() && repairs.iter().any(|repair| known(&repair)) {
                continue;
            }
            let of_it = report.violations.iter().filter(|other| other.entity == entity).count();
            let only = of_it == 1 && report.violations.len() < limits::AUDIT_VIOLATIONS_MAX;
            match self.repair_one(violation, only).await {
                Ok(Some(done)) => repairs.push(Repair { invariant, entity, done }),
                Ok(None) => {}
                Err(error) => tracing::warn!(%invariant, entity, %error, "a violation is left as it is"),
            }
        }
        Ok(repairs)
    }

    async fn repair_one(&self, violation: &Violation, only: bool) -> Outcome<Option<String>> {
        match violation.invariant {
            Invariant::Money if only => self.restate_payment(&violation.entity).await,
            Invariant::OnHand | Invariant::Reserved => self.recount(&violation.entity).await,
            Invariant::HoldOfOrder => self.end_hold(&violation.entity).await,
            Invariant::DefaultAddress => self.choose_address(&violation.entity).await,
            Invariant::Rating => self.rate_anew(&violation.entity).await,
            Invariant::Notification => match &violation.cause {
                Some(event) => self.tell(event).await,
                None => Ok(None),
            },
            Invariant::Readable
            | Invariant::HoldEnds
            | Invariant::Amounts
            | Invariant::Price
            | Invariant::Money
            | Invariant::Provider
            | Invariant::Paid
            | Invariant::Wallet
            | Invariant::Key
            | Invariant::Reference
            | Invariant::Event
            | Invariant::Version
            | Invariant::Letter
            | Invariant::LetterReceives
            | Invariant::Coupon
            | Invariant::History
            | Invariant::Shipment
            | Invariant::Return
            | Invariant::Cart
            | Invariant::Forest
            | Invariant::StaffLog
            | Invariant::Erased
            | Invariant::Sealed
            | Invariant::Lease
            | Invariant::Overdue
            | Invariant::Times => Ok(None),
        }
    }

    /// Puts on hand and reserved to what the ledger adds up to, where that agrees with the holds. A
    /// line that moves nothing says so in the ledger.
    async fn recount(&self, sku: &str) -> Outcome<Option<String>> {
        let Ok(sku) = sku.parse::<Sku>() else { return Ok(None) };
        let pages = self.books.catalog.look_up(SHELVES, &[sku.as_str().into()]).await?;
        let one = |table, column| pages.of(table).first().and_then(|row: &Row| row.int(column));
        let (Some(shelf), on_hand, reserved) =
            (pages.of(INVENTORY).first(), one(LEDGER_SUMS, "on_hand").unwrap_or(0), one(LEDGER_SUMS, "reserved").unwrap_or(0))
        else {
            return Ok(None);
        };
        let sound = 0 <= reserved && reserved <= on_hand && on_hand <= limits::STOCK_MAX;
        let was = (shelf.int("on_hand").unwrap_or(0), shelf.int("reserved").unwrap_or(0));
        if !sound || one(LIVE_HOLDS, "quantity").unwrap_or(0) != reserved || was == (on_hand, reserved) {
            return Ok(None);
        }
        let version = shelf.int("version").and_then(|version| u64::try_from(version).ok()).unwrap_or(0);
        let done = format!("on hand {} is {on_hand}, reserved {} is {reserved}, as the ledger adds up", was.0, was.1);
        let note = Movement {
            id: self.catalog.ids.mint(),
            sku: sku.clone(),
            kind: MovementKind::Adjustment,
            on_hand: 0,
            reserved: 0,
            reference: None,
            reason: format!("audit: {done}"),
            actor: None,
            at: self.now(),
        };
        let recount = CatalogWrite::Recount { sku, version: version.saturating_add(1), on_hand, reserved };
        self.catalog.store.commit(ChangeSet::of([recount, CatalogWrite::Move(note)])).await?;
        Ok(Some(done))
    }

    /// Puts a product's rating to what its approved reviews add up to. A review that was approved
    /// meanwhile has changed the product, and this does not commit.
    async fn rate_anew(&self, slug: &str) -> Outcome<Option<String>> {
        let Ok(slug) = slug.parse() else { return Ok(None) };
        let Some(product) = self.catalog.store.product_by_slug(&slug).await? else { return Ok(None) };
        let (was, rating) = (product.rating, self.catalog.store.tally(product.id).await?);
        if was == rating {
            return Ok(None);
        }
        let (product, event) = self.catalog.with_rating(product, rating);
        self.catalog.store.commit(ChangeSet::of([CatalogWrite::UpdateProduct(product)]).say([event])).await?;
        let spelt = |rating: Rating| format!("{} stars of {} reviews", rating.sum, rating.count);
        Ok(Some(format!("{} are {}, as the approved reviews add up", spelt(was), spelt(rating))))
    }

    /// The order of this number.
    async fn numbered(&self, number: &str) -> Outcome<Option<Order>> {
        let filter = OrderFilter { number: Some(number.to_owned()), ..OrderFilter::default() };
        Ok(self.orders.orders(&Actor::System, filter, &PageRequest::first()).await?.items.into_iter().next())
    }

    /// Writes a payment's status as its sums and attempts say, from the rows: no store hands such an order out.
    async fn restate_payment(&self, number: &str) -> Outcome<Option<String>> {
        let found = self.books.orders.look_up(&alone(ORDERS, "number", "number"), &[number.into()]).await?;
        let Some(id) = found.of(ORDERS).first().and_then(|order| order.id("id")) else { return Ok(None) };
        let pages = self.books.orders.look_up(ORDER_BOOK, &[id.into()]).await?;
        let orders = entries(ORDER_BOOK, &pages);
        let Some(order) = orders.first() else { return Ok(None) };
        let version = order.one(ORDERS).and_then(|row| row.int("version")).and_then(|version| u64::try_from(version).ok());
        let (Some(version), Some((payment, was))) = (version, derived(order)) else { return Ok(None) };
        let status = payment.status();
        if was == status.as_str() || payment.open_attempt().is_some() {
            return Ok(None);
        }
        self.orders.store.commit(ChangeSet::of([OrderWrite::Restate(Id::from_uuid(id), version, status)])).await?;
        Ok(Some(format!("payment status {was} is {status}, as its attempts and refunds say")))
    }

    /// Ends the active hold of a confirmed or cancelled order as its event would have.
    async fn end_hold(&self, number: &str) -> Outcome<Option<String>> {
        let Some(order) = self.numbered(number).await? else { return Ok(None) };
        let how = match order.status {
            OrderStatus::Pending => return Ok(None),
            OrderStatus::Cancelled => Ending::Released,
            OrderStatus::Confirmed
            | OrderStatus::Processing
            | OrderStatus::Shipped
            | OrderStatus::OutForDelivery
            | OrderStatus::Delivered => Ending::Sold,
        };
        let catalog = &self.catalog;
        let hold = catalog.store.hold(order.hold.key).await?;
        let Some(hold) = hold.filter(|hold| hold.generation == order.hold.generation && hold.state == HoldState::Active) else {
            return Ok(None);
        };
        let writes = match self.ledger_of(&hold).await? {
            // Nothing was moved when it should have ended: now it is.
            Moved::Not => ending(&hold, how, &catalog.ids, self.now()),
            // Its stock was moved already; only the hold does not say so.
            Moved::As(already) if already == how => ending(&hold, how, &catalog.ids, self.now()).into_iter().take(1).collect(),
            Moved::As(_) | Moved::Unclear => return Ok(None),
        };
        catalog.store.commit(ChangeSet::of(writes)).await?;
        Ok(Some(if how == Ending::Sold { "its hold is sold" } else { "its hold is given back" }.to_owned()))
    }

    /// What the ledger knows of the end of a hold's newest generation.
    async fn ledger_of(&self, hold: &Hold) -> Outcome<Moved> {
        let key = Cell::Blob(hold.key.0.to_vec());
        let pages = self.books.catalog.look_up(HOLDS, &[key]).await?;
        let ends = |sku: &str, wanted: MovementKind| {
            let rows = pages.of(LEDGER).iter().filter(|row| row.text("sku") == Some(sku));
            rows.filter(|row| row.word("kind") == Some(wanted)).count()
        };
        let was = |state: HoldState, sku: &str| {
            let rows = pages.of(RESERVATIONS).iter().filter(|row| row.text("sku") == Some(sku));
            rows.filter(|row| row.word("state") == Some(state)).count()
        };
        let kinds = [
            (Ending::Sold, MovementKind::Sale, HoldState::Committed),
            (Ending::Released, MovementKind::Release, HoldState::Released),
            (Ending::Expired, MovementKind::Expiry, HoldState::Expired),
        ];
        // Endings that the ledger has beyond those of the dead generations.
        let beyond = |sku: &str| {
            let more = kinds
                .iter()
                .flat_map(|(how, kind, state)| std::iter::repeat_n(*how, ends(sku, *kind).saturating_sub(was(*state, sku))));
            more.collect::<Vec<Ending>>()
        };
        let found: Vec<Vec<Ending>> = hold.lines.iter().map(|line| beyond(line.sku.as_str())).collect();
        Ok(match found.first().map(Vec::as_slice) {
            Some([]) if found.iter().all(Vec::is_empty) => Moved::Not,
            Some([how]) if found.iter().all(|other| other.as_slice() == [*how]) => Moved::As(*how),
            Some(_) | None => Moved::Unclear,
        })
    }

    /// Makes the oldest address the default of a book that has none.
    async fn choose_address(&self, user: &str) -> Outcome<Option<String>> {
        let Ok(id) = user.parse::<UserId>() else { return Ok(None) };
        let store = &self.users.store;
        let (Some(user), book) = (store.user(id).await?, store.addresses(id).await?) else { return Ok(None) };
        if book.iter().any(|address| address.is_default) {
            return Ok(None);
        }
        let Some(oldest) = book.into_iter().next() else { return Ok(None) };
        let done = format!("address {} is the default", oldest.id);
        let writes = [UserWrite::UpdateUser(user.next_version()), UserWrite::PutAddress(Address { is_default: true, ..oldest })];
        store.commit(ChangeSet::of(writes)).await?;
        Ok(Some(done))
    }

    /// Records the message that an event should have caused. Its unique key keeps it one.
    async fn tell(&self, event: &Cell) -> Outcome<Option<String>> {
        for books in [&self.books.orders, &self.books.users, &self.books.catalog] {
            let pages = books.look_up(EVENTS_BY_ID, std::slice::from_ref(event)).await?;
            let Some(event) = pages.of(EVENTS_BY_ID.lead).first().and_then(envelope) else { continue };
            let recorder = NotificationRecorder::new(self.notifications.clone());
            return match recorder.record_late(&event).await {
                Ok(()) => Ok(Some(format!("the message of {} is recorded", event.kind))),
                Err(CommitError::Store(error)) => Err(error.into()),
                Err(CommitError::Refused(_)) => Ok(None),
            };
        }
        Ok(None)
    }
}

/// An event as its row says.
fn envelope(row: &Row) -> Option<Envelope> {
    Some(Envelope {
        id: Id::from_uuid(row.id("id")?),
        topic: row.word("topic")?,
        kind: row.word("type")?,
        schema: u16::try_from(row.int("schema")?).ok()?,
        aggregate: row.id("aggregate_id")?,
        version: u64::try_from(row.int("version")?).ok()?,
        at: row.at("occurred_at")?,
        traceparent: None,
        data: row.json("data")?,
    })
}

impl From<crate::events::ConsumeError> for CommitError {
    fn from(error: crate::events::ConsumeError) -> Self {
        match error {
            crate::events::ConsumeError::Transient(error) => Self::Store(error),
            crate::events::ConsumeError::Permanent(why) => Self::Store(StoreError::corrupt("audit.repair", why)),
        }
    }
}
