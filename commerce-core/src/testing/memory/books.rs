//! The databases in memory as tables, for an audit; and hands that alter what they should not.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::audit::books::{Cell, Pages, Row, Stretch, Table, Walk};
use crate::audit::tables::{
    LEDGER, LEDGER_SUMS, LIVE_HOLDS, REDEMPTIONS, RESERVATIONS, REVIEW_SUMS, REVIEWS, USES, WALLET_ENTRIES, WALLET_SUMS,
};

/// Rows of a context as its tables hold them.
pub(super) trait Sheets {
    /// Every row, in the order of its table's key.
    fn sheets(&self) -> Vec<Row>;
}

/// Every row of a database, by its table.
pub(super) struct Opened(BTreeMap<&'static str, Vec<Row>>);

impl Opened {
    /// Of these rows.
    pub(super) fn new(rows: Vec<Row>) -> Self {
        let mut tables: BTreeMap<&'static str, Vec<Row>> = BTreeMap::new();
        for row in rows {
            tables.entry(row.table().name).or_default().push(row);
        }
        Self(tables)
    }

    fn of(&self, table: &Table) -> &[Row] {
        self.0.get(table.name).map_or(&[], Vec::as_slice)
    }
}

/// What a hand did to the stored rows behind the back of the shop.
#[derive(Clone, Debug)]
pub(super) struct Tampering {
    /// To which row.
    pub(super) row: Row,
    /// Which column got which value; none when the row was taken out.
    pub(super) change: Option<(&'static str, Cell)>,
}

impl Tampering {
    /// The rows after it.
    pub(super) fn on(&self, rows: Vec<Row>) -> Vec<Row> {
        let meant = |row: &Row| *row == self.row;
        match &self.change {
            Some((column, value)) => {
                rows.into_iter().map(|row| if meant(&row) { row.with(column, value) } else { row }).collect()
            }
            None => rows.into_iter().filter(|row| !meant(row)).collect(),
        }
    }
}

/// See [`Books::stretch`](crate::audit::Books::stretch).
pub(super) fn stretch(rows: &Opened, walk: &Walk, after: Option<&Cell>, limit: u32) -> Stretch {
    let upto = keys(rows, walk, after, limit).into_iter().nth(usize::try_from(limit).unwrap_or(usize::MAX).saturating_sub(1));
    let within = |spell: &dyn Fn(&Cell) -> Cell| -> Wanted {
        let (after, upto) = (after.map(spell), upto.as_ref().map(spell));
        Box::new(move |key| after.as_ref().is_none_or(|after| key > after) && upto.as_ref().is_none_or(|upto| key <= upto))
    };
    Stretch { pages: pages(rows, walk, within), upto }
}

/// See [`Books::keys`](crate::audit::Books::keys).
pub(super) fn keys(rows: &Opened, walk: &Walk, after: Option<&Cell>, limit: u32) -> Vec<Cell> {
    let keys = led(rows, walk).map(|row| row.cell(walk.key)).filter(|key| after.is_none_or(|after| *key > after));
    let keys: BTreeSet<&Cell> = keys.collect();
    super::at_most(keys.into_iter().cloned(), limit)
}

/// The rows of the leading table that a walk is about.
fn led<'r>(rows: &'r Opened, walk: &'r Walk) -> impl Iterator<Item = &'r Row> {
    rows.of(walk.lead).iter().filter(|row| walk.within.as_ref().is_none_or(|(column, value)| row.cell(column) == value))
}

/// See [`Books::look_up`](crate::audit::Books::look_up).
pub(super) fn look_up(rows: &Opened, walk: &Walk, keys: &[Cell]) -> Pages {
    pages(rows, walk, |spell| {
        let wanted: BTreeSet<Cell> = keys.iter().map(spell).collect();
        Box::new(move |key| wanted.contains(key))
    })
}

/// Whether a row of this key is meant.
type Wanted = Box<dyn Fn(&Cell) -> bool>;

/// The rows that are meant; `wanted` is told how a table spells a key.
fn pages(rows: &Opened, walk: &Walk, wanted: impl Fn(&dyn Fn(&Cell) -> Cell) -> Wanted) -> Pages {
    let mut pages = Pages::default();
    let meant = wanted(&Cell::clone);
    pages.put(walk.lead, led(rows, walk).filter(|row| meant(row.cell(walk.key))).cloned().collect());
    for beside in walk.beside {
        let summed = match beside.table.name {
            name if name == LEDGER_SUMS.name => ledger_sums(rows),
            name if name == LIVE_HOLDS.name => live_holds(rows),
            name if name == REVIEW_SUMS.name => review_sums(rows),
            name if name == USES.name => uses(rows),
            name if name == WALLET_SUMS.name => wallet_sums(rows),
            _ => Vec::new(),
        };
        let table = if summed.is_empty() { rows.of(beside.table) } else { &summed };
        let meant = wanted(&|key| beside.spell(key));
        let belongs = |row: &&Row| *row.cell(beside.key) != Cell::Null && meant(row.cell(beside.key));
        pages.put(beside.table, table.iter().filter(belongs).cloned().collect());
    }
    pages
}

fn ledger_sums(rows: &Opened) -> Vec<Row> {
    let mut sums: BTreeMap<Cell, (i64, i64, i64, i64)> = BTreeMap::new();
    for row in rows.of(LEDGER) {
        let (on_hand, reserved, movements, last) = sums.entry(row.cell("sku").clone()).or_default();
        *on_hand = on_hand.saturating_add(row.int("on_hand_change").unwrap_or(0));
        *reserved = reserved.saturating_add(row.int("reserved_change").unwrap_or(0));
        *movements = movements.saturating_add(1);
        *last = row.int("moved_at").unwrap_or(0).max(*last);
    }
    let row = |(sku, (on_hand, reserved, movements, last)): (Cell, (i64, i64, i64, i64))| {
        Row::new(LEDGER_SUMS, vec![sku, on_hand.into(), reserved.into(), movements.into(), last.into()])
    };
    sums.into_iter().map(row).collect()
}

fn live_holds(rows: &Opened) -> Vec<Row> {
    let mut sums: BTreeMap<Cell, i64> = BTreeMap::new();
    for row in rows.of(RESERVATIONS).iter().filter(|row| row.text("state") == Some("ACTIVE")) {
        let sum = sums.entry(row.cell("sku").clone()).or_default();
        *sum = sum.saturating_add(row.int("quantity").unwrap_or(0));
    }
    sums.into_iter().map(|(sku, quantity)| Row::new(LIVE_HOLDS, vec![sku, quantity.into()])).collect()
}

fn review_sums(rows: &Opened) -> Vec<Row> {
    let mut sums: BTreeMap<Cell, (i64, i64, i64)> = BTreeMap::new();
    for row in rows.of(REVIEWS) {
        let (reviews, approved, stars) = sums.entry(row.cell("product_id").clone()).or_default();
        *reviews = reviews.saturating_add(1);
        if row.text("status") == Some("APPROVED") {
            *approved = approved.saturating_add(1);
            *stars = stars.saturating_add(row.int("rating").unwrap_or(0));
        }
    }
    let row = |(product, (reviews, approved, stars)): (Cell, (i64, i64, i64))| {
        Row::new(REVIEW_SUMS, vec![product, reviews.into(), approved.into(), stars.into()])
    };
    sums.into_iter().map(row).collect()
}

fn wallet_sums(rows: &Opened) -> Vec<Row> {
    let mut sums: BTreeMap<Cell, (i64, i64)> = BTreeMap::new();
    for row in rows.of(WALLET_ENTRIES) {
        let (balance, entries) = sums.entry(row.cell("user_id").clone()).or_default();
        *balance = balance.saturating_add(row.int("amount_minor").unwrap_or(0));
        *entries = entries.saturating_add(1);
    }
    let row = |(user, (balance, entries)): (Cell, (i64, i64))| Row::new(WALLET_SUMS, vec![user, balance.into(), entries.into()]);
    sums.into_iter().map(row).collect()
}

/// What is kept as JSON, spelt as it is kept.
pub(super) fn text(value: &impl Serialize) -> Cell {
    Cell::Text(serde_json::to_string(value).expect("domain values have text keys and finite numbers"))
}

/// A cell from whatever a column holds.
macro_rules! row {
    ($table:expr; $($value:expr),+ $(,)?) => {
        $crate::audit::books::Row::new($table, vec![$($crate::audit::books::Cell::from($value)),+])
    };
}
pub(super) use row;

fn uses(rows: &Opened) -> Vec<Row> {
    let mut by_user: BTreeMap<[Cell; 2], BTreeMap<Cell, i64>> = BTreeMap::new();
    let mut times: BTreeMap<[Cell; 2], BTreeSet<Cell>> = BTreeMap::new();
    for row in rows.of(REDEMPTIONS).iter().filter(|row| *row.cell("returned_at") == Cell::Null) {
        let name = ["coupon_id", "coupon_version"].map(|column| row.cell(column).clone());
        let uses = by_user.entry(name.clone()).or_default().entry(row.cell("user_id").clone()).or_default();
        *uses = uses.saturating_add(1);
        times.entry(name).or_default().insert(row.cell("redeemed_at").clone());
    }
    let row = |(name, uses): ([Cell; 2], BTreeMap<Cell, i64>)| {
        let at = |of: fn(&BTreeSet<Cell>) -> Option<&Cell>| times.get(&name).and_then(of).cloned().unwrap_or(Cell::Null);
        let (first, last) = (at(BTreeSet::first), at(BTreeSet::last));
        let live = uses.values().fold(0_i64, |sum, uses| sum.saturating_add(*uses));
        let most = uses.values().copied().max().unwrap_or(0);
        let [coupon, version] = name;
        Row::new(USES, vec![coupon, version, live.into(), most.into(), first, last])
    };
    by_user.into_iter().map(row).collect()
}
