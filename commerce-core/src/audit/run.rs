//! The walk through the books: stretch by stretch, each judged as soon as it is read.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::commerce::Context;
use crate::error::StoreError;
use crate::limits;
use crate::orders::PaymentGateway;
use crate::time::{Clock, Timestamp};
use crate::users::StaffHead;

use super::books::{Books, Cell, Pages, Row, ShopBooks, Table, Walk};
use super::cross::{Cross, Eyes, Suspicion};
use super::findings::Findings;
use super::tables::{CATEGORIES, INBOX, LEASES, LEDGER, OUTBOX, PROVIDER_EVENTS, STAFF_LOG};
use super::walks::{
    self, CART_LIST, CATEGORY_LIST, CLAIM_LIST, COUPON_BOOK, DELIVERY_LIST, ENDPOINT_LIST, ENTRY_LIST, ERASURE_LIST, EVENT_LIST,
    Entry, GUEST_BOOK, HOLDS, KEY_LIST, LEASE_LIST, LETTER_LIST, MESSAGE_LIST, ORDER_BOOK, PRODUCT_BOOK, REVIEW_LIST,
    SELLER_LIST, SESSION_BOOK, SHELVES, STAFF_LIST, TOKEN_LIST, TOP_UP_LIST, TREE_LIST, USER_BOOK, WALLET_BOOK, WISH_LIST,
    WRITER_LIST, entries,
};
use super::{
    AuditRequest, Progress, Report, cancellations, coupons, erasures, keys, money, orders, people, products, refunds, returns,
    said, seals, shipments, shopping, stock, timeline, told, wallets, webhooks, whereto,
};

/// The lease of a context's workers.
const WORKERS: &str = "workers";
/// A stretch that took longer than this is followed by shorter ones.
const STRETCH_LONG: Duration = Duration::from_millis(200);
/// A stretch that took less than this is followed by longer ones.
const STRETCH_SHORT: Duration = Duration::from_millis(50);

/// What rules judge by besides the rows.
#[derive(Clone, Copy)]
pub(super) struct Scene {
    /// When the stretch was read, or a little before.
    pub(super) now: Timestamp,
    /// Since when somebody does this context's later work; none while nobody does.
    pub(super) working_since: Option<Timestamp>,
}

/// The tables of one context, and since when somebody does its later work.
#[derive(Clone, Copy)]
struct Source<'a> {
    books: &'a dyn Books,
    working_since: Option<Timestamp>,
}

/// A rule on the rows of one key.
type Rule = fn(&Entry<'_>, Scene, &mut Findings);

/// What holds of each order in its own database.
const ORDER_RULES: &[Rule] = &[
    orders::amounts,
    timeline::history,
    money::payment,
    money::attempts,
    refunds::refunds,
    money::deadline,
    money::lifetime,
    said::steps,
    said::facts,
    said::words,
    said::decisions,
    said::key,
    whereto::goes,
    coupons::redeemed,
    cancellations::given_up,
    shipments::gone,
    returns::sent_back,
];

/// One audit.
pub(crate) struct Auditor<'a> {
    books: &'a ShopBooks,
    gateways: &'a [Arc<dyn PaymentGateway>],
    clock: &'a Arc<dyn Clock>,
    request: AuditRequest<'a>,
    carts_in_books: bool,
    bus_lag: Duration,
    findings: Findings,
}

impl<'a> Auditor<'a> {
    pub(crate) fn new(
        books: &'a ShopBooks,
        gateways: &'a [Arc<dyn PaymentGateway>],
        clock: &'a Arc<dyn Clock>,
        request: AuditRequest<'a>,
    ) -> Self {
        let (carts_in_books, bus_lag) = (true, Duration::ZERO);
        Self { books, gateways, clock, request, carts_in_books, bus_lag, findings: Findings::default() }
    }

    /// Whether what carts handled is noted in the books of orders.
    pub(crate) fn carts_in_books(self, carts_in_books: bool) -> Self {
        Self { carts_in_books, ..self }
    }

    /// How long a published event may be on its way.
    pub(crate) fn bus_lag(self, bus_lag: Duration) -> Self {
        Self { bus_lag, ..self }
    }

    /// Looks at everything. Within a database, effects are read before what caused them.
    pub(crate) async fn run(mut self) -> Result<Report, StoreError> {
        let started_at = self.clock.now();
        let ShopBooks { users, catalog, orders, notifications } = self.books;
        let notifications = self.source(&**notifications).await?;
        let catalog = self.source(&**catalog).await?;
        let orders = self.source(&**orders).await?;
        let users = self.source(&**users).await?;
        self.walk(notifications, MESSAGE_LIST, &[told::message], Some(Cross::Message)).await?;
        self.walk(notifications, DELIVERY_LIST, &[webhooks::delivery], Some(Cross::Delivery)).await?;
        self.walk(notifications, ENDPOINT_LIST, &[webhooks::endpoint], None).await?;
        self.walk(catalog, SHELVES, &[stock::shelf], Some(Cross::LowStock)).await?;
        self.walk(catalog, HOLDS, &[stock::hold], Some(Cross::HoldOrders)).await?;
        self.walk(catalog, PRODUCT_BOOK, &[products::product, products::product_said], Some(Cross::Product)).await?;
        self.walk(catalog, REVIEW_LIST, &[products::review], Some(Cross::Review)).await?;
        self.walk(catalog, WISH_LIST, &[products::wish], Some(Cross::Wish)).await?;
        self.walk(catalog, SELLER_LIST, &[], Some(Cross::Seller)).await?;
        self.forest().await?;
        self.walk_each(catalog, LEDGER, "sku", "id", &[stock::moved], Some(Cross::Moved)).await?;
        self.walk(orders, ORDER_BOOK, ORDER_RULES, Some(Cross::OrderHolds)).await?;
        self.walk(orders, COUPON_BOOK, &[coupons::coupon], None).await?;
        self.walk(orders, WALLET_BOOK, &[wallets::wallet], Some(Cross::Wallet)).await?;
        self.walk(orders, ENTRY_LIST, &[wallets::entry], Some(Cross::Entered)).await?;
        self.walk(orders, TOP_UP_LIST, &[wallets::top_up], Some(Cross::TopUp)).await?;
        self.walk(orders, CART_LIST, &[shopping::cart], Some(Cross::Cart)).await?;
        self.walk(orders, CLAIM_LIST, &[told::claim], Some(Cross::Claim)).await?;
        self.walk_each(orders, PROVIDER_EVENTS, "provider", "event_id", &[], Some(Cross::Provider)).await?;
        self.walk(users, USER_BOOK, &[people::user], Some(Cross::User)).await?;
        self.walk(users, GUEST_BOOK, &[people::guest], Some(Cross::Guest)).await?;
        self.walk(users, ERASURE_LIST, &[erasures::erasure], Some(Cross::Erasure)).await?;
        self.walk(users, SESSION_BOOK, &[people::session, people::chain], Some(Cross::Session)).await?;
        self.walk(users, TOKEN_LIST, &[people::token], Some(Cross::Token)).await?;
        self.walk(users, STAFF_LIST, &[people::staff_entry], Some(Cross::Staff)).await?;
        let sources = [
            (Context::Notifications, notifications),
            (Context::Catalog, catalog),
            (Context::Orders, orders),
            (Context::Users, users),
        ];
        for (context, books) in sources {
            self.walk_each(books, INBOX, "consumer", "event_id", &[told::handled], Some(Cross::Handled)).await?;
            self.walk(books, EVENT_LIST, &[told::event], Some(Cross::Effects)).await?;
            self.walk(books, LETTER_LIST, &[told::letter], Some(Cross::Letter)).await?;
            self.walk(books, LEASE_LIST, &[told::lease], None).await?;
            self.walk(books, WRITER_LIST, &[told::writer], None).await?;
            self.walk(books, KEY_LIST, &[keys::outcome], Some(Cross::Keys(context))).await?;
        }
        Ok(self.report(started_at))
    }

    /// A context's tables.
    async fn source<'b>(&self, books: &'b dyn Books) -> Result<Source<'b>, StoreError> {
        Ok(Source { books, working_since: working_since(books, self.clock.now()).await? })
    }

    fn report(self, started_at: Timestamp) -> Report {
        let Findings { mut violations, counts, unsettled, rows } = self.findings;
        violations.sort();
        Report { violations, counts, repairs: Vec::new(), unsettled, rows, started_at, ended_at: self.clock.now() }
    }

    /// The tree of categories, which is read whole.
    async fn forest(&mut self) -> Result<(), StoreError> {
        let scene = Scene { now: self.clock.now(), working_since: None };
        let mut all = self.books.catalog.stretch(TREE_LIST, None, 2).await?.pages;
        let nodes = self.books.catalog.stretch(CATEGORY_LIST, None, u32::MAX).await?.pages;
        self.judge(CATEGORY_LIST, &nodes, scene, &[]);
        self.judge(TREE_LIST, &all, scene, &[]);
        all.put(CATEGORIES, nodes.of(CATEGORIES).to_vec());
        products::forest(&all, &mut self.findings);
        Ok(())
    }

    /// Walks a table part by part: for each value of `column` the rows that hold it, by `key`.
    async fn walk_each(
        &mut self,
        books: Source<'_>,
        table: &'static Table,
        column: &'static str,
        key: &'static str,
        rules: &[Rule],
        cross: Option<Cross>,
    ) -> Result<(), StoreError> {
        let parts = walks::alone(table, column, column);
        let mut after = None;
        while let Some(part) = books.books.keys(&parts, after.as_ref(), 1).await?.into_iter().next() {
            self.walk(books, &walks::within(table, (column, part.clone()), key), rules, cross).await?;
            after = Some(part);
        }
        Ok(())
    }

    /// Judges every stretch of a walk, and looks twice at what does not fit with other books.
    async fn walk(
        &mut self,
        Source { books, working_since }: Source<'_>,
        walk: &Walk,
        rules: &[Rule],
        cross: Option<Cross>,
    ) -> Result<(), StoreError> {
        let (mut after, mut limit) = (None, limits::AUDIT_STRETCH);
        let (mut counted, mut chained) = (None, StaffHead::default());
        let mut suspects: Vec<Suspicion> = Vec::new();
        loop {
            let now = self.clock.now();
            let stretch = books.stretch(walk, after.as_ref(), limit).await?;
            limit = next_limit(limit, self.clock.now().since(now));
            self.judge(walk, &stretch.pages, Scene { now, working_since }, rules);
            if walk.lead.name == OUTBOX.name && books.counts_events() {
                counted = told::count_events(&stretch.pages, counted, now, &mut self.findings);
            }
            if walk.lead.name == STAFF_LOG.name {
                chained = people::chained(&stretch.pages, chained, &mut self.findings);
            }
            if let Some(cross) = cross {
                let mut eyes = Eyes {
                    books: self.books,
                    gateways: self.gateways,
                    now,
                    working_since,
                    carts_in_books: self.carts_in_books,
                    bus_lag: self.bus_lag,
                    moving: 0,
                };
                suspects.extend(eyes.look(cross, walk, &stretch.pages).await?);
                self.findings.unsettled = self.findings.unsettled.saturating_add(eyes.moving);
                if suspects.len() >= limits::AUDIT_SUSPICIONS_MAX {
                    self.look_again(books, walk, cross, std::mem::take(&mut suspects)).await?;
                }
            }
            match stretch.upto {
                Some(upto) => after = Some(upto),
                None => break,
            }
        }
        match cross {
            Some(cross) if !suspects.is_empty() => self.look_again(books, walk, cross, suspects).await,
            Some(_) | None => Ok(()),
        }
    }

    /// Reports the suspicions that still stand when events had time to arrive. What changes while
    /// it is looked at is not settled.
    async fn look_again(
        &mut self,
        books: &dyn Books,
        walk: &Walk,
        cross: Cross,
        suspects: Vec<Suspicion>,
    ) -> Result<(), StoreError> {
        self.request.patience.wait(limits::AUDIT_LAG).await;
        let keys: BTreeSet<Cell> = suspects.iter().map(|(key, _)| key.clone()).collect();
        let keys: Vec<Cell> = keys.into_iter().collect();
        // Whoever worked may have died meanwhile.
        let Source { working_since, .. } = self.source(books).await?;
        let now = self.clock.now();
        let mut eyes = Eyes {
            books: self.books,
            gateways: self.gateways,
            now,
            working_since,
            carts_in_books: self.carts_in_books,
            bus_lag: self.bus_lag,
            moving: 0,
        };
        let before = books.look_up(walk, &keys).await?;
        let again = eyes.look(cross, walk, &before).await?;
        let after = books.look_up(walk, &keys).await?;
        self.findings.unsettled = self.findings.unsettled.saturating_add(eyes.moving);
        for (key, violation) in again {
            let lead = |pages: &Pages| pages.of(walk.lead).iter().filter(|row| *row.cell(walk.key) == key).cloned().collect();
            let (old, new): (Vec<Row>, Vec<Row>) = (lead(&before), lead(&after));
            let twice = |(other, seen): &Suspicion| *other == key && seen.invariant == violation.invariant;
            if old == new && suspects.iter().any(twice) {
                self.findings.take(violation);
            } else {
                self.findings.unsettled();
            }
        }
        Ok(())
    }

    fn judge(&mut self, walk: &Walk, pages: &Pages, scene: Scene, rules: &[Rule]) {
        for entry in entries(walk, pages) {
            for row in entry.rows() {
                self.findings.rows = self.findings.rows.saturating_add(1);
                self.findings.read(&entry.name, row);
                told::born(&entry.name, row, &mut self.findings);
                seals::unbroken(&entry.name, row, &mut self.findings);
            }
            for rule in rules {
                rule(&entry, scene, &mut self.findings);
            }
        }
        (self.request.progress)(Progress { what: walk.lead.name, rows: self.findings.rows });
    }
}

/// Since when somebody does the later work of the context with these tables; none while nobody does. Who
/// holds the lease of its workers began when its own id was made.
pub(super) async fn working_since(books: &dyn Books, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
    let pages = books.look_up(LEASE_LIST, &[WORKERS.into()]).await?;
    let held = |row: &&Row| row.at("until_at").is_some_and(|until| until.plus(limits::AUDIT_MOMENT) > now);
    let owner = pages.of(LEASES).iter().find(held).and_then(|row| row.id("owner_id"));
    Ok(owner.map(told::made_at))
}

/// Keys of the next stretch, after one of `limit` that took `took`.
fn next_limit(limit: u32, took: Duration) -> u32 {
    let next = if took > STRETCH_LONG {
        limit / 2
    } else if took < STRETCH_SHORT {
        limit.saturating_mul(2)
    } else {
        limit
    };
    next.clamp(1, limits::AUDIT_STRETCH_MAX)
}
