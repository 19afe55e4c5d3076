//! Rules between databases, and between rows that are read one after the other.
//!
//! Each takes rows that were read, reads what must go with them, and names what does not fit. It is
//! a suspicion until it was found twice with time for events in between.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use uuid::Uuid;

use crate::commerce::Context;
use crate::error::StoreError;
use crate::events::{EventKind, given_up};
use crate::limits;
use crate::notifications::{NotificationRecorder, Template};
use crate::orders::{AttemptState, PaymentFact, PaymentGateway, ProviderEventState, ProviderFact, RefundState};
use crate::time::Timestamp;

use super::Invariant::{Event, HoldOfOrder, Key, Letter, Notification, Overdue, Provider, Times};
use super::Violation;
use super::books::{Books, Cell, Pages, Row, ShopBooks, Table, Walk};
use super::findings::Findings;
use super::keys::{dangling, made_in, missing};
use super::said::is_kept;
use super::standing::standing;
use super::tables::{
    ATTEMPTS, CARTS, CATEGORIES, DEAD_LETTERS, INBOX, INVENTORY, ITEMS, KEYS, LEDGER, NOTIFICATIONS, ORDERS, OUTBOX, PRODUCTS,
    PROVIDER_EVENTS, REFUNDS, RESERVATIONS, SELLERS, SESSIONS, TOKENS, USERS,
};
use super::told::{is_near, made_at};
use super::walks::{EVENTS_BY_ID, HOLDS, MESSAGES_BY_EVENT, ORDER_BOOK, ORDERS_BY_HOLD, alone, entries, within};

/// Which rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cross {
    /// Orders against their holds, users, products and providers.
    OrderHolds,
    /// Sold holds against their orders.
    HoldOrders,
    /// What ops know about stock against the stock.
    LowStock,
    /// Products against their categories and sellers.
    Product,
    /// Sellers against their users.
    Seller,
    /// Carts against their users.
    Cart,
    /// Claims on carts against their orders.
    Claim,
    /// Sessions against their users.
    Session,
    /// Refresh tokens against their sessions.
    Token,
    /// Messages against the events that caused them.
    Message,
    /// Events of a context against what consumers made of them.
    Effects,
    /// Movements by hand against the users who made them.
    Moved,
    /// Handled deliveries against the events they are of.
    Handled,
    /// Dead letters against their events.
    Letter,
    /// Keys of a context against what they made.
    Keys(Context),
    /// Providers' messages against attempts and refunds.
    Provider,
}

/// Something that does not fit: under which key of the walk, and what.
pub(super) type Suspicion = (Cell, Violation);

/// What looks.
pub(super) struct Eyes<'a> {
    pub(super) books: &'a ShopBooks,
    pub(super) gateways: &'a [Arc<dyn PaymentGateway>],
    pub(super) now: Timestamp,
    /// What is on its way.
    pub(super) moving: u64,
}

/// What a consumer is called and where it keeps what it did.
const STOCK: &str = "catalog-order-queue";
const CART: &str = "order-cart-queue";
const MAIL: &str = NotificationRecorder::NAME;
const CONSUMERS: [&str; 3] = [STOCK, CART, MAIL];

impl Eyes<'_> {
    /// What does not fit among `pages`, which were read along `walk`.
    pub(super) async fn look(&mut self, cross: Cross, walk: &Walk, pages: &Pages) -> Result<Vec<Suspicion>, StoreError> {
        match cross {
            Cross::OrderHolds => {
                let mut found = self.order_holds(pages).await?;
                found.extend(self.statements(pages).await);
                Ok(found)
            }
            Cross::HoldOrders => self.hold_orders(pages).await,
            Cross::LowStock => Ok(low_stock(pages)),
            Cross::Product => {
                let mut found = self.named(walk, pages, "category_id", &*self.books.catalog, CATEGORIES, "a category").await?;
                found.extend(self.named(walk, pages, "seller_id", &*self.books.catalog, SELLERS, "a seller").await?);
                Ok(found)
            }
            Cross::Seller | Cross::Session => self.named(walk, pages, "user_id", &*self.books.users, USERS, "a user").await,
            Cross::Cart => {
                let rows = pages.of(CARTS).iter().filter(|row| row.text("owner_kind") == Some("USER")).cloned().collect();
                let mut users = Pages::default();
                users.put(CARTS, rows);
                let mut found = self.named(walk, &users, "owner_id", &*self.books.users, USERS, "a user").await?;
                let guests = pages.of(CARTS).iter().filter(|row| row.text("owner_kind") == Some("GUEST"));
                let guests: BTreeSet<Cell> = guests.map(|row| row.cell("owner_id").clone()).collect();
                let known = self.rows(&*self.books.users, &alone(USERS, "id", "id"), guests).await?;
                found.extend(known.into_keys().map(|user| {
                    let (expected, found) = ("a user's cart".to_owned(), "GUEST".to_owned());
                    (user.clone(), Violation::new(super::Invariant::Cart, user.to_string(), expected, found))
                }));
                Ok(found)
            }
            Cross::Claim => self.claims(walk, pages).await,
            Cross::Moved => {
                let by_sku = Walk { name: "sku", ..alone(walk.lead, walk.key, walk.key) };
                self.named(&by_sku, pages, "actor_id", &*self.books.users, USERS, "a user").await
            }
            Cross::Token => self.tokens(walk, pages).await,
            Cross::Message => self.messages(pages).await,
            Cross::Effects => {
                let mut found = self.effects(walk, pages).await?;
                found.extend(self.claimed(walk, pages).await?);
                Ok(found)
            }
            Cross::Handled => self.handled(walk, pages).await,
            Cross::Letter => self.letters(walk, pages).await,
            Cross::Keys(context) => self.keys(walk, pages, context).await,
            Cross::Provider => self.provider(walk, pages).await,
        }
    }

    /// The rows under these keys.
    pub(super) async fn rows(
        &self,
        books: &dyn Books,
        walk: &Walk,
        keys: BTreeSet<Cell>,
    ) -> Result<BTreeMap<Cell, Row>, StoreError> {
        if keys.is_empty() {
            return Ok(BTreeMap::new());
        }
        let keys: Vec<Cell> = keys.into_iter().collect();
        let pages = books.look_up(walk, &keys).await?;
        Ok(pages.of(walk.lead).iter().map(|row| (row.cell(walk.key).clone(), row.clone())).collect())
    }

    /// Rows whose `column` names something that is not in `table`.
    pub(super) async fn named(
        &self,
        walk: &Walk,
        pages: &Pages,
        column: &'static str,
        books: &dyn Books,
        table: &'static Table,
        what: &str,
    ) -> Result<Vec<Suspicion>, StoreError> {
        let rows = pages.of(walk.lead).iter().filter(|row| *row.cell(column) != Cell::Null);
        let known =
            self.rows(books, &alone(table, "id", "id"), rows.clone().map(|row| row.cell(column).clone()).collect()).await?;
        let lost = rows.filter(|row| !known.contains_key(row.cell(column)));
        Ok(lost
            .map(|row| (row.cell(walk.key).clone(), dangling(&row.cell(walk.name).to_string(), what, row.cell(column))))
            .collect())
    }

    async fn order_holds(&mut self, pages: &Pages) -> Result<Vec<Suspicion>, StoreError> {
        let orders = entries(ORDER_BOOK, pages);
        let leads = || pages.of(ORDERS).iter();
        let hold_keys: Vec<Cell> = leads().map(|row| row.cell("hold_key").clone()).collect();
        let held = self.books.catalog.look_up(HOLDS, &hold_keys).await?;
        let holds: BTreeMap<Cell, _> = entries(HOLDS, &held).into_iter().map(|hold| (hold.key.clone(), hold)).collect();
        let buyers: BTreeSet<Cell> = leads().map(|row| row.cell("user_id").clone()).collect();
        let users = self.rows(&*self.books.users, &alone(USERS, "id", "id"), buyers).await?;
        let sold: BTreeSet<Cell> = pages.of(ITEMS).iter().map(|row| row.cell("product_id").clone()).collect();
        let products = self.rows(&*self.books.catalog, &alone(PRODUCTS, "id", "id"), sold).await?;
        let mut suspicions = Vec::new();
        for order in &orders {
            let Some(row) = order.one(ORDERS) else { continue };
            let mut findings = Findings::default();
            standing(order, holds.get(row.cell("hold_key")), &mut findings);
            let user = row.cell("user_id");
            if !users.contains_key(user) {
                findings.take(dangling(&order.name, "a user", user));
            }
            for item in order.of(ITEMS).filter(|item| !products.contains_key(item.cell("product_id"))) {
                findings.take(dangling(&order.name, "a product", item.cell("product_id")));
            }
            self.moving = self.moving.saturating_add(findings.unsettled);
            suspicions.extend(findings.violations.into_iter().map(|violation| (order.key.clone(), violation)));
        }
        Ok(suspicions)
    }

    async fn hold_orders(&self, pages: &Pages) -> Result<Vec<Suspicion>, StoreError> {
        let sold = || pages.of(RESERVATIONS).iter().filter(|row| row.text("state") == Some("COMMITTED"));
        let keys: BTreeSet<Cell> = sold().map(|row| row.cell("hold_key").clone()).collect();
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let keys: Vec<Cell> = keys.into_iter().collect();
        let orders = self.books.orders.look_up(ORDERS_BY_HOLD, &keys).await?;
        let stands = |hold: &Row| {
            let same = |order: &Row| {
                order.cell("hold_key") == hold.cell("hold_key") && order.cell("hold_generation") == hold.cell("generation")
            };
            orders.of(ORDERS).iter().any(same)
        };
        let alone = sold().filter(|hold| !stands(hold)).map(|hold| {
            let entity = hold.cell("hold_key").to_string();
            let (expected, found) = ("an order that it was sold to".to_owned(), "none".to_owned());
            (hold.cell("hold_key").clone(), Violation::new(HoldOfOrder, entity, expected, found))
        });
        Ok(alone.collect())
    }

    /// Sessions go before their tokens do; a token of a session that may have gone is fine.
    async fn tokens(&self, walk: &Walk, pages: &Pages) -> Result<Vec<Suspicion>, StoreError> {
        let oldest = self.now.minus(limits::SESSION_MAX).plus(limits::AUDIT_CLOCK_SLACK).as_millis();
        let young = |row: &&Row| row.id("session_id").is_some_and(|id| id.as_u128() >> 80 > u128::from(oldest));
        let mut tokens = Pages::default();
        tokens.put(TOKENS, pages.of(TOKENS).iter().filter(young).cloned().collect());
        self.named(walk, &tokens, "session_id", &*self.books.users, SESSIONS, "a session").await
    }

    /// The events with these ids, wherever they were said.
    async fn events(&self, ids: BTreeSet<Cell>) -> Result<BTreeMap<Cell, Row>, StoreError> {
        let mut events = BTreeMap::new();
        for books in [&self.books.orders, &self.books.users, &self.books.catalog] {
            events.extend(self.rows(&**books, EVENTS_BY_ID, ids.clone()).await?);
        }
        Ok(events)
    }

    async fn messages(&self, pages: &Pages) -> Result<Vec<Suspicion>, StoreError> {
        let ids: BTreeSet<Cell> = pages.of(NOTIFICATIONS).iter().map(|row| row.cell("event_id").clone()).collect();
        let noted = within(INBOX, ("consumer", MAIL.into()), "event_id");
        let noted = self.rows(&*self.books.notifications, &noted, ids.clone()).await?;
        let events = self.events(ids).await?;
        let to = pages.of(NOTIFICATIONS).iter().filter_map(|row| Some(Uuid::try_parse(row.text("recipient")?).ok()?.into()));
        let users = self.rows(&*self.books.users, &alone(USERS, "id", "id"), to.collect()).await?;
        let mut suspicions = Vec::new();
        for row in pages.of(NOTIFICATIONS) {
            let mut findings = Findings::default();
            let (name, id) = (row.cell("id").to_string(), row.cell("event_id"));
            let created = row.at("created_at").unwrap_or(Timestamp::EPOCH);
            match events.get(id) {
                Some(event) => {
                    findings.same(Notification, &name, "of the event", event.cell("type"), row.cell("kind"));
                    let same = event.json::<serde_json::Value>("data") == row.json("data");
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
    async fn effects(&mut self, walk: &Walk, pages: &Pages) -> Result<Vec<Suspicion>, StoreError> {
        let published = |row: &&Row| row.at("published_at").is_some_and(|at| is_kept(at, self.now));
        let events: Vec<&Row> = pages.of(OUTBOX).iter().filter(published).collect();
        let mut suspicions = Vec::new();
        for (consumer, books) in consumers(self.books) {
            let wanted: Vec<&Row> = events.iter().copied().filter(|event| wants(consumer, event)).collect();
            let ids: BTreeSet<Cell> = wanted.iter().map(|event| event.cell("id").clone()).collect();
            let handled = self.rows(books, &within(INBOX, ("consumer", consumer.into()), "event_id"), ids.clone()).await?;
            let told = if consumer == MAIL { self.rows(books, MESSAGES_BY_EVENT, ids).await? } else { BTreeMap::new() };
            let lost = wanted.into_iter().filter(|event| {
                let id = event.cell("id");
                !handled.contains_key(id) || (consumer == MAIL && !told.contains_key(id))
            });
            let lost: Vec<&Row> = lost.collect();
            let ids: BTreeSet<Cell> = lost.iter().map(|event| event.cell("id").clone()).collect();
            let buried = self.rows(books, &within(DEAD_LETTERS, ("consumer", consumer.into()), "event_id"), ids).await?;
            let ids: BTreeSet<Cell> = lost.iter().map(|event| event.cell("id").clone()).collect();
            let nobody = within(INBOX, ("consumer", given_up(consumer).into()), "event_id");
            let dropped = self.rows(books, &nobody, ids).await?;
            for event in lost.into_iter().filter(|event| !dropped.contains_key(event.cell("id"))) {
                if buried.contains_key(event.cell("id")) {
                    self.moving = self.moving.saturating_add(1);
                    continue;
                }
                let invariant = if consumer == MAIL { Notification } else { Event };
                let (expected, found) = (format!("{} handled by {consumer}", event.cell("type")), "no trace of it".to_owned());
                let cause = (consumer == MAIL).then(|| event.cell("id").clone());
                let violation = Violation { cause, ..Violation::new(invariant, about(event), expected, found) };
                suspicions.push((event.cell(walk.key).clone(), violation));
            }
        }
        Ok(suspicions)
    }

    /// Every handled delivery is of an event, and who is told was told.
    async fn handled(&self, walk: &Walk, pages: &Pages) -> Result<Vec<Suspicion>, StoreError> {
        let rows: Vec<&Row> = pages.of(INBOX).iter().collect();
        let ids: BTreeSet<Cell> = rows.iter().map(|row| row.cell("event_id").clone()).collect();
        let events = self.events(ids.clone()).await?;
        let told = self.rows(&*self.books.notifications, MESSAGES_BY_EVENT, ids).await?;
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
            suspicions.extend(findings.violations.into_iter().map(|violation| (row.cell(walk.key).clone(), violation)));
        }
        Ok(suspicions)
    }

    async fn letters(&self, walk: &Walk, pages: &Pages) -> Result<Vec<Suspicion>, StoreError> {
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

    async fn keys(&self, walk: &Walk, pages: &Pages, context: Context) -> Result<Vec<Suspicion>, StoreError> {
        let books: &dyn Books = match context {
            Context::Users => &*self.books.users,
            Context::Catalog => &*self.books.catalog,
            Context::Orders => &*self.books.orders,
            Context::Notifications => &*self.books.notifications,
        };
        let mut by_table: BTreeMap<&str, (&'static Table, Vec<&Row>)> = BTreeMap::new();
        let mut suspicions = Vec::new();
        for key in pages.of(KEYS).iter().filter(|key| key.text("outcome") == Some("DONE")) {
            let route = key.text("route").unwrap_or_default();
            if let Some(table) = made_in(route) {
                by_table.entry(table.name).or_insert_with(|| (table, Vec::new())).1.push(key);
            } else if let Some(sku) = route.strip_prefix("POST /api/inventory/").and_then(|rest| rest.strip_suffix("/adjust")) {
                let wanted = BTreeSet::from([key.cell("result_id").clone()]);
                let moved = self.rows(books, &within(LEDGER, ("sku", sku.into()), "id"), wanted).await?;
                suspicions.extend(moved.is_empty().then(|| (key.cell(walk.key).clone(), missing(key))));
            }
        }
        for (table, keys) in by_table.into_values() {
            let ids = keys.iter().map(|key| key.cell("result_id").clone()).collect();
            let made = self.rows(books, &alone(table, "id", "id"), ids).await?;
            for key in keys {
                let Some(made) = made.get(key.cell("result_id")) else {
                    suspicions.push((key.cell(walk.key).clone(), missing(key)));
                    continue;
                };
                let (id, used) = (made.id("id"), key.at("used_at"));
                let creates = key.text("route").is_some_and(|route| route.matches('/').count() == 2);
                if let (true, Some(id), Some(used)) = (creates && id.is_some_and(|id| id.get_version_num() == 7), id, used) {
                    let fits = is_near(made_at(id), used) && made_at(id) <= used.plus(limits::AUDIT_CLOCKS_APART);
                    let what = format!("used when it made something, {}", made_at(id));
                    let violation = Violation::new(Key, Cell::from(id).to_string(), what, used.to_string());
                    suspicions.extend((!fits).then(|| (key.cell(walk.key).clone(), violation)));
                }
            }
        }
        Ok(suspicions)
    }

    /// What a provider said and was applied is about an attempt or refund of ours.
    async fn provider(&mut self, walk: &Walk, pages: &Pages) -> Result<Vec<Suspicion>, StoreError> {
        let mut suspicions = Vec::new();
        let rows: Vec<&Row> = pages.of(PROVIDER_EVENTS).iter().collect();
        let references: BTreeSet<Cell> = rows.iter().map(|row| row.cell("reference").clone()).collect();
        let provider = rows.first().map_or(Cell::Null, |row| row.cell("provider").clone());
        let attempts = within(ATTEMPTS, ("provider", provider), "reference");
        let mut known = self.rows(&*self.books.orders, &attempts, references.clone()).await?;
        known.extend(self.rows(&*self.books.orders, &alone(REFUNDS, "reference", "reference"), references).await?);
        for row in rows {
            if row.word("state") != Some(ProviderEventState::Applied) {
                self.moving = self.moving.saturating_add(1);
            } else if !known.contains_key(row.cell("reference")) {
                let (expected, found) = ("an attempt or refund of this name".to_owned(), "none".to_owned());
                let entity = row.cell("reference").to_string();
                suspicions.push((row.cell(walk.key).clone(), Violation::new(Provider, entity, expected, found)));
            } else if let Some(known) = known.get(row.cell("reference")) {
                let mut findings = Findings::default();
                agreed(row, known, self.now, &mut findings);
                suspicions.extend(findings.violations.into_iter().map(|violation| (row.cell(walk.key).clone(), violation)));
            }
        }
        Ok(suspicions)
    }
}

/// What a provider said and was applied is what the attempt or refund has come to, for its amount.
fn agreed(said: &Row, known: &Row, now: Timestamp, findings: &mut Findings) {
    let entity = said.cell("reference").to_string();
    let Some(fact) = said.json::<ProviderFact>("fact") else { return };
    let (amount, fits) = match fact {
        ProviderFact::Payment(PaymentFact::Captured { amount }) => {
            (Some(amount), known.word("state") == Some(AttemptState::Captured))
        }
        ProviderFact::RefundSucceeded(amount) => (Some(amount), known.word("state") == Some(RefundState::Succeeded)),
        ProviderFact::Payment(PaymentFact::Declined { .. }) => {
            (None, known.word::<AttemptState>("state").is_some_and(|state| !state.is_open()))
        }
        ProviderFact::Payment(_) => (None, known.word::<AttemptState>("state").is_some()),
    };
    findings.hold(Provider, &entity, fits, format_args!("what was said: {}", said.cell("fact")), known.cell("state"));
    if let Some(amount) = amount {
        let ours = format!("{} {}", known.cell("amount_minor"), known.cell("currency"));
        findings.same(Provider, &entity, "about", ours, format!("{} {}", amount.minor, amount.currency));
    }
    let (made, at) = (known.at("created_at"), said.at("received_at"));
    let fits = made <= at.map(|at| at.plus(limits::AUDIT_CLOCKS_APART)) && at <= Some(now.plus(limits::AUDIT_CLOCKS_APART));
    findings.hold(Times, &entity, fits, "said after it was asked, until now", said.cell("received_at"));
}

fn consumers(books: &ShopBooks) -> [(&'static str, &dyn Books); 3] {
    [(STOCK, &*books.catalog), (CART, &*books.orders), (MAIL, &*books.notifications)]
}

/// Whether a consumer records anything of an event.
fn wants(consumer: &str, event: &Row) -> bool {
    let Some(kind) = event.word::<EventKind>("type") else { return false };
    match consumer {
        STOCK => matches!(kind, EventKind::OrderConfirmed | EventKind::OrderCancelled),
        CART => {
            let data: serde_json::Value = event.json("data").unwrap_or_default();
            kind == EventKind::OrderCreated && data.get("fromCart").and_then(serde_json::Value::as_bool) == Some(true)
        }
        MAIL => Template::of(kind).is_some(),
        _ => false,
    }
}

/// What people know the subject of an event by.
pub(super) fn about(event: &Row) -> String {
    let data: serde_json::Value = event.json("data").unwrap_or_default();
    let named =
        ["number", "sku", "slug", "userId"].into_iter().find_map(|name| data.get(name).and_then(serde_json::Value::as_str));
    named.map_or_else(|| event.cell("aggregate_id").to_string(), str::to_owned)
}

/// What ops were told is what the stock says: a worker brings them together within a second.
fn low_stock(pages: &Pages) -> Vec<Suspicion> {
    let flag = |row: &Row| {
        let available = row.int("on_hand")?.saturating_sub(row.int("reserved")?);
        let low = available <= row.int("low_stock_threshold")?;
        let told = row.int("low_stock_alerted")? == 1;
        let entity = row.cell("sku").to_string();
        let (expected, found) = (format!("low stock told: {low}"), told.to_string());
        (low != told).then(|| (row.cell("sku").clone(), Violation::new(Overdue, entity, expected, found)))
    };
    pages.of(INVENTORY).iter().filter_map(flag).collect()
}
