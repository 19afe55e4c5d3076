//! The audit over a store's tables: a healthy shop is clean, and every single row that is altered or taken
//! out by hand is found and named.
//!
//! Each engine says how its databases are opened and altered ([`Hands`]), and runs the same checks.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use commerce_adapters::sql::Databases;
use commerce_adapters::system::RealTime;
use commerce_core::audit::books::{Cell, Row, Table, Walk};
use commerce_core::audit::tables::{
    self, ADDRESSES, INVENTORY, LEDGER, NOTIFICATIONS, ORDERS, PAYMENTS, PRODUCTS, REFUNDS, RESERVATIONS, SESSIONS, USERS,
};
use commerce_core::audit::{AuditRequest, Books, Invariant, Report, ShopBooks, Violation};
use commerce_core::commerce::{Commerce, Context, KeepPolicy, Policies, Ports};
use commerce_core::events::{DeadLetters, EventBus, Outbox};
use commerce_core::testing::conformance::{self, NoWait, Tampered, trade};
use commerce_core::testing::memory::{
    MemoryBus, MemoryImages, MemorySearch, PlainHasher, PlainRenderer, PlainTokens, RecordingCaller, RecordingMailer,
    ScriptedGateway,
};
use commerce_core::testing::{ManualClock, SeededEntropy};
use commerce_core::time::Clock;
use commerce_core::{Actor, Timestamp, limits};

/// Reaches into the databases of a shop.
#[async_trait]
pub(crate) trait Hands: Send + Sync {
    /// Executes a statement that alters one row of a context's table, whatever the checks of the schema say to it: this
    /// column gets this value. Answers whether the engine let that happen.
    async fn alter(
        &self,
        context: Context,
        table: &'static Table,
        change: Option<&(&'static str, Cell)>,
        statement: String,
    ) -> bool;

    /// The comparison that holds between nothing and nothing, too.
    fn same(&self) -> &'static str;
}

/// The instant at which every shop of these tests is opened.
pub(crate) fn clock() -> Arc<ManualClock> {
    let clock = ManualClock::at(Timestamp::from_micros(1_772_357_400_000_000));
    clock.tick();
    Arc::new(clock)
}

/// A shop and the hands that reach into it.
pub(crate) struct Subject {
    pub(crate) commerce: Commerce,
    pub(crate) books: ShopBooks,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) databases: Databases,
    pub(crate) gateway: Arc<ScriptedGateway>,
    hands: Box<dyn Hands>,
}

impl Subject {
    /// The shop on these databases, which were opened under [`clock`], whose payments are in the books of
    /// `gateway`.
    pub(crate) fn new(
        databases: Databases,
        clock: Arc<ManualClock>,
        hands: impl Hands + 'static,
        gateway: Arc<ScriptedGateway>,
    ) -> Self {
        let (users, catalog) = (databases.users(), databases.catalog());
        let (orders, notifications) = (databases.orders(), databases.notifications());
        let books = ShopBooks {
            users: users.clone(),
            catalog: catalog.clone(),
            orders: orders.clone(),
            notifications: notifications.clone(),
        };
        let ports = Ports {
            clock: clock.clone(),
            entropy: Arc::new(SeededEntropy::new(7)),
            users: users.clone(),
            passwords: Arc::new(PlainHasher),
            tokens: Arc::new(PlainTokens::new("testing")),
            catalog: catalog.clone(),
            search: Arc::new(MemorySearch::new()),
            images: Arc::new(MemoryImages::new()),
            orders: orders.clone(),
            carts: orders.clone(),
            gateways: vec![gateway.clone()],
            notifications: notifications.clone(),
            renderer: Arc::new(PlainRenderer),
            mailer: Arc::new(RecordingMailer::new()),
            webhooks: Arc::new(RecordingCaller::new()),
            books: books.clone(),
        };
        let shop = Commerce::new(ports, Policies::default());
        let bus = Arc::new(MemoryBus::new(clock.clone()));
        let letters: [(Context, Arc<dyn DeadLetters>); 4] = [
            (Context::Users, users.clone()),
            (Context::Catalog, catalog.clone()),
            (Context::Orders, orders.clone()),
            (Context::Notifications, notifications.clone()),
        ];
        for (context, consumer) in shop.consumers() {
            for (_, letters) in letters.iter().filter(|(owner, _)| *owner == context) {
                bus.subscribe(Arc::clone(&consumer), Arc::clone(letters));
            }
        }
        let bus: Arc<dyn EventBus> = bus;
        let outboxes: Vec<(Context, Arc<dyn Outbox>)> = vec![
            (Context::Users, users),
            (Context::Catalog, catalog),
            (Context::Orders, orders),
            (Context::Notifications, notifications),
        ];
        let commerce = shop.with_dead_letters(&letters).with_bus(&bus, outboxes);
        Self { commerce, books, clock, databases, gateway, hands: Box::new(hands) }
    }
}

/// A value as SQL writes it.
fn literal(cell: &Cell) -> String {
    match cell {
        Cell::Null => "NULL".to_owned(),
        Cell::Int(number) => number.to_string(),
        Cell::Text(text) => format!("'{}'", text.replace('\'', "''")),
        Cell::Blob(bytes) => bytes.iter().fold("x'".to_owned(), |hex, byte| format!("{hex}{byte:02x}")) + "'",
    }
}

#[async_trait]
impl Tampered for Subject {
    fn shop(&self) -> &Commerce {
        &self.commerce
    }

    fn books(&self) -> &ShopBooks {
        &self.books
    }

    async fn tamper(&self, context: Context, row: &Row, change: Option<(&'static str, Cell)>) -> bool {
        let table = row.table();
        let same = self.hands.same();
        let meant: Vec<String> =
            table.columns.iter().map(|(column, _)| format!("`{column}` {same} {}", literal(row.cell(column)))).collect();
        let what = match &change {
            Some((column, value)) => format!("UPDATE {} SET `{column}` = {}", table.name, literal(value)),
            None => format!("DELETE FROM {}", table.name),
        };
        self.hands.alter(context, table, change.as_ref(), format!("{what} WHERE {}", meant.join(" AND "))).await
    }
}

impl Subject {
    /// Lets it trade and lets go of its databases; answers the provider with its books.
    pub(crate) async fn trade_and_close(self) -> Arc<ScriptedGateway> {
        trade(&self.commerce).await.expect("a shop trades");
        self.databases.close().await;
        self.gateway
    }
}

/// The columns that say once more what others say, by their tables.
pub(crate) fn said_twice(context: Context) -> Vec<(&'static str, &'static str)> {
    let columns = tables::of(context).flat_map(|table| table.columns.iter().map(|(column, _)| (table.name, *column)));
    columns.filter(|(_, column)| column.ends_with("_check")).collect()
}

/// `healthy` opens the same healthy shop each time, whatever was altered before.
pub(crate) async fn the_books_hide_nothing(healthy: impl AsyncFn() -> Subject) {
    conformance::audit_together(healthy).await;
}

/// Every row of a table.
pub(crate) async fn all(books: &dyn Books, table: &'static Table) -> Vec<Row> {
    let key = table.columns[0].0;
    let walk = Walk { lead: table, key, name: key, within: None, beside: &[] };
    books.stretch(&walk, None, 10_000).await.expect("the books can be read").pages.of(table).to_vec()
}

pub(crate) async fn whoever_is_erased_leaves_no_trace(shop: Subject) {
    trade(&shop.commerce).await.expect("a shop trades");
    conformance::erasure(&shop).await;
}

pub(crate) async fn look(shop: &Commerce, fix: bool) -> Report {
    shop.audit(&Actor::System, AuditRequest::new(&NoWait).fixing(fix)).await.expect("the books can be read")
}

/// The first row of a table that holds `text` in `column`.
pub(crate) async fn row(books: &dyn Books, table: &'static Table, (column, value): (&str, Cell)) -> Row {
    all(books, table).await.into_iter().find(|row| *row.cell(column) == value).expect("there is such a row")
}

pub(crate) async fn what_can_be_derived_is_repaired_and_stays_so(shop: Subject) {
    trade(&shop.commerce).await.expect("a shop trades");
    let ShopBooks { users, catalog, orders: _, notifications } = &shop.books;
    let shelf = row(&**catalog, INVENTORY, ("sku", "CUP-1".into())).await;
    shop.tamper(Context::Catalog, &shelf, Some(("on_hand", Cell::Int(1_000)))).await;
    let shelf = row(&**catalog, INVENTORY, ("sku", "CUP-2".into())).await;
    shop.tamper(Context::Catalog, &shelf, Some(("reserved", Cell::Int(0)))).await;
    let product = row(&**catalog, PRODUCTS, ("slug", "cup".into())).await;
    shop.tamper(Context::Catalog, &product, Some(("rating_sum", Cell::Int(1)))).await;
    let home = row(&**users, ADDRESSES, ("is_default", Cell::Int(1))).await;
    shop.tamper(Context::Users, &home, Some(("is_default", Cell::Int(0)))).await;
    let told = row(&**notifications, NOTIFICATIONS, ("kind", "ORDER_CONFIRMED".into())).await;
    shop.tamper(Context::Notifications, &told, None).await;

    let found = look(&shop.commerce, false).await;
    for invariant in
        [Invariant::OnHand, Invariant::Reserved, Invariant::Rating, Invariant::DefaultAddress, Invariant::Notification]
    {
        assert!(found.counts.contains_key(&invariant), "{invariant} is not among {:#?}", found.violations);
    }
    let fixed = look(&shop.commerce, true).await;
    assert_eq!(fixed.violations, [], "after {:#?}", fixed.repairs);
    assert_eq!(fixed.repairs.len(), 5, "{:#?}", fixed.repairs);
    assert_eq!(look(&shop.commerce, true).await.repairs, [], "nothing is left to be repaired");
}

/// The lines of the ledger of a hold, of one kind.
async fn moved(shop: &Subject, hold: &Row, kind: &str) -> Row {
    let name = hold.cell("hold_key").to_string();
    let walk = Walk { lead: LEDGER, key: "reference", name: "reference", within: None, beside: &[] };
    let pages = shop.books.catalog.look_up(&walk, &[name.into()]).await.expect("the books can be read");
    pages.of(LEDGER).iter().find(|row| row.text("kind") == Some(kind)).expect("there is such a line").clone()
}

pub(crate) async fn a_hold_that_only_forgot_that_it_was_sold_is_sold_without_moving_stock(shop: Subject) {
    trade(&shop.commerce).await.expect("a shop trades");
    let order = row(&*shop.books.orders, ORDERS, ("status", "DELIVERED".into())).await;
    let hold = row(&*shop.books.catalog, RESERVATIONS, ("hold_key", order.cell("hold_key").clone())).await;
    let shelf = row(&*shop.books.catalog, INVENTORY, ("sku", hold.cell("sku").clone())).await;
    shop.tamper(Context::Catalog, &hold, Some(("state", "ACTIVE".into()))).await;
    let found = look(&shop.commerce, false).await;
    assert!(found.counts.contains_key(&Invariant::HoldOfOrder), "{:#?}", found.violations);
    let fixed = look(&shop.commerce, true).await;
    assert_eq!(fixed.violations, [], "after {:#?}", fixed.repairs);
    assert_eq!(
        row(&*shop.books.catalog, INVENTORY, ("sku", hold.cell("sku").clone())).await.cell("on_hand"),
        shelf.cell("on_hand")
    );
}

pub(crate) async fn a_hold_whose_sale_was_lost_is_sold(shop: Subject) {
    trade(&shop.commerce).await.expect("a shop trades");
    let order = row(&*shop.books.orders, ORDERS, ("status", "DELIVERED".into())).await;
    let hold = row(&*shop.books.catalog, RESERVATIONS, ("hold_key", order.cell("hold_key").clone())).await;
    let quantity = hold.int("quantity").expect("a hold has a quantity");
    let (sku, sale) = (hold.cell("sku").clone(), moved(&shop, &hold, "SALE").await);
    shop.tamper(Context::Catalog, &hold, Some(("state", "ACTIVE".into()))).await;
    shop.tamper(Context::Catalog, &sale, None).await;
    for column in ["on_hand", "reserved"] {
        let shelf = row(&*shop.books.catalog, INVENTORY, ("sku", sku.clone())).await;
        let more = shelf.int(column).expect("a shelf has stock") + quantity;
        shop.tamper(Context::Catalog, &shelf, Some((column, Cell::Int(more)))).await;
    }
    let fixed = look(&shop.commerce, true).await;
    assert_eq!(fixed.violations, [], "after {:#?}", fixed.repairs);
    assert_eq!(fixed.repairs.len(), 1, "{:#?}", fixed.repairs);
    assert_eq!(moved(&shop, &hold, "SALE").await.int("on_hand_change"), Some(-quantity));
}

pub(crate) async fn a_payment_status_that_derives_is_repaired(shop: Subject) {
    trade(&shop.commerce).await.expect("a shop trades");
    let books = &*shop.books.orders;
    // Cash that came and money that went back are in the sums; a refusal is in its attempt, with the bank's reason.
    for (payment, wrong) in [("CAPTURED", "PENDING"), ("REFUNDED", "CAPTURED"), ("FAILED", "VOIDED")] {
        let paid = row(books, PAYMENTS, ("status", payment.into())).await;
        let order = row(books, ORDERS, ("id", paid.cell("order_id").clone())).await;
        shop.tamper(Context::Orders, &paid, Some(("status", wrong.into()))).await;
        let fixed = look(&shop.commerce, true).await;
        assert_eq!(fixed.violations, [], "{payment} as {wrong}, after {:#?}", fixed.repairs);
        assert_eq!(row(books, PAYMENTS, ("order_id", paid.cell("order_id").clone())).await, paid, "it is as it was");
        assert_eq!(row(books, ORDERS, ("id", order.cell("id").clone())).await, order, "and nothing else is touched");
    }
}

pub(crate) async fn a_payment_status_beside_something_else_stays_as_found(shop: Subject) {
    trade(&shop.commerce).await.expect("a shop trades");
    let books = &*shop.books.orders;
    let paid = row(books, PAYMENTS, ("status", "REFUNDED".into())).await;
    shop.tamper(Context::Orders, &paid, Some(("status", "CAPTURED".into()))).await;
    let back = row(books, REFUNDS, ("order_id", paid.cell("order_id").clone())).await;
    shop.tamper(Context::Orders, &back, Some(("state", "FAILED".into()))).await;
    let fixed = look(&shop.commerce, true).await;
    assert!(fixed.counts.contains_key(&Invariant::Money) && fixed.repairs.is_empty(), "{fixed:#?}");
}

/// Asha and Bela registered at the same time and have each been there since: only the tokens tell whose a session is.
pub(crate) async fn a_session_given_to_somebody_else_is_named(shop: Subject) {
    trade(&shop.commerce).await.expect("a shop trades");
    let books = &*shop.books.users;
    let owner = |email: &'static str| async move { row(books, USERS, ("email", email.into())).await.cell("id").clone() };
    let (asha, bela) = (owner("asha@example.com").await, owner("bela@example.com").await);
    let session = row(books, SESSIONS, ("user_id", asha)).await;
    shop.tamper(Context::Users, &session, Some(("user_id", bela))).await;
    let found = look(&shop.commerce, false).await;
    let named =
        |it: &Violation| it.invariant == Invariant::Reference && it.expected.starts_with("a session of whom its tokens name");
    assert!(found.violations.iter().any(named), "{:#?}", found.violations);
}

pub(crate) async fn a_name_changed_by_hand_is_named(shop: Subject) {
    trade(&shop.commerce).await.expect("a shop trades");
    a_name_changed_by_hand_is_the_only_fault(shop).await;
}

/// In a shop that has traded.
pub(crate) async fn a_name_changed_by_hand_is_the_only_fault(shop: Subject) {
    let user = row(&*shop.books.users, USERS, ("email", "asha@example.com".into())).await;
    shop.tamper(Context::Users, &user, Some(("full_name", "Eve".into()))).await;
    let found = look(&shop.commerce, true).await;
    let named: Vec<(Invariant, &str)> = found.violations.iter().map(|it| (it.invariant, it.entity.as_str())).collect();
    assert_eq!(named, [(Invariant::Sealed, user.cell("id").to_string().as_str())]);
}

pub(crate) async fn money_is_never_repaired(shop: Subject) {
    trade(&shop.commerce).await.expect("a shop trades");
    let order = row(&*shop.books.orders, ORDERS, ("status", "DELIVERED".into())).await;
    shop.tamper(Context::Orders, &order, Some(("total_minor", Cell::Int(1)))).await;
    let fixed = look(&shop.commerce, true).await;
    assert!(fixed.counts.contains_key(&Invariant::Amounts), "{:#?}", fixed.violations);
    let after = row(&*shop.books.orders, ORDERS, ("id", order.cell("id").clone())).await;
    assert_eq!(*after.cell("total_minor"), Cell::Int(1));
}

pub(crate) async fn a_busy_shop_raises_no_alarm(shop: Subject) {
    const ROUNDS: usize = 12;
    trade(&shop.commerce).await.expect("a shop trades");
    let busy = async {
        for _ in 0..ROUNDS {
            let orders = (0..4).map(|_| conformance::buy_and_change_mind(&shop.commerce));
            for bought in futures_util::future::join_all(orders).await {
                bought.expect("a shop sells");
            }
            shop.commerce.settle().await.expect("a shop settles");
        }
    };
    let watch = async {
        for _ in 0..ROUNDS {
            let report = shop.commerce.audit(&Actor::System, AuditRequest::new(&RealTime)).await.expect("the books can be read");
            assert_eq!(report.violations, []);
        }
    };
    tokio::join!(busy, watch);
    let settled = look(&shop.commerce, false).await;
    assert_eq!((settled.violations, settled.unsettled), (Vec::new(), 0));
}

/// How holds ended, and how many lines each way.
async fn holds(books: &dyn Books) -> BTreeMap<String, usize> {
    let walk = Walk { lead: RESERVATIONS, key: "hold_key", name: "hold_key", within: None, beside: &[] };
    let stretch = books.stretch(&walk, None, 10_000).await.expect("the books can be read");
    stretch.pages.of(RESERVATIONS).iter().fold(BTreeMap::new(), |mut ends, row| {
        *ends.entry(row.text("state").unwrap_or_default().to_owned()).or_default() += 1;
        ends
    })
}

pub(crate) async fn what_ended_long_ago_is_forgotten_and_not_missed(shop: Subject) {
    trade(&shop.commerce).await.expect("a shop trades");
    let before = holds(&*shop.books.catalog).await;
    let count = |ends: &BTreeMap<String, usize>, how: &str| ends.get(how).copied().unwrap_or(0);
    let (sold, old) = (count(&before, "COMMITTED"), count(&before, "RELEASED"));
    assert!(sold > 0 && old > 0, "{before:?}");
    let keep = KeepPolicy { holds: limits::HOLD_SURE, ..KeepPolicy::default() };
    let forget = async || {
        let gone = match &shop.databases {
            #[cfg(feature = "sqlite")]
            Databases::Sqlite(databases) => databases.retention(shop.clock.now(), &keep).await,
            #[cfg(feature = "mysql")]
            Databases::MySql(databases) => databases.retention(shop.clock.now(), &keep).await,
        };
        gone.expect("the old can go");
    };
    shop.clock.advance(limits::HOLD_SURE);
    // What waited for its money is put off and given up only now, and so is young.
    shop.commerce.settle().await.expect("a shop settles");
    let released = count(&holds(&*shop.books.catalog).await, "RELEASED");
    forget().await;
    assert_eq!(count(&holds(&*shop.books.catalog).await, "RELEASED"), released, "not a moment too early");
    shop.clock.advance(Duration::from_hours(1));
    forget().await;
    let after = holds(&*shop.books.catalog).await;
    assert_eq!((count(&after, "COMMITTED"), count(&after, "RELEASED")), (sold, released - old), "{after:?}");
    let report = look(&shop.commerce, false).await;
    assert!(report.is_clean(), "{report:?}");
}
