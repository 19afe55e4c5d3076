//! Rules between databases, and between rows that are read one after the other.
//!
//! Each takes rows that were read, reads what must go with them, and names what does not fit. It is
//! a suspicion until it was found twice with time for events in between.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::commerce::Context;
use crate::error::StoreError;
use crate::limits;
use crate::orders::PaymentGateway;
use crate::time::Timestamp;

use super::Invariant::{HoldOfOrder, Key, Overdue, Reference};
use super::Violation;
use super::books::{Books, Cell, Pages, Row, ShopBooks, Table, Walk};
use super::findings::Findings;
use super::keys::{dangling, made_in, missing};
use super::run::working_since;
use super::standing::{Ways, standing};
use super::tables::{
    CARTS, CATEGORIES, GUESTS, INVENTORY, ITEMS, KEYS, LEDGER, LEDGER_SUMS, ORDERS, PRODUCTS, RESERVATIONS, SELLERS, SESSIONS,
    TOKENS, USERS, WEBHOOK_ENDPOINTS,
};
use super::told::{is_near, made_at};
use super::walks::{HOLDS, ORDER_BOOK, ORDERS_BY_HOLD, alone, entries, within};

/// Which rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cross {
    /// Orders against their holds, users, products, coupons and providers.
    OrderHolds,
    /// Sold holds against their orders.
    HoldOrders,
    /// What ops know about stock against the stock.
    LowStock,
    /// Products against their categories and sellers.
    Product,
    /// Reviews against their products, authors, those who read them, and what was bought.
    Review,
    /// Wishes against their products and users.
    Wish,
    /// Users against the sellers they act for, and who gave them their roles.
    User,
    /// Sellers against their users.
    Seller,
    /// Carts against their users.
    Cart,
    /// Claims on carts against their orders.
    Claim,
    /// Sessions against their users.
    Session,
    /// Entries of the log of staff against who did it, to what, and the events that told of it.
    Staff,
    /// Who was erased against what others know of her.
    Erasure,
    /// Guests against users.
    Guest,
    /// Refresh tokens against their sessions.
    Token,
    /// Messages against the events that caused them.
    Message,
    /// Webhook deliveries against their endpoints and events.
    Delivery,
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
    /// Wallets against their users.
    Wallet,
    /// Entries of wallets against what caused them.
    Entered,
    /// Top-ups against their entries and providers.
    TopUp,
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
    /// Since when the present holder of the database's work has it; none when nobody works.
    pub(super) working_since: Option<Timestamp>,
    /// Whether what carts handled is noted in the books of orders.
    pub(super) carts_in_books: bool,
    /// How long a published event may be on its way.
    pub(super) bus_lag: Duration,
    /// What is on its way.
    pub(super) moving: u64,
}

impl Eyes<'_> {
    /// What does not fit among `pages`, which were read along `walk`.
    pub(super) async fn look(&mut self, cross: Cross, walk: &Walk, pages: &Pages) -> Result<Vec<Suspicion>, StoreError> {
        match cross {
            Cross::OrderHolds => {
                let mut found = self.order_holds(pages).await?;
                found.extend(self.statements(pages).await?);
                found.extend(self.coupons_by_id(pages).await?);
                Ok(found)
            }
            Cross::HoldOrders => self.hold_orders(pages).await,
            Cross::LowStock => Ok(self.low_stock(pages)),
            Cross::Product => {
                let mut found = self.named(walk, pages, "category_id", &*self.books.catalog, CATEGORIES, "a category").await?;
                found.extend(self.named(walk, pages, "seller_id", &*self.books.catalog, SELLERS, "a seller").await?);
                Ok(found)
            }
            Cross::Review | Cross::Wish => {
                let mut found = self.named(walk, pages, "product_id", &*self.books.catalog, PRODUCTS, "a product").await?;
                found.extend(self.named(walk, pages, "user_id", &*self.books.users, USERS, "a user").await?);
                if cross == Cross::Review {
                    found.extend(self.named(walk, pages, "moderated_by", &*self.books.users, USERS, "a user").await?);
                    found.extend(self.purchases(walk, pages).await?);
                }
                Ok(found)
            }
            Cross::User => {
                let mut found = self.named(walk, pages, "seller_id", &*self.books.catalog, SELLERS, "a seller").await?;
                found.extend(self.roles(walk, pages).await?);
                Ok(found)
            }
            Cross::Seller | Cross::Wallet => self.named(walk, pages, "user_id", &*self.books.users, USERS, "a user").await,
            Cross::Session => {
                let mut found = self.named(walk, pages, "user_id", &*self.books.users, USERS, "a user").await?;
                found.extend(self.sessions(walk, pages).await?);
                Ok(found)
            }
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
            Cross::Staff => self.deeds(walk, pages).await,
            Cross::Erasure => self.erasures(walk, pages).await,
            Cross::Guest => self.two_at_once(pages).await,
            Cross::Token => self.tokens(walk, pages).await,
            Cross::Message => self.messages(pages).await,
            Cross::Delivery => {
                let notifications = &*self.books.notifications;
                let endpoint = "a webhook endpoint";
                let mut found = self.named(walk, pages, "endpoint_id", notifications, WEBHOOK_ENDPOINTS, endpoint).await?;
                found.extend(self.deliveries(walk, pages).await?);
                Ok(found)
            }
            Cross::Effects => {
                let mut found = self.effects(walk, pages).await?;
                found.extend(self.claimed(walk, pages).await?);
                Ok(found)
            }
            Cross::Handled => self.handled(walk, pages).await,
            Cross::Letter => self.letters(walk, pages).await,
            Cross::Keys(context) => self.keys(walk, pages, context).await,
            Cross::Entered => self.entered(walk, pages).await,
            Cross::TopUp => self.top_ups(walk, pages).await,
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

    /// Users and guests with these ids.
    pub(super) async fn people(&self, ids: BTreeSet<Cell>) -> Result<BTreeMap<Cell, Row>, StoreError> {
        let mut people = self.rows(&*self.books.users, &alone(USERS, "id", "id"), ids.clone()).await?;
        let others: BTreeSet<Cell> = ids.into_iter().filter(|id| !people.contains_key(id)).collect();
        people.extend(self.rows(&*self.books.users, &alone(GUESTS, "id", "id"), others).await?);
        Ok(people)
    }

    /// Guests that are users as well: an account would have what a guest ordered.
    async fn two_at_once(&self, pages: &Pages) -> Result<Vec<Suspicion>, StoreError> {
        let guests: BTreeSet<Cell> = pages.of(GUESTS).iter().map(|row| row.cell("id").clone()).collect();
        let known = self.rows(&*self.books.users, &alone(USERS, "id", "id"), guests).await?;
        let both = |user: Cell| (user.clone(), Violation::new(Reference, user.to_string(), "a guest alone", "a user as well"));
        Ok(known.into_keys().map(both).collect())
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
        let users = self.people(buyers).await?;
        let sold: BTreeSet<Cell> = pages.of(ITEMS).iter().map(|row| row.cell("product_id").clone()).collect();
        let products = self.rows(&*self.books.catalog, &alone(PRODUCTS, "id", "id"), sold).await?;
        let to_stock = self.ways_to(&*self.books.catalog).await?;
        let mut suspicions = Vec::new();
        for order in &orders {
            let Some(row) = order.one(ORDERS) else { continue };
            let mut findings = Findings::default();
            standing(order, holds.get(row.cell("hold_key")), (to_stock, self.now), &mut findings);
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

    /// How events get to the consumers of these books.
    pub(super) async fn ways_to(&self, books: &dyn Books) -> Result<Ways, StoreError> {
        if self.bus_lag.is_zero() {
            return Ok(Ways::Direct);
        }
        let since = working_since(books, self.now).await?;
        Ok(Ways::Broker { since: since.map(|since| since.plus(self.bus_lag)), lag: self.bus_lag, now: self.now })
    }

    /// Sessions go before their tokens do; a token of a session that may have gone is fine.
    async fn tokens(&self, walk: &Walk, pages: &Pages) -> Result<Vec<Suspicion>, StoreError> {
        let oldest = self.now.minus(limits::SESSION_MAX).plus(limits::AUDIT_CLOCK_SLACK).as_millis();
        let young = |row: &&Row| row.id("session_id").is_some_and(|id| id.as_u128() >> 80 > u128::from(oldest));
        let mut tokens = Pages::default();
        tokens.put(TOKENS, pages.of(TOKENS).iter().filter(young).cloned().collect());
        self.named(walk, &tokens, "session_id", &*self.books.users, SESSIONS, "a session").await
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

    /// What ops were told is what the stock says. A worker brings them together within a second; while it is
    /// halted, or dead and not replaced, it is on its way like everything that waits.
    fn low_stock(&mut self, pages: &Pages) -> Vec<Suspicion> {
        let mut suspicions = Vec::new();
        for row in pages.of(INVENTORY) {
            let Some((low, told)) = told_of_low_stock(row) else { continue };
            if low == told {
                continue;
            }
            let sku = row.cell("sku");
            let ledger = pages.of(LEDGER_SUMS).iter().find(|sums| sums.cell("sku") == sku);
            let moved = ledger.and_then(|sums| sums.at("last_at")).unwrap_or(Timestamp::EPOCH);
            if self.working_since.is_some_and(|since| since.max(moved).plus(limits::AUDIT_OVERDUE) > self.now) {
                self.moving = self.moving.saturating_add(1);
                continue;
            }
            let (expected, found) = (format!("low stock told: {low}"), told.to_string());
            suspicions.push((sku.clone(), Violation::new(Overdue, sku.to_string(), expected, found)));
        }
        suspicions
    }
}

/// Whether stock is low, and whether ops were told so.
fn told_of_low_stock(row: &Row) -> Option<(bool, bool)> {
    let available = row.int("on_hand")?.saturating_sub(row.int("reserved")?);
    Some((available <= row.int("low_stock_threshold")?, row.int("low_stock_alerted")? == 1))
}
