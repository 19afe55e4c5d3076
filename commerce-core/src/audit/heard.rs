//! What was said against what was made of it: events, deliveries, dead letters and messages.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use uuid::Uuid;

use crate::error::StoreError;
use crate::events::{EventKind, given_up};
use crate::limits;
use crate::notifications::{NotificationRecorder, Template, WebhookRecorder};
use crate::text::Email;
use crate::time::Timestamp;
use crate::users::StaffLogKeeper;

use super::Invariant::{self, Event, Letter, Notification, StaffLog, Times};
use super::Violation;
use super::books::{Books, Cell, Pages, Row, ShopBooks, Walk};
use super::cross::{Eyes, Suspicion};
use super::findings::Findings;
use super::keys::dangling;
use super::said::is_kept;
use super::standing::Ways;
use super::tables::{DEAD_LETTERS, INBOX, NOTIFICATIONS, OUTBOX};
use super::walks::{ENTRIES_BY_EVENT, EVENTS_BY_ID, MESSAGES_BY_EVENT, within};

/// What a consumer is called and where it keeps what it did.
const STOCK: &str = "catalog-order-queue";
const CART: &str = "order-cart-queue";
const MAIL: &str = NotificationRecorder::NAME;
const CALLS: &str = WebhookRecorder::NAME;
const LOG: &str = StaffLogKeeper::NAME;
const CONSUMERS: [&str; 5] = [STOCK, CART, MAIL, CALLS, LOG];

impl Eyes<'_> {
    /// The events with these ids, wherever they were said.
    pub(super) async fn events(&self, ids: BTreeSet<Cell>) -> Result<BTreeMap<Cell, Row>, StoreError> {
        let mut events = BTreeMap::new();
        for books in [&self.books.orders, &self.books.users, &self.books.catalog, &self.books.notifications] {
            events.extend(self.rows(&**books, EVENTS_BY_ID, ids.clone()).await?);
        }
        Ok(events)
    }

    pub(super) async fn messages(&self, pages: &Pages) -> Result<Vec<Suspicion>, StoreError> {
        let ids: BTreeSet<Cell> = pages.of(NOTIFICATIONS).iter().map(|row| row.cell("event_id").clone()).collect();
        let noted = within(INBOX, ("consumer", MAIL.into()), "event_id");
        let noted = self.rows(&*self.books.notifications, &noted, ids.clone()).await?;
        let events = self.events(ids).await?;
        let to = pages.of(NOTIFICATIONS).iter().filter_map(|row| Some(Uuid::try_parse(row.text("recipient")?).ok()?.into()));
        let users = self.people(to.collect()).await?;
        let mut suspicions = Vec::new();
        for row in pages.of(NOTIFICATIONS) {
            let mut findings = Findings::default();
            let (name, id) = (row.cell("id").to_string(), row.cell("event_id"));
            let created = row.at("created_at").unwrap_or(Timestamp::EPOCH);
            match events.get(id) {
                Some(event) => {
                    findings.same(Notification, &name, "of the event", event.cell("type"), row.cell("kind"));
                    let same = event.json::<serde_json::Value>("data") == row.json("data") || is_forgotten(row);
                    findings.hold(Notification, &name, same, event.cell("data"), row.cell("data"));
                    findings.same(Notification, &name, "in the trace of", event.cell("traceparent"), row.cell("traceparent"));
                    let after = event.at("occurred_at") <= Some(created.plus(limits::AUDIT_CLOCKS_APART));
                    findings.hold(Times, &name, after, format_args!("recorded after {}", event.cell("occurred_at")), created);
                }
                None if is_kept(created, self.now) => findings.add(Notification, &name, "an event that caused it", "none"),
                None => {}
            }
            let kept = created.plus(limits::HANDLED_KEEP) > self.now;
            findings.hold(Event, &name, !kept || noted.contains_key(id), "a handled delivery", "none");
            let handled = noted.get(id).and_then(|noted| noted.at("handled_at")).unwrap_or(created);
            findings.hold(Times, &name, handled <= created, format_args!("recorded at {handled}, with its delivery"), created);
            let user = row.text("recipient").and_then(|id| Uuid::try_parse(id).ok()).map(Cell::from);
            match user.as_ref().map(|user| users.get(user)) {
                Some(None) => findings.take(dangling(&name, "a user", user.as_ref().unwrap_or(&Cell::Null))),
                // She has never changed anything, so it is her address still.
                Some(Some(user)) if user.int("version") == Some(1) => {
                    let fits = row.text("address").is_none_or(|address| Some(address) == user.text("email"));
                    findings.hold(Notification, &name, fits, format_args!("sent to {}", user.cell("email")), row.cell("address"));
                }
                Some(Some(_)) | None => {}
            }
            suspicions.extend(findings.violations.into_iter().map(|violation| (row.cell("id").clone(), violation)));
        }
        Ok(suspicions)
    }

    /// Every published event was handled by whoever wants it, or is with the dead letters.
    pub(super) async fn effects(&mut self, walk: &Walk, pages: &Pages) -> Result<Vec<Suspicion>, StoreError> {
        let published = |row: &&Row| row.at("published_at").is_some_and(|at| is_kept(at, self.now));
        let events: Vec<&Row> = pages.of(OUTBOX).iter().filter(published).collect();
        let mut suspicions = Vec::new();
        // What carts elsewhere handled is noted with them.
        let noted_here = |consumer: &str| consumer != CART || self.carts_in_books;
        for (consumer, books) in consumers(self.books).into_iter().filter(|(consumer, _)| noted_here(consumer)) {
            let wanted: Vec<&Row> = events.iter().copied().filter(|event| wants(consumer, event)).collect();
            let ids: BTreeSet<Cell> = wanted.iter().map(|event| event.cell("id").clone()).collect();
            let handled = self.rows(books, &within(INBOX, ("consumer", consumer.into()), "event_id"), ids.clone()).await?;
            let told = match noted_by(consumer) {
                Some((walk, _)) => self.rows(books, walk, ids).await?,
                None => BTreeMap::new(),
            };
            let lost = wanted.into_iter().filter(|event| {
                let id = event.cell("id");
                !handled.contains_key(id) || (noted_by(consumer).is_some() && !told.contains_key(id))
            });
            let lost: Vec<&Row> = lost.collect();
            let ids: BTreeSet<Cell> = lost.iter().map(|event| event.cell("id").clone()).collect();
            let buried = self.rows(books, &within(DEAD_LETTERS, ("consumer", consumer.into()), "event_id"), ids).await?;
            let ids: BTreeSet<Cell> = lost.iter().map(|event| event.cell("id").clone()).collect();
            let nobody = within(INBOX, ("consumer", given_up(consumer).into()), "event_id");
            let dropped = self.rows(books, &nobody, ids).await?;
            let ways = if lost.is_empty() { Ways::Direct } else { self.ways_to(books).await? };
            for event in lost.into_iter().filter(|event| !dropped.contains_key(event.cell("id"))) {
                if buried.contains_key(event.cell("id")) || ways.lie_before(event) {
                    self.moving = self.moving.saturating_add(1);
                    continue;
                }
                let invariant = noted_by(consumer).map_or(Event, |(_, invariant)| invariant);
                let (expected, found) = (format!("{} handled by {consumer}", event.cell("type")), "no trace of it".to_owned());
                let cause = (consumer == MAIL).then(|| event.cell("id").clone());
                let violation = Violation { cause, ..Violation::new(invariant, about(event), expected, found) };
                suspicions.push((event.cell(walk.key).clone(), violation));
            }
        }
        Ok(suspicions)
    }

    /// Every handled delivery is of an event, and who is told was told.
    pub(super) async fn handled(&self, walk: &Walk, pages: &Pages) -> Result<Vec<Suspicion>, StoreError> {
        let rows: Vec<&Row> = pages.of(INBOX).iter().collect();
        let ids: BTreeSet<Cell> = rows.iter().map(|row| row.cell("event_id").clone()).collect();
        let events = self.events(ids.clone()).await?;
        let told = self.rows(&*self.books.notifications, MESSAGES_BY_EVENT, ids.clone()).await?;
        let logged = self.rows(&*self.books.users, ENTRIES_BY_EVENT, ids).await?;
        let mut suspicions = Vec::new();
        for row in rows {
            let mut findings = Findings::default();
            let (id, consumer) = (row.cell("event_id"), row.text("consumer").unwrap_or_default());
            let kept = row.at("handled_at").is_some_and(|at| is_kept(at, self.now));
            let name = events.get(id).map_or_else(|| id.to_string(), about);
            let known = CONSUMERS.iter().copied();
            let dropped = known.clone().find(|known| consumer == given_up(known));
            let known = dropped.is_some() || known.clone().any(|known| known == consumer);
            findings.hold(Event, &name, known, "a consumer of the shop", consumer);
            match events.get(id) {
                Some(event) => {
                    findings.hold(
                        Event,
                        &name,
                        wants(dropped.unwrap_or(consumer), event),
                        "an event it wants",
                        event.cell("type"),
                    );
                    let at = row.at("handled_at").map(|at| at.plus(limits::AUDIT_CLOCKS_APART));
                    let after = event.at("occurred_at") <= at;
                    findings.hold(
                        Times,
                        &name,
                        after,
                        format_args!("handled after {}", event.cell("occurred_at")),
                        row.cell("handled_at"),
                    );
                }
                None => findings.hold(Event, &name, !kept, "an event that was handled", "none"),
            }
            let fits = consumer != MAIL || told.contains_key(id);
            findings.hold(Notification, &name, fits, "a message", "none");
            findings.hold(StaffLog, &name, consumer != LOG || logged.contains_key(id), "an entry in the log of staff", "none");
            suspicions.extend(findings.violations.into_iter().map(|violation| (row.cell(walk.key).clone(), violation)));
        }
        Ok(suspicions)
    }

    pub(super) async fn letters(&self, walk: &Walk, pages: &Pages) -> Result<Vec<Suspicion>, StoreError> {
        let rows = pages.of(DEAD_LETTERS).iter();
        let events = self.events(rows.clone().map(|row| row.cell("event_id").clone()).collect()).await?;
        let kept = |row: &Row| row.at("buried_at").is_some_and(|at| is_kept(at, self.now));
        let lost = rows.filter(|row| !events.contains_key(row.cell("event_id")) && kept(row)).map(|row| {
            let (expected, found) = ("an event that was said".to_owned(), "none".to_owned());
            let violation = Violation::new(Letter, row.cell("event_id").to_string(), expected, found);
            (row.cell(walk.key).clone(), violation)
        });
        Ok(lost.collect())
    }
}

fn consumers(books: &ShopBooks) -> [(&'static str, &dyn Books); 4] {
    [(STOCK, &*books.catalog), (CART, &*books.orders), (MAIL, &*books.notifications), (LOG, &*books.users)]
}

/// Where a consumer notes each event that it wants, and the rule that it does.
fn noted_by(consumer: &str) -> Option<(&'static Walk, Invariant)> {
    match consumer {
        MAIL => Some((MESSAGES_BY_EVENT, Notification)),
        LOG => Some((ENTRIES_BY_EVENT, StaffLog)),
        _ => None,
    }
}

/// Whether a consumer records anything of an event.
fn wants(consumer: &str, event: &Row) -> bool {
    let Some(kind) = event.word::<EventKind>("type") else { return false };
    match consumer {
        STOCK => matches!(
            kind,
            EventKind::OrderConfirmed | EventKind::OrderCancelled | EventKind::OrderLinesCancelled | EventKind::ReturnReceived
        ),
        CART => {
            let data: serde_json::Value = event.json("data").unwrap_or_default();
            kind == EventKind::OrderCreated && data.get("fromCart").and_then(serde_json::Value::as_bool) == Some(true)
        }
        MAIL => Template::of(kind).is_some(),
        CALLS => !kind.is_internal(),
        LOG => kind == EventKind::StaffActed,
        _ => false,
    }
}

/// Whether a message says nothing but to whom it was, and she was erased.
fn is_forgotten(message: &Row) -> bool {
    let Some(user) = message.text("recipient").and_then(|id| id.parse().ok()) else { return false };
    let nowhere = message.text("address").is_none_or(|address| address == Email::erased(user).as_str());
    nowhere && message.json::<serde_json::Value>("data") == Some(json!({ "userId": user }))
}

/// What people know the subject of an event by.
pub(super) fn about(event: &Row) -> String {
    let data: serde_json::Value = event.json("data").unwrap_or_default();
    let named =
        ["number", "sku", "slug", "userId"].into_iter().find_map(|name| data.get(name).and_then(serde_json::Value::as_str));
    named.map_or_else(|| event.cell("aggregate_id").to_string(), str::to_owned)
}
