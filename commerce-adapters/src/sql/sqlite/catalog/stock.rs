//! Reads stock: items for carts and orders, inventory, the ledger, holds.

use std::collections::BTreeMap;

use async_trait::async_trait;
use commerce_core::catalog::{CatalogWrite, Hold, HoldKey, HoldLine, Inventory, Item, Movement, StockReads, item_name};
use commerce_core::error::StoreError;
use commerce_core::ids::{Id, MovementId};
use commerce_core::page::{Page, PageRequest};
use commerce_core::text::Sku;
use commerce_core::{Currency, Money, Timestamp};
use serde::Deserialize;
use sqlx::sqlite::SqliteRow;

use super::load::read_inventory;
use crate::sql::bulk::list;
use crate::sql::fields::Fields;
use crate::sql::sqlite::engine::{Database, below};
use crate::sql::sqlite::readers::Question;

fn read_item(row: &SqliteRow, operation: &'static str) -> Result<Item, StoreError> {
    let fields = Fields::of(row, operation);
    let options: BTreeMap<String, String> = fields.json("options")?;
    let several = fields.int("variants")? > 1;
    Ok(Item {
        sku: fields.parse("sku")?,
        product: fields.id("product_id")?,
        name: item_name(&fields.text("name")?, several, &options),
        unit_price: fields.money("price_minor", "currency")?,
        available: fields.int("available")?,
        on_sale: fields.flag("on_sale")?,
        weight_grams: fields.opt_count("weight_grams")?,
    })
}

fn read_movement(row: &SqliteRow, operation: &'static str) -> Result<Movement, StoreError> {
    let fields = Fields::of(row, operation);
    Ok(Movement {
        id: fields.id::<MovementId>("id")?,
        sku: fields.parse("sku")?,
        kind: fields.parse("kind")?,
        on_hand: fields.int("on_hand_change")?,
        reserved: fields.int("reserved_change")?,
        reference: fields.opt_text("reference")?,
        reason: fields.text("reason")?,
        actor: fields.opt_id("actor_id")?,
        at: fields.at("moved_at")?,
    })
}

/// The columns of one generation of a hold, its lines as one JSON cell.
macro_rules! select_holds {
    ($tail:literal) => {
        concat!(
            "SELECT hold_key, generation, min(state) AS state, max(state) AS last_state, min(created_at) AS created_at,
                max(expires_at) AS expires_at,
                json_group_array(json_array(sku, quantity, unit_price_minor, currency)) AS lines
            FROM reservations ",
            $tail
        )
    };
}

#[derive(Deserialize)]
struct LineCells(Sku, u32, i64, Currency);

fn read_hold(row: &SqliteRow, operation: &'static str) -> Result<Hold, StoreError> {
    let fields = Fields::of(row, operation);
    if fields.text("state")? != fields.text("last_state")? {
        return Err(fields.corrupt("the lines of a hold are in different states"));
    }
    let mut lines: Vec<LineCells> = fields.json("lines")?;
    lines.sort_by(|one, other| one.0.cmp(&other.0));
    let line = |LineCells(sku, quantity, minor, currency)| HoldLine { sku, quantity, unit_price: Money::new(minor, currency) };
    Ok(Hold {
        key: HoldKey(fields.hash("hold_key")?),
        generation: fields.count("generation")?,
        lines: lines.into_iter().map(line).collect(),
        state: fields.parse("state")?,
        created_at: fields.at("created_at")?,
        expires_at: fields.at("expires_at")?,
    })
}

#[async_trait]
impl StockReads for Database<CatalogWrite> {
    async fn items(&self, skus: &[Sku]) -> Result<Vec<Item>, StoreError> {
        const OPERATION: &str = "catalog.items";
        const SQL: &str = "SELECT variant.sku, variant.product_id, product.name, variant.options, variant.price_minor,
                variant.currency, variant.weight_grams, stock.on_hand - stock.reserved AS available,
                product.status = 'ACTIVE' AS on_sale,
                (SELECT count(*) FROM product_variants AS sibling WHERE sibling.product_id = variant.product_id) AS variants
            FROM product_variants AS variant
            JOIN products AS product ON product.id = variant.product_id
            JOIN inventory AS stock ON stock.sku = variant.sku
            WHERE variant.sku IN (SELECT value FROM json_each(?))";
        let rows = self.rows(OPERATION, Question::frequent(SQL).bind(list(skus.iter().map(Sku::as_str)))).await?;
        rows.iter().map(|row| read_item(row, OPERATION)).collect()
    }

    async fn inventory(&self, skus: &[Sku]) -> Result<Vec<Inventory>, StoreError> {
        const OPERATION: &str = "catalog.inventory";
        const SQL: &str = "SELECT * FROM inventory WHERE sku IN (SELECT value FROM json_each(?))";
        let rows = self.rows(OPERATION, Question::frequent(SQL).bind(list(skus.iter().map(Sku::as_str)))).await?;
        rows.iter().map(|row| read_inventory(row, OPERATION)).collect()
    }

    async fn ledger(&self, sku: &Sku, page: &PageRequest) -> Result<Page<Movement>, StoreError> {
        const OPERATION: &str = "catalog.ledger";
        const SQL: &str = "SELECT * FROM stock_ledger WHERE sku = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3";
        let query = Question::of(SQL).bind(sku.as_str()).bind(below(page)).bind(page.limit() + 1);
        let rows = self.rows(OPERATION, query).await?;
        let movements = rows.iter().map(|row| read_movement(row, OPERATION)).collect::<Result<_, _>>()?;
        Ok(Page::cut(movements, page, |movement: &Movement| movement.id.uuid()))
    }

    async fn hold(&self, key: HoldKey) -> Result<Option<Hold>, StoreError> {
        const OPERATION: &str = "catalog.hold";
        const SQL: &str = select_holds!(
            "WHERE hold_key = ? AND generation = (SELECT max(generation) FROM reservations WHERE hold_key = ?)
            GROUP BY hold_key, generation"
        );
        let row = self.row(OPERATION, Question::frequent(SQL).bind(key.0.to_vec()).bind(key.0.to_vec())).await?;
        row.map(|row| read_hold(&row, OPERATION)).transpose()
    }

    async fn expired_holds(&self, now: Timestamp, limit: u32) -> Result<Vec<Hold>, StoreError> {
        const OPERATION: &str = "catalog.expired_holds";
        const SQL: &str = select_holds!(
            "WHERE (hold_key, generation) IN (SELECT DISTINCT hold_key, generation FROM reservations
                WHERE state = 'ACTIVE' AND expires_at <= ?1 ORDER BY expires_at, hold_key LIMIT ?2)
            GROUP BY hold_key, generation ORDER BY expires_at, hold_key"
        );
        let rows = self.rows(OPERATION, Question::of(SQL).bind(now.as_micros()).bind(limit)).await?;
        rows.iter().map(|row| read_hold(row, OPERATION)).collect()
    }

    async fn low_stock_crossings(&self, limit: u32) -> Result<Vec<Inventory>, StoreError> {
        const OPERATION: &str = "catalog.low_stock_crossings";
        const SQL: &str = "SELECT * FROM inventory
            WHERE low_stock_alerted <> (on_hand - reserved <= low_stock_threshold) ORDER BY sku LIMIT ?1";
        let rows = self.rows(OPERATION, Question::of(SQL).bind(limit)).await?;
        rows.iter().map(|row| read_inventory(row, OPERATION)).collect()
    }
}
