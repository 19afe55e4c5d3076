//! Tables as an audit reads them: by ranges of keys, each range at one instant.

use async_trait::async_trait;
use commerce_core::audit::Books;
use commerce_core::audit::books::{Beside, Cell, Pages, Row, Stretch, Table, Walk};
use commerce_core::audit::tables::{LEDGER_SUMS, LIVE_HOLDS, REVIEW_SUMS, USES, WALLET_SUMS};
use commerce_core::error::StoreError;
use sqlx::{Row as _, TypeInfo, ValueRef};

use super::engine::{Context, Database, Row as DbRow};
use super::error::store_error;
use super::snapshot::Snapshot;
use crate::sql::question::Param;

const OPERATION: &str = "sqlite.audit";

#[async_trait]
impl<W: Context> Books for Database<W> {
    /// A position is one more than the highest, and there is one writer at a time.
    fn counts_events(&self) -> bool {
        true
    }

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
        let sql = select(self.table, self.key, condition);
        let rows = snapshot.ask(&sql, params).await?;
        rows.iter().map(|row| read_row(self.table, row)).collect()
    }
}

/// The rows of a table, or of what stands for one, under a condition. Sums are taken as floating
/// point numbers, exact to 2^53, because whole ones that overflow end the statement.
fn select(table: &Table, key: &str, condition: &str) -> String {
    match table.name {
        name if name == LEDGER_SUMS.name => format!(
            "SELECT sku, CAST(total(on_hand_change) AS INTEGER) AS on_hand,
                CAST(total(reserved_change) AS INTEGER) AS reserved, count(*) AS movements, max(moved_at) AS last_at
            FROM stock_ledger WHERE {condition} GROUP BY sku"
        ),
        name if name == LIVE_HOLDS.name => format!(
            "SELECT sku, CAST(total(quantity) AS INTEGER) AS quantity
            FROM reservations INDEXED BY reservations_expiry WHERE state = 'ACTIVE' AND {condition} GROUP BY sku"
        ),
        name if name == REVIEW_SUMS.name => format!(
            "SELECT product_id, count(*) AS reviews, count(*) FILTER (WHERE status = 'APPROVED') AS approved,
                CAST(total(rating) FILTER (WHERE status = 'APPROVED') AS INTEGER) AS stars
            FROM reviews WHERE {condition} GROUP BY product_id"
        ),
        name if name == WALLET_SUMS.name => format!(
            "SELECT user_id, CAST(total(amount_minor) AS INTEGER) AS balance_minor, count(*) AS entries
            FROM wallet_entries WHERE {condition} GROUP BY user_id"
        ),
        name if name == USES.name => format!(
            "SELECT coupon_id, coupon_version, CAST(total(live) AS INTEGER) AS live, max(live) AS most, min(first_at) AS first_at,
                max(last_at) AS last_at
            FROM (SELECT coupon_id, coupon_version, count(*) AS live, min(redeemed_at) AS first_at, max(redeemed_at) AS last_at
                FROM coupon_redemptions WHERE returned_at IS NULL AND {condition}
                GROUP BY coupon_id, coupon_version, user_id) AS by_user
            GROUP BY coupon_id, coupon_version"
        ),
        name => {
            let columns: Vec<&str> = table.columns.iter().map(|(column, _)| *column).collect();
            format!("SELECT {} FROM {name} WHERE {condition} ORDER BY {key}", columns.join(", "))
        }
    }
}

async fn keys(snapshot: &mut Snapshot<'_>, walk: &Walk, after: Option<&Cell>, limit: u32) -> Result<Vec<Cell>, StoreError> {
    let (table, key) = (walk.lead.name, walk.key);
    let lead = Part { table: walk.lead, key, beside: None, within: walk.within.as_ref() };
    let (condition, mut params) = range(&lead, after.cloned(), None);
    params.push(limit.into());
    let sql = format!("SELECT DISTINCT {key} FROM {table} WHERE {condition} ORDER BY {key} LIMIT ?");
    let rows = snapshot.ask(&sql, params).await?;
    rows.iter().map(|row| read_cell(row, 0)).collect()
}

/// The condition that a key is above `from` and not above `to`.
fn range(part: &Part<'_>, from: Option<Cell>, to: Option<Cell>) -> (String, Vec<Param>) {
    let key = part.key;
    // Partial indexes serve only those who say that there is a key.
    let (mut conditions, mut params) = within(part);
    conditions.push(format!("{key} IS NOT NULL"));
    for (comparison, bound) in [(">", from), ("<=", to)] {
        if let Some(bound) = bound {
            conditions.push(format!("{key} {comparison} ?"));
            params.push(param(bound));
        }
    }
    (conditions.join(" AND "), params)
}

/// The condition that a key is one of these.
fn among(part: &Part<'_>, keys: &[Cell]) -> (String, Vec<Param>) {
    let spelt: Vec<Cell> = keys.iter().map(|key| part.spell(key)).collect();
    let is_blob = spelt.iter().any(|key| matches!(key, Cell::Blob(_)));
    let as_json = |key: Cell| match key {
        Cell::Blob(bytes) => serde_json::Value::from(hex::encode(bytes)),
        Cell::Text(text) => serde_json::Value::from(text),
        Cell::Int(number) => serde_json::Value::from(number),
        Cell::Null => serde_json::Value::Null,
    };
    let list: Vec<serde_json::Value> = spelt.into_iter().map(as_json).collect();
    let value = if is_blob { "unhex(value)" } else { "value" };
    let (mut conditions, mut params) = within(part);
    conditions.push(format!("{} IN (SELECT {value} FROM json_each(?))", part.key));
    params.push(serde_json::Value::from(list).to_string().into());
    (conditions.join(" AND "), params)
}

fn within(part: &Part<'_>) -> (Vec<String>, Vec<Param>) {
    match part.within {
        Some((column, value)) => (vec![format!("{column} = ?")], vec![param(value.clone())]),
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

/// A cell, whatever it holds. A text that is no UTF-8 is bytes.
fn read_cell(row: &DbRow, index: usize) -> Result<Cell, StoreError> {
    let raw = row.try_get_raw(index).map_err(store_error(OPERATION))?;
    if raw.is_null() {
        return Ok(Cell::Null);
    }
    let kind = raw.type_info().name().to_owned();
    match kind.as_str() {
        "INTEGER" => row.try_get_unchecked(index).map(Cell::Int).map_err(store_error(OPERATION)),
        "TEXT" => match row.try_get_unchecked(index) {
            Ok(text) => Ok(Cell::Text(text)),
            Err(_) => row.try_get_unchecked(index).map(Cell::Blob).map_err(store_error(OPERATION)),
        },
        _ => row.try_get_unchecked(index).map(Cell::Blob).map_err(store_error(OPERATION)),
    }
}
