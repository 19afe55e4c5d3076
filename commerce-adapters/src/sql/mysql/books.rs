//! Tables as an audit reads them: by ranges of keys, each range at one instant.

use async_trait::async_trait;
use commerce_core::audit::Books;
use commerce_core::audit::books::{Beside, Cell, Pages, Row, SEAL, Stretch, Table, Walk};
use commerce_core::audit::tables::{LEDGER_SUMS, LIVE_HOLDS, ORDERS, REVIEW_SUMS, USES, WALLET_SUMS};
use commerce_core::error::StoreError;
use sqlx::{MySql, Row as _, Type, ValueRef};

use super::engine::{Context, Database, Row as DbRow};
use super::error::store_error;
use super::snapshot::Snapshot;
use crate::sql::question::Param;

const OPERATION: &str = "mysql.audit";
/// An order's seal, if the order is found by its number, which lies in a table of its own.
const FOUND_BY_NUMBER: &str =
    "IF((SELECT known.number FROM order_numbers AS known WHERE known.order_id = orders.id) = orders.number,
    orders.seal, NULL) AS seal";

#[async_trait]
impl<W: Context> Books for Database<W> {
    async fn stretch(&self, walk: &Walk, after: Option<&Cell>, limit: u32) -> Result<Stretch, StoreError> {
        let mut snapshot = self.snapshots().begin(OPERATION).await?;
        let keys = keys(&mut snapshot, walk, after, limit).await?;
        let full = keys.len() >= usize::try_from(limit).unwrap_or(usize::MAX);
        let upto = keys.into_iter().next_back().filter(|_| full);
        let mut pages = Pages::default();
        for part in parts(walk) {
            let (from, to) = (after.map(|key| part.spell(key)), upto.as_ref().map(|key| part.spell(key)));
            let (condition, params) = range(&part, from, to);
            pages.put(part.table, part.read(&mut snapshot, &condition, params).await?);
        }
        snapshot.end().await?;
        Ok(Stretch { pages, upto })
    }

    async fn keys(&self, walk: &Walk, after: Option<&Cell>, limit: u32) -> Result<Vec<Cell>, StoreError> {
        let mut snapshot = self.snapshots().begin(OPERATION).await?;
        let keys = keys(&mut snapshot, walk, after, limit).await?;
        snapshot.end().await?;
        Ok(keys)
    }

    async fn look_up(&self, walk: &Walk, keys: &[Cell]) -> Result<Pages, StoreError> {
        let mut snapshot = self.snapshots().begin(OPERATION).await?;
        let mut pages = Pages::default();
        for part in parts(walk) {
            let (condition, params) = among(&part, keys);
            let rows = if keys.is_empty() { Vec::new() } else { part.read(&mut snapshot, &condition, params).await? };
            pages.put(part.table, rows);
        }
        snapshot.end().await?;
        Ok(pages)
    }
}

/// One table of a walk.
struct Part<'w> {
    table: &'static Table,
    key: &'static str,
    beside: Option<&'w Beside>,
    within: Option<&'w (&'static str, Cell)>,
}

fn parts(walk: &Walk) -> impl Iterator<Item = Part<'_>> {
    let lead = Part { table: walk.lead, key: walk.key, beside: None, within: walk.within.as_ref() };
    let beside = |beside: &'static Beside| Part { table: beside.table, key: beside.key, beside: Some(beside), within: None };
    std::iter::once(lead).chain(walk.beside.iter().map(beside))
}

impl Part<'_> {
    fn spell(&self, key: &Cell) -> Cell {
        self.beside.map_or_else(|| key.clone(), |beside| beside.spell(key))
    }

    async fn read(&self, snapshot: &mut Snapshot<'_>, condition: &str, params: Vec<Param>) -> Result<Vec<Row>, StoreError> {
        let rows = snapshot.ask(select(self.table, self.key, condition), params).await?;
        rows.iter().map(|row| read_row(self.table, row)).collect()
    }
}

/// The rows of a table, or of what stands for one, under a condition. The server adds up in decimals,
/// which do not overflow; as whole numbers they are cut to what fits.
fn select(table: &Table, key: &str, condition: &str) -> String {
    match table.name {
        name if name == LEDGER_SUMS.name => format!(
            "SELECT sku, CAST(SUM(on_hand_change) AS SIGNED) AS on_hand,
                CAST(SUM(reserved_change) AS SIGNED) AS reserved, COUNT(*) AS movements, MAX(moved_at) AS last_at
            FROM stock_ledger WHERE {condition} GROUP BY sku"
        ),
        name if name == LIVE_HOLDS.name => format!(
            "SELECT sku, CAST(SUM(quantity) AS SIGNED) AS quantity
            FROM reservations WHERE state = 'ACTIVE' AND active_until IS NOT NULL AND {condition} GROUP BY sku"
        ),
        name if name == REVIEW_SUMS.name => format!(
            "SELECT product_id, COUNT(*) AS reviews, CAST(SUM(status = 'APPROVED') AS SIGNED) AS approved,
                CAST(SUM(IF(status = 'APPROVED', rating, 0)) AS SIGNED) AS stars
            FROM reviews WHERE {condition} GROUP BY product_id"
        ),
        name if name == WALLET_SUMS.name => format!(
            "SELECT user_id, CAST(SUM(amount_minor) AS SIGNED) AS balance_minor, COUNT(*) AS entries
            FROM wallet_entries WHERE {condition} GROUP BY user_id"
        ),
        name if name == USES.name => format!(
            "SELECT coupon_id, coupon_version, CAST(SUM(live) AS SIGNED) AS live, max(live) AS most, min(first_at) AS first_at,
                max(last_at) AS last_at
            FROM (SELECT coupon_id, coupon_version, COUNT(*) AS live, min(redeemed_at) AS first_at, max(redeemed_at) AS last_at
                FROM coupon_redemptions WHERE returned_at IS NULL AND {condition}
                GROUP BY coupon_id, coupon_version, user_id) AS by_user
            GROUP BY coupon_id, coupon_version"
        ),
        name => {
            let cell = |column: &str| {
                if (name, column) == (ORDERS.name, SEAL) { FOUND_BY_NUMBER.to_owned() } else { format!("`{column}`") }
            };
            let columns: Vec<String> = table.columns.iter().map(|(column, _)| cell(column)).collect();
            // What stands under one key comes in the order of the table's own key: events as they were said.
            let own = table.columns.iter().take(2).map(|(column, _)| format!("`{column}`")).collect::<Vec<_>>().join(", ");
            format!("SELECT {} FROM {name} WHERE {condition} ORDER BY `{key}`, {own}", columns.join(", "))
        }
    }
}

async fn keys(snapshot: &mut Snapshot<'_>, walk: &Walk, after: Option<&Cell>, limit: u32) -> Result<Vec<Cell>, StoreError> {
    let (table, key) = (walk.lead.name, walk.key);
    let lead = Part { table: walk.lead, key, beside: None, within: walk.within.as_ref() };
    let (condition, mut params) = range(&lead, after.cloned(), None);
    params.push(limit.into());
    let sql = format!("SELECT DISTINCT `{key}` FROM {table} WHERE {condition} ORDER BY `{key}` LIMIT ?");
    let rows = snapshot.ask(sql, params).await?;
    rows.iter().map(|row| read_cell(row, 0)).collect()
}

/// The condition that a key is above `from` and not above `to`.
fn range(part: &Part<'_>, from: Option<Cell>, to: Option<Cell>) -> (String, Vec<Param>) {
    let key = part.key;
    let (mut conditions, mut params) = within(part);
    conditions.push(format!("`{key}` IS NOT NULL"));
    for (comparison, bound) in [(">", from), ("<=", to)] {
        if let Some(bound) = bound {
            conditions.push(format!("`{key}` {comparison} ?"));
            params.push(param(bound));
        }
    }
    (conditions.join(" AND "), params)
}

/// The condition that a key is one of these. So few are looked up at once that each can be a parameter
/// of its own; the statement is made for their number.
fn among(part: &Part<'_>, keys: &[Cell]) -> (String, Vec<Param>) {
    let (mut conditions, mut params) = within(part);
    let places = vec!["?"; keys.len()].join(", ");
    conditions.push(format!("`{}` IN ({places})", part.key));
    params.extend(keys.iter().map(|key| param(part.spell(key))));
    (conditions.join(" AND "), params)
}

fn within(part: &Part<'_>) -> (Vec<String>, Vec<Param>) {
    match part.within {
        Some((column, value)) => (vec![format!("`{column}` = ?")], vec![param(value.clone())]),
        None => (Vec::new(), Vec::new()),
    }
}

fn param(cell: Cell) -> Param {
    match cell {
        Cell::Null => Param::Null,
        Cell::Int(number) => Param::Int(number),
        Cell::Text(text) => Param::Text(text),
        Cell::Blob(bytes) => Param::Blob(bytes),
    }
}

/// A row of a table, whatever it holds.
pub(super) fn read_row(table: &'static Table, row: &DbRow) -> Result<Row, StoreError> {
    let cells: Vec<Cell> = (0..row.len()).map(|index| read_cell(row, index)).collect::<Result<_, _>>()?;
    Ok(Row::new(table, cells))
}

/// A cell, whatever it holds.
fn read_cell(row: &DbRow, index: usize) -> Result<Cell, StoreError> {
    let raw = row.try_get_raw(index).map_err(store_error(OPERATION))?;
    if raw.is_null() {
        return Ok(Cell::Null);
    }
    let kind = raw.type_info();
    let cell = if <i64 as Type<MySql>>::compatible(&kind) {
        row.try_get(index).map(Cell::Int)
    } else if <String as Type<MySql>>::compatible(&kind) {
        row.try_get(index).map(Cell::Text)
    } else {
        row.try_get(index).map(Cell::Blob)
    };
    cell.map_err(store_error(OPERATION))
}
