//! The promises of the books that an audit reads: a healthy shop is clean, and each thing that is
//! altered behind its back is found and named.
//!
//! Start reading at [`Books`], then at `cases`: a table of alterations with what must be reported.

mod cases;
mod columns;
mod erasure;
mod history;

use std::collections::BTreeSet;
use std::time::Duration;

use async_trait::async_trait;

use crate::actor::Actor;
use crate::audit::books::{Cell, Row, Table, Walk};
use crate::audit::{AuditRequest, Invariant, Patience, Report, ShopBooks};
use crate::commerce::{Commerce, Context};

pub use columns::each_column;
pub use erasure::erasure;
pub use history::{buy_and_change_mind, trade};

/// A shop that trades, and hands that reach behind its back.
#[async_trait]
pub trait Tampered: Send + Sync {
    /// The shop.
    fn shop(&self) -> &Commerce;

    /// Its books.
    fn books(&self) -> &ShopBooks;

    /// Puts `value` into `column` of the one row that is `row`, whatever the checks of the schema say to it; with
    /// no column takes the row out. Answers whether the store let that happen.
    async fn tamper(&self, context: Context, row: &Row, change: Option<(&'static str, Cell)>) -> bool;
}

/// Lets no time pass: a settled shop is not waited for.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoWait;

#[async_trait]
impl Patience for NoWait {
    async fn wait(&self, _span: Duration) {}
}

/// Every promise of the [`Books`](crate::audit::Books) of a shop, each alteration in a shop that is healthy otherwise.
/// `make` opens a shop that has [traded](trade) and is settled.
pub async fn audit<T: Tampered>(make: impl AsyncFn() -> T) {
    let cases = promised(&make).await;
    judge(make, cases.iter().map(|case| vec![*case]).collect()).await;
}

/// The same with alterations of different tables done together: for a store whose shops are opened slowly. What one
/// rule finds is known from [`audit`] over another store; a store has to bring every row.
pub async fn audit_together<T: Tampered>(make: impl AsyncFn() -> T) {
    let mut left = promised(&make).await;
    let mut batches = Vec::new();
    while !left.is_empty() {
        let mut tables = BTreeSet::new();
        let (batch, rest) = left.into_iter().partition(|case| tables.insert((case.context, case.table.name)));
        batches.push(batch);
        left = rest;
    }
    judge(make, batches).await;
}

/// What is altered, once it is known that nothing is found where nothing is altered.
async fn promised<T: Tampered>(make: &impl AsyncFn() -> T) -> Vec<&'static Case> {
    a_healthy_shop_is_clean(&make().await).await;
    strangers_may_not(&make().await).await;
    let counted = if make().await.books().orders.counts_events() { cases::COUNTED } else { &[] };
    cases::CASES.into_iter().flatten().chain(counted).collect()
}

/// Alters a shop by each batch. One that is not found beside the others is tried alone.
async fn judge<T: Tampered>(make: impl AsyncFn() -> T, batches: Vec<Vec<&Case>>) {
    let mut missed = Vec::new();
    for batch in batches {
        for (case, found) in alter(&make().await, &batch).await {
            missed.extend(match found {
                Some(_) if batch.len() > 1 => alter(&make().await, &[case]).await.into_iter().find_map(|(_, found)| found),
                found => found,
            });
        }
    }
    assert!(missed.is_empty(), "not found:\n{}", missed.join("\n"));
}

/// Does all of these to a shop, and answers for each what the audit did not find.
async fn alter<'a>(tampered: &dyn Tampered, cases: &[&'a Case]) -> Vec<(&'a Case, Option<String>)> {
    let mut meant = Vec::new();
    for case in cases {
        let row = case.row(tampered.books()).await;
        let entity = case.entity(&row, tampered.books()).await;
        meant.push((*case, row, entity));
    }
    for (case, row, _) in &meant {
        let change = match case.change {
            Change::Set(column, value) => Some((column, value(row.cell(column)))),
            Change::Gone => None,
        };
        assert!(tampered.tamper(case.context, row, change).await, "{}: the store refuses it", case.what);
    }
    let violations = look(tampered.shop()).await.violations;
    let missed = |case: &Case, entity: &str| {
        let named = violations.iter().any(|it| it.invariant == case.expect && it.entity.starts_with(entity));
        (!named).then(|| format!("{}: {} of {entity} is not among {violations:?}", case.what, case.expect))
    };
    meant.into_iter().map(|(case, _, entity)| (case, missed(case, &entity))).collect()
}

async fn look(shop: &Commerce) -> Report {
    shop.audit(&Actor::System, AuditRequest::new(&NoWait)).await.expect("the books can be read")
}

async fn a_healthy_shop_is_clean(tampered: &dyn Tampered) {
    let report = look(tampered.shop()).await;
    assert_eq!(report.violations, [], "a healthy shop");
    assert_eq!(report.unsettled, 0, "a settled shop");
    assert!(report.rows > 100, "it looked at {} rows", report.rows);
}

async fn strangers_may_not(tampered: &dyn Tampered) {
    let refused = tampered.shop().audit(&Actor::Anonymous, AuditRequest::new(&NoWait)).await;
    assert_eq!(refused.map_err(|error| error.code()), Err("UNAUTHENTICATED"));
}

/// Every row of a table.
async fn rows(books: &ShopBooks, context: Context, table: &'static Table) -> Vec<Row> {
    let books = match context {
        Context::Users => &books.users,
        Context::Catalog => &books.catalog,
        Context::Orders => &books.orders,
        Context::Notifications => &books.notifications,
    };
    let key = table.columns.first().map_or("id", |(name, _)| *name);
    let walk = Walk { lead: table, key, name: key, within: None, beside: &[] };
    let stretch = books.stretch(&walk, None, 10_000).await.expect("the books can be read");
    stretch.pages.of(table).to_vec()
}

/// One thing altered, and what must be found.
pub(super) struct Case {
    /// What is done, in words.
    what: &'static str,
    context: Context,
    table: &'static Table,
    /// Which row: the first for which this holds.
    pick: fn(&Row) -> bool,
    change: Change,
    /// What must be reported.
    expect: Invariant,
    /// Of what.
    entity: Entity,
}

/// What is done to a row.
#[derive(Clone, Copy)]
pub(super) enum Change {
    /// A column gets another value, made from the one it has.
    Set(&'static str, fn(&Cell) -> Cell),
    /// The row is taken out.
    Gone,
}

/// How a violation names what it is about.
pub(super) enum Entity {
    /// By this column of the altered row.
    Column(&'static str),
    /// By the number of the order whose id is in this column.
    Order(&'static str),
    /// By the JSON text under this pointer in this column.
    Json(&'static str, &'static str),
    /// By this word.
    Word(&'static str),
}

impl Case {
    async fn row(&self, books: &ShopBooks) -> Row {
        let rows = rows(books, self.context, self.table).await;
        rows.into_iter().find(|row| (self.pick)(row)).unwrap_or_else(|| panic!("{}: there is no such row", self.what))
    }

    async fn entity(&self, row: &Row, books: &ShopBooks) -> String {
        match self.entity {
            Entity::Column(column) => row.cell(column).to_string(),
            Entity::Word(word) => word.to_owned(),
            Entity::Json(column, pointer) => {
                let value: serde_json::Value = row.json(column).unwrap_or_default();
                value.pointer(pointer).and_then(serde_json::Value::as_str).unwrap_or_default().to_owned()
            }
            Entity::Order(column) => {
                let orders = rows(books, Context::Orders, crate::audit::tables::ORDERS).await;
                let order = orders.iter().find(|order| order.cell("id") == row.cell(column));
                order.map(|order| order.cell("number").to_string()).unwrap_or_default()
            }
        }
    }
}
